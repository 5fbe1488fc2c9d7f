#ifndef COLLECTOR_OUT_DELTAS_H
#define COLLECTOR_OUT_DELTAS_H

#include "collector/tally/tally.h"
#include "common/base/clock.h"
#include "common/redis/redis.h"
#include "common/service/config.h"

/*
 * One worker's deltas into weir:delta:<shard>. Each shard has a queue and at most one batch on its
 * way, so that batches arrive in the order of their sequence; a batch that was once written is
 * sent again as it is until the server has confirmed it. Fields of an entry: collector, epoch,
 * worker, seq, age_ms (between the interval's end and this very write; the one inside pb is of the
 * first write) and pb, the DeltaBatch.
 *
 *   out_deltas_new() → out_deltas_flush() … out_deltas_on_up() → out_deltas_free()
 */
struct out_deltas;

struct out_deltas_options {
    const struct config *config; /* asked only by out_deltas_new: the map of shards stays */
    const struct tally *tally;
    struct redis *const *telemetry; /* lent; one a server, in the order of the config's */
    uint64_t epoch;                 /* of this collector's boot: Unix time in ms */
    uint32_t worker, workers;
    struct clock clock;
};

enum status out_deltas_new(struct out_deltas **ret_out, const struct out_deltas_options *options);
void out_deltas_free(struct out_deltas *out); /* once the connections are closed */

enum out_flush {
    OUT_URGENT,    /* rows that cannot wait */
    OUT_TICK,      /* the largest rows, or that there are no more */
    OUT_HEARTBEAT, /* the same, and every shard hears who was heard, with or without rows */
    OUT_ALL        /* everything, at the end */
};
/* Takes rows from the tally and sends what can be sent. model: the tally's. */
void out_deltas_flush(struct out_deltas *out, struct tally *tally, const struct model *model,
                      enum out_flush kind);
/* A server is up (again): what waits for it goes out. */
void out_deltas_on_up(struct out_deltas *out, size_t server);
bool out_deltas_is_empty(const struct out_deltas *out); /* nothing waits for a confirmation */

struct out_deltas_counters {
    uint64_t batches, rows, sent_again, merged, dropped, dropped_rows, refused;
    size_t waiting; /* batches, now */
};
void out_deltas_counters(const struct out_deltas *out, struct out_deltas_counters *ret_counters);

#endif
