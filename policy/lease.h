#ifndef POLICY_LEASE_H
#define POLICY_LEASE_H

#include "common/base/clock.h"
#include "common/redis/scripts.h"
#include "proto/delta.h"

#include <uv.h>

/*
 * Who leads: a lease in state Redis, renewed in thirds of its length, which a standby asks for ten
 * times in its length. We lead only within two thirds of the lease after the last renewal was sent,
 * by our own monotonic clock, and stop before anybody else can start. Each time we come to lead it
 * is with a new epoch, so that whatever we wrote before and is still on its way is refused.
 *
 *   lease_start() → on_lead, on_lost … → lease_close() → on_closed
 */
struct lease_options {
    uv_loop_t *loop;
    struct redis *redis;       /* lent until on_closed, and until it has answered what is asked */
    struct redis *other;       /* what the leader writes with: nobody leads while it is down */
    const char *prefix, *name; /* copied */
    uint64_t lease_ms;
    struct clock clock;
    void (*on_lead)(void *owner, uint64_t epoch);
    void (*on_lost)(void *owner, const char *why);
    /* Instead of on_lost: the server has lost the epoch that we lead with, and so all that it had.
     * on_lead follows at once, as far as nobody else has taken the lease; else on_lost. */
    void (*on_emptied)(void *owner);
    void *owner;
};

enum { LEASE_RUN_ID_MAX = 17, LEASE_PREFIX_MAX = 128 };

struct lease {
    struct lease_options options;
    char prefix[LEASE_PREFIX_MAX], name[NAME_MAX_LEN + 1], run_id[LEASE_RUN_ID_MAX];
    uv_timer_t timer;
    uint64_t epoch;       /* 0: we do not lead */
    uint64_t seen_epoch;  /* of the last answer; 0: none, or that it is gone is known */
    bool is_emptied;      /* on_emptied was called, and neither on_lead nor on_lost since */
    uint64_t renewed_ms;  /* monotonic, as the next three: when the last renewal was sent */
    uint64_t asked_ms;    /* when the last question was sent; 0: ask at once */
    uint64_t answered_ms; /* when Redis said last who leads; 0: never */
    uint64_t paused_until_ms;
    bool is_asking, is_refused, somebody_leads, is_closing, is_resigning;
    uint64_t generation,
        asked_generation;          /* answers to what was asked before a loss do not count */
    char leader[NAME_MAX_LEN + 1]; /* as last heard; "" for nobody */
    void (*on_closed)(void *owner);
};

enum status lease_start(struct lease *lease, const struct lease_options *options);
/* We lead, and the last renewal is young enough to act on. */
bool lease_is_valid(const struct lease *lease);
/* Somebody leads, we or another, as far as Redis said a moment ago. */
bool lease_is_held(const struct lease *lease);
void lease_on_redis_up(struct lease *lease);
void lease_on_redis_down(struct lease *lease);
/* Asks at once: a write came back that says that the epoch is gone. */
void lease_check(struct lease *lease);
/* We stop leading of our own accord, and do not ask again before pause_ms. */
void lease_drop(struct lease *lease, const char *why, uint64_t pause_ms);
/* Gives the lease up, so that a standby takes over at once; waits for Redis a second at most. */
void lease_close(struct lease *lease, void (*on_closed)(void *owner));

#endif
