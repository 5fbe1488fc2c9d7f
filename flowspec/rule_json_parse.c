#include "flowspec/expression.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* jansson forgets where a value stood, so errors are placed by looking for key and value again. */
struct reading {
    const char *json;
    const char *key; /* that is being read; NULL: the whole */
    struct rule_error *error;
};

static size_t place_of_key(const struct reading *r)
{
    if (r->key == NULL)
        return 0;
    size_t len = strlen(r->key);
    for (const char *at = strchr(r->json, '"'); at != NULL; at = strchr(at + 1, '"'))
        if (strncmp(at + 1, r->key, len) == 0 && at[1 + len] == '"')
            return (size_t)(at - r->json);
    return 0;
}

#define FAIL(r, status, ...) rule_fail((r)->error, (status), place_of_key(r), __VA_ARGS__)

/* A cursor over a string value; its errors point into the JSON where it stands there unescaped. */
static struct cursor cursor_of(const struct reading *r, const char *value)
{
    size_t key_at = place_of_key(r);
    const char *from = r->json + key_at + (r->key != NULL ? strlen(r->key) + 2 : 0);
    const char *found = strstr(from, value);
    return (struct cursor){.start = value,
                           .at = value,
                           .error = r->error,
                           .offset = found != NULL ? (size_t)(found - r->json) : key_at};
}

static enum status expect_end(const struct cursor *cursor)
{
    if (*cursor->at != '\0')
        return cursor_fail(cursor, STATUS_MALFORMED, "unexpected '%.40s'", cursor->at);
    return STATUS_OK;
}

static enum status read_scalar(const struct reading *r, struct flow_rule *rule, enum component c,
                               const json_t *value, enum expression_place place, bool and_first)
{
    if (json_is_string(value)) {
        struct cursor cursor = cursor_of(r, json_string_value(value));
        enum status s = expression_parse(&cursor, rule, c, place, and_first);
        return s == STATUS_OK ? expect_end(&cursor) : s;
    }
    if (!json_is_integer(value))
        return FAIL(r, STATUS_MALFORMED, "%s takes a number, a string or a list of these",
                    component_name(c));
    json_int_t number = json_integer_value(value);
    uint32_t max = component_max(c, rule->family);
    bool fits = number >= 0 && number <= (json_int_t)max;
    if (component_is_bits(c))
        fits = number > 0 && ((uint64_t)number & ~(uint64_t)max) == 0;
    if (!fits)
        return FAIL(r, STATUS_RANGE, "%s: %" JSON_INTEGER_FORMAT " is not in 0 to %u",
                    component_name(c), number, max);
    enum status s = rule_push_op(
        rule, c, (uint8_t)((and_first ? OP_AND : 0) | (component_is_bits(c) ? 0 : OP_EQ)),
        (uint32_t)number);
    return s == STATUS_OK ? s : FAIL(r, s, "%s: %s", component_name(c), status_text(s));
}

/* A list is alternatives, a list inside it a conjunction; the wire can say no more than that. */
static enum status read_values(const struct reading *r, struct flow_rule *rule, enum component c,
                               const json_t *value)
{
    if (!json_is_array(value))
        return read_scalar(r, rule, c, value, EXPRESSION_ALONE, false);
    if (json_array_size(value) == 0)
        return FAIL(r, STATUS_MALFORMED, "%s: an empty list", component_name(c));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        enum status s = STATUS_OK;
        if (!json_is_array(item))
            s = read_scalar(r, rule, c, item, EXPRESSION_ALONE, false);
        else if (json_array_size(item) == 0)
            s = FAIL(r, STATUS_MALFORMED, "%s: an empty list", component_name(c));
        for (size_t j = 0; s == STATUS_OK && json_is_array(item) && j < json_array_size(item);
             j++) {
            const json_t *part = json_array_get(item, j);
            if (json_is_array(part))
                s = FAIL(r, STATUS_UNSUPPORTED,
                         "%s: alternatives inside a conjunction cannot be said on the wire",
                         component_name(c));
            else
                s = read_scalar(r, rule, c, part, EXPRESSION_ALL_OF, j > 0);
        }
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

static enum status read_prefix(const struct reading *r, struct flow_rule *rule, enum component c,
                               const json_t *value)
{
    struct ip_prefix prefix;
    uint8_t offset;
    if (!json_is_string(value))
        return FAIL(r, STATUS_MALFORMED, "%s takes one prefix as a string", component_name(c));
    struct cursor cursor = cursor_of(r, json_string_value(value));
    enum status s = expression_parse_prefix(&cursor, strlen(cursor.start), &prefix, &offset);
    if (s != STATUS_OK)
        return s;
    if (prefix.addr.family != rule->family)
        return FAIL(r, STATUS_MALFORMED, "%s is of the other family", component_name(c));
    if (c == COMPONENT_DESTINATION) {
        rule_set_destination(rule, &prefix);
        rule->destination_offset = offset;
    } else {
        rule_set_source(rule, &prefix);
        rule->source_offset = offset;
    }
    return STATUS_OK;
}

static enum component find_component(const char *key)
{
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        if (strcmp(key, component_name(c)) == 0)
            return c;
    return strcmp(key, "next-header") == 0 ? COMPONENT_PROTOCOL : 0;
}

static enum status find_family(const struct reading *r, const json_t *flow, const json_t *match,
                               enum addr_family *ret_family)
{
    const char *named = json_string_value(json_object_get(flow, "family"));
    const char *address = json_string_value(json_object_get(match, "destination"));
    if (address == NULL)
        address = json_string_value(json_object_get(match, "source"));
    *ret_family = ADDR_IPV4;
    if (address != NULL ? strchr(address, ':') != NULL
                        : json_object_get(match, "flow-label") != NULL)
        *ret_family = ADDR_IPV6;
    if (json_object_get(flow, "family") == NULL)
        return STATUS_OK;
    if (named != NULL && strcmp(named, "ipv6") == 0 && address == NULL)
        *ret_family = ADDR_IPV6;
    if (named == NULL || strcmp(named, *ret_family == ADDR_IPV6 ? "ipv6" : "ipv4") != 0)
        return FAIL(r, STATUS_MALFORMED, "family is ipv4 or ipv6, as the addresses are");
    return STATUS_OK;
}

static enum status read_match(struct reading *r, struct flow_rule *rule, json_t *match)
{
    const char *key;
    json_t *value;
    json_object_foreach(match, key, value)
    {
        enum component c = find_component(key);
        r->key = key;
        if (c == 0)
            return FAIL(r, STATUS_MALFORMED, "'%.40s' is no component", key);
        if (!component_is_prefix(c) && component_max(c, rule->family) == 0)
            return FAIL(r, STATUS_MALFORMED, "IPv4 has no %s", component_name(c));
        if (rule_has(rule, c))
            return FAIL(r, STATUS_MALFORMED, "%s is there twice", component_name(c));
        enum status s = component_is_prefix(c) ? read_prefix(r, rule, c, value)
                                               : read_values(r, rule, c, value);
        if (s != STATUS_OK)
            return s;
    }
    r->key = "match";
    if (rule->present == 0)
        return FAIL(r, STATUS_MALFORMED, "a rule needs at least one component");
    return STATUS_OK;
}

static enum status read_flag(const struct reading *r, const json_t *value, bool *ret_flag)
{
    if (!json_is_boolean(value))
        return FAIL(r, STATUS_MALFORMED, "%s is true or false", r->key);
    *ret_flag = json_is_true(value);
    return STATUS_OK;
}

static enum status read_number(const struct reading *r, const json_t *value, double *ret_number)
{
    if (!json_is_number(value) || !(json_number_value(value) >= 0))
        return FAIL(r, STATUS_MALFORMED, "%s is a number of 0 or more", r->key);
    *ret_number = json_number_value(value);
    return STATUS_OK;
}

/* Three keys say one rate: rate-limit, its unit, and the same in bytes/s. */
static enum status read_rate(struct reading *r, const json_t *then, bool in_bytes,
                             struct flow_actions *a)
{
    const json_t *limit = json_object_get(then, "rate-limit");
    const json_t *unit = json_object_get(then, "rate-limit-unit");
    const json_t *bytes = json_object_get(then, "rate-limit-bytes");
    enum status s = STATUS_OK;
    double said = 0;
    r->key = "rate-limit-unit";
    if (unit != NULL) {
        const char *word = json_string_value(unit);
        if (word == NULL || (strcmp(word, "bps") != 0 && strcmp(word, "B/s") != 0))
            return FAIL(r, STATUS_MALFORMED, "rate-limit-unit is bps or B/s");
        in_bytes = strcmp(word, "B/s") == 0;
    }
    r->key = "rate-limit";
    if (json_is_string(limit)) {
        struct cursor cursor = cursor_of(r, json_string_value(limit));
        s = actions_parse_rate(&cursor, strlen(cursor.start), &a->rate_bytes);
        s = s == STATUS_OK ? expect_end(&cursor) : s;
    } else if (limit != NULL) {
        s = read_number(r, limit, &said);
        a->rate_bytes = in_bytes ? said : said / 8;
    }
    if (s != STATUS_OK)
        return s;
    r->key = "rate-limit-bytes";
    if (bytes != NULL) {
        s = read_number(r, bytes, &said);
        if (s != STATUS_OK)
            return s;
        if (limit != NULL && said != a->rate_bytes)
            return FAIL(r, STATUS_MALFORMED, "rate-limit and rate-limit-bytes differ");
        a->rate_bytes = said;
    }
    a->has_rate = limit != NULL || bytes != NULL;
    /* Adapters of this shape write a limit of 0 for discard. */
    if (a->has_rate && a->rate_bytes == 0) {
        a->has_rate = false;
        a->discard = true;
    }
    return STATUS_OK;
}

static enum status read_redirect(struct reading *r, const json_t *value, struct flow_actions *a)
{
    if (!json_is_string(value))
        return FAIL(r, STATUS_MALFORMED, "%s takes a string", r->key);
    if (a->redirect != REDIRECT_NONE)
        return FAIL(r, STATUS_MALFORMED, "a second redirect");
    struct cursor cursor = cursor_of(r, json_string_value(value));
    if (strcmp(r->key, "redirect") == 0)
        return actions_parse_redirect(&cursor, strlen(cursor.start), a);
    if (addr_parse(&a->redirect_addr, cursor.start) != STATUS_OK)
        return cursor_fail(&cursor, STATUS_MALFORMED, "redirect-to-ip needs an address");
    a->redirect = REDIRECT_TO_IP;
    return STATUS_OK;
}

static enum status read_mark(const struct reading *r, const json_t *value, struct flow_actions *a)
{
    uint32_t mark = 64;
    const char *name = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < 64)
        mark = (uint32_t)json_integer_value(value);
    else if (name == NULL || !rule_name_value(COMPONENT_DSCP, ADDR_NONE, name, strlen(name), &mark))
        return FAIL(r, STATUS_MALFORMED, "mark takes a DSCP: 0 to 63, ef, af41, cs6");
    a->has_mark = true;
    a->mark = (uint8_t)mark;
    return STATUS_OK;
}

static enum status read_action(struct reading *r, const json_t *value, struct flow_actions *a)
{
    const char *key = r->key;
    bool flag = false;
    if (strncmp(key, "rate-limit", strlen("rate-limit")) == 0) {
        const char *rest = key + strlen("rate-limit");
        if (strcmp(rest, "-packets") == 0) {
            a->has_rate_packets = true;
            return read_number(r, value, &a->rate_packets);
        }
        if (rest[0] == '\0' || strcmp(rest, "-unit") == 0 || strcmp(rest, "-bytes") == 0)
            return STATUS_OK; /* read together */
    }
    if (strcmp(key, "discard") == 0) {
        enum status s = read_flag(r, value, &flag);
        a->discard = a->discard || flag;
        return s;
    }
    if (strcmp(key, "sample") == 0)
        return read_flag(r, value, &a->sample);
    if (strcmp(key, "terminal") == 0)
        return read_flag(r, value, &a->terminal);
    if (strcmp(key, "copy") == 0)
        return read_flag(r, value, &a->redirect_copy);
    if (strcmp(key, "mark") == 0)
        return read_mark(r, value, a);
    if (strcmp(key, "redirect") == 0 || strcmp(key, "redirect-to-ip") == 0)
        return read_redirect(r, value, a);
    if (strcmp(key, "redirect-to-next-hop") == 0) {
        enum status s = read_flag(r, value, &flag);
        if (s == STATUS_OK && flag && a->redirect != REDIRECT_NONE)
            return FAIL(r, STATUS_MALFORMED, "a second redirect");
        a->redirect = flag ? REDIRECT_TO_NEXT_HOP : a->redirect;
        return s;
    }
    return FAIL(r, STATUS_MALFORMED, "'%.40s' is no action", key);
}

static enum status read_then(struct reading *r, json_t *then, bool in_bytes,
                             struct flow_actions *ret_actions)
{
    struct flow_actions a = {0};
    const char *key;
    json_t *value;
    r->key = "then";
    if (!json_is_object(then))
        return FAIL(r, STATUS_MALFORMED, "then is an object");
    enum status s = read_rate(r, then, in_bytes, &a);
    if (s != STATUS_OK)
        return s;
    json_object_foreach(then, key, value)
    {
        r->key = key;
        s = read_action(r, value, &a);
        if (s != STATUS_OK)
            return s;
    }
    r->key = "then";
    if (a.redirect_copy && a.redirect != REDIRECT_TO_IP && a.redirect != REDIRECT_TO_NEXT_HOP)
        return FAIL(r, STATUS_MALFORMED, "copy without redirect-to-ip");
    struct rule_error error = {0};
    s = actions_check(&a, &error);
    if (s != STATUS_OK)
        return FAIL(r, s, "%s", error.why);
    *ret_actions = a;
    return STATUS_OK;
}

/* The one member of an object that holds one. */
static json_t *only_member(json_t *object, const char **ret_key)
{
    void *first = json_object_iter(object);
    if (json_object_size(object) != 1)
        return NULL;
    *ret_key = json_object_iter_key(first);
    return json_object_iter_value(first);
}

static enum status read_flow(struct reading *r, struct flow_rule *rule,
                             struct flow_actions *actions, bool withdraw, json_t *flow,
                             bool in_bytes)
{
    enum addr_family family;
    json_t *match = json_object_get(flow, "match"), *then = json_object_get(flow, "then");
    const char *key;
    json_t *value;
    json_object_foreach(flow, key, value)
    {
        r->key = key;
        if (value != match && value != then && strcmp(key, "family") != 0)
            return FAIL(r, STATUS_MALFORMED, "'%.40s': flow has match, then and family", key);
    }
    r->key = "flow";
    if (!json_is_object(match))
        return FAIL(r, STATUS_MALFORMED, "flow needs match, an object");
    if (then == NULL && !withdraw)
        return FAIL(r, STATUS_MALFORMED, "an announcement needs then");
    r->key = "family";
    enum status s = find_family(r, flow, match, &family);
    if (s != STATUS_OK)
        return s;
    rule_init(rule, family);
    s = read_match(r, rule, match);
    if (s != STATUS_OK || then == NULL)
        return s;
    return read_then(r, then, in_bytes, actions);
}

enum status rule_parse_json_message(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                                    bool *ret_withdraw, const char *json,
                                    const struct rule_json_options *options,
                                    struct rule_error *ret_error)
{
    struct reading r = {.json = json, .error = ret_error};
    struct flow_actions actions = {0};
    json_error_t syntax;
    const char *verb = NULL, *kind = NULL;
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &syntax);
    if (root == NULL)
        return rule_fail(ret_error, STATUS_MALFORMED,
                         syntax.position > 0 ? (size_t)syntax.position - 1 : 0, "%s", syntax.text);
    json_t *body = only_member(root, &verb);
    json_t *flow = body != NULL ? only_member(body, &kind) : NULL;
    enum status s;
    if (body == NULL || (strcmp(verb, "announce") != 0 && strcmp(verb, "withdraw") != 0))
        s = FAIL(&r, STATUS_MALFORMED, "an object with announce or withdraw belongs here");
    else if (flow == NULL || strcmp(kind, "flow") != 0 || !json_is_object(flow))
        s = FAIL(&r, STATUS_MALFORMED, "%s holds one object, flow", verb);
    else
        s = read_flow(&r, ret_rule, &actions, strcmp(verb, "withdraw") == 0, flow,
                      options != NULL && options->rate_in_bytes);
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
