#include "speaker/bgp/rib.h"

#include <criterion/criterion.h>
#include <string.h>

Test(rib, equal_values_share_a_number)
{
    struct rib *rib = rib_new(10);
    uint32_t a, b, c, d;
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\2xy", 3, &a), STATUS_OK);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\2xy", 3, &b), STATUS_OK);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW6, (const uint8_t *)"\2xy", 3, &c), STATUS_OK);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\2xz", 3, &d), STATUS_OK);
    cr_assert_eq(a, b);
    cr_assert_neq(a, c);
    cr_assert_neq(a, d);
    cr_assert_eq(rib_nlri_count(rib), 3);
    cr_assert_eq(rib_nlri(rib, c).family, BGP_FLOW6);
    cr_assert_eq(memcmp(rib_nlri(rib, d).bytes, "\2xz", 3), 0);
    rib_free(rib);
}

Test(rib, a_number_lives_until_its_last_release)
{
    struct rib *rib = rib_new(10);
    uint32_t a, b;
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1a", 2, &a), STATUS_OK);
    rib_hold_nlri_again(rib, a);
    rib_release_nlri(rib, a);
    cr_assert_eq(rib_nlri_count(rib), 1);
    rib_release_nlri(rib, a);
    cr_assert_eq(rib_nlri_count(rib), 0);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1b", 2, &b), STATUS_OK);
    cr_assert_eq(b, a, "a free number is used again");
    rib_free(rib);
}

Test(rib, the_limit_refuses_and_heals)
{
    struct rib *rib = rib_new(2);
    uint32_t a, b, c;
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1a", 2, &a), STATUS_OK);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1b", 2, &b), STATUS_OK);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1c", 2, &c), STATUS_LIMIT);
    rib_release_nlri(rib, a);
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)"\1c", 2, &c), STATUS_OK);
    rib_free(rib);
}

Test(rib, attributes_may_be_empty)
{
    struct rib *rib = rib_new(10);
    static const uint8_t some[2][8] = {{1}, {2}};
    uint32_t none, two;
    cr_assert_eq(rib_hold_attributes(rib, NULL, 0, &none), STATUS_OK);
    cr_assert_eq(rib_hold_attributes(rib, some, 2, &two), STATUS_OK);
    cr_assert_eq(rib_attributes(rib, none).community_count, 0);
    cr_assert_eq(rib_attributes(rib, two).community_count, 2);
    cr_assert_eq(rib_attributes(rib, two).communities[1][0], 2);
    rib_hold_attributes_again(rib, two);
    rib_release_attributes(rib, two);
    rib_release_attributes(rib, two);
    rib_free(rib);
}

Test(rib, many_values_are_found_again)
{
    struct rib *rib = rib_new(5000);
    uint32_t ids[5000];
    for (uint32_t i = 0; i < 5000; i++)
        cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)&i, sizeof(i), &ids[i]),
                     STATUS_OK);
    for (uint32_t i = 0; i < 5000; i += 2)
        rib_release_nlri(rib, ids[i]);
    for (uint32_t i = 1; i < 5000; i += 2) {
        uint32_t again;
        cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)&i, sizeof(i), &again),
                     STATUS_OK);
        cr_assert_eq(again, ids[i]);
    }
    cr_assert_eq(rib_nlri_count(rib), 2500);
    rib_free(rib);
}
