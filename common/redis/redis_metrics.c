#include "common/redis/redis_metrics.h"

/* Connections of one process: a few roles times the telemetry servers, each with its reader. */
enum { SERVERS_MAX = 256 };

static struct metric_family up = {
    .name = "weir_redis_up",
    .help = "1 while the connection is up and authenticated",
    .type = METRIC_GAUGE,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
};
static struct metric_family reconnects = {
    .name = "weir_redis_reconnects_total",
    .help = "Times a connection came up again after it had been lost",
    .type = METRIC_COUNTER,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
};
static struct metric_family refused = {
    .name = "weir_redis_refused_total",
    .help = "Commands and replies that were refused, by us or by the server",
    .type = METRIC_COUNTER,
    .labels = {"server", "reason"},
    .series_max = SERVERS_MAX * REDIS_REFUSAL_COUNT,
};
static struct metric_family command_seconds = {
    .name = "weir_redis_command_seconds",
    .help = "From queueing a command to its answer",
    .type = METRIC_HISTOGRAM,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
    .buckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                2.5, 5, 10},
};
static struct metric_family output_bytes = {
    .name = "weir_redis_output_bytes",
    .help = "Bytes queued for the server and not yet written",
    .type = METRIC_GAUGE,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
};
static struct metric_family full = {
    .name = "weir_redis_full_total",
    .help = "Writes to streams that the server refused for want of memory",
    .type = METRIC_COUNTER,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
};
static struct metric_family trimmed = {
    .name = "weir_redis_trimmed_entries_total",
    .help = "Stream entries that went before their time, past the byte cap or on a full server",
    .type = METRIC_COUNTER,
    .labels = {"server"},
    .series_max = SERVERS_MAX,
};

void redis_metrics_declare(void)
{
    struct metric_family *const all[] = {&up,           &reconnects, &refused, &command_seconds,
                                         &output_bytes, &full,       &trimmed};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
}

struct redis_metrics redis_metrics_of(const char *server)
{
    const char *const labels[] = {server};
    /* From 0 on: of a series that begins with a loss, Prometheus does not see it. */
    (void)metric_at(&full, labels);
    (void)metric_at(&trimmed, labels);
    return (struct redis_metrics){
        .up = metric_at(&up, labels),
        .reconnects = metric_at(&reconnects, labels),
        .command_seconds = metric_at(&command_seconds, labels),
        .output_bytes = metric_at(&output_bytes, labels),
    };
}

static struct metric_series *refused_series(const char *server, enum redis_refusal reason)
{
    static const char *const names[REDIS_REFUSAL_COUNT] = {
        [REDIS_REFUSAL_AWAY] = "away",
        [REDIS_REFUSAL_COMMANDS] = "commands",
        [REDIS_REFUSAL_OUTPUT] = "output",
        [REDIS_REFUSAL_ARGUMENTS] = "arguments",
        [REDIS_REFUSAL_REPLY_LIMIT] = "reply_limit",
        [REDIS_REFUSAL_PROTOCOL] = "protocol",
        [REDIS_REFUSAL_AUTH] = "auth",
        [REDIS_REFUSAL_ERROR] = "error",
    };
    const char *const labels[] = {server, names[reason]};
    return metric_at(&refused, labels);
}

void redis_metrics_refused(const char *server, enum redis_refusal reason)
{
    metric_add(refused_series(server, reason), 1);
}

void redis_metrics_full(const char *server)
{
    metric_add(metric_at(&full, (const char *const[]){server}), 1);
}

void redis_metrics_trimmed(const char *server, uint64_t entries)
{
    metric_add(metric_at(&trimmed, (const char *const[]){server}), entries);
}

uint64_t redis_metrics_refused_count(const char *server, enum redis_refusal reason)
{
    return (uint64_t)metric_value(refused_series(server, reason));
}
