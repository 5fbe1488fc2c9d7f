#ifndef COLLECTOR_RECALL_CHUNK_H
#define COLLECTOR_RECALL_CHUNK_H

#include "collector/recall/item.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A chunk that does not change any more: its items by falling priority, so that the first of them
 * are a thinner sample of the same, and an index by host. Readers pin it; the keeper, who alone
 * makes chunks, takes only what nobody has pinned.
 */
struct recall_chunk {
    atomic_uint state;          /* CHUNK_BUSY, or how many have it pinned */
    uint64_t from_seq, to_seq;  /* seconds that it holds */
    uint64_t from_ms, to_ms;    /* its time, of which it holds covers_ms */
    uint64_t first_ms, last_ms; /* of its items: more where one came late */
    uint32_t covers_ms;
    uint32_t room, count;
    float threshold;           /* tau: the T of hosts that are not in it */
    struct recall_item *items; /* by falling priority */
    uint64_t *keys;            /* rising: the beginnings of the hosts */
    struct chunk_entry {       /* of each key: its item, and what decides whether that is read */
        uint32_t item;
        float priority;
    } * order;
    uint32_t *above; /* of each level: items whose priority is 2^level or more */
};

enum { CHUNK_BUSY = 0x80000000U }; /* empty, or being made */
enum { CHUNK_LEVELS = 64 };        /* what is more counts with the last */

size_t chunk_bytes(uint32_t room);
enum status chunk_init(struct recall_chunk *chunk, uint32_t room); /* busy */
void chunk_done(struct recall_chunk *chunk);

/* False: there is nothing in it. */
bool chunk_pin(struct recall_chunk *chunk);
void chunk_unpin(struct recall_chunk *chunk);
/* False: somebody has it pinned. */
bool chunk_take(struct recall_chunk *chunk);
void chunk_publish(struct recall_chunk *chunk);

/* Room to sort in. */
struct chunk_sort {
    struct chunk_rank {
        uint64_t key;
        uint32_t item;
    } * ranks, *spare; /* room for as many items as the largest chunk */
};

/* Of items in any order, which the chunk has room for; its times and tau are the caller's. */
void chunk_make(struct recall_chunk *chunk, const struct recall_item *items, uint32_t count,
                struct chunk_sort *sort);

/* The thinner union of chunks: at most room items, of each host at most cap. */
struct chunk_union;
size_t chunk_union_bytes(uint32_t room);
struct chunk_union *chunk_union_new(uint32_t room, uint32_t cap, uint64_t seed);
void chunk_union_free(struct chunk_union *u);
void chunk_unite(struct recall_chunk *chunk, struct recall_chunk *const *from, size_t from_count,
                 struct chunk_union *u, struct chunk_sort *sort);

/* Where the hosts of a prefix stand in the index, none else among them: [*ret_begin, *ret_end) */
void chunk_range(const struct recall_chunk *chunk, uint8_t side, const struct ip_prefix *prefix,
                 uint32_t *ret_begin, uint32_t *ret_end);

#endif
