#include "common/base/wire.h"
#include "ctl/capture.h"

#include <pcap/pcap.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_SERVICE_VLAN = 0x88a8,
    ETHER_OLD_VLAN = 0x9100,
    ETHER_MPLS = 0x8847,
    ETHER_PPPOE = 0x8864,
};
/* Address and control of HDLC before PPP, Cisco's HDLC (address and 0), PPP's protocols. */
enum { PPP_FRAMED = 0xff03, CHDLC_UNICAST = 0x0f00, CHDLC_MULTICAST = 0x8f00 };
enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };
enum { PROTOCOL_UDP = 17 };
/* IPv6 extension headers that may stand before UDP (RFC 8200, 4). */
enum { NEXT_HOPS = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_AH = 51, NEXT_OPTIONS = 60 };

/* What a frame says. */
struct found {
    struct capture_datagram *datagram;
    struct capture_fragment *fragment;
};

enum capture_verdict capture_udp(struct wire_reader ip, struct capture_datagram *ret)
{
    uint16_t from = wire_u16(&ip), to = wire_u16(&ip), len = wire_u16(&ip);
    wire_skip(&ip, 2);
    if (ip.failed || len < 8)
        return CAPTURE_MALFORMED;
    bool cut = len - 8U > ip.left;
    ret->from.port = from;
    ret->to.port = to;
    ret->bytes = ip.pos;
    ret->len = cut ? ip.left : len - 8U;
    return cut ? CAPTURE_CUT : CAPTURE_DATAGRAM;
}

static void set_ends(const struct found *found, enum addr_family family, const uint8_t *from,
                     const uint8_t *to)
{
    found->datagram->from.addr = addr_from_octets(family, from);
    found->datagram->to.addr = addr_from_octets(family, to);
}

/* What is left of the packet, which may end before its header says. */
static enum capture_verdict give_fragment(const struct found *found, const struct wire_reader *ip,
                                          const struct capture_fragment *fragment)
{
    found->datagram->bytes = ip->pos;
    found->datagram->len = ip->left;
    *found->fragment = *fragment;
    return CAPTURE_FRAGMENT;
}

/* What stands behind the IP datagram, such as Ethernet's padding, is no part of it. */
static void limit(struct wire_reader *r, size_t len)
{
    if (len < r->left)
        *r = wire_sub(r, len);
}

static enum capture_verdict read_ipv4(struct wire_reader r, const struct found *found)
{
    uint8_t first = wire_u8(&r);
    wire_skip(&r, 1);
    size_t total = wire_u16(&r), header = (first & 15U) * 4U;
    uint16_t id = wire_u16(&r), fragment = wire_u16(&r);
    wire_skip(&r, 1);
    uint8_t protocol = wire_u8(&r);
    wire_skip(&r, 2);
    const uint8_t *from = wire_take(&r, 4), *to = wire_take(&r, 4);
    if (from == NULL || to == NULL || first >> 4 != 4 || header < 20 ||
        (total != 0 && total < header))
        return CAPTURE_MALFORMED;
    wire_skip(&r, header - 20);
    if (r.failed)
        return CAPTURE_MALFORMED;
    if (protocol != PROTOCOL_UDP)
        return CAPTURE_NOT_UDP;
    size_t held = r.left;
    if (total != 0) /* what a card that cuts segments itself leaves there */
        limit(&r, total - header);
    set_ends(found, ADDR_IPV4, from, to);
    if ((fragment & 0x3fff) != 0)
        return give_fragment(
            found, &r,
            &(struct capture_fragment){.id = id,
                                       .offset = (fragment & 0x1fffU) * 8,
                                       .more = (fragment & 0x2000) != 0,
                                       .is_cut = total != 0 && held < total - header});
    return capture_udp(r, found->datagram);
}

static enum capture_verdict read_ipv6(struct wire_reader r, const struct found *found)
{
    uint8_t first = wire_u8(&r);
    wire_skip(&r, 3);
    size_t payload = wire_u16(&r);
    uint8_t next = wire_u8(&r);
    wire_skip(&r, 1);
    const uint8_t *from = wire_take(&r, 16), *to = wire_take(&r, 16);
    if (from == NULL || to == NULL || first >> 4 != 6)
        return CAPTURE_MALFORMED;
    bool is_cut = r.left < payload;
    if (payload != 0)
        limit(&r, payload);
    set_ends(found, ADDR_IPV6, from, to);
    while (next != PROTOCOL_UDP) {
        bool is_fragment = next == NEXT_FRAGMENT, is_ah = next == NEXT_AH;
        if (!is_fragment && !is_ah && next != NEXT_HOPS && next != NEXT_ROUTING &&
            next != NEXT_OPTIONS)
            return CAPTURE_NOT_UDP;
        next = wire_u8(&r);
        size_t len = wire_u8(&r);
        uint16_t offset = wire_u16(&r);
        /* Of a whole packet in one fragment (RFC 6946) both are 0. */
        if (is_fragment && (offset & 0xfff9) != 0) {
            struct capture_fragment fragment = {.id = wire_u32(&r),
                                                .offset = offset & 0xfff8U,
                                                .more = (offset & 1) != 0,
                                                .is_cut = is_cut};
            return r.failed               ? CAPTURE_MALFORMED
                   : next != PROTOCOL_UDP ? CAPTURE_NOT_UDP
                                          : give_fragment(found, &r, &fragment);
        }
        wire_skip(&r, is_fragment ? 4 : is_ah ? len * 4 + 4 : len * 8 + 4);
        if (r.failed)
            return CAPTURE_MALFORMED;
    }
    return capture_udp(r, found->datagram);
}

static enum capture_verdict read_ip(struct wire_reader r, const struct found *found)
{
    if (r.left == 0)
        return CAPTURE_MALFORMED;
    return r.pos[0] >> 4 == 4   ? read_ipv4(r, found)
           : r.pos[0] >> 4 == 6 ? read_ipv6(r, found)
                                : CAPTURE_NOT_IP;
}

static enum capture_verdict read_mpls(struct wire_reader r, const struct found *found)
{
    uint32_t label;
    do {
        label = wire_u32(&r);
    } while (!r.failed && !(label & 0x100)); /* until the bottom of the stack */
    return r.failed ? CAPTURE_MALFORMED : read_ip(r, found);
}

static enum capture_verdict read_ppp(struct wire_reader r, uint16_t protocol,
                                     const struct found *found)
{
    if (r.failed)
        return CAPTURE_MALFORMED;
    return protocol == PPP_IPV4   ? read_ipv4(r, found)
           : protocol == PPP_IPV6 ? read_ipv6(r, found)
                                  : CAPTURE_NOT_IP;
}

static enum capture_verdict read_typed(struct wire_reader r, uint16_t type,
                                       const struct found *found)
{
    while (!r.failed &&
           (type == ETHER_VLAN || type == ETHER_SERVICE_VLAN || type == ETHER_OLD_VLAN)) {
        wire_skip(&r, 2);
        type = wire_u16(&r);
    }
    if (r.failed)
        return CAPTURE_MALFORMED;
    uint16_t protocol;
    switch (type) {
    case ETHER_IPV4:
        return read_ipv4(r, found);
    case ETHER_IPV6:
        return read_ipv6(r, found);
    case ETHER_MPLS:
        return read_mpls(r, found);
    case ETHER_PPPOE:
        wire_skip(&r, 6);
        protocol = wire_u16(&r);
        return read_ppp(r, protocol, found);
    default:
        return CAPTURE_NOT_IP;
    }
}

/* PPP with HDLC's framing or without, or Cisco's HDLC: captures of a serial line may hold any. */
static enum capture_verdict read_serial(struct wire_reader r, const struct found *found)
{
    uint16_t first = wire_u16(&r);
    if (first == CHDLC_UNICAST || first == CHDLC_MULTICAST) {
        uint16_t type = wire_u16(&r);
        return read_typed(r, type, found);
    }
    if (first == PPP_FRAMED)
        first = wire_u16(&r);
    return read_ppp(r, first, found);
}

bool capture_link_is_known(int link_type)
{
    static const int known[] = {DLT_EN10MB, DLT_LINUX_SLL,  DLT_LINUX_SLL2, DLT_RAW,
                                DLT_IPV4,   DLT_IPV6,       DLT_NULL,       DLT_LOOP,
                                DLT_PPP,    DLT_PPP_SERIAL, DLT_C_HDLC};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == link_type)
            return true;
    return false;
}

enum capture_verdict capture_frame(int link_type, const uint8_t *bytes, size_t len,
                                   struct capture_datagram *ret_datagram,
                                   struct capture_fragment *ret_fragment)
{
    const struct found found = {.datagram = ret_datagram, .fragment = ret_fragment};
    struct wire_reader r = wire_reader_of(bytes, len);
    uint16_t type = 0;
    switch (link_type) {
    case DLT_EN10MB: /* two addresses, type */
        wire_skip(&r, 12);
        type = wire_u16(&r);
        return read_typed(r, type, &found);
    case DLT_LINUX_SLL: /* packet type, device type, address length, address in 8 octets, type */
        wire_skip(&r, 14);
        type = wire_u16(&r);
        return read_typed(r, type, &found);
    case DLT_LINUX_SLL2: /* type, then 18 octets about device and address */
        type = wire_u16(&r);
        wire_skip(&r, 18);
        return read_typed(r, type, &found);
    case DLT_NULL: /* the family in the byte order and numbering of whoever captured */
    case DLT_LOOP:
        wire_skip(&r, 4);
        return r.failed ? CAPTURE_MALFORMED : read_ip(r, &found);
    case DLT_PPP:
    case DLT_PPP_SERIAL:
    case DLT_C_HDLC:
        return read_serial(r, &found);
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        return read_ip(r, &found);
    default:
        return CAPTURE_NOT_IP;
    }
}
