#ifndef CTL_CAPTURE_H
#define CTL_CAPTURE_H

#include "common/base/addr.h"
#include "common/base/text.h"
#include "common/base/wire.h"

/*
 * UDP datagrams out of a file: pcap and pcapng of any number of interfaces (Ethernet with VLAN
 * tags, MPLS labels or PPPoE, Linux cooked 1 and 2, raw IP, BSD loopback, PPP, Cisco's HDLC; IPv4
 * and IPv6), or an IPFIX file, which is nothing but messages one after the other (RFC 5655). IP
 * fragments are put together again; those whose datagram does not become whole are counted. The
 * file may be cut, hostile or without end: memory does not grow with it.
 */
struct capture_datagram {
    uint64_t time_us;            /* Unix time of the capture; of an IPFIX file the export time */
    struct ip_endpoint from, to; /* family ADDR_NONE: an IPFIX file does not say */
    const uint8_t *bytes;        /* lent for the call */
    size_t len;
};

struct capture_counts {
    uint64_t frames, datagrams;
    uint64_t not_ip, not_udp, malformed;
    uint64_t fragments;   /* whose datagram is not whole */
    uint64_t reassembled; /* datagrams that came in fragments, and are whole */
    uint64_t cut; /* datagrams that the capture does not hold whole; given as far as they go */
};

/* False ends the reading. */
typedef bool (*capture_on_datagram)(void *owner, const struct capture_datagram *datagram);

/* path "-" is standard input. On failure *why says what and where; datagrams before it were
 * given. */
enum status capture_read(const char *path, capture_on_datagram on_datagram, void *owner,
                         struct capture_counts *ret_counts, struct text *why);

/* One frame of a libpcap link type; for capture_read and its tests. */
enum capture_verdict {
    CAPTURE_DATAGRAM,
    CAPTURE_CUT,
    CAPTURE_NOT_IP,
    CAPTURE_NOT_UDP,
    CAPTURE_FRAGMENT,
    CAPTURE_MALFORMED
};
/* Of CAPTURE_FRAGMENT, whose datagram then has no ports yet, and what stands behind the IP header.
 */
struct capture_fragment {
    uint32_t id;
    uint32_t offset; /* octets */
    bool more;
    bool is_cut; /* the capture does not hold it whole */
};
enum capture_verdict capture_frame(int link_type, const uint8_t *bytes, size_t len,
                                   struct capture_datagram *ret_datagram,
                                   struct capture_fragment *ret_fragment);
/* Of a fragmented datagram that is whole again. */
enum capture_verdict capture_udp(struct wire_reader ip, struct capture_datagram *ret_datagram);
bool capture_link_is_known(int link_type);

#endif
