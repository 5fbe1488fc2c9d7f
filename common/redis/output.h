#ifndef COMMON_REDIS_OUTPUT_H
#define COMMON_REDIS_OUTPUT_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes to be written: one buffer is with the system while the other collects, so that commands
 * made while a write is on its way leave together in the next.
 */
struct output_buffer {
    char *bytes;
    size_t len, room;
};

struct output {
    struct output_buffer collecting, flying;
};

enum status output_add(struct output *output, const char *bytes, size_t len);
/* What was collected takes off; false where nothing was, or the last flight has not landed. */
bool output_take_off(struct output *output);
void output_land(struct output *output);
void output_clear(struct output *output);
void output_done(struct output *output);

static inline size_t output_bytes(const struct output *output)
{
    return output->collecting.len + output->flying.len;
}

#endif
