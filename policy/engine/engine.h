#ifndef POLICY_ENGINE_ENGINE_H
#define POLICY_ENGINE_ENGINE_H

#include "common/model/model.h"
#include "policy/engine/threshold.h"
#include "proto/alarm.h"
#include "proto/rollup.h"
#include "proto/scope.h"

/*
 * What policy decides, without I/O and without a clock: rollup ticks, results, requests, stops and
 * time go in; writes come out through on_write, in the order in which they must reach Redis.
 *
 *   engine_new() → engine_restore_… (what state Redis has) → engine_tick, engine_time,
 *   engine_result, engine_request, engine_stop, engine_hold … → engine_free()
 *
 * The owner calls it only while it leads and reaches state Redis; when either is lost it throws the
 * engine away and makes a new one from what Redis has then, so that no stale decision is replayed.
 */
struct engine;

struct engine_now {
    uint64_t mono_ms;  /* durations */
    uint64_t state_ms; /* state Redis's time: what is stored and shown */
};

/* Everything that strangers' traffic can make grow. */
enum {
    ENGINE_TRACKED_MAX = 100000, /* keys over half of a threshold */
    ENGINE_ALARMS_MAX = 10000,
    ENGINE_MITIGATIONS_MAX = 4096,
    ENGINE_RESULTS_MAX = 256 /* speaker × peer of one mitigation */
};

/* How many alarms one part of a tick raises; the others come again with the next. Each is several
 * writes, and the owner has a lease to renew. Likewise how many writes forgetting a speaker and
 * writing back may take between two calls of engine_time, as one for each peer of each mitigation
 * may be more than a connection has room for; the rest comes with the next calls. */
enum { ENGINE_TURN_MIN = 8, ENGINE_TURN_MAX = 256 };

enum engine_standing { ENGINE_AS_IT_IS, ENGINE_STANDS, ENGINE_ENDED };

struct engine_write {
    const struct alarm *alarm; /* one of these two is set */
    const struct mitigation *mitigation;
    enum engine_standing standing;
    bool announces;        /* refused while a hold is set */
    const struct job *job; /* NULL: none */
    bool log;              /* an entry in alarms:log */
    const char *what;      /* of the audit entry; NULL: none */
    const char *who, *why;
    /* One field for the mitigation's hash: what a speaker's peer was sent; NULL: none. */
    const char *peer_field, *peer_value;
};

struct engine_options {
    uint64_t seed;
    uint64_t epoch; /* what we lead with: goes into mitigations and jobs */
    void (*on_write)(void *owner, const struct engine_write *write);
    void (*on_refusal)(void *owner, enum guard_invariant invariant); /* to be counted */
    void *owner;
};

struct engine *engine_new(const struct model *model, const struct engine_options *options);
void engine_free(struct engine *engine);
/* A new configuration. Alarms and mitigations of policies and methods that are gone end. */
void engine_set_model(struct engine *engine, const struct model *model, struct engine_now now);

/* As they stand in Redis. They are copied; one whose policy is gone is ended at the next
 * engine_time. */
enum status engine_restore_alarm(struct engine *engine, const struct alarm *alarm,
                                 struct engine_now now);
enum status engine_restore_mitigation(struct engine *engine, const struct mitigation *m,
                                      struct engine_now now);
/* A field that engine_write.peer_field once named. */
void engine_restore_peer(struct engine *engine, const char *mitigation_id, const char *field,
                         const char *value);

/* State Redis has lost what it had, and we lead again: all that we know is written once more, now
 * and with the next calls of engine_time. */
void engine_write_back(struct engine *engine, uint64_t epoch, struct engine_now now);

/* A speaker has it, and state Redis has not: it is taken up, or withdrawn (NOT_ADOPTED: it had
 * ended, is held, or something else has its match; later also where the guard refuses it). */
enum engine_adoption { ENGINE_KNOWN, ENGINE_ADOPTED, ENGINE_NOT_ADOPTED, ENGINE_NO_ROOM };
enum engine_adoption engine_adopt(struct engine *engine, const struct mitigation *m,
                                  const char *speaker, struct engine_now now);

/* What the owner has time for, between ENGINE_TURN_MIN and ENGINE_TURN_MAX, which it begins with.
 */
void engine_set_turn(struct engine *engine, unsigned int turn);
void engine_tick(struct engine *engine, const struct rollup_tick *tick, struct engine_now now);
void engine_time(struct engine *engine, struct engine_now now); /* every 50 ms or so */
void engine_result(struct engine *engine, const struct job_result *result, struct engine_now now);
/* The write of this revision was refused (HELD, EXISTS …): a new mitigation ends as refused, one
 * that stood already is withdrawn; its alarms ask again. */
void engine_write_refused(struct engine *engine, const char *mitigation_id, uint64_t revision,
                          enum status why, struct engine_now now);
void engine_request(struct engine *engine, const struct request *request, struct reply *ret_reply,
                    struct engine_now now);
/* A person withdrew everything of this scope; what holds stand, as scopes, after any change: what
 * they leave no peer is withdrawn. */
void engine_stop(struct engine *engine, const struct scope *scope, const char *who, const char *why,
                 struct engine_now now);
void engine_holds(struct engine *engine, const struct scope *scopes, size_t count,
                  struct engine_now now);

/* For metrics and /healthz. */
struct engine_counts {
    size_t alarms[SEVERITY_COUNT][ALARM_STATE_COUNT];
    size_t mitigations[MITIGATION_STATE_COUNT];
    size_t tracked;
    uint64_t tracked_refused, alarms_refused; /* a maximum was reached */
    size_t blind_shards;
};
void engine_count(const struct engine *engine, struct engine_now now,
                  struct engine_counts *ret_counts);
bool engine_shard_is_blind(const struct engine *engine, const char *shard, struct engine_now now);

#endif
