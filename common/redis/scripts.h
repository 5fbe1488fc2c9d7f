#ifndef COMMON_REDIS_SCRIPTS_H
#define COMMON_REDIS_SCRIPTS_H

#include "common/redis/redis.h"

/*
 * The Lua scripts that processes run, each a file beside this one (scripts/NAME.lua)
 * whose head says its KEYS, ARGV and answers. Sent by EVALSHA, and by EVAL where the server
 * does not know them (yet, or again after a restart).
 *
 *   lead     take or renew the lease; a new leader's epoch is max(old + 1, TIME in ms)
 *   resign   give the lease up
 *   write    compare epoch (FENCED), refuse announcements under hold (HELD) and revisions that are
 *            not new (EXISTS), then hash, active set, job, alarm log and audit together
 *   desired  what must stand, a page at a time: hold, last ids of jobs and stops, and the next
 *            mitigations of the active set
 *   top      one writer's part of the heaviest keys of a count, replaced at once
 *   cap      the oldest entries of a stream go until it keeps to its bytes (stream_cap.h)
 *   read     what some mitigations are now, in one answer
 *
 * Processes call the typed functions below; names, counts and orders are here only.
 */
#define SCRIPT_LIST(X) X(lead) X(resign) X(write) X(desired) X(top) X(cap) X(read)

enum script_id {
#define X(name) SCRIPT_##name,
    SCRIPT_LIST(X)
#undef X
        SCRIPT_COUNT
};

/* Keys and arguments are copied as far as they are needed after the call. */
enum status script_run(struct redis *redis, enum script_id id, const struct redis_arg *keys,
                       size_t key_count, const struct redis_arg *args, size_t arg_count,
                       redis_on_reply on_reply, void *owner);

/* --- lead and resign --- */

struct lead_answer {
    bool leads;
    uint64_t epoch;     /* the leader's; 0: there never was one */
    const char *leader; /* name of who leads, "" for nobody; lent with the reply */
    uint64_t now_ms;    /* the server's time */
};
/* run_id tells two runs of one name apart. epoch: what we lead with, 0 when we do not lead.
 * seen_epoch: where it is not 0 and the server has no epoch any more, nobody leads and the answer's
 * epoch is 0: the state was emptied. */
enum status script_lead(struct redis *redis, const char *prefix, const char *name,
                        const char *run_id, uint64_t lease_ms, uint64_t epoch, uint64_t seen_epoch,
                        redis_on_reply on_reply, void *owner);
bool script_lead_answer(const struct redis_reply *reply, struct lead_answer *ret_answer);

enum status script_resign(struct redis *redis, const char *prefix, const char *name,
                          const char *run_id, redis_on_reply on_reply, void *owner);

/* --- write --- */

struct write_field {
    const char *name;
    struct redis_arg value;
};
struct write_field write_field_text(const char *name, const char *value); /* both lent */

struct write_fields {
    const struct write_field *fields;
    size_t count; /* 0: nothing is written there */
};

enum write_kind { WRITE_MITIGATION, WRITE_ALARM };
enum write_standing {
    WRITE_AS_IT_IS,
    WRITE_STANDS, /* into the active set, and its hash without a TTL */
    WRITE_ENDED,  /* out of the active set, and its hash with KEY_ENDED_TTL_MS */
};

struct write_set {
    uint64_t epoch; /* FENCED unless it is the stored one */
    enum write_kind kind;
    const char *id; /* letters, digits, '.', '_' and '-' */
    uint64_t
        revision; /* becomes the field "revision"; EXISTS unless above the stored one; 0: none */
    enum write_standing standing;
    uint64_t score_ms;         /* in the active set: when it began */
    bool announces;            /* HELD if a hold is set on one of the scopes */
    const char *const *scopes; /* "all", "platform:x", "peer:x", "method:x" … */
    size_t scope_count;
    struct write_fields hash, job, log, audit;
    uint64_t audit_keep_ms; /* 0: 90 days */
};
enum { WRITE_FIELDS_MAX = 512 }; /* of all parts and scopes together */

/* All of it or nothing. STATUS_MALFORMED for an id of other characters, RANGE for too many fields:
 * then on_reply is not called. */
enum status script_write(struct redis *redis, const char *prefix, const struct write_set *set,
                         redis_on_reply on_reply, void *owner);

struct write_answer {
    const char *job_id; /* its stream id, "" without a job; lent with the reply */
    uint64_t now_ms;
};
bool script_write_answer(const struct redis_reply *reply, struct write_answer *ret_answer);

/* --- desired --- */

/* A page blocks the server for some 4 us a mitigation. */
enum { DESIRED_PAGE_MAX = 500, DESIRED_SCORE_MAX = 32, DESIRED_ID_MAX = 128 };
struct desired_place { /* zeroed: the first page */
    char score[DESIRED_SCORE_MAX], id[DESIRED_ID_MAX];
};
struct desired_answer {
    uint64_t now_ms, epoch;
    const char *jobs_last_id, *stops_last_id; /* read the streams from the first page's on; "0-0"
                                                 for none */
    const struct redis_reply *hold;           /* scope, why, …: redis_field() */
    size_t mitigation_count;
    const struct redis_reply *mitigations;
    bool more; /* another page begins after `next` */
    struct desired_place next;
};
/* At most `most` mitigations after that place. RANGE: `most` is none, or above the maximum. */
enum status script_desired(struct redis *redis, const char *prefix,
                           const struct desired_place *after, size_t most, redis_on_reply on_reply,
                           void *owner);
bool script_desired_answer(const struct redis_reply *reply, struct desired_answer *ret_answer);
/* The i-th's field pb, and its id; NULL where the hash is gone. */
const struct redis_reply *desired_mitigation(const struct desired_answer *answer, size_t i,
                                             const char **ret_id);

/* --- read --- */

/* Blocks the server for some 2 us a mitigation, and jobs come at most so many at a time. */
enum { READ_HASHES_MAX = 64 };
/* ids: of that many mitigations. RANGE: there are none, or more than the maximum. */
enum status script_read(struct redis *redis, const char *prefix, const char *const *ids,
                        size_t count, redis_on_reply on_reply, void *owner);
/* How many of those that were asked for the answer tells of, the first ones: each of them is NIL
 * where its hash is gone, and else its field pb, empty where nobody can read it. 0: no answer. */
size_t script_read_count(const struct redis_reply *reply, size_t asked);

/* --- top --- */

enum { TOP_ITEMS_MAX = 100, TOP_MEMBER_MAX = 320 };
struct top_entry {
    char member[TOP_MEMBER_MAX];
    double score;
};
/* before: what the same writer wrote there last; NULL: not known, so all that is there goes. */
enum status script_top(struct redis *redis, const char *prefix, const char *count,
                       const struct top_entry *now, size_t now_count,
                       const struct top_entry *before, size_t before_count, redis_on_reply on_reply,
                       void *owner);

#endif
