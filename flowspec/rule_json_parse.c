#include "flowspec/rule_json.h"

#include <string.h>

/* The address that tells the family, of the first group that has one; or the flow label. */
static const char *find_address(const json_t *match, bool *ret_flow_label)
{
    size_t groups = json_is_array(match) ? json_array_size(match) : 1;
    *ret_flow_label = false;
    for (size_t i = 0; i < groups; i++) {
        const json_t *group = json_is_array(match) ? json_array_get(match, i) : match;
        const char *address = json_string_value(json_object_get(group, "destination"));
        if (address == NULL)
            address = json_string_value(json_object_get(group, "source"));
        if (address != NULL)
            return address;
        *ret_flow_label = *ret_flow_label || json_object_get(group, "flow-label") != NULL;
    }
    return NULL;
}

static enum status find_family(struct json_reading *r, const json_t *flow, const json_t *match,
                               uint8_t hint, enum addr_family *ret_family)
{
    const char *named = json_string_value(json_object_get(flow, "family"));
    bool flow_label, says_six, says_four;
    const char *address = find_address(match, &flow_label);
    *ret_family = hint == ADDR_IPV6 ? ADDR_IPV6 : ADDR_IPV4;
    if (address != NULL || flow_label)
        *ret_family = address == NULL || strchr(address, ':') != NULL ? ADDR_IPV6 : ADDR_IPV4;
    if (json_object_get(flow, "family") == NULL)
        return STATUS_OK;
    says_six = named != NULL && strcmp(named, "ipv6") == 0;
    says_four = named != NULL && strcmp(named, "ipv4") == 0;
    if (address == NULL && !flow_label && (says_six || says_four))
        *ret_family = says_six ? ADDR_IPV6 : ADDR_IPV4;
    if (!(*ret_family == ADDR_IPV6 ? says_six : says_four)) {
        rule_json_at(r, flow, "family");
        return rule_json_fail(r, STATUS_MALFORMED, "family is ipv4 or ipv6, as the addresses are");
    }
    return STATUS_OK;
}

static bool is_beside(const struct rule_json_options *options, const char *key)
{
    for (size_t i = 0; options != NULL && options->beside != NULL && options->beside[i] != NULL;
         i++)
        if (strcmp(options->beside[i], key) == 0)
            return true;
    return false;
}

/* The one member of an object that holds one, but for those that are the caller's. */
static json_t *only_member(json_t *object, const struct rule_json_options *options,
                           const char **ret_key)
{
    json_t *only = NULL, *value;
    const char *key;
    json_object_foreach(object, key, value)
    {
        if (is_beside(options, key))
            continue;
        if (only != NULL)
            return NULL;
        *ret_key = key;
        only = value;
    }
    return only;
}

static enum status read_flow(struct json_reading *r, struct flow_rule *rule,
                             struct flow_actions *actions, bool withdraw, json_t *flow,
                             const struct rule_json_options *options)
{
    enum addr_family family;
    json_t *match = json_object_get(flow, "match"), *then = json_object_get(flow, "then");
    struct json_reading whole = *r;
    const char *key;
    json_t *value;
    json_object_foreach(flow, key, value)
    {
        rule_json_at(r, flow, key);
        if (value != match && value != then && strcmp(key, "family") != 0 &&
            !is_beside(options, key))
            return rule_json_fail(r, STATUS_MALFORMED, "'%.40s': flow has match, then and family",
                                  key);
    }
    *r = whole;
    if (!json_is_object(match) && !json_is_array(match))
        return rule_json_fail(r, STATUS_MALFORMED, "flow needs match, an object");
    if (then == NULL && !withdraw)
        return rule_json_fail(r, STATUS_MALFORMED, "an announcement needs then");
    enum status s =
        find_family(r, flow, match, options != NULL ? options->family : ADDR_NONE, &family);
    if (s != STATUS_OK)
        return s;
    rule_init(rule, family);
    rule_json_at(r, flow, "match");
    s = rule_json_read_match(r, rule, match);
    if (s != STATUS_OK || then == NULL)
        return s;
    rule_json_at(r, flow, "then");
    return rule_json_read_then(r, then, options != NULL && options->rate_in_bytes, actions);
}

enum status rule_parse_json_message(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                                    bool *ret_withdraw, const char *json,
                                    const struct rule_json_options *options,
                                    struct rule_error *ret_error)
{
    struct flow_actions actions = {0};
    json_error_t syntax;
    const char *verb = NULL, *kind = NULL;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &syntax);
    if (root == NULL)
        return rule_fail(ret_error, STATUS_MALFORMED,
                         syntax.position > 0 ? (size_t)syntax.position - 1 : 0, "%s", syntax.text);
    struct json_reading r = {.text = json, .root = root, .error = ret_error};
    json_t *body = only_member(root, options, &verb);
    json_t *flow = body != NULL ? only_member(body, options, &kind) : NULL;
    enum status s;
    if (body == NULL || (strcmp(verb, "announce") != 0 && strcmp(verb, "withdraw") != 0)) {
        s = rule_json_fail(&r, STATUS_MALFORMED,
                           "an object with announce or withdraw belongs here");
    } else if (flow == NULL || strcmp(kind, "flow") != 0 || !json_is_object(flow)) {
        rule_json_at(&r, root, verb);
        s = rule_json_fail(&r, STATUS_MALFORMED, "%s holds one object, flow", verb);
    } else {
        rule_json_at(&r, body, "flow");
        s = read_flow(&r, ret_rule, &actions, strcmp(verb, "withdraw") == 0, flow, options);
    }
    if (s == STATUS_OK) {
        *ret_actions = actions;
        *ret_withdraw = strcmp(verb, "withdraw") == 0;
    }
    json_decref(root);
    return s;
}

enum status rule_parse_json(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                            const char *json, struct rule_error *ret_error)
{
    bool withdraw;
    return rule_parse_json_message(ret_rule, ret_actions, &withdraw, json, NULL, ret_error);
}
