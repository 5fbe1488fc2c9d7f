#include "common/redis/greeting.h"

#include "common/redis/commands.h"

#include <string.h>

/* An answer slower than this moves the offset only where the old one has become impossible. */
enum { SLOW_ANSWER_US = 20000 };

static uint64_t now_us(const struct redis *r)
{
    return clock_mono_us(&r->options.clock);
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

static void queue(struct redis *r, const struct redis_arg *args, size_t count,
                  redis_on_reply on_reply)
{
    if (commands_queue(r, r->options.timeout_ms, args, count, on_reply, r) != STATUS_OK)
        redis_lose(r, STATUS_NO_MEMORY, "out of memory");
}

static void on_auth(void *owner, enum status status, const struct redis_reply *reply)
{
    struct redis *r = owner;
    if (status == STATUS_OK || reply == NULL)
        return;
    redis_metrics_refused(r->options.name, REDIS_REFUSAL_AUTH);
    redis_lose(r, STATUS_REFUSED, reply->bytes);
}

static void on_ping(void *owner, enum status status, const struct redis_reply *reply)
{
    struct redis *r = owner;
    /* A user who may not PING, or a disk that fails: the server answers, which is what counts. */
    if (status == STATUS_OK || reply == NULL || reply_error_is(reply, "NOPERM") ||
        reply_error_is(reply, "MISCONF"))
        return;
    bool is_auth = reply_error_is(reply, "NOAUTH");
    if (is_auth)
        redis_metrics_refused(r->options.name, REDIS_REFUSAL_AUTH);
    redis_lose(r, is_auth ? STATUS_REFUSED : STATUS_AWAY, reply->bytes);
}

/* The server looked at its clock between sent and received; the middle is the best guess. */
static void set_offset(struct redis *r, uint64_t server_us)
{
    uint64_t received_us = now_us(r), sent_us = r->measure_sent_us;
    int64_t lowest = (int64_t)(server_us - received_us), highest = (int64_t)(server_us - sent_us);
    bool is_possible = r->has_offset && r->offset_us >= lowest && r->offset_us <= highest;
    if (is_possible && received_us - sent_us > SLOW_ANSWER_US)
        return;
    r->offset_us = lowest + (highest - lowest) / 2;
    r->has_offset = true;
}

static void on_time(void *owner, enum status status, const struct redis_reply *reply)
{
    struct redis *r = owner;
    uint64_t seconds, micros;
    if (reply == NULL)
        return;
    if (status == STATUS_OK && reply->type == REDIS_ARRAY && reply->count == 2 &&
        redis_to_u64(&reply->items[0], &seconds) && redis_to_u64(&reply->items[1], &micros) &&
        seconds < INT64_MAX / 2000000 && micros < 1000000) {
        set_offset(r, seconds * 1000000 + micros);
    } else {
        redis_log_limited(r, "redis does not tell the time, this machine's clock is used",
                          status == STATUS_OK ? "malformed answer" : reply->bytes);
        r->offset_us = (int64_t)(clock_wall_ms(&r->options.clock) * 1000 - now_us(r));
        r->has_offset = true;
    }
    if (r->state == REDIS_GREETING)
        redis_on_greeted(r);
}

void greeting_measure(struct redis *r)
{
    struct redis_arg args[] = {arg("TIME")};
    r->measure_sent_us = now_us(r);
    queue(r, args, 1, on_time);
}

void greeting_send(struct redis *r)
{
    const char *user = r->options.user, *password = r->options.password;
    if (password != NULL) {
        struct redis_arg args[3] = {arg("AUTH")};
        size_t count = 1;
        if (user != NULL)
            args[count++] = arg(user);
        args[count++] = arg(password);
        queue(r, args, count, on_auth);
    }
    struct redis_arg ping[] = {arg("PING")};
    if (r->state == REDIS_GREETING)
        queue(r, ping, 1, on_ping);
    if (r->state == REDIS_GREETING)
        greeting_measure(r);
}
