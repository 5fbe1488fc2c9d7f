#include "common/redis/waiters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 64 };

enum status waiters_reserve(struct waiters *w)
{
    if (w->count < w->room)
        return STATUS_OK;
    size_t room = w->room > 0 ? w->room * 2 : ROOM_MIN;
    struct waiter *ring = malloc(room * sizeof *ring);
    if (ring == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < w->count; i++)
        ring[i] = w->ring[(w->first + i) & (w->room - 1)];
    free(w->ring);
    w->ring = ring;
    w->room = room;
    w->first = 0;
    return STATUS_OK;
}

void waiters_push(struct waiters *w, const struct waiter *waiter)
{
    assert(w->count < w->room);
    w->ring[(w->first + w->count++) & (w->room - 1)] = *waiter;
}

struct waiter waiters_pop(struct waiters *w)
{
    assert(w->count > 0);
    struct waiter popped = w->ring[w->first];
    w->first = (w->first + 1) & (w->room - 1);
    w->count--;
    return popped;
}

const struct waiter *waiters_oldest(const struct waiters *w)
{
    return w->count > 0 ? &w->ring[w->first] : NULL;
}

void waiters_done(struct waiters *w)
{
    free(w->ring);
    *w = (struct waiters){0};
}
