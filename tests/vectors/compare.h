#ifndef TESTS_VECTORS_COMPARE_H
#define TESTS_VECTORS_COMPARE_H

#include "common/base/text.h"
#include "proto/flow.h"

#include <jansson.h>

/* A record with what only the caller knows of it. */
struct vector_record {
    struct flow_record flow;
    struct ip_addr exporter;
    size_t datagram;
};

/* Compares what both say, as the corpus's FORMAT.md asks; adds each difference to *differences.
 * `back` is the reverse half that follows, or NULL. Gives how many keys were compared. */
size_t vector_compare(const struct vector_record *got, const struct vector_record *back,
                      const json_t *want, struct text *differences);

#endif
