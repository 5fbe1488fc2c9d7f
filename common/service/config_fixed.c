#include "common/service/config_fixed.h"

#include "common/service/config_arena.h"

#include <string.h>

/* FORM_FIRST: bytes; the first value that is given is taken, as nothing has used one before. */
enum form { FORM_STRING, FORM_BYTES, FORM_FIRST, FORM_ENDPOINTS };

struct fixed {
    const char *kind; /* NULL: of every process */
    const char *key;
    enum form form;
    size_t offset, size; /* size of FORM_BYTES and FORM_FIRST */
};

#define OFFSET(member) offsetof(struct config, member)
#define STRING(kind, member, key)                                                                  \
    {                                                                                              \
        kind, key, FORM_STRING, OFFSET(member), 0                                                  \
    }
#define VALUE(kind, member, key)                                                                   \
    {                                                                                              \
        kind, key, FORM_BYTES, OFFSET(member), sizeof(((struct config *)0)->member)                \
    }
#define FIRST(kind, member, key)                                                                   \
    {                                                                                              \
        kind, key, FORM_FIRST, OFFSET(member), sizeof(((struct config *)0)->member)                \
    }
#define ENDPOINTS(kind, member, key)                                                               \
    {                                                                                              \
        kind, key, FORM_ENDPOINTS, OFFSET(member), 0                                               \
    }

static const struct fixed fixed[] = {
    STRING(NULL, state_dir, "state_dir"),
    STRING(NULL, run_dir, "run_dir"),
    VALUE(NULL, listen, "listen"),
    STRING(NULL, redis.prefix, "redis.prefix"),
    STRING(NULL, redis.password_dir, "redis.password_dir"),
    STRING(NULL, redis.state.address, "redis.state.address"),
    STRING("collector", collector.name, "collector.name"),
    ENDPOINTS("collector", collector.udp, "collector.udp"),
    VALUE("collector", collector.workers, "collector.workers"),
    VALUE("collector", collector.receive_buffer_bytes, "collector.receive_buffer"),
    VALUE("collector", collector.metrics_port, "collector.metrics_port"),
    VALUE("collector", collector.tally.max_keys, "collector.tally.max_keys"),
    VALUE("collector", collector.tally.ipv6_host_len, "collector.tally.ipv6_host_keys"),
    VALUE("collector", collector.limits.exporters, "collector.limits.exporters"),
    VALUE("collector", collector.limits.domains_per_exporter,
          "collector.limits.domains_per_exporter"),
    VALUE("collector", collector.limits.templates_per_domain,
          "collector.limits.templates_per_domain"),
    VALUE("collector", collector.limits.fields_per_template,
          "collector.limits.fields_per_template"),
    VALUE("collector", collector.limits.samplers_per_domain,
          "collector.limits.samplers_per_domain"),
    VALUE("collector", collector.limits.sources_per_domain, "collector.limits.sources_per_domain"),
    VALUE("collector", collector.limits.flow_totals, "collector.limits.flow_totals"),
    VALUE("collector", collector.limits.interfaces_per_exporter,
          "collector.limits.interfaces_per_exporter"),
    VALUE("collector", collector.limits.hold_back_bytes, "collector.limits.hold_back"),
    VALUE("collector", collector.limits.memory_bytes, "collector.limits.memory"),
    STRING("aggregator", aggregator.name, "aggregator.name"),
    VALUE("aggregator", aggregator.metrics_port, "aggregator.metrics_port"),
    VALUE("aggregator", aggregator.max_keys, "aggregator.max_keys"),
    STRING("policy", policy.name, "policy.name"),
    VALUE("policy", policy.metrics_port, "policy.metrics_port"),
    STRING("speaker", speaker.name, "speaker.name"),
    FIRST("speaker", speaker.router_id, "speaker.router_id"),
    FIRST("speaker", speaker.local_as, "speaker.local_as"),
    ENDPOINTS("speaker", speaker.listen, "speaker.listen"),
    VALUE("speaker", speaker.metrics_port, "speaker.metrics_port"),
    STRING("speaker", speaker.socket, "speaker.socket"),
    STRING("speaker", speaker.journal, "speaker.journal"),
    VALUE("speaker", speaker.adapter.enabled, "speaker.adapter_socket.enabled"),
    STRING("speaker", speaker.adapter.path, "speaker.adapter_socket.path"),
};

struct endpoints {
    struct ip_endpoint *items;
    size_t count;
};

struct keeper {
    struct config *config;
    const struct config *old;
    void (*on_kept)(void *owner, const char *key);
    void *owner;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const char *copy_text(struct keeper *k, const char *text)
{
    return text == NULL ? NULL : arena_copy(k->config->arena, text, strlen(text));
}

static void keep_string(struct keeper *k, const struct fixed *f, void *now, const void *old)
{
    const char *now_text, *old_text;
    memcpy(&now_text, now, sizeof(now_text));
    memcpy(&old_text, old, sizeof(old_text));
    if (same_text(now_text, old_text))
        return;
    old_text = copy_text(k, old_text);
    memcpy(now, &old_text, sizeof(old_text));
    k->on_kept(k->owner, f->key);
}

static bool is_zero(const void *value, size_t size)
{
    const uint8_t *bytes = value;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void keep_bytes(struct keeper *k, const struct fixed *f, void *now, const void *old)
{
    if (memcmp(now, old, f->size) == 0 || (f->form == FORM_FIRST && is_zero(old, f->size)))
        return;
    memcpy(now, old, f->size);
    k->on_kept(k->owner, f->key);
}

static void keep_endpoints(struct keeper *k, const struct fixed *f, void *now, const void *old)
{
    struct endpoints now_list, old_list;
    memcpy(&now_list, now, sizeof(now_list));
    memcpy(&old_list, old, sizeof(old_list));
    bool same = now_list.count == old_list.count;
    for (size_t i = 0; same && i < now_list.count; i++)
        same = now_list.items[i].port == old_list.items[i].port &&
               addr_equal(&now_list.items[i].addr, &old_list.items[i].addr);
    if (same)
        return;
    now_list.items = arena_take_many(k->config->arena, old_list.count, sizeof(*now_list.items));
    if (now_list.items == NULL)
        return;
    if (old_list.count > 0)
        memcpy(now_list.items, old_list.items, old_list.count * sizeof(*now_list.items));
    now_list.count = old_list.count;
    memcpy(now, &now_list, sizeof(now_list));
    k->on_kept(k->owner, f->key);
}

static bool same_servers(const struct config *a, const struct config *b)
{
    bool same = a->redis.telemetry_count == b->redis.telemetry_count;
    for (size_t i = 0; same && i < a->redis.telemetry_count; i++)
        same = same_text(a->redis.telemetry[i].name, b->redis.telemetry[i].name) &&
               same_text(a->redis.telemetry[i].address, b->redis.telemetry[i].address);
    return same;
}

static bool same_shards(const struct config *a, const struct config *b)
{
    bool same = a->shard_count == b->shard_count;
    for (size_t i = 0; same && i < a->shard_count; i++)
        same = same_text(a->shards[i].name, b->shards[i].name) &&
               same_text(a->shards[i].aggregator, b->shards[i].aggregator) &&
               a->shards[i].slots == b->shards[i].slots &&
               a->shards[i].telemetry == b->shards[i].telemetry;
    return same;
}

/* Servers and shards hang together by index, so both are kept when either changed. */
static void keep_map(struct keeper *k)
{
    struct config *now = k->config;
    const struct config *old = k->old;
    bool servers = same_servers(now, old), shards = same_shards(now, old);
    if (servers && shards)
        return;
    struct config_redis_server *telemetry =
        arena_take_many(now->arena, old->redis.telemetry_count, sizeof(*telemetry));
    struct config_shard *map = arena_take_many(now->arena, old->shard_count, sizeof(*map));
    if (telemetry == NULL || map == NULL)
        return;
    for (size_t i = 0; i < old->redis.telemetry_count; i++) {
        telemetry[i] = old->redis.telemetry[i];
        telemetry[i].name = copy_text(k, telemetry[i].name);
        telemetry[i].address = copy_text(k, telemetry[i].address);
    }
    for (size_t i = 0; i < old->shard_count; i++) {
        map[i] = old->shards[i];
        map[i].name = copy_text(k, map[i].name);
        map[i].aggregator = copy_text(k, map[i].aggregator);
    }
    now->redis.telemetry = telemetry;
    now->redis.telemetry_count = old->redis.telemetry_count;
    now->shards = map;
    now->shard_count = old->shard_count;
    if (!servers)
        k->on_kept(k->owner, "redis.telemetry");
    if (!shards)
        k->on_kept(k->owner, "shards");
}

enum status config_keep_fixed(struct config *config, const struct config *old, const char *kind,
                              void (*on_kept)(void *owner, const char *key), void *owner)
{
    static void (*const keep[])(struct keeper *, const struct fixed *, void *,
                                const void *) = {[FORM_STRING] = keep_string,
                                                 [FORM_BYTES] = keep_bytes,
                                                 [FORM_FIRST] = keep_bytes,
                                                 [FORM_ENDPOINTS] = keep_endpoints};
    struct keeper k = {config, old, on_kept, owner};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        const struct fixed *f = &fixed[i];
        if (f->kind == NULL || strcmp(f->kind, kind) == 0)
            keep[f->form](&k, f, (unsigned char *)config + f->offset,
                          (const unsigned char *)old + f->offset);
    }
    keep_map(&k);
    return arena_failed(config->arena) ? STATUS_NO_MEMORY : STATUS_OK;
}
