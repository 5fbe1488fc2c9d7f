#include "common/base/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

/*
 * Positions count up for ever and wrap with size_t, which is a multiple of the capacity. Each side
 * writes its own and keeps a copy of the other's, so the lines travel only when the copy is used
 * up.
 */
struct ring {
    size_t item_size, mask;
    uint8_t *items;
    _Alignas(CACHE_LINE) atomic_size_t pushed; /* written by the producer */
    size_t popped_seen;                        /* the producer's copy of popped */
    _Alignas(CACHE_LINE) atomic_size_t popped; /* written by the consumer */
    size_t pushed_seen;                        /* the consumer's copy of pushed */
};

struct ring *ring_new(size_t item_size, size_t capacity)
{
    size_t slots = 1;

    assert(item_size > 0 && capacity > 0 && capacity <= SIZE_MAX / 2);
    while (slots < capacity)
        slots *= 2;

    struct ring *r = aligned_alloc(CACHE_LINE, sizeof(*r));
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof(*r));
    r->item_size = item_size;
    r->mask = slots - 1;
    r->items = calloc(slots, item_size);
    if (r->items == NULL) {
        free(r);
        return NULL;
    }
    atomic_init(&r->pushed, 0);
    atomic_init(&r->popped, 0);
    return r;
}

void ring_free(struct ring *ring)
{
    if (ring == NULL)
        return;
    free(ring->items);
    free(ring);
}

bool ring_push(struct ring *ring, const void *item)
{
    size_t at = atomic_load_explicit(&ring->pushed, memory_order_relaxed);

    if (at - ring->popped_seen > ring->mask) {
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        if (at - ring->popped_seen > ring->mask)
            return false;
    }
    memcpy(ring->items + (at & ring->mask) * ring->item_size, item, ring->item_size);
    atomic_store_explicit(&ring->pushed, at + 1, memory_order_release);
    return true;
}

bool ring_pop(struct ring *ring, void *ret_item)
{
    size_t at = atomic_load_explicit(&ring->popped, memory_order_relaxed);

    if (at == ring->pushed_seen) {
        ring->pushed_seen = atomic_load_explicit(&ring->pushed, memory_order_acquire);
        if (at == ring->pushed_seen)
            return false;
    }
    memcpy(ret_item, ring->items + (at & ring->mask) * ring->item_size, ring->item_size);
    atomic_store_explicit(&ring->popped, at + 1, memory_order_release);
    return true;
}

size_t ring_count(const struct ring *ring)
{
    /* popped first: it can only have grown less than pushed by the time pushed is read. */
    size_t popped = atomic_load_explicit(&ring->popped, memory_order_acquire);
    size_t pushed = atomic_load_explicit(&ring->pushed, memory_order_acquire);

    return pushed - popped;
}
