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
