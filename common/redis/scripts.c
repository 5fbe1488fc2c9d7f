#include "common/redis/scripts.h"

#include "common/redis/keys.h"
#include "common/redis/redis_internal.h"
#include "common/redis/script_texts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 24, HOLDER_MAX = 256 };

/* --- running any of them --- */

/* A run that waits for its answer; with its arguments, should the server have to be told all. */
struct script_call {
    struct redis *redis;
    enum script_id id;
    redis_on_reply on_reply;
    void *owner;
    size_t count; /* of args; 0: the whole script was sent, there is nothing to send again */
    struct redis_arg args[];
};

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

/* With copies of args[2] onwards: what precedes is the command and its script. */
static struct script_call *call_new(const struct redis_arg *args, size_t count)
{
    size_t len = 0;
    for (size_t i = 2; i < count; i++)
        len += args[i].len;
    struct script_call *call = calloc(1, sizeof *call + count * sizeof *args + len);
    if (call == NULL)
        return NULL;
    char *at = (char *)(call->args + count);
    call->count = count;
    for (size_t i = 2; i < count; i++) {
        if (args[i].len > 0)
            memcpy(at, args[i].bytes, args[i].len);
        call->args[i] = (struct redis_arg){.bytes = at, .len = args[i].len};
        at += args[i].len;
    }
    return call;
}

static void name_script(struct redis_arg *args, enum script_id id, bool is_known)
{
    const struct script_text *text = &script_texts[id];
    args[0] = arg(is_known ? "EVALSHA" : "EVAL");
    args[1] =
        is_known ? arg(text->sha1) : (struct redis_arg){.bytes = text->bytes, .len = text->len};
}

static void on_script(void *owner, enum status status, const struct redis_reply *reply)
{
    struct script_call *call = owner;
    unsigned int bit = 1u << call->id;
    bool is_unknown = reply != NULL && reply_error_is(reply, "NOSCRIPT");
    if (reply != NULL && !is_unknown)
        call->redis->scripts_known |= bit;
    if (is_unknown && call->count > 0) {
        call->redis->scripts_known &= ~bit;
        name_script(call->args, call->id, false);
        size_t count = call->count;
        call->count = 0;
        status = redis_command(call->redis, call->args, count, on_script, call);
        if (status == STATUS_OK)
            return;
        reply = NULL;
    }
    if (call->on_reply != NULL)
        call->on_reply(call->owner, status, reply);
    else if (status != STATUS_OK && reply != NULL)
        redis_log_limited(call->redis, "redis refused a script", reply->bytes);
    free(call);
}

enum status script_run(struct redis *redis, enum script_id id, const struct redis_arg *keys,
                       size_t key_count, const struct redis_arg *args, size_t arg_count,
                       redis_on_reply on_reply, void *owner)
{
    size_t count = 3 + key_count + arg_count;
    if (key_count > REDIS_ARGS_MAX || arg_count > REDIS_ARGS_MAX || count > REDIS_ARGS_MAX)
        return STATUS_RANGE;
    assert(strcmp(script_texts[SCRIPT_top].name, "top") == 0);
    bool is_known = (redis->scripts_known & 1u << id) != 0;
    struct redis_arg all[REDIS_ARGS_MAX];
    char number[NUMBER_MAX];
    snprintf(number, sizeof number, "%zu", key_count);
    name_script(all, id, is_known);
    all[2] = arg(number);
    if (key_count > 0)
        memcpy(all + 3, keys, key_count * sizeof *keys);
    memcpy(all + 3 + key_count, args, arg_count * sizeof *args);
    struct script_call *call = call_new(all, is_known ? count : 0);
    if (call == NULL)
        return STATUS_NO_MEMORY;
    call->redis = redis;
    call->id = id;
    call->on_reply = on_reply;
    call->owner = owner;
    enum status status = redis_command(redis, all, count, on_script, call);
    if (status != STATUS_OK)
        free(call);
    return status;
}

/* --- lead and resign --- */

static bool text_of(const struct redis_reply *reply, const char **ret_text)
{
    if (reply->type != REDIS_STRING)
        return false;
    *ret_text = reply->bytes;
    return true;
}

static bool make_holder(char holder[HOLDER_MAX], const char *name, const char *run_id)
{
    int len = snprintf(holder, HOLDER_MAX, "%s:%s", name, run_id);
    return len > 0 && len < HOLDER_MAX;
}

enum status script_lead(struct redis *redis, const char *prefix, const char *name,
                        const char *run_id, uint64_t lease_ms, uint64_t epoch, uint64_t seen_epoch,
                        redis_on_reply on_reply, void *owner)
{
    char lease_key[KEY_NAME_MAX], epoch_key[KEY_NAME_MAX], holder[HOLDER_MAX];
    char lease[NUMBER_MAX], mine[NUMBER_MAX], seen[NUMBER_MAX];
    if (!make_holder(holder, name, run_id) ||
        key_name(lease_key, prefix, KEY_LEASE_POLICY) == NULL ||
        key_name(epoch_key, prefix, KEY_EPOCH_POLICY) == NULL)
        return STATUS_RANGE;
    snprintf(lease, sizeof lease, "%" PRIu64, lease_ms);
    snprintf(mine, sizeof mine, "%" PRIu64, epoch);
    snprintf(seen, sizeof seen, "%" PRIu64, seen_epoch);
    struct redis_arg keys[] = {arg(lease_key), arg(epoch_key)};
    struct redis_arg args[] = {arg(holder), arg(lease), arg(mine), arg(seen)};
    return script_run(redis, SCRIPT_lead, keys, 2, args, 4, on_reply, owner);
}

bool script_lead_answer(const struct redis_reply *reply, struct lead_answer *ret_answer)
{
    struct lead_answer answer;
    uint64_t leads;
    if (reply == NULL || reply->type != REDIS_ARRAY || reply->count != 4 ||
        !redis_to_u64(&reply->items[0], &leads) || !redis_to_u64(&reply->items[1], &answer.epoch) ||
        !text_of(&reply->items[2], &answer.leader) ||
        !redis_to_u64(&reply->items[3], &answer.now_ms))
        return false;
    answer.leads = leads == 1;
    *ret_answer = answer;
    return true;
}

enum status script_resign(struct redis *redis, const char *prefix, const char *name,
                          const char *run_id, redis_on_reply on_reply, void *owner)
{
    char lease_key[KEY_NAME_MAX], holder[HOLDER_MAX];
    if (!make_holder(holder, name, run_id) || key_name(lease_key, prefix, KEY_LEASE_POLICY) == NULL)
        return STATUS_RANGE;
    struct redis_arg keys[] = {arg(lease_key)}, args[] = {arg(holder)};
    return script_run(redis, SCRIPT_resign, keys, 1, args, 1, on_reply, owner);
}

/* --- desired --- */

enum status script_desired(struct redis *redis, const char *prefix,
                           const struct desired_place *after, size_t most, redis_on_reply on_reply,
                           void *owner)
{
    static const enum key_id ids[] = {KEY_HOLD, KEY_JOBS, KEY_STOPS, KEY_MITIGATIONS_ACTIVE,
                                      KEY_EPOCH_POLICY};
    enum { KEYS = sizeof ids / sizeof ids[0] };
    char names[KEYS][KEY_NAME_MAX], hash[KEY_NAME_MAX], number[NUMBER_MAX];
    struct redis_arg keys[KEYS];
    if (most == 0 || most > DESIRED_PAGE_MAX)
        return STATUS_RANGE;
    for (size_t i = 0; i < KEYS; i++) {
        if (key_name(names[i], prefix, ids[i]) == NULL)
            return STATUS_RANGE;
        keys[i] = arg(names[i]);
    }
    if (key_name(hash, prefix, KEY_MITIGATION, "") == NULL)
        return STATUS_RANGE;
    snprintf(number, sizeof number, "%zu", most);
    struct redis_arg args[] = {arg(hash), arg(number), arg(after->score), arg(after->id)};
    return script_run(redis, SCRIPT_desired, keys, KEYS, args, 4, on_reply, owner);
}

/* Where the next page begins: nothing, or score and id. */
static bool read_place(const struct redis_reply *reply, struct desired_answer *ret_answer)
{
    if (reply->type != REDIS_ARRAY)
        return false;
    ret_answer->more = reply->count > 0;
    ret_answer->next = (struct desired_place){0};
    if (reply->count == 0)
        return true;
    if (reply->count != 2 || reply->items[0].type != REDIS_STRING ||
        reply->items[1].type != REDIS_STRING || reply->items[0].len >= DESIRED_SCORE_MAX ||
        reply->items[1].len >= DESIRED_ID_MAX || reply->items[1].len == 0)
        return false;
    memcpy(ret_answer->next.score, reply->items[0].bytes, reply->items[0].len);
    memcpy(ret_answer->next.id, reply->items[1].bytes, reply->items[1].len);
    return true;
}

static bool is_mitigation(const struct redis_reply *pair)
{
    return pair->type == REDIS_ARRAY && (pair->count == 1 || pair->count == 2) &&
           pair->items[0].type == REDIS_STRING &&
           (pair->count == 1 || pair->items[1].type == REDIS_STRING);
}

bool script_desired_answer(const struct redis_reply *reply, struct desired_answer *ret_answer)
{
    struct desired_answer answer;
    if (reply == NULL || reply->type != REDIS_ARRAY || reply->count != 7)
        return false;
    const struct redis_reply *at = reply->items;
    if (!redis_to_u64(&at[0], &answer.now_ms) || !redis_to_u64(&at[1], &answer.epoch) ||
        !text_of(&at[2], &answer.jobs_last_id) || !text_of(&at[3], &answer.stops_last_id) ||
        at[4].type != REDIS_ARRAY || at[5].type != REDIS_ARRAY || !read_place(&at[6], &answer))
        return false;
    answer.hold = &at[4];
    answer.mitigations = at[5].items;
    answer.mitigation_count = at[5].count;
    for (size_t i = 0; i < answer.mitigation_count; i++)
        if (!is_mitigation(&answer.mitigations[i]))
            return false;
    *ret_answer = answer;
    return true;
}

const struct redis_reply *desired_mitigation(const struct desired_answer *answer, size_t i,
                                             const char **ret_id)
{
    assert(i < answer->mitigation_count);
    const struct redis_reply *pair = &answer->mitigations[i];
    *ret_id = pair->items[0].bytes;
    return pair->count == 2 ? &pair->items[1] : NULL;
}

/* --- read --- */

enum status script_read(struct redis *redis, const char *prefix, const char *const *ids,
                        size_t count, redis_on_reply on_reply, void *owner)
{
    char hash[KEY_NAME_MAX];
    struct redis_arg args[1 + READ_HASHES_MAX];
    if (count == 0 || count > READ_HASHES_MAX || key_name(hash, prefix, KEY_MITIGATION, "") == NULL)
        return STATUS_RANGE;
    args[0] = arg(hash);
    for (size_t i = 0; i < count; i++)
        args[1 + i] = arg(ids[i]);
    return script_run(redis, SCRIPT_read, NULL, 0, args, 1 + count, on_reply, owner);
}

size_t script_read_count(const struct redis_reply *reply, size_t asked)
{
    if (reply == NULL || reply->type != REDIS_ARRAY || reply->count > asked)
        return 0;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->items[i].type != REDIS_STRING && reply->items[i].type != REDIS_NIL)
            return 0;
    return reply->count;
}
