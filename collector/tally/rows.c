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

/* Of sums, or of volumes. */
static inline double amount(uint64_t sum)
{
    return (double)(int64_t)sum;
}

static inline double score_of(const struct row_count *count, double bytes, double packets,
                              double flows)
{
    return larger(larger(bytes * count->per_byte, packets * count->per_packet),
                  flows * count->per_flow);
}

double rows_score(const struct rows *rows, const struct row *row)
{
    return score_of(&rows->counts[rows_of(row).count], amount(row->bytes), amount(row->packets),
                    amount(row->flows));
}

static double volume_score(const struct row_count *count, const struct volume *volume)
{
    return score_of(count, amount(volume->bytes), amount(volume->packets), amount(volume->flows));
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
    uint32_t was = row->size, old = count->sizes[row->position], new = old ^ was ^ size;
    rows->by_score[old >> 16]--;
    rows->by_score[new >> 16]++;
    rows->by_bytes[was >> 8 & 0xff]--;
    rows->by_bytes[size >> 8 & 0xff]++;
    rows->by_packets[was & 0xff]--;
    rows->by_packets[size & 0xff]++;
    row->size = size & (ROW_OTHER - 1);
    count->sizes[row->position] = new;
}

/* After its sums have changed: where the row stands by size, and whether it cannot wait. */
static inline void rank(struct rows *rows, struct row_count *count, struct row *row)
{
    const double bytes = amount(row->bytes), packets = amount(row->packets);
    const double score = score_of(count, bytes, packets, amount(row->flows));
    const uint32_t size =
        ROW_SIZE(row_score_bucket(score), row_volume_bucket(bytes), row_volume_bucket(packets));
    resize(rows, count, row, size);
    if (__builtin_expect(score > rows->urgent_score, false) && !row->is_urgent &&
        rows->urgent_count < URGENT_MAX) {
        row->is_urgent = true;
        rows->urgent[rows->urgent_count++] = row;
    }
}

static inline void add_sums(struct row *row, uint64_t bytes, uint64_t packets, uint64_t flows)
{
    bytes += row->bytes;
    packets += row->packets;
    flows += row->flows;
    if (__builtin_expect((bytes | packets | flows) > VOLUME_MAX, false)) {
        bytes = bytes > VOLUME_MAX ? VOLUME_MAX : bytes;
        packets = packets > VOLUME_MAX ? VOLUME_MAX : packets;
        flows = flows > VOLUME_MAX ? VOLUME_MAX : flows;
    }
    row->bytes = bytes;
    row->packets = packets;
    row->flows = flows;
}

static inline void fill(struct row_count *count, struct row *row, const struct volume *volume)
{
    add_sums(row, volume->bytes, volume->packets, volume->flows);
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

static struct row *insert(struct rows *rows, const void *identity, uint64_t hash, uint32_t at_ms)
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
    add_sums(to, from->bytes, from->packets, from->flows);
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
static bool admit(struct rows *rows, uint16_t count_index, uint64_t hash,
                  const struct volume *volume, uint8_t *ret_admitted)
{
    struct row_count *count = &rows->counts[count_index];
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
    struct row *other = other_row(rows, count_index, exporter, smallest->first_ms);
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
static __attribute__((noinline)) struct row *row_for(struct rows *rows, const void *identity,
                                                     uint32_t at_ms, uint64_t hash, void *guess,
                                                     const struct volume *volume)
{
    struct identity_head of = identity_head(identity);
    size_t len = identity_len(identity);
    uint8_t admitted = 0;
    struct row *row = table_find_guessed(table_of(rows, len), guess, hash, identity, len);
    if (row != NULL)
        return row;
    if (admit(rows, of.count, hash, volume, &admitted)) {
        row = insert(rows, identity, hash, at_ms);
        if (row != NULL) {
            row->admitted = admitted;
            return row;
        }
    }
    rows->counters->other++;
    return other_row(rows, of.count, of.exporter, at_ms);
}

/* A row has come into the cache by now; what lies apart from it by its position has not. */
static inline void prefetch_apart(const struct row_count *count, const struct row *row)
{
    if (row == NULL)
        return;
    __builtin_prefetch(&count->sizes[row->position], 1);
    if (row->has_spread)
        __builtin_prefetch(&count->extra.spreads[row->position], 1);
}

static inline void add(struct rows *rows, struct rings *rings, size_t table, uint32_t place)
{
    const struct ring *ring = &rings->of[table];
    const void *identity = rings_identity(rings, table, place);
    const struct addition *a = &ring->additions[place];
    const struct volume *volume = &ring->volumes[a->volume];
    struct row *row = ring->guesses[place];
    if (row == NULL || table != ROWS_SHORT || !table_entry_has_16(row, identity))
        row = row_for(rows, identity, a->at_ms, ring->hashes[place], row, volume);
    if (row == NULL)
        return;
    struct row_count *count = &rows->counts[identity_count(identity)];
    fill(count, row, volume);
    rank(rows, count, row);
}

/* `count` of them, which lie together: a group, or the begin of one. */
static inline void seek(const struct rows *rows, struct rings *rings, size_t table, uint32_t count)
{
    struct ring *ring = &rings->of[table];
    const uint32_t place = ring->sought % RING;
    table_prefetch_entries(rows->tables[table], &ring->hashes[place], count, &ring->guesses[place]);
    ring->sought += count;
}

/* The oldest group, while what lies apart from the rows of the next is fetched. */
static inline __attribute__((always_inline)) void add_group(struct rows *rows, struct rings *rings,
                                                            size_t table)
{
    struct ring *ring = &rings->of[table];
    const uint32_t oldest = ring->added % RING, next = (ring->added + GROUP) % RING;
    for (uint32_t i = 0; i < GROUP; i++) {
        const void *identity = rings_identity(rings, table, next + i);
        prefetch_apart(&rows->counts[identity_count(identity)], ring->guesses[next + i]);
        add(rows, rings, table, oldest + i);
    }
    ring->added += GROUP;
}

static inline __attribute__((always_inline)) void go_on(struct rows *rows, struct rings *rings,
                                                        size_t table)
{
    struct ring *ring = &rings->of[table];
    if (ring->taken - ring->sought == 2 * GROUP)
        seek(rows, rings, table, GROUP);
    if (ring->sought - ring->added == 3 * GROUP)
        add_group(rows, rings, table);
}

void rows_go_on(struct rows *rows, struct rings *rings, size_t table)
{
    rows->knows_left = false;
    if (table == ROWS_SHORT)
        go_on(rows, rings, ROWS_SHORT);
    else
        go_on(rows, rings, ROWS_LONG);
}

void rows_settle(struct rows *rows, struct rings *rings)
{
    for (size_t table = 0; table < ROWS_TABLES; table++) {
        struct ring *ring = &rings->of[table];
        rows->knows_left &= ring->taken == ring->added;
        while (ring->sought < ring->taken)
            seek(rows, rings, table,
                 ring->taken - ring->sought < GROUP ? ring->taken - ring->sought : GROUP);
        for (; ring->added < ring->taken; ring->added++)
            add(rows, rings, table, ring->added % RING);
        ring->taken = ring->sought = ring->added = 0; /* so that groups begin anew */
    }
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
