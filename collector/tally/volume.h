#ifndef COLLECTOR_TALLY_VOLUME_H
#define COLLECTOR_TALLY_VOLUME_H

#include "collector/tally/tally.h"

/* What a record adds to a row: its volume, scaled, and how sure that is. */
struct volume {
    uint64_t bytes, packets, flows;
    uint32_t duration_ms;
    uint8_t duration_class; /* 0: within the tick; i: up to TALLY_TICK_MS << i */
    bool has_extra;         /* what follows is not all 0, or the duration is over a tick */
    double var_bytes, var_packets, var_flows;
};

/* Judges a record by what its network could carry. TALLY_REASON_COUNT: plausible. */
enum tally_reason volume_judge(const struct flow_record *flow,
                               const struct config_exporter *config);
void volume_of(const struct flow_record *flow, struct volume *ret_volume);

#endif
