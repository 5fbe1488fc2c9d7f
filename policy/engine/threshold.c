#include "policy/engine/threshold.h"

#include <math.h>
#include <stdio.h>

double threshold_quantile(double confidence)
{
    if (!(confidence > 0.5) || confidence >= 1)
        return 0;
    /* Newton's method on the normal distribution from a rough start: few steps, no table. */
    double z = 1;
    for (int i = 0; i < 30; i++) {
        double p = 0.5 * erfc(-z / sqrt(2));
        double density = exp(-z * z / 2) / sqrt(2 * M_PI);
        double step = (p - confidence) / density;
        z -= fmax(-1, fmin(1, step));
        if (fabs(step) < 1e-12)
            break;
    }
    return z;
}

/* Per second, in the unit of the limit; the lower bound takes the quantile's share of deviation
 * off. */
static double estimate(const struct rollup_rates *rates, enum config_rate_kind kind,
                       double quantile)
{
    double low = 0;
    switch (kind) {
    case RATE_BPS:
        low = (rates->bytes - quantile * sqrt(rates->var_bytes)) * 8;
        break;
    case RATE_PPS:
        low = rates->packets - quantile * sqrt(rates->var_packets);
        break;
    case RATE_FPS:
        low = rates->flows - quantile * sqrt(rates->var_flows);
        break;
    }
    return low > 0 ? low : 0;
}

struct threshold_verdict threshold_judge(const struct config_threshold *threshold,
                                         const struct rollup_rates *rates)
{
    double quantile = -1; /* worked out for what is over its limit only: the bound is lower still */
    bool all = threshold->all;
    bool over = all, under = !all, half = all;
    struct threshold_verdict verdict = {.ratio = all ? INFINITY : 0};
    for (size_t i = 0; i < threshold->rate_count; i++) {
        double limit = (double)threshold->rates[i].limit;
        double now = estimate(rates, threshold->rates[i].kind, 0);
        bool is_over = now >= limit;
        if (is_over) {
            quantile = quantile < 0 ? threshold_quantile(threshold->confidence) : quantile;
            is_over = estimate(rates, threshold->rates[i].kind, quantile) >= limit;
        }
        bool is_under = now < limit * threshold->clear_below;
        bool is_half = now >= limit / 2;
        over = all ? over && is_over : over || is_over;
        half = all ? half && is_half : half || is_half;
        under = all ? under || is_under : under && is_under;
        double ratio = now / limit;
        if (all ? ratio < verdict.ratio : ratio > verdict.ratio) {
            verdict.ratio = ratio;
            verdict.rate = i;
        }
    }
    verdict.half = half;
    verdict.level = over ? LEVEL_OVER : under ? LEVEL_UNDER : LEVEL_BETWEEN;
    return verdict;
}

void threshold_text(const struct config_threshold *threshold, size_t rate, char *ret_text,
                    size_t room)
{
    char limit[TEXT_QUANTITY_MAX];
    if (rate >= threshold->rate_count) {
        (void)snprintf(ret_text, room, "?");
        return;
    }
    double value = (double)threshold->rates[rate].limit;
    switch (threshold->rates[rate].kind) {
    case RATE_BPS:
        (void)snprintf(ret_text, room, "bps %s", text_format_bit_rate(value, limit));
        break;
    case RATE_PPS:
        (void)snprintf(ret_text, room, "pps %s", text_format_count(value, limit));
        break;
    case RATE_FPS:
        (void)snprintf(ret_text, room, "fps %s", text_format_count(value, limit));
        break;
    }
}
