#ifndef CTL_EXPORT_H
#define CTL_EXPORT_H

#include "common/base/wire.h"
#include "ctl/traffic.h"
#include "proto/flow.h"

/*
 * An exporter of our own for `weir generate`: flows in, export datagrams of one format out. It
 * knows nothing of the decoders. Templates and sampling options go out first and then every 10 s.
 *
 *   export_init() → export_add() … (sends when a datagram is full) → export_flush()
 */
enum { EXPORT_DATAGRAM_MAX = 1432 };

struct export
{
    enum flow_format format;
    uint32_t sampling; /* 1 in N */
    uint32_t flow_ms;  /* length of each flow, up to its export */
    struct ip_addr agent;
    bool (*send)(void *owner, const uint8_t *bytes, size_t len);
    void *owner;

    uint64_t boot_mono_ms, now_mono_ms, now_wall_ms;
    uint64_t template_sent_ms; /* monotonic; 0: not yet */
    uint32_t sequence, samples, pool;
    uint64_t datagrams, records, failures;
    uint8_t bytes[EXPORT_DATAGRAM_MAX];
    struct wire_writer out;
    uint16_t in_datagram; /* records */
    uint8_t set_family;   /* of the open data set; 0: none is open */
    size_t set_at;        /* of its length */
};

void export_init(struct export *e, enum flow_format format, uint32_t sampling, uint32_t flow_ms,
                 uint64_t now_mono_ms);
void export_set_time(struct export *e, uint64_t now_mono_ms, uint64_t now_wall_ms);
void export_add(struct export *e, const struct traffic_flow *flow);
void export_flush(struct export *e);

/* The part of each format. `begin` writes the header, `add` one record; false: it did not fit, and
 * nothing was written. `end` fills in what the header counts. */
struct export_format {
    void (*begin)(struct export *e);
    bool (*add)(struct export *e, const struct traffic_flow *flow);
    void (*end)(struct export *e);
};
extern const struct export_format export_netflow5, export_netflow9, export_ipfix, export_sflow5;

#endif
