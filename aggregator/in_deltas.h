#ifndef AGGREGATOR_IN_DELTAS_H
#define AGGREGATOR_IN_DELTAS_H

#include "common/redis/redis.h"
#include "proto/delta.h"

/*
 * The delta streams of one telemetry server, from their beginning on: what is still there of the
 * last two minutes comes first, and on_end says when it was all read.
 */
struct in_deltas;

struct in_deltas_options {
    struct redis_options connection; /* copied */
    const char *prefix;
    const char *shards[STREAMS_MAX]; /* names */
    size_t shard_count;
    /* age_ms: from the interval's end to the entry's id. */
    void (*on_batch)(void *owner, size_t shard, const struct delta_batch *batch, uint64_t id_ms,
                     uint64_t age_ms);
    void (*on_malformed)(void *owner, size_t shard, enum status why);
    void (*on_end)(void *owner, bool caught_up); /* of what one read gave */
    void (*on_lost)(void *owner, size_t shard);  /* entries are gone that were not read */
    void *owner;
};

enum status in_deltas_start(struct in_deltas **ret_in, uv_loop_t *loop,
                            const struct in_deltas_options *options);
bool in_deltas_is_up(const struct in_deltas *in);
void in_deltas_close(struct in_deltas *in, void (*on_closed)(void *owner), void *owner);

#endif
