#ifndef COLLECTOR_ARCHIVE_SHAPE_H
#define COLLECTOR_ARCHIVE_SHAPE_H

#include "collector/archive/archive_queue.h"

/* What a record in a file may hold, and what one flow record gives of it. */

/*
 * Every element that a record may have, with its member of struct shape_record. One row a field;
 * the rows' order is the structure's, widest first, so that there are no gaps: libfixbuf reads it
 * by a template of the same rows. A record's shape is the set of its rows.
 */
#define FIELDS(X)                                                                                  \
    X(OCTETS, "octetDeltaCount", uint64_t, octets)                                                 \
    X(PACKETS, "packetDeltaCount", uint64_t, packets)                                              \
    X(OCTETS_TOTAL, "octetTotalCount", uint64_t, octets_total)                                     \
    X(PACKETS_TOTAL, "packetTotalCount", uint64_t, packets_total)                                  \
    X(START, "flowStartMilliseconds", uint64_t, start_ms)                                          \
    X(END, "flowEndMilliseconds", uint64_t, end_ms)                                                \
    X(CAME, "collectionTimeMilliseconds", uint64_t, came_ms)                                       \
    X(OBSERVED, "observationTimeMilliseconds", uint64_t, observed_ms)                              \
    X(PROBABILITY, "samplingProbability", double, probability)                                     \
    X(EXPORTER4, "exporterIPv4Address", uint32_t, exporter4)                                       \
    X(AGENT4, "originalExporterIPv4Address", uint32_t, agent4)                                     \
    X(DOMAIN, "observationDomainId", uint32_t, domain)                                             \
    X(SRC4, "sourceIPv4Address", uint32_t, src4)                                                   \
    X(DST4, "destinationIPv4Address", uint32_t, dst4)                                              \
    X(NEXT4, "ipNextHopIPv4Address", uint32_t, next4)                                              \
    X(INPUT, "ingressInterface", uint32_t, input)                                                  \
    X(OUTPUT, "egressInterface", uint32_t, output)                                                 \
    X(SRC_AS, "bgpSourceAsNumber", uint32_t, src_as)                                               \
    X(DST_AS, "bgpDestinationAsNumber", uint32_t, dst_as)                                          \
    X(DURATION, "flowDurationMilliseconds", uint32_t, duration_ms)                                 \
    X(INTERVAL, "samplingInterval", uint32_t, interval)                                            \
    X(TAKEN, "samplingPacketInterval", uint32_t, taken)                                            \
    X(SKIPPED, "samplingPacketSpace", uint32_t, skipped)                                           \
    X(FLOW_LABEL, "flowLabelIPv6", uint32_t, flow_label)                                           \
    X(SRC_PORT, "sourceTransportPort", uint16_t, src_port)                                         \
    X(DST_PORT, "destinationTransportPort", uint16_t, dst_port)                                    \
    X(TCP_FLAGS, "tcpControlBits", uint16_t, tcp_flags)                                            \
    X(VLAN, "vlanId", uint16_t, vlan)                                                              \
    X(IP_LENGTH, "ipTotalLength", uint16_t, ip_length)                                             \
    X(MIN_LENGTH, "minimumIpTotalLength", uint16_t, min_length)                                    \
    X(MAX_LENGTH, "maximumIpTotalLength", uint16_t, max_length)                                    \
    X(OFFSET, "fragmentOffset", uint16_t, offset)                                                  \
    X(EXPORTER6, "exporterIPv6Address", struct shape_octets16, exporter6)                          \
    X(AGENT6, "originalExporterIPv6Address", struct shape_octets16, agent6)                        \
    X(SRC6, "sourceIPv6Address", struct shape_octets16, src6)                                      \
    X(DST6, "destinationIPv6Address", struct shape_octets16, dst6)                                 \
    X(NEXT6, "ipNextHopIPv6Address", struct shape_octets16, next6)                                 \
    X(VERSION, "exportProtocolVersion", uint8_t, version)                                          \
    X(SAID_BY, "selectorId", uint8_t, said_by)                                                     \
    X(PROTOCOL, "protocolIdentifier", uint8_t, protocol)                                           \
    X(TOS, "ipClassOfService", uint8_t, tos)                                                       \
    X(ICMP_TYPE4, "icmpTypeIPv4", uint8_t, icmp_type4)                                             \
    X(ICMP_CODE4, "icmpCodeIPv4", uint8_t, icmp_code4)                                             \
    X(ICMP_TYPE6, "icmpTypeIPv6", uint8_t, icmp_type6)                                             \
    X(ICMP_CODE6, "icmpCodeIPv6", uint8_t, icmp_code6)                                             \
    X(SRC_MASK4, "sourceIPv4PrefixLength", uint8_t, src_mask4)                                     \
    X(DST_MASK4, "destinationIPv4PrefixLength", uint8_t, dst_mask4)                                \
    X(SRC_MASK6, "sourceIPv6PrefixLength", uint8_t, src_mask6)                                     \
    X(DST_MASK6, "destinationIPv6PrefixLength", uint8_t, dst_mask6)                                \
    X(DIRECTION, "flowDirection", uint8_t, direction)                                              \
    X(FORWARDING, "forwardingStatus", uint8_t, forwarding)                                         \
    X(TTL, "ipTTL", uint8_t, ttl)                                                                  \
    X(FRAGMENT, "fragmentFlags", uint8_t, fragment)                                                \
    X(BIFLOW, "biflowDirection", uint8_t, biflow)

struct shape_octets16 {
    uint8_t octets[16];
};

struct shape_record {
#define X(name, element, type, member) type member;
    FIELDS(X)
#undef X
};

enum shape_field {
#define X(name, element, type, member) F_##name,
    FIELDS(X)
#undef X
        FIELD_COUNT
};
_Static_assert(FIELD_COUNT <= 64, "a shape has one bit a field");

struct shape_field_info {
    const char *element;
    uint16_t len, at; /* in struct shape_record */
};
extern const struct shape_field_info shape_fields[FIELD_COUNT];

/* The fraction that the last rate came from that was no whole number: worked out once. */
struct shape_ratio {
    double rate;
    uint64_t interval, space; /* 0, 0: it is none */
};

/* Fills what the flow record gives, and leaves the rest as it is; returns the set of these fields,
 * bit i for field i. */
uint64_t shape_fill(struct shape_ratio *ratio, const struct archive_item *item,
                    struct shape_record *record);

#endif
