#ifndef COLLECTOR_IN_RECALL_H
#define COLLECTOR_IN_RECALL_H

#include "common/redis/redis.h"
#include "proto/recall.h"

/*
 * Requests from weir:recall: field pb holds a RecallRequest, others are not looked at. What cannot
 * be read or is too late is counted and not answered. Requests wait here until they are taken; a
 * full queue refuses more.
 *
 *   in_recall_new() → on_request → in_recall_take() … → in_recall_close() → on_closed →
 *   in_recall_free()
 */
struct in_recall;

enum {
    IN_RECALL_QUEUE_MAX = 32,
    IN_RECALL_REPLY_BYTES = 2 << 20 /* of Redis, eight requests of the largest size and more */
};

struct in_recall_options {
    struct redis_options connection; /* of the first telemetry server */
    const char *prefix;
    struct redis *redis;             /* lent, for the server's time */
    void (*on_request)(void *owner); /* at least one waits */
    void *owner;
};

void in_recall_declare(void); /* its metrics */
enum status in_recall_new(struct in_recall **ret_in, uv_loop_t *loop,
                          const struct in_recall_options *options);
bool in_recall_waits(const struct in_recall *in); /* at least one, in time or not */
/* The oldest that is still in time, lent until the next call; NULL: none. *ret_came_ms: when, by
 * the connection's clock. */
const struct recall_request *in_recall_take(struct in_recall *in, uint64_t *ret_came_ms);
void in_recall_close(struct in_recall *in, void (*on_closed)(void *owner), void *owner);
void in_recall_free(struct in_recall *in); /* after on_closed */

#endif
