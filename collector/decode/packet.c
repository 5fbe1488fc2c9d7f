#include "collector/decode/packet.h"

#include <netinet/in.h>

enum ether_type {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_QINQ = 0x88a8,
    ETHER_QINQ_OLD = 0x9100,
    ETHER_QINQ_OLDER = 0x9200,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_MULTICAST = 0x8848,
    ETHER_PPPOE = 0x8864,
    ETHER_BACKBONE = 0x88e7,
    ETHER_LENGTH_MAX = 1500 /* up to this a type is a length, and LLC follows */
};

enum { IPV4_LEN = 20, IPV6_LEN = 40 }; /* without options */

/* Cisco's HDLC: address, a control octet of 0, and an Ethernet type where PPP has its protocol. */
enum { CHDLC_UNICAST = 0x0f00, CHDLC_MULTICAST = 0x8f00 };

enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281 };

/* Extension headers that a packet may stack before the walk ends; octets would bound it as well. */
enum { EXTENSIONS_MAX = 16 };

/* Frames inside frames (pseudowires, backbones) that are opened on the way to the first IP header.
 */
enum { FRAMES_MAX = 3 };

struct inside {
    uint32_t behind; /* octets of the outermost frame that the sample leaves out at its end */
    int depth;       /* of frames in frames */
};

static struct inside deeper(struct inside inside)
{
    inside.depth++;
    return inside;
}

static void parse_tcp(struct wire_reader *packet, struct flow_record *flow)
{
    wire_skip(packet, 8);
    uint16_t offset_and_flags = wire_u16(packet);
    if (packet->failed)
        return; /* cut before the flags */
    flow->tcp_flags = offset_and_flags & 0x0fff;
    flow->has |= FLOW_TCP_FLAGS;
}

static void parse_transport(struct wire_reader *packet, struct flow_record *flow)
{
    switch (flow->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
    case IPPROTO_UDPLITE: {
        struct wire_reader ports = wire_sub(packet, 4);
        if (ports.failed)
            return;
        uint16_t src = wire_u16(&ports), dst = wire_u16(&ports);
        flow->src_port = src;
        flow->dst_port = dst;
        flow->has |= FLOW_SRC_PORT | FLOW_DST_PORT;
        if (flow->protocol == IPPROTO_TCP)
            parse_tcp(packet, flow);
        break;
    }
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
        uint8_t type = wire_u8(packet), code = wire_u8(packet);
        if (packet->failed)
            return;
        flow->icmp_type = type;
        flow->icmp_code = code;
        flow->has |= FLOW_ICMP;
        break;
    }
    }
}

static uint8_t fragment_bits(uint16_t offset, bool more, bool dont)
{
    unsigned int bits = dont ? FRAGMENT_DF : 0;
    if (offset > 0)
        bits |= FRAGMENT_LATER | (more ? 0U : FRAGMENT_LAST);
    else if (more)
        bits |= FRAGMENT_FIRST;
    return (uint8_t)bits;
}

static bool parse_ipv4(struct wire_reader *packet, struct flow_record *flow)
{
    const uint8_t *header = wire_take(packet, IPV4_LEN);
    if (header == NULL)
        return false;
    size_t header_len = (header[0] & 0x0fU) * 4U;
    uint16_t fragment = wire_u16_at(header + 6);

    if (header_len < IPV4_LEN)
        return false;
    flow->tos = header[1];
    flow->ip_length = wire_u16_at(header + 2);
    flow->fragment =
        fragment_bits(fragment & 0x1fff, (fragment & 0x2000) != 0, (fragment & 0x4000) != 0);
    flow->ttl = header[8];
    flow->protocol = header[9];
    addr_store_ipv4(&flow->src_addr, header + 12);
    addr_store_ipv4(&flow->dst_addr, header + 16);
    flow->has |= FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_TOS | FLOW_TTL | FLOW_PROTOCOL |
                 FLOW_IP_LENGTH | FLOW_FRAGMENT;
    wire_skip(packet, header_len - IPV4_LEN);
    if (!(flow->fragment & FRAGMENT_LATER))
        parse_transport(packet, flow);
    return true;
}

/* Walks the extension headers; the reader ends up at the transport header, or failed. */
static void parse_ipv6_extensions(struct wire_reader *packet, struct flow_record *flow,
                                  uint8_t next)
{
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        flow->protocol = next;
        switch (next) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case IPPROTO_MH:
        case 139: /* HIP */
        case 140: /* Shim6 */
            next = wire_u8(packet);
            wire_skip(packet, 6U + wire_u8(packet) * 8U);
            break;
        case IPPROTO_AH:
            next = wire_u8(packet);
            wire_skip(packet, (wire_u8(packet) + 2U) * 4U - 2U);
            break;
        case IPPROTO_FRAGMENT: {
            next = wire_u8(packet);
            wire_skip(packet, 1);
            uint16_t fragment = wire_u16(packet);
            wire_skip(packet, 4);
            if (packet->failed)
                return;
            flow->fragment = fragment_bits(fragment >> 3, (fragment & 1) != 0, false);
            if (flow->fragment & FRAGMENT_LATER) {
                flow->protocol = next;
                return;
            }
            break;
        }
        default:
            return;
        }
        if (packet->failed)
            return;
    }
}

static bool parse_ipv6(struct wire_reader *packet, struct flow_record *flow)
{
    uint32_t first = wire_u32(packet);
    uint16_t payload = wire_u16(packet);
    uint8_t next = wire_u8(packet), ttl = wire_u8(packet);
    const uint8_t *addrs = wire_take(packet, 32);

    if (addrs == NULL)
        return false;
    addr_store_ipv6(&flow->src_addr, addrs);
    addr_store_ipv6(&flow->dst_addr, addrs + 16);
    flow->tos = (uint8_t)(first >> 20);
    flow->flow_label = first & 0xfffff;
    flow->ttl = ttl;
    flow->ip_length = (uint16_t)(payload > UINT16_MAX - 40 ? UINT16_MAX : payload + 40);
    flow->has |= FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_TOS | FLOW_FLOW_LABEL | FLOW_TTL |
                 FLOW_PROTOCOL | FLOW_IP_LENGTH | FLOW_FRAGMENT;
    parse_ipv6_extensions(packet, flow, next);
    if (!packet->failed && !(flow->fragment & FRAGMENT_LATER))
        parse_transport(packet, flow);
    return true;
}

static unsigned int version_ahead(struct wire_reader packet)
{
    return wire_u8(&packet) >> 4;
}

bool packet_parse_ip(struct wire_reader *packet, struct flow_record *flow)
{
    switch (version_ahead(*packet)) {
    case 4:
        return parse_ipv4(packet, flow);
    case 6:
        return parse_ipv6(packet, flow);
    default:
        return false;
    }
}

static uint16_t skip_tags(struct wire_reader *packet, struct flow_record *flow, uint16_t type)
{
    while (type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD ||
           type == ETHER_QINQ_OLDER) {
        uint16_t tag = wire_u16(packet);
        type = wire_u16(packet);
        if (!packet->failed && !(flow->has & FLOW_VLAN)) {
            flow->vlan = tag & 0x0fff; /* the outermost */
            flow->has |= FLOW_VLAN;
        }
    }
    return type;
}

/* --- behind a label --- */

/* Whether a length that a header tells fits the octets from the header to its frame's end, which a
 * short frame is filled up to and a check sequence follows. Where nobody knows how many the sample
 * leaves out, it must only not be less than those that are there. */
static bool fits_frame(size_t told, size_t left, uint32_t behind)
{
    enum { TRAILER_MAX = 8, FILLED_MAX = 60 };
    const size_t len = behind == PACKET_BEHIND_UNKNOWN ? left : left + behind;
    const bool reaches = told + TRAILER_MAX >= len || len <= FILLED_MAX;
    return reaches && (told <= len || behind == PACKET_BEHIND_UNKNOWN);
}

/* RFC 1071. A header that its own machine has sampled may be without, as its card fills it in. */
static bool has_ipv4_checksum(const uint8_t *header, size_t header_len)
{
    uint32_t sum = 0;
    if (wire_u16_at(header + 10) == 0)
        return true;
    for (size_t i = 0; i < header_len; i += 2)
        sum += wire_u16_at(header + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* More than a first octet that is like IP's. A header that is cut is none: others decide. */
static bool is_ip(const struct wire_reader *packet, uint32_t behind)
{
    const uint8_t *header = wire_peek(packet, IPV4_LEN);
    if (header == NULL)
        return false;
    if (header[0] >> 4 == 6)
        return packet->left >= IPV6_LEN &&
               fits_frame(wire_u16_at(header + 4) + (size_t)IPV6_LEN, packet->left, behind);
    const size_t header_len = (header[0] & 0x0fU) * 4U, total = wire_u16_at(header + 2);
    return header[0] >> 4 == 4 && header_len >= IPV4_LEN && total >= header_len &&
           packet->left >= header_len && fits_frame(total, packet->left, behind) &&
           has_ipv4_checksum(header, header_len);
}

/* Of IPv6 the length is all that shows it, so where that is not known a frame may be likelier. */
static bool is_sure_ip(const struct wire_reader *packet, uint32_t behind)
{
    return (behind != PACKET_BEHIND_UNKNOWN || version_ahead(*packet) == 4) &&
           is_ip(packet, behind);
}

/* A frame with or without tags, and IP in it. */
static bool is_frame_of_ip(struct wire_reader packet, uint32_t behind)
{
    struct flow_record ignored = {0};
    wire_skip(&packet, 12);
    const uint16_t type = skip_tags(&packet, &ignored, wire_u16(&packet));
    return !packet.failed && is_ip(&packet, behind) &&
           type == (version_ahead(packet) == 4 ? ETHER_IPV4 : ETHER_IPV6);
}

static bool parse_ethernet(struct wire_reader *packet, struct flow_record *flow,
                           struct inside inside);

/* A frame, or a control word (RFC 4385) and then one: the label's two ends know which, and nobody
 * else. A frame that is one comes first, as its addresses are no stranger's to choose. */
static bool parse_pseudowire(struct wire_reader *packet, struct flow_record *flow,
                             struct inside inside)
{
    struct wire_reader bare = *packet;
    struct flow_record found = *flow;
    if (parse_ethernet(&bare, &found, deeper(inside))) {
        *flow = found;
        return true;
    }
    if (version_ahead(*packet) != 0)
        return false;
    wire_skip(packet, 4);
    return parse_ethernet(packet, flow, deeper(inside));
}

/* Nothing behind a label says whether it is IP or a frame, whose first octet may be as one of IP's:
 * so IP is what its lengths and checksum show as such, and else what does not look like a frame
 * of IP. */
static bool parse_mpls(struct wire_reader *packet, struct flow_record *flow, struct inside inside)
{
    uint32_t label;
    do {
        label = wire_u32(packet);
    } while (!packet->failed && !(label & 0x100)); /* until the bottom of the stack */
    if (packet->failed || packet->left == 0)
        return false;
    if (!is_sure_ip(packet, inside.behind) && is_frame_of_ip(*packet, inside.behind))
        return parse_ethernet(packet, flow, deeper(inside));
    struct wire_reader ip = *packet;
    return packet_parse_ip(&ip, flow) || parse_pseudowire(packet, flow, inside);
}

static bool parse_type(struct wire_reader *packet, struct flow_record *flow, uint16_t type,
                       struct inside inside);

static bool parse_ppp(struct wire_reader *packet, struct flow_record *flow, struct inside inside)
{
    uint16_t protocol = wire_u16(packet);
    if (protocol == 0xff03) /* address and control of HDLC framing */
        protocol = wire_u16(packet);
    switch (protocol) {
    case PPP_IPV4:
    case PPP_IPV6:
        return packet_parse_ip(packet, flow);
    case PPP_MPLS:
        return parse_mpls(packet, flow, inside);
    case CHDLC_UNICAST:
    case CHDLC_MULTICAST:
        return inside.depth <= FRAMES_MAX &&
               parse_type(packet, flow, wire_u16(packet), deeper(inside));
    default:
        return false;
    }
}

static bool parse_type(struct wire_reader *packet, struct flow_record *flow, uint16_t type,
                       struct inside inside)
{
    switch (type) {
    case ETHER_IPV4:
    case ETHER_IPV6:
        return packet_parse_ip(packet, flow);
    case ETHER_MPLS:
    case ETHER_MPLS_MULTICAST:
        return parse_mpls(packet, flow, inside);
    case ETHER_PPPOE:
        wire_skip(packet, 6);
        return parse_ppp(packet, flow, inside);
    case ETHER_BACKBONE: /* 802.1ah: the service, and the customer's frame */
        wire_skip(packet, 4);
        return parse_ethernet(packet, flow, deeper(inside));
    default:
        return false;
    }
}

static bool parse_ethernet(struct wire_reader *packet, struct flow_record *flow,
                           struct inside inside)
{
    if (inside.depth > FRAMES_MAX)
        return false;
    struct wire_reader head = wire_sub(packet, 14);
    wire_skip(&head, 12);
    uint16_t type = skip_tags(packet, flow, wire_u16(&head));
    if (type <= ETHER_LENGTH_MAX) {
        if (wire_u24(packet) != 0xaaaa03) /* LLC and SNAP, RFC 1042 */
            return false;
        wire_skip(packet, 3);
        type = skip_tags(packet, flow, wire_u16(packet));
    }
    if (packet->failed)
        return false;
    if (type == ETHER_IPV4) /* most are, and a call less is felt */
        return packet_parse_ip(packet, flow);
    return parse_type(packet, flow, type, inside);
}

bool packet_parse_ethernet(struct wire_reader *packet, uint32_t behind, struct flow_record *flow)
{
    return parse_ethernet(packet, flow, (struct inside){.behind = behind, .depth = 1});
}

bool packet_parse_mpls(struct wire_reader *packet, uint32_t behind, struct flow_record *flow)
{
    return parse_mpls(packet, flow, (struct inside){.behind = behind, .depth = 1});
}

bool packet_parse_ppp(struct wire_reader *packet, uint32_t behind, struct flow_record *flow)
{
    return parse_ppp(packet, flow, (struct inside){.behind = behind, .depth = 1});
}

void packet_complete(struct flow_record *flow, const struct flow_record *packet)
{
    uint32_t lacks = packet->has & ~flow->has;
    if (lacks == 0)
        return;
#define TAKE(bit, member)                                                                          \
    if (lacks & (bit))                                                                             \
    flow->member = packet->member
    TAKE(FLOW_SRC_ADDR, src_addr);
    TAKE(FLOW_DST_ADDR, dst_addr);
    TAKE(FLOW_SRC_PORT, src_port);
    TAKE(FLOW_DST_PORT, dst_port);
    TAKE(FLOW_PROTOCOL, protocol);
    TAKE(FLOW_TCP_FLAGS, tcp_flags);
    TAKE(FLOW_TOS, tos);
    TAKE(FLOW_ICMP, icmp_type);
    TAKE(FLOW_ICMP, icmp_code);
    TAKE(FLOW_FRAGMENT, fragment);
    TAKE(FLOW_IP_LENGTH, ip_length);
    TAKE(FLOW_VLAN, vlan);
    TAKE(FLOW_FLOW_LABEL, flow_label);
    TAKE(FLOW_TTL, ttl);
#undef TAKE
    flow->has |= lacks;
}
