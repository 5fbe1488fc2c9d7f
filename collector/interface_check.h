#ifndef COLLECTOR_INTERFACE_CHECK_H
#define COLLECTOR_INTERFACE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Do the samples taken on one side of an interface explain what the interface itself counted there?
 * Both are summed between two readings of its counter; what was counted less what was sampled times
 * its rate says whether the rate is right. A block of readings is judged when it lasts a minute and
 * has samples enough; a verdict against the rate needs several blocks in a row, because counters
 * that a router reads out late do not fit when the traffic jumps. A side without samples is not
 * sampled at all, which is nothing to complain of.
 *
 *   interface_check_sample() … interface_check_counted() … , interface_check_restart() where the
 *   counter began anew
 */
enum interface_verdict {
    INTERFACE_UNKNOWN, /* nothing to go by, or not for long enough */
    INTERFACE_FITS,
    INTERFACE_LOW, /* the samples show less than was counted */
    INTERFACE_HIGH
};
const char *interface_verdict_name(enum interface_verdict verdict); /* "unknown", "fits", … */

struct interface_sums {
    double octets;   /* of the sampled packets */
    double scaled;   /* times their rate */
    double variance; /* of that estimate */
    double counted;  /* by the interface */
    uint64_t samples, ms;
};

struct interface_check {
    struct interface_sums open, block;
    struct interface_sums judged; /* the last block that had enough; samples 0: none */
    uint8_t leaning;              /* enum interface_verdict of that one */
    uint8_t in_a_row;             /* blocks */
};

/* A packet of so many octets stands for `rate`; 0: not known, taken as 1 as everywhere. */
static inline void interface_check_sample(struct interface_check *check, uint64_t octets,
                                          double rate)
{
    double n = (double)octets, r = rate > 0 ? rate : 1;
    check->open.octets += n;
    check->open.scaled += n * r;
    check->open.variance += n * n * r * (r - 1);
    check->open.samples++;
}

/* The counter grew by that much within that time, while the samples since the last call came. */
void interface_check_counted(struct interface_check *check, uint64_t octets, uint64_t ms);
void interface_check_restart(struct interface_check *check);

/* What people are told; share: sampled and scaled by counted, error: half of its 99 % interval. */
struct interface_share {
    enum interface_verdict verdict;
    double share, error;    /* 0: nothing was judged */
    double said, suggested; /* rates, 1 in so many */
};
struct interface_share interface_check_share(const struct interface_check *check);

#endif
