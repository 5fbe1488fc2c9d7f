#include "flowspec/guard.h"

#include "flowspec/sets.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *label, *text;
} invariants[GUARD_COUNT] = {
#define X(name, label, text) {label, text},
    GUARD_LIST(X)
#undef X
};

const char *guard_label(enum guard_invariant i)
{
    return i < GUARD_COUNT ? invariants[i].label : "unknown";
}

const char *guard_text(enum guard_invariant i)
{
    return i < GUARD_COUNT ? invariants[i].text : "unknown";
}

/* One refusal an invariant is enough; the first says it. */
static void refuse(struct guard_verdict *v, enum guard_invariant invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct guard_verdict *v, enum guard_invariant invariant, const char *format, ...)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->refusals[i].invariant == invariant)
            return;
    struct guard_refusal *refusal = &v->refusals[v->count++];
    refusal->invariant = invariant;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
    va_end(arguments);
}

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

/* Sets that leave a value out, so that they narrow the rule. */
static bool narrows(const struct flow_rule *rule, enum component c)
{
    if (!rule_has(rule, c))
        return false;
    if (component_is_bits(c)) {
        struct flag_set flags;
        flag_set_of(rule, c, &flags);
        return !flag_set_is_all(&flags, c, rule->family);
    }
    struct value_set values;
    value_set_of(rule, c, &values);
    return !value_set_is_all(&values, c, rule->family);
}

static bool is_narrow_enough(const struct flow_rule *rule)
{
    return narrows(rule, COMPONENT_PROTOCOL) &&
           (narrows(rule, COMPONENT_PORT) || narrows(rule, COMPONENT_DESTINATION_PORT) ||
            narrows(rule, COMPONENT_SOURCE_PORT) || narrows(rule, COMPONENT_TCP_FLAGS) ||
            narrows(rule, COMPONENT_PACKET_LENGTH) || narrows(rule, COMPONENT_FRAGMENT));
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
        refuse(v, GUARD_SCOPE, "destination %s meets %s; link-local and multicast are left alone",
               word, prefix_format(hit, scope));
}

static void judge_destination(const struct guard_context *context, const struct flow_rule *rule,
                              struct guard_verdict *v)
{
    char word[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
    if (!rule_has(rule, COMPONENT_DESTINATION)) {
        refuse(v, GUARD_NO_DESTINATION, "no destination; one inside networks is needed");
        return;
    }
    struct ip_prefix destination = destination_of(rule);
    const struct ip_prefix *hit;
    uint8_t widest = rule->family == ADDR_IPV4 ? context->widest4 : context->widest6;
    prefix_format(&destination, word);
    if (!is_ours(context->networks, &destination))
        refuse(v, GUARD_NOT_OURS, "destination %s%s is not inside networks", word,
               rule->destination_offset != 0 ? " (its offset leaves the first bits open)" : "");
    if (destination.len < widest)
        refuse(v, GUARD_TOO_WIDE, "destination %s; /%u to /%u is allowed", word, widest,
               addr_bits(&destination.addr));
    if (destination.len < addr_bits(&destination.addr) && !is_narrow_enough(rule))
        refuse(v, GUARD_BARE_WIDE,
               "destination %s is wider than a host; add a protocol and a port, flags, length or "
               "fragment, or name one host",
               word);
    hit = find_overlap(context->is_protected, context->protected_count, &destination);
    if (hit != NULL)
        refuse(v, GUARD_PROTECTED, "destination %s meets the protected %s", word,
               prefix_format(hit, other));
    hit = find_overlap(context->infrastructure, context->infrastructure_count, &destination);
    if (hit != NULL)
        refuse(v, GUARD_INFRASTRUCTURE, "destination %s meets the infrastructure %s", word,
               prefix_format(hit, other));
    judge_scope(&destination, word, v);
}

/* Neighbour discovery and path MTU keep an IPv6 network alive. */
static void judge_icmpv6(const struct flow_rule *rule, struct guard_verdict *v)
{
    enum { ICMPV6 = 58, ERROR_FIRST = 1, ERROR_LAST = 4, ND_FIRST = 133, ND_LAST = 137 };
    struct value_set set;
    if (rule->family != ADDR_IPV6)
        return;
    value_set_of(rule, COMPONENT_PROTOCOL, &set);
    if (!value_set_meets(&set, ICMPV6, ICMPV6))
        return;
    bool has_type = rule_has(rule, COMPONENT_ICMP_TYPE);
    if (!has_type && !rule_has(rule, COMPONENT_PROTOCOL) && !rule_has(rule, COMPONENT_ICMP_CODE))
        return; /* it does not speak of ICMPv6 */
    value_set_of(rule, COMPONENT_ICMP_TYPE, &set);
    if (!has_type)
        refuse(v, GUARD_ICMPV6,
               "the rule holds ICMPv6 without icmp-type; name types other than "
               "1-4 and 133-137, or another protocol");
    else if (value_set_meets(&set, ERROR_FIRST, ERROR_LAST) ||
             value_set_meets(&set, ND_FIRST, ND_LAST))
        refuse(v, GUARD_ICMPV6,
               "icmp-type holds one of 1-4 or 133-137; errors and neighbour discovery stay");
}

static void judge_values(const struct guard_context *context, const struct flow_rule *rule,
                         struct guard_verdict *v)
{
    uint32_t mtu = context->mtu_bytes != 0 ? context->mtu_bytes : 65535;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        const struct rule_op *ops = rule_ops(rule, c);
        uint32_t max = component_max(c, rule->family);
        for (size_t i = 0; i < rule_ops_count(rule, c); i++) {
            uint32_t value = ops[i].value;
            if (c == COMPONENT_PACKET_LENGTH && value > mtu)
                refuse(v, GUARD_LENGTH, "packet-length %u; up to %u is allowed", value, mtu);
            if (component_is_bits(c) && value == 0)
                refuse(v, GUARD_VALUE, "%s has an empty mask; name at least one bit",
                       component_name(c));
            else if (component_is_bits(c) ? (value & ~max) != 0 : value > max)
                refuse(v, GUARD_VALUE, "%s %u; %s%u is allowed", component_name(c), value,
                       component_is_bits(c) ? "bits of " : "up to ", max);
        }
    }
    if (rule_has(rule, COMPONENT_PACKET_LENGTH)) {
        struct value_set lengths;
        value_set_of(rule, COMPONENT_PACKET_LENGTH, &lengths);
        if (lengths.count > 0 && !value_set_meets(&lengths, 0, mtu))
            refuse(v, GUARD_LENGTH, "packet-length from %u; up to %u is allowed", lengths.at[0].low,
                   mtu);
    }
}

static bool is_rate(double rate)
{
    return isfinite(rate) && rate > 0 && actions_rate_on_wire(rate) > 0;
}

static void judge_actions(const struct flow_actions *actions, struct guard_verdict *v)
{
    struct rule_error error = {0};
    if (actions->has_rate && !is_rate(actions->rate_bytes))
        refuse(v, GUARD_RATE, "rate-limit %g B/s; a finite rate above 0, or discard",
               actions->rate_bytes);
    else if (actions->has_rate_packets && !is_rate(actions->rate_packets))
        refuse(v, GUARD_RATE, "rate-limit-packets %g; a finite rate above 0, or discard",
               actions->rate_packets);
    else if (actions_check(actions, &error) != STATUS_OK)
        refuse(v, GUARD_ACTION, "%s", error.why);
}

/* Without the standing rule's actions it is taken as one that ends the search. */
static void judge_shadow(const struct guard_context *context, const struct flow_rule *rule,
                         const struct flow_actions *actions, struct guard_verdict *v)
{
    uint8_t ours[4100], theirs[4100];
    size_t ours_len = 0, theirs_len = 0;
    if (context->standing == NULL || nlri_encode(rule, ours, sizeof(ours), &ours_len) != STATUS_OK)
        return;
    for (size_t i = 0; i < context->standing_count; i++) {
        const struct flow_rule *other = context->standing[i];
        bool over = rule_covers(rule, other), under = rule_covers(other, rule);
        if ((!over && !under) || rule_equal(rule, other) ||
            nlri_encode(other, theirs, sizeof(theirs), &theirs_len) != STATUS_OK)
            continue;
        bool first =
            nlri_compare((enum addr_family)rule->family, ours, ours_len, theirs, theirs_len) < 0;
        const char *what = first && over && !actions->terminal ? "would shadow"
                           : !first && under                   ? "would be shadowed by"
                                                               : NULL;
        if (what == NULL)
            continue;
        struct text text;
        text_init(&text, 0);
        (void)rule_format_text(other, NULL, &text);
        refuse(v, GUARD_SHADOW, "it %s the standing '%.120s'; narrow it or withdraw that one", what,
               text_str(&text));
        text_done(&text);
        return;
    }
}

void guard_judge(const struct guard_context *context, const struct flow_rule *rule,
                 const struct flow_actions *actions, struct guard_verdict *ret_verdict)
{
    struct guard_verdict *v = ret_verdict;
    struct rule_error error = {0};
    struct flow_rule copy;
    v->count = 0;
    judge_destination(context, rule, v);
    judge_icmpv6(rule, v);
    judge_values(context, rule, v);
    judge_actions(actions, v);
    rule_copy(&copy, rule);
    enum status s = rule_simplify(&copy, &error);
    if (s != STATUS_OK)
        refuse(v, s == STATUS_MALFORMED ? GUARD_NOTHING : GUARD_VALUE, "%s", error.why);
    judge_shadow(context, rule, actions, v);
    if (context->rules_max != 0 && context->rules_now >= context->rules_max)
        refuse(v, GUARD_BUDGET, "%u rules stand and %u are allowed", context->rules_now,
               context->rules_max);
}

static bool says_an_action(const struct communities *one)
{
    struct flow_actions actions;
    struct action_communities again;
    struct rule_error error = {0};
    return actions_decode_all(&actions, one->at, one->count, one->ipv6, one->ipv6_count, &error) ==
               STATUS_OK &&
           actions_encode_all(&actions, &again, &error) == STATUS_OK &&
           again.count + again.ipv6_count > 0;
}

/* Whether one of ours is the same that was not used up by an earlier one. */
static bool use_up(const uint8_t *ours, size_t count, size_t len, bool *used, const uint8_t *one)
{
    for (size_t i = 0; i < count; i++) {
        if (used[i] || memcmp(ours + i * len, one, len) != 0)
            continue;
        used[i] = true;
        return true;
    }
    return false;
}

/* Each community of an action is one that we would send for these actions. */
static void judge_communities(const struct flow_actions *actions, const struct communities *theirs,
                              struct guard_verdict *v)
{
    struct action_communities ours;
    struct rule_error error = {0};
    bool used[COMMUNITIES_MAX] = {false}, used6[COMMUNITIES6_MAX] = {false};
    size_t said = 0;
    if (actions_encode_all(actions, &ours, &error) != STATUS_OK)
        return; /* judged as an action */
    for (size_t i = 0; i < theirs->count; i++) {
        if (!says_an_action(&(struct communities){.at = theirs->at + i, .count = 1}))
            continue; /* says nothing about packets */
        said++;
        if (!use_up(ours.at[0], ours.count, COMMUNITY_LEN, used, theirs->at[i]))
            refuse(v, GUARD_ENCODING, "community %zu is not in the form that is sent", i);
    }
    for (size_t i = 0; i < theirs->ipv6_count; i++) {
        if (!says_an_action(&(struct communities){.ipv6 = theirs->ipv6 + i, .ipv6_count = 1}))
            continue;
        said++;
        if (!use_up(ours.ipv6[0], ours.ipv6_count, COMMUNITY6_LEN, used6, theirs->ipv6[i]))
            refuse(v, GUARD_ENCODING, "IPv6 community %zu is not in the form that is sent", i);
    }
    if (said != ours.count + ours.ipv6_count)
        refuse(v, GUARD_ENCODING, "%zu communities for what takes %zu", said,
               ours.count + ours.ipv6_count);
}

void guard_judge_bytes(const struct guard_context *context, enum addr_family family,
                       const uint8_t *nlri, size_t nlri_len, const struct communities *communities,
                       struct guard_verdict *ret_verdict)
{
    struct guard_verdict refused = {.count = 0};
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error = {0};
    uint8_t again[4100];
    size_t taken = 0, again_len = 0;
    ret_verdict->count = 0;
    if (nlri_decode(&rule, family, nlri, nlri_len, &taken, &error) != STATUS_OK) {
        refuse(ret_verdict, GUARD_ENCODING, "octet %zu: %s", error.at, error.why);
        return;
    }
    if (actions_decode_all(&actions, communities->at, communities->count, communities->ipv6,
                           communities->ipv6_count, &error) != STATUS_OK) {
        refuse(ret_verdict, GUARD_ENCODING, "%s", error.why);
        return;
    }
    enum status s = nlri_encode(&rule, again, sizeof(again), &again_len);
    if (s != STATUS_OK || taken != nlri_len || again_len != nlri_len ||
        memcmp(again, nlri, nlri_len) != 0)
        refuse(&refused, GUARD_ENCODING, "%zu octets are not the form that is sent (%s)", nlri_len,
               s != STATUS_OK ? status_text(s) : "sizes, reserved bits or what follows");
    judge_communities(&actions, communities, &refused);
    guard_judge(context, &rule, &actions, ret_verdict);
    for (size_t i = 0; i < refused.count; i++)
        refuse(ret_verdict, refused.refusals[i].invariant, "%s", refused.refusals[i].text);
}
