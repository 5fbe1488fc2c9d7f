#ifndef COLLECTOR_DECODE_CHAIN_H
#define COLLECTOR_DECODE_CHAIN_H

#include <stddef.h>

/* A ring of items that hold their own links, from the most to the least recently used. */
struct chain {
    struct chain *prev, *next;
};

#define CHAIN_OWNER(item, type, member) ((type *)((char *)(item)-offsetof(type, member)))

static inline void chain_init(struct chain *head)
{
    head->prev = head->next = head;
}

static inline void chain_push(struct chain *head, struct chain *item)
{
    item->prev = head;
    item->next = head->next;
    head->next->prev = item;
    head->next = item;
}

static inline void chain_drop(struct chain *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
}

static inline void chain_touch(struct chain *head, struct chain *item)
{
    if (head->next == item)
        return;
    chain_drop(item);
    chain_push(head, item);
}

#endif
