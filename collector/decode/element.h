#ifndef COLLECTOR_DECODE_ELEMENT_H
#define COLLECTOR_DECODE_ELEMENT_H

#include "collector/decode/plan.h"

#include <stddef.h>

/*
 * Which information elements we read, and where they go. To learn a new one, add its line to
 * element.c; a new place also needs a line in TARGET_LIST.
 */
enum target_kind {
    KIND_UINT,    /* reduced-size integers of 1 to 8 octets, saturating */
    KIND_EITHER,  /* the same; several fields may fill it, the first that is not 0 wins */
    KIND_ADDR,    /* 4 or 16 octets; several fields, the first that is not all zero wins */
    KIND_FLOAT,   /* 4 or 8 octets */
    KIND_SECTION, /* any length: octets of a packet */
};

/* name, member of struct plan_record, kind, FLOW_* that it gives, NEED_* that it causes */
#define TARGET_LIST(X)                                                                             \
    X(BYTES, flow.bytes, UINT, FLOW_BYTES, 0)                                                      \
    X(PACKETS, flow.packets, UINT, FLOW_PACKETS, 0)                                                \
    X(PROTOCOL, flow.protocol, UINT, FLOW_PROTOCOL, 0)                                             \
    X(TOS, flow.tos, UINT, FLOW_TOS, 0)                                                            \
    X(TCP_FLAGS, flow.tcp_flags, UINT, FLOW_TCP_FLAGS, 0)                                          \
    X(SRC_PORT, flow.src_port, UINT, FLOW_SRC_PORT, 0)                                             \
    X(DST_PORT, flow.dst_port, UINT, FLOW_DST_PORT, 0)                                             \
    X(SRC_ADDR, flow.src_addr, ADDR, FLOW_SRC_ADDR, 0)                                             \
    X(DST_ADDR, flow.dst_addr, ADDR, FLOW_DST_ADDR, 0)                                             \
    X(NEXT_HOP, flow.next_hop, ADDR, FLOW_NEXT_HOP, 0)                                             \
    X(SRC_MASK, flow.src_mask, EITHER, FLOW_SRC_MASK, 0)                                           \
    X(DST_MASK, flow.dst_mask, EITHER, FLOW_DST_MASK, 0)                                           \
    X(INPUT_IF, flow.input_if, UINT, FLOW_INPUT_IF, 0)                                             \
    X(OUTPUT_IF, flow.output_if, UINT, FLOW_OUTPUT_IF, 0)                                          \
    X(SRC_AS, flow.src_as, UINT, FLOW_SRC_AS, 0)                                                   \
    X(DST_AS, flow.dst_as, UINT, FLOW_DST_AS, 0)                                                   \
    X(VLAN, flow.vlan, UINT, FLOW_VLAN, 0)                                                         \
    X(DIRECTION, flow.direction, UINT, FLOW_DIRECTION, 0)                                          \
    X(FORWARDING, flow.forwarding_status, UINT, FLOW_FORWARDING, 0)                                \
    X(TTL, flow.ttl, UINT, FLOW_TTL, 0)                                                            \
    X(IP_LENGTH, flow.ip_length, UINT, FLOW_IP_LENGTH, 0)                                          \
    X(MIN_LENGTH, flow.min_length, UINT, FLOW_MIN_LENGTH, 0)                                       \
    X(MAX_LENGTH, flow.max_length, UINT, FLOW_MAX_LENGTH, 0)                                       \
    X(FLOW_LABEL, flow.flow_label, UINT, FLOW_FLOW_LABEL, 0)                                       \
    X(SAMPLER, flow.sampler, UINT, FLOW_SAMPLER, NEED_SAMPLER)                                     \
    X(START, extra.start, UINT, 0, NEED_TIME)                                                      \
    X(END, extra.end, UINT, 0, NEED_TIME)                                                          \
    X(DURATION_MS, extra.duration_ms, UINT, 0, NEED_TIME)                                          \
    X(DURATION_US, extra.duration_us, UINT, 0, NEED_TIME)                                          \
    X(ICMP, extra.icmp, EITHER, FLOW_ICMP, NEED_ICMP)                                              \
    X(ICMP_TYPE, extra.icmp_type, EITHER, FLOW_ICMP, NEED_ICMP)                                    \
    X(ICMP_CODE, extra.icmp_code, EITHER, 0, NEED_ICMP)                                            \
    X(FRAGMENT_OFFSET, extra.fragment_offset, UINT, FLOW_FRAGMENT, NEED_FRAGMENT)                  \
    X(FRAGMENT_FLAGS, extra.fragment_flags, UINT, 0, NEED_FRAGMENT)                                \
    X(LINE_CARD, extra.line_card, UINT, 0, NEED_LINE_CARD)                                         \
    X(TEMPLATE_ID, extra.template_id, UINT, 0, NEED_TEMPLATE_ID)                                   \
    X(INTERVAL, extra.interval, UINT, 0, NEED_RATE)                                                \
    X(RANDOM_INTERVAL, extra.random_interval, UINT, 0, NEED_RATE)                                  \
    X(PACKET_INTERVAL, extra.packet_interval, UINT, 0, NEED_RATE)                                  \
    X(PACKET_SPACE, extra.packet_space, UINT, 0, NEED_RATE)                                        \
    X(SIZE, extra.size, UINT, 0, NEED_RATE)                                                        \
    X(POPULATION, extra.population, UINT, 0, NEED_RATE)                                            \
    X(PROBABILITY, extra.probability, FLOAT, 0, NEED_RATE)                                         \
    X(ALGORITHM, extra.algorithm, UINT, 0, 0)                                                      \
    X(BOOT, extra.boot_ms, UINT, 0, NEED_TIME)                                                     \
    X(ACTIVE_TIMEOUT, extra.active_timeout_s, UINT, 0, 0)                                          \
    X(REVERSE_BYTES, extra.reverse_bytes, UINT, 0, NEED_REVERSE)                                   \
    X(REVERSE_PACKETS, extra.reverse_packets, UINT, 0, NEED_REVERSE)                               \
    X(REVERSE_TCP_FLAGS, extra.reverse_tcp_flags, UINT, 0, NEED_REVERSE)                           \
    X(EVENT, extra.event, UINT, 0, NEED_EVENT)                                                     \
    X(FLOW_ID, extra.flow_id, UINT, 0, NEED_FLOW_ID)                                               \
    X(END_REASON, extra.end_reason, UINT, 0, 0)                                                    \
    X(FRAME_LEN, extra.frame_len, UINT, 0, NEED_SECTION)                                           \
    X(SECTION_OFFSET, extra.section_offset, UINT, 0, NEED_SECTION)                                 \
    X(FRAME_TYPE, extra.frame_type, UINT, 0, NEED_SECTION)                                         \
    X(SECTION_IP, extra.section, SECTION, 0, NEED_SECTION)                                         \
    X(SECTION_FRAME, extra.section, SECTION, 0, NEED_SECTION)

enum plan_target {
    TARGET_NONE,
#define X(name, member, kind, has, need) TARGET_##name,
    TARGET_LIST(X)
#undef X
        TARGET_COUNT
};

struct target {
    uint16_t offset; /* in struct plan_record */
    uint8_t width;
    uint8_t kind; /* enum target_kind */
    uint32_t has, need;
};
extern const struct target element_targets[TARGET_COUNT];

/* Ranks of the elements that count octets and packets. */
enum counter_rank {
    RANK_DELTA,
    RANK_TOTAL, /* since the flow began */
    RANK_LAYER2_DELTA,
    RANK_LAYER2_TOTAL,
    RANK_INITIATOR,  /* a firewall's, whose events say which of the two it is */
    RANK_POST_DELTA, /* of what left the exporter, where nothing says what came */
    RANK_POST_TOTAL
};

struct element_rule {
    uint8_t target; /* enum plan_target */
    uint8_t rank;   /* of several elements for one target the lowest counts */
    uint8_t unit;   /* enum plan_unit, of START and END */
};
bool element_len_fits(const struct target *target, size_t len);
/* target TARGET_NONE: an element that we step over. */
struct element_rule element_rule_of(uint32_t enterprise, uint16_t element);

#endif
