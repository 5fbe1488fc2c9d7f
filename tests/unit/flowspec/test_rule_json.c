#include "flowspec/rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <string.h>

static struct flow_rule rule, again;

struct json_case {
    char text[150];
    char json[300];
};

static void check_says_what_the_text_says(const struct json_case *c)
{
    struct flow_actions actions, actions_again;
    struct rule_error error = {0};
    struct text out;
    text_init(&out, 0);
    cr_assert_eq(rule_parse_text(&rule, &actions, c->text, &error), STATUS_OK, "%s", error.why);
    cr_assert_eq(rule_format_json(&rule, &actions, &out), STATUS_OK);
    cr_expect_str_eq(text_str(&out), c->json);
    cr_assert_eq(rule_parse_json(&again, &actions_again, c->json, &error), STATUS_OK, "%s",
                 error.why);
    cr_expect(rule_equal(&rule, &again), "%s", c->text);
    cr_expect(actions_equal(&actions, &actions_again), "%s", c->text);
    text_done(&out);
}

Test(rule_json, says_what_the_text_says)
{
    static struct json_case cases[] = {
        {"match destination 203.0.113.45/32 source 198.51.100.0/24 protocol =udp source-port =53 "
         "packet-length >=0&<=100 tcp-flags syn then rate-limit 10Mbps",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"203.0.113.45/32\", \"source\": "
         "\"198.51.100.0/24\", \"protocol\": \"udp\", \"source-port\": 53, \"tcp-flags\": \"syn\", "
         "\"packet-length\": \"0..100\"}, \"then\": {\"rate-limit\": 10000000, "
         "\"rate-limit-unit\": \"bps\", \"rate-limit-bytes\": 1250000}}}}"},
        {"match destination 192.0.2.1/32 port =80,=443,>1023&<2048&!=1500 then discard",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"192.0.2.1/32\", \"port\": [80, "
         "443, [\">1023\", \"<2048\", \"!=1500\"]]}, \"then\": {\"discard\": true}}}}"},
        {"match destination 192.0.2.1/32 tcp-flags syn&!ack then discard",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"192.0.2.1/32\", \"tcp-flags\": "
         "[[\"syn\", \"!ack\"]]}, \"then\": {\"discard\": true}}}}"},
        {"match destination 192.0.2.1/32 tcp-flags only syn,null then mark ef sample terminal",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"192.0.2.1/32\", \"tcp-flags\": "
         "[\"only syn\", \"null\"]}, \"then\": {\"mark\": 46, \"sample\": true, \"terminal\": "
         "true}}}}"},
        {"match ipv6 icmp-type =128 then redirect-to-ip 2001:db8::9 copy",
         "{\"announce\": {\"flow\": {\"family\": \"ipv6\", \"match\": {\"icmp-type\": 128}, "
         "\"then\": {\"redirect-to-ip\": \"2001:db8::9\", \"copy\": true}}}}"},
        {"match destination ::/64-128 then redirect 65001:100 rate-limit-packets 5",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"::/64-128\"}, \"then\": "
         "{\"rate-limit-packets\": 5, \"redirect\": \"65001:100\"}}}}"},
        {"match destination 192.0.2.1/32",
         "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"192.0.2.1/32\"}, \"then\": "
         "{}}}}"},
    };
    TABLE_RUN(cases, check_says_what_the_text_says)
}

struct reading_case {
    char match[100], then[100], text[160];
};

static void check_reads_what_adapters_write(const struct reading_case *c)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    struct text json, out;
    text_init(&json, 0);
    text_init(&out, 0);
    text_addf(&json, "{\"announce\":{\"flow\":{\"match\":{%s},\"then\":{%s}}}}", c->match, c->then);
    cr_assert_eq(rule_parse_json(&rule, &actions, text_str(&json), &error), STATUS_OK, "%s: %s",
                 text_str(&json), error.why);
    cr_assert_eq(rule_format_text(&rule, &actions, &out), STATUS_OK);
    cr_expect_str_eq(text_str(&out), c->text);
    text_done(&out);
    text_done(&json);
}

Test(rule_json, reads_what_adapters_write)
{
    static struct reading_case cases[] = {
        {"\"protocol\": 17, \"destination-port\": \"=53\"", "\"rate-limit\": 0",
         "match protocol =udp destination-port =53 then discard"},
        {"\"tcp-flags\": [\"syn\"]", "\"rate-limit\": \"1Mbps\"",
         "match tcp-flags syn then rate-limit 125000B/s"},
        {"\"port\": \">=5&<=9,80..90\"", "\"rate-limit\": 9600, \"rate-limit-unit\": \"B/s\"",
         "match port >=5&<=9,>=80&<=90 then rate-limit 9600B/s"},
        {"\"packet-length\": [[\">=5\", \"<=9\"], \"20..30\", 7]", "\"rate-limit-bytes\": 77",
         "match packet-length >=5&<=9,>=20&<=30,=7 then rate-limit 77B/s"},
        {"\"next-header\": \"tcp\", \"flow-label\": 5", "\"discard\": false, \"mark\": \"cs6\"",
         "match ipv6 protocol =tcp flow-label =5 then mark cs6"},
        {"\"destination\": \"192.0.2.1\", \"dscp\": \"ef\"", "\"sample\": true",
         "match destination 192.0.2.1/32 dscp =ef then sample"},
        {"\"port\": [[\">=5\", [7, 9, \"20..30\"]]]", "\"sample\": true",
         "match port >=5&=7,>=5&=9,>=5&>=20&<=30 then sample"},
        {"\"port\": [[\"5,6\", \"!=5\"], 9]", "\"sample\": true",
         "match port =6&!=5,=9 then sample"},
        {"\"tcp-flags\": [[[\"syn\", \"ack\"], \"!syn\"]]", "\"sample\": true",
         "match tcp-flags ack&!syn then sample"},
        {"\"port\": [[[5, 6], 7]]", "\"sample\": true", "match port =5&=7 then sample"},
    };
    TABLE_RUN(cases, check_reads_what_adapters_write)
}

/* Two groups hold at once; what one says of a component meets what the other says of it. */
Test(rule_json, groups_hold_at_once)
{
    static const struct {
        const char *match, *text;
    } cases[] = {
        {"[{\"protocol\": \"udp\"}, {\"source-port\": [53, 123]}]",
         "match protocol =udp source-port =53,=123"},
        {"[{\"port\": [80, \">1000\"], \"protocol\": 6}, {\"dscp\": 1}, {\"port\": \"<2000\"}]",
         "match protocol =tcp port =80&<2000,>1000&<2000 dscp =1"},
        {"[{\"destination\": \"192.0.2.0/24\"}, {\"destination\": \"192.0.2.9\"}]",
         "match destination 192.0.2.9/32"},
        {"[{\"source\": \"2001:db8::/64\"}, {\"source\": \"2001:db8::/32\"}]",
         "match source 2001:db8::/64"},
        {"[{\"destination\": \"192.0.2.0/24\"}, {\"destination\": \"192.0.3.9\"}]", NULL},
        {"[{\"port\": 80}, 5]", NULL},
        {"[]", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow_actions actions;
        struct rule_error error = {0};
        struct text json, out;
        text_init(&json, 0);
        text_init(&out, 0);
        text_addf(&json,
                  "{\"announce\": {\"flow\": {\"match\": %s, \"then\": {\"discard\": true}}}}",
                  cases[i].match);
        enum status s = rule_parse_json(&rule, &actions, text_str(&json), &error);
        cr_expect_eq(s == STATUS_OK, cases[i].text != NULL, "%s: %s", cases[i].match, error.why);
        if (s == STATUS_OK) {
            rule_format_text(&rule, NULL, &out);
            cr_expect_str_eq(text_str(&out), cases[i].text);
        }
        text_done(&json);
        text_done(&out);
    }
}

/* Two values at each of so many levels: 2^n conjunctions, of which none is kept. */
Test(rule_json, what_multiplies_out_to_too_much_is_refused)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    struct text json;
    text_init(&json, 0);
    text_add(&json, "{\"announce\": {\"flow\": {\"match\": {\"tcp-flags\": [[");
    for (int i = 0; i < 40; i++)
        text_addf(&json, "%s[%d, \"!=0x%x\"]", i > 0 ? ", " : "", 1 << i % 8, 3 << i % 8);
    text_add(&json, "]]}, \"then\": {\"discard\": true}}}}");
    cr_expect_eq(rule_parse_json(&rule, &actions, text_str(&json), &error), STATUS_LIMIT);
    cr_expect(strstr(error.why, "tcp-flags: multiplied out") != NULL, "%s", error.why);
    text_done(&json);
}

struct refusal_case {
    char json[150];
    size_t at;
    char why[50];
};

#define MATCH(members)                                                                             \
    "{\"announce\":{\"flow\":{\"match\":{" members "},\"then\":{\"discard\":true}}}}"
#define THEN(members) "{\"announce\":{\"flow\":{\"match\":{\"port\":5},\"then\":{" members "}}}}"

static void check_points_at_the_error(const struct refusal_case *c)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    cr_assert_neq(rule_parse_json(&rule, &actions, c->json, &error), STATUS_OK, "%s", c->json);
    cr_expect_eq(error.at, c->at, "%s: at %zu, not %zu: %s", c->json, error.at, c->at, error.why);
    cr_expect(strstr(error.why, c->why) != NULL, "%s: %s", c->json, error.why);
}

Test(rule_json, points_at_the_error)
{
    static struct refusal_case cases[] = {
        {"", 0, ""},
        {"[]", 0, "announce or withdraw"},
        {"{\"announce\":{}}", 1, "one object, flow"},
        {"{\"announce\":{\"flow\":7}}", 1, "one object, flow"},
        {"{\"announce\":{\"flow\":{}}}", 13, "needs match"},
        {"{\"announce\":{\"flow\":{\"match\":{\"port\":5}}}}", 13, "needs then"},
        {"{\"announce\":{\"flow\":{\"match\":{},\"then\":{}}}}", 21, "at least one component"},
        {"{\"announce\":{\"flow\":{\"match\":{\"port\":5},\"than\":{}}}}", 40, "than"},
        {"{\"announce\": x", 13, ""},
        {"{\"announce\":1,\"announce\":2}", 23, "duplicate"},
        {MATCH("\"colour\":5"), 30, "no component"},
        {MATCH("\"port\":65536"), 30, "not in 0 to 65535"},
        {MATCH("\"port\":-1"), 30, "not in 0 to 65535"},
        {MATCH("\"port\":1.5"), 30, "number, a string or a list"},
        {MATCH("\"port\":[]"), 30, "empty list"},
        {MATCH("\"port\":[[]]"), 38, "empty list"},
        {MATCH("\"port\":[5,[7,[]]]"), 43, "empty list"},
        {MATCH("\"port\":[[[[[[[[[5]]]]]]]]]"), 45, "more than 8 deep"},
        {MATCH("\"port\":[80,65536]"), 41, "not in 0 to 65535"},
        {MATCH("\"port\":[80,[\">5\",\"<x\"]]"), 49, "neither a number"},
        {MATCH("\"protocol\":\"tcp\",\"port\":\"tcp\""), 55, "neither a number"},
        {MATCH("\"protocol\":\"\\u0074c\\u0070,\\u0078\""), 56, "neither a number"},
        {MATCH("\"p\\u006frt\":99999"), 30, "not in 0"},
        {MATCH("\"port\":\"=80x\""), 39, "neither a number"},
        {MATCH("\"port\":\"80 81\""), 40, "unexpected"},
        {MATCH("\"destination\":[\"192.0.2.1\"]"), 30, "one prefix"},
        {MATCH("\"destination\":\"192.0.2.1/24\""), 45, "not a prefix"},
        {MATCH("\"destination\":\"::1\",\"source\":\"192.0.2.1\""), 50, "other family"},
        {MATCH("\"protocol\":6,\"next-header\":6"), 43, "there twice"},
        {MATCH("\"tcp-flags\":0"), 30, "not in 1"},
        {MATCH("\"destination\":\"192.0.2.1\",\"flow-label\":1"), 56, "IPv4 has no"},
        {THEN("\"drop\":true"), 48, "no action"},
        {THEN("\"discard\":1"), 48, "true or false"},
        {THEN("\"discard\":true,\"rate-limit\":5"), 40, "together"},
        {THEN("\"rate-limit\":-5"), 48, "0 or more"},
        {THEN("\"rate-limit\":\"5\""), 63, "needs its unit"},
        {THEN("\"rate-limit\":5,\"rate-limit-unit\":\"Mbps\""), 63, "bps or B/s"},
        {THEN("\"rate-limit-unit\":\"bps\""), 48, "as a number"},
        {THEN("\"rate-limit\":\"5Mbps\",\"rate-limit-unit\":\"B/s\""), 69, "as a number"},
        {THEN("\"rate-limit\":80,\"rate-limit-bytes\":11"), 64, "differ"},
        {THEN("\"mark\":64"), 48, "DSCP"},
        {THEN("\"redirect\":\"x\""), 60, "ASN:N"},
        {THEN("\"copy\":true"), 40, "without redirect-to-ip"},
    };
    TABLE_RUN(cases, check_points_at_the_error)
}

Test(rule_json, a_withdrawal_needs_no_action_and_units_can_be_bytes)
{
    const struct rule_json_options bytes = {.rate_in_bytes = true};
    struct flow_actions actions;
    struct rule_error error = {0};
    struct text out;
    bool withdraw = false;
    text_init(&out, 0);
    cr_assert_eq(rule_parse_json_message(&rule, &actions, &withdraw,
                                         "{\"withdraw\":{\"flow\":{\"match\":{\"port\":5}}}}", NULL,
                                         &error),
                 STATUS_OK);
    cr_expect(withdraw);
    cr_assert_eq(rule_format_json(&rule, NULL, &out), STATUS_OK);
    cr_expect_str_eq(text_str(&out), "{\"withdraw\": {\"flow\": {\"match\": {\"port\": 5}}}}");
    cr_assert_eq(rule_parse_json_message(&rule, &actions, &withdraw, THEN("\"rate-limit\":800"),
                                         &bytes, &error),
                 STATUS_OK);
    cr_expect_not(withdraw);
    cr_expect_float_eq(actions.rate_bytes, 800, 0);
    cr_assert_eq(rule_parse_json(&rule, &actions, THEN("\"rate-limit\":800"), &error), STATUS_OK);
    cr_expect_float_eq(actions.rate_bytes, 100, 0);
    text_done(&out);
}
