#include "aggregator/window/window_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A server's clock that was set back may be this far behind its own ids. */
    FUTURE_MS = 1000,
    /* A tick and an age that no collector has: what is longer is cut to it. */
    INTERVAL_MAX_MS = 60000,
    AGE_MAX_MS = 600000,
    /* Rows whose lines are fetched before they are merged. */
    AHEAD = 16,
};

/* --- life --------------------------------------------------------------------------------------
 */

static int by_id(const void *left, const void *right)
{
    const struct store *a = left, *b = right;
    return (a->count.id > b->count.id) - (a->count.id < b->count.id);
}

static struct store *store_by_id(const struct window *window, uint64_t id)
{
    size_t low = 0, high = window->store_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (window->stores[middle].count.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < window->store_count && window->stores[low].count.id == id;
    return found ? &window->stores[low] : NULL;
}

static enum status make_stores(struct window *w, const struct window_options *options)
{
    w->stores = calloc(options->count_count + 1, sizeof(*w->stores));
    w->counts = calloc(options->count_count + 1, sizeof(*w->counts));
    if (w->stores == NULL || w->counts == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < options->count_count; i++) {
        const struct store_count *count = &options->counts[i];
        enum status status = store_init(&w->stores[i], count, options->quota, options->seed + i);
        if (status != STATUS_OK)
            return status;
        w->store_count++;
        uint32_t longest_ms = count->windows_ms[count->window_count - 1];
        if (longest_ms > w->feeds.longest_window_ms)
            w->feeds.longest_window_ms = longest_ms;
    }
    qsort(w->stores, w->store_count, sizeof(w->stores[0]), by_id);
    return STATUS_OK;
}

enum status window_new(struct window **ret_window, const struct window_options *options)
{
    struct window *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return STATUS_NO_MEMORY;
    (void)snprintf(w->shard, sizeof(w->shard), "%s", options->shard);
    (void)snprintf(w->aggregator, sizeof(w->aggregator), "%s", options->aggregator);
    w->epoch = options->epoch;
    w->slots = options->slots;
    enum status status = exporters_init(&w->exporters, options->seed);
    if (status == STATUS_OK)
        status = make_stores(w, options);
    if (status == STATUS_OK)
        *ret_window = w;
    else
        window_free(w);
    return status;
}

void window_free(struct window *window)
{
    if (window == NULL)
        return;
    for (size_t i = 0; i < window->store_count; i++)
        store_done(&window->stores[i]);
    free(window->stores);
    exporters_done(&window->exporters);
    free(window->candidates);
    free(window->rows);
    free(window->counts);
    free(window->tick_exporters);
    free(window->exporter_place);
    free(window);
}

/* --- room --------------------------------------------------------------------------------------
 */

/* Evicts the lightest of some keys of this count and of another, in turn; false where what comes is
 * lighter still. */
static bool make_room(struct window *w, struct store *store, double weight)
{
    double lightest_bound = 0;
    struct store *from = NULL;
    struct store_key *lightest = NULL;
    for (size_t i = 0; i < w->store_count; i++) {
        w->evict_store = (w->evict_store + 1) % w->store_count;
        struct store *other = &w->stores[w->evict_store];
        if (other != store && table_count(other->keys) > 0)
            break;
    }
    struct store *looked[] = {store, &w->stores[w->evict_store]};
    for (size_t i = 0; i < 2; i++) {
        double bound = 0;
        struct store_key *key = store_lightest(looked[i], w->covers_ms, &bound);
        if (key == NULL || (lightest != NULL && bound >= lightest_bound))
            continue;
        lightest = key;
        lightest_bound = bound;
        from = looked[i];
    }
    if (lightest == NULL || lightest_bound >= weight)
        return false;
    store_remove(from, lightest);
    w->stats.evicted_keys++;
    return true;
}

/* --- merging -----------------------------------------------------------------------------------
 */

struct merge {
    const struct delta_batch *batch;
    uint64_t id_ms, end_ms, interval_ms;
    uint32_t longest_ms; /* duration of a row */
};

static float amount_of(double value)
{
    return value < 1e30 ? (float)value : 1e30F;
}

static void row_of(const struct window *w, const struct merge *m, const struct delta_row *row,
                   struct store_row *ret_row)
{
    uint64_t age_ms = sat_mul_u64((uint64_t)row->age_ticks + 1, m->interval_ms);
    age_ms = age_ms < AGE_MAX_MS ? age_ms : AGE_MAX_MS;
    *ret_row = (struct store_row){
        .amounts = {{(float)row->bytes, (float)row->packets, (float)row->flows, (float)row->samples,
                     amount_of(row->var_bytes), amount_of(row->var_packets),
                     amount_of(row->var_flows)}},
        .from_ms = m->end_ms > age_ms ? m->end_ms - age_ms : 0,
        .to_ms = m->end_ms,
        .exporter = w->batch_exporters[row->exporter],
    };
    if (row->duration_ms > m->interval_ms)
        ret_row->lasts_ms = row->duration_ms < SPREAD_MAX_MS ? row->duration_ms : SPREAD_MAX_MS;
}

static void merge_row(struct window *w, struct merge *m, const struct delta_row *delta,
                      uint64_t hash)
{
    struct store *store = w->batch_stores[delta->count];
    struct store_row row;
    row_of(w, m, delta, &row);
    if (row.lasts_ms > m->longest_ms)
        m->longest_ms = (uint32_t)row.lasts_ms;
    /* Half a window more, for the cell that is only partly inside. */
    uint64_t window_ms = store->count.windows_ms[store->count.window_count - 1];
    if (row.to_ms + row.lasts_ms + window_ms * 3 / 2 <= m->id_ms) {
        w->stats.late_rows++;
        w->stats.late_bytes = sat_add_u64(w->stats.late_bytes, delta->bytes);
        return;
    }
    enum status status = store_merge(store, &delta->key, hash, &row);
    if (status == STATUS_LIMIT && make_room(w, store, store_bound_of(store, &row)))
        status = store_merge(store, &delta->key, hash, &row);
    if (status == STATUS_OK) {
        w->stats.rows++;
    } else if (status == STATUS_LIMIT) {
        w->stats.crowded_rows++;
        w->stats.other_bytes = sat_add_u64(w->stats.other_bytes, delta->bytes);
    } else {
        w->stats.refused_rows++;
    }
}

/* True when the row has a place here; counts it where it has none. */
static bool is_for_store(struct window *w, const struct delta_row *row)
{
    w->stats.bytes = sat_add_u64(w->stats.bytes, row->bytes);
    if (w->batch_stores[row->count] == NULL) {
        w->stats.unknown_rows++;
        return false;
    }
    if (row->key.len == 0) {
        w->stats.other_rows++;
        w->stats.other_bytes = sat_add_u64(w->stats.other_bytes, row->bytes);
        return false;
    }
    return true;
}

/* A few rows at a time, so that the memory of the next is under way while one is merged. */
static void merge_rows(struct window *w, struct merge *m)
{
    const struct delta_batch *batch = m->batch;
    for (size_t first = 0; first < batch->row_count; first += AHEAD) {
        size_t count = batch->row_count - first < AHEAD ? batch->row_count - first : AHEAD;
        uint64_t hashes[AHEAD];
        bool wanted[AHEAD];
        for (size_t i = 0; i < count; i++) {
            const struct delta_row *row = &batch->rows[first + i];
            wanted[i] = is_for_store(w, row);
            if (!wanted[i])
                continue;
            const struct table *keys = w->batch_stores[row->count]->keys;
            hashes[i] = table_hash(keys, row->key.bytes, row->key.len);
            table_prefetch(keys, hashes[i]);
        }
        for (size_t i = 0; i < count; i++)
            if (wanted[i])
                table_prefetch_entry(w->batch_stores[batch->rows[first + i].count]->keys,
                                     hashes[i]);
        for (size_t i = 0; i < count; i++)
            if (wanted[i])
                merge_row(w, m, &batch->rows[first + i], hashes[i]);
    }
}

static enum window_verdict count_refusal(struct window *w, enum feed_verdict verdict)
{
    switch (verdict) {
    case FEED_NEW:
        return WINDOW_MERGED;
    case FEED_DUPLICATE:
        w->stats.duplicate_batches++;
        return WINDOW_DROPPED;
    case FEED_OLD_EPOCH:
        w->stats.old_epoch_batches++;
        return WINDOW_DROPPED;
    case FEED_TWIN:
        w->stats.twin_batches++;
        return WINDOW_TWIN;
    case FEED_TOO_MANY:
        w->stats.crowded_batches++;
        return WINDOW_DROPPED;
    }
    return WINDOW_DROPPED;
}

bool window_is_future(uint64_t id_ms, uint64_t now_ms)
{
    return id_ms > now_ms + FUTURE_MS;
}

enum window_verdict window_skip(struct window *window, const struct delta_batch *batch,
                                uint64_t now_ms)
{
    const struct feed_batch feed = {.batch = batch, .id_ms = now_ms, .end_ms = now_ms};
    uint64_t missed;
    if (strcmp(batch->shard, window->shard) != 0) {
        window->stats.foreign_batches++;
        return WINDOW_DROPPED;
    }
    enum feed_verdict verdict = feeds_take(&window->feeds, &feed, &missed);
    if (verdict != FEED_NEW)
        return count_refusal(window, verdict);
    window->stats.future_batches++;
    feeds_lost(&window->feeds, now_ms);
    return WINDOW_DROPPED;
}

enum window_verdict window_merge(struct window *window, const struct delta_batch *batch,
                                 uint64_t id_ms, uint64_t age_ms, uint64_t now_ms)
{
    struct merge m = {.batch = batch, .id_ms = id_ms};
    uint64_t missed;
    if (strcmp(batch->shard, window->shard) != 0) {
        window->stats.foreign_batches++;
        return WINDOW_DROPPED;
    }
    if (window_is_future(m.id_ms, now_ms)) {
        window->stats.future_batches++;
        m.id_ms = now_ms;
    }
    m.end_ms = m.id_ms > age_ms ? m.id_ms - age_ms : 1;
    m.interval_ms = batch->interval_ms == 0                ? 1
                    : batch->interval_ms < INTERVAL_MAX_MS ? batch->interval_ms
                                                           : INTERVAL_MAX_MS;
    const struct feed_batch feed = {.batch = batch, .id_ms = m.id_ms, .end_ms = m.end_ms};
    enum feed_verdict verdict = feeds_take(&window->feeds, &feed, &missed);
    if (verdict != FEED_NEW)
        return count_refusal(window, verdict);
    window->stats.batches++;
    window->stats.missing_batches = sat_add_u64(window->stats.missing_batches, missed);
    for (size_t i = 0; i < batch->count_count; i++)
        window->batch_stores[i] = store_by_id(window, batch->counts[i]);
    for (size_t i = 0; i < batch->exporter_count; i++) {
        uint32_t age = batch->exporters[i].heard_age_ms;
        uint32_t number = exporters_hear(&window->exporters, &batch->exporters[i].addr,
                                         m.end_ms > age ? m.end_ms - age : 0);
        window->batch_exporters[i] = number;
        if (batch->exporters[i].two_senders && number != EXPORTER_NONE)
            exporters_note_two_senders(&window->exporters, number, m.end_ms);
    }
    merge_rows(window, &m);
    if (m.longest_ms > 0)
        feeds_note_duration(&window->feeds, batch, m.longest_ms);
    return WINDOW_MERGED;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

void window_pin(struct window *window, const struct window_pin *pins, size_t count)
{
    for (size_t i = 0; i < window->store_count; i++)
        store_unpin(&window->stores[i]);
    for (size_t i = 0; i < count; i++) {
        struct store *store = store_by_id(window, pins[i].count_id);
        if (store == NULL || (window->slots >> key_slot(pins[i].count_id, &pins[i].key) & 1) == 0)
            continue;
        if (store_pin(store, &pins[i].key) == STATUS_LIMIT && make_room(window, store, INFINITY))
            (void)store_pin(store, &pins[i].key);
    }
}

bool window_sweep(struct window *window, uint64_t now_ms, size_t budget, window_on_top on_top,
                  void *owner)
{
    uint64_t complete_ms = window_covers(window, now_ms);
    while (window->sweep_store < window->store_count) {
        struct store *store = &window->stores[window->sweep_store];
        if (store_sweep(store, complete_ms, &budget))
            return true;
        top_sort(store->top);
        on_top(owner, store->count.id, store->top->items, store->top->count);
        store->top->count = 0;
        window->sweep_store++;
    }
    window->sweep_store = 0;
    feeds_forget(&window->feeds, now_ms);
    exporters_forget(&window->exporters, now_ms);
    return false;
}

void window_lost(struct window *window, uint64_t now_ms)
{
    feeds_lost(&window->feeds, now_ms);
}

void window_registered(struct window *window, const char *collector, bool registered,
                       uint64_t now_ms)
{
    feeds_set_registered(&window->feeds, collector, registered, now_ms);
}

void window_collectors(const struct window *window,
                       void (*on_name)(void *owner, const char *collector), void *owner)
{
    for (size_t i = 0; i < window->feeds.count; i++)
        on_name(owner, window->feeds.items[i].collector);
}

bool window_has_hot(const struct window *window)
{
    for (size_t i = 0; i < window->store_count; i++)
        if (window->stores[i].hot_count > 0)
            return true;
    return false;
}

const struct window_stats *window_stats(const struct window *window)
{
    return &window->stats;
}

size_t window_keys(const struct window *window)
{
    size_t keys = 0;
    for (size_t i = 0; i < window->store_count; i++)
        keys += table_count(window->stores[i].keys);
    return keys;
}

uint64_t window_lag_ms(const struct window *window, uint64_t now_ms)
{
    return now_ms - feeds_complete_ms(&window->feeds, now_ms);
}
