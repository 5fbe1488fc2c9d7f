#include "ctl/export.h"

#include <stdlib.h>

/* As if they had run for a while: the start of a flow is not before the exporter's own. */
enum { UPTIME_MS = 7200000, UPTIME_STEP_MS = 61000, UPTIME_STEPS = 1000 };
enum { SYN = 2, FIN = 1, ACK = 16, PSH = 8 };

static const uint32_t interface_indexes[EXPORT_INTERFACES] = {501, 601, 502, 602};

static const struct export_format *format_of(const struct export *e)
{
    switch (e->options.format) {
    case FORMAT_NETFLOW5:
        return &export_netflow5;
    case FORMAT_NETFLOW9:
        return &export_netflow9;
    case FORMAT_IPFIX:
        return &export_ipfix;
    case FORMAT_SFLOW5:
    case FORMAT_COUNT:
        break;
    }
    return &export_sflow5;
}

static void empty(struct export_stream *s)
{
    s->records = s->others = 0;
    s->set_family = 0;
    s->out = wire_writer_of(s->bytes, sizeof(s->bytes));
}

enum status export_init(struct export *e, const struct export_options *options)
{
    *e = (struct export){.options = *options, .now_ms = options->start_ms};
    e->exporters = calloc(options->exporters, sizeof(*e->exporters));
    if (e->exporters == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < options->exporters; i++) {
        struct exporter *x = &e->exporters[i];
        x->agent = options->agents[i];
        x->boot_ms = options->start_ms - UPTIME_MS - (uint64_t)(i % UPTIME_STEPS) * UPTIME_STEP_MS;
        x->random.state = options->seed * 0x2545f4914f6cdd1d + i;
        x->gap = random_gap(&x->random, options->sampling);
        x->streams = calloc(options->domains, sizeof(*x->streams));
        if (x->streams == NULL) {
            export_done(e);
            return STATUS_NO_MEMORY;
        }
        for (uint32_t d = 0; d < options->domains; d++) {
            x->streams[d].id = options->first_domain + i * options->domains + d;
            empty(&x->streams[d]);
        }
        for (size_t n = 0; n < EXPORT_INTERFACES; n++) {
            x->interfaces[n].index = interface_indexes[n];
            x->interfaces[n].counters_ms = options->start_ms;
        }
    }
    return STATUS_OK;
}

void export_done(struct export *e)
{
    for (uint32_t i = 0; e->exporters != NULL && i < e->options.exporters; i++)
        free(e->exporters[i].streams);
    free(e->exporters);
    e->exporters = NULL;
}

static void finish(struct export *e, uint32_t exporter, struct export_stream *s)
{
    if (s->records + s->others == 0)
        return;
    format_of(e)->end(s);
    e->exporters[exporter].datagrams++;
    e->options.send(e->options.owner, exporter, s->bytes, s->out.len);
    empty(s);
}

void export_set_time(struct export *e, uint64_t now_ms)
{
    e->now_ms = now_ms;
    bool counts = e->options.format == FORMAT_SFLOW5;
    for (uint32_t i = 0; i < e->options.exporters; i++) {
        struct exporter *x = &e->exporters[i];
        for (uint32_t d = 0; d < e->options.domains; d++) {
            struct export_stream *s = &x->streams[d];
            bool has_any = s->records + s->others > 0;
            if (counts && export_counters_due(e, x, s)) {
                finish(e, i, s);
                s->opened_ms = now_ms;
                format_of(e)->begin(e, x, s);
            } else if (has_any && now_ms - s->opened_ms >= e->options.hold_ms) {
                finish(e, i, s);
            }
        }
    }
}

void export_flush(struct export *e)
{
    for (uint32_t i = 0; i < e->options.exporters; i++)
        for (uint32_t d = 0; d < e->options.domains; d++)
            finish(e, i, &e->exporters[i].streams[d]);
}

/* How many of the packets are sampled: each with the same chance, whatever it is. */
static uint32_t sample(struct exporter *x, uint32_t packets, uint32_t sampling)
{
    if (sampling <= 1)
        return packets;
    uint32_t left = packets, hits = 0;
    while (x->gap < left) {
        left -= (uint32_t)x->gap + 1;
        hits++;
        x->gap = random_gap(&x->random, sampling);
    }
    x->gap -= left;
    return hits;
}

static void put(struct export *e, uint32_t exporter, struct export_stream *s,
                const struct export_record *record)
{
    const struct export_format *format = format_of(e);
    struct exporter *x = &e->exporters[exporter];
    if (s->records + s->others == 0) {
        s->opened_ms = e->now_ms;
        format->begin(e, x, s);
    }
    if (!format->add(e, x, s, record)) {
        finish(e, exporter, s);
        s->opened_ms = e->now_ms;
        format->begin(e, x, s);
        (void)format->add(e, x, s, record); /* an empty datagram holds any one record */
    }
    s->records++;
}

/* Flags that the sampled packets of a connection have: only its ends have SYN or FIN. */
static uint8_t flags_of(struct exporter *x, const struct traffic_flow *flow, uint64_t seen,
                        uint64_t packets)
{
    if (!flow->connects || flow->tcp_flags == 0 || seen == packets)
        return flow->tcp_flags;
    uint32_t chance = (uint32_t)((double)seen / (double)packets * (double)UINT32_MAX);
    uint64_t bits = random_next(&x->random);
    uint8_t flags = seen > 1 || (bits & 1) != 0 ? PSH | ACK : ACK;
    flags |= (uint32_t)(bits >> 32) < chance ? SYN : 0;
    flags |= random_mix((uint32_t)bits) < chance ? FIN : 0;
    return flags & flow->tcp_flags;
}

/* sFlow: a sample for each packet. */
static void put_packets(struct export *e, uint32_t exporter, struct export_stream *s,
                        struct export_record *record, const uint32_t seen[2])
{
    struct exporter *x = &e->exporters[exporter];
    const struct traffic_flow *flow = record->flow;
    uint64_t packets = traffic_packets(flow);
    for (int i = 0; i < 2; i++) {
        record->octets_min = record->octets_max = flow->packets[i].octets;
        record->fragment = flow->packets[i].fragment;
        record->bytes = flow->packets[i].octets;
        record->packets = 1;
        for (uint32_t n = 0; n < seen[i]; n++) {
            record->tcp_flags = packets == 1 && flow->connects ? SYN & flow->tcp_flags
                                                               : flags_of(x, flow, 1, packets);
            put(e, exporter, s, record);
        }
    }
}

static void put_flow(struct export *e, uint32_t exporter, struct export_stream *s,
                     struct export_record *record, const uint32_t seen[2])
{
    const struct traffic_flow *flow = record->flow;
    const struct traffic_packets *p = flow->packets;
    record->packets = (uint64_t)seen[0] + seen[1];
    record->bytes = (uint64_t)seen[0] * p[0].octets + (uint64_t)seen[1] * p[1].octets;
    uint16_t only = seen[0] != 0 ? p[0].octets : p[1].octets;
    uint16_t other = seen[1] != 0 ? p[1].octets : only;
    record->octets_min = only < other ? only : other;
    record->octets_max = only < other ? other : only;
    record->fragment = seen[0] != 0 ? p[0].fragment : p[1].fragment;
    record->tcp_flags =
        flags_of(&e->exporters[exporter], flow, record->packets, traffic_packets(flow));
    put(e, exporter, s, record);
}

static void count(struct export_volume *v, uint64_t flows, uint64_t packets, uint64_t bytes)
{
    v->flows += flows;
    v->packets += packets;
    v->bytes += bytes;
}

/* Two uplinks and two links to hosts; what it is outside, and inside, decides. */
static void route(struct exporter *x, const struct traffic_flow *flow, struct export_record *record,
                  size_t *ret_in)
{
    const struct ip_addr *inside = flow->outgoing ? &flow->src : &flow->dst;
    size_t uplink = (random_mix(flow->path) >> 16 & 1) * 2;
    size_t link = (inside->octets[addr_len(inside) - 1] & 1u) * 2 + 1;
    *ret_in = flow->outgoing ? link : uplink;
    size_t out = flow->outgoing ? uplink : link;
    record->in = &x->interfaces[*ret_in];
    record->in_if = record->in->index;
    record->out_if = x->interfaces[out].index;
    uint64_t packets = traffic_packets(flow), bytes = traffic_bytes(flow);
    count(&record->in->in, 1, packets, bytes);
    count(&x->interfaces[out].out, 1, packets, bytes);
    record->in->pool += (uint32_t)packets;
}

uint64_t export_add(struct export *e, const struct traffic_flow *flow)
{
    uint32_t exporter =
        (uint32_t)((uint64_t)random_mix(flow->path ^ 0x5bd1e995) * e->options.exporters >> 32);
    struct exporter *x = &e->exporters[exporter];
    struct export_record record = {.flow = flow};
    size_t in;
    route(x, flow, &record, &in);
    uint32_t seen[2] = {sample(x, flow->packets[0].count, e->options.sampling),
                        sample(x, flow->packets[1].count, e->options.sampling)};
    uint64_t packets = (uint64_t)seen[0] + seen[1];
    bool is_per_packet = format_of(e)->per_packet;
    uint64_t records = packets == 0 ? 0 : is_per_packet ? packets : 1;
    uint64_t bytes =
        (uint64_t)seen[0] * flow->packets[0].octets + (uint64_t)seen[1] * flow->packets[1].octets;
    count(&x->truth, 1, traffic_packets(flow), traffic_bytes(flow));
    count(&x->seen, records, packets, bytes);
    if (flow->attack) {
        count(&x->attack_truth, 1, traffic_packets(flow), traffic_bytes(flow));
        count(&x->attack_seen, records, packets, bytes);
    }
    struct export_stream *s = &x->streams[export_domain_of(e, in)];
    if (packets != 0 && is_per_packet)
        put_packets(e, exporter, s, &record, seen);
    else if (packets != 0)
        put_flow(e, exporter, s, &record, seen);
    return records;
}

struct export_volume export_sum(const struct export_volume *a, const struct export_volume *b)
{
    return (struct export_volume){a->flows + b->flows, a->packets + b->packets,
                                  a->bytes + b->bytes};
}
