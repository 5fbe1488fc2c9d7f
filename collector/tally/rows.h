#ifndef COLLECTOR_TALLY_ROWS_H
#define COLLECTOR_TALLY_ROWS_H

#include "collector/tally/identity.h"
#include "collector/tally/row.h"
#include "collector/tally/row_extra.h"
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
struct row_count {
    uint32_t *rows; /* entries of a table each, by its number; the last bit says of which */
    uint32_t *sizes;
    struct row_extra extra;
    uint32_t row_count, room, quota;
    uint32_t others; /* rows among them that are of what is not admitted: beyond the quota */
    bool was_full;   /* since the sketch was halved last */
    /* Parts of the urgent volume that one octet, packet and flow are; 0: no threshold asks. */
    double per_byte, per_packet, per_flow;
};

/* Rows of short identities lie apart from the others: they need less room, and most are. */
enum { ROWS_SHORT, ROWS_LONG, ROWS_TABLES };
_Static_assert(IDENTITY_SHORT + TABLE_HEADER + sizeof(struct row) == 64, "one line of the cache");

enum { URGENT_MAX = 4096, OTHERS_A_COUNT = DELTA_EXPORTERS_MAX };

struct rows {
    struct table *tables[ROWS_TABLES];
    struct row_count *counts;
    size_t count_count;
    struct sketch *seen; /* of keys of full counts: what was not admitted, and what rows had */
    uint32_t halvings;   /* until nothing that matters is left in it */
    uint64_t chance;     /* state of a small generator */
    uint64_t seed;       /* of identities' hashes */
    double urgent_score;
    struct row *urgent[URGENT_MAX];
    size_t urgent_count;
    /* Rows by size, a quarter of a doubling each; behind the others those that ROW_OTHER marks. */
    uint32_t by_score[2 * BUCKETS];
    uint32_t by_bytes[BUCKETS], by_packets[BUCKETS];
    /* No row that a flush left holds more; known until something is added. */
    uint64_t left_bytes, left_packets;
    bool knows_left;
    uint32_t *exporter_rows; /* of the tally: how many stand for each */
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

static inline size_t rows_total(const struct rows *rows)
{
    return table_count(rows->tables[ROWS_SHORT]) + table_count(rows->tables[ROWS_LONG]);
}

/* Which exporter and count a row is of: its key says it. */
static inline struct identity_head rows_of(const struct row *row)
{
    size_t len;
    return identity_head(table_key(row, &len));
}

/* Brings a row and its key into the cache. */
static inline void rows_prefetch(const struct row *row)
{
    const uint8_t *at = (const uint8_t *)row;
    __builtin_prefetch(at - IDENTITY_SHORT - TABLE_HEADER);
    __builtin_prefetch(at + sizeof(*row) - 1);
}

/* The row at this position of its count's list. */
enum { ROW_LONG_SHIFT = 31 };
static inline struct row *rows_at(const struct rows *rows, const struct row_count *count,
                                  uint32_t position)
{
    uint32_t at = count->rows[position];
    return table_entry(rows->tables[at >> ROW_LONG_SHIFT], at & ~((uint32_t)1 << ROW_LONG_SHIFT));
}

/* Once a row has come: what its removal will look at besides. */
static inline void rows_prefetch_removal(const struct rows *rows, const struct row *row)
{
    const struct identity_head of = rows_of(row);
    size_t table = of.key_len > IDENTITY_KEY_SHORT ? ROWS_LONG : ROWS_SHORT;
    table_prefetch_removal(rows->tables[table], row);
    __builtin_prefetch(&rows->counts[of.count].rows[row->position], 1);
    if (row->has_spread)
        __builtin_prefetch(&rows->counts[of.count].extra.spreads[row->position]);
    if (row->has_duration)
        __builtin_prefetch(&rows->counts[of.count].extra.weighted_ms[row->position]);
}

enum status rows_init(struct rows *rows, const struct rows_options *options);
void rows_done(struct rows *rows);

/*
 * Additions wait while their memory is fetched, in a ring for each table. They go on in groups:
 * when one is complete, of the group before it the rows are sought and fetched, of the one before
 * that what lies apart from the rows, and the next is added. So memory always has some to fetch,
 * and never more than it can at once.
 */
enum { GROUP = 8, RING = 8 * GROUP };
struct addition {
    uint32_t at_ms;
    uint32_t volume; /* its place among the volumes: a record has one, and an addition a count */
};
struct ring {
    uint32_t taken, sought, added; /* how many so far; the first is at 0, and from RING on anew */
    uint32_t volume;               /* the place for that of the record that comes now */
    struct addition additions[RING];
    uint64_t hashes[RING];
    void *guesses[RING];
    struct volume volumes[RING];
};
struct rings {
    struct ring of[ROWS_TABLES];
    uint8_t short_identities[RING][IDENTITY_SHORT];
    struct identity long_identities[RING];
};
static inline void *rings_identity(struct rings *rings, size_t table, uint32_t place)
{
    return table == ROWS_SHORT ? (void *)rings->short_identities[place]
                               : (void *)&rings->long_identities[place];
}
/* The place of the next addition, for its identity. */
static inline uint32_t ring_place(const struct ring *ring)
{
    return ring->taken % RING;
}
/* The volume of the record that comes now, whose additions all refer to it. */
static inline struct volume *ring_volume(struct ring *ring)
{
    return &ring->volumes[ring->volume];
}
static inline void ring_next_record(struct ring *ring)
{
    ring->volume = (ring->volume + 1) % RING;
}
/* Takes in an addition whose identity is at its place. True: a group is complete, and rows_go_on()
 * is due. */
static inline bool ring_take(struct ring *ring, const struct table *table, uint64_t hash,
                             uint32_t at_ms)
{
    const uint32_t place = ring_place(ring);
    ring->additions[place] = (struct addition){.at_ms = at_ms, .volume = ring->volume};
    ring->hashes[place] = hash;
    table_prefetch(table, hash);
    return ++ring->taken % GROUP == 0;
}
void rows_go_on(struct rows *rows, struct rings *rings, size_t table);
/* Adds all that waits. */
void rows_settle(struct rows *rows, struct rings *rings);
void rows_remove(struct rows *rows, struct row *row);
/* Before its row leaves: a key is remembered by what it had, so that where its count is full it is
 * let in again at once, and stays. */
void rows_remember(struct rows *rows, const struct row *row);
void rows_halve(struct rows *rows); /* what is remembered, once a second */
/* Takes over rows of another set: counts by map, UINT16_MAX where a count is gone. */
void rows_move(struct rows *to, struct rows *from, const uint16_t *map);
double rows_score(const struct rows *rows, const struct row *row);

#endif
