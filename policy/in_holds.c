#include "policy/policy_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool is_known(const struct scope *scopes, size_t count, const struct scope *scope)
{
    for (size_t i = 0; i < count; i++) {
        if (scope_equal(&scopes[i], scope))
            return true;
    }
    return false;
}

/* Somebody means to stop something, and it cannot be known what: rather all of it than nothing, as
 * speakers do. */
static void hold_everything(struct policy *p, const char *field, struct scope *ret_scope)
{
    char shown[REASON_MAX];
    ret_scope->kind = SCOPE_ALL;
    ret_scope->value[0] = '\0';
    if (strncmp(p->unreadable_hold, field, sizeof(p->unreadable_hold) - 1) != 0)
        log_error("a hold cannot be read, so everything is on hold until weir resume", "scope=%s",
                  log_value(shown, sizeof(shown), field));
    (void)snprintf(p->unreadable_hold, sizeof(p->unreadable_hold), "%s", field);
}

/* Of the JSON that `weir withdraw-all` writes, what people want to know; of anything else all of
 * it. */
static const char *reason_of(char ret_reason[REASON_MAX], const char *value)
{
    json_t *object = json_loads(value, 0, NULL);
    const char *who = json_string_value(json_object_get(object, "who"));
    const char *why = json_string_value(json_object_get(object, "why"));
    if (who != NULL && why != NULL && *why != '\0')
        (void)snprintf(ret_reason, REASON_MAX, "%s: %s", who, why);
    else
        (void)snprintf(ret_reason, REASON_MAX, "%s", who != NULL ? who : value);
    json_decref(object);
    return ret_reason;
}

void in_holds_take(struct policy *p, const struct redis_reply *hash)
{
    struct scope scopes[HOLDS_MAX];
    const char *why[HOLDS_MAX];
    size_t count = 0;
    bool all_readable = true;
    for (size_t i = 0; i + 1 < hash->count && count < HOLDS_MAX; i += 2) {
        const struct redis_reply *field = &hash->items[i], *value = &hash->items[i + 1];
        if (field->type != REDIS_STRING || value->type != REDIS_STRING)
            continue;
        if (scope_parse(&scopes[count], field->bytes) != STATUS_OK) {
            hold_everything(p, field->bytes, &scopes[count]);
            all_readable = false;
        }
        why[count++] = value->bytes;
    }
    if (all_readable)
        p->unreadable_hold[0] = '\0';
    struct engine_now now = gate_now(p);
    for (size_t i = 0; i < count; i++) {
        char text[SCOPE_TEXT_MAX], reason[REASON_MAX], shown[REASON_MAX];
        if (is_known(p->holds, p->hold_count, &scopes[i]))
            continue;
        (void)reason_of(reason, why[i]);
        log_warn("announcements are on hold", "scope=%s why=%s", scope_format(&scopes[i], text),
                 log_value(shown, sizeof(shown), reason));
        engine_stop(p->engine, &scopes[i], "hold", reason, now);
    }
    engine_holds(p->engine, scopes, count, now);
    for (size_t i = 0; i < p->hold_count; i++) {
        char text[SCOPE_TEXT_MAX];
        if (!is_known(scopes, count, &p->holds[i]))
            log_info("a hold was lifted", "scope=%s", scope_format(&p->holds[i], text));
    }
    memcpy(p->holds, scopes, count * sizeof(scopes[0]));
    p->hold_count = count;
}

static void on_epoch(void *owner, enum status status, const struct redis_reply *reply)
{
    struct policy *p = owner;
    p->has_state = status == STATUS_OK && reply->type == REDIS_STRING;
}

static void on_hash(void *owner, enum status status, const struct redis_reply *reply)
{
    struct policy *p = owner;
    p->is_reading_holds = false;
    if (status != STATUS_OK || reply->type != REDIS_ARRAY || !gate_is_open(p))
        return;
    if (!p->has_state)
        return; /* emptied: no hold was lifted, and whoever led writes them back */
    in_holds_take(p, reply);
    gate_settle(p);
}

void in_holds_read(struct policy *p)
{
    char key[KEY_NAME_MAX], epoch[KEY_NAME_MAX];
    if (p->is_reading_holds || key_name(key, p->config->redis.prefix, KEY_HOLD) == NULL ||
        key_name(epoch, p->config->redis.prefix, KEY_EPOCH_POLICY) == NULL)
        return;
    p->is_reading_holds =
        redis_commandf(p->state, on_epoch, p, "GET %s", (char *)epoch) == STATUS_OK &&
        redis_commandf(p->state, on_hash, p, "HGETALL %s", (char *)key) == STATUS_OK;
}
