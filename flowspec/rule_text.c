#include "flowspec/expression.h"

#include <string.h>

static bool word_is(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(at, word, len) == 0;
}

static size_t word_len(const char *at)
{
    return strcspn(at, " \t");
}

/*
 * Names of ICMP types and the flow label depend on the family, and components may come in any
 * order, so the family is looked for first: an address, the word ipv6, or the flow label.
 */
static enum addr_family find_family(const char *text, enum addr_family otherwise)
{
    bool address_next = false;
    size_t first_len = word_len(text);
    if (word_is(text, first_len, "ipv6") || word_is(text, first_len, "ipv4")) {
        otherwise = text[3] == '6' ? ADDR_IPV6 : ADDR_IPV4;
        text += first_len;
        text += strspn(text, " \t");
    }
    for (const char *at = text; *at != '\0';) {
        size_t len = word_len(at);
        if (address_next)
            return memchr(at, ':', len) != NULL ? ADDR_IPV6 : ADDR_IPV4;
        if (word_is(at, len, "then"))
            break;
        if (word_is(at, len, "flow-label"))
            return ADDR_IPV6;
        address_next = word_is(at, len, "destination") || word_is(at, len, "source");
        at += len;
        at += strspn(at, " \t");
    }
    return otherwise;
}

static enum status parse_address(struct cursor *cursor, struct flow_rule *rule, enum component c)
{
    struct cursor before = *cursor;
    struct ip_prefix prefix;
    uint8_t offset;
    enum status s = expression_parse_prefix(cursor, word_len(cursor->at), &prefix, &offset);
    if (s != STATUS_OK)
        return s;
    if (prefix.addr.family != rule->family)
        return cursor_fail(&before, STATUS_MALFORMED, "%s is of the other family",
                           component_name(c));
    rule_set_prefix(rule, c, &prefix, offset);
    return STATUS_OK;
}

static enum component find_component(const char *at, size_t len)
{
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        if (word_is(at, len, component_name(c)))
            return c;
    /* RFC 8956 has it under another name than RFC 8955. */
    return word_is(at, len, "next-header") ? COMPONENT_PROTOCOL : 0;
}

static enum status parse_component(struct cursor *cursor, struct flow_rule *rule)
{
    size_t len = word_len(cursor->at);
    enum component c = find_component(cursor->at, len);
    if (c == 0)
        return cursor_fail(cursor, STATUS_MALFORMED,
                           "'%.*s' is no component, such as destination or source-port",
                           len > 40 ? 40 : (int)len, cursor->at);
    if (rule_has(rule, c))
        return cursor_fail(cursor, STATUS_MALFORMED, "%s is there twice", component_name(c));
    if (!component_is_prefix(c) && component_max(c, rule->family) == 0)
        return cursor_fail(cursor, STATUS_MALFORMED, "IPv4 has no %s", component_name(c));
    cursor->at += len;
    cursor_skip_space(cursor);
    enum status s =
        component_is_prefix(c) ? parse_address(cursor, rule, c) : expression_parse(cursor, rule, c);
    if (s != STATUS_OK)
        return s;
    if (*cursor->at != '\0' && word_len(cursor->at) > 0)
        return cursor_fail(cursor, STATUS_MALFORMED, "a space belongs behind the values of %s",
                           component_name(c));
    return STATUS_OK;
}

enum status rule_parse_text_in(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                               const char *text, enum addr_family family,
                               struct rule_error *ret_error)
{
    struct cursor cursor = {.start = text, .at = text, .error = ret_error};
    struct flow_actions none = {0};
    cursor_skip_space(&cursor);
    if (!word_is(cursor.at, word_len(cursor.at), "match"))
        return cursor_fail(&cursor, STATUS_MALFORMED, "a rule begins with 'match'");
    cursor.at += strlen("match");
    cursor_skip_space(&cursor);
    rule_init(ret_rule, find_family(cursor.at, family));
    if (word_is(cursor.at, word_len(cursor.at), "ipv6") ||
        word_is(cursor.at, word_len(cursor.at), "ipv4")) {
        if ((cursor.at[3] == '6') != (ret_rule->family == ADDR_IPV6))
            return cursor_fail(&cursor, STATUS_MALFORMED,
                               "an address or flow-label is of the other family");
        cursor.at += strlen("ipv6");
        cursor_skip_space(&cursor);
    }
    while (*cursor.at != '\0' && !word_is(cursor.at, word_len(cursor.at), "then")) {
        enum status s = parse_component(&cursor, ret_rule);
        if (s != STATUS_OK)
            return s;
        cursor_skip_space(&cursor);
    }
    if (ret_rule->present == 0)
        return cursor_fail(&cursor, STATUS_MALFORMED, "a rule needs at least one component");
    *ret_actions = none;
    if (*cursor.at == '\0')
        return STATUS_OK;
    cursor.at += strlen("then");
    return actions_parse_text(&cursor, ret_actions);
}

enum status rule_parse_text(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                            const char *text, struct rule_error *ret_error)
{
    return rule_parse_text_in(ret_rule, ret_actions, text, ADDR_IPV4, ret_error);
}

enum status rule_format_text(const struct flow_rule *rule, const struct flow_actions *actions,
                             struct text *out)
{
    struct flow_actions none = {0};
    text_add(out, "match");
    if (rule->family == ADDR_IPV6 && !rule_has(rule, COMPONENT_DESTINATION) &&
        !rule_has(rule, COMPONENT_SOURCE))
        text_add(out, " ipv6");
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        if (!rule_has(rule, c))
            continue;
        text_addf(out, " %s ", component_name(c));
        if (c == COMPONENT_DESTINATION)
            expression_format_prefix(&rule->destination, rule->destination_offset, out);
        else if (c == COMPONENT_SOURCE)
            expression_format_prefix(&rule->source, rule->source_offset, out);
        else
            expression_format(rule, c, out);
    }
    if (actions != NULL && !actions_equal(actions, &none)) {
        text_add(out, " then");
        actions_format_text(actions, out);
    }
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}
