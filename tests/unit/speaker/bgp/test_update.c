#include "speaker/bgp/update.h"

#include "speaker/bgp/received.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t nlri[] = {5, 1, 24, 198, 51, 100};
static const uint8_t discard_bytes[1][8] = {{0x80, 0x06, 0, 0, 0, 0, 0, 0}};
static const struct communities discard = {.at = discard_bytes, .count = 1};

static size_t build(uint8_t *bytes, const struct update_path *path, enum bgp_family family)
{
    struct update_builder u;
    cr_assert_eq(update_begin_reach(&u, bytes, BGP_MESSAGE_MAX, family, path, &discard), STATUS_OK);
    cr_assert_eq(update_add(&u, nlri, sizeof(nlri)), STATUS_OK);
    return update_end(&u);
}

static void expect_body(const uint8_t *bytes, size_t len, const uint8_t *want, size_t want_len)
{
    struct bgp_message message;
    struct bgp_error error;
    struct received_update update;
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(message.len, len);
    cr_assert_eq(received_check(&message, &update, &error), STATUS_OK);
    cr_assert_not(update.tolerated);
    cr_assert_eq(message.body_len, want_len, "%zu octets, not %zu", message.body_len, want_len);
    for (size_t i = 0; i < want_len; i++)
        cr_expect_eq(message.body[i], want[i], "octet %zu is %02x, not %02x", i, message.body[i],
                     want[i]);
}

Test(update, ibgp_has_an_empty_path_and_local_preference)
{
    static const uint8_t want[] = {
        0,    0,  0, 52, /* no withdrawn, attributes */
        0x90, 14, 0, 11,   0,   1,   133, 0, 0, 5, 1, 24, 198, 51, 100, /* MP_REACH, no next hop */
        0x40, 1,  1, 0,                                                 /* ORIGIN IGP */
        0x40, 2,  0,                                                    /* AS_PATH */
        0x40, 5,  4, 0,    0,   0,   100,                               /* LOCAL_PREF */
        0xc0, 8,  4, 255,  255, 255, 1,                                 /* NO_EXPORT */
        0xc0, 16, 8, 0x80, 6,   0,   0,   0, 0, 0, 0};                  /* extended communities */
    struct update_path path = {
        .local_as = 64500, .ibgp = true, .as4 = true, .no_export = true, .local_preference = 100};
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint8_t fixed[sizeof(want)];
    memcpy(fixed, want, sizeof(want));
    fixed[3] = (uint8_t)(sizeof(want) - 4);
    expect_body(bytes, build(bytes, &path, BGP_FLOW4), fixed, sizeof(fixed));
}

Test(update, ebgp_path_of_four_octets)
{
    static const uint8_t want[] = {0,    0,   0,  39, /**/
                                   0x90, 14,  0,  11,   0,    2,    133,  0,    0,    5, 1,
                                   24,   198, 51, 100,  0x40, 1,    1,    0,          /**/
                                   0x40, 2,   6,  2,    1,    0xfa, 0x56, 0xea, 0x01, /**/
                                   0xc0, 16,  8,  0x80, 6,    0,    0,    0,    0,    0, 0};
    struct update_path path = {.local_as = 4200000001U, .as4 = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    expect_body(bytes, build(bytes, &path, BGP_FLOW6), want, sizeof(want));
}

Test(update, an_old_peer_gets_as_trans_and_as4_path)
{
    static const uint8_t want[] = {0,    0,   0,  46, /**/
                                   0x90, 14,  0,  11,   0,    1,    133,  0,    0,   5, 1,
                                   24,   198, 51, 100,  0x40, 1,    1,    0,               /**/
                                   0x40, 2,   4,  2,    1,    0x5b, 0xa0,                  /**/
                                   0xc0, 16,  8,  0x80, 6,    0,    0,    0,    0,   0, 0, /**/
                                   0xc0, 17,  6,  2,    1,    0xfa, 0x56, 0xea, 0x01};
    struct update_path path = {.local_as = 4200000001U};
    uint8_t bytes[BGP_MESSAGE_MAX];
    expect_body(bytes, build(bytes, &path, BGP_FLOW4), want, sizeof(want));
}

Test(update, a_short_as_needs_no_as4_path)
{
    static const uint8_t want[] = {0,    0,   0,  37, /**/
                                   0x90, 14,  0,  11,   0,    1,    133,  0, 0, 5, 1,
                                   24,   198, 51, 100,  0x40, 1,    1,    0, /**/
                                   0x40, 2,   4,  2,    1,    0xfb, 0xf4,    /**/
                                   0xc0, 16,  8,  0x80, 6,    0,    0,    0, 0, 0, 0};
    struct update_path path = {.local_as = 64500};
    uint8_t bytes[BGP_MESSAGE_MAX];
    expect_body(bytes, build(bytes, &path, BGP_FLOW4), want, sizeof(want));
}

Test(update, unreach_names_routes_and_nothing_else)
{
    static const uint8_t want[] = {0, 0,  0,   19, 0x90, 15, 0, 15, 0,   2,  133, 5,
                                   1, 24, 198, 51, 100,  5,  1, 24, 198, 51, 100};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    update_begin_unreach(&u, bytes, sizeof(bytes), BGP_FLOW6);
    cr_assert_eq(update_add(&u, nlri, sizeof(nlri)), STATUS_OK);
    cr_assert_eq(update_add(&u, nlri, sizeof(nlri)), STATUS_OK);
    expect_body(bytes, update_end(&u), want, sizeof(want));
}

Test(update, empty_unreach_is_end_of_rib)
{
    static const uint8_t want[] = {0, 0, 0, 7, 0x90, 15, 0, 3, 0, 1, 133};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    update_begin_unreach(&u, bytes, sizeof(bytes), BGP_FLOW4);
    expect_body(bytes, update_end(&u), want, sizeof(want));
}

Test(update, fills_a_message_and_never_passes_it)
{
    struct update_path path = {.local_as = 64500, .ibgp = true, .no_export = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &discard),
                 STATUS_OK);
    size_t count = 0;
    while (update_add(&u, nlri, sizeof(nlri)) == STATUS_OK)
        count++;
    size_t len = update_end(&u);
    cr_assert_leq(len, BGP_MESSAGE_MAX);
    cr_assert_gt(len, BGP_MESSAGE_MAX - sizeof(nlri));
    cr_assert_eq(count, u.nlri_count);
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
}

Test(update, most_communities_fit_and_more_are_refused)
{
    static const uint8_t many[UPDATE_COMMUNITIES_MAX + 1][8],
        many6[UPDATE_COMMUNITIES6_MAX + 1][20];
    struct communities communities = {.at = many,
                                      .count = UPDATE_COMMUNITIES_MAX + 1,
                                      .ipv6 = many6,
                                      .ipv6_count = UPDATE_COMMUNITIES6_MAX};
    struct update_path path = {.local_as = 4200000001U, .no_export = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &communities),
                 STATUS_LIMIT);
    communities.count--;
    communities.ipv6_count++;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &communities),
                 STATUS_LIMIT);
    communities.ipv6_count--;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &communities),
                 STATUS_OK);
    cr_assert_eq(update_add(&u, nlri, sizeof(nlri)), STATUS_OK);
    struct bgp_message message;
    struct bgp_error error;
    struct received_update update;
    size_t len = update_end(&u);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(received_check(&message, &update, &error), STATUS_OK);
    cr_assert_not(update.tolerated);
}

Test(update, an_nlri_longer_than_any_message_is_refused)
{
    static const uint8_t huge[4095];
    struct update_path path = {.local_as = 64500};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &discard),
                 STATUS_OK);
    cr_assert_eq(update_add(&u, huge, sizeof(huge)), STATUS_LIMIT);
    cr_assert_eq(u.nlri_count, 0);
}

Test(update, ipv6_communities_come_last_in_attribute_25)
{
    static const uint8_t to_ip[1][20] = {{0, 0x0c, 0x20, 1, 0x0d, 0xb8, [17] = 7, [19] = 1}};
    static const uint8_t want[] = {
        0,    0,  0,  52, /* nothing withdrawn */
        0x90, 14, 0,  11, 0,    2,    133, 0,    0,    5, 1, 24, 198, 51,  100, /* MP_REACH */
        0x40, 1,  1,  0,  0x40, 2,    0,   0x40, 5,    4, 0, 0,  0,   100,      /* paths */
        0xc0, 25, 20, 0,  0x0c, 0x20, 1,   0x0d, 0xb8, 0, 0, 0,  0,   0,   0,
        0,    0,  0,  0,  0,    7,    0,   1};
    struct update_path path = {
        .local_as = 64500, .ibgp = true, .as4 = true, .local_preference = 100};
    struct communities communities = {.ipv6 = to_ip, .ipv6_count = 1};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW6, &path, &communities),
                 STATUS_OK);
    cr_assert_eq(update_add(&u, nlri, sizeof(nlri)), STATUS_OK);
    expect_body(bytes, update_end(&u), want, sizeof(want));
}
