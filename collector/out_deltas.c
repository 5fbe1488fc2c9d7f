#include "collector/out_deltas.h"

#include "collector/delta_builder.h"
#include "collector/delta_queue.h"
#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/stream_cap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 32,  /* a little over three seconds of ticks; older ones merge */
    RETRY_MS = 1000, /* after a server's refusal (out of memory, say) */
    HEARD_WITHIN_MS = 600000,
    NUMBER_MAX = 24
};

struct shard {
    struct out_deltas *out;
    char name[NAME_MAX_LEN + 1];
    char key[KEY_NAME_MAX];
    struct redis *redis;
    size_t server;
    struct stream_cap cap;
    struct delta_builder builder;
    struct delta_queue queue;
    bool in_flight;
    uint64_t retry_at_ms;
    struct text bytes; /* of the batch at the queue's front, once it was taken */
};

struct out_deltas {
    struct out_deltas_options options;
    char collector[NAME_MAX_LEN + 1];
    struct shard *shards;
    size_t shard_count;
    uint16_t shard_of[SLOTS];
    struct out_deltas_counters counters;
    /* During a flush. */
    const struct model *model;
    uint64_t now_ms;
    uint64_t heard_within_ms;
    bool tell_records;
};

static void pump(struct shard *shard);

static void on_room(void *owner)
{
    struct shard *shard = owner;
    shard->retry_at_ms = 0;
    pump(shard);
}

static uint64_t stream_bytes(const struct config *config, size_t telemetry)
{
    return stream_cap_bytes(config->redis.telemetry[telemetry].max_memory_bytes,
                            config_shards_on(config, telemetry));
}

static enum status init_shard(struct out_deltas *out, struct shard *shard,
                              const struct config *config, size_t number)
{
    const struct config_shard *from = &config->shards[number];
    shard->out = out;
    shard->server = from->telemetry;
    shard->redis = out->options.telemetry[from->telemetry];
    snprintf(shard->name, sizeof(shard->name), "%s", from->name);
    key_name(shard->key, config->redis.prefix, KEY_DELTA, from->name);
    stream_cap_init(&shard->cap, shard->redis, shard->key, stream_bytes(config, from->telemetry),
                    on_room, shard);
    delta_queue_init(&shard->queue, QUEUE_MAX);
    text_init(&shard->bytes, 0);
    return delta_builder_init(&shard->builder, out->options.tally);
}

enum status out_deltas_new(struct out_deltas **ret_out, const struct out_deltas_options *options)
{
    const struct config *config = options->config;
    struct out_deltas *out = calloc(1, sizeof(*out));
    enum status status = STATUS_OK;
    if (out == NULL)
        return STATUS_NO_MEMORY;
    out->options = *options;
    snprintf(out->collector, sizeof(out->collector), "%s", config->collector.name);
    out->shards = calloc(config->shard_count + 1, sizeof(*out->shards));
    if (out->shards == NULL)
        status = STATUS_NO_MEMORY;
    for (size_t i = 0; status == STATUS_OK && i < config->shard_count; i++) {
        out->shard_count = i + 1;
        status = init_shard(out, &out->shards[i], config, i);
        for (unsigned int slot = 0; slot < SLOTS; slot++)
            if (config->shards[i].slots >> slot & 1)
                out->shard_of[slot] = (uint16_t)i;
    }
    if (status != STATUS_OK) {
        out_deltas_free(out);
        return status;
    }
    out->options.config = NULL;
    *ret_out = out;
    return STATUS_OK;
}

void out_deltas_free(struct out_deltas *out)
{
    if (out == NULL)
        return;
    for (size_t i = 0; i < out->shard_count; i++) {
        delta_builder_done(&out->shards[i].builder);
        delta_queue_done(&out->shards[i].queue);
        text_done(&out->shards[i].bytes);
    }
    free(out->shards);
    free(out);
}

/* --- sending --- */

/* Makes the queue's first batch into bytes that stay. False: there is none. */
static bool take(struct shard *shard)
{
    struct out_deltas *out = shard->out;
    while (shard->bytes.len == 0) {
        struct waiting_batch *first = delta_queue_take(&shard->queue);
        if (first == NULL)
            return false;
        uint64_t age_ms = clock_mono_ms(&out->options.clock) - first->end_ms;
        struct delta_batch *batch = &first->batch;
        memcpy(batch->collector, out->collector, sizeof(batch->collector));
        memcpy(batch->shard, shard->name, sizeof(batch->shard));
        batch->epoch = out->options.epoch;
        batch->worker = out->options.worker;
        batch->workers = out->options.workers;
        batch->age_ms = (uint32_t)(age_ms > UINT32_MAX ? UINT32_MAX : age_ms);
        enum status status = delta_encode(batch, &shard->bytes);
        if (status == STATUS_OK && !shard->bytes.failed)
            return true;
        log_error("a batch of deltas cannot be encoded, and is lost", "shard=%s rows=%zu reason=%s",
                  shard->name, batch->row_count, status_text(status));
        shard->queue.dropped++;
        shard->queue.dropped_rows += batch->row_count;
        text_clear(&shard->bytes);
        delta_queue_confirm(&shard->queue);
    }
    return true;
}

static void on_reply(void *owner, enum status status, const struct redis_reply *reply)
{
    struct shard *shard = owner;
    struct out_deltas *out = shard->out;
    shard->in_flight = false;
    if (status == STATUS_OK) {
        struct waiting_batch *first = shard->queue.first;
        out->counters.batches++;
        out->counters.rows += first->batch.row_count;
        delta_queue_confirm(&shard->queue);
        text_clear(&shard->bytes);
        pump(shard);
        return;
    }
    out->counters.sent_again++;
    if (status == STATUS_REFUSED) {
        out->counters.refused++;
        shard->retry_at_ms = clock_mono_ms(&out->options.clock) + RETRY_MS;
        (void)stream_cap_refused(&shard->cap, reply); /* else what the connection has counted */
    }
}

struct entry {
    struct redis_arg args[20];
    char numbers[6][NUMBER_MAX];
    size_t arg_count, number_count;
};

static void add_text(struct entry *entry, const char *text)
{
    entry->args[entry->arg_count++] = (struct redis_arg){text, strlen(text)};
}

static void add_number(struct entry *entry, uint64_t value)
{
    char *text = entry->numbers[entry->number_count++];
    snprintf(text, NUMBER_MAX, "%" PRIu64, value);
    add_text(entry, text);
}

static void add_field(struct entry *entry, const char *name, uint64_t value)
{
    add_text(entry, name);
    add_number(entry, value);
}

static void pump(struct shard *shard)
{
    struct out_deltas *out = shard->out;
    uint64_t now_ms = clock_mono_ms(&out->options.clock);
    if (shard->in_flight || now_ms < shard->retry_at_ms || !redis_is_up(shard->redis) ||
        !take(shard))
        return;
    struct entry entry = {0};
    uint64_t server_ms = redis_now_ms(shard->redis);
    add_text(&entry, "XADD");
    add_text(&entry, shard->key);
    if (server_ms > KEY_DELTA_KEEP_MS) {
        add_text(&entry, "MINID");
        add_text(&entry, "~");
        add_number(&entry, server_ms - KEY_DELTA_KEEP_MS);
    }
    add_text(&entry, "*");
    add_text(&entry, "collector");
    add_text(&entry, out->collector);
    add_field(&entry, "epoch", out->options.epoch);
    add_field(&entry, "worker", out->options.worker);
    add_field(&entry, "seq", shard->queue.first->batch.sequence);
    add_field(&entry, "age_ms", now_ms - shard->queue.first->end_ms);
    add_text(&entry, "pb");
    entry.args[entry.arg_count++] = (struct redis_arg){shard->bytes.at, shard->bytes.len};
    shard->in_flight = redis_command(shard->redis, entry.args, entry.arg_count, on_reply, shard) ==
                       STATUS_OK; /* else with the next tick */
}

void out_deltas_on_up(struct out_deltas *out, size_t server)
{
    for (size_t i = 0; i < out->shard_count; i++) {
        if (out->shards[i].server != server)
            continue;
        out->shards[i].retry_at_ms = 0;
        pump(&out->shards[i]);
    }
}

/* --- flushing --- */

static void finish(struct shard *shard)
{
    struct out_deltas *out = shard->out;
    struct delta_batch batch;
    if (delta_builder_finish(&shard->builder, out->model, out->now_ms, out->heard_within_ms,
                             out->tell_records, &batch) != STATUS_OK) {
        shard->queue.dropped++;
        shard->queue.dropped_rows += shard->builder.row_count;
        shard->builder.row_count = 0;
        return;
    }
    (void)delta_queue_push(&shard->queue, &batch, out->now_ms); /* a failure is counted there */
}

static void on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct out_deltas *out = owner;
    struct shard *shard = &out->shards[out->shard_of[slot]];
    if (delta_builder_is_full(&shard->builder))
        finish(shard);
    delta_builder_add(&shard->builder, row);
}

/* An urgent flush is not a tick: it has the rows that it has. */
static bool is_due(struct shard *shard, enum out_flush kind)
{
    return kind == OUT_URGENT ? shard->builder.row_count > 0 : delta_builder_tick(&shard->builder);
}

void out_deltas_flush(struct out_deltas *out, struct tally *tally, const struct model *model,
                      enum out_flush kind)
{
    bool heartbeat = kind == OUT_HEARTBEAT || kind == OUT_ALL;
    out->model = model;
    out->now_ms = clock_mono_ms(&out->options.clock);
    out->tell_records = heartbeat;
    out->heard_within_ms = heartbeat ? HEARD_WITHIN_MS : 0;
    tally_flush(tally,
                kind == OUT_URGENT ? TALLY_FLUSH_URGENT
                : kind == OUT_ALL  ? TALLY_FLUSH_ALL
                                   : TALLY_FLUSH_TICK,
                out->now_ms, on_row, out);
    for (size_t i = 0; i < out->shard_count; i++) {
        if (heartbeat || is_due(&out->shards[i], kind))
            finish(&out->shards[i]);
        if (heartbeat && out->options.worker == 0) /* one of us is enough */
            stream_cap_keep(&out->shards[i].cap);
        pump(&out->shards[i]);
    }
    if (heartbeat)
        tally_next_interval(tally);
}

bool out_deltas_is_empty(const struct out_deltas *out)
{
    for (size_t i = 0; i < out->shard_count; i++)
        if (out->shards[i].queue.count > 0)
            return false;
    return true;
}

void out_deltas_counters(const struct out_deltas *out, struct out_deltas_counters *ret_counters)
{
    *ret_counters = out->counters;
    for (size_t i = 0; i < out->shard_count; i++) {
        const struct delta_queue *queue = &out->shards[i].queue;
        ret_counters->merged += queue->merged;
        ret_counters->dropped += queue->dropped;
        ret_counters->dropped_rows += queue->dropped_rows;
        ret_counters->waiting += queue->count;
    }
}
