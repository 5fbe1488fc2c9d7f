#ifndef COLLECTOR_RECALL_RECALL_INTERNAL_H
#define COLLECTOR_RECALL_RECALL_INTERNAL_H

#include "collector/recall/chunk.h"
#include "collector/recall/open.h"
#include "collector/recall/recall.h"

enum {
    MINUTE = 60,                    /* dense chunks */
    GROUP = 10,                     /* of them make a thin one */
    SPARE = 2,                      /* that readers may hold back */
    DENSE = MINUTE + GROUP + SPARE, /* at most */
    KEEP_MAX_MS = 3600 * 1000,
    THIN_MAX = KEEP_MAX_MS / (GROUP * RECALL_CHUNK_MS) + SPARE,
    ROOM_MIN = 64,
    OPEN_ROOM_MAX = 65536, /* what is copied at once for a reader */
    THIN_ROOM_MAX = 262144,
    OPENS = 2
};
_Static_assert(DENSE + THIN_MAX + 1 <= RECALL_VIEW_MAX, "a view holds all chunks");

/* Who has an open chunk: handed over without a lock. */
enum open_state { OPEN_FREE, OPEN_FILLING, OPEN_SEALED };
/* A copy: asked for by a reader, made by the worker, taken by the keeper. */
enum copy_state { COPY_NONE, COPY_ASKED, COPY_MADE };

struct recall {
    struct recall_options options;
    /* The worker's. */
    struct open_chunk *filling;
    uint64_t random;
    bool started;
    _Atomic uint64_t records, kept, late_seals;
    /* Between the worker and the keeper. */
    struct open_chunk opens[OPENS];
    atomic_uint open_states[OPENS];
    atomic_uint copy_state;
    struct recall_item *copy;
    uint32_t copy_count;
    struct open_chunk copy_of; /* its numbers only */
    /* The keeper's, and readers' by pins. */
    struct recall_chunk dense[DENSE], thin[THIN_MAX], now;
    size_t dense_count, thin_count;
    struct recall_item *flat; /* what a sealed one is made of */
    struct chunk_sort sort;
    struct chunk_union *uniting;
    uint64_t thin_to_seq; /* what is in thin ones, exclusive */
    uint64_t asked_ms;    /* when a copy was asked for last */
    bool has_asked;
    _Atomic uint64_t lost_chunks;
    uint64_t memory_bytes;
};

/* Counters have one writer each, and readers that want no order. */
static inline void recall_count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

#endif
