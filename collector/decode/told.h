#ifndef COLLECTOR_DECODE_TOLD_H
#define COLLECTOR_DECODE_TOLD_H

#include "collector/decode/state.h"

/*
 * What exporters have told of flows, so many flows at the most: eight places for each, by a secret
 * hash. Where all are taken, one that is over goes first, then one of an exporter that is known
 * less well, then one of the exporter that has most of them, and of these the one told longest ago.
 * So nobody takes from those that are known better, and who tells of many flows takes from himself.
 * A flow that is over takes the place of none that goes on.
 *
 *   told_new() → told_enter() for each record; told_leave() when an exporter is forgotten
 */
struct told;

struct told_flow {
    uint64_t flow;                   /* hash; 0: none is here */
    uint64_t said[2][PLAN_COUNTERS]; /* the last two; a firewall's sum in the first */
    uint64_t end_ms, came_ms;
    uint32_t holder;
    uint32_t generation : 30; /* of its holder: another one's is a flow that was forgotten */
    uint32_t is_over : 1;
    uint32_t is_brief : 1; /* once it is over it counts for some seconds only */
};

struct told *told_new(const struct decode_limits *limits); /* NULL: no memory */
void told_free(struct told *told);
/* The flow's place, new and zeroed when *ret_new; NULL: there is none for it. *ret_gone: one that
 * counted is not remembered any more, be it this one. */
struct told_flow *told_enter(struct told *told, struct decode_exporter *exporter, uint64_t flow,
                             bool is_over, uint64_t now_ms, bool *ret_new, bool *ret_gone);
void told_leave(struct told *told, struct decode_exporter *exporter);

#endif
