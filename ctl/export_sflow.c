#include "ctl/export.h"

/* sFlow version 5: flow samples, each with one raw header of Ethernet. */

enum { HEADER_MAX = 96, SAMPLE_MAX = 8 + 32 + 8 + 16 + HEADER_MAX, ETHERNET = 14, FCS = 4 };

static void begin(struct export *e)
{
    struct wire_writer *w = &e->out;
    wire_put_u32(w, 5);
    bool is_ipv6 = e->agent.family == ADDR_IPV6;
    wire_put_u32(w, is_ipv6 ? 2 : 1);
    wire_put_bytes(w, e->agent.octets, addr_len(&e->agent));
    wire_put_u32(w, 0); /* sub-agent */
    wire_put_u32(w, ++e->sequence);
    wire_put_u32(w, (uint32_t)(e->now_mono_ms - e->boot_mono_ms));
    wire_put_u32(w, 0); /* samples: end fills it in */
}

static uint16_t ipv4_checksum(const uint8_t *header)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)header[i] << 8 | header[i + 1];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_ipv4(struct wire_writer *w, const struct traffic_flow *f)
{
    size_t at = w->len;
    wire_put_u16(w, 0x4500);
    wire_put_u16(w, (uint16_t)f->frame_bytes);
    wire_put_u16(w, 1); /* identification */
    wire_put_u16(w, f->later_fragment ? 185 : 0x4000);
    wire_put_u8(w, 60);
    wire_put_u8(w, f->protocol);
    wire_put_u16(w, 0);
    wire_put_bytes(w, f->src.octets, 4);
    wire_put_bytes(w, f->dst.octets, 4);
    wire_put_uint_at(w->start + at + 10, 2, ipv4_checksum(w->start + at));
}

static void put_ipv6(struct wire_writer *w, const struct traffic_flow *f)
{
    wire_put_u32(w, 0x60000000);
    wire_put_u16(w, (uint16_t)(f->frame_bytes > 40 ? f->frame_bytes - 40 : 0));
    wire_put_u8(w, f->later_fragment ? 44 : f->protocol);
    wire_put_u8(w, 60);
    wire_put_bytes(w, f->src.octets, 16);
    wire_put_bytes(w, f->dst.octets, 16);
    if (f->later_fragment) {
        wire_put_u8(w, f->protocol);
        wire_put_u8(w, 0);
        wire_put_u16(w, 185 << 3);
        wire_put_u32(w, 1);
    }
}

static void put_transport(struct wire_writer *w, const struct traffic_flow *f)
{
    if (f->later_fragment) {
        wire_put_u64(w, 0); /* data */
        return;
    }
    switch (f->protocol) {
    case 6:
        wire_put_u16(w, f->src_port);
        wire_put_u16(w, f->dst_port);
        wire_put_u64(w, 1);
        wire_put_u16(w, (uint16_t)(0x5000 | f->tcp_flags));
        wire_put_u16(w, 65535);
        wire_put_u32(w, 0);
        break;
    case 17:
        wire_put_u16(w, f->src_port);
        wire_put_u16(w, f->dst_port);
        wire_put_u16(w, (uint16_t)(f->frame_bytes > 20 ? f->frame_bytes - 20 : 8));
        wire_put_u16(w, 0);
        break;
    default:
        wire_put_u16(w, f->protocol == 58 ? 0x8000 : 0x0800); /* echo request */
        wire_put_u16(w, 0);
        wire_put_u32(w, 1);
        break;
    }
}

static bool add(struct export *e, const struct traffic_flow *flow)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    struct wire_writer *w = &e->out;
    if (w->room - w->len < SAMPLE_MAX)
        return false;
    e->pool += e->sampling;
    wire_put_u32(w, 1); /* flow sample */
    size_t sample_at = wire_hold(w, 4);
    wire_put_u32(w, ++e->samples);
    wire_put_u32(w, 501); /* source: ifIndex */
    wire_put_u32(w, e->sampling);
    wire_put_u32(w, e->pool);
    wire_put_u32(w, 0); /* drops */
    wire_put_u32(w, 501);
    wire_put_u32(w, 502);
    wire_put_u32(w, 1); /* one record: raw header */
    wire_put_u32(w, 1);
    size_t record_at = wire_hold(w, 4);
    wire_put_u32(w, 1); /* Ethernet */
    wire_put_u32(w, flow->frame_bytes + ETHERNET + FCS);
    wire_put_u32(w, FCS); /* stripped */
    size_t header_at = wire_hold(w, 4);
    wire_put_bytes(w, macs, sizeof(macs));
    wire_put_u16(w, flow->src.family == ADDR_IPV4 ? 0x0800 : 0x86dd);
    if (flow->src.family == ADDR_IPV4)
        put_ipv4(w, flow);
    else
        put_ipv6(w, flow);
    put_transport(w, flow);
    wire_fill_len(w, header_at, 4);
    while ((w->len - header_at) % 4 != 0)
        wire_put_u8(w, 0);
    wire_fill_len(w, record_at, 4);
    wire_fill_len(w, sample_at, 4);
    return true;
}

static void end(struct export *e)
{
    size_t count_at = 24 + (e->agent.family == ADDR_IPV6 ? 12u : 0u);
    wire_put_uint_at(e->bytes + count_at, 4, e->in_datagram);
}

const struct export_format export_sflow5 = {begin, add, end};
