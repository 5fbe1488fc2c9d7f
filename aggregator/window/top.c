#include "aggregator/window/top.h"

#include <stdlib.h>
#include <string.h>

static void put(struct top *top, size_t at, double bytes, const void *key, size_t key_len)
{
    top->items[at].bytes = bytes;
    top->items[at].key.len = (uint8_t)key_len;
    memcpy(top->items[at].key.bytes, key, key_len);
}

static void swap(struct top *top, size_t a, size_t b)
{
    struct top_item item = top->items[a];
    top->items[a] = top->items[b];
    top->items[b] = item;
}

static void sift_up(struct top *top, size_t at)
{
    while (at > 0 && top->items[(at - 1) / 2].bytes > top->items[at].bytes) {
        swap(top, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct top *top)
{
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count; child++)
            if (top->items[child].bytes < top->items[least].bytes)
                least = child;
        if (least == at)
            return;
        swap(top, at, least);
        at = least;
    }
}

void top_add(struct top *top, double bytes, const void *key, size_t key_len)
{
    if (bytes <= 0 || key_len > KEY_BYTES_MAX)
        return;
    if (top->count < TOP_MAX) {
        put(top, top->count, bytes, key, key_len);
        sift_up(top, top->count++);
    } else if (bytes > top->items[0].bytes) {
        put(top, 0, bytes, key, key_len);
        sift_down(top);
    }
}

static int heavier_first(const void *left, const void *right)
{
    const struct top_item *a = left, *b = right;
    return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

void top_sort(struct top *top)
{
    qsort(top->items, top->count, sizeof(top->items[0]), heavier_first);
}
