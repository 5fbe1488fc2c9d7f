#include "tests/unit/aggregator/window/support.h"

/* What a shard reads of deltas, in time. */

enum { HOST = 0xc6336407 };

/* How a collector may flush: with a tick of `interval`, a batch every `flush`, arriving `age` after
 * its end; a key may also be held back for some flushes. */
struct pattern {
    uint32_t interval_ms, flush_ms, age_ms, hold;
    uint32_t residual;
};

Test(window, a_steady_rate_is_read_within_a_percent_whatever_the_flush_pattern)
{
    static const struct pattern patterns[] = {
        {10, 10, 0, 1, 0},    {10, 100, 0, 1, 0},    {100, 100, 0, 1, 0},  {100, 100, 70, 1, 0},
        {10, 100, 900, 1, 0}, {10, 100, 3, 3, 1},    {10, 50, 0, 1, 0},    {1, 100, 10, 1, 0},
        {10, 90, 5, 1, 0},    {250, 250, 200, 1, 0}, {100, 1000, 0, 1, 0}, {10, 100, 50, 2, 1},
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const struct pattern *p = &patterns[i];
        struct sim sim;
        struct sender *s = sender_new("c1", 0, 1);
        sim_simple(&sim);
        s->interval_ms = p->interval_ms;
        uint32_t held = 0;
        for (uint64_t t = p->flush_ms; t < 6000; t += p->flush_ms) {
            uint64_t now = T0 + t + p->age_ms;
            s->residual_bytes = 1;
            if (++held == p->hold) {
                struct delta_row *row = sender_add(s, HOST, 2000ULL * p->flush_ms * p->hold);
                row->age_ticks = p->flush_ms * p->hold / p->interval_ms - 1;
                s->residual_bytes = p->residual;
                held = 0;
            }
            cr_assert_eq(send_batch(&sim, s, now, p->age_ms), WINDOW_MERGED);
            for (uint64_t later = 0; later < p->flush_ms && t > 2500; later += 10)
                cr_assert_float_eq(rate_at(&sim, now + later, HOST), 2e6, 2e4,
                                   "pattern %zu at %d+%d: %g", i, (int)t, (int)later,
                                   rate_at(&sim, now + later, HOST));
        }
        free(s);
        sim_end(&sim);
    }
}

Test(window, workers_that_flush_at_different_times_make_no_dip)
{
    struct sim sim;
    struct sender *a = sender_new("c1", 0, 2), *b = sender_new("c1", 1, 2),
                  *c = sender_new("c2", 0, 1);
    sim_simple(&sim);
    for (uint64_t t = 10; t < 5000; t += 10) {
        struct sender *s = t % 100 == 0 ? a : t % 100 == 40 ? b : t % 100 == 70 ? c : NULL;
        if (s != NULL) {
            struct delta_row *row = sender_add(s, HOST, 100000);
            row->age_ticks = 9;
            cr_assert_eq(send_batch(&sim, s, T0 + t, 0), WINDOW_MERGED);
        }
        if (t > 2000)
            cr_assert_float_eq(rate_at(&sim, T0 + t, HOST), 3e6, 3e4, "at %d: %g", (int)t,
                               rate_at(&sim, T0 + t, HOST));
    }
    free(a);
    free(b);
    free(c);
    sim_end(&sim);
}

Test(window, a_step_is_seen_as_soon_as_its_volume_is_there)
{
    static const uint32_t times_limit[] = {2, 3, 10};
    for (size_t i = 0; i < 3; i++) {
        struct sim sim;
        struct sender *s = sender_new("c1", 0, 2), *idle = sender_new("c1", 1, 2);
        sim_simple(&sim);
        uint64_t crossed = 0;
        for (uint64_t t = 10; t < 4000 && crossed == 0; t += 10) {
            if (t > 2000)
                sender_add(s, HOST, 10000ULL * times_limit[i]); /* urgent */
            else if (t % 100 == 0)
                sender_add(s, HOST + 1, 1000);
            if (s->row_count > 0)
                send_batch(&sim, s, T0 + t, 0);
            if (t % 1000 == 0)
                send_batch(&sim, idle, T0 + t, 0);
            if (rate_at(&sim, T0 + t, HOST) >= 1e6)
                crossed = t;
        }
        uint64_t want = 2000 + 1000 / times_limit[i];
        cr_assert(crossed >= want && crossed <= want + 20, "%u times: at %d", times_limit[i],
                  (int)crossed);
        free(s);
        free(idle);
        sim_end(&sim);
    }
}

Test(window, a_rate_that_fell_does_not_come_back_when_a_worker_begins_to_lag)
{
    for (uint64_t begins = 3700; begins < 4100; begins += 20) {
        struct sim sim;
        struct sender *s = sender_new("c1", 0, 2), *other = sender_new("c1", 1, 2);
        double least = INFINITY;
        sim_simple(&sim);
        for (uint64_t t = 10; t < 4600; t += 10) {
            bool urgent = t > begins && t % 100 == 50; /* some of it stays behind */
            if (t % 100 == 0 || urgent)
                sender_add(s, HOST,
                           t <= 3000 ? 400000
                           : urgent  ? 20000
                                     : 40000)
                    ->age_ticks = urgent ? 4 : 9;
            if (t == begins)
                sender_add(other, HOST + 1, 1000);
            s->residual_bytes = urgent ? 1000 : 0;
            if (s->row_count > 0)
                send_batch(&sim, s, T0 + t, 0);
            if (t == begins || (t < begins && t % 1000 == 0))
                send_batch(&sim, other, T0 + t, 0);
            double rate = rate_at(&sim, T0 + t, HOST);
            if (t > 3000) {
                cr_assert_leq(rate, least * 1.15 + 60000, "begins %d, at %d: %g after %g",
                              (int)begins, (int)t, rate, least);
                least = rate < least ? rate : least;
            }
        }
        free(s);
        free(other);
        sim_end(&sim);
    }
}

Test(window, an_end_is_seen_within_the_window_and_a_cell)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    uint64_t gone = 0;
    for (uint64_t t = 100; t < 6000 && gone == 0; t += 100) {
        if (t <= 3000)
            sender_add(s, HOST, 1000000)->age_ticks = 9;
        send_batch(&sim, s, T0 + t, 0);
        if (t > 3000 && row_of_host(tick_at(&sim, T0 + t), HOST) == NULL)
            gone = t;
    }
    cr_assert(gone > 3800 && gone <= 4200, "at %d", (int)gone);
    free(s);
    sim_end(&sim);
}

Test(window, a_record_of_a_minute_is_neither_spike_nor_hole)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    double volume = 0, last = 0;
    for (uint64_t t = 100; t < 130000; t += 100) {
        if (t == 1000 || t == 61000)
            sender_add(s, HOST, 120000000)->duration_ms = 60000; /* 2 MB/s for a minute */
        send_batch(&sim, s, T0 + t, 0);
        double rate = rate_at(&sim, T0 + t, HOST);
        if (t > 2100 && t < 120000)
            cr_assert_float_eq(rate, 2e6, 2e6 * 0.15, "at %d: %g", (int)t, rate);
        if (t > 123000)
            cr_assert_float_eq(rate, 0, 1);
        if (t % 1000 == 0)
            volume += rate;
        last = rate;
    }
    cr_assert_float_eq(last, 0, 1);
    cr_assert_float_eq(volume, 240e6, 240e6 * 0.02, "the volume is kept: %g", volume);
    free(s);
    sim_end(&sim);
}

Test(window, a_spread_flow_crosses_without_further_input)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 90000000)->duration_ms = 60000; /* 1.5 MB/s, from now on */
    send_batch(&sim, s, T0, 0);
    cr_assert_null(row_of_host(tick_at(&sim, T0), HOST));
    send_batch(&sim, s, T0 + 500, 0); /* nothing to say */
    cr_assert_float_eq(rate_at(&sim, T0 + 500, HOST), 0.75e6, 1e4);
    send_batch(&sim, s, T0 + 1000, 0);
    cr_assert_float_eq(rate_at(&sim, T0 + 1000, HOST), 1.5e6, 1e4);
    free(s);
    sim_end(&sim);
}

Test(window, late_batches_go_into_their_interval_and_too_late_ones_into_the_totals)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    for (uint64_t t = 100; t <= 2000; t += 100) {
        sender_add(s, HOST, 200000)->age_ticks = 9;
        send_batch(&sim, s, T0 + t, 0);
    }
    /* Redis stalled for 1.5 s, then everything comes at once. */
    cr_assert_float_eq(rate_at(&sim, T0 + 3400, HOST), 2e6, 2e4, "no hole");
    for (uint64_t t = 2100; t <= 3500; t += 100) {
        sender_add(s, HOST, 200000)->age_ticks = 9;
        send_batch(&sim, s, T0 + 3500, 3500 - t);
        cr_assert(rate_at(&sim, T0 + 3500, HOST) < 2.02e6, "no spike");
    }
    cr_assert_float_eq(rate_at(&sim, T0 + 3500, HOST), 2e6, 2e4);
    const struct window_stats *stats = window_stats(sim.window);
    cr_assert_eq(stats->late_rows, 0);
    uint64_t before = stats->bytes;
    sender_add(s, HOST, 77);
    cr_assert_eq(send_batch(&sim, s, T0 + 3500, 60000), WINDOW_MERGED);
    cr_assert_eq(stats->late_rows, 1);
    cr_assert_eq(stats->late_bytes, 77);
    cr_assert_eq(stats->bytes, before + 77);
    cr_assert_float_eq(rate_at(&sim, T0 + 3500, HOST), 2e6, 2e4);
    free(s);
    sim_end(&sim);
}

static struct delta_batch batch_of(struct sender *s, uint64_t sequence)
{
    return (struct delta_batch){.collector = "c1",
                                .shard = "s0",
                                .epoch = 1,
                                .workers = 1,
                                .sequence = sequence,
                                .interval_ms = 10,
                                .counts = {COUNT},
                                .count_count = 1,
                                .exporters = s->exporters,
                                .exporter_count = 1,
                                .rows = s->rows,
                                .row_count = 1};
}

/* A clock that was set back, and then a restart: minutes of traffic would stand in one instant. */
Test(window, batches_without_a_time_count_nothing_but_their_number)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    static struct delta_batch batch;
    struct rollup_tick tick;
    sim_simple(&sim);
    sender_add(s, HOST, 1000000);
    cr_assert(window_is_future(T0 + 60000, T0));
    cr_assert_not(window_is_future(T0 + 500, T0));
    for (uint64_t sequence = 1; sequence <= 50; sequence++) {
        batch = batch_of(s, sequence);
        cr_assert_eq(window_skip(sim.window, &batch, T0), WINDOW_DROPPED);
    }
    cr_assert_eq(window_stats(sim.window)->future_batches, 50);
    cr_assert_eq(window_merge(sim.window, &batch, T0, 0, T0), WINDOW_DROPPED);
    cr_assert_eq(window_stats(sim.window)->duplicate_batches, 1);
    cr_assert_float_eq(rate_at(&sim, T0, HOST), 0, 1);
    cr_assert_eq(window_tick(sim.window, T0, &tick), STATUS_OK);
    cr_assert(tick.blind, "what it has not seen is not peace");
    batch = batch_of(s, 51);
    cr_assert_eq(window_merge(sim.window, &batch, T0 + 100, 0, T0 + 100), WINDOW_MERGED);
    cr_assert_float_eq(rate_at(&sim, T0 + 100, HOST), 1e6, 1);
    free(s);
    sim_end(&sim);
}

Test(window, a_batch_of_the_future_is_taken_as_of_now)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    static struct delta_batch batch;
    sim_simple(&sim);
    sender_add(s, HOST, 1000000);
    batch = batch_of(s, 1);
    cr_assert_eq(window_merge(sim.window, &batch, T0 + 86400000, 0, T0), WINDOW_MERGED);
    cr_assert_eq(window_stats(sim.window)->future_batches, 1);
    cr_assert_float_eq(rate_at(&sim, T0, HOST), 1e6, 1);
    cr_assert_float_eq(rate_at(&sim, T0 + 5000, HOST), 0, 1);
    free(s);
    sim_end(&sim);
}

Test(window, a_rebuild_from_the_stream_equals_no_restart)
{
    struct sim one, other;
    struct store_count count = count_of(COUNT, 1e6, 1000, 10000);
    sim_start(&one, &count, 1, 1000);
    sim_start(&other, &count, 1, 1000);
    struct sender *a = sender_new("c1", 0, 1), *b = sender_new("c2", 0, 1);
    uint64_t seed = 9;
    /* `one` reads ticks all the time, `other` gets the same entries and reads one at the end. */
    for (uint64_t t = 50; t <= 20000; t += 50) {
        struct sender *s = t % 100 == 0 ? a : b;
        for (uint32_t host = 0; host < 20; host++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            struct delta_row *row = sender_add(s, HOST + host, (seed >> 40) % 1000000);
            row->age_ticks = (uint32_t)(seed >> 60);
            row->duration_ms = (seed >> 33) % 5 == 0 ? (uint32_t)(seed >> 45) % 30000 : 0;
        }
        s->exporters[0].addr = addr_from_ipv4(s == a ? 1 : 2);
        uint64_t sequence = ++s->sequence;
        cr_assert_eq(send_sequence(&one, s, T0 + t, 3, sequence), WINDOW_MERGED);
        cr_assert_eq(send_sequence(&other, s, T0 + t, 3, sequence), WINDOW_MERGED);
        s->row_count = 0;
        (void)tick_at(&one, T0 + t);
    }
    const struct rollup_tick *x = tick_at(&one, T0 + 20000), *y = tick_at(&other, T0 + 20000);
    cr_assert_eq(x->row_count, 20);
    cr_assert_eq(y->row_count, 20);
    cr_assert_eq(x->covers_until_ms, y->covers_until_ms);
    cr_assert(!x->blind && !y->blind);
    for (uint32_t host = 0; host < 20; host++) {
        const struct rollup_row *p = row_of_host(x, HOST + host), *q = row_of_host(y, HOST + host);
        for (size_t w = 0; w < 2; w++)
            cr_assert_float_eq(p->rates[w].bytes, q->rates[w].bytes, p->rates[w].bytes * 1e-3,
                               "%g %g", p->rates[w].bytes, q->rates[w].bytes);
        cr_assert_eq(p->contributor_count, q->contributor_count);
    }
    free(a);
    free(b);
    sim_end(&one);
    sim_end(&other);
}

Test(window, several_windows_of_a_count_are_read_from_one_stream)
{
    struct sim sim;
    struct store_count count = count_of(COUNT, 1e6, 1000, 10000);
    struct sender *s = sender_new("c1", 0, 1);
    sim_start(&sim, &count, 1, 1000);
    for (uint64_t t = 100; t <= 10000; t += 100) {
        if (t > 9000)
            sender_add(s, HOST, 800000)->age_ticks = 9;
        send_batch(&sim, s, T0 + t, 0);
    }
    const struct rollup_row *row = row_of_host(tick_at(&sim, T0 + 10000), HOST);
    cr_assert_not_null(row);
    cr_assert_float_eq(row->rates[0].bytes, 8e6, 8e4);
    cr_assert_float_eq(row->rates[1].bytes, 0.8e6, 8e3);
    cr_assert_float_eq(row->rates[0].packets, 8000, 80);
    cr_assert_float_eq(row->rates[0].flows, 10, 0.2);
    cr_assert_float_eq(row->rates[0].var_bytes, 8e6, 8e4, "the variance of a sum over 1 s");
    cr_assert_float_eq(row->rates[1].var_bytes, 8e6 / 100, 8e2, "and of a rate over 10 s");
    cr_assert_float_eq(row->rates[0].var_flows, 10 * 0.25, 0.05);
    cr_assert_float_eq(row->rates[1].var_flows, 10 * 0.25 / 100, 0.0005);
    cr_assert_eq(row->samples, 10);
    cr_assert_eq(sim.tick.counts[0].window_count, 2);
    cr_assert_eq(sim.tick.counts[0].windows_ms[1], 10000);
    cr_assert_float_eq(sim.tick.counts[0].floor_bytes, 0.4e6, 1);
    free(s);
    sim_end(&sim);
}

Test(window, sums_saturate)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    for (uint64_t t = 100; t <= 1000; t += 100) {
        struct delta_row *row = sender_add(s, HOST, UINT64_MAX);
        row->packets = row->flows = row->samples = UINT64_MAX;
        row->var_bytes = row->var_packets = row->var_flows = DBL_MAX;
        row->age_ticks = UINT32_MAX;
        row = sender_add(s, HOST, UINT64_MAX);
        row->duration_ms = UINT32_MAX;
        row->var_bytes = DBL_MAX;
        send_batch(&sim, s, T0 + t, 0);
    }
    cr_assert_eq(window_stats(sim.window)->bytes, UINT64_MAX);
    const struct rollup_row *row = row_of_host(tick_at(&sim, T0 + 1000), HOST);
    cr_assert_not_null(row);
    cr_assert(isfinite(row->rates[0].bytes) && isfinite(row->rates[0].var_bytes));
    cr_assert(isfinite(row->rates[0].var_flows) && row->rates[0].var_flows > 0);
    cr_assert(isfinite(row->rates[0].packets) && row->rates[0].packets > 0);
    struct text bytes;
    text_init(&bytes, 0);
    cr_assert_eq(rollup_encode(&sim.tick, &bytes), STATUS_OK, "it can be sent");
    text_done(&bytes);
    free(s);
    sim_end(&sim);
}

Test(window, rows_without_a_place_are_counted)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 100)->count = 1; /* COUNT2 is not configured here */
    sender_add(s, HOST, 200)->key = (struct flow_key){0};
    struct delta_row *row = sender_add(s, HOST, 300);
    struct ip_addr addr = addr_from_octets(ADDR_IPV6, (const uint8_t[16]){0x20, 1});
    row->key = (struct flow_key){0};
    key_add_addr(&row->key, DIM_DST_ADDR, &addr);
    key_add_number(&row->key, DIM_PROTOCOL, 17); /* longer than this count's keys */
    cr_assert_eq(send_batch(&sim, s, T0, 0), WINDOW_MERGED);
    const struct window_stats *stats = window_stats(sim.window);
    cr_assert_eq(stats->unknown_rows, 1);
    cr_assert_eq(stats->other_rows, 1);
    cr_assert_eq(stats->other_bytes, 200);
    cr_assert_eq(stats->refused_rows, 1);
    cr_assert_eq(stats->rows, 0);
    cr_assert_eq(stats->bytes, 600);
    cr_assert_eq(window_keys(sim.window), 0);
    free(s);
    sim_end(&sim);
}
