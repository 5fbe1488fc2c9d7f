#ifndef AGGREGATOR_OUT_ROLLUPS_H
#define AGGREGATOR_OUT_ROLLUPS_H

#include "aggregator/window/top.h"
#include "common/redis/redis.h"
#include "proto/rollup.h"

/*
 * The ticks of one shard into its stream, and its heaviest keys into their sorted sets. A tick says
 * all that is so, so a newer one supersedes those that could not be written: while the server is
 * away or slow they are dropped, and nothing waits.
 */
struct out_rollups;

enum {
    /* Ticks on their way to the server at one time. */
    OUT_TICKS_MAX = 4,
    OUT_BYTES_MAX = 16 << 20, /* waiting to be written, of all that the connection has */
};

struct out_rollups_options {
    struct redis *redis; /* lent, until it has closed: its answers come here */
    const char *prefix, *shard;
    uint64_t stream_bytes; /* the most that the stream of ticks may have */
    void (*on_refused)(void *owner, const char *error); /* the server refused a tick or a top */
    void *owner;
};

enum status out_rollups_new(struct out_rollups **ret_out,
                            const struct out_rollups_options *options);
/* After the connection has closed. */
void out_rollups_free(struct out_rollups *out);

/* Whether a tick would be taken now. */
bool out_rollups_is_ready(const struct out_rollups *out);
/* All parts, or AWAY or LIMIT when it is superseded by the next. */
enum status out_rollups_tick(struct out_rollups *out, const struct rollup_tick *tick);
/* Once a second: the stream keeps to its bytes. */
void out_rollups_keep(struct out_rollups *out);
void out_rollups_top(struct out_rollups *out, uint64_t count_id, const struct top_item *items,
                     size_t count);

#endif
