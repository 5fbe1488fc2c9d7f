#ifndef COLLECTOR_TALLY_ROW_EXTRA_H
#define COLLECTOR_TALLY_ROW_EXTRA_H

#include "collector/tally/row.h"
#include "collector/tally/volume.h"

#include <stddef.h>

/*
 * What most rows of a count lack: the variances of what was sampled, and the durations of what
 * lasted longer than a tick. In arrays by the row's position, of which nothing is touched until a
 * row has it; the row says whether it has.
 */
struct row_spread {
    float bytes, packets, flows; /* variances; never infinite, as 24 bits say them well enough */
};
struct row_extra {
    struct row_spread *spreads;
    float *weighted_ms; /* sums of duration × octets, packets and flows */
};

/* False: out of memory; what is there stays. */
bool row_extra_resize(struct row_extra *extra, size_t rows);
void row_extra_done(struct row_extra *extra);

void row_extra_add(struct row_extra *extra, struct row *row, const struct volume *volume);
/* Adds what another row has of it, in these or other arrays. */
void row_extra_sum(struct row_extra *extra, struct row *row, const struct row_extra *from,
                   const struct row *other);
/* Moves what the row has to where another was, before its position changes. */
void row_extra_move(struct row_extra *extra, const struct row *row, uint32_t to);

#endif
