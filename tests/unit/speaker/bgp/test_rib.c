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
    cr_assert_eq(rib_hold_attributes(rib, &(struct communities){0}, &none), STATUS_OK);
    cr_assert_eq(rib_hold_attributes(rib, &(struct communities){.at = some, .count = 2}, &two),
                 STATUS_OK);
    cr_assert_eq(rib_attributes(rib, none).count, 0);
    cr_assert_eq(rib_attributes(rib, two).count, 2);
    cr_assert_eq(rib_attributes(rib, two).at[1][0], 2);
    rib_hold_attributes_again(rib, two);
    rib_release_attributes(rib, two);
    rib_release_attributes(rib, two);
    rib_free(rib);
}

/* 40 octets are five communities of one sort, or two of the other. */
Test(rib, attributes_with_the_same_octets_in_other_sorts_differ)
{
    struct rib *rib = rib_new(10);
    static const uint8_t octets[RIB_COMMUNITIES_MAX + 1][8];
    const uint8_t(*wide)[20] = (const uint8_t(*)[20])octets;
    uint32_t five, two, both;
    struct communities as_five = {.at = octets, .count = 5},
                       as_two = {.ipv6 = wide, .ipv6_count = 2};
    cr_assert_eq(rib_hold_attributes(rib, &as_five, &five), STATUS_OK);
    cr_assert_eq(rib_hold_attributes(rib, &as_two, &two), STATUS_OK);
    cr_assert_neq(five, two);
    cr_expect_eq(rib_attributes(rib, five).ipv6_count, 0);
    cr_expect_eq(rib_attributes(rib, two).count, 0);
    cr_expect_eq(rib_attributes(rib, two).ipv6_count, 2);
    struct communities all = {.at = octets,
                              .count = RIB_COMMUNITIES_MAX,
                              .ipv6 = wide,
                              .ipv6_count = RIB_COMMUNITIES6_MAX};
    cr_assert_eq(rib_hold_attributes(rib, &all, &both), STATUS_OK);
    cr_expect_eq(rib_attributes(rib, both).count, RIB_COMMUNITIES_MAX);
    cr_expect_eq(rib_attributes(rib, both).ipv6_count, RIB_COMMUNITIES6_MAX);
    all.count++;
    cr_expect_eq(rib_hold_attributes(rib, &all, &both), STATUS_LIMIT);
    rib_free(rib);
}

Test(rib, attributes_of_unicast_are_kept_and_bounded)
{
    static const uint8_t standard[RIB_STANDARD_MAX + 1][4] = {{1, 2, 3, 4}};
    static const uint8_t large[RIB_LARGE_MAX + 1][12] = {{5, 6, 7}};
    static const uint8_t hop[16] = {1, [15] = 1};
    struct rib *rib = rib_new(10);
    uint32_t id, other;
    struct communities c = {.standard = standard,
                            .standard_count = RIB_STANDARD_MAX,
                            .large = large,
                            .large_count = RIB_LARGE_MAX,
                            .next_hop = hop,
                            .next_hop_len = 16,
                            .exported = EXPORT_ANYWHERE};
    cr_assert_eq(rib_hold_attributes(rib, &c, &id), STATUS_OK);
    struct communities got = rib_attributes(rib, id);
    cr_expect_eq(got.count + got.ipv6_count, 0);
    cr_expect_eq(got.standard_count, RIB_STANDARD_MAX);
    cr_expect_eq(got.large_count, RIB_LARGE_MAX);
    cr_expect_eq(memcmp(got.standard, standard, sizeof(standard[0])), 0);
    cr_expect_eq(memcmp(got.large, large, sizeof(large[0])), 0);
    cr_expect_eq(got.next_hop_len, 16);
    cr_expect_eq(memcmp(got.next_hop, hop, 16), 0);
    cr_expect_eq(got.exported, EXPORT_ANYWHERE);
    c.exported = EXPORT_NOT;
    cr_assert_eq(rib_hold_attributes(rib, &c, &other), STATUS_OK);
    cr_expect_neq(id, other, "NO_EXPORT is part of them");
    c.large_count++;
    cr_expect_eq(rib_hold_attributes(rib, &c, &other), STATUS_LIMIT);
    c.large_count--;
    c.standard_count++;
    cr_expect_eq(rib_hold_attributes(rib, &c, &other), STATUS_LIMIT);
    c.standard_count--;
    c.next_hop_len++;
    cr_expect_eq(rib_hold_attributes(rib, &c, &other), STATUS_LIMIT);
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
