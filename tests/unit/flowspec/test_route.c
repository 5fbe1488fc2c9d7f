#include "flowspec/route.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix;
    cr_assert_eq(prefix_parse(&prefix, text), STATUS_OK, "%s", text);
    return prefix;
}

Test(route, a_prefix_takes_its_length_and_the_octets_it_needs)
{
    static const struct {
        const char *text;
        size_t len;
        uint8_t bytes[ROUTE_NLRI_MAX];
    } cases[] = {{"198.51.100.45/32", 5, {32, 198, 51, 100, 45}},
                 {"198.51.100.0/25", 5, {25, 198, 51, 100, 0}},
                 {"198.51.100.0/24", 4, {24, 198, 51, 100}},
                 {"2001:db8::1/128", 17, {128, 0x20, 1, 0xd, 0xb8, [16] = 1}},
                 {"2001:db8::/32", 5, {32, 0x20, 1, 0xd, 0xb8}}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[ROUTE_NLRI_MAX];
        struct ip_prefix prefix = prefix_of(cases[i].text), got;
        enum addr_family family = (enum addr_family)prefix.addr.family;
        cr_assert_eq(route_nlri_encode(&prefix, bytes), cases[i].len);
        cr_expect_eq(memcmp(bytes, cases[i].bytes, cases[i].len), 0, "%s", cases[i].text);
        cr_assert_eq(route_nlri_decode(&got, family, bytes, cases[i].len), STATUS_OK);
        cr_expect(prefix_equal(&prefix, &got), "%s", cases[i].text);
        for (size_t cut = 0; cut < cases[i].len; cut++)
            cr_expect_eq(route_nlri_decode(&got, family, bytes, cut), STATUS_MALFORMED);
    }
}

Test(route, other_octets_than_one_canonical_prefix_are_refused)
{
    static const uint8_t long4[] = {33, 1, 2, 3, 4, 5}, behind[] = {24, 1, 2, 3, 4},
                         host_bits[] = {25, 198, 51, 100, 1};
    struct ip_prefix got;
    cr_expect_eq(route_nlri_decode(&got, ADDR_IPV4, long4, sizeof(long4)), STATUS_MALFORMED);
    cr_expect_eq(route_nlri_decode(&got, ADDR_IPV4, behind, sizeof(behind)), STATUS_MALFORMED);
    cr_expect_eq(route_nlri_decode(&got, ADDR_IPV4, host_bits, sizeof(host_bits)),
                 STATUS_MALFORMED);
}

Test(route, text_says_what_it_does_and_with_what)
{
    static const uint8_t hop[] = {192, 0, 2, 1}, standard[1][4] = {{0xff, 0xff, 2, 0x9a}},
                         target[1][8] = {{0, 2, 0xfb, 0xf4, 0, 0, 0, 7}},
                         large[1][12] = {{0, 0, 0xfb, 0xf4, 0, 0, 0, 1, 0, 0, 0, 2}};
    struct communities c = {.at = target,
                            .count = 1,
                            .standard = standard,
                            .standard_count = 1,
                            .large = large,
                            .large_count = 1,
                            .next_hop = hop,
                            .next_hop_len = 4};
    struct ip_prefix prefix = prefix_of("198.51.100.45/32");
    struct text text;
    text_init(&text, 0);
    route_format_text(ROUTE_BLACKHOLE, &prefix, &c, &text);
    cr_expect_str_eq(text_str(&text), "route 198.51.100.45/32 then blackhole next-hop 192.0.2.1 "
                                      "community 65535:666 community rt:64500:7 "
                                      "community 64500:1:2");
    text_done(&text);
}

/* --- guard --------------------------------------------------------------------------------------
 */

struct judged {
    const char *what, *prefix, *next_hop;
    enum route_kind kind;
    int want; /* enum guard_invariant; -1: passes */
};

static void judge(const struct judged *j, struct guard_verdict *ret_verdict)
{
    struct lpm *ours = lpm_new(4);
    struct ip_prefix v4 = prefix_of("198.51.100.0/24"), v6 = prefix_of("2001:db8::/32");
    struct ip_prefix guarded = prefix_of("198.51.100.10/32"), router = prefix_of("198.51.100.1/32");
    struct guard_session session;
    uint8_t nlri[ROUTE_NLRI_MAX];
    struct ip_prefix prefix = prefix_of(j->prefix);
    struct ip_addr hop = {.family = ADDR_NONE};
    cr_assert_eq(lpm_add(ours, &v4, 0), STATUS_OK);
    cr_assert_eq(lpm_add(ours, &v6, 0), STATUS_OK);
    cr_assert_eq(lpm_seal(ours), STATUS_OK);
    cr_assert_eq(addr_parse(&session.ends[0], "198.51.100.2"), STATUS_OK);
    cr_assert_eq(addr_parse(&session.ends[1], "203.0.113.1"), STATUS_OK);
    if (j->next_hop != NULL)
        cr_assert_eq(addr_parse(&hop, j->next_hop), STATUS_OK);
    struct guard_context context = {.networks = ours,
                                    .is_protected = &guarded,
                                    .protected_count = 1,
                                    .infrastructure = &router,
                                    .infrastructure_count = 1,
                                    .sessions = &session,
                                    .session_count = 1,
                                    .accepts_sessions = true,
                                    .widest4 = 24,
                                    .widest6 = 48};
    struct communities c = {.next_hop = hop.octets,
                            .next_hop_len = hop.family == ADDR_NONE   ? 0
                                            : hop.family == ADDR_IPV4 ? 4
                                                                      : 16};
    guard_judge_route(&context, j->kind, (enum addr_family)prefix.addr.family, nlri,
                      route_nlri_encode(&prefix, nlri), &c, ret_verdict);
    lpm_free(ours);
}

Test(route, guard_lets_hosts_of_ours_through_and_nothing_else)
{
    static const struct judged cases[] = {
        {"a host", "198.51.100.45/32", "192.0.2.1", ROUTE_BLACKHOLE, -1},
        {"diverted", "198.51.100.45/32", "198.51.100.99", ROUTE_DIVERT, -1},
        {"IPv6", "2001:db8::45/128", "100::1", ROUTE_BLACKHOLE, -1},
        {"somebody else's", "203.0.113.5/32", "192.0.2.1", ROUTE_BLACKHOLE, GUARD_NOT_OURS},
        {"two hosts", "198.51.100.44/31", "192.0.2.1", ROUTE_BLACKHOLE, GUARD_BARE_WIDE},
        {"two diverted", "198.51.100.44/31", "192.0.2.1", ROUTE_DIVERT, GUARD_BARE_WIDE},
        {"all of it", "198.51.0.0/16", "192.0.2.1", ROUTE_BLACKHOLE, GUARD_TOO_WIDE},
        {"an IPv6 network", "2001:db8::/64", "100::1", ROUTE_BLACKHOLE, GUARD_BARE_WIDE},
        {"protected", "198.51.100.10/32", "192.0.2.1", ROUTE_BLACKHOLE, GUARD_PROTECTED},
        {"a router", "198.51.100.1/32", "192.0.2.1", ROUTE_DIVERT, GUARD_INFRASTRUCTURE},
        {"a session's end, whatever accepts it", "198.51.100.2/32", "192.0.2.1", ROUTE_BLACKHOLE,
         GUARD_SESSION},
        {"the next hop itself", "198.51.100.45/32", "198.51.100.45", ROUTE_DIVERT, GUARD_NEXT_HOP},
        {"no next hop", "198.51.100.45/32", NULL, ROUTE_BLACKHOLE, GUARD_NEXT_HOP},
        {"of the other family", "198.51.100.45/32", "100::1", ROUTE_BLACKHOLE, GUARD_NEXT_HOP},
        {"nobody", "198.51.100.45/32", "0.0.0.0", ROUTE_BLACKHOLE, GUARD_NEXT_HOP},
        {"ourselves", "198.51.100.45/32", "127.0.0.1", ROUTE_DIVERT, GUARD_NEXT_HOP},
        {"many", "198.51.100.45/32", "224.0.0.1", ROUTE_DIVERT, GUARD_NEXT_HOP},
        {"nobody of IPv6", "2001:db8::45/128", "::", ROUTE_BLACKHOLE, GUARD_NEXT_HOP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guard_verdict v;
        bool said = false;
        judge(&cases[i], &v);
        if (cases[i].want < 0)
            cr_expect_eq(v.count, 0, "%s: %s", cases[i].what, v.refusals[0].text);
        for (size_t n = 0; n < v.count; n++)
            said = said || (int)v.refusals[n].invariant == cases[i].want;
        cr_expect(said == (cases[i].want >= 0), "%s: %s", cases[i].what,
                  v.count > 0 ? v.refusals[0].text : "passes");
    }
}

Test(route, guard_reads_the_octets_itself)
{
    static const uint8_t bad[] = {25, 198, 51, 100, 1}, hop[] = {192, 0, 2, 1};
    static const uint8_t good[] = {32, 198, 51, 100, 45};
    struct guard_context context = {.widest4 = 24};
    struct communities c = {.next_hop = hop, .next_hop_len = 4};
    struct guard_verdict v;
    guard_judge_route(&context, ROUTE_BLACKHOLE, ADDR_IPV4, bad, sizeof(bad), &c, &v);
    cr_assert_eq(v.count, 1);
    cr_expect_eq(v.refusals[0].invariant, GUARD_ENCODING);
    guard_judge_route(&context, ROUTE_FLOWSPEC, ADDR_IPV4, good, sizeof(good), &c, &v);
    cr_assert_eq(v.count, 1);
    cr_expect_eq(v.refusals[0].invariant, GUARD_ENCODING);
}
