#include "tests/unit/common/model/support.h"

/* Methods as templates, filled from keys. */

#define POLICY                                                                                     \
    "policies:\n"                                                                                  \
    "  - name: a\n"                                                                                \
    "    key: [dst_addr, protocol, src_port]\n"                                                    \
    "    thresholds: [{severity: major, any: {bps: 1G}, mitigate: [{method: m}]}]\n"
#define METHOD(match, action) "methods:\n  - {name: m, match: {" match "}, action: {" action "}}\n"

static struct flow_key key_of(const char *dst, unsigned int protocol, unsigned int src_port)
{
    struct flow_key key = {0};
    struct ip_addr addr;
    cr_assert_eq(addr_parse(&addr, dst), STATUS_OK);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    key_add_number(&key, DIM_PROTOCOL, protocol);
    key_add_number(&key, DIM_SRC_PORT, src_port);
    return key;
}

struct filled {
    enum status status;
    struct text text;
    struct flow_actions actions;
    struct rule_error error;
};

static struct filled fill(const struct loaded *l, const struct flow_key *key,
                          const struct model_given *given, uint32_t routers)
{
    struct filled filled = {0};
    struct flow_rule rule;
    text_init(&filled.text, 0);
    filled.status =
        model_method_rule(&l->model->methods[0], key != NULL ? &l->model->counts[0].spec : NULL,
                          key, given, routers, &rule, &filled.actions, &filled.error);
    if (filled.status == STATUS_OK)
        cr_assert_eq(rule_format_text(&rule, NULL, &filled.text), STATUS_OK);
    return filled;
}

Test(methods, holes_are_filled_and_literals_kept)
{
    static const struct {
        const char *match, *dst, *want;
    } cases[] = {
        {"destination: infer", "198.51.100.7", "match destination 198.51.100.7/32"},
        {"destination: infer, protocol: [udp]", "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =udp"},
        {"destination: infer, protocol: udp, source_port: [53, 123]", "2001:db8:100::7",
         "match destination 2001:db8:100::7/128 protocol =udp source-port =53,=123"},
        {"destination: infer, protocol: infer, source_port: infer", "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =udp source-port =53"},
        {"destination: infer, protocol: [17], packet_length: [[\">=500\", \"<=1500\"]]",
         "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =udp packet-length >=500&<=1500"},
        {"destination: infer, protocol: [tcp], tcp_flags: [syn]", "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =tcp tcp-flags syn"},
        {"destination: infer, protocol: [udp], fragment: [is-fragment, first-fragment]",
         "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =udp fragment is-fragment,first-fragment"},
        {"destination: infer, source: 203.0.113.0/24, protocol: [udp]", "198.51.100.7",
         "match destination 198.51.100.7/32 source 203.0.113.0/24 protocol =udp"},
        {"destination: 198.51.100.0/25, protocol: [udp], destination_port: [\"!53\"]",
         "198.51.100.7",
         "match destination 198.51.100.0/25 protocol =udp destination-port <53,>53"},
        {"destination: infer, protocol: [udp], source_port: {enabled: false, values: [53]}",
         "198.51.100.7", "match destination 198.51.100.7/32 protocol =udp"},
        {"destination: infer, protocol: [udp], dscp: [ef]", "198.51.100.7",
         "match destination 198.51.100.7/32 protocol =udp dscp =ef"},
        {"destination: infer, protocol: [udp], flow_label: [7]", "2001:db8:100::7",
         "match destination 2001:db8:100::7/128 protocol =udp flow-label =7"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[1024];
        snprintf(yaml, sizeof(yaml),
                 NETWORKS POLICY "methods:\n  - {name: m, match: {%s}, action: {discard: true}}\n",
                 cases[i].match);
        struct loaded l = load_good(yaml);
        struct flow_key key = key_of(cases[i].dst, 17, 53);
        struct filled filled = fill(&l, &key, NULL, 1);
        cr_expect_eq(filled.status, STATUS_OK, "%s: %s", cases[i].match, filled.error.why);
        cr_expect_str_eq(text_str(&filled.text), cases[i].want);
        cr_expect(filled.actions.discard);
        text_done(&filled.text);
        unload(&l);
    }
}

Test(methods, a_rate_in_bits_is_exactly_an_eighth_in_bytes)
{
    struct loaded l = load_good(
        NETWORKS POLICY METHOD("destination: infer, protocol: [udp]", "rate_limit: 10Mbps"));
    struct flow_key key = key_of("198.51.100.7", 17, 53);
    struct filled filled = fill(&l, &key, NULL, 4);
    cr_assert(filled.actions.has_rate);
    cr_assert(!filled.actions.discard);
    cr_assert_float_eq(filled.actions.rate_bytes, 1250000, 1e-9, "a router's own limit");
    text_done(&filled.text);
    unload(&l);

    l = load_good(NETWORKS POLICY METHOD("destination: infer, protocol: [udp]",
                                         "rate_limit: {total: 100Mbps}"));
    filled = fill(&l, &key, NULL, 4);
    cr_assert_float_eq(filled.actions.rate_bytes, 3125000, 1e-9, "shared by four");
    text_done(&filled.text);
    filled = fill(&l, &key, NULL, 0);
    cr_assert_float_eq(filled.actions.rate_bytes, 12500000, 1e-9, "nobody to share with");
    text_done(&filled.text);
    unload(&l);
}

Test(methods, a_key_gives_the_prefix_that_it_counts)
{
    struct loaded l = load_good(
        NETWORKS "policies:\n  - name: a\n    key: [\"dst_addr/24,48\"]\n"
                 "    thresholds: [{severity: major, any: {bps: 1G}, mitigate: [{method: m}]}]\n"
                 "methods:\n  - name: m\n    match: {destination: infer, protocol: [udp], "
                 "source_port: [53]}\n    action: {discard: true}\n");
    struct flow_key key = {0};
    struct ip_addr addr;
    cr_assert_eq(addr_parse(&addr, "198.51.100.0"), STATUS_OK);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    struct filled filled = fill(&l, &key, NULL, 1);
    cr_assert_eq(filled.status, STATUS_OK, "%s", filled.error.why);
    cr_assert_str_eq(text_str(&filled.text),
                     "match destination 198.51.100.0/24 protocol =udp source-port =53");
    text_done(&filled.text);
    unload(&l);
}

Test(methods, what_a_person_gives_fills_and_narrows)
{
    struct loaded l =
        load_good(NETWORKS METHOD("destination: infer, protocol: [udp]", "discard: true"));
    struct model_given given = {.has_destination = true};
    cr_assert_eq(prefix_parse(&given.destination, "198.51.100.9"), STATUS_OK);
    struct filled filled = fill(&l, NULL, &given, 1);
    cr_assert_eq(filled.status, STATUS_OK, "%s", filled.error.why);
    cr_assert_str_eq(text_str(&filled.text), "match destination 198.51.100.9/32 protocol =udp");
    text_done(&filled.text);
    filled = fill(&l, NULL, NULL, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    cr_assert_str_eq(filled.error.why, "the destination is inferred, and the key has none");
    given.destination.len = 0;
    filled = fill(&l, NULL, &given, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    cr_assert_str_eq(filled.error.why, "a /0 is refused as destination");
    given.has_source = true;
    cr_assert_eq(prefix_parse(&given.destination, "198.51.100.9"), STATUS_OK);
    cr_assert_eq(prefix_parse(&given.source, "203.0.113.1"), STATUS_OK);
    filled = fill(&l, NULL, &given, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    cr_assert_str_eq(filled.error.why, "the method has no source");
    unload(&l);

    l = load_good(
        NETWORKS METHOD("destination: 198.51.100.0/25, protocol: [udp]", "discard: true"));
    given = (struct model_given){.has_destination = true};
    cr_assert_eq(prefix_parse(&given.destination, "198.51.100.9"), STATUS_OK);
    filled = fill(&l, NULL, &given, 1);
    cr_assert_str_eq(text_str(&filled.text), "match destination 198.51.100.9/32 protocol =udp");
    text_done(&filled.text);
    cr_assert_eq(prefix_parse(&given.destination, "198.51.100.200"), STATUS_OK);
    filled = fill(&l, NULL, &given, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    unload(&l);
}

Test(methods, an_inferred_protocol_cannot_come_from_a_person)
{
    struct loaded l =
        load_good(NETWORKS METHOD("destination: infer, protocol: infer", "discard: true"));
    struct model_given given = {.has_destination = true};
    cr_assert_eq(prefix_parse(&given.destination, "198.51.100.9"), STATUS_OK);
    struct filled filled = fill(&l, NULL, &given, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    cr_assert_str_eq(filled.error.why, "the protocol is inferred, and the key has none");
    unload(&l);
}

Test(methods, a_template_of_one_family_refuses_the_other)
{
    struct loaded l = load_good(NETWORKS POLICY METHOD(
        "destination: infer, protocol: [udp], flow_label: [7]", "discard: true"));
    struct flow_key key = key_of("198.51.100.7", 17, 53);
    struct filled filled = fill(&l, &key, NULL, 1);
    cr_assert_eq(filled.status, STATUS_REFUSED);
    cr_assert_str_eq(filled.error.why, "the method cannot be said for IPv4");
    unload(&l);
}

Test(methods, mistakes_are_said_with_their_position)
{
    static const struct mistake mistakes[] = {
        {NETWORKS METHOD("protocol: [udp]", "discard: true"),
         "t.yaml:5:5: method \"m\" has no destination, expected `destination: infer`"},
        {NETWORKS METHOD("destination: infer, source: infer", "discard: true"),
         "t.yaml:5:51: method \"m\" infers both addresses"},
        {NETWORKS METHOD("destination: [198.51.100.1, 198.51.100.2]", "discard: true"),
         "t.yaml:5:37: destination is a list, expected infer or one prefix"},
        {NETWORKS METHOD("destination: 198.51.100.1/24", "discard: true"), "t.yaml:5:36: destinat"},
        {NETWORKS METHOD("destination: 0.0.0.0/0", "discard: true"),
         "t.yaml:5:36: destination: a /0 is refused"},
        {NETWORKS METHOD("destination: infer, protocol: [udq]", "discard: true"),
         "t.yaml:5:54: protocol: \"udq\""},
        {NETWORKS METHOD("destination: infer, protocol: [300]", "discard: true"), "t.yaml:5:54"},
        {NETWORKS METHOD("destination: infer, source_port: [\"53 then discard\"]", "discard: true"),
         "t.yaml:5:57: source_port: \"53 then discard\": expected one value"},
        {NETWORKS METHOD("destination: infer, source_port: [\"=53,=54\"]", "discard: true"),
         "t.yaml:5:57: source_port: \"=53,=54\": expected one value"},
        {NETWORKS METHOD("destination: infer, source_port: [\"\"]", "discard: true"),
         "t.yaml:5:57: source_port"},
        {NETWORKS METHOD("destination: infer, packet_length: [70000]", "discard: true"),
         "t.yaml:5:59: packet_length: \"70000\""},
        {NETWORKS METHOD("destination: infer, dscp: [64]", "discard: true"), "t.yaml:5:50: dscp"},
        {NETWORKS METHOD("destination: infer, tcp_flags: [foo]", "discard: true"),
         "t.yaml:5:55: tcp_flags"},
        {NETWORKS METHOD("destination: infer, dscp: infer", "discard: true"),
         "t.yaml:5:49: dscp cannot be inferred"},
        {NETWORKS METHOD("destination: 198.51.100.1, protocol: [udp], flow_label: [7]",
                         "discard: true"),
         "t.yaml:5:5: method \"m\" mixes what only IPv4 has with what only IPv6 has"},
        {NETWORKS METHOD("destination: infer, protocol: [udp], tcp_flags: [syn]", "discard: true"),
         "t.yaml:5:5: method \"m\" can match nothing: "},
        {NETWORKS METHOD("destination: infer, protocol: [udp], source_port: [[\"<5\", \">7\"]]",
                         "discard: true"),
         "t.yaml:5:5: method \"m\" can match nothing: "},
    };
    must_refuse(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}
