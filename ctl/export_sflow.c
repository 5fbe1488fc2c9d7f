#include "ctl/export.h"

/* sFlow version 5: flow samples, each with one raw header of Ethernet. */

enum {
    ETHERNET = 14,
    FCS = 4,
    SAMPLED_MAX = 128, /* octets of a frame, as exporters take by default */
    BEFORE_HEADER = 8 + 32 + 8 + 16,
    TCP = 6,
    UDP = 17,
    FRAGMENT = 44
};

/* What is carried and has no beginning of its own: as if it were encrypted. */
static const uint8_t filler[SAMPLED_MAX] = {
    0x17, 0x9d, 0xe2, 0x41, 0xb6, 0x08, 0x5f, 0xc3, 0x7a, 0x2e, 0xd4, 0x91, 0x36, 0xeb, 0x50, 0xa8,
    0xf1, 0x6c, 0x03, 0x8d, 0x49, 0xbe, 0x75, 0x1a, 0xc7, 0x52, 0x9f, 0xe4, 0x2b, 0x86, 0x3d, 0xd0,
    0x68, 0xa5, 0x1c, 0xf7, 0x40, 0x8b, 0xde, 0x33, 0x97, 0x0a, 0xec, 0x55, 0xb1, 0x7e, 0x24, 0xc9,
    0x5d, 0xe0, 0x12, 0x84, 0x3b, 0xf6, 0x69, 0xad, 0xc0, 0x27, 0x9a, 0x4f, 0x71, 0xd8, 0x0e, 0xb3,
    0xa2, 0x1f, 0xf8, 0x65, 0xcb, 0x30, 0x9e, 0x47, 0xe9, 0x54, 0x8a, 0x2d, 0x76, 0xbb, 0x13, 0xd1};

static void begin(const struct export *e, struct exporter *x, struct export_stream *s)
{
    struct wire_writer *w = &s->out;
    wire_put_u32(w, 5);
    wire_put_u32(w, x->agent.family == ADDR_IPV6 ? 2 : 1);
    wire_put_bytes(w, x->agent.octets, addr_len(&x->agent));
    wire_put_u32(w, e->options.first_domain + (uint32_t)(s - x->streams)); /* sub-agent */
    wire_put_u32(w, ++s->sequence);
    wire_put_u32(w, export_uptime_ms(e, x));
    wire_put_u32(w, 0); /* samples: end fills it in */
    export_counters(e, x, s);
}

static uint16_t checksum(const uint8_t *header)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)(header[i] << 8 | header[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static uint8_t *put_ipv4(uint8_t *at, const struct export_record *r)
{
    const struct traffic_flow *f = r->flow;
    uint8_t *header = at;
    at = export_put16(at, 0x4500);
    at = export_put16(at, r->octets_max);
    at = export_put16(at, (uint16_t)f->path); /* identification */
    at = export_put16(at, r->fragment);
    *at++ = f->ttl;
    *at++ = f->protocol;
    at = export_put16(at, 0);
    at = export_put_addr(at, &f->src);
    at = export_put_addr(at, &f->dst);
    (void)export_put16(header + 10, checksum(header));
    return at;
}

static uint8_t *put_ipv6(uint8_t *at, const struct export_record *r)
{
    const struct traffic_flow *f = r->flow;
    bool is_cut = (r->fragment & (TRAFFIC_MORE | TRAFFIC_OFFSET)) != 0;
    at = export_put32(at, 0x60000000);
    at = export_put16(at, (uint16_t)(r->octets_max - 40));
    *at++ = is_cut ? FRAGMENT : f->protocol;
    *at++ = f->ttl;
    at = export_put_addr(at, &f->src);
    at = export_put_addr(at, &f->dst);
    if (is_cut) {
        *at++ = f->protocol;
        *at++ = 0;
        at = export_put16(at, (uint16_t)((r->fragment & TRAFFIC_OFFSET) << 3 |
                                         ((r->fragment & TRAFFIC_MORE) != 0)));
        at = export_put32(at, f->path);
    }
    return at;
}

static uint8_t *put_transport(uint8_t *at, const struct export_record *r)
{
    const struct traffic_flow *f = r->flow;
    uint16_t header = f->src.family == ADDR_IPV6 ? 40 : 20;
    if ((r->fragment & TRAFFIC_OFFSET) != 0)
        return at;
    switch (f->protocol) {
    case TCP:
        at = export_put16(at, f->src_port);
        at = export_put16(at, f->dst_port);
        at = export_put64(at, (uint64_t)f->path << 32 | 1);
        at = export_put16(at, (uint16_t)(0x5000 | r->tcp_flags));
        at = export_put16(at, 65535);
        return export_put32(at, 0);
    case UDP:
        at = export_put16(at, f->src_port);
        at = export_put16(at, f->dst_port);
        at = export_put16(
            at,
            (uint16_t)((f->datagram_octets != 0 ? f->datagram_octets : r->octets_max) - header));
        return export_put16(at, 0);
    case 47: /* GRE: no options, IPv4 inside; what follows is not to be read */
        return export_put32(at, 0x0800);
    case 1:
    case 58:
        at = export_put16(at, (uint16_t)(f->icmp_type << 8));
        at = export_put16(at, 0);
        return export_put32(at, 1);
    default:
        return at;
    }
}

/* Up to where the packet ends, or what is taken of it. */
static uint8_t *put_payload(uint8_t *at, const uint8_t *end, const struct export_record *r)
{
    const struct traffic_flow *f = r->flow;
    size_t room = at < end ? (size_t)(end - at) : 0, own = 0;
    if (f->payload != NULL && (r->fragment & TRAFFIC_OFFSET) == 0)
        own = f->payload_len < room ? f->payload_len : room;
    if (own > 0)
        memcpy(at, f->payload, own);
    memcpy(at + own, filler, room - own);
    return at + room;
}

static bool add(const struct export *e, struct exporter *x, struct export_stream *s,
                const struct export_record *r)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    (void)x;
    struct wire_writer *w = &s->out;
    size_t frame = (size_t)r->octets_max + ETHERNET;
    size_t sampled = frame < SAMPLED_MAX ? frame : SAMPLED_MAX, padded = (sampled + 3) & ~3ul;
    if (w->room - w->len < BEFORE_HEADER + padded)
        return false;
    uint8_t *at = wire_reserve(w, BEFORE_HEADER + padded);
    at = export_put32(at, 1); /* flow sample */
    at = export_put32(at, (uint32_t)(BEFORE_HEADER - 8 + padded));
    at = export_put32(at, ++r->in->samples);
    at = export_put32(at, r->in_if); /* source: ifIndex */
    at = export_put32(at, e->options.sampling);
    at = export_put32(at, r->in->pool);
    at = export_put32(at, 0); /* drops */
    at = export_put32(at, r->in_if);
    at = export_put32(at, r->out_if);
    at = export_put32(at, 1); /* one record: raw header */
    at = export_put32(at, 1);
    at = export_put32(at, (uint32_t)(16 + padded));
    at = export_put32(at, 1); /* Ethernet */
    at = export_put32(at, (uint32_t)frame + FCS);
    at = export_put32(at, FCS); /* stripped */
    at = export_put32(at, (uint32_t)sampled);
    const uint8_t *end = at + sampled;
    memcpy(at, macs, sizeof(macs));
    at += sizeof(macs);
    bool is_ipv4 = r->flow->src.family == ADDR_IPV4;
    at = export_put16(at, is_ipv4 ? 0x0800 : 0x86dd);
    at = is_ipv4 ? put_ipv4(at, r) : put_ipv6(at, r);
    at = put_payload(put_transport(at, r), end, r);
    memset(at, 0, padded - sampled);
    return true;
}

static void end(struct export_stream *s)
{
    bool is_ipv6 = s->bytes[7] == 2;
    (void)export_put32(s->bytes + (is_ipv6 ? 36 : 24), (uint32_t)(s->records + s->others));
}

const struct export_format export_sflow5 = {true, begin, add, end};
