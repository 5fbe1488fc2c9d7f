#ifndef PROTO_FLOW_H
#define PROTO_FLOW_H

#include "common/base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One flow record or flow sample as the exporter said it, before scaling. Absent is not 0: `has`
 * says which fields the stream gave. Ports of a later fragment are absent, whatever the exporter
 * wrote there.
 */
enum flow_has {
    FLOW_SRC_ADDR = 1 << 0,
    FLOW_DST_ADDR = 1 << 1,
    FLOW_SRC_PORT = 1 << 2,
    FLOW_DST_PORT = 1 << 3,
    FLOW_PROTOCOL = 1 << 4,
    FLOW_TCP_FLAGS = 1 << 5,
    FLOW_TOS = 1 << 6,
    FLOW_ICMP = 1 << 7, /* type and code */
    FLOW_FRAGMENT = 1 << 8,
    FLOW_IP_LENGTH = 1 << 9,
    FLOW_INPUT_IF = 1 << 10,
    FLOW_OUTPUT_IF = 1 << 11,
    FLOW_SRC_AS = 1 << 12,
    FLOW_DST_AS = 1 << 13,
    FLOW_SRC_MASK = 1 << 14,
    FLOW_DST_MASK = 1 << 15,
    FLOW_NEXT_HOP = 1 << 16,
    FLOW_VLAN = 1 << 17,
    FLOW_DIRECTION = 1 << 18,
    FLOW_DURATION = 1 << 19,
    FLOW_FORWARDING = 1 << 20,
    FLOW_BYTES = 1 << 21,
    FLOW_PACKETS = 1 << 22,
    FLOW_SAMPLER = 1 << 23, /* sampler or selector id */
    FLOW_TIME = 1 << 24,
    FLOW_MIN_LENGTH = 1 << 25,
    FLOW_MAX_LENGTH = 1 << 26,
    FLOW_FLOW_LABEL = 1 << 27,
    FLOW_TTL = 1 << 28,
};

enum flow_format { FORMAT_NETFLOW5, FORMAT_NETFLOW9, FORMAT_IPFIX, FORMAT_SFLOW5, FORMAT_COUNT };
const char *
flow_format_name(enum flow_format format); /* "netflow5", "netflow9", "ipfix", "sflow5" */

/* Where the sampling rate of a record came from, in the order of trust. */
enum sampling_source {
    SAMPLING_UNKNOWN,
    SAMPLING_OVERRIDE,
    SAMPLING_SAMPLE,
    SAMPLING_HEADER,
    SAMPLING_RECORD,
    SAMPLING_OPTIONS,
    SAMPLING_EXPORTER,
    SAMPLING_DEFAULT,
};
const char *sampling_source_name(enum sampling_source source);

enum flow_fragment_bits {
    FRAGMENT_DF = 1 << 0,
    FRAGMENT_LATER = 1 << 1, /* offset is not 0 */
    FRAGMENT_FIRST = 1 << 2, /* offset 0, more to come */
    FRAGMENT_LAST = 1 << 3   /* offset is not 0, no more to come */
};

struct flow_record {
    uint32_t has;            /* FLOW_* */
    uint8_t format;          /* enum flow_format */
    uint8_t sampling_source; /* enum sampling_source */
    uint8_t protocol, tos, icmp_type, icmp_code;
    uint8_t fragment; /* FRAGMENT_* */
    uint8_t src_mask, dst_mask, direction, forwarding_status, ttl;
    bool reverse; /* the other half of a bidirectional record */
    bool dropped; /* the exporter says that it dropped these packets */
    uint16_t tcp_flags, src_port, dst_port, vlan;
    uint16_t ip_length, min_length, max_length;
    struct ip_addr src_addr, dst_addr, next_hop;
    struct ip_addr agent; /* sFlow */
    uint32_t domain;      /* source id, observation domain, sub-agent; v5: engine type and id */
    uint32_t input_if, output_if, src_as, dst_as, flow_label;
    uint32_t source_if; /* sFlow: the interface at which it was sampled; 0: not said */
    uint32_t sampler;
    uint32_t duration_ms;
    double sampling_rate;              /* 1 in N; may be fractional; 0: not known */
    uint64_t bytes, packets;           /* to be counted */
    uint64_t told_bytes, told_packets; /* said as well, but by earlier records of the flow too */
    uint64_t time_ms;                  /* Unix time of the flow's end as exported */
};

#endif
