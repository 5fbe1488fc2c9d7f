#include "flowspec/guard_internal.h"

#include "flowspec/sets.h"

/* An offset leaves the first bits open, so the destination is anything at all. */
static struct ip_prefix destination_of(const struct flow_rule *rule)
{
    struct ip_prefix prefix = rule->destination;
    if (rule->destination_offset != 0) {
        prefix.addr = addr_masked(&prefix.addr, 0);
        prefix.len = 0;
    }
    return prefix;
}

struct cover_search {
    uint8_t len;
    bool found;
};

static bool on_network(void *owner, const struct ip_prefix *prefix, int32_t value)
{
    struct cover_search *search = owner;
    (void)value; /* that it is there is all that counts */
    search->found = prefix->len <= search->len;
    return !search->found;
}

static bool is_ours(const struct lpm *networks, const struct ip_prefix *prefix)
{
    struct cover_search search = {.len = prefix->len};
    if (networks != NULL)
        lpm_walk(networks, &prefix->addr, on_network, &search);
    return search.found;
}

/* Numbers that ordinary traffic has in the field: `port >=1` or `packet-length >=20` take all of
 * it.
 */
static struct interval usual_values(const struct guard_context *context, enum component c,
                                    uint8_t family)
{
    enum { HEADER_IPV4 = 20, HEADER_IPV6 = 40, RESERVED = 255 };
    switch (c) {
    case COMPONENT_PACKET_LENGTH:
        return (struct interval){family == ADDR_IPV4 ? HEADER_IPV4 : HEADER_IPV6,
                                 context->mtu_bytes != 0 ? context->mtu_bytes : UINT16_MAX};
    case COMPONENT_PROTOCOL:
        return (struct interval){1, RESERVED - 1};
    default:
        return (struct interval){1, component_max(c, family)};
    }
}

/* Leaves some of the ordinary traffic out, so that it narrows the rule. */
static bool narrows(const struct guard_context *context, const struct flow_rule *rule,
                    enum component c)
{
    if (!rule_has(rule, c))
        return false;
    if (component_is_bits(c)) {
        static const struct rule_op any_flag = {.value = 0xff};
        struct flag_set flags, usual;
        flag_set_of(rule, c, &flags);
        if (c == COMPONENT_FRAGMENT)
            return (flags.words[0] & 3) != 3; /* with DF or without, all that is no fragment */
        flag_set_of_ops(rule->family, c, &any_flag, 1, &usual);
        return !flag_set_covers(&flags, &usual);
    }
    struct value_set values, usual = {.count = 1};
    value_set_of(rule, c, &values);
    usual.at[0] = usual_values(context, c, rule->family);
    return !value_set_covers(&values, &usual);
}

static bool is_narrow_enough(const struct guard_context *context, const struct flow_rule *rule)
{
    return narrows(context, rule, COMPONENT_PROTOCOL) &&
           (narrows(context, rule, COMPONENT_PORT) ||
            narrows(context, rule, COMPONENT_DESTINATION_PORT) ||
            narrows(context, rule, COMPONENT_SOURCE_PORT) ||
            narrows(context, rule, COMPONENT_TCP_FLAGS) ||
            narrows(context, rule, COMPONENT_PACKET_LENGTH) ||
            narrows(context, rule, COMPONENT_FRAGMENT));
}

static const struct ip_prefix *find_overlap(const struct ip_prefix *list, size_t count,
                                            const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < count; i++)
        if (prefix_overlaps(&list[i], prefix))
            return &list[i];
    return NULL;
}

static void judge_scope(const struct ip_prefix *destination, const char *word,
                        struct guard_verdict *v)
{
    static const struct ip_prefix scopes[] = {
        {{ADDR_IPV4, {224}}, 4},
        {{ADDR_IPV4, {169, 254}}, 16},
        {{ADDR_IPV6, {0xfe, 0x80}}, 10},
        {{ADDR_IPV6, {0xff}}, 8},
    };
    char scope[PREFIX_TEXT_MAX];
    const struct ip_prefix *hit =
        find_overlap(scopes, sizeof(scopes) / sizeof(scopes[0]), destination);
    if (hit != NULL)
        guard_refuse(v, GUARD_SCOPE,
                     "destination %s meets %s; link-local and multicast are left alone", word,
                     prefix_format(hit, scope));
}

static void judge_infrastructure(const struct guard_context *context,
                                 const struct ip_prefix *prefix, const char *what,
                                 struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
    const struct ip_prefix *hit =
        find_overlap(context->infrastructure, context->infrastructure_count, prefix);
    if (hit != NULL)
        guard_refuse(v, GUARD_INFRASTRUCTURE, "%s %s meets the infrastructure %s", what,
                     prefix_format(prefix, word), prefix_format(hit, other));
}

static void judge_destination(const struct guard_context *context, const struct flow_rule *rule,
                              struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
    struct ip_prefix destination = destination_of(rule);
    uint8_t widest = rule->family == ADDR_IPV4 ? context->widest4 : context->widest6;
    prefix_format(&destination, word);
    if (!is_ours(context->networks, &destination))
        guard_refuse(v, GUARD_NOT_OURS, "destination %s%s is not inside networks", word,
                     rule->destination_offset != 0 ? " (its offset leaves the first bits open)"
                                                   : "");
    if (destination.len < widest)
        guard_refuse(v, GUARD_TOO_WIDE, "destination %s; /%u to /%u is allowed", word, widest,
                     addr_bits(&destination.addr));
    if (destination.len < addr_bits(&destination.addr) && !is_narrow_enough(context, rule))
        guard_refuse(v, GUARD_BARE_WIDE,
                     "destination %s is wider than a host; add a protocol and a port, flags, "
                     "length or fragment, or name one host",
                     word);
    const struct ip_prefix *hit =
        find_overlap(context->is_protected, context->protected_count, &destination);
    if (hit != NULL)
        guard_refuse(v, GUARD_PROTECTED, "destination %s meets the protected %s", word,
                     prefix_format(hit, other));
    judge_infrastructure(context, &destination, "destination", v);
    judge_scope(&destination, word, v);
}

/* Outgoing: one host of ours, whatever it sends to. It takes every packet of that host, so it is
 * not for one that holds the network up. */
static void judge_outgoing(const struct guard_context *context, const struct flow_rule *rule,
                           struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX];
    if (!rule_has(rule, COMPONENT_SOURCE)) {
        guard_refuse(v, GUARD_NO_DESTINATION, "no destination; one inside networks is needed");
        return;
    }
    prefix_format(&rule->source, word);
    if (!context->destination_optional)
        guard_refuse(v, GUARD_NO_DESTINATION,
                     "no destination, only source %s; one inside networks is needed, as a peer's "
                     "profile requires it",
                     word);
    if (rule->source_offset != 0 || rule->source.len < addr_bits(&rule->source.addr))
        guard_refuse(v, GUARD_NOT_OUR_SOURCE,
                     "source %s without a destination; one host is allowed", word);
    if (!is_ours(context->networks, &rule->source))
        guard_refuse(v, GUARD_NOT_OUR_SOURCE,
                     "source %s without a destination; a host inside networks is allowed", word);
    judge_infrastructure(context, &rule->source, "source", v);
}

/* Whoever attacks writes what he likes into a source that is not ours. */
static void judge_source(const struct guard_context *context, const struct flow_rule *rule,
                         struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX];
    if (!context->source_inferred || context->allows_spoofable_source ||
        !rule_has(rule, COMPONENT_SOURCE) || is_ours(context->networks, &rule->source))
        return;
    guard_refuse(v, GUARD_SPOOFABLE_SOURCE,
                 "source %s is inferred and may be forged; name it, or `allow: spoofable-source`",
                 prefix_format(&rule->source, word));
}

bool guard_is_test_rule(const struct guard_context *context, const struct flow_rule *rule)
{
    const struct ip_prefix *test =
        rule->family == ADDR_IPV4 ? &context->test_rule4 : &context->test_rule6;
    return test->addr.family == rule->family && rule->present == 1U << COMPONENT_DESTINATION &&
           rule->destination_offset == 0 && prefix_equal(test, &rule->destination);
}

static void judge_test_rule(const struct guard_context *context, const struct flow_rule *rule,
                            struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX];
    prefix_format(&rule->destination, word);
    if (!context->no_export)
        guard_refuse(v, GUARD_TEST_RULE, "the test rule for %s; only with NO_EXPORT", word);
    if (context->test_seen)
        guard_refuse(v, GUARD_TEST_RULE,
                     "%s was seen in traffic; the test rule is for an address that nobody uses",
                     word);
}

void guard_judge_addresses(const struct guard_context *context, const struct flow_rule *rule,
                           struct guard_verdict *v)
{
    if (guard_is_test_rule(context, rule)) {
        judge_test_rule(context, rule, v);
        return;
    }
    if (rule_has(rule, COMPONENT_DESTINATION))
        judge_destination(context, rule, v);
    else
        judge_outgoing(context, rule, v);
    judge_source(context, rule, v);
}
