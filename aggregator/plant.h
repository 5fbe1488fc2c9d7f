#ifndef AGGREGATOR_PLANT_H
#define AGGREGATOR_PLANT_H

#include "aggregator/shard.h"
#include "aggregator/shard_counts.h"
#include "common/service/config.h"

#include <uv.h>

/*
 * Everything that one configuration makes run: the connections to each telemetry server that has
 * shards of ours, the connection to state, and the shards. A reload that changes any of it takes a
 * new one: it reads the streams again from their beginning, as after a restart.
 *
 *   plant_new() → … → plant_close() → on_closed: it is gone
 */
struct plant;

struct plant_options {
    const struct config *config; /* read while plant_new runs, not kept */
    uint64_t epoch;
    struct clock clock;
};

enum status plant_new(struct plant **ret_plant, uv_loop_t *loop,
                      const struct plant_options *options);
void plant_close(struct plant *plant, void (*on_closed)(void *owner), void *owner);

/* Of all that a plant is made of: equal prints need no new plant. */
enum status plant_print(uint64_t *ret_print, const struct config *config);
void plant_set_config(struct plant *plant, const char *config_hash); /* in the registry */
bool plant_is_healthy(const struct plant *plant, struct text *why);

size_t plant_shard_count(const struct plant *plant);
const struct shard *plant_shard(const struct plant *plant, size_t i);

#endif
