#include "collector/decode/format.h"
#include "collector/decode/record.h"
#include "collector/decode/sampling.h"

/*
 *  0 version 5 | count          4 uptime, ms
 *  8 Unix seconds              12 nanoseconds
 * 16 sequence: records sent    20 engine type, engine id | sampling: 2 bits mode, 14 bits rate
 * 24 records of 48 octets
 */
enum { RECORD_LEN = 48 };

/*
 *  0 source             4 destination        8 next hop
 * 12 input | output    16 packets           20 octets
 * 24 first uptime      28 last uptime       32 source port | destination port
 * 36 pad, flags, protocol, TOS              40 source AS | destination AS
 * 44 source mask, destination mask, pad
 */
static const uint32_t record_has =
    FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_NEXT_HOP | FLOW_INPUT_IF | FLOW_OUTPUT_IF | FLOW_PACKETS |
    FLOW_BYTES | FLOW_DURATION | FLOW_TIME | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_TCP_FLAGS |
    FLOW_PROTOCOL | FLOW_TOS | FLOW_SRC_AS | FLOW_DST_AS | FLOW_SRC_MASK | FLOW_DST_MASK;

/* Into *flow, which has what all records of the datagram share, and is taken for each of them. */
static inline void read_record(const struct decode_context *context, const uint8_t *record,
                               struct flow_record *flow)
{
    addr_store_ipv4(&flow->src_addr, record);
    addr_store_ipv4(&flow->dst_addr, record + 4);
    addr_store_ipv4(&flow->next_hop, record + 8);
    flow->input_if = wire_u16_at(record + 12);
    flow->output_if = wire_u16_at(record + 14);
    flow->packets = wire_u32_at(record + 16);
    flow->bytes = wire_u32_at(record + 20);
    uint32_t first = wire_u32_at(record + 24), last = wire_u32_at(record + 28);
    flow->src_port = wire_u16_at(record + 32);
    flow->dst_port = wire_u16_at(record + 34);
    flow->tcp_flags = record[37];
    flow->protocol = record[38];
    flow->tos = record[39];
    flow->src_as = wire_u16_at(record + 40);
    flow->dst_as = wire_u16_at(record + 42);
    flow->src_mask = record[44];
    flow->dst_mask = record[45];
    /* Uptimes wrap after 49.7 days; a difference of more than half of that is a clock set back. */
    uint32_t lasted = last - first, before = context->uptime_ms - last;
    flow->duration_ms = lasted > INT32_MAX ? 0 : lasted;
    flow->time_ms = context->export_ms - (before > INT32_MAX ? 0 : before);
    flow->icmp_type = flow->icmp_code = 0;
    flow->has = record_has;
    record_tidy(flow);
}

void netflow5_read(struct decode_context *context, struct wire_reader *r)
{
    context->format = FORMAT_NETFLOW5;
    wire_skip(r, 2);
    uint16_t count = wire_u16(r);
    context->uptime_ms = wire_u32(r);
    context->export_ms = wire_u32(r) * UINT64_C(1000);
    context->export_ms += wire_u32(r) / 1000000;
    uint32_t sequence = wire_u32(r);
    uint16_t engine = wire_u16(r), sampling = wire_u16(r);

    if (r->failed) {
        state_refuse(context, DECODE_HEADER);
        return;
    }
    if (!state_enter(context, &(struct domain_id){.domain = engine}))
        return;
    struct sequence_step step = {
        .number = sequence, .units = count, .tolerance = LATE_DATAGRAMS * RECORDS_A_DATAGRAM};
    state_sender(context, sequence, step.tolerance);
    const uint8_t *records = wire_take(r, (size_t)count * RECORD_LEN);
    if (records == NULL) {
        step.units = 0; /* what it counts cannot be believed */
        step.is_least = true;
        state_sequence(context, step);
        state_refuse(context, DECODE_COUNT);
        return;
    }
    struct flow_record flow = {.format = FORMAT_NETFLOW5, .domain = engine, .has = record_has};
    /* Juniper sends mode 0 with a rate, so the mode is not asked. */
    sampling_base(context, &flow);
    sampling_own(context, &flow, sampling & 0x3fff, SAMPLING_HEADER);
    for (uint16_t i = 0; i < count; i++) {
        read_record(context, records + (size_t)i * RECORD_LEN, &flow);
        context->sink->on_record(context->sink->owner, &flow);
    }
    record_count(context, &flow, count);
    state_sequence(context, step);
}
