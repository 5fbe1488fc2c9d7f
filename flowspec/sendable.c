#include "flowspec/component.h"

static enum status push_number(struct flow_rule *out, enum component c, const struct rule_op *op)
{
    bool has_no_largest = c == COMPONENT_PACKET_LENGTH && out->family == ADDR_IPV6;
    if (has_no_largest || op->value <= component_max(c, out->family))
        return rule_push_op(out, c, op->bits, op->value);
    unsigned relation = (op->bits & OP_LT) != 0 ? OP_LT | OP_GT | OP_EQ : 0;
    return rule_push_op(out, c, (uint8_t)((op->bits & OP_AND) | relation), 0);
}

/* Any of no bits is never there, and all of them always are. */
static bool is_never(const struct rule_op *op)
{
    return op->value == 0 && ((op->bits & OP_MATCH) != 0) == ((op->bits & OP_NOT) != 0);
}

/* There at all, whatever the flags; or never. */
static enum status push_any_or_none(struct flow_rule *out, enum component c, bool any)
{
    const uint32_t bit = c == COMPONENT_TCP_FLAGS ? 0x01 : 0x02;
    enum status s = rule_push_op(out, c, 0, bit);
    return s == STATUS_OK ? rule_push_op(out, c, any ? OP_NOT : OP_AND | OP_NOT, bit) : s;
}

static enum status push_flags(struct flow_rule *out, enum component c, const struct rule_op *ops,
                              size_t count)
{
    enum status s = STATUS_OK;
    bool always = false;
    for (size_t i = 0, end; i < count; i = end) {
        bool never = false, empty = true;
        end = rule_group_end(ops, count, i);
        for (size_t j = i; j < end; j++) {
            never = never || is_never(&ops[j]);
            empty = empty && ops[j].value == 0;
        }
        always = always || (empty && !never);
    }
    for (size_t i = 0, end; i < count && !always; i = end) {
        bool never = false, is_first = true;
        end = rule_group_end(ops, count, i);
        for (size_t j = i; j < end; j++)
            never = never || is_never(&ops[j]);
        for (size_t j = i; j < end && !never && s == STATUS_OK; j++) {
            if (ops[j].value == 0)
                continue;
            unsigned bits = ops[j].bits & (OP_NOT | OP_MATCH);
            s = rule_push_op(out, c, (uint8_t)(is_first ? bits : bits | OP_AND), ops[j].value);
            is_first = false;
        }
    }
    if (s == STATUS_OK && !rule_has(out, c))
        s = push_any_or_none(out, c, always);
    return s;
}

enum status rule_make_sendable(struct flow_rule *rule)
{
    struct flow_rule out;
    enum status s = STATUS_OK;
    rule_init(&out, (enum addr_family)rule->family);
    out.destination = rule->destination;
    out.source = rule->source;
    out.destination_offset = rule->destination_offset;
    out.source_offset = rule->source_offset;
    out.present = rule->present & (1U << COMPONENT_DESTINATION | 1U << COMPONENT_SOURCE);
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST && s == STATUS_OK; c++) {
        const struct rule_op *ops = rule_ops(rule, c);
        size_t count = rule_ops_count(rule, c);
        if (component_is_bits(c) && count > 0)
            s = push_flags(&out, c, ops, count);
        for (size_t i = 0; i < count && !component_is_bits(c) && s == STATUS_OK; i++)
            s = push_number(&out, c, &ops[i]);
    }
    if (s == STATUS_OK)
        rule_copy(rule, &out);
    return s;
}
