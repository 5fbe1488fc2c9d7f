#include "flowspec/flatten.h"

#include "flowspec/sets.h"

#include <string.h>

enum status flatten_either(struct op_list *list, const struct op_list *other)
{
    if (other->count > RULE_OPS_MAX - list->count)
        return STATUS_LIMIT;
    memcpy(list->at + list->count, other->at, other->count * sizeof(other->at[0]));
    list->count += other->count;
    return STATUS_OK;
}

static bool is_impossible(uint8_t family, enum component c, const struct rule_op *ops, size_t count)
{
    if (!component_is_bits(c)) {
        struct interval intervals[RULE_OPS_MAX + 1];
        return value_set_of_group(family, c, ops, count, intervals) == 0;
    }
    struct flag_set set;
    flag_set_of_ops(family, c, ops, count, &set);
    return flag_set_is_empty(&set);
}

static size_t groups_of(const struct op_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->count; i = rule_group_end(list->at, list->count, i))
        n++;
    return n;
}

static void put(struct op_list *out, const struct rule_op *ops, size_t count, bool joined)
{
    for (size_t i = 0; i < count; i++) {
        struct rule_op op = ops[i];
        if (i > 0 || joined)
            op.bits |= OP_AND;
        else
            op.bits &= (uint8_t)~OP_AND;
        out->at[out->count++] = op;
    }
}

enum status flatten_both(uint8_t family, enum component c, struct op_list *list,
                         const struct op_list *other)
{
    struct op_list out;
    size_t a_groups = groups_of(list), b_groups = groups_of(other);
    /* At most 2048 * 2048 + 2048 * 2048. */
    if (list->count * b_groups + other->count * a_groups > RULE_OPS_MAX)
        return STATUS_LIMIT;
    out.count = 0;
    for (size_t i = 0, i_end; i < list->count; i = i_end) {
        i_end = rule_group_end(list->at, list->count, i);
        for (size_t j = 0, j_end; j < other->count; j = j_end) {
            size_t start = out.count;
            j_end = rule_group_end(other->at, other->count, j);
            put(&out, list->at + i, i_end - i, false);
            put(&out, other->at + j, j_end - j, true);
            if (start > 0 && is_impossible(family, c, out.at + start, out.count - start))
                out.count = start;
        }
    }
    size_t first_end = rule_group_end(out.at, out.count, 0);
    if (first_end < out.count && is_impossible(family, c, out.at, first_end)) {
        memmove(out.at, out.at + first_end, (out.count - first_end) * sizeof(out.at[0]));
        out.count -= first_end;
    }
    list->count = out.count;
    memcpy(list->at, out.at, out.count * sizeof(out.at[0]));
    return STATUS_OK;
}

static void take_out(struct flow_rule *rule, enum component c, struct op_list *ret_list)
{
    uint16_t start = rule->range[c].start, count = rule->range[c].count;
    ret_list->count = count;
    memcpy(ret_list->at, rule->ops + start, count * sizeof(rule->ops[0]));
    memmove(rule->ops + start, rule->ops + start + count,
            (size_t)(rule->op_count - start - count) * sizeof(rule->ops[0]));
    rule->op_count = (uint16_t)(rule->op_count - count);
    rule->present &= (uint16_t) ~(1U << c);
    rule->range[c].start = rule->range[c].count = 0;
    for (enum component other = COMPONENT_PROTOCOL; other <= COMPONENT_LAST; other++)
        if (rule_has(rule, other) && rule->range[other].start > start)
            rule->range[other].start = (uint16_t)(rule->range[other].start - count);
}

enum status flatten_into_rule(struct flow_rule *rule, enum component c, struct op_list *list)
{
    struct op_list before;
    before.count = 0;
    if (rule_has(rule, c)) {
        take_out(rule, c, &before);
        enum status s = flatten_both(rule->family, c, &before, list);
        if (s != STATUS_OK)
            return s;
        list = &before;
    }
    for (size_t i = 0; i < list->count; i++) {
        enum status s = rule_push_op(rule, c, list->at[i].bits, list->at[i].value);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}
