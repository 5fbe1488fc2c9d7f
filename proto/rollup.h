#ifndef PROTO_ROLLUP_H
#define PROTO_ROLLUP_H

#include "common/base/text.h"
#include "proto/count.h"
#include "proto/delta.h"

/*
 * RollupTick: the rates of one shard's keys over the windows that policies ask for. With neither
 * flag (blind, truncated) a key that is absent is below its count's floor, and nothing else.
 */
enum {
    ROLLUP_SCHEMA = 1,
    ROLLUP_ROWS_MAX = 4000, /* a part */
    ROLLUP_COUNTS_MAX = DELTA_COUNTS_MAX,
    ROLLUP_EXPORTERS_MAX = 16384, /* of all collectors */
    ROLLUP_BLINDS_MAX = 1024,
    ROLLUP_WINDOWS_MAX = 16,     /* a count */
    ROLLUP_CONTRIBUTORS_MAX = 20 /* shares of at least 5 % */
};

struct rollup_rates {              /* of one window */
    double bytes, packets, flows;  /* a second */
    double var_bytes, var_packets; /* of those rates */
    double var_flows;              /* 0 too where an older build does not say it */
};

struct rollup_contributor {
    uint32_t exporter;       /* index into exporters */
    uint16_t share_permille; /* of the key's bytes in its longest window */
};

struct rollup_row {
    uint32_t count; /* index into counts */
    struct flow_key key;
    uint64_t samples;                              /* in the shortest window */
    struct rollup_rates rates[ROLLUP_WINDOWS_MAX]; /* as many as the count's windows */
    struct rollup_contributor contributors[ROLLUP_CONTRIBUTORS_MAX];
    size_t contributor_count;
};

struct rollup_count {
    uint64_t id;
    uint32_t windows_ms[ROLLUP_WINDOWS_MAX];
    size_t window_count;
    double floor_bytes, floor_packets,
        floor_flows; /* a second: rows below all of them are left out */
};

struct rollup_exporter {
    struct ip_addr addr;
    uint32_t heard_age_ms; /* since its last datagram reached any collector */
    bool two_senders;      /* as some collector says in its batches */
};

/* A worker of a collector from which nothing came for 2 s, or whose past a restart could not
 * rebuild. */
struct rollup_blind {
    char contributor[NAME_MAX_LEN + 12]; /* "c1/0" */
    uint32_t since_ms;                   /* age */
};

struct rollup_tick {
    uint32_t schema;
    char shard[NAME_MAX_LEN + 1], aggregator[NAME_MAX_LEN + 1];
    uint64_t epoch;           /* of the aggregator's boot */
    uint64_t sequence;        /* of the tick; its parts share it */
    uint64_t covers_until_ms; /* telemetry Redis's time */
    uint32_t part, parts;     /* 0-based, of n */
    bool truncated;
    double truncated_ratio; /* of the last row kept to its lowest threshold */
    bool blind;
    struct rollup_blind *blinds;
    size_t blind_count;
    struct rollup_count *counts;
    size_t count_count;
    struct rollup_exporter *exporters;
    size_t exporter_count;
    struct rollup_row *rows;
    size_t row_count;
};

/* Appends the message's bytes. LIMIT: more of anything than the maxima above. RANGE: a value that
 * decode would not take, as an index past its table. UNSUPPORTED: another schema than ours. */
enum status rollup_encode(const struct rollup_tick *tick, struct text *ret_bytes);
/*
 * Judges lengths before anything is unpacked, then fills *ret_tick, whose arrays belong to it until
 * rollup_done. MALFORMED: unequal columns, an index past its table, a key that is none, a rate that
 * is not a finite number >= 0, a part past its tick. UNSUPPORTED: a schema that cannot be read.
 */
enum status rollup_decode(struct rollup_tick *ret_tick, const uint8_t *bytes, size_t len);
void rollup_done(struct rollup_tick *tick);

#endif
