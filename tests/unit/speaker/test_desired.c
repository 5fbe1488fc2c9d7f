#include "tests/unit/speaker/desired_world.h"

Test(desired, a_mitigation_is_announced_and_withdrawn)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    cr_assert_eq(routes(w, 0), 1);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    cr_assert_eq(routes(w, 0), 0);
    cr_assert(desired_find(w->desired, "m-1")->deployed);
    world_free(w);
}

Test(desired, older_words_are_ignored)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_OK);
    w->log[0] = '\0';
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_EXISTS);
    m = mitigation(w, "m-1", 1, 4);
    m->epoch = 4;
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_EXISTS);
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_EXISTS);
    expect_log(w, "");
    cr_assert_eq(routes(w, 0), 1);
    world_free(w);
}

Test(desired, a_later_leader_that_knows_fewer_revisions_is_obeyed)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 30), STATUS_OK);
    w->log[0] = '\0';
    struct mitigation *m = mitigation(w, "m-1", 1, 3);
    m->state = MITIGATION_WITHDRAWN;
    m->epoch++;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired, what_was_lost_and_is_known_again_is_answered_again)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    apply(w, mitigation(w, "m-1", 1, 2), STATUS_OK);
    expect_log(w, "");
    cr_assert(desired_missing(w->desired, "m-1"));
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    cr_assert_eq(desired_missing_count(w->desired), 0);
    world_free(w);
}

Test(desired, what_policy_has_ended_too_is_not_answered_again)
{
    struct world *w = world_new();
    w->deaf = true;
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    cr_assert_eq(desired_unsaid_count(w->desired), 2);
    desired_set_over(w->desired, "m-1");
    desired_set_over(w->desired, "m-2"); /* which stands, so it is not */
    cr_assert_eq(desired_unsaid_count(w->desired), 1);
    w->deaf = false;
    desired_report_unsaid(w->desired);
    expect_log(w, "m-2@p0:sent m-2@p1:sent ");
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    world_free(w);
}

Test(desired, a_check_gives_a_peer_back_what_it_must_have_and_else_changes_nothing)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    size_t judged = w->judged;
    desired_check(w->desired, "m-1");
    desired_check(w->desired, "m-none");
    expect_log(w, "");
    cr_assert_eq(w->judged, judged);
    cr_assert_eq(rib_out_pending(&w->out[0]), 0);
    uint32_t nlri = desired_find(w->desired, "m-1")->whole.nlri;
    cr_assert_eq(rib_out_want(&w->out[0], nlri, 0), STATUS_OK); /* nobody said so */
    flush(w);
    cr_assert_eq(routes(w, 0), 0);
    desired_check(w->desired, "m-1");
    flush(w);
    cr_assert_eq(routes(w, 0), 1);
    world_free(w);
}

Test(desired, what_found_no_room_is_said_when_there_is_and_only_as_it_stands_then)
{
    struct world *w = world_new();
    snprintf(w->refuse, sizeof(w->refuse), "m-3");
    w->deaf = true;
    for (uint64_t revision = 1; revision <= 2; revision++) {
        apply(w, mitigation(w, "m-1", 1, revision), STATUS_OK);
        apply(w, mitigation(w, "m-3", 3, revision), STATUS_OK);
    }
    struct mitigation *m = mitigation(w, "m-1", 1, 3);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    desired_report_unsaid(w->desired);
    cr_assert_eq(desired_unsaid_count(w->desired), 2, "there is no room yet");
    w->deaf = false;
    desired_report_unsaid(w->desired);
    cr_assert_eq(desired_unsaid_count(w->desired), 0);
    cr_assert(strstr(w->log, "m-1@p0:withdrawn m-1@p1:withdrawn ") != NULL, "%s", w->log);
    cr_assert(strstr(w->log, "m-3@p0:refused m-3@p1:refused ") != NULL, "%s", w->log);
    cr_assert(strstr(w->log, "sent") == NULL, "%s", w->log);
    w->log[0] = '\0';
    desired_report_unsaid(w->desired);
    expect_log(w, "");
    world_free(w);
}

Test(desired, an_old_announcement_does_not_bring_back_what_was_withdrawn)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_EXISTS);
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired, bookkeeping_of_policy_is_not_answered_and_a_new_announcement_is)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_ACTIVE;
    apply(w, m, STATUS_OK);
    m->revision = 3;
    m->until_ms = w->now.redis_ms + 1000;
    apply(w, m, STATUS_OK);
    expect_log(w, "");
    apply(w, mitigation(w, "m-1", 1, 4), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    world_free(w);
}

Test(desired, another_rule_under_the_same_id_replaces_the_route)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-1", 2, 2), STATUS_OK);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_nlri(w->rib, desired_find(w->desired, "m-1")->whole.nlri).bytes[3], 2);
    cr_assert_eq(rib_nlri_count(w->rib), 1);
    world_free(w);
}

Test(desired, only_the_named_peers_get_it)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->peer_count = 2;
    snprintf(m->peers[0], sizeof(m->peers[0]), "p1");
    snprintf(m->peers[1], sizeof(m->peers[1]), "elsewhere");
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p1:sent ");
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired, dry_runs_and_refusals_send_nothing_and_say_so)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->dry_run = true;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:dry-run m-1@p1:dry-run ");
    snprintf(w->refuse, sizeof(w->refuse), "m-2");
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    expect_log(w, "m-2@p0:refused m-2@p1:refused ");
    cr_assert_eq(routes(w, 0), 0);
    m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired, a_hold_takes_routes_away_and_resume_brings_them_back)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    w->log[0] = '\0';
    snprintf(w->hold, sizeof(w->hold), "m-1");
    desired_holds_changed(w->desired);
    flush(w);
    expect_log(w, "m-1@p0:held m-1@p1:held ");
    cr_assert_eq(routes(w, 0), 1);
    snprintf(w->hold, sizeof(w->hold), "all");
    desired_holds_changed(w->desired);
    apply(w, mitigation(w, "m-3", 3, 1), STATUS_OK);
    cr_assert_eq(routes(w, 0), 0);
    w->log[0] = '\0';
    w->hold[0] = '\0';
    desired_holds_changed(w->desired);
    flush(w);
    cr_assert_eq(routes(w, 0), 3);
    cr_assert_eq(routes(w, 1), 3);
    world_free(w);
}

Test(desired, of_two_with_one_match_the_later_has_it_until_it_goes)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    w->log[0] = '\0';
    w->now.redis_ms += 5;
    m = mitigation(w, "m-2", 1, 1);
    m->communities[0][6] = 9;
    apply(w, m, STATUS_OK);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_out_announced(&w->out[0], desired_find(w->desired, "m-2")->whole.nlri),
                 desired_find(w->desired, "m-2")->whole.attributes);
    cr_assert_not_null(strstr(w->log, "m-2@p0:sent"));
    cr_assert_not_null(strstr(w->log, "m-1@p0:refused"));
    w->log[0] = '\0';
    m->state = MITIGATION_WITHDRAWING;
    m->revision = 2;
    apply(w, m, STATUS_OK);
    cr_assert_not_null(strstr(w->log, "m-2@p0:withdrawn"));
    cr_assert_not_null(strstr(w->log, "m-1@p0:sent"));
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_out_announced(&w->out[0], desired_find(w->desired, "m-1")->whole.nlri),
                 desired_find(w->desired, "m-1")->whole.attributes);
    world_free(w);
}

Test(desired, a_peer_that_falls_is_told_and_gets_all_again)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    rib_out_down(&w->out[0]);
    w->down[0] = true;
    desired_peer_down(w->desired, 0, "hold timer expired");
    expect_log(w, "m-1@p0:peer-down ");
    struct mitigation *m = mitigation(w, "m-2", 2, 1);
    apply(w, m, STATUS_OK);
    expect_log(w, "m-2@p0:peer-down m-2@p1:sent ");
    m->state = MITIGATION_WITHDRAWING;
    m->revision = 2;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-2@p0:withdrawn m-2@p1:withdrawn ");
    w->down[0] = false;
    rib_out_up(&w->out[0], 3, 0);
    flush(w);
    expect_log(w, "m-1@p0:sent ");
    world_free(w);
}

Test(desired, the_budget_of_a_peer_refuses_and_heals)
{
    struct world *w = world_new();
    for (uint8_t i = 1; i <= 4; i++) {
        char id[8];
        snprintf(id, sizeof(id), "m-%u", i);
        apply(w, mitigation(w, id, i, 1), STATUS_OK);
    }
    cr_assert_not_null(strstr(w->log, "m-4@p0:refused"));
    cr_assert_eq(routes(w, 0), 3);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    w->log[0] = '\0';
    pass(w, 1000, true);
    cr_assert_not_null(strstr(w->log, "m-4@p0:sent"));
    cr_assert_eq(routes(w, 0), 3);
    world_free(w);
}

Test(desired, what_is_not_a_mitigation_is_not_taken)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 3;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 0;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "m-1", 1, 1);
    m->family = 5;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "", 1, 1);
    apply(w, m, STATUS_MALFORMED);
    cr_assert_eq(desired_count(w->desired), 0);
    m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 0;
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired, a_new_peer_gets_what_stands_and_a_removed_one_is_left_alone)
{
    static const char *const one[DESIRED_PEERS_MAX] = {"p0"};
    static const char *const two[DESIRED_PEERS_MAX] = {"p0", "p1"};
    struct world *w = world_new();
    desired_set_peers(w->desired, one);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_log(w, "m-1@p0:sent ");
    desired_set_peers(w->desired, two);
    flush(w);
    expect_log(w, "m-1@p1:sent ");
    world_free(w);
}

Test(desired, an_nlri_that_fits_no_message_is_refused)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    desired_unfit(w->desired, 0, desired_find(w->desired, "m-1")->whole.nlri);
    expect_log(w, "m-1@p0:refused ");
    world_free(w);
}

Test(desired, a_renewal_that_changes_no_word_is_not_judged_again)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    uint64_t ends_ms = desired_find(w->desired, "m-1")->lease_ends_ms;
    w->log[0] = '\0';
    w->judged = 0;
    pass(w, 20000, true);
    m->state = MITIGATION_ACTIVE;
    for (m->revision = 2; m->revision < 5; m->revision++) {
        m->renewed_ms = w->now.redis_ms;
        apply(w, m, STATUS_OK);
    }
    cr_assert_eq(w->judged, 0);
    expect_log(w, "");
    const struct standing *s = desired_find(w->desired, "m-1");
    cr_assert_eq(s->revision, 4);
    cr_assert_eq(s->state, MITIGATION_ACTIVE);
    cr_assert_gt(s->lease_ends_ms, ends_ms);
    cr_assert_eq(routes(w, 0), 1);
    pass(w, 50000, true);
    cr_assert(desired_stands(s), "the renewed lease counts");
    world_free(w);
}

Test(desired, a_revision_that_means_something_else_is_judged)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    for (int change = 0; change < 6; change++) {
        w->judged = 0;
        m->revision++;
        if (change == 0)
            m->created_ms++;
        else if (change == 1)
            snprintf(m->method, sizeof(m->method), "other");
        else if (change == 2)
            snprintf(m->alarm, sizeof(m->alarm), "a-2");
        else if (change == 3)
            snprintf(m->policy, sizeof(m->policy), "other");
        else if (change == 4)
            m->communities[0][6] = 5;
        else
            snprintf(m->peers[m->peer_count++], sizeof(m->peers[0]), "p1");
        apply(w, m, STATUS_OK);
        cr_assert_gt(w->judged, 0, "change %d", change);
    }
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_eq(routes(w, 1), 1);
    world_free(w);
}

Test(desired, it_counts_what_a_peer_does_not_get_now)
{
    struct world *w = world_new();
    struct mitigation *m;
    snprintf(w->refuse, sizeof(w->refuse), "m-1");
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    cr_expect_eq(desired_refused_count(w->desired, 0), 0);
    for (uint64_t revision = 1; revision < 4; revision++) {
        apply(w, mitigation(w, "m-1", (uint8_t)revision, revision), STATUS_OK);
        cr_expect_eq(desired_refused_count(w->desired, 0), 1, "said again, it is no second one");
    }
    cr_expect_eq(desired_refused_count(w->desired, 1), 1);
    desired_set_peers(w->desired, (const char *const[DESIRED_PEERS_MAX]){"p0"});
    cr_expect_eq(desired_refused_count(w->desired, 0), 1);
    cr_expect_eq(desired_refused_count(w->desired, 1), 0, "there is no such peer any more");
    m = mitigation(w, "m-1", 3, 4);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    cr_expect_eq(desired_refused_count(w->desired, 0), 0);
    world_free(w);
}

Test(desired, a_renewal_tries_again_what_was_refused_but_no_dry_run)
{
    struct world *w = world_new();
    snprintf(w->refuse, sizeof(w->refuse), "m-1");
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:refused m-1@p1:refused ");
    m->revision = 2;
    apply(w, m, STATUS_OK);
    expect_log(w, "");
    w->refuse[0] = '\0';
    m->revision = 3;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    m = mitigation(w, "m-2", 2, 1);
    m->dry_run = true;
    apply(w, m, STATUS_OK);
    w->judged = 0;
    m->revision = 2;
    apply(w, m, STATUS_OK);
    cr_assert_eq(w->judged, 0);
    world_free(w);
}

Test(desired, a_renewal_tries_again_what_the_budget_refused)
{
    struct world *w = world_new();
    rib_out_set_limits(&w->out[0], 0, 0);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    cr_assert_not_null(strstr(w->log, "m-1@p0:refused"));
    w->log[0] = '\0';
    rib_out_set_limits(&w->out[0], 3, 0);
    m->revision = 2;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:sent ");
    world_free(w);
}

Test(desired, a_rule_that_is_left_for_another_is_not_said_to_be_sent)
{
    struct world *w = world_new();
    for (size_t p = 0; p < PEERS; p++) {
        rib_out_down(&w->out[p]);
        w->down[p] = true;
    }
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_log(w, "m-1@p0:peer-down m-1@p1:peer-down ");
    apply(w, mitigation(w, "m-1", 2, 2), STATUS_OK);
    expect_log(w, "m-1@p0:peer-down m-1@p1:peer-down ");
    cr_assert_not(desired_find(w->desired, "m-1")->deployed);
    world_free(w);
}

Test(desired, after_a_revision_that_was_not_taken_whole_the_next_is_judged)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    uint32_t id[1000];
    size_t count = 0;
    for (; count < 1000; count++) {
        uint8_t nlri[5] = {4, 1, 16, (uint8_t)(count >> 8), (uint8_t)count};
        if (rib_hold_nlri(w->rib, BGP_FLOW4, nlri, 5, &id[count]) != STATUS_OK)
            break;
    }
    m = mitigation(w, "m-1", 2, 2);
    m->peer_count = 1;
    snprintf(m->peers[0], sizeof(m->peers[0]), "p1");
    apply(w, m, STATUS_LIMIT); /* its peers are known, its rule is not */
    while (count > 0)
        rib_release_nlri(w->rib, id[--count]);
    m = mitigation(w, "m-1", 1, 3);
    m->peer_count = 1;
    snprintf(m->peers[0], sizeof(m->peers[0]), "p1");
    apply(w, m, STATUS_OK);
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_eq(routes(w, 1), 1);
    world_free(w);
}
