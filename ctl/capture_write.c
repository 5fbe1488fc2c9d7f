#include "ctl/capture_write.h"

#include "common/base/wire.h"

#include <string.h>

enum { ETHERNET = 14, IPV4 = 20, IPV6 = 40, UDP = 8, LINK_ETHERNET = 1, UDP_PROTOCOL = 17 };

struct pcap_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snap_len, link;
};
struct pcap_frame {
    uint32_t seconds, microseconds, len, whole_len;
};
_Static_assert(sizeof(struct pcap_head) == 24 && sizeof(struct pcap_frame) == 16, "as in the file");

void capture_write_head(FILE *file)
{
    const struct pcap_head head = {0xa1b2c3d4, 2, 4, 0, 0, 262144, LINK_ETHERNET};
    (void)fwrite(&head, sizeof(head), 1, file);
}

static uint32_t sum_of(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    return len % 2 != 0 ? sum + (uint32_t)(bytes[len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static void put_ip(struct wire_writer *w, const struct ip_addr *from, const struct ip_addr *to,
                   size_t len)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    bool is_ipv6 = to->family == ADDR_IPV6;
    wire_put_bytes(w, macs, sizeof(macs));
    wire_put_u16(w, is_ipv6 ? 0x86dd : 0x0800);
    size_t at = w->len;
    if (is_ipv6) {
        wire_put_u32(w, 0x60000000);
        wire_put_u16(w, (uint16_t)(UDP + len));
        wire_put_u16(w, UDP_PROTOCOL << 8 | 64);
    } else {
        wire_put_u32(w, 0x45000000 | (uint32_t)(IPV4 + UDP + len));
        wire_put_u32(w, 0x4000); /* not to be cut */
        wire_put_u32(w, 64u << 24 | UDP_PROTOCOL << 16);
    }
    wire_put_bytes(w, from->octets, addr_len(to));
    wire_put_bytes(w, to->octets, addr_len(to));
    if (!is_ipv6)
        wire_put_uint_at(w->start + at + 10, 2, fold(sum_of(w->start + at, IPV4)));
}

bool capture_write(FILE *file, const struct ip_endpoint *from, const struct ip_endpoint *to,
                   const uint8_t *bytes, size_t len, uint64_t time_us)
{
    uint8_t head[ETHERNET + IPV6 + UDP];
    struct wire_writer w = wire_writer_of(head, sizeof(head));
    struct ip_addr loopback = addr_from_ipv4(0x7f000001);
    struct ip_addr target = to->addr.family != ADDR_NONE ? to->addr : loopback;
    struct ip_addr source = from->addr;
    if (source.family != target.family)
        source = target;
    if (len > 65535u - IPV4 - UDP)
        return false;
    put_ip(&w, &source, &target, len);
    size_t octets = addr_len(&target);
    wire_put_u16(&w, from->port != 0 ? from->port : 40000);
    wire_put_u16(&w, to->port);
    wire_put_u16(&w, (uint16_t)(UDP + len));
    wire_put_u16(&w, 0);
    uint32_t sum = sum_of(source.octets, octets) + sum_of(target.octets, octets) + UDP_PROTOCOL +
                   (uint32_t)(UDP + len) + sum_of(head + w.len - UDP, UDP) + sum_of(bytes, len);
    uint16_t check = fold(sum);
    wire_put_uint_at(head + w.len - 2, 2, check != 0 ? check : 0xffff);
    const struct pcap_frame frame = {(uint32_t)(time_us / 1000000), (uint32_t)(time_us % 1000000),
                                     (uint32_t)(w.len + len), (uint32_t)(w.len + len)};
    return fwrite(&frame, sizeof(frame), 1, file) == 1 && fwrite(head, w.len, 1, file) == 1 &&
           fwrite(bytes, len, 1, file) == 1;
}
