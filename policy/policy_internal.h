#ifndef POLICY_POLICY_INTERNAL_H
#define POLICY_POLICY_INTERNAL_H

#include "common/base/log.h"
#include "common/model/model.h"
#include "common/redis/keys.h"
#include "common/redis/registry.h"
#include "common/service/credentials.h"
#include "policy/engine/engine.h"
#include "policy/lease.h"
#include "policy/policy.h"

/* What the files of the process share: one struct, and what each file does with it. */

enum {
    HOLDS_MAX = 64, /* that are handed to the engine; the script that writes looks at all of them */
    TELEMETRY_MAX = 64,
    HANDLED_MAX = 256, /* a request comes twice only where we have just begun to act */
    /* Every alarm and every mitigation written three times over before the first answer. */
    COMMANDS_MAX = 3 * (ENGINE_ALARMS_MAX + ENGINE_MITIGATIONS_MAX),
    OUTPUT_MAX_BYTES = 256 << 20,
    /* Such a burst takes seconds; that Redis hangs is seen by the lease. */
    STATE_TIMEOUT_MS = 30000
};

struct restore_run;
struct pending_reply;

struct telemetry { /* one telemetry server */
    struct policy *policy;
    struct redis *redis;
    struct registry *registry;
    struct stream_reader *rollups; /* NULL: none of the shards is there */
    struct log_limiter log_limiter;
};

struct policy {
    struct process *process;
    uv_loop_t *loop;
    const struct config *config;
    struct model *model;
    struct clock clock;
    struct credentials credentials;
    uint64_t boot_ms;

    struct redis *state;
    struct redis *lease_redis; /* of its own: a renewal must not wait behind a burst of writes */
    struct telemetry telemetry[TELEMETRY_MAX];
    size_t telemetry_count;
    struct stream_reader *requests; /* and stops */
    struct stream_reader *results;  /* while we have an engine */
    uv_timer_t timer;
    uint64_t second_ms; /* when what happens every second happened last */

    struct lease lease;
    struct engine *engine;       /* NULL: we do not lead */
    struct restore_run *restore; /* not NULL: the engine learns what stands and decides nothing */
    uint64_t epoch;              /* what the engine writes with */
    unsigned int turn;           /* what the engine may do in one call: engine_set_turn */
    const char *give_up;         /* a write could not even be queued: why we must stop acting */
    struct scope holds[HOLDS_MAX];
    size_t hold_count;
    char unreadable_hold[REASON_MAX]; /* a field of weir:hold that is no scope; "": all are */
    bool is_reading_holds;
    bool has_state;                         /* by its epoch, when the holds were read */
    char handled[HANDLED_MAX][ID_TEXT_MAX]; /* ring: requests that were answered last */
    size_t handled_next;
    struct pending_reply *answering; /* whose request the engine is looking at */
    struct log_limiter log_limiter;

    bool is_stopping, is_closing;
    size_t parts_open; /* that are closing */
};

/* --- links.c: connections, and their end --- */

/* Fills what the connections to one server have in common. */
struct redis_options links_options(struct policy *p, const char *name, const char *address);
/* Closes what is there and counts it, so that the end waits for it. */
void links_close_reader(struct policy *p, struct stream_reader **reader);
/* Closes all, and ends the process then. */
void links_close(struct policy *p);

/* --- gate.c: who may decide now --- */

/* The engine may be fed: we lead, state Redis is up and what stands is known. */
bool gate_is_open(const struct policy *p);
struct engine_now gate_now(const struct policy *p);
/* Around a call that may be long: the engine gets less to do where it took too long. */
void gate_measure(struct policy *p, uint64_t began_us);
/* After each call of the engine: gives up where a write of it could not be queued. */
void gate_settle(struct policy *p);
void gate_give_up(struct policy *p, const char *why);

/* --- acting.c: from leading to acting and back; nothing that it calls calls it --- */

void acting_on_lead(void *owner, uint64_t epoch); /* hooks of the lease; owner: struct policy */
void acting_on_lost(void *owner, const char *why);
void acting_on_emptied(void *owner);
void acting_on_time(struct policy *p); /* every 50 ms */

/* --- restore.c: what stands, out of state Redis --- */

typedef void (*restore_done)(struct policy *p, enum status status);
struct restore_run *restore_start(struct policy *p,
                                  restore_done on_restored); /* NULL: cannot ask */
void restore_cancel(struct restore_run *run);

/* --- in_rollups.c --- */

enum status in_rollups_start(struct policy *p);

/* --- in_requests.c: requests and stops --- */

enum status in_requests_start(struct policy *p);

/* Answers it, unless that was done already. */
void in_requests_take(struct policy *p, const struct request *request);

/* --- in_missed.c: requests that came while nobody acted --- */

enum status in_missed_read(struct policy *p);

/* --- in_holds.c: what may not be announced now --- */

void in_holds_read(struct policy *p);
/* A reading of the hash. What is newly held is withdrawn too, so that a stop that nobody heard
 * still ends it. */
void in_holds_take(struct policy *p, const struct redis_reply *hash);

/* --- in_results.c: what speakers' peers were sent; open while we have an engine --- */

enum status in_results_open(struct policy *p);

/* --- out_jobs.c: the writes that the engine decides, through the fencing script --- */

void out_jobs_write(void *owner, const struct engine_write *write); /* owner: struct policy */
/* Out of the active set, for a member whose hash is gone. */
void out_jobs_forget(struct policy *p, bool is_alarm, const char *id);
/* weir:hold, where state Redis has lost it. */
void out_jobs_write_back_holds(struct policy *p);
void out_jobs_audit(struct policy *p, const char *what, const char *who, const char *why);

/* --- out_replies.c: answers to requests, when what they speak of is written --- */

/* The answer is said when end() was called and every write of it has come back. */
struct pending_reply *out_replies_begin(struct policy *p, const struct request *request);
struct reply *out_replies_reply(struct pending_reply *pending); /* to be filled until the end */
bool out_replies_has_writes(const struct pending_reply *pending);
void out_replies_end(struct pending_reply *pending);
void out_replies_say(struct policy *p, const struct reply *reply);
const char *out_replies_request(const struct pending_reply *pending); /* its id */
/* A write that belongs to the answer: one more, and one that came back. */
void out_replies_add_write(struct pending_reply *pending);
void out_replies_written(struct pending_reply *pending, enum status status, const char *error);

/* --- policy_metrics.c --- */

enum tick_outcome { TICK_USED, TICK_IDLE, TICK_STALE, TICK_MALFORMED, TICK_OUTCOME_COUNT };
void policy_metrics_declare(void);
void policy_metrics_show(struct policy *p); /* every second */
void policy_metrics_tick(enum tick_outcome outcome);
void policy_metrics_write(enum status outcome);
void policy_metrics_state_lost(void);
void policy_metrics_request(const char *verb, const char *outcome);
void policy_metrics_stage(const char *stage, double seconds); /* receive, decide, write */
void policy_metrics_guard(void *owner, enum guard_invariant invariant);

#endif
