#include "collector/worker.h"

#include "collector/out_deltas.h"
#include "collector/out_exporters.h"
#include "collector/snapshot_file.h"
#include "collector/strangers.h"
#include "collector/worker_input.h"
#include "collector/worker_metrics.h"
#include "common/base/log.h"
#include "common/redis/redis.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    URGENT_PAUSE_MS = 5, /* at least between two urgent flushes; the promise is 10 */
    HEARTBEAT_MS = 1000,
    STOP_POLL_MS = 10,
    STOP_LIMIT_MS = 3000 /* of the five seconds that the process has */
};

struct server {
    struct worker *worker;
    size_t index;
    struct redis *redis;
};

struct worker {
    struct worker_options options;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick, urgent;
    struct worker_input input;
    struct server *servers;
    struct redis **redis; /* as out_deltas wants them */
    size_t server_count;
    struct out_deltas *out;
    struct out_exporters *exporters;
    struct snapshot_file *snapshot;
    struct worker_metrics metrics;
    uint64_t urgent_ms, heartbeat_ms, stop_deadline_ms;
    bool stopping, closing;
    /* The mailbox. */
    uv_mutex_t lock;
    const struct config *next_config;
    const struct model *next_model;
    bool stop_asked;
    uv_sem_t reloaded;
    enum status reload_status;
};

static uint64_t mono_ms(const struct worker *w)
{
    return clock_mono_ms(&w->options.clock);
}

/* --- input --- */

static void flush_urgent(struct worker *w)
{
    w->urgent_ms = mono_ms(w);
    out_deltas_flush(w->out, w->input.tally, w->options.model, OUT_URGENT);
}

static void on_urgent(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    if (tally_has_urgent(w->input.tally))
        flush_urgent(w);
}

static void on_turn_end(void *owner)
{
    struct worker *w = owner;
    if (w->stopping || !tally_has_urgent(w->input.tally) || uv_is_active((uv_handle_t *)&w->urgent))
        return;
    uint64_t since_ms = mono_ms(w) - w->urgent_ms;
    if (since_ms >= URGENT_PAUSE_MS)
        flush_urgent(w);
    else
        uv_timer_start(&w->urgent, on_urgent, URGENT_PAUSE_MS - since_ms, 0);
}

/* --- ticks --- */

static void tell_metrics(struct worker *w)
{
    struct worker_totals totals = {.decode = w->input.decode,
                                   .tally = w->input.tally,
                                   .interfaces = w->input.interfaces,
                                   .out = w->out};
    for (size_t i = 0; i < w->input.socket_count; i++) {
        struct in_udp *socket = &w->input.sockets[i];
        in_udp_ask_drops(socket);
        totals.kernel_drops += socket->kernel_drops;
        totals.receive_errors += socket->receive_errors;
    }
    worker_metrics_tell(&w->metrics, &totals);
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    uint64_t now_ms = mono_ms(w);
    worker_input_turned(&w->input, now_ms);
    if (w->input.recall != NULL)
        recall_tick(w->input.recall, now_ms);
    if (now_ms - w->heartbeat_ms < HEARTBEAT_MS) {
        out_deltas_flush(w->out, w->input.tally, w->options.model, OUT_TICK);
        return;
    }
    w->heartbeat_ms = now_ms;
    out_deltas_flush(w->out, w->input.tally, w->options.model, OUT_HEARTBEAT);
    out_exporters_tell(w->exporters, w->input.decode, w->input.tally, w->input.interfaces);
    snapshot_file_tick(w->snapshot, w->input.decode);
    strangers_tell(w->options.strangers, w->options.index, w->input.tally);
    w->options.on_told(w->options.owner);
    tell_metrics(w);
}

/* --- the end --- */

static void on_redis_closed(void *owner)
{
    struct server *server = owner;
    server->redis = NULL;
}

/* The loop ends when the last handle has closed. */
static void close_handles(struct worker *w)
{
    if (w->closing)
        return;
    w->closing = true;
    worker_input_close_sockets(&w->input);
    if (w->options.recall != NULL)
        recall_line_leave(w->options.recall, &w->options.recall->worker);
    uv_close((uv_handle_t *)&w->tick, NULL);
    uv_close((uv_handle_t *)&w->urgent, NULL);
    uv_close((uv_handle_t *)&w->wake, NULL);
    for (size_t i = 0; i < w->server_count; i++)
        if (w->servers[i].redis != NULL)
            redis_close(w->servers[i].redis, on_redis_closed, &w->servers[i]);
}

static void on_stop_poll(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    struct out_deltas_counters counters;
    if (!out_deltas_is_empty(w->out) && mono_ms(w) < w->stop_deadline_ms)
        return;
    out_deltas_counters(w->out, &counters);
    if (counters.waiting > 0)
        log_warn("the telemetry server did not take the last batches", "worker=%u batches=%zu",
                 w->options.index, counters.waiting);
    tell_metrics(w);
    close_handles(w);
}

static void stop(struct worker *w)
{
    w->stopping = true;
    w->stop_deadline_ms = mono_ms(w) + STOP_LIMIT_MS;
    uv_timer_stop(&w->urgent);
    worker_input_drain(&w->input);
    out_deltas_flush(w->out, w->input.tally, w->options.model, OUT_ALL);
    out_exporters_tell(w->exporters, w->input.decode, w->input.tally, w->input.interfaces);
    snapshot_file_end(w->snapshot, w->input.decode);
    uv_timer_start(&w->tick, on_stop_poll, 0, STOP_POLL_MS);
}

/* --- the mailbox --- */

static enum status take_config(struct worker *w, const struct config *config,
                               const struct model *model)
{
    struct worker_options options = w->options;
    options.config = config;
    options.model = model;
    /* Rows of counts that go leave now; what is left of the others stays in the tally. */
    out_deltas_flush(w->out, w->input.tally, w->options.model, OUT_HEARTBEAT);
    enum status status = worker_input_reload(&w->input, &options);
    if (status != STATUS_OK)
        return status;
    snapshot_file_reload(w->snapshot, config);
    w->options.config = config;
    w->options.model = model;
    return STATUS_OK;
}

static void on_wake(uv_async_t *wake)
{
    struct worker *w = wake->data;
    uv_mutex_lock(&w->lock);
    const struct config *config = w->next_config;
    const struct model *model = w->next_model;
    bool stop_asked = w->stop_asked;
    w->next_config = NULL;
    w->next_model = NULL;
    uv_mutex_unlock(&w->lock);
    if (config != NULL) {
        w->reload_status = take_config(w, config, model);
        uv_sem_post(&w->reloaded);
    }
    if (stop_asked && !w->stopping)
        stop(w);
    if (w->options.recall != NULL)
        recall_line_copy(w->options.recall, mono_ms(w));
}

enum status worker_reload(struct worker *worker, const struct config *config,
                          const struct model *model)
{
    uv_mutex_lock(&worker->lock);
    worker->next_config = config;
    worker->next_model = model;
    uv_mutex_unlock(&worker->lock);
    uv_async_send(&worker->wake);
    uv_sem_wait(&worker->reloaded);
    return worker->reload_status;
}

void worker_stop(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    worker->stop_asked = true;
    uv_mutex_unlock(&worker->lock);
    uv_async_send(&worker->wake);
}

/* --- the beginning --- */

static void on_redis_up(void *owner)
{
    struct server *server = owner;
    if (server->worker->out != NULL)
        out_deltas_on_up(server->worker->out, server->index);
}

static enum status open_servers(struct worker *w, const struct credentials *credentials)
{
    const struct config *config = w->options.config;
    w->servers = calloc(config->redis.telemetry_count + 1, sizeof(*w->servers));
    w->redis = calloc(config->redis.telemetry_count + 1, sizeof(struct redis *));
    if (w->servers == NULL || w->redis == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < config->redis.telemetry_count; i++) {
        struct server *server = &w->servers[i];
        *server = (struct server){.worker = w, .index = i};
        enum status status =
            redis_new(&server->redis, &w->loop,
                      &(struct redis_options){.name = config->redis.telemetry[i].name,
                                              .address = config->redis.telemetry[i].address,
                                              .user = credentials->user,
                                              .password = credentials->password,
                                              .clock = w->options.clock,
                                              .on_up = on_redis_up,
                                              .owner = server});
        if (status != STATUS_OK)
            return status;
        w->server_count++;
        w->redis[i] = server->redis;
    }
    return STATUS_OK;
}

static enum status open_outputs(struct worker *w)
{
    const struct worker_options *o = &w->options;
    enum status status =
        out_deltas_new(&w->out, &(struct out_deltas_options){.config = o->config,
                                                             .tally = w->input.tally,
                                                             .telemetry = w->redis,
                                                             .epoch = o->epoch,
                                                             .worker = o->index,
                                                             .workers = o->workers,
                                                             .clock = o->clock});
    if (status != STATUS_OK)
        return status;
    return out_exporters_new(
        &w->exporters,
        &(struct out_exporters_options){.redis = w->redis[0],
                                        .prefix = o->config->redis.prefix,
                                        .collector = o->config->collector.name,
                                        .worker = o->index,
                                        .workers = o->workers,
                                        .exporters_max = o->config->collector.limits.exporters,
                                        .clock = o->clock});
}

static void run(void *arg)
{
    struct worker *w = arg;
    char name[16];
    snprintf(name, sizeof(name), "worker-%u", w->options.index);
    (void)pthread_setname_np(pthread_self(), name);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    w->options.on_done(w->options.owner);
}

static void worker_free(struct worker *w)
{
    int left = uv_loop_close(&w->loop);
    assert(left == 0);
    out_deltas_free(w->out);
    out_exporters_free(w->exporters);
    snapshot_file_free(w->snapshot);
    worker_input_done(&w->input);
    free(w->servers);
    free(w->redis);
    uv_mutex_destroy(&w->lock);
    uv_sem_destroy(&w->reloaded);
    free(w);
}

/* The loop and what cannot fail once the loop is there; the rest may be half made at any time. */
static enum status worker_new(struct worker **ret_worker, const struct worker_options *options)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return STATUS_NO_MEMORY;
    w->options = *options;
    w->options.credentials = NULL;
    w->options.fds = NULL;
    w->metrics.worker = options->index;
    if (uv_loop_init(&w->loop) != 0 || uv_mutex_init(&w->lock) != 0 ||
        uv_sem_init(&w->reloaded, 0) != 0 || uv_async_init(&w->loop, &w->wake, on_wake) != 0) {
        free(w);
        return STATUS_IO; /* at start and for want of descriptors: the process ends */
    }
    uv_timer_init(&w->loop, &w->tick);
    uv_timer_init(&w->loop, &w->urgent);
    w->wake.data = w->tick.data = w->urgent.data = w;
    *ret_worker = w;
    return STATUS_OK;
}

enum status worker_start(struct worker **ret_worker, const struct worker_options *options)
{
    struct worker *w;
    enum status status = worker_new(&w, options);
    if (status != STATUS_OK)
        return status;
    status = worker_input_open(&w->input, &w->options);
    if (status == STATUS_OK)
        status = snapshot_file_new(&w->snapshot, w->input.decode, &w->loop, &w->options);
    if (status == STATUS_OK)
        status = open_servers(w, options->credentials);
    if (status == STATUS_OK)
        status = open_outputs(w);
    if (status == STATUS_OK)
        status = worker_input_start(&w->input, &w->loop, options->fds, options->fd_count,
                                    on_turn_end, w);
    if (status == STATUS_OK) {
        w->heartbeat_ms = mono_ms(w);
        if (options->recall != NULL)
            recall_line_join(options->recall, &options->recall->worker, &w->wake);
        uv_timer_start(&w->tick, on_tick, options->config->collector.flush.every_ms,
                       options->config->collector.flush.every_ms);
        for (size_t i = 0; i < w->server_count; i++)
            redis_start(w->servers[i].redis);
    }
    if (status == STATUS_OK && uv_thread_create(&w->thread, run, w) != 0)
        status = STATUS_IO;
    if (status != STATUS_OK) {
        close_handles(w);
        uv_run(&w->loop, UV_RUN_DEFAULT);
        worker_free(w);
        return status;
    }
    *ret_worker = w;
    return STATUS_OK;
}

void worker_join(struct worker *worker)
{
    if (worker == NULL)
        return;
    uv_thread_join(&worker->thread);
    worker_free(worker);
}
