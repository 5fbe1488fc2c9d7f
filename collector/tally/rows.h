#ifndef COLLECTOR_TALLY_ROWS_H
#define COLLECTOR_TALLY_ROWS_H

#include "collector/tally/tally.h"
#include "collector/tally/volume.h"
#include "common/base/sketch.h"
#include "common/base/table.h"

/*
 * The rows of a tally: a table by identity, and for each count a list of its rows, with a quota.
 * When a count is full, a new key is admitted only if what a sketch has seen of it is more than the
 * smallest of eight rows taken by chance stands for; what is not admitted, and what makes room, is
 * added to the count's row `other` of that exporter, so that totals hold. A row stands for what it
 * holds, or for what had been seen of its key when it came in, whichever is more: else a key of
 * many small records would make room for any that has one large record, again and again.
 */
struct row {
    uint64_t bytes, packets, flows, samples;
    double var_bytes, var_packets, var_flows;
    double weighted_ms; /* sum of duration × octets */
    uint32_t position;  /* in its count's list */
    uint32_t first_ms;  /* by a clock that may wrap */
    uint16_t count, exporter;
    uint8_t bucket;   /* of its score: what the histogram counts */
    uint8_t admitted; /* the bucket of what was seen of its key before it came in; 0: not full */
    bool urgent, other;
};

/* The key of a row in the table: these octets as they are, up to the end of the flow's key, which
 * is built in place. */
struct identity {
    uint16_t exporter, count;
    uint8_t duration_class;
    struct flow_key key;
};
enum { IDENTITY_HEAD = offsetof(struct identity, key.bytes) };
_Static_assert(IDENTITY_HEAD == 6, "nothing lies between the members of an identity");

static inline size_t identity_len(const struct identity *identity)
{
    return IDENTITY_HEAD + (size_t)identity->key.len;
}

struct row_count {
    struct row **rows;
    uint32_t row_count, room, quota;
    uint32_t others; /* rows among them that are of what is not admitted: beyond the quota */
    bool was_full;   /* since the sketch was halved last */
    /* Parts of the urgent volume that one octet, packet and flow are; 0: no threshold asks. */
    double per_byte, per_packet, per_flow;
};

enum { BUCKETS = 256, URGENT_MAX = 4096, OTHERS_A_COUNT = DELTA_EXPORTERS_MAX };

struct rows {
    struct table *table;
    struct row_count *counts;
    size_t count_count;
    struct sketch *seen; /* of keys of full counts: what was not admitted, and what rows had */
    uint32_t halvings;   /* until nothing that matters is left in it */
    uint64_t chance;     /* state of a small generator */
    double urgent_score;
    struct row *urgent[URGENT_MAX];
    size_t urgent_count;
    uint32_t histogram[BUCKETS];       /* rows by score, a quarter of a doubling each */
    uint64_t left_bytes, left_packets; /* no row that is not urgent holds more */
    uint32_t *exporter_rows;           /* of the tally: how many stand for each */
    struct tally_counters *counters;
};

struct rows_options {
    const struct model *model;
    size_t max_keys;
    double urgent_score; /* share of the urgent volume over which a row is urgent */
    uint64_t seed;
    uint32_t *exporter_rows;
    struct tally_counters *counters;
};

enum status rows_init(struct rows *rows, const struct rows_options *options);
void rows_done(struct rows *rows);

/* hash: table_hash of the identity. guess: its row, most likely, or NULL. */
void rows_add(struct rows *rows, const struct identity *identity, uint64_t hash, struct row *guess,
              const struct volume *volume, uint32_t at_ms);
void rows_remove(struct rows *rows, struct row *row);
/* Before its row leaves: a key is remembered by what it had, so that where its count is full it is
 * let in again at once, and stays. */
void rows_remember(struct rows *rows, const struct row *row);
void rows_halve(struct rows *rows); /* what is remembered, once a second */
/* Takes over rows of another set: counts by map, UINT16_MAX where a count is gone. */
void rows_move(struct rows *to, struct rows *from, const uint16_t *map);
uint8_t rows_bucket(double score);
double rows_score(const struct rows *rows, const struct row *row);

#endif
