#include "aggregator/window/store.h"

#include "aggregator/window/exporters.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In parts of the floor: where a key changes its kind, with a gap so that it does not do so at
 * every turn. */
static const double full_at = 1.0 / 8, small_at = 1.0 / 16, hot_at = 0.9, cool_at = 0.8;

enum { EVICT_LOOKS = 8 };

struct store_full {
    struct shares shares;
    uint64_t whole_ms;      /* until where it was read last while nobody lagged */
    struct amounts cells[]; /* RING_FULL_CELLS a window */
};

static struct ring ring_of(const struct store *store, struct store_key *key, size_t window)
{
    struct ring ring = {.window_ms = store->count.windows_ms[window]};
    ring.shape = key->full != NULL ? &ring_full : &ring_small;
    ring.cells = key->full != NULL ? key->full->cells + window * RING_FULL_CELLS
                                   : key->small + window * RING_SMALL_CELLS;
    return ring;
}

/* --- adding ------------------------------------------------------------------------------------
 */

static void add_over(const struct store *store, struct store_key *key, uint64_t from_ms,
                     uint64_t to_ms, const struct amounts *amounts)
{
    for (size_t i = 0; i < store->count.window_count; i++) {
        struct ring ring = ring_of(store, key, i);
        if (to_ms > key->head_ms)
            ring_turn(&ring, key->head_ms, to_ms);
        ring_add(&ring, to_ms > key->head_ms ? to_ms : key->head_ms, from_ms, to_ms, amounts);
    }
    if (to_ms > key->head_ms)
        key->head_ms = to_ms;
}

struct piece_target {
    const struct store *store;
    struct store_key *key;
};

static void on_piece(void *owner, uint64_t from_ms, uint64_t to_ms, const struct amounts *amounts)
{
    struct piece_target *target = owner;
    add_over(target->store, target->key, from_ms, to_ms, amounts);
}

/* Brings what is spread into the rings, up to_ms. */
static void advance(const struct store *store, struct store_key *key, uint64_t to_ms)
{
    if (key->spread == NULL)
        return;
    struct piece_target target = {store, key};
    spread_read(key->spread, to_ms, on_piece, &target);
    if (!spread_is_over(key->spread))
        return;
    spread_free(key->spread);
    key->spread = NULL;
}

static struct amounts scaled(const struct amounts *amounts, double share)
{
    struct amounts part;
    for (size_t q = 0; q < QUANTITIES; q++)
        part.of[q] = (float)((double)amounts->of[q] * share);
    return part;
}

/* A rate that begins where the row was counted and lasts as long as its flows did. */
static enum status add_spread(const struct store *store, struct store_key *key,
                              const struct store_row *row)
{
    uint64_t from_ms = row->to_ms, to_ms = row->to_ms + row->lasts_ms;
    struct amounts amounts = row->amounts;
    advance(store, key, from_ms);
    uint64_t at_ms = key->spread != NULL ? spread_at_ms(key->spread) : from_ms;
    if (at_ms > from_ms) { /* late: its beginning has been read already */
        uint64_t read_ms = at_ms < to_ms ? at_ms : to_ms;
        double share = (double)(read_ms - from_ms) / (double)row->lasts_ms;
        struct amounts past = scaled(&row->amounts, share);
        add_over(store, key, from_ms, read_ms, &past);
        amounts = scaled(&row->amounts, 1 - share);
        from_ms = read_ms;
    }
    return spread_add(&key->spread, from_ms, to_ms, &amounts, key->full == NULL);
}

/* --- kinds of keys -----------------------------------------------------------------------------
 */

static double bound_of_sums(const struct store *store, const struct sums *sums, double seconds)
{
    const struct store_limits *floor = &store->count.floor;
    double bound = sums->of[QUANTITY_BYTES] / (floor->bytes * seconds);
    bound = fmax(bound, sums->of[QUANTITY_PACKETS] / (floor->packets * seconds));
    return fmax(bound, sums->of[QUANTITY_FLOWS] / (floor->flows * seconds));
}

static double seconds_of(const struct store *store, size_t window)
{
    return (double)store->count.windows_ms[window] / 1000;
}

double store_bound(const struct store *store, struct store_key *key)
{
    double bound = 0;
    for (size_t i = 0; i < store->count.window_count; i++) {
        struct ring ring = ring_of(store, key, i);
        struct sums sums, coming;
        ring_bound(&ring, &sums);
        spread_bound(key->spread, ring.window_ms, &coming);
        for (size_t q = 0; q < QUANTITIES; q++)
            sums.of[q] += coming.of[q];
        bound = fmax(bound, bound_of_sums(store, &sums, seconds_of(store, i)));
    }
    return bound;
}

/* Out of memory leaves it small, which is coarser and nothing worse. */
static void make_full(const struct store *store, struct store_key *key)
{
    size_t cells = store->count.window_count * RING_FULL_CELLS;
    struct store_full *full = calloc(1, sizeof(*full) + cells * sizeof(full->cells[0]));
    if (full == NULL)
        return;
    for (size_t i = 0; i < store->count.window_count; i++) {
        struct ring small = ring_of(store, key, i);
        struct ring ring = {full->cells + i * RING_FULL_CELLS, &ring_full, small.window_ms};
        ring_copy(&ring, &small, key->head_ms);
    }
    key->full = full;
}

static void make_small(const struct store *store, struct store_key *key)
{
    struct store_full *full = key->full;
    memset(key->small, 0, store->count.window_count * RING_SMALL_CELLS * sizeof(key->small[0]));
    for (size_t i = 0; i < store->count.window_count; i++) {
        struct ring from = ring_of(store, key, i);
        struct ring ring = {key->small + i * RING_SMALL_CELLS, &ring_small, from.window_ms};
        ring_copy(&ring, &from, key->head_ms);
    }
    key->full = NULL;
    free(full);
}

static enum status join_hot(struct store *store, struct store_key *key)
{
    if (key->hot != 0)
        return STATUS_OK;
    if (store->hot_count == store->hot_room) {
        size_t room = store->hot_room == 0 ? 64 : store->hot_room * 2;
        struct store_key **grown = realloc(store->hot, room * sizeof(struct store_key *));
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        store->hot = grown;
        store->hot_room = room;
    }
    store->hot[store->hot_count++] = key;
    key->hot = (uint32_t)store->hot_count;
    return STATUS_OK;
}

static void leave_hot(struct store *store, struct store_key *key)
{
    if (key->hot == 0)
        return;
    struct store_key *last = store->hot[--store->hot_count];
    store->hot[key->hot - 1] = last;
    last->hot = key->hot;
    key->hot = 0;
}

static enum status warm(struct store *store, struct store_key *key)
{
    double bound = store_bound(store, key);
    if (bound < full_at)
        return STATUS_OK;
    if (key->full == NULL)
        make_full(store, key);
    return bound < hot_at ? STATUS_OK : join_hot(store, key);
}

void store_cool(struct store *store, struct store_key *key)
{
    if (!store_is_pinned(store, key) && store_bound(store, key) < cool_at)
        leave_hot(store, key);
}

/* --- keys --------------------------------------------------------------------------------------
 */

enum status store_init(struct store *store, const struct store_count *count,
                       struct store_quota *quota, uint64_t seed)
{
    const struct table_options options = {.entry_size = sizeof(struct store_key) +
                                                        count->window_count * RING_SMALL_CELLS *
                                                            sizeof(struct amounts),
                                          .key_max = count->key_max,
                                          .max = quota->max,
                                          .seed = seed};
    *store = (struct store){.count = *count, .quota = quota, .pin = 1};
    store->keys = table_new(&options);
    store->top = calloc(1, sizeof(*store->top));
    if (store->keys != NULL && store->top != NULL)
        return STATUS_OK;
    store_done(store);
    return STATUS_NO_MEMORY;
}

void store_remove(struct store *store, struct store_key *key)
{
    leave_hot(store, key);
    spread_free(key->spread);
    free(key->full);
    table_remove_entry(store->keys, key);
    store->quota->count--;
}

void store_done(struct store *store)
{
    size_t cursor = 0;
    struct store_key *key;
    while (store->keys != NULL && (key = table_next(store->keys, &cursor)) != NULL)
        store_remove(store, key);
    table_free(store->keys);
    free(store->hot);
    free(store->top);
    *store = (struct store){.quota = store->quota};
}

static enum status find_or_add(struct store *store, const struct flow_key *key, uint64_t hash,
                               struct store_key **ret_key)
{
    bool is_new;
    *ret_key = table_find_hashed(store->keys, hash, key->bytes, key->len);
    if (*ret_key != NULL)
        return STATUS_OK;
    if (key->len > store->count.key_max)
        return STATUS_RANGE;
    if (store->quota->count >= store->quota->max)
        return STATUS_LIMIT;
    *ret_key = table_insert_hashed(store->keys, hash, key->bytes, key->len, &is_new);
    if (*ret_key == NULL)
        return STATUS_NO_MEMORY;
    store->quota->count++;
    return STATUS_OK;
}

/* What the row alone can make of a window, in parts of the floor. */
double store_bound_of(const struct store *store, const struct store_row *row)
{
    double bound = 0;
    for (size_t i = 0; i < store->count.window_count; i++) {
        double window_ms = store->count.windows_ms[i], lasts_ms = (double)row->lasts_ms;
        double share = lasts_ms > window_ms ? window_ms / lasts_ms : 1;
        struct sums sums;
        for (size_t q = 0; q < QUANTITIES; q++)
            sums.of[q] = (double)row->amounts.of[q] * share;
        bound = fmax(bound, bound_of_sums(store, &sums, window_ms / 1000));
    }
    return bound;
}

enum status store_merge(struct store *store, const struct flow_key *key, uint64_t hash,
                        const struct store_row *row)
{
    struct store_key *at;
    enum status status = find_or_add(store, key, hash, &at);
    if (status != STATUS_OK)
        return status;
    if (at->full == NULL && store_bound_of(store, row) >= full_at)
        make_full(store, at); /* before the row is laid on a coarse grid */
    if (row->lasts_ms > 0)
        status = add_spread(store, at, row);
    else
        add_over(store, at, row->from_ms, row->to_ms, &row->amounts);
    if (status == STATUS_OK)
        status = warm(store, at);
    if (at->full != NULL && row->exporter != EXPORTER_NONE)
        shares_add(&at->full->shares, row->exporter, (double)row->amounts.of[QUANTITY_BYTES],
                   row->to_ms);
    return status;
}

void store_unpin(struct store *store)
{
    store->pin++;
}

enum status store_pin(struct store *store, const struct flow_key *key)
{
    struct store_key *at;
    enum status status =
        find_or_add(store, key, table_hash(store->keys, key->bytes, key->len), &at);
    if (status != STATUS_OK)
        return status;
    at->pin = store->pin;
    if (at->full == NULL)
        make_full(store, at);
    return join_hot(store, at);
}

bool store_is_pinned(const struct store *store, const struct store_key *key)
{
    return key->pin == store->pin;
}

size_t store_shares(const struct store_key *key, struct share_permille ret_shares[SHARES_MAX])
{
    return key->full != NULL ? shares_read(&key->full->shares, ret_shares) : 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void take_larger(struct sums *sums, const struct sums *other)
{
    for (size_t q = 0; q < QUANTITIES; q++)
        if (other->of[q] > sums->of[q])
            sums->of[q] = other->of[q];
}

/* Cells up to this long are read at their boundary where someone lags; of a longer window the
 * flushes that are still to come are less than a hundredth. */
static const uint64_t boundary_cell_ms = 1000;

/* At the end of what is complete or of the key's own input, whichever is later; and, where a worker
 * lags behind another, also at the last boundary that all have reached, but no earlier than it was
 * read before: what has left the window stays out of it. */
static void read_window(const struct ring *ring, const struct store_key *key, uint64_t complete_ms,
                        struct sums *ret_sums)
{
    uint64_t end_ms = key->head_ms > complete_ms ? key->head_ms : complete_ms;
    ring_sum(ring, key->head_ms, end_ms, ret_sums);
    if (complete_ms >= key->head_ms || ring->shape != &ring_full ||
        ring->window_ms > boundary_cell_ms * ring_full.parts)
        return;
    struct sums before;
    uint64_t boundary_ms = ring_boundary_ms(ring, key->head_ms, complete_ms);
    if (boundary_ms < key->full->whole_ms)
        boundary_ms = key->full->whole_ms;
    ring_sum(ring, key->head_ms, boundary_ms, &before);
    take_larger(ret_sums, &before);
}

void store_read(const struct store *store, struct store_key *key, uint64_t complete_ms,
                struct rollup_rates *ret_rates, uint64_t *ret_samples)
{
    advance(store, key, key->head_ms > complete_ms ? key->head_ms : complete_ms);
    for (size_t i = 0; i < store->count.window_count; i++) {
        struct ring ring = ring_of(store, key, i);
        double seconds = seconds_of(store, i);
        struct sums sums;
        read_window(&ring, key, complete_ms, &sums);
        ret_rates[i] = (struct rollup_rates){
            .bytes = sums.of[QUANTITY_BYTES] / seconds,
            .packets = sums.of[QUANTITY_PACKETS] / seconds,
            .flows = sums.of[QUANTITY_FLOWS] / seconds,
            .var_bytes = sums.of[QUANTITY_VAR_BYTES] / seconds / seconds,
            .var_packets = sums.of[QUANTITY_VAR_PACKETS] / seconds / seconds,
            .var_flows = sums.of[QUANTITY_VAR_FLOWS] / seconds / seconds,
        };
        if (i == 0)
            *ret_samples = (uint64_t)fmin(sums.of[QUANTITY_SAMPLES] + 0.5, 1e18);
    }
    if (key->full != NULL && complete_ms >= key->head_ms)
        key->full->whole_ms = complete_ms;
}

double store_ratio(const struct store *store, const struct rollup_rates *rates)
{
    double ratio = 0;
    for (size_t i = 0; i < store->count.window_count; i++) {
        const struct store_limits *limits = &store->count.limits[i];
        ratio = fmax(ratio, rates[i].bytes / limits->bytes);
        ratio = fmax(ratio, rates[i].packets / limits->packets);
        ratio = fmax(ratio, rates[i].flows / limits->flows);
    }
    return ratio;
}

bool store_is_over_floor(const struct store *store, const struct rollup_rates *rates)
{
    const struct store_limits *floor = &store->count.floor;
    for (size_t i = 0; i < store->count.window_count; i++)
        if (rates[i].bytes >= floor->bytes || rates[i].packets >= floor->packets ||
            rates[i].flows >= floor->flows)
            return true;
    return false;
}

/* --- walks -------------------------------------------------------------------------------------
 */

static bool is_over(const struct store *store, const struct store_key *key, uint64_t complete_ms)
{
    uint64_t longest_ms = store->count.windows_ms[store->count.window_count - 1];
    return key->spread == NULL && key->head_ms + longest_ms <= complete_ms;
}

static void sweep_key(struct store *store, struct store_key *key, uint64_t complete_ms)
{
    struct rollup_rates rates[ROLLUP_WINDOWS_MAX];
    uint64_t samples;
    size_t len;
    bool pinned = store_is_pinned(store, key);
    if (!pinned && is_over(store, key, complete_ms)) {
        store_remove(store, key);
        return;
    }
    store_read(store, key, complete_ms, rates, &samples);
    const void *bytes = table_key(key, &len);
    top_add(store->top, rates[0].bytes, bytes, len);
    if (!pinned && key->full != NULL && key->hot == 0 && store_bound(store, key) < small_at)
        make_small(store, key);
}

bool store_sweep(struct store *store, uint64_t complete_ms, size_t *budget)
{
    while (*budget > 0) {
        struct store_key *key = table_next(store->keys, &store->sweep_at);
        if (key == NULL) {
            store->sweep_at = 0;
            return false;
        }
        sweep_key(store, key, complete_ms);
        (*budget)--;
    }
    return true;
}

struct store_key *store_lightest(struct store *store, uint64_t complete_ms, double *ret_bound)
{
    struct store_key *lightest = NULL;
    for (size_t i = 0; i < EVICT_LOOKS; i++) {
        struct store_key *key = table_next(store->keys, &store->evict_at);
        if (key == NULL) {
            store->evict_at = 0;
            continue;
        }
        if (store_is_pinned(store, key))
            continue;
        double bound = is_over(store, key, complete_ms) ? 0 : store_bound(store, key);
        if (lightest == NULL || bound < *ret_bound) {
            lightest = key;
            *ret_bound = bound;
        }
    }
    return lightest;
}
