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

/* Our own reader finds no fault with it, in the session that it was written for. */
static bool is_taken(const struct bgp_message *message)
{
    bool taken = false;
    for (unsigned int bits = 0; bits < 4; bits++) {
        struct received_session session = {.ibgp = (bits & 1) != 0, .as4 = (bits & 2) != 0};
        struct received_update update;
        struct bgp_error error;
        cr_assert_eq(received_check(message, &session, &update, &error), STATUS_OK);
        taken = taken || update.mistakes == 0;
    }
    return taken;
}

static void expect_body(const uint8_t *bytes, size_t len, const uint8_t *want, size_t want_len)
{
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(message.len, len);
    cr_assert(is_taken(&message));
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

static const uint8_t host4[] = {32, 198, 51, 100, 45},
                     host6[] = {128, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t hop4[] = {192, 0, 2, 1},
                     hop6[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t blackhole[1][4] = {{0xff, 0xff, 0x02, 0x9a}};
static const uint8_t target[1][8] = {{0, 2, 0xfb, 0xf4, 0, 0, 0, 100}};
static const uint8_t large[1][12] = {{0, 0, 0xfb, 0xf4, 0, 0, 2, 0x9a, 0, 0, 0, 1}};

static size_t build_route(uint8_t *bytes, const struct update_path *path,
                          const struct communities *communities)
{
    struct update_builder u;
    bool is4 = communities->next_hop_len == 4;
    enum bgp_family family = is4 ? BGP_UNICAST4 : BGP_UNICAST6;
    cr_assert_eq(update_begin_reach(&u, bytes, BGP_MESSAGE_MAX, family, path, communities),
                 STATUS_OK);
    cr_assert_eq(update_add(&u, is4 ? host4 : host6, is4 ? sizeof(host4) : sizeof(host6)),
                 STATUS_OK);
    return update_end(&u);
}

Test(update, ipv4_unicast_is_in_the_fields_of_old)
{
    static const uint8_t want[] = {
        0,    0,   0,  61,                                       /* no withdrawn, attributes */
        0x40, 1,   1,  0,                                        /* ORIGIN IGP */
        0x40, 2,   0,                                            /* AS_PATH */
        0x40, 3,   4,  192, 0,   2,    1,                        /* NEXT_HOP */
        0x40, 5,   4,  0,   0,   0,    200,                      /* LOCAL_PREF */
        0xc0, 8,   8,  255, 255, 2,    0x9a, 255, 255, 255, 1,   /* COMMUNITIES, NO_EXPORT */
        0xc0, 16,  8,  0,   2,   0xfb, 0xf4, 0,   0,   0,   100, /* EXTENDED COMMUNITIES */
        0xc0, 32,  12, 0,   0,   0xfb, 0xf4, 0,   0,   2,   0x9a, 0, 0, 0, 1, /* LARGE */
        32,   198, 51, 100, 45};
    struct communities c = {.at = target,
                            .count = 1,
                            .standard = blackhole,
                            .standard_count = 1,
                            .large = large,
                            .large_count = 1,
                            .next_hop = hop4,
                            .next_hop_len = 4};
    struct update_path path = {
        .local_as = 64500, .ibgp = true, .as4 = true, .no_export = true, .local_preference = 200};
    uint8_t bytes[BGP_MESSAGE_MAX], fixed[sizeof(want)];
    memcpy(fixed, want, sizeof(want));
    fixed[3] = (uint8_t)(sizeof(want) - 4 - sizeof(host4));
    expect_body(bytes, build_route(bytes, &path, &c), fixed, sizeof(fixed));
}

Test(update, ipv6_unicast_has_its_next_hop_in_mp_reach)
{
    uint8_t want[] = {0,    0,  0, 0,                /**/
                      0x90, 14, 0, 38,  0,   2,   1, /* MP_REACH */
                      16,   1,  0, 0,   0,   0,   0,    0,    0,    0,    0, 0, 0,
                      0,    0,  0, 1,   0,   128, 0x20, 1,    0xd,  0xb8, 0, 0, 0,
                      0,    0,  0, 0,   0,   0,   0,    0,    1,    0x40, 1, 1, 0, /* ORIGIN */
                      0x40, 2,  6, 2,   1,   0,   0,    0xfb, 0xf4,                /* AS_PATH */
                      0xc0, 8,  4, 255, 255, 2,   0x9a};                           /* COMMUNITIES */
    struct communities c = {.standard = blackhole,
                            .standard_count = 1,
                            .next_hop = hop6,
                            .next_hop_len = 16,
                            .exported = EXPORT_ANYWHERE};
    struct update_path path = {.local_as = 64500, .as4 = true, .no_export = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    want[3] = (uint8_t)(sizeof(want) - 4);
    expect_body(bytes, build_route(bytes, &path, &c), want, sizeof(want));
}

/* Octets of attribute 8. */
static size_t standard_len(const struct update_path *path, const struct communities *c)
{
    uint8_t bytes[BGP_MESSAGE_MAX];
    size_t len = build_route(bytes, path, c);
    size_t at = BGP_HEADER_LEN + 4;
    while (at + 3 < len && bytes[at + 1] < 8)
        at += 3U + bytes[at + 2];
    return bytes[at + 1] == 8 ? bytes[at + 2] : 0;
}

Test(update, no_export_is_the_peers_unless_the_route_says_otherwise)
{
    static const uint8_t both[2][4] = {{0xff, 0xff, 0xff, 0x01}, {0xff, 0xff, 0x02, 0x9a}};
    struct update_path peers = {.local_as = 64500, .ibgp = true, .no_export = true};
    struct update_path exports = {.local_as = 64500, .ibgp = true};
    struct communities c = {.next_hop = hop4, .next_hop_len = 4};
    cr_expect_eq(standard_len(&peers, &c), 4);
    cr_expect_eq(standard_len(&exports, &c), 0);
    c.exported = EXPORT_NOT;
    cr_expect_eq(standard_len(&exports, &c), 4);
    c.exported = EXPORT_ANYWHERE;
    cr_expect_eq(standard_len(&peers, &c), 0);
    c = (struct communities){
        .standard = both, .standard_count = 2, .next_hop = hop4, .next_hop_len = 4};
    cr_expect_eq(standard_len(&peers, &c), 8, "NO_EXPORT is there once");
}

Test(update, a_next_hop_is_of_the_family_or_there_is_no_message)
{
    struct update_path path = {.local_as = 64500, .ibgp = true};
    struct communities none = {.count = 0};
    struct communities of4 = {.next_hop = hop4, .next_hop_len = 4};
    struct communities of6 = {.next_hop = hop6, .next_hop_len = 16};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    cr_expect_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_UNICAST4, &path, &none),
                 STATUS_MALFORMED);
    cr_expect_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_UNICAST4, &path, &of6),
                 STATUS_MALFORMED);
    cr_expect_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_UNICAST6, &path, &of4),
                 STATUS_MALFORMED);
    cr_expect_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_FLOW4, &path, &of4), STATUS_OK);
}

Test(update, ipv4_unicast_is_withdrawn_in_the_field_of_old_and_ends_with_an_empty_update)
{
    static const uint8_t want[] = {0, 10, 32, 198, 51, 100, 45, 32, 198, 51, 100, 45, 0, 0};
    static const uint8_t end[] = {0, 0, 0, 0}, end6[] = {0, 0, 0, 7, 0x90, 15, 0, 3, 0, 2, 1};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    update_begin_unreach(&u, bytes, sizeof(bytes), BGP_UNICAST4);
    cr_assert_eq(update_add(&u, host4, sizeof(host4)), STATUS_OK);
    cr_assert_eq(update_add(&u, host4, sizeof(host4)), STATUS_OK);
    expect_body(bytes, update_end(&u), want, sizeof(want));
    update_begin_unreach(&u, bytes, sizeof(bytes), BGP_UNICAST4);
    expect_body(bytes, update_end(&u), end, sizeof(end));
    update_begin_unreach(&u, bytes, sizeof(bytes), BGP_UNICAST6);
    expect_body(bytes, update_end(&u), end6, sizeof(end6));
}

Test(update, classic_messages_are_filled_and_never_passed)
{
    struct update_path path = {.local_as = 64500, .ibgp = true, .no_export = true};
    struct communities c = {.next_hop = hop4, .next_hop_len = 4};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct update_builder u;
    for (int withdraw = 0; withdraw < 2; withdraw++) {
        if (withdraw)
            update_begin_unreach(&u, bytes, sizeof(bytes), BGP_UNICAST4);
        else
            cr_assert_eq(update_begin_reach(&u, bytes, sizeof(bytes), BGP_UNICAST4, &path, &c),
                         STATUS_OK);
        while (update_add(&u, host4, sizeof(host4)) == STATUS_OK)
            ;
        size_t len = update_end(&u);
        cr_expect_leq(len, BGP_MESSAGE_MAX);
        cr_expect_gt(len, BGP_MESSAGE_MAX - sizeof(host4));
        struct bgp_message message;
        struct bgp_error error;
        struct received_update update;
        cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
        struct received_session session = {.ibgp = path.ibgp, .as4 = path.as4};
        cr_assert_eq(received_check(&message, &session, &update, &error), STATUS_OK);
        cr_expect_eq(update.mistakes, 0);
        cr_expect_eq(withdraw ? update.withdrawn : update.announced, u.nlri_count);
    }
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

Test(update, fills_an_extended_message_which_our_reader_takes_whole)
{
    static uint8_t bytes[BGP_EXTENDED_MAX + 10];
    struct update_path path = {.local_as = 64500, .ibgp = true, .no_export = true};
    struct update_builder u;
    for (int withdraw = 0; withdraw < 2; withdraw++) {
        if (withdraw)
            update_begin_unreach(&u, bytes, BGP_EXTENDED_MAX, BGP_FLOW4);
        else
            cr_assert_eq(
                update_begin_reach(&u, bytes, BGP_EXTENDED_MAX, BGP_FLOW4, &path, &discard),
                STATUS_OK);
        while (update_add(&u, nlri, sizeof(nlri)) == STATUS_OK)
            ;
        size_t len = update_end(&u);
        cr_expect_leq(len, BGP_EXTENDED_MAX);
        cr_expect_gt(len, BGP_EXTENDED_MAX - sizeof(nlri));
        struct bgp_message message;
        struct bgp_error error;
        struct received_update update;
        cr_assert_eq(message_next_of(bytes, len, true, &message, &error), STATUS_OK);
        cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_MALFORMED);
        struct received_session session = {.ibgp = true};
        cr_assert_eq(received_check(&message, &session, &update, &error), STATUS_OK);
        cr_expect_eq(update.mistakes, 0);
    }
}

Test(update, what_fits_depends_on_the_longest_message)
{
    static const uint8_t longest[4095 + 2] = {0xff, 0xff};
    struct update_path path = {.local_as = 64500, .message_max = BGP_MESSAGE_MAX};
    cr_expect(update_fits(BGP_FLOW4, &path, &discard, longest, 4027 + 2));
    cr_expect_not(update_fits(BGP_FLOW4, &path, &discard, longest, sizeof(longest)));
    path.message_max = BGP_EXTENDED_MAX;
    cr_expect(update_fits(BGP_FLOW4, &path, &discard, longest, sizeof(longest)));
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
    size_t len = update_end(&u);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert(is_taken(&message));
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
