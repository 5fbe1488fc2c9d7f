#include "common/model/record_facts.h"
#include "flowspec/match.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

/* Records as the decoders give them, tried against a rule. */
struct record_case {
    char what[60];
    char text[70];
    struct flow_record record;
    enum match want;
};

#define IPV4 .dst_addr = {.family = ADDR_IPV4, .octets = {203, 0, 113, 45}}
#define IPV6 .dst_addr = {.family = ADDR_IPV6, .octets = {0x20, 0x01, 0x0d, 0xb8}}
enum {
    ADDRESSED = FLOW_DST_ADDR | FLOW_PROTOCOL,
    PORTS = ADDRESSED | FLOW_SRC_PORT | FLOW_DST_PORT,
    COUNTED = FLOW_PACKETS | FLOW_BYTES
};

ParameterizedTestParameters(record_facts, are_what_the_record_tells)
{
    static struct record_case cases[] = {
        {"NetFlow 5 of many packets: a port",
         "destination 203.0.113.45/32 source-port =53",
         {IPV4, .has = PORTS, .protocol = 17, .src_port = 53},
         MATCH_YES},
        {"the flags of many packets",
         "protocol =tcp tcp-flags syn",
         {IPV4, .has = PORTS | FLOW_TCP_FLAGS | COUNTED, .protocol = 6, .src_port = 9,
          .tcp_flags = 2, .packets = 3, .bytes = 120},
         MATCH_UNKNOWN},
        {"the flags of one",
         "protocol =tcp tcp-flags syn",
         {IPV4, .has = PORTS | FLOW_TCP_FLAGS | COUNTED, .protocol = 6, .src_port = 9,
          .tcp_flags = 2, .packets = 1, .bytes = 40},
         MATCH_YES},
        {"its length",
         "packet-length =40",
         {IPV4, .has = ADDRESSED | COUNTED, .protocol = 6, .packets = 1, .bytes = 40},
         MATCH_YES},
        {"no average",
         "packet-length =40",
         {IPV4, .has = ADDRESSED | COUNTED, .protocol = 6, .packets = 3, .bytes = 120},
         MATCH_UNKNOWN},
        {"least and most are the same",
         "packet-length =40",
         {IPV4, .has = ADDRESSED | COUNTED | FLOW_MIN_LENGTH | FLOW_MAX_LENGTH, .protocol = 6,
          .packets = 3, .bytes = 120, .min_length = 40, .max_length = 40},
         MATCH_YES},
        {"most is below",
         "packet-length >1500",
         {IPV4, .has = ADDRESSED | FLOW_MAX_LENGTH, .protocol = 6, .max_length = 1500},
         MATCH_NO},
        {"sFlow: the sampled header's length, not the frame's",
         "packet-length =46",
         {IPV4, .has = ADDRESSED | COUNTED | FLOW_IP_LENGTH, .format = FORMAT_SFLOW5, .protocol = 6,
          .packets = 1, .bytes = 64, .ip_length = 46},
         MATCH_YES},
        {"sFlow: the frame's says nothing",
         "packet-length =64",
         {IPV4, .has = ADDRESSED | COUNTED, .format = FORMAT_SFLOW5, .protocol = 6, .packets = 1,
          .bytes = 64},
         MATCH_UNKNOWN},
        {"sFlow: a later fragment, ports cleared",
         "port >=0",
         {IPV4, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_SFLOW5, .protocol = 17,
          .fragment = FRAGMENT_LATER},
         MATCH_NO},
        {"and it is one",
         "fragment is-fragment&!last-fragment",
         {IPV4, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_SFLOW5, .protocol = 17,
          .fragment = FRAGMENT_LATER},
         MATCH_YES},
        {"IPFIX: an offset",
         "protocol =udp fragment is-fragment",
         {IPV4, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_IPFIX, .protocol = 17,
          .fragment = FRAGMENT_LATER},
         MATCH_YES},
        {"IPFIX: without flags none is the last",
         "fragment last-fragment",
         {IPV4, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_IPFIX, .protocol = 17,
          .fragment = FRAGMENT_LATER},
         MATCH_UNKNOWN},
        {"IPFIX: flags without offset",
         "fragment is-fragment",
         {IPV4, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_IPFIX, .protocol = 17},
         MATCH_UNKNOWN},
        {"DSCP is six of eight bits",
         "dscp =46",
         {IPV4, .has = ADDRESSED | FLOW_TOS, .protocol = 17, .tos = 46 << 2 | 1},
         MATCH_YES},
        {"ICMP",
         "icmp-type =8 icmp-code =0",
         {IPV4, .has = ADDRESSED | FLOW_ICMP, .protocol = 1, .icmp_type = 8},
         MATCH_YES},
        {"IPv6: a fragment header is no protocol",
         "destination 2001:db8::/32 protocol =44",
         {IPV6, .has = ADDRESSED, .protocol = 44},
         MATCH_UNKNOWN},
        {"IPv6: nothing behind a later fragment's options",
         "destination 2001:db8::/32 protocol >=0",
         {IPV6, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_SFLOW5, .protocol = 60,
          .fragment = FRAGMENT_LATER},
         MATCH_NO},
        {"IPv6: cut off in the chain of headers",
         "destination 2001:db8::/32 fragment is-fragment",
         {IPV6, .has = ADDRESSED | FLOW_FRAGMENT, .format = FORMAT_SFLOW5, .protocol = 0},
         MATCH_UNKNOWN},
        {"IPv6: flow label",
         "destination 2001:db8::/32 flow-label =7",
         {IPV6, .has = ADDRESSED | FLOW_FLOW_LABEL, .protocol = 17, .flow_label = 7},
         MATCH_YES},
        {"IPv6: a jumbogram may be longer",
         "destination 2001:db8::/32 packet-length =65535",
         {IPV6, .has = ADDRESSED | FLOW_IP_LENGTH | COUNTED, .format = FORMAT_SFLOW5,
          .protocol = 17, .packets = 1, .ip_length = 65535},
         MATCH_UNKNOWN},
        {"no address: no family",
         "protocol =udp",
         {.has = FLOW_PROTOCOL, .protocol = 17},
         MATCH_UNKNOWN},
    };
    return cr_make_param_array(struct record_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct record_case *c, record_facts, are_what_the_record_tells)
{
    static struct flow_rule rule;
    static struct match_program program;
    struct flow_actions actions;
    struct rule_error error = {0};
    struct flow_facts facts;
    char text[100];
    snprintf(text, sizeof(text), "match %s", c->text);
    cr_assert_eq(rule_parse_text(&rule, &actions, text, &error), STATUS_OK, "%s: %s", text,
                 error.why);
    match_compile(&program, &rule);
    record_facts(&facts, &c->record);
    cr_expect_eq(match_facts(&program, &facts), c->want, "%s: %s", c->what, c->text);
}
