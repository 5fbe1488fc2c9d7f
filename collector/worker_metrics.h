#ifndef COLLECTOR_WORKER_METRICS_H
#define COLLECTOR_WORKER_METRICS_H

#include "collector/decode/decode.h"
#include "collector/interfaces.h"
#include "collector/out_deltas.h"
#include "collector/tally/tally.h"

/* A worker's counters into the process's metrics: what has come since the last time is added. */
struct worker_metrics {
    uint32_t worker;
    struct decode_counters decode;
    struct tally_counters tally;
    struct out_deltas_counters out;
    uint64_t kernel_drops, receive_errors, evicted_interfaces;
};

struct worker_totals {
    const struct decode *decode;
    const struct tally *tally;
    const struct interfaces *interfaces;
    const struct out_deltas *out;
    uint64_t kernel_drops, receive_errors;
};

void worker_metrics_declare(void); /* shown with 0 before the first datagram */
void worker_metrics_tell(struct worker_metrics *metrics, const struct worker_totals *totals);

#endif
