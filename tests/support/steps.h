#ifndef TESTS_SUPPORT_STEPS_H
#define TESTS_SUPPORT_STEPS_H

#include "proto/flow.h"

#include <stdint.h>

/*
 * How many basic blocks of collector/decode and collector/tally, and of the tables that they stand
 * on, have run so far. The compiler puts the count into each (test_counted in the CMakeLists.txt
 * beside this file), so work is measured without a clock, and the same each time. What memcpy and
 * malloc do is not in it.
 */
uint64_t steps_now(void);

/*
 * The most that a datagram of a format may take: twice what the dearest known takes at most, each
 * octet alone and, where an octet can be a record, of flows or of options, with the record; and
 * what each takes at least.
 */
struct steps_allowed {
    uint64_t an_octet, a_record, a_datagram;
};
extern const struct steps_allowed steps_allowed[FORMAT_COUNT + 1]; /* the last: of no format */

static inline uint64_t steps_most(const struct steps_allowed *allowed, uint64_t octets,
                                  uint64_t records)
{
    return octets * allowed->an_octet + records * allowed->a_record + allowed->a_datagram;
}

#endif
