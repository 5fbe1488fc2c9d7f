#include "common/redis/keys.h"
#include "common/redis/scripts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NUMBER_MAX = 24,
    HEAD_ARGS = 15, /* before the lists; scripts/write.lua */
    ID_MAX = 128,
    AUDIT_KEEP_DAYS = 90,
};

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

struct write_field write_field_text(const char *name, const char *value)
{
    return (struct write_field){.name = name, .value = arg(value)};
}

/* An id is part of a key that the desired script puts together itself: nothing to be escaped. */
static bool id_is_plain(const char *id)
{
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return len > 0 && len < ID_MAX && id[len] == '\0';
}

static struct redis_arg number(char room[NUMBER_MAX], uint64_t value)
{
    snprintf(room, NUMBER_MAX, "%" PRIu64, value);
    return arg(room);
}

static size_t put_fields(struct redis_arg *args, const struct write_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        args[2 * i] = arg(fields->fields[i].name);
        args[2 * i + 1] = fields->fields[i].value;
    }
    return 2 * fields->count;
}

static bool make_keys(char names[7][KEY_NAME_MAX], const char *prefix, const struct write_set *set)
{
    bool is_alarm = set->kind == WRITE_ALARM;
    enum key_id active = is_alarm ? KEY_ALARMS_ACTIVE : KEY_MITIGATIONS_ACTIVE;
    return key_name(names[0], prefix, KEY_EPOCH_POLICY) != NULL &&
           key_name(names[1], prefix, KEY_HOLD) != NULL &&
           key_name(names[2], prefix, is_alarm ? KEY_ALARM : KEY_MITIGATION, set->id) != NULL &&
           key_name(names[3], prefix, active) != NULL &&
           key_name(names[4], prefix, KEY_JOBS) != NULL &&
           key_name(names[5], prefix, KEY_ALARMS_LOG) != NULL &&
           key_name(names[6], prefix, KEY_AUDIT) != NULL;
}

enum status script_write(struct redis *redis, const char *prefix, const struct write_set *set,
                         redis_on_reply on_reply, void *owner)
{
    static const char *const standings[] = {
        [WRITE_AS_IT_IS] = "", [WRITE_STANDS] = "stands", [WRITE_ENDED] = "ended"};
    const struct write_fields *lists[] = {&set->hash, &set->job, &set->log, &set->audit};
    char names[7][KEY_NAME_MAX], numbers[HEAD_ARGS][NUMBER_MAX];
    struct redis_arg keys[7], args[HEAD_ARGS + 2 * WRITE_FIELDS_MAX];
    size_t total = set->scope_count;
    for (size_t i = 0; i < 4; i++)
        total = total > WRITE_FIELDS_MAX ? total : total + lists[i]->count;
    if (!id_is_plain(set->id))
        return STATUS_MALFORMED;
    if (total > WRITE_FIELDS_MAX || !make_keys(names, prefix, set))
        return STATUS_RANGE;
    for (size_t i = 0; i < 7; i++)
        keys[i] = arg(names[i]);

    uint64_t keep_ms = set->audit_keep_ms > 0 ? set->audit_keep_ms : AUDIT_KEEP_DAYS * 86400000ull;
    args[0] = number(numbers[0], set->epoch);
    args[1] = arg(set->announces ? "1" : "0");
    args[2] = set->revision > 0 ? number(numbers[2], set->revision) : arg("");
    args[3] = arg(set->id);
    args[4] = arg(standings[set->standing]);
    args[5] = number(numbers[5], set->score_ms);
    args[6] = number(numbers[6], keep_ms);
    args[7] = number(numbers[7], KEY_ENDED_TTL_MS);
    args[8] = number(numbers[8], KEY_JOBS_KEEP_MS);
    args[9] = number(numbers[9], KEY_LOG_MAX);
    args[10] = number(numbers[10], set->scope_count);
    size_t count = HEAD_ARGS;
    for (size_t i = 0; i < set->scope_count; i++)
        args[count++] = arg(set->scopes[i]);
    for (size_t i = 0; i < 4; i++) {
        size_t added = put_fields(args + count, lists[i]);
        args[11 + i] = number(numbers[11 + i], added);
        count += added;
    }
    return script_run(redis, SCRIPT_write, keys, 7, args, count, on_reply, owner);
}

bool script_write_answer(const struct redis_reply *reply, struct write_answer *ret_answer)
{
    uint64_t now_ms;
    if (reply == NULL || reply->type != REDIS_ARRAY || reply->count != 2 ||
        reply->items[0].type != REDIS_STRING || !redis_to_u64(&reply->items[1], &now_ms))
        return false;
    *ret_answer = (struct write_answer){.job_id = reply->items[0].bytes, .now_ms = now_ms};
    return true;
}
