#include "common/base/hash.h"

#include <criterion/criterion.h>
#include <string.h>

/* Reference values of the xxHash project: they may never change, as they cross processes. */
Test(hash, wire_is_xxh64_with_seed_0)
{
    cr_assert_eq(hash_wire("", 0), 0xef46db3751d8e999);
    cr_assert_eq(hash_wire("a", 1), 0xd24ec4f1a98c6e5b);
    cr_assert_eq(hash_wire("abc", 3), 0x44bc2cf5ad770999);
    cr_assert_eq(hash_wire("Nobody inspects the spammish repetition", 39), 0xfbcea83c8a378bf1);
}

Test(hash, seeded_differs_by_seed_and_by_bytes)
{
    cr_assert_eq(hash_seeded("weir", 4, 7), hash_seeded("weir", 4, 7));
    cr_assert_neq(hash_seeded("weir", 4, 7), hash_seeded("weir", 4, 8));
    cr_assert_neq(hash_seeded("weir", 4, 7), hash_seeded("wear", 4, 7));
    cr_assert_neq(hash_seeded("weir", 4, 7), hash_seeded("weir", 3, 7));
}

Test(hash, random_seeds_differ)
{
    cr_assert_neq(hash_random_seed(), hash_random_seed());
}

Test(hash, seeded_words_differ_by_seed_and_by_every_bit)
{
    uint64_t usual = hash_seeded_words(1, 2, 7);
    cr_assert_eq(hash_seeded_words(1, 2, 7), usual);
    cr_assert_neq(hash_seeded_words(2, 1, 7), usual);
    cr_assert_neq(hash_seeded_words(1, 2, 8), usual);
    for (unsigned int bit = 0; bit < 64; bit++) {
        cr_assert_neq(hash_seeded_words(1 ^ 1ULL << bit, 2, 7), usual, "bit %u", bit);
        cr_assert_neq(hash_seeded_words(1, 2 ^ 1ULL << bit, 7), usual, "bit %u", bit);
    }
}

/* As many hosts of one network, one after another, differ in one word by little. */
Test(hash, seeded_words_spread_neighbours)
{
    enum { KEYS = 1 << 16, PLACES = 1 << 12 };
    static uint32_t low[PLACES], high[PLACES];
    uint32_t most = 0;
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t hash = hash_seeded_words(0x0401060000010000, 0x0a | i << 8, 42);
        low[hash % PLACES]++;
        high[hash >> 52]++;
    }
    for (size_t i = 0; i < PLACES; i++) {
        most = low[i] > most ? low[i] : most;
        most = high[i] > most ? high[i] : most;
    }
    cr_assert_lt(most, 45U, "16 each by chance, and 7 deviations more");
}
