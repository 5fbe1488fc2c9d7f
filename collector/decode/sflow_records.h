#ifndef COLLECTOR_DECODE_SFLOW_RECORDS_H
#define COLLECTOR_DECODE_SFLOW_RECORDS_H

#include "collector/decode/state.h"

enum sflow_sample_type {
    SFLOW_FLOW = 1,
    SFLOW_COUNTERS = 2,
    SFLOW_FLOW_EXPANDED = 3,
    SFLOW_COUNTERS_EXPANDED = 4,
    SFLOW_DISCARDED = 5
};

/* Octets of a flow sample before its records:
 *    sequence, source, rate, pool, drops, input, output, number of records
 * The expanded one has two words each for source, input and output. */
enum { SFLOW_PLAIN_LEN = 32, SFLOW_EXPANDED_LEN = 44 };

enum sflow_record_type {
    SFLOW_RAW_HEADER = 1,
    SFLOW_ETHERNET = 2,
    SFLOW_IPV4 = 3,
    SFLOW_IPV6 = 4,
    SFLOW_SWITCH = 1001,
    SFLOW_ROUTER = 1002,
    SFLOW_GATEWAY = 1003
};

/* What a raw header begins with. */
enum sflow_header {
    SFLOW_HEADER_ETHERNET = 1,
    SFLOW_HEADER_PPP = 7,
    SFLOW_HEADER_AAL5_IP = 10, /* an IP packet, what was around it being gone */
    SFLOW_HEADER_IPV4 = 11,
    SFLOW_HEADER_IPV6 = 12,
    SFLOW_HEADER_MPLS = 13,
    SFLOW_HEADER_POS = 14
};

enum sflow_interface_format { SFLOW_INDEX = 0, SFLOW_INTERFACE_DISCARDED = 1 };

/* A plain sample's source has its class in the first octet, an expanded one's in a word. */
static inline uint64_t sflow_source_of(uint32_t word)
{
    return (uint64_t)(word >> 24) << 32 | (word & 0xffffff);
}

/* Class 0 is an interface, others are VLANs and parts of the device. */
static inline uint32_t sflow_interface_of(uint64_t source)
{
    return source >> 32 == 0 ? (uint32_t)source : 0;
}

/* Both interfaces of a sample: in a plain one two bits of format and an index each, in an expanded
 * one two words each. Gives what the flow has of them. */
uint32_t sflow_set_interfaces(struct flow_record *flow, const uint8_t *at, bool expanded);

static inline __attribute__((always_inline)) uint32_t
sflow_read_interfaces(struct flow_record *flow, const uint8_t *at, bool expanded)
{
    uint32_t in = wire_u32_at(at), out = wire_u32_at(at + (expanded ? 8 : 4));
    if ((expanded ? in | out : (in | out) >> 30) != SFLOW_INDEX)
        return sflow_set_interfaces(flow, at, expanded);
    flow->input_if = expanded ? wire_u32_at(at + 4) : in;
    flow->output_if = expanded ? wire_u32_at(at + 12) : out;
    flow->dropped = false;
    return FLOW_INPUT_IF | FLOW_OUTPUT_IF;
}

/* The next sample or record: its type and its octets. Whoever's length is no multiple of 4 fills up
 * to one, as XDR does; at the very end some do not. r->failed: it runs past the end. */
static inline struct wire_reader sflow_take(struct wire_reader *r, uint32_t *ret_type)
{
    struct wire_reader head = wire_sub(r, 8);
    *ret_type = wire_u32(&head);
    uint32_t len = wire_u32(&head);
    struct wire_reader body = wire_sub(r, len);
    if (__builtin_expect((len & 3) != 0, 0))
        wire_skip(r, r->left < 4 - (len & 3) ? r->left : 4 - (len & 3));
    return body;
}

/* The records of one flow sample into *flow. What is cut or unknown is refused or stepped over;
 * what was read stays. */
void sflow_read_records(struct decode_context *context, struct wire_reader *r, uint32_t count,
                        struct flow_record *flow);

#endif
