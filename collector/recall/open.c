#include "collector/recall/open.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

static uint32_t buckets_for(uint32_t room)
{
    uint32_t buckets = 16;
    while (buckets < room)
        buckets *= 2;
    return buckets;
}

size_t open_bytes(uint32_t room)
{
    return (sizeof(struct recall_item) + sizeof(float) + sizeof(struct open_slot) +
            sizeof(struct open_entry) + sizeof(struct open_destination)) *
               (size_t)room +
           sizeof(uint32_t) * (size_t)buckets_for(room);
}

enum status open_init(struct open_chunk *open, uint32_t room, uint32_t cap, uint64_t seed)
{
    uint32_t buckets = buckets_for(room);
    *open = (struct open_chunk){.room = room, .cap = cap, .seed = seed};
    open->bucket_mask = buckets - 1;
    open->items = calloc(room, sizeof(*open->items));
    open->priorities = calloc(room, sizeof(*open->priorities));
    open->slots = calloc(room, sizeof(*open->slots));
    open->heap = calloc(room, sizeof(*open->heap));
    open->destinations = calloc(room, sizeof(*open->destinations));
    open->buckets = calloc(buckets, sizeof(*open->buckets));
    if (open->items == NULL || open->priorities == NULL || open->slots == NULL ||
        open->heap == NULL || open->destinations == NULL || open->buckets == NULL)
        return STATUS_NO_MEMORY;
    open_begin(open, 0, 0);
    return STATUS_OK;
}

void open_done(struct open_chunk *open)
{
    free(open->items);
    free(open->priorities);
    free(open->slots);
    free(open->heap);
    free(open->destinations);
    free(open->buckets);
    memset(open, 0, sizeof(*open));
}

void open_begin(struct open_chunk *open, float threshold, uint64_t now_ms)
{
    open->used = 0;
    open->threshold = threshold;
    open->from_ms = open->to_ms = open->first_ms = open->last_ms = now_ms;
    memset(open->buckets, 0xff, sizeof(*open->buckets) * (open->bucket_mask + 1));
    open->free = NONE;
    open->entered = 0;
}

float open_next_threshold(const struct open_chunk *open)
{
    /* So many records would have passed it this time; a quarter more is let in, so that the chunk
     * is usually full although the next second is another. */
    double next = 0.75 * (double)open->threshold * open->used / open->room;
    return next < 1 ? 0 : (float)next;
}

/* --- the heap --- */

static void heap_rise(struct open_entry *heap, uint32_t at)
{
    struct open_entry moving = heap[at];
    while (at > 0) {
        uint32_t above = (at - 1) / 2;
        if (heap[above].priority <= moving.priority)
            break;
        heap[at] = heap[above];
        at = above;
    }
    heap[at] = moving;
}

static void heap_sink(struct open_entry *heap, uint32_t count, struct open_entry moving)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t below = 2 * at + 1;
        if (below >= count)
            break;
        if (below + 1 < count && heap[below + 1].priority < heap[below].priority)
            below++;
        if (heap[below].priority >= moving.priority)
            break;
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = moving;
}

/* The entry of the truly lowest. */
static struct open_entry heap_lowest(struct open_chunk *open)
{
    for (;;) {
        struct open_entry top = open->heap[0];
        float now = open->priorities[top.slot];
        if (now == top.priority)
            return top;
        heap_sink(open->heap, open->used, (struct open_entry){now, top.slot});
    }
}

/* --- destinations --- */

static uint32_t bucket_of(const struct open_chunk *open, const uint8_t host[16], uint8_t side)
{
    return item_host_hash(host, side, open->seed) & open->bucket_mask;
}

static uint32_t find(const struct open_chunk *open, uint32_t bucket, const uint8_t host[16],
                     uint8_t side, uint8_t ip_version)
{
    uint32_t at = open->buckets[bucket];
    while (at != NONE) {
        const struct open_destination *d = &open->destinations[at];
        if (d->side == side && d->ip_version == ip_version && memcmp(d->host, host, 16) == 0)
            return at;
        at = d->next;
    }
    return NONE;
}

/* A destination has an item at least, so there are never more of them than slots in use. */
static uint32_t enter(struct open_chunk *open, uint32_t bucket, const uint8_t host[16],
                      uint8_t side, uint8_t ip_version)
{
    uint32_t at = open->free;
    if (at == NONE)
        at = open->entered++;
    else
        open->free = open->destinations[at].next;
    struct open_destination *d = &open->destinations[at];
    *d = (struct open_destination){
        .side = side, .ip_version = ip_version, .first = NONE, .next = open->buckets[bucket]};
    memcpy(d->host, host, 16);
    open->buckets[bucket] = at;
    return at;
}

static void forget(struct open_chunk *open, uint32_t at)
{
    struct open_destination *d = &open->destinations[at];
    uint32_t *link = &open->buckets[bucket_of(open, d->host, d->side)];
    while (*link != at)
        link = &open->destinations[*link].next;
    *link = d->next;
    d->next = open->free;
    open->free = at;
}

static void chain(struct open_chunk *open, uint32_t slot, uint32_t destination)
{
    struct open_destination *d = &open->destinations[destination];
    open->slots[slot] = (struct open_slot){d->first, NONE, destination};
    if (d->first != NONE)
        open->slots[d->first].prev = slot;
    d->first = slot;
    d->count++;
}

static void unchain(struct open_chunk *open, uint32_t slot)
{
    const struct open_slot *s = &open->slots[slot];
    struct open_destination *d = &open->destinations[s->destination];
    if (s->prev != NONE)
        open->slots[s->prev].next = s->next;
    else
        d->first = s->next;
    if (s->next != NONE)
        open->slots[s->next].prev = s->prev;
    /* What it refused was lower than what goes now, and that is what tau becomes. */
    if (--d->count == 0)
        forget(open, s->destination);
}

/* Instead of the destination's lowest, whose priority becomes its threshold. */
static uint32_t replace_lowest(struct open_chunk *open, struct open_destination *d, float priority)
{
    uint32_t lowest = d->first;
    for (uint32_t at = open->slots[lowest].next; at != NONE; at = open->slots[at].next)
        if (open->priorities[at] < open->priorities[lowest])
            lowest = at;
    if (priority <= open->priorities[lowest]) {
        d->threshold = priority;
        return NONE;
    }
    d->threshold = open->priorities[lowest];
    return lowest;
}

/* --- places --- */

static struct recall_item *fill(struct open_chunk *open, uint32_t slot, const uint8_t host[16],
                                uint8_t side, uint8_t ip_version, float priority)
{
    struct recall_item *item = &open->items[slot];
    memcpy(item->host, host, 16);
    item->side = side;
    item->ip_version = ip_version;
    open->priorities[slot] = priority;
    return item;
}

struct recall_item *open_place(struct open_chunk *open, const uint8_t host[16], uint8_t side,
                               uint8_t ip_version, float priority)
{
    if (priority <= open->threshold)
        return NULL;
    uint32_t slot, bucket = bucket_of(open, host, side);
    uint32_t at = find(open, bucket, host, side, ip_version);
    if (at != NONE && priority <= open->destinations[at].threshold)
        return NULL;
    if (at != NONE && open->destinations[at].count >= open->cap) {
        slot = replace_lowest(open, &open->destinations[at], priority);
        return slot == NONE ? NULL : fill(open, slot, host, side, ip_version, priority);
    }
    if (open->used < open->room) {
        slot = open->used++;
        open->heap[slot] = (struct open_entry){priority, slot};
        heap_rise(open->heap, slot);
    } else {
        struct open_entry lowest = heap_lowest(open);
        if (priority <= lowest.priority) {
            open->threshold = priority;
            return NULL;
        }
        open->threshold = lowest.priority;
        slot = lowest.slot;
        unchain(open, slot);
        heap_sink(open->heap, open->used, (struct open_entry){priority, slot});
        at = find(open, bucket, host, side, ip_version); /* may have gone with that slot */
    }
    if (at == NONE)
        at = enter(open, bucket, host, side, ip_version);
    chain(open, slot, at);
    return fill(open, slot, host, side, ip_version, priority);
}

uint32_t open_copy(const struct open_chunk *open, struct recall_item *ret_items)
{
    for (uint32_t i = 0; i < open->used; i++) {
        float of_destination = open->destinations[open->slots[i].destination].threshold;
        ret_items[i] = open->items[i];
        ret_items[i].priority = open->priorities[i];
        ret_items[i].threshold =
            of_destination > open->threshold ? of_destination : open->threshold;
    }
    return open->used;
}
