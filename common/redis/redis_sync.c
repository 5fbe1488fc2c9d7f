#include "common/redis/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The connection of redis.c on a loop that only turns while a command waits: the command line has
 * the same bounds and the same meaning of errors as the processes.
 */
enum {
    /* A name may have an address where nobody listens; the next attempt takes the next. */
    ATTEMPTS_MAX = 3,
    RETRY_MS = 10,
};

struct redis_sync {
    uv_loop_t loop;
    struct redis *redis;
    struct reply_arena kept; /* of the last reply */
    const struct redis_reply *reply;
    enum status status;
    bool is_answered, is_closed;
    char error[160];
};

static void on_closed(void *owner)
{
    struct redis_sync *sync = owner;
    sync->is_closed = true;
}

void redis_sync_close(struct redis_sync *sync)
{
    if (sync == NULL)
        return;
    redis_close(sync->redis, on_closed, sync);
    while (sync->redis != NULL && !sync->is_closed)
        uv_run(&sync->loop, UV_RUN_ONCE);
    /* A look-up of a name that still hangs keeps the loop busy; its memory goes with the process.
     */
    if (uv_loop_close(&sync->loop) == UV_EBUSY)
        return;
    reply_arena_done(&sync->kept);
    free(sync);
}

static enum status bring_up(struct redis_sync *sync)
{
    const struct redis *redis = sync->redis;
    uint64_t losses = redis->losses;
    while (!redis_is_up(redis) && redis->losses < losses + ATTEMPTS_MAX &&
           (redis->losses == losses ||
            (redis->last_status != STATUS_REFUSED && redis->last_status != STATUS_TIMEOUT)))
        uv_run(&sync->loop, UV_RUN_ONCE);
    if (redis_is_up(redis))
        return STATUS_OK;
    return redis->last_status == STATUS_REFUSED ? STATUS_REFUSED : STATUS_AWAY;
}

enum status redis_sync_open(struct redis_sync **ret_sync, const struct redis_options *options,
                            struct text *why)
{
    struct redis_sync *sync = calloc(1, sizeof *sync);
    if (sync == NULL || uv_loop_init(&sync->loop) != 0) {
        free(sync);
        return STATUS_NO_MEMORY;
    }
    struct redis_options own = *options;
    own.on_up = NULL;
    own.on_down = NULL;
    own.backoff_min_ms = own.backoff_max_ms = RETRY_MS;
    enum status status = redis_new(&sync->redis, &sync->loop, &own);
    if (status != STATUS_OK) {
        text_addf(why, "%s: not an address of a Redis server", options->address);
        redis_sync_close(sync);
        return status;
    }
    sync->redis->is_quiet = true;
    redis_start(sync->redis);
    status = bring_up(sync);
    if (status != STATUS_OK) {
        text_addf(why, "%s: %s", options->address, sync->redis->last_error);
        redis_sync_close(sync);
        return status;
    }
    *ret_sync = sync;
    return STATUS_OK;
}

static void on_reply(void *owner, enum status status, const struct redis_reply *reply)
{
    struct redis_sync *sync = owner;
    sync->is_answered = true;
    sync->status = status;
    sync->reply = reply;
    if (reply != NULL)
        sync->kept = reply_reader_take(&sync->redis->reader);
    if (status != STATUS_OK)
        snprintf(sync->error, sizeof sync->error, "%s",
                 reply != NULL ? reply->bytes : sync->redis->last_error);
}

static enum status wait_for_reply(struct redis_sync *sync, enum status queued,
                                  const struct redis_reply **ret_reply)
{
    if (queued != STATUS_OK) {
        snprintf(sync->error, sizeof sync->error, "%s",
                 redis_is_up(sync->redis) ? status_text(queued) : sync->redis->last_error);
        return queued;
    }
    while (!sync->is_answered)
        uv_run(&sync->loop, UV_RUN_ONCE);
    if (sync->status == STATUS_OK)
        *ret_reply = sync->reply;
    return sync->status;
}

/* Forgets the last reply, and connects again where the connection was found lost. */
static enum status prepare(struct redis_sync *sync)
{
    reply_arena_done(&sync->kept);
    sync->reply = NULL;
    sync->is_answered = false;
    sync->error[0] = '\0';
    return bring_up(sync);
}

enum status redis_sync_command(struct redis_sync *sync, const struct redis_arg *args, size_t count,
                               const struct redis_reply **ret_reply)
{
    enum status status = prepare(sync);
    if (status == STATUS_OK)
        status = redis_command(sync->redis, args, count, on_reply, sync);
    return wait_for_reply(sync, status, ret_reply);
}

enum status redis_sync_commandf(struct redis_sync *sync, const struct redis_reply **ret_reply,
                                const char *format, ...)
{
    va_list values;
    va_start(values, format);
    enum status status = prepare(sync);
    if (status == STATUS_OK)
        status = redis_vcommandf(sync->redis, on_reply, sync, format, values);
    va_end(values);
    return wait_for_reply(sync, status, ret_reply);
}

const char *redis_sync_error(const struct redis_sync *sync)
{
    return sync->error;
}
