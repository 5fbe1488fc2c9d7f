#include "speaker/dynamic.h"

#include "speaker/callers.h"

#include <stdio.h>
#include <string.h>

enum {
    /* A router that restarts comes back sooner, and graceful restart is at most two minutes. */
    KEEP_MS = 300000,
    /* One that has never had a session is nobody that anything is known of. */
    KEEP_STRANGER_MS = 5000,
};

const struct dynamic_group *dynamic_group_of(const struct speaker *speaker,
                                             const struct ip_addr *addr,
                                             const struct ip_addr *local, const char *device)
{
    const struct dynamic_group *best = NULL;
    for (size_t i = 0; i < speaker->group_count; i++) {
        const struct dynamic_group *group = &speaker->groups[i];
        if (prefix_contains(&group->from, addr) && caller_may_reach(&group->settings, local) &&
            strcmp(group->settings.socket.device, device) == 0 &&
            (best == NULL || group->from.len > best->from.len))
            best = group;
    }
    return best;
}

const struct dynamic_group *dynamic_group_named(const struct speaker *speaker, const char *name)
{
    for (size_t i = 0; i < speaker->group_count; i++)
        if (strcmp(speaker->groups[i].settings.configured, name) == 0)
            return &speaker->groups[i];
    return NULL;
}

struct peer_settings dynamic_settings(const struct dynamic_group *group, const struct ip_addr *addr)
{
    struct peer_settings settings = group->settings;
    char text[ADDR_TEXT_MAX];
    settings.remote.addr = *addr;
    (void)snprintf(settings.name, sizeof(settings.name), "%.24s@%.39s", group->settings.configured,
                   addr_format(addr, text));
    return settings;
}

struct peer *dynamic_take(struct speaker *speaker, const struct dynamic_group *group,
                          const struct ip_addr *addr)
{
    size_t count = 0;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        count += speaker->peers[i] != NULL && speaker->peers[i]->came &&
                 strcmp(speaker->peers[i]->settings.configured, group->settings.configured) == 0;
    if (count >= group->max_sessions)
        return NULL;
    struct peer_settings settings = dynamic_settings(group, addr);
    struct peer *peer = peers_add(speaker, &settings);
    if (peer == NULL)
        return NULL;
    peer->came = true;
    peer_start(peer);
    if (speaker->complete)
        rib_out_complete(&peer->rib_out);
    return peer;
}

/* A connection alone is no session: who says no OPEN, or nothing after it, keeps nobody out. */
static bool is_over(struct peer *peer, uint64_t now_ms)
{
    if (!peer->came || peer->established != NULL) {
        peer->idle_at = 0;
        return false;
    }
    if (peer->idle_at == 0)
        peer->idle_at = now_ms;
    return now_ms - peer->idle_at >= (peer->told ? KEEP_MS : KEEP_STRANGER_MS);
}

void dynamic_tick(struct speaker *speaker, uint64_t now_ms)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL && is_over(speaker->peers[i], now_ms))
            peers_remove(speaker, i);
}
