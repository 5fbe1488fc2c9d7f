#include "aggregator/window/ring.h"

#include <criterion/criterion.h>
#include <math.h>

/* Cells, and what the oldest and the newest of them count for. */

static const uint64_t T0 = 1700000000123;

struct full_ring {
    struct amounts cells[RING_FULL_CELLS];
    uint64_t head_ms;
};

static struct ring ring_of(struct full_ring *r, uint64_t window_ms)
{
    return (struct ring){.cells = r->cells, .shape = &ring_full, .window_ms = window_ms};
}

static void add(struct full_ring *r, uint64_t window_ms, uint64_t from_ms, uint64_t to_ms,
                double bytes)
{
    struct ring ring = ring_of(r, window_ms);
    struct amounts amounts = {{(float)bytes}};
    if (to_ms > r->head_ms) {
        ring_turn(&ring, r->head_ms, to_ms);
        r->head_ms = to_ms;
    }
    ring_add(&ring, r->head_ms, from_ms, to_ms, &amounts);
}

static double sum(struct full_ring *r, uint64_t window_ms, uint64_t at_ms)
{
    struct ring ring = ring_of(r, window_ms);
    struct sums sums;
    ring_sum(&ring, r->head_ms, at_ms, &sums);
    return sums.of[QUANTITY_BYTES];
}

Test(ring, a_steady_rate_is_exact_at_every_instant)
{
    static const uint64_t windows_ms[] = {1000, 2000, 7000, 10000, 60000};
    for (size_t w = 0; w < sizeof(windows_ms) / sizeof(windows_ms[0]); w++) {
        struct full_ring r = {.head_ms = 0};
        uint64_t window_ms = windows_ms[w];
        for (uint64_t t = 10; t <= 3 * window_ms; t += 10) {
            add(&r, window_ms, T0 + t - 10, T0 + t, 100);
            if (t > window_ms * 8 / 7) /* before, the cell where it began is the oldest */
                cr_assert_float_eq(sum(&r, window_ms, T0 + t), (double)window_ms * 10,
                                   (double)window_ms * 0.01, "window %d at %d", (int)window_ms,
                                   (int)t);
        }
    }
}

Test(ring, a_burst_counts_fully_until_its_cell_leaves_and_then_evenly)
{
    struct full_ring r = {.head_ms = 0};
    add(&r, 7000, T0, T0 + 100, 1000); /* cells of 1 s */
    add(&r, 7000, T0 + 5000, T0 + 5001, 0);
    double last = 1000;
    for (uint64_t at = T0 + 5001; at < T0 + 9000; at += 50) {
        double now = sum(&r, 7000, at);
        cr_assert(now <= last + 1e-3, "it only falls");
        if (at <= T0 + 6000)
            cr_assert_float_eq(now, 1000, 1e-3);
        if (at >= T0 + 8100)
            cr_assert_float_eq(now, 0, 1e-3, "no later than a cell after its time");
        last = now;
    }
}

Test(ring, the_error_is_at_most_the_oldest_cell)
{
    /* Whatever is added, a sum lies between that of the whole cells and that of all cells touched.
     */
    struct full_ring r = {.head_ms = 0};
    uint64_t seed = 1;
    double exact[4000] = {0};
    for (uint64_t t = 0; t < 4000; t++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        exact[t] = (seed >> 60) == 0 ? (double)(seed >> 40 & 0xfff) : 0;
        add(&r, 1000, T0 + t, T0 + t + 1, exact[t]);
        if (t < 1300)
            continue;
        double whole = 0, oldest = 0;
        for (uint64_t i = t - 999; i <= t; i++)
            whole += exact[i];
        for (uint64_t i = t - 999 - 143; i <= t - 999 + 143; i++)
            oldest += exact[i];
        cr_assert(fabs(sum(&r, 1000, T0 + t + 1) - whole) <= oldest + 1e-2);
    }
}

Test(ring, late_additions_go_where_they_belong_and_too_late_ones_nowhere)
{
    struct full_ring r = {.head_ms = 0};
    add(&r, 1000, T0 - 500, T0 + 1000, 1500);
    add(&r, 1000, T0 + 300, T0 + 400, 500);
    cr_assert_float_eq(sum(&r, 1000, T0 + 1000), 1500, 1e-2);
    add(&r, 1000, T0 - 3000, T0 - 2900, 1e6);
    cr_assert_float_eq(sum(&r, 1000, T0 + 1000), 1500, 1e-2);
    /* Half of it is older than the ring. */
    add(&r, 1000, T0 - 9000, T0 + 1000, 10000);
    cr_assert_float_eq(sum(&r, 1000, T0 + 1000), 2500, 25, "of 1 in a ms, the last 1000");
}

Test(ring, a_window_may_end_at_a_boundary_before_the_newest_cell)
{
    struct full_ring r = {.head_ms = 0};
    for (uint64_t t = 0; t < 2000; t += 10)
        add(&r, 1000, T0 + t, T0 + t + 10, 10);
    struct ring ring = ring_of(&r, 1000);
    for (uint64_t lag = 0; lag < 1000; lag += 7) {
        uint64_t at_ms = ring_boundary_ms(&ring, r.head_ms, T0 + 2000 - lag);
        cr_assert(at_ms <= T0 + 2000 - (lag < 280 ? lag : 0));
        cr_assert(at_ms + 143 >= T0 + 2000 - lag);
        cr_assert_float_eq(sum(&r, 1000, at_ms), 1000, 2);
    }
}

Test(ring, nonsense_stays_a_number)
{
    struct full_ring r = {.head_ms = 0};
    for (int i = 0; i < 100; i++)
        add(&r, 1000, T0, T0 + 1, 3e38);
    cr_assert(isfinite(sum(&r, 1000, T0 + 1)));
    add(&r, 1000, 0, T0 + 2, 5); /* since 1970 */
    cr_assert(isfinite(sum(&r, 1000, T0 + 1)));
    add(&r, 1000, T0 + 1000000, T0 + 1000000, 5); /* an empty interval */
    cr_assert_float_eq(sum(&r, 1000, T0 + 1000000), 5, 1e-6);
    cr_assert_float_eq(sum(&r, 1000, 1), 0, 1e-6);
}

Test(ring, a_copy_keeps_the_sum)
{
    struct full_ring r = {.head_ms = 0};
    struct amounts cells[RING_SMALL_CELLS] = {{{0}}};
    struct ring small = {cells, &ring_small, 1000};
    for (uint64_t t = 0; t < 3000; t += 10)
        add(&r, 1000, T0 + t, T0 + t + 10, 10);
    struct ring full = ring_of(&r, 1000);
    ring_copy(&small, &full, r.head_ms);
    struct sums sums;
    ring_sum(&small, r.head_ms, r.head_ms, &sums);
    cr_assert_float_eq(sums.of[QUANTITY_BYTES], 1000, 10);
    struct full_ring back = {.head_ms = r.head_ms};
    struct ring other = ring_of(&back, 1000);
    ring_copy(&other, &small, r.head_ms);
    cr_assert_float_eq(sum(&back, 1000, r.head_ms), 1000, 20);
}
