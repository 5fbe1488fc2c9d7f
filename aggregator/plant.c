#include "aggregator/plant.h"

#include "aggregator/in_alarms.h"
#include "aggregator/in_deltas.h"
#include "aggregator/in_processes.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/registry.h"
#include "common/redis/stream_cap.h"
#include "common/service/credentials.h"
#include "common/service/process.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWIN_SAY_MS = 60000 };

/* One telemetry server with the shards of ours that are on it. */
struct server {
    struct plant *plant;
    char name[NAME_MAX_LEN + 1];
    struct redis *redis;
    struct in_deltas *deltas;
    struct in_processes *processes;
    struct registry *registry;
    struct shard *shards[STREAMS_MAX]; /* in the order of the reader's streams */
    size_t shard_count;
};

struct plant {
    struct store_quota quota;
    struct clock clock;
    struct server *servers;
    size_t server_count;
    struct redis *state;
    struct in_alarms *alarms;
    struct shard *shards[STREAMS_MAX];
    size_t shard_count;
    uint64_t twin_ms; /* mono, when another aggregator of our name was seen; 0: never */
    uint64_t twin_said_ms;
    /* While it closes: first what asks, then the connections. */
    size_t parts_open, connections_open;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

/* While it is made. */
struct build {
    struct plant *plant;
    uv_loop_t *loop;
    const struct plant_options *options;
    const struct config *config;
    struct shard_counts counts;
    struct credentials credentials;
};

/* --- what comes in -----------------------------------------------------------------------------
 */

static void on_batch(void *owner, size_t shard, const struct delta_batch *batch, uint64_t id_ms,
                     uint64_t age_ms)
{
    struct server *server = owner;
    shard_batch(server->shards[shard], batch, id_ms, age_ms);
}

static void on_malformed(void *owner, size_t shard, enum status why)
{
    struct server *server = owner;
    shard_malformed(server->shards[shard], why);
}

static void on_end(void *owner, bool caught_up)
{
    struct server *server = owner;
    for (size_t i = 0; i < server->shard_count; i++)
        shard_end(server->shards[i], caught_up);
}

static void on_lost(void *owner, size_t shard)
{
    struct server *server = owner;
    shard_lost(server->shards[shard]);
}

static void on_pins(void *owner, const struct window_pin *pins, size_t count)
{
    struct plant *plant = owner;
    for (size_t i = 0; i < plant->shard_count; i++)
        shard_pin(plant->shards[i], pins, count);
}

static void each_collector(void *owner, void (*on_name)(void *asker, const char *collector),
                           void *asker)
{
    struct server *server = owner;
    for (size_t i = 0; i < server->shard_count; i++)
        window_collectors(shard_window(server->shards[i]), on_name, asker);
}

static void on_registered(void *owner, const char *collector, bool registered)
{
    struct server *server = owner;
    for (size_t i = 0; i < server->shard_count; i++)
        shard_registered(server->shards[i], collector, registered);
}

static void on_twin(void *owner, const char *epoch)
{
    struct server *server = owner;
    struct plant *plant = server->plant;
    char value[64];
    plant->twin_ms = clock_mono_ms(&plant->clock);
    if (plant->twin_said_ms != 0 && plant->twin_ms < plant->twin_said_ms + TWIN_SAY_MS)
        return;
    plant->twin_said_ms = plant->twin_ms;
    log_error("another live aggregator has our name: both publish", "its_epoch=%s",
              log_value(value, sizeof(value), epoch));
}

/* --- making ------------------------------------------------------------------------------------
 */

static bool is_ours(const struct config *config, size_t shard, size_t telemetry)
{
    const struct config_shard *s = &config->shards[shard];
    return s->telemetry == telemetry && strcmp(s->aggregator, config->aggregator.name) == 0;
}

static struct redis_options connection_of(const struct build *b,
                                          const struct config_redis_server *server)
{
    return (struct redis_options){.name = server->name,
                                  .address = server->address,
                                  .user = b->credentials.user,
                                  .password = b->credentials.password,
                                  .clock = b->options->clock};
}

static uint64_t stream_bytes(const struct config *config, size_t telemetry)
{
    return stream_cap_bytes(config->redis.telemetry[telemetry].max_memory_bytes,
                            config_shards_on(config, telemetry));
}

static enum status add_shards(struct build *b, struct server *server, size_t telemetry,
                              struct in_deltas_options *deltas)
{
    const struct config *config = b->config;
    for (size_t i = 0; i < config->shard_count; i++) {
        if (!is_ours(config, i, telemetry))
            continue;
        const struct shard_options options = {.name = config->shards[i].name,
                                              .aggregator = config->aggregator.name,
                                              .epoch = b->options->epoch,
                                              .slots = config->shards[i].slots,
                                              .counts = &b->counts,
                                              .quota = &b->plant->quota,
                                              .redis = server->redis,
                                              .prefix = config->redis.prefix,
                                              .stream_bytes = stream_bytes(config, telemetry),
                                              .clock = b->options->clock};
        if (b->plant->shard_count == STREAMS_MAX)
            return STATUS_LIMIT; /* cannot be: there are 64 slots */
        struct shard *shard;
        enum status status = shard_new(&shard, b->loop, &options);
        if (status != STATUS_OK)
            return status;
        b->plant->shards[b->plant->shard_count++] = shard;
        server->shards[server->shard_count] = shard;
        deltas->shards[server->shard_count++] = config->shards[i].name;
    }
    deltas->shard_count = server->shard_count;
    return STATUS_OK;
}

static enum status start_registry(struct build *b, struct server *server)
{
    const struct registry_options options = {.redis = server->redis,
                                             .prefix = b->config->redis.prefix,
                                             .kind = "aggregator",
                                             .name = b->config->aggregator.name,
                                             .config_hash = b->config->hash,
                                             .version = weir_version(),
                                             .epoch = b->options->epoch,
                                             .clock = b->options->clock,
                                             .on_twin = on_twin,
                                             .owner = server};
    enum status status = registry_start(&server->registry, b->loop, &options);
    if (status != STATUS_OK)
        return status;
    struct text names;
    text_init(&names, 0);
    for (size_t i = 0; i < b->config->shard_count; i++)
        if (is_ours(b->config, i, (size_t)(server - b->plant->servers)))
            text_addf(&names, "%s%s", names.len > 0 ? " " : "", b->config->shards[i].name);
    registry_set(server->registry, "shards", text_str(&names));
    text_done(&names);
    return STATUS_OK;
}

static enum status start_server(struct build *b, size_t telemetry)
{
    struct server *server = &b->plant->servers[telemetry];
    (void)snprintf(server->name, sizeof(server->name), "%s",
                   b->config->redis.telemetry[telemetry].name);
    const struct redis_options connection =
        connection_of(b, &b->config->redis.telemetry[telemetry]);
    struct in_deltas_options deltas = {.connection = connection,
                                       .prefix = b->config->redis.prefix,
                                       .on_batch = on_batch,
                                       .on_malformed = on_malformed,
                                       .on_end = on_end,
                                       .on_lost = on_lost,
                                       .owner = server};
    const struct in_processes_options processes = {.prefix = b->config->redis.prefix,
                                                   .each_collector = each_collector,
                                                   .on_answer = on_registered,
                                                   .owner = server};
    server->plant = b->plant;
    enum status status = redis_new(&server->redis, b->loop, &connection);
    if (status == STATUS_OK)
        status = add_shards(b, server, telemetry, &deltas);
    if (status == STATUS_OK && server->shard_count > 0)
        status = in_deltas_start(&server->deltas, b->loop, &deltas);
    struct in_processes_options with_redis = processes;
    with_redis.redis = server->redis;
    if (status == STATUS_OK)
        status = in_processes_start(&server->processes, b->loop, &with_redis);
    if (status == STATUS_OK)
        status = start_registry(b, server);
    if (status == STATUS_OK)
        redis_start(server->redis);
    return status;
}

static enum status start_state(struct build *b)
{
    const struct redis_options connection = connection_of(b, &b->config->redis.state);
    enum status status = redis_new(&b->plant->state, b->loop, &connection);
    if (status != STATUS_OK)
        return status;
    const struct in_alarms_options alarms = {.redis = b->plant->state,
                                             .prefix = b->config->redis.prefix,
                                             .on_pins = on_pins,
                                             .owner = b->plant};
    redis_start(b->plant->state);
    return in_alarms_start(&b->plant->alarms, b->loop, &alarms);
}

static enum status make_counts(struct build *b)
{
    struct config_errors errors;
    config_errors_init(&errors, b->config->file);
    struct model *model = model_new(b->config, &errors);
    enum status status =
        model == NULL ? STATUS_MALFORMED : shard_counts_of_model(&b->counts, model);
    model_free(model);
    config_errors_done(&errors);
    return status;
}

static enum status read_credentials(struct build *b)
{
    struct text why;
    char value[300];
    text_init(&why, 0);
    enum status status = credentials_read(&b->credentials, b->config, "aggregator", &why);
    if (status != STATUS_OK)
        log_error("no credentials for redis", "reason=%s",
                  log_value(value, sizeof(value), text_str(&why)));
    text_done(&why);
    return status;
}

static void on_failed_closed(void *owner)
{
    (void)owner;
}

enum status plant_new(struct plant **ret_plant, uv_loop_t *loop,
                      const struct plant_options *options)
{
    struct build b = {.loop = loop, .options = options, .config = options->config};
    b.plant = calloc(1, sizeof(*b.plant));
    if (b.plant == NULL)
        return STATUS_NO_MEMORY;
    b.plant->clock = options->clock;
    b.plant->quota.max = options->config->aggregator.max_keys;
    b.plant->servers =
        calloc(options->config->redis.telemetry_count + 1, sizeof(*b.plant->servers));
    enum status status = b.plant->servers == NULL ? STATUS_NO_MEMORY : make_counts(&b);
    if (status == STATUS_OK)
        status = read_credentials(&b);
    for (size_t i = 0; i < options->config->redis.telemetry_count && status == STATUS_OK; i++) {
        b.plant->server_count++;
        status = start_server(&b, i);
    }
    if (status == STATUS_OK)
        status = start_state(&b);
    shard_counts_done(&b.counts);
    credentials_done(&b.credentials);
    if (status == STATUS_OK)
        *ret_plant = b.plant;
    else
        plant_close(b.plant, on_failed_closed, NULL);
    return status;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void free_plant(struct plant *plant)
{
    for (size_t i = 0; i < plant->shard_count; i++)
        shard_free(plant->shards[i]);
    for (size_t i = 0; i < plant->server_count; i++)
        in_processes_free(plant->servers[i].processes);
    in_alarms_free(plant->alarms);
    free(plant->servers);
    free(plant);
}

static void on_connection_closed(void *owner)
{
    struct plant *plant = owner;
    assert(plant->connections_open > 0);
    if (--plant->connections_open > 0)
        return;
    void (*on_closed)(void *) = plant->on_closed;
    void *closed_owner = plant->closed_owner;
    free_plant(plant);
    on_closed(closed_owner);
}

static void close_connections(struct plant *plant)
{
    plant->connections_open = 1;
    for (size_t i = 0; i < plant->server_count; i++) {
        if (plant->servers[i].redis == NULL)
            continue;
        plant->connections_open++;
        redis_close(plant->servers[i].redis, on_connection_closed, plant);
    }
    if (plant->state != NULL) {
        plant->connections_open++;
        redis_close(plant->state, on_connection_closed, plant);
    }
    on_connection_closed(plant);
}

static void on_part_closed(void *owner)
{
    struct plant *plant = owner;
    assert(plant->parts_open > 0);
    if (--plant->parts_open == 0)
        close_connections(plant);
}

void plant_close(struct plant *plant, void (*on_closed)(void *owner), void *owner)
{
    plant->on_closed = on_closed;
    plant->closed_owner = owner;
    plant->parts_open = 1;
    for (size_t i = 0; i < plant->server_count; i++) {
        struct server *server = &plant->servers[i];
        plant->parts_open += server->deltas != NULL ? 1 : 0;
        plant->parts_open += server->processes != NULL ? 1 : 0;
        plant->parts_open += server->registry != NULL ? 1 : 0;
        in_deltas_close(server->deltas, on_part_closed, plant);
        in_processes_close(server->processes, on_part_closed, plant);
        registry_close(server->registry, on_part_closed, plant);
    }
    for (size_t i = 0; i < plant->shard_count; i++) {
        plant->parts_open++;
        shard_close(plant->shards[i], on_part_closed, plant);
    }
    plant->parts_open += plant->alarms != NULL ? 1 : 0;
    in_alarms_close(plant->alarms, on_part_closed, plant);
    on_part_closed(plant);
}

/* --- looking -----------------------------------------------------------------------------------
 */

/* Every part by its length and bytes, so that no two configurations read alike. */
static void add_text(struct text *t, const char *value)
{
    text_addf(t, "%zu:%s", value != NULL ? strlen(value) : 0, value != NULL ? value : "");
}

static void print_house(struct text *t, const struct config *config)
{
    add_text(t, config->redis.prefix);
    add_text(t, config->redis.password_dir);
    add_text(t, config->redis.state.address);
    add_text(t, config->aggregator.name);
    text_addf(t, "%" PRIu64, config->aggregator.max_keys);
    for (size_t i = 0; i < config->redis.telemetry_count; i++) {
        add_text(t, config->redis.telemetry[i].address);
        text_addf(t, "@%" PRIu64 " ", config->redis.telemetry[i].max_memory_bytes);
    }
    for (size_t i = 0; i < config->shard_count; i++) {
        add_text(t, config->shards[i].name);
        add_text(t, config->shards[i].aggregator);
        text_addf(t, "%" PRIx64 "@%zu", config->shards[i].slots, config->shards[i].telemetry);
    }
}

enum status plant_print(uint64_t *ret_print, const struct config *config)
{
    struct build b = {.config = config};
    struct text t;
    enum status status = make_counts(&b);
    if (status != STATUS_OK)
        return status;
    text_init(&t, 0);
    print_house(&t, config);
    for (size_t i = 0; i < b.counts.count; i++) {
        const struct store_count *count = &b.counts.items[i];
        text_addf(&t, "|%" PRIx64 " %g %g %g", count->id, count->floor.bytes, count->floor.packets,
                  count->floor.flows);
        for (size_t j = 0; j < count->window_count; j++)
            text_addf(&t, " %u %g %g %g", count->windows_ms[j], count->limits[j].bytes,
                      count->limits[j].packets, count->limits[j].flows);
    }
    status = t.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        *ret_print = hash_wire(text_str(&t), t.len);
    text_done(&t);
    shard_counts_done(&b.counts);
    return status;
}

void plant_set_config(struct plant *plant, const char *config_hash)
{
    for (size_t i = 0; i < plant->server_count; i++)
        registry_set_config(plant->servers[i].registry, config_hash);
}

bool plant_is_healthy(const struct plant *plant, struct text *why)
{
    bool ok = true;
    for (size_t i = 0; i < plant->server_count; i++) {
        const struct server *server = &plant->servers[i];
        if (server->shard_count == 0)
            continue;
        if (!redis_is_up(server->redis) || !in_deltas_is_up(server->deltas)) {
            text_add_itemf(why, "telemetry server %s is away", server->name);
            ok = false;
        }
    }
    for (size_t i = 0; i < plant->shard_count; i++)
        ok = shard_is_healthy(plant->shards[i], why) && ok;
    if (plant->twin_ms != 0 && clock_mono_ms(&plant->clock) < plant->twin_ms + TWIN_SAY_MS) {
        text_add_itemf(why, "another live aggregator has our name");
        ok = false;
    }
    return ok;
}

size_t plant_shard_count(const struct plant *plant)
{
    return plant->shard_count;
}

const struct shard *plant_shard(const struct plant *plant, size_t i)
{
    return plant->shards[i];
}
