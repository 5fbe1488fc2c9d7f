#include "flowspec/expression.h"
#include "flowspec/sets.h"

#include <string.h>

/*
 * Works on a copy, component by component, and gives it back when nothing contradicts. Numbers
 * become sorted, disjoint values and ranges; a form that the writer chose for one of them stays,
 * as `<200` and `<=199` are the same length. Flags lose what is said twice.
 */
enum { FLAG_GROUPS_COMPARED = 32 };

static bool pair_is_empty(uint8_t family, enum component c, const struct rule_op *a,
                          const struct rule_op *b)
{
    const struct rule_op pair[2] = {*a, {.bits = b->bits | OP_AND, .value = b->value}};
    if (component_is_bits(c)) {
        struct flag_set set;
        flag_set_of_ops(family, c, pair, 2, &set);
        return flag_set_is_empty(&set);
    }
    struct interval intervals[3];
    return value_set_of_group(family, c, pair, 2, intervals) == 0;
}

/* Names the first two operators that contradict, or the whole conjunction where it takes more. */
static enum status fail_group(uint8_t family, enum component c, const struct rule_op *ops,
                              size_t count, struct rule_error *ret_error)
{
    struct text a, b;
    enum { SHOWN_MAX = 64, PAIRS_LOOKED_AT = 64 };
    text_init(&a, 0);
    text_init(&b, 0);
    size_t looked_at = count < PAIRS_LOOKED_AT ? count : PAIRS_LOOKED_AT;
    for (size_t i = 0; a.len == 0 && i < looked_at; i++) {
        for (size_t j = i + 1; a.len == 0 && j < looked_at; j++) {
            if (!pair_is_empty(family, c, &ops[i], &ops[j]))
                continue;
            expression_format_group(family, c, &ops[i], 1, &a);
            expression_format_group(family, c, &ops[j], 1, &b);
        }
    }
    if (a.len > 0) {
        rule_fail(ret_error, STATUS_MALFORMED, 0, "matches nothing: %s %.*s and %.*s contradict",
                  component_name(c), SHOWN_MAX, text_str(&a), SHOWN_MAX, text_str(&b));
    } else {
        expression_format_group(family, c, ops, count, &a);
        rule_fail(ret_error, STATUS_MALFORMED, 0, "matches nothing: no %s is %.*s",
                  component_name(c), 2 * SHOWN_MAX, text_str(&a));
    }
    text_done(&a);
    text_done(&b);
    return STATUS_MALFORMED;
}

/* A conjunction that is one interval in a form as short as any. */
static bool is_plain(const struct rule_op *ops, size_t count)
{
    unsigned first = ops[0].bits & (OP_LT | OP_GT | OP_EQ);
    if (count == 1)
        return first != 0 && first != (OP_LT | OP_GT) && first != (OP_LT | OP_GT | OP_EQ);
    return count == 2 && first == (OP_GT | OP_EQ) &&
           (ops[1].bits & (OP_LT | OP_GT | OP_EQ)) == (OP_LT | OP_EQ);
}

/* The writer's own conjunction for this interval, or false. */
static bool push_as_written(const struct flow_rule *rule, enum component c,
                            const struct interval *want, struct flow_rule *out)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    for (size_t i = 0, end; i < count; i = end) {
        struct interval got[3];
        end = rule_group_end(ops, count, i);
        if (!is_plain(ops + i, end - i) ||
            value_set_of_group(rule->family, c, ops + i, end - i, got) != 1 ||
            got[0].low != want->low || got[0].high != want->high)
            continue;
        for (; i < end; i++)
            (void)rule_push_op(out, c, ops[i].bits, ops[i].value);
        return true;
    }
    return false;
}

static enum status push_interval(const struct flow_rule *rule, enum component c,
                                 const struct interval *in, struct flow_rule *out)
{
    uint32_t max = value_max(c, rule->family);
    if (in->low == in->high)
        return rule_push_op(out, c, OP_EQ, in->low);
    if (in->low == 0 && in->high == max)
        return rule_push_op(out, c, OP_GT | OP_EQ, 0);
    if (push_as_written(rule, c, in, out))
        return STATUS_OK;
    if (in->low == 0)
        return in->high < component_max(c, rule->family)
                   ? rule_push_op(out, c, OP_LT, in->high + 1)
                   : rule_push_op(out, c, OP_LT | OP_EQ, in->high);
    if (in->high == max)
        return rule_push_op(out, c, OP_GT, in->low - 1);
    bool is_pair = in->high == in->low + 1; /* two values are as long as a range */
    enum status s = rule_push_op(out, c, is_pair ? OP_EQ : OP_GT | OP_EQ, in->low);
    if (s != STATUS_OK)
        return s;
    return rule_push_op(out, c, is_pair ? OP_EQ : OP_AND | OP_LT | OP_EQ, in->high);
}

/* The design's list: others restrict a rule by being there at all. */
static bool may_be_dropped(enum component c, uint8_t family)
{
    return c == COMPONENT_PACKET_LENGTH || c == COMPONENT_DSCP || c == COMPONENT_FLOW_LABEL ||
           (c == COMPONENT_PROTOCOL && family == ADDR_IPV4);
}

static enum status simplify_numbers(const struct flow_rule *rule, enum component c,
                                    struct flow_rule *out, struct rule_error *ret_error)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    struct value_set set;
    for (size_t i = 0, end; i < count; i = end) {
        end = rule_group_end(ops, count, i);
        if (value_set_of_group(rule->family, c, ops + i, end - i, set.at) == 0)
            return fail_group(rule->family, c, ops + i, end - i, ret_error);
    }
    value_set_of(rule, c, &set);
    if (value_set_is_all(&set, c, rule->family) && may_be_dropped(c, rule->family))
        return STATUS_OK;
    for (size_t i = 0; i < set.count; i++)
        if (push_interval(rule, c, &set.at[i], out) != STATUS_OK)
            return rule_fail(ret_error, STATUS_LIMIT, 0, "more than %d operators", RULE_OPS_MAX);
    /* Jumbograms have lengths that a peer may send and that we do not: a bound among them stays. */
    ops = rule_ops(out, c);
    for (size_t i = 0; i < rule_ops_count(out, c); i++)
        if (ops[i].value > component_max(c, rule->family))
            return rule_fail(ret_error, STATUS_RANGE, 0, "%s %u: up to %u can be sent",
                             component_name(c), ops[i].value, component_max(c, rule->family));
    return STATUS_OK;
}

/* One conjunction without operators that always hold or that stand there twice. */
static size_t copy_flag_group(const struct rule_op *ops, size_t count, struct rule_op *ret_ops)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct rule_op op = {.bits = ops[i].bits & (OP_NOT | OP_MATCH), .value = ops[i].value};
        bool again = op.value == 0;
        for (size_t j = 0; j < kept && !again; j++)
            again = (ret_ops[j].bits & ~OP_AND) == op.bits && ret_ops[j].value == op.value;
        if (again)
            continue;
        if (kept > 0)
            op.bits |= OP_AND;
        ret_ops[kept++] = op;
    }
    return kept;
}

struct flag_groups {
    struct rule_op ops[RULE_OPS_MAX];
    struct {
        uint16_t start, count;
    } at[RULE_OPS_MAX];
    size_t op_count, count;
};

static int compare_groups(const struct flag_groups *g, size_t a, size_t b)
{
    size_t common = g->at[a].count < g->at[b].count ? g->at[a].count : g->at[b].count;
    for (size_t i = 0; i < common; i++) {
        const struct rule_op *x = &g->ops[g->at[a].start + i], *y = &g->ops[g->at[b].start + i];
        if (x->value != y->value)
            return x->value < y->value ? -1 : 1;
        if (x->bits != y->bits)
            return x->bits < y->bits ? -1 : 1;
    }
    return g->at[a].count < g->at[b].count ? -1 : g->at[a].count > g->at[b].count;
}

/* Puts the last group where it belongs, or away when it is there already. */
static void sort_in_last(struct flag_groups *g)
{
    for (size_t i = g->count - 1; i > 0; i--) {
        int order = compare_groups(g, i - 1, i);
        if (order < 0)
            return;
        if (order == 0) {
            memmove(&g->at[i], &g->at[i + 1], (g->count - i - 1) * sizeof(g->at[0]));
            g->count--;
            return;
        }
        uint16_t start = g->at[i].start, count = g->at[i].count;
        g->at[i] = g->at[i - 1];
        g->at[i - 1].start = start;
        g->at[i - 1].count = count;
    }
}

/* A group inside another says nothing; of two that are equal the first stays. */
static void drop_covered_groups(struct flag_groups *g, uint8_t family, enum component c)
{
    struct flag_set sets[FLAG_GROUPS_COMPARED];
    bool covered[FLAG_GROUPS_COMPARED] = {false};
    size_t kept = 0;
    if (g->count > FLAG_GROUPS_COMPARED)
        return;
    for (size_t i = 0; i < g->count; i++)
        flag_set_of_ops(family, c, g->ops + g->at[i].start, g->at[i].count, &sets[i]);
    for (size_t i = 0; i < g->count; i++)
        for (size_t j = 0; j < g->count && !covered[i]; j++)
            covered[i] = j != i && !covered[j] && flag_set_covers(&sets[j], &sets[i]) &&
                         (j < i || !flag_set_covers(&sets[i], &sets[j]));
    for (size_t i = 0; i < g->count; i++)
        if (!covered[i])
            g->at[kept++] = g->at[i];
    g->count = kept;
}

static enum status simplify_flags(const struct flow_rule *rule, enum component c,
                                  struct flow_rule *out, struct rule_error *ret_error)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c);
    struct flag_groups groups;
    groups.count = groups.op_count = 0;
    bool always = false;
    for (size_t i = 0, end; i < count; i = end) {
        struct flag_set set;
        end = rule_group_end(ops, count, i);
        flag_set_of_ops(rule->family, c, ops + i, end - i, &set);
        if (flag_set_is_empty(&set))
            return fail_group(rule->family, c, ops + i, end - i, ret_error);
        size_t kept = copy_flag_group(ops + i, end - i, groups.ops + groups.op_count);
        always = always || kept == 0;
        groups.at[groups.count].start = (uint16_t)groups.op_count;
        groups.at[groups.count++].count = (uint16_t)kept;
        groups.op_count += kept;
        sort_in_last(&groups);
    }
    if (always) { /* there at all, whatever the flags: said without an empty mask */
        const uint32_t bit = c == COMPONENT_TCP_FLAGS ? 0x01 : 0x02;
        enum status s = rule_push_op(out, c, 0, bit);
        return s == STATUS_OK ? rule_push_op(out, c, OP_NOT, bit) : s;
    }
    drop_covered_groups(&groups, rule->family, c);
    for (size_t i = 0; i < groups.count; i++)
        for (size_t j = 0; j < groups.at[i].count; j++) {
            const struct rule_op *op = &groups.ops[groups.at[i].start + j];
            if (rule_push_op(out, c, op->bits, op->value) != STATUS_OK)
                return STATUS_LIMIT;
        }
    return STATUS_OK;
}

static bool protocol_allows(const struct value_set *protocols, enum component c, uint8_t family)
{
    for (unsigned protocol = 0; protocol <= UINT8_MAX; protocol++)
        if (component_is_of_protocol(c, family, (uint8_t)protocol) &&
            value_set_meets(protocols, protocol, protocol))
            return true;
    return false;
}

/* Names both parts as they are written. */
static enum status fail_pair(const struct flow_rule *rule, enum component a, enum component b,
                             const char *why, struct rule_error *ret_error)
{
    enum { SHOWN_MAX = 48 };
    struct text x, y;
    text_init(&x, 0);
    text_init(&y, 0);
    expression_format(rule, a, &x);
    expression_format(rule, b, &y);
    rule_fail(ret_error, STATUS_MALFORMED, 0, "matches nothing: %s %.*s and %s %.*s contradict: %s",
              component_name(a), SHOWN_MAX, text_str(&x), component_name(b), SHOWN_MAX,
              text_str(&y), why);
    text_done(&x);
    text_done(&y);
    return STATUS_MALFORMED;
}

/* A port is one of both sides. */
static enum status check_either_port(const struct flow_rule *rule, struct rule_error *ret_error)
{
    struct value_set either, side;
    if (!rule_has(rule, COMPONENT_PORT) || !rule_has(rule, COMPONENT_SOURCE_PORT) ||
        !rule_has(rule, COMPONENT_DESTINATION_PORT))
        return STATUS_OK;
    value_set_of(rule, COMPONENT_PORT, &either);
    value_set_of(rule, COMPONENT_SOURCE_PORT, &side);
    if (value_set_meets_set(&either, &side))
        return STATUS_OK;
    value_set_of(rule, COMPONENT_DESTINATION_PORT, &side);
    if (value_set_meets_set(&either, &side))
        return STATUS_OK;
    return fail_pair(rule, COMPONENT_PORT, COMPONENT_DESTINATION_PORT,
                     "neither side can have such a port", ret_error);
}

/* What needs the header of the layer above is not there in a later fragment. */
static enum status check_components(const struct flow_rule *rule, struct rule_error *ret_error)
{
    static const struct rule_op later = {.bits = OP_MATCH, .value = 0x02};
    struct value_set protocols;
    struct flag_set fragments, later_fragments;
    bool later_only = false;
    enum component icmp = 0, other = 0;
    value_set_of(rule, COMPONENT_PROTOCOL, &protocols);
    if (rule_has(rule, COMPONENT_FRAGMENT)) {
        flag_set_of(rule, COMPONENT_FRAGMENT, &fragments);
        flag_set_of_ops(rule->family, COMPONENT_FRAGMENT, &later, 1, &later_fragments);
        later_only = flag_set_covers(&later_fragments, &fragments);
    }
    for (enum component c = COMPONENT_PORT; c <= COMPONENT_TCP_FLAGS; c++) {
        if (!rule_has(rule, c))
            continue;
        if (!protocol_allows(&protocols, c, rule->family))
            return fail_pair(rule, COMPONENT_PROTOCOL, c,
                             c <= COMPONENT_SOURCE_PORT
                                 ? "ports are those of TCP and UDP (RFC 8955, 4.2.2.4)"
                                 : "that protocol has none",
                             ret_error);
        if (later_only)
            return fail_pair(rule, c, COMPONENT_FRAGMENT, "a later fragment has none", ret_error);
        if (c == COMPONENT_ICMP_TYPE || c == COMPONENT_ICMP_CODE)
            icmp = c;
        else
            other = c;
    }
    if (icmp != 0 && other != 0)
        return fail_pair(rule, other, icmp, "no packet has both", ret_error);
    return check_either_port(rule, ret_error);
}

enum status rule_simplify(struct flow_rule *rule, struct rule_error *ret_error)
{
    struct flow_rule out;
    enum component dropped = 0;
    rule_init(&out, (enum addr_family)rule->family);
    memcpy(&out, rule, offsetof(struct flow_rule, range));
    out.present = rule->present & (1U << COMPONENT_DESTINATION | 1U << COMPONENT_SOURCE);
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        enum status s = STATUS_OK;
        if (!rule_has(rule, c))
            continue;
        if (component_is_bits(c))
            s = simplify_flags(rule, c, &out, ret_error);
        else
            s = simplify_numbers(rule, c, &out, ret_error);
        if (s != STATUS_OK)
            return s;
        if (!rule_has(&out, c))
            dropped = c;
    }
    enum status s = check_components(rule, ret_error);
    if (s != STATUS_OK)
        return s;
    if (out.present == 0 && dropped != 0) /* a rule needs a component, and this one fits all */
        (void)rule_push_op(&out, dropped, OP_GT | OP_EQ, 0);
    rule_copy(rule, &out);
    return STATUS_OK;
}
