#ifndef COLLECTOR_RECALL_ITEM_H
#define COLLECTOR_RECALL_ITEM_H

#include "common/base/hash.h"
#include "proto/recall.h"

#include <string.h>

/* A record as it is kept: 80 octets, since memory is what bounds how much can be said. */
struct recall_item {
    uint8_t host[16], peer[16]; /* whom it is kept under, and the other end */
    uint32_t known;             /* FLOW_*, TCP flags only where they are one packet's */
    uint32_t input_if, at_ms;   /* at_ms: low bits of the monotonic time */
    float priority, threshold;  /* q and T of recall.h */
    float rate, bytes, packets; /* N; the others are scaled by it */
    uint16_t src_port, dst_port, tcp_flags, length;
    uint8_t protocol, fragment, tos;
    uint8_t ip_version;
    uint8_t side;       /* enum recall_side */
    uint8_t connection; /* it began, or tells of, a connection */
    uint8_t unused[2];
};
_Static_assert(sizeof(struct recall_item) == 80, "the budget of memory counts on it");

/* Of a table of hosts. Strangers choose them, and those of one network differ in their last octets
 * only, so that every bit has to tell. */
static inline uint32_t item_host_hash(const uint8_t host[16], uint8_t side, uint64_t seed)
{
    uint64_t low, high;
    memcpy(&low, host, sizeof(low));
    memcpy(&high, host + sizeof(low), sizeof(high));
    return (uint32_t)hash_seeded_words(low, high, seed ^ side);
}

enum { ITEM_PACKET_OCTETS = 256 };

static inline double item_size(double bytes, double packets)
{
    double size = bytes + ITEM_PACKET_OCTETS * packets;
    return size > 1 ? size : 1;
}

#endif
