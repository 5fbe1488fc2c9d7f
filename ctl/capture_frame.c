#include "common/base/wire.h"
#include "ctl/capture.h"

#include <pcap/pcap.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_IPV6 = 0x86dd,
    ETHER_VLAN = 0x8100,
    ETHER_SERVICE_VLAN = 0x88a8,
    ETHER_OLD_VLAN = 0x9100,
};
enum { PROTOCOL_UDP = 17 };
/* IPv6 extension headers that may stand before UDP (RFC 8200, 4). */
enum { NEXT_HOPS = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_AH = 51, NEXT_OPTIONS = 60 };

static enum capture_verdict read_udp(struct wire_reader ip, struct capture_datagram *ret)
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

/* What stands behind the IP datagram, such as Ethernet's padding, is no part of it. */
static void limit(struct wire_reader *r, size_t len)
{
    if (len < r->left)
        *r = wire_sub(r, len);
}

static enum capture_verdict read_ipv4(struct wire_reader r, struct capture_datagram *ret)
{
    uint8_t first = wire_u8(&r);
    wire_skip(&r, 1);
    size_t total = wire_u16(&r), header = (first & 15U) * 4U;
    wire_skip(&r, 2);
    uint16_t fragment = wire_u16(&r);
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
    if ((fragment & 0x3fff) != 0)
        return CAPTURE_FRAGMENT;
    if (total != 0) /* what a card that cuts segments itself leaves there */
        limit(&r, total - header);
    ret->from.addr = addr_from_octets(ADDR_IPV4, from);
    ret->to.addr = addr_from_octets(ADDR_IPV4, to);
    return read_udp(r, ret);
}

static enum capture_verdict read_ipv6(struct wire_reader r, struct capture_datagram *ret)
{
    uint8_t first = wire_u8(&r);
    wire_skip(&r, 3);
    size_t payload = wire_u16(&r);
    uint8_t next = wire_u8(&r);
    wire_skip(&r, 1);
    const uint8_t *from = wire_take(&r, 16), *to = wire_take(&r, 16);
    if (from == NULL || to == NULL || first >> 4 != 6)
        return CAPTURE_MALFORMED;
    if (payload != 0)
        limit(&r, payload);
    while (next != PROTOCOL_UDP) {
        bool is_fragment = next == NEXT_FRAGMENT, is_ah = next == NEXT_AH;
        if (!is_fragment && !is_ah && next != NEXT_HOPS && next != NEXT_ROUTING &&
            next != NEXT_OPTIONS)
            return CAPTURE_NOT_UDP;
        next = wire_u8(&r);
        size_t len = wire_u8(&r);
        uint16_t offset = wire_u16(&r);
        /* Of a whole packet in one fragment (RFC 6946) both are 0. */
        if (is_fragment && (offset & 0xfff9) != 0)
            return CAPTURE_FRAGMENT;
        wire_skip(&r, is_fragment ? 4 : is_ah ? len * 4 + 4 : len * 8 + 4);
        if (r.failed)
            return CAPTURE_MALFORMED;
    }
    ret->from.addr = addr_from_octets(ADDR_IPV6, from);
    ret->to.addr = addr_from_octets(ADDR_IPV6, to);
    return read_udp(r, ret);
}

static enum capture_verdict read_ip(struct wire_reader r, struct capture_datagram *ret)
{
    if (r.left == 0)
        return CAPTURE_MALFORMED;
    return r.pos[0] >> 4 == 4   ? read_ipv4(r, ret)
           : r.pos[0] >> 4 == 6 ? read_ipv6(r, ret)
                                : CAPTURE_NOT_IP;
}

static enum capture_verdict read_typed(struct wire_reader r, uint16_t type,
                                       struct capture_datagram *ret)
{
    while (!r.failed &&
           (type == ETHER_VLAN || type == ETHER_SERVICE_VLAN || type == ETHER_OLD_VLAN)) {
        wire_skip(&r, 2);
        type = wire_u16(&r);
    }
    if (r.failed)
        return CAPTURE_MALFORMED;
    return type == ETHER_IPV4   ? read_ipv4(r, ret)
           : type == ETHER_IPV6 ? read_ipv6(r, ret)
                                : CAPTURE_NOT_IP;
}

bool capture_link_is_known(int link_type)
{
    static const int known[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,
                                DLT_IPV4,   DLT_IPV6,      DLT_NULL,       DLT_LOOP};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == link_type)
            return true;
    return false;
}

enum capture_verdict capture_frame(int link_type, const uint8_t *bytes, size_t len,
                                   struct capture_datagram *ret_datagram)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    uint16_t type = 0;
    switch (link_type) {
    case DLT_EN10MB: /* two addresses, type */
        wire_skip(&r, 12);
        type = wire_u16(&r);
        return read_typed(r, type, ret_datagram);
    case DLT_LINUX_SLL: /* packet type, device type, address length, address in 8 octets, type */
        wire_skip(&r, 14);
        type = wire_u16(&r);
        return read_typed(r, type, ret_datagram);
    case DLT_LINUX_SLL2: /* type, then 18 octets about device and address */
        type = wire_u16(&r);
        wire_skip(&r, 18);
        return read_typed(r, type, ret_datagram);
    case DLT_NULL: /* the family in the byte order and numbering of whoever captured */
    case DLT_LOOP:
        wire_skip(&r, 4);
        return r.failed ? CAPTURE_MALFORMED : read_ip(r, ret_datagram);
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        return read_ip(r, ret_datagram);
    default:
        return CAPTURE_NOT_IP;
    }
}
