#include "collector/tally/rows.h"

#include "common/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A key stands out of a sweep whose volume is less than its own times the sketch's width. It takes
 * 4 MiB, of which nothing is touched until a count is full. */
enum { SKETCH_WIDTH = 1 << 17, SKETCH_DEPTH = 4, CANDIDATES = 8, FORGET_AFTER_HALVINGS = 40 };
enum { ROW_POSITION_MAX = (1 << 30) - 1 };

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

static void count_done(struct row_count *count)
{
    free(count->rows);
    free(count->sizes);
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
    struct table_options table = {
        .entry_size = sizeof(struct row),
        .key_max = ROWS_KEY_SHORT,
        .max = options->max_keys + model->count_count * OTHERS_A_COUNT,
        .seed = options->seed,
    };
    rows->tables[ROWS_SHORT] = table_new(&table);
    table.key_max = identity_max(model);
    rows->tables[ROWS_LONG] = table_new(&table);
    if (rows->counts == NULL || rows->seen == NULL || rows->tables[ROWS_SHORT] == NULL ||
        rows->tables[ROWS_LONG] == NULL) {
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
        count_done(&rows->counts[i]);
    free(rows->counts);
    sketch_free(rows->seen);
    for (size_t i = 0; i < ROWS_TABLES; i++) {
        table_free(rows->tables[i]);
        rows->tables[i] = NULL;
    }
    rows->counts = NULL;
    rows->seen = NULL;
}

/* A quarter of a doubling a bucket, from 2^-40 of the urgent volume on. */
uint8_t rows_bucket(double score)
{
    uint64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    int64_t quarter = (int64_t)(bits >> 50) - (int64_t)((1023 - 40) * 4);
    return (uint8_t)(quarter < 0 ? 0 : quarter > BUCKETS - 1 ? BUCKETS - 1 : quarter);
}

uint8_t rows_size_bucket(uint64_t volume)
{
    uint64_t bits;
    memcpy(&bits, &(double){(double)volume}, sizeof(bits));
    int64_t quarter = (int64_t)(bits >> 50) - (int64_t)(1023 * 4);
    return (uint8_t)(quarter < 0 ? 0 : quarter > BUCKETS - 1 ? BUCKETS - 1 : quarter);
}

uint64_t rows_size_most(uint8_t bucket)
{
    uint64_t bits = ((uint64_t)bucket + 1 + 1023 * 4) << 50;
    double end;
    memcpy(&end, &bits, sizeof(end));
    return bucket == BUCKETS - 1 ? UINT64_MAX : (uint64_t)end;
}

struct row_of rows_of(const struct row *row)
{
    size_t len;
    struct row_of of;
    const uint8_t *identity = table_key(row, &len);
    memcpy(&of.exporter, identity + offsetof(struct identity, exporter), sizeof(of.exporter));
    memcpy(&of.count, identity + offsetof(struct identity, count), sizeof(of.count));
    return of;
}

static double score_of(const struct row_count *count, uint64_t bytes, uint64_t packets,
                       uint64_t flows)
{
    double score = (double)bytes * count->per_byte;
    double by_packets = (double)packets * count->per_packet;
    double by_flows = (double)flows * count->per_flow;
    score = by_packets > score ? by_packets : score;
    return by_flows > score ? by_flows : score;
}

double rows_score(const struct rows *rows, const struct row *row)
{
    return score_of(&rows->counts[rows_of(row).count], row->bytes, row->packets, row->flows);
}

static double volume_score(const struct row_count *count, const struct volume *volume)
{
    return score_of(count, volume->bytes, volume->packets, volume->flows);
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

static void resize(struct rows *rows, struct row_count *count, struct row *row, uint8_t bucket,
                   uint8_t bytes_bucket, uint8_t packets_bucket)
{
    rows->histogram[row->bucket]--;
    rows->histogram[bucket]++;
    row->bucket = bucket;
    row->bytes_bucket = bytes_bucket;
    row->packets_bucket = packets_bucket;
    count->sizes[row->position] = (struct row_size){.bucket = bucket,
                                                    .bytes_bucket = bytes_bucket,
                                                    .packets_bucket = packets_bucket,
                                                    .other = row->other};
}

/* After its sums have changed: where the row stands by size, and whether it cannot wait. */
static void rank(struct rows *rows, struct row_count *count, struct row *row)
{
    double score = score_of(count, row->bytes, row->packets, row->flows);
    uint8_t bucket = rows_bucket(score), bytes_bucket = rows_size_bucket(row->bytes);
    uint8_t packets_bucket = rows_size_bucket(row->packets);
    if (bucket != row->bucket || bytes_bucket != row->bytes_bucket ||
        packets_bucket != row->packets_bucket)
        resize(rows, count, row, bucket, bytes_bucket, packets_bucket);
    if (!row->is_urgent && score > rows->urgent_score && rows->urgent_count < URGENT_MAX) {
        row->is_urgent = true;
        rows->urgent[rows->urgent_count++] = row;
    }
    if (!row->is_urgent) {
        rows->left_bytes = row->bytes > rows->left_bytes ? row->bytes : rows->left_bytes;
        rows->left_packets = row->packets > rows->left_packets ? row->packets : rows->left_packets;
    }
}

static void fill(struct row *row, const struct volume *volume)
{
    row->bytes = sat_add_u64(row->bytes, volume->bytes);
    row->packets = sat_add_u64(row->packets, volume->packets);
    row->flows = sat_add_u64(row->flows, volume->flows);
    row->samples += row->samples < UINT32_MAX;
    row->weighted_ms += (double)volume->duration_ms * (double)volume->bytes;
    if (volume->var_flows == 0)
        return; /* all was seen */
    row->var_bytes += volume->var_bytes;
    row->var_packets += volume->var_packets;
    row->var_flows += volume->var_flows;
}

/* Room for one row more in a count's list. False: out of memory. */
static bool make_room(struct row_count *count)
{
    if (count->row_count < count->room)
        return true;
    uint32_t room = count->room == 0 ? 64 : count->room * 2;
    struct row **grown = realloc(count->rows, room * sizeof(struct row *));
    if (grown == NULL)
        return false;
    count->rows = grown;
    struct row_size *sizes = realloc(count->sizes, room * sizeof(struct row_size));
    if (sizes == NULL)
        return false;
    count->sizes = sizes;
    count->room = room;
    return true;
}

/* Puts a new row into its count's list. */
static void enlist(struct rows *rows, const struct identity *identity, struct row *row)
{
    struct row_count *count = &rows->counts[identity->count];
    row->position = count->row_count & ROW_POSITION_MAX;
    count->sizes[count->row_count] = (struct row_size){.other = row->other};
    count->rows[count->row_count++] = row;
    count->others += row->other;
    rows->histogram[row->bucket]++;
    rows->exporter_rows[identity->exporter]++;
}

static struct row *insert(struct rows *rows, const struct identity *identity, uint64_t hash,
                          uint32_t at_ms)
{
    bool is_new;
    if (!make_room(&rows->counts[identity->count]))
        return NULL;
    size_t len = identity_len(identity);
    struct row *row = table_insert_hashed(rows_table(rows, len), hash, identity, len, &is_new);
    if (row == NULL || !is_new)
        return row;
    row->first_ms = at_ms;
    row->other = identity->key.len == 0;
    enlist(rows, identity, row);
    return row;
}

/* The row of what is not admitted; it lies beyond the quota. NULL: out of memory. */
static struct row *other_row(struct rows *rows, uint16_t count, uint16_t exporter, uint32_t at_ms)
{
    struct identity identity = {.exporter = exporter, .count = count};
    return insert(rows, &identity, rows_hash(rows, &identity), at_ms);
}

void rows_remove(struct rows *rows, struct row *row)
{
    struct row_of of = rows_of(row);
    struct row_count *count = &rows->counts[of.count];
    struct row *last = count->rows[--count->row_count];
    count->rows[row->position] = last;
    count->sizes[row->position] = count->sizes[count->row_count];
    last->position = row->position;
    count->others -= row->other;
    rows->histogram[row->bucket]--;
    rows->exporter_rows[of.exporter]--;
    size_t len;
    (void)table_key(row, &len);
    table_remove_entry(rows_table(rows, len), row);
}

static void add_row(struct row *to, const struct row *from)
{
    to->bytes = sat_add_u64(to->bytes, from->bytes);
    to->packets = sat_add_u64(to->packets, from->packets);
    to->flows = sat_add_u64(to->flows, from->flows);
    to->samples =
        from->samples > UINT32_MAX - to->samples ? UINT32_MAX : to->samples + from->samples;
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
        if (row->other || row->is_urgent)
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
    uint16_t exporter = rows_of(smallest).exporter;
    struct row *other = other_row(rows, identity->count, exporter, smallest->first_ms);
    if (other == NULL)
        return false;
    add_row(other, smallest);
    rank(rows, count, other);
    rows_remove(rows, smallest);
    rows->counters->replaced++;
    return true;
}

void rows_add(struct rows *rows, const struct identity *identity, uint64_t hash, struct row *guess,
              const struct volume *volume, uint32_t at_ms)
{
    size_t len = identity_len(identity);
    struct row *row = table_find_guessed(rows_table(rows, len), guess, hash, identity, len);
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
    rank(rows, &rows->counts[identity->count], row);
}

void rows_remember(struct rows *rows, const struct row *row)
{
    const struct row_count *count = &rows->counts[rows_of(row).count];
    size_t len;
    const void *identity = table_key(row, &len);
    if (count->was_full && !row->other)
        (void)sketch_add(rows->seen, table_hash(rows->tables[ROWS_SHORT], identity, len),
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

static void move_row(struct rows *to, struct rows *from, const struct row *old, const uint16_t *map)
{
    size_t len;
    struct identity identity;
    const void *bytes = table_key(old, &len);
    struct row_of of = rows_of(old);
    from->exporter_rows[of.exporter]--;
    if (map[of.count] == UINT16_MAX)
        return;
    memcpy(&identity, bytes, len);
    identity.count = map[of.count];
    struct row *row = insert(to, &identity, rows_hash(to, &identity), old->first_ms);
    if (row == NULL)
        return;
    add_row(row, old);
    rank(to, &to->counts[identity.count], row);
}

void rows_move(struct rows *to, struct rows *from, const uint16_t *map)
{
    for (size_t i = 0; i < ROWS_TABLES; i++) {
        size_t cursor = 0;
        const struct row *old;
        while ((old = table_next(from->tables[i], &cursor)) != NULL)
            move_row(to, from, old, map);
    }
}
