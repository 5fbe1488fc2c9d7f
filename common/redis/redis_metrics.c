#include "common/redis/redis_metrics.h"

#include <pthread.h>

/* Connections of one process: a few roles times the telemetry servers, each with its reader. */
enum { SERVERS_MAX = 256 };

static struct metric_family up = {
    .name = "weir_redis_up",
    .help = "1 while every connection to it is up and authenticated",
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
    .help = "From queueing a command to its answer, but for reads that wait for entries",
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

/* What the connections to one server are together. */
struct redis_server_metrics {
    struct metric_series *up, *output_bytes;
    size_t connections, connections_up, bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct redis_server_metrics servers[SERVERS_MAX + 1]; /* and "other" */

/* Under the lock, as is all that changes one. */
static struct redis_server_metrics *server_of(struct metric_series *up_series)
{
    size_t i = 0;
    while (i < SERVERS_MAX && servers[i].up != NULL && servers[i].up != up_series)
        i++;
    servers[i].up = up_series;
    return &servers[i];
}

static void show(const struct redis_server_metrics *server)
{
    metric_set(server->up,
               server->connections > 0 && server->connections_up == server->connections ? 1 : 0);
    metric_set(server->output_bytes, (double)server->bytes);
}

void redis_metrics_join(struct redis_metrics *metrics, const char *server)
{
    const char *const labels[] = {server};
    /* From 0 on: of a series that begins with a loss, Prometheus does not see it. */
    (void)metric_at(&full, labels);
    (void)metric_at(&trimmed, labels);
    for (int i = 0; i < REDIS_REFUSAL_COUNT; i++)
        (void)refused_series(server, (enum redis_refusal)i);
    *metrics = (struct redis_metrics){
        .reconnects = metric_at(&reconnects, labels),
        .command_seconds = metric_at(&command_seconds, labels),
    };
    pthread_mutex_lock(&lock);
    metrics->server = server_of(metric_at(&up, labels));
    metrics->server->output_bytes = metric_at(&output_bytes, labels);
    metrics->server->connections++;
    show(metrics->server);
    pthread_mutex_unlock(&lock);
}

void redis_metrics_up(struct redis_metrics *metrics, bool is_up)
{
    if (is_up == metrics->is_up)
        return;
    metrics->is_up = is_up;
    pthread_mutex_lock(&lock);
    metrics->server->connections_up += is_up ? 1 : (size_t)-1;
    show(metrics->server);
    pthread_mutex_unlock(&lock);
}

void redis_metrics_output(struct redis_metrics *metrics, size_t bytes)
{
    if (bytes == metrics->output_bytes)
        return;
    pthread_mutex_lock(&lock);
    metrics->server->bytes += bytes - metrics->output_bytes;
    show(metrics->server);
    pthread_mutex_unlock(&lock);
    metrics->output_bytes = bytes;
}

void redis_metrics_leave(struct redis_metrics *metrics)
{
    redis_metrics_up(metrics, false);
    redis_metrics_output(metrics, 0);
    pthread_mutex_lock(&lock);
    metrics->server->connections--;
    show(metrics->server);
    pthread_mutex_unlock(&lock);
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
