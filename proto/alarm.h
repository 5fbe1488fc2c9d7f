#ifndef PROTO_ALARM_H
#define PROTO_ALARM_H

#include "common/base/communities.h"
#include "common/base/text.h"
#include "proto/count.h"
#include "proto/delta.h"

/* The nouns of the state server: what policy decides, and what crosses to the speakers and back. */

enum { ID_TEXT_MAX = 40 }; /* "a-1767323045678-3f2a9c01d2", "m-…" */

#define ALARM_STATES(X)                                                                            \
    X(QUIET, "quiet")                                                                              \
    X(ELEVATED, "elevated")                                                                        \
    X(ACTIVE, "active")                                                                            \
    X(CLEARING, "clearing") X(ENDED, "ended") X(FROZEN, "frozen") X(STALE, "stale")
enum alarm_state {
#define X(name, text) ALARM_##name,
    ALARM_STATES(X)
#undef X
        ALARM_STATE_COUNT
};
const char *alarm_state_name(enum alarm_state s);

struct alarm_rates {
    double bps, pps, fps;
    double bps_low, bps_high; /* bounds of the sampled estimate */
};

struct alarm_contributor {
    struct ip_addr exporter;
    uint16_t share_permille;
    uint32_t usual_gap_ms;
};

enum { ALARM_CONTRIBUTORS_MAX = 20, ALARM_MITIGATIONS_MAX = 16 };

/* The instants of each step, Unix time in ms by state Redis; 0: not reached. */
struct alarm_times {
    uint64_t crossed_ms, active_ms, clearing_ms, frozen_ms, ended_ms, last_over_ms, changed_ms;
};

struct alarm {
    char id[ID_TEXT_MAX];
    char policy[NAME_MAX_LEN + 1];
    uint64_t count_id;
    struct flow_key key;
    char key_text[KEY_TEXT_MAX];
    uint8_t state;           /* enum alarm_state */
    uint8_t frozen_from;     /* the state to go back to */
    uint8_t severity;        /* enum config_severity's number, 0 notice … 4 emergency */
    uint32_t threshold;      /* index in the policy */
    char threshold_text[96]; /* "bps 1.00 Gbps" */
    uint32_t window_ms;
    struct alarm_rates at_crossing, now, peak;
    struct alarm_times times;
    struct alarm_contributor contributors[ALARM_CONTRIBUTORS_MAX];
    size_t contributor_count;
    char mitigations[ALARM_MITIGATIONS_MAX][ID_TEXT_MAX];
    size_t mitigation_count;
    uint32_t reactivations; /* flapping: doubles the clear delay, bounded */
    bool acknowledged, suppressed, stopped_by_person;
    char not_mitigated[96]; /* why nothing was done; "" */
    uint64_t revision;
    struct text unknown; /* fields of a newer build, kept when the alarm is written again */
};

#define MITIGATION_STATES(X)                                                                       \
    X(PROPOSED, "proposed")                                                                        \
    X(ANNOUNCING, "announcing")                                                                    \
    X(ACTIVE, "active")                                                                            \
    X(WITHDRAWING, "withdrawing")                                                                  \
    X(WITHDRAWN, "withdrawn") X(REFUSED, "refused") X(FAILED, "failed") X(EXPIRED, "expired")
enum mitigation_state {
#define X(name, text) MITIGATION_##name,
    MITIGATION_STATES(X)
#undef X
        MITIGATION_STATE_COUNT
};
const char *mitigation_state_name(enum mitigation_state s);

enum mitigation_origin { ORIGIN_ALARM, ORIGIN_PERSON, ORIGIN_API };

enum { NLRI_MAX = 4096, RULE_TEXT_MAX = 2048, MITIGATION_PEERS_MAX = 64, REASON_MAX = 256 };
enum { MITIGATION_STANDARD_MAX = 32, MITIGATION_LARGE_MAX = 16 };

/* The truth of what must stand. */
struct mitigation {
    char id[ID_TEXT_MAX];
    char alarm[ID_TEXT_MAX]; /* "" when a person started it */
    char policy[NAME_MAX_LEN + 1], method[NAME_MAX_LEN + 1];
    uint8_t origin; /* enum mitigation_origin */
    char who[NAME_MAX_LEN + 1], reason[REASON_MAX];
    uint8_t state; /* enum mitigation_state */
    bool dry_run;
    uint8_t family;           /* 4 or 6 */
    char rule[RULE_TEXT_MAX]; /* 'match … then …' */
    uint8_t nlri[NLRI_MAX];   /* with its length octets */
    size_t nlri_len;
    /* The extended communities of the actions; those of attribute 25 apart. */
    uint8_t communities[64][COMMUNITY_LEN], communities6[4][COMMUNITY6_LEN];
    size_t community_count, community6_count;
    /* A route of unicast instead of a rule: nlri is its prefix, and it has these beside the
     * extended communities above. */
    uint8_t route; /* enum route_kind */
    uint8_t next_hop_len, next_hop[NEXT_HOP_LEN_MAX];
    uint8_t standard[MITIGATION_STANDARD_MAX][COMMUNITY_STANDARD_LEN];
    uint8_t large[MITIGATION_LARGE_MAX][COMMUNITY_LARGE_LEN];
    size_t standard_count, large_count;
    char peers[MITIGATION_PEERS_MAX][NAME_MAX_LEN + 1]; /* to whom; none: to all */
    size_t peer_count;
    uint64_t epoch, revision;
    uint64_t created_ms, announced_ms, active_ms, withdraw_asked_ms,
        ended_ms;                  /* state Redis time */
    uint64_t until_ms;             /* gone then, whoever is alive; 0: no such time */
    uint64_t renewed_ms, lease_ms; /* gone lease after the last renewal while state is reachable */
    uint64_t withdraw_after_ms;
    bool withdraw_manual;
    uint64_t crossed_ms, decided_ms; /* the stages of time to mitigate */
    char why_ended[REASON_MAX];
    struct text unknown;
};

/* The notification in weir:jobs. */
enum job_verb { JOB_ANNOUNCE, JOB_WITHDRAW };
const char *job_verb_name(enum job_verb v);
struct job {
    uint8_t verb;
    char mitigation[ID_TEXT_MAX];
    uint64_t epoch, revision;
    uint64_t crossed_ms, tick_ms, decided_ms, written_ms; /* stages */
};

/* What one peer of one speaker was sent or refused. */
#define RESULT_KINDS(X)                                                                            \
    X(SENT, "sent")                                                                                \
    X(WITHDRAWN, "withdrawn")                                                                      \
    X(REFUSED, "refused") X(PEER_DOWN, "peer-down") X(DRY_RUN, "dry-run") X(HELD, "held")
enum result_kind {
#define X(name, text) RESULT_##name,
    RESULT_KINDS(X)
#undef X
        RESULT_KIND_COUNT
};
const char *result_kind_name(enum result_kind k);
struct job_result {
    char speaker[NAME_MAX_LEN + 1], peer[NAME_MAX_LEN + 1]; /* peer "" : the speaker as a whole */
    char mitigation[ID_TEXT_MAX];
    uint64_t revision;
    uint8_t kind; /* enum result_kind */
    uint8_t verb; /* of the job it answers */
    char reason[REASON_MAX];
    uint64_t at_ms; /* written to the peer's socket: state Redis time as the speaker has it */
    uint64_t since_crossed_us; /* from the job's crossed stage; 0: not known */
};

/* What a person or program asks of policy, and its answer. */
/* How `who` begins where a tool asks by the adapter socket of a speaker, whose name follows. */
#define REQUEST_WHO_ADAPTER "adapter@"
struct request {
    char id[ID_TEXT_MAX];
    uint64_t expires_at_ms;
    char who[NAME_MAX_LEN + 1];
    char verb[32]; /* "mitigate", "announce", "stop", … */
    struct {
        char name[32];
        char value[RULE_TEXT_MAX];
    } args[16];
    size_t arg_count;
};
struct reply {
    char id[ID_TEXT_MAX];
    bool ok;
    char text[RULE_TEXT_MAX];  /* for people */
    char ids[16][ID_TEXT_MAX]; /* what was made or touched */
    size_t id_count;
};

/*
 * Encode appends bytes. LIMIT: a string without its end, or more of anything than there is room
 * for. RANGE: what decode would not take. Decode fills and checks, and writes only on success:
 * strings that are too long, enums out of range (a state of a newer build too: what it would want
 * of us is not known) and numbers that are not finite are MALFORMED. Fields that this build does
 * not know stay in `unknown` of alarms and mitigations and are written again by encode.
 */
enum status alarm_encode(const struct alarm *alarm, struct text *ret_bytes);
enum status alarm_decode(struct alarm *ret_alarm, const uint8_t *bytes, size_t len);
void alarm_done(struct alarm *alarm);
enum status mitigation_encode(const struct mitigation *m, struct text *ret_bytes);
enum status mitigation_decode(struct mitigation *ret_m, const uint8_t *bytes, size_t len);
struct communities mitigation_communities(const struct mitigation *m); /* lent */
/* What it hits beside the attack, for people; "" where that depends on the rule. */
const char *mitigation_collateral(const struct mitigation *m);
void mitigation_done(struct mitigation *m);
enum status job_encode(const struct job *job, struct text *ret_bytes);
enum status job_decode(struct job *ret_job, const uint8_t *bytes, size_t len);
enum status job_result_encode(const struct job_result *result, struct text *ret_bytes);
enum status job_result_decode(struct job_result *ret_result, const uint8_t *bytes, size_t len);
enum status request_encode(const struct request *request, struct text *ret_bytes);
enum status request_decode(struct request *ret_request, const uint8_t *bytes, size_t len);
enum status reply_encode(const struct reply *reply, struct text *ret_bytes);
enum status reply_decode(struct reply *ret_reply, const uint8_t *bytes, size_t len);

/*
 * The plain fields beside `pb` in the state server's hashes and streams, for people with redis-cli:
 * calls on_field for each, in a fixed order, with "" where there is nothing to say. Policy and
 * speakers write them all with HSET or XADD.
 */
typedef void (*on_plain_field)(void *owner, const char *name, const char *value);
void alarm_plain_fields(const struct alarm *alarm, on_plain_field on_field, void *owner);
void mitigation_plain_fields(const struct mitigation *m, on_plain_field on_field, void *owner);
void job_plain_fields(const struct job *job, on_plain_field on_field, void *owner);
void job_result_plain_fields(const struct job_result *result, on_plain_field on_field, void *owner);

/* A new id: prefix letter, the time, and 10 hex digits of chance: "a-1767323045678-3f2a9c01d2". */
void id_make(char ret_id[ID_TEXT_MAX], char letter, uint64_t now_ms);

#endif
