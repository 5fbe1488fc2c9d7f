#include "tests/unit/speaker/desired_world.h"

/* p0 takes m-1 as the rules 11, 12 …; its own is 1. */
static struct world *split_world(uint8_t count)
{
    struct world *w = world_new();
    w->splits[0] = (struct world_split){.id = "m-1", .first = 11, .count = count, .action = 1};
    return w;
}

/* The last octets of what the peer has, and of its action: "11/1 12/1 ". */
static void expect_routes(struct world *w, size_t peer, const char *want_routes)
{
    char found[256] = "";
    for (uint8_t rule = 0; rule < 255; rule++) {
        uint8_t nlri[4] = {3, 1, 8, rule};
        uint32_t id;
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, nlri, 4, &id), STATUS_OK);
        uint32_t attributes = rib_out_announced(&w->out[peer], id);
        size_t len = strlen(found);
        if (attributes != 0)
            snprintf(found + len, sizeof(found) - len, "%u/%u ", rule,
                     rib_attributes(w->rib, attributes).at[0][6]);
        rib_release_nlri(w->rib, id);
    }
    cr_assert_str_eq(found, want_routes);
}

static void withdraw(struct world *w, const char *id, uint8_t rule, uint64_t revision)
{
    struct mitigation *m = mitigation(w, id, rule, revision);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
}

Test(desired_parts, one_peer_gets_the_parts_and_the_other_the_whole)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_routes(w, 0, "11/1 12/1 13/1 ");
    expect_routes(w, 1, "1/0 ");
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    cr_assert_eq(desired_part_count(w->desired), 3);
    withdraw(w, "m-1", 1, 2);
    expect_routes(w, 0, "");
    expect_routes(w, 1, "");
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired_parts, it_is_sent_when_the_last_part_is_and_withdrawn_when_the_last_has_gone)
{
    struct world *w = split_world(2);
    struct update_path path = {.local_as = 1, .ibgp = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct rib_out_batch batch;
    cr_assert_eq(desired_apply(w->desired, mitigation(w, "m-1", 1, 1), w->now), STATUS_OK);
    rib_out_next(&w->out[0], &path, 0, bytes, sizeof(bytes), &batch);
    cr_assert_eq(batch.count, 2);
    desired_sent(w->desired, 0, batch.nlri[0]);
    /* Both went in one message; what is still in the buffer is asked of the adj-RIB-out. */
    expect_log(w, "m-1@p0:sent ");
    rib_out_batch_done(&w->out[0], &batch);
    w->splits[0].action = 2;
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->communities[0][6] = 5;
    cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    expect_log(w, "");
    m->state = MITIGATION_WITHDRAWING;
    m->revision = 3;
    cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    expect_log(w, "m-1@p1:withdrawn ");
    flush(w);
    expect_log(w, "m-1@p0:withdrawn ");
    expect_routes(w, 0, "");
    world_free(w);
}

Test(desired_parts, other_actions_replace_the_parts_in_place)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    w->splits[0].action = 2;
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->communities[0][6] = 5;
    cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    cr_assert_eq(w->out[0].wanted[BGP_FLOW4], 3);
    cr_assert_eq(routes(w, 0), 3, "nothing goes before the new is there");
    flush(w);
    expect_routes(w, 0, "11/2 12/2 13/2 ");
    expect_routes(w, 1, "1/5 ");
    pass(w, 1000, true);
    cr_assert_eq(desired_part_count(w->desired), 3, "those with the old actions are forgotten");
    withdraw(w, "m-1", 1, 3);
    expect_routes(w, 0, "");
    world_free(w);
}

Test(desired_parts, another_rule_under_the_same_id_takes_all_parts_away)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->splits[0].first = 13;
    w->splits[0].count = 2;
    apply(w, mitigation(w, "m-1", 2, 2), STATUS_OK);
    expect_routes(w, 0, "13/1 14/1 ");
    expect_routes(w, 1, "2/0 ");
    world_free(w);
}

/* A profile that was changed by a reload: from whole to parts, to other parts, to whole. */
Test(desired_parts, another_profile_leaves_nothing_of_the_old_form)
{
    static const struct {
        uint8_t first, count;
        const char *routes, *why;
    } steps[] = {{11, 0, "1/0 ", ""},
                 {11, 3, "11/1 12/1 13/1 ", "as 3 rules"},
                 {12, 1, "12/1 ", "as 1 rule"},
                 {12, 2, "12/1 13/1 ", "as 2 rules"},
                 {21, 3, "21/1 22/1 23/1 ", "as 3 rules"},
                 {11, 0, "1/0 ", ""}};
    struct world *w = split_world(0);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        w->log[0] = '\0';
        w->splits[0].first = steps[i].first;
        w->splits[0].count = steps[i].count;
        desired_rejudge(w->desired, 0);
        flush(w);
        expect_routes(w, 0, steps[i].routes);
        expect_routes(w, 1, "1/0 ");
        expect_log(w, i == 0 ? "" : "m-1@p0:sent ");
        cr_assert_str_eq(w->why, steps[i].why);
        pass(w, 1000, true);
        cr_assert_eq(desired_part_count(w->desired), steps[i].count);
        desired_rejudge(w->desired, 0);
        flush(w);
        expect_log(w, "");
    }
    world_free(w);
}

Test(desired_parts, a_profile_that_takes_it_no_more_takes_all_parts_away)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    snprintf(w->refuse, sizeof(w->refuse), "m-1");
    desired_rejudge(w->desired, 0);
    flush(w);
    expect_log(w, "m-1@p0:refused ");
    expect_routes(w, 0, "");
    w->refuse[0] = '\0';
    w->splits[0].count = 0;
    desired_rejudge(w->desired, 0);
    flush(w);
    expect_routes(w, 0, "1/0 ");
    world_free(w);
}

Test(desired_parts, a_withdrawal_is_told_only_when_the_old_form_has_gone_too)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    w->splits[0].count = 0;
    desired_rejudge(w->desired, 0); /* and nothing goes out */
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWING;
    cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    desired_tick(w->desired, w->now);
    cr_assert_null(strstr(w->log, "m-1@p0:withdrawn"));
    flush(w);
    cr_assert_not_null(strstr(w->log, "m-1@p0:withdrawn"));
    expect_routes(w, 0, "");
    world_free(w);
}

Test(desired_parts, all_parts_fit_into_the_budget_or_none_is_sent)
{
    struct world *w = split_world(3); /* a peer takes 3 routes */
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_routes(w, 0, "2/0 ");
    cr_assert_not_null(strstr(w->log, "m-1@p0:refused"));
    cr_assert_not_null(strstr(w->log, "m-1@p1:sent"));
    w->log[0] = '\0';
    for (int i = 0; i < 5; i++)
        pass(w, 1000, true);
    expect_log(w, "");
    apply(w, mitigation(w, "m-3", 3, 1), STATUS_OK);
    expect_routes(w, 0, "2/0 3/0 ");
    withdraw(w, "m-2", 2, 2);
    withdraw(w, "m-3", 3, 2);
    w->log[0] = '\0';
    pass(w, 1000, true);
    expect_routes(w, 0, "11/1 12/1 13/1 ");
    expect_log(w, "m-1@p0:sent ");
    apply(w, mitigation(w, "m-4", 4, 1), STATUS_OK);
    cr_assert_not_null(strstr(w->log, "m-4@p0:refused"), "parts count as routes");
    world_free(w);
}

Test(desired_parts, a_new_action_at_the_limit_takes_nothing_away)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    cr_assert_eq(rib_out_room(&w->out[0]), 0);
    w->splits[0].action = 2;
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->communities[0][6] = 5;
    apply(w, m, STATUS_OK);
    expect_routes(w, 0, "11/2 12/2 13/2 ");
    world_free(w);
}

Test(desired_parts, a_part_that_is_anothers_rule_stands_until_both_are_gone)
{
    struct world *w = split_world(2);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    w->now.redis_ms += 5;
    apply(w, mitigation(w, "m-2", 12, 1), STATUS_OK); /* later, and so it has its match */
    expect_routes(w, 0, "11/1 12/0 ");
    cr_assert_not_null(strstr(w->log, "m-2@p0:sent"));
    cr_assert_not_null(strstr(w->log, "m-1@p0:refused"));
    cr_assert_null(strstr(w->log, "m-1@p1"));
    withdraw(w, "m-2", 12, 2);
    expect_routes(w, 0, "11/1 12/1 ");
    cr_assert_not_null(strstr(w->log, "m-1@p0:sent"));
    w->now.redis_ms -= 10;
    apply(w, mitigation(w, "m-3", 11, 1), STATUS_OK); /* earlier: it waits */
    expect_routes(w, 0, "11/1 12/1 ");
    withdraw(w, "m-1", 1, 2);
    expect_routes(w, 0, "11/0 ");
    withdraw(w, "m-3", 11, 2);
    expect_routes(w, 0, "");
    world_free(w);
}

Test(desired_parts, of_two_split_rules_that_share_a_part_none_loses_its_own)
{
    struct world *w = split_world(2);
    w->splits[1] = (struct world_split){.id = "m-2", .first = 12, .count = 2, .action = 7};
    w->splits[0].count = 2;
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 12, 1), STATUS_OK);
    expect_routes(w, 0, "11/1 12/0 ");
    expect_routes(w, 1, "1/0 12/7 13/7 ");
    withdraw(w, "m-1", 1, 2);
    expect_routes(w, 0, "12/0 ");
    expect_routes(w, 1, "12/7 13/7 ");
    withdraw(w, "m-2", 12, 2);
    expect_routes(w, 0, "");
    expect_routes(w, 1, "");
    world_free(w);
}

Test(desired_parts, holds_and_sessions_take_all_parts_and_bring_them_back)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    snprintf(w->hold, sizeof(w->hold), "m-1");
    desired_holds_changed(w->desired);
    flush(w);
    expect_log(w, "m-1@p0:held m-1@p1:held ");
    expect_routes(w, 0, "");
    w->hold[0] = '\0';
    desired_holds_changed(w->desired);
    flush(w);
    expect_routes(w, 0, "11/1 12/1 13/1 ");
    w->log[0] = '\0';
    rib_out_down(&w->out[0]);
    w->down[0] = true;
    desired_peer_down(w->desired, 0, "hold timer expired");
    expect_log(w, "m-1@p0:peer-down ");
    w->down[0] = false;
    rib_out_up(&w->out[0], 3, 0);
    desired_rejudge(w->desired, 0);
    flush(w);
    expect_log(w, "m-1@p0:sent ");
    expect_routes(w, 0, "11/1 12/1 13/1 ");
    world_free(w);
}

Test(desired_parts, one_that_fits_no_message_takes_the_others_along)
{
    struct world *w = split_world(3);
    uint8_t nlri[4] = {3, 1, 8, 12};
    uint32_t id;
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, nlri, 4, &id), STATUS_OK);
    desired_unfit(w->desired, 0, id);
    rib_release_nlri(w->rib, id);
    flush(w);
    expect_log(w, "m-1@p0:refused ");
    expect_routes(w, 0, "");
    world_free(w);
}

Test(desired_parts, a_peer_of_another_name_gets_its_own_form)
{
    static const char *const none[DESIRED_PEERS_MAX] = {NULL, "p1"};
    static const char *const other[DESIRED_PEERS_MAX] = {"p9", "p1"};
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    rib_out_done(&w->out[0]);
    rib_out_init(&w->out[0], w->rib, 3, 0);
    rib_out_up(&w->out[0], 3, 0);
    desired_set_peers(w->desired, none);
    w->splits[0].count = 0;
    w->log[0] = '\0';
    desired_set_peers(w->desired, other);
    flush(w);
    expect_log(w, "m-1@p0:sent ");
    expect_routes(w, 0, "1/0 ");
    cr_assert_eq(desired_part_count(w->desired), 0);
    world_free(w);
}

Test(desired_parts, what_ends_by_time_takes_its_parts_along_and_is_forgotten)
{
    struct world *w = split_world(3);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->until_ms = w->now.redis_ms + 10000;
    apply(w, m, STATUS_OK);
    pass(w, 11000, true);
    expect_routes(w, 0, "");
    cr_assert_not_null(strstr(w->log, "m-1@p0:withdrawn"));
    pass(w, 3601 * 1000, true);
    cr_assert_eq(desired_count(w->desired), 0);
    cr_assert_eq(desired_part_count(w->desired), 0);
    world_free(w);
}

Test(desired_parts, a_removed_peer_gives_up_its_parts_while_the_rule_stands)
{
    static const char *const none[DESIRED_PEERS_MAX] = {NULL, "p1"};
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    cr_assert_eq(desired_part_count(w->desired), 3);
    rib_out_done(&w->out[0]);
    rib_out_init(&w->out[0], w->rib, 3, 0);
    desired_set_peers(w->desired, none);
    cr_assert_eq(desired_part_count(w->desired), 0);
    expect_routes(w, 1, "1/0 ");
    world_free(w);
}

Test(desired_parts, a_peer_that_is_not_meant_any_more_gives_up_its_parts)
{
    struct world *w = split_world(3);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->peer_count = 1;
    snprintf(m->peers[0], sizeof(m->peers[0]), "p1");
    apply(w, m, STATUS_OK);
    expect_routes(w, 0, "");
    expect_routes(w, 1, "1/0 ");
    pass(w, 1000, true);
    cr_assert_eq(desired_part_count(w->desired), 0);
    m = mitigation(w, "m-1", 1, 3);
    apply(w, m, STATUS_OK);
    expect_routes(w, 0, "11/1 12/1 13/1 ");
    world_free(w);
}
