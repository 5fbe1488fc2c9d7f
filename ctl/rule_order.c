#include "ctl/rule_order.h"

#include "flowspec/component.h"
#include "flowspec/expression.h"

#include <string.h>

struct prefix_part {
    const struct ip_prefix *prefix;
    uint8_t offset;
};

static struct prefix_part part_of(const struct flow_rule *rule, enum component c)
{
    return c == COMPONENT_DESTINATION
               ? (struct prefix_part){&rule->destination, rule->destination_offset}
               : (struct prefix_part){&rule->source, rule->source_offset};
}

static bool component_same(const struct flow_rule *a, const struct flow_rule *b, enum component c)
{
    if (component_is_prefix(c)) {
        struct prefix_part x = part_of(a, c), y = part_of(b, c);
        return x.offset == y.offset && prefix_equal(x.prefix, y.prefix);
    }
    const struct rule_op *x = rule_ops(a, c), *y = rule_ops(b, c);
    size_t count = rule_ops_count(a, c);
    if (count != rule_ops_count(b, c))
        return false;
    for (size_t i = 0; i < count; i++)
        if (x[i].bits != y[i].bits || x[i].value != y[i].value)
            return false;
    return true;
}

static const char *prefix_reason(enum rule_order order, const struct flow_rule *winner,
                                 const struct flow_rule *loser, enum component c)
{
    struct prefix_part w = part_of(winner, c), l = part_of(loser, c);
    if (order == RULE_ORDER_DRAFT6) {
        if (w.prefix->len != l.prefix->len)
            return "shorter prefix (less specific)";
        return w.offset != l.offset ? "smaller offset" : "lower address";
    }
    if (w.offset != l.offset)
        return "smaller offset";
    return prefix_covers(l.prefix, w.prefix) ? "more specific" : "lower address";
}

static void add_component(const struct flow_rule *rule, enum component c, struct text *out)
{
    text_addf(out, "%s ", component_name(c));
    if (component_is_prefix(c)) {
        struct prefix_part part = part_of(rule, c);
        expression_format_prefix(part.prefix, part.offset, out);
    } else {
        expression_format(rule, c, out);
    }
}

/* What only one of them has decides by its type, or by the other's end. */
static void say_missing(const struct flow_rule *winner, enum component c, struct text *out)
{
    if (rule_has(winner, c)) {
        text_add(out, "with ");
        add_component(winner, c, out);
        text_addf(out,
                  " before without: component missing in the other, and the lowest type (%s is %d) "
                  "that only one has goes first",
                  component_name(c), (int)c);
    } else {
        text_addf(out,
                  "without %s before with: component missing, and of two that begin alike the "
                  "shorter (less specific) goes first",
                  component_name(c));
    }
}

int rule_order_first(enum rule_order order, const struct rule_forms forms[2], struct text *ret_why)
{
    enum addr_family family = (enum addr_family)forms[0].rule.family;
    if (family != forms[1].rule.family) {
        text_add(ret_why, "they are of two families, and so in two tables");
        return -1;
    }
    const uint8_t *a = forms[0].nlri, *b = forms[1].nlri;
    size_t a_len = forms[0].nlri_len, b_len = forms[1].nlri_len;
    int sign = order == RULE_ORDER_DRAFT6 ? nlri_compare_draft6(a, a_len, b, b_len)
                                          : nlri_compare(family, a, a_len, b, b_len);
    if (sign == 0) {
        text_add(ret_why, "their NLRI is the same: the later replaces the earlier");
        return -1;
    }
    int first = sign < 0 ? 0 : 1;
    const struct flow_rule *winner = &forms[first].rule, *loser = &forms[1 - first].rule;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        if (rule_has(winner, c) != rule_has(loser, c)) {
            say_missing(winner, c, ret_why);
            break;
        }
        if (!rule_has(winner, c) || component_same(winner, loser, c))
            continue;
        add_component(winner, c, ret_why);
        text_add(ret_why, " before ");
        add_component(loser, c, ret_why);
        text_addf(ret_why, ": %s",
                  component_is_prefix(c) ? prefix_reason(order, winner, loser, c)
                                         : "lower octets (operator, then value)");
        break;
    }
    return first;
}
