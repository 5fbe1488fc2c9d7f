#ifndef AGGREGATOR_WINDOW_TOP_H
#define AGGREGATOR_WINDOW_TOP_H

#include "proto/count.h"

/* The heaviest keys of one walk over a count: a heap with the lightest of them on top. */
enum { TOP_MAX = 100 };

struct top_item {
    double bytes; /* a second */
    struct flow_key key;
};

struct top {
    size_t count;
    struct top_item items[TOP_MAX];
};

void top_add(struct top *top, double bytes, const void *key, size_t key_len);
/* Heaviest first; the heap is no heap any more, so clear it after. */
void top_sort(struct top *top);

#endif
