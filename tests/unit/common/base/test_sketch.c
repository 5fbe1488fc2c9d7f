#include "common/base/sketch.h"

#include "common/base/hash.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

enum { KEYS = 5000 };

Test(sketch, an_estimate_never_falls_short)
{
    struct sketch *s = sketch_new(1024, 4, 7);
    static uint64_t truth[KEYS];

    srand(5);
    for (int i = 0; i < 50000; i++) {
        uint64_t key = (uint64_t)(rand() % KEYS), amount = (uint64_t)(rand() % 1000);
        truth[key] += amount;
        uint64_t estimate = sketch_add(s, hash_wire(&key, sizeof(key)), amount);
        cr_assert(estimate >= truth[key]);
    }
    for (uint64_t key = 0; key < KEYS; key++)
        cr_assert(sketch_estimate(s, hash_wire(&key, sizeof(key))) >= truth[key]);
    sketch_free(s);
}

/* Classic count-min overshoots by e/width of the total; the conservative one stays below that. */
Test(sketch, the_error_is_within_the_bound_of_count_min)
{
    enum { WIDTH = 1024 };
    struct sketch *s = sketch_new(WIDTH, 4, 7);
    uint64_t over = 0;

    for (uint64_t key = 0; key < KEYS; key++)
        sketch_add(s, hash_wire(&key, sizeof(key)), 10);
    for (uint64_t key = 0; key < KEYS; key++)
        over += sketch_estimate(s, hash_wire(&key, sizeof(key))) - 10 > 3 * KEYS * 10 / WIDTH;
    cr_assert(over < KEYS / 50, "%lu of %d keys are over", (unsigned long)over, KEYS);
    sketch_free(s);
}

Test(sketch, few_keys_are_exact)
{
    struct sketch *s = sketch_new(4096, 4, 7);

    for (uint64_t i = 0; i < 20; i++)
        for (uint64_t key = 0; key < 20; key++)
            sketch_add(s, key, key);
    for (uint64_t key = 0; key < 20; key++)
        cr_assert_eq(sketch_estimate(s, key), 20 * key);
    cr_assert_eq(sketch_estimate(s, 1000), 0);
    sketch_free(s);
}

Test(sketch, sums_saturate)
{
    struct sketch *s = sketch_new(16, 2, 7);

    sketch_add(s, 1, UINT64_MAX - 5);
    cr_assert_eq(sketch_add(s, 1, 10), UINT64_MAX);
    cr_assert_eq(sketch_add(s, 1, UINT64_MAX), UINT64_MAX);
    sketch_free(s);
}

Test(sketch, halving_ages_everything)
{
    struct sketch *s = sketch_new(1, 1, 7);

    sketch_add(s, 1, 101);
    sketch_halve(s);
    cr_assert_eq(sketch_estimate(s, 1), 50);
    sketch_free(s);
    sketch_free(NULL);
}

Test(sketch, a_size_that_cannot_be_is_out_of_memory)
{
    cr_assert_null(sketch_new((size_t)1 << 62, 16, 7));
}
