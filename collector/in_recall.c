#include "collector/in_recall.h"

#include "common/base/metrics.h"
#include "common/redis/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct in_recall {
    struct in_recall_options options;
    char key[KEY_NAME_MAX];
    struct stream_reader *reader;
    struct recall_request queue[IN_RECALL_QUEUE_MAX], taken;
    uint64_t came_ms[IN_RECALL_QUEUE_MAX];
    size_t first, count;
};

enum { READ_MAX = 8 };

static struct metric_family requests = {
    .name = "weir_collector_recall_requests_total",
    .help = "Requests for what hit a host or prefix, and what became of them",
    .type = METRIC_COUNTER,
    .labels = {"outcome"},
    .series_max = 4};

static void count(const char *outcome)
{
    metric_add(metric_at(&requests, &outcome), 1);
}

void in_recall_declare(void)
{
    static const char *const outcomes[] = {"answered", "expired", "malformed", "refused"};
    metrics_declare(&requests);
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        (void)metric_at(&requests, &outcomes[i]);
}

static bool is_late(const struct in_recall *in, const struct recall_request *request)
{
    return redis_now_ms(in->options.redis) > request->expires_at_ms;
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct in_recall *in = owner;
    size_t place = (in->first + in->count) % IN_RECALL_QUEUE_MAX;
    struct recall_request *request = &in->queue[place];
    const struct redis_reply *pb = stream_field(entry, "pb");
    if (in->count == IN_RECALL_QUEUE_MAX) {
        count("refused");
        return;
    }
    if (pb == NULL || pb->type != REDIS_STRING ||
        recall_request_decode(request, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        count("malformed");
        return;
    }
    if (is_late(in, request)) {
        count("expired");
        return;
    }
    in->came_ms[place] = clock_mono_ms(&in->options.connection.clock);
    in->count++;
}

static void on_batch_end(void *owner, bool caught_up)
{
    struct in_recall *in = owner;
    (void)caught_up;
    if (in->count > 0)
        in->options.on_request(in->options.owner);
}

enum status in_recall_new(struct in_recall **ret_in, uv_loop_t *loop,
                          const struct in_recall_options *options)
{
    struct in_recall *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return STATUS_NO_MEMORY;
    in->options = *options;
    in->options.connection.reply_max_bytes = IN_RECALL_REPLY_BYTES;
    (void)key_name(in->key, options->prefix, KEY_RECALL);
    struct stream_reader_options reader = {.connection = in->options.connection,
                                           .keys = {in->key},
                                           .from = {"$"},
                                           .stream_count = 1,
                                           .count_max = READ_MAX,
                                           .on_entry = on_entry,
                                           .on_batch_end = on_batch_end,
                                           .owner = in};
    enum status status = stream_reader_new(&in->reader, loop, &reader);
    if (status != STATUS_OK) {
        free(in);
        return status;
    }
    stream_reader_start(in->reader);
    *ret_in = in;
    return STATUS_OK;
}

bool in_recall_waits(const struct in_recall *in)
{
    return in->count > 0;
}

const struct recall_request *in_recall_take(struct in_recall *in, uint64_t *ret_came_ms)
{
    while (in->count > 0) {
        in->taken = in->queue[in->first];
        *ret_came_ms = in->came_ms[in->first];
        in->first = (in->first + 1) % IN_RECALL_QUEUE_MAX;
        in->count--;
        if (!is_late(in, &in->taken)) {
            count("answered");
            return &in->taken;
        }
        count("expired");
    }
    return NULL;
}

void in_recall_close(struct in_recall *in, void (*on_closed)(void *owner), void *owner)
{
    stream_reader_close(in->reader, on_closed, owner);
}

void in_recall_free(struct in_recall *in)
{
    free(in);
}
