#include "flowspec/guard.h"

#include "flowspec/guard_internal.h"
#include "flowspec/profile.h"
#include "flowspec/sets.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *label, *forbids, *text;
} invariants[GUARD_COUNT] = {
#define X(name, label, forbids, text) {label, forbids, text},
    GUARD_LIST(X)
#undef X
};

const char *guard_label(enum guard_invariant i)
{
    return i < GUARD_COUNT ? invariants[i].label : "unknown";
}

const char *guard_forbids(enum guard_invariant i)
{
    return i < GUARD_COUNT ? invariants[i].forbids : "unknown";
}

const char *guard_text(enum guard_invariant i)
{
    return i < GUARD_COUNT ? invariants[i].text : "unknown";
}

void guard_refuse(struct guard_verdict *v, enum guard_invariant invariant, const char *format, ...)
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
        guard_refuse(v, GUARD_ICMPV6,
                     "the rule holds ICMPv6 without icmp-type; name types other than "
                     "1-4 and 133-137, or another protocol");
    else if (value_set_meets(&set, ERROR_FIRST, ERROR_LAST) ||
             value_set_meets(&set, ND_FIRST, ND_LAST))
        guard_refuse(v, GUARD_ICMPV6,
                     "icmp-type holds one of 1-4 or 133-137; errors and neighbour discovery stay");
}

static void judge_values(const struct guard_context *context, const struct flow_rule *rule,
                         struct guard_verdict *v)
{
    enum { DF = 0x01 };
    uint32_t mtu = context->mtu_bytes != 0 ? context->mtu_bytes : 65535;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        const struct rule_op *ops = rule_ops(rule, c);
        uint32_t max = component_max(c, rule->family);
        for (size_t i = 0; i < rule_ops_count(rule, c); i++) {
            uint32_t value = ops[i].value;
            if (c == COMPONENT_PACKET_LENGTH && value > mtu)
                guard_refuse(v, GUARD_LENGTH, "packet-length %u; up to %u is allowed", value, mtu);
            if (component_is_bits(c) && value == 0)
                guard_refuse(v, GUARD_EMPTY_MASK, "%s has an empty mask; name at least one bit",
                             component_name(c));
            else if (c == COMPONENT_FRAGMENT && rule->family == ADDR_IPV6 && (value & DF) != 0)
                guard_refuse(v, GUARD_DF_IPV6,
                             "fragment names DF in IPv6; is-fragment, first-fragment and "
                             "last-fragment are allowed");
            else if (component_is_bits(c) ? (value & ~max) != 0 : value > max)
                guard_refuse(v, GUARD_VALUE, "%s %u; %s%u is allowed", component_name(c), value,
                             component_is_bits(c) ? "bits of " : "up to ", max);
        }
    }
    if (rule_has(rule, COMPONENT_PACKET_LENGTH)) {
        struct value_set lengths;
        value_set_of(rule, COMPONENT_PACKET_LENGTH, &lengths);
        if (lengths.count > 0 && !value_set_meets(&lengths, 0, mtu))
            guard_refuse(v, GUARD_LENGTH, "packet-length from %u; up to %u is allowed",
                         lengths.at[0].low, mtu);
    }
}

static bool is_rate(double rate)
{
    return isfinite(rate) && rate > 0 && actions_rate_on_wire(rate) > 0;
}

static void judge_actions(const struct guard_context *context, const struct flow_actions *actions,
                          struct guard_verdict *v)
{
    struct rule_error error = {0};
    if (actions->has_rate && !is_rate(actions->rate_bytes))
        guard_refuse(v, GUARD_RATE, "rate-limit %g B/s; a finite rate above 0, or discard",
                     actions->rate_bytes);
    else if (actions->has_rate && actions->rate_bytes < context->rate_step_bytes)
        guard_refuse(v, GUARD_RATE,
                     "rate-limit %g B/s, which a peer rounds to 0; %g B/s and more, or discard",
                     actions->rate_bytes, context->rate_step_bytes);
    else if (actions->has_rate_packets && !is_rate(actions->rate_packets))
        guard_refuse(v, GUARD_RATE, "rate-limit-packets %g; a finite rate above 0, or discard",
                     actions->rate_packets);
    else if (actions_check(actions, &error) != STATUS_OK)
        guard_refuse(v, GUARD_ACTION, "%s", error.why);
}

/* It can match something, and fits. */
static void judge_whole(const struct flow_rule *rule, struct guard_verdict *v)
{
    struct rule_error error = {0};
    struct flow_rule copy;
    rule_copy(&copy, rule);
    enum status s = rule_simplify(&copy, &error);
    if (s != STATUS_OK)
        guard_refuse(v, s == STATUS_MALFORMED ? GUARD_NOTHING : GUARD_VALUE, "%s", error.why);
    if (profile_nlri_len(rule) == SIZE_MAX)
        guard_refuse(v, GUARD_NLRI_LENGTH, "the rule has %u operators; 4095 octets are allowed",
                     rule->op_count);
}

void guard_take_profile(struct guard_context *context, const struct router_profile *profile)
{
    context->destination_optional =
        (!context->knows_peers || context->destination_optional) && !profile->destination_required;
    context->knows_peers = true;
    context->orders |= profile->draft6_order ? GUARD_ORDER_DRAFT6 : GUARD_ORDER_RFC;
    if (profile->rate_step_bytes > context->rate_step_bytes)
        context->rate_step_bytes = profile->rate_step_bytes;
}

void guard_judge(const struct guard_context *context, const struct flow_rule *rule,
                 const struct flow_actions *actions, struct guard_verdict *ret_verdict)
{
    struct guard_verdict *v = ret_verdict;
    v->count = 0;
    guard_judge_addresses(context, rule, v);
    judge_icmpv6(rule, v);
    judge_values(context, rule, v);
    judge_actions(context, actions, v);
    judge_whole(rule, v);
    guard_judge_sessions(context, rule, actions, v);
    guard_judge_shadow(context, rule, actions, v);
    if (context->rules_max != 0 && context->rules_now >= context->rules_max)
        guard_refuse(v, GUARD_BUDGET, "%u rules stand and %u are allowed", context->rules_now,
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
            guard_refuse(v, GUARD_ENCODING, "community %zu is not in the form that is sent", i);
    }
    for (size_t i = 0; i < theirs->ipv6_count; i++) {
        if (!says_an_action(&(struct communities){.ipv6 = theirs->ipv6 + i, .ipv6_count = 1}))
            continue;
        said++;
        if (!use_up(ours.ipv6[0], ours.ipv6_count, COMMUNITY6_LEN, used6, theirs->ipv6[i]))
            guard_refuse(v, GUARD_ENCODING, "IPv6 community %zu is not in the form that is sent",
                         i);
    }
    if (said != ours.count + ours.ipv6_count)
        guard_refuse(v, GUARD_ENCODING, "%zu communities for what takes %zu", said,
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
        guard_refuse(ret_verdict, GUARD_ENCODING, "octet %zu: %s", error.at, error.why);
        return;
    }
    if (actions_decode_all(&actions, communities->at, communities->count, communities->ipv6,
                           communities->ipv6_count, &error) != STATUS_OK) {
        guard_refuse(ret_verdict, GUARD_ENCODING, "%s", error.why);
        return;
    }
    enum status s = nlri_encode(&rule, again, sizeof(again), &again_len);
    if (s != STATUS_OK || taken != nlri_len || again_len != nlri_len ||
        memcmp(again, nlri, nlri_len) != 0)
        guard_refuse(&refused, GUARD_ENCODING, "%zu octets are not the form that is sent (%s)",
                     nlri_len,
                     s != STATUS_OK ? status_text(s) : "sizes, reserved bits or what follows");
    judge_communities(&actions, communities, &refused);
    guard_judge(context, &rule, &actions, ret_verdict);
    for (size_t i = 0; i < refused.count; i++)
        guard_refuse(ret_verdict, refused.refusals[i].invariant, "%s", refused.refusals[i].text);
}
