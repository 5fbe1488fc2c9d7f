#ifndef AGGREGATOR_WINDOW_STORE_H
#define AGGREGATOR_WINDOW_STORE_H

#include "aggregator/window/ring.h"
#include "aggregator/window/shares.h"
#include "aggregator/window/spread.h"
#include "aggregator/window/top.h"
#include "common/base/table.h"
#include "proto/rollup.h"

/*
 * The keys of one count with what each carried. Most keys of a network never matter, so a key has
 * small rings at first; it gets full rings and the shares of its exporters when it may be over an
 * eighth of the floor, and joins the hot list, which is all that a tick looks at, when it may be
 * over the floor. "May be" is the bound of its rings: whatever has not been shown to be below.
 */
struct store_count {
    uint64_t id;
    uint32_t windows_ms[ROLLUP_WINDOWS_MAX]; /* rising */
    size_t window_count;
    size_t key_max; /* octets of the longest key */
    /* The lowest limit of each window, a second; what no threshold limits is infinite. */
    struct store_limits {
        double bytes, packets, flows;
    } limits[ROLLUP_WINDOWS_MAX];
    struct store_limits floor; /* a second, of all windows; DBL_MAX where there is none */
};

/* How many keys all stores of a process may have together. */
struct store_quota {
    size_t count, max;
};

struct store_key {
    uint64_t head_ms; /* the rings are filled up to here */
    struct spread *spread;
    struct store_full *full; /* NULL: small */
    uint32_t hot;            /* place in the hot list, from 1 */
    uint32_t pin;            /* the generation of pins that last named it */
    struct amounts small[];  /* RING_SMALL_CELLS a window */
};

struct store {
    struct store_count count;
    struct table *keys;
    struct store_quota *quota; /* lent */
    struct store_key **hot;
    size_t hot_count, hot_room;
    uint32_t pin;              /* the generation now */
    size_t sweep_at, evict_at; /* cursors of the table */
    struct top *top;
};

/* What one row adds to one key. */
struct store_row {
    struct amounts amounts;
    uint64_t from_ms, to_ms; /* counted in; from_ms < to_ms */
    uint64_t lasts_ms;       /* 0: within the tick; else a rate from to_ms on for this long */
    uint32_t exporter;       /* EXPORTER_NONE: no share */
};

enum status store_init(struct store *store, const struct store_count *count,
                       struct store_quota *quota, uint64_t seed);
void store_done(struct store *store);

/* hash: table_hash of store->keys. LIMIT when the key is new and the quota is used up; RANGE when
 * it is longer than this count's keys are; NO_MEMORY when the row is lost. */
enum status store_merge(struct store *store, const struct flow_key *key, uint64_t hash,
                        const struct store_row *row);
/* Pins are set anew as a whole: store_unpin(), then store_pin() for each. A pinned key is there,
 * has a row in every tick, and is never evicted. */
void store_unpin(struct store *store);
enum status store_pin(struct store *store, const struct flow_key *key);
bool store_is_pinned(const struct store *store, const struct store_key *key);

/*
 * A key's rates over each window of the count. Input is complete up to complete_ms, and the key may
 * have more: then the larger of what the window holds at its own end and at the last boundary of
 * cells before complete_ms (or where it was last read whole, if that is later), so that neither
 * does a worker that flushes later than another make a dip, nor a rise wait for it. A fall is seen
 * up to one cell later for that.
 */
void store_read(const struct store *store, struct store_key *key, uint64_t complete_ms,
                struct rollup_rates *ret_rates, uint64_t *ret_samples);
/* Its worst ratio of a rate to the lowest limit of that window; 0 where there is no limit. */
double store_ratio(const struct store *store, const struct rollup_rates *rates);
bool store_is_over_floor(const struct store *store, const struct rollup_rates *rates);
size_t store_shares(const struct store_key *key, struct share_permille ret_shares[SHARES_MAX]);
/* At most the ratio to the floor of a key, and what a row alone makes of one: how keys are weighed
 * against each other for room. */
double store_bound(const struct store *store, struct store_key *key);
double store_bound_of(const struct store *store, const struct store_row *row);
/* Takes a key that cannot be over the floor any more off the hot list. */
void store_cool(struct store *store, struct store_key *key);

/* Some keys further on a walk over all: forgets those that are over, makes small again those that
 * became it, and collects the heaviest in store->top. False at the end of the walk. */
bool store_sweep(struct store *store, uint64_t complete_ms, size_t *budget);
/* The lightest of a few keys that are not pinned, for eviction, with its bound; NULL: none. */
struct store_key *store_lightest(struct store *store, uint64_t complete_ms, double *ret_bound);
void store_remove(struct store *store, struct store_key *key);

#endif
