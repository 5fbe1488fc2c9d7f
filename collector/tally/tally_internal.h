#ifndef COLLECTOR_TALLY_TALLY_INTERNAL_H
#define COLLECTOR_TALLY_TALLY_INTERNAL_H

#include "collector/tally/exporters.h"
#include "collector/tally/filter.h"
#include "collector/tally/rows.h"
#include "collector/tally/tally.h"

/* What tally.c fills and tally_flush.c empties. */

struct tally {
    struct tally_options options;
    struct tally_counters counters;
    struct exporters exporters;
    struct rows rows;
    struct filter **filters; /* one a count */
    size_t filter_count;
    bool asks_direction;
    enum direction direction; /* of the record added last */
    uint64_t halved_ms;
    struct rings rings;
};

#endif
