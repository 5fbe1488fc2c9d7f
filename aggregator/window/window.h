#ifndef AGGREGATOR_WINDOW_WINDOW_H
#define AGGREGATOR_WINDOW_WINDOW_H

#include "aggregator/window/store.h"
#include "proto/delta.h"
#include "proto/rollup.h"

/*
 * One shard: the deltas of all collectors merged into sliding windows, read as rollup ticks. Pure:
 * no I/O, no clock, no log; all times are those of the telemetry server.
 *
 *   window_new() → window_merge() for each batch, window_tick() whenever rates are wanted,
 *   window_sweep() all the time, a bit at a time → window_free()
 *
 * A batch covers the interval that ends at its stream-ID time less its age, whenever it arrives. A
 * window that is rebuilt from the stream therefore equals one that never stopped.
 */
struct window;

struct window_options {
    const char *shard, *aggregator;
    uint64_t epoch; /* of the aggregator's boot */
    uint64_t slots; /* bit i: slot i of 64 is this shard's */
    const struct store_count *counts;
    size_t count_count;
    struct store_quota *quota; /* lent; shared by the windows of a process */
    uint64_t seed;
};

/* What happened, since the window was made. */
#define WINDOW_STATS(X)                                                                            \
    X(batches, "batches merged")                                                                   \
    X(rows, "rows merged")                                                                         \
    X(duplicate_batches, "batches that were merged before")                                        \
    X(missing_batches, "batches that never came, by gaps in their sequence")                       \
    X(old_epoch_batches, "batches of a collector's process that has been replaced")                \
    X(twin_batches, "batches of a second live process of one collector's name")                    \
    X(foreign_batches, "batches of another shard")                                                 \
    X(crowded_batches, "batches of more workers than are kept")                                    \
    X(future_batches,                                                                              \
      "batches from a time that has not come: as of now, or after a start not at all")             \
    X(late_rows, "rows older than the longest window, counted in the totals only")                 \
    X(unknown_rows, "rows of counts that the configuration here does not have")                    \
    X(other_rows, "rows of keys that collectors had no room for")                                  \
    X(refused_rows, "rows whose key does not fit its count, or without memory")                    \
    X(crowded_rows, "rows of new keys without room")                                               \
    X(evicted_keys, "keys that gave room to heavier ones")                                         \
    X(bytes, "octets, scaled, of all rows")                                                        \
    X(late_bytes, "octets of late rows")                                                           \
    X(other_bytes, "octets of keys that neither collectors nor we had room for")

struct window_stats {
#define X(name, text) uint64_t name;
    WINDOW_STATS(X)
#undef X
};

enum status window_new(struct window **ret_window, const struct window_options *options);
void window_free(struct window *window);

enum window_verdict {
    WINDOW_MERGED,
    WINDOW_DROPPED, /* and counted */
    WINDOW_TWIN     /* dropped, and someone must know: two live processes share a name */
};
/* id_ms: time of the stream ID; age_ms: from the interval's end to then. */
enum window_verdict window_merge(struct window *window, const struct delta_batch *batch,
                                 uint64_t id_ms, uint64_t age_ms, uint64_t now_ms);

/* Whether a stream ID lies further ahead than a clock may differ: the server's was set back since,
 * so when its entry was written is not known. One that has just been written counts as of now. */
bool window_is_future(uint64_t id_ms, uint64_t now_ms);
/* Takes a batch of which is not known when it was written: its number, but not what it says. */
enum window_verdict window_skip(struct window *window, const struct delta_batch *batch,
                                uint64_t now_ms);

/* Keys that have a row in every tick and are never evicted: those of alarms. Sets them anew; keys
 * of other shards and of unknown counts are passed over. */
struct window_pin {
    uint64_t count_id;
    struct flow_key key;
};
void window_pin(struct window *window, const struct window_pin *pins, size_t count);

enum { WINDOW_ROWS_MAX = 10000 };
/*
 * The tick of now: rows worst ratio to threshold first, at most WINDOW_ROWS_MAX. Its arrays are the
 * window's until the next call. NO_MEMORY: nothing was made.
 */
enum status window_tick(struct window *window, uint64_t now_ms, struct rollup_tick *ret_tick);
/* Part `part` of a tick, in its order; window_parts() says how many there are, at least one. */
uint32_t window_parts(const struct rollup_tick *tick);
void window_part(const struct rollup_tick *tick, uint32_t part, struct rollup_tick *ret_part);

/* Up to budget keys further on a walk over all; on_top gives the heaviest keys of a count when its
 * last key was seen, heaviest first. False: the walk is over, the next call begins another. */
typedef void (*window_on_top)(void *owner, uint64_t count_id, const struct top_item *items,
                              size_t count);
bool window_sweep(struct window *window, uint64_t now_ms, size_t budget, window_on_top on_top,
                  void *owner);

/* Entries of the stream are gone that were never read. */
void window_lost(struct window *window, uint64_t now_ms);
/* Whether the registry has a collector; call every second or so for each. */
void window_registered(struct window *window, const char *collector, bool registered,
                       uint64_t now_ms);
/* Calls for the name of each collector that feeds the shard. */
void window_collectors(const struct window *window,
                       void (*on_name)(void *owner, const char *collector), void *owner);

/* Whether a tick may have a row at all: cheap, for deciding when one is due. */
bool window_has_hot(const struct window *window);
const struct window_stats *window_stats(const struct window *window);
size_t window_keys(const struct window *window);
/* How far input is behind now. */
uint64_t window_lag_ms(const struct window *window, uint64_t now_ms);

#endif
