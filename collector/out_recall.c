#include "collector/out_recall.h"

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/redis/keys.h"
#include "common/redis/stream_cap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out_recall {
    struct redis *redis;
    char key[KEY_NAME_MAX];
    struct stream_cap cap;
    struct text bytes;
};

static struct metric_family replies = {.name = "weir_collector_recall_replies_total",
                                       .help = "Answers sent, one a worker and request",
                                       .type = METRIC_COUNTER};
static struct metric_family lost = {
    .name = "weir_collector_recall_replies_lost_total",
    .help = "Answers that the telemetry server did not take, or that could not be sent",
    .type = METRIC_COUNTER};
static struct metric_family seconds = {
    .name = "weir_collector_recall_answer_seconds",
    .help = "From a request's arrival to its answer on the way",
    .type = METRIC_HISTOGRAM,
    .buckets = {0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.25, 1}};

void out_recall_declare(void)
{
    metrics_declare(&replies);
    metrics_declare(&lost);
    metrics_declare(&seconds);
}

enum status out_recall_new(struct out_recall **ret_out, struct redis *redis, const char *prefix)
{
    struct out_recall *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return STATUS_NO_MEMORY;
    out->redis = redis;
    (void)key_name(out->key, prefix, KEY_RECALL_REPLY);
    stream_cap_init(&out->cap, redis, out->key, KEY_RECALL_REPLY_BYTES, NULL, NULL);
    text_init(&out->bytes, 0);
    *ret_out = out;
    return STATUS_OK;
}

void out_recall_free(struct out_recall *out)
{
    if (out == NULL)
        return;
    text_done(&out->bytes);
    free(out);
}

static void on_reply(void *owner, enum status status, const struct redis_reply *reply)
{
    struct out_recall *out = owner;
    if (status == STATUS_OK) {
        metric_add(metric_of(&replies), 1);
        return;
    }
    metric_add(metric_of(&lost), 1);
    if (status == STATUS_REFUSED)
        (void)stream_cap_refused(&out->cap, reply);
}

void out_recall_send(struct out_recall *out, const struct recall_reply *reply, uint64_t since_ms)
{
    text_clear(&out->bytes);
    enum status status = recall_reply_encode(reply, &out->bytes);
    if (status != STATUS_OK || out->bytes.failed) {
        log_error("an answer of recall cannot be encoded, and is lost", "worker=%u reason=%s",
                  reply->worker, status_text(status));
        metric_add(metric_of(&lost), 1);
        return;
    }
    metric_observe(metric_of(&seconds), (double)since_ms / 1000);
    if (redis_commandf(out->redis, on_reply, out,
                       "XADD %s MAXLEN ~ %d * id %s collector %s worker %d workers %d pb %b",
                       out->key, KEY_RECALL_MAX, reply->id, reply->collector, (int)reply->worker,
                       (int)reply->workers, out->bytes.at, out->bytes.len) != STATUS_OK)
        metric_add(metric_of(&lost), 1);
}

void out_recall_keep(struct out_recall *out)
{
    stream_cap_keep(&out->cap);
}
