#include "flowspec/guard.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct flow_rule rule, standing;
static struct flow_actions actions;
static struct guard_verdict verdict;

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    cr_assert_eq(prefix_parse(&p, text), STATUS_OK, "%s", text);
    return p;
}

/* Ours are 203.0.113.0/24 and 2001:db8::/32. */
static struct guard_context context_new(void)
{
    static struct ip_prefix is_protected[1], infrastructure[2];
    struct ip_prefix v4 = prefix("203.0.113.0/24"), v6 = prefix("2001:db8::/32");
    struct lpm *networks = lpm_new(8);
    struct ip_prefix everything = prefix("224.0.0.0/3");
    cr_assert_not_null(networks);
    cr_assert_eq(lpm_add(networks, &v4, 1), STATUS_OK);
    cr_assert_eq(lpm_add(networks, &v6, 2), STATUS_OK);
    cr_assert_eq(lpm_add(networks, &everything, 3), STATUS_OK);
    cr_assert_eq(lpm_seal(networks), STATUS_OK);
    is_protected[0] = prefix("203.0.113.53/32");
    infrastructure[0] = prefix("203.0.113.192/28");
    infrastructure[1] = prefix("2001:db8:ffff::/48");
    return (struct guard_context){.networks = networks,
                                  .is_protected = is_protected,
                                  .protected_count = 1,
                                  .infrastructure = infrastructure,
                                  .infrastructure_count = 2,
                                  .widest4 = 28,
                                  .widest6 = 56,
                                  .mtu_bytes = 9000};
}

static void free_networks(struct guard_context *context)
{
    lpm_free((struct lpm *)(uintptr_t)context->networks);
}

static void parse(const char *text)
{
    struct rule_error error = {0};
    cr_assert_eq(rule_parse_text(&rule, &actions, text, &error), STATUS_OK, "%s: %s", text,
                 error.why);
}

static bool refuses(enum guard_invariant invariant)
{
    for (size_t i = 0; i < verdict.count; i++)
        if (verdict.refusals[i].invariant == invariant)
            return true;
    return false;
}

/* As bytes, with the verdict of the bytes. */
static void judge_as_bytes(const struct guard_context *context)
{
    uint8_t bytes[4200];
    size_t len;
    struct action_communities all;
    struct rule_error error;
    cr_assert_eq(nlri_encode(&rule, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(actions_encode_all(&actions, &all, &error), STATUS_OK);
    struct communities communities = {.at = (const uint8_t(*)[8])all.at,
                                      .count = all.count,
                                      .ipv6 = (const uint8_t(*)[20])all.ipv6,
                                      .ipv6_count = all.ipv6_count};
    guard_judge_bytes(context, (enum addr_family)rule.family, bytes, len, &communities, &verdict);
}

struct guard_case {
    char text[140];
    enum guard_invariant invariant; /* GUARD_COUNT: may be sent */
    char says[40];
};

static void check_case(const struct guard_case *c)
{
    struct guard_context context = context_new();
    struct text text;
    text_init(&text, 0);
    text_addf(&text, "match %s", c->text);
    parse(text_str(&text));
    guard_judge(&context, &rule, &actions, &verdict);
    for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
        if (c->invariant == GUARD_COUNT) {
            cr_expect_eq(verdict.count, 0, "%s: %s", c->text, verdict.refusals[0].text);
        } else {
            cr_assert(refuses(c->invariant), "%s: %s not refused as %s", c->text,
                      as_bytes != 0 ? "bytes" : "rule", guard_label(c->invariant));
            bool said = false;
            for (size_t i = 0; i < verdict.count; i++)
                said = said || (verdict.refusals[i].invariant == c->invariant &&
                                strstr(verdict.refusals[i].text, c->says) != NULL);
            cr_expect(said, "%s: %s", c->text, verdict.refusals[0].text);
        }
        judge_as_bytes(&context);
    }
    text_done(&text);
    free_networks(&context);
}

Test(guard, judges_the_rule_and_its_bytes_alike)
{
    static struct guard_case cases[] = {
        {"destination 203.0.113.45/32 then discard", GUARD_COUNT, ""},
        {"destination 203.0.113.45/32 protocol =udp source-port =53 then rate-limit 1Mbps",
         GUARD_COUNT, ""},
        {"destination 203.0.113.0/28 protocol =udp source-port =53 then discard", GUARD_COUNT, ""},
        {"destination 203.0.113.0/28 protocol =udp fragment is-fragment then discard", GUARD_COUNT,
         ""},
        {"destination 2001:db8::1/128 then discard", GUARD_COUNT, ""},
        {"destination 2001:db8::1/128 protocol =icmpv6 icmp-type =128 then discard", GUARD_COUNT,
         ""},
        {"protocol =udp then discard", GUARD_NO_DESTINATION, "no destination"},
        {"destination 198.51.100.1/32 then discard", GUARD_NOT_OURS, "198.51.100.1/32"},
        {"destination 203.0.112.0/23 protocol =udp port =53 then discard", GUARD_NOT_OURS, ""},
        {"destination 0.0.0.0/0 protocol =udp port =53 then discard", GUARD_NOT_OURS, ""},
        {"destination 203.0.113.0/27 protocol =udp port =53 then discard", GUARD_TOO_WIDE,
         "/28 to /32"},
        {"destination 2001:db8::/48 protocol =udp port =53 then discard", GUARD_TOO_WIDE,
         "/56 to /128"},
        {"destination 2001:db8::/64-128 protocol =udp port =53 then discard", GUARD_NOT_OURS,
         "offset"},
        {"destination 203.0.113.0/28 then discard", GUARD_BARE_WIDE, "protocol and a port"},
        {"destination 203.0.113.0/28 protocol =udp then discard", GUARD_BARE_WIDE, ""},
        {"destination 203.0.113.0/28 port =53 then discard", GUARD_BARE_WIDE, ""},
        {"destination 203.0.113.0/28 protocol =udp port >=0 then discard", GUARD_BARE_WIDE, ""},
        {"destination 203.0.113.0/28 protocol >=0 port =80 then discard", GUARD_BARE_WIDE, ""},
        {"destination 203.0.113.0/28 protocol =tcp tcp-flags syn,!syn then discard",
         GUARD_BARE_WIDE, ""},
        {"destination 203.0.113.53/32 then discard", GUARD_PROTECTED, "203.0.113.53/32"},
        {"destination 203.0.113.48/28 protocol =udp port =53 then discard", GUARD_PROTECTED, ""},
        {"destination 203.0.113.193/32 then discard", GUARD_INFRASTRUCTURE, "203.0.113.192/28"},
        {"destination 2001:db8:ffff::1/128 then discard", GUARD_INFRASTRUCTURE, ""},
        {"destination 224.0.0.1/32 then discard", GUARD_SCOPE, "224.0.0.0/4"},
        {"destination 169.254.1.1/32 then discard", GUARD_SCOPE, "169.254.0.0/16"},
        {"destination fe80::1/128 then discard", GUARD_SCOPE, "fe80::/10"},
        {"destination ff02::1/128 then discard", GUARD_SCOPE, "ff00::/8"},
        {"destination 2001:db8::1/128 protocol =icmpv6 then discard", GUARD_ICMPV6, "icmp-type"},
        {"destination 2001:db8::1/128 protocol !=tcp then discard", GUARD_ICMPV6, ""},
        {"destination 2001:db8::1/128 icmp-type >=128 then discard", GUARD_ICMPV6, "133-137"},
        {"destination 2001:db8::1/128 protocol =icmpv6 icmp-type =2 then discard", GUARD_ICMPV6,
         "1-4"},
        {"destination 2001:db8::1/128 icmp-type =1 then discard", GUARD_ICMPV6, "1-4"},
        {"destination 2001:db8::1/128 icmp-type =4 then discard", GUARD_ICMPV6, "1-4"},
        {"destination 2001:db8::1/128 icmp-type =133 then discard", GUARD_ICMPV6, "133-137"},
        {"destination 2001:db8::1/128 icmp-type =137 then discard", GUARD_ICMPV6, "133-137"},
        {"destination 2001:db8::1/128 icmp-type =0,=5,=132,=138 then discard", GUARD_COUNT, ""},
        {"destination 203.0.113.45/32 packet-length >=9001 then discard", GUARD_LENGTH,
         "up to 9000"},
        {"destination 203.0.113.45/32 packet-length >9000 then discard", GUARD_LENGTH, ""},
        {"destination 203.0.113.45/32 port <5&>7 then discard", GUARD_NOTHING, "contradict"},
        {"destination 203.0.113.45/32 protocol =udp tcp-flags syn then discard", GUARD_NOTHING,
         "contradict"},
    };
    TABLE_RUN(cases, check_case)
}

Test(guard, refuses_rates_and_actions_that_cannot_be)
{
    static const double rates[] = {0, -1, 1e-60};
    struct guard_context context = context_new();
    parse("match destination 203.0.113.45/32");
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        actions = (struct flow_actions){.has_rate = true, .rate_bytes = rates[i]};
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect(refuses(GUARD_RATE), "%g", rates[i]);
    }
    actions.rate_bytes = NAN;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_RATE));
    actions = (struct flow_actions){.has_rate_packets = true, .rate_packets = INFINITY};
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_RATE));
    actions = (struct flow_actions){.discard = true, .has_rate = true, .rate_bytes = 5};
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_ACTION));
    free_networks(&context);
}

Test(guard, refuses_values_that_only_bytes_can_hold)
{
    struct guard_context context = context_new();
    struct rule_error error;
    uint8_t bytes[40];
    size_t len, taken;
    /* The lengths that once took a network's routers down, in four octets. */
    cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, "110120cb00712d0a2300018683e500018691"),
                 STATUS_OK);
    cr_assert_eq(nlri_decode(&rule, ADDR_IPV4, bytes, len, &taken, &error), STATUS_OK);
    actions = (struct flow_actions){.discard = true};
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_LENGTH));
    cr_expect(refuses(GUARD_VALUE));
    cr_expect(refuses(GUARD_NOTHING));
    guard_judge_bytes(&context, ADDR_IPV4, bytes, len, &(struct communities){0}, &verdict);
    cr_expect(refuses(GUARD_ENCODING));
    cr_expect(refuses(GUARD_LENGTH));
    free_networks(&context);
}

Test(guard, refuses_bytes_in_another_form_than_ours)
{
    static const struct {
        char nlri[40], community[20];
    } cases[] = {
        {"0a0120cb00712d03910011", "8006000000000000"}, /* 2 octets for one */
        {"090120cb00712d03c111", "8006000000000000"},   /* AND first */
        {"090120cb00712d038911", "8006000000000000"},   /* reserved bit */
        {"f0090120cb00712d038111", "8006000000000000"}, /* long length */
        {"090120cb00712d03811100", "8006000000000000"}, /* something behind */
        {"0801200a0000010381", "8006000000000000"},     /* cut */
        {"090120cb00712d038111", "8006fde900000000"},   /* AS in the rate */
        {"090120cb00712d038111", "80060000bf800000"},   /* negative */
        {"090120cb00712d038111", "800600007fc00000"},   /* NaN */
        {"090120cb00712d038111", "80070000000000ff"},   /* reserved action bits */
    };
    struct guard_context context = context_new();
    uint8_t bytes[40], community[1][8];
    size_t len, community_len;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, cases[i].nlri), STATUS_OK);
        cr_assert_eq(text_parse_hex(community[0], 8, &community_len, cases[i].community),
                     STATUS_OK);
        guard_judge_bytes(&context, ADDR_IPV4, bytes, len,
                          &(struct communities){.at = (const uint8_t(*)[8])community, .count = 1},
                          &verdict);
        cr_expect(refuses(GUARD_ENCODING), "%s %s", cases[i].nlri, cases[i].community);
    }
    cr_assert_eq(text_parse_hex(bytes, sizeof(bytes), &len, "090120cb00712d038111"), STATUS_OK);
    uint8_t fine[2][8] = {{0x80, 6}, {0, 2, 0xfd, 0xe9, 0, 0, 0, 100}};
    guard_judge_bytes(&context, ADDR_IPV4, bytes, len,
                      &(struct communities){.at = (const uint8_t(*)[8])fine, .count = 2}, &verdict);
    cr_expect_eq(verdict.count, 0, "a route target says nothing about packets");
    const uint8_t low[1][20] = {{0, 0x0c, 0x20, 1, 0x0d, 0xb8, [19] = 1}},
                  reserved[1][20] = {{0, 0x0c, 0x20, 1, 0x0d, 0xb8, [19] = 3}};
    struct communities ipv6 = {.ipv6 = low, .ipv6_count = 1};
    guard_judge_bytes(&context, ADDR_IPV4, bytes, len, &ipv6, &verdict);
    cr_expect_eq(verdict.count, 0, "a copy to an IPv6 address is an action like others");
    ipv6.ipv6 = reserved;
    guard_judge_bytes(&context, ADDR_IPV4, bytes, len, &ipv6, &verdict);
    cr_expect(refuses(GUARD_ENCODING), "reserved bits beside the copy bit");
    free_networks(&context);
}

Test(guard, refuses_shadows_and_what_the_budget_does_not_hold)
{
    static const struct {
        char text[100];
        bool refused;
    } cases[] = {
        {"match destination 203.0.113.45/32 protocol =udp port =53 then discard", true},
        {"match destination 203.0.113.45/32 protocol =udp source-port =53 then discard", true},
        {"match destination 203.0.113.45/32 protocol =udp source-port =53,=123 then discard", true},
        {"match destination 203.0.113.45/32 protocol =udp then discard", false},
        {"match destination 203.0.113.44/32 protocol =udp source-port =53 then discard", false},
        {"match destination 203.0.113.45/32 protocol =udp destination-port =7 then discard", false},
        {"match destination 203.0.113.45/32 protocol =udp source-port >=1&<=99 then discard", true},
        {"match destination 203.0.113.45/32 protocol =udp source-port >=1&<=99 then discard "
         "terminal",
         false},
    };
    struct guard_context context = context_new();
    static const struct flow_actions discards = {.discard = true};
    const struct guard_standing list[1] = {{.rule = &standing, .actions = &discards}};
    parse("match destination 203.0.113.45/32 protocol =udp source-port =53 then discard");
    rule_copy(&standing, &rule);
    context.standing = list;
    context.standing_count = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse(cases[i].text);
        guard_judge(&context, &rule, &actions, &verdict);
        bool same = rule_equal(&rule, &standing);
        cr_expect_eq(refuses(GUARD_SHADOW), cases[i].refused && !same, "%s", cases[i].text);
    }
    context.rules_now = 5;
    context.rules_max = 6;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not(refuses(GUARD_BUDGET));
    context.rules_now = 6;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_BUDGET));
    free_networks(&context);
}

static const char *said(enum guard_invariant invariant)
{
    for (size_t i = 0; i < verdict.count; i++)
        if (verdict.refusals[i].invariant == invariant)
            return verdict.refusals[i].text;
    return NULL;
}

Test(guard, a_shadow_says_whether_the_standing_rule_does_as_much)
{
    static const struct {
        const char *standing, *text;
        const char *says;
    } cases[] = {
        {"source-port >=1&<=99 then discard", "source-port =53 then discard", "covers it already"},
        {"source-port >=1&<=99 then discard", "source-port =53 then rate-limit 1Mbps",
         "covers it already"},
        {"source-port >=1&<=99 then rate-limit 1Mbps", "source-port =53 then rate-limit 2Mbps",
         "covers it already"},
        {"source-port >=1&<=99 then rate-limit 2Mbps", "source-port =53 then rate-limit 1Mbps",
         "would do nothing"},
        {"source-port >=1&<=99 then rate-limit 2Mbps", "source-port =53 then discard",
         "would do nothing"},
        {"source-port >=1&<=99 then discard", "source-port =53", "would do nothing"},
        {"source-port >=1&<=99 then discard", "source-port =53 then redirect 64500:1",
         "would do nothing"},
        {"source-port >=1&<=99", "source-port =53 then discard", "would do nothing"},
        {"source-port >=1&<=99 then rate-limit-packets 10", "source-port =53 then rate-limit 1Mbps",
         "would do nothing"},
        {"source-port =53 then discard", "source-port >=1&<=99 then discard", "stop that one"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guard_context context = context_new();
        struct flow_actions does;
        const struct guard_standing list[1] = {
            {.rule = &standing, .actions = &does, .name = "m-17"}};
        char text[160];
        context.standing = list;
        context.standing_count = 1;
        (void)snprintf(text, sizeof(text), "match destination 203.0.113.45/32 protocol =udp %s",
                       cases[i].standing);
        parse(text);
        rule_copy(&standing, &rule);
        does = actions;
        (void)snprintf(text, sizeof(text), "match destination 203.0.113.45/32 protocol =udp %s",
                       cases[i].text);
        parse(text);
        guard_judge(&context, &rule, &actions, &verdict);
        cr_assert_not_null(said(GUARD_SHADOW), "%zu", i);
        cr_expect_not_null(strstr(said(GUARD_SHADOW), cases[i].says), "%zu: %s", i,
                           said(GUARD_SHADOW));
        cr_expect_not_null(strstr(said(GUARD_SHADOW), "m-17"), "%s", said(GUARD_SHADOW));
        free_networks(&context);
    }
}

Test(guard, what_leaves_out_nothing_usual_does_not_narrow)
{
    static const struct {
        const char *text;
        bool refused;
    } cases[] = {
        {"protocol =tcp port >=1 then discard", true},
        {"protocol =tcp packet-length >=20 then discard", true},
        {"protocol =tcp packet-length >=20&<=9000 then discard", true},
        {"protocol =tcp fragment !is-fragment then discard", true},
        {"protocol =tcp tcp-flags fin,syn,rst,psh,ack,urg,ece,cwr then discard", true},
        {"protocol >=1&<=254 source-port =53 then discard", true},
        {"protocol =tcp port >=1024 then discard", false},
        {"protocol =udp packet-length >=500&<=1500 then discard", false},
        {"protocol =udp fragment is-fragment then discard", false},
        {"protocol =tcp tcp-flags syn&!ack then discard", false},
        {"protocol !=6 source-port =53 then discard", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guard_context context = context_new();
        char text[160];
        (void)snprintf(text, sizeof(text), "match destination 203.0.113.32/28 %s", cases[i].text);
        parse(text);
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_eq(refuses(GUARD_BARE_WIDE), cases[i].refused, "%s", text);
        free_networks(&context);
    }
}

Test(guard, without_networks_nothing_is_ours)
{
    struct guard_context context = {.widest4 = 24, .widest6 = 48};
    parse("match destination 203.0.113.45/32 then discard");
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect(refuses(GUARD_NOT_OURS));
}
