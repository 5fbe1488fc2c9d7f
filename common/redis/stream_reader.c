#include "common/redis/redis_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT_MAX = 256,
    /* How long the server holds a read that finds nothing; the answer's time limit comes on top.
     * Short, because it is also how long a dead server stays unnoticed. */
    BLOCK_MS = 2000,
    NUMBER_MAX = 24,
};

struct stream_id {
    uint64_t ms, seq;
};

struct stream {
    char *key;
    struct stream_id cursor; /* of the last entry handled */
    bool is_set;             /* false: "$", not yet made an id */
};

struct stream_reader {
    struct stream_reader_options options;
    struct redis *redis;
    char *name;
    struct stream streams[STREAMS_MAX];
    uv_timer_t pause; /* after an error reply */
    unsigned int failures;
    size_t inspected; /* answers of this round of XINFO */
    bool inspect_failed;
    bool is_closing;
    unsigned int parts_open; /* connection and timer */
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void inspect(struct stream_reader *r);

/* --- ids --- */

static bool id_parse(struct stream_id *ret_id, const char *text)
{
    char ms[NUMBER_MAX];
    const char *dash = strchr(text, '-');
    size_t len = dash != NULL ? (size_t)(dash - text) : strlen(text);
    struct stream_id id = {0};
    if (len >= sizeof ms)
        return false;
    memcpy(ms, text, len);
    ms[len] = '\0';
    if (text_parse_u64(&id.ms, ms, UINT64_MAX) != STATUS_OK ||
        (dash != NULL && text_parse_u64(&id.seq, dash + 1, UINT64_MAX) != STATUS_OK))
        return false;
    *ret_id = id;
    return true;
}

static bool id_of(struct stream_id *ret_id, const struct redis_reply *reply)
{
    return reply != NULL && reply->type == REDIS_STRING && strlen(reply->bytes) == reply->len &&
           id_parse(ret_id, reply->bytes);
}

static bool id_less(struct stream_id a, struct stream_id b)
{
    return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
}

static bool id_is_zero(struct stream_id id)
{
    return id.ms == 0 && id.seq == 0;
}

/* --- trouble --- */

static void on_pause_over(uv_timer_t *timer)
{
    struct stream_reader *r = timer->data;
    if (redis_is_up(r->redis))
        inspect(r);
}

/* An error reply: the stream is not one, the user may not read it, the server is busy. */
static void retry_later(struct stream_reader *r)
{
    const struct redis_options *o = &r->redis->options;
    uv_timer_start(&r->pause, on_pause_over,
                   redis_backoff_ms(o->backoff_min_ms, o->backoff_max_ms, r->failures++), 0);
}

static void malformed(struct stream_reader *r)
{
    redis_metrics_refused(r->redis->options.name, REDIS_REFUSAL_PROTOCOL);
    redis_lose(r->redis, STATUS_IO, "a stream answered in a shape of its own");
}

/* --- reading --- */

/* The entries of one stream, each [id, [name, value …]]; false where they are anything else. */
static bool deliver(struct stream_reader *r, size_t index, const struct redis_reply *entries)
{
    if (entries->type != REDIS_ARRAY)
        return false;
    for (size_t i = 0; i < entries->count && !r->is_closing; i++) {
        const struct redis_reply *entry = &entries->items[i];
        struct stream_id id;
        if (entry->type != REDIS_ARRAY || entry->count != 2 || !id_of(&id, &entry->items[0]) ||
            entry->items[1].type != REDIS_ARRAY || entry->items[0].len >= STREAM_ID_MAX)
            return false;
        const struct redis_reply *fields = &entry->items[1];
        r->streams[index].cursor = id;
        r->options.on_entry(r->options.owner, &(struct stream_entry){
                                                  .stream = index,
                                                  .id = entry->items[0].bytes,
                                                  .id_ms = id.ms,
                                                  .fields = fields->items,
                                                  .field_count = fields->count & ~(size_t)1,
                                              });
    }
    return true;
}

static size_t stream_of(const struct stream_reader *r, const struct redis_reply *key)
{
    size_t i = 0;
    while (i < r->options.stream_count &&
           (key->type != REDIS_STRING || strlen(r->streams[i].key) != key->len ||
            memcmp(r->streams[i].key, key->bytes, key->len) != 0))
        i++;
    return i;
}

/* [[key, entries] …], or nil when nothing came in time. */
static bool deliver_all(struct stream_reader *r, const struct redis_reply *reply,
                        bool *ret_caught_up)
{
    bool caught_up = true;
    if (reply->type != REDIS_ARRAY && reply->type != REDIS_NIL)
        return false;
    for (size_t i = 0; i < reply->count && !r->is_closing; i++) {
        const struct redis_reply *pair = &reply->items[i];
        if (pair->type != REDIS_ARRAY || pair->count != 2)
            return false;
        size_t index = stream_of(r, &pair->items[0]);
        if (index == r->options.stream_count || !deliver(r, index, &pair->items[1]))
            return false;
        if (pair->items[1].count >= r->options.count_max)
            caught_up = false;
    }
    *ret_caught_up = caught_up;
    return true;
}

static void read_next(struct stream_reader *r, bool may_block);

static void on_read(void *owner, enum status status, const struct redis_reply *reply)
{
    struct stream_reader *r = owner;
    bool caught_up;
    if (reply == NULL || r->is_closing)
        return;
    if (status != STATUS_OK) {
        redis_log_limited(r->redis, "a stream cannot be read", reply->bytes);
        retry_later(r);
        return;
    }
    if (!deliver_all(r, reply, &caught_up)) {
        malformed(r);
        return;
    }
    r->failures = 0;
    if (!r->is_closing && r->options.on_batch_end != NULL)
        r->options.on_batch_end(r->options.owner, caught_up);
    if (!r->is_closing)
        read_next(r, true);
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

/* The first read of a connection does not block: what it says of being caught up is not waited
 * for. */
static void read_next(struct stream_reader *r, bool may_block)
{
    char count[NUMBER_MAX], block[NUMBER_MAX], ids[STREAMS_MAX][STREAM_ID_MAX];
    struct redis_arg args[6 + 2 * STREAMS_MAX];
    size_t n = 0, streams = r->options.stream_count;
    snprintf(count, sizeof count, "%" PRIu32, r->options.count_max);
    snprintf(block, sizeof block, "%d", BLOCK_MS);
    args[n++] = arg("XREAD");
    args[n++] = arg("COUNT");
    args[n++] = arg(count);
    if (may_block) {
        args[n++] = arg("BLOCK");
        args[n++] = arg(block);
    }
    args[n++] = arg("STREAMS");
    for (size_t i = 0; i < streams; i++) {
        struct stream_id cursor = r->streams[i].cursor;
        snprintf(ids[i], sizeof ids[i], "%" PRIu64 "-%" PRIu64, cursor.ms, cursor.seq);
        args[n + i] = arg(r->streams[i].key);
        args[n + streams + i] = arg(ids[i]);
    }
    uint64_t timeout_ms = sat_add_u64(r->redis->options.timeout_ms, may_block ? BLOCK_MS : 0);
    if (redis_command_within(r->redis, timeout_ms, args, n + 2 * streams, on_read, r) != STATUS_OK)
        retry_later(r);
}

/* --- where a connection begins --- */

/*
 * The stream's first and last id against our cursor. "$" becomes an id once, so that entries made
 * between two connections are not lost. A last id below the cursor is a server that lost its data.
 */
static bool place_cursor(struct stream_reader *r, size_t index, const struct redis_reply *info)
{
    struct stream *stream = &r->streams[index];
    struct stream_id last = {0}, first = {0};
    bool has_first = false;
    if (info != NULL) {
        const struct redis_reply *entry = redis_field(info, "first-entry");
        if (!id_of(&last, redis_field(info, "last-generated-id")))
            return false;
        has_first = entry != NULL && entry->type == REDIS_ARRAY && entry->count > 0 &&
                    id_of(&first, &entry->items[0]);
    }
    if (!stream->is_set) {
        stream->cursor = last;
        stream->is_set = true;
        return true;
    }
    bool is_ahead = id_less(last, stream->cursor);
    bool is_behind = has_first && !id_is_zero(stream->cursor) && id_less(stream->cursor, first);
    if (is_ahead) {
        redis_log_limited(r->redis, "a stream has lost its entries and is read from its beginning",
                          stream->key);
        stream->cursor = (struct stream_id){0};
    }
    if ((is_ahead || is_behind) && r->options.on_gap != NULL)
        r->options.on_gap(r->options.owner, index);
    return true;
}

static void on_info(void *owner, enum status status, const struct redis_reply *reply)
{
    struct stream_reader *r = owner;
    if (reply == NULL || r->is_closing || !redis_is_up(r->redis))
        return;
    size_t index = r->inspected++;
    bool is_missing = status != STATUS_OK && reply_is_absence(reply);
    if (status != STATUS_OK && !is_missing) {
        redis_log_limited(r->redis, "a stream cannot be read", reply->bytes);
        r->inspect_failed = true;
    } else if (!place_cursor(r, index, is_missing ? NULL : reply)) {
        malformed(r);
        return;
    }
    if (r->inspected < r->options.stream_count || r->is_closing)
        return;
    if (r->inspect_failed)
        retry_later(r);
    else
        read_next(r, false);
}

static void inspect(struct stream_reader *r)
{
    r->inspected = 0;
    r->inspect_failed = false;
    for (size_t i = 0; i < r->options.stream_count; i++) {
        struct redis_arg args[] = {arg("XINFO"), arg("STREAM"), arg(r->streams[i].key)};
        if (redis_command(r->redis, args, 3, on_info, r) != STATUS_OK) {
            redis_lose(r->redis, STATUS_LIMIT, "no room for the reader's commands");
            return;
        }
    }
}

static void on_up(void *owner)
{
    struct stream_reader *r = owner;
    const struct redis_options *o = &r->options.connection;
    if (o->on_up != NULL)
        o->on_up(o->owner);
    if (!r->is_closing)
        inspect(r);
}

static void on_down(void *owner, enum status why)
{
    struct stream_reader *r = owner;
    const struct redis_options *o = &r->options.connection;
    uv_timer_stop(&r->pause);
    if (o->on_down != NULL)
        o->on_down(o->owner, why);
}

/* --- public --- */

static void free_reader(struct stream_reader *r)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        free(r->streams[i].key);
    free(r->name);
    free(r);
}

static enum status fill_streams(struct stream_reader *r)
{
    if (r->options.stream_count == 0 || r->options.stream_count > STREAMS_MAX)
        return STATUS_RANGE;
    for (size_t i = 0; i < r->options.stream_count; i++) {
        struct stream *stream = &r->streams[i];
        const char *from = r->options.from[i];
        stream->is_set = strcmp(from, "$") != 0;
        if (stream->is_set && !id_parse(&stream->cursor, from))
            return STATUS_MALFORMED;
        stream->key = strdup(r->options.keys[i]);
        if (stream->key == NULL)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

enum status stream_reader_new(struct stream_reader **ret_reader, uv_loop_t *loop,
                              const struct stream_reader_options *options)
{
    struct stream_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->options = *options;
    if (r->options.count_max == 0)
        r->options.count_max = COUNT_MAX;
    enum status status = fill_streams(r);
    const char *of = options->connection.name != NULL ? options->connection.name : "redis";
    if (status == STATUS_OK && asprintf(&r->name, "%s-reader", of) < 0) {
        r->name = NULL;
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        struct redis_options connection = options->connection;
        connection.name = r->name;
        connection.on_up = on_up;
        connection.on_down = on_down;
        connection.owner = r;
        status = redis_new(&r->redis, loop, &connection);
    }
    if (status != STATUS_OK) {
        free_reader(r);
        return status;
    }
    r->redis->is_reader = true;
    (void)uv_timer_init(loop, &r->pause); /* cannot fail */
    r->pause.data = r;
    r->parts_open = 2;
    *ret_reader = r;
    return STATUS_OK;
}

void stream_reader_start(struct stream_reader *reader)
{
    redis_start(reader->redis);
}

bool stream_reader_is_up(const struct stream_reader *reader)
{
    return redis_is_up(reader->redis);
}

static void on_part_closed(struct stream_reader *r)
{
    assert(r->parts_open > 0);
    if (--r->parts_open > 0)
        return;
    void (*on_closed)(void *owner) = r->on_closed;
    void *owner = r->closed_owner;
    free_reader(r);
    if (on_closed != NULL)
        on_closed(owner);
}

static void on_redis_closed(void *owner)
{
    on_part_closed(owner);
}

static void on_pause_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void stream_reader_close(struct stream_reader *reader, void (*on_closed)(void *owner), void *owner)
{
    if (reader == NULL || reader->is_closing)
        return;
    reader->is_closing = true;
    reader->on_closed = on_closed;
    reader->closed_owner = owner;
    uv_close((uv_handle_t *)&reader->pause, on_pause_closed);
    redis_close(reader->redis, on_redis_closed, reader);
}

const struct redis_reply *stream_field(const struct stream_entry *entry, const char *name)
{
    const struct redis_reply fields = {
        .type = REDIS_ARRAY, .items = entry->fields, .count = entry->field_count};
    return redis_field(&fields, name);
}
