#include "common/redis/output.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM_MIN_BYTES = 4 << 10,
    /* A buffer that a backlog made larger is given back once it is empty. */
    ROOM_KEPT_BYTES = 1 << 20,
};

static void empty(struct output_buffer *buffer)
{
    buffer->len = 0;
    if (buffer->room > ROOM_KEPT_BYTES) {
        free(buffer->bytes);
        *buffer = (struct output_buffer){0};
    }
}

enum status output_add(struct output *output, const char *bytes, size_t len)
{
    struct output_buffer *to = &output->collecting;
    if (len > to->room - to->len) {
        size_t room = to->room > 0 ? to->room : ROOM_MIN_BYTES;
        while (room - to->len < len)
            room *= 2;
        char *grown = realloc(to->bytes, room);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        to->bytes = grown;
        to->room = room;
    }
    memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
    return STATUS_OK;
}

bool output_take_off(struct output *output)
{
    if (output->flying.len > 0 || output->collecting.len == 0)
        return false;
    struct output_buffer empty_one = output->flying;
    output->flying = output->collecting;
    output->collecting = empty_one;
    return true;
}

void output_land(struct output *output)
{
    empty(&output->flying);
}

void output_clear(struct output *output)
{
    empty(&output->collecting);
    empty(&output->flying);
}

void output_done(struct output *output)
{
    free(output->collecting.bytes);
    free(output->flying.bytes);
    *output = (struct output){0};
}
