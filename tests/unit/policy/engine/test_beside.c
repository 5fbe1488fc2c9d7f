#include "tests/unit/policy/engine/support.h"

/* What stands beside a rule: what it would hide, what hides it, and what keeps BGP sessions. */

#define PLACE(profile)                                                                             \
    "dry_run: false\n"                                                                             \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"                                     \
    "bgp_sessions: [[192.0.2.1, 198.51.100.9]]\n"                                                  \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: " profile "}\n"                 \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "platforms: [{name: edge, peers: [p1, p2], max_rules: 100, widest: [/24, /48]}]\n"

#define ACCEPT "match destination 198.51.100.9/32 source 192.0.2.1/32 protocol =tcp port =179"
#define CUT "match destination 198.51.100.9/32 then discard"

/* Asks for a free rule at a peer, or at all of them; for_ms NULL: a minute. */
static const struct reply *announce(struct bench *b, const char *rule, const char *peer,
                                    const char *for_ms)
{
    const char *const args[] = {"rule",
                                rule,
                                "for_ms",
                                for_ms != NULL ? for_ms : "60000",
                                peer != NULL ? "peer" : "reason",
                                peer != NULL ? peer : "test",
                                NULL};
    return ask(b, "announce", args);
}

static const struct reply *announce_dry(struct bench *b, const char *rule)
{
    const char *const args[] = {"rule", rule, "for_ms", "60000", "dry_run", "1", NULL};
    return ask(b, "announce", args);
}

Test(beside, a_rule_that_cuts_a_session_needs_the_accept_rule_that_the_refusal_says)
{
    struct bench *b = setup(PLACE("gobgp") POLICY(""));
    const struct reply *reply = announce(b, CUT, NULL, NULL);
    cr_assert_not(reply->ok);
    cr_expect_not_null(strstr(reply->text, "bgp-session"), "%s", reply->text);
    cr_assert_not_null(strstr(reply->text, ACCEPT), "%s", reply->text);
    cr_expect_not_null(strstr(find(b, "refused")->why, ACCEPT), "the audit has it too");
    reply = announce(b, strstr(reply->text, "match "), NULL, NULL);
    cr_assert(reply->ok, "%s", reply->text);
    reply = announce(b, CUT, NULL, NULL);
    cr_assert(reply->ok, "%s", reply->text);
    teardown(b);
}

Test(beside, both_directions_of_a_session_are_kept)
{
    struct bench *b = setup("dry_run: false\n"
                            "networks: {ours: [198.51.100.0/24]}\n"
                            "bgp_sessions: [[198.51.100.9, 198.51.100.20]]\n"
                            "exporters: [{address: 203.0.113.1, active_timeout: 2s}]\n"
                            "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
                            "peers: [{name: p1, address: 192.0.2.1, remote_as: 64500, profile: "
                            "gobgp}]\n" POLICY(""));
    static const char *const rules[] = {
        "match destination 198.51.100.9/32 protocol =tcp source-port =179 then discard",
        "match destination 198.51.100.9/32 protocol =tcp destination-port =179 then discard",
        "match destination 198.51.100.20/32 protocol =tcp source-port =179 then discard",
        "match destination 198.51.100.20/32 protocol =tcp destination-port =179 then discard",
        "match destination 198.51.100.0/24 protocol =tcp tcp-flags syn then rate-limit 1Mbps",
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct reply *reply = announce(b, rules[i], NULL, NULL);
        cr_expect_not(reply->ok, "%s", rules[i]);
        cr_expect_not_null(strstr(reply->text, "bgp-session"), "%s", reply->text);
    }
    teardown(b);
}

Test(beside, an_accept_rule_counts_only_where_it_stands_at_every_peer_and_for_real)
{
    struct bench *b = setup(PLACE("gobgp") POLICY(""));
    cr_assert(announce(b, ACCEPT, "p1", NULL)->ok);
    cr_expect_not(announce(b, CUT, NULL, NULL)->ok, "p2 would cut it");
    const struct reply *reply = announce(b, CUT, "p1", NULL);
    cr_expect(reply->ok, "%s", reply->text);
    teardown(b);

    b = setup(PLACE("gobgp") POLICY(""));
    cr_assert(announce_dry(b, ACCEPT)->ok);
    cr_expect_not(announce(b, CUT, NULL, NULL)->ok, "a dry run keeps nothing");
    reply = announce_dry(b, CUT);
    cr_expect(reply->ok, "but for a dry run: %s", reply->text);
    teardown(b);
}

Test(beside, what_needed_an_accept_rule_goes_when_that_goes)
{
    struct bench *b = setup(PLACE("gobgp") POLICY(""));
    cr_assert(announce(b, ACCEPT, NULL, "5000")->ok);
    cr_assert(announce(b, CUT, NULL, NULL)->ok);
    run(b, VICTIM, 0, 4000);
    cr_expect_eq(count_of(b, "withdraw"), 0);
    run(b, VICTIM, 0, 1500);
    cr_expect_eq(count_of(b, "withdraw"), 2);
    cr_expect_not_null(strstr(find(b, "withdraw")->why, "bgp-session"), "%s",
                       find(b, "withdraw")->why);
    teardown(b);
}

Test(beside, an_alarms_rule_starts_once_the_session_is_kept)
{
    struct bench *b = setup(PLACE("gobgp") "policies:\n"
                                           "  - {name: host, direction: incoming, key: [dst_addr], "
                                           "window: 1s, thresholds: [{severity: critical, any: "
                                           "{bps: 100M}, mitigate: [{method: limit}]}]}\n"
                                           "methods: [{name: limit, match: {destination: infer}, "
                                           "action: {rate_limit: 10Mbps}}]\n");
    run(b, "198.51.100.9", 200e6, 1000);
    cr_assert_eq(count_of(b, "announce"), 0);
    cr_expect_not_null(strstr(b->alarm.not_mitigated, "bgp-session"));
    cr_assert(announce(b, ACCEPT, NULL, NULL)->ok);
    run(b, "198.51.100.9", 200e6, 6000);
    cr_expect_eq(count_of(b, "announce"), 2, "the accept rule, and then the limit");
    teardown(b);
}

/* --- sources ------------------------------------------------------------------------------------
 */

#define FROM(allow)                                                                                \
    "policies:\n"                                                                                  \
    "  - {name: from, direction: any, key: [src_addr], window: 1s, thresholds: [{severity: "       \
    "critical, any: {bps: 100M}, mitigate: [{method: source}]}]}\n"                                \
    "methods: [{name: source, match: {destination: 198.51.100.45/32, source: infer, protocol: "    \
    "[udp]}, action: {discard: true}" allow "}]\n"

static void tick_from(struct bench *b, const char *source)
{
    static struct rollup_row row;
    struct ip_addr addr;
    struct rollup_count count = {
        .id = b->model->counts[0].id, .windows_ms = {1000}, .window_count = 1};
    memset(&row, 0, sizeof(row));
    cr_assert_eq(addr_parse(&addr, source), STATUS_OK);
    key_add_addr(&row.key, DIM_SRC_ADDR, &addr);
    row.rates[0] = (struct rollup_rates){.bytes = 25e6, .packets = 25000, .flows = 1};
    row.samples = 100;
    struct rollup_tick t = {.schema = ROLLUP_SCHEMA,
                            .shard = "s0",
                            .aggregator = "a1",
                            .epoch = 1,
                            .sequence = ++b->sequence,
                            .parts = 1,
                            .counts = &count,
                            .count_count = 1,
                            .rows = &row,
                            .row_count = 1};
    engine_tick(b->engine, &t, b->now);
    engine_time(b->engine, b->now);
}

Test(beside, a_source_that_may_be_forged_is_blocked_only_with_leave)
{
    struct bench *b = setup(PLACE("gobgp") FROM(""));
    for (int i = 0; i < 10; i++, pass(b, 100))
        tick_from(b, "203.0.113.7");
    cr_expect_eq(count_of(b, "announce"), 0);
    cr_expect_not_null(strstr(b->alarm.not_mitigated, "spoofable-source"), "%s",
                       b->alarm.not_mitigated);
    teardown(b);

    b = setup(PLACE("gobgp") FROM(", allow: spoofable-source"));
    for (int i = 0; i < 10; i++, pass(b, 100))
        tick_from(b, "203.0.113.7");
    cr_expect_eq(count_of(b, "announce"), 1, "%s", b->alarm.not_mitigated);
    teardown(b);
}

/* --- shadows ------------------------------------------------------------------------------------
 */

#define UDP(more) "match destination 198.51.100.45/32 protocol =udp " more
#define RANGE UDP("source-port >=1&<=99 then discard")
#define DNS UDP("source-port =53 then rate-limit 1Mbps")

Test(beside, a_rule_that_a_standing_one_hides_is_refused_and_told_what_that_does)
{
    struct bench *b = setup(PLACE("gobgp") POLICY(""));
    char id[ID_TEXT_MAX];
    const struct reply *reply = announce(b, RANGE, NULL, NULL);
    cr_assert(reply->ok, "%s", reply->text);
    (void)snprintf(id, sizeof(id), "%.39s", reply->ids[0]);
    reply = announce(b, DNS, NULL, NULL);
    cr_assert_not(reply->ok);
    cr_expect_not_null(strstr(reply->text, "shadow: "), "%s", reply->text);
    cr_expect_not_null(strstr(reply->text, id), "%s", reply->text);
    cr_expect_not_null(strstr(reply->text, "covers it already"), "%s", reply->text);
    const char *const stop[] = {"id", id, NULL};
    cr_assert(ask(b, "stop", stop)->ok);
    reply = announce(b, DNS, NULL, NULL);
    cr_expect(reply->ok, "%s", reply->text);
    reply = announce(b, UDP("source-port >=1&<=99 then rate-limit 2Mbps"), NULL, NULL);
    cr_assert_not(reply->ok, "it would hide the other");
    cr_expect_not_null(strstr(reply->text, "stop that one first"), "%s", reply->text);
    teardown(b);
}

Test(beside, an_equal_match_is_a_replacement_and_a_dry_run_hides_nothing)
{
    struct bench *b = setup(PLACE("gobgp") POLICY(""));
    cr_assert(announce_dry(b, RANGE)->ok);
    cr_expect(announce(b, DNS, NULL, NULL)->ok, "the wide one is only a dry run");
    const struct reply *reply =
        announce(b, UDP("source-port =53 then rate-limit 2Mbps"), NULL, NULL);
    cr_expect(reply->ok, "%s", reply->text);
    cr_expect_not(announce_dry(b, UDP("source-port >=1&<=98 then discard"))->ok,
                  "a dry run shows what would be");
    teardown(b);
}

Test(beside, an_alarms_rule_that_does_something_at_some_routers_is_not_refused_for_the_others)
{
    struct bench *b = setup(PLACE("junos") POLICY(""));
    cr_assert(announce(b, "match destination " VICTIM "/32 then rate-limit 1Gbps", NULL, NULL)->ok);
    const struct reply *reply = announce(b, DNS, NULL, NULL);
    cr_assert_not(reply->ok, "a person is told, and can name the routers");
    b->count = 0;
    run(b, VICTIM, 200e6, 1000);
    cr_assert_eq(count_of(b, "announce"), 1, "p2 tries the narrower one first: %s",
                 b->alarm.not_mitigated);
    teardown(b);

    b = setup(PLACE("junos") POLICY(""));
    cr_assert(announce(b, "match destination " VICTIM "/32 then rate-limit 1Gbps", "p1", NULL)->ok);
    b->count = 0;
    run(b, VICTIM, 200e6, 1000);
    cr_assert_eq(count_of(b, "announce"), 1, "p2 does not have it: %s", b->alarm.not_mitigated);
    teardown(b);
}

Test(beside, the_order_is_that_of_the_peers_that_both_have)
{
    struct bench *b = setup(PLACE("junos") POLICY(""));
    cr_assert(announce(b, UDP("then discard"), NULL, NULL)->ok);
    const struct reply *reply = announce(b, DNS, NULL, NULL);
    cr_assert_not(reply->ok, "Junos tries the shorter one first");
    cr_expect_not_null(strstr(reply->text, "draft-6"), "%s", reply->text);
    reply = announce(b, DNS, "p2", NULL);
    cr_expect(reply->ok, "p2 does not: %s", reply->text);
    teardown(b);

    b = setup(PLACE("junos") POLICY(""));
    cr_assert(announce(b, UDP("then discard"), "p1", NULL)->ok);
    reply = announce(b, DNS, "p2", NULL);
    cr_expect(reply->ok, "they share no router: %s", reply->text);
    reply = announce(b, DNS, NULL, NULL);
    cr_expect_not(reply->ok, "p1 would never reach it, and a person is told that");
    cr_expect_not_null(strstr(reply->text, "shadow: "), "%s", reply->text);
    teardown(b);
}

#define LADDER                                                                                     \
    "policies:\n"                                                                                  \
    "  - {name: host, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "  \
    "critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, mitigate: [{method: dns}, "       \
    "{method: all}]}]}\n"
#define METHODS(action)                                                                            \
    "methods:\n"                                                                                   \
    "  - {name: dns, match: {destination: infer, protocol: [udp], source_port: [53]}, action: "    \
    "{rate_limit: 10Mbps}}\n"                                                                      \
    "  - {name: all, match: {destination: infer, protocol: [udp]}, action: " action "}\n"

Test(beside, rules_of_one_alarm_may_hide_each_other)
{
    struct bench *b = setup(PLACE("junos") LADDER METHODS("{rate_limit: 50Mbps}"));
    run(b, VICTIM, 200e6, 1000);
    cr_expect_eq(count_of(b, "announce"), 2, "%s", b->alarm.not_mitigated);
    teardown(b);
}

#define TWO_ALARMS                                                                                 \
    "policies:\n"                                                                                  \
    "  - {name: a, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "critical, any: {bps: 100M}, mitigate: [{method: dns}]}]}\n"                                   \
    "  - {name: b, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "critical, any: {bps: 150M}, mitigate: [{method: all}]}]}\n"

Test(beside, of_two_alarms_the_wider_rule_may_come_first_where_it_does_as_much)
{
    struct bench *b = setup(PLACE("junos") TWO_ALARMS METHODS("{discard: true}"));
    run(b, VICTIM, 200e6, 1000);
    cr_expect_eq(count_of(b, "announce"), 2, "%s", b->alarm.not_mitigated);
    teardown(b);

    b = setup(PLACE("junos") TWO_ALARMS METHODS("{rate_limit: 50Mbps}"));
    run(b, VICTIM, 200e6, 1000);
    cr_expect_eq(count_of(b, "announce"), 1);
    cr_expect_not_null(strstr(b->alarm.not_mitigated, "shadow"), "%s", b->alarm.not_mitigated);
    char first[ID_TEXT_MAX];
    (void)snprintf(first, sizeof(first), "%s", find(b, "announce")->id);
    const char *const stop[] = {"id", first, NULL};
    cr_assert(ask(b, "stop", stop)->ok);
    run(b, VICTIM, 200e6, 6000);
    cr_expect_eq(count_of(b, "announce"), 2, "it starts when the other has gone");
    teardown(b);
}
