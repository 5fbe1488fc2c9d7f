#include "aggregator/in_deltas.h"

#include "common/redis/keys.h"

#include <stdlib.h>

enum {
    /* Batches of one read, of all streams together: at their largest some 40 MB, which is under
     * the bound of a reply, and the loop gets its turn between reads. */
    ENTRIES_MAX = 128,
};

struct in_deltas {
    struct in_deltas_options options;
    struct stream_reader *reader;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

/* A batch that had to wait and was sent again carries its age beside it: the message itself is
 * never changed. */
static uint64_t age_of(const struct stream_entry *entry, const struct delta_batch *batch)
{
    uint64_t age_ms;
    const struct redis_reply *field = stream_field(entry, "age_ms");
    if (field != NULL && field->type == REDIS_STRING &&
        text_parse_u64(&age_ms, field->bytes, UINT64_MAX) == STATUS_OK)
        return age_ms;
    return batch->age_ms;
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct in_deltas *in = owner;
    static struct delta_batch batch; /* large; the loop has one thread */
    const struct redis_reply *pb = stream_field(entry, "pb");
    enum status status = pb != NULL && pb->type == REDIS_STRING
                             ? delta_decode(&batch, (const uint8_t *)pb->bytes, pb->len)
                             : STATUS_MALFORMED;
    if (status != STATUS_OK) {
        in->options.on_malformed(in->options.owner, entry->stream, status);
        return;
    }
    in->options.on_batch(in->options.owner, entry->stream, &batch, entry->id_ms,
                         age_of(entry, &batch));
    delta_done(&batch);
}

static void on_batch_end(void *owner, bool caught_up)
{
    struct in_deltas *in = owner;
    in->options.on_end(in->options.owner, caught_up);
}

static void on_gap(void *owner, size_t stream)
{
    struct in_deltas *in = owner;
    in->options.on_lost(in->options.owner, stream);
}

enum status in_deltas_start(struct in_deltas **ret_in, uv_loop_t *loop,
                            const struct in_deltas_options *options)
{
    char names[STREAMS_MAX][KEY_NAME_MAX];
    struct in_deltas *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return STATUS_NO_MEMORY;
    in->options = *options;
    struct stream_reader_options reader = {.connection = options->connection,
                                           .stream_count = options->shard_count,
                                           .count_max = 1,
                                           .on_entry = on_entry,
                                           .on_batch_end = on_batch_end,
                                           .on_gap = on_gap,
                                           .owner = in};
    enum status status = options->shard_count > STREAMS_MAX ? STATUS_LIMIT : STATUS_OK;
    if (options->shard_count > 0 && options->shard_count < ENTRIES_MAX)
        reader.count_max = (uint32_t)(ENTRIES_MAX / options->shard_count);
    for (size_t i = 0; i < options->shard_count && status == STATUS_OK; i++) {
        reader.keys[i] = key_name(names[i], options->prefix, KEY_DELTA, options->shards[i]);
        reader.from[i] = "0";
        if (reader.keys[i] == NULL)
            status = STATUS_LIMIT;
    }
    if (status == STATUS_OK)
        status = stream_reader_new(&in->reader, loop, &reader);
    if (status != STATUS_OK) {
        free(in);
        return status;
    }
    stream_reader_start(in->reader);
    *ret_in = in;
    return STATUS_OK;
}

bool in_deltas_is_up(const struct in_deltas *in)
{
    return stream_reader_is_up(in->reader);
}

static void on_reader_closed(void *owner)
{
    struct in_deltas *in = owner;
    void (*on_closed)(void *) = in->on_closed;
    void *closed_owner = in->closed_owner;
    free(in);
    on_closed(closed_owner);
}

void in_deltas_close(struct in_deltas *in, void (*on_closed)(void *owner), void *owner)
{
    in->on_closed = on_closed;
    in->closed_owner = owner;
    stream_reader_close(in->reader, on_reader_closed, in);
}
