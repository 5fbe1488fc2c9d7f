#include "collector/interface_check.h"

#include <criterion/criterion.h>
#include <math.h>

enum { INTERVAL_MS = 30000, RUNS = 1000 };

/* An interface with one kind of traffic, of which a router samples 1 in `actual` and says another
 * number. */
struct port {
    struct interface_check check;
    uint64_t seed;
    double actual, said;
    double small_share; /* of the packets: 64 octets, the others 1500 */
    double lag;         /* of its counters, in intervals: what is read out late counts later */
    double late_octets;
};

static uint64_t chance_below(uint64_t *seed, uint64_t limit)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static double chance(uint64_t *seed)
{
    return ((double)chance_below(seed, 1U << 30) + 0.5) / (1U << 30);
}

/* So many packets of a size, from one sampled packet to the next. */
static void pass(struct port *p, double packets, uint64_t octets)
{
    double at = 0;
    for (;;) {
        at += floor(log(chance(&p->seed)) / log(1 - 1 / p->actual)) + 1;
        if (at > packets)
            return;
        interface_check_sample(&p->check, octets, p->said);
    }
}

static enum interface_verdict run(struct port *p, double packets)
{
    double small = floor(packets * p->small_share), large = packets - small;
    double octets = 64 * small + 1500 * large, late = octets * p->lag;
    pass(p, small, 64);
    pass(p, large, 1500);
    interface_check_counted(&p->check, (uint64_t)(octets - late + p->late_octets), INTERVAL_MS);
    p->late_octets = late;
    return interface_check_share(&p->check).verdict;
}

static struct port port_of(uint64_t run, double factor)
{
    struct port p = {.seed = run * UINT64_C(0x9e3779b97f4a7c15) + 1};
    p.actual = (double)(10 + chance_below(&p.seed, 2000));
    p.said = p.actual * factor;
    p.small_share = chance(&p.seed);
    return p;
}

static bool is_against(enum interface_verdict verdict)
{
    return verdict == INTERFACE_LOW || verdict == INTERFACE_HIGH;
}

/* Little or much traffic, that jumps by as much as an attack does, and counters that are read out
 * up to ten seconds late. */
Test(interface_check, the_right_rate_is_never_called_wrong)
{
    size_t judged = 0;
    for (uint64_t i = 0; i < RUNS; i++) {
        struct port p = port_of(i, 1);
        p.lag = chance(&p.seed) / 3;
        double samples = 5 + (double)chance_below(&p.seed, 300);
        for (int interval = 0; interval < 60; interval++) {
            if (chance_below(&p.seed, 10) == 0)
                samples = 5 + (double)chance_below(&p.seed, 300);
            double jump = chance_below(&p.seed, 20) == 0 ? 20 : 1;
            enum interface_verdict verdict = run(&p, samples * jump * p.actual);
            cr_assert_not(is_against(verdict), "run %zu, interval %d: share %g of %g", (size_t)i,
                          interval, interface_check_share(&p.check).share,
                          (double)p.check.judged.samples);
            judged += verdict == INTERFACE_FITS ? 1 : 0;
        }
    }
    cr_expect_gt(judged, RUNS * 40, "it says so, too: %zu", judged);
}

static void expect_found(double factor, enum interface_verdict wanted)
{
    for (uint64_t i = 0; i < RUNS; i++) {
        struct port p = port_of(i + RUNS, factor);
        enum interface_verdict verdict = INTERFACE_UNKNOWN;
        p.lag = chance(&p.seed) / 3;
        int interval = 0;
        for (; interval < 40 && !is_against(verdict); interval++)
            verdict = run(&p, 600 * p.actual);
        struct interface_share share = interface_check_share(&p.check);
        cr_assert_eq(verdict, wanted, "run %zu: share %g", (size_t)i, share.share);
        cr_assert_leq(fabs(share.suggested / p.actual - 1), 0.35, "run %zu: 1:%g, not 1:%g",
                      (size_t)i, share.suggested, p.actual);
        cr_assert_float_eq(share.said, p.said, 1e-6 * p.said);
    }
}

Test(interface_check, twice_the_rate_is_found)
{
    expect_found(2, INTERFACE_HIGH);
}

Test(interface_check, half_the_rate_is_found)
{
    expect_found(0.5, INTERFACE_LOW);
}

/* Exact numbers: a rate of 1000 is said, it is 10000, and all packets have 1000 octets. */
static void minute(struct interface_check *check, unsigned int samples, uint64_t octets)
{
    for (unsigned int i = 0; i < samples; i++)
        interface_check_sample(check, 1000, 1000);
    interface_check_counted(check, octets, 60000);
}

Test(interface_check, tells_the_share_and_the_rate_that_would_fit)
{
    struct interface_check check = {0};
    minute(&check, 100, 1000 * 1000 * 1000);
    struct interface_share share = interface_check_share(&check);
    cr_assert_eq(share.verdict, INTERFACE_UNKNOWN, "one minute may be a jump");
    cr_assert_float_eq(share.share, 0.1, 1e-9);
    minute(&check, 100, 1000 * 1000 * 1000);
    cr_assert_eq(interface_check_share(&check).verdict, INTERFACE_UNKNOWN);
    minute(&check, 100, 1000 * 1000 * 1000);
    share = interface_check_share(&check);
    cr_assert_eq(share.verdict, INTERFACE_LOW);
    cr_assert_float_eq(share.said, 1000, 1e-9);
    cr_assert_float_eq(share.suggested, 10000, 1e-6);
    cr_assert_float_eq(share.error, 0.02575, 1e-4, "%g", share.error);
    minute(&check, 100, 100 * 1000 * 1000);
    cr_assert_eq(interface_check_share(&check).verdict, INTERFACE_FITS, "mended at once");
    cr_assert_str_eq(interface_verdict_name(INTERFACE_FITS), "fits");
}

Test(interface_check, without_samples_there_is_nothing_to_say)
{
    struct interface_check check = {0};
    for (int i = 0; i < 30; i++)
        minute(&check, 0, 1000 * 1000 * 1000);
    cr_assert_eq(interface_check_share(&check).verdict, INTERFACE_UNKNOWN, "it samples elsewhere");
    cr_assert_eq(interface_check_share(&check).share, 0);
    for (int i = 0; i < 30; i++)
        minute(&check, 4, 1000 * 1000 * 1000);
    cr_assert_eq(interface_check_share(&check).share, 0, "40 in ten minutes are too few");
}

Test(interface_check, a_counter_that_stands_still_says_nothing)
{
    struct interface_check check = {0};
    for (int i = 0; i < 30; i++)
        minute(&check, 100, 0);
    cr_assert_eq(interface_check_share(&check).verdict, INTERFACE_UNKNOWN);
    cr_assert_eq(interface_check_share(&check).share, 0);
}

Test(interface_check, what_came_before_a_restart_does_not_count)
{
    struct interface_check check = {0};
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 1000; j++)
            interface_check_sample(&check, 1000, 1000);
        interface_check_restart(&check);
        minute(&check, 100, 100 * 1000 * 1000);
        cr_assert_eq(interface_check_share(&check).verdict, INTERFACE_FITS);
    }
}

Test(interface_check, a_rate_that_nobody_says_counts_as_1)
{
    struct interface_check check = {0};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 100; j++)
            interface_check_sample(&check, 1000, 0);
        interface_check_counted(&check, 100 * 1000 * 512, 60000);
    }
    struct interface_share share = interface_check_share(&check);
    cr_assert_eq(share.verdict, INTERFACE_LOW);
    cr_assert_float_eq(share.said, 1, 1e-9);
    cr_assert_float_eq(share.suggested, 512, 1e-6);
}
