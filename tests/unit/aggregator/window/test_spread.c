#include "aggregator/window/spread.h"

#include <criterion/criterion.h>
#include <math.h>

/* Long flows made into rates. */

struct reading {
    double bytes;
    double most; /* bytes a millisecond of a piece */
    uint64_t from_ms, to_ms;
};

static void on_piece(void *owner, uint64_t from_ms, uint64_t to_ms, const struct amounts *amounts)
{
    struct reading *r = owner;
    double bytes = (double)amounts->of[QUANTITY_BYTES];
    cr_assert(from_ms < to_ms);
    if (r->from_ms == 0)
        r->from_ms = from_ms;
    r->to_ms = to_ms;
    r->bytes += bytes;
    r->most = fmax(r->most, bytes / (double)(to_ms - from_ms));
}

static const uint64_t T0 = 1700000000123;

Test(spread, a_volume_is_kept_and_ends_with_its_duration)
{
    static const uint64_t durations_ms[] = {1,    2,    11,    100,   127,    128,     129,
                                            1000, 1500, 60000, 61234, 300000, 3599999, 3600000};
    for (size_t i = 0; i < sizeof(durations_ms) / sizeof(durations_ms[0]); i++) {
        for (int coarse = 0; coarse < 2; coarse++) {
            struct spread *spread = NULL;
            struct reading r = {0}, none = {0};
            struct amounts amounts = {{6e6F}};
            uint64_t d = durations_ms[i];
            cr_assert_eq(spread_add(&spread, T0, T0 + d, &amounts, coarse != 0), STATUS_OK);
            cr_assert_eq(spread_at_ms(spread), T0);
            spread_read(spread, T0 + 2 * d + 2 * 128, on_piece, &r);
            cr_assert_float_eq(r.bytes, 6e6, 6, "duration %d", (int)d);
            cr_assert_eq(r.from_ms, T0);
            double late = (double)r.to_ms - (double)(T0 + d);
            cr_assert(late <= (double)d / (coarse ? 1.9 : 32) + 128, "duration %d: %g", (int)d,
                      late);
            cr_assert(r.most <= 6e6 / (double)d * 1.01);
            cr_assert(spread_is_over(spread));
            spread_read(spread, T0 + 10 * d + 1000, on_piece, &none);
            cr_assert_float_eq(none.bytes, 0, 1e-9);
            spread_free(spread);
        }
    }
}

Test(spread, steady_records_give_a_steady_rate)
{
    /* 600 flows, each exported every 60 s with what it carried in that minute. */
    struct spread *spread = NULL;
    struct amounts amounts = {{60000}};
    double last_ms = 0;
    for (uint64_t t = 0; t < 240000; t += 100) {
        struct reading r = {0};
        if (spread != NULL)
            spread_read(spread, T0 + t, on_piece, &r);
        if (t > 60000)
            cr_assert_float_eq(r.bytes / 100, 600, 3, "at %d: %g", (int)t, r.bytes / 100);
        last_ms = (double)t;
        cr_assert_eq(spread_add(&spread, T0 + t, T0 + t + 60000, &amounts, false), STATUS_OK);
    }
    cr_assert_gt(last_ms, 0);
    spread_free(spread);
}

Test(spread, a_bound_is_never_less_than_what_comes)
{
    struct spread *spread = NULL;
    struct amounts amounts = {{1000}};
    for (uint64_t d = 100; d < 60000; d += 700)
        cr_assert_eq(spread_add(&spread, T0, T0 + d, &amounts, false), STATUS_OK);
    for (uint64_t t = 0; t < 70000; t += 1000) {
        struct sums bound;
        struct reading r = {0};
        spread_bound(spread, 1000, &bound);
        spread_read(spread, T0 + t + 1000, on_piece, &r);
        cr_assert(bound.of[QUANTITY_BYTES] >= r.bytes - 1e-3);
    }
    cr_assert(spread_is_over(spread));
    spread_free(spread);
}

Test(spread, any_mix_of_durations_takes_bounded_room_and_keeps_its_volume)
{
    struct spread *spread = NULL;
    double total = 0, read = 0;
    uint64_t seed = 3;
    for (uint64_t t = 0; t < 20000; t += 7) {
        struct reading r = {0};
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t d = 1 + (seed >> 33) % (UINT64_C(1) << (seed >> 60) % 22);
        struct amounts amounts = {{1000}};
        if (spread != NULL)
            spread_read(spread, T0 + t, on_piece, &r);
        read += r.bytes;
        total += 1000;
        cr_assert_eq(spread_add(&spread, T0 + t, T0 + t + d, &amounts, false), STATUS_OK);
    }
    struct reading r = {0};
    spread_read(spread, T0 + 20000 + 3 * SPREAD_MAX_MS, on_piece, &r);
    cr_assert_float_eq(read + r.bytes, total, total * 1e-3);
    cr_assert(spread_is_over(spread));
    spread_free(spread);
}
