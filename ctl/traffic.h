#ifndef CTL_TRAFFIC_H
#define CTL_TRAFFIC_H

#include "common/base/addr.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What `weir generate` sends: flows of a small network's ordinary day and of an attack, from a
 * seed, so that a run can be had again. Pure: the caller says when how much is due.
 */
struct traffic_flow {
    struct ip_addr src, dst;
    uint16_t src_port, dst_port; /* 0 in a later fragment */
    uint8_t protocol, tcp_flags;
    bool later_fragment;
    uint64_t packets, bytes; /* before sampling */
    uint32_t frame_bytes;    /* of one packet, IP */
};

struct traffic_attack {
    const char *name; /* "dns-amplification" */
    uint8_t protocol, tcp_flags;
    uint16_t src_port;             /* 0: random */
    uint16_t dst_port;             /* 0: random */
    uint16_t bytes_min, bytes_max; /* IP octets a packet */
    uint8_t fragment_percent;      /* of its packets, later fragments without ports */
    uint16_t sources;              /* how many different ones */
};

const struct traffic_attack *traffic_attack_find(const char *name);
const struct traffic_attack *traffic_attack_at(unsigned int i); /* NULL past the last */

struct traffic {
    uint64_t state; /* of the random numbers */
    struct ip_prefix network;
    uint32_t hosts, sources;
};

void traffic_init(struct traffic *traffic, uint64_t seed, const struct ip_prefix *network,
                  uint32_t hosts, uint32_t sources);
/* One flow of ordinary traffic; bytes_wanted 0: as large as such flows are. */
struct traffic_flow traffic_normal(struct traffic *traffic, uint64_t bytes_wanted);
struct traffic_flow traffic_attack_flow(struct traffic *traffic,
                                        const struct traffic_attack *attack,
                                        const struct ip_addr *target, uint64_t bytes_wanted);

#endif
