#include "flowspec/rule_json.h"

#include <string.h>

static enum status read_flag(const struct json_reading *r, const char *key, const json_t *value,
                             bool *ret_flag)
{
    if (!json_is_boolean(value))
        return rule_json_fail(r, STATUS_MALFORMED, "%s is true or false", key);
    *ret_flag = json_is_true(value);
    return STATUS_OK;
}

static enum status read_number(const struct json_reading *r, const char *key, const json_t *value,
                               double *ret_number)
{
    if (!json_is_number(value) || !(json_number_value(value) >= 0))
        return rule_json_fail(r, STATUS_MALFORMED, "%s is a number of 0 or more", key);
    *ret_number = json_number_value(value);
    return STATUS_OK;
}

/* Three keys say one rate: rate-limit, its unit, and the same in bytes/s. */
static enum status read_rate(struct json_reading *r, const json_t *then, bool in_bytes,
                             struct flow_actions *a)
{
    const json_t *limit = json_object_get(then, "rate-limit");
    const json_t *unit = json_object_get(then, "rate-limit-unit");
    const json_t *bytes = json_object_get(then, "rate-limit-bytes");
    enum status s = STATUS_OK;
    double said = 0;
    if (unit != NULL) {
        const char *word = json_string_value(unit);
        rule_json_at(r, then, "rate-limit-unit");
        if (word == NULL || (strcmp(word, "bps") != 0 && strcmp(word, "B/s") != 0))
            return rule_json_fail(r, STATUS_MALFORMED, "rate-limit-unit is bps or B/s");
        if (!json_is_number(limit))
            return rule_json_fail(r, STATUS_MALFORMED,
                                  "rate-limit-unit is that of rate-limit as a number");
        in_bytes = strcmp(word, "B/s") == 0;
    }
    rule_json_at(r, then, "rate-limit");
    if (json_is_string(limit)) {
        struct cursor cursor = rule_json_cursor(r, limit);
        s = actions_parse_rate(&cursor, strlen(cursor.start), &a->rate_bytes);
        s = rule_json_string_done(r, &cursor, s);
    } else if (limit != NULL) {
        s = read_number(r, "rate-limit", limit, &said);
        a->rate_bytes = in_bytes ? said : said / 8;
    }
    if (s != STATUS_OK)
        return s;
    if (bytes != NULL) {
        rule_json_at(r, then, "rate-limit-bytes");
        s = read_number(r, "rate-limit-bytes", bytes, &said);
        if (s != STATUS_OK)
            return s;
        if (limit != NULL && said != a->rate_bytes)
            return rule_json_fail(r, STATUS_MALFORMED, "rate-limit and rate-limit-bytes differ");
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

static enum status read_redirect(struct json_reading *r, const char *key, const json_t *value,
                                 struct flow_actions *a)
{
    if (!json_is_string(value))
        return rule_json_fail(r, STATUS_MALFORMED, "%s takes a string", key);
    if (a->redirect != REDIRECT_NONE)
        return rule_json_fail(r, STATUS_MALFORMED, "a second redirect");
    struct cursor cursor = rule_json_cursor(r, value);
    enum status s = STATUS_OK;
    if (strcmp(key, "redirect") == 0) {
        s = actions_parse_redirect(&cursor, strlen(cursor.start), a);
    } else if (addr_parse(&a->redirect_addr, cursor.start) != STATUS_OK) {
        s = cursor_fail(&cursor, STATUS_MALFORMED, "redirect-to-ip needs an address");
    } else {
        a->redirect = REDIRECT_TO_IP;
        cursor.at += strlen(cursor.start);
    }
    return rule_json_string_done(r, &cursor, s);
}

static enum status read_mark(const struct json_reading *r, const json_t *value,
                             struct flow_actions *a)
{
    uint32_t mark = 64;
    const char *name = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < 64)
        mark = (uint32_t)json_integer_value(value);
    else if (name == NULL || !rule_name_value(COMPONENT_DSCP, ADDR_NONE, name, strlen(name), &mark))
        return rule_json_fail(r, STATUS_MALFORMED, "mark takes a DSCP: 0 to 63, ef, af41, cs6");
    a->has_mark = true;
    a->mark = (uint8_t)mark;
    return STATUS_OK;
}

static enum status read_action(struct json_reading *r, const char *key, const json_t *value,
                               struct flow_actions *a)
{
    bool flag = false;
    if (strcmp(key, "rate-limit-packets") == 0) {
        a->has_rate_packets = true;
        return read_number(r, key, value, &a->rate_packets);
    }
    if (strcmp(key, "rate-limit") == 0 || strcmp(key, "rate-limit-unit") == 0 ||
        strcmp(key, "rate-limit-bytes") == 0)
        return STATUS_OK; /* read together */
    if (strcmp(key, "discard") == 0) {
        enum status s = read_flag(r, key, value, &flag);
        a->discard = a->discard || flag;
        return s;
    }
    if (strcmp(key, "sample") == 0)
        return read_flag(r, key, value, &a->sample);
    if (strcmp(key, "terminal") == 0)
        return read_flag(r, key, value, &a->terminal);
    if (strcmp(key, "copy") == 0)
        return read_flag(r, key, value, &a->redirect_copy);
    if (strcmp(key, "mark") == 0)
        return read_mark(r, value, a);
    if (strcmp(key, "redirect") == 0 || strcmp(key, "redirect-to-ip") == 0)
        return read_redirect(r, key, value, a);
    if (strcmp(key, "redirect-to-next-hop") == 0) {
        enum status s = read_flag(r, key, value, &flag);
        if (s == STATUS_OK && flag && a->redirect != REDIRECT_NONE)
            return rule_json_fail(r, STATUS_MALFORMED, "a second redirect");
        a->redirect = flag ? REDIRECT_TO_NEXT_HOP : a->redirect;
        return s;
    }
    return rule_json_fail(r, STATUS_MALFORMED, "'%.40s' is no action", key);
}

enum status rule_json_read_then(struct json_reading *r, json_t *then, bool in_bytes,
                                struct flow_actions *ret_actions)
{
    struct json_reading whole = *r;
    struct flow_actions a = {0};
    struct rule_error error = {0};
    const char *key;
    json_t *value;
    if (!json_is_object(then))
        return rule_json_fail(r, STATUS_MALFORMED, "then is an object");
    enum status s = read_rate(r, then, in_bytes, &a);
    if (s != STATUS_OK)
        return s;
    json_object_foreach(then, key, value)
    {
        rule_json_at(r, then, key);
        s = read_action(r, key, value, &a);
        if (s != STATUS_OK)
            return s;
    }
    *r = whole;
    if (a.redirect_copy && a.redirect != REDIRECT_TO_IP && a.redirect != REDIRECT_TO_NEXT_HOP)
        return rule_json_fail(r, STATUS_MALFORMED, "copy without redirect-to-ip");
    s = actions_check(&a, &error);
    if (s != STATUS_OK)
        return rule_json_fail(r, s, "%s", error.why);
    *ret_actions = a;
    return STATUS_OK;
}
