#include "speaker/bgp/rib_out.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* When End-of-RIB goes: one family, ten messages a second, and a route for each message. */
enum { ROUTES = 200, PACE = 10, MESSAGE_US = 1000000 / PACE };

struct world {
    struct rib *rib;
    struct rib_out out;
    struct rib_out_batch batch;
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint32_t nlri[ROUTES], kinds[ROUTES];
    uint64_t now_us;
};

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    w->rib = rib_new(1000);
    w->now_us = 5000000;
    rib_out_init(&w->out, w->rib, ROUTES, PACE);
    for (uint32_t i = 0; i < ROUTES; i++) {
        const uint8_t nlri[] = {6, 1, 32, 198, 51, 100, (uint8_t)i};
        const uint8_t community[1][8] = {{0x80, 9, 0, 0, 0, 0, 0, (uint8_t)i}};
        struct communities communities = {.at = community, .count = 1};
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, nlri, 7, &w->nlri[i]), STATUS_OK);
        cr_assert_eq(rib_hold_attributes(w->rib, &communities, &w->kinds[i]), STATUS_OK);
    }
    return w;
}

static void world_free(struct world *w)
{
    rib_out_done(&w->out);
    for (uint32_t i = 0; i < ROUTES; i++)
        rib_release_nlri(w->rib, w->nlri[i]);
    cr_assert_eq(rib_nlri_count(w->rib), 0);
    rib_free(w->rib);
    free(w);
}

static void want(struct world *w, uint32_t i, uint32_t kind)
{
    cr_assert_eq(rib_out_want(&w->out, w->nlri[i], w->kinds[kind]), STATUS_OK);
}

static enum rib_out_kind next(struct world *w)
{
    static const struct update_path path = {.local_as = 64500, .ibgp = true, .as4 = true};
    rib_out_next(&w->out, &path, w->now_us, w->bytes, sizeof(w->bytes), &w->batch);
    rib_out_batch_done(&w->out, &w->batch);
    return w->batch.kind;
}

/* All that the pace lets go until then. True: End-of-RIB was among it. */
static bool drain(struct world *w)
{
    enum rib_out_kind kind;
    bool ended = false;
    while ((kind = next(w)) != RIB_OUT_NONE && kind != RIB_OUT_WAIT)
        ended = ended || kind == RIB_OUT_END;
    w->now_us += MESSAGE_US;
    return ended;
}

/* Each message's time brings a new route: there is never nothing to announce. */
Test(rib_out_end, routes_that_come_all_the_time_do_not_keep_it_back)
{
    struct world *w = world_new();
    for (uint32_t i = 0; i < 20; i++)
        want(w, i, i);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    rib_out_complete(&w->out);
    uint32_t turn = 0;
    for (bool ended = false; !ended && turn < 100; turn++) {
        ended = drain(w);
        want(w, 20 + turn, 20 + turn);
    }
    cr_expect_lt(turn, 100, "never");
    for (uint32_t i = 0; i < 20; i++)
        cr_expect_neq(rib_out_announced(&w->out, w->nlri[i]), 0, "%u goes before", i);
    cr_expect_gt(rib_out_pending(&w->out), 0, "others have still to go");
    world_free(w);
}

Test(rib_out_end, a_peer_that_asks_again_and_again_gets_it)
{
    struct world *w = world_new();
    for (uint32_t i = 0; i < 20; i++)
        want(w, i, i);
    rib_out_complete(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    bool ended = false;
    for (uint32_t turn = 0; !ended && turn < 100; turn++) {
        ended = drain(w);
        rib_out_refresh(&w->out, BGP_FLOW4);
    }
    cr_expect(ended);
    world_free(w);
}

/* What is given up, or is no rule for a message, is not waited for. */
Test(rib_out_end, what_is_not_wanted_any_more_is_not_waited_for)
{
    struct world *w = world_new();
    for (uint32_t i = 0; i < 20; i++)
        want(w, i, i);
    rib_out_complete(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    cr_expect_not(drain(w));
    for (uint32_t i = 0; i < 20; i++)
        cr_assert_eq(rib_out_want(&w->out, w->nlri[i], 0), STATUS_OK);
    want(w, 30, 30);
    cr_expect(drain(w));
    world_free(w);
}

Test(rib_out_end, what_a_lower_limit_leaves_goes_before)
{
    struct world *w = world_new();
    for (uint32_t i = 0; i < 20; i++)
        want(w, i, i);
    rib_out_complete(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    cr_expect_not(drain(w));
    rib_out_set_limits(&w->out, 19, PACE);
    for (uint32_t i = 0; i < 19; i++)
        want(w, i, i);
    for (uint32_t turn = 0; !drain(w); turn++)
        cr_assert_lt(turn, 100);
    for (uint32_t i = 0; i < 19; i++)
        cr_expect_neq(rib_out_announced(&w->out, w->nlri[i]), 0, "%u goes before", i);
    world_free(w);
}

/* What is wanted between the session's beginning and the first message is waited for. */
Test(rib_out_end, what_is_wanted_before_the_first_message_goes_before)
{
    struct world *w = world_new();
    rib_out_complete(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    want(w, 0, 0);
    cr_expect_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_expect_eq(next(w), RIB_OUT_END);
    cr_expect_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out_end, at_the_last_moment_it_waits_for_nothing)
{
    struct world *w = world_new();
    for (uint32_t i = 0; i < 20; i++)
        want(w, i, i);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    cr_expect_not(drain(w), "the state is not known");
    rib_out_end_now(&w->out);
    cr_expect(drain(w), "though the pace keeps routes back");
    cr_expect_gt(rib_out_pending(&w->out), 0);
    rib_out_down(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    cr_expect_not(drain(w), "the next session has its own");
    world_free(w);
}

/* Of one process before this one: what is wanted is said again, whatever it is, and the rest goes.
 */
Test(rib_out_adopt, what_the_peer_may_have_is_said_again_or_withdrawn)
{
    struct world *w = world_new();
    want(w, 0, 0);
    want(w, 1, 1);
    rib_out_up(&w->out, 1U << BGP_FLOW4, w->now_us);
    cr_assert_eq(rib_out_adopt(&w->out, w->nlri[0], w->kinds[0]), STATUS_OK);
    cr_assert_eq(rib_out_adopt(&w->out, w->nlri[1], w->kinds[9]), STATUS_OK);
    cr_assert_eq(rib_out_adopt(&w->out, w->nlri[2], w->kinds[9]), STATUS_OK);
    cr_expect_eq(rib_out_pending(&w->out), 3);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[1], 0), STATUS_OK); /* it ended meanwhile */
    for (int i = 0; i < 5; i++)
        (void)drain(w);
    cr_expect_eq(rib_out_announced_count(&w->out), 1);
    cr_expect_eq(rib_out_announced(&w->out, w->nlri[0]), w->kinds[0]);
    cr_expect_eq(rib_out_announced(&w->out, w->nlri[1]), 0);
    cr_expect_eq(rib_out_announced(&w->out, w->nlri[2]), 0);
    cr_expect_eq(rib_out_pending(&w->out), 0);
    world_free(w);
}
