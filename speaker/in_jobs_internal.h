#ifndef SPEAKER_IN_JOBS_INTERNAL_H
#define SPEAKER_IN_JOBS_INTERNAL_H

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/scripts.h"
#include "speaker/in_jobs.h"

/* What in_jobs.c (streams, contact), in_desired.c (one hash), in_walk.c (all of them) and
 * in_stops.c (holds) share. */
enum { STREAM_JOBS = 0, STREAM_STOPS = 1 };

/* A reading of the whole desired state: page after page of the active set, then the hash of each
 * that stands here and was in none of them. */
struct walk {
    bool running, again; /* again: another one is due when this is over */
    bool ends_resume;    /* its first page comes after the last resume */
    bool owed;           /* the journal may not have what is known already */
    struct desired_place after;
    size_t page;          /* mitigations asked for at once: as many as take a short turn */
    int64_t began_ms;     /* monotonic */
    size_t rest_cursor;   /* of desired_next() */
    size_t rest_asked;    /* whose hash has not come yet */
    size_t read, changed; /* changed: news, which no job had told yet */
    size_t journal;       /* known, and not in the journal */
    size_t routes;        /* that a peer was to have, and was not going to, or the reverse */
    bool is_check;        /* all was read before, on this connection: nothing should differ */
    uint64_t failures;    /* of the journal, when it began */
};

/* Hashes that are asked for together. */
struct asked;

struct in_jobs {
    struct speaker *speaker;
    struct redis *redis;
    struct stream_reader *reader; /* from the first reading of the desired state on */
    char keys[2][KEY_NAME_MAX];
    struct mitigation *scratch; /* it is large */
    struct walk walk;
    struct asked *collecting;    /* not asked for yet; NULL: none */
    char told_stop[48];          /* as weir:speakers has it; "": not since the connection came up
                                  */
    bool resumes;                /* a resume is obeyed when the hash of holds has been read anew */
    bool was_read;               /* the whole state, since the connection came up */
    bool is_older;               /* the state server, than what this speaker has seen */
    uint64_t leader_epoch;       /* of who leads, as heard last; 0: nobody */
    uint64_t read_epoch;         /* as the last reading found it */
    uint64_t read_at, leader_at; /* monotonic ms: the next */
    uint64_t leader_seen_ms;     /* monotonic: policy had a leader; 0: not yet */
    uint64_t looking_since_ms;   /* monotonic: start, or the connection's */
    struct log_limiter unreadable;
    size_t asked; /* hashes that were asked for and have not come */
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

/* Takes what the hash has in its field pb; NULL: the hash is gone. owed: the journal may not have
 * what is known already. */
enum status in_desired_apply(struct in_jobs *in, const char *id, const struct redis_reply *pb,
                             bool owed);
/* Reads one hash, with others, at in_desired_send() or before. job_revision: of the job that told
 * of it, which is answered where nobody can read the hash; 0: none. of_walk:
 * in_walk_rest_answered() follows, not before in_desired_send(); false: it will not be read. */
bool in_desired_ask(struct in_jobs *in, const char *id, uint64_t job_revision, bool of_walk);
void in_desired_send(struct in_jobs *in);

/* Reads all of it, from now on; soon: after a moment, because something could not be read. */
void in_walk_start(struct in_jobs *in);
void in_walk_soon(struct in_jobs *in);
void in_walk_rest_answered(struct in_jobs *in, enum status status);

/* The hash weir:hold as it is now; an entry of weir:stops. is_lost: that a hold is not there means
 * nothing, because the server's data was lost. */
void in_stops_take_holds(struct in_jobs *in, const struct redis_reply *hash, bool is_lost);
void in_stops_take(struct in_jobs *in, const struct stream_entry *entry);
/* Says in weir:speakers up to which entry of weir:stops this speaker has obeyed. */
void in_stops_tell(struct in_jobs *in);

#endif
