#include "proto/estimate.h"

#include <math.h>

static const double z95 = 1.959963985;

void estimate_add(struct estimate *to, const struct estimate *more)
{
    to->value += more->value;
    to->sure += more->sure;
    to->variance += more->variance;
}

/* The quantile of a Gamma variable of this shape and of scale 1. */
static double quantile(double shape, double z)
{
    if (shape <= 0)
        return 0;
    double root = 1 - 1 / (9 * shape) + z / (3 * sqrt(shape));
    return root <= 0 ? 0 : shape * root * root * root;
}

void estimate_bounds(const struct estimate *estimate, double one, double *ret_low, double *ret_high)
{
    enum { FEW = 5, MANY = 50 };
    double y = estimate->value - estimate->sure, v = estimate->variance, low = 0, caution = 1;
    if (y <= 0 || v <= 0) {
        y = y > 0 ? y : 0;
        v = 0;
        low = y;
    } else {
        double n = y * y / v, half = 0.5 * n / (n + FEW);
        low = v / y * quantile(n + half, -z95);
        caution = 1 - half;
        one = (one * MANY * MANY + v / y * n * n) / (MANY * MANY + n * n);
    }
    double most = y + caution * one, spread = v + caution * one * one;
    *ret_low = estimate->sure + low;
    *ret_high = estimate->sure + y;
    if (spread > 0)
        *ret_high = estimate->sure + spread / most * quantile(most * most / spread, z95);
    /* Where all was kept (variance 0) and one is 0 too, both are the sum itself. */
}
