#include "collector/decode/format.h"
#include "collector/decode/template.h"

/*
 *  0 version 10 | length of the message with this header
 *  4 Unix seconds               8 sequence: data records sent before this message
 * 12 observation domain        16 sets
 */
enum { HEADER_LEN = 16 };

void ipfix_read(struct decode_context *context, struct wire_reader *r)
{
    context->format = FORMAT_IPFIX;
    wire_skip(r, 2);
    uint16_t len = wire_u16(r);
    context->export_ms = wire_u32(r) * UINT64_C(1000);
    uint32_t sequence = wire_u32(r);
    context->domain_number = wire_u32(r);
    if (r->failed) {
        state_refuse(context, DECODE_HEADER);
        return;
    }
    if (!state_enter(context, &(struct domain_id){.domain = context->domain_number}))
        return;
    if (len < HEADER_LEN || len > HEADER_LEN + r->left) {
        sequence_forget(&context->domain->sequence);
        state_refuse(context, DECODE_LENGTH);
        return;
    }
    struct wire_reader message = wire_sub(r, len - (size_t)HEADER_LEN);
    set_read_all(context, &message);
    if (context->undecoded)
        sequence_forget(&context->domain->sequence); /* records that nobody could count */
    else
        state_sequence(context, sequence, context->units, LATE_DATAGRAMS * RECORDS_A_DATAGRAM);
}
