#include "policy/policy_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    TICK_MAX_AGE_MS = 2000, /* as old as a shard is blind: nothing is decided by it any more */
    COUNT_MAX = 2,          /* between two reads the lease gets its turn */
};

static void count_malformed(struct telemetry *t, const struct stream_entry *entry, const char *why)
{
    uint64_t suppressed = 0;
    policy_metrics_tick(TICK_MALFORMED);
    if (log_limiter_allow(&t->log_limiter, entry->stream, clock_mono_ms(&t->policy->clock),
                          &suppressed))
        log_warn("a tick cannot be read", "entry=%s reason=\"%s\" suppressed=%llu", entry->id, why,
                 (unsigned long long)suppressed);
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct telemetry *t = owner;
    struct policy *p = t->policy;
    struct rollup_tick tick;
    if (!gate_is_open(p)) {
        policy_metrics_tick(TICK_IDLE);
        return;
    }
    uint64_t server_ms = redis_now_ms(t->redis);
    if (server_ms > entry->id_ms + TICK_MAX_AGE_MS) {
        policy_metrics_tick(TICK_STALE);
        return;
    }
    const struct redis_reply *pb = stream_field(entry, "pb");
    if (pb == NULL || pb->type != REDIS_STRING) {
        count_malformed(t, entry, "no pb");
        return;
    }
    enum status status = rollup_decode(&tick, (const uint8_t *)pb->bytes, pb->len);
    if (status != STATUS_OK) {
        count_malformed(t, entry, status_text(status));
        return;
    }
    if (server_ms >= entry->id_ms)
        policy_metrics_stage("receive", (double)(server_ms - entry->id_ms) / 1000);
    policy_metrics_tick(TICK_USED);
    uint64_t began_us = clock_mono_us(&p->clock);
    engine_tick(p->engine, &tick, gate_now(p));
    gate_measure(p, began_us);
    rollup_done(&tick);
    gate_settle(p);
}

static enum status start_reader(struct policy *p, size_t index)
{
    const struct config *c = p->config;
    struct telemetry *t = &p->telemetry[index];
    const struct config_redis_server *server = &c->redis.telemetry[index];
    char names[STREAMS_MAX][KEY_NAME_MAX];
    struct stream_reader_options options = {.connection =
                                                links_options(p, server->name, server->address),
                                            .count_max = COUNT_MAX,
                                            .on_entry = on_entry,
                                            .owner = t};
    for (size_t i = 0; i < c->shard_count && options.stream_count < STREAMS_MAX; i++) {
        size_t n = options.stream_count;
        if (c->shards[i].telemetry != index ||
            key_name(names[n], c->redis.prefix, KEY_ROLLUP, c->shards[i].name) == NULL)
            continue;
        options.keys[n] = names[n];
        options.from[n] = "$";
        options.stream_count++;
    }
    if (options.stream_count == 0)
        return STATUS_OK;
    enum status status = stream_reader_new(&t->rollups, p->loop, &options);
    if (status == STATUS_OK)
        stream_reader_start(t->rollups);
    return status;
}

enum status in_rollups_start(struct policy *p)
{
    for (size_t i = 0; i < p->telemetry_count; i++) {
        log_limiter_init(&p->telemetry[i].log_limiter, 60000);
        enum status status = start_reader(p, i);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
