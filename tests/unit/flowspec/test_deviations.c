#include "flowspec/deviations.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <string.h>

struct deviation_case {
    char hex[60];
    bool ipv6;
    size_t at;
    char what[80]; /* "": none */
};

static void check_of_an_nlri_have_their_octet_and_reason(const struct deviation_case *c)
{
    struct deviation found[4];
    char hex[60] = "";
    uint8_t bytes[30];
    size_t len;
    for (size_t i = 0, n = 0; c->hex[i] != '\0'; i++)
        if (c->hex[i] != ' ')
            hex[n++] = c->hex[i];
    cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, hex), STATUS_OK);
    size_t n = nlri_deviations(c->ipv6 ? ADDR_IPV6 : ADDR_IPV4, bytes, len, found, 4);
    cr_assert_eq(n, c->what[0] != '\0' ? 1 : 0, "%s: %zu", c->hex, n);
    if (n == 0)
        return;
    cr_expect_eq(found[0].at, c->at, "%s: at %zu: %s", c->hex, found[0].at, found[0].what);
    cr_expect(strstr(found[0].what, c->what) != NULL, "%s: %s", c->hex, found[0].what);
}

Test(deviations, of_an_nlri_have_their_octet_and_reason)
{
    static struct deviation_case cases[] = {
        {"0c0120c633642d038111068135", false, 0, ""},
        {"050114050607", false, 5, "destination: bits behind the prefix are set (RFC 8955"},
        {"0601202001ffff", true, 0, ""},
        {"f003038106", false, 0, "a length under 240 in two octets"},
        {"0303c106", false, 2, "AND bit of the first operator is ignored (RFC 8955, 4.2.1.1)"},
        {"03038906", false, 2, "reserved bits 0x08"},
        {"03098402", false, 2, "reserved bits 0x04"},
        {"040391 0006", false, 2, "a value of 2 octets where 1 would do"},
        {"03038006", false, 3, "always false is sent as 0"},
        {"03098000", false, 3, "a mask of 0 never matches"},
        {"03098200", false, 3, "a mask of 0 always matches"},
        {"040991ff3a", false, 3,
         "bits 0xf000 stand for nothing and are ignored (RFC 8955, 4.2.2.9"},
        {"030b81ff", false, 3, "bits 0xc0 stand for nothing"},
        {"030c81f1", false, 3, "bits 0xf0 stand for nothing"},
        {"030c8103", true, 3, "bits 0x1 stand for nothing and are ignored (RFC 8956, 3.6"},
        {"0605a100011170", false, 3, "70000 is above 65535"},
        {"040d9107dd", true, 2, "where 4 are usual"},
        {"060da100000001", true, 0, ""},
        {"070137000102030405", false, 0, ""}, /* cannot be decoded */
    };
    TABLE_RUN(cases, check_of_an_nlri_have_their_octet_and_reason)
}

Test(deviations, all_are_counted_and_as_many_listed_as_there_is_room)
{
    struct deviation found[2];
    uint8_t bytes[30];
    size_t len;
    cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, "f0050399 0006"), STATUS_MALFORMED);
    cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, "f00403d90006"), STATUS_OK);
    cr_expect_eq(nlri_deviations(ADDR_IPV4, bytes, len, found, 2), 4);
    cr_expect_eq(found[1].at, 3);
}

static void check_of_communities_have_their_number_and_reason(const struct deviation_case *c)
{
    struct deviation found[4];
    uint8_t bytes[1][8];
    size_t len;
    cr_assert_eq(text_parse_hex(bytes[0], sizeof(bytes[0]), &len, c->hex), STATUS_OK);
    size_t n = actions_deviations((const uint8_t(*)[8])bytes, 1, NULL, 0, found, 4);
    cr_assert_eq(n, c->what[0] != '\0' ? 1 : 0, "%s: %zu", c->hex, n);
    if (n > 0)
        cr_expect(strstr(found[0].what, c->what) != NULL, "%s: %s", c->hex, found[0].what);
}

Test(deviations, of_communities_have_their_number_and_reason)
{
    static struct deviation_case cases[] = {
        {"8006000049989680", false, 0, ""},
        {"8006fde949989680", false, 0, "AS 65001 beside a rate is for people"},
        {"80060000c9989680", false, 0, "a negative rate is 0, which is discard (RFC 8955, 7.1)"},
        {"800c000000000000", false, 0, "0 packets/s is discard"},
        {"8007000000000003", false, 0, ""},
        {"8007000000000000", false, 0, "says nothing"},
        {"8007000000000083", false, 0, "reserved bits are ignored (RFC 8955, 7.3)"},
        {"80090000000000ff", false, 0, "bits beside the DSCP are ignored"},
        {"010cc00002010003", false, 0, "beside that of copy"},
        {"0800000000000001", false, 0, ""},
        {"800b000000000000", false, 0, "0x800b is no action that is known here"},
        {"0002fde900000064", false, 0, ""}, /* a route target */
        {"8008fde900000064", false, 0, ""},
    };
    TABLE_RUN(cases, check_of_communities_have_their_number_and_reason)
}

Test(deviations, what_holds_of_two_of_a_kind_is_said)
{
    static const uint8_t bytes[3][8] = {{0x80, 6, 0, 0, 0x49}, {0x80, 6, 0, 0, 0x48}, {0x80, 9}};
    static const uint8_t six[1][20] = {{0x00, 0x0c, [19] = 3}};
    struct deviation found[4];
    cr_assert_eq(actions_deviations(bytes, 3, six, 1, found, 4), 2);
    cr_expect_eq(found[0].at, 1);
    cr_expect(strstr(found[0].what, "the lowest holds") != NULL);
    cr_expect_eq(found[1].at, 3);
}

/* Nothing passes that could be limited, marked or redirected: what is read can be sent again. */
Test(deviations, what_stands_idle_beside_discard_is_left_out_and_said)
{
    static const uint8_t bytes[4][8] = {
        {0x80, 9, [7] = 5}, {0x80, 6}, {0x80, 12, [4] = 0x42}, {0x80, 7, [7] = 1}};
    static const uint8_t redirects[2][2][8] = {{{0x80, 6}, {0x80, 8, 0, 1}},
                                               {{0x80, 6}, {0x01, 12, 192, 0, 2, 1, 0, 1}}};
    struct deviation found[4];
    struct flow_actions actions;
    struct rule_error error = {0};
    cr_assert_eq(actions_decode(&actions, bytes, 4, &error), STATUS_OK, "%s", error.why);
    cr_expect(actions.discard && actions.terminal && !actions.has_mark &&
              !actions.has_rate_packets);
    cr_expect_eq(actions_check(&actions, &error), STATUS_OK, "%s", error.why);
    cr_assert_eq(actions_deviations(bytes, 4, NULL, 0, found, 4), 2);
    cr_expect_eq(found[0].at, 0);
    cr_expect_eq(found[1].at, 2);
    cr_expect(strstr(found[1].what, "0x800c has nothing to do beside discard") != NULL);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(actions_decode(&actions, redirects[i], 2, &error), STATUS_OK);
        cr_expect_eq(actions_check(&actions, &error), STATUS_OK, "%s", error.why);
        cr_expect_eq(actions.redirect, i == 0 ? REDIRECT_NONE : REDIRECT_TO_IP);
        cr_expect_eq(actions_deviations(redirects[i], 2, NULL, 0, found, 4), 1 - i);
    }
}
