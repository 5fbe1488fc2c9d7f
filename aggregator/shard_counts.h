#ifndef AGGREGATOR_SHARD_COUNTS_H
#define AGGREGATOR_SHARD_COUNTS_H

#include "aggregator/window/store.h"
#include "common/model/model.h"

/*
 * The counts of the configuration as the windows want them. The floor of a count is the lowest
 * limit of all its windows, less: a key has a row while a rate of it is at or over the floor, so
 * the floor must lie below the half where an alarm is elevated, and at or below the share of its
 * limit where any of its thresholds clears, so that an absent key is one that has cleared.
 */
struct shard_counts {
    struct store_count *items;
    size_t count;
};

enum status shard_counts_of_model(struct shard_counts *ret_counts, const struct model *model);
void shard_counts_done(struct shard_counts *counts);

#endif
