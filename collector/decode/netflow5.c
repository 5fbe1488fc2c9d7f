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

static void read_record(struct decode_context *context, struct wire_reader *r,
                        const struct flow_record *base)
{
    struct flow_record flow = *base;

    flow.src_addr = addr_from_ipv4(wire_u32(r));
    flow.dst_addr = addr_from_ipv4(wire_u32(r));
    flow.next_hop = addr_from_ipv4(wire_u32(r));
    flow.input_if = wire_u16(r);
    flow.output_if = wire_u16(r);
    flow.packets = wire_u32(r);
    flow.bytes = wire_u32(r);
    uint32_t first = wire_u32(r), last = wire_u32(r);
    flow.src_port = wire_u16(r);
    flow.dst_port = wire_u16(r);
    wire_skip(r, 1);
    flow.tcp_flags = wire_u8(r);
    flow.protocol = wire_u8(r);
    flow.tos = wire_u8(r);
    flow.src_as = wire_u16(r);
    flow.dst_as = wire_u16(r);
    flow.src_mask = wire_u8(r);
    flow.dst_mask = wire_u8(r);
    wire_skip(r, 2);
    /* Uptimes wrap after 49.7 days; a difference of more than half of that is a clock set back. */
    uint32_t lasted = last - first, before = context->uptime_ms - last;
    flow.duration_ms = lasted > INT32_MAX ? 0 : lasted;
    flow.time_ms = context->export_ms - (before > INT32_MAX ? 0 : before);
    record_tidy(&flow);
    record_give(context, &flow);
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
    if ((size_t)count * RECORD_LEN > r->left) {
        sequence_forget(&context->domain->sequence);
        state_refuse(context, DECODE_COUNT);
        return;
    }
    struct flow_record base = {
        .format = FORMAT_NETFLOW5,
        .domain = engine,
        .has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_NEXT_HOP | FLOW_INPUT_IF | FLOW_OUTPUT_IF |
               FLOW_PACKETS | FLOW_BYTES | FLOW_DURATION | FLOW_TIME | FLOW_SRC_PORT |
               FLOW_DST_PORT | FLOW_TCP_FLAGS | FLOW_PROTOCOL | FLOW_TOS | FLOW_SRC_AS |
               FLOW_DST_AS | FLOW_SRC_MASK | FLOW_DST_MASK,
    };
    /* Juniper sends mode 0 with a rate, so the mode is not asked. */
    sampling_own(context, &base, sampling & 0x3fff, SAMPLING_HEADER);
    for (uint16_t i = 0; i < count; i++)
        read_record(context, r, &base);
    state_sequence(context, sequence, count, LATE_DATAGRAMS * RECORDS_A_DATAGRAM);
}
