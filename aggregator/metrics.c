#include "aggregator/metrics.h"

#include "common/base/metrics.h"

#include <stddef.h>
#include <string.h>

static struct metric_family keys = {
    .name = "weir_aggregator_keys", .help = "keys that are held", .type = METRIC_GAUGE};
static struct metric_family lag = {.name = "weir_aggregator_lag_seconds",
                                   .help = "how far input is behind now, worst shard",
                                   .type = METRIC_GAUGE};
static struct metric_family blind = {.name = "weir_aggregator_blind_contributors",
                                     .help = "workers of collectors that are blind, all shards",
                                     .type = METRIC_GAUGE};
static struct metric_family replaying = {.name = "weir_aggregator_replaying_shards",
                                         .help = "shards that are still read from their streams",
                                         .type = METRIC_GAUGE};

/* A family a field of shard_figures. */
struct counter {
    struct metric_family family;
    size_t offset;
};
#define COUNTER(field, text, offset)                                                               \
    {                                                                                              \
        {.name = "weir_aggregator_" field "_total", .help = text, .type = METRIC_COUNTER}, offset  \
    }
static struct counter counters[] = {
#define X(name, text) COUNTER(#name, text, offsetof(struct shard_figures, stats.name)),
    WINDOW_STATS(X)
#undef X
        COUNTER("malformed_batches", "entries that could not be read",
                offsetof(struct shard_figures, malformed)),
    COUNTER("ticks", "rollup ticks published", offsetof(struct shard_figures, ticks)),
    COUNTER("rows_published", "rows of rollup ticks published",
            offsetof(struct shard_figures, rows)),
    COUNTER("truncated_ticks", "ticks that left rows out",
            offsetof(struct shard_figures, truncated)),
    COUNTER("superseded_ticks", "ticks that could not be written and gave way to the next",
            offsetof(struct shard_figures, superseded)),
};
enum { COUNTERS = sizeof(counters) / sizeof(counters[0]) };

void aggregator_metrics_declare(void)
{
    metrics_declare(&keys);
    metrics_declare(&lag);
    metrics_declare(&blind);
    metrics_declare(&replaying);
    for (size_t i = 0; i < COUNTERS; i++)
        metrics_declare(&counters[i].family);
}

static uint64_t *field_of(struct shard_figures *figures, size_t offset)
{
    return (uint64_t *)(void *)((uint8_t *)figures + offset);
}

void aggregator_metrics_update(struct aggregator_metrics *metrics, const struct plant *plant)
{
    struct shard_figures sums = {0};
    size_t behind = 0;
    if (plant == NULL) {
        *metrics = (struct aggregator_metrics){0};
        return;
    }
    for (size_t i = 0; i < plant_shard_count(plant); i++) {
        const struct shard *shard = plant_shard(plant, i);
        struct shard_figures figures;
        shard_read(shard, &figures);
        behind += shard_is_replaying(shard);
        sums.keys += figures.keys;
        sums.blinds += figures.blinds;
        sums.lag_ms = figures.lag_ms > sums.lag_ms ? figures.lag_ms : sums.lag_ms;
        for (size_t c = 0; c < COUNTERS; c++) {
            uint64_t *sum = field_of(&sums, counters[c].offset);
            *sum = sat_add_u64(*sum, *field_of(&figures, counters[c].offset));
        }
    }
    for (size_t c = 0; c < COUNTERS; c++)
        metric_add(metric_of(&counters[c].family),
                   *field_of(&sums, counters[c].offset) -
                       *field_of(&metrics->last, counters[c].offset));
    metric_set(metric_of(&keys), (double)sums.keys);
    metric_set(metric_of(&lag), (double)sums.lag_ms / 1000);
    metric_set(metric_of(&blind), (double)sums.blinds);
    metric_set(metric_of(&replaying), (double)behind);
    metrics->last = sums;
}
