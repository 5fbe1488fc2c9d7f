#include "speaker/adapter_line.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCH "\"match\": {\"destination\": \"198.51.100.45/32\", \"protocol\": \"udp\"}"
#define THEN "\"then\": {\"rate-limit\": 8000}"
#define FLOW "{\"flow\": {" MATCH ", " THEN "}}"
#define TEXT "match destination 198.51.100.45/32 protocol =udp"

static struct adapter_line line;
static struct rule_error error;

static enum status parse(const char *text, bool in_bytes)
{
    return adapter_line_parse(&line, text, strlen(text), in_bytes, &error);
}

struct good_case {
    char json[300], text[160], reason[20];
    int ttl_ms;
    bool withdraw, exact;
};

ParameterizedTestParameters(adapter_line, says_what_is_asked)
{
    static struct good_case cases[] = {
        {"{\"announce\": " FLOW "}", TEXT " then rate-limit 1000B/s", "", 0, false, false},
        {"{\"announce\": " FLOW ", \"ttl\": \"10m\", \"reason\": \"why\"}",
         TEXT " then rate-limit 1000B/s", "why", 600000, false, false},
        {"{\"for\": \"1h\", \"announce\": " FLOW "}", TEXT " then rate-limit 1000B/s", "", 3600000,
         false, false},
        {"{\"announce\": " FLOW ", \"ttl\": 90}", TEXT " then rate-limit 1000B/s", "", 90000, false,
         false},
        {"{\"announce\": " FLOW ", \"ttl\": 1.5}", TEXT " then rate-limit 1000B/s", "", 1500, false,
         false},
        {"{\"announce\": {\"ttl\": \"10m\", \"flow\": {" MATCH ", " THEN "}}}",
         TEXT " then rate-limit 1000B/s", "", 600000, false, false},
        {"{\"announce\": {\"flow\": {" MATCH ", " THEN ", \"ttl\": \"10m\"}}}",
         TEXT " then rate-limit 1000B/s", "", 600000, false, false},
        {"{\"withdraw\": {\"flow\": {" MATCH "}}}", TEXT, "", 0, true, false},
        {"{\"withdraw\": " FLOW "}", TEXT, "", 0, true, false},
        {"{\"withdraw\": {\"flow\": {" MATCH "}}, \"exact\": true}", TEXT, "", 0, true, true},
        {"{\"withdraw\": {\"flow\": {" MATCH "}, \"exact\": true}}", TEXT, "", 0, true, true},
        {"{\"withdraw\": {\"flow\": {" MATCH ", \"exact\": true}}}", TEXT, "", 0, true, true},
        {"{\"withdraw\": {\"flow\": {" MATCH "}}, \"exact\": false}", TEXT, "", 0, true, false},
    };
    return cr_make_param_array(struct good_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct good_case *c, adapter_line, says_what_is_asked)
{
    cr_assert_eq(parse(c->json, false), STATUS_OK, "%s: %s", c->json, error.why);
    cr_expect_str_eq(line.text, c->text);
    cr_expect_str_eq(line.reason, c->reason);
    cr_expect_eq(line.ttl_ms, (uint64_t)c->ttl_ms);
    cr_expect_eq(line.withdraw, c->withdraw);
    cr_expect_eq(line.exact, c->exact);
    cr_expect_gt(line.nlri_len, 2);
}

struct bad_case {
    char json[260], why[60];
};

ParameterizedTestParameters(adapter_line, says_what_is_wrong)
{
    static struct bad_case cases[] = {
        {"", "expected"},
        {"[]", "announce or withdraw"},
        {"{\"announce\": " FLOW ", \"withdraw\": " FLOW "}", "announce or withdraw"},
        {"{\"announce\": " FLOW ", \"tll\": 5}", "announce or withdraw"},
        {"{\"announce\": {\"flow\": {" MATCH "}}}", "needs then"},
        {"{\"announce\": {\"flow\": {" MATCH
         ", \"then\": {\"discard\": true, \"rate-limit\": 5}}}}",
         "discard"},
        {"{\"announce\": " FLOW ", \"ttl\": \"10\"}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": \"31d\"}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": \"999ms\"}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": 0}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": -5}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": 1e300}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": null}", "ttl: expected"},
        {"{\"announce\": " FLOW ", \"ttl\": 5, \"for\": \"5s\"}", "twice"},
        {"{\"announce\": " FLOW ", \"exact\": 1}", "exact is"},
        {"{\"announce\": " FLOW ", \"reason\": 1}", "reason is"},
        {"{\"announce\": " FLOW "} x", "end of file"},
    };
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, adapter_line, says_what_is_wrong)
{
    cr_assert_neq(parse(c->json, false), STATUS_OK, "%s", c->json);
    cr_expect_not_null(strstr(error.why, c->why), "%s: %s", c->json, error.why);
}

Test(adapter_line, every_cut_is_refused)
{
    static const char whole[] = "{\"announce\": " FLOW ", \"ttl\": \"10m\"}";
    for (size_t len = 0; len < sizeof(whole) - 1; len++)
        cr_expect_neq(adapter_line_parse(&line, whole, len, false, &error), STATUS_OK, "%zu", len);
    cr_expect_eq(adapter_line_parse(&line, whole, sizeof(whole), false, &error), STATUS_MALFORMED,
                 "an octet of 0 ends nothing");
}

/* Past what a request can carry, though a route could. */
Test(adapter_line, a_rule_has_so_many_characters)
{
    struct text json;
    text_init(&json, 0);
    text_add(&json, "{\"announce\": {\"flow\": {\"match\": {\"destination\": \"198.51.100.45/32\", "
                    "\"source-port\": [");
    for (int i = 0; i < 500; i++)
        text_addf(&json, "%s%d", i > 0 ? ", " : "", 10000 + 2 * i);
    text_add(&json, "]}, " THEN "}}}");
    cr_expect_eq(parse(text_str(&json), false), STATUS_MALFORMED);
    cr_expect_not_null(strstr(error.why, "2047"), "%s", error.why);
    text_done(&json);
}

static void expect_answer(const char *then, bool in_bytes, const char *want)
{
    char json[300];
    (void)snprintf(json, sizeof(json), "{\"announce\": {\"flow\": {" MATCH ", \"then\": %s}}}",
                   then);
    cr_assert_eq(parse(json, in_bytes), STATUS_OK, "%s", error.why);
    json_t *answer = json_object();
    adapter_add_rule(answer, &line.rule, &line.actions, in_bytes);
    (void)json_object_del(answer, "rule");
    (void)json_object_del(answer, "flow");
    char *text = json_dumps(answer, JSON_SORT_KEYS | JSON_COMPACT);
    cr_expect_str_eq(text, want);
    free(text);
    json_decref(answer);
}

Test(adapter_line, the_answer_always_says_the_rate)
{
    expect_answer("{\"rate-limit\": 8000}", false,
                  "{\"rate-limit\":8000,\"rate-limit-bytes\":1000,\"rate-limit-unit\":\"bps\"}");
    expect_answer("{\"rate-limit\": 8000}", true,
                  "{\"rate-limit\":8000,\"rate-limit-bytes\":8000,\"rate-limit-unit\":\"B/s\"}");
    expect_answer(
        "{\"rate-limit\": \"1MB/s\"}", false,
        "{\"rate-limit\":8000000,\"rate-limit-bytes\":1000000,\"rate-limit-unit\":\"bps\"}");
    expect_answer("{\"discard\": true}", false,
                  "{\"rate-limit\":0,\"rate-limit-bytes\":0,\"rate-limit-unit\":\"bps\"}");
    expect_answer("{\"sample\": true}", false,
                  "{\"rate-limit\":null,\"rate-limit-bytes\":null,\"rate-limit-unit\":\"bps\"}");
}
