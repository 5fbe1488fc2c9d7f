#include "collector/decode/format.h"
#include "collector/decode/restore.h"
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
    const uint32_t tolerance = LATE_DATAGRAMS * RECORDS_A_DATAGRAM;
    state_sender(context, sequence, tolerance);
    restore_judge_header(context, sequence);
    /* What stands here is read even where the header promises more. */
    bool length_fits = len >= HEADER_LEN && len <= HEADER_LEN + r->left;
    if (!length_fits)
        state_refuse(context, DECODE_LENGTH);
    struct wire_reader message = wire_sub(r, length_fits        ? len - (size_t)HEADER_LEN
                                             : len < HEADER_LEN ? 0
                                                                : r->left);
    set_read_all(context, &message);
    /* Records that nobody could count move it on all the same. */
    state_sequence(context, (struct sequence_step){.number = sequence,
                                                   .units = context->units,
                                                   .tolerance = tolerance,
                                                   .is_least = context->undecoded || !length_fits});
}
