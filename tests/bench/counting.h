#ifndef TESTS_BENCH_COUNTING_H
#define TESTS_BENCH_COUNTING_H

#include "collector/decode/decode.h"
#include "collector/recall/recall.h"
#include "collector/tally/tally.h"

/* What a worker of the collector does with a datagram, without its input and its output: decoding,
 * counting under two keys, a row for every host each, with a flush each 100 ms of the records'
 * clock, and recall. Rows that a flush gives are looked at and not encoded nor sent. */
struct counting {
    struct decode *decode;
    struct tally *tally;   /* NULL: decode only */
    struct recall *recall; /* NULL: without */
    struct tally_exporter *exporter;
    struct decode_source source;
    uint64_t now_ms, records, next_tick, octets, rows;
};

struct counting_options {
    const struct model *model;
    uint32_t exporter; /* its IPv4 address */
    uint32_t workers;
    bool tallies, recalls;
};

/* Of the two counts; ends the program where it is wrong. Lives until the program ends. */
const struct model *counting_model(void);
void counting_start(struct counting *counting, const struct counting_options *options);
void counting_done(struct counting *counting);
void counting_feed(struct counting *counting, const uint8_t *bytes, size_t len);

/* For qsort() of doubles. */
int counting_compare(const void *a, const void *b);
_Noreturn void counting_give_up(const char *what);

#endif
