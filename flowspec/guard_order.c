#include "flowspec/guard_internal.h"

#include "flowspec/sets.h"

#include <string.h>

/*
 * What depends on which rule a router tries first: a rule that hides another, and the accept rule
 * that keeps a BGP session out of one. Peers may try rules in different orders; then both count.
 */
enum { NLRI_ROOM = 4097 };

struct encoded {
    uint8_t bytes[NLRI_ROOM];
    size_t len; /* 0: cannot be encoded */
};

static void encode(const struct flow_rule *rule, struct encoded *ret)
{
    if (nlri_encode(rule, ret->bytes, sizeof(ret->bytes), &ret->len) != STATUS_OK)
        ret->len = 0;
}

/* Below 0: the first one is tried first. */
static int compare(enum guard_order order, uint8_t family, const struct encoded *a,
                   const struct encoded *b)
{
    if (order == GUARD_ORDER_DRAFT6)
        return nlri_compare_draft6(a->bytes, a->len, b->bytes, b->len);
    return nlri_compare((enum addr_family)family, a->bytes, a->len, b->bytes, b->len);
}

static unsigned orders_of(const struct guard_context *context)
{
    return context->orders != 0 ? context->orders : GUARD_ORDER_RFC;
}

/* --- shadows ------------------------------------------------------------------------------------
 */

/* Actions that packets do not get through, or not to where they wanted to go. */
static bool cuts(const struct flow_actions *a)
{
    return a->discard || a->has_rate || a->has_rate_packets ||
           (a->redirect != REDIRECT_NONE && !a->redirect_copy);
}

bool guard_accepts(const struct flow_actions *actions)
{
    return !cuts(actions) && !actions->terminal;
}

bool guard_does_as_much(const struct flow_actions *done, const struct flow_actions *wanted)
{
    if (!cuts(wanted) || wanted->redirect != REDIRECT_NONE || done->redirect != REDIRECT_NONE)
        return actions_equal(done, wanted);
    if (done->discard)
        return true;
    return !wanted->discard &&
           (!wanted->has_rate || (done->has_rate && done->rate_bytes <= wanted->rate_bytes)) &&
           (!wanted->has_rate_packets ||
            (done->has_rate_packets && done->rate_packets <= wanted->rate_packets));
}

/* `over`: the new one hides the standing one; else it is hidden itself. */
static void refuse_shadow(const struct guard_standing *other, const struct flow_actions *actions,
                          bool over, enum guard_order order, struct guard_verdict *v)
{
    const char *what = over ? "it would shadow" : "it would be shadowed by", *advice;
    struct text text;
    if (over)
        advice = "stop that one first, or narrow this one";
    else if (guard_does_as_much(other->actions, actions))
        advice = "that one covers it already and does as much to all of it";
    else
        advice = "this one would do nothing while that one stands";
    text_init(&text, 0);
    (void)rule_format_text(other->rule, other->actions, &text);
    /* What to do stays readable however long the rule is. */
    guard_refuse(v, GUARD_SHADOW, "%s %s%s'%.60s%s'%s; %s", what,
                 other->name != NULL ? other->name : "the standing",
                 other->name != NULL ? ", " : " ", text_str(&text),
                 strlen(text_str(&text)) > 60 ? "..." : "",
                 order == GUARD_ORDER_DRAFT6 ? " (order of draft-6)" : "", advice);
    text_done(&text);
}

void guard_judge_standing(const struct guard_context *context, const struct flow_rule *rule,
                          const struct flow_actions *actions, const struct guard_standing *standing,
                          struct guard_verdict *verdict)
{
    struct encoded ours, theirs;
    bool over = !actions->terminal && rule_covers(rule, standing->rule) &&
                !(standing->may_be_hidden && guard_does_as_much(actions, standing->actions));
    bool under = !standing->actions->terminal && rule_covers(standing->rule, rule);
    if ((!over && !under) || rule_equal(rule, standing->rule))
        return;
    encode(rule, &ours);
    encode(standing->rule, &theirs);
    if (ours.len == 0 || theirs.len == 0)
        return;
    unsigned first = 0, last = 0; /* orders in which it is tried before the other, and after */
    for (unsigned left = orders_of(context); left != 0; left &= left - 1) {
        unsigned order = left & -left;
        if (compare((enum guard_order)order, rule->family, &ours, &theirs) < 0)
            first |= order;
        else
            last |= order;
    }
    if (over && first != 0)
        refuse_shadow(standing, actions, true, (enum guard_order)(first & -first), verdict);
    else if (under && last != 0 &&
             !(standing->in_part_will_do && (first != 0 || standing->not_at_all)))
        refuse_shadow(standing, actions, false, (enum guard_order)(last & -last), verdict);
}

void guard_judge_shadow(const struct guard_context *context, const struct flow_rule *rule,
                        const struct flow_actions *actions, struct guard_verdict *v)
{
    for (size_t i = 0; context->standing != NULL && i < context->standing_count; i++)
        guard_judge_standing(context, rule, actions, &context->standing[i], v);
}

/* --- sessions -----------------------------------------------------------------------------------
 */

enum {
    PROTOCOL_TCP = 6,
    PORT_BGP = 179,
    PORT_EPHEMERAL = 1024, /* the other end's port is this or above */
    PORT_MAX = 65535,
    LENGTH_LEAST = 40, /* of two headers */
};

struct packets {
    const struct ip_addr *from, *to;
};

static bool may_be(const struct flow_rule *rule, enum component c, const struct ip_prefix *prefix,
                   uint8_t offset, const struct ip_addr *addr)
{
    if (!rule_has(rule, c) || offset != 0)
        return true; /* an offset leaves the first bits open */
    return prefix->addr.family == addr->family && prefix_contains(prefix, addr);
}

/* `port` is either of both: BGP's, or the high one. */
static bool either_meets(const struct value_set *either, const struct value_set *high)
{
    if (value_set_meets(either, PORT_BGP, PORT_BGP))
        return true;
    for (size_t i = 0; i < either->count; i++) {
        struct interval in = either->at[i];
        if (in.low < PORT_EPHEMERAL)
            in.low = PORT_EPHEMERAL;
        if (in.low <= in.high && value_set_meets(high, in.low, in.high))
            return true;
    }
    return false;
}

/* One end of a connection is BGP's port, the other's is high. */
static bool ports_meet(const struct flow_rule *rule)
{
    struct value_set either, ends[2];
    value_set_of(rule, COMPONENT_PORT, &either);
    value_set_of(rule, COMPONENT_SOURCE_PORT, &ends[0]);
    value_set_of(rule, COMPONENT_DESTINATION_PORT, &ends[1]);
    for (size_t bgp = 0; bgp < 2; bgp++) {
        const struct value_set *high = &ends[1 - bgp];
        if (value_set_meets(&ends[bgp], PORT_BGP, PORT_BGP) &&
            value_set_meets(high, PORT_EPHEMERAL, PORT_MAX) && either_meets(&either, high))
            return true;
    }
    return false;
}

/* Each packet of a connection is its SYN, or a reset, or has ACK; none has SYN and FIN. */
static bool flags_meet(const struct flow_rule *rule)
{
    enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10, ALL = 0xfff };
    struct flag_set flags;
    if (!rule_has(rule, COMPONENT_TCP_FLAGS))
        return true;
    flag_set_of(rule, COMPONENT_TCP_FLAGS, &flags);
    for (unsigned f = 0; f <= ALL; f++)
        if ((flags.words[f / 64] >> f % 64 & 1) != 0 && (f & (SYN | RST | ACK)) != 0 &&
            (f & (SYN | FIN)) != (SYN | FIN))
            return true;
    return false;
}

/* A session's packets are TCP, not fragments, and of any length, DSCP and flow label. */
static bool can_hit(const struct flow_rule *rule, const struct packets *p)
{
    struct value_set set;
    if (p->from->family != rule->family ||
        !may_be(rule, COMPONENT_DESTINATION, &rule->destination, rule->destination_offset, p->to) ||
        !may_be(rule, COMPONENT_SOURCE, &rule->source, rule->source_offset, p->from) ||
        rule_has(rule, COMPONENT_ICMP_TYPE) || rule_has(rule, COMPONENT_ICMP_CODE))
        return false;
    value_set_of(rule, COMPONENT_PROTOCOL, &set);
    if (!value_set_meets(&set, PROTOCOL_TCP, PROTOCOL_TCP))
        return false;
    value_set_of(rule, COMPONENT_PACKET_LENGTH, &set);
    if (!value_set_meets(&set, LENGTH_LEAST, UINT32_MAX) || !flags_meet(rule))
        return false;
    if (rule_has(rule, COMPONENT_FRAGMENT)) {
        struct flag_set fragments;
        flag_set_of(rule, COMPONENT_FRAGMENT, &fragments);
        if ((fragments.words[0] & 3) == 0) /* neither no bit at all nor DF alone */
            return false;
    }
    return ports_meet(rule);
}

static bool goes_before(const struct guard_context *context, const struct flow_rule *first,
                        const struct flow_rule *second)
{
    struct encoded a, b;
    encode(first, &a);
    encode(second, &b);
    if (a.len == 0 || b.len == 0)
        return false;
    for (unsigned left = orders_of(context); left != 0; left &= left - 1)
        if (compare((enum guard_order)(left & -left), first->family, &a, &b) >= 0)
            return false;
    return true;
}

/* The narrowest first: both hosts with TCP and the port, with TCP, and alone. */
static bool accept_rule(const struct guard_context *context, const struct flow_rule *rule,
                        const struct packets *p, struct flow_rule *ret_accept)
{
    enum { NARROWEST = 2 };
    struct ip_prefix to = prefix_of_host(p->to), from = prefix_of_host(p->from);
    for (int parts = NARROWEST; parts >= 0; parts--) {
        rule_init(ret_accept, (enum addr_family)rule->family);
        rule_set_destination(ret_accept, &to);
        rule_set_source(ret_accept, &from);
        if (parts > 0)
            (void)rule_add_op(ret_accept, COMPONENT_PROTOCOL, OP_EQ, PROTOCOL_TCP);
        if (parts > 1)
            (void)rule_add_op(ret_accept, COMPONENT_PORT, OP_EQ, PORT_BGP);
        if (!goes_before(context, ret_accept, rule))
            continue;
        /* One that may not be announced keeps nothing: its end may be somebody else's. */
        struct guard_verdict verdict = {.count = 0};
        guard_judge_addresses(context, ret_accept, &verdict);
        return verdict.count == 0;
    }
    return false;
}

static bool is_accepted(const struct guard_context *context, const struct flow_rule *rule,
                        const struct packets *p)
{
    struct flow_rule narrowest;
    struct ip_prefix to = prefix_of_host(p->to), from = prefix_of_host(p->from);
    rule_init(&narrowest, (enum addr_family)rule->family);
    rule_set_destination(&narrowest, &to);
    rule_set_source(&narrowest, &from);
    (void)rule_add_op(&narrowest, COMPONENT_PROTOCOL, OP_EQ, PROTOCOL_TCP);
    (void)rule_add_op(&narrowest, COMPONENT_PORT, OP_EQ, PORT_BGP);
    for (size_t i = 0; i < context->accepting_count; i++) {
        const struct guard_standing *s = &context->accepting[i];
        if (guard_accepts(s->actions) && rule_covers(s->rule, &narrowest) &&
            goes_before(context, s->rule, rule))
            return true;
    }
    return false;
}

enum status guard_accept_rules(const struct guard_context *context, const struct flow_rule *rule,
                               struct flow_rule *ret_rules, size_t room, size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < 2 * context->session_count; i++) {
        const struct ip_addr *ends = context->sessions[i / 2].ends;
        struct packets p = {.from = &ends[i % 2], .to = &ends[1 - i % 2]};
        if (!can_hit(rule, &p) || is_accepted(context, rule, &p))
            continue;
        if (*ret_count == room)
            return STATUS_LIMIT;
        if (!accept_rule(context, rule, &p, &ret_rules[*ret_count]))
            return STATUS_REFUSED;
        (*ret_count)++;
    }
    return STATUS_OK;
}

void guard_judge_sessions(const struct guard_context *context, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct guard_verdict *v)
{
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];
    for (size_t i = 0; cuts(actions) && i < 2 * context->session_count; i++) {
        const struct ip_addr *ends = context->sessions[i / 2].ends;
        struct packets p = {.from = &ends[i % 2], .to = &ends[1 - i % 2]};
        struct flow_rule accept;
        if (!can_hit(rule, &p) || is_accepted(context, rule, &p))
            continue;
        bool possible = accept_rule(context, rule, &p, &accept);
        if (possible && context->accepts_sessions)
            continue;
        if (!possible) {
            guard_refuse(v, GUARD_SESSION,
                         "it hits the BGP session %s to %s, and no accept rule can come before it: "
                         "leave TCP port 179 out",
                         addr_format(p.from, from), addr_format(p.to, to));
            return;
        }
        struct text text;
        text_init(&text, 0);
        (void)rule_format_text(&accept, NULL, &text);
        guard_refuse(v, GUARD_SESSION,
                     "it would cut a BGP session unless this stands before it, announced by hand: "
                     "%s",
                     text_str(&text));
        text_done(&text);
        return;
    }
}
