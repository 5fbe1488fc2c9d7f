#include "collector/tally/rows.h"

#include "common/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A key stands out of a sweep whose volume is less than its own times the sketch's width. It takes
 * 4 MiB, of which nothing is touched until a count is full. */
enum { SKETCH_WIDTH = 1 << 17, SKETCH_DEPTH = 4, CANDIDATES = 8, FORGET_AFTER_HALVINGS = 40 };
enum { NEAR = 8 }; /* additions from when a row is in the cache until it is its turn */

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
    row_extra_done(&count->extra);
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
    rows->seed = options->seed;
    rows->counts = calloc(model->count_count + 1, sizeof(*rows->counts));
    rows->seen = sketch_new(SKETCH_WIDTH, SKETCH_DEPTH, options->seed);
    struct table_options table = {
        .entry_size = sizeof(struct row),
        .key_max = IDENTITY_SHORT,
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

static struct table *table_of(const struct rows *rows, size_t identity_len)
{
    return rows->tables[identity_len == IDENTITY_SHORT ? ROWS_SHORT : ROWS_LONG];
}

static uint64_t hash_of(const struct rows *rows, const void *identity, size_t len)
{
    return identity_hash(identity, len, rows->seed);
}

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static double score_of(const struct row_count *count, uint64_t bytes, uint64_t packets,
                       uint64_t flows)
{
    return larger(larger((double)bytes * count->per_byte, (double)packets * count->per_packet),
                  (double)flows * count->per_flow);
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

static void resize(struct rows *rows, struct row_count *count, struct row *row, uint32_t size)
{
    uint32_t differ = row->size ^ size, old = count->sizes[row->position];
    if (differ >> 16 != 0) {
        rows->by_score[old >> 16]--;
        rows->by_score[(old ^ differ) >> 16]++;
    }
    if ((differ >> 8 & 0xff) != 0) {
        rows->by_bytes[row->size >> 8 & 0xff]--;
        rows->by_bytes[size >> 8 & 0xff]++;
    }
    if ((differ & 0xff) != 0) {
        rows->by_packets[row->size & 0xff]--;
        rows->by_packets[size & 0xff]++;
    }
    row->size = size & (ROW_OTHER - 1);
    count->sizes[row->position] = old ^ differ;
}

static uint8_t volume_bucket(uint64_t volume)
{
    return volume > INT64_MAX ? BUCKETS - 1 : row_volume_bucket((double)volume);
}

/* After its sums have changed: where the row stands by size, and whether it cannot wait. */
static inline void rank(struct rows *rows, struct row_count *count, struct row *row)
{
    double score;
    uint32_t size;
    if (__builtin_expect((row->bytes | row->packets | row->flows) > INT64_MAX, false)) {
        score = score_of(count, row->bytes, row->packets, row->flows);
        size = ROW_SIZE(row_score_bucket(score), volume_bucket(row->bytes),
                        volume_bucket(row->packets));
    } else {
        double bytes = (double)(int64_t)row->bytes, packets = (double)(int64_t)row->packets;
        score = larger(larger(bytes * count->per_byte, packets * count->per_packet),
                       (double)(int64_t)row->flows * count->per_flow);
        size =
            ROW_SIZE(row_score_bucket(score), row_volume_bucket(bytes), row_volume_bucket(packets));
    }
    if (size != row->size)
        resize(rows, count, row, size);
    if (row->is_urgent)
        return;
    if (score > rows->urgent_score && rows->urgent_count < URGENT_MAX) {
        row->is_urgent = true;
        rows->urgent[rows->urgent_count++] = row;
        return;
    }
    rows->left_bytes = row->bytes > rows->left_bytes ? row->bytes : rows->left_bytes;
    rows->left_packets = row->packets > rows->left_packets ? row->packets : rows->left_packets;
}

static inline void fill(struct row_count *count, struct row *row, const struct volume *volume)
{
    row->bytes = sat_add_u64(row->bytes, volume->bytes);
    row->packets = sat_add_u64(row->packets, volume->packets);
    row->flows = sat_add_u64(row->flows, volume->flows);
    row->samples += row->samples < UINT32_MAX;
    if (volume->has_extra)
        row_extra_add(&count->extra, row, volume);
}

/* Room for one row more in a count's list. False: out of memory. */
static bool make_room(struct row_count *count)
{
    if (count->row_count < count->room)
        return true;
    uint32_t room = count->room == 0 ? 64 : count->room * 2;
    uint32_t *grown = realloc(count->rows, room * sizeof(*grown));
    count->rows = grown != NULL ? grown : count->rows;
    uint32_t *sizes = realloc(count->sizes, room * sizeof(*sizes));
    count->sizes = sizes != NULL ? sizes : count->sizes;
    if (!row_extra_resize(&count->extra, room) || grown == NULL || sizes == NULL)
        return false;
    count->room = room;
    return true;
}

/* Puts a new row into its count's list. */
static void enlist(struct rows *rows, struct identity_head of, struct row *row, uint32_t number)
{
    struct row_count *count = &rows->counts[of.count];
    bool is_other = of.key_len == 0;
    row->position = count->row_count & ROW_POSITION_MAX;
    uint32_t size = is_other ? ROW_OTHER : 0;
    count->sizes[count->row_count] = size;
    count->rows[count->row_count++] = number;
    count->others += is_other;
    rows->by_score[size >> 16]++;
    rows->by_bytes[0]++;
    rows->by_packets[0]++;
    rows->exporter_rows[of.exporter]++;
}

static struct row *insert(struct rows *rows, const struct identity *identity, uint64_t hash,
                          uint32_t at_ms)
{
    bool is_new;
    struct identity_head of = identity_head(identity);
    if (!make_room(&rows->counts[of.count]))
        return NULL;
    size_t len = identity_len(identity);
    size_t table = len == IDENTITY_SHORT ? ROWS_SHORT : ROWS_LONG;
    struct row *row = table_insert_hashed(rows->tables[table], hash, identity, len, &is_new);
    if (row == NULL || !is_new)
        return row;
    row->first_ms = at_ms;
    enlist(rows, of, row,
           table_number(rows->tables[table], hash, row) | (uint32_t)table << ROW_LONG_SHIFT);
    return row;
}

/* The row of what is not admitted; it lies beyond the quota. NULL: out of memory. */
static struct row *other_row(struct rows *rows, uint16_t count, uint16_t exporter, uint32_t at_ms)
{
    struct identity identity;
    struct identity_head head = {.exporter = exporter, .count = count};
    identity_put_words(&identity, (struct identity_words){.low = identity_low(head)});
    return insert(rows, &identity, hash_of(rows, &identity, IDENTITY_SHORT), at_ms);
}

static bool is_other(const struct row_count *count, const struct row *row)
{
    return (count->sizes[row->position] & ROW_OTHER) != 0;
}

void rows_remove(struct rows *rows, struct row *row)
{
    struct identity_head of = rows_of(row);
    struct row_count *count = &rows->counts[of.count];
    count->others -= is_other(count, row);
    rows->by_score[count->sizes[row->position] >> 16]--;
    struct row *last = rows_at(rows, count, --count->row_count);
    count->rows[row->position] = count->rows[count->row_count];
    count->sizes[row->position] = count->sizes[count->row_count];
    row_extra_move(&count->extra, last, row->position);
    last->position = row->position;
    rows->by_bytes[row->size >> 8 & 0xff]--;
    rows->by_packets[row->size & 0xff]--;
    rows->exporter_rows[of.exporter]--;
    size_t len;
    (void)table_key(row, &len);
    table_remove_entry(table_of(rows, len), row);
}

/* extra: where the row `from` has what it has of that. */
static void add_row(struct row_count *count, struct row *to, const struct row *from,
                    const struct row_extra *extra)
{
    to->bytes = sat_add_u64(to->bytes, from->bytes);
    to->packets = sat_add_u64(to->packets, from->packets);
    to->flows = sat_add_u64(to->flows, from->flows);
    to->samples =
        from->samples > UINT32_MAX - to->samples ? UINT32_MAX : to->samples + from->samples;
    if ((int32_t)(from->first_ms - to->first_ms) < 0)
        to->first_ms = from->first_ms;
    row_extra_sum(&count->extra, to, extra, from);
}

static uint8_t standing(const struct row *row)
{
    uint8_t bucket = (uint8_t)(row->size >> 16);
    return row->admitted > bucket ? row->admitted : bucket;
}

static struct row *smallest_of_some(struct rows *rows, const struct row_count *count)
{
    struct row *smallest = NULL;
    for (int i = 0; i < CANDIDATES; i++) {
        struct row *row = rows_at(rows, count, (uint32_t)(next_chance(rows) % count->row_count));
        if (is_other(count, row) || row->is_urgent)
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
    *ret_admitted = row_score_bucket((double)seen / score_unit);
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
    add_row(count, other, smallest, &count->extra);
    rank(rows, count, other);
    rows_remove(rows, smallest);
    rows->counters->replaced++;
    return true;
}

/* The row where a look at the guess does not do: there, or a new one, or that of what is not
 * admitted. NULL: out of memory. */
static struct row *row_for(struct rows *rows, const struct addition *a, uint64_t hash, void *guess,
                           const struct volume *volume)
{
    const struct identity *identity = &a->identity;
    size_t len = identity_len(identity);
    uint8_t admitted = 0;
    struct row *row = table_find_guessed(table_of(rows, len), guess, hash, identity, len);
    if (row != NULL)
        return row;
    if (admit(rows, identity, hash, volume, &admitted)) {
        row = insert(rows, identity, hash, a->at_ms);
        if (row != NULL) {
            row->admitted = admitted;
            return row;
        }
    }
    rows->counters->other++;
    return other_row(rows, identity->count, identity->exporter, a->at_ms);
}

/* A row has come into the cache by now; where its size is told has not. */
static inline void prefetch_size(const struct rows *rows, const struct batch *batch, size_t i)
{
    const struct row *row = batch->guesses[i];
    const struct row_count *count = &rows->counts[batch->additions[i].identity.count];
    if (row != NULL)
        __builtin_prefetch(&count->sizes[row->position], 1);
}

void rows_add(struct rows *rows, size_t table, struct batch *batch, const struct volume *volumes)
{
    const struct addition *a = batch->additions;
    table_prefetch_entries(rows->tables[table], batch->hashes, batch->count, batch->guesses);
    for (size_t i = 0; i < batch->count; i++, a++) {
        const struct volume *volume = &volumes[a->volume];
        struct row *row = batch->guesses[i];
        if (i + NEAR < batch->count)
            prefetch_size(rows, batch, i + NEAR);
        if (row == NULL || table != ROWS_SHORT || !table_entry_has_16(row, &a->identity))
            row = row_for(rows, a, batch->hashes[i], row, volume);
        if (row == NULL)
            continue;
        struct row_count *count = &rows->counts[identity_head(&a->identity).count];
        fill(count, row, volume);
        rank(rows, count, row);
    }
    batch->count = 0;
}

void rows_remember(struct rows *rows, const struct row *row)
{
    const struct row_count *count = &rows->counts[rows_of(row).count];
    size_t len;
    const void *identity = table_key(row, &len);
    if (count->was_full && !is_other(count, row))
        (void)sketch_add(rows->seen, hash_of(rows, identity, len),
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
    struct identity_head of = rows_of(old);
    from->exporter_rows[of.exporter]--;
    if (map[of.count] == UINT16_MAX)
        return;
    memcpy(&identity, bytes, len);
    identity.count = map[of.count];
    struct row *row = insert(to, &identity, hash_of(to, &identity, len), old->first_ms);
    if (row == NULL)
        return;
    struct row_count *count = &to->counts[identity.count];
    add_row(count, row, old, &from->counts[of.count].extra);
    rank(to, count, row);
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
