#include "collector/archive/archive_queue.h"

#include <stdlib.h>
#include <string.h>

bool archive_queue_init(struct archive_queue *queue, sem_t *wake)
{
    memset(queue, 0, sizeof(*queue));
    queue->wake = wake;
    atomic_init(&queue->published, 0);
    atomic_init(&queue->dropped, 0);
    atomic_init(&queue->head, 0);
    queue->items = calloc(ARCHIVE_QUEUE_ROOM, sizeof(*queue->items));
    return queue->items != NULL;
}

void archive_queue_done(struct archive_queue *queue)
{
    free(queue->items);
    queue->items = NULL;
}
