#include "collector/decode/format.h"
#include "collector/decode/restore.h"
#include "collector/decode/template.h"

/*
 *  0 version 9 | count: cannot be trusted, sets are read by length
 *  4 uptime, ms                 8 Unix seconds
 * 12 sequence: datagrams sent  16 source id            20 sets
 */
void netflow9_read(struct decode_context *context, struct wire_reader *r)
{
    context->format = FORMAT_NETFLOW9;
    wire_skip(r, 4);
    context->uptime_ms = wire_u32(r);
    context->export_ms = wire_u32(r) * UINT64_C(1000);
    uint32_t sequence = wire_u32(r);
    context->domain_number = wire_u32(r);
    if (r->failed) {
        state_refuse(context, DECODE_HEADER);
        return;
    }
    if (!state_enter(context, &(struct domain_id){.domain = context->domain_number}))
        return;
    state_sender(context, sequence, LATE_DATAGRAMS);
    restore_judge_header(context, sequence);
    set_read_all(context, r);
    state_sequence(context, (struct sequence_step){
                                .number = sequence, .units = 1, .tolerance = LATE_DATAGRAMS});
}
