#include "speaker/bgp/rib_out.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* One peer of 100 routes at most, and helpers that make NLRI from small numbers. */
struct world {
    struct rib *rib;
    struct rib_out out;
    struct rib_out_batch batch;
    size_t count; /* of the batch, before it was given back */
    struct update_path path;
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint32_t nlri[200];
    uint32_t discard, limit; /* attributes */
};

static struct world *world_new(uint32_t updates_per_second)
{
    static const uint8_t a[1][8] = {{0x80, 6}}, b[1][8] = {{0x80, 6, 0, 0, 0x44}};
    struct world *w = calloc(1, sizeof(*w));
    w->rib = rib_new(1000);
    w->path = (struct update_path){.local_as = 64500, .ibgp = true, .as4 = true};
    rib_out_init(&w->out, w->rib, 100, updates_per_second);
    cr_assert_eq(
        rib_hold_attributes(w->rib, &(struct communities){.at = a, .count = 1}, &w->discard),
        STATUS_OK);
    cr_assert_eq(rib_hold_attributes(w->rib, &(struct communities){.at = b, .count = 1}, &w->limit),
                 STATUS_OK);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t value[] = {6, 1, 32, 198, 51, 100, (uint8_t)i};
        cr_assert_eq(
            rib_hold_nlri(w->rib, i % 2 == 0 ? BGP_FLOW4 : BGP_FLOW6, value, 7, &w->nlri[i]),
            STATUS_OK);
    }
    return w;
}

static void world_free(struct world *w)
{
    rib_out_done(&w->out);
    for (size_t i = 0; i < 200; i++)
        rib_release_nlri(w->rib, w->nlri[i]);
    cr_assert_eq(rib_nlri_count(w->rib), 0, "somebody still holds a route");
    rib_free(w->rib);
    free(w);
}

static enum rib_out_kind next_at(struct world *w, uint64_t now_us)
{
    rib_out_next(&w->out, &w->path, now_us, w->bytes, sizeof(w->bytes), &w->batch);
    struct bgp_message message;
    struct bgp_error error;
    if (w->batch.len > 0)
        cr_assert_eq(message_next(w->bytes, w->batch.len, &message, &error), STATUS_OK);
    w->count = w->batch.count;
    rib_out_batch_done(&w->out, &w->batch);
    return w->batch.kind;
}

static enum rib_out_kind next(struct world *w)
{
    return next_at(w, 0);
}

static void want(struct world *w, size_t i, uint32_t attributes)
{
    cr_assert_eq(rib_out_want(&w->out, w->nlri[i], attributes), STATUS_OK);
}

static const unsigned int both = 1U << BGP_FLOW4 | 1U << BGP_FLOW6;

Test(rib_out, nothing_goes_while_down)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, equal_attributes_share_a_message)
{
    struct world *w = world_new(0);
    for (size_t i = 0; i < 20; i += 2)
        want(w, i, i % 4 == 0 ? w->discard : w->limit);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 5);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 5);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    cr_assert_eq(w->out.announced[BGP_FLOW4], 10);
    world_free(w);
}

Test(rib_out, families_do_not_share_a_message)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    want(w, 1, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->batch.family, BGP_FLOW4);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->batch.family, BGP_FLOW6);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, withdrawals_go_first)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    want(w, 2, w->discard);
    want(w, 0, 0);
    cr_assert_eq(next(w), RIB_OUT_WITHDRAW);
    cr_assert_eq(w->batch.nlri[0], w->nlri[0]);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->batch.nlri[0], w->nlri[2]);
    world_free(w);
}

Test(rib_out, a_later_change_replaces_an_earlier_one)
{
    struct world *w = world_new(0);
    rib_out_up(&w->out, both, 0);
    want(w, 0, w->discard);
    want(w, 0, w->limit);
    want(w, 2, w->discard);
    want(w, 2, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(rib_out_announced(&w->out, w->nlri[0]), w->limit);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    want(w, 0, 0);
    want(w, 0, w->limit);
    cr_assert_eq(next(w), RIB_OUT_NONE, "withdrawn and wanted again before it went: no flap");
    want(w, 0, w->discard);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE, "replaced in place, without a withdrawal");
    cr_assert_eq(rib_out_announced(&w->out, w->nlri[0]), w->discard);
    world_free(w);
}

Test(rib_out, a_new_session_gets_everything_again)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    rib_out_down(&w->out);
    cr_assert_eq(rib_out_announced(&w->out, w->nlri[0]), 0);
    cr_assert_eq(w->out.announced[BGP_FLOW4], 0);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, what_was_given_up_while_down_needs_no_withdrawal)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    rib_out_down(&w->out);
    want(w, 0, 0);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, end_of_rib_waits_for_the_desired_state_and_for_the_routes)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    want(w, 2, w->discard);
    rib_out_complete(&w->out);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_END);
    cr_assert_eq(w->batch.family, BGP_FLOW4);
    cr_assert_eq(next(w), RIB_OUT_END);
    cr_assert_eq(w->batch.family, BGP_FLOW6);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    rib_out_up(&w->out, 1U << BGP_FLOW6, 0);
    cr_assert_eq(next(w), RIB_OUT_END, "each session has its own");
    cr_assert_eq(w->batch.family, BGP_FLOW6);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, each_family_has_its_routes_and_its_end_of_rib)
{
    static const uint8_t host[] = {32, 198, 51, 100, 45}, hop[] = {192, 0, 2, 1};
    struct world *w = world_new(0);
    uint32_t nlri, attributes;
    unsigned int ended = 0;
    struct communities c = {.next_hop = hop, .next_hop_len = 4};
    cr_assert_eq(rib_hold_nlri(w->rib, BGP_UNICAST4, host, sizeof(host), &nlri), STATUS_OK);
    cr_assert_eq(rib_hold_attributes(w->rib, &c, &attributes), STATUS_OK);
    rib_out_complete(&w->out);
    rib_out_up(&w->out, (1U << BGP_FAMILIES) - 1, 0);
    want(w, 0, w->discard);
    cr_assert_eq(rib_out_want(&w->out, nlri, attributes), STATUS_OK);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_expect_eq(w->out.announced[BGP_FLOW4], 1);
    cr_expect_eq(w->out.announced[BGP_UNICAST4], 1);
    cr_expect_eq(rib_out_announced_count(&w->out), 2);
    cr_expect_eq(rib_out_wanted_count(&w->out), 2);
    cr_expect_eq(rib_out_room(&w->out), 98);
    while (next(w) == RIB_OUT_END)
        ended |= 1U << w->batch.family;
    cr_expect_eq(ended, (1U << BGP_FAMILIES) - 1);
    cr_assert_eq(rib_out_want(&w->out, nlri, 0), STATUS_OK);
    cr_assert_eq(next(w), RIB_OUT_WITHDRAW);
    cr_expect_eq(w->batch.family, BGP_UNICAST4);
    cr_expect_eq(rib_out_announced_count(&w->out), 1);
    rib_release_attributes(w->rib, attributes);
    rib_release_nlri(w->rib, nlri);
    world_free(w);
}

Test(rib_out, a_family_that_the_peer_lacks_is_not_sent)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    want(w, 1, w->discard);
    rib_out_up(&w->out, 1U << BGP_FLOW6, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(w->batch.nlri[0], w->nlri[1]);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, the_budget_refuses_and_heals)
{
    struct world *w = world_new(0);
    for (size_t i = 0; i < 100; i++)
        want(w, i, w->discard);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[100], w->discard), STATUS_LIMIT);
    cr_assert_eq(rib_out_wanted(&w->out, w->nlri[100]), 0);
    want(w, 5, w->limit);
    want(w, 7, 0);
    want(w, 100, w->discard);
    world_free(w);
}

Test(rib_out, a_lower_limit_takes_what_is_over_it_and_leaves_the_rest_alone)
{
    struct world *w = world_new(0);
    for (size_t i = 0; i < 10; i += 2)
        want(w, i, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    rib_out_set_limits(&w->out, 5, 0);
    cr_assert_eq(rib_out_wanted_count(&w->out), 5, "they fit");
    rib_out_set_limits(&w->out, 3, 0);
    for (size_t i = 0; i < 6; i += 2)
        want(w, i, w->discard);
    for (size_t i = 6; i < 10; i += 2)
        cr_assert_eq(rib_out_want(&w->out, w->nlri[i], w->discard), STATUS_LIMIT);
    cr_assert_eq(next(w), RIB_OUT_WITHDRAW);
    cr_assert_eq(w->count, 2, "those that are wanted again stay");
    cr_assert_eq(next(w), RIB_OUT_NONE);
    cr_assert_eq(rib_out_announced_count(&w->out), 3);
    world_free(w);
}

Test(rib_out, announcements_keep_the_pace_and_withdrawals_do_not)
{
    struct world *w = world_new(10);
    uint64_t now_us = 5000000;
    for (uint32_t i = 0; i < 40; i++) {
        const uint8_t community[1][8] = {{0x80, 9, 0, 0, 0, 0, 0, (uint8_t)i}};
        struct communities communities = {.at = community, .count = 1};
        uint32_t attributes;
        cr_assert_eq(rib_hold_attributes(w->rib, &communities, &attributes), STATUS_OK);
        want(w, 2 * i, attributes);
        rib_release_attributes(w->rib, attributes);
    }
    rib_out_up(&w->out, both, now_us);
    size_t sent = 0;
    for (int ms = 0; ms < 2000; ms += 10) {
        enum rib_out_kind kind;
        while ((kind = next_at(w, now_us + (uint64_t)ms * 1000)) == RIB_OUT_ANNOUNCE)
            sent++;
        cr_assert_eq(kind, RIB_OUT_WAIT);
        cr_assert_gt(w->batch.at_us, now_us + (uint64_t)ms * 1000);
    }
    cr_assert_geq(sent, 19);
    cr_assert_leq(sent, 22);
    for (size_t i = 0; i < 5; i++)
        want(w, 2 * i, 0);
    cr_assert_eq(next_at(w, now_us + 1990000), RIB_OUT_WITHDRAW);
    cr_assert_eq(w->count, 5);
    world_free(w);
}

Test(rib_out, refresh_sends_a_family_again_and_loses_no_withdrawal)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    want(w, 2, w->discard);
    want(w, 1, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    rib_out_refresh(&w->out, BGP_FLOW4);
    want(w, 2, 0);
    cr_assert_eq(next(w), RIB_OUT_WITHDRAW);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(w->batch.nlri[0], w->nlri[0]);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}

Test(rib_out, many_refreshes_at_once_are_one)
{
    struct world *w = world_new(0);
    want(w, 0, w->discard);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    for (int i = 0; i < 1000; i++)
        rib_out_refresh(&w->out, BGP_FLOW4);
    cr_assert_eq(rib_out_pending(&w->out), 0, "nothing is walked over before the next message");
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    rib_out_refresh(&w->out, BGP_FLOW4);
    rib_out_down(&w->out);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(next(w), RIB_OUT_NONE, "what another session asked for is not this one's");
    world_free(w);
}

Test(rib_out, an_extended_message_holds_thousands_of_routes_and_the_longest_one)
{
    enum { ROUTES = 9000, ROUTE_LEN = 7 };
    static uint8_t bytes[BGP_EXTENDED_MAX];
    static struct rib_out_batch batch;
    static uint8_t longest[4095 + 2] = {0xff, 0xff};
    static const uint8_t a[1][8] = {{0x80, 6}};
    struct update_path path = {.local_as = 64500, .ibgp = true};
    struct rib *rib = rib_new(ROUTES + 1);
    struct rib_out out;
    uint32_t nlri, discard;
    rib_out_init(&out, rib, ROUTES + 1, 0);
    cr_assert_eq(rib_hold_attributes(rib, &(struct communities){.at = a, .count = 1}, &discard),
                 STATUS_OK);
    for (uint32_t i = 0; i <= ROUTES; i++) {
        uint8_t value[ROUTE_LEN] = {6, 1, 32, 10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        bool last = i == ROUTES;
        cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, last ? longest : value,
                                   last ? sizeof(longest) : sizeof(value), &nlri),
                     STATUS_OK);
        cr_assert_eq(rib_out_want(&out, nlri, discard), STATUS_OK);
    }
    rib_out_up(&out, both, 0);
    rib_out_next(&out, &path, 0, bytes, sizeof(bytes), &batch);
    cr_expect_eq(batch.kind, RIB_OUT_ANNOUNCE);
    cr_expect_eq(batch.count, ROUTES);
    rib_out_batch_done(&out, &batch);
    rib_out_next(&out, &path, 0, bytes, sizeof(bytes), &batch);
    cr_expect_eq(batch.kind, RIB_OUT_ANNOUNCE);
    cr_expect_eq(batch.count, 1);
    rib_out_batch_done(&out, &batch);
    for (nlri = 1; nlri < rib_nlri_bound(rib); nlri++)
        cr_assert_eq(rib_out_want(&out, nlri, 0), STATUS_OK);
    size_t withdrawn = 0;
    while (rib_out_next(&out, &path, 0, bytes, sizeof(bytes), &batch),
           batch.kind == RIB_OUT_WITHDRAW) {
        withdrawn += batch.count;
        rib_out_batch_done(&out, &batch);
    }
    cr_expect_eq(withdrawn, ROUTES + 1);
    rib_out_done(&out);
    rib_free(rib);
}

Test(rib_out, what_fits_no_message_is_handed_back_and_the_rest_goes)
{
    struct world *w = world_new(0);
    static uint8_t huge[4095] = {0xff, 0xfd};
    uint32_t id;
    cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, huge, sizeof(huge), &id), STATUS_OK);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(rib_out_want(&w->out, id, w->discard), STATUS_OK);
    want(w, 0, w->discard);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(w->batch.nlri[0], w->nlri[0]);
    cr_assert_eq(next(w), RIB_OUT_UNFIT);
    cr_assert_eq(w->batch.nlri[0], id);
    cr_assert_eq(rib_out_wanted(&w->out, id), 0);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    rib_release_nlri(w->rib, id);
    world_free(w);
}

Test(rib_out, a_thousand_random_changes_end_where_they_should)
{
    struct world *w = world_new(0);
    uint32_t at_peer[200] = {0};
    unsigned int seed = 7;
    rib_out_up(&w->out, both, 0);
    for (int turn = 0; turn < 3000; turn++) {
        size_t i = (size_t)rand_r(&seed) % 100;
        int choice = rand_r(&seed) % 3;
        want(w, i, choice == 0 ? 0 : choice == 1 ? w->discard : w->limit);
        bool last = turn == 2999;
        while ((last || rand_r(&seed) % 4 == 0) && next(w) != RIB_OUT_NONE) {
            for (size_t k = 0; k < w->count; k++)
                for (size_t n = 0; n < 100; n++)
                    if (w->nlri[n] == w->batch.nlri[k])
                        at_peer[n] = w->batch.kind == RIB_OUT_ANNOUNCE
                                         ? rib_out_announced(&w->out, w->nlri[n])
                                         : 0;
        }
    }
    for (size_t n = 0; n < 100; n++)
        cr_assert_eq(at_peer[n], rib_out_wanted(&w->out, w->nlri[n]));
    world_free(w);
}

/* What a peer must not have alone goes after its guard on the way up and before it on the way down,
 * whatever was wanted first. */
Test(rib_out, guarding_routes_come_first_and_go_last)
{
    struct world *w = world_new(0);
    rib_set_guarding(w->rib, w->limit);
    want(w, 0, w->discard);
    want(w, 2, w->limit);
    rib_out_up(&w->out, both, 0);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->batch.nlri[0], w->nlri[2]);
    cr_assert_eq(rib_out_announced(&w->out, w->nlri[0]), 0, "the guard goes alone");
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->batch.nlri[0], w->nlri[0]);

    want(w, 2, 0);
    want(w, 0, 0);
    cr_assert_eq(next(w), RIB_OUT_WITHDRAW);
    cr_assert_eq(w->count, 2, "one message takes both");
    cr_assert_eq(w->batch.nlri[0], w->nlri[0]);
    cr_assert_eq(w->batch.nlri[1], w->nlri[2]);
    cr_assert_eq(rib_out_pending(&w->out), 0);
    world_free(w);
}

/* A route that stops guarding while it waits goes with the others, once. */
Test(rib_out, a_route_changes_its_place_while_it_waits)
{
    struct world *w = world_new(0);
    rib_set_guarding(w->rib, w->limit);
    rib_out_up(&w->out, both, 0);
    want(w, 0, w->limit);
    want(w, 2, w->limit);
    want(w, 0, w->discard);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(w->batch.nlri[0], w->nlri[2]);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_assert_eq(w->count, 1);
    cr_assert_eq(rib_out_announced(&w->out, w->nlri[0]), w->discard);
    cr_assert_eq(next(w), RIB_OUT_NONE);
    cr_assert_eq(rib_out_pending(&w->out), 0);
    world_free(w);
}
