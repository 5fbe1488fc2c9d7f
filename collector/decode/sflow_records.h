#ifndef COLLECTOR_DECODE_SFLOW_RECORDS_H
#define COLLECTOR_DECODE_SFLOW_RECORDS_H

#include "collector/decode/state.h"

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
