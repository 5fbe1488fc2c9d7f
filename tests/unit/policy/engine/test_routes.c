#include "tests/unit/policy/engine/support.h"

#define ROUTES(families, methods)                                                                  \
    "dry_run: false\n"                                                                             \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"], shared: {prefixes: [203.0.113.0/24], " \
    "ours: false}}\n"                                                                              \
    "protected: [198.51.100.10/32]\n"                                                              \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "policy: {budgets: {blackholed_hosts: 2, blackholed_share: 100%}}\n"                           \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: up, address: 192.0.2.65, remote_as: 64496, families: " families "}\n"              \
    "platforms: [{name: edge, peers: [p1], max_rules: 6, widest: [/24, /48]}]\n" methods
#define BOTH "[ipv4-unicast, ipv6-unicast]"
#define RTBH                                                                                       \
    "methods:\n"                                                                                   \
    "  - {name: rtbh, blackhole: {ipv4: {next_hop: 192.0.2.100}, communities: [\"65535:666\", "    \
    "\"64500:1:2\"]}}\n"                                                                           \
    "  - {name: scrub, divert: {next_hop: 192.0.2.200, communities: [\"64500:200\"]}}\n"           \
    "  - {name: drop, match: {destination: infer}, action: {discard: true}}\n"
#define STEP(automatic)                                                                            \
    "policies:\n"                                                                                  \
    "  - {name: host, direction: incoming, where: {protocol: [udp]}, key: [dst_addr], window: "    \
    "1s,\n"                                                                                        \
    "     thresholds: [{severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, "    \
    "mitigate: [{method: rtbh}]}]}\n"                                                              \
    "methods:\n"                                                                                   \
    "  - {name: rtbh, blackhole: {ipv4: {next_hop: 192.0.2.100}}, withdraw_after: 5s" automatic    \
    "}\n"

static const struct reply *blackhole(struct bench *b, const char *host)
{
    const char *args[] = {"blackhole", "1", "destination", host, NULL};
    return ask(b, "mitigate", args);
}

static const struct reply *divert(struct bench *b, const char *host, const char *next_hop)
{
    const char *args[] = {"divert", next_hop, "destination", host, NULL};
    return ask(b, "mitigate", args);
}

Test(routes, a_person_blackholes_a_host_and_is_told_what_that_hits)
{
    static const uint8_t nlri[] = {32, 198, 51, 100, 45};
    struct bench *b = setup(ROUTES(BOTH, RTBH));
    const struct reply *reply = blackhole(b, "198.51.100.45");
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_not_null(strstr(reply->text, "all traffic to the prefix is dropped"), "%s",
                       reply->text);
    const struct mitigation *m = &b->mitigation;
    cr_expect_eq(m->route, ROUTE_BLACKHOLE);
    cr_expect_str_eq(m->method, "rtbh");
    cr_expect_str_eq(m->rule, "route 198.51.100.45/32 then blackhole next-hop 192.0.2.100 "
                              "community 65535:666 community 64500:1:2");
    cr_assert_eq(m->nlri_len, sizeof(nlri));
    cr_expect_eq(memcmp(m->nlri, nlri, sizeof(nlri)), 0);
    cr_expect_eq(m->next_hop_len, 4);
    cr_expect_eq(m->next_hop[3], 100);
    cr_expect_eq(m->standard_count, 1);
    cr_expect_eq(m->large_count, 1);
    cr_expect_eq(m->community_count, 0, "no Flowspec action is in it");
    cr_assert_eq(m->peer_count, 1, "those that take the family, on whatever platform");
    cr_expect_str_eq(m->peers[0], "up");
    teardown(b);
}

Test(routes, a_diversion_goes_where_the_person_says)
{
    struct bench *b = setup(ROUTES(BOTH, RTBH));
    const struct reply *reply = divert(b, "198.51.100.45", "192.0.2.77");
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_eq(b->mitigation.route, ROUTE_DIVERT);
    cr_expect_eq(b->mitigation.next_hop[3], 77);
    cr_expect_eq(b->mitigation.standard_count, 1);
    reply = divert(b, "198.51.100.46", "2001:db8::1");
    cr_expect(!reply->ok && strstr(reply->text, "of the target's family") != NULL, "%s",
              reply->text);
    reply = divert(b, "198.51.100.46", "198.51.100.46");
    cr_expect(!reply->ok && strstr(reply->text, "next-hop") != NULL, "%s", reply->text);
    cr_expect_eq(b->mitigation.state, MITIGATION_REFUSED);
    teardown(b);
}

Test(routes, who_diverts_is_told_which_peer_has_a_next_hop_of_its_own)
{
    struct bench *b =
        setup(ROUTES(BOTH, "methods:\n"
                           "  - {name: scrub, divert: {next_hop: 192.0.2.200, peers: {up: {ipv4: "
                           "{next_hop: 192.0.2.222}}}}}\n"));
    const struct reply *reply = divert(b, "198.51.100.45", "192.0.2.77");
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_not_null(strstr(reply->text, "not this next hop, but its own of method scrub: "
                                           "up gets 192.0.2.222"),
                       "%s", reply->text);
    reply = divert(b, "198.51.100.46", "192.0.2.222");
    cr_expect(reply->ok && strstr(reply->text, "its own") == NULL, "%s", reply->text);
    teardown(b);
}

Test(routes, the_guard_and_the_budget_hold_for_people_too)
{
    struct bench *b = setup(ROUTES(BOTH, RTBH));
    const struct reply *reply = blackhole(b, "198.51.100.10");
    cr_expect(!reply->ok && strstr(reply->text, "protected") != NULL, "%s", reply->text);
    reply = blackhole(b, "198.51.100.0/25");
    cr_expect(!reply->ok && strstr(reply->text, "wider than a host") != NULL, "%s", reply->text);
    reply = blackhole(b, "192.0.2.200");
    cr_expect(!reply->ok && strstr(reply->text, "not-ours") != NULL, "%s", reply->text);
    cr_assert(blackhole(b, "198.51.100.45")->ok);
    cr_assert(blackhole(b, "198.51.100.46")->ok);
    cr_assert(divert(b, "198.51.100.48", "192.0.2.200")->ok, "it takes no host away");
    reply = blackhole(b, "198.51.100.47");
    cr_expect(!reply->ok && strstr(reply->text, "3 hosts") != NULL, "%s", reply->text);
    teardown(b);
}

Test(routes, one_method_of_the_kind_is_found_and_else_one_is_named)
{
    struct bench *b =
        setup(ROUTES(BOTH, RTBH "  - {name: other, blackhole: {ipv4: {next_hop: 192.0.2.101}}}\n"));
    const char *named[] = {"blackhole",     "1", "method", "other", "destination",
                           "198.51.100.45", NULL};
    const char *wrong[] = {"blackhole",     "1", "method", "drop", "destination",
                           "198.51.100.45", NULL};
    const struct reply *reply = blackhole(b, "198.51.100.45");
    cr_expect(!reply->ok && strstr(reply->text, "several methods") != NULL, "%s", reply->text);
    reply = ask(b, "mitigate", wrong);
    cr_expect(!reply->ok && strstr(reply->text, "has no `blackhole`") != NULL, "%s", reply->text);
    reply = ask(b, "mitigate", named);
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_eq(b->mitigation.next_hop[3], 101);
    reply = blackhole(b, "2001:db8::1");
    cr_expect(!reply->ok && strstr(reply->text, "no methods for IPv6") != NULL, "%s", reply->text);
    teardown(b);
}

Test(routes, no_peer_with_the_family_is_said)
{
    struct bench *b = setup(ROUTES("[ipv4-flowspec]", RTBH));
    const struct reply *reply = blackhole(b, "198.51.100.45");
    cr_expect(!reply->ok && strstr(reply->text, "no peer takes this family") != NULL, "%s",
              reply->text);
    teardown(b);
}

/* A rule and a route for one host are in two tables of the routers. */
Test(routes, rules_and_routes_of_a_host_stand_beside_each_other)
{
    struct bench *b = setup(ROUTES("[ipv4-flowspec, ipv4-unicast]", RTBH));
    const char *drop[] = {"method", "drop", "destination", "198.51.100.45", NULL};
    cr_assert(ask(b, "mitigate", drop)->ok);
    const struct reply *reply = blackhole(b, "198.51.100.45");
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_eq(count_of(b, "announce"), 2);
    cr_assert(blackhole(b, "198.51.100.46")->ok);
    teardown(b);
}

Test(routes, a_diversion_becomes_a_blackhole_in_place)
{
    struct bench *b = setup(ROUTES(BOTH, RTBH));
    char id[ID_TEXT_MAX];
    cr_assert(divert(b, "198.51.100.45", "192.0.2.200")->ok);
    memcpy(id, b->mitigation.id, sizeof(id));
    const struct reply *reply = blackhole(b, "198.51.100.45");
    cr_assert(reply->ok, "%s", reply->text);
    cr_expect_str_eq(b->mitigation.id, id);
    cr_expect_eq(b->mitigation.route, ROUTE_BLACKHOLE);
    cr_expect_eq(count_of(b, "replace"), 1);
    teardown(b);
}

Test(routes, an_alarm_alone_starts_no_blackhole)
{
    struct bench *b = setup(ROUTES(BOTH, STEP("")));
    run(b, VICTIM, 200e6, 3000);
    cr_expect_null(find(b, "announce"));
    cr_expect_str_eq(b->alarm.not_mitigated,
                     "needs approval: weir mitigate 198.51.100.45/32 --blackhole");
    teardown(b);
}

Test(routes, an_automatic_blackhole_comes_and_goes_with_its_alarm)
{
    struct bench *b = setup(ROUTES(BOTH, STEP(", automatic: true")));
    run(b, VICTIM, 200e6, 3000);
    cr_assert_not_null(find(b, "announce"));
    cr_expect_eq(b->mitigation.route, ROUTE_BLACKHOLE);
    cr_expect_eq(b->mitigation.origin, ORIGIN_ALARM);
    answer(b, "up", RESULT_SENT, JOB_ANNOUNCE);
    cr_expect_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 0, 20000);
    cr_expect_not_null(find(b, "withdraw"));
    teardown(b);
}

Test(routes, shared_space_needs_a_person_even_so)
{
    struct bench *b = setup(ROUTES(BOTH, STEP(", automatic: true")));
    run(b, "203.0.113.5", 200e6, 3000);
    cr_expect_null(find(b, "announce"));
    cr_expect_not_null(strstr(b->alarm.not_mitigated, "needs approval"), "%s",
                       b->alarm.not_mitigated);
    teardown(b);
}

Test(routes, a_new_configuration_judges_what_stands)
{
    struct bench *b = setup(ROUTES(BOTH, RTBH));
    struct bench *other = setup("dry_run: false\nnetworks: {ours: [198.51.101.0/24]}\n"
                                "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"
                                "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
                                "peers: [{name: up, address: 192.0.2.65, remote_as: 64496, "
                                "families: [ipv4-unicast]}]\n");
    cr_assert(blackhole(b, "198.51.100.45")->ok);
    pass(b, 100);
    engine_set_model(b->engine, other->model, b->now);
    engine_time(b->engine, b->now);
    cr_assert_not_null(find(b, "withdraw"));
    cr_expect_not_null(strstr(find(b, "withdraw")->why, "not-ours"), "%s",
                       find(b, "withdraw")->why);
    engine_free(b->engine);
    b->engine = NULL;
    teardown(other);
    teardown(b);
}
