#ifndef SPEAKER_IN_JOBS_INTERNAL_H
#define SPEAKER_IN_JOBS_INTERNAL_H

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/scripts.h"
#include "speaker/in_jobs.h"

/* What in_jobs.c (streams, contact), in_desired.c (hashes) and in_stops.c (holds) share. */
enum { STREAM_JOBS = 0, STREAM_STOPS = 1 };

struct in_jobs {
    struct speaker *speaker;
    struct redis *redis;
    struct stream_reader *reader; /* from the first reading of the desired state on */
    char keys[2][KEY_NAME_MAX];
    struct mitigation *scratch;         /* it is large */
    bool reading, read_again, was_read; /* was_read: since the connection came up */
    bool is_older;                      /* the state server, than what this speaker has seen */
    uint64_t read_at, leader_at;        /* monotonic ms: the next */
    struct log_limiter unreadable;
    size_t closing;
    void (*on_closed)(void *owner);
    void *owner;
};

static inline const char *in_jobs_prefix(const struct in_jobs *in)
{
    return in->speaker->config->redis.prefix;
}

/* Something that nobody can read: counted, said once a minute, and in nobody's way. */
void in_jobs_complain(struct in_jobs *in, const char *what, const char *id, enum status status);
void in_jobs_start_reader(struct in_jobs *in, const struct desired_answer *answer);

void in_desired_read(struct in_jobs *in);                /* all of it */
void in_desired_ask(struct in_jobs *in, const char *id); /* one hash */

/* The hash weir:hold as it is now; an entry of weir:stops. is_lost: that a hold is not there means
 * nothing, because the server's data was lost. */
void in_stops_take_holds(struct in_jobs *in, const struct redis_reply *hash, bool is_lost);
void in_stops_take(struct in_jobs *in, const struct stream_entry *entry);

#endif
