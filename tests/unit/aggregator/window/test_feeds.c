#include "tests/unit/aggregator/window/support.h"

/* Exactly once, epochs, and who is blind. */

enum { HOST = 0xc6336407 };

Test(feeds, a_batch_that_comes_twice_counts_once)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 1000000);
    cr_assert_eq(send_sequence(&sim, s, T0, 0, 1), WINDOW_MERGED);
    cr_assert_eq(send_sequence(&sim, s, T0 + 1, 1, 1), WINDOW_DROPPED);
    cr_assert_eq(send_sequence(&sim, s, T0 + 2, 0, 2), WINDOW_MERGED);
    cr_assert_eq(send_sequence(&sim, s, T0 + 3, 0, 1), WINDOW_DROPPED);
    cr_assert_float_eq(rate_at(&sim, T0 + 3, HOST), 2e6, 1);
    cr_assert_eq(window_stats(sim.window)->duplicate_batches, 2);
    cr_assert_eq(window_stats(sim.window)->batches, 2);
    cr_assert_eq(window_stats(sim.window)->missing_batches, 0);
    free(s);
    sim_end(&sim);
}

Test(feeds, workers_and_collectors_have_sequences_of_their_own)
{
    struct sim sim;
    struct sender *s[3] = {sender_new("c1", 0, 2), sender_new("c1", 1, 2), sender_new("c2", 0, 1)};
    sim_simple(&sim);
    for (size_t i = 0; i < 3; i++) {
        sender_add(s[i], HOST, 1000000);
        cr_assert_eq(send_sequence(&sim, s[i], T0, 0, 1), WINDOW_MERGED);
    }
    cr_assert_float_eq(rate_at(&sim, T0, HOST), 3e6, 1);
    for (size_t i = 0; i < 3; i++)
        free(s[i]);
    sim_end(&sim);
}

Test(feeds, a_newer_epoch_replaces_and_an_older_one_is_refused)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 1000000);
    cr_assert_eq(send_sequence(&sim, s, T0, 0, 500), WINDOW_MERGED);
    s->epoch = 2;
    cr_assert_eq(send_sequence(&sim, s, T0 + 10, 0, 1), WINDOW_MERGED);
    s->epoch = 1;
    cr_assert_eq(send_sequence(&sim, s, T0 + 20, 0, 501), WINDOW_DROPPED, "what it still had");
    cr_assert_eq(window_stats(sim.window)->old_epoch_batches, 1);
    cr_assert_eq(send_sequence(&sim, s, T0 + 6000, 0, 502), WINDOW_TWIN, "it lives");
    cr_assert_eq(window_stats(sim.window)->twin_batches, 1);
    cr_assert_float_eq(rate_at(&sim, T0 + 20, HOST), 2e6, 1);
    free(s);
    sim_end(&sim);
}

Test(feeds, a_batch_of_another_shard_is_refused)
{
    struct sim sim;
    static struct delta_batch batch = {.collector = "c1", .shard = "s1", .sequence = 1};
    sim_simple(&sim);
    cr_assert_eq(window_merge(sim.window, &batch, T0, 0, T0), WINDOW_DROPPED);
    cr_assert_eq(window_stats(sim.window)->foreign_batches, 1);
    sim_end(&sim);
}

Test(feeds, silence_of_two_seconds_is_blind_and_names_the_worker)
{
    struct sim sim;
    struct sender *a = sender_new("c1", 0, 1), *b = sender_new("c2", 3, 4);
    sim_simple(&sim);
    send_batch(&sim, a, T0, 0);
    send_batch(&sim, b, T0, 0);
    cr_assert(!tick_at(&sim, T0 + 2000)->blind);
    send_batch(&sim, a, T0 + 2000, 0);
    const struct rollup_tick *tick = tick_at(&sim, T0 + 2500);
    cr_assert(tick->blind);
    cr_assert_eq(tick->blind_count, 4, "also the workers that never said anything");
    bool named = false;
    for (size_t i = 0; i < tick->blind_count; i++) {
        named = named || strcmp(tick->blinds[i].contributor, "c2/3") == 0;
        cr_assert_eq(tick->blinds[i].since_ms, 2500);
        cr_assert(strncmp(tick->blinds[i].contributor, "c1", 2) != 0);
    }
    cr_assert(named);
    free(a);
    free(b);
    sim_end(&sim);
}

Test(feeds, an_empty_batch_says_that_there_is_peace)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    for (uint64_t t = 0; t < 10000; t += 1000) {
        send_batch(&sim, s, T0 + t, 0);
        cr_assert(!tick_at(&sim, T0 + t + 999)->blind);
        cr_assert_eq(sim.tick.row_count, 0);
        cr_assert_eq(sim.tick.covers_until_ms, T0 + t + 999, "an idle worker is not waited for");
    }
    free(s);
    sim_end(&sim);
}

Test(feeds, a_gap_is_counted_and_blinds_for_the_longest_window)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    cr_assert_eq(send_sequence(&sim, s, T0, 0, 1), WINDOW_MERGED);
    cr_assert_eq(send_sequence(&sim, s, T0 + 100, 0, 4), WINDOW_MERGED);
    cr_assert_eq(window_stats(sim.window)->missing_batches, 2);
    cr_assert(tick_at(&sim, T0 + 200)->blind);
    cr_assert_str_eq(sim.tick.blinds[0].contributor, "c1/0");
    cr_assert_eq(send_sequence(&sim, s, T0 + 1050, 0, 5), WINDOW_MERGED);
    cr_assert(tick_at(&sim, T0 + 1080)->blind);
    cr_assert(!tick_at(&sim, T0 + 1091)->blind);
    free(s);
    sim_end(&sim);
}

Test(feeds, what_a_restart_cannot_rebuild_is_blind_until_it_is_over)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    /* The stream begins in the middle of things, and flows of 30 s are under way. */
    sender_add(s, HOST, 1000)->duration_ms = 30000;
    s->sequence = 800;
    send_batch(&sim, s, T0, 0);
    for (uint64_t t = 1000; t < 35000; t += 1000) {
        send_batch(&sim, s, T0 + t, 0);
        cr_assert_eq(tick_at(&sim, T0 + t)->blind, t < 30000, "at %d", (int)t);
    }
    free(s);
    sim_end(&sim);

    /* A collector that has just started has nothing that is missing. */
    s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 1000)->duration_ms = 30000;
    send_batch(&sim, s, T0, 0);
    cr_assert(!tick_at(&sim, T0)->blind);
    /* Entries that were trimmed before they were read are. */
    window_lost(sim.window, T0);
    cr_assert(tick_at(&sim, T0)->blind);
    cr_assert(!tick_at(&sim, T0 + 1000)->blind);
    free(s);
    sim_end(&sim);
}

Test(feeds, one_flow_of_an_hour_blinds_for_five_minutes_at_most)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    sender_add(s, HOST, 1000)->duration_ms = 3600000;
    s->sequence = 800;
    send_batch(&sim, s, T0, 0);
    send_batch(&sim, s, T0 + 299000, 0);
    cr_assert(tick_at(&sim, T0 + 299000)->blind);
    send_batch(&sim, s, T0 + 300000, 0);
    cr_assert(!tick_at(&sim, T0 + 300000)->blind);
    free(s);
    sim_end(&sim);
}

static void no_top(void *owner, uint64_t count_id, const struct top_item *items, size_t count)
{
    (void)owner;
    (void)count_id;
    (void)items;
    (void)count;
}

Test(feeds, one_that_left_for_good_is_forgotten_and_one_that_hangs_is_not)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    bool there = true;
    sim_simple(&sim);
    send_batch(&sim, s, T0, 0);
    uint64_t now = T0;
    for (; now < T0 + 600000; now += 1000) { /* hangs: registered, silent */
        window_registered(sim.window, "c1", there, now);
        (void)window_sweep(sim.window, now, 1000, no_top, NULL);
    }
    cr_assert(tick_at(&sim, now)->blind);
    there = false; /* died */
    uint64_t died = now;
    for (; now < died + 170000; now += 1000) {
        window_registered(sim.window, "c1", there, now);
        (void)window_sweep(sim.window, now, 1000, no_top, NULL);
        cr_assert(tick_at(&sim, now)->blind);
    }
    for (; now < died + 190000; now += 1000) {
        window_registered(sim.window, "c1", there, now);
        (void)window_sweep(sim.window, now, 1000, no_top, NULL);
    }
    cr_assert(!tick_at(&sim, now)->blind);
    free(s);
    sim_end(&sim);
}

Test(feeds, one_that_takes_itself_out_of_the_registry_has_left)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 2);
    sim_simple(&sim);
    send_batch(&sim, s, T0, 0);
    window_registered(sim.window, "c1", true, T0 + 900);
    window_registered(sim.window, "c1", false, T0 + 1900);
    cr_assert(!tick_at(&sim, T0 + 100000)->blind);
    /* Its last words come later than that, and are not counted twice. */
    sender_add(s, HOST, 1000000);
    cr_assert_eq(send_sequence(&sim, s, T0 + 2000, 0, 2), WINDOW_MERGED);
    window_registered(sim.window, "c1", false, T0 + 2900);
    cr_assert_eq(send_sequence(&sim, s, T0 + 3000, 0, 2), WINDOW_DROPPED);
    cr_assert(!tick_at(&sim, T0 + 100000)->blind);
    free(s);
    sim_end(&sim);
}

Test(feeds, exporters_age_by_the_time_that_the_tick_covers)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, 1);
    sim_simple(&sim);
    s->exporter_count = 2;
    s->exporters[1].addr = addr_from_ipv4(0xc0000202);
    s->exporters[1].heard_age_ms = 40;
    s->exporters[1].two_senders = true;
    sender_add(s, HOST, 1000000);
    send_batch(&sim, s, T0, 15);
    s->exporter_count = 1;
    sender_add(s, HOST, 1000000);
    send_batch(&sim, s, T0 + 1000, 15);
    const struct rollup_tick *tick = tick_at(&sim, T0 + 1000);
    cr_assert_eq(tick->covers_until_ms, T0 + 985);
    cr_assert_eq(tick->exporter_count, 2);
    cr_assert_eq(tick->exporters[0].heard_age_ms, 0);
    cr_assert_eq(tick->exporters[1].heard_age_ms, 1040);
    cr_assert(!tick->exporters[0].two_senders && tick->exporters[1].two_senders);
    sender_add(s, HOST, 1000000);
    send_batch(&sim, s, T0 + 2000, 15);
    cr_assert_not(tick_at(&sim, T0 + 2000)->exporters[1].two_senders, "nobody says so any more");
    (void)window_sweep(sim.window, T0 + 3602100, 1000, no_top, NULL);
    cr_assert_eq(tick_at(&sim, T0 + 3602100)->exporter_count, 0, "forgotten after an hour");
    free(s);
    sim_end(&sim);
}

Test(feeds, too_many_workers_are_refused)
{
    struct sim sim;
    struct sender *s = sender_new("c1", 0, UINT32_MAX);
    sim_simple(&sim);
    cr_assert_eq(send_batch(&sim, s, T0, 0), WINDOW_DROPPED);
    cr_assert_eq(window_stats(sim.window)->crowded_batches, 1);
    s->worker = UINT32_MAX;
    cr_assert_eq(send_batch(&sim, s, T0, 0), WINDOW_DROPPED);
    free(s);
    sim_end(&sim);
}
