#ifndef COMMON_REDIS_STREAM_CAP_H
#define COMMON_REDIS_STREAM_CAP_H

#include "common/redis/keys.h"
#include "common/redis/redis.h"

/*
 * Keeps one stream within a number of bytes, whatever its entries' lifetime: a flood makes so many
 * of them that a server's memory would be full before the first is old enough. Writers do it, once
 * a second; and when the server refuses a write for want of memory, because a refused XADD trims
 * nothing and so would be refused for ever. Readers see a gap.
 *
 *   stream_cap_init() → stream_cap_keep() once a second, stream_cap_refused() with each refusal
 *
 * Counted as weir_redis_full_total and weir_redis_trimmed_entries_total.
 */
struct stream_cap {
    struct redis *redis; /* lent; closed before this goes */
    char key[KEY_NAME_MAX];
    uint64_t max_bytes;
    bool waiting;  /* for an answer */
    bool for_room; /* asked because of a refusal */
    /* After a refusal room was made, or could not be: a write may be tried again. May be NULL. */
    void (*on_room)(void *owner);
    void *owner;
};

void stream_cap_init(struct stream_cap *cap, struct redis *redis, const char *key,
                     uint64_t max_bytes, void (*on_room)(void *owner), void *owner);
void stream_cap_keep(struct stream_cap *cap);
/* The reply to a refused write, or NULL. True: the server's memory is full, and room is made. */
bool stream_cap_refused(struct stream_cap *cap, const struct redis_reply *reply);

/* What one stream may have where so many shards are on a server: its deltas a quarter of the memory
 * and its rollups another, which leaves half for all else. */
uint64_t stream_cap_bytes(uint64_t server_memory_bytes, size_t shards_on_server);

#endif
