#include "collector/collector.h"

#include "collector/lock.h"
#include "collector/out_exporters.h"
#include "collector/recall_thread.h"
#include "collector/snapshot_file.h"
#include "collector/strangers.h"
#include "collector/udp_sockets.h"
#include "collector/worker.h"
#include "collector/worker_metrics.h"
#include "common/base/log.h"
#include "common/model/model.h"
#include "common/redis/redis_metrics.h"
#include "common/redis/registry.h"
#include "common/service/credentials.h"
#include "common/service/process.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = 256 };

/* The registry's own connection to a telemetry server, on the main thread's loop. */
struct presence {
    struct collector *collector;
    struct redis *redis;
    struct registry *registry;
    char server[NAME_MAX_LEN + 1];
};

struct collector {
    struct process *process;
    struct archive *archive;
    struct model *model;
    struct port_locks locks;
    struct udp_sockets sockets;
    struct worker *workers[WORKERS_MAX];
    uint32_t worker_count;
    struct recall_line *recalls; /* one a worker; NULL: switched off */
    uint32_t recall_count;
    struct recall_thread *recall_thread;
    atomic_uint workers_done;
    uv_async_t done;
    bool done_open, strangers_open;
    struct strangers strangers;
    struct text strangers_words, strangers_addresses;
    struct presence *presences;
    size_t presence_count, presences_open;
    uint64_t epoch;
    struct log_limiter twin_limiter;
};

/* --- the end --- */

static void free_all(struct collector *c)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_join(c->workers[i]);
    c->worker_count = 0;
    archive_free(c->archive); /* what the workers put there last is written now */
    c->archive = NULL;
    if (c->strangers_open)
        strangers_done(&c->strangers);
    c->strangers_open = false;
    text_done(&c->strangers_words);
    text_done(&c->strangers_addresses);
    recall_thread_stop(c->recall_thread);
    recall_lines_free(c->recalls, c->recall_count);
    c->recall_thread = NULL;
    c->recalls = NULL;
    udp_sockets_close(&c->sockets);
    lock_release(&c->locks);
    model_free(c->model);
    c->model = NULL;
    free(c->presences);
    c->presences = NULL;
}

static void end_if_closed(struct collector *c)
{
    if (c->presences_open > 0 || c->done_open)
        return;
    free_all(c);
    process_stopped(c->process);
}

static void on_redis_closed(void *owner)
{
    struct presence *p = owner;
    p->redis = NULL;
    p->collector->presences_open--;
    end_if_closed(p->collector);
}

static void on_registry_closed(void *owner)
{
    struct presence *p = owner;
    p->registry = NULL;
    redis_close(p->redis, on_redis_closed, p);
}

static void on_done_closed(uv_handle_t *handle)
{
    struct collector *c = handle->data;
    c->done_open = false;
    end_if_closed(c);
}

/* All workers have ended: what the main thread itself has open closes now. */
static void close_all(struct collector *c)
{
    uv_close((uv_handle_t *)&c->done, on_done_closed);
    for (size_t i = 0; i < c->presence_count; i++) {
        struct presence *p = &c->presences[i];
        if (p->registry != NULL)
            registry_close(p->registry, on_registry_closed, p);
        else if (p->redis != NULL)
            redis_close(p->redis, on_redis_closed, p);
    }
}

/* So that who forgot to list a router sees it in weir status and weir exporters. */
static void tell_strangers(struct collector *c)
{
    struct clock clock = process_clock(c->process);
    strangers_read(&c->strangers, clock_mono_ms(&clock), &c->strangers_words,
                   &c->strangers_addresses);
    for (size_t i = 0; i < c->presence_count; i++) {
        registry_set(c->presences[i].registry, "unlisted", text_str(&c->strangers_words));
        registry_set(c->presences[i].registry, "unlisted_senders",
                     text_str(&c->strangers_addresses));
    }
}

static void on_worker_told(void *owner)
{
    struct collector *c = owner;
    uv_async_send(&c->done);
}

static void on_done(uv_async_t *done)
{
    struct collector *c = done->data;
    if (atomic_load(&c->workers_done) < c->worker_count)
        tell_strangers(c);
    if (atomic_load(&c->workers_done) == c->worker_count)
        close_all(c);
}

static void on_worker_done(void *owner)
{
    struct collector *c = owner;
    atomic_fetch_add(&c->workers_done, 1);
    uv_async_send(&c->done);
}

static void stop(void *self)
{
    struct collector *c = self;
    if (!c->done_open)
        return;
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_stop(c->workers[i]);
    if (c->worker_count == 0)
        close_all(c);
}

/* --- the beginning --- */

static enum status start_sockets(struct collector *c, const struct config *config)
{
    uint16_t ports[LOCK_PORTS_MAX], busy = 0;
    char text[ENDPOINT_TEXT_MAX];
    size_t failed = 0;
    if (config->collector.udp_count > LOCK_PORTS_MAX) {
        log_error("too many UDP endpoints", "most=%d", LOCK_PORTS_MAX);
        return STATUS_LIMIT;
    }
    for (size_t i = 0; i < config->collector.udp_count; i++)
        ports[i] = config->collector.udp[i].port;
    enum status status =
        lock_ports(&c->locks, config->state_dir, ports, config->collector.udp_count, &busy);
    if (status != STATUS_OK) {
        log_error(status == STATUS_EXISTS ? "another collector has this port"
                                          : "no lock for this port",
                  "port=%u state_dir=%s reason=%s", busy, config->state_dir,
                  status == STATUS_EXISTS ? "locked" : strerror(errno));
        return status;
    }
    status = udp_sockets_open(&c->sockets, config->collector.udp, config->collector.udp_count,
                              c->worker_count, config->collector.receive_buffer_bytes, &failed);
    if (status != STATUS_OK) {
        log_error("no UDP socket", "endpoint=%s reason=%s",
                  endpoint_format(&config->collector.udp[failed], text), strerror(errno));
        return status;
    }
    for (size_t i = 0; i < c->sockets.ports; i++) {
        struct ip_endpoint at = config->collector.udp[i];
        at.port = c->sockets.bound[i];
        log_info("listening", "udp=%s workers=%u receive_buffer=%llu", endpoint_format(&at, text),
                 c->worker_count, (unsigned long long)c->sockets.receive_buffer_bytes);
    }
    if (c->sockets.receive_buffer_bytes < config->collector.receive_buffer_bytes)
        log_warn("the kernel gives a smaller receive buffer: bursts will be lost",
                 "asked=%llu got=%llu try=\"sysctl -w net.core.rmem_max=%llu\"",
                 (unsigned long long)config->collector.receive_buffer_bytes,
                 (unsigned long long)c->sockets.receive_buffer_bytes,
                 (unsigned long long)config->collector.receive_buffer_bytes);
    return STATUS_OK;
}

static void on_twin(void *owner, const char *epoch)
{
    struct collector *c = owner;
    struct clock clock = process_clock(c->process);
    uint64_t suppressed;
    char text[64];
    if (log_limiter_allow(&c->twin_limiter, 1, clock_mono_ms(&clock), &suppressed))
        log_error("another collector lives under our name: give one of them another name",
                  "name=%s epoch=%llu other_epoch=%s", process_config(c->process)->collector.name,
                  (unsigned long long)c->epoch, log_value(text, sizeof(text), epoch));
}

static enum status start_presence(struct collector *c, const struct config *config,
                                  const struct config_redis_server *server,
                                  const struct credentials *credentials)
{
    struct presence *p = &c->presences[c->presence_count];
    uv_loop_t *loop = process_loop(c->process);
    p->collector = c;
    (void)snprintf(p->server, sizeof(p->server), "%s", server->name);
    enum status status = redis_new(&p->redis, loop,
                                   &(struct redis_options){.name = server->name,
                                                           .address = server->address,
                                                           .user = credentials->user,
                                                           .password = credentials->password,
                                                           .clock = process_clock(c->process)});
    if (status != STATUS_OK)
        return status;
    c->presence_count++;
    c->presences_open++;
    redis_start(p->redis);
    status = registry_start(&p->registry, loop,
                            &(struct registry_options){.redis = p->redis,
                                                       .prefix = config->redis.prefix,
                                                       .kind = "collector",
                                                       .name = config->collector.name,
                                                       .config_hash = config->hash,
                                                       .version = weir_version(),
                                                       .epoch = c->epoch,
                                                       .clock = process_clock(c->process),
                                                       .on_twin = on_twin,
                                                       .owner = c});
    if (status == STATUS_OK) {
        char workers[16];
        snprintf(workers, sizeof(workers), "%u", c->worker_count);
        registry_set(p->registry, "workers", workers);
        registry_set(p->registry, "recall", config->collector.recall.enabled ? "on" : "off");
    }
    return status;
}

static enum status start_recall(struct collector *c, const struct config *config, uint32_t workers,
                                const struct credentials *credentials)
{
    c->recall_count = workers;
    enum status status = recall_lines_new(&c->recalls, workers, config);
    if (status == STATUS_RANGE)
        log_error("collector.recall.memory is too little for so many workers", "workers=%u",
                  workers);
    if (status != STATUS_OK || c->recalls == NULL)
        return status;
    return recall_thread_start(&c->recall_thread,
                               &(struct recall_thread_options){.config = config,
                                                               .credentials = credentials,
                                                               .lines = c->recalls,
                                                               .workers = workers,
                                                               .clock = process_clock(c->process)});
}

static enum status start_workers(struct collector *c, const struct config *config, uint32_t wanted,
                                 const struct credentials *credentials)
{
    int fds[LOCK_PORTS_MAX];
    for (uint32_t i = 0; i < wanted; i++) {
        for (size_t port = 0; port < c->sockets.ports; port++)
            fds[port] = udp_sockets_fd(&c->sockets, port, i);
        enum status status = worker_start(
            &c->workers[i],
            &(struct worker_options){.config = config,
                                     .model = c->model,
                                     .credentials = credentials,
                                     .archive = c->archive,
                                     .index = i,
                                     .workers = wanted,
                                     .epoch = c->epoch,
                                     .clock = process_clock(c->process),
                                     .fds = fds,
                                     .fd_count = c->sockets.ports,
                                     .recall = c->recalls != NULL ? &c->recalls[i] : NULL,
                                     .strangers = &c->strangers,
                                     .on_told = on_worker_told,
                                     .on_done = on_worker_done,
                                     .owner = c});
        if (status != STATUS_OK)
            return status;
        c->worker_count++;
    }
    return STATUS_OK;
}

static struct model *make_model(const struct config *config)
{
    struct config_errors errors;
    config_errors_init(&errors, config->file);
    struct model *model = model_new(config, &errors); /* judged before: only memory can fail */
    if (model == NULL)
        log_error("no model of the configuration", "reason=\"%s\"", text_str(&errors.lines));
    config_errors_done(&errors);
    return model;
}

static enum status start_rest(struct collector *c, const struct config *config)
{
    struct credentials credentials = {0};
    struct clock clock = process_clock(c->process);
    struct text why;
    text_init(&why, 0);
    enum status status = credentials_read(&credentials, config, "collector", &why);
    if (status != STATUS_OK)
        log_error("no password for the telemetry servers", "reason=\"%s\"", text_str(&why));
    c->presences = calloc(config->redis.telemetry_count + 1, sizeof(*c->presences));
    if (c->presences == NULL)
        status = STATUS_NO_MEMORY;
    for (size_t i = 0; status == STATUS_OK && i < config->redis.telemetry_count; i++)
        status = start_presence(c, config, &config->redis.telemetry[i], &credentials);
    uint32_t workers = c->worker_count;
    c->worker_count = 0; /* as many as run */
    if (status == STATUS_OK)
        status = archive_new(&c->archive, &clock, workers);
    if (status == STATUS_OK)
        status = archive_set(c->archive, config);
    if (status == STATUS_OK)
        status = start_recall(c, config, workers, &credentials);
    if (status == STATUS_OK)
        status = start_workers(c, config, workers, &credentials);
    if (status != STATUS_OK)
        log_error("cannot start", "reason=\"%s\"", status_text(status));
    credentials_done(&credentials);
    text_done(&why);
    return status;
}

/* The configuration goes when start has failed, so nothing may run on. */
static void undo_start(struct collector *c)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_stop(c->workers[i]);
    for (uint32_t i = 0; i < c->worker_count; i++)
        worker_join(c->workers[i]);
    c->worker_count = 0;
    close_all(c);
}

static enum status start(void *self, struct process *process)
{
    struct collector *c = self;
    const struct config *config = process_config(process);
    struct clock clock = process_clock(process);

    c->process = process;
    c->epoch = clock_wall_ms(&clock);
    c->worker_count =
        config->collector.workers > 0 ? config->collector.workers : uv_available_parallelism();
    if (c->worker_count > WORKERS_MAX)
        c->worker_count = WORKERS_MAX;
    log_limiter_init(&c->twin_limiter, 60000);
    text_init(&c->strangers_words, 0);
    text_init(&c->strangers_addresses, 0);
    c->strangers_open = strangers_init(&c->strangers) == STATUS_OK;
    if (!c->strangers_open || uv_async_init(process_loop(process), &c->done, on_done) != 0) {
        log_error("cannot start", "reason=\"no descriptors\"");
        return STATUS_IO;
    }
    c->done.data = c;
    c->done_open = true;
    c->model = make_model(config);
    if (c->model == NULL) {
        c->worker_count = 0;
        undo_start(c);
        return STATUS_NO_MEMORY;
    }
    enum status status = start_sockets(c, config);
    if (status != STATUS_OK)
        c->worker_count = 0;
    else
        status = start_rest(c, config);
    if (status != STATUS_OK)
        undo_start(c);
    return status;
}

/* --- another configuration --- */

static bool same_map(const struct config *a, const struct config *b)
{
    bool same =
        a->shard_count == b->shard_count && a->redis.telemetry_count == b->redis.telemetry_count;
    for (size_t i = 0; same && i < a->shard_count; i++)
        same = strcmp(a->shards[i].name, b->shards[i].name) == 0 &&
               a->shards[i].slots == b->shards[i].slots &&
               a->shards[i].telemetry == b->shards[i].telemetry;
    for (size_t i = 0; same && i < a->redis.telemetry_count; i++)
        same = strcmp(a->redis.telemetry[i].address, b->redis.telemetry[i].address) == 0;
    return same;
}

static bool same_recall(const struct config *a, const struct config *b)
{
    const struct config_collector *x = &a->collector, *y = &b->collector;
    return x->recall.enabled == y->recall.enabled &&
           x->recall.memory_bytes == y->recall.memory_bytes &&
           x->recall.keep_ms == y->recall.keep_ms &&
           x->recall.cap_per_destination == y->recall.cap_per_destination;
}

static void reload(void *self, const struct config *config)
{
    struct collector *c = self;
    struct model *old = c->model, *model = make_model(config);
    enum status status = model == NULL ? STATUS_NO_MEMORY : STATUS_OK;

    if (status == STATUS_OK && !same_map(old->config, config))
        log_warn("shards and telemetry servers need a restart, the old ones stay", "");
    if (status == STATUS_OK)
        status = archive_set(c->archive, config);
    if (status == STATUS_OK && !same_recall(old->config, config))
        log_warn("collector.recall needs a restart, the old one stays", "");
    for (uint32_t i = 0; status == STATUS_OK && i < c->worker_count; i++)
        status = worker_reload(c->workers[i], config, model);
    if (status != STATUS_OK) {
        /* The old configuration goes when this returns, and some worker still uses it. */
        log_error("out of memory while reloading: ending", "");
        _exit(EXIT_FAILURE);
    }
    archive_settle(c->archive);
    c->model = model;
    model_free(old);
    for (size_t i = 0; i < c->presence_count; i++)
        registry_set_config(c->presences[i].registry, config->hash);
}

static bool healthy(void *self, struct text *why)
{
    struct collector *c = self;
    bool all = true;
    for (size_t i = 0; i < c->presence_count; i++) {
        if (redis_is_up(c->presences[i].redis))
            continue;
        text_add_itemf(why, "telemetry server %s is away", c->presences[i].server);
        all = false;
    }
    return all;
}

static void declare_metrics(void)
{
    worker_metrics_declare();
    archive_declare();
    recall_thread_declare();
    out_exporters_declare();
    snapshot_file_declare();
    redis_metrics_declare();
}

int collector_run(int argc, char **argv)
{
    static struct collector collector;
    const struct process_hooks hooks = {.kind = "collector",
                                        .check = model_check,
                                        .declare_metrics = declare_metrics,
                                        .start = start,
                                        .reload = reload,
                                        .stop = stop,
                                        .healthy = healthy,
                                        .self = &collector};
    return process_run(argc, argv, &hooks);
}
