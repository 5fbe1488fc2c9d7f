#include "ctl/lowest.h"

#include "policy/engine/threshold.h"

#include <math.h>

/* Of one packet a second: z² (N - 1) / w. */
static double spread(uint32_t sampling, double confidence, uint64_t window_ms)
{
    double z = threshold_quantile(confidence);
    return sampling > 1 && window_ms > 0 ? z * z * ((double)sampling - 1) * 1000 / (double)window_ms
                                         : 0;
}

static double unit_of(enum config_rate_kind kind)
{
    switch (kind) {
    case RATE_BPS:
        return LOWEST_PACKET_OCTETS * 8;
    case RATE_PPS:
        return 1;
    case RATE_FPS:
        return 1; /* of one packet each: a longer flow counts as several, and has less variance */
    }
    return 0;
}

struct lowest lowest_shown(uint32_t sampling, double confidence, uint64_t window_ms)
{
    double pps = spread(sampling, confidence, window_ms);
    return (struct lowest){.pps = pps, .bps = pps * unit_of(RATE_BPS)};
}

double lowest_passing(double limit, enum config_rate_kind kind, uint32_t sampling,
                      double confidence, uint64_t window_ms)
{
    /* x - sqrt(x v) = limit, for the square root of x. */
    double v = spread(sampling, confidence, window_ms) * unit_of(kind);
    double root = (sqrt(v) + sqrt(v + 4 * limit)) / 2;
    return root * root;
}
