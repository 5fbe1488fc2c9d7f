#include "flowspec/guard.h"
#include "flowspec/profile.h"
#include "tests/unit/flowspec/random_rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct flow_rule rule, others[4];
static struct flow_actions actions, its[4];
static struct guard_verdict verdict;
static struct guard_standing standing[4];

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    cr_assert_eq(prefix_parse(&p, text), STATUS_OK, "%s", text);
    return p;
}

static struct ip_addr addr(const char *text)
{
    return prefix(text).addr;
}

/* Ours are 203.0.113.0/24 and 2001:db8::/32; a session goes from 198.51.100.1 to 203.0.113.9. */
static struct guard_context context_new(void)
{
    static struct ip_prefix infrastructure[1], is_protected[1];
    static struct guard_session sessions[2];
    static struct lpm *networks;
    struct ip_prefix v4 = prefix("203.0.113.0/24"), v6 = prefix("2001:db8::/32");
    networks = lpm_new(8);
    cr_assert_eq(lpm_add(networks, &v4, 1), STATUS_OK);
    cr_assert_eq(lpm_add(networks, &v6, 2), STATUS_OK);
    cr_assert_eq(lpm_seal(networks), STATUS_OK);
    infrastructure[0] = prefix("203.0.113.192/28");
    is_protected[0] = prefix("203.0.113.12/32");
    sessions[0] = (struct guard_session){{addr("198.51.100.1/32"), addr("203.0.113.9/32")}};
    sessions[1] = (struct guard_session){{addr("2001:db8::9/128"), addr("2001:db8:f::1/128")}};
    return (struct guard_context){.networks = networks,
                                  .infrastructure = infrastructure,
                                  .infrastructure_count = 1,
                                  .is_protected = is_protected,
                                  .protected_count = 1,
                                  .sessions = sessions,
                                  .session_count = 2,
                                  .widest4 = 24,
                                  .widest6 = 48,
                                  .mtu_bytes = 9000};
}

static void free_context(struct guard_context *context)
{
    lpm_free((struct lpm *)(uintptr_t)context->networks);
}

static void parse_into(const char *text, struct flow_rule *ret_rule, struct flow_actions *ret)
{
    struct rule_error error = {0};
    struct text full;
    text_init(&full, 0);
    text_addf(&full, "match %s", text);
    cr_assert_eq(rule_parse_text(ret_rule, ret, text_str(&full), &error), STATUS_OK, "%s: %s", text,
                 error.why);
    text_done(&full);
}

static const char *refusal(enum guard_invariant invariant)
{
    for (size_t i = 0; i < verdict.count; i++)
        if (verdict.refusals[i].invariant == invariant)
            return verdict.refusals[i].text;
    return NULL;
}

static void stand(struct guard_context *context, const char *text)
{
    size_t i = context->standing_count++;
    parse_into(text, &others[i], &its[i]);
    standing[i] = (struct guard_standing){.rule = &others[i], .actions = &its[i]};
    context->standing = context->accepting = standing;
    context->accepting_count = context->standing_count;
}

Test(guard_context, every_invariant_has_its_name_and_says_what_it_forbids)
{
    for (int i = 0; i < GUARD_COUNT; i++) {
        cr_expect_neq(guard_label((enum guard_invariant)i)[0], '\0');
        cr_expect_neq(guard_forbids((enum guard_invariant)i)[0], '\0');
        cr_expect_neq(guard_text((enum guard_invariant)i)[0], '\0');
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(guard_label((enum guard_invariant)i),
                              guard_label((enum guard_invariant)j));
    }
    cr_expect_str_eq(guard_forbids(GUARD_COUNT), "unknown");
}

/* --- outgoing -----------------------------------------------------------------------------------
 */

Test(guard_context, an_outgoing_rule_is_for_one_host_of_ours_and_peers_that_need_no_destination)
{
    struct guard_context context = context_new();
    guard_take_profile(&context, profile_find("frr"));
    parse_into("source 203.0.113.7/32 protocol =udp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_eq(verdict.count, 0, "%s", verdict.refusals[0].text);
    guard_take_profile(&context, profile_find("junos"));
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_NO_DESTINATION), "profile requires"));
    free_context(&context);

    context = context_new();
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_NO_DESTINATION), "peers that nobody named");
    guard_take_profile(&context, profile_find("bird"));
    parse_into("source 203.0.113.0/28 protocol =udp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_NOT_OUR_SOURCE), "one host"));
    parse_into("source 198.51.100.7/32 protocol =udp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_NOT_OUR_SOURCE), "198.51.100.7/32"));
    parse_into("source 203.0.113.193/32 protocol =udp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_INFRASTRUCTURE));
    parse_into("source 2001:db8::1/64-128 protocol =udp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_NOT_OUR_SOURCE), "an offset leaves bits open");
    free_context(&context);
}

Test(guard_context, an_inferred_source_that_may_be_forged_needs_leave)
{
    struct guard_context context = context_new();
    context.source_inferred = true;
    parse_into("destination 203.0.113.7/32 source 192.0.2.1/32 then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_SPOOFABLE_SOURCE), "allow: spoofable-source"));
    context.allows_spoofable_source = true;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_null(refusal(GUARD_SPOOFABLE_SOURCE));
    context.allows_spoofable_source = false;
    context.source_inferred = false;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_null(refusal(GUARD_SPOOFABLE_SOURCE));
    free_context(&context);
}

/* --- BGP sessions -------------------------------------------------------------------------------
 */

struct session_case {
    char text[120];
    char accept[120]; /* empty: it does not hit; "none": nothing can come before it */
};

static void check_case(const struct session_case *c)
{
    struct guard_context context = context_new();
    struct flow_rule accepts[2];
    size_t count = 9;
    parse_into(c->text, &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    const char *said = refusal(GUARD_SESSION);
    cr_expect_eq(said != NULL, c->accept[0] != '\0', "%s: %s", c->text, said);
    context.accepts_sessions = true;
    guard_judge(&context, &rule, &actions, &verdict);
    const char *accept = c->accept;
    bool none = strcmp(accept, "none") == 0;
    cr_expect_eq(refusal(GUARD_SESSION) != NULL, none, "the caller announces it before");
    if (said != NULL && !none) {
        cr_expect_not_null(strstr(said, c->accept), "%s: %s", c->text, said);
        cr_assert_eq(guard_accept_rules(&context, &rule, accepts, 2, &count), STATUS_OK);
        cr_assert_eq(count, 1);
        cr_expect_eq(guard_accept_rules(&context, &rule, accepts, 0, &count), STATUS_LIMIT);
        struct flow_actions no_actions = {.discard = false};
        guard_judge(&context, &accepts[0], &no_actions, &verdict);
        cr_expect_eq(verdict.count, 0, "%s", verdict.refusals[0].text);
        stand(&context, accept);
        context.accepts_sessions = false;
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_null(refusal(GUARD_SESSION), "%s", refusal(GUARD_SESSION));
        its[0] = (struct flow_actions){.has_rate = true, .rate_bytes = 1e6};
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_not_null(refusal(GUARD_SESSION), "a limit is no accept");
    } else if (none) {
        cr_expect_eq(guard_accept_rules(&context, &rule, accepts, 2, &count), STATUS_REFUSED);
    }
    free_context(&context);
}

Test(guard_context, a_session_is_kept_by_a_rule_before)
{
#define BOTH "destination 203.0.113.9/32 source 198.51.100.1/32"
    static struct session_case cases[] = {
        {"destination 203.0.113.9/32 then discard", BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.9/32 protocol =tcp then rate-limit 1Mbps",
         BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.0/28 protocol =tcp packet-length >=100 then discard",
         BOTH " protocol =tcp port =179"},
        {BOTH " then discard", BOTH " protocol =tcp port =179"},
        {BOTH " protocol =tcp then discard", BOTH " protocol =tcp port =179"},
        {BOTH " protocol =tcp port =179 then discard", "none"},
        {BOTH " protocol =6,=7 then discard", "none"},
        {"destination 203.0.113.9/32 protocol =tcp then mark ef", ""},
        {"destination 203.0.113.9/32 protocol =tcp", ""},
        {"destination 203.0.113.9/32 protocol =udp then discard", ""},
        {"destination 203.0.113.9/32 protocol =tcp source-port =443 then discard", ""},
        {"destination 203.0.113.9/32 protocol =tcp tcp-flags null then discard", ""},
        {"destination 203.0.113.9/32 protocol =tcp tcp-flags =syn+fin then discard", ""},
        {"destination 203.0.113.9/32 protocol =tcp tcp-flags syn&!ack then discard",
         BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.9/32 protocol =tcp source-port =179 then discard",
         BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.9/32 protocol =tcp port =80,=443 then discard", ""},
        {"destination 203.0.113.9/32 protocol =tcp destination-port >=1024 then discard",
         BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.9/32 fragment is-fragment then discard", ""},
        {"destination 203.0.113.9/32 fragment !is-fragment then discard",
         BOTH " protocol =tcp port =179"},
        {"destination 203.0.113.9/32 packet-length <40 then discard", ""},
        {"destination 203.0.113.9/32 icmp-type =8 then discard", ""},
        {"destination 203.0.113.8/32 then discard", ""},
        {"destination 203.0.113.9/32 source 198.51.100.2/32 then discard", ""},
        {"destination 2001:db8::9/128 protocol =tcp then discard",
         "destination 2001:db8::9/128 source 2001:db8:f::1/128 protocol =tcp port =179"},
    };
    TABLE_RUN(cases, check_case)
}

Test(guard_context, in_the_drafts_order_the_wider_rule_is_first_and_no_accept_rule_helps)
{
    struct guard_context context = context_new();
    context.orders = GUARD_ORDER_RFC | GUARD_ORDER_DRAFT6;
    context.accepts_sessions = true;
    parse_into("destination 203.0.113.0/28 protocol =tcp port >=1 then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_SESSION));
    parse_into("destination 203.0.113.9/32 protocol =tcp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_null(refusal(GUARD_SESSION));
    free_context(&context);
}

Test(guard_context, an_accept_rule_that_may_not_be_announced_is_not_proposed)
{
    struct guard_context context = context_new();
    guard_take_profile(&context, profile_find("frr"));
    parse_into("source 203.0.113.9/32 protocol =tcp then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_assert_not_null(refusal(GUARD_SESSION));
    cr_expect_not_null(strstr(refusal(GUARD_SESSION), "leave TCP port 179 out"), "%s",
                       refusal(GUARD_SESSION));
    free_context(&context);
}

Test(guard_context, the_longest_accept_rule_is_said_whole)
{
    struct guard_context context = context_new();
    struct guard_session far[1] = {{{addr("2001:db8:1111:2222:3333:4444:5555:6666/128"),
                                     addr("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128")}}};
    context.sessions = far;
    context.session_count = 1;
    parse_into("destination 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128 then discard", &rule,
               &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_assert_not_null(refusal(GUARD_SESSION));
    cr_expect_not_null(strstr(refusal(GUARD_SESSION), "protocol =tcp port =179"), "%s",
                       refusal(GUARD_SESSION));
    free_context(&context);
}

/* --- shadows ------------------------------------------------------------------------------------
 */

Test(guard_context, a_rule_is_shadowed_in_the_order_of_its_peers)
{
    static const struct {
        const char *standing, *text;
        bool rfc, draft6;
    } cases[] = {
        {"destination 203.0.113.0/28 protocol =udp port =53 then discard",
         "destination 203.0.113.1/32 protocol =udp port =53 then discard", false, true},
        {"destination 203.0.113.1/32 protocol =udp port =53 then discard",
         "destination 203.0.113.0/28 protocol =udp port =53 then discard", false, true},
        {"destination 203.0.113.0/28 protocol =udp port =53 then discard terminal",
         "destination 203.0.113.1/32 protocol =udp port =53 then discard", false, false},
        {"destination 203.0.113.1/32 protocol =udp source-port >=1&<=99 then discard",
         "destination 203.0.113.1/32 protocol =udp source-port =53 then discard", true, true},
        {"destination 203.0.113.1/32 protocol =udp source-port >=1&<=99 then discard terminal",
         "destination 203.0.113.1/32 protocol =udp source-port =53 then discard", false, false},
        {"destination 203.0.113.1/32 protocol =udp source-port =53 then discard",
         "destination 203.0.113.1/32 protocol =udp then discard", false, true},
        {"destination 203.0.113.2/32 protocol =udp then discard",
         "destination 203.0.113.1/32 protocol =udp then discard", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guard_context context = context_new();
        stand(&context, cases[i].standing);
        parse_into(cases[i].text, &rule, &actions);
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_eq(refusal(GUARD_SHADOW) != NULL, cases[i].rfc, "%zu", i);
        guard_take_profile(&context, profile_find("junos"));
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_eq(refusal(GUARD_SHADOW) != NULL, cases[i].draft6, "%zu", i);
        free_context(&context);
    }
}

/* --- the test rule ------------------------------------------------------------------------------
 */

Test(guard_context, the_test_rule_is_the_one_exemption_and_exactly_it)
{
    struct guard_context context = context_new();
    context.test_rule4 = prefix("100.64.0.0/32");
    context.test_rule6 = prefix("100::64/128");
    context.no_export = true;
    parse_into("destination 100.64.0.0/32 then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_eq(verdict.count, 0, "%s", verdict.refusals[0].text);
    context.no_export = false;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_TEST_RULE), "NO_EXPORT"));
    context.no_export = true;
    context.test_seen = true;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_TEST_RULE), "traffic"));
    context.test_seen = false;
    static const char *const others_than_it[] = {
        "destination 100.64.0.1/32 then discard", "destination 100.64.0.0/31 then discard",
        "destination 100.64.0.0/32 protocol =udp then discard",
        "destination 100::64/127 then discard"};
    for (size_t i = 0; i < sizeof(others_than_it) / sizeof(others_than_it[0]); i++) {
        parse_into(others_than_it[i], &rule, &actions);
        guard_judge(&context, &rule, &actions, &verdict);
        cr_expect_not_null(refusal(GUARD_NOT_OURS), "%s", others_than_it[i]);
    }
    parse_into("destination 100.64.0.0/32 then rate-limit 1Mbps", &rule, &actions);
    context.rate_step_bytes = 1e6;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_RATE), "it is exempt from nothing else");
    free_context(&context);
}

/* --- values -------------------------------------------------------------------------------------
 */

Test(guard_context, masks_and_lengths_that_cannot_be_are_named)
{
    struct guard_context context = context_new();
    parse_into("destination 2001:db8::1/128 then discard", &rule, &actions);
    rule.ops[0] = (struct rule_op){.bits = 0, .value = 1};
    rule.present |= 1U << COMPONENT_FRAGMENT;
    rule.range[COMPONENT_FRAGMENT].count = rule.op_count = 1;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_DF_IPV6));
    rule.ops[0].value = 0;
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(refusal(GUARD_EMPTY_MASK));
    parse_into("destination 203.0.113.1/32 then discard", &rule, &actions);
    for (uint32_t i = 0; i < 1500; i++)
        cr_assert_eq(rule_add_op(&rule, COMPONENT_SOURCE_PORT, OP_EQ, 1000 + 2 * i), STATUS_OK);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_NLRI_LENGTH), "4095"));
    parse_into("destination 203.0.113.1/32 icmp-type =8 port =53 then discard", &rule, &actions);
    guard_judge(&context, &rule, &actions, &verdict);
    cr_expect_not_null(strstr(refusal(GUARD_NOTHING), "icmp-type"), "%s", refusal(GUARD_NOTHING));
    free_context(&context);
}

/* --- the rule and its bytes ---------------------------------------------------------------------
 */

/* A rule near what the context allows, so that few invariants are hit at once. */
static void random_ours(struct random *r)
{
    static const char *const destinations[] = {"203.0.113.9/32", "203.0.113.0/28",
                                               "203.0.113.193/32", "100.64.0.0/32"};
    static const char *const destinations6[] = {"2001:db8::9/128", "2001:db8::/56", "fe80::1/128",
                                                "100::64/128"};
    random_rule(r, &rule);
    if (random_below(r, 4) == 0)
        return;
    struct ip_prefix p = prefix(rule.family == ADDR_IPV4 ? destinations[random_below(r, 4)]
                                                         : destinations6[random_below(r, 4)]);
    rule_set_destination(&rule, &p);
    if (random_below(r, 6) != 0)
        return;
    rule_set_source(&rule, &p);
    rule.present &= (uint16_t) ~(random_below(r, 2) << COMPONENT_DESTINATION);
}

static void random_context(struct random *r, struct guard_context *context)
{
    context->widest4 = (uint8_t)(24 + random_below(r, 9));
    context->widest6 = (uint8_t)(48 + random_below(r, 81));
    context->mtu_bytes = random_below(r, 3) == 0 ? 0 : 1500;
    context->accepts_sessions = random_below(r, 2) == 0;
    context->session_count = random_below(r, 3);
    context->orders = random_below(r, 4);
    context->destination_optional = random_below(r, 2) == 0;
    context->source_inferred = random_below(r, 2) == 0;
    context->allows_spoofable_source = random_below(r, 2) == 0;
    context->rate_step_bytes = random_below(r, 2) == 0 ? 0 : 1e6;
    context->test_rule4 = prefix("100.64.0.0/32");
    context->test_rule6 = prefix("100::64/128");
    context->no_export = random_below(r, 2) == 0;
    context->test_seen = random_below(r, 2) == 0;
    context->rules_now = random_below(r, 3);
    context->rules_max = random_below(r, 3);
    context->standing_count = 0;
    while (context->standing_count < random_below(r, 5)) {
        size_t i = context->standing_count++;
        struct guard_standing *s = &standing[i];
        *s = (struct guard_standing){.rule = &others[i], .actions = &its[i]};
        random_actions(r, &its[i]);
        if (random_below(r, 2) == 0)
            random_rule(r, (struct flow_rule *)(uintptr_t)s->rule);
        else
            rule_copy((struct flow_rule *)(uintptr_t)s->rule, &rule);
    }
    context->standing = context->accepting = standing;
    context->accepting_count = context->standing_count;
}

Test(guard_context, rule_and_bytes_are_judged_alike, .timeout = 120)
{
    struct random r = {4};
    struct guard_context context = context_new();
    size_t compared = 0, passed = 0, hit[GUARD_COUNT] = {0};
    for (int n = 0; n < random_rounds(2000); n++) {
        uint8_t bytes[4100];
        struct action_communities all;
        size_t len;
        struct rule_error error;
        struct guard_verdict of_bytes;
        random_ours(&r);
        random_actions(&r, &actions);
        random_context(&r, &context);
        if (nlri_encode(&rule, bytes, sizeof(bytes), &len) != STATUS_OK ||
            actions_encode_all(&actions, &all, &error) != STATUS_OK)
            continue;
        guard_judge(&context, &rule, &actions, &verdict);
        const struct communities communities = {.at = (const uint8_t(*)[8])all.at,
                                                .count = all.count,
                                                .ipv6 = (const uint8_t(*)[20])all.ipv6,
                                                .ipv6_count = all.ipv6_count};
        guard_judge_bytes(&context, (enum addr_family)rule.family, bytes, len, &communities,
                          &of_bytes);
        compared++;
        passed += verdict.count == 0;
        cr_assert_eq(verdict.count, of_bytes.count, "%s",
                     verdict.count > of_bytes.count ? verdict.refusals[0].text
                                                    : of_bytes.refusals[0].text);
        for (size_t i = 0; i < verdict.count; i++) {
            hit[verdict.refusals[i].invariant]++;
            cr_assert_eq(verdict.refusals[i].invariant, of_bytes.refusals[i].invariant);
            cr_assert_str_eq(verdict.refusals[i].text, of_bytes.refusals[i].text);
        }
    }
    cr_expect_gt(compared, 1000, "%zu", compared);
    cr_expect_gt(passed, 10, "%zu", passed);
    for (int i = 0; i < GUARD_COUNT; i++) {
        bool never = i == GUARD_ENCODING || i == GUARD_NLRI_LENGTH || i == GUARD_EMPTY_MASK ||
                     i == GUARD_DF_IPV6 || i == GUARD_ACTION || i == GUARD_NEXT_HOP;
        cr_expect(never == (hit[i] == 0) || i == GUARD_VALUE, "%s: %zu",
                  guard_label((enum guard_invariant)i), hit[i]);
    }
    free_context(&context);
}
