#ifndef TESTS_INTEGRATION_COLLECTOR_SITE_H
#define TESTS_INTEGRATION_COLLECTOR_SITE_H

#include "tests/support/redis_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A collector process on a free port with a Redis of its own, an exporter that sends it NetFlow 5,
 * and a reader of what it wrote.
 */
struct site {
    struct redis_server redis;
    char config[96];
    uint16_t port;
    unsigned int workers; /* of the next configuration; 0: two */
    const char *more;     /* of its section collector; NULL: nothing */
    bool recall;          /* of the next configuration */
    pid_t pid;
    int exporter; /* a socket */
    uint32_t sequence;
    uint64_t sent_bytes; /* as a collector that loses nothing must count them */
};

enum { SITE_RATE = 10, SITE_RECORDS = 20, SITE_RECORD_BYTES = 1000 };

void site_start(struct site *site, const char *const *redis_args);
void site_done(struct site *site);
void site_write_config(struct site *site, const char *policies);
void site_start_collector(struct site *site);
/* Gives its exit status; fails the test when it has not ended after six seconds. */
int site_stop_collector(struct site *site, int signal);
/* Datagrams of SITE_RECORDS records each to a few hosts of 198.51.100.0/24, sampled 1 in 10. */
void site_send(struct site *site, size_t datagrams);

/* The bytes as one datagram. */
void site_send_bytes(struct site *site, const void *bytes, size_t len);
/* Waits until a collector that has just been started is there. */
void site_wait_registered(struct site *site);

/* What stands in both shards' streams, a batch that stands there twice counted once. */
struct site_read {
    uint64_t bytes, packets, rows, batches, again;
    uint64_t oldest_ms;  /* age of a row */
    uint64_t quiet;      /* batches with neither rows nor exporters after one with rows */
    bool had_rows[2][2]; /* the last batch by shard and worker */
    uint64_t counts[8];  /* ids that rows were counted under */
    size_t count_count;
    bool broken; /* an entry that does not decode, or two of one identity that differ */
};
struct site_read site_read(struct site *site);

/* Polls until the condition holds, for ten seconds. */
#define SITE_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int turn_ = 0; turn_ < 500 && !(condition); turn_++)                                  \
            site_pause();                                                                          \
        cr_assert((condition), "not true within 10 s: %s", #condition);                            \
    } while (0)
void site_pause(void);

#endif
