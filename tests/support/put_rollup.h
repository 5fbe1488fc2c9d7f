#ifndef TESTS_SUPPORT_PUT_ROLLUP_H
#define TESTS_SUPPORT_PUT_ROLLUP_H

#include "common/model/model.h"
#include "common/redis/redis.h"

/*
 * Plays the aggregators of a configuration: rollup ticks of every shard, as an attack on some hosts
 * would give them, written to the telemetry servers' streams.
 */
enum { PUT_ROWS_MAX = 4000, PUT_SERVERS_MAX = 4 };

struct put_row {
    char policy[32]; /* whose count, and all of whose windows */
    char target[64]; /* the destination in the key */
    double bps, pps;
};

struct put_rollup {
    const struct model *model;
    struct redis_sync *servers[PUT_SERVERS_MAX]; /* in the order of the configuration */
    uint64_t epoch, sequence;
    struct put_row rows[PUT_ROWS_MAX];
    size_t row_count;
    char exporter[64]; /* who sends all of it; "" for nobody */
    uint32_t heard_age_ms;
    bool blind;
};

void put_rollup_open(struct put_rollup *put, const struct model *model);
void put_rollup_close(struct put_rollup *put);
void put_rollup_set(struct put_rollup *put, const char *policy, const char *target, double bps);
void put_rollup_tick(struct put_rollup *put); /* one of each shard */

#endif
