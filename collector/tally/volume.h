#ifndef COLLECTOR_TALLY_VOLUME_H
#define COLLECTOR_TALLY_VOLUME_H

#include "collector/tally/tally.h"

/* What a record adds to a row: its volume, scaled, and how sure that is. No amount is above
 * VOLUME_MAX, so that two of them never make more than 64 bits hold. */
#define VOLUME_MAX ((uint64_t)INT64_MAX)
enum { VOLUME_DURATION_MAX_MS = 3600000 }; /* a record of a longer one is not plausible */
struct volume {
    uint64_t bytes, packets, flows;
    uint32_t duration_ms;
    uint8_t duration_class; /* 0: within the tick; i: up to TALLY_TICK_MS << i */
    bool has_extra;         /* the next is not 0, or the duration is over a tick */
    /* Variances, never infinite; of flows 0: the others are not set. */
    float var_flows, var_bytes, var_packets;
};

/* Judges a record by what its network could carry. TALLY_REASON_COUNT: plausible. */
enum tally_reason volume_judge(const struct flow_record *flow,
                               const struct config_exporter *config);
void volume_of(const struct flow_record *flow, struct volume *ret_volume);

#endif
