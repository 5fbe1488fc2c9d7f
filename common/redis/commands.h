#ifndef COMMON_REDIS_COMMANDS_H
#define COMMON_REDIS_COMMANDS_H

#include "common/redis/redis_internal.h"

/* Commands out, replies in, and the watchdog over the oldest that is not answered. */

/* Queues without a look at state and bounds, which the greeting stands above. */
enum status commands_queue(struct redis *redis, uint64_t timeout_ms, const struct redis_arg *args,
                           size_t count, redis_on_reply on_reply, void *owner);
void commands_flush(struct redis *redis); /* writes what is queued, unless a write is on its way */
void commands_on_bytes(struct redis *redis, const char *bytes, size_t len);
void commands_fail(struct redis *redis, enum status why); /* answers all that wait */

#endif
