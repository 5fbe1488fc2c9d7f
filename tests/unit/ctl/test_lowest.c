#include "ctl/lowest.h"

#include <criterion/criterion.h>
#include <math.h>

#define NEARLY(a, b) cr_assert(fabs((a) - (b)) <= 1e-6 * fabs(b), "%g, want %g", (a), (b))

Test(lowest, unsampled_traffic_shows_whatever_it_is)
{
    cr_assert_eq(lowest_shown(1, 0.95, 1000).pps, 0);
    NEARLY(lowest_passing(5e6, RATE_BPS, 1, 0.95, 1000), 5e6);
}

Test(lowest, confidence_zero_takes_the_estimate_itself)
{
    cr_assert_eq(lowest_shown(1000, 0, 1000).bps, 0);
    NEARLY(lowest_passing(5000, RATE_PPS, 1000, 0, 1000), 5000.0);
}

Test(lowest, a_rate_that_passes_is_its_limit_once_the_deviations_are_taken_off)
{
    double z = 1.6448536269514722;
    for (unsigned int sampling = 2; sampling < 100000; sampling *= 3) {
        double v = (sampling - 1) * 1000.0 / 5000;
        double pps = lowest_passing(2000, RATE_PPS, sampling, 0.95, 5000);
        NEARLY(pps - z * sqrt(pps * v), 2000.0);
        double bps = lowest_passing(1e9, RATE_BPS, sampling, 0.95, 5000);
        NEARLY(bps - z * sqrt(bps * v * LOWEST_PACKET_OCTETS * 8), 1e9);
        NEARLY(lowest_shown(sampling, 0.95, 5000).pps, z * z * v);
    }
}

Test(lowest, a_longer_window_shows_less_traffic)
{
    NEARLY(lowest_shown(1000, 0.99, 10000).pps, lowest_shown(1000, 0.99, 1000).pps / 10);
}

Test(lowest, flows_are_as_unsure_as_packets)
{
    NEARLY(lowest_passing(300, RATE_FPS, 1000, 0.95, 1000),
           lowest_passing(300, RATE_PPS, 1000, 0.95, 1000));
    NEARLY(lowest_passing(300, RATE_FPS, 1000, 0, 1000), 300.0);
}
