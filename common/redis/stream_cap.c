#include "common/redis/stream_cap.h"

#include "common/redis/redis_internal.h"
#include "common/redis/scripts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 24 };

void stream_cap_init(struct stream_cap *cap, struct redis *redis, const char *key,
                     uint64_t max_bytes, void (*on_room)(void *owner), void *owner)
{
    *cap = (struct stream_cap){
        .redis = redis, .max_bytes = max_bytes, .on_room = on_room, .owner = owner};
    snprintf(cap->key, sizeof cap->key, "%s", key);
}

static void on_trimmed(void *owner, enum status status, const struct redis_reply *reply)
{
    struct stream_cap *cap = owner;
    bool for_room = cap->for_room;
    uint64_t gone = 0;
    cap->waiting = cap->for_room = false;
    if (status != STATUS_OK && reply != NULL)
        redis_log_limited(cap->redis, "a stream cannot be kept within its bytes", reply->bytes);
    if (status == STATUS_OK && reply->type == REDIS_ARRAY && reply->count == 2 &&
        redis_to_u64(&reply->items[1], &gone) && gone > 0) {
        redis_metrics_trimmed(cap->redis->options.name, gone);
        redis_log_limited(cap->redis, "a stream lost entries before their time, to save memory",
                          cap->key);
    }
    if (for_room && status == STATUS_OK && cap->on_room != NULL)
        cap->on_room(cap->owner);
}

static void trim(struct stream_cap *cap, bool is_full)
{
    char most[NUMBER_MAX];
    if (cap->waiting || !redis_is_up(cap->redis))
        return;
    snprintf(most, sizeof most, "%" PRIu64, cap->max_bytes);
    const struct redis_arg key = {cap->key, strlen(cap->key)};
    const struct redis_arg args[] = {{most, strlen(most)}, {is_full ? "1" : "0", 1}};
    cap->waiting =
        script_run(cap->redis, SCRIPT_cap, &key, 1, args, 2, on_trimmed, cap) == STATUS_OK;
    cap->for_room = cap->waiting && is_full;
}

void stream_cap_keep(struct stream_cap *cap)
{
    trim(cap, false);
}

bool stream_cap_refused(struct stream_cap *cap, const struct redis_reply *reply)
{
    if (reply == NULL || !reply_error_is(reply, "OOM"))
        return false;
    redis_metrics_full(cap->redis->options.name);
    redis_log_limited(cap->redis, "redis has no memory left", cap->key);
    trim(cap, true);
    return true;
}

uint64_t stream_cap_bytes(uint64_t server_memory_bytes, size_t shards_on_server)
{
    return server_memory_bytes / 4 / (shards_on_server > 0 ? shards_on_server : 1);
}
