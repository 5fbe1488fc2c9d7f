#include "collector/tally/tally_internal.h"

#include <string.h>

enum { TOGETHER = 32 }; /* rows that leave at once, so that their memory is fetched ahead */

struct flushing {
    struct tally *tally;
    uint32_t at_ms;
    tally_on_row on_row;
    void *owner;
    size_t given;
};

/* Of the row's records, by what they weigh. Sums are rounded and have an end, so no mean leaves the
 * bounds of the row's class or lasts longer than a record may; what was not admitted is of every
 * class. */
static uint32_t mean_ms(const struct row *row, const struct row_extra *extra,
                        struct identity_head of)
{
    const bool is_other = of.key_len == 0;
    const uint32_t class_ms = (uint32_t)TALLY_TICK_MS << of.duration_class;
    const uint32_t least_ms = is_other ? 0 : class_ms / 2 + 1;
    const uint32_t most_ms =
        is_other || class_ms > VOLUME_DURATION_MAX_MS ? VOLUME_DURATION_MAX_MS : class_ms;
    const double weight = (double)row->bytes + (double)row->packets + (double)row->flows;
    const double mean_ms = (double)extra->weighted_ms[row->position] / weight + 0.5;
    if (mean_ms < least_ms)
        return least_ms;
    return mean_ms < most_ms ? (uint32_t)mean_ms : most_ms;
}

static void tell_extra(struct delta_row *out, const struct row *row, const struct row_extra *extra,
                       struct identity_head of)
{
    if (row->has_spread) {
        const struct row_spread *spread = &extra->spreads[row->position];
        out->var_bytes = (double)spread->bytes;
        out->var_packets = (double)spread->packets;
        out->var_flows = (double)spread->flows;
    }
    if (row->has_duration)
        out->duration_ms = mean_ms(row, extra, of);
    if (out->duration_ms <= TALLY_TICK_MS)
        out->duration_ms = 0; /* it lasted no longer than it may have waited here */
}

static void give(struct flushing *flushing, struct row *row)
{
    struct tally *tally = flushing->tally;
    size_t len;
    const uint8_t *identity = table_key(row, &len);
    const struct identity_head of = identity_head(identity);
    struct delta_row out = {
        .count = of.count,
        .exporter = of.exporter,
        .bytes = row->bytes,
        .packets = row->packets,
        .flows = row->flows,
        .samples = row->samples,
        .age_ticks = (flushing->at_ms - row->first_ms) / TALLY_AGE_MS,
    };
    tell_extra(&out, row, &tally->rows.counts[of.count].extra, of);
    out.key.len = of.key_len;
    memcpy(out.key.bytes, identity + IDENTITY_HEAD, out.key.len);
    flushing->on_row(flushing->owner, key_slot(tally->options.model->counts[of.count].id, &out.key),
                     &out);
    flushing->given++;
    rows_remember(&tally->rows, row);
    rows_remove(&tally->rows, row);
}

/* Of one count, from the end of its list on: what comes to their places was seen before them. */
static void give_all(struct flushing *flushing, const struct row_count *count,
                     struct row *const *leaving, uint32_t together)
{
    const struct rows *rows = &flushing->tally->rows;
    for (uint32_t i = 0; i < together; i++) {
        rows_prefetch_removal(rows, leaving[i]);
        rows_prefetch(rows_at(rows, count, count->row_count - 1 - i)); /* takes its place */
    }
    for (uint32_t i = 0; i < together; i++)
        give(flushing, leaving[i]);
}

/* The score bucket down to which a tick may give rows that were admitted, and how many of that
 * bucket itself. */
static uint8_t cut_at(const struct rows *rows, size_t max_rows, size_t *ret_of_last)
{
    size_t left = max_rows;
    for (int bucket = BUCKETS - 1; bucket > 0; bucket--) {
        if (rows->by_score[bucket] >= left) {
            *ret_of_last = left;
            return (uint8_t)bucket;
        }
        left -= rows->by_score[bucket];
    }
    *ret_of_last = left;
    return 0;
}

static uint8_t last_bucket(const uint32_t by_size[BUCKETS])
{
    int bucket = BUCKETS - 1;
    while (bucket > 0 && by_size[bucket] == 0)
        bucket--;
    return (uint8_t)bucket;
}

/* Of a count's sizes few are sought, so eight are looked at together. */
enum { EIGHT = 8 };
typedef int32_t four_sizes __attribute__((vector_size(16))); /* none has 31 bits */

static inline bool any_of(four_sizes found)
{
    uint64_t halves[2];
    memcpy(halves, &found, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

static inline void load_eight(const uint32_t *sizes, four_sizes ret_eight[2])
{
    memcpy(ret_eight, sizes, EIGHT * sizeof(*sizes));
}

static inline bool any_of_eight(const uint32_t *sizes, uint32_t least)
{
    four_sizes eight[2];
    load_eight(sizes, eight);
    return any_of((eight[0] >= (int32_t)least) | (eight[1] >= (int32_t)least));
}

/* Any that is in this bucket by its octets, or in that by its packets. */
static inline bool any_in_buckets(const uint32_t *sizes, uint8_t bytes, uint8_t packets)
{
    four_sizes eight[2];
    load_eight(sizes, eight);
    return any_of(((eight[0] & 0xff00) == bytes << 8) | ((eight[1] & 0xff00) == bytes << 8) |
                  ((eight[0] & 0xff) == packets) | ((eight[1] & 0xff) == packets));
}

/* The most octets and packets that a row which stays holds, sought among those of the last bucket
 * only; exact, or where too many rows would have to be looked at the end of their bucket. */
static void tell_left(struct rows *rows)
{
    enum { LOOKS = 4096 };
    uint8_t bytes = last_bucket(rows->by_bytes), packets = last_bucket(rows->by_packets);
    uint32_t of_bytes = rows->by_bytes[bytes], of_packets = rows->by_packets[packets];
    rows->left_bytes = of_bytes <= LOOKS ? 0 : row_volume_most(bytes);
    rows->left_packets = of_packets <= LOOKS ? 0 : row_volume_most(packets);
    rows->knows_left = true;
    of_bytes = of_bytes <= LOOKS ? of_bytes : 0;
    of_packets = of_packets <= LOOKS ? of_packets : 0;
    for (size_t c = 0; c < rows->count_count; c++) {
        const struct row_count *count = &rows->counts[c];
        for (uint32_t i = 0; i < count->row_count && of_bytes + of_packets > 0; i++) {
            if (i % EIGHT == 0 && i + EIGHT <= count->row_count &&
                !any_in_buckets(&count->sizes[i], bytes, packets)) {
                i += EIGHT - 1;
                continue;
            }
            bool looks_bytes = (count->sizes[i] >> 8 & 0xff) == bytes && of_bytes > 0;
            bool looks_packets = (count->sizes[i] & 0xff) == packets && of_packets > 0;
            if (!looks_bytes && !looks_packets)
                continue;
            const struct row *row = rows_at(rows, count, i);
            of_bytes -= looks_bytes;
            of_packets -= looks_packets;
            if (looks_bytes && row->bytes > rows->left_bytes)
                rows->left_bytes = row->bytes;
            if (looks_packets && row->packets > rows->left_packets)
                rows->left_packets = row->packets;
        }
    }
}

/* Rows of what is not admitted go always, beside the largest of the others: they are few, and say
 * that the rest is not all. */
static void give_largest(struct flushing *flushing, size_t max_rows)
{
    struct rows *rows = &flushing->tally->rows;
    size_t of_last;
    const uint32_t cut = cut_at(rows, max_rows, &of_last);
    const uint32_t least = ROW_SIZE(cut, 0, 0), above = ROW_SIZE(cut + 1, 0, 0);
    struct row *leaving[TOGETHER];

    for (size_t c = 0; c < rows->count_count; c++) {
        struct row_count *count = &rows->counts[c];
        uint32_t together = 0;
        for (uint32_t i = count->row_count; i-- > 0;) {
            const uint32_t leaves = of_last > 0 ? least : above;
            if (i % EIGHT == EIGHT - 1 && !any_of_eight(&count->sizes[i + 1 - EIGHT], leaves)) {
                i -= EIGHT - 1;
                continue;
            }
            const uint32_t size = count->sizes[i];
            if (size < leaves)
                continue;
            of_last -= size < above;
            leaving[together] = rows_at(rows, count, i);
            rows_prefetch(leaving[together++]);
            if (together == TOGETHER) {
                give_all(flushing, count, leaving, together);
                together = 0;
            }
        }
        give_all(flushing, count, leaving, together);
    }
    tell_left(rows);
}

static void give_urgent(struct flushing *flushing)
{
    struct rows *rows = &flushing->tally->rows;
    size_t count = rows->urgent_count;
    rows->urgent_count = 0;
    for (size_t i = 0; i < count; i++)
        give(flushing, rows->urgent[i]);
    flushing->tally->counters.rows_urgent += count;
}

void tally_residual(const struct tally *tally, uint64_t *ret_bytes, uint64_t *ret_packets)
{
    const struct rows *rows = &tally->rows;
    *ret_bytes = *ret_packets = 0;
    if (rows_total(rows) == 0)
        return;
    *ret_bytes = rows->knows_left ? rows->left_bytes : row_volume_most(last_bucket(rows->by_bytes));
    *ret_packets =
        rows->knows_left ? rows->left_packets : row_volume_most(last_bucket(rows->by_packets));
}

size_t tally_flush(struct tally *tally, enum tally_flush_kind kind, uint64_t now_ms,
                   tally_on_row on_row, void *owner)
{
    enum { HALVE_MS = 1000 };
    struct flushing flushing = {
        .tally = tally, .at_ms = (uint32_t)now_ms, .on_row = on_row, .owner = owner};
    tally_settle(tally);
    give_urgent(&flushing);
    if (kind == TALLY_FLUSH_ALL)
        give_largest(&flushing, SIZE_MAX);
    else if (kind == TALLY_FLUSH_TICK)
        give_largest(&flushing, tally->options.max_rows);
    if (now_ms - tally->halved_ms >= HALVE_MS) {
        rows_halve(&tally->rows);
        tally->halved_ms = now_ms;
    }
    tally->counters.rows_flushed += flushing.given;
    return flushing.given;
}
