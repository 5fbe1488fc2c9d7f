#ifndef AGGREGATOR_SHARD_H
#define AGGREGATOR_SHARD_H

#include "aggregator/out_rollups.h"
#include "aggregator/pace.h"
#include "aggregator/shard_counts.h"
#include "aggregator/window/window.h"
#include "common/base/clock.h"

#include <uv.h>

/*
 * One shard in its process: its window, when it is read and swept, and what it has told of.
 *
 *   shard_new() → shard_batch … shard_end(caught_up) → ticks go out → shard_close() → shard_free()
 *
 * Until the stream was read to its end once, nothing goes out.
 */
struct shard;

struct shard_options {
    const char *name, *aggregator;
    uint64_t epoch, slots;
    const struct shard_counts *counts;
    struct store_quota *quota; /* lent */
    struct redis *redis;       /* lent: of its telemetry server */
    const char *prefix;
    uint64_t stream_bytes; /* the most that its stream of ticks may have */
    struct clock clock;
};

enum status shard_new(struct shard **ret_shard, uv_loop_t *loop,
                      const struct shard_options *options);
void shard_batch(struct shard *shard, const struct delta_batch *batch, uint64_t id_ms,
                 uint64_t age_ms);
void shard_malformed(struct shard *shard, enum status why);
void shard_end(struct shard *shard, bool caught_up);
void shard_lost(struct shard *shard);
void shard_pin(struct shard *shard, const struct window_pin *pins, size_t count);
void shard_registered(struct shard *shard, const char *collector, bool registered);
struct window *shard_window(struct shard *shard);
bool shard_is_replaying(const struct shard *shard);
/* False, and why, when it cannot do its work. */
bool shard_is_healthy(const struct shard *shard, struct text *why);

/* What metrics show of it. */
struct shard_figures {
    struct window_stats stats;
    uint64_t malformed, ticks, rows, truncated, superseded, blinds;
    uint64_t keys, lag_ms;
};
void shard_read(const struct shard *shard, struct shard_figures *ret_figures);

/* Stops its timers; shard_free() once the connection has closed too. */
void shard_close(struct shard *shard, void (*on_closed)(void *owner), void *owner);
void shard_free(struct shard *shard);

#endif
