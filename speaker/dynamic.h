#ifndef SPEAKER_DYNAMIC_H
#define SPEAKER_DYNAMIC_H

#include "speaker/speaker.h"

/*
 * Neighbours of a prefix: whoever connects from there becomes a peer of its own, NAME@ADDRESS, with
 * the settings of NAME. It is told to desired when it has a session, and goes when it has had none
 * for some time, so that strangers cost a place for a moment and nothing else.
 */
enum { DYNAMIC_GROUPS_MAX = 64 };

struct dynamic_group {
    struct ip_prefix from;
    uint32_t max_sessions;
    struct peer_settings settings;
};

/* The narrowest one that holds the address and may be reached at the local one, or NULL. One that
 * is unusable counts: its routers are not those of a wider one. */
const struct dynamic_group *dynamic_group_of(const struct speaker *speaker,
                                             const struct ip_addr *addr,
                                             const struct ip_addr *local, const char *device);
const struct dynamic_group *dynamic_group_named(const struct speaker *speaker, const char *name);
/* The peer for a connection from there; NULL: there are as many as may be. */
struct peer *dynamic_take(struct speaker *speaker, const struct dynamic_group *group,
                          const struct ip_addr *addr);
struct peer_settings dynamic_settings(const struct dynamic_group *group,
                                      const struct ip_addr *addr);
/* Once a second: those without a session for long go. */
void dynamic_tick(struct speaker *speaker, uint64_t now_ms);

#endif
