#ifndef AGGREGATOR_WINDOW_WINDOW_INTERNAL_H
#define AGGREGATOR_WINDOW_WINDOW_INTERNAL_H

#include "aggregator/window/exporters.h"
#include "aggregator/window/feeds.h"
#include "aggregator/window/window.h"

/* What merging and reading a shard share. */

struct window_candidate {
    struct store *store;
    struct store_key *key;
    double ratio;
    bool pinned;
};

struct window {
    char shard[NAME_MAX_LEN + 1], aggregator[NAME_MAX_LEN + 1];
    uint64_t epoch, slots, sequence;
    struct store *stores; /* rising ids */
    size_t store_count;
    struct feeds feeds;
    struct exporters exporters;
    struct window_stats stats;
    uint64_t covers_ms; /* never goes back */
    size_t sweep_store, evict_store;
    uint32_t batch_exporters[DELTA_EXPORTERS_MAX];
    struct store *batch_stores[DELTA_COUNTS_MAX];
    /* of the last tick */
    struct window_candidate *candidates;
    size_t candidate_count, candidate_room;
    bool is_heap; /* the candidates are, lightest first */
    struct rollup_row *rows;
    size_t row_room;
    struct rollup_count *counts;
    struct rollup_exporter *tick_exporters;
    uint32_t *exporter_place; /* of each exporter's number in tick_exporters */
    size_t exporter_room;
    struct rollup_blind blinds[ROLLUP_BLINDS_MAX];
};

/* Until when input is complete; never goes back. */
uint64_t window_covers(struct window *window, uint64_t now_ms);

#endif
