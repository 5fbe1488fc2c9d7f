#ifndef CTL_TRAFFIC_H
#define CTL_TRAFFIC_H

#include "ctl/network.h"

/*
 * What `weir generate` sends: flows of a network's ordinary day and of an attack, from a seed, so
 * that a run can be had again. Pure: the caller says when how much is due. A flow is the truth, of
 * all its packets; what a sampling exporter sees of it is ctl/export.h.
 */
struct traffic_packets {
    uint32_t count;
    uint16_t octets;   /* of each, IP */
    uint16_t fragment; /* as in the IPv4 header: flags, and the offset in units of 8 */
};
enum { TRAFFIC_DF = 0x4000, TRAFFIC_MORE = 0x2000, TRAFFIC_OFFSET = 0x1fff };

struct traffic_flow {
    struct ip_addr src, dst;
    uint16_t src_port, dst_port; /* 0 where there is none, as in a later fragment */
    uint8_t protocol;
    uint8_t tcp_flags; /* of all packets together */
    bool connects;     /* TCP: begins with SYN and ends with FIN; false: each packet has them all */
    uint8_t ttl;
    uint8_t icmp_type;
    bool outgoing, attack;
    uint16_t datagram_octets;          /* before it was cut into fragments; 0: it was not */
    uint32_t path;                     /* by whom it is outside: which router and interface */
    uint32_t duration_ms;              /* up to its export */
    struct traffic_packets packets[2]; /* of two lengths; the second may be none */
    const uint8_t *payload;            /* how what it carries begins; static, or NULL */
    size_t payload_len;
};

static inline uint64_t traffic_packets(const struct traffic_flow *f)
{
    return (uint64_t)f->packets[0].count + f->packets[1].count;
}
static inline uint64_t traffic_bytes(const struct traffic_flow *f)
{
    return (uint64_t)f->packets[0].count * f->packets[0].octets +
           (uint64_t)f->packets[1].count * f->packets[1].octets;
}

/* 64, 128 or 255 less the hops of a path, always the same for one address. */
uint8_t traffic_ttl(uint32_t address);
uint16_t traffic_high_port(struct random *random);

enum traffic_direction { TRAFFIC_BOTH, TRAFFIC_IN, TRAFFIC_OUT };

struct traffic_options {
    uint64_t seed;
    enum traffic_direction direction;
    double tail;           /* exponent of the sizes of large flows, above 1 */
    double bytes_a_record; /* in the mean; 0: as large as such flows are */
    bool small_flows;      /* never larger than such flows are: where a volume makes their number */
    uint32_t active_timeout_ms, flow_ms; /* longest flow, or how long each lasts; 0: no time */
};

struct traffic {
    struct traffic_options options;
    const struct network *network;
    struct random random;
    struct random_tail tail;
    uint8_t kinds[1000]; /* service of a draw */
    double scale;        /* of the packets of large flows */
    struct traffic_flow other_half;
    bool has_other_half; /* of the conversation whose first half was given last */
};

void traffic_init(struct traffic *traffic, const struct traffic_options *options,
                  const struct network *network);
/* Half a conversation: requests, or the answers to them. */
void traffic_normal(struct traffic *traffic, struct traffic_flow *ret_flow);

#endif
