#include "tests/unit/policy/engine/support.h"

/* What has a match that stands already: shared, replaced in place, or in the way. */

#define HOSTS                                                                                      \
    "policies:\n"                                                                                  \
    "  - {name: host, direction: incoming, where: {protocol: [udp]}, key: [dst_addr], window: "    \
    "1s, "                                                                                         \
    "thresholds: [{severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, "         \
    "mitigate: [{method: limit}]}]}\n"
#define LIMIT(action)                                                                              \
    "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, action: {" action       \
    "}, withdraw_after: 5s}]\n"

static struct bench *other; /* whose configuration the engine has got */

static void reload(struct bench *b, const char *yaml)
{
    struct bench *next = setup(yaml);
    engine_set_model(b->engine, next->model, b->now);
    if (other != NULL)
        teardown(other);
    other = next;
}

static void end(struct bench *b)
{
    engine_free(b->engine);
    b->engine = NULL;
    if (other != NULL)
        teardown(other);
    teardown(b);
}

Test(same, an_action_that_is_configured_anew_replaces_the_old_in_place)
{
    struct bench *b = setup(HEAD HOSTS LIMIT("rate_limit: 10Mbps"));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    struct mitigation before = b->mitigation;
    reload(b, HEAD HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "announce"), 1);
    cr_assert_eq(count_of(b, "withdraw"), 0, "no moment without a route");
    cr_assert_eq(count_of(b, "refused"), 0);
    const struct seen *s = find(b, "replace");
    cr_assert_not_null(s);
    cr_assert_str_eq(s->id, before.id);
    cr_assert_eq(s->revision, before.revision + 1);
    cr_assert(s->has_job && s->announces && s->verb == JOB_ANNOUNCE);
    cr_assert_not_null(strstr(s->rule, "then discard"), "%s", s->rule);
    cr_assert_not_null(strstr(s->why, "rate-limit"), "the audit says what it was: %s", s->why);
    cr_assert_eq(b->mitigation.state, MITIGATION_ANNOUNCING);
    cr_assert_eq(b->mitigation.created_ms, before.created_ms);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(count_of(b, "withdraw"), 1, "and it ends as every other");
    end(b);
}

Test(same, leaving_dry_run_announces_what_stood_dry_and_the_other_way_round)
{
    struct bench *b = setup("dry_run: true\n" PEERS HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_DRY_RUN, JOB_ANNOUNCE);
    reload(b, HEAD HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_not(b->mitigation.dry_run);
    reload(b, "dry_run: true\n" PEERS HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert(b->mitigation.dry_run);
    cr_assert_eq(count_of(b, "announce (dry run)"), 1);
    end(b);
}

Test(same, what_stood_dry_for_want_of_a_peer_is_announced_to_the_first)
{
    struct bench *b =
        setup("dry_run: true\nnetworks: {ours: [198.51.100.0/24]}\n" HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(b->mitigation.peer_count, 0);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    reload(b, HEAD HOSTS LIMIT("discard: true"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_not(b->mitigation.dry_run);
    cr_assert_eq(b->mitigation.peer_count, 2);
    end(b);
}

#define WIDER                                                                                      \
    "dry_run: false\n"                                                                             \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"                                     \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p3, address: 192.0.2.3, remote_as: 64500, profile: gobgp}\n"

Test(same, a_peer_that_a_platform_has_got_gets_the_rule)
{
    struct bench *b = setup(HEAD HOSTS LIMIT("rate_limit: {total: 100Mbps}"));
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(b->mitigation.peer_count, 2);
    reload(b, WIDER "platforms: [{name: edge, peers: [p1, p2, p3], max_rules: 6, widest: [/24, "
                    "/48]}]\n" HOSTS LIMIT("rate_limit: {total: 100Mbps}"));
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_eq(b->mitigation.peer_count, 3);
    end(b);
}

Test(same, platforms_that_share_a_router_do_not_take_the_rule_from_each_other)
{
    struct bench *b =
        setup(WIDER "platforms: [{name: a, peers: [p1, p2], max_rules: 6, widest: [/24, /48]}, "
                    "{name: b, peers: [p2, p3], max_rules: 6, widest: [/24, /48]}]\n" HOSTS LIMIT(
                        "discard: true"));
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 1);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_eq(b->mitigation.peer_count, 3, "equal actions get the routers of both");
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_str_empty(b->alarm.not_mitigated);
    end(b);
}

#define TWO                                                                                        \
    "policies:\n"                                                                                  \
    "  - {name: a, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "critical, any: {bps: 300M}, clear: {below: 80%, after: 5s}, mitigate: [{method: drop}]}]}\n"  \
    "  - {name: b, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "minor, any: {bps: 100M}, clear: {below: 80%, after: 5s}, mitigate: [{method: limit}]}]}\n"    \
    "methods:\n"                                                                                   \
    "  - {name: limit, match: {destination: infer, protocol: [udp]}, "                             \
    "action: {rate_limit: 10Mbps}, withdraw_after: 5s}\n"                                          \
    "  - {name: drop, match: {destination: infer, protocol: [udp]}, "                              \
    "action: {discard: true}, withdraw_after: 5s}\n"

Test(same, of_two_alarms_the_stronger_action_stands_and_goes_back_when_its_alarm_has_ended)
{
    struct bench *b = setup(HEAD TWO);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 1);
    cr_assert_not_null(strstr(b->mitigation.rule, "rate-limit"), "%s", b->mitigation.rule);
    run(b, VICTIM, 500e6, 300);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_not_null(strstr(b->mitigation.rule, "discard"), "%s", b->mitigation.rule);
    run(b, VICTIM, 500e6, 12000);
    cr_assert_eq(count_of(b, "replace"), 1, "the weaker one is content with it");
    b->count = 0;
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "alarm ended"), 1);
    cr_assert_eq(count_of(b, "replace"), 1);
    cr_assert_not_null(strstr(b->mitigation.rule, "rate-limit"), "%s", b->mitigation.rule);
    cr_assert_eq(count_of(b, "withdraw"), 0);
    end(b);
}

Test(same, the_word_of_a_person_replaces_an_alarms_and_no_alarm_replaces_a_persons)
{
    struct bench *b = setup(HEAD TWO);
    run(b, VICTIM, 200e6, 300);
    struct mitigation before = b->mitigation;
    const char *const drop[] = {"method", "drop", "destination", VICTIM, "for_ms", "20000", NULL};
    const struct reply *reply = ask(b, "mitigate", drop);
    cr_assert(reply->ok, "%s", reply->text);
    cr_assert_str_eq(reply->ids[0], before.id);
    cr_assert_eq(b->mitigation.origin, ORIGIN_PERSON);
    cr_assert_str_eq(b->mitigation.who, "ann");
    cr_assert_not_null(strstr(find(b, "replace")->why, "rate-limit"));
    const char *const limit[] = {"method", "limit", "destination", VICTIM, "for_ms", "20000", NULL};
    cr_assert(ask(b, "mitigate", limit)->ok, "and a person's the one before it");
    cr_assert_not_null(strstr(b->mitigation.rule, "rate-limit"), "%s", b->mitigation.rule);
    run(b, VICTIM, 500e6, 6000);
    cr_assert_eq(count_of(b, "replace"), 2);
    const struct seen *told = find(b, "not mitigated");
    cr_assert_not_null(told);
    cr_assert_not_null(strstr(told->not_mitigated, before.id), "%s", told->not_mitigated);
    run(b, VICTIM, 500e6, 20000);
    cr_assert_eq(count_of(b, "withdraw"), 1, "its time is over");
    bool has_own = false;
    for (size_t i = 0; i < b->count; i++)
        has_own = has_own || (b->seen[i].has_job && strcmp(b->seen[i].id, before.id) != 0 &&
                              strstr(b->seen[i].rule, "discard") != NULL);
    cr_assert(has_own, "and the alarm has its own");
    end(b);
}

/* The two differ in nothing but their IPv6 communities. */
Test(same, another_ipv6_target_replaces_the_one_before_it)
{
    struct bench *b = setup(HEAD TWO);
    const char *const first[] = {"rule",
                                 "match destination " VICTIM "/32 then redirect-to-ip 2001:db8::7",
                                 "for_ms", "20000", NULL};
    const char *const second[] = {"rule",
                                  "match destination " VICTIM "/32 then redirect-to-ip 2001:db8::8",
                                  "for_ms", "20000", NULL};
    const struct reply *reply = ask(b, "announce", first);
    cr_assert(reply->ok, "%s", reply->text);
    struct mitigation before = b->mitigation;
    cr_assert_eq(before.community6_count, 1);
    cr_assert_eq(before.communities6[0][17], 7);
    reply = ask(b, "announce", second);
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_str_eq(b->mitigation.id, before.id);
    cr_expect_eq(b->mitigation.revision, before.revision + 1);
    cr_expect_eq(b->mitigation.communities6[0][17], 8);
    end(b);
}
