#ifndef COMMON_REDIS_REDIS_H
#define COMMON_REDIS_REDIS_H

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/*
 * A connection to one Redis server on a libuv loop. It reconnects for ever with jittered backoff,
 * bounds what is queued in both directions, and answers every command exactly once: with a reply,
 * or with the status of its loss. hiredis is not seen outside this folder.
 *
 *   redis_new() → redis_start() → redis_command() … → redis_close() → on_closed
 *
 * An ACL user needs, beside what its owner sends: ping and time; for a stream_reader xread and
 * xinfo|stream; for scripts.h eval, evalsha and what the scripts call.
 */
struct redis;

/* A reply, lent for the callback. */
enum redis_type { REDIS_NIL, REDIS_STRING, REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_ARRAY };
struct redis_reply {
    enum redis_type type;
    const char *bytes; /* STRING, STATUS, ERROR; NUL-terminated beyond len */
    size_t len;
    int64_t integer;
    const struct redis_reply *items; /* ARRAY */
    size_t count;
};

struct redis_options {
    const char *name;            /* in logs and metrics: "state", "t1" */
    const char *address;         /* "unix:/path" or "host:port" */
    const char *user, *password; /* NULL: none */
    size_t commands_max;         /* waiting for an answer; 0: 10,000 */
    size_t output_max_bytes;     /* queued and not yet written; 0: 64 MiB */
    size_t reply_max_bytes;      /* a longer reply closes the connection; 0: 64 MiB */
    uint64_t
        timeout_ms; /* an unanswered command closes the connection; 0: 5000; UINT64_MAX: never */
    uint64_t backoff_min_ms, backoff_max_ms; /* 0: 50 and 2000 */
    struct clock clock;
    void (*on_up)(void *owner); /* connected and authenticated; also after each reconnect */
    void (*on_down)(void *owner, enum status why); /* once per loss of an established connection */
    void *owner;
};

enum status redis_new(struct redis **ret_redis, uv_loop_t *loop,
                      const struct redis_options *options);
void redis_start(struct redis *redis);
bool redis_is_up(const struct redis *redis);
/* Redis TIME as of now in ms, by an offset measured at connect and every 10 s; 0: never connected.
 */
uint64_t redis_now_ms(const struct redis *redis);
/* Stops, answers what waits with STATUS_AWAY, closes the handles, calls on_closed, frees. */
void redis_close(struct redis *redis, void (*on_closed)(void *owner), void *owner);

/* status is STATUS_OK with a reply that is not an error; STATUS_REFUSED, _FENCED or _HELD with an
 * error reply; AWAY, IO, TIMEOUT or LIMIT with reply NULL. */
typedef void (*redis_on_reply)(void *owner, enum status status, const struct redis_reply *reply);

struct redis_arg {
    const void *bytes;
    size_t len;
};
/* Up to this many arguments in one command. */
enum { REDIS_ARGS_MAX = 4096 };

/* STATUS_AWAY while down, STATUS_LIMIT when the bounds are reached; then on_reply is not called.
 * on_reply may be NULL: errors are then counted and logged only. */
enum status redis_command(struct redis *redis, const struct redis_arg *args, size_t count,
                          redis_on_reply on_reply, void *owner);
/* printf-like for short ones: %s a string as one argument, %b bytes and size_t, %llu %d as text. */
enum status redis_commandf(struct redis *redis, redis_on_reply on_reply, void *owner,
                           const char *format, ...);
size_t redis_output_bytes(const struct redis *redis);

/* Helpers over replies; NULL or false where the shape is another. */
const struct redis_reply *redis_field(const struct redis_reply *hash,
                                      const char *field); /* HGETALL's array */
bool redis_to_u64(const struct redis_reply *reply, uint64_t *ret_value);

/*
 * A reader that blocks: XREAD on its own connection, so that commands never wait behind it. The
 * next read starts when the last entries were handled. Ids are the server's text
 * ("1700000000000-0").
 */
enum { STREAM_ID_MAX = 44, STREAMS_MAX = 64 };

struct stream_entry {
    size_t stream; /* index into the reader's streams */
    const char *id;
    uint64_t id_ms;                   /* its time by the server's clock */
    const struct redis_reply *fields; /* name, value, name, value … */
    size_t field_count;               /* of both */
};
const struct redis_reply *stream_field(const struct stream_entry *entry, const char *name);

struct stream_reader;
struct stream_reader_options {
    /* on_up and on_down are called too. Shown as "<name>-reader" in logs and metrics. */
    struct redis_options connection;
    const char *keys[STREAMS_MAX];
    const char *from[STREAMS_MAX]; /* "$", "0", or an id: after it */
    size_t stream_count;
    uint32_t count_max; /* entries a read; 0: 256 */
    /* Entries of one read, in order; then on_batch_end. */
    void (*on_entry)(void *owner, const struct stream_entry *entry);
    /* caught_up: a read came back with fewer entries than asked for on every stream. May be NULL.
     */
    void (*on_batch_end)(void *owner, bool caught_up);
    /*
     * Found when connecting: entries may have been missed, because the stream's first id is past
     * where we were, or its last before it (a server without its data: it is read from its
     * beginning). May be NULL.
     */
    void (*on_gap)(void *owner, size_t stream);
    void *owner;
};
enum status stream_reader_new(struct stream_reader **ret_reader, uv_loop_t *loop,
                              const struct stream_reader_options *options);
void stream_reader_start(struct stream_reader *reader);
bool stream_reader_is_up(const struct stream_reader *reader);
void stream_reader_close(struct stream_reader *reader, void (*on_closed)(void *owner), void *owner);

/* For the command line: one blocking connection, one command at a time. */
struct redis_sync;
enum status redis_sync_open(struct redis_sync **ret_sync, const struct redis_options *options,
                            struct text *why);
void redis_sync_close(struct redis_sync *sync);
/* The reply is the caller's until the next command. An error reply gives STATUS_REFUSED and so on.
 */
enum status redis_sync_command(struct redis_sync *sync, const struct redis_arg *args, size_t count,
                               const struct redis_reply **ret_reply);
enum status redis_sync_commandf(struct redis_sync *sync, const struct redis_reply **ret_reply,
                                const char *format, ...);
const char *redis_sync_error(const struct redis_sync *sync); /* text of the last error */

#endif
