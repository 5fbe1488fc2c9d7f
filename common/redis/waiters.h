#ifndef COMMON_REDIS_WAITERS_H
#define COMMON_REDIS_WAITERS_H

#include "common/redis/redis.h"

/* Who waits for which answer, in the order of the commands: a ring that grows up to a bound. */
struct waiter {
    redis_on_reply on_reply; /* may be NULL */
    void *owner;
    uint64_t sent_us;
    uint64_t timeout_ms; /* UINT64_MAX: none */
};

struct waiters {
    struct waiter *ring;
    size_t room, first, count; /* room is a power of two, or 0 */
};

/* Makes room for one more, so that the push after the command was queued cannot fail. */
enum status waiters_reserve(struct waiters *waiters);
void waiters_push(struct waiters *waiters, const struct waiter *waiter);
struct waiter waiters_pop(struct waiters *waiters);                 /* count > 0 */
const struct waiter *waiters_oldest(const struct waiters *waiters); /* NULL: nobody waits */
void waiters_done(struct waiters *waiters);

#endif
