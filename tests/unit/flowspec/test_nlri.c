#include "flowspec/rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct flow_rule rule, again;

static size_t bytes_of(const char *hex, uint8_t *ret_bytes, size_t room)
{
    size_t len = 0;
    cr_assert_eq(text_parse_hex(ret_bytes, room, &len, hex), STATUS_OK, "%s", hex);
    return len;
}

struct nlri_case {
    char text[200];
    char hex[120];
};

static void check_case(const struct nlri_case *c)
{
    struct flow_actions actions;
    struct rule_error error = {0};
    uint8_t want[120], got[120];
    size_t want_len = bytes_of(c->hex, want, sizeof(want)), got_len = 0, taken = 0;
    cr_assert_eq(rule_parse_text(&rule, &actions, c->text, &error), STATUS_OK, "%s: %s", c->text,
                 error.why);
    cr_assert_eq(nlri_encode(&rule, got, sizeof(got), &got_len), STATUS_OK);
    cr_expect_arr_eq(got, want, want_len, "%s", c->text);
    cr_expect_eq(got_len, want_len);
    cr_assert_eq(nlri_decode(&again, rule.family, want, want_len, &taken, &error), STATUS_OK, "%s",
                 error.why);
    cr_expect_eq(taken, want_len);
    cr_expect(rule_equal(&rule, &again), "%s", c->text);
}

Test(nlri, text_and_bytes_agree)
{
    static struct nlri_case cases[] = {
        {"match destination 192.0.2.0/24 protocol =tcp port =25", "0b0118c00002038106048119"},
        {"match destination 192.0.2.0/24 source 203.0.113.0/24 port >=137&<=139,=8080",
         "120118c000020218cb0071040389458b911f90"},
        {"match destination 192.0.2.1/32 fragment dont-fragment+first-fragment",
         "090120c00002010c8005"},
        {"match destination 2001:db8::/32 source ::1234:5678:9a00:0/64-104 protocol =tcp",
         "1201200020010db8026840123456789a038106"},
        {"match destination 2001:db8::/32 source ::1234:5678:9a00:0/65-104",
         "0f01200020010db80268412468acf134"},
        {"match destination ::/0", "03010000"},
        {"match destination 0.0.0.0/0", "020100"},
        {"match destination 192.0.2.1/32 tcp-flags =syn+ns", "0a0120c000020109910102"},
        {"match ipv6 flow-label =1", "060da100000001"},
        {"match destination 192.0.2.1/32 dscp true", "090120c00002010b8700"},
    };
    TABLE_RUN(cases, check_case)
}

Test(nlri, encode_refuses_what_must_not_be_sent)
{
    uint8_t bytes[64];
    size_t len;
    rule_init(&rule, ADDR_IPV4);
    cr_expect_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_MALFORMED, "empty");
    cr_expect_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ, 65536), STATUS_RANGE);
    cr_expect_eq(rule_add_op(&rule, COMPONENT_TCP_FLAGS, OP_MATCH, 0), STATUS_RANGE);
    cr_expect_eq(rule_add_op(&rule, COMPONENT_FLOW_LABEL, OP_EQ, 1), STATUS_MALFORMED);
    cr_expect_eq(rule_add_op(&rule, COMPONENT_DESTINATION, OP_EQ, 1), STATUS_MALFORMED);
    cr_expect_eq(rule.present, 0);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ | OP_AND, 80), STATUS_OK);
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PROTOCOL, OP_EQ, 6), STATUS_OK);
    cr_expect_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ, 81), STATUS_MALFORMED, "left before");
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(len, 7);
    cr_expect_arr_eq(bytes, ((uint8_t[]){6, 3, 0x81, 6, 4, 0x81, 80}), 7);
    for (size_t room = 0; room < 7; room++) {
        uint8_t *exact = malloc(room + 1);
        cr_expect_eq(nlri_encode(&rule, exact, room, &len), STATUS_LIMIT);
        free(exact);
    }
    rule.ops[0].value = 70000;
    cr_expect_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_RANGE);
}

Test(nlri, takes_two_length_octets_from_240_and_ends_at_4095)
{
    static uint8_t bytes[5000], back[5000];
    size_t len = 0, taken = 0, back_len = 0;
    struct rule_error error = {0};
    rule_init(&rule, ADDR_IPV4);
    for (uint32_t i = 0; i < 119; i++) /* 1 + 119 * 2 = 239 octets */
        cr_assert_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ, i), STATUS_OK);
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_expect_eq(len, 240);
    cr_expect_eq(bytes[0], 239);
    rule.ops[118].value = 256; /* one octet more */
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_expect_eq(len, 242);
    cr_expect_arr_eq(bytes, ((uint8_t[]){0xf0, 240}), 2);
    cr_assert_eq(nlri_decode(&again, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK);
    cr_expect(taken == len && rule_equal(&rule, &again));
    rule.ops[118].value = 118;
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PORT, OP_EQ, 200), STATUS_OK);
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_expect_eq(len, 243);
    cr_expect_eq(bytes[0], 0xf0);
    cr_expect_eq(bytes[1], 241);
    cr_assert_eq(nlri_decode(&again, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK);
    cr_expect(rule_equal(&rule, &again));
    while (rule_add_op(&rule, COMPONENT_PORT, OP_EQ, 7) == STATUS_OK)
        ;
    cr_expect_eq(rule.op_count, RULE_OPS_MAX);
    cr_expect_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_LIMIT);
    rule.op_count = 2047;
    rule.range[COMPONENT_PORT].count = 2047;
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_expect_eq(len, 4097);
    cr_assert_eq(nlri_decode(&again, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK);
    cr_assert_eq(nlri_encode(&again, back, sizeof(back), &back_len), STATUS_OK);
    cr_expect_eq(back_len, len);
    cr_expect_arr_eq(back, bytes, len);
}

Test(nlri, decode_ignores_what_the_rfc_says_to_ignore)
{
    static const struct {
        char hex[48], text[80];
    } cases[] = {
        {"050114050607", "match destination 5.6.0.0/20"},
        {"08044389458b911f90", "match port >=137&<=139,=8080"},
        {"03038906", "match protocol =tcp"},
        {"030c8403", "match fragment dont-fragment+is-fragment"},
        {"040991ff3a", "match tcp-flags =syn+psh+ack+urg+ns+0xe00"},
        {"030b81ff", "match dscp =63"},
        {"f003038106", "match protocol =tcp"},
        {"0603a100000006", "match protocol =tcp"},
        {"0a05b1000000000000"
         "0050",
         "match destination-port =80"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[32];
        size_t len = bytes_of(cases[i].hex, bytes, sizeof(bytes)), taken;
        struct rule_error error = {0};
        struct text out;
        cr_assert_eq(nlri_decode(&rule, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK, "%s: %s",
                     cases[i].hex, error.why);
        text_init(&out, 0);
        rule_format_text(&rule, NULL, &out);
        cr_expect_str_eq(text_str(&out), cases[i].text);
        text_done(&out);
    }
}

Test(nlri, components_out_of_order_or_repeated_are_refused)
{
    static const struct {
        char hex[40], says[40];
    } cases[] = {
        {"06048135038111", "types must ascend"},
        {"060b812e0a8140", "types must ascend"},
        {"060208010108c6", "types must ascend"},
        {"06038111038106", "there twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[32];
        size_t len = bytes_of(cases[i].hex, bytes, sizeof(bytes)), taken;
        struct rule_error error = {0};
        cr_expect_eq(nlri_decode(&rule, ADDR_IPV4, bytes, len, &taken, &error), STATUS_MALFORMED,
                     "%s", cases[i].hex);
        cr_expect(strstr(error.why, cases[i].says) != NULL, "%s: %s", cases[i].hex, error.why);
    }
}

Test(nlri, every_cut_of_a_rule_is_refused)
{
    uint8_t bytes[64];
    size_t len =
        bytes_of("19011805060702200a0b0c0d038106040389458b911f90098055", bytes, sizeof(bytes));
    for (size_t cut = 0; cut < len; cut++) {
        size_t taken;
        struct rule_error error = {0};
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        cr_expect_neq(nlri_decode(&rule, ADDR_IPV4, exact, cut, &taken, &error), STATUS_OK,
                      "cut at %zu", cut);
        if (cut > 0) /* the cut within an NLRI whose length is right */
            exact[0] = (uint8_t)(cut - 1);
        bool whole = cut == 6 || cut == 12 || cut == 15 || cut == 23;
        cr_expect_eq(nlri_decode(&rule, ADDR_IPV4, exact, cut, &taken, &error) == STATUS_OK, whole,
                     "cut at %zu: %s", cut, error.why);
        free(exact);
    }
}
