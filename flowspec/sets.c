#include "flowspec/sets.h"

#include <stdlib.h>
#include <string.h>

uint32_t value_max(enum component c, uint8_t family)
{
    /* IPv6 has jumbograms (RFC 2675): no length is the largest. */
    if (c == COMPONENT_PACKET_LENGTH && family == ADDR_IPV6)
        return UINT32_MAX;
    return component_max(c, family);
}

static int compare_u32(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

size_t value_set_of_group(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                          struct interval *ret_intervals)
{
    uint64_t low = 0, high = value_max(c, family);
    uint32_t holes[RULE_OPS_MAX];
    size_t hole_count = 0, out = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = ops[i].value;
        unsigned relation = ops[i].bits & (OP_LT | OP_GT | OP_EQ);
        if (relation == 0)
            return 0;
        if (relation == (OP_LT | OP_GT)) {
            holes[hole_count++] = ops[i].value;
            continue;
        }
        if ((relation & OP_LT) == 0) {
            uint64_t bound = value + ((relation & OP_EQ) == 0);
            low = bound > low ? bound : low;
        }
        if ((relation & OP_GT) == 0) {
            if (value == 0 && (relation & OP_EQ) == 0)
                return 0;
            uint64_t bound = value - ((relation & OP_EQ) == 0);
            high = bound < high ? bound : high;
        }
    }
    if (low > high)
        return 0;
    qsort(holes, hole_count, sizeof(holes[0]), compare_u32);
    for (size_t i = 0; i < hole_count; i++) {
        if (holes[i] < low || holes[i] > high)
            continue;
        if (holes[i] > low)
            ret_intervals[out++] = (struct interval){(uint32_t)low, holes[i] - 1};
        low = (uint64_t)holes[i] + 1;
    }
    if (low <= high)
        ret_intervals[out++] = (struct interval){(uint32_t)low, (uint32_t)high};
    return out;
}

static int compare_intervals(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->high < y->high ? -1 : x->high > y->high;
}

void value_set_of(const struct flow_rule *rule, enum component c, struct value_set *ret_set)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c), kept = 0;
    struct value_set *set = ret_set;
    set->count = 0;
    if (!rule_has(rule, c)) {
        set->at[set->count++] = (struct interval){0, value_max(c, rule->family)};
        return;
    }
    for (size_t i = 0, end; i < count; i = end) {
        end = rule_group_end(ops, count, i);
        set->count += value_set_of_group(rule->family, c, ops + i, end - i, set->at + set->count);
    }
    qsort(set->at, set->count, sizeof(set->at[0]), compare_intervals);
    for (size_t i = 0; i < set->count; i++) {
        struct interval next = set->at[i];
        if (kept > 0 && next.low <= (uint64_t)set->at[kept - 1].high + 1) {
            if (next.high > set->at[kept - 1].high)
                set->at[kept - 1].high = next.high;
        } else {
            set->at[kept++] = next;
        }
    }
    set->count = kept;
}

bool value_set_is_all(const struct value_set *set, enum component c, uint8_t family)
{
    return set->count == 1 && set->at[0].low == 0 && set->at[0].high == value_max(c, family);
}

bool value_set_meets(const struct value_set *set, uint32_t low, uint32_t high)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->at[i].low <= high && low <= set->at[i].high)
            return true;
    return false;
}

bool value_set_meets_set(const struct value_set *a, const struct value_set *b)
{
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        if (a->at[i].low <= b->at[j].high && b->at[j].low <= a->at[i].high)
            return true;
        if (a->at[i].high < b->at[j].high)
            i++;
        else
            j++;
    }
    return false;
}

bool value_set_covers(const struct value_set *outer, const struct value_set *inner)
{
    size_t i = 0;
    for (size_t j = 0; j < inner->count; j++) {
        while (i < outer->count && outer->at[i].high < inner->at[j].low)
            i++;
        if (i == outer->count || outer->at[i].low > inner->at[j].low ||
            outer->at[i].high < inner->at[j].high)
            return false;
    }
    return true;
}

/*
 * 64 combinations of flags are one word: its bit b says whether the lower six flags being b holds,
 * and its place among the words is the upper six.
 */
enum { WORD_FLAGS = 6, FLAG_WORDS = FLAG_VALUES / 64 };

/* Narrows the words by one operator. */
static void and_op(const struct rule_op *op, size_t words, uint64_t *group)
{
    static const uint64_t has_flag[WORD_FLAGS] = {
        UINT64_C(0xaaaaaaaaaaaaaaaa), UINT64_C(0xcccccccccccccccc), UINT64_C(0xf0f0f0f0f0f0f0f0),
        UINT64_C(0xff00ff00ff00ff00), UINT64_C(0xffff0000ffff0000), UINT64_C(0xffffffff00000000)};
    const uint64_t negated = (op->bits & OP_NOT) != 0 ? UINT64_MAX : 0;
    const bool is_match = (op->bits & OP_MATCH) != 0;
    uint64_t all = UINT64_MAX, any = 0;
    size_t upper = op->value >> WORD_FLAGS;
    for (unsigned i = 0; i < WORD_FLAGS; i++) {
        if ((op->value >> i & 1) == 0)
            continue;
        all &= has_flag[i];
        any |= has_flag[i];
    }
    for (size_t i = 0; i < words; i++) {
        uint64_t holds = 0;
        if (is_match)
            holds = (i & upper) == upper ? all : 0;
        else
            holds = (i & upper) != 0 ? UINT64_MAX : any;
        group[i] &= holds ^ negated;
    }
}

static bool is_possible_fragment(uint8_t family, unsigned flags)
{
    enum { IS_FRAGMENT = 2, FIRST = 4, LAST = 8 };
    if ((flags & ~component_max(COMPONENT_FRAGMENT, family)) != 0)
        return false;
    if ((flags & FIRST) != 0)
        return (flags & (IS_FRAGMENT | LAST)) == 0;
    return (flags & LAST) == 0 || (flags & IS_FRAGMENT) != 0;
}

/* Gives the number of words in use; TCP flags go together as they like. */
static size_t possible_flags(uint8_t family, enum component c, struct flag_set *ret_set)
{
    if (c == COMPONENT_TCP_FLAGS) {
        memset(ret_set, 0xff, sizeof(*ret_set));
        return FLAG_WORDS;
    }
    memset(ret_set, 0, sizeof(*ret_set));
    for (unsigned flags = 0; flags <= component_max(COMPONENT_FRAGMENT, ADDR_IPV4); flags++)
        if (is_possible_fragment(family, flags))
            ret_set->words[0] |= UINT64_C(1) << flags;
    return 1;
}

void flag_set_of_ops(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                     struct flag_set *ret_set)
{
    struct flag_set possible, group;
    size_t words = possible_flags(family, c, &possible);
    memset(ret_set, 0, sizeof(*ret_set));
    for (size_t i = 0, end; i < count; i = end) {
        end = rule_group_end(ops, count, i);
        memcpy(group.words, possible.words, words * sizeof(group.words[0]));
        for (; i < end; i++)
            and_op(&ops[i], words, group.words);
        for (size_t w = 0; w < words; w++)
            ret_set->words[w] |= group.words[w];
    }
}

void flag_set_of(const struct flow_rule *rule, enum component c, struct flag_set *ret_set)
{
    if (rule_has(rule, c))
        flag_set_of_ops(rule->family, c, rule_ops(rule, c), rule_ops_count(rule, c), ret_set);
    else
        (void)possible_flags(rule->family, c, ret_set);
}

bool flag_set_is_empty(const struct flag_set *set)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FLAG_WORDS; i++)
        any |= set->words[i];
    return any == 0;
}

bool flag_set_covers(const struct flag_set *outer, const struct flag_set *inner)
{
    for (size_t i = 0; i < FLAG_WORDS; i++)
        if ((inner->words[i] & ~outer->words[i]) != 0)
            return false;
    return true;
}

bool flag_set_is_all(const struct flag_set *set, enum component c, uint8_t family)
{
    struct flag_set possible;
    (void)possible_flags(family, c, &possible);
    return flag_set_covers(set, &possible);
}

/* The bits that the outer prefix looks at are looked at by the inner one too, and are equal. */
static bool prefix_view_covers(const struct ip_prefix *outer, uint8_t outer_offset,
                               const struct ip_prefix *inner, uint8_t inner_offset)
{
    if (outer->len == 0)
        return true;
    if (outer_offset < inner_offset || outer->len > inner->len)
        return false;
    for (unsigned i = outer_offset; i < outer->len; i++)
        if (((outer->addr.octets[i / 8] ^ inner->addr.octets[i / 8]) & 0x80 >> i % 8) != 0)
            return false;
    return true;
}

static bool component_covers(const struct flow_rule *outer, const struct flow_rule *inner,
                             enum component c)
{
    if (component_is_bits(c)) {
        struct flag_set a, b;
        if (!rule_has(inner, c))
            return false;
        flag_set_of(outer, c, &a);
        flag_set_of(inner, c, &b);
        return flag_set_covers(&a, &b);
    }
    struct value_set a, b;
    value_set_of(outer, c, &a);
    if (rule_has(inner, c)) {
        value_set_of(inner, c, &b);
        if (value_set_covers(&a, &b))
            return true;
    }
    /* `port` is either of both: a rule about one of them may lie inside it. */
    for (enum component side = COMPONENT_DESTINATION_PORT;
         c == COMPONENT_PORT && side <= COMPONENT_SOURCE_PORT; side++) {
        value_set_of(inner, side, &b);
        if (rule_has(inner, side) && value_set_covers(&a, &b))
            return true;
    }
    return false;
}

bool rule_covers(const struct flow_rule *outer, const struct flow_rule *inner)
{
    if (outer->family != inner->family)
        return false;
    if (rule_has(outer, COMPONENT_DESTINATION) &&
        !(rule_has(inner, COMPONENT_DESTINATION) &&
          prefix_view_covers(&outer->destination, outer->destination_offset, &inner->destination,
                             inner->destination_offset)))
        return false;
    if (rule_has(outer, COMPONENT_SOURCE) &&
        !(rule_has(inner, COMPONENT_SOURCE) &&
          prefix_view_covers(&outer->source, outer->source_offset, &inner->source,
                             inner->source_offset)))
        return false;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++)
        if (rule_has(outer, c) && !component_covers(outer, inner, c))
            return false;
    return true;
}
