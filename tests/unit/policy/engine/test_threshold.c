#include "policy/engine/threshold.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

/* 1 Gbps and 500k packets/s, cleared below 80 %. */
static struct config_threshold threshold_of(bool all, double confidence)
{
    struct config_threshold t = {
        .all = all, .rate_count = 2, .confidence = confidence, .clear_below = 0.8};
    t.rates[0].kind = RATE_BPS;
    t.rates[0].limit = 1000000000;
    t.rates[1].kind = RATE_PPS;
    t.rates[1].limit = 500000;
    return t;
}

struct level_case {
    char name[48];
    bool all;
    double mbps, kpps;
    enum level want;
    bool half;
    size_t rate;
};

ParameterizedTestParameters(threshold, judges_rates)
{
    static struct level_case cases[] = {
        {"nothing at all", false, 0, 0, LEVEL_UNDER, false, 0},
        {"any: one over", false, 1000, 10, LEVEL_OVER, true, 0},
        {"any: the other over", false, 10, 500, LEVEL_OVER, true, 1},
        {"any: just under the limit", false, 999.999, 0, LEVEL_BETWEEN, true, 0},
        {"any: just at clear.below", false, 800, 0, LEVEL_BETWEEN, true, 0},
        {"any: just under clear.below", false, 799.999, 0, LEVEL_UNDER, true, 0},
        {"any: one between keeps it from clearing", false, 100, 450, LEVEL_BETWEEN, true, 1},
        {"any: half", false, 500, 0, LEVEL_UNDER, true, 0},
        {"any: under half", false, 499.999, 249.999, LEVEL_UNDER, false, 0},
        {"all: one over is not enough", true, 2000, 450, LEVEL_BETWEEN, true, 1},
        {"all: both over", true, 1500, 501, LEVEL_OVER, true, 1},
        {"all: one under clears", true, 5000, 399, LEVEL_UNDER, true, 1},
        {"all: half needs both", true, 5000, 249, LEVEL_UNDER, false, 1},
    };
    return cr_make_param_array(struct level_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct level_case *c, threshold, judges_rates)
{
    struct config_threshold t = threshold_of(c->all, 0);
    struct rollup_rates rates = {.bytes = c->mbps * 1e6 / 8, .packets = c->kpps * 1e3};
    struct threshold_verdict v = threshold_judge(&t, &rates);
    cr_expect_eq(v.level, c->want, "%s: level %d", c->name, v.level);
    cr_expect_eq(v.half, c->half, "%s", c->name);
    cr_expect_eq(v.rate, c->rate, "%s", c->name);
}

static struct config_threshold flows_of(uint64_t limit, double confidence)
{
    struct config_threshold t = {.rate_count = 1, .confidence = confidence, .clear_below = 0.8};
    t.rates[0].kind = RATE_FPS;
    t.rates[0].limit = limit;
    return t;
}

Test(threshold, flows_without_variance_are_compared_as_they_are)
{
    struct config_threshold t = flows_of(1000, 0.95);
    struct rollup_rates rates = {.flows = 1000};
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_OVER);
    rates.flows = 999;
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
}

/* The deviation of the bit rate is 100 Mbps: the lower bound at 0.95 is 164.5 Mbps less. */
Test(threshold, the_lower_bound_of_a_sampled_estimate_must_pass)
{
    struct config_threshold t = threshold_of(false, 0.95);
    double deviation_bytes = 100e6 / 8;
    struct rollup_rates rates = {.bytes = 1160e6 / 8,
                                 .var_bytes = deviation_bytes * deviation_bytes};
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
    rates.bytes = 1165e6 / 8;
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_OVER);
    rates.var_bytes = 1e30; /* a bound below nothing is nothing, and not "under" */
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
}

/* One record at 1:1000: an estimate of 1000 flows, of which the bound leaves nothing. */
Test(threshold, the_lower_bound_of_flows_must_pass_too)
{
    struct config_threshold t = flows_of(1000, 0.95);
    struct rollup_rates rates = {.flows = 1000, .var_flows = 1000.0 * 999};
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
    rates = (struct rollup_rates){.flows = 1163, .var_flows = 100 * 100};
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
    rates.flows = 1165;
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_OVER);
    t.confidence = 0;
    rates.flows = 1000;
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_OVER);
}

/* Doubt must not end an alarm early: clearing looks at the estimate itself. */
Test(threshold, clearing_looks_at_the_estimate)
{
    struct config_threshold t = threshold_of(false, 0.95);
    struct rollup_rates rates = {.bytes = 810e6 / 8, .var_bytes = 1e16};
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_BETWEEN);
    rates.bytes = 790e6 / 8;
    cr_expect_eq(threshold_judge(&t, &rates).level, LEVEL_UNDER);
}

Test(threshold, ratio_is_of_the_rate_that_decides)
{
    struct config_threshold t = threshold_of(false, 0);
    struct rollup_rates rates = {.bytes = 3e9 / 8, .packets = 1000000};
    cr_expect_float_eq(threshold_judge(&t, &rates).ratio, 3, 1e-9);
    t.all = true;
    cr_expect_float_eq(threshold_judge(&t, &rates).ratio, 2, 1e-9);
}

Test(threshold, quantiles_are_those_of_the_normal_distribution)
{
    cr_expect_float_eq(threshold_quantile(0.95), 1.6448536, 1e-6);
    cr_expect_float_eq(threshold_quantile(0.99), 2.3263479, 1e-6);
    cr_expect_float_eq(threshold_quantile(0.999), 3.0902323, 1e-6);
    cr_expect_float_eq(threshold_quantile(0.51), 0.0250689, 1e-6);
    cr_expect_float_eq(threshold_quantile(0.9999999), 5.1993376, 1e-5);
    cr_expect_eq(threshold_quantile(0), 0);
    cr_expect_eq(threshold_quantile(0.5), 0);
    cr_expect_eq(threshold_quantile(1), 0);
    cr_expect_eq(threshold_quantile((double)NAN), 0);
}

Test(threshold, text_names_the_limit)
{
    struct config_threshold t = threshold_of(false, 0);
    char text[96];
    threshold_text(&t, 0, text, sizeof(text));
    cr_expect_str_eq(text, "bps 1.00 Gbps");
    threshold_text(&t, 1, text, sizeof(text));
    cr_expect_eq(strncmp(text, "pps 500", 7), 0, "%s", text);
    threshold_text(&t, 2, text, sizeof(text));
    cr_expect_str_eq(text, "?");
}
