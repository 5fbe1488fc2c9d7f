#include "common/redis/commands.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARGUMENT_FRAME_BYTES = 32, /* more than "$" and a length and two line ends take */
    /* An overdue command gets this long for an answer that came while we ourselves stood still. */
    OVERDUE_GRACE_MS = 1,
};

static void show_output(struct redis *r)
{
    redis_metrics_output(&r->metrics, output_bytes(&r->output));
}

static enum status refuse(struct redis *r, enum redis_refusal reason, enum status status)
{
    redis_metrics_refused(r->options.name, reason);
    return status;
}

/* --- the watchdog --- */

static void on_watchdog(uv_timer_t *timer);

static void watchdog_arm(struct redis *r)
{
    const struct waiter *oldest = waiters_oldest(&r->waiters);
    if (uv_is_active((const uv_handle_t *)&r->watchdog) || oldest == NULL ||
        oldest->timeout_ms == UINT64_MAX || r->state == REDIS_CLOSING)
        return;
    uint64_t age_ms = (uv_hrtime() / 1000 - oldest->sent_us) / 1000;
    uint64_t left_ms = age_ms < oldest->timeout_ms ? oldest->timeout_ms - age_ms : OVERDUE_GRACE_MS;
    uv_timer_start(&r->watchdog, on_watchdog, left_ms, 0);
}

static void on_watchdog(uv_timer_t *timer)
{
    struct redis *r = timer->data;
    const struct waiter *oldest = waiters_oldest(&r->waiters);
    if (oldest == NULL || oldest->timeout_ms == UINT64_MAX)
        return;
    bool was_overdue = r->overdue;
    r->overdue = (uv_hrtime() / 1000 - oldest->sent_us) / 1000 >= oldest->timeout_ms;
    if (r->overdue && was_overdue)
        redis_lose(r, STATUS_TIMEOUT, "a command was not answered in time");
    else
        watchdog_arm(r);
}

/* --- commands out --- */

void commands_flush(struct redis *r)
{
    if (output_take_off(&r->output))
        link_write(&r->link, r->output.flying.bytes, r->output.flying.len);
    show_output(r);
}

static enum status queue_formatted(struct redis *r, uint64_t timeout_ms, const char *bytes,
                                   size_t len, redis_on_reply on_reply, void *owner)
{
    enum status status = waiters_reserve(&r->waiters);
    if (status == STATUS_OK)
        status = output_add(&r->output, bytes, len);
    if (status != STATUS_OK)
        return status;
    waiters_push(&r->waiters, &(struct waiter){.on_reply = on_reply,
                                               .owner = owner,
                                               .sent_us = uv_hrtime() / 1000,
                                               .timeout_ms = timeout_ms});
    watchdog_arm(r);
    commands_flush(r);
    return STATUS_OK;
}

static enum status check_room(struct redis *r, size_t len)
{
    if (r->state != REDIS_UP)
        return refuse(r, REDIS_REFUSAL_AWAY, STATUS_AWAY);
    if (r->waiters.count >= r->options.commands_max)
        return refuse(r, REDIS_REFUSAL_COMMANDS, STATUS_LIMIT);
    size_t queued = output_bytes(&r->output);
    if (queued > r->options.output_max_bytes || len > r->options.output_max_bytes - queued)
        return refuse(r, REDIS_REFUSAL_OUTPUT, STATUS_LIMIT);
    return STATUS_OK;
}

enum status commands_queue(struct redis *r, uint64_t timeout_ms, const struct redis_arg *args,
                           size_t count, redis_on_reply on_reply, void *owner)
{
    const char *texts[REDIS_ARGS_MAX];
    size_t lens[REDIS_ARGS_MAX];
    for (size_t i = 0; i < count; i++) {
        texts[i] = args[i].bytes != NULL ? args[i].bytes : "";
        lens[i] = args[i].len;
    }
    char *command = NULL;
    int len = redisFormatCommandArgv(&command, (int)count, texts, lens);
    if (len < 0)
        return STATUS_NO_MEMORY;
    enum status status = queue_formatted(r, timeout_ms, command, (size_t)len, on_reply, owner);
    redisFreeCommand(command);
    return status;
}

enum status redis_command_within(struct redis *redis, uint64_t timeout_ms,
                                 const struct redis_arg *args, size_t count,
                                 redis_on_reply on_reply, void *owner)
{
    if (count == 0 || count > REDIS_ARGS_MAX)
        return refuse(redis, REDIS_REFUSAL_ARGUMENTS, STATUS_RANGE);
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(len, args[i].len + ARGUMENT_FRAME_BYTES, &len))
            return refuse(redis, REDIS_REFUSAL_OUTPUT, STATUS_LIMIT);
    enum status status = check_room(redis, len);
    return status == STATUS_OK ? commands_queue(redis, timeout_ms, args, count, on_reply, owner)
                               : status;
}

enum status redis_command(struct redis *redis, const struct redis_arg *args, size_t count,
                          redis_on_reply on_reply, void *owner)
{
    return redis_command_within(redis, redis->options.timeout_ms, args, count, on_reply, owner);
}

enum status redis_vcommandf(struct redis *redis, redis_on_reply on_reply, void *owner,
                            const char *format, va_list values)
{
    char *command = NULL;
    int len = redisvFormatCommand(&command, format, values);
    if (len < 0)
        return refuse(redis, REDIS_REFUSAL_ARGUMENTS, STATUS_MALFORMED);
    enum status status = check_room(redis, (size_t)len);
    if (status == STATUS_OK)
        status = queue_formatted(redis, redis->options.timeout_ms, command, (size_t)len, on_reply,
                                 owner);
    redisFreeCommand(command);
    return status;
}

enum status redis_commandf(struct redis *redis, redis_on_reply on_reply, void *owner,
                           const char *format, ...)
{
    va_list values;
    va_start(values, format);
    enum status status = redis_vcommandf(redis, on_reply, owner, format, values);
    va_end(values);
    return status;
}

size_t redis_output_bytes(const struct redis *redis)
{
    return output_bytes(&redis->output);
}

/* --- replies in --- */

static void answer(struct redis *r, const struct redis_reply *reply)
{
    struct waiter waiter = waiters_pop(&r->waiters);
    r->overdue = false;
    watchdog_arm(r);
    /* A read that may wait for entries has longer for its answer, and its time says nothing of the
     * server. */
    if (waiter.timeout_ms <= r->options.timeout_ms)
        metric_observe(r->metrics.command_seconds,
                       (double)(uv_hrtime() / 1000 - waiter.sent_us) / 1e6);
    enum status status = reply_status(reply);
    if (status != STATUS_OK && !reply_is_absence(reply))
        redis_metrics_refused(r->options.name, REDIS_REFUSAL_ERROR);
    if (waiter.on_reply != NULL)
        waiter.on_reply(waiter.owner, status, reply);
    else if (status != STATUS_OK)
        redis_log_limited(r, "redis refused a command", reply->bytes);
}

void commands_on_bytes(struct redis *r, const char *bytes, size_t len)
{
    enum status status = reply_reader_feed(&r->reader, bytes, len);
    /* A callback may lose or close the connection: what was read after it answers nobody. */
    while (status == STATUS_OK && (r->state == REDIS_GREETING || r->state == REDIS_UP)) {
        const struct redis_reply *reply;
        status = reply_reader_next(&r->reader, &reply);
        if (status == STATUS_OK && r->waiters.count == 0)
            status = STATUS_MALFORMED;
        if (status == STATUS_OK)
            answer(r, reply);
    }
    if (status == STATUS_LIMIT) {
        redis_metrics_refused(r->options.name, REDIS_REFUSAL_REPLY_LIMIT);
        redis_lose(r, STATUS_LIMIT, "a reply is over the limit");
    } else if (status == STATUS_MALFORMED) {
        redis_metrics_refused(r->options.name, REDIS_REFUSAL_PROTOCOL);
        redis_lose(r, STATUS_IO, "what came is not the Redis protocol");
    } else if (status == STATUS_NO_MEMORY) {
        redis_lose(r, STATUS_NO_MEMORY, "out of memory");
    }
}

void commands_fail(struct redis *r, enum status why)
{
    uv_timer_stop(&r->watchdog);
    r->overdue = false;
    /* A callback may close the connection, which answers the rest: this loop then ends early. */
    while (r->waiters.count > 0) {
        struct waiter waiter = waiters_pop(&r->waiters);
        if (waiter.on_reply != NULL)
            waiter.on_reply(waiter.owner, why, NULL);
    }
}
