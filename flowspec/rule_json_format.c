#include "flowspec/expression.h"

enum { RELATION = OP_LT | OP_GT | OP_EQ };

static bool is_range(enum component c, const struct rule_op *ops, size_t count)
{
    return !component_is_bits(c) && count == 2 && (ops[0].bits & RELATION) == (OP_GT | OP_EQ) &&
           (ops[1].bits & RELATION) == (OP_LT | OP_EQ) && ops[0].value <= ops[1].value;
}

/* A conjunction that one number or string says; others are a list inside the list. */
static bool is_scalar(uint8_t family, enum component c, const struct rule_op *ops, size_t count)
{
    return count == 1 || is_range(c, ops, count) || expression_is_only(family, c, ops, count);
}

/* Every string written here is one of our own words: none needs an escape. */
static void add_scalar(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                       struct text *out)
{
    const char *name = c == COMPONENT_PROTOCOL ? rule_name_of(c, family, ops[0].value) : NULL;
    if (is_range(c, ops, count)) {
        text_addf(out, "\"%u..%u\"", ops[0].value, ops[1].value);
    } else if (!component_is_bits(c) && (ops[0].bits & RELATION) == OP_EQ) {
        if (name != NULL)
            text_addf(out, "\"%s\"", name);
        else
            text_addf(out, "%u", ops[0].value);
    } else {
        text_add(out, "\"");
        expression_format_group(family, c, ops, count, out);
        text_add(out, "\"");
    }
}

static void add_group(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                      struct text *out)
{
    if (is_scalar(family, c, ops, count)) {
        add_scalar(family, c, ops, count, out);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        text_add(out, i == 0 ? "[" : ", ");
        add_scalar(family, c, ops + i, 1, out);
    }
    text_add(out, "]");
}

static void add_values(const struct flow_rule *rule, enum component c, struct text *out)
{
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c), end = rule_group_end(ops, count, 0);
    bool is_list = end < count || !is_scalar(rule->family, c, ops, count);
    text_add(out, is_list ? "[" : "");
    for (size_t i = 0; i < count; i = end) {
        end = rule_group_end(ops, count, i);
        text_add(out, i > 0 ? ", " : "");
        add_group(rule->family, c, ops + i, end - i, out);
    }
    text_add(out, is_list ? "]" : "");
}

static void add_match(const struct flow_rule *rule, struct text *out)
{
    const char *join = "";
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        if (!rule_has(rule, c))
            continue;
        text_addf(out, "%s\"%s\": ", join, component_name(c));
        join = ", ";
        if (!component_is_prefix(c)) {
            add_values(rule, c, out);
            continue;
        }
        text_add(out, "\"");
        if (c == COMPONENT_DESTINATION)
            expression_format_prefix(&rule->destination, rule->destination_offset, out);
        else
            expression_format_prefix(&rule->source, rule->source_offset, out);
        text_add(out, "\"");
    }
}

static void add_key(struct text *out, const char *key)
{
    bool is_first = out->len > 0 && out->at[out->len - 1] == '{';
    text_addf(out, "%s\"%s\": ", is_first ? "" : ", ", key);
}

static void add_flag(struct text *out, const char *key, bool flag)
{
    if (flag) {
        add_key(out, key);
        text_add(out, "true");
    }
}

static void add_then(const struct flow_actions *a, struct text *out)
{
    add_flag(out, "discard", a->discard);
    if (a->has_rate) {
        add_key(out, "rate-limit");
        actions_format_number(a->rate_bytes * 8, out);
        add_key(out, "rate-limit-unit");
        text_add(out, "\"bps\"");
        add_key(out, "rate-limit-bytes");
        actions_format_number(a->rate_bytes, out);
    }
    if (a->has_rate_packets) {
        add_key(out, "rate-limit-packets");
        actions_format_number(a->rate_packets, out);
    }
    if (a->has_mark) {
        add_key(out, "mark");
        text_addf(out, "%u", a->mark);
    }
    if (a->redirect != REDIRECT_NONE && a->redirect != REDIRECT_TO_NEXT_HOP) {
        add_key(out, a->redirect == REDIRECT_TO_IP ? "redirect-to-ip" : "redirect");
        text_add(out, "\"");
        actions_format_redirect(a, out);
        text_add(out, "\"");
    }
    add_flag(out, "redirect-to-next-hop", a->redirect == REDIRECT_TO_NEXT_HOP);
    add_flag(out, "copy",
             a->redirect_copy &&
                 (a->redirect == REDIRECT_TO_IP || a->redirect == REDIRECT_TO_NEXT_HOP));
    add_flag(out, "sample", a->sample);
    add_flag(out, "terminal", a->terminal);
}

enum status rule_format_json(const struct flow_rule *rule, const struct flow_actions *actions,
                             struct text *out)
{
    if (rule->present == 0)
        return STATUS_MALFORMED;
    if (actions != NULL) {
        enum status s = actions_check(actions, NULL);
        if (s != STATUS_OK)
            return s;
    }
    text_addf(out, "{\"%s\": {\"flow\": {", actions != NULL ? "announce" : "withdraw");
    if (rule->family == ADDR_IPV6 && !rule_has(rule, COMPONENT_DESTINATION) &&
        !rule_has(rule, COMPONENT_SOURCE))
        text_add(out, "\"family\": \"ipv6\", ");
    text_add(out, "\"match\": {");
    add_match(rule, out);
    text_add(out, "}");
    if (actions != NULL) {
        text_add(out, ", \"then\": {");
        add_then(actions, out);
        text_add(out, "}");
    }
    text_add(out, "}}}");
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
