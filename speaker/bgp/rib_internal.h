#ifndef SPEAKER_BGP_RIB_INTERNAL_H
#define SPEAKER_BGP_RIB_INTERNAL_H

#include "common/base/table.h"
#include "speaker/bgp/rib.h"

/* What rib.c (values by number) and rib_routes.c (which of them go together) share. */

/* One interned value; chained with those of the same hash. */
struct item {
    uint8_t *bytes;
    uint32_t refs, next; /* next: of the same hash while in use, of the free ones else */
    uint16_t len;
    uint8_t kind;
    bool guarding; /* of attributes */
};
_Static_assert(sizeof(struct item) == 24, "there are some hundred thousand");

struct pool {
    struct item *items; /* items[0] is never used */
    uint32_t bound, room, free_first;
    size_t count, max;
    struct table *by_hash; /* hash → number of the first item of it */
    uint64_t seed;
};

/* A route, and its neighbours in the ring of its attributes: NLRI << 8 | number. */
struct route {
    uint32_t attributes, refs; /* refs 0: a free place */
    uint32_t before, after;
};

/* Of one NLRI: number 1 is the first, 2 is the first of the others. */
struct more_routes {
    size_t count;
    struct route at[];
};
struct routes {
    struct route first;
    struct more_routes *more; /* NULL: none */
};

struct rib {
    struct pool nlri, attributes;
    struct routes *routes; /* by number of NLRI */
    size_t route_room;
    uint32_t *rings; /* by number of attributes: the route that came first of all, or 0 */
    size_t ring_room;
};

/* Rooms grow by a quarter, so that little is idle; large ones are moved by remapping. */
static inline size_t rib_more_room(size_t room, size_t least)
{
    size_t more = room + room / 4 + 64;
    return more > least ? more : least;
}

void rib_routes_done(struct rib *rib);

#endif
