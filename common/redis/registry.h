#ifndef COMMON_REDIS_REGISTRY_H
#define COMMON_REDIS_REGISTRY_H

#include "common/redis/keys.h"
#include "common/redis/redis.h"

/*
 * Who is alive: each process keeps weir:process:<kind>:<name> on each telemetry server, renewed
 * every 2 s with a TTL of 5 s. Fields: version, config (hash), epoch, started, offset_ms of its
 * clock to the server's, pid, and what registry_set adds.
 */
struct registry;

struct registry_options {
    struct redis *redis; /* lent; may be down, then the next beat tries again */
    const char *prefix, *kind, *name;
    const char *config_hash, *version;
    uint64_t epoch; /* boot: Unix time in ms */
    struct clock clock;
    /* Another live process of this kind and name with another epoch was seen, at every beat that
     * sees it: the owner says so loudly. May be NULL. */
    void (*on_twin)(void *owner, const char *epoch);
    void *owner;
};

enum status registry_start(struct registry **ret_registry, uv_loop_t *loop,
                           const struct registry_options *options);
void registry_set(struct registry *registry, const char *field,
                  const char *value); /* up to 16 fields */
void registry_set_config(struct registry *registry, const char *config_hash);
/* Removes the key, unless a twin was seen, so that leaving is told from falling silent. The redis
 * connection must stay until on_closed. */
void registry_close(struct registry *registry, void (*on_closed)(void *owner), void *owner);

#endif
