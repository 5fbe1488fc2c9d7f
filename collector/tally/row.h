#ifndef COLLECTOR_TALLY_ROW_H
#define COLLECTOR_TALLY_ROW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What was counted of one key from one exporter: sums of volumes, each up to VOLUME_MAX. */
struct row {
    uint64_t bytes, packets, flows;
    uint32_t samples;
    uint32_t first_ms;      /* by a clock that may wrap */
    uint32_t position : 29; /* in its count's list */
    bool is_urgent : 1;
    bool has_spread : 1, has_duration : 1; /* in what row_extra.h keeps */
    uint32_t size : 24;                    /* by the buckets that ROW_SIZE says */
    /* The bucket of what was seen of its key before it came in; 0: its count was not full. */
    uint32_t admitted : 8;
};
_Static_assert(sizeof(struct row) == 40, "a million rows are a million times that");
enum { ROW_POSITION_MAX = (1 << 29) - 1 };

/*
 * How large a row is, by three buckets of a quarter of a doubling each: of its score (its part of
 * the urgent volume), and of its octets and packets. A tick asks it of each row, in an array by
 * position, so that it need not touch the rows; there ROW_OTHER marks the row of what is not
 * admitted, which sorts above all.
 */
#define ROW_SIZE(score, bytes, packets)                                                            \
    ((uint32_t)(score) << 16 | (uint32_t)(bytes) << 8 | (uint32_t)(packets))
enum { ROW_OTHER = 1 << 24, BUCKETS = 256 };

/* Quarters of a doubling, from that power of two on. */
static inline int64_t row_quarters(double value, int first)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return (int64_t)(bits >> 50) - (int64_t)((1023 + first) * 4);
}

/* From 2^-40 of the urgent volume on. */
static inline uint8_t row_score_bucket(double score)
{
    int64_t quarter = row_quarters(score, -40);
    return (uint8_t)(quarter < 0 ? 0 : quarter > BUCKETS - 1 ? BUCKETS - 1 : quarter);
}

/* Of octets or packets. */
static inline uint8_t row_volume_bucket(double volume)
{
    int64_t quarter = row_quarters(volume, 0);
    return (uint8_t)(quarter < 0 ? 0 : quarter);
}

/* The most octets or packets that a row of that bucket has. */
static inline uint64_t row_volume_most(uint8_t bucket)
{
    uint64_t bits = ((uint64_t)bucket + 1 + 1023 * 4) << 50;
    double end;
    memcpy(&end, &bits, sizeof(end));
    return bucket == BUCKETS - 1 ? UINT64_MAX : (uint64_t)end;
}

#endif
