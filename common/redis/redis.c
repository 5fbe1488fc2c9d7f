#include "common/redis/commands.h"
#include "common/redis/greeting.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    COMMANDS_MAX = 10000,
    OUTPUT_MAX_BYTES = 64 << 20,
    REPLY_MAX_BYTES = 64 << 20,
    BOUND_MAX_BYTES = 1 << 30, /* hiredis counts a command's length in an int */
    TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_MS = 5000,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 2000,
    MEASURE_EVERY_MS = 10000,
    LOG_EVERY_MS = 60000,
};

static void connect_now(struct redis *r);

/* --- logs --- */

void redis_log_limited(struct redis *r, const char *message, const char *why)
{
    char address[128], text[192];
    uint64_t suppressed = 0, source = 0;
    if (r->is_quiet)
        return;
    for (const char *c = message; *c != '\0'; c++)
        source = source * 31 + (unsigned char)*c;
    if (log_limiter_allow(&r->log_limiter, source, clock_mono_ms(&r->options.clock), &suppressed))
        log_warn(message, "server=%s address=%s reason=%s suppressed=%llu", r->options.name,
                 log_value(address, sizeof address, r->options.address),
                 log_value(text, sizeof text, why), (unsigned long long)suppressed);
}

/* --- backoff --- */

uint64_t redis_backoff_ms(uint64_t min_ms, uint64_t max_ms, unsigned int failures)
{
    uint64_t delay_ms = min_ms;
    for (unsigned int i = 0; i < failures && delay_ms < max_ms; i++)
        delay_ms = sat_mul_u64(delay_ms, 2);
    if (delay_ms > max_ms)
        delay_ms = max_ms;
    /* Chance keeps the processes of a site from coming back in one crowd. */
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = uv_hrtime();
    return delay_ms - random % (delay_ms / 2 + 1);
}

static void on_backoff_over(uv_timer_t *timer)
{
    struct redis *r = timer->data;
    if (r->state == REDIS_BACKOFF)
        connect_now(r);
}

/* --- losing a connection --- */

void redis_lose(struct redis *r, enum status why, const char *text)
{
    if (r->state != REDIS_CONNECTING && r->state != REDIS_GREETING && r->state != REDIS_UP)
        return;
    bool was_up = r->state == REDIS_UP;
    r->state = REDIS_LOSING;
    r->losses++;
    r->last_status = why;
    snprintf(r->last_error, sizeof r->last_error, "%s", text);
    redis_log_limited(r,
                      why == STATUS_REFUSED ? "redis refuses us"
                      : was_up              ? "redis is lost"
                                            : "redis is away",
                      r->last_error);
    uint64_t lasted_ms = was_up ? uv_hrtime() / 1000000 - r->up_since_ms : 0;
    if (lasted_ms > r->options.backoff_max_ms)
        r->failures = 0;
    else if (why == STATUS_REFUSED)
        r->failures = 64; /* asking again soon would not change the password */
    else
        r->failures++;
    redis_metrics_up(&r->metrics, false);
    uv_timer_stop(&r->pause);
    uv_timer_stop(&r->measure);
    link_close(&r->link);
    commands_fail(r, why);
    if (was_up && r->state == REDIS_LOSING && r->options.on_down != NULL)
        r->options.on_down(r->options.owner, why);
}

static void free_redis(struct redis *r)
{
    output_done(&r->output);
    waiters_done(&r->waiters);
    reply_reader_done(&r->reader);
    for (size_t i = 0; i < 4; i++)
        free(r->texts[i]);
    free(r);
}

static void handle_is_closed(struct redis *r)
{
    assert(r->handles_open > 0);
    if (--r->handles_open > 0)
        return;
    void (*on_closed)(void *owner) = r->on_closed;
    void *owner = r->closed_owner;
    redis_metrics_leave(&r->metrics);
    free_redis(r);
    if (on_closed != NULL)
        on_closed(owner);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_is_closed(handle->data);
}

/* --- the link's life --- */

static void on_link_open(void *owner)
{
    struct redis *r = owner;
    r->state = REDIS_GREETING;
    greeting_send(r);
}

static void on_link_bytes(void *owner, const char *bytes, size_t len)
{
    commands_on_bytes(owner, bytes, len);
}

static void on_link_written(void *owner)
{
    struct redis *r = owner;
    output_land(&r->output);
    commands_flush(r);
}

static void on_link_end(void *owner, const char *why)
{
    redis_lose(owner, STATUS_IO, why);
}

static void on_link_closed(void *owner)
{
    struct redis *r = owner;
    if (r->state == REDIS_CLOSING) {
        handle_is_closed(r);
        return;
    }
    output_clear(&r->output);
    commands_flush(r);
    r->state = REDIS_BACKOFF;
    uv_timer_start(&r->pause, on_backoff_over,
                   redis_backoff_ms(r->options.backoff_min_ms, r->options.backoff_max_ms,
                                    r->failures > 0 ? r->failures - 1 : 0),
                   0);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    redis_lose(timer->data, STATUS_TIMEOUT, "no connection in time");
}

static void connect_now(struct redis *r)
{
    r->state = REDIS_CONNECTING;
    r->scripts_known = 0;
    uint64_t limit_ms = r->options.timeout_ms;
    uv_timer_start(&r->pause, on_connect_timeout,
                   limit_ms < CONNECT_TIMEOUT_MS ? limit_ms : CONNECT_TIMEOUT_MS, 0);
    reply_reader_done(&r->reader);
    if (reply_reader_init(&r->reader, r->options.reply_max_bytes) == STATUS_OK)
        link_open(&r->link, r->options.address);
    else
        redis_lose(r, STATUS_NO_MEMORY, "out of memory");
}

static void on_measure(uv_timer_t *timer)
{
    struct redis *r = timer->data;
    if (r->state == REDIS_UP)
        greeting_measure(r);
}

void redis_on_greeted(struct redis *r)
{
    uv_timer_stop(&r->pause);
    if (!r->is_reader)
        uv_timer_start(&r->measure, on_measure, MEASURE_EVERY_MS, MEASURE_EVERY_MS);
    r->state = REDIS_UP;
    r->up_since_ms = uv_hrtime() / 1000000;
    redis_metrics_up(&r->metrics, true);
    if (r->was_up_once)
        metric_add(r->metrics.reconnects, 1);
    r->was_up_once = true;
    char address[128];
    if (!r->is_quiet)
        log_info("redis is up", "server=%s address=%s", r->options.name,
                 log_value(address, sizeof address, r->options.address));
    if (r->options.on_up != NULL)
        r->options.on_up(r->options.owner);
}

/* --- public --- */

static enum status copy_options(struct redis *r, const struct redis_options *from)
{
    struct redis_options *o = &r->options;
    *o = *from;
    if (o->name == NULL)
        o->name = o->address;
    const char **texts[] = {&o->name, &o->address, &o->user, &o->password};
    for (size_t i = 0; i < 4; i++) {
        if (*texts[i] == NULL)
            continue;
        *texts[i] = r->texts[i] = strdup(*texts[i]);
        if (r->texts[i] == NULL)
            return STATUS_NO_MEMORY;
    }
    if (o->clock.mono_us == NULL)
        o->clock = clock_system();
    o->commands_max = o->commands_max > 0 ? o->commands_max : COMMANDS_MAX;
    o->output_max_bytes = o->output_max_bytes > 0 ? o->output_max_bytes : OUTPUT_MAX_BYTES;
    o->reply_max_bytes = o->reply_max_bytes > 0 ? o->reply_max_bytes : REPLY_MAX_BYTES;
    if (o->output_max_bytes > BOUND_MAX_BYTES)
        o->output_max_bytes = BOUND_MAX_BYTES;
    if (o->reply_max_bytes > BOUND_MAX_BYTES)
        o->reply_max_bytes = BOUND_MAX_BYTES;
    o->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    o->backoff_min_ms = o->backoff_min_ms > 0 ? o->backoff_min_ms : BACKOFF_MIN_MS;
    o->backoff_max_ms = o->backoff_max_ms > 0 ? o->backoff_max_ms : BACKOFF_MAX_MS;
    return STATUS_OK;
}

/* libuv writes without MSG_NOSIGNAL: a server that went away would end a process that does not say
 * what it wants of SIGPIPE. */
static void survive_broken_pipes(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &action, NULL);
    }
}

enum status redis_new(struct redis **ret_redis, uv_loop_t *loop,
                      const struct redis_options *options)
{
    enum status status =
        options->address != NULL ? link_check_address(options->address) : STATUS_MALFORMED;
    if (status != STATUS_OK)
        return status;
    struct redis *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    status = copy_options(r, options);
    if (status != STATUS_OK) {
        free_redis(r);
        return status;
    }
    static const struct link_events events = {
        .on_open = on_link_open,
        .on_bytes = on_link_bytes,
        .on_written = on_link_written,
        .on_end = on_link_end,
        .on_closed = on_link_closed,
    };
    survive_broken_pipes();
    r->loop = loop;
    link_init(&r->link, loop, &events, r);
    uv_timer_t *timers[] = {&r->pause, &r->watchdog, &r->measure};
    for (size_t i = 0; i < 3; i++) {
        (void)uv_timer_init(loop, timers[i]); /* cannot fail */
        timers[i]->data = r;
    }
    r->handles_open = 4; /* with the link's, which every close opens at the latest */
    log_limiter_init(&r->log_limiter, LOG_EVERY_MS);
    redis_metrics_join(&r->metrics, r->options.name);
    *ret_redis = r;
    return STATUS_OK;
}

void redis_start(struct redis *redis)
{
    if (redis->state == REDIS_STOPPED)
        connect_now(redis);
}

bool redis_is_up(const struct redis *redis)
{
    return redis->state == REDIS_UP;
}

uint64_t redis_now_ms(const struct redis *redis)
{
    if (!redis->has_offset)
        return 0;
    int64_t now_us = (int64_t)clock_mono_us(&redis->options.clock) + redis->offset_us;
    return now_us > 0 ? (uint64_t)now_us / 1000 : 0;
}

void redis_close(struct redis *redis, void (*on_closed)(void *owner), void *owner)
{
    if (redis == NULL || redis->state == REDIS_CLOSING)
        return;
    redis->state = REDIS_CLOSING;
    redis->on_closed = on_closed;
    redis->closed_owner = owner;
    redis_metrics_up(&redis->metrics, false);
    link_close(&redis->link);
    uv_close((uv_handle_t *)&redis->pause, on_timer_closed);
    uv_close((uv_handle_t *)&redis->measure, on_timer_closed);
    commands_fail(redis, STATUS_AWAY);
    uv_close((uv_handle_t *)&redis->watchdog, on_timer_closed);
}
