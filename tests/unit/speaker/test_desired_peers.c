#include "tests/unit/speaker/desired_world.h"

/* What becomes of mitigations when peers or their settings change. */

Test(desired_peers, a_lower_limit_withdraws_what_is_over_it)
{
    struct world *w = world_new();
    for (uint8_t i = 1; i <= 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "m-%u", i);
        apply(w, mitigation(w, id, i, 1), STATUS_OK);
    }
    cr_assert_eq(routes(w, 0), 3);
    w->log[0] = '\0';
    rib_out_set_limits(&w->out[0], 1, 0);
    desired_rejudge_all(w->desired);
    cr_expect_eq(rib_out_pending(&w->out[0]), 2, "two withdrawals, and nothing of what stays");
    flush(w);
    cr_expect_eq(routes(w, 0), 1);
    cr_expect_eq(routes(w, 1), 3);
    cr_expect_eq(desired_refused_count(w->desired, 0), 2, "%s", w->log);
    cr_expect_str_eq(w->why, "budget: the peer's max_routes is reached");
    cr_expect_null(strstr(w->log, "sent"), "%s", w->log);
    w->log[0] = '\0';
    rib_out_set_limits(&w->out[0], 3, 0);
    pass(w, 1000, true);
    cr_expect_eq(routes(w, 0), 3, "it heals");
    world_free(w);
}

Test(desired_peers, parts_go_all_or_none_under_a_lower_limit)
{
    struct world *w = world_new();
    w->splits[0] = (struct world_split){.id = "m-1", .first = 50, .count = 3};
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    cr_assert_eq(routes(w, 0), 3);
    rib_out_set_limits(&w->out[0], 2, 0);
    desired_rejudge_all(w->desired);
    flush(w);
    cr_expect_eq(routes(w, 0), 0);
    cr_expect_eq(desired_refused_count(w->desired, 0), 1);
    world_free(w);
}

/* A neighbour that comes up costs the others nothing. */
Test(desired_peers, only_those_that_have_another_name_are_judged)
{
    struct world *w = world_new();
    const char *now[DESIRED_PEERS_MAX] = {"p0", NULL};
    for (uint8_t i = 1; i <= 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "m-%u", i);
        apply(w, mitigation(w, id, i, 1), STATUS_OK);
    }
    w->judged = 0;
    desired_set_peers(w->desired, now);
    flush(w);
    cr_expect_eq(w->judged, 0, "%zu", w->judged);
    cr_expect_eq(routes(w, 0), 3);
    rib_out_done(&w->out[1]); /* which goes with the peer */
    rib_out_init(&w->out[1], w->rib, 3, 0);
    rib_out_up(&w->out[1], 3, 0);
    now[1] = "p2";
    desired_set_peers(w->desired, now);
    flush(w);
    cr_expect_eq(w->judged, 3, "%zu", w->judged);
    cr_expect_eq(routes(w, 1), 3);
    cr_expect_eq(rib_out_pending(&w->out[0]), 0);
    w->judged = 0;
    desired_set_peers(w->desired, now);
    cr_expect_eq(w->judged, 0);
    desired_rejudge_all(w->desired);
    cr_expect_eq(w->judged, 6);
    world_free(w);
}

/* 100,000 that are judged anew at once would keep every session waiting for a second. */
Test(desired_peers, judging_anew_goes_in_pieces_and_forgets_nobody)
{
    enum { COUNT = 8 };
    struct world *w = world_new();
    for (size_t p = 0; p < PEERS; p++)
        rib_out_set_limits(&w->out[p], COUNT + 1, 0);
    for (uint8_t i = 1; i <= COUNT; i++) {
        char id[8];
        snprintf(id, sizeof(id), "m-%u", i);
        apply(w, mitigation(w, id, i, 1), STATUS_OK);
    }
    snprintf(w->refuse, sizeof(w->refuse), "m-%d", COUNT);
    w->judged = 0;
    desired_rejudge_later(w->desired, 0);
    cr_assert(desired_is_rejudging(w->desired));
    cr_assert_eq(w->judged, 0);
    desired_rejudge_some(w->desired, 3);
    cr_expect_eq(w->judged, 3, "%zu", w->judged);
    desired_rejudge_later(w->desired, 1); /* its own walk follows */
    desired_rejudge_later(w->desired, 0); /* and what was judged already is, once more */
    apply(w, mitigation(w, "m-late", COUNT + 1, 1), STATUS_OK);
    cr_expect_eq(w->judged, 5, "each of both peers, at once: %zu", w->judged);
    size_t calls = 0;
    for (; desired_is_rejudging(w->desired); calls++) {
        size_t before = w->judged;
        desired_rejudge_some(w->desired, 3);
        cr_assert_leq(w->judged - before, 4, "of one mitigation at both peers");
    }
    flush(w);
    cr_expect_eq(w->judged, 5 + (COUNT + 1 - 3) + 2 * (COUNT + 1), "%zu", w->judged);
    cr_expect_leq(calls, 12, "%zu", calls);
    cr_expect_eq(desired_refused_count(w->desired, 0), 1);
    cr_expect_eq(desired_refused_count(w->desired, 1), 1);
    cr_expect_eq(routes(w, 0), COUNT);
    desired_rejudge_some(w->desired, 3);
    cr_expect_not(desired_is_rejudging(w->desired));
    world_free(w);
}
