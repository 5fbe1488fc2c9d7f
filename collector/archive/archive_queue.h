#ifndef COLLECTOR_ARCHIVE_ARCHIVE_QUEUE_H
#define COLLECTOR_ARCHIVE_ARCHIVE_QUEUE_H

#include "proto/flow.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Flow records on their way from one worker to the thread that writes them: a ring of fixed size,
 * one producer, one consumer, no lock. The producer never waits: what finds the ring full is
 * dropped and counted.
 */
enum {
    /* A worker at a million records a second fills half of it in the time that the writer sleeps
     * at most, and then wakes it; 7 MiB. */
    ARCHIVE_QUEUE_ROOM = 32768
};

struct archive_item {
    struct flow_record flow;
    struct ip_addr exporter;
    uint64_t came_ms; /* on the worker's clock */
};

struct archive_queue {
    struct archive_item *items; /* ARCHIVE_QUEUE_ROOM of them */
    sem_t *wake;                /* the consumer's */
    _Alignas(64) size_t tail;   /* the producer's own */
    size_t head_seen;
    _Alignas(64) atomic_size_t published; /* items before it may be read */
    atomic_uint_least64_t dropped;
    _Alignas(64) atomic_size_t head; /* items before it have been read */
};

bool archive_queue_init(struct archive_queue *queue, sem_t *wake); /* false: no memory */
void archive_queue_done(struct archive_queue *queue);

static inline void archive_queue_put(struct archive_queue *q, const struct flow_record *flow,
                                     const struct ip_addr *exporter, uint64_t came_ms)
{
    if (q->tail - q->head_seen == ARCHIVE_QUEUE_ROOM) {
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (q->tail - q->head_seen == ARCHIVE_QUEUE_ROOM) {
            atomic_fetch_add_explicit(&q->dropped, 1, memory_order_relaxed);
            return;
        }
    }
    struct archive_item *item = &q->items[q->tail % ARCHIVE_QUEUE_ROOM];
    item->flow = *flow;
    item->exporter = *exporter;
    item->came_ms = came_ms;
    atomic_store_explicit(&q->published, ++q->tail, memory_order_release);
    if (q->tail % (ARCHIVE_QUEUE_ROOM / 2) == 0)
        (void)sem_post(q->wake);
}

/* How many items may be read, from archive_queue_at(0) on; archive_queue_pop() gives them back. */
static inline size_t archive_queue_waiting(const struct archive_queue *q)
{
    return atomic_load_explicit(&q->published, memory_order_acquire) -
           atomic_load_explicit(&q->head, memory_order_relaxed);
}

static inline const struct archive_item *archive_queue_at(const struct archive_queue *q, size_t i)
{
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    return &q->items[(head + i) % ARCHIVE_QUEUE_ROOM];
}

static inline void archive_queue_pop(struct archive_queue *q, size_t count)
{
    size_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    atomic_store_explicit(&q->head, head + count, memory_order_release);
}

#endif
