#include "tests/unit/common/model/support.h"

#include <stdlib.h>

/* One run says all that is wrong with a file, whoever finds it: the reader of YAML, the tables of
 * keys, or the model. What follows from a fault that was said is not said. */

struct file_case {
    const char *yaml;
    const char *says; /* word for word, in the order of the file */
};

static void must_say(const struct file_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct loaded l = load(cases[i].yaml);
        cr_expect_null(l.model);
        cr_expect_str_eq(text_str(&l.errors.lines), cases[i].says, "said:\n%swanted:\n%s\n%s",
                         text_str(&l.errors.lines), cases[i].says, cases[i].yaml);
        unload(&l);
    }
}
#define MUST_SAY(cases) must_say(cases, sizeof(cases) / sizeof((cases)[0]))

#define OURS "networks: {customers: [198.51.100.0/24]}\n"
#define RATE "thresholds: [{severity: major, any: {bps: 1G}, mitigate: [{method: m}]}]"
#define METHOD(more) "methods: [{name: m, action: {discard: true}, match: {" more "}}]\n"
#define INFERS                                                                                     \
    "method \"m\" infers destination, which the key of policy \"a\" does not hold, expected "      \
    "dst_addr in that key or a value in the method\n"

Test(all_errors, of_reader_and_model_are_said_in_one_run)
{
    static const struct file_case cases[] = {
        {"collector: {flush: {every: 100}}\n" OURS "policies:\n"
         "  - name: a\n"
         "    where: {protocol: [udpp], dst_network: [nobody]}\n"
         "    key: [src_addr]\n"
         "    " RATE "\n"
         "  - {name: b, key: [dst_adr], " RATE
         "}\n" METHOD("destination: infer, source_port: [99999, x, 53]") "shards: 5\n",
         "t.yaml:1:28: every: \"100\", expected a duration from 10ms to 1s\n"
         "t.yaml:5:24: protocol: \"udpp\", expected a protocol's name or number up to 255\n"
         "t.yaml:5:45: dst_network: \"nobody\" is no network, expected a name of `networks`\n"
         "t.yaml:7:63: " INFERS
         "t.yaml:8:21: unknown field \"dst_adr\" in key, expected \"dst_addr\"?\n"
         "t.yaml:9:88: source_port: \"99999\": source-port goes up to 65535\n"
         "t.yaml:9:95: source_port: \"x\": source-port: 'x' is neither a number nor a name\n"
         "t.yaml:10:9: shards: \"5\", expected a list of shards\n"},
        /* A fault in the same section, even in the same list. */
        {OURS "policies:\n"
              "  - {name: a, window: 1, where: {protocol: [[], udpp]}, key: [src_addr], " RATE
              "}\n" METHOD("destination: infer, source_port: [evidence, y]"),
         "t.yaml:3:23: window: \"1\", expected a duration from 1s to 60s\n"
         "t.yaml:3:45: protocol: a list, expected one value\n"
         "t.yaml:3:49: protocol: \"udpp\", expected a protocol's name or number up to 255\n"
         "t.yaml:3:132: " INFERS "t.yaml:4:88: evidence: not available yet\n"
         "t.yaml:4:98: source_port: \"y\": source-port: 'y' is neither a number nor a name\n"},
        /* A syntax error takes away one section, and the others are judged. */
        {OURS "log: {level: [}\npolicies:\n  - {name: a, key: [src_addr], " RATE
              "}\n" METHOD("destination: infer"),
         "t.yaml:2:15: not YAML: did not find expected node content while parsing a flow node from "
         "line 2, expected keys and values\n"
         "t.yaml:4:90: " INFERS},
        /* Names are known wherever their list could be read. */
        {OURS "log: {level: [}\npolicies:\n  - {name: a, key: [dst_addr], " RATE "}\n"
              "methods: [{name: n, match: {destination: infer}, action: {discard: true}}]\n",
         "t.yaml:2:15: not YAML: did not find expected node content while parsing a flow node from "
         "line 2, expected keys and values\n"
         "t.yaml:4:99: method: no method is called \"m\", expected the name of one\n"},
        /* The guard's verdict is there too. */
        {"dry_run: maybe\n" OURS "policies:\n  - {name: a, key: [\"dst_addr/8\"], " RATE
         "}\n" METHOD("destination: infer, protocol: [udp]"),
         "t.yaml:1:10: dry_run: \"maybe\", expected true or false\n"
         "t.yaml:4:94: method \"m\" for policy \"a\": the guard would refuse every rule: "
         "the destination is wider than the platform's widest (destination 198.0.0.0/8; /24 to /32 "
         "is "
         "allowed)\n"},
    };
    MUST_SAY(cases);
}

Test(all_errors, nothing_is_said_that_follows_from_another)
{
    static const struct file_case cases[] = {
        /* networks: what could not be read may hold what is missing. */
        {"networks: 5\npolicies:\n  - {name: a, key: [dst_addr], where: {dst_network: [c]}, " RATE
         "}\n" METHOD("destination: infer"),
         "t.yaml:1:11: networks: \"5\", expected names with lists of prefixes\n"},
        {"networks: {Big: [192.0.2.0/24]}\npolicies:\n"
         "  - {name: a, key: [dst_addr], where: {dst_network: [c]}, " RATE
         "}\n" METHOD("destination: infer"),
         "t.yaml:1:12: network \"Big\", expected a name of 1 to 64 of a-z 0-9 . _ -\n"},
        {"networks: {c: [192.0.2.1/24]}\npolicies:\n  - {name: a, key: [dst_addr], " RATE
         "}\n" METHOD("destination: infer"),
         "t.yaml:1:16: c: \"192.0.2.1/24\", expected an address or a prefix such as "
         "198.51.100.0/24, no bits set behind its length\n"},
        {"networks: {c: [}\npolicies:\n  - {name: a, key: [dst_addr], " RATE
         "}\n" METHOD("destination: infer"),
         "t.yaml:1:16: not YAML: did not find expected node content while parsing a flow node from "
         "line 1, expected keys and values\n"},
        /* methods: a hole that cannot be seen, a destination that cannot be read. */
        {OURS "policies:\n  - {name: a, key: [dst_addr], " RATE "}\n" METHOD("destinaton: infer"),
         "t.yaml:4:54: unknown field \"destinaton\" in match, expected \"destination\"?\n"},
        {OURS "policies:\n  - {name: a, key: [dst_addr], " RATE "}\n"
              "methods: [{name: m, match: {destination: infer}, action: {rate_limit: 5}}]\n",
         "t.yaml:4:71: rate_limit: \"5\", expected a rate from 1kbps to 1000Tbps with its unit, or "
         "{total: RATE}\n"},
        {OURS "policies:\n  - {name: a, key: [dst_addr], " RATE "}\n"
              "methods: [{name: m, match: {destination: {enabled: maybe, values: infer}}, action: "
              "{discard: true}}]\n",
         "t.yaml:4:52: enabled: \"maybe\", expected true or false\n"},
        {OURS "policies:\n  - {name: a, key: [dst_addr], " RATE "}\nmethods: [m]\n",
         "t.yaml:4:11: methods: \"m\", expected a method as a group of keys, such as {name: …}\n"},
    };
    MUST_SAY(cases);
}

Test(all_errors, a_key_that_cannot_be_read_may_hold_anything)
{
    static const struct file_case cases[] = {
        {OURS "policies:\n  - {name: a, key: [src_addr, dst_adr], " RATE
              "}\n" METHOD("destination: infer"),
         "t.yaml:3:31: unknown field \"dst_adr\" in key, expected \"dst_addr\"?\n"},
        {OURS "policies:\n  - {name: a, key: [dst_addr, \"src_addr/99\"], " RATE
              "}\n" METHOD("destination: infer, source_port: infer"),
         "t.yaml:3:31: key: \"src_addr/99\", expected lengths such as src_addr/24 or "
         "src_addr/24,48\n"},
        {"policies:\n  - {name: a, direction: inwards, key: [dst_addr], " RATE
         "}\n" METHOD("destination: infer"),
         "t.yaml:2:26: direction: \"inwards\", expected incoming, outgoing, internal, transit or "
         "any\n"},
        {OURS "policies:\n  - {name: a, where: {protocol: [udp], protocol: [tcp]}, key: "
              "[dst_addr], " RATE "}\n" METHOD("destination: infer"),
         "t.yaml:3:40: key \"protocol\" is repeated, expected once; it stands in line 3 already\n"},
    };
    MUST_SAY(cases);
}

Test(all_errors, what_is_named_and_not_there_is_said_once)
{
    static const struct file_case cases[] = {
        {OURS "policies:\n  - {name: a, key: [src_addr], thresholds: [{severity: major, any: {bps: "
              "1G}, mitigate: [m, {method: n}, {method: M}]}]}\n" METHOD("destination: infer"),
         "t.yaml:3:90: mitigate: \"m\", expected a step as a group of keys, such as {method: …}\n"
         "t.yaml:3:102: method: no method is called \"n\", expected the name of one\n"
         "t.yaml:3:115: method: \"M\", expected a name of 1 to 64 of a-z 0-9 . _ -\n"},
        {OURS "policies:\n  - {name: a, key: [\"dst_addr/16\"], " RATE "}\nmethods: [{name: m, "
              "platforms: [p], match: {destination: infer}, action: {discard: true}}]\n",
         "t.yaml:4:33: platforms: no platform is called \"p\", expected the name of one\n"},
        {OURS "platforms: [{name: p, peers: [x], widest: [/8]}]\npolicies:\n  - {name: a, key: "
              "[\"dst_addr/16\"], " RATE "}\n" METHOD("destination: infer"),
         "t.yaml:2:31: peers: no peer is called \"x\", expected the name of one\n"
         "t.yaml:2:43: widest: a list, expected two lengths, for IPv4 and IPv6, such as [/24, "
         "/48]\n"},
        /* A profile of one's own. */
        {"speaker: {router_id: 192.0.2.9, local_as: 1}\nprofiles: [{name: q, based_on: x}, "
         "{name: junos}, {name: q, min_rate: 5}]\n"
         "peers: [{name: a, address: 192.0.2.1, remote_as: 1, profile: q}]\n",
         "t.yaml:2:32: based_on: \"x\" is no router profile, expected one of generic, junos, "
         "ios-xr, "
         "gobgp, frr, bird, exabgp, openbgpd\n"
         "t.yaml:2:36: profile \"junos\" is built in, expected another name\n"
         "t.yaml:2:58: profile \"q\" is repeated, expected unique names; it stands in line 2 "
         "already\n"
         "t.yaml:2:71: min_rate: \"5\", expected a rate with its unit\n"},
        /* exporters and durations. */
        {"exporters: [{address: x, name: r}]\npolicies:\n  - {name: a, direction: any, key: "
         "[dst_addr], where: {exporter: [r, q]}, thresholds: [{severity: major, any: {bps: "
         "1G}}]}\n",
         "t.yaml:1:23: address: \"x\", expected an address or a prefix such as 198.51.100.0/24, no "
         "bits set behind its length\n"},
        {"exporters: [{address: 192.0.2.1, active_timeout: 5}]\npolicies:\n  - {name: a, "
         "direction: "
         "any, key: [dst_addr], thresholds: [{severity: major, any: {bps: 1G}, clear: {after: "
         "10s}}]}\n",
         "t.yaml:1:50: active_timeout: \"5\", expected a duration from 1ms to 1h\n"},
        {"exporters: [{address: 192.0.2.1}]\npolicies:\n  - {name: a, direction: any, key: "
         "[dst_addr], thresholds: [{severity: major, any: {bps: 1G}, clear: {after: 61}}]}\n",
         "t.yaml:3:110: after: \"61\", expected a duration up to 24h\n"},
        {"dry_run: false\nexporters: 5\n", "t.yaml:2:12: exporters: \"5\", expected a list of "
                                           "exporters\n"},
        {"speaker: 5\npeers: [{name: a, address: 192.0.2.1, remote_as: 1}]\n",
         "t.yaml:1:10: speaker: \"5\", expected speaker as a group of keys, such as {name: …}\n"},
    };
    MUST_SAY(cases);
}

/* Each line of the sample broken in each of these ways, alone and together with the one after it.
 */
Test(all_errors, any_mixture_of_faults_is_judged_safely)
{
    static const char *const lines[] = {
        "networks: {c: [198.51.100.0/24]}",
        "exporters: [{address: 192.0.2.1, name: r}]",
        "speaker: {router_id: 192.0.2.9, local_as: 64500}",
        "peers: [{name: x, address: 192.0.2.2, remote_as: 64500, profile: gobgp}]",
        "platforms: [{name: p, peers: [x], widest: [/24, /48]}]",
        "methods: [{name: m, platforms: [p], match: {destination: infer, protocol: [udp]}, action: "
        "{discard: true}}]",
        "policies: [{name: a, where: {dst_network: [c]}, key: [dst_addr], thresholds: [{severity: "
        "major, any: {bps: 1G}, mitigate: [{method: m}]}]}]",
    };
    enum { LINES = sizeof(lines) / sizeof(lines[0]) };
    static const char faults[] = "x[:\"&";
    for (size_t line = 0; line < LINES; line++) {
        for (size_t at = 0; at < strlen(lines[line]); at++) {
            for (size_t fault = 0; fault < sizeof(faults); fault++) {
                char yaml[2000] = "", broken[400];
                size_t len = 0;
                /* The end of faults: the character is left out. */
                (void)snprintf(broken, sizeof(broken), "%.*s%.*s%s", (int)at, lines[line],
                               fault + 1 < sizeof(faults) ? 1 : 0, &faults[fault],
                               &lines[line][at + 1]);
                for (size_t i = 0; i < LINES; i++)
                    len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "%s\n",
                                            i == line ? broken : lines[i]);
                struct loaded l = load(yaml);
                cr_expect((l.model != NULL) == (l.errors.count == 0), "%zu errors\n%s",
                          l.errors.count, yaml);
                unload(&l);
            }
        }
    }
}
