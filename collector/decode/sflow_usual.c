#include "collector/decode/sflow_usual.h"

#include "collector/decode/record.h"
#include "collector/decode/sampling.h"
#include "collector/decode/sflow_records.h"
#include "collector/decode/ways.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A switch's record is its type, its length and 16 octets; a raw header's its type, its length and
 * the 16 octets before the header. */
enum { SWITCH_LEN = 24, RAW_LEN = 24 };

/* Ethernet's header with a tag, IPv4's, and both ports: with no less one check serves for most. */
enum { FRAME_MIN = 18 + 20 + 4 };

struct raw_header {
    const uint8_t *frame;
    size_t octets; /* of the frame that are here: FRAME_MIN or more */
    uint32_t has;  /* FLOW_VLAN where the switch says one */
    uint16_t vlan;
};

ALWAYS_INLINE bool is_switch(const uint8_t *record)
{
    return wire_u32_at(record) == SFLOW_SWITCH && wire_u32_at(record + 4) == SWITCH_LEN - 8;
}

/* The records of a sample, `left` octets that all are of a raw header, or of that and a switch's
 * record before or behind it.
 *   type, length | protocol, frame length, octets stripped, header's length, header */
ALWAYS_INLINE bool find_header(const uint8_t *record, size_t left, uint32_t records,
                               struct raw_header *raw, struct flow_record *flow)
{
    raw->has = raw->vlan = 0;
    if (records != 1) {
        if (records != 2 || left < RAW_LEN + FRAME_MIN + SWITCH_LEN)
            return false;
        left -= SWITCH_LEN;
        const uint8_t *other = is_switch(record) ? record : record + left;
        uint32_t vlan = wire_u32_at(other + 8);
        if (!is_switch(other))
            return false;
        if (vlan <= 4095) { /* all ones: not known */
            raw->has = FLOW_VLAN;
            raw->vlan = (uint16_t)vlan;
        }
        record += other == record ? SWITCH_LEN : 0;
    }
    /* Type and length at once: each comparison less is felt. */
    if (wire_u64_at(record) != ((uint64_t)SFLOW_RAW_HEADER << 32 | (left - 8)) ||
        wire_u32_at(record + 8) != SFLOW_HEADER_ETHERNET)
        return false;
    raw->frame = record + RAW_LEN;
    raw->octets = wire_u32_at(record + 20);
    flow->bytes = wire_u32_at(record + 12);
    return flow->bytes > 0 && raw->octets >= FRAME_MIN && raw->octets <= left - RAW_LEN;
}

/* What follows an IP header, `left` octets of it, of a record that has `has`. */
ALWAYS_INLINE bool read_transport(const uint8_t *at, size_t left, uint8_t protocol, uint32_t has,
                                  struct flow_record *flow)
{
    has |= FLOW_PROTOCOL | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_BYTES | FLOW_PACKETS;
    flow->protocol = protocol;
    flow->src_port = wire_u16_at(at);
    flow->dst_port = wire_u16_at(at + 2);
    if (wire_u32_at(at) == 0) /* no ports */
        return false;
    if (protocol == IPPROTO_UDP) {
        flow->has = has;
        flow->tcp_flags = 0;
        return true;
    }
    if (protocol != IPPROTO_TCP || left < 14)
        return false;
    flow->has = has | FLOW_TCP_FLAGS;
    flow->tcp_flags = wire_u16_at(at + 12) & 0x0fff;
    return true;
}

ALWAYS_INLINE bool read_frame(const struct raw_header *raw, uint32_t has, struct flow_record *flow)
{
    enum { TAG_LEN = 4, HEAD_LEN = 14, IPV4_LEN = 20, IPV6_LEN = 40, PORTS_LEN = 4 };
    const uint8_t *ip = raw->frame + HEAD_LEN;
    size_t left = raw->octets - HEAD_LEN;
    uint16_t type = wire_u16_at(raw->frame + 12);

    has |= raw->has | FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_TOS | FLOW_TTL | FLOW_IP_LENGTH |
           FLOW_FRAGMENT;
    flow->vlan = raw->vlan;
    if (type == 0x8100) { /* what the frame says goes before what the switch says */
        flow->vlan = wire_u16_at(ip) & 0x0fff;
        has |= FLOW_VLAN;
        type = wire_u16_at(ip + 2);
        ip += TAG_LEN;
        left -= TAG_LEN;
    }
    if (type == 0x0800 && ip[0] == 0x45) {
        enum { DONT = 0x4000, ANY = 0x3fff };
        uint16_t fragment = wire_u16_at(ip + 6);
        flow->fragment = fragment & DONT ? FRAGMENT_DF : 0;
        flow->tos = ip[1];
        flow->ip_length = wire_u16_at(ip + 2);
        flow->ttl = ip[8];
        flow->flow_label = 0;
        addr_store_ipv4(&flow->src_addr, ip + 12);
        addr_store_ipv4(&flow->dst_addr, ip + 16);
        return (fragment & ANY) == 0 &&
               read_transport(ip + IPV4_LEN, left - IPV4_LEN, ip[9], has, flow);
    }
    if (type != 0x86dd || ip[0] >> 4 != 6 || left < IPV6_LEN + PORTS_LEN)
        return false;
    uint32_t first = wire_u32_at(ip), payload = wire_u16_at(ip + 4);
    flow->fragment = 0;
    flow->tos = (uint8_t)(first >> 20);
    flow->flow_label = first & 0xfffff;
    flow->ip_length = (uint16_t)(payload > UINT16_MAX - IPV6_LEN ? UINT16_MAX : payload + IPV6_LEN);
    flow->ttl = ip[7];
    addr_store_ipv6(&flow->src_addr, ip + 8);
    addr_store_ipv6(&flow->dst_addr, ip + 24);
    return read_transport(ip + IPV6_LEN, left - IPV6_LEN, ip[6], has | FLOW_FLOW_LABEL, flow);
}

/* Where many samples say the same rate, what it comes to is asked once. */
static void set_rate(struct decode_context *context, struct sflow_usual *usual, uint32_t rate)
{
    struct flow_record *flow = &usual->flow;
    flow->sampling_rate = usual->base_rate;
    flow->sampling_source = usual->base_source;
    if (usual->base_source == SAMPLING_OVERRIDE || usual->base_source == SAMPLING_OPTIONS) {
        sampling_own(context, flow, rate, SAMPLING_SAMPLE); /* each that contradicts it counts */
        return;
    }
    double own = ways_judged(rate);
    if (own > 0) {
        flow->sampling_rate = own;
        flow->sampling_source = SAMPLING_SAMPLE;
    }
    usual->rate = rate;
}

/* Written out for both kinds, so that all is at a constant place. */
ALWAYS_INLINE bool read_body(struct decode_context *context, const uint8_t *body, size_t len,
                             bool expanded, struct sflow_usual *usual)
{
    const size_t head_len = expanded ? SFLOW_EXPANDED_LEN : SFLOW_PLAIN_LEN;
    struct flow_record *flow = &usual->flow;
    struct raw_header raw;

    if (!find_header(body + head_len, len - head_len, wire_u32_at(body + head_len - 4), &raw, flow))
        return false;
    uint32_t has = sflow_read_interfaces(flow, body + (expanded ? 24 : 20), expanded);
    uint32_t rate = wire_u32_at(body + (expanded ? 12 : 8));
    if (rate == 0 || !read_frame(&raw, has, flow))
        return false;
    uint32_t class = expanded ? wire_u32_at(body + 4) : body[4]; /* 0, of an interface, mostly */
    uint64_t source = wire_u32_at(body + (expanded ? 8 : 4));
    flow->source_if = (uint32_t)source;
    if (__builtin_expect(class != 0, 0)) {
        source = expanded ? wire_u64_at(body + 4) : sflow_source_of((uint32_t)source);
        flow->source_if = sflow_interface_of(source);
    }
    sampling_note_source(context, source, rate, wire_u32_at(body));
    if (usual->rate != rate)
        set_rate(context, usual, rate);
    return true;
}

/* Copying it is cheaper than the rep stos of an initialiser. */
static const struct flow_record nothing;

void sflow_usual_init(struct sflow_usual *usual, struct decode_context *context,
                      const struct ip_addr *agent)
{
    struct flow_record *flow = &usual->flow;
    *flow = nothing;
    flow->format = FORMAT_SFLOW5;
    flow->domain = context->domain_number;
    flow->agent = *agent;
    flow->packets = 1;
    sampling_base(context, flow);
    usual->base_rate = flow->sampling_rate;
    usual->base_source = flow->sampling_source;
    usual->rate = 0;
}

void sflow_usual_base(const struct sflow_usual *usual, struct flow_record *ret_base)
{
    *ret_base = nothing;
    ret_base->format = usual->flow.format;
    ret_base->domain = usual->flow.domain;
    ret_base->agent = usual->flow.agent;
    ret_base->sampling_rate = usual->base_rate;
    ret_base->sampling_source = usual->base_source;
}

uint32_t sflow_usual_read(struct decode_context *context, struct wire_reader *r,
                          struct sflow_usual *usual, uint32_t samples)
{
    enum { HEAD_LEN = 8, BODY_MIN = SFLOW_EXPANDED_LEN + RAW_LEN + FRAME_MIN };
    const struct decode_sink *sink = context->sink;
    const uint8_t *sample = wire_peek(r, 0);
    size_t left = r->left;
    uint32_t count = 0;

    while (count < samples && left >= HEAD_LEN + BODY_MIN) {
        const uint8_t *body = sample + HEAD_LEN;
        uint32_t type = wire_u32_at(sample), len = wire_u32_at(sample + 4);
        if (len % 4 != 0 || len < BODY_MIN || len > left - HEAD_LEN)
            break;
        if (!(type == SFLOW_FLOW            ? read_body(context, body, len, false, usual)
              : type == SFLOW_FLOW_EXPANDED ? read_body(context, body, len, true, usual)
                                            : false))
            break;
        sample += HEAD_LEN + len;
        left -= HEAD_LEN + len;
        count++;
        sink->on_record(sink->owner, &usual->flow);
    }
    wire_skip(r, r->left - left);
    if (count > 0)
        record_count(context, &usual->flow, count);
    return count;
}
