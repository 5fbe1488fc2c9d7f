#include "tests/support/hostile_writer.h"

#include <stdlib.h>

const struct hostile_case *hostile_case_at(size_t index)
{
    static const struct hostile_list *const lists[] = {&hostile_packets, &hostile_records,
                                                       &hostile_templates, &hostile_outside};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (index < lists[i]->count)
            return &lists[i]->cases[index];
        index -= lists[i]->count;
    }
    return NULL;
}

struct decode *hostile_decoder(const struct hostile_case *which)
{
    return decode_new(&(struct decode_limits){.exporters = 2,
                                              .held_bytes = HOSTILE_HELD,
                                              .memory_bytes = which->memory_bytes},
                      1);
}

void hostile_make(struct hostile *ret_hostile, const struct hostile_case *which)
{
    ret_hostile->octets = ret_hostile->count = 0;
    ret_hostile->bytes = malloc(HOSTILE_OCTETS_MAX);
    if (ret_hostile->bytes == NULL)
        abort();
    which->make(ret_hostile);
}

void hostile_done(struct hostile *hostile)
{
    free(hostile->bytes);
    hostile->bytes = NULL;
}
