#include "common/redis/reply.h"

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 64 << 10,
    /* "+\r\n" is the shortest item there is. */
    ITEM_MIN_BYTES = 3,
    /* A tree may be this many times the bytes it was read from: a node is wider than "+\r\n". */
    TREE_PER_BYTE = 4,
    /* No line (status, error, number, length) of a real server is as long; without a bound each
     * arriving piece of an endless line would be searched from its start. */
    LINE_MAX_BYTES = 64 << 10,
};

struct reply_chunk {
    struct reply_chunk *next;
    size_t used, room;
    _Alignas(max_align_t) char bytes[];
};

void reply_arena_done(struct reply_arena *arena)
{
    while (arena->chunks != NULL) {
        struct reply_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->used_bytes = 0;
}

/* Keeps one ordinary chunk, so that small replies cost no allocation. */
static void arena_reset(struct reply_arena *arena)
{
    struct reply_chunk *first = arena->chunks;
    arena->used_bytes = 0;
    if (first != NULL && first->next == NULL && first->room <= CHUNK_BYTES)
        first->used = 0;
    else
        reply_arena_done(arena);
}

static void *arena_take(struct reply_arena *arena, size_t len)
{
    size_t aligned = (len + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct reply_chunk *chunk = arena->chunks;
    if (chunk == NULL || aligned > chunk->room - chunk->used) {
        size_t room = aligned > CHUNK_BYTES ? aligned : CHUNK_BYTES;
        struct reply_chunk *fresh = malloc(sizeof *fresh + room);
        if (fresh == NULL)
            return NULL;
        *fresh = (struct reply_chunk){.next = chunk, .room = room};
        chunk = arena->chunks = fresh;
    }
    void *at = chunk->bytes + chunk->used;
    chunk->used += aligned;
    arena->used_bytes += aligned;
    return at;
}

/* Bytes of the current reply that were parsed or are waiting to be. */
static uint64_t reply_bytes(const struct reply_reader *r)
{
    return r->fed_bytes - r->reply_start;
}

static void *reader_take(struct reply_reader *r, size_t len)
{
    if (len > r->arena.max_bytes - r->arena.used_bytes) {
        r->over_limit = true;
        return NULL;
    }
    return arena_take(&r->arena, len);
}

/* The place of a node: inside its parent's items, or of its own for the root. */
static struct redis_reply *node_of(const redisReadTask *task)
{
    struct redis_reply *node;
    if (task->parent == NULL) {
        node = reader_take(task->privdata, sizeof *node);
    } else {
        const struct redis_reply *parent = task->parent->obj;
        /* The items are const for readers of the tree; here they are still being made. */
        memcpy(&node, &parent->items, sizeof node);
        node += task->idx;
    }
    if (node != NULL)
        *node = (struct redis_reply){.type = REDIS_NIL};
    return node;
}

static void *create_array(const redisReadTask *task, int count)
{
    struct reply_reader *r = task->privdata;
    size_t items = (size_t)count;
    uint64_t seen = reply_bytes(r);
    if (items > (r->max_bytes - (seen < r->max_bytes ? seen : r->max_bytes)) / ITEM_MIN_BYTES + 1) {
        r->over_limit = true;
        return NULL;
    }
    struct redis_reply *node = node_of(task);
    struct redis_reply *at = node != NULL ? reader_take(r, items * sizeof *at) : NULL;
    if (at == NULL)
        return NULL;
    node->type = REDIS_ARRAY;
    node->items = at;
    node->count = items;
    return node;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t len)
{
    struct redis_reply *node = node_of(task);
    char *copy = node != NULL ? reader_take(task->privdata, len + 1) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    node->type = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                 : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                    : REDIS_STRING;
    node->bytes = copy;
    node->len = len;
    return node;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *node = node_of(task);
    if (node != NULL) {
        node->type = REDIS_INTEGER;
        node->integer = value;
    }
    return node;
}

static void *create_nil(const redisReadTask *task)
{
    return node_of(task);
}

/* Nodes are given back with their arena. */
static void free_object(void *object)
{
    (void)object;
}

/* hiredis keeps the pointer and never writes through it. */
static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
};

enum status reply_reader_init(struct reply_reader *reader, size_t max_bytes)
{
    *reader = (struct reply_reader){.max_bytes = max_bytes};
    reader->arena.max_bytes = max_bytes * TREE_PER_BYTE + CHUNK_BYTES;
    reader->hiredis = redisReaderCreateWithFunctions(&functions);
    if (reader->hiredis == NULL)
        return STATUS_NO_MEMORY;
    reader->hiredis->privdata = reader;
    return STATUS_OK;
}

void reply_reader_done(struct reply_reader *reader)
{
    if (reader->hiredis != NULL)
        redisReaderFree(reader->hiredis);
    reader->hiredis = NULL;
    reply_arena_done(&reader->arena);
}

enum status reply_reader_feed(struct reply_reader *reader, const char *bytes, size_t len)
{
    reader->fed_bytes += len;
    return redisReaderFeed(reader->hiredis, bytes, len) == REDIS_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

/*
 * Judges the item that hiredis waits for. Of a string it has read the "$" and stands on the digits
 * until all of the string is there: a length that can never fit is refused now.
 */
static bool waiting_is_within(const struct reply_reader *r)
{
    const redisReader *h = r->hiredis;
    if (reply_bytes(r) > r->max_bytes)
        return false;
    if (h->ridx < 0 || h->rstack[h->ridx].type < 0)
        return true;
    const char *at = h->buf + h->pos;
    size_t left = h->len - h->pos;
    if (h->rstack[h->ridx].type != REDIS_REPLY_STRING || memchr(at, '\r', left) == NULL)
        return left <= LINE_MAX_BYTES;
    uint64_t announced = 0;
    for (size_t i = 0; i < left && at[i] >= '0' && at[i] <= '9'; i++)
        announced = sat_add_u64(sat_mul_u64(announced, 10), (uint64_t)(at[i] - '0'));
    return announced <= r->max_bytes - (reply_bytes(r) - left);
}

enum status reply_reader_next(struct reply_reader *reader, const struct redis_reply **ret_reply)
{
    redisReader *h = reader->hiredis;
    void *reply = NULL;
    if (h->ridx < 0)
        arena_reset(&reader->arena);
    if (redisReaderGetReply(h, &reply) != REDIS_OK) {
        if (reader->over_limit)
            return STATUS_LIMIT;
        return h->err == REDIS_ERR_OOM ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    }
    if (reply == NULL)
        return waiting_is_within(reader) ? STATUS_END : STATUS_LIMIT;
    uint64_t end = reader->fed_bytes - (h->len - h->pos);
    bool within = end - reader->reply_start <= reader->max_bytes;
    reader->reply_start = end;
    if (!within)
        return STATUS_LIMIT;
    *ret_reply = reply;
    return STATUS_OK;
}

struct reply_arena reply_reader_take(struct reply_reader *reader)
{
    struct reply_arena taken = reader->arena;
    reader->arena.chunks = NULL;
    reader->arena.used_bytes = 0;
    return taken;
}

bool reply_error_is(const struct redis_reply *reply, const char *code)
{
    size_t len = strlen(code);
    return reply->type == REDIS_ERROR && reply->len >= len &&
           memcmp(reply->bytes, code, len) == 0 &&
           (reply->bytes[len] == ' ' || reply->bytes[len] == '\0');
}

bool reply_is_absence(const struct redis_reply *reply)
{
    return reply_error_is(reply, "NOSCRIPT") ||
           (reply_error_is(reply, "ERR") && strstr(reply->bytes, "no such key") != NULL);
}

enum status reply_status(const struct redis_reply *reply)
{
    if (reply->type != REDIS_ERROR)
        return STATUS_OK;
    if (reply_error_is(reply, "FENCED"))
        return STATUS_FENCED;
    if (reply_error_is(reply, "HELD"))
        return STATUS_HELD;
    return reply_error_is(reply, "STALE") ? STATUS_EXISTS : STATUS_REFUSED;
}

const struct redis_reply *redis_field(const struct redis_reply *hash, const char *field)
{
    size_t len = strlen(field);
    if (hash == NULL || hash->type != REDIS_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < hash->count; i += 2) {
        const struct redis_reply *name = &hash->items[i];
        if (name->type == REDIS_STRING && name->len == len && memcmp(name->bytes, field, len) == 0)
            return &hash->items[i + 1];
    }
    return NULL;
}

bool redis_to_u64(const struct redis_reply *reply, uint64_t *ret_value)
{
    if (reply == NULL)
        return false;
    if (reply->type == REDIS_INTEGER && reply->integer >= 0) {
        *ret_value = (uint64_t)reply->integer;
        return true;
    }
    /* A NUL inside would end the text before the value does. */
    return reply->type == REDIS_STRING && strlen(reply->bytes) == reply->len &&
           text_parse_u64(ret_value, reply->bytes, UINT64_MAX) == STATUS_OK;
}
