#ifndef SPEAKER_RESULTS_QUEUE_H
#define SPEAKER_RESULTS_QUEUE_H

#include "proto/alarm.h"

/*
 * Results that wait to be told, in the order in which they came. Of one mitigation at one peer the
 * last one counts: it takes the place of one that has not been told yet. No I/O and no clock.
 *
 *   results_queue_put() …  results_queue_next() → results_queue_told() when it was answered
 */
enum {
    /* 8192 of half a KiB. What finds no room is not lost: who puts it says it again when asked. */
    RESULTS_QUEUE_MAX = 8192,
};

struct results_queue;
struct waiting_result {
    struct job_result result;
    void *owner; /* of the queue, for callbacks */
    struct waiting_result *behind;
    bool is_told, is_newer; /* on its way to the server; and it has changed since */
};

struct results_queue *results_queue_new(size_t max, void *owner); /* NULL: out of memory */
void results_queue_free(struct results_queue *queue);

/* LIMIT: full. */
enum status results_queue_put(struct results_queue *queue, const struct job_result *result);
/* The next to be told, which stays here until results_queue_told(); NULL: none waits. */
struct waiting_result *results_queue_next(struct results_queue *queue);
/* taken: the server has it. Else it waits again. */
void results_queue_told(struct results_queue *queue, struct waiting_result *waiting, bool taken);

size_t results_queue_count(const struct results_queue *queue); /* with those on their way */
size_t results_queue_on_their_way(const struct results_queue *queue);

#endif
