#include "flowspec/flatten.h"
#include "flowspec/rule_json.h"

#include <string.h>

/*
 * A list is alternatives, a list inside it a conjunction, one inside that alternatives again; and
 * several groups (a list of objects for `match`) hold at once. The wire says alternatives of
 * conjunctions only, so all of it is multiplied out.
 */
enum { NESTING_MAX = 8 };

static enum status fail_size(const struct json_reading *r, enum component c)
{
    return rule_json_fail(r, STATUS_LIMIT,
                          "%s: multiplied out to alternatives of conjunctions, which is all that "
                          "the wire can say, this has more than %d operators",
                          component_name(c), RULE_OPS_MAX);
}

static enum status read_scalar(const struct json_reading *r, uint8_t family, enum component c,
                               const json_t *value, struct op_list *ret_list)
{
    struct flow_rule one;
    rule_init(&one, (enum addr_family)family);
    if (json_is_string(value)) {
        struct cursor cursor = rule_json_cursor(r, value);
        enum status s = expression_parse(&cursor, &one, c);
        s = rule_json_string_done(r, &cursor, s);
        if (s != STATUS_OK)
            return s;
    } else {
        if (!json_is_integer(value))
            return rule_json_fail(r, STATUS_MALFORMED,
                                  "%s takes a number, a string or a list of these",
                                  component_name(c));
        json_int_t number = json_integer_value(value);
        uint32_t max = component_max(c, family);
        bool fits = number >= 0 && number <= (json_int_t)max;
        if (component_is_bits(c))
            fits = number > 0 && ((uint64_t)number & ~(uint64_t)max) == 0;
        if (!fits)
            return rule_json_fail(r, STATUS_RANGE,
                                  "%s: %" JSON_INTEGER_FORMAT " is not in %d to %u",
                                  component_name(c), number, component_is_bits(c) ? 1 : 0, max);
        (void)rule_push_op(&one, c, component_is_bits(c) ? 0 : OP_EQ, (uint32_t)number);
    }
    ret_list->count = one.op_count;
    memcpy(ret_list->at, one.ops, one.op_count * sizeof(one.ops[0]));
    return STATUS_OK;
}

struct values_read {
    uint8_t family;
    enum component component;
    size_t scalars; /* bounds the work where products that match nothing keep the lists short */
};

static enum status read_values(struct json_reading *r, struct values_read *values,
                               const json_t *value, unsigned depth, struct op_list *ret_list)
{
    enum component c = values->component;
    if (!json_is_array(value)) {
        if (values->scalars++ >= RULE_OPS_MAX)
            return fail_size(r, c);
        return read_scalar(r, values->family, c, value, ret_list);
    }
    if (json_array_size(value) == 0)
        return rule_json_fail(r, STATUS_MALFORMED, "%s: an empty list", component_name(c));
    if (depth == NESTING_MAX)
        return rule_json_fail(r, STATUS_UNSUPPORTED, "%s: lists in lists, more than %d deep",
                              component_name(c), NESTING_MAX);
    struct json_reading here = *r;
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct op_list item;
        rule_json_at_item(r, value, i);
        enum status s =
            read_values(r, values, json_array_get(value, i), depth + 1, i == 0 ? ret_list : &item);
        if (s != STATUS_OK)
            return s;
        rule_json_at_item(r, value, i);
        if (i > 0)
            s = depth % 2 == 0 ? flatten_either(ret_list, &item)
                               : flatten_both(values->family, c, ret_list, &item);
        if (s != STATUS_OK)
            return fail_size(r, c);
    }
    *r = here;
    return STATUS_OK;
}

/* What another group said of the address holds too: the more specific of both is left. */
static enum status join_prefix(const struct json_reading *r, struct flow_rule *rule,
                               enum component c, struct ip_prefix *prefix, uint8_t *offset)
{
    bool is_destination = c == COMPONENT_DESTINATION;
    const struct ip_prefix *other = is_destination ? &rule->destination : &rule->source;
    uint8_t other_offset = is_destination ? rule->destination_offset : rule->source_offset;
    if (*offset != other_offset)
        return rule_json_fail(r, STATUS_UNSUPPORTED,
                              "%s: the wire holds one prefix, and two with different offsets are "
                              "not one",
                              component_name(c));
    if (prefix_covers(prefix, other)) {
        *prefix = *other;
        return STATUS_OK;
    }
    if (prefix_covers(other, prefix))
        return STATUS_OK;
    char a[PREFIX_TEXT_MAX], b[PREFIX_TEXT_MAX];
    return rule_json_fail(r, STATUS_MALFORMED, "matches nothing: %s %s and %s contradict",
                          component_name(c), prefix_format(other, a), prefix_format(prefix, b));
}

static enum status read_prefix(const struct json_reading *r, struct flow_rule *rule,
                               enum component c, const json_t *value)
{
    struct ip_prefix prefix;
    uint8_t offset;
    if (!json_is_string(value))
        return rule_json_fail(r, STATUS_MALFORMED,
                              "%s takes one prefix as a string: the wire holds one a rule",
                              component_name(c));
    struct cursor cursor = rule_json_cursor(r, value);
    enum status s = expression_parse_prefix(&cursor, strlen(cursor.start), &prefix, &offset);
    s = rule_json_string_done(r, &cursor, s);
    if (s != STATUS_OK)
        return s;
    if (prefix.addr.family != rule->family)
        return rule_json_fail(r, STATUS_MALFORMED, "%s is of the other family", component_name(c));
    if (rule_has(rule, c)) {
        s = join_prefix(r, rule, c, &prefix, &offset);
        if (s != STATUS_OK)
            return s;
    }
    rule_set_prefix(rule, c, &prefix, offset);
    return STATUS_OK;
}

static enum component find_component(const char *key)
{
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        if (strcmp(key, component_name(c)) == 0)
            return c;
    return strcmp(key, "next-header") == 0 ? COMPONENT_PROTOCOL : 0;
}

static enum status read_component(struct json_reading *r, struct flow_rule *rule, enum component c,
                                  const json_t *value)
{
    if (component_is_prefix(c))
        return read_prefix(r, rule, c, value);
    struct values_read values = {.family = rule->family, .component = c};
    struct op_list list;
    enum status s = read_values(r, &values, value, 0, &list);
    if (s != STATUS_OK)
        return s;
    return flatten_into_rule(rule, c, &list) == STATUS_OK ? STATUS_OK : fail_size(r, c);
}

static enum status read_group(struct json_reading *r, struct flow_rule *rule, json_t *group)
{
    const char *key;
    json_t *value;
    unsigned seen = 0;
    json_object_foreach(group, key, value)
    {
        enum component c = find_component(key);
        rule_json_at(r, group, key);
        if (c == 0)
            return rule_json_fail(r, STATUS_MALFORMED, "'%.40s' is no component", key);
        if (!component_is_prefix(c) && component_max(c, rule->family) == 0)
            return rule_json_fail(r, STATUS_MALFORMED, "IPv4 has no %s", component_name(c));
        if ((seen >> c & 1) != 0)
            return rule_json_fail(r, STATUS_MALFORMED, "%s is there twice", component_name(c));
        seen |= 1U << c;
        enum status s = read_component(r, rule, c, value);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

enum status rule_json_read_match(struct json_reading *r, struct flow_rule *rule, json_t *match)
{
    struct json_reading whole = *r;
    size_t groups = json_is_array(match) ? json_array_size(match) : 1;
    for (size_t i = 0; i < groups; i++) {
        json_t *group = json_is_array(match) ? json_array_get(match, i) : match;
        if (!json_is_object(group)) {
            rule_json_at_item(r, match, i);
            return rule_json_fail(r, STATUS_MALFORMED, "a group of match is an object");
        }
        enum status s = read_group(r, rule, group);
        if (s != STATUS_OK)
            return s;
    }
    *r = whole;
    if (rule->present == 0)
        return rule_json_fail(r, STATUS_MALFORMED, "a rule needs at least one component");
    return STATUS_OK;
}
