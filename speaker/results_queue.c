#include "speaker/results_queue.h"

#include "common/base/hash.h"
#include "common/base/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = ID_TEXT_MAX + NAME_MAX_LEN + 1 };
_Static_assert((int)KEY_MAX <= (int)TABLE_KEY_MAX, "a mitigation at a peer is a key");

struct results_queue {
    struct table *table;                 /* of struct waiting_result, by mitigation and peer */
    struct waiting_result *first, *last; /* of those that are not on their way */
    size_t on_their_way;
    void *owner;
};

struct results_queue *results_queue_new(size_t max, void *owner)
{
    struct results_queue *queue = calloc(1, sizeof(*queue));
    struct table_options options = {.entry_size = sizeof(struct waiting_result),
                                    .key_max = KEY_MAX,
                                    .max = max,
                                    .seed = hash_random_seed()};
    if (queue == NULL)
        return NULL;
    queue->owner = owner;
    queue->table = table_new(&options);
    if (queue->table == NULL) {
        free(queue);
        return NULL;
    }
    return queue;
}

void results_queue_free(struct results_queue *queue)
{
    if (queue == NULL)
        return;
    table_free(queue->table);
    free(queue);
}

static void append(struct results_queue *queue, struct waiting_result *waiting)
{
    waiting->behind = NULL;
    if (queue->last != NULL)
        queue->last->behind = waiting;
    else
        queue->first = waiting;
    queue->last = waiting;
}

enum status results_queue_put(struct results_queue *queue, const struct job_result *result)
{
    char key[KEY_MAX + 1];
    bool is_new;
    int len = snprintf(key, sizeof(key), "%s/%s", result->mitigation, result->peer);
    assert(len > 0 && len <= KEY_MAX);
    struct waiting_result *waiting = table_insert(queue->table, key, (size_t)len, &is_new);
    if (waiting == NULL)
        return STATUS_LIMIT;
    waiting->result = *result;
    if (is_new) {
        waiting->owner = queue->owner;
        append(queue, waiting);
    } else if (waiting->is_told) {
        waiting->is_newer = true;
    }
    return STATUS_OK;
}

struct waiting_result *results_queue_next(struct results_queue *queue)
{
    struct waiting_result *waiting = queue->first;
    if (waiting == NULL)
        return NULL;
    queue->first = waiting->behind;
    if (queue->first == NULL)
        queue->last = NULL;
    waiting->is_told = true;
    waiting->is_newer = false;
    queue->on_their_way++;
    return waiting;
}

void results_queue_told(struct results_queue *queue, struct waiting_result *waiting, bool taken)
{
    assert(waiting->is_told && queue->on_their_way > 0);
    queue->on_their_way--;
    waiting->is_told = false;
    if (taken && !waiting->is_newer)
        table_remove_entry(queue->table, waiting);
    else
        append(queue, waiting);
}

size_t results_queue_count(const struct results_queue *queue)
{
    return table_count(queue->table);
}

size_t results_queue_on_their_way(const struct results_queue *queue)
{
    return queue->on_their_way;
}
