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
    uint32_t samples;
    uint32_t first_ms;                                   /* by a clock that may wrap */
    uint32_t position : 30, is_urgent : 1, has_more : 1; /* position: in its count's list */
    uint32_t size : 24;                                  /* by the buckets that ROW_SIZE says */
    uint32_t admitted : 8; /* the bucket of what was seen of its key before it came in; 0: not full
                            */
};
_Static_assert(sizeof(struct row) == 40, "a million rows are a million times that");

/* How large a row is: the bucket of its score, and those of its octets and packets. A tick asks it
 * of each row, in an array by position, so that it need not touch the rows; there ROW_OTHER marks
 * the row of what is not admitted, which sorts above all. */
#define ROW_SIZE(score, bytes, packets)                                                            \
    ((uint32_t)(score) << 16 | (uint32_t)(bytes) << 8 | (uint32_t)(packets))
enum { ROW_OTHER = 1 << 24 };

/* What most rows lack: of those that nothing sampled, and that lasted no longer than a tick. In an
 * array by position, of which nothing is touched until it is asked for. Never infinite. */
struct row_more {
    float var_bytes, var_packets, var_flows;
    float weighted_ms; /* sum of duration × octets */
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
    uint32_t *sizes;
    struct row_more *more;
    uint32_t row_count, room, quota;
    uint32_t others; /* rows among them that are of what is not admitted: beyond the quota */
    bool was_full;   /* since the sketch was halved last */
    /* Parts of the urgent volume that one octet, packet and flow are; 0: no threshold asks. */
    double per_byte, per_packet, per_flow;
};

/* Rows of short keys, as those of one IPv4 address are, lie apart from the others: they need less
 * room, and most are. */
enum { ROWS_SHORT, ROWS_LONG, ROWS_TABLES, ROWS_KEY_SHORT = 16 };
_Static_assert(ROWS_KEY_SHORT + TABLE_HEADER + sizeof(struct row) == 64, "one line of the cache");

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
    uint32_t by_score[BUCKETS]; /* rows by size, a quarter of a doubling each */
    uint32_t by_bytes[BUCKETS], by_packets[BUCKETS];
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
    __builtin_prefetch(at - ROWS_KEY_SHORT - TABLE_HEADER);
    __builtin_prefetch(at + sizeof(*row) - 1);
}

enum status rows_init(struct rows *rows, const struct rows_options *options);
void rows_done(struct rows *rows);

/* An addition that waits with others, while its memory is fetched. */
struct addition {
    uint64_t hash;     /* rows_hash of the identity */
    struct row *guess; /* rows_add's own */
    uint32_t at_ms;
    uint32_t volume; /* its place among the volumes: a record has one, and an addition a count */
    struct identity identity;
};
void rows_add(struct rows *rows, struct addition *additions, size_t count,
              const struct volume *volumes);
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
/* NULL: the row has nothing of that. */
const struct row_more *rows_more(const struct rows *rows, const struct row *row);

#endif
