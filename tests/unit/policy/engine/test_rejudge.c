#include "tests/unit/policy/engine/support.h"

/* What stands, when the configuration or what peers may have has changed. */

#define NET "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"
#define REST                                                                                       \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "platforms: [{name: edge, peers: [p1, p2], max_rules: 6, widest: [/24, /48]}]\n"

static struct bench *next;

static void reload(struct bench *b, const char *yaml)
{
    next = setup(yaml);
    engine_set_model(b->engine, next->model, b->now);
}

static void end(struct bench *b)
{
    engine_free(b->engine);
    b->engine = NULL;
    if (next != NULL)
        teardown(next);
    teardown(b);
}

Test(rejudge, what_the_guard_refuses_now_is_withdrawn_and_the_alarm_says_why)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    reload(b, "dry_run: false\n" NET "protected: [198.51.100.45/32]\n" REST POLICY(""));
    run(b, VICTIM, 200e6, 300);
    const struct seen *gone = find(b, "withdraw");
    cr_assert_not_null(gone);
    cr_assert(gone->has_job);
    cr_assert_not_null(strstr(gone->why, "guard"), "%s", gone->why);
    cr_assert_not_null(strstr(gone->why, "protected"), "%s", gone->why);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_eq(count_of(b, "announce"), 1);
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "protected"), "%s", b->alarm.not_mitigated);
    end(b);
}

Test(rejudge, a_persons_rule_is_judged_as_every_other)
{
    struct bench *b = setup(HEAD POLICY(""));
    const char *const args[] = {"method", "limit", "destination", VICTIM, NULL};
    cr_assert(ask(b, "mitigate", args)->ok);
    reload(b, "dry_run: false\n" NET "protected: [198.51.100.45/32]\n" REST POLICY(""));
    run(b, VICTIM, 0, 100);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    end(b);
}

Test(rejudge, a_persons_rule_becomes_dry_where_all_is_dry_run_now)
{
    struct bench *b = setup(HEAD POLICY(""));
    const char *const args[] = {"method", "limit", "destination", VICTIM, NULL};
    cr_assert(ask(b, "mitigate", args)->ok);
    reload(b, "dry_run: true\n" NET REST POLICY(""));
    run(b, VICTIM, 0, 100);
    cr_assert_eq(count_of(b, "withdraw"), 0);
    const struct seen *s = find(b, "replace (dry run)");
    cr_assert_not_null(s);
    cr_assert(s->has_job && s->dry_run);
    end(b);
}

Test(rejudge, what_a_restart_takes_up_is_judged_by_the_configuration_that_it_has)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    static struct mitigation mitigation;
    mitigation = b->mitigation;
    next = setup("dry_run: false\n" NET "protected: [198.51.100.45/32]\n" REST POLICY(""));
    cr_assert_eq(engine_restore_mitigation(next->engine, &mitigation, next->now), STATUS_OK);
    run(next, VICTIM, 0, 100);
    cr_assert_eq(count_of(next, "withdraw"), 1);
    end(b);
}

Test(rejudge, what_stays_allowed_stays_untouched)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    uint64_t revision = b->mitigation.revision;
    reload(b, HEAD POLICY(""));
    run(b, VICTIM, 200e6, 1000);
    cr_assert_eq(b->mitigation.revision, revision);
    end(b);
}

Test(rejudge, holds_that_leave_it_no_peer_withdraw_it_together)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct scope both[] = {{.kind = SCOPE_PEER, .value = "p1"},
                           {.kind = SCOPE_PEER, .value = "p2"}};
    run(b, VICTIM, 200e6, 300);
    engine_holds(b->engine, both, 1, b->now);
    cr_assert_eq(count_of(b, "withdraw"), 0, "p2 may have it");
    engine_holds(b->engine, both, 2, b->now);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_not_null(strstr(find(b, "withdraw")->why, "on hold"));
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "announce"), 1);
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "on hold"), "%s", b->alarm.not_mitigated);
    engine_holds(b->engine, both, 1, b->now);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 2);
    end(b);
}

Test(rejudge, what_every_peer_holds_back_is_not_active)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    answer(b, "p2", RESULT_SENT, JOB_ANNOUNCE);
    uint64_t active_ms = b->mitigation.active_ms;
    answer(b, "p1", RESULT_HELD, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    answer(b, "p2", RESULT_HELD, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ANNOUNCING);
    cr_assert_not_null(find(b, "held at every peer"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(b->mitigation.state, MITIGATION_ANNOUNCING, "it is kept for the resume");
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    cr_assert_eq(b->mitigation.active_ms, active_ms);
    end(b);
}

Test(rejudge, what_every_peer_refuses_later_on_has_failed_and_its_alarm_says_so)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    answer(b, "p1", RESULT_REFUSED, JOB_ANNOUNCE);
    cr_assert_not_null(find(b, "refused by every peer"));
    run(b, VICTIM, 200e6, 3000);
    cr_assert_eq(b->mitigation.state, MITIGATION_FAILED);
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "refused"), "%s", b->alarm.not_mitigated);
    end(b);
}

#define OTHER_NET                                                                                  \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"], more: [203.0.113.0/24]}\n"             \
    "protected: [198.51.100.10/32]\n"

/* Every count has another id where networks have changed. */
Test(rejudge, other_networks_carry_the_alarm_over_with_its_rule)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    struct mitigation before = b->mitigation;
    reload(b, "dry_run: false\n" OTHER_NET REST POLICY(""));
    struct model *old = b->model;
    cr_assert_neq(old->counts[0].id, next->model->counts[0].id);
    cr_assert_eq(count_of(b, "alarm carried over"), 1);
    run(b, VICTIM, 200e6, 1900); /* the aggregator has not read the file yet */
    cr_assert_eq(b->alarm.state, ALARM_ACTIVE, "a tick that does not count it says nothing of it");
    run(b, VICTIM, 200e6, 1000);
    cr_assert_eq(b->alarm.state, ALARM_FROZEN, "and that is not peace");
    b->model = next->model;
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(b->alarm.state, ALARM_ACTIVE);
    cr_assert_eq(b->alarm.count_id, next->model->counts[0].id);
    cr_assert_eq(count_of(b, "alarm"), 1, "no second alarm");
    cr_assert_eq(count_of(b, "alarm ended"), 0);
    cr_assert_eq(count_of(b, "announce"), 1, "no second rule");
    cr_assert_eq(count_of(b, "withdraw"), 0, "no gap");
    cr_assert_eq(b->mitigation.until_ms, 0);
    cr_assert_str_eq(b->mitigation.id, before.id);
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(count_of(b, "alarm ended"), 1);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    b->model = old;
    end(b);
}

Test(rejudge, a_key_that_is_not_ours_any_more_loses_its_rule_and_its_alarm_clears)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    reload(b, "dry_run: false\nnetworks: {ours: [203.0.113.0/24]}\n" REST POLICY(""));
    struct model *old = b->model;
    b->model = next->model;
    run(b, VICTIM, 0, 7000);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_not_null(strstr(find(b, "withdraw")->why, "not-ours"), "%s",
                       find(b, "withdraw")->why);
    cr_assert_eq(count_of(b, "alarm ended"), 1);
    b->model = old;
    end(b);
}
