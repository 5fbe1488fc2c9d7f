#include "collector/decode/sflow_records.h"

#include "collector/decode/packet.h"

uint32_t sflow_set_interfaces(struct flow_record *flow, const uint8_t *at, bool expanded)
{
    const uint32_t index_max = 0x3fffffff;
    uint32_t in = wire_u32_at(at), out = wire_u32_at(at + 4), in_format = in >> 30;
    uint32_t out_format = out >> 30;
    if (expanded) {
        in_format = in;
        in = out;
        out_format = wire_u32_at(at + 8);
        out = wire_u32_at(at + 12);
    } else {
        in &= index_max;
        out &= index_max;
    }
    flow->input_if = in_format == SFLOW_INDEX ? in : 0;
    flow->output_if = out_format == SFLOW_INDEX ? out : 0;
    flow->dropped = out_format == SFLOW_INTERFACE_DISCARDED;
    return (in_format == SFLOW_INDEX ? FLOW_INPUT_IF : 0U) |
           (out_format == SFLOW_INDEX ? FLOW_OUTPUT_IF : 0U);
}

/* The sampled octets go straight into the flow; what a switch's own parser says waits until all
 * records are read, and completes it. */
struct found {
    uint32_t frame_len, ethernet_len, ip_len;
    bool has_header;            /* an IP header was found in the sampled octets */
    struct flow_record sampled; /* only members that its `has` names are set */
};

/*
 * protocol, frame length, octets stripped, header's length, header
 */
static bool carries_ip(uint32_t protocol)
{
    return protocol == SFLOW_HEADER_ETHERNET || protocol == SFLOW_HEADER_IPV4 ||
           protocol == SFLOW_HEADER_IPV6 || protocol == SFLOW_HEADER_MPLS ||
           protocol == SFLOW_HEADER_PPP || protocol == SFLOW_HEADER_POS ||
           protocol == SFLOW_HEADER_AAL5_IP;
}

static bool parse_header(uint32_t protocol, struct wire_reader *header, uint32_t behind,
                         struct flow_record *flow)
{
    switch (protocol) {
    case SFLOW_HEADER_ETHERNET:
        return packet_parse_ethernet(header, behind, flow);
    case SFLOW_HEADER_AAL5_IP:
    case SFLOW_HEADER_IPV4:
    case SFLOW_HEADER_IPV6:
        return packet_parse_ip(header, flow);
    case SFLOW_HEADER_MPLS:
        return packet_parse_mpls(header, behind, flow);
    case SFLOW_HEADER_PPP:
    case SFLOW_HEADER_POS:
        return packet_parse_ppp(header, behind, flow);
    default:
        return false;
    }
}

static bool read_raw_header(struct wire_reader *r, struct flow_record *flow, struct found *found)
{
    struct wire_reader head = wire_sub(r, 16);
    uint32_t protocol = wire_u32(&head), frame_len = wire_u32(&head);
    wire_skip(&head, 4);
    uint32_t header_len = wire_u32(&head);
    if (r->failed)
        return false;
    /* Of a header that ends after its record the octets that are here say what they can. */
    bool is_cut = header_len > r->left;
    struct wire_reader header = wire_sub(r, is_cut ? r->left : header_len);
    found->frame_len = frame_len;
    const uint32_t behind = frame_len > header.left ? frame_len - (uint32_t)header.left : 0;
    found->has_header = parse_header(protocol, &header, behind, flow);
    /* A frame of something else than IP, or a medium that we do not look into, counts by its
     * length all the same. */
    return !is_cut && (found->has_header || !carries_ip(protocol) ||
                       (protocol == SFLOW_HEADER_ETHERNET && header_len >= 14));
}

/* length, protocol, source, destination, ports, flags, TOS */
static bool read_sampled_ip(struct wire_reader *r, enum addr_family family, struct found *found)
{
    struct flow_record *flow = &found->sampled;
    size_t len = family == ADDR_IPV4 ? 4 : 16;
    uint32_t ip_len = wire_u32(r), protocol = wire_u32(r);
    const uint8_t *src = wire_take(r, len), *dst = wire_take(r, len);
    uint32_t src_port = wire_u32(r), dst_port = wire_u32(r), flags = wire_u32(r);
    uint32_t tos = wire_u32(r);

    if (r->failed)
        return false;
    found->ip_len = ip_len;
    flow->src_addr = addr_from_octets(family, src);
    flow->dst_addr = addr_from_octets(family, dst);
    flow->protocol = (uint8_t)protocol;
    flow->src_port = (uint16_t)src_port;
    flow->dst_port = (uint16_t)dst_port;
    flow->tcp_flags = (uint16_t)flags;
    flow->tos = (uint8_t)tos;
    flow->ip_length = (uint16_t)(ip_len > UINT16_MAX ? UINT16_MAX : ip_len);
    flow->has |= FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_PROTOCOL | FLOW_SRC_PORT | FLOW_DST_PORT |
                 FLOW_TCP_FLAGS | FLOW_TOS | FLOW_IP_LENGTH;
    return true;
}

/* source VLAN, its priority, destination VLAN, its priority */
static bool read_switch(struct wire_reader *r, struct found *found)
{
    uint32_t vlan = wire_u32(r);
    wire_skip(r, 12);
    if (r->failed)
        return false;
    if (vlan <= 4095) { /* all ones: not known */
        found->sampled.vlan = (uint16_t)vlan;
        found->sampled.has |= FLOW_VLAN;
    }
    return true;
}

static bool read_next_hop(struct wire_reader *r, struct flow_record *flow)
{
    uint32_t type = wire_u32(r);
    const uint8_t *octets = type == 1 ? wire_take(r, 4) : type == 2 ? wire_take(r, 16) : NULL;
    if (octets != NULL) {
        flow->next_hop = addr_from_octets(type == 1 ? ADDR_IPV4 : ADDR_IPV6, octets);
        flow->has |= FLOW_NEXT_HOP;
    }
    return !r->failed && type <= 2;
}

/* next hop, source mask, destination mask */
static bool read_router(struct wire_reader *r, struct flow_record *flow)
{
    if (!read_next_hop(r, flow))
        return false;
    uint32_t src = wire_u32(r), dst = wire_u32(r);
    if (r->failed)
        return false;
    flow->src_mask = (uint8_t)(src > 128 ? 0 : src);
    flow->dst_mask = (uint8_t)(dst > 128 ? 0 : dst);
    flow->has |= FLOW_SRC_MASK | FLOW_DST_MASK;
    return true;
}

/* next hop, router's AS, source AS, source peer's AS, segments of the path to the destination,
 * communities, local preference */
static bool read_gateway(struct wire_reader *r, struct flow_record *flow)
{
    uint32_t last = 0;
    if (!read_next_hop(r, flow))
        return false;
    wire_skip(r, 4);
    uint32_t src_as = wire_u32(r);
    wire_skip(r, 4);
    uint32_t segments = wire_u32(r);
    for (uint32_t i = 0; i < segments && !r->failed; i++) {
        wire_skip(r, 4);
        uint32_t count = wire_u32(r);
        for (uint32_t j = 0; j < count && !r->failed; j++)
            last = wire_u32(r);
    }
    if (r->failed)
        return false;
    flow->src_as = src_as;
    flow->dst_as = last;
    flow->has |= FLOW_SRC_AS | (segments > 0 ? FLOW_DST_AS : 0U);
    return true;
}

static bool read_record(uint32_t type, struct wire_reader *r, struct flow_record *flow,
                        struct found *found)
{
    switch (type) {
    case SFLOW_RAW_HEADER:
        return read_raw_header(r, flow, found);
    case SFLOW_ETHERNET:
        found->ethernet_len = wire_u32(r);
        return !r->failed;
    case SFLOW_IPV4:
        return read_sampled_ip(r, ADDR_IPV4, found);
    case SFLOW_IPV6:
        return read_sampled_ip(r, ADDR_IPV6, found);
    case SFLOW_SWITCH:
        return read_switch(r, found);
    case SFLOW_ROUTER:
        return read_router(r, flow);
    case SFLOW_GATEWAY:
        return read_gateway(r, flow);
    default:
        return true; /* users, URLs, tunnels and what vendors add: stepped over */
    }
}

void sflow_read_records(struct decode_context *context, struct wire_reader *r, uint32_t count,
                        struct flow_record *flow)
{
    struct found found;
    found.frame_len = found.ethernet_len = found.ip_len = 0;
    found.has_header = false;
    found.sampled.has = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t type;
        struct wire_reader record = sflow_take(r, &type);
        if (r->failed) {
            state_refuse(context, DECODE_RECORD);
            break;
        }
        if (!read_record(type, &record, flow, &found))
            state_refuse(context, type == SFLOW_RAW_HEADER ? DECODE_PACKET : DECODE_RECORD);
    }
    if (found.has_header)
        found.sampled.has &= FLOW_VLAN; /* the octets themselves say the rest */
    packet_complete(flow, &found.sampled);
    /* The frame's length counts, not the IP length beside it: a switch that sends both would lose
     * its link layer's octets. */
    uint32_t bytes = found.frame_len > 0      ? found.frame_len
                     : found.ethernet_len > 0 ? found.ethernet_len
                                              : found.ip_len;
    flow->packets = 1;
    flow->bytes = bytes;
    flow->has |= FLOW_PACKETS | (bytes > 0 ? FLOW_BYTES : 0U);
}
