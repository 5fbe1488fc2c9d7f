#include "aggregator/window/window_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A shard read: which keys have a row, and the rows. */

uint64_t window_covers(struct window *window, uint64_t now_ms)
{
    uint64_t complete_ms = feeds_complete_ms(&window->feeds, now_ms);
    if (complete_ms > window->covers_ms)
        window->covers_ms = complete_ms;
    return window->covers_ms;
}

/* --- candidates: at most WINDOW_ROWS_MAX, a heap with the lightest on top once there are more
 * -----
 */

/* Pinned keys give way to nothing. */
static double weight(const struct window_candidate *c)
{
    return c->pinned ? INFINITY : c->ratio;
}

static void sift_down(struct window *w, size_t at)
{
    struct window_candidate *c = w->candidates;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < w->candidate_count; child++)
            if (weight(&c[child]) < weight(&c[least]))
                least = child;
        if (least == at)
            return;
        struct window_candidate swap = c[at];
        c[at] = c[least];
        c[least] = swap;
        at = least;
    }
}

static enum status reserve_candidates(struct window *w)
{
    if (w->candidate_count < w->candidate_room)
        return STATUS_OK;
    size_t room = w->candidate_room == 0 ? 256 : w->candidate_room * 2;
    struct window_candidate *grown = realloc(w->candidates, room * sizeof(*grown));
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    w->candidates = grown;
    w->candidate_room = room;
    return STATUS_OK;
}

/* ret_left_out becomes true when something over its floor has no row. */
static enum status add_candidate(struct window *w, const struct window_candidate *candidate,
                                 bool *ret_left_out)
{
    if (w->candidate_count < WINDOW_ROWS_MAX) {
        enum status status = reserve_candidates(w);
        if (status == STATUS_OK)
            w->candidates[w->candidate_count++] = *candidate;
        return status;
    }
    if (!w->is_heap) {
        for (size_t at = w->candidate_count / 2; at-- > 0;)
            sift_down(w, at);
        w->is_heap = true;
    }
    *ret_left_out = true;
    if (weight(candidate) <= weight(&w->candidates[0]))
        return STATUS_OK;
    w->candidates[0] = *candidate;
    sift_down(w, 0);
    return STATUS_OK;
}

static enum status choose_of(struct window *w, struct store *store, uint64_t complete_ms,
                             bool *ret_left_out)
{
    /* From behind, as a key that cools gives its place to the last one. */
    for (size_t i = store->hot_count; i-- > 0;) {
        struct store_key *key = store->hot[i];
        struct rollup_rates rates[ROLLUP_WINDOWS_MAX];
        uint64_t samples;
        store_read(store, key, complete_ms, rates, &samples);
        struct window_candidate candidate = {.store = store,
                                             .key = key,
                                             .ratio = store_ratio(store, rates),
                                             .pinned = store_is_pinned(store, key)};
        if (!candidate.pinned && !store_is_over_floor(store, rates)) {
            store_cool(store, key);
            continue;
        }
        enum status status = add_candidate(w, &candidate, ret_left_out);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int worst_first(const void *left, const void *right)
{
    const struct window_candidate *a = left, *b = right;
    return (a->ratio < b->ratio) - (a->ratio > b->ratio);
}

/* --- rows --------------------------------------------------------------------------------------
 */

static enum status reserve_rows(struct window *w)
{
    if (w->candidate_count <= w->row_room)
        return STATUS_OK;
    struct rollup_row *grown = realloc(w->rows, w->candidate_room * sizeof(*grown));
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    w->rows = grown;
    w->row_room = w->candidate_room;
    return STATUS_OK;
}

static void fill_row(struct window *w, const struct window_candidate *c, uint64_t complete_ms,
                     struct rollup_row *row)
{
    struct share_permille shares[SHARES_MAX];
    size_t len;
    const void *bytes = table_key(c->key, &len);
    row->count = (uint32_t)(c->store - w->stores);
    row->key.len = (uint8_t)len;
    memcpy(row->key.bytes, bytes, len);
    store_read(c->store, c->key, complete_ms, row->rates, &row->samples);
    row->contributor_count = 0;
    size_t share_count = store_shares(c->key, shares);
    for (size_t i = 0; i < share_count; i++) {
        uint32_t place = w->exporter_place[shares[i].exporter];
        if (place == EXPORTER_NONE)
            continue; /* forgotten since */
        row->contributors[row->contributor_count++] =
            (struct rollup_contributor){.exporter = place, .share_permille = shares[i].permille};
    }
}

static void fill_counts(struct window *w, struct rollup_tick *tick)
{
    for (size_t i = 0; i < w->store_count; i++) {
        const struct store_count *count = &w->stores[i].count;
        struct rollup_count *at = &w->counts[i];
        at->id = count->id;
        at->window_count = count->window_count;
        memcpy(at->windows_ms, count->windows_ms, sizeof(at->windows_ms));
        at->floor_bytes = count->floor.bytes;
        at->floor_packets = count->floor.packets;
        at->floor_flows = count->floor.flows;
    }
    tick->counts = w->counts;
    tick->count_count = w->store_count;
}

static enum status fill_exporters(struct window *w, uint64_t complete_ms, struct rollup_tick *tick)
{
    size_t room = w->exporters.room;
    if (room > w->exporter_room) {
        struct rollup_exporter *grown = realloc(w->tick_exporters, room * sizeof(*grown));
        uint32_t *places = realloc(w->exporter_place, room * sizeof(*places));
        w->tick_exporters = grown != NULL ? grown : w->tick_exporters;
        w->exporter_place = places != NULL ? places : w->exporter_place;
        if (grown == NULL || places == NULL)
            return STATUS_NO_MEMORY;
        w->exporter_room = room;
    }
    for (size_t i = 0; i < w->exporters.count; i++) {
        const struct exporter *exporter = &w->exporters.items[i];
        w->exporter_place[i] = EXPORTER_NONE;
        if (exporter->addr.family == ADDR_NONE)
            continue;
        uint64_t age_ms = complete_ms > exporter->heard_ms ? complete_ms - exporter->heard_ms : 0;
        w->exporter_place[i] = (uint32_t)tick->exporter_count;
        w->tick_exporters[tick->exporter_count++] = (struct rollup_exporter){
            .addr = exporter->addr,
            .heard_age_ms = age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX,
            .two_senders = exporter->two_senders_ms != 0 &&
                           complete_ms < exporter->two_senders_ms + EXPORTER_TWO_SENDERS_MS};
    }
    tick->exporters = w->tick_exporters;
    return STATUS_OK;
}

static enum status fill_rows(struct window *w, uint64_t complete_ms, bool left_out,
                             struct rollup_tick *tick)
{
    enum status status = reserve_rows(w);
    if (status != STATUS_OK)
        return status;
    if (w->candidate_count > 1)
        qsort(w->candidates, w->candidate_count, sizeof(w->candidates[0]), worst_first);
    tick->truncated = left_out;
    for (size_t i = 0; i < w->candidate_count; i++) {
        const struct window_candidate *c = &w->candidates[i];
        fill_row(w, c, complete_ms, &w->rows[i]);
        if (left_out && !c->pinned)
            tick->truncated_ratio = c->ratio;
    }
    tick->rows = w->rows;
    tick->row_count = w->candidate_count;
    return STATUS_OK;
}

enum status window_tick(struct window *window, uint64_t now_ms, struct rollup_tick *ret_tick)
{
    uint64_t complete_ms = window_covers(window, now_ms);
    struct rollup_tick tick = {.schema = ROLLUP_SCHEMA,
                               .epoch = window->epoch,
                               .sequence = window->sequence + 1,
                               .covers_until_ms = complete_ms,
                               .parts = 1};
    bool left_out = false;
    memcpy(tick.shard, window->shard, sizeof(tick.shard));
    memcpy(tick.aggregator, window->aggregator, sizeof(tick.aggregator));
    window->candidate_count = 0;
    window->is_heap = false;
    for (size_t i = 0; i < window->store_count; i++) {
        enum status status = choose_of(window, &window->stores[i], complete_ms, &left_out);
        if (status != STATUS_OK)
            return status;
    }
    fill_counts(window, &tick);
    enum status status = fill_exporters(window, complete_ms, &tick);
    if (status == STATUS_OK)
        status = fill_rows(window, complete_ms, left_out, &tick);
    if (status != STATUS_OK)
        return status;
    tick.blinds = window->blinds;
    tick.blind_count = feeds_blinds(&window->feeds, now_ms, window->blinds, ROLLUP_BLINDS_MAX);
    tick.blind = tick.blind_count > 0;
    window->sequence++;
    *ret_tick = tick;
    return STATUS_OK;
}

uint32_t window_parts(const struct rollup_tick *tick)
{
    return tick->row_count == 0
               ? 1
               : (uint32_t)((tick->row_count + ROLLUP_ROWS_MAX - 1) / ROLLUP_ROWS_MAX);
}

void window_part(const struct rollup_tick *tick, uint32_t part, struct rollup_tick *ret_part)
{
    size_t first = (size_t)part * ROLLUP_ROWS_MAX, left = tick->row_count - first;
    *ret_part = *tick;
    ret_part->part = part;
    ret_part->parts = window_parts(tick);
    ret_part->rows = tick->row_count == 0 ? NULL : tick->rows + first;
    ret_part->row_count = left < ROLLUP_ROWS_MAX ? left : ROLLUP_ROWS_MAX;
}
