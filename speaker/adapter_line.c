#include "speaker/adapter_line.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_MIN_MS = 1000, TTL_MAX_DAYS = 30, DAY_S = 86400 }; /* as policy takes them */

static const char *const beside[] = {"exact", "ttl", "for", "reason", NULL};

/* --- what stands beside the rule ----------------------------------------------------------------
 */

static enum status fail(struct rule_error *ret_error, const char *why)
{
    *ret_error = (struct rule_error){.at = 0};
    (void)snprintf(ret_error->why, sizeof(ret_error->why), "%s", why);
    return STATUS_MALFORMED;
}

static enum status read_ttl(struct adapter_line *line, const json_t *value,
                            struct rule_error *ret_error)
{
    uint64_t ms = 0;
    if (line->ttl_ms != 0)
        return fail(ret_error, "ttl: it is given twice");
    if (json_is_number(value)) {
        double s = json_number_value(value);
        ms = s > 0 && s <= (double)TTL_MAX_DAYS * DAY_S ? (uint64_t)llround(s * 1000) : 0;
    } else if (!json_is_string(value) ||
               text_parse_duration_ms(&ms, json_string_value(value)) != STATUS_OK) {
        ms = 0;
    }
    if (ms < TTL_MIN_MS || ms > (uint64_t)TTL_MAX_DAYS * DAY_S * 1000)
        return fail(ret_error, "ttl: expected a time from 1s to 30d, or its seconds as a number");
    line->ttl_ms = ms;
    return STATUS_OK;
}

static enum status read_beside(struct adapter_line *line, const json_t *object,
                               struct rule_error *ret_error)
{
    const json_t *exact = json_object_get(object, "exact");
    const json_t *reason = json_object_get(object, "reason");
    const char *const times[] = {"ttl", "for"};
    enum status status = STATUS_OK;
    if (exact != NULL && !json_is_boolean(exact))
        return fail(ret_error, "exact is true or false");
    line->exact = line->exact || json_is_true(exact);
    if (reason != NULL && !json_is_string(reason))
        return fail(ret_error, "reason is a string");
    if (reason != NULL)
        text_copy(line->reason, sizeof(line->reason), json_string_value(reason));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]) && status == STATUS_OK; i++) {
        const json_t *value = json_object_get(object, times[i]);
        if (value != NULL)
            status = read_ttl(line, value, ret_error);
    }
    return status;
}

/* The three levels: the whole, what is announced, the flow. */
static enum status read_all_beside(struct adapter_line *line, const char *json,
                                   struct rule_error *ret_error)
{
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    const json_t *body = json_object_get(root, line->withdraw ? "withdraw" : "announce");
    enum status status = read_beside(line, root, ret_error);
    if (status == STATUS_OK)
        status = read_beside(line, body, ret_error);
    if (status == STATUS_OK)
        status = read_beside(line, json_object_get(body, "flow"), ret_error);
    json_decref(root);
    return status;
}

/* --- the line -----------------------------------------------------------------------------------
 */

static enum status write_rule(struct adapter_line *line, struct rule_error *ret_error)
{
    struct text text;
    text_init(&text, RULE_TEXT_MAX - 1);
    enum status status =
        rule_format_text(&line->rule, line->withdraw ? NULL : &line->actions, &text);
    if (status != STATUS_OK || text.failed)
        status = fail(ret_error, "the rule is longer than the 2047 characters that there are "
                                 "for it");
    else
        (void)snprintf(line->text, sizeof(line->text), "%s", text_str(&text));
    text_done(&text);
    if (status == STATUS_OK &&
        nlri_encode(&line->rule, line->nlri, sizeof(line->nlri), &line->nlri_len) != STATUS_OK)
        status = fail(ret_error, "the rule is longer than a route can be");
    return status;
}

static enum status parse(struct adapter_line *line, const char *json, bool in_bytes,
                         struct rule_error *ret_error)
{
    struct rule_json_options options = {.rate_in_bytes = in_bytes, .beside = beside};
    enum status status = rule_parse_json_message(&line->rule, &line->actions, &line->withdraw, json,
                                                 &options, ret_error);
    if (status == STATUS_OK)
        status = read_all_beside(line, json, ret_error);
    if (status == STATUS_OK)
        status = rule_simplify(&line->rule, ret_error);
    return status == STATUS_OK ? write_rule(line, ret_error) : status;
}

enum status adapter_line_parse(struct adapter_line *ret_line, const char *line, size_t len,
                               bool in_bytes, struct rule_error *ret_error)
{
    *ret_error = (struct rule_error){.at = 0};
    if (memchr(line, '\0', len) != NULL)
        return fail(ret_error, "expected one line with a JSON object");
    char *json = strndup(line, len);
    struct adapter_line *read = calloc(1, sizeof(*read));
    enum status status =
        json != NULL && read != NULL ? parse(read, json, in_bytes, ret_error) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        *ret_line = *read;
    else if (status == STATUS_NO_MEMORY)
        (void)fail(ret_error, "out of memory");
    free(read);
    free(json);
    return status;
}

/* --- answers ------------------------------------------------------------------------------------
 */

/* What people wrote may have been cut inside a character. */
static json_t *any_text(const char *text)
{
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(not UTF-8)");
}

json_t *adapter_refusal(const char *format, ...)
{
    char why[RULE_TEXT_MAX + REASON_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return json_pack("{s:b, s:o}", "ok", 0, "error", any_text(why));
}

/* A whole number as one: 10000000 and not 10000000.0. */
static json_t *number(double value)
{
    bool is_whole = value >= 0 && value < 9e15 && value == floor(value);
    return is_whole ? json_integer((json_int_t)value) : json_real(value);
}

static void add_rates(json_t *answer, const struct flow_actions *actions, bool in_bytes)
{
    bool limits = actions->has_rate || actions->discard;
    double bytes = actions->has_rate ? actions->rate_bytes : 0;
    (void)json_object_set_new(answer, "rate-limit",
                              limits ? number(in_bytes ? bytes : bytes * 8) : json_null());
    (void)json_object_set_new(answer, "rate-limit-unit", json_string(in_bytes ? "B/s" : "bps"));
    (void)json_object_set_new(answer, "rate-limit-bytes", limits ? number(bytes) : json_null());
}

void adapter_add_rule(json_t *answer, const struct flow_rule *rule,
                      const struct flow_actions *actions, bool in_bytes)
{
    struct text text;
    text_init(&text, 0);
    if (rule_format_text(rule, actions, &text) == STATUS_OK)
        (void)json_object_set_new(answer, "rule", any_text(text_str(&text)));
    text_clear(&text);
    if (rule_format_json(rule, actions, &text) == STATUS_OK) {
        json_t *whole = json_loads(text_str(&text), 0, NULL);
        json_t *body = json_object_get(whole, actions != NULL ? "announce" : "withdraw");
        (void)json_object_set(answer, "flow", json_object_get(body, "flow"));
        json_decref(whole);
    }
    text_done(&text);
    if (actions != NULL)
        add_rates(answer, actions, in_bytes);
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static bool same_prefix(const struct ip_prefix *a, uint8_t a_offset, const struct ip_prefix *b,
                        uint8_t b_offset)
{
    return a->len == b->len && a_offset == b_offset && addr_equal(&a->addr, &b->addr);
}

static bool same_component(const struct flow_rule *a, const struct flow_rule *b, enum component c)
{
    if (!rule_has(a, c) || !rule_has(b, c))
        return false;
    if (c == COMPONENT_DESTINATION)
        return same_prefix(&a->destination, a->destination_offset, &b->destination,
                           b->destination_offset);
    if (c == COMPONENT_SOURCE)
        return same_prefix(&a->source, a->source_offset, &b->source, b->source_offset);
    if (a->range[c].count != b->range[c].count)
        return false;
    for (size_t i = 0; i < a->range[c].count; i++) {
        const struct rule_op *x = &a->ops[a->range[c].start + i];
        const struct rule_op *y = &b->ops[b->range[c].start + i];
        if (x->bits != y->bits || x->value != y->value)
            return false;
    }
    return true;
}

size_t adapter_common(const struct flow_rule *a, const struct flow_rule *b)
{
    size_t count = 0;
    if (a->family != b->family)
        return 0;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        count += same_component(a, b, c) ? 1 : 0;
    return count;
}

size_t adapter_components(const struct flow_rule *rule)
{
    return (size_t)__builtin_popcount(rule->present);
}
