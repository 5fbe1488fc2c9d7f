#include "collector/decode/format.h"
#include "collector/decode/record.h"
#include "collector/decode/sampling.h"
#include "collector/decode/sflow_counters.h"
#include "collector/decode/sflow_records.h"

#include <string.h>

/*
 * sFlow version 5, all in XDR: 4-octet units.
 *  0 version 5                  4 address type 1 or 2, agent address
 *    sub-agent, sequence, uptime, number of samples
 *    samples: type (enterprise << 12 | format), length, body
 * A flow sample's body:
 *    sequence, source id, rate, pool, drops, input, output, number of records
 *    records: type, length, body
 * The expanded one has two words each for source id, input and output.
 */
enum sample_type {
    SAMPLE_FLOW = 1,
    SAMPLE_COUNTERS = 2,
    SAMPLE_FLOW_EXPANDED = 3,
    SAMPLE_COUNTERS_EXPANDED = 4,
    SAMPLE_DISCARDED = 5
};

enum interface_format { INTERFACE_INDEX = 0, INTERFACE_DISCARDED = 1 };

static bool read_addr(struct wire_reader *r, struct ip_addr *ret_addr)
{
    uint32_t type = wire_u32(r);
    if (type == 0) /* it does not know it */
        return !r->failed;
    const uint8_t *octets = type == 1 ? wire_take(r, 4) : type == 2 ? wire_take(r, 16) : NULL;
    if (octets == NULL)
        return false;
    *ret_addr = addr_from_octets(type == 1 ? ADDR_IPV4 : ADDR_IPV6, octets);
    return true;
}

/* An interface: in a plain sample two bits of format and an index, in an expanded one two words. */
static uint32_t read_interface(struct wire_reader *r, bool expanded, uint32_t *ret_format)
{
    if (expanded) {
        *ret_format = wire_u32(r);
        return wire_u32(r);
    }
    uint32_t word = wire_u32(r);
    *ret_format = word >> 30;
    return word & 0x3fffffff;
}

/* A plain sample's source has its class in the first octet, an expanded one's in a word. */
static uint64_t source_of(uint32_t word)
{
    return (uint64_t)(word >> 24) << 32 | (word & 0xffffff);
}

/* Class 0 is an interface, others are VLANs and parts of the device. */
static uint32_t interface_of(uint64_t source)
{
    return source >> 32 == 0 ? (uint32_t)source : 0;
}

static void set_interfaces(struct flow_record *flow, uint32_t in_format, uint32_t in,
                           uint32_t out_format, uint32_t out)
{
    if (in_format == INTERFACE_INDEX) {
        flow->input_if = in;
        flow->has |= FLOW_INPUT_IF;
    }
    if (out_format == INTERFACE_INDEX) {
        flow->output_if = out;
        flow->has |= FLOW_OUTPUT_IF;
    }
    flow->dropped = out_format == INTERFACE_DISCARDED;
}

/* Written out for each kind of sample, so that the bounds checks of its head fold into one. */
static inline __attribute__((always_inline)) void read_flow_sample(struct decode_context *context,
                                                                   struct wire_reader *r,
                                                                   bool expanded,
                                                                   const struct flow_record *base)
{
    struct flow_record flow = *base;
    uint32_t in_format, out_format;
    struct wire_reader head = wire_sub(r, expanded ? 44 : 32);

    if (head.failed) {
        state_refuse(context, DECODE_SAMPLE);
        return;
    }
    struct source_sample sample = {.number = wire_u32(&head)};
    sample.id = expanded ? wire_u64(&head) : source_of(wire_u32(&head));
    sample.rate = wire_u32(&head);
    wire_skip(&head, 8);
    uint32_t in = read_interface(&head, expanded, &in_format);
    uint32_t out = read_interface(&head, expanded, &out_format);
    uint32_t records = wire_u32(&head);
    set_interfaces(&flow, in_format, in, out_format, out);
    flow.source_if = interface_of(sample.id);
    sampling_note_source(context, &sample);
    sampling_own(context, &flow, sample.rate, SAMPLING_SAMPLE);
    sflow_read_records(context, r, records, &flow);
    record_tidy(&flow);
    record_give(context, &flow);
}

static void read_discarded(struct decode_context *context, struct wire_reader *r,
                           const struct flow_record *base)
{
    struct flow_record flow = *base;

    wire_skip(r, 16);
    uint32_t in = wire_u32(r), out = wire_u32(r);
    uint32_t reason = wire_u32(r), records = wire_u32(r);
    if (r->failed) {
        state_refuse(context, DECODE_SAMPLE);
        return;
    }
    set_interfaces(&flow, INTERFACE_INDEX, in, INTERFACE_INDEX, out);
    sflow_read_records(context, r, records, &flow);
    record_tidy(&flow);
    flow.dropped = true;
    context->decode->counters.discard_samples++;
    context->decode->has_told = true;
    context->decode->counters.discards[discard_reason_of(reason)]++;
    if (context->sink->on_discard != NULL)
        context->sink->on_discard(context->sink->owner, &flow);
}

static void read_sample(struct decode_context *context, uint32_t type, struct wire_reader *sample,
                        const struct flow_record *base)
{
    switch (type) { /* enterprise 0 only: others keep to themselves what they mean */
    case SAMPLE_FLOW:
        read_flow_sample(context, sample, false, base);
        break;
    case SAMPLE_FLOW_EXPANDED:
        read_flow_sample(context, sample, true, base);
        break;
    case SAMPLE_COUNTERS:
        sflow_read_counters(context, sample, false, &base->agent);
        break;
    case SAMPLE_COUNTERS_EXPANDED:
        sflow_read_counters(context, sample, true, &base->agent);
        break;
    case SAMPLE_DISCARDED:
        read_discarded(context, sample, base);
        break;
    default:
        state_refuse(context, DECODE_SAMPLE_KIND);
        break;
    }
}

void sflow_read(struct decode_context *context, struct wire_reader *r)
{
    struct domain_id id = {0};

    context->format = FORMAT_SFLOW5;
    wire_skip(r, 4);
    bool has_agent = read_addr(r, &id.agent);
    id.domain = wire_u32(r);
    uint32_t sequence = wire_u32(r);
    context->uptime_ms = wire_u32(r);
    uint32_t samples = wire_u32(r);
    if (!has_agent || r->failed) {
        state_refuse(context, DECODE_HEADER);
        return;
    }
    context->domain_number = id.domain;
    if (!state_enter(context, &id))
        return;
    state_sender(context, sequence, LATE_DATAGRAMS);
    struct flow_record base = {.format = FORMAT_SFLOW5, .domain = id.domain, .agent = id.agent};
    sampling_base(context, &base);
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t type;
        struct wire_reader sample = sflow_take(r, &type);
        if (r->failed) {
            state_refuse(context, DECODE_SAMPLE);
            break;
        }
        read_sample(context, type, &sample, &base);
    }
    state_sequence(context, (struct sequence_step){
                                .number = sequence, .units = 1, .tolerance = LATE_DATAGRAMS});
}
