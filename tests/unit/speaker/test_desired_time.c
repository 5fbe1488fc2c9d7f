#include "tests/unit/speaker/desired_world.h"

Test(desired_time, until_ends_it_whoever_is_alive)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->until_ms = w->now.redis_ms + 10000;
    apply(w, m, STATUS_OK);
    pass(w, 9999, false);
    cr_assert_eq(routes(w, 0), 1);
    w->log[0] = '\0';
    pass(w, 1, false);
    cr_assert_eq(routes(w, 0), 0);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    cr_assert_str_eq(w->ended, "m-1:2 ");
    world_free(w);
}

Test(desired_time, a_lease_runs_only_while_there_is_contact)
{
    struct world *w = world_new();
    pass(w, 60000, true);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    pass(w, 50000, true);
    pass(w, 3600000, false);
    cr_assert_eq(routes(w, 0), 1, "an hour without contact does not count");
    pass(w, 1000, true);
    cr_assert_eq(routes(w, 0), 1);
    pass(w, 25000, true);
    cr_assert_eq(routes(w, 0), 1, "policy has 30 s to renew after contact is back");
    pass(w, 6000, true);
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_str_eq(w->ended, "m-1:3 ");
    world_free(w);
}

Test(desired_time, a_renewal_keeps_it)
{
    struct world *w = world_new();
    pass(w, 60000, true);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    for (int i = 0; i < 10; i++) {
        pass(w, 40000, true);
        m = mitigation(w, "m-1", 1, 1);
        m->lease_ms = 60000;
        apply(w, m, STATUS_EXISTS);
        cr_assert_eq(routes(w, 0), 1);
    }
    pass(w, 61000, true);
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired_time, a_clock_that_steps_neither_ends_a_lease_nor_lengthens_it)
{
    static const int64_t steps_ms[] = {86400000, -86400000};
    for (size_t i = 0; i < sizeof(steps_ms) / sizeof(steps_ms[0]); i++) {
        struct world *w = world_new();
        pass(w, 60000, true);
        struct mitigation *m = mitigation(w, "m-1", 1, 1);
        m->lease_ms = 60000;
        apply(w, m, STATUS_OK);
        pass(w, 20000, true);
        w->now.redis_ms += (uint64_t)steps_ms[i]; /* the state server's clock */
        apply(w, m, STATUS_EXISTS);               /* as each reading of all of it does */
        m->revision = 2;                          /* and a change that renews nothing */
        apply(w, m, STATUS_OK);
        pass(w, 38000, true);
        cr_assert_eq(routes(w, 0), 1, "a step of %+ld ms ended it", (long)steps_ms[i]);
        apply(w, m, STATUS_EXISTS);
        pass(w, 3000, true);
        cr_assert_eq(routes(w, 0), 0, "a step of %+ld ms lengthened it", (long)steps_ms[i]);
        world_free(w);
    }
}

/* Policy renewed it before the step, and we read that after it. */
Test(desired_time, a_renewal_that_is_read_after_a_step_ends_nothing)
{
    struct world *w = world_new();
    pass(w, 60000, true);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    pass(w, 20000, true);
    m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    w->now.redis_ms += 86400000;
    apply(w, m, STATUS_EXISTS);
    pass(w, 39000, true);
    cr_assert_eq(routes(w, 0), 1, "what was left of the lease before it still is");
    pass(w, 2000, true);
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired_time, without_contact_everything_goes_at_orphan_max)
{
    struct world *w = world_new();
    pass(w, 10000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    pass(w, ORPHAN_MAX_MS, false);
    cr_assert_eq(routes(w, 0), 1);
    pass(w, 1000, false);
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_str_eq(w->ended, "m-1:4 ");
    w->log[0] = '\0';
    desired_contact(w->desired, w->now.now_ms);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_EXISTS);
    cr_assert_eq(routes(w, 0), 1, "the state server still wants it");
    world_free(w);
}

Test(desired_time, what_the_state_server_lost_stands_until_orphan_max)
{
    struct world *w = world_new();
    pass(w, 10000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    cr_assert(desired_missing(w->desired, "m-1"));
    cr_assert_not(desired_missing(w->desired, "m-1"), "no news");
    cr_assert_not(desired_missing(w->desired, "m-unknown"));
    cr_assert_eq(desired_missing_count(w->desired), 1);
    pass(w, ORPHAN_MAX_MS, true);
    cr_assert_eq(routes(w, 0), 2);
    pass(w, 1000, true);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_str_eq(w->ended, "m-1:4 ");
    cr_assert_eq(desired_missing_count(w->desired), 0, "it does not stand");
    world_free(w);
}

Test(desired_time, what_the_state_server_has_again_is_missing_no_more)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    (void)desired_missing(w->desired, "m-1");
    pass(w, 1000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_EXISTS);
    cr_assert_eq(desired_missing_count(w->desired), 0);
    cr_assert_eq(routes(w, 0), 1);
    world_free(w);
}

Test(desired_time, a_restart_does_not_lengthen_what_the_state_server_lost)
{
    struct world *w = world_new();
    pass(w, 3600 * 1000, true);
    int64_t lost_ms = w->now.now_ms;
    pass(w, 3600 * 1000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    apply(w, mitigation(w, "m-3", 3, 1), STATUS_OK);
    desired_set_contact(w->desired, w->now.now_ms - 60000);
    desired_set_loaded(w->desired);
    desired_set_missing(w->desired, "m-1", lost_ms);
    (void)desired_missing(w->desired, "m-2");
    pass(w, ORPHAN_MAX_MS - 3600 * 1000, true);
    cr_assert_eq(routes(w, 0), 3);
    pass(w, 1000, true);
    cr_assert_str_eq(w->ended, "m-1:4 ", "four hours after it was last seen");
    pass(w, 3600 * 1000 - 60000, true);
    cr_assert_str_eq(w->ended, "m-1:4 m-2:4 ",
                     "four hours after the last contact before the start");
    cr_assert_eq(routes(w, 0), 1);
    world_free(w);
}

Test(desired_time, what_has_ended_is_forgotten_after_an_hour)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    pass(w, 3599000, true);
    cr_assert_eq(desired_count(w->desired), 1);
    pass(w, 2000, true);
    cr_assert_eq(desired_count(w->desired), 0);
    cr_assert_str_eq(w->forgotten, "m-1 ");
    world_free(w);
}

/* Two ends while the walk is at rest, and one comes: each is looked at once, and the end of the
 * walk says what stands. */
Test(desired_time, in_pieces_all_of_it_is_looked_at)
{
    struct world *w = world_new();
    char id[16];
    for (uint8_t i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof(id), "m-%u", i);
        struct mitigation *m = mitigation(w, id, i, 1);
        m->until_ms = w->now.redis_ms + (i < 12 ? 1000 : 5000);
        cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    }
    w->now.redis_ms += 2000;
    w->now.now_ms += 2000;
    cr_assert_not(desired_tick_some(w->desired, w->now, 7));
    size_t stand = desired_standing_count(w->desired);
    cr_assert(stand > 8 && stand < 20, "%zu: as many as the piece are looked at", stand);
    cr_assert_eq(desired_counted(w->desired).standing, 0, "not all of them are counted yet");
    cr_assert_not(desired_tick_some(w->desired, w->now, 7));
    cr_assert(desired_tick_some(w->desired, w->now, 7));
    cr_assert_eq(desired_standing_count(w->desired), 8);
    cr_assert_eq(desired_counted(w->desired).standing, 8);
    cr_assert(desired_missing(w->desired, "m-19"));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(desired_tick_some(w->desired, w->now, 7), i == 2);
    cr_assert_eq(desired_counted(w->desired).missing, 1);
    world_free(w);
}
