#ifndef COLLECTOR_DECODE_RECORD_H
#define COLLECTOR_DECODE_RECORD_H

#include "collector/decode/state.h"

/* What all formats do with a record before it goes out. */

/* Puts right what exporters write where nothing is to say: ports of ICMP and of protocols without
 * ports, types of what is no ICMP, flags of what is no TCP. */
void record_tidy(struct flow_record *flow);
/* Counts `count` records, which the sink was given: the last of them is *flow. */
void record_count(struct decode_context *context, const struct flow_record *flow, uint64_t count);
void record_give(struct decode_context *context, const struct flow_record *flow);
/* Records of a template: what its steps wrote becomes a flow record of each, or two. */
void record_of_template(struct decode_context *context, const struct decode_plan *plan,
                        struct plan_record *records, size_t count);

#endif
