#ifndef TESTS_INTEGRATION_POLICY_HOUSE_H
#define TESTS_INTEGRATION_POLICY_HOUSE_H

#include "proto/alarm.h"
#include "tests/integration/policy/waits.h"
#include "tests/support/put_rollup.h"
#include "tests/support/redis_server.h"

#include <criterion/criterion.h>

/*
 * Two Redis servers, policies as real processes, and the test itself as aggregator, speaker and
 * person. Ticks go out every 100 ms while a condition is waited for.
 */
enum { HOUSE_POLICIES_MAX = 2, HOUSE_SEEN_MAX = 16 };

struct house {
    char folder[64];
    struct redis_server telemetry, state;
    struct config *config;
    struct model *model;
    struct put_rollup traffic;
    bool is_silent; /* no ticks */
    uint64_t ticked_ms;
    struct redis_sync *redis; /* to state */
    pid_t policies[HOUSE_POLICIES_MAX];
    struct waits waits;
    struct alarm alarms[HOUSE_SEEN_MAX]; /* as last looked at; those that are active */
    struct mitigation mitigations[HOUSE_SEEN_MAX];
    size_t alarm_count, mitigation_count;
};

struct house *house_open(bool dry_run);
void house_close(struct house *h);
void house_start_policy(struct house *h, int index);
void house_end_policy(struct house *h, int index, int signal_number); /* and waits for its end */
void house_stop_state(struct house *h);
void house_start_state(struct house *h);

/* One policy, and what it needs to act: until it leads. */
struct house *house_with_policy(bool dry_run);
void house_attack(struct house *h, const char *target, double bps); /* 0: no more */

/* A command to state Redis; its answer lent until the next. */
const struct redis_reply *house_ask(struct house *h, const char *format, ...);
bool house_is(struct house *h, const char *want, const char *format, ...); /* a string answer */

/* Looks at what is active. */
size_t house_alarms(struct house *h);
size_t house_mitigations(struct house *h);
bool house_alarm_is(struct house *h, enum alarm_state state);           /* one, in this state */
bool house_mitigation_is(struct house *h, enum mitigation_state state); /* likewise */
/* The hash of one that may have ended. */
struct mitigation house_mitigation(struct house *h, const char *id);
long house_len(struct house *h, const char *stream);
bool house_audit_has(struct house *h, const char *text);

/* Plays the speaker: the answer of a peer to the mitigation as it is now. */
void house_result(struct house *h, const struct mitigation *m, enum result_kind kind);
/* Plays a person; the answer comes within 5 s. args: name, value, …, NULL. */
struct reply house_request(struct house *h, const char *verb, const char *const *args);
void house_stop(struct house *h, const char *verb, const char *scope);

uint64_t house_now_ms(void); /* monotonic */
/* What all of the house's processes lacked the processor for, in sum. A limit on how long something
 * may take grows by that: of a loaded machine it would say nothing. */
uint64_t house_waited_ms(struct house *h);
bool house_starved(const struct house *h); /* too much at once for a lease to be renewed in time */
bool house_turn(struct house *h, uint64_t deadline_ms);
const char *house_logs(struct house *h); /* the end of each policy's log */
/* The whole log of one, from an octet on: what thousands of lines have carried off too. */
long house_log_len(const struct house *h, int index);
bool house_log_has(const struct house *h, int index, long from, const char *what);

#define HOUSE_WITHIN(h, limit_ms, condition)                                                       \
    do {                                                                                           \
        uint64_t deadline_ = house_now_ms() + (limit_ms), waited_ = house_waited_ms(h);            \
        bool is_true_ = false;                                                                     \
        while (!(is_true_ = (condition)) &&                                                        \
               house_turn((h), deadline_ + house_waited_ms(h) - waited_))                          \
            ;                                                                                      \
        cr_assert(is_true_, "not true within %d ms: %s\n%s", (int)(limit_ms), #condition,          \
                  house_logs(h));                                                                  \
    } while (0)
#define HOUSE_UNTIL(h, condition) HOUSE_WITHIN(h, 10000, condition)
/* For as long as that the condition holds. */
#define HOUSE_WHILE(h, ms, condition)                                                              \
    do {                                                                                           \
        uint64_t deadline_ = house_now_ms() + (ms);                                                \
        do {                                                                                       \
            cr_assert((condition), "not true any more: %s\n%s", #condition, house_logs(h));        \
        } while (house_turn((h), deadline_));                                                      \
    } while (0)

#endif
