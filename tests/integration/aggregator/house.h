#ifndef TESTS_INTEGRATION_AGGREGATOR_HOUSE_H
#define TESTS_INTEGRATION_AGGREGATOR_HOUSE_H

#include "common/redis/redis.h"
#include "proto/alarm.h"
#include "proto/rollup.h"
#include "tests/support/redis_server.h"

#include <criterion/criterion.h>

/*
 * A real weir-aggregator between two real Redis servers, fed by collectors that the test plays: a
 * batch each every 100 ms of real time, and every rollup tick that comes out is decoded.
 *
 *   house_start() → HOUSE_UNTIL(…) … → house_end()
 */
enum { HOUSE_COLLECTORS = 2, HOUSE_HOST = 0xc6336407 };

struct fake_collector {
    char name[NAME_MAX_LEN + 1];
    uint64_t epoch, sequence;
    uint64_t bytes; /* for HOUSE_HOST, a batch; 0: nothing */
    bool is_silent;
    bool twice; /* every batch is sent again */
};

struct house {
    struct redis_server telemetry, state;
    struct redis_sync *in, *out; /* both telemetry */
    struct redis_sync *alarms;
    char folder[64], config[128];
    pid_t pid; /* of weir-aggregator; 0: not running */
    struct fake_collector collectors[HOUSE_COLLECTORS];
    uint64_t next_ms; /* when the next batches are due */
    char last_id[64]; /* of the rollup stream, read up to there */
    /* What came out. */
    uint64_t ticks, epoch, last_sequence, lost_sequences;
    bool has_row, is_blind;
    double bytes; /* a second, of the host in the last tick; 0: no row */
    size_t row_count, count_count, contributor_count;
    char blind[NAME_MAX_LEN + 12];
    double first_bytes; /* of the first tick of the epoch */
};

void house_start(struct house *house, const char *policies);
void house_end(struct house *house);
void house_write_config(struct house *house, const char *policies);
void house_run_aggregator(struct house *house);
void house_signal(struct house *house, int number);
/* Waits for its end, 10 s at most; its exit status, or minus the signal's number. */
int house_wait_exit(struct house *house);

/* One turn of 10 ms: batches that are due go in, ticks that are there come out. */
void house_turn(struct house *house);
uint64_t house_now_ms(void);
uint64_t house_count_id(struct house *house);

#define HOUSE_UNTIL(house, limit_ms, condition)                                                    \
    do {                                                                                           \
        uint64_t end_ = house_now_ms() + (limit_ms);                                               \
        while (!(condition) && house_now_ms() < end_)                                              \
            house_turn(house);                                                                     \
        cr_assert((condition), "not true within %d ms: %s", (int)(limit_ms), #condition);          \
    } while (0)

#endif
