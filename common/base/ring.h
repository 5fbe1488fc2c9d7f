#ifndef COMMON_BASE_RING_H
#define COMMON_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

/* Bounded queue of fixed-size items between one producing and one consuming thread, without locks.
 */
struct ring;

struct ring *ring_new(size_t item_size,
                      size_t capacity); /* capacity is rounded up to a power of two */
void ring_free(struct ring *ring);
bool ring_push(struct ring *ring, const void *item); /* false: full, nothing stored */
bool ring_pop(struct ring *ring, void *ret_item);    /* false: empty */
size_t ring_count(const struct ring *ring);

#endif
