#ifndef AGGREGATOR_METRICS_H
#define AGGREGATOR_METRICS_H

#include "aggregator/plant.h"

/* What the process shows on /metrics, summed over its shards. Counters are what was added since the
 * last look, so a new plant begins where the old one ended. */
struct aggregator_metrics {
    struct shard_figures last; /* sums over the shards of the plant now */
};

void aggregator_metrics_declare(void);
/* NULL: there is no plant, or another one than before: what was counted is forgotten. */
void aggregator_metrics_update(struct aggregator_metrics *metrics, const struct plant *plant);

#endif
