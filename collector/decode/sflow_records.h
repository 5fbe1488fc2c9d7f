#ifndef COLLECTOR_DECODE_SFLOW_RECORDS_H
#define COLLECTOR_DECODE_SFLOW_RECORDS_H

#include "collector/decode/state.h"

/* The records of one flow sample into *flow. What is cut or unknown is refused or stepped over;
 * what was read stays. */
void sflow_read_records(struct decode_context *context, struct wire_reader *r, uint32_t count,
                        struct flow_record *flow);

#endif
