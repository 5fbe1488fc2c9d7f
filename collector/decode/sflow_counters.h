#ifndef COLLECTOR_DECODE_SFLOW_COUNTERS_H
#define COLLECTOR_DECODE_SFLOW_COUNTERS_H

#include "collector/decode/state.h"

/* A counter sample's body. Interfaces go to the sink; counters of other things are stepped over. */
void sflow_read_counters(struct decode_context *context, struct wire_reader *r, bool expanded,
                         const struct ip_addr *agent);

#endif
