#ifndef COLLECTOR_DECODE_WAYS_H
#define COLLECTOR_DECODE_WAYS_H

#include "collector/decode/plan.h"

/*
 * The sampling rate in the fields of one record, of data or of options. There are five ways to say
 * it, and exporters leave what they do not use at 0 or 1, so 1 counts only where no way says more:
 *
 *   309, 310   310 / 309, packets of so many
 *   305, 306   (305 + 306) / 305; 305 counts packets in a row, so without 306 it says 1 or nothing
 *   50, 34     1 in so many
 *   311        a probability
 *
 * in this order, behind the one that belongs to the algorithm in 304 (RFC 5477, 8.2).
 */
struct ways {
    double rate;    /* 1 in so many; 0: none that makes sense */
    double against; /* another that the same fields say; 0: none */
};

struct ways ways_of(const struct plan_extra *extra);
double ways_judged(double rate);      /* 0 where it is no rate at all */
bool ways_differ(double a, double b); /* by more than rounding */

#endif
