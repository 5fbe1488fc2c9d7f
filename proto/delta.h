#ifndef PROTO_DELTA_H
#define PROTO_DELTA_H

#include "common/base/text.h"
#include "proto/count.h"

/*
 * DeltaBatch: what one worker of one collector counted for one shard in one interval. Immutable
 * once it was written to a socket; its identity is (collector, epoch, worker, shard, sequence).
 * Rows are columns: entry i of each array is row i, and arrays have equal lengths.
 */
enum {
    DELTA_SCHEMA = 1,
    DELTA_ROWS_MAX = 4000,
    DELTA_COUNTS_MAX = 1024,
    DELTA_EXPORTERS_MAX = 4096,
    NAME_MAX_LEN = 64
};

struct delta_exporter {
    struct ip_addr addr;
    uint32_t heard_age_ms; /* since its last datagram, at the interval's end */
    uint64_t records;      /* counted in this interval */
    bool two_senders;      /* took turns in its sequence within the last minute, and the second
                            * brought a real part */
};

struct delta_row {
    uint32_t count;                 /* index into counts */
    uint32_t exporter;              /* index into exporters */
    uint64_t bytes, packets, flows; /* scaled by the sampling rate */
    uint64_t samples;               /* records or samples behind them */
    double var_bytes, var_packets;  /* variance of the scaled sums */
    double var_flows;               /* 0 too where an older build does not say it */
    uint32_t duration_ms;           /* a mean, by bytes, packets and flows; 0: within the tick */
    uint32_t age_ticks; /* the row's first count is this many ticks before the interval's end */
    struct flow_key key;
};

struct delta_batch {
    uint32_t schema;
    char collector[NAME_MAX_LEN + 1];
    uint64_t epoch; /* of the collector's boot: Unix time in ms */
    uint32_t worker, workers;
    char shard[NAME_MAX_LEN + 1];
    uint64_t sequence;    /* rises by one a batch of (collector, epoch, worker, shard) */
    uint32_t interval_ms; /* a tick's length: the unit of row ages */
    uint32_t age_ms; /* between the interval's end and the write to the socket, by monotonic time */
    uint64_t residual_bytes, residual_packets; /* largest values of a row left behind */
    uint64_t counts[DELTA_COUNTS_MAX];         /* count ids */
    size_t count_count;
    struct delta_exporter *exporters;
    size_t exporter_count;
    struct delta_row *rows;
    size_t row_count;
};

/*
 * Adds what `other` counted under the same count, key and exporter. Sums saturate; the duration is
 * weighted by bytes, packets and flows; the age is the older one, so where the intervals differ the
 * caller first moves other's age to row's interval.
 */
void delta_row_add(struct delta_row *row, const struct delta_row *other);

/* Appends the message's bytes. LIMIT: too many rows, counts or exporters. RANGE: a value that
 * decode would not take, as an index past its table. UNSUPPORTED: another schema than ours. */
enum status delta_encode(const struct delta_batch *batch, struct text *ret_bytes);

/*
 * Judges lengths before anything is unpacked, then fills *ret_batch, whose arrays belong to it
 * until delta_done. MALFORMED: unequal columns, an index past its table, a key that is none, a
 * variance that is not a finite number >= 0. UNSUPPORTED: a schema that cannot be read.
 */
enum status delta_decode(struct delta_batch *ret_batch, const uint8_t *bytes, size_t len);
void delta_done(struct delta_batch *batch);

#endif
