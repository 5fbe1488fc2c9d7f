#include "aggregator/window/feeds.h"

#include <stdio.h>
#include <string.h>

static struct feed *find(struct feeds *feeds, const char *collector, uint32_t worker)
{
    for (size_t i = 0; i < feeds->count; i++)
        if (feeds->items[i].worker == worker && strcmp(feeds->items[i].collector, collector) == 0)
            return &feeds->items[i];
    return NULL;
}

static void remove_at(struct feeds *feeds, size_t i)
{
    feeds->items[i] = feeds->items[--feeds->count];
}

static void remove_collector(struct feeds *feeds, const char *collector)
{
    for (size_t i = feeds->count; i-- > 0;)
        if (strcmp(feeds->items[i].collector, collector) == 0)
            remove_at(feeds, i);
}

/* All workers of an epoch are known from its first batch on, so that one that never says anything
 * is missed. */
static bool add_collector(struct feeds *feeds, const struct feed_batch *b)
{
    uint32_t workers =
        b->batch->workers > b->batch->worker ? b->batch->workers : b->batch->worker + 1;
    if (b->batch->worker >= FEEDS_MAX || workers > FEEDS_MAX - feeds->count)
        return false;
    for (uint32_t worker = 0; worker < workers; worker++) {
        struct feed *feed = &feeds->items[feeds->count++];
        *feed = (struct feed){.worker = worker,
                              .epoch = b->batch->epoch,
                              .began_ms = b->id_ms,
                              .heard_ms = b->id_ms,
                              .complete_ms = b->end_ms};
        (void)snprintf(feed->collector, sizeof(feed->collector), "%s", b->batch->collector);
    }
    return true;
}

static const struct feed *any_of(const struct feeds *feeds, const char *collector)
{
    for (size_t i = 0; i < feeds->count; i++)
        if (strcmp(feeds->items[i].collector, collector) == 0)
            return &feeds->items[i];
    return NULL;
}

/* From lost_ms on everything is seen again; what was lost may matter until a window later. */
static void set_rebuilt(struct feed *feed, uint64_t lost_ms, uint64_t lasts_ms)
{
    if (lasts_ms > FEED_REBUILD_MAX_MS)
        lasts_ms = FEED_REBUILD_MAX_MS;
    if (lost_ms + lasts_ms <= feed->rebuilt_ms)
        return;
    feed->rebuilt_ms = lost_ms + lasts_ms;
    feed->lost_ms = lost_ms;
}

/* A batch leaves rows behind when it is an urgent one or full: then it says less of its interval
 * than all. */
static void set_complete(struct feed *feed, const struct feed_batch *b)
{
    bool whole = b->batch->residual_bytes == 0 && b->batch->residual_packets == 0;
    uint64_t end_ms = b->end_ms;
    if (!whole)
        end_ms = end_ms > FEED_RESIDUAL_MS ? end_ms - FEED_RESIDUAL_MS : 0;
    if (end_ms > feed->complete_ms)
        feed->complete_ms = end_ms;
    feed->is_busy = b->batch->row_count > 0 || !whole;
}

enum feed_verdict feeds_take(struct feeds *feeds, const struct feed_batch *b, uint64_t *ret_missed)
{
    const struct delta_batch *batch = b->batch;
    const struct feed *known = any_of(feeds, batch->collector);
    *ret_missed = 0;
    if (known != NULL && batch->epoch < known->epoch)
        return b->id_ms > known->began_ms + FEED_HANDOVER_MS ? FEED_TWIN : FEED_OLD_EPOCH;
    if (known != NULL && batch->epoch > known->epoch)
        remove_collector(feeds, batch->collector);
    struct feed *feed = find(feeds, batch->collector, batch->worker);
    if (feed == NULL) {
        if (!add_collector(feeds, b))
            return FEED_TOO_MANY;
        feed = find(feeds, batch->collector, batch->worker);
    }
    if (feed->sequence != 0 && batch->sequence <= feed->sequence)
        return FEED_DUPLICATE;
    uint64_t begins_ms = b->end_ms > batch->interval_ms ? b->end_ms - batch->interval_ms : 1;
    if (feed->sequence != 0) {
        *ret_missed = batch->sequence - feed->sequence - 1;
        if (*ret_missed > 0)
            set_rebuilt(feed, begins_ms, feeds->longest_window_ms);
    } else if (batch->sequence > 1) {
        feed->begins_ms = begins_ms;
        set_rebuilt(feed, begins_ms, feeds->longest_window_ms);
    }
    feed->sequence = batch->sequence;
    feed->heard_ms = b->id_ms;
    feed->has_left = false;
    set_complete(feed, b);
    return FEED_NEW;
}

void feeds_note_duration(struct feeds *feeds, const struct delta_batch *batch, uint32_t duration_ms)
{
    struct feed *feed = find(feeds, batch->collector, batch->worker);
    if (feed != NULL && feed->begins_ms != 0)
        set_rebuilt(feed, feed->begins_ms, duration_ms);
}

void feeds_lost(struct feeds *feeds, uint64_t now_ms)
{
    for (size_t i = 0; i < feeds->count; i++)
        set_rebuilt(&feeds->items[i], now_ms, feeds->longest_window_ms);
}

static bool silent_for(const struct feed *feed, uint64_t now_ms, uint64_t ms)
{
    return now_ms > feed->heard_ms + ms;
}

void feeds_set_registered(struct feeds *feeds, const char *collector, bool registered,
                          uint64_t now_ms)
{
    for (size_t i = 0; i < feeds->count; i++) {
        struct feed *feed = &feeds->items[i];
        if (strcmp(feed->collector, collector) != 0)
            continue;
        if (registered) {
            feed->gone_ms = 0;
            continue;
        }
        if (feed->gone_ms == 0)
            feed->gone_ms = now_ms;
        if (!silent_for(feed, now_ms, FEED_LEFT_MS))
            feed->has_left = true;
    }
}

void feeds_forget(struct feeds *feeds, uint64_t now_ms)
{
    for (size_t i = feeds->count; i-- > 0;) {
        const struct feed *feed = &feeds->items[i];
        if (feed->gone_ms != 0 && now_ms > feed->gone_ms + FEED_FORGET_MS &&
            silent_for(feed, now_ms, FEED_FORGET_MS))
            remove_at(feeds, i);
    }
}

uint64_t feeds_complete_ms(const struct feeds *feeds, uint64_t now_ms)
{
    uint64_t complete_ms = now_ms;
    for (size_t i = 0; i < feeds->count; i++) {
        const struct feed *feed = &feeds->items[i];
        /* One that is idle had nothing to say; one that is blind is not waited for, but said. */
        if (!feed->is_busy || feed->has_left || silent_for(feed, now_ms, FEED_BLIND_MS))
            continue;
        if (feed->complete_ms < complete_ms)
            complete_ms = feed->complete_ms;
    }
    uint64_t least_ms = now_ms > FEED_BLIND_MS ? now_ms - FEED_BLIND_MS : 0;
    return complete_ms > least_ms ? complete_ms : least_ms;
}

size_t feeds_blinds(const struct feeds *feeds, uint64_t now_ms, struct rollup_blind *ret_blinds,
                    size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < feeds->count && count < room; i++) {
        const struct feed *feed = &feeds->items[i];
        uint64_t since_ms;
        if (feed->has_left)
            continue;
        if (silent_for(feed, now_ms, FEED_BLIND_MS))
            since_ms = feed->heard_ms;
        else if (now_ms < feed->rebuilt_ms)
            since_ms = feed->lost_ms;
        else
            continue;
        uint64_t age_ms = now_ms > since_ms ? now_ms - since_ms : 0;
        (void)snprintf(ret_blinds[count].contributor, sizeof(ret_blinds[count].contributor),
                       "%s/%u", feed->collector, feed->worker);
        ret_blinds[count++].since_ms = age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX;
    }
    return count;
}
