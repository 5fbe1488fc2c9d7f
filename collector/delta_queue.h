#ifndef COLLECTOR_DELTA_QUEUE_H
#define COLLECTOR_DELTA_QUEUE_H

#include "proto/delta.h"

/*
 * The batches of one shard on their way out, oldest first. Once a batch was taken for sending it
 * is bytes that never change, and it stays at the front until the server has confirmed it; all
 * others may still merge. When the queue is full the two oldest that were never sent become one;
 * where that would hold too many rows, the oldest of them is dropped, and counted. Batches are
 * numbered as they are taken; what was dropped before takes its numbers along, so that readers see
 * that something is missing.
 */
struct waiting_batch {
    struct delta_batch batch; /* arrays are ours; interval and ages as of end_ms */
    uint64_t end_ms;          /* of its interval, monotonic */
    struct waiting_batch *next;
};

struct delta_queue {
    struct waiting_batch *first, *last;
    size_t count, max;
    bool sent; /* the first was taken: it must not change */
    uint64_t merged, dropped, dropped_rows;
    uint64_t sequence, dropped_told; /* the last number given; how many dropped ones it skipped */
};

void delta_queue_init(struct delta_queue *queue, size_t max);
void delta_queue_done(struct delta_queue *queue);
/* Takes over the batch's arrays, whatever it gives. */
enum status delta_queue_push(struct delta_queue *queue, struct delta_batch *batch, uint64_t end_ms);
/* The first, immutable from now on, and with its number; NULL: empty. */
struct waiting_batch *delta_queue_take(struct delta_queue *queue);
/* The first was confirmed. */
void delta_queue_confirm(struct delta_queue *queue);

#endif
