#include "ctl/random.h"

#include <criterion/criterion.h>
#include <math.h>

/* Seeds are fixed, so what holds once holds always; the bounds are of six standard deviations. */
enum { DRAWS = 1000000 };

static double chi_square(const uint32_t *seen, const double *expected, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
    return sum;
}

Test(random, weights_are_kept)
{
    static const double exponents[] = {0, 0.8, 1, 1.5};
    enum { COUNT = 300 };
    for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
        struct random_alias alias;
        struct random random = {11};
        uint32_t seen[COUNT] = {0};
        double expected[COUNT], sum = 0;
        cr_assert_eq(random_alias_init_zipf(&alias, COUNT, exponents[e]), STATUS_OK);
        for (int i = 0; i < DRAWS; i++)
            seen[random_alias_draw(&alias, &random)]++;
        for (int i = 0; i < COUNT; i++)
            sum += expected[i] = pow(i + 1, -exponents[e]);
        for (int i = 0; i < COUNT; i++)
            expected[i] *= DRAWS / sum;
        double got = chi_square(seen, expected, COUNT);
        cr_expect(got < COUNT + 6 * sqrt(2.0 * COUNT), "exponent %g: chi-square %g", exponents[e],
                  got);
        random_alias_done(&alias);
    }
}

Test(random, a_weight_of_nothing_is_never_drawn)
{
    static const double weights[] = {0, 3, 0, 1};
    struct random_alias alias;
    struct random random = {5};
    uint32_t seen[4] = {0};
    cr_assert_eq(random_alias_init(&alias, weights, 4), STATUS_OK);
    for (int i = 0; i < DRAWS; i++)
        seen[random_alias_draw(&alias, &random)]++;
    cr_assert(seen[0] == 0 && seen[2] == 0);
    cr_assert(fabs(seen[1] - 0.75 * DRAWS) < 6 * sqrt(DRAWS * 0.75 * 0.25));
    random_alias_done(&alias);
}

Test(random, gaps_sample_one_in_n)
{
    static const uint32_t rates[] = {1, 2, 10, 1000};
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
        struct random random = {3};
        uint64_t passed = 0;
        enum { TAKEN = 200000 };
        for (int i = 0; i < TAKEN; i++)
            passed += random_gap(&random, rates[r]) + 1;
        double n = rates[r], deviation = sqrt(1 - 1 / n) * n / sqrt(TAKEN);
        cr_expect(fabs((double)passed / TAKEN - n) <= 6 * deviation, "1 in %u: %g", rates[r],
                  (double)passed / TAKEN);
    }
}

Test(random, tails_have_a_mean_of_one_and_are_heavy)
{
    static const double exponents[] = {1, 1.2, 2};
    static struct random_tail tail;
    for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
        struct random random = {3};
        double sum = 0, squares = 0;
        uint32_t above = 0;
        random_tail_init(&tail, exponents[e]);
        double least = (double)tail.quantiles[0];
        for (int i = 0; i < DRAWS; i++) {
            double value = random_tail_draw(&tail, &random);
            cr_assert(value >= least && value <= least * RANDOM_TAIL_SPAN);
            sum += value;
            squares += value * value;
            above += value > least * 10;
        }
        double mean = sum / DRAWS, deviation = sqrt((squares / DRAWS - mean * mean) / DRAWS);
        cr_expect(fabs(mean - 1) < 6 * deviation, "exponent %g: mean %g", exponents[e], mean);
        /* Of Pareto's law: the share above ten times the least is 10^-exponent. */
        double share = pow(10, -exponents[e]);
        cr_expect(fabs((double)above / DRAWS - share) < 0.01, "exponent %g: %u above ten times",
                  exponents[e], above);
    }
}

Test(random, rounding_keeps_the_mean)
{
    struct random random = {9};
    uint64_t sum = 0;
    for (int i = 0; i < DRAWS; i++)
        sum += random_round(&random, 2.3);
    cr_assert(fabs((double)sum / DRAWS - 2.3) < 6 * sqrt(0.3 * 0.7 / DRAWS));
}
