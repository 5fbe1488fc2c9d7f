#include "common/base/communities.h"

#include <criterion/criterion.h>
#include <string.h>

struct said {
    char text[32];
    uint8_t len;
    uint8_t octets[12];
};

Test(communities, each_kind_is_read_and_said_again)
{
    static const struct said cases[] = {
        {"65535:666", 4, {0xff, 0xff, 0x02, 0x9a}},
        {"0:0", 4, {0}},
        {"64500:1:2", 12, {0, 0, 0xfb, 0xf4, 0, 0, 0, 1, 0, 0, 0, 2}},
        {"4294967295:0:4294967295", 12, {255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255}},
        {"rt:64500:100", 8, {0, 2, 0xfb, 0xf4, 0, 0, 0, 100}},
        {"ro:64500:4294967295", 8, {0, 3, 0xfb, 0xf4, 255, 255, 255, 255}},
        {"rt:4200000001:7", 8, {2, 2, 0xfa, 0x56, 0xea, 0x01, 0, 7}},
        {"rt:192.0.2.1:65535", 8, {1, 2, 192, 0, 2, 1, 255, 255}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct community got;
        char text[COMMUNITY_TEXT_MAX];
        cr_assert_eq(community_parse(&got, cases[i].text), STATUS_OK, "%s", cases[i].text);
        cr_expect_eq(got.len, cases[i].len, "%s", cases[i].text);
        cr_expect_eq(memcmp(got.octets, cases[i].octets, got.len), 0, "%s", cases[i].text);
        cr_expect_str_eq(community_format(got.octets, got.len, text), cases[i].text);
    }
}

Test(communities, anything_else_is_refused)
{
    static const char *const cases[] = {"",
                                        "666",
                                        ":",
                                        "1:",
                                        ":1",
                                        "65536:1",
                                        "1:65536",
                                        "1:2:3:4",
                                        "4294967296:1:1",
                                        "rt:1",
                                        "rt:1:",
                                        "rt:1:2:3",
                                        "rt:65536:65536",
                                        "rt:192.0.2.1:65536",
                                        "rt:192.0.2:1",
                                        "xx:1:2",
                                        " 1:2",
                                        "1:2 ",
                                        "-1:2",
                                        "1:0x2",
                                        "rt:4294967296:1",
                                        "1:00000000000000000000000000002",
                                        "no-export"};
    struct community got;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(community_parse(&got, cases[i]), STATUS_MALFORMED, "%s", cases[i]);
}

Test(communities, what_has_no_word_is_shown_as_octets)
{
    static const uint8_t rate[8] = {0x80, 6, 0, 0, 0, 0, 0, 0}, of_ipv6[20] = {0, 12, 0x20, 1};
    char text[COMMUNITY_TEXT_MAX];
    cr_expect_str_eq(community_format(rate, sizeof(rate), text), "0x8006000000000000");
    cr_expect_str_eq(community_format(of_ipv6, sizeof(of_ipv6), text),
                     "0x000c200100000000000000000000000000000000");
    cr_expect_str_eq(route_kind_name(ROUTE_FLOWSPEC), "flowspec");
    cr_expect_str_eq(route_kind_name(ROUTE_BLACKHOLE), "blackhole");
    cr_expect_str_eq(route_kind_name(ROUTE_DIVERT), "divert");
    cr_expect_str_eq(route_kind_name(ROUTE_KIND_COUNT), "unknown");
}
