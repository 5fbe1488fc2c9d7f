#ifndef PROTO_ESTIMATE_H
#define PROTO_ESTIMATE_H

/*
 * A sum that was estimated from a sample. `sure` of it is no estimate: what was kept whole. The
 * rest stands for what was seen and what was not, and `variance` is the unbiased estimate of its
 * variance. Estimates of samples that were taken independently add up member by member.
 */
struct estimate {
    double value, sure, variance;
};

void estimate_add(struct estimate *to, const struct estimate *more);

/*
 * Bounds that hold the true sum with 95 %. one: the most that one record of the sample can stand
 * for, which is what may hide where nothing was seen. With y = value - sure and v = variance, the
 * sample says as much as n = y^2 / v records of the weight v / y each would, and the bounds are
 * those of a Poisson count of n: the lower one exact, the upper one with one more record of weight
 * `one` (Fay and Feuer, 1997), so that they are honest for one record and for none. From some five
 * records on half of that caution is taken back (mid-p), since it would hold 97 % and not 95; and
 * from some fifty on the sample itself says better what one record weighs. The quantiles are
 * Wilson's and Hilferty's.
 *
 * As measured over the traffic of tests/unit/collector/recall, they hold a sum of a thousand
 * records and more in 95 to 96 of 100 runs, of some hundreds in 97, of fewer in 98 and 99: a count
 * of few has no exact 95, and wider is taken before narrower. Connections weigh less than `one`
 * allows, so theirs are wider still. A single sum with few records of which one is most of it is
 * held in 91 at the least.
 */
void estimate_bounds(const struct estimate *estimate, double one, double *ret_low,
                     double *ret_high);

#endif
