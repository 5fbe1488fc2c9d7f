#ifndef COLLECTOR_DECODE_SOURCES_H
#define COLLECTOR_DECODE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The data sources of one sFlow agent: each samples at a rate of its own and numbers its samples by
 * itself, so that samples which are missing show even where no datagram is. There are as many
 * places as sources need, up to a limit; then the one of a few that was heard longest ago goes.
 */
struct flow_source {
    uint64_t id;   /* class << 32 | index */
    uint32_t rate; /* of its last sample; 0: none yet, and none is here */
    uint32_t next; /* the number that its next sample should have */
    uint32_t lost;
    /* Samples that another stream of datagrams than the main one brought, and the end of that one's
     * serial: should it become the main one, they are not missing. */
    uint32_t beside : 20, beside_of : 12;
    int64_t last_ms;
};

struct sources {
    struct flow_source *items;
    uint32_t bits;  /* 1 << bits sets */
    uint32_t shift; /* of a hash, to the number of its set */
    uint32_t count;
    uint64_t secret; /* odd */
};

void sources_init(struct sources *sources, uint64_t secret);
void sources_clear(struct sources *sources); /* gives the memory back too */
size_t sources_bytes(const struct sources *sources);

enum { SOURCES_WAYS = 4 };

/* The source whose last sample had that rate, which is not 0. NULL: not known, or to be looked for
 * by sources_enter(). Which of the places it is differs from sample to sample, so it is told
 * without a branch; free places, which are all of id 0, may spoil that. */
static inline __attribute__((always_inline)) struct flow_source *
sources_find(const struct sources *sources, uint64_t id, uint32_t rate)
{
    if (sources->items == NULL)
        return NULL;
    struct flow_source *set =
        &sources->items[(id * sources->secret >> sources->shift) * SOURCES_WAYS];
    size_t at = (size_t)(set[1].id == id) | (size_t)(set[2].id == id) << 1 |
                ((0 - (size_t)(set[3].id == id)) & 3);
    return set[at].id == id && set[at].rate == rate ? &set[at] : NULL;
}

/* Its place, new (rate 0) where it was not known. NULL: out of memory. */
struct flow_source *sources_enter(struct sources *sources, uint64_t id, uint32_t max,
                                  bool *ret_evicted);
/* A sample's number, in the stream of datagrams of that serial: how many are missing before it. */
uint32_t sources_judge(struct flow_source *source, uint32_t number, uint32_t serial);
/* A sample of a stream that is not the main one: its number may be anybody's. */
void sources_pass(const struct sources *sources, uint64_t id, uint32_t serial);

/* Those that miss most samples, the worst first, at most max; how many. */
size_t sources_worst(const struct sources *sources, struct flow_source *ret_worst, size_t max);

#endif
