#include "tests/unit/common/service/bad_config.h"

/* Peers, platforms, policies, methods: mistakes, and keys whose room is not built yet. */

#define PEERS "peers: [{name: a, address: 192.0.2.1, remote_as: 1}]\n"
#define SPEAKER "speaker: {router_id: 192.0.2.9, local_as: 1}\n"
#define METHOD "methods: [{name: m, match: {destination: infer}, action: {discard: true}}]\n"
#define PEER(more) SPEAKER "peers: [{name: a, address: 192.0.2.1, remote_as: 1, " more "}]\n"
#define PLATFORM(more) SPEAKER PEERS "platforms: [{name: p, peers: [a], " more "}]\n"
#define POLICY(more)                                                                               \
    "policies: [{name: p, key: [dst_addr], thresholds: [{severity: major, any: {bps: 1G}}], " more \
    "}]\n"
#define THRESHOLD(more)                                                                            \
    METHOD "policies: [{name: p, key: [dst_addr], thresholds: [\n{severity: major, " more "}]}]\n"
#define METHODS(more)                                                                              \
    "methods: [{name: m, match: {destination: infer}, action: {discard: true}, " more "}]\n"
#define MATCH(more) "methods: [{name: m, action: {discard: true}, match: {" more "}}]\n"
#define ACTION(more) "methods: [{name: m, match: {destination: infer}, action: " more "}]\n"

static const struct bad bad_peers[] = {
    {"speaker: {socket: a.sock, adapter_socket: {enabled: true, path: a.sock}}\n", 1, 65,
     "a.sock\" is the speaker's socket"},
    {"speaker: {adapter_socket: {units: octets}}\n", 1, 35, "expected bits or bytes"},
    {"speaker: {adapter_socket: {default_ttl: 31d}}\n", 1, 41, "expected a duration"},
    {"speaker: {local_as: 1}\n" PEERS, 1, 10,
     "speaker without \"router_id\", expected it: there are peers"},
    {"speaker: {router_id: 192.0.2.9}\n" PEERS, 1, 10,
     "speaker without \"local_as\", expected it: there are peers"},
    {"speaker: {router_id: 0.0.0.0, local_as: 1}\n" PEERS, 1, 22,
     "expected an address that is not zero"},
    {SPEAKER "peers: [{name: a, remote_as: 1}]\n", 2, 9, "a peer without \"address\""},
    {SPEAKER "peers: [{name: a, address: 192.0.2.1}]\n", 2, 9, "a peer without \"remote_as\""},
    {PEER("port: 0"), 2, 59, "port: \"0\", expected a port from 1 to 65535"},
    {PEER("graceful_restart: 121s"), 2, 71, "expected a duration from 0s to 120s"},
    {PEER("connect: passive"), 2, 62, "expected speaker.listen to say where"},
    {PEER("connect: both"), 2, 62, "expected speaker.listen to say where"},
    {PEER("connect: never"), 2, 62, "expected active, passive or both"},
    {PEER("timers: {hold: 2s}"), 2, 68,
     "expected 0s or a duration from 3s to 65535s, whole seconds"},
    {PEER("timers: {hold: 3500ms}"), 2, 68, "whole seconds"},
    {PEER("timers: {hold: 90}"), 2, 68, "hold: \"90\", expected 0s or a duration"},
    {PEER("local_address: \"2001:db8::1\""), 2, 68, "not of the family of address"},
    {PEER("families: []"), 2, 63, "families: a list, expected a list of ipv4-flowspec"},
    {PEER("families: [ipv4]"), 2, 64, "families: \"ipv4\", expected a list of ipv4-flowspec"},
    {PEER("families: [ipv4-flowspec, ipv4-flowspec]"), 2, 79, "expected each family once"},
    {SPEAKER "peers: [{name: a, address: 192.0.2.0/24, remote_as: 1}]\n", 2, 9,
     "connect: active, expected passive: the address is a prefix"},
    {SPEAKER "peers: [{name: a, address: 192.0.2.1/24, remote_as: 1}]\n", 2, 28,
     "address: \"192.0.2.1/24\", expected an address or a prefix"},
    {PEER("max_sessions: 65"), 2, 67, "max_sessions: \"65\", expected a number from 1 to 64"},
    {PEER("password_file: secret"), 2, 68, "password_file: \"secret\", expected a path"},
    {PEER("multihop: 0"), 2, 63, "multihop: \"0\", expected none or a number from 1 to 254"},
    {PEER("multihop: 2"), 2, 63, "multihop: 2 hops to an eBGP neighbour, expected none"},
    {PEER("gtsm_hops: 255"), 2, 64, "gtsm_hops: \"255\", expected none or a number from 1 to 254"},
    {SPEAKER "peers: [{name: a, address: 192.0.2.1, remote_as: 2, gtsm_hops: 1, multihop: 2}]\n", 2,
     77, "multihop: with gtsm_hops, which says the hops itself"},
    {PEER("device: \"a/b\""), 2, 61, "device: \"a/b\", expected none or the name of an interface"},
    {PEER("device: sixteen-letters-"), 2, 61, "expected none or the name of an interface"},
    {SPEAKER "peers: [{name: a, address: \"fe80::1\", remote_as: 1}]\n", 2, 28,
     "address: a link-local address, expected \"device\""},
    {PEER("no_export: no"), 2, 64, "no_export: \"no\", expected true or false"},
    {PEER("adress: 1"), 2, 53, "unknown key \"adress\" in a peer, expected \"address\"?"},
    {SPEAKER "peers: [{name: a, address: 192.0.2.1, remote_as: 1}, {name: b, address: 192.0.2.1, "
             "remote_as: 1}]\n",
     2, 54, "a peer with address and port of another"},
    {SPEAKER "peers: [{name: a, address: 192.0.2.1, remote_as: 1}, {name: a, address: 192.0.2.2, "
             "remote_as: 1}]\n",
     2, 61, "peer \"a\" is repeated"},
    {"platforms: [{name: p}]\n", 1, 13, "a platform without \"peers\""},
    {"platforms: [{name: p, peers: [b]}]\n", 1, 31, "peers: no peer is called \"b\""},
    {SPEAKER PEERS "platforms: [{name: p, peers: [a, a]}]\n", 3, 34,
     "peers: \"a\", expected each once"},
    {PLATFORM("max_rules: 0"), 3, 46, "expected a number from 1 to 1000000"},
    {PLATFORM("widest: /24"), 3, 43, "expected two lengths, for IPv4 and IPv6, such as [/24, /48]"},
    {PLATFORM("widest: [/7, /48]"), 3, 44, "widest: \"/7\", expected a length from /8 to /32"},
    {PLATFORM("widest: [/33, /48]"), 3, 44, "expected a length from /8 to /32"},
    {PLATFORM("widest: [/24, /15]"), 3, 49, "expected a length from /16 to /128"},
    {PLATFORM("widest: [/24, 48]"), 3, 49, "expected a length from /16 to /128"},
    {PLATFORM("mtu: 100"), 3, 40, "expected octets, a number from 576 to 65535"},
    {PLATFORM("families: [ipv5]"), 3, 46, "expected a list of ipv4, ipv6"},
};

static const struct bad bad_policies[] = {
    {"policies: [{key: [dst_addr], thresholds: [{severity: major, any: {bps: 1G}}]}]\n", 1, 12,
     "a policy without \"name\""},
    {"policies: [{name: p, thresholds: [{severity: major, any: {bps: 1G}}]}]\n", 1, 12,
     "a policy without \"key\""},
    {"policies: [{name: p, key: [dst_addr]}]\n", 1, 12, "a policy without \"thresholds\""},
    {"policies: [{name: p, key: dst_addr, thresholds: [{severity: major, any: {bps: 1G}}]}]\n", 1,
     27, "key: \"dst_addr\", expected a list of fields"},
    {"policies: [{name: p, key: [dst_adr/24], thresholds: [{severity: major, any: {bps: 1G}}]}]\n",
     1, 28, "unknown field \"dst_adr/24\" in key, expected \"dst_addr\"?"},
    {POLICY("direction: inbound"), 1, 99,
     "direction: \"inbound\", expected incoming, outgoing, internal, transit or any"},
    {POLICY("window: 500ms"), 1, 96, "expected a duration from 1s to 60s"},
    {POLICY("window: 61s"), 1, 96, "expected a duration from 1s to 60s"},
    {POLICY("window: 10"), 1, 96, "expected a duration from 1s to 60s"},
    {POLICY("where: {proto: [udp]}"), 1, 96,
     "unknown field \"proto\" in where, expected one of dst_addr"},
    {POLICY("where: {protocol: udp}"), 1, 106, "protocol: \"udp\", expected a list of values"},
    {POLICY("where: {protocol: []}"), 1, 106, "expected at least one value"},
    {POLICY("where: {protocol: [!tcp]}"), 1, 107, "quote it"},
    {POLICY("where: {protocol: [udp], protocol: [tcp]}"), 1, 113, "key \"protocol\" is repeated"},
    {THRESHOLD("any: {bps: 1G}, bps: 1G"), 3, 35, "unknown key \"bps\" in a threshold"},
    {METHOD "policies: [{name: p, key: [dst_addr], thresholds: [\n{any: {bps: 1G}}]}]\n", 3, 1,
     "a threshold without \"severity\""},
    {METHOD
     "policies: [{name: p, key: [dst_addr], thresholds: [\n{severity: high, any: {bps: 1G}}]}]\n",
     3, 12, "severity: \"high\", expected notice, minor, major, critical or emergency"},
    {METHOD "policies: [{name: p, key: [dst_addr], thresholds: [\n{severity: major}]}]\n", 3, 1,
     "a threshold with neither any nor all, expected one of any and all"},
    {THRESHOLD("any: {bps: 1G}, all: {pps: 1}"), 3, 1, "a threshold with any and all"},
    {THRESHOLD("any: {}"), 3, 24, "expected at least one of bps, pps, fps"},
    {THRESHOLD("any: {bps: 1X}"), 3, 30,
     "bps: \"1X\", expected a rate over 0 such as 1G (bits a second)"},
    {THRESHOLD("any: {bps: 0}"), 3, 30, "expected a rate over 0"},
    {THRESHOLD("any: {pps: 5Mbps}"), 3, 30, "pps: \"5Mbps\", expected a count over 0 such as 500k"},
    {THRESHOLD("any: {fps: -1}"), 3, 30, "expected a count over 0"},
    {THRESHOLD("any: {bps: 1G}, confidence: 95%"), 3, 47,
     "confidence: \"95%\", expected a number from 0 to 0.9999"},
    {THRESHOLD("any: {bps: 1G}, confidence: 1.0"), 3, 47, "expected a number from 0 to 0.9999"},
    {THRESHOLD("any: {bps: 1G}, for: 2h"), 3, 40, "expected a duration up to 1h"},
    {THRESHOLD("any: {bps: 1G}, clear: {below: 0.8}"), 3, 50, "expected a share from 1% to 100%"},
    {THRESHOLD("any: {bps: 1G}, clear: {after: 60}"), 3, 50, "expected a duration up to 24h"},
    {THRESHOLD("any: {bps: 1G}, mitigate: m"), 3, 45,
     "expected a list of steps such as [{method: NAME}]"},
    {THRESHOLD("any: {bps: 1G}, mitigate: [{after: 0s}]"), 3, 46,
     "a step with neither method nor all"},
    {THRESHOLD("any: {bps: 1G}, mitigate: [{after: 1s, method: m}]"), 3, 47,
     "after: not available yet"},
    {"policy: {decide_within: 81ms}\n", 1, 10, "decide_within: not available yet"},
    {"collector: {limits: {hold_back: 65MiB}}\n", 1, 33, "expected a size from 0B to 64MiB"},
    {"collector: {limits: {memory: 64}}\n", 1, 30, "expected a size from 1MiB to 16GiB"},
    {"collector: {limits: {memory: 17GiB}}\n", 1, 30, "expected a size from 1MiB to 16GiB"},
    {"policy: {budgets: {rules_per_minute: 1001}}\n", 1, 38, "expected a number from 1 to 1000"},
    {THRESHOLD("any: {bps: 1G}, mitigate: [{method: n}]"), 3, 55,
     "method: no method is called \"n\""},
    {"exporters: [{address: 192.0.2.1}]\n" THRESHOLD("any: {bps: 1G}, clear: {after: 60s}"), 4, 50,
     "after: \"60s\", expected at least 1m1s: the longest active_timeout of an exporter and the "
     "window"},
    {"policies: [{name: p, key: [dst_addr], thresholds: []}]\n", 1, 51,
     "thresholds: 0 items, expected 1 to 5"},
};

static const struct bad bad_methods[] = {
    {"methods: [{name: m}]\n", 1, 11, "a method without match and action"},
    {"methods: [{name: m, action: {discard: true}}]\n", 1, 11,
     "a method without match, expected match and action"},
    {"methods: [{name: m, match: {destination: infer}}]\n", 1, 11, "a method without action"},
    {"methods: [{name: m, blackhole: {communities: []}}]\n", 1, 32,
     "blackhole without a next hop, expected ipv4, ipv6 or both"},
    {"methods: [{name: m, blackhole: {ipv4: {next_hop: 192.0.2.1}}, action: {discard: true}}]\n", 1,
     11, "a method with blackhole and another way"},
    {"methods: [{name: m, blackhole: {ipv4: {next_hop: 192.0.2.1}}, divert: {next_hop: 192.0.2.1}}]"
     "\n",
     1, 11, "a method with divert and another way"},
    {"methods: [{name: m, divert: {next_hop: 192.0.2.1, communities: [\"1:1\", \"1:1\"]}}]\n", 1,
     72, "1:1"},
    {MATCH(""), 1, 53, "match: a group of keys, expected components with values"},
    {MATCH("destnation: infer"), 1, 54,
     "unknown field \"destnation\" in match, expected \"destination\"?"},
    {MATCH("protocol: []"), 1, 64, "protocol: 0 items, expected 1 to 1000"},
    {MATCH("protocol: [[]]"), 1, 65, "expected at least one value"},
    {MATCH("protocol: [[[udp]]]"), 1, 66, "protocol: a list, expected one value"},
    {MATCH("protocol: {enabled: true}"), 1, 64, "a match group without \"values\""},
    {MATCH("protocol: udp, protocol: tcp"), 1, 69, "key \"protocol\" is repeated"},
    {MATCH("packet_length: [>=500]"), 1, 70,
     "YAML takes >=500 for a sign of its own, expected \">=500\": quote it"},
    {MATCH("destination: 2001:db8::"), 1, 67, "quote it"},
    {ACTION("discard"), 1, 58, "action: \"discard\", expected an action"},
    {ACTION("{discard: false}"), 1, 68, "discard: \"false\", expected true"},
    {ACTION("{}"), 1, 58, "action: 0 actions, expected one"},
    {ACTION("{discard: true, rate_limit: 1Mbps}"), 1, 58, "action: 2 actions, expected one"},
    {ACTION("{rate_limit: 1000}"), 1, 71,
     "rate_limit: \"1000\", expected a rate from 1kbps to 1000Tbps with its unit"},
    {ACTION("{rate_limit: {total: 5}}"), 1, 79, "total: \"5\", expected a rate"},
    {ACTION("{rate_limit: {}}"), 1, 71, "a rate limit without \"total\""},
    {ACTION("{drop: true}"), 1, 59, "unknown key \"drop\" in an action"},
    {METHODS("withdraw: never"), 1, 85, "expected auto or manual"},
    {METHODS("withdraw_after: 120"), 1, 91, "expected a duration up to 7d"},
    {METHODS("lease: 0s"), 1, 82, "expected a duration from 1s to 7d"},
    {METHODS("max_duration: never"), 1, 89, "expected none or a duration"},
    {METHODS("platforms: [p]"), 1, 87, "platforms: no platform is called \"p\""},
    {METHODS("platforms: []"), 1, 86, "platforms: 0 items, expected 1 to 1000"},
};

/* One line each; what is checked is that the key is known, and its value too. */
static const struct bad not_yet[] = {
    {"aggregator: {baselines: 200000}\n", 1, 14, "baselines: not available yet"},
    {POLICY("baseline: {factor: 3, floor: {bps: 50M}}"), 1, 88, "baseline: not available yet"},
    {THRESHOLD("any: {hosts: 10}"), 3, 25, "hosts: not available yet"},
    {THRESHOLD("any: {sources: 10k}"), 3, 25, "sources: not available yet"},
    {THRESHOLD("any: {ratio_to_baseline: 3}"), 3, 25, "ratio_to_baseline: not available yet"},
    {THRESHOLD("any: {bps: 1G}, for: 3 of 5"), 3, 40, "not available yet"},
    {THRESHOLD("any: {bps: 1G}, for: \"3 of 5\""), 3, 40, "not available yet"},
    {THRESHOLD("any: {bps: 1G}, approval: required"), 3, 35, "approval: not available yet"},
    {THRESHOLD("any: {bps: 1G}, mitigate: [{all: [m]}]"), 3, 47, "all: not available yet"},
    {"methods: [{name: m, synthesize: {coverage: 95%}}]\n", 1, 21, "synthesize: not available yet"},
    {METHODS("fallback: m"), 1, 75, "fallback: not available yet"},
    {"methods: [{name: m, external: {webhook: x}}]\n", 1, 21, "external: not available yet"},
    {METHODS("max_collateral: 2%"), 1, 75, "max_collateral: not available yet"},
    {METHODS("scope: ingress"), 1, 75, "scope: not available yet"},
    {METHODS("hard_max: true"), 1, 75, "hard_max: not available yet"},
    {ACTION("{rate_limit_packets: 10k}"), 1, 59, "rate_limit_packets: not available yet"},
    {ACTION("{mark: ef}"), 1, 59, "mark: not available yet"},
    {ACTION("{redirect_vrf: \"1:1\"}"), 1, 59, "redirect_vrf: not available yet"},
    {ACTION("{redirect_ip: 192.0.2.1}"), 1, 59, "redirect_ip: not available yet"},
    {ACTION("{none: true}"), 1, 59, "none: not available yet"},
    {MATCH("source_port: evidence"), 1, 67, "evidence: not available yet"},
    {MATCH("source_port: [[evidence]]"), 1, 69, "evidence: not available yet"},
    {METHODS("synthesize: {}"), 1, 75, "synthesize: not available yet"},
    {POLICY("baseline: {}"), 1, 88, "baseline: not available yet"},
    {"vectors: {dns-amplification: {action: {discard: true}}}\n", 1, 1,
     "vectors: not available yet"},
    {"notifications: [{name: n, exec: /bin/true}]\n", 1, 1, "notifications: not available yet"},
    {"console: {enabled: true}\n", 1, 20, "console: not available yet"},
    {"speaker: {exabgp: {enabled: true}}\n", 1, 19, "exabgp: without \"peer\""},
    {"speaker: {exabgp: {enabled: true, peer: b}}\n", 1, 41, "peer: no peer is called \"b\""},
    {"redis: {state: {sentinels: [\"a:1\"]}}\n", 1, 17, "sentinels: not available yet"},
    {"redis: {state: {master: weir}}\n", 1, 17, "master: not available yet"},
    {"exporters: [{address: 192.0.2.1, sees: before}]\n", 1, 34, "sees: not available yet"},
    {SPEAKER PEERS "exporters: [{address: 192.0.2.1, peer: a}]\n", 3, 34,
     "peer: not available yet"},
    {"protected_sources: [192.0.2.53/32]\n", 1, 1, "protected_sources: not available yet"},
    {"test_rule: {ipv4: 100.64.0.0/32}\n", 1, 1, "test_rule: not available yet"},
    {PLATFORM("default_action: {discard: true}"), 3, 35, "default_action: not available yet"},
    /* Their values are judged all the same. */
    {"protected_sources: []\ninfrastructure: [x]\n", 2, 18, "infrastructure: \"x\", expected"},
    {"notifications: []\nprofiles: []\nvectors: {}\nconsole: {enabled: false, http: x}\n", 4, 33,
     "http: \"x\", expected an address and a port"},
};

Test(config_rules, wrong_peers_and_platforms_are_refused)
{
    CHECK(bad_peers);
}

Test(config_rules, wrong_policies_are_refused)
{
    CHECK(bad_policies);
}

Test(config_rules, wrong_methods_are_refused)
{
    CHECK(bad_methods);
}

Test(config_rules, what_is_not_built_yet_is_said_and_never_ignored)
{
    CHECK(not_yet);
}

Test(config_rules, inner_keys_of_what_is_not_built_yet_are_judged_in_the_same_run)
{
    static const char *const cases[][2] = {
        {"test_rule: {ipv4: 192.0.2.1/31}\n",
         "t.yaml:1:1: test_rule: not available yet\n"
         "t.yaml:1:19: ipv4: \"192.0.2.1/31\", expected an address or a prefix such as "
         "198.51.100.0/24, no bits set behind its length\n"},
        {"methods:\n"
         "  - name: b\n"
         "    blackhole: {ipv4: {next_hop: \"100::1\"}, ipv6: {next_hop: 192.0.2.1, x: 1}, y: 1,\n"
         "      communities: [666, \"65536:1\"], peers: {nobody: {no_export: 1, z: 1}}}\n"
         "  - name: d\n"
         "    divert: {communities: \"1:1\", prefix: net}\n"
         "  - name: e\n"
         "    external: {webhok: x, start: [], stop: ok}\n",
         "t.yaml:3:34: next_hop: \"100::1\", expected an IPv4 address\n"
         "t.yaml:3:62: next_hop: \"192.0.2.1\", expected an IPv6 address\n"
         "t.yaml:3:73: unknown key \"x\" in ipv6, expected one of next_hop\n"
         "t.yaml:3:80: unknown key \"y\" in blackhole, expected one of ipv4, ipv6, communities, "
         "peers\n"
         "t.yaml:4:21: communities: \"666\", expected a community such as \"65535:666\", "
         "\"64500:1:2\" or \"rt:64500:100\"\n"
         "t.yaml:4:26: communities: \"65536:1\", expected a community such as \"65535:666\", "
         "\"64500:1:2\" or \"rt:64500:100\"\n"
         "t.yaml:4:46: peers: no peer is called \"nobody\", expected the name of one\n"
         "t.yaml:4:66: no_export: \"1\", expected true or false\n"
         "t.yaml:4:69: unknown key \"z\" in a peer of the method, expected one of ipv4, ipv6, "
         "communities, no_export\n"
         "t.yaml:6:13: divert without \"next_hop\", expected it: the scrubbing centre; for "
         "its own family\n"
         "t.yaml:6:27: communities: \"1:1\", expected a list of communities\n"
         "t.yaml:6:42: prefix: \"net\", expected host\n"
         "t.yaml:8:5: external: not available yet\n"
         "t.yaml:8:15: external without \"webhook\", expected it: the address that is posted to\n"
         "t.yaml:8:16: unknown key \"webhok\" in external, expected \"webhook\"?\n"
         "t.yaml:8:34: start: a list, expected a text of 1 to 256 characters\n"},
        {ACTION("{mark: af44}"), "t.yaml:1:59: mark: not available yet\n"
                                 "t.yaml:1:65: mark: \"af44\", expected a DSCP: 0 to 63, ef, va, "
                                 "af11 to af43, cs0 to cs7\n"},
        {ACTION("{redirect_vrf: \"65536:65536\"}"),
         "t.yaml:1:59: redirect_vrf: not available yet\n"
         "t.yaml:1:73: redirect_vrf: \"65536:65536\", expected a route target such as "
         "\"64500:100\"\n"},
        {ACTION("{redirect_ip: x}"), "t.yaml:1:59: redirect_ip: not available yet\n"
                                     "t.yaml:1:72: redirect_ip: \"x\", expected an IPv4 or IPv6 "
                                     "address\n"},
        {ACTION("{rate_limit_packets: 0}"),
         "t.yaml:1:59: rate_limit_packets: not available yet\n"
         "t.yaml:1:79: rate_limit_packets: \"0\", expected packets a second from 1 to "
         "4294967295\n"},
        {METHODS("fallback: n"), "t.yaml:1:75: fallback: not available yet\n"
                                 "t.yaml:1:85: fallback: no method is called \"n\", expected the "
                                 "name of one\n"},
        {PLATFORM("default_action: {drop: true}"),
         "t.yaml:3:35: default_action: not available yet\n"
         "t.yaml:3:52: unknown key \"drop\" in an action, expected one of discard, rate_limit, "
         "rate_limit_packets, mark, redirect_vrf, redirect_ip, none\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        bad_check_all(cases[i][0], cases[i][1]);
}
