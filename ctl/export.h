#ifndef CTL_EXPORT_H
#define CTL_EXPORT_H

#include "common/base/wire.h"
#include "ctl/traffic.h"
#include "proto/flow.h"

#include <string.h>

/*
 * Exporters of our own for `weir generate`: flows in, sampled as a router would, export datagrams
 * of one format out. It knows nothing of the decoders. Each exporter has one or several
 * observation domains (NetFlow 5: engines, sFlow: sub-agents), each of which counts its own
 * sequence, tells its own templates, and has interfaces: flows that come in there are its own.
 *
 *   export_init() → export_set_time(), export_add() … (sends what is full or old) → export_flush()
 *   → export_done()
 */
enum {
    EXPORT_DATAGRAM_MAX = 1432, /* with headers of IPv6 under 1500 */
    EXPORT_INTERFACES = 4,      /* two uplinks, two to the hosts */
    EXPORT_EXPORTERS_MAX = 10000,
    EXPORT_DOMAINS_MAX = 4
};

/* How an exporter says 1 in N; NetFlow 5 and sFlow say it in their own headers. */
enum export_announce {
    EXPORT_ANNOUNCE_SAMPLER,  /* options of a sampler (selector), whose id is in each record */
    EXPORT_ANNOUNCE_EXPORTER, /* options of the whole exporter (observation domain) */
    EXPORT_ANNOUNCE_RECORD,   /* in each record */
    EXPORT_ANNOUNCE_NONE
};

struct export_options {
    enum flow_format format;
    enum export_announce announce;
    uint32_t sampling; /* 1 in N */
    uint32_t exporters, domains;
    uint32_t first_domain; /* counted from 0: of one that sends beside others from one address */
    const struct ip_addr *agents;      /* of each exporter; lent */
    uint64_t template_ms, counters_ms; /* how often templates, and sFlow's counters, go out */
    uint64_t hold_ms;                  /* how long a record waits for its datagram to be full */
    uint64_t start_ms, seed;           /* Unix time */
    void (*send)(void *owner, uint32_t exporter, const uint8_t *bytes, size_t len);
    void *owner;
};

struct export_volume {
    uint64_t flows, packets, bytes;
};

struct export_interface {
    uint32_t index, samples, pool, counter_samples;
    uint64_t counters_ms; /* when they were told */
    struct export_volume in, out;
};

/* An observation domain: its datagram at hand, and what its sequence counts. */
struct export_stream {
    uint32_t id, sequence;
    uint64_t template_sent_ms, opened_ms; /* 0: not yet */
    struct wire_writer out;
    uint16_t records, others; /* in the datagram: of flows, and of everything else that counts */
    uint8_t set_family;       /* of the open data set; 0: none is open */
    size_t set_at;            /* of its length */
    uint8_t bytes[EXPORT_DATAGRAM_MAX];
};

struct exporter {
    struct ip_addr agent;
    uint64_t boot_ms;
    struct random random;
    uint64_t gap; /* packets until the next that is sampled */
    struct export_interface interfaces[EXPORT_INTERFACES];
    struct export_volume truth, seen, attack_truth, attack_seen; /* flows of seen: records */
    uint64_t datagrams;
    struct export_stream *streams; /* ours, one a domain */
};

struct export
{
    struct export_options options;
    struct exporter *exporters; /* ours */
    uint64_t now_ms;
};

/* What one record says: of a flow the packets that were sampled, or one of them (sFlow). */
struct export_record {
    const struct traffic_flow *flow;
    uint64_t packets, bytes;
    uint16_t octets_min, octets_max, fragment;
    uint8_t tcp_flags;
    uint32_t in_if, out_if;
    struct export_interface *in;
};

enum status export_init(struct export *e, const struct export_options *options);
void export_done(struct export *e);
/* Time goes on: datagrams that have waited long enough go, and counters that are due. */
void export_set_time(struct export *e, uint64_t now_ms);
/* How many records, or samples, came of the flow: 0, when none of its packets was sampled. */
uint64_t export_add(struct export *e, const struct traffic_flow *flow);
void export_flush(struct export *e);
struct export_volume export_sum(const struct export_volume *a, const struct export_volume *b);

/* The part of each format. `begin` writes the header, `add` one record; false: it did not fit, and
 * nothing was written. `end` fills in what the header counts. */
struct export_format {
    bool per_packet; /* a record is one packet */
    void (*begin)(const struct export *e, struct exporter *x, struct export_stream *s);
    bool (*add)(const struct export *e, struct exporter *x, struct export_stream *s,
                const struct export_record *record);
    void (*end)(struct export_stream *s);
};
extern const struct export_format export_netflow5, export_netflow9, export_ipfix, export_sflow5;

/* Interface counters of sFlow that are due, as far as there is room; ctl/export_counters.c. */
enum { EXPORT_COUNTERS_OCTETS = 8 + 12 + 8 + 88 };
void export_counters(const struct export *e, struct exporter *x, struct export_stream *s);
bool export_counters_due(const struct export *e, const struct exporter *x,
                         const struct export_stream *s);
/* The domain of an interface. */
static inline uint32_t export_domain_of(const struct export *e, size_t interface)
{
    return (uint32_t)interface % e->options.domains;
}

static inline uint32_t export_uptime_ms(const struct export *e, const struct exporter *x)
{
    return (uint32_t)(e->now_ms - x->boot_ms);
}

/* Octets of a record into room that was reserved for all of it. */
static inline uint8_t *export_put16(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *export_put32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *export_put64(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}
static inline uint8_t *export_put_addr(uint8_t *at, const struct ip_addr *addr)
{
    if (addr->family == ADDR_IPV4) {
        memcpy(at, addr->octets, 4);
        return at + 4;
    }
    memcpy(at, addr->octets, 16);
    return at + 16;
}

#endif
