#include "flowspec/component.h"

#include <criterion/criterion.h>

static struct flow_rule rule;

Test(sendable, keeps_the_meaning_of_what_only_peers_write)
{
    static const struct {
        enum addr_family family;
        char hex[32], want[48];
    } cases[] = {
        {ADDR_IPV4, "0a04015021000111708150", "match port =80,false,=80"},
        {ADDR_IPV4, "0604a200011170", "match port false"},
        {ADDR_IPV4, "0604a600011170", "match port true"},
        {ADDR_IPV4, "0604a500011170", "match port true"},
        {ADDR_IPV4, "0604a30000ffff", "match port >=65535"},
        {ADDR_IPV4, "06030206d40100", "match protocol >6&true"},
        {ADDR_IPV6, "060da10fffffff", "match ipv6 flow-label false"},
        {ADDR_IPV6, "060aa100011170", "match ipv6 packet-length =70000"},
        {ADDR_IPV4, "03098000", "match tcp-flags fin&!fin"},
        {ADDR_IPV4, "03098300", "match tcp-flags fin&!fin"},
        {ADDR_IPV4, "03098100", "match tcp-flags fin,!fin"},
        {ADDR_IPV4, "03098200", "match tcp-flags fin,!fin"},
        {ADDR_IPV4, "050900028000", "match tcp-flags syn"},
        {ADDR_IPV4, "05090002c200", "match tcp-flags syn"},
        {ADDR_IPV4, "05090002c000", "match tcp-flags fin&!fin"},
        {ADDR_IPV4, "05090002c100", "match tcp-flags syn"},
        {ADDR_IPV4, "070902004202c110", "match tcp-flags !syn&=ack"},
        {ADDR_IPV6, "050c00028101", "match ipv6 fragment is-fragment,!is-fragment"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[40];
        size_t len, taken;
        struct text out;
        text_init(&out, 0);
        cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, cases[i].hex), STATUS_OK);
        cr_assert_eq(nlri_decode(&rule, cases[i].family, bytes, len, &taken, NULL), STATUS_OK);
        cr_assert_eq(rule_make_sendable(&rule), STATUS_OK);
        rule_format_text(&rule, NULL, &out);
        cr_expect_str_eq(text_str(&out), cases[i].want);
        text_done(&out);
    }
}
