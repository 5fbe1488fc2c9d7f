#include "speaker/bgp/rib.h"

#include <criterion/criterion.h>
#include <string.h>

/* An NLRI and a set of attributes, from small numbers. */
static uint32_t nlri_of(struct rib *rib, uint32_t n)
{
    uint32_t id;
    cr_assert_eq(rib_hold_nlri(rib, BGP_FLOW4, (const uint8_t *)&n, sizeof(n), &id), STATUS_OK);
    return id;
}

static uint32_t attributes_of(struct rib *rib, uint64_t n)
{
    uint32_t id;
    uint8_t at[1][COMMUNITY_LEN];
    memcpy(at[0], &n, sizeof(n));
    struct communities communities = {.at = (const uint8_t(*)[COMMUNITY_LEN])at, .count = 1};
    cr_assert_eq(rib_hold_attributes(rib, &communities, &id), STATUS_OK);
    return id;
}

Test(rib_routes, a_route_is_one_for_all_and_lives_until_its_last_release)
{
    struct rib *rib = rib_new(10);
    uint32_t nlri = nlri_of(rib, 1), a = attributes_of(rib, 1), b = attributes_of(rib, 2);
    struct rib_route one = {.nlri = nlri}, two = one, again = one;
    cr_assert_eq(rib_hold_route(rib, nlri, a, &one.number), STATUS_OK);
    cr_assert_eq(rib_hold_route(rib, nlri, b, &two.number), STATUS_OK);
    cr_assert_eq(rib_hold_route(rib, nlri, a, &again.number), STATUS_OK);
    cr_assert_eq(one.number, again.number);
    cr_assert_neq(one.number, two.number);
    cr_assert_eq(rib_route_attributes(rib, one), a);
    cr_assert_eq(rib_route_attributes(rib, two), b);
    /* The route alone holds them. */
    rib_release_nlri(rib, nlri);
    rib_release_attributes(rib, a);
    rib_release_attributes(rib, b);
    rib_release_route(rib, one);
    cr_assert_eq(rib_route_attributes(rib, again), a);
    rib_release_route(rib, two);
    cr_assert_eq(rib_nlri_count(rib), 1);
    rib_release_route(rib, again);
    cr_assert_eq(rib_nlri_count(rib), 0);
    rib_free(rib);
}

Test(rib_routes, the_ring_goes_through_all_of_equal_attributes_as_they_came)
{
    struct rib *rib = rib_new(100);
    uint32_t attributes[2] = {attributes_of(rib, 1), attributes_of(rib, 2)};
    struct rib_route routes[20];
    for (uint32_t i = 0; i < 20; i++) {
        routes[i].nlri = nlri_of(rib, i);
        cr_assert_eq(rib_hold_route(rib, routes[i].nlri, attributes[i % 2], &routes[i].number),
                     STATUS_OK);
    }
    for (size_t i = 0; i < 20; i++)
        cr_expect_eq(rib_route_after(rib, routes[i]).nlri, routes[(i + 2) % 20].nlri);
    /* The first, the last, and one between leave. */
    rib_release_route(rib, routes[0]);
    rib_release_route(rib, routes[18]);
    rib_release_route(rib, routes[8]);
    cr_expect_eq(rib_route_after(rib, routes[16]).nlri, routes[2].nlri);
    cr_expect_eq(rib_route_after(rib, routes[6]).nlri, routes[10].nlri);
    for (size_t i = 2; i < 17; i += 2)
        if (i != 8)
            rib_release_route(rib, routes[i]);
    cr_assert_eq(rib_hold_route(rib, routes[4].nlri, attributes[0], &routes[4].number), STATUS_OK);
    cr_expect_eq(rib_route_after(rib, routes[4]).nlri, routes[4].nlri, "alone in a new ring");
    rib_free(rib);
}

Test(rib_routes, of_one_nlri_there_are_so_many_and_no_more)
{
    struct rib *rib = rib_new(1000);
    uint32_t nlri = nlri_of(rib, 1), attributes[RIB_ROUTES_MAX + 1];
    uint8_t numbers[RIB_ROUTES_MAX], one_more;
    for (uint32_t i = 0; i <= RIB_ROUTES_MAX; i++)
        attributes[i] = attributes_of(rib, i);
    for (size_t i = 0; i < RIB_ROUTES_MAX; i++)
        cr_assert_eq(rib_hold_route(rib, nlri, attributes[i], &numbers[i]), STATUS_OK);
    cr_assert_eq(rib_hold_route(rib, nlri, attributes[RIB_ROUTES_MAX], &one_more), STATUS_LIMIT);
    for (size_t i = 0; i < RIB_ROUTES_MAX; i++) {
        struct rib_route route = {.nlri = nlri, .number = numbers[i]};
        cr_assert_eq(rib_route_attributes(rib, route), attributes[i]);
        if (i % 2 == 0)
            rib_release_route(rib, route);
    }
    cr_assert_eq(rib_hold_route(rib, nlri, attributes[RIB_ROUTES_MAX], &one_more), STATUS_OK);
    for (size_t i = 1; i < RIB_ROUTES_MAX; i += 2)
        rib_release_route(rib, (struct rib_route){.nlri = nlri, .number = numbers[i]});
    rib_release_route(rib, (struct rib_route){.nlri = nlri, .number = one_more});
    rib_free(rib);
}
