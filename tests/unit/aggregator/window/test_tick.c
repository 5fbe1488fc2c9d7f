#include "tests/unit/aggregator/window/support.h"

/* Which keys have a row. */

enum { HOST = 0x0a000000 };

Test(tick, a_row_is_there_from_the_floor_on_and_absent_below)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim); /* floor: 400 kB/s */
    sender_add(s, HOST + 1, 401000);
    sender_add(s, HOST + 2, 399000);
    sender_add(s, HOST + 3, 5000000);
    send_batch(&sim, s, T0, 0);
    const struct rollup_tick *tick = tick_at(&sim, T0);
    cr_assert_eq(tick->row_count, 2);
    cr_assert_not_null(row_of_host(tick, HOST + 1));
    cr_assert_null(row_of_host(tick, HOST + 2));
    cr_assert(tick->rows[0].rates[0].bytes > tick->rows[1].rates[0].bytes, "worst first");
    cr_assert(!tick->truncated && !tick->blind);
    cr_assert_eq(tick->sequence, 1);
    cr_assert_eq(tick->epoch, 7);
    cr_assert_str_eq(tick->shard, "s0");
    cr_assert_eq(tick_at(&sim, T0 + 10)->sequence, 2);
    cr_assert_eq(tick_at(&sim, T0 + 5000)->row_count, 0);
    free(s);
    sim_end(&sim);
}

Test(tick, any_rate_over_its_floor_is_enough)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    struct store_count count = count_of(COUNT, 1e6, 1000, 0);
    count.limits[0].packets = 1000;
    count.floor.packets = 400;
    sim_start(&sim, &count, 1, 100);
    sender_add(s, HOST, 1000)->packets = 500;
    sender_add(s, HOST + 1, 1000)->packets = 300;
    send_batch(&sim, s, T0, 0);
    cr_assert_eq(tick_at(&sim, T0)->row_count, 1);
    free(s);
    sim_end(&sim);
}

Test(tick, keys_of_alarms_always_have_a_row)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    struct window_pin pins[] = {{COUNT, key_of(HOST)}, {COUNT, key_of(HOST + 1)}, {99, {0}}};
    window_pin(sim.window, pins, 3);
    const struct rollup_row *row = row_of_host(tick_at(&sim, T0), HOST);
    cr_assert_eq(sim.tick.row_count, 2);
    cr_assert_float_eq(row->rates[0].bytes, 0, 1e-9, "never seen: zero");
    sender_add(s, HOST, 1000);
    send_batch(&sim, s, T0, 0);
    cr_assert_float_eq(rate_at(&sim, T0, HOST), 1000, 1, "below the floor");
    window_pin(sim.window, pins + 1, 1);
    cr_assert_eq(tick_at(&sim, T0)->row_count, 1);
    window_pin(sim.window, NULL, 0);
    cr_assert_eq(tick_at(&sim, T0)->row_count, 0);
    free(s);
    sim_end(&sim);
}

Test(tick, a_pin_of_another_shard_is_passed_over)
{
    struct sim sim = {.quota = {.max = 100}};
    struct store_count count = count_of(COUNT, 1e6, 1000, 0);
    struct flow_key key = key_of(HOST);
    struct window_options options = {.shard = "s0",
                                     .aggregator = "a1",
                                     .slots = ~(UINT64_C(1) << key_slot(COUNT, &key)),
                                     .counts = &count,
                                     .count_count = 1,
                                     .quota = &sim.quota};
    cr_assert_eq(window_new(&sim.window, &options), STATUS_OK);
    struct window_pin pin = {COUNT, key};
    window_pin(sim.window, &pin, 1);
    cr_assert_eq(tick_at(&sim, T0)->row_count, 0);
    sim_end(&sim);
}

static void flood(struct sim *sim, struct sender *s, uint32_t hosts)
{
    for (uint32_t host = 0; host < hosts; host++) {
        sender_add(s, HOST + host, 1000000 + host);
        if (s->row_count == ROWS_MAX)
            send_batch(sim, s, T0, 0);
    }
    send_batch(sim, s, T0, 0);
}

Test(tick, more_than_ten_thousand_rows_are_cut_at_the_lightest)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    struct window_pin pin = {COUNT, key_of(1)};
    window_pin(sim.window, &pin, 1);
    flood(&sim, s, 12000);
    const struct rollup_tick *tick = tick_at(&sim, T0);
    cr_assert_eq(tick->row_count, WINDOW_ROWS_MAX);
    cr_assert(tick->truncated);
    cr_assert_not_null(row_of_host(tick, 1), "a pinned key is not cut");
    for (size_t i = 1; i < tick->row_count; i++)
        cr_assert(tick->rows[i].rates[0].bytes <= tick->rows[i - 1].rates[0].bytes);
    cr_assert_float_eq(tick->rows[0].rates[0].bytes, 1011999, 1);
    cr_assert_float_eq(tick->truncated_ratio, 1.002001, 1e-5);
    cr_assert_eq(window_parts(tick), 3);
    size_t rows = 0;
    for (uint32_t i = 0; i < 3; i++) {
        struct rollup_tick part, back;
        struct text bytes;
        text_init(&bytes, 0);
        window_part(tick, i, &part);
        cr_assert_eq(rollup_encode(&part, &bytes), STATUS_OK);
        cr_assert_eq(rollup_decode(&back, (const uint8_t *)bytes.at, bytes.len), STATUS_OK);
        cr_assert_eq(back.part, i);
        cr_assert_eq(back.parts, 3);
        cr_assert(back.truncated);
        rows += back.row_count;
        rollup_done(&back);
        text_done(&bytes);
    }
    cr_assert_eq(rows, WINDOW_ROWS_MAX);
    free(s);
    sim_end(&sim);
}

Test(tick, exactly_ten_thousand_rows_are_all_there)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    flood(&sim, s, WINDOW_ROWS_MAX);
    cr_assert_eq(tick_at(&sim, T0)->row_count, WINDOW_ROWS_MAX);
    cr_assert(!sim.tick.truncated);
    free(s);
    sim_end(&sim);
}

Test(tick, contributors_are_exporters_with_five_percent)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    s->exporter_count = 3;
    s->exporters[1].addr = addr_from_ipv4(2);
    s->exporters[2].addr = addr_from_ipv4(3);
    for (uint64_t t = 100; t <= 1000; t += 100) {
        sender_add(s, HOST, 300000);
        sender_add(s, HOST, 90000)->exporter = 1;
        sender_add(s, HOST, 10000)->exporter = 2;
        send_batch(&sim, s, T0 + t, 0);
    }
    const struct rollup_row *row = row_of_host(tick_at(&sim, T0 + 1000), HOST);
    cr_assert_eq(row->contributor_count, 2);
    cr_assert_eq(row->contributors[0].share_permille, 750);
    cr_assert_eq(row->contributors[1].share_permille, 225);
    struct ip_addr second = addr_from_ipv4(2);
    cr_assert(addr_equal(&sim.tick.exporters[row->contributors[1].exporter].addr, &second));
    free(s);
    sim_end(&sim);
}

struct tops {
    size_t calls, count;
    double first;
    char text[KEY_TEXT_MAX];
};

static void on_top(void *owner, uint64_t count_id, const struct top_item *items, size_t count)
{
    struct tops *tops = owner;
    cr_assert_eq(count_id, COUNT);
    tops->calls++;
    tops->count = count;
    tops->first = count > 0 ? items[0].bytes : 0;
    if (count > 0)
        key_format(&items[0].key, tops->text, sizeof(tops->text));
    for (size_t i = 1; i < count; i++)
        cr_assert(items[i].bytes <= items[i - 1].bytes);
}

Test(tick, a_sweep_finds_the_heaviest_and_forgets_what_is_over)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    struct tops tops = {0};
    sim_simple(&sim);
    for (uint32_t host = 0; host < 1000; host++)
        sender_add(s, HOST + host, 100 + host); /* far below the floor */
    send_batch(&sim, s, T0, 0);
    size_t turns = 1;
    while (window_sweep(sim.window, T0, 64, on_top, &tops))
        turns++;
    cr_assert_eq(turns, 16, "a bit at a time");
    cr_assert_eq(tops.calls, 1);
    cr_assert_eq(tops.count, TOP_MAX);
    cr_assert_float_eq(tops.first, 1099, 1);
    cr_assert_str_eq(tops.text, "dst_addr=10.0.3.231");
    cr_assert_eq(window_keys(sim.window), 1000);
    send_batch(&sim, s, T0 + 1500, 0);
    cr_assert(!window_sweep(sim.window, T0 + 1500, 2000, on_top, &tops));
    cr_assert_eq(window_keys(sim.window), 0);
    cr_assert_eq(tops.count, 0);
    free(s);
    sim_end(&sim);
}

Test(tick, at_the_maximum_of_keys_the_light_give_way_to_the_heavy)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    struct store_count count = count_of(COUNT, 1e6, 1000, 0);
    sim_start(&sim, &count, 1, 1000);
    struct window_pin pin = {COUNT, key_of(1)};
    window_pin(sim.window, &pin, 1);
    for (uint32_t host = 0; host < 2000; host++)
        sender_add(s, HOST + host, 1000);
    send_batch(&sim, s, T0, 0);
    cr_assert_eq(window_keys(sim.window), 1000);
    cr_assert_eq(window_stats(sim.window)->crowded_rows, 1001);
    cr_assert_eq(window_stats(sim.window)->other_bytes, 1001000);
    sender_add(s, HOST + 5000, 5000000);
    send_batch(&sim, s, T0, 0);
    cr_assert_eq(window_keys(sim.window), 1000);
    cr_assert_eq(window_stats(sim.window)->evicted_keys, 1);
    cr_assert_not_null(row_of_host(tick_at(&sim, T0), HOST + 5000), "a victim is not hidden");
    cr_assert_not_null(row_of_host(&sim.tick, 1), "nor is an alarm");
    free(s);
    sim_end(&sim);
}

Test(tick, counts_share_the_room)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    struct store_count counts[] = {count_of(COUNT2, 1e6, 1000, 0), count_of(COUNT, 1e6, 1000, 0)};
    sim_start(&sim, counts, 2, 500);
    for (uint32_t host = 0; host < 500; host++)
        sender_add(s, HOST + host, 1000);
    send_batch(&sim, s, T0, 0);
    for (uint32_t host = 0; host < 10; host++)
        sender_add(s, HOST + host, 5000000)->count = 1;
    send_batch(&sim, s, T0, 0);
    cr_assert_eq(tick_at(&sim, T0)->row_count, 10, "a new count finds room");
    cr_assert_eq(window_keys(sim.window), 500);
    free(s);
    sim_end(&sim);
}
