#include "collector/tally/rows.h"

#include "common/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A key stands out of a sweep whose volume is less than its own times the sketch's width. It takes
 * 4 MiB, of which nothing is touched until a count is full. */
enum { SKETCH_WIDTH = 1 << 17, SKETCH_DEPTH = 4, CANDIDATES = 8, FORGET_AFTER_HALVINGS = 40 };

/* A score in whole numbers for the sketch: the urgent volume is 2^40. */
static const double score_unit = 1099511627776.0;

static void count_init(struct row_count *count, const struct model_count *from, uint32_t quota)
{
    count->quota = quota;
    count->per_byte = isfinite(from->urgent_bytes) ? 1 / from->urgent_bytes : 0;
    count->per_packet = isfinite(from->urgent_packets) ? 1 / from->urgent_packets : 0;
    count->per_flow = isfinite(from->urgent_flows) ? 1 / from->urgent_flows : 0;
    if (count->per_byte == 0 && count->per_packet == 0 && count->per_flow == 0)
        count->per_byte = 1e-12; /* no threshold: by octets, and hardly ever urgent */
}

/* Identities are as long as the longest key that the counts can make. */
static size_t identity_max(const struct model *model)
{
    size_t longest = 0;
    for (size_t i = 0; i < model->count_count; i++) {
        size_t len = 0;
        for (size_t j = 0; j < model->counts[i].spec.key_count; j++) {
            size_t width = dimension_width((enum dimension)model->counts[i].spec.key[j].dimension);
            len += 2 + (width == 0 ? 16 : width);
        }
        longest = len > longest ? len : longest;
    }
    return IDENTITY_HEAD + longest;
}

enum status rows_init(struct rows *rows, const struct rows_options *options)
{
    const struct model *model = options->model;
    memset(rows, 0, sizeof(*rows));
    rows->count_count = model->count_count;
    rows->urgent_score = options->urgent_score;
    rows->exporter_rows = options->exporter_rows;
    rows->counters = options->counters;
    rows->chance = options->seed | 1;
    rows->counts = calloc(model->count_count + 1, sizeof(*rows->counts));
    rows->seen = sketch_new(SKETCH_WIDTH, SKETCH_DEPTH, options->seed);
    rows->table = table_new(&(struct table_options){
        .entry_size = sizeof(struct row),
        .key_max = identity_max(model),
        .max = options->max_keys + model->count_count * OTHERS_A_COUNT,
        .seed = options->seed,
    });
    if (rows->counts == NULL || rows->seen == NULL || rows->table == NULL) {
        rows_done(rows);
        return STATUS_NO_MEMORY;
    }
    size_t quota = model->count_count > 0 ? options->max_keys / model->count_count : 0;
    for (size_t i = 0; i < model->count_count; i++)
        count_init(&rows->counts[i], &model->counts[i], (uint32_t)(quota > 0 ? quota : 1));
    return STATUS_OK;
}

void rows_done(struct rows *rows)
{
    for (size_t i = 0; rows->counts != NULL && i < rows->count_count; i++)
        free(rows->counts[i].rows);
    free(rows->counts);
    sketch_free(rows->seen);
    table_free(rows->table);
    rows->counts = NULL;
    rows->seen = NULL;
    rows->table = NULL;
}

/* A quarter of a doubling a bucket, from 2^-40 of the urgent volume on. */
uint8_t rows_bucket(double score)
{
    uint64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    int64_t quarter = (int64_t)(bits >> 50) - (int64_t)((1023 - 40) * 4);
    return (uint8_t)(quarter < 0 ? 0 : quarter > BUCKETS - 1 ? BUCKETS - 1 : quarter);
}

double rows_score(const struct rows *rows, const struct row *row)
{
    const struct row_count *count = &rows->counts[row->count];
    double score = (double)row->bytes * count->per_byte;
    double packets = (double)row->packets * count->per_packet;
    double flows = (double)row->flows * count->per_flow;
    score = packets > score ? packets : score;
    return flows > score ? flows : score;
}

static double volume_score(const struct row_count *count, const struct volume *volume)
{
    double score = (double)volume->bytes * count->per_byte;
    double packets = (double)volume->packets * count->per_packet;
    double flows = (double)volume->flows * count->per_flow;
    score = packets > score ? packets : score;
    return flows > score ? flows : score;
}

static uint64_t score_amount(double score)
{
    return score >= 16777216.0 ? UINT64_MAX : (uint64_t)(score * score_unit);
}

static uint64_t next_chance(struct rows *rows)
{
    uint64_t x = rows->chance;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return rows->chance = x;
}

/* After its sums have changed: where the row stands by size, and whether it cannot wait. */
static void rank(struct rows *rows, struct row *row)
{
    double score = rows_score(rows, row);
    uint8_t bucket = rows_bucket(score);
    if (bucket != row->bucket) {
        rows->histogram[row->bucket]--;
        rows->histogram[bucket]++;
        row->bucket = bucket;
    }
    if (!row->urgent && score > rows->urgent_score && rows->urgent_count < URGENT_MAX) {
        row->urgent = true;
        rows->urgent[rows->urgent_count++] = row;
    }
    if (!row->urgent) {
        rows->left_bytes = row->bytes > rows->left_bytes ? row->bytes : rows->left_bytes;
        rows->left_packets = row->packets > rows->left_packets ? row->packets : rows->left_packets;
    }
}

static void fill(struct row *row, const struct volume *volume)
{
    row->bytes = sat_add_u64(row->bytes, volume->bytes);
    row->packets = sat_add_u64(row->packets, volume->packets);
    row->flows = sat_add_u64(row->flows, volume->flows);
    row->samples++;
    row->var_bytes += volume->var_bytes;
    row->var_packets += volume->var_packets;
    row->var_flows += volume->var_flows;
    row->weighted_ms += (double)volume->duration_ms * (double)volume->bytes;
}

/* Puts a new row into its count's list. False: out of memory. */
static bool enlist(struct rows *rows, struct row *row)
{
    struct row_count *count = &rows->counts[row->count];
    if (count->row_count == count->room) {
        uint32_t room = count->room == 0 ? 64 : count->room * 2;
        struct row **grown = realloc(count->rows, room * sizeof(struct row *));
        if (grown == NULL)
            return false;
        count->rows = grown;
        count->room = room;
    }
    row->position = count->row_count;
    count->rows[count->row_count++] = row;
    count->others += row->other;
    rows->histogram[row->bucket]++;
    rows->exporter_rows[row->exporter]++;
    return true;
}

static struct row *insert(struct rows *rows, const struct identity *identity, uint64_t hash,
                          uint32_t at_ms)
{
    bool is_new;
    struct row *row =
        table_insert_hashed(rows->table, hash, identity, identity_len(identity), &is_new);
    if (row == NULL || !is_new)
        return row;
    row->exporter = identity->exporter;
    row->count = identity->count;
    row->first_ms = at_ms;
    row->other = identity->key.len == 0;
    if (!enlist(rows, row)) {
        table_remove_entry(rows->table, row);
        return NULL;
    }
    return row;
}

/* The row of what is not admitted; it lies beyond the quota. NULL: out of memory. */
static struct row *other_row(struct rows *rows, uint16_t count, uint16_t exporter, uint32_t at_ms)
{
    struct identity identity = {.exporter = exporter, .count = count};
    uint64_t hash = table_hash(rows->table, &identity, identity_len(&identity));
    return insert(rows, &identity, hash, at_ms);
}

void rows_remove(struct rows *rows, struct row *row)
{
    struct row_count *count = &rows->counts[row->count];
    struct row *last = count->rows[--count->row_count];
    count->rows[row->position] = last;
    last->position = row->position;
    count->others -= row->other;
    rows->histogram[row->bucket]--;
    rows->exporter_rows[row->exporter]--;
    table_remove_entry(rows->table, row);
}

static void add_row(struct row *to, const struct row *from)
{
    to->bytes = sat_add_u64(to->bytes, from->bytes);
    to->packets = sat_add_u64(to->packets, from->packets);
    to->flows = sat_add_u64(to->flows, from->flows);
    to->samples = sat_add_u64(to->samples, from->samples);
    to->var_bytes += from->var_bytes;
    to->var_packets += from->var_packets;
    to->var_flows += from->var_flows;
    to->weighted_ms += from->weighted_ms;
    if ((int32_t)(from->first_ms - to->first_ms) < 0)
        to->first_ms = from->first_ms;
}

static uint8_t standing(const struct row *row)
{
    return row->admitted > row->bucket ? row->admitted : row->bucket;
}

static struct row *smallest_of_some(struct rows *rows, const struct row_count *count)
{
    struct row *smallest = NULL;
    for (int i = 0; i < CANDIDATES; i++) {
        struct row *row = count->rows[next_chance(rows) % count->row_count];
        if (row->other || row->urgent)
            continue;
        if (smallest == NULL || standing(row) < standing(smallest))
            smallest = row;
    }
    return smallest;
}

/* Whether a key that is not there may come in where its count is full; makes the room. */
static bool admit(struct rows *rows, const struct identity *identity, uint64_t hash,
                  const struct volume *volume, uint8_t *ret_admitted)
{
    struct row_count *count = &rows->counts[identity->count];
    bool is_full = count->row_count - count->others >= count->quota;
    count->was_full |= is_full;
    if (!count->was_full)
        return true;
    uint64_t seen = sketch_add(rows->seen, hash, score_amount(volume_score(count, volume)));
    *ret_admitted = rows_bucket((double)seen / score_unit);
    if (!is_full)
        return true;
    struct row *smallest = smallest_of_some(rows, count);
    if (smallest == NULL || *ret_admitted < standing(smallest) ||
        seen <= score_amount(rows_score(rows, smallest)))
        return false;
    struct row *other = other_row(rows, smallest->count, smallest->exporter, smallest->first_ms);
    if (other == NULL)
        return false;
    add_row(other, smallest);
    rank(rows, other);
    rows_remove(rows, smallest);
    rows->counters->replaced++;
    return true;
}

void rows_add(struct rows *rows, const struct identity *identity, uint64_t hash, struct row *guess,
              const struct volume *volume, uint32_t at_ms)
{
    struct row *row =
        table_find_guessed(rows->table, guess, hash, identity, identity_len(identity));
    uint8_t admitted = 0;
    if (row == NULL && admit(rows, identity, hash, volume, &admitted)) {
        row = insert(rows, identity, hash, at_ms);
        if (row != NULL)
            row->admitted = admitted;
    }
    if (row == NULL) {
        rows->counters->other++;
        row = other_row(rows, identity->count, identity->exporter, at_ms);
        if (row == NULL)
            return;
    }
    fill(row, volume);
    rank(rows, row);
}

void rows_remember(struct rows *rows, const struct row *row)
{
    const struct row_count *count = &rows->counts[row->count];
    size_t len;
    const void *identity = table_key(row, &len);
    if (count->was_full && !row->other)
        (void)sketch_add(rows->seen, table_hash(rows->table, identity, len),
                         score_amount(rows_score(rows, row)));
}

void rows_halve(struct rows *rows)
{
    bool any_full = false;
    for (size_t i = 0; i < rows->count_count; i++) {
        any_full |= rows->counts[i].was_full;
        rows->counts[i].was_full = false;
    }
    rows->halvings = any_full ? FORGET_AFTER_HALVINGS : rows->halvings - (rows->halvings > 0);
    if (rows->halvings > 0)
        sketch_halve(rows->seen);
}

void rows_move(struct rows *to, struct rows *from, const uint16_t *map)
{
    size_t cursor = 0;
    struct row *old;
    while ((old = table_next(from->table, &cursor)) != NULL) {
        size_t len;
        struct identity identity;
        const void *bytes = table_key(old, &len);
        uint16_t count = map[old->count];
        from->exporter_rows[old->exporter]--;
        if (count == UINT16_MAX)
            continue;
        memcpy(&identity, bytes, len);
        identity.count = count;
        struct row *row =
            insert(to, &identity, table_hash(to->table, &identity, len), old->first_ms);
        if (row == NULL)
            continue;
        add_row(row, old);
        rank(to, row);
    }
}
