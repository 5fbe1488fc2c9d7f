#include "collector/recall/recall_internal.h"

#include <string.h>

/* The keeper's part, and what readers see. Only the keeper takes chunks and publishes them. */

/*
 * The oldest that nobody holds; what was never filled is older than all. Where readers hold the
 * oldest, a newer one goes in its place: it is lost, and counted. NULL: they hold all, and what was
 * to be kept is lost.
 */
static struct recall_chunk *take_oldest(struct recall *r, struct recall_chunk *chunks, size_t count)
{
    bool held = false;
    for (uint64_t newer_than = 0;; held = true) {
        struct recall_chunk *oldest = NULL;
        for (size_t i = 0; i < count; i++)
            if (chunks[i].to_seq >= newer_than &&
                (oldest == NULL || chunks[i].to_seq < oldest->to_seq))
                oldest = &chunks[i];
        if (oldest == NULL || chunk_take(oldest)) {
            if (held || oldest == NULL)
                recall_count(&r->lost_chunks);
            return oldest;
        }
        newer_than = oldest->to_seq + 1;
    }
}

static void describe(struct recall_chunk *chunk, const struct open_chunk *open)
{
    chunk->from_seq = open->seq;
    chunk->to_seq = open->seq + 1;
    chunk->from_ms = open->from_ms;
    chunk->to_ms = open->to_ms;
    chunk->covers_ms = (uint32_t)(open->to_ms - open->from_ms);
    chunk->first_ms = open->first_ms;
    chunk->last_ms = open->last_ms;
    chunk->threshold = open->threshold;
}

static bool is_whole(const struct recall_chunk *chunk)
{
    return (atomic_load_explicit(&chunk->state, memory_order_relaxed) & CHUNK_BUSY) == 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of chunks, one of which may be missing between others. */
static void add_times(struct recall_chunk *chunk, const struct recall_chunk *more)
{
    chunk->from_ms = least(chunk->from_ms, more->from_ms);
    chunk->to_ms = most(chunk->to_ms, more->to_ms);
    chunk->first_ms = least(chunk->first_ms, more->first_ms);
    chunk->last_ms = most(chunk->last_ms, more->last_ms);
    chunk->covers_ms += more->covers_ms;
}

/* What there is of ten seconds, as one chunk. */
static void make_thin(struct recall *r, uint64_t until_seq)
{
    struct recall_chunk *from[GROUP];
    size_t count = 0;
    for (size_t i = 0; i < r->dense_count && count < GROUP; i++)
        if (is_whole(&r->dense[i]) && r->dense[i].from_seq >= r->thin_to_seq &&
            r->dense[i].from_seq < until_seq)
            from[count++] = &r->dense[i];
    struct recall_chunk *chunk = count > 0 ? take_oldest(r, r->thin, r->thin_count) : NULL;
    if (chunk != NULL) {
        chunk_unite(chunk, from, count, r->uniting, &r->sort);
        chunk->from_seq = r->thin_to_seq;
        chunk->to_seq = until_seq;
        chunk->from_ms = chunk->first_ms = UINT64_MAX;
        chunk->to_ms = chunk->last_ms = chunk->covers_ms = 0;
        for (size_t i = 0; i < count; i++)
            add_times(chunk, from[i]);
        chunk_publish(chunk);
    }
    r->thin_to_seq = until_seq;
}

static bool keep_sealed(struct recall *r, struct open_chunk *open, atomic_uint *state)
{
    if (atomic_load_explicit(state, memory_order_acquire) != OPEN_SEALED)
        return false;
    uint64_t seq = open->seq;
    struct recall_chunk *chunk = take_oldest(r, r->dense, r->dense_count);
    if (chunk != NULL) {
        uint32_t count = open_copy(open, r->flat);
        chunk_make(chunk, r->flat, count, &r->sort);
        describe(chunk, open);
        chunk_publish(chunk);
    }
    atomic_store_explicit(state, OPEN_FREE, memory_order_release);
    if (r->thin_count > 0 && seq + 1 - r->thin_to_seq >= GROUP)
        make_thin(r, seq + 1);
    return true;
}

bool recall_keep(struct recall *recall)
{
    bool did = false;
    for (size_t i = 0; i < OPENS; i++)
        did |= keep_sealed(recall, &recall->opens[i], &recall->open_states[i]);
    if (atomic_load_explicit(&recall->copy_state, memory_order_acquire) != COPY_MADE)
        return did;
    if (chunk_take(&recall->now)) {
        chunk_make(&recall->now, recall->copy, recall->copy_count, &recall->sort);
        describe(&recall->now, &recall->copy_of);
        chunk_publish(&recall->now);
    }
    atomic_store_explicit(&recall->copy_state, COPY_NONE, memory_order_release);
    return true;
}

uint64_t recall_ask(struct recall *recall, uint64_t now_ms)
{
    if (recall->has_asked && now_ms - recall->asked_ms < RECALL_COPY_EVERY_MS)
        return recall->asked_ms;
    recall->has_asked = true;
    recall->asked_ms = now_ms;
    /* A copy that lies here came too late for those who asked for it, and is not of this moment.
     * The worker writes only where it is asked, so that it may be asked again. */
    if (!recall_is_asked(recall))
        atomic_store_explicit(&recall->copy_state, COPY_ASKED, memory_order_release);
    return now_ms;
}

bool recall_is_asked(const struct recall *recall)
{
    return atomic_load_explicit(&recall->copy_state, memory_order_acquire) == COPY_ASKED;
}

/* --- readers' --- */

static void pin(struct recall_view *view, struct recall_chunk *chunks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (chunk_pin(&chunks[i]))
            view->chunks[view->count++] = &chunks[i];
}

static bool is_of(const struct recall_chunk *chunk, const struct recall_chunk *chunks, size_t count)
{
    return chunk >= chunks && chunk < chunks + count;
}

/* A second is in the copy of the open chunk until it is in a dense one, and in a dense one until
 * that goes, while a thin one has it already. Dense ones count as far back as they go without a
 * gap; what thin ones there have with them counts there. */
static bool counts(const struct recall *r, const struct recall_chunk *chunk, uint64_t dense_to,
                   uint64_t thin_to)
{
    if (chunk == &r->now)
        return chunk->from_seq >= dense_to;
    if (is_of(chunk, r->dense, r->dense_count))
        return chunk->from_seq >= thin_to;
    return chunk->to_seq <= thin_to;
}

void recall_view_take(struct recall *recall, struct recall_view *ret_view)
{
    uint64_t oldest = UINT64_MAX, dense_to = 0, thin_to = 0;
    struct recall_view all = {0};
    pin(&all, &recall->now, 1); /* first: what is sealed meanwhile is then in a dense one */
    pin(&all, recall->thin, recall->thin_count);
    pin(&all, recall->dense, recall->dense_count);
    for (size_t i = 0; i < all.count; i++) {
        if (!is_of(all.chunks[i], recall->dense, recall->dense_count))
            continue;
        if (all.chunks[i]->from_seq < oldest)
            oldest = all.chunks[i]->from_seq;
        if (all.chunks[i]->to_seq > dense_to)
            dense_to = all.chunks[i]->to_seq;
    }
    for (size_t i = 0; i < all.count; i++)
        if (is_of(all.chunks[i], recall->thin, recall->thin_count) &&
            all.chunks[i]->from_seq < oldest && all.chunks[i]->to_seq > thin_to)
            thin_to = all.chunks[i]->to_seq;
    ret_view->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (counts(recall, all.chunks[i], dense_to, thin_to))
            ret_view->chunks[ret_view->count++] = all.chunks[i];
        else
            chunk_unpin(all.chunks[i]);
    }
}

void recall_view_give(struct recall_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        chunk_unpin(view->chunks[i]);
    view->count = 0;
}
