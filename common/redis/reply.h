#ifndef COMMON_REDIS_REPLY_H
#define COMMON_REDIS_REPLY_H

#include "common/redis/redis.h"

/*
 * Bytes to reply trees. hiredis parses the protocol; this puts bounds around it, which hiredis
 * 0.14 has none of: on the bytes of one reply, on the memory of its tree, and on what a header
 * announces, so that "*1000000000" or "$2147483647" is refused when it is read and not waited for.
 * Used inside common/redis and by its fuzzer.
 */
struct reply_chunk;

/* The memory of one tree; given back as a whole. */
struct reply_arena {
    struct reply_chunk *chunks;
    size_t used_bytes, max_bytes;
};
void reply_arena_done(struct reply_arena *arena);

struct redisReader;

struct reply_reader {
    struct redisReader *hiredis;
    struct reply_arena arena;
    size_t max_bytes;
    uint64_t fed_bytes, reply_start; /* counted from the connection's first byte */
    bool over_limit;                 /* why hiredis was told "no memory" */
};

enum status reply_reader_init(struct reply_reader *reader, size_t max_bytes);
void reply_reader_done(struct reply_reader *reader);
enum status reply_reader_feed(struct reply_reader *reader, const char *bytes, size_t len);

/*
 * The next whole reply, lent until the next call. STATUS_END: more bytes are needed. LIMIT and
 * MALFORMED are final: the stream cannot be read any further.
 */
enum status reply_reader_next(struct reply_reader *reader, const struct redis_reply **ret_reply);

/* Takes the memory of the reply that reply_reader_next gave last, so that the reply stays valid
 * until reply_arena_done(). */
struct reply_arena reply_reader_take(struct reply_reader *reader);

/* What an error reply means for the caller; STATUS_OK for every other reply. */
enum status reply_status(const struct redis_reply *reply);
bool reply_error_is(const struct redis_reply *reply, const char *code);
/* The server says that a key or a script is not there (yet): an answer, where others are faults. */
bool reply_is_absence(const struct redis_reply *reply);

#endif
