#ifndef COMMON_REDIS_REDIS_INTERNAL_H
#define COMMON_REDIS_REDIS_INTERNAL_H

#include "common/base/log.h"
#include "common/redis/link.h"
#include "common/redis/output.h"
#include "common/redis/redis.h"
#include "common/redis/redis_metrics.h"
#include "common/redis/reply.h"
#include "common/redis/waiters.h"

#include <stdarg.h>

/* What the files of this folder know of a connection, and nobody else. */
enum redis_state {
    REDIS_STOPPED,    /* before redis_start() */
    REDIS_CONNECTING, /* the link is being opened */
    REDIS_GREETING,   /* AUTH, PING and TIME are on their way */
    REDIS_UP,
    REDIS_LOSING,  /* the link is being closed */
    REDIS_BACKOFF, /* until the next attempt */
    REDIS_CLOSING, /* for good */
};

struct redis {
    uv_loop_t *loop;
    struct redis_options options;
    char *texts[4]; /* ours: what name, address, user and password of the options point to */
    enum redis_state state;
    struct link link;
    struct reply_reader reader;
    struct output output;
    struct waiters waiters;
    uv_timer_t pause;    /* backoff; until CONNECTING and GREETING must be over */
    uv_timer_t watchdog; /* of the oldest unanswered command */
    uv_timer_t measure;  /* TIME every 10 s */
    unsigned int handles_open;
    bool overdue;          /* the watchdog met an overdue command once already */
    unsigned int failures; /* attempts in a row without a lasting connection */
    uint64_t losses;       /* attempts and connections that failed, ever */
    bool was_up_once;
    uint64_t up_since_ms;
    unsigned int scripts_known; /* a bit a script: the server has seen it on this connection */
    bool has_offset;
    int64_t offset_us; /* server's time less our monotonic one */
    uint64_t measure_sent_us;
    enum status last_status; /* of the last loss, and its text */
    char last_error[160];
    bool is_quiet; /* no logs: who asks shows the errors */
    struct log_limiter log_limiter;
    struct redis_metrics metrics;
    bool is_reader; /* its commands block: it does not measure the time every 10 s */
    void (*on_closed)(void *owner);
    void *closed_owner;
};

/* As redis_command(), with its own time to wait for the answer. */
enum status redis_command_within(struct redis *redis, uint64_t timeout_ms,
                                 const struct redis_arg *args, size_t count,
                                 redis_on_reply on_reply, void *owner);

/* Drops the connection because of what its replies said; it is opened anew after the backoff. */
void redis_lose(struct redis *redis, enum status why, const char *text);

/* The greeting was answered: the connection is up. */
void redis_on_greeted(struct redis *redis);

enum status redis_vcommandf(struct redis *redis, redis_on_reply on_reply, void *owner,
                            const char *format, va_list values);

/* A warning, at most once a minute for each message. */
void redis_log_limited(struct redis *redis, const char *message, const char *why);

/* min doubled with each failure up to max, and of that a random half to whole. */
uint64_t redis_backoff_ms(uint64_t min_ms, uint64_t max_ms, unsigned int failures);

#endif
