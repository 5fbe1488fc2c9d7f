#include "speaker/parts.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct rib *rib;
    struct parts_scratch *scratch;
    struct standing *s;
    struct desired_parts parts;
    char why[REASON_MAX];
};

static struct bench *bench_new(const char *text)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct flow_actions actions;
    struct rule_error error;
    struct action_communities made;
    uint8_t nlri[NLRI_MAX];
    size_t len;
    b->rib = rib_new(1000);
    b->scratch = calloc(1, sizeof(*b->scratch));
    b->s = calloc(1, sizeof(*b->s));
    struct flow_rule *rule = &b->scratch->whole;
    cr_assert_eq(rule_parse_text(rule, &actions, text, &error), STATUS_OK, "%s", error.why);
    cr_assert_eq(rule_simplify(rule, &error), STATUS_OK, "%s", error.why);
    cr_assert_eq(nlri_encode(rule, nlri, sizeof(nlri), &len), STATUS_OK);
    cr_assert_eq(actions_encode_all(&actions, &made, &error), STATUS_OK);
    struct communities communities = {
        .at = made.at, .count = made.count, .ipv6 = made.ipv6, .ipv6_count = made.ipv6_count};
    b->s->family = rule->family;
    enum bgp_family family = rule->family == ADDR_IPV6 ? BGP_FLOW6 : BGP_FLOW4;
    cr_assert_eq(rib_hold_nlri(b->rib, family, nlri, len, &b->s->whole.nlri), STATUS_OK);
    cr_assert_eq(rib_hold_attributes(b->rib, &communities, &b->s->whole.attributes), STATUS_OK);
    return b;
}

static enum status make(struct bench *b, const char *profile)
{
    return parts_make(b->scratch, b->rib, profile_find(profile), b->s, &b->parts, b->why);
}

/* Nothing is held but the route itself. */
static void bench_free(struct bench *b)
{
    parts_release(b->rib, &b->parts);
    cr_assert_eq(rib_nlri_count(b->rib), 1);
    rib_release_nlri(b->rib, b->s->whole.nlri);
    rib_release_attributes(b->rib, b->s->whole.attributes);
    rib_free(b->rib);
    free(b->scratch);
    free(b->s);
    free(b);
}

/* The part as text. */
static void expect_part(struct bench *b, size_t i, const char *want)
{
    static struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error;
    struct text text;
    size_t taken;
    struct rib_nlri nlri = rib_nlri(b->rib, b->parts.at[i].nlri);
    struct communities c = rib_attributes(b->rib, b->parts.at[i].attributes);
    cr_assert_eq(
        nlri_decode(&rule, (enum addr_family)b->s->family, nlri.bytes, nlri.len, &taken, &error),
        STATUS_OK);
    cr_assert_eq(actions_decode_all(&actions, c.at, c.count, c.ipv6, c.ipv6_count, &error),
                 STATUS_OK);
    text_init(&text, 0);
    cr_assert_eq(rule_format_text(&rule, &actions, &text), STATUS_OK);
    cr_assert_str_eq(text_str(&text), want);
    text_done(&text);
}

Test(parts, a_redirect_goes_by_the_next_hop_where_the_profile_says_so)
{
    static const uint8_t hop[] = {192, 0, 2, 77}, to_next_hop[8] = {0x08};
    struct bench *b = bench_new("match destination 192.0.2.1/32 protocol =17 then "
                                "redirect-to-ip 192.0.2.77");
    struct router_profile profile = *profile_find("generic");
    cr_assert_eq(parts_make(b->scratch, b->rib, &profile, b->s, &b->parts, b->why), STATUS_REFUSED);
    profile.to_next_hop = true;
    cr_assert_eq(parts_make(b->scratch, b->rib, &profile, b->s, &b->parts, b->why), STATUS_OK, "%s",
                 b->why);
    cr_assert_eq(b->parts.count, 1);
    cr_expect_eq(b->parts.at[0].nlri, b->s->whole.nlri, "the match is the same");
    struct communities c = rib_attributes(b->rib, b->parts.at[0].attributes);
    cr_assert_eq(c.count, 1);
    cr_expect_eq(memcmp(c.at[0], to_next_hop, sizeof(to_next_hop)), 0);
    cr_assert_eq(c.next_hop_len, 4);
    cr_expect_eq(memcmp(c.next_hop, hop, sizeof(hop)), 0);
    parts_release(b->rib, &b->parts);
    cr_assert_eq(make(b, "gobgp"), STATUS_OK);
    cr_expect_eq(b->parts.count, 0, "as it is, where 0x010c is taken");
    bench_free(b);
}

Test(parts, a_redirect_of_several_parts_goes_by_the_next_hop_in_each)
{
    struct bench *b = bench_new("match destination 2001:db8::1/128 protocol =17 source-port "
                                "=1,=3,=5,=7,=9,=11 then redirect-to-ip 2001:db8::77");
    struct router_profile profile = *profile_find("generic");
    profile.to_next_hop = true;
    cr_assert_eq(parts_make(b->scratch, b->rib, &profile, b->s, &b->parts, b->why), STATUS_OK, "%s",
                 b->why);
    cr_assert_eq(b->parts.count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct communities c = rib_attributes(b->rib, b->parts.at[i].attributes);
        cr_expect_eq(c.ipv6_count, 0);
        cr_expect_eq(c.next_hop_len, 16);
    }
    bench_free(b);
}

Test(parts, six_values_are_two_rules_of_which_each_has_half_the_rate)
{
    struct bench *b = bench_new("match destination 192.0.2.1/32 protocol =17 source-port "
                                "=1,=3,=5,=7,=9,=11 then rate-limit 1000000B/s mark 10");
    cr_assert_eq(make(b, "gobgp"), STATUS_OK);
    cr_assert_eq(b->parts.count, 0, "as it is");
    cr_assert_eq(make(b, "frr"), STATUS_OK, "%s", b->why);
    cr_assert_eq(b->parts.count, 2);
    expect_part(b, 0,
                "match destination 192.0.2.1/32 protocol =udp source-port =1,=3,=5,=7,=9 then "
                "rate-limit 500000B/s mark af11");
    expect_part(b, 1,
                "match destination 192.0.2.1/32 protocol =udp source-port =11 then "
                "rate-limit 500000B/s mark af11");
    bench_free(b);
}

Test(parts, without_a_rate_each_part_has_the_attributes_of_the_whole)
{
    struct bench *b = bench_new("match destination 2001:db8::1/128 protocol =6 destination-port "
                                "=1,=3,=5,=7,=9,=11 then redirect 65001:300 sample");
    cr_assert_eq(make(b, "frr"), STATUS_OK, "%s", b->why);
    cr_assert_eq(b->parts.count, 2);
    for (size_t i = 0; i < b->parts.count; i++)
        cr_assert_eq(b->parts.at[i].attributes, b->s->whole.attributes);
    bench_free(b);
}

struct refused_case {
    char text[300], profile[16], why[64];
};

ParameterizedTestParameters(parts, what_no_split_helps_is_refused_with_the_reason)
{
    static struct refused_case cases[] = {
        {"match destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 then rate-limit-packets 1",
         "gobgp", ""},
        {"match destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 then rate-limit-packets 1",
         "frr", "profile: frr: "},
        {"match destination 2001:db8::/32-64 protocol =6 then discard", "frr", "prefix offset"},
        {"match destination 192.0.2.1/32 then redirect-to-next-hop", "frr", "next hop"},
        {"match destination 192.0.2.1/32 port >0&<3,>4&<7,>8&<11,>12&<15,>16&<19,>20&<23,>24&<27,"
         ">28&<31,>32&<35,>36&<39,>40&<43,>44&<47,>48&<51,>52&<55,>56&<59,>60&<63 then discard",
         "frr", "more than 64 rules"},
    };
    return cr_make_param_array(struct refused_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refused_case *c, parts, what_no_split_helps_is_refused_with_the_reason)
{
    struct bench *b = bench_new(c->text);
    enum status want = c->why[0] != '\0' ? STATUS_REFUSED : STATUS_OK;
    cr_assert_eq(make(b, c->profile), want, "%s", b->why);
    cr_assert_eq(b->parts.count, 0);
    cr_assert_not_null(strstr(b->why, c->why), "%s", b->why);
    bench_free(b);
}

Test(parts, a_divided_rate_below_the_smallest_is_refused)
{
    struct router_profile p = *profile_find("frr");
    p.rate_min_bytes = 600;
    struct bench *b = bench_new("match destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 "
                                "then rate-limit 1000B/s");
    cr_assert_eq(parts_make(b->scratch, b->rib, &p, b->s, &b->parts, b->why), STATUS_REFUSED);
    cr_assert_not_null(strstr(b->why, "1000 B/s over 2 rules is below the smallest rate"), "%s",
                       b->why);
    bench_free(b);
}

/* The rib has no number left for them all. */
Test(parts, what_was_held_is_given_back_where_one_finds_no_room)
{
    struct bench *b = bench_new("match destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 "
                                "then discard");
    uint32_t ids[998];
    for (size_t i = 0; i < 998; i++) {
        uint8_t longer[6] = {5, 1, 24, (uint8_t)(i >> 8), (uint8_t)i, 1};
        cr_assert_eq(rib_hold_nlri(b->rib, BGP_FLOW4, longer, 6, &ids[i]), STATUS_OK);
    }
    cr_assert_eq(make(b, "frr"), STATUS_REFUSED);
    cr_assert_eq(rib_nlri_count(b->rib), 999);
    cr_assert_eq(b->parts.count, 0);
    for (size_t i = 0; i < 998; i++)
        rib_release_nlri(b->rib, ids[i]);
    bench_free(b);
}
