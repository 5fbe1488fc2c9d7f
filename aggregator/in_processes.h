#ifndef AGGREGATOR_IN_PROCESSES_H
#define AGGREGATOR_IN_PROCESSES_H

#include "common/redis/redis.h"

#include <uv.h>

/*
 * Whether the collectors that feed us stand in the registry of a telemetry server, asked once a
 * second: a worker that is silent hangs when its collector is registered, and has gone when not.
 */
struct in_processes;

struct in_processes_options {
    struct redis *redis; /* lent, until it has closed */
    const char *prefix;
    /* Must call on_name for each collector that it wants to know of. */
    void (*each_collector)(void *owner, void (*on_name)(void *asker, const char *collector),
                           void *asker);
    void (*on_answer)(void *owner, const char *collector, bool registered);
    void *owner;
};

enum { IN_PROCESSES_MAX = 1024 };

enum status in_processes_start(struct in_processes **ret_in, uv_loop_t *loop,
                               const struct in_processes_options *options);
/* Stops asking; in_processes_free() once the connection and the loop are done with it. */
void in_processes_close(struct in_processes *in, void (*on_closed)(void *owner), void *owner);
void in_processes_free(struct in_processes *in);

#endif
