#include "speaker/exabgp/command.h"

#include "flowspec/rule.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

static struct flow_rule rule, scratch;

struct rule_case {
    char rule[200], announce[400];
};

ParameterizedTestParameters(command, a_rule_in_its_words)
{
    static struct rule_case cases[] = {
        {"match destination 192.0.2.1/32 protocol =udp source-port =53 packet-length >=500&<=1500 "
         "then discard",
         "announce flow route { match { destination 192.0.2.1/32; protocol [ =17 ]; source-port [ "
         "=53 ]; packet-length [ >=500&<=1500 ]; } then { extended-community [ 0x8006000000000000 "
         "]; community [ 65535:65281 ]; } }"},
        {"match source 203.0.113.0/24 port !=443,=80,>1000 then rate-limit 1250000B/s",
         "announce flow route { match { source 203.0.113.0/24; port [ !=443 =80 >1000 ]; } then { "
         "extended-community [ 0x8006000049989680 ]; community [ 65535:65281 ]; } }"},
        {"match destination 2001:db8::1/128 protocol =58 dscp =4 flow-label =5 then discard",
         "announce flow route { match { destination 2001:db8::1/128; next-header [ =58 ]; "
         "traffic-class [ =4 ]; flow-label [ =5 ]; } then { extended-community [ "
         "0x8006000000000000 ]; community [ 65535:65281 ]; } }"},
        {"match destination 192.0.2.1/32 tcp-flags =syn&!ack fragment is-fragment then discard",
         "announce flow route { match { destination 192.0.2.1/32; tcp-flags [ =2&!16 ]; fragment "
         "[ 2 ]; } then { extended-community [ 0x8006000000000000 ]; community [ 65535:65281 ]; } "
         "}"},
        {"match destination 2001:db8::1/128 then redirect-to-ip 2001:db8::99",
         "announce flow route { match { destination 2001:db8::1/128; } then { "
         "redirect-to-nexthop-ietf 2001:db8::99; community [ 65535:65281 ]; } }"},
    };
    return cr_make_param_array(struct rule_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static enum status announce(const char *text, struct text *out, struct rule_error *error)
{
    static uint8_t nlri[4200];
    struct flow_actions actions = {0};
    struct action_communities made;
    size_t len;
    cr_assert_eq(rule_parse_text(&rule, &actions, text, error), STATUS_OK, "%s", error->why);
    cr_assert_eq(nlri_encode(&rule, nlri, sizeof(nlri), &len), STATUS_OK);
    cr_assert_eq(actions_encode_all(&actions, &made, error), STATUS_OK);
    struct communities c = {
        .at = made.at, .count = made.count, .ipv6 = made.ipv6, .ipv6_count = made.ipv6_count};
    struct command_path path = {.ibgp = true, .no_export = true, .local_preference = 100};
    struct command_route route = {
        .is_flow = true, .family = rule.family, .nlri = nlri, .nlri_len = len};
    return command_announce(&route, &c, &path, &scratch, out, error);
}

ParameterizedTest(struct rule_case *c, command, a_rule_in_its_words)
{
    struct text out;
    struct rule_error error = {0};
    text_init(&out, 0);
    cr_assert_eq(announce(c->rule, &out, &error), STATUS_OK, "%s", error.why);
    cr_expect_str_eq(text_str(&out), c->announce);
    text_done(&out);
}

Test(command, what_exabgp_would_take_for_something_else_is_refused)
{
    static const char *const rules[] = {
        "match ipv6 protocol =udp then discard", /* it would be one of IPv4 */
        "match destination 192.0.2.1/32 port true then discard",
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct text out;
        struct rule_error error = {0};
        text_init(&out, 0);
        cr_expect_eq(announce(rules[i], &out, &error), STATUS_UNSUPPORTED, "%s", rules[i]);
        cr_expect_neq(error.why[0], '\0');
        text_done(&out);
    }
}

Test(command, a_line_is_no_longer_than_a_pipe_takes_at_once)
{
    static char text[8000];
    struct text out;
    struct rule_error error = {0};
    size_t len = (size_t)snprintf(text, sizeof(text), "match destination 192.0.2.1/32 port ");
    for (int i = 0; i < 700; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%d", i > 0 ? "," : "",
                                10000 + 2 * i);
    (void)snprintf(text + len, sizeof(text) - len, " then discard");
    text_init(&out, 0);
    cr_expect_eq(announce(text, &out, &error), STATUS_LIMIT);
    text_done(&out);
}

Test(command, blackholes_of_both_families)
{
    static const uint8_t nlri4[] = {32, 192, 0, 2, 7}, hop4[] = {192, 0, 2, 254};
    static const uint8_t nlri6[] = {32, 0x20, 0x01, 0x0d, 0xb8}, hop6[16] = {0x20, 0x01, [15] = 1};
    static const uint8_t standard[][4] = {{0xff, 0xff, 0x02, 0x9a}};
    static const uint8_t large[][12] = {{0, 0, 0xfb, 0xf4, 0, 0, 0, 1, 0, 0, 0, 2}};
    static const uint8_t extended[][8] = {{0, 2, 0xfb, 0xf4, 0, 0, 0, 100}};
    struct text out;
    struct rule_error error = {0};
    struct communities c = {.standard = standard,
                            .standard_count = 1,
                            .next_hop = hop4,
                            .next_hop_len = 4,
                            .exported = EXPORT_NOT};
    struct command_path path = {.ibgp = true, .local_preference = 120};
    struct command_route route = {.family = ADDR_IPV4, .nlri = nlri4, .nlri_len = sizeof(nlri4)};
    text_init(&out, 0);
    cr_assert_eq(command_announce(&route, &c, &path, &scratch, &out, &error), STATUS_OK);
    cr_expect_str_eq(text_str(&out), "announce route 192.0.2.7/32 next-hop 192.0.2.254 "
                                     "local-preference 120 community [ 65535:666 65535:65281 ] ");
    cr_assert_eq(command_withdraw(&route, &scratch, &out, &error), STATUS_OK);
    cr_expect_str_eq(text_str(&out), "withdraw route 192.0.2.7/32");
    route = (struct command_route){.family = ADDR_IPV6, .nlri = nlri6, .nlri_len = sizeof(nlri6)};
    c = (struct communities){.large = large,
                             .large_count = 1,
                             .at = extended,
                             .count = 1,
                             .next_hop = hop6,
                             .next_hop_len = 16};
    path = (struct command_path){0};
    cr_assert_eq(command_announce(&route, &c, &path, &scratch, &out, &error), STATUS_OK);
    cr_expect_str_eq(text_str(&out), "announce route 2001:db8::/32 next-hop 2001::1 "
                                     "large-community [ 64500:1:2 ] extended-community [ "
                                     "0x0002fbf400000064 ] ");
    route.nlri_len--;
    cr_expect_eq(command_withdraw(&route, &scratch, &out, &error), STATUS_MALFORMED);
    text_done(&out);
}
