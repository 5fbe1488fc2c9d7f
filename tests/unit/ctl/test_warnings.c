#include "ctl/warnings.h"

#include "common/model/model.h"

#include <criterion/criterion.h>
#include <string.h>

/* What a valid configuration is warned of. */

#define GOOD                                                                                       \
    "redis: {password_dir: none}\n"                                                                \
    "dry_run: false\n"                                                                             \
    "exporters: [{address: 192.0.2.1, name: mx1, active_timeout: 1s}]\n"                           \
    "speaker: {router_id: 192.0.2.9, local_as: 64500}\n"
#define NETWORKS "networks: {customers: [198.51.100.0/24, \"2001:db8:100::/48\"]}\n"
#define PEERS                                                                                      \
    "peers:\n  - {name: a, address: 192.0.2.2, remote_as: 64500}\n"                                \
    "  - {name: b, address: 192.0.2.3, remote_as: 64500}\n"
#define PLATFORMS "platforms: [{name: p, peers: [a, b]}]\n"
#define POLICY(limit, after)                                                                       \
    "policies: [{name: x, key: [dst_addr], window: 2s, thresholds: [{severity: major, any: {"      \
    "bps: " limit "}, clear: {after: " after "}, mitigate: [{method: m}]}]}]\n"
#define METHOD(action)                                                                             \
    "methods: [{name: m, match: {destination: infer, protocol: [udp]}, action: " action "}]\n"
#define REST NETWORKS PEERS PLATFORMS POLICY("1G", "61s") METHOD("{discard: true}")

static json_t *warnings(const char *yaml)
{
    struct config_errors errors;
    struct config *config = NULL;
    json_t *list = json_array();
    config_errors_init(&errors, "t.yaml");
    enum status status =
        config_parse_judged(&config, yaml, strlen(yaml), "t.yaml", model_check, &errors);
    cr_assert_eq(status, STATUS_OK, "%s", text_str(&errors.lines));
    warnings_of(config, list);
    config_free(config);
    config_errors_done(&errors);
    return list;
}

static void must_warn(const char *yaml, const char *want)
{
    json_t *list = warnings(yaml);
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++)
        found = found || strcmp(json_string_value(json_array_get(list, i)), want) == 0;
    char *all = json_dumps(list, JSON_INDENT(1));
    cr_expect(found, "wanted: %s\n%s\n%s", want, all, yaml);
    free(all);
    json_decref(list);
}

Test(warnings, a_sound_configuration_has_none)
{
    json_t *list = warnings(GOOD REST);
    char *all = json_dumps(list, JSON_INDENT(1));
    cr_expect_eq(json_array_size(list), 0, "%s", all);
    free(all);
    json_decref(list);
}

Test(warnings, each_danger_is_told)
{
    static const char *const cases[][2] = {
        {GOOD "networks: {all: [0.0.0.0/0]}\n" PEERS PLATFORMS,
         "network all holds 0.0.0.0/0: everything is inside, so the guard protects nobody, and no "
         "traffic is incoming or outgoing"},
        {GOOD "networks: {all: [\"::/0\"]}\n" PEERS PLATFORMS,
         "network all holds ::/0: everything is inside, so the guard protects nobody, and no "
         "traffic is incoming or outgoing"},
        {GOOD "networks: {low: [0.0.0.0/4]}\n",
         "network low holds 0.0.0.0/4, more than anybody has: the guard protects nobody in it"},
        {"networks: {low: [8.0.0.0/8], high: [9.0.0.0/8]}\n",
         "networks: together they are 8.0.0.0/7: the guard protects nobody in it"},
        {"exporters: [{address: \"::/0\"}]\n",
         "exporter without a name: ::/0 lets almost anybody send flow records, and a forged one "
         "can start a rule; list your routers"},
        {"exporters: [{address: 192.0.2.1}, {address: 192.0.2.2}, {address: 10.0.0.0/8}]\n"
         "collector: {limits: {exporters: 1}}\n",
         "exporters: lists 2 addresses, and a worker of a collector has room for 1 "
         "(collector.limits.exporters, at most 4096): more of them at one worker than that push "
         "each other out"},
        {"dry_run: true\n", "exporters: is empty: every sender counts, and dry run cannot be left"},
        {GOOD NETWORKS, "peers: is empty: nothing can be announced to anybody, although dry run is "
                        "left"},
        {"dry_run: true\n", "peers: is empty: nothing can be announced to anybody"},
        {GOOD PEERS "platforms: [{name: p, peers: [a]}]\n",
         "peer b is in no platform: no method announces to it"},
        {GOOD NETWORKS PEERS PLATFORMS METHOD("{discard: true}") POLICY("1G", "7s"),
         "policy x, major: clear.after of 7s is so short that an alarm may end because its "
         "exporters fell silent, and not the attack; more than 7s lets it freeze instead"},
        {GOOD NETWORKS PEERS PLATFORMS METHOD("{discard: true}") POLICY("999bps", "61s"),
         "policy x, major: a limit of 999 bps is passed by a packet a second; is another unit "
         "meant (M, G)?"},
        {GOOD NETWORKS PEERS PLATFORMS METHOD("{rate_limit: {total: 1999bps}}") POLICY("1G", "61s"),
         "method m: a total of 2.00 kbps leaves each of 2 routers less than 1 kbps, which is a "
         "discard but for its name"},
        {GOOD NETWORKS "peers: [{name: a, address: 192.0.2.2, remote_as: 64500, profile: ios-xr}]\n"
                       "methods: [{name: m, match: {destination: infer, fragment: "
                       "[first-fragment]}, action: {discard: true}}]\n",
         "method m: peer a will not get its IPv4 rules: ios-xr does not match fragment 0x4"},
        {GOOD NETWORKS "peers: [{name: a, address: 192.0.2.2, remote_as: 64500, profile: frr}]\n"
                       "methods: [{name: m, match: {destination: infer, protocol: [udp], "
                       "source_port: [53, 123, 389, 1900, 5353, 11211]}, action: {discard: true}}]"
                       "\n",
         "method m: peer a (profile frr) gets each of its IPv4 rules as 2, which count as 2 "
         "routes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        must_warn(cases[i][0], cases[i][1]);
}

Test(warnings, a_source_that_an_attacker_may_choose_is_refused_and_that_is_told)
{
#define SOURCES(direction, allow)                                                                  \
    GOOD NETWORKS PEERS PLATFORMS                                                                  \
        "policies: [{name: x, direction: " direction ", key: [src_addr], window: 2s, thresholds: " \
        "[{severity: major, any: {bps: 1G}, clear: {after: 61s}, mitigate: [{method: m}]}]}]\n"    \
        "methods: [{name: m, match: {destination: 198.51.100.45/32, source: infer, protocol: "     \
        "[udp]}, action: {discard: true}" allow "}]\n"
    const char *want = "policy x, major: method m infers a source, and the guard refuses one that "
                       "is not of networks without `allow: spoofable-source`";
    must_warn(SOURCES("incoming", ""), want);
    json_t *list = warnings(SOURCES("incoming", ", allow: spoofable-source"));
    for (size_t i = 0; i < json_array_size(list); i++)
        cr_expect_str_neq(json_string_value(json_array_get(list, i)), want);
    json_decref(list);
#undef SOURCES
}

Test(warnings, are_bounded_and_said_once)
{
    json_t *list = json_array();
    for (int i = 0; i < 1000; i++)
        warnings_add(list, "number %d", i / 2);
    cr_expect_eq(json_array_size(list), 201);
    cr_expect_str_eq(json_string_value(json_array_get(list, 1)), "number 1");
    cr_expect_str_eq(json_string_value(json_array_get(list, 200)), "more warnings are left out");
    json_decref(list);
}
