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
    uint64_t bytes, packets, flows;
    double var_bytes, var_packets, var_flows;
    double weighted_ms; /* sum of duration × octets */
    uint32_t samples;
    uint32_t first_ms;                                /* by a clock that may wrap */
    uint32_t position : 30, is_urgent : 1, other : 1; /* position: in its count's list */
    uint8_t bucket;                                   /* of its score: what the histogram counts */
    uint8_t bytes_bucket, packets_bucket;
    uint8_t admitted; /* the bucket of what was seen of its key before it came in; 0: not full */
};
_Static_assert(sizeof(struct row) == 72, "a million rows are a million times that");

/* What a tick asks of each row, in an array by position, so that it need not touch the rows. */
struct row_size {
    uint8_t bucket, bytes_bucket, packets_bucket;
    bool other;
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

/* Which count and exporter a row is of: its key says it. */
struct row_of {
    uint16_t exporter, count;
};
struct row_of rows_of(const struct row *row);

struct row_count {
    struct row **rows;
    struct row_size *sizes;
    uint32_t row_count, room, quota;
    uint32_t others; /* rows among them that are of what is not admitted: beyond the quota */
    bool was_full;   /* since the sketch was halved last */
    /* Parts of the urgent volume that one octet, packet and flow are; 0: no threshold asks. */
    double per_byte, per_packet, per_flow;
};

/* Rows of short keys, as those of one IPv4 address are, lie apart from the others: they need less
 * room, and most are. */
enum { ROWS_SHORT, ROWS_LONG, ROWS_TABLES, ROWS_KEY_SHORT = 16 };

enum { BUCKETS = 256, URGENT_MAX = 4096, OTHERS_A_COUNT = DELTA_EXPORTERS_MAX };

struct rows {
    struct table *tables[ROWS_TABLES];
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

static inline struct table *rows_table(const struct rows *rows, size_t key_len)
{
    return rows->tables[key_len > ROWS_KEY_SHORT];
}

static inline uint64_t rows_hash(const struct rows *rows, const struct identity *identity)
{
    return table_hash(rows->tables[ROWS_SHORT], identity, identity_len(identity)); /* one seed */
}

static inline size_t rows_total(const struct rows *rows)
{
    return table_count(rows->tables[ROWS_SHORT]) + table_count(rows->tables[ROWS_LONG]);
}

/* Brings a row and its key into the cache. */
static inline void rows_prefetch(const struct row *row)
{
    const uint8_t *at = (const uint8_t *)row;
    __builtin_prefetch(at - ROWS_KEY_SHORT - 8);
    __builtin_prefetch(at + 64 - ROWS_KEY_SHORT - 8);
    __builtin_prefetch(at + sizeof(*row) - 1);
}

enum status rows_init(struct rows *rows, const struct rows_options *options);
void rows_done(struct rows *rows);

/* hash: rows_hash of the identity. guess: its row, most likely, or NULL. */
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
/* Octets or packets by size, a quarter of a doubling a bucket; and the most that one holds. */
uint8_t rows_size_bucket(uint64_t volume);
uint64_t rows_size_most(uint8_t bucket);
double rows_score(const struct rows *rows, const struct row *row);

#endif
