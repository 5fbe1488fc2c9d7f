#ifndef COMMON_REDIS_REDIS_METRICS_H
#define COMMON_REDIS_REDIS_METRICS_H

#include "common/base/metrics.h"

#include <stdbool.h>
#include <stddef.h>

struct redis_server_metrics;

/* What one connection adds to the series of its server. A process may have several connections to
 * one, in several threads: one for each worker of a collector. */
struct redis_metrics {
    struct redis_server_metrics *server;
    struct metric_series *reconnects, *command_seconds;
    bool is_up;
    size_t output_bytes;
};
void redis_metrics_declare(void); /* all, so that they are listed before a server is known */
void redis_metrics_join(struct redis_metrics *metrics, const char *server);
void redis_metrics_leave(struct redis_metrics *metrics);
void redis_metrics_up(struct redis_metrics *metrics, bool is_up);
void redis_metrics_output(struct redis_metrics *metrics, size_t bytes);

/* Why something was refused, by us or by the server. */
enum redis_refusal {
    REDIS_REFUSAL_AWAY,     /* a command while not connected */
    REDIS_REFUSAL_COMMANDS, /* commands_max wait already */
    REDIS_REFUSAL_OUTPUT,   /* output_max_bytes are queued already */
    REDIS_REFUSAL_ARGUMENTS,
    REDIS_REFUSAL_REPLY_LIMIT,
    REDIS_REFUSAL_PROTOCOL,
    REDIS_REFUSAL_AUTH,
    REDIS_REFUSAL_ERROR, /* an error reply */
    REDIS_REFUSAL_COUNT
};
void redis_metrics_refused(const char *server, enum redis_refusal reason);
void redis_metrics_full(const char *server); /* a write was refused for want of memory */
void redis_metrics_trimmed(const char *server, uint64_t entries); /* by a stream's byte cap */
uint64_t redis_metrics_refused_count(const char *server, enum redis_refusal reason);

#endif
