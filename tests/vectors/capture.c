#include "tests/vectors/capture.h"

#include "common/base/wire.h"

#include <pcap/pcap.h>

enum { ETHERNET_IPV4 = 0x0800, ETHERNET_IPV6 = 0x86dd };

static bool take_ip(struct wire_reader *r, struct ip_addr *ret_from)
{
    wire_skip(r, 12);
    uint16_t type = wire_u16(r);
    if (type == ETHERNET_IPV4) {
        uint8_t first = wire_u8(r);
        wire_skip(r, 11);
        const uint8_t *src = wire_take(r, 4);
        if (src == NULL)
            return false;
        *ret_from = addr_from_octets(ADDR_IPV4, src);
        wire_skip(r, 4 + (first & 15U) * 4U - 20U);
        return !r->failed;
    }
    wire_skip(r, 8);
    const uint8_t *src = wire_take(r, 16);
    if (type != ETHERNET_IPV6 || src == NULL)
        return false;
    *ret_from = addr_from_octets(ADDR_IPV6, src);
    wire_skip(r, 16);
    return !r->failed;
}

enum status capture_read(const char *path, capture_on_datagram on_datagram, void *owner)
{
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *head;
    const u_char *bytes;
    pcap_t *pcap = pcap_open_offline(path, why);
    if (pcap == NULL)
        return STATUS_IO;
    enum status status = STATUS_OK;
    while (pcap_next_ex(pcap, &head, &bytes) == 1) {
        struct wire_reader r = wire_reader_of(bytes, head->caplen);
        struct ip_addr from;
        if (!take_ip(&r, &from)) {
            status = STATUS_MALFORMED;
            break;
        }
        wire_skip(&r, 4);
        size_t len = wire_u16(&r);
        wire_skip(&r, 2);
        struct wire_reader udp = wire_sub(&r, len < 8 ? 0 : len - 8);
        if (udp.failed) {
            status = STATUS_MALFORMED;
            break;
        }
        on_datagram(owner, &from, udp.pos, udp.left);
    }
    pcap_close(pcap);
    return status;
}
