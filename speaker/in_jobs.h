#ifndef SPEAKER_IN_JOBS_H
#define SPEAKER_IN_JOBS_H

#include "speaker/speaker.h"

#include "common/redis/redis.h"

/*
 * What the state server wants of us. The hashes rule: on each connect and every minute the whole
 * desired state is read, page by page, and compared with what is known. The streams only wake us:
 * an entry of weir:jobs makes us read the hash it names, an entry of weir:stops holds or frees at
 * once. While the server answers and policy has a leader, leases run.
 */
enum status in_jobs_new(struct in_jobs **ret_in, struct speaker *speaker);
void in_jobs_tick(struct in_jobs *in, uint64_t now_ms);
/* State Redis time, or 0 while it was never connected. */
uint64_t in_jobs_now_ms(const struct in_jobs *in);
bool in_jobs_is_up(const struct in_jobs *in);
/* Lives: the state server answers, and policy has a leader or had one a moment ago: who follows him
 * answers what was asked meanwhile. Unknown: for the first moments of this process, or of the
 * connection. */
enum in_jobs_policy { POLICY_AWAY, POLICY_UNKNOWN, POLICY_LIVES };
enum in_jobs_policy in_jobs_policy(const struct in_jobs *in); /* NULL: away */
bool in_jobs_is_asking(const struct in_jobs *in); /* hashes are still to come; NULL is fine */
struct redis *in_jobs_redis(struct in_jobs *in);  /* for results; lent */
void in_jobs_close(struct in_jobs *in, void (*on_closed)(void *owner), void *owner);

#endif
