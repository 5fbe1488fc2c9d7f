#include "collector/decode/format.h"
#include "collector/decode/record.h"
#include "collector/decode/sampling.h"
#include "collector/decode/sflow_counters.h"
#include "collector/decode/sflow_records.h"
#include "collector/decode/sflow_usual.h"

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
static bool read_addr(struct wire_reader *r, struct ip_addr *ret_addr)
{
    uint32_t type = wire_u32(r);
    if (type == 0) /* it does not know it */
        return !r->failed;
    const uint8_t *octets = type == 1 ? wire_take(r, 4) : type == 2 ? wire_take(r, 16) : NULL;
    if (octets == NULL)
        return false;
    if (type == 1)
        addr_store_ipv4(ret_addr, octets);
    else
        addr_store_ipv6(ret_addr, octets);
    return true;
}

/* Written out for each kind of sample, so that the bounds checks of its head fold into one. */
static inline __attribute__((always_inline)) void read_flow_sample(struct decode_context *context,
                                                                   struct wire_reader *r,
                                                                   bool expanded,
                                                                   const struct flow_record *base)
{
    struct flow_record flow = *base;
    const uint8_t *head = wire_take(r, expanded ? SFLOW_EXPANDED_LEN : SFLOW_PLAIN_LEN);

    if (head == NULL) {
        state_refuse(context, DECODE_SAMPLE);
        return;
    }
    const uint8_t *at = head + (expanded ? 24 : 20); /* the interfaces */
    uint64_t source = expanded ? wire_u64_at(head + 4) : sflow_source_of(wire_u32_at(head + 4));
    uint32_t number = wire_u32_at(head), rate = wire_u32_at(head + (expanded ? 12 : 8));
    uint32_t records = wire_u32_at(at + (expanded ? 16 : 8));
    flow.has |= sflow_read_interfaces(&flow, at, expanded);
    flow.source_if = sflow_interface_of(source);
    sampling_note_source(context, source, rate, number);
    sampling_own(context, &flow, rate, SAMPLING_SAMPLE);
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
    flow.input_if = in;
    flow.output_if = out;
    flow.has |= FLOW_INPUT_IF | FLOW_OUTPUT_IF;
    sflow_read_records(context, r, records, &flow);
    record_tidy(&flow);
    flow.dropped = true;
    context->decode->counters.discard_samples++;
    context->decode->has_told = true;
    context->decode->counters.discards[discard_reason_of(reason)]++;
    if (context->sink->on_discard != NULL)
        context->sink->on_discard(context->sink->owner, &flow);
}

static __attribute__((noinline)) void read_sample(struct decode_context *context, uint32_t type,
                                                  struct wire_reader *sample,
                                                  const struct sflow_usual *usual)
{
    struct flow_record base;
    sflow_usual_base(usual, &base);
    switch (type) { /* enterprise 0 only: others keep to themselves what they mean */
    case SFLOW_FLOW:
        read_flow_sample(context, sample, false, &base);
        break;
    case SFLOW_FLOW_EXPANDED:
        read_flow_sample(context, sample, true, &base);
        break;
    case SFLOW_COUNTERS:
        sflow_read_counters(context, sample, false, &base.agent);
        break;
    case SFLOW_COUNTERS_EXPANDED:
        sflow_read_counters(context, sample, true, &base.agent);
        break;
    case SFLOW_DISCARDED:
        read_discarded(context, sample, &base);
        break;
    default:
        state_refuse(context, DECODE_SAMPLE_KIND);
        break;
    }
}

/* Sub-agent, sequence, uptime and number of samples. */
enum { HEADER_REST_LEN = 16 };

void sflow_read(struct decode_context *context, struct wire_reader *r)
{
    struct domain_id id = {0};
    struct sflow_usual usual;

    context->format = FORMAT_SFLOW5;
    wire_skip(r, 4);
    bool has_agent = read_addr(r, &id.agent);
    const uint8_t *rest = wire_take(r, HEADER_REST_LEN);
    if (!has_agent || rest == NULL) {
        state_refuse(context, DECODE_HEADER);
        return;
    }
    id.domain = context->domain_number = wire_u32_at(rest);
    context->uptime_ms = wire_u32_at(rest + 8);
    uint32_t sequence = wire_u32_at(rest + 4), samples = wire_u32_at(rest + 12);
    if (!state_enter(context, &id))
        return;
    state_sender(context, sequence, LATE_DATAGRAMS);
    sflow_usual_init(&usual, context, &id.agent);
    for (uint32_t i = 0; (i += sflow_usual_read(context, r, &usual, samples - i)) < samples; i++) {
        uint32_t type;
        struct wire_reader sample = sflow_take(r, &type);
        if (r->failed) {
            state_refuse(context, DECODE_SAMPLE);
            break;
        }
        read_sample(context, type, &sample, &usual);
    }
    state_sequence(context, (struct sequence_step){
                                .number = sequence, .units = 1, .tolerance = LATE_DATAGRAMS});
}
