#ifndef COLLECTOR_RECALL_OPEN_H
#define COLLECTOR_RECALL_OPEN_H

#include "collector/recall/item.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A chunk that is being filled: the highest priorities of each destination, and of these the
 * highest of all. A slot holds one item; slots are chained by destination, and a heap knows the
 * lowest. A slot's priority only rises while the heap does not hear of it, so an entry of the heap
 * is a lower bound, put right when it comes to the top.
 */
struct open_slot {
    uint32_t next, prev; /* of its destination */
    uint32_t destination;
};

struct open_destination {
    uint8_t host[16];
    uint8_t side, ip_version;
    uint16_t count;
    float threshold; /* tau_d */
    uint32_t first;  /* slot */
    uint32_t next;   /* of its bucket, or of the free ones */
};

struct open_entry {
    float priority;
    uint32_t slot;
};

struct open_chunk {
    uint32_t room, used, cap;
    uint32_t bucket_mask;
    uint32_t free, entered; /* destinations: those given back, and how many ever were given */
    float threshold;        /* tau; at the start what recall.h says of the chunk before */
    uint64_t seed;
    uint64_t seq;               /* the owner's number for it */
    uint64_t from_ms, to_ms;    /* its time; to_ms is the owner's */
    uint64_t first_ms, last_ms; /* of its items: more where one came late */
    struct recall_item *items;
    float *priorities; /* apart from the items: the lowest of a destination is looked for */
    struct open_slot *slots;
    struct open_entry *heap;
    struct open_destination *destinations;
    uint32_t *buckets;
};

size_t open_bytes(uint32_t room); /* of memory */
enum status open_init(struct open_chunk *open, uint32_t room, uint32_t cap, uint64_t seed);
void open_done(struct open_chunk *open);
/* Empties it. threshold: of its beginning. */
void open_begin(struct open_chunk *open, float threshold, uint64_t now_ms);
/* What the next chunk begins with. */
float open_next_threshold(const struct open_chunk *open);

/* Where an item with these hosts and this priority goes; NULL: nowhere. The caller writes all but
 * host, side, ip_version and priority. */
struct recall_item *open_place(struct open_chunk *open, const uint8_t host[16], uint8_t side,
                               uint8_t ip_version, float priority);
/* All items with their thresholds; `items` has room for that many. */
uint32_t open_copy(const struct open_chunk *open, struct recall_item *ret_items);

#endif
