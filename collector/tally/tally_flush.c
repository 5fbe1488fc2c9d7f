#include "collector/tally/tally_internal.h"

#include <string.h>

enum { AHEAD = 8 }; /* rows that are fetched ahead when they leave */

struct flushing {
    struct tally *tally;
    uint32_t at_ms;
    tally_on_row on_row;
    void *owner;
    size_t given;
};

static void give(struct flushing *flushing, struct row *row)
{
    struct tally *tally = flushing->tally;
    const struct row_of of = rows_of(row);
    struct delta_row out = {
        .count = of.count,
        .exporter = of.exporter,
        .bytes = row->bytes,
        .packets = row->packets,
        .flows = row->flows,
        .samples = row->samples,
        .var_bytes = row->var_bytes,
        .var_packets = row->var_packets,
        .var_flows = row->var_flows,
        .age_ticks = (flushing->at_ms - row->first_ms) / TALLY_AGE_MS,
    };
    size_t len;
    const uint8_t *identity = table_key(row, &len);
    if (row->bytes > 0)
        out.duration_ms = (uint32_t)(row->weighted_ms / (double)row->bytes + 0.5);
    if (out.duration_ms <= TALLY_TICK_MS)
        out.duration_ms = 0; /* it lasted no longer than it may have waited here */
    out.key.len = (uint8_t)(len - IDENTITY_HEAD);
    memcpy(out.key.bytes, identity + IDENTITY_HEAD, out.key.len);
    flushing->on_row(flushing->owner, key_slot(tally->options.model->counts[of.count].id, &out.key),
                     &out);
    flushing->given++;
    rows_remember(&tally->rows, row);
    rows_remove(&tally->rows, row);
}

/* The score bucket down to which a tick may give rows, and how many of that bucket itself. */
static uint8_t cut_at(const struct rows *rows, size_t max_rows, size_t *ret_of_last)
{
    size_t left = max_rows;
    for (int bucket = BUCKETS - 1; bucket > 0; bucket--) {
        if (rows->histogram[bucket] >= left) {
            *ret_of_last = left;
            return (uint8_t)bucket;
        }
        left -= rows->histogram[bucket];
    }
    *ret_of_last = left;
    return 0;
}

/* Which rows stay, by size: the most octets and packets that one of them holds are sought among
 * those of the last bucket only. */
struct leftover {
    uint8_t bytes_bucket, packets_bucket;
    size_t of_last_bytes, of_last_packets; /* rows in these buckets */
};

static void note_left(struct leftover *left, struct row_size size)
{
    if (size.bytes_bucket > left->bytes_bucket) {
        left->bytes_bucket = size.bytes_bucket;
        left->of_last_bytes = 0;
    }
    if (size.packets_bucket > left->packets_bucket) {
        left->packets_bucket = size.packets_bucket;
        left->of_last_packets = 0;
    }
    left->of_last_bytes += size.bytes_bucket == left->bytes_bucket;
    left->of_last_packets += size.packets_bucket == left->packets_bucket;
}

/* Exact, or where too many rows would have to be looked at the end of their bucket. */
static void tell_left(struct rows *rows, const struct leftover *left)
{
    enum { LOOKS = 4096 };
    bool looks_bytes = left->of_last_bytes <= LOOKS;
    bool looks_packets = left->of_last_packets <= LOOKS;
    rows->left_bytes = looks_bytes ? 0 : rows_size_most(left->bytes_bucket);
    rows->left_packets = looks_packets ? 0 : rows_size_most(left->packets_bucket);
    for (size_t c = 0; c < rows->count_count && (looks_bytes || looks_packets); c++) {
        const struct row_count *count = &rows->counts[c];
        for (uint32_t i = 0; i < count->row_count; i++) {
            const struct row_size *size = &count->sizes[i];
            if (looks_bytes && size->bytes_bucket == left->bytes_bucket &&
                count->rows[i]->bytes > rows->left_bytes)
                rows->left_bytes = count->rows[i]->bytes;
            if (looks_packets && size->packets_bucket == left->packets_bucket &&
                count->rows[i]->packets > rows->left_packets)
                rows->left_packets = count->rows[i]->packets;
        }
    }
}

/* Rows of what is not admitted go always: they are few, and say that the rest is not all. */
static void give_largest(struct flushing *flushing, size_t max_rows)
{
    struct rows *rows = &flushing->tally->rows;
    struct leftover left = {0};
    size_t of_last;
    uint8_t cut = cut_at(rows, max_rows, &of_last);

    for (size_t c = 0; c < rows->count_count; c++) {
        struct row_count *count = &rows->counts[c];
        for (uint32_t i = count->row_count; i-- > 0;) {
            const struct row_size size = count->sizes[i];
            if (i >= AHEAD && count->sizes[i - AHEAD].bucket >= cut)
                rows_prefetch(count->rows[i - AHEAD]);
            bool goes = size.bucket > cut || size.other;
            if (!goes && size.bucket == cut && of_last > 0) {
                of_last--;
                goes = true;
            }
            if (goes)
                give(flushing, count->rows[i]);
            else
                note_left(&left, size);
        }
    }
    tell_left(rows, &left);
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
