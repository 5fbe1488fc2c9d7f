#ifndef POLICY_ENGINE_THRESHOLD_H
#define POLICY_ENGINE_THRESHOLD_H

#include "common/model/model.h"
#include "proto/rollup.h"

/* How the rates of a key stand to a threshold. */
enum level {
    LEVEL_UNDER, /* clear: an `any` threshold when all its rates are under, an `all` one when one is
                  */
    LEVEL_BETWEEN, /* under the limit, not under clear.below; or over half of it */
    LEVEL_OVER     /* the lower bound of the sampled estimate is over the limit */
};

struct threshold_verdict {
    enum level level;
    bool half;    /* over half of the limit */
    double ratio; /* of the estimate to the limit: the largest of `any`, the smallest of `all` */
    size_t rate;  /* index of the rate that decided */
};

struct threshold_verdict threshold_judge(const struct config_threshold *threshold,
                                         const struct rollup_rates *rates);

/* One-sided normal quantile of a confidence in [0.5, 1): 0.95 gives 1.645. 0 gives 0. */
double threshold_quantile(double confidence);

/* "bps 500 Mbps", "pps 300k": the limit that decided, for people. */
void threshold_text(const struct config_threshold *threshold, size_t rate, char *ret_text,
                    size_t room);

#endif
