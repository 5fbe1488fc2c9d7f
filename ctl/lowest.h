#ifndef CTL_LOWEST_H
#define CTL_LOWEST_H

#include "common/service/config.h"

/*
 * What a sampled estimate can show. Of packets (or flows of one) sampled 1 in N, a rate of x a
 * second over a window w has the variance x (N - 1) / w; a threshold is passed when the estimate
 * less z deviations is over it, z being the quantile of its confidence.
 */
enum { LOWEST_PACKET_OCTETS = 1500 }; /* bits come in packets of this size, the fewest there are */

struct lowest {
    double pps, bps; /* under these nothing at all shows; 0: everything does */
};
struct lowest lowest_shown(uint32_t sampling, double confidence, uint64_t window_ms);
/* The true rate from which a limit is passed; the limit itself where the confidence is 0. */
double lowest_passing(double limit, enum config_rate_kind kind, uint32_t sampling,
                      double confidence, uint64_t window_ms);

#endif
