#ifndef POLICY_ENGINE_ENGINE_INTERNAL_H
#define POLICY_ENGINE_ENGINE_INTERNAL_H

#include "common/base/table.h"
#include "policy/engine/alarm_fsm.h"
#include "policy/engine/engine.h"
#include "policy/engine/watch.h"

/* What the engine's files share. Times in these structs are monotonic. */

enum { THRESHOLDS_MAX = 5 };

/* A key over half of a threshold of one policy; an alarm hangs on it once there is one. */
struct tracked {
    size_t policy;                          /* index in the configuration */
    uint64_t over_since_ms[THRESHOLDS_MAX]; /* 0: not over */
    uint64_t crossed_state_ms;
    struct live_alarm *live; /* NULL while elevated */
    uint64_t generation;     /* of the shard's tick that had its row last */
    uint8_t shard;
};

struct live_alarm {
    struct alarm alarm;
    struct tracked *tracked;
    uint64_t under_since_ms;  /* while clearing */
    uint64_t dark_since_ms;   /* while frozen or stale */
    uint64_t fallen_since_ms; /* 0: its severity's threshold is still passed */
    uint64_t judged_ms; /* when a tick last said something of its key, by its row or without one */
    uint64_t written_ms, retry_ms;
    bool orphan;  /* its policy is gone */
    bool settled; /* all that its severity asks for stands, or was refused for good */
    bool is_owed; /* it was not written back yet */
};

/* Each alarm that may try again does so after this long; all together a bounded number of times. */
enum { RETRY_EVERY_MS = 5000, RETRY_EVERY_MS_AN_ALARM = 4, RETRIES_A_TURN_MAX = 20 };

struct peer_result {
    char speaker[NAME_MAX_LEN + 1], peer[NAME_MAX_LEN + 1];
    uint8_t kind;
    bool is_to_go; /* its speaker is being forgotten */
    bool is_owed;  /* it was not written back yet */
};

/* Who keeps a place when there are too few: the severity and the excess of the first of the alarms
 * that want the rule. */
struct budget_rank {
    int severity; /* enum config_severity; -1: no alarm wants it */
    double excess;
};

struct live_mitigation {
    struct mitigation m;
    struct peer_result results[ENGINE_RESULTS_MAX];
    size_t result_count;
    bool is_owed;      /* it was not written back yet; its results say so themselves */
    bool is_forgotten; /* whoever answered was forgotten since: nobody is waited for */
    uint64_t created_ms, withdrawing_since_ms, renewed_ms;
    size_t wanted_by; /* live alarms */
    struct budget_rank rank;
    char heir[ID_TEXT_MAX]; /* the mitigation that it gives way to once that stands; "": none */
    uint64_t heir_since_ms;
};

struct shard_parts { /* of the tick that is coming in */
    uint64_t epoch, sequence;
    uint64_t seen; /* bit i: part i */
    bool truncated, blind;
    uint64_t generation;
};

/* A tick of more parts than PARTS_MAX says nothing of the keys that it does not name. */
enum { HOLDS_MAX = 64, STARTS_A_MINUTE_MAX = 1024, PARTS_MAX = 64 };

/* Speakers that are being forgotten at once. A person does so one by one, and each takes seconds at
 * most where there are hundreds of mitigations. */
enum { FORGETTING_MAX = 8 };
struct forgetting {
    char speaker[NAME_MAX_LEN + 1], who[REASON_MAX];
};

/* Speakers that were forgotten the latest, and when that was known: what they said before counts no
 * more, also where a new leader reads it again. */
enum { FORGOTTEN_MAX = 64 };
struct forgotten {
    char speaker[NAME_MAX_LEN + 1];
    uint64_t at_ms; /* state Redis time */
};

/* Of what ended here the latest, in case a speaker that has not heard of it offers it. */
enum { ENDED_MAX = ENGINE_MITIGATIONS_MAX };

struct engine {
    const struct model *model;
    struct engine_options options;
    struct watch watch;
    struct shard_parts shards[WATCH_SHARDS_MAX];
    struct table *tracked;     /* policy name's hash and key → struct tracked */
    struct table *mitigations; /* id → struct live_mitigation * */
    size_t alarm_count;
    unsigned int turn, turn_left; /* engine_set_turn; of the tick that is looked at */
    struct scope holds[HOLDS_MAX];
    size_t hold_count;
    uint64_t starts_ms[STARTS_A_MINUTE_MAX]; /* ring of announcements, for rules_per_minute */
    size_t start_next;
    /* By shard and policy: when a tick last named the policy's count; NULL: not known. */
    uint64_t *listed_ms;
    uint64_t ranked_ms; /* when mitigations were ranked last */
    bool is_model_new;  /* what stands was not judged by it yet, or lost what let it pass */
    bool may_be_over;   /* more rules of alarms may stand than there are places */
    size_t retries;     /* in this turn of engine_time */
    size_t owed_left;   /* of this turn's writes for what is owed and what is forgotten */
    bool is_back_owed;  /* something was not written back yet */
    struct forgetting forgetting[FORGETTING_MAX];
    size_t forgetting_count;
    struct forgotten forgotten[FORGOTTEN_MAX]; /* ring */
    size_t forgotten_next;
    uint64_t restored_ms; /* state Redis time: when what stands was read */
    uint64_t tracked_refused, alarms_refused;
    char ended[ENDED_MAX][ID_TEXT_MAX]; /* ring */
    size_t ended_next;
    uint64_t adopting_since_ms, adopted_ms; /* 0: what was adopted has been judged; the last */
};

/* engine.c */
void engine_write_alarm(struct engine *e, struct live_alarm *live, const char *what,
                        const char *why, struct engine_now now);
/* Ticks of the shard speak of the policy's count, and have done so within that time. */
bool engine_is_listed(const struct engine *e, size_t shard, size_t policy, uint64_t within_ms,
                      struct engine_now now);
int engine_shard_of(const struct engine *e, uint64_t count_id, const struct flow_key *key);

/* alarms.c */
struct tracked *alarms_find(struct engine *e, size_t policy, const struct flow_key *key);
struct tracked *alarms_track(struct engine *e, size_t policy, const struct flow_key *key);
void alarms_row(struct engine *e, const struct rollup_tick *tick, const struct rollup_row *row,
                const struct rollup_count *count, struct engine_now now);
void alarms_absent(struct engine *e, uint8_t shard, uint64_t generation, struct engine_now now);
void alarms_time(struct engine *e, struct engine_now now);
void alarms_forget(struct engine *e, struct tracked *t);
bool alarms_is_live(const struct engine *e, const char *id);
struct live_alarm *alarms_by_id(const struct engine *e, const char *id);

/* mitigations.c */
struct live_mitigation *mitigations_by_id(const struct engine *e, const char *id);
/* What its severity asks for. A try that is not the first leaves no record of what is refused. */
void mitigations_start_for(struct engine *e, struct live_alarm *live, bool is_retry,
                           struct engine_now now);
/* Alarms that this mitigation was for ask again. */
void mitigations_ask_again(struct engine *e, const char *id);
/* They say why nothing is done for them. */
void mitigations_tell_alarms(struct engine *e, const struct live_mitigation *live, const char *why,
                             struct engine_now now);
void mitigations_alarm_ended(struct engine *e, const struct live_alarm *live,
                             struct engine_now now);
void mitigations_time(struct engine *e, struct engine_now now);
void mitigations_withdraw(struct engine *e, struct live_mitigation *live, const char *who,
                          const char *why, struct engine_now now);
bool mitigations_stands(const struct live_mitigation *live);
bool mitigations_is_for(const struct live_mitigation *live, const struct live_alarm *alarm);
/* Whether the scope takes the whole mitigation away; of one peer among several, speakers see to. */
bool mitigations_covered(const struct engine *e, const struct scope *scope,
                         const struct mitigation *m);
/* The hold that takes it away, or one of those that do so together; NULL: some peer may have it. */
const struct scope *mitigations_held(const struct engine *e, const struct mitigation *m);

/* forget.c. Of how many mitigations it had said something; LIMIT: too many are being forgotten. */
enum status forget_speaker(struct engine *e, const char *speaker, const char *who,
                           size_t *ret_mitigations, struct engine_now now);
/* A field of a mitigation's hash, which may say that its speaker was forgotten. */
void forget_restore(struct engine *e, const char *speaker, const char *value);
/* It was said before its speaker was forgotten. */
bool forget_is_stale(const struct engine *e, const struct job_result *result);
/* What is left of it, as far as e->owed_left goes. */
void forget_go_on(struct engine *e);
/* write_back.c: the same of what is to be written back */
void write_back_go_on(struct engine *e, struct engine_now now);
/* One that stands at speakers, with a job for them. */
void write_back_mitigation(struct engine *e, struct live_mitigation *live, const char *what,
                           const char *why, struct engine_now now);
/* adopt.c: what state Redis has lost, and a speaker has */
void adopt_note_ended(struct engine *e, const char *id);
void adopt_time(struct engine *e, struct engine_now now);

/* start.c: a rule on its way to being a mitigation */
struct start {
    const char *alarm, *policy, *method, *who, *reason;
    enum mitigation_origin origin;
    const struct config_platform *platform; /* NULL: none is configured, or peers are given */
    const char (*peers)[NAME_MAX_LEN + 1];  /* given by a person; NULL: the platform's */
    size_t peer_count;
    bool dry_run;
    bool source_inferred, allows_spoofable_source;
    uint64_t until_ms, lease_ms, withdraw_after_ms;
    bool withdraw_manual;
    uint64_t crossed_ms;
    bool is_retry;                   /* what is refused was recorded at the first try */
    const struct model_route *route; /* a blackhole or diversion of the rule's destination; NULL */
};
struct start_refusal {
    char id[ID_TEXT_MAX]; /* of the record that is kept of it; "": none */
    char why[REASON_MAX];
    bool for_now; /* the same may pass later: a hold, a budget, another rule in the way */
};
/* Guards, makes and writes it. The new or already standing mitigation, or NULL with *ret_refusal.
 */
struct live_mitigation *start_rule(struct engine *e, const struct start *start,
                                   const struct flow_rule *rule, const struct flow_actions *actions,
                                   struct start_refusal *ret_refusal, struct engine_now now);
/* Writes what is to be announced from now on, and tells the speakers. */
void start_write(struct engine *e, struct live_mitigation *live, const char *what, const char *who,
                 const char *why, struct engine_now now);
/* The platforms that a method is tried on, one after the other; a blackhole or diversion that names
 * none is for all peers that take its family. */
size_t start_rounds(const struct engine *e, const struct config_method *method);
const struct config_platform *start_round(const struct engine *e,
                                          const struct config_method *method, size_t round);
/* The guard's word on what stands, or is to stand, by its octets. */
void start_judge_bytes(const struct guard_context *context, const struct mitigation *m,
                       struct guard_verdict *ret_verdict);
/* One of the mitigation's peers is the platform's. */
bool start_reaches(const struct engine *e, const struct mitigation *m,
                   const struct config_platform *platform);
uint32_t start_peers(const struct engine *e, const struct config_platform *platform,
                     enum addr_family family, enum route_kind kind,
                     char (*ret_peers)[NAME_MAX_LEN + 1]);

/* rejudge.c: what stands, under a new configuration */
void rejudge_all(struct engine *e, struct engine_now now);

/* same.c: what has the same match */
enum same_match {
    SAME_NONE,
    SAME_STANDS,     /* it does this already, or more */
    SAME_REPLACE,    /* same_replace() gives it the new action */
    SAME_IN_THE_WAY, /* it stays as it is */
};
enum same_match same_find(const struct engine *e, const struct start *start,
                          const struct mitigation *m, struct live_mitigation **ret_live);
void same_replace(struct engine *e, struct live_mitigation *live, const struct mitigation *fresh,
                  const struct start *start, struct engine_now now);
/* Another one that stands has its match at all its peers; NULL: none. */
const struct live_mitigation *same_covers(const struct engine *e, const struct mitigation *m);
bool same_has_peer(const struct mitigation *m, const char *peer);
/* Each peer of b is one of a's. */
bool same_has_peers_of(const struct mitigation *a, const struct mitigation *b);
bool same_shares_a_peer(const struct mitigation *a, const struct mitigation *b);

/* beside.c: what stands at the same peers */
struct beside_accepting; /* given back with free(), behind the judgement */
void beside_orders(const struct engine *e, const struct mitigation *m,
                   struct guard_context *context); /* of its own peers */
/* Where the verdict says that it cuts a BGP session: what may keep that goes into the context, to
 * be judged once more. NULL: nothing more is known. */
struct beside_accepting *beside_accepting(const struct engine *e, const struct mitigation *m,
                                          const struct guard_verdict *verdict,
                                          struct guard_context *context);
/* A rule that stood goes or does something else now: others may have needed it. */
void beside_changed(struct engine *e, const struct mitigation *m);
/* Adds a refusal where the rule would hide one that stands, or be hidden by it. */
void beside_judge_shadows(const struct engine *e, const struct start *start,
                          const struct mitigation *m, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct guard_verdict *verdict);

/* budget.c */
struct budget_place {
    struct live_mitigation *gives_way; /* NULL: there is room */
    bool at_once;                      /* no place is left for both */
};
/* Adds a refusal to the verdict where there is no room, and nobody who must make some. ret_place
 * NULL: it takes the place of its like, and only what it takes off the network counts. */
void budget_judge(struct engine *e, const struct start *start, const struct mitigation *m,
                  struct guard_verdict *verdict, struct budget_place *ret_place,
                  struct engine_now now);
/* The new mitigation takes its place, before it is written. */
void budget_take(struct engine *e, const struct budget_place *place, struct live_mitigation *heir,
                 struct engine_now now);
void budget_time(struct engine *e, struct engine_now now);

#endif
