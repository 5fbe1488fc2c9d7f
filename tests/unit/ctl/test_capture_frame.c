#include "ctl/capture.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

/* Ethernet with a VLAN tag, IPv4 with options, UDP 5000 → 2055, three octets, Ethernet's padding.
 */
static const uint8_t tagged[] = {
    0, 0, 0,  0, 0,    0,    0,    0,    0,  0,  0, 0,   0x81, 0x00, 0,   5,   0x08, 0x00, 0x46,
    0, 0, 35, 0, 1,    0x40, 0,    9,    17, 0,  0, 192, 0,    2,    1,   192, 0,    2,    9,
    1, 1, 1,  0, 0x13, 0x88, 0x08, 0x07, 0,  11, 0, 0,   'a',  'b',  'c', 0,   0,    0,    0};
enum { ETHERNET = 18, UNPADDED = 53 };

Test(capture_frame, a_datagram_is_found_behind_its_headers)
{
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    char text[ENDPOINT_TEXT_MAX];
    cr_assert_eq(capture_frame(DLT_EN10MB, tagged, sizeof tagged, &d, &fragment), CAPTURE_DATAGRAM);
    cr_assert_str_eq(endpoint_format(&d.from, text), "192.0.2.1:5000");
    cr_assert_str_eq(endpoint_format(&d.to, text), "192.0.2.9:2055");
    cr_assert_eq(d.len, 3);
    cr_assert_arr_eq(d.bytes, "abc", 3);
}

struct link_case {
    char name[40];
    int link_type;
    uint8_t head[24];
    size_t len;
};
ParameterizedTestParameters(capture_frame, links_before_ip)
{
    static struct link_case cases[] = {
        {"PPP", DLT_PPP, {0x00, 0x21}, 2},
        {"PPP, framed", DLT_PPP, {0xff, 0x03, 0x00, 0x21}, 4},
        {"PPP on a serial line", DLT_PPP_SERIAL, {0xff, 0x03, 0x00, 0x21}, 4},
        {"Cisco's HDLC", DLT_C_HDLC, {0x0f, 0x00, 0x08, 0x00}, 4},
        {"MPLS", DLT_EN10MB, {[12] = 0x88, 0x47, 0, 1, 0, 0x40, 0, 2, 1, 0x40}, 22},
        {"PPPoE", DLT_EN10MB, {[12] = 0x88, 0x64, 0x11, 0, 0, 1, 0, 37, 0, 0x21}, 22},
    };
    return cr_make_param_array(struct link_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct link_case *c, capture_frame, links_before_ip)
{
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    uint8_t frame[sizeof c->head + UNPADDED];
    cr_assert(capture_link_is_known(c->link_type));
    memcpy(frame, c->head, c->len);
    memcpy(frame + c->len, tagged + ETHERNET, UNPADDED - ETHERNET);
    size_t whole = c->len + UNPADDED - ETHERNET;
    cr_assert_eq(capture_frame(c->link_type, frame, whole, &d, &fragment), CAPTURE_DATAGRAM, "%s",
                 c->name);
    cr_assert_eq(d.len, 3, "%s", c->name);
    cr_assert_eq(d.to.port, 2055, "%s", c->name);
    for (size_t len = 0; len < c->len; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        memcpy(copy, frame, len);
        cr_assert_eq(capture_frame(c->link_type, copy, len, &d, &fragment), CAPTURE_MALFORMED,
                     "%s: %zu octets", c->name, len);
        free(copy);
    }
}

Test(capture_frame, every_cut_is_malformed_or_cut)
{
    for (size_t len = 0; len < UNPADDED; len++) {
        struct capture_datagram d = {0};
        struct capture_fragment fragment;
        uint8_t *copy = malloc(len > 0 ? len : 1);
        memcpy(copy, tagged, len);
        enum capture_verdict verdict = capture_frame(DLT_EN10MB, copy, len, &d, &fragment);
        if (len < UNPADDED - 3)
            cr_assert_eq(verdict, CAPTURE_MALFORMED, "%zu octets: %d", len, verdict);
        else
            cr_assert(verdict == CAPTURE_CUT && d.len == len - (UNPADDED - 3), "%zu octets", len);
        free(copy);
    }
}

struct frame_case {
    char name[40];
    uint8_t at, value;
    enum capture_verdict want;
};
ParameterizedTestParameters(capture_frame, one_octet_decides)
{
    static struct frame_case cases[] = {
        {"another protocol", 27, 6, CAPTURE_NOT_UDP},
        {"more fragments", 24, 0x60, CAPTURE_FRAGMENT},
        {"a later fragment", 25, 1, CAPTURE_FRAGMENT},
        {"do not fragment", 24, 0x40, CAPTURE_DATAGRAM},
        {"ARP", 17, 6, CAPTURE_NOT_IP},
        {"version 5", 18, 0x56, CAPTURE_MALFORMED},
        {"a header of 16 octets", 18, 0x44, CAPTURE_MALFORMED},
        {"a header behind the end", 18, 0x4f, CAPTURE_MALFORMED},
        {"a total below the header", 21, 20, CAPTURE_MALFORMED},
        {"no total: segments cut by a card", 21, 0, CAPTURE_DATAGRAM},
        {"UDP of 7 octets", 47, 7, CAPTURE_MALFORMED},
        {"UDP longer than its packet", 47, 12, CAPTURE_CUT}};
    return cr_make_param_array(struct frame_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct frame_case *c, capture_frame, one_octet_decides)
{
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    uint8_t frame[sizeof tagged];
    memcpy(frame, tagged, sizeof tagged);
    frame[c->at] = c->value;
    enum capture_verdict got = capture_frame(DLT_EN10MB, frame, sizeof frame, &d, &fragment);
    cr_assert_eq(got, c->want, "%s: %d", c->name, got);
}

Test(capture_frame, headers_without_end_end)
{
    /* Hop-by-hop options that name each other as what follows. */
    uint8_t frame[65535] = {0x60, 0, 0, 0, 0xff, 0xd7, 0, 64};
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    cr_assert_eq(capture_frame(DLT_RAW, frame, sizeof frame, &d, &fragment), CAPTURE_MALFORMED);
}

Test(capture_frame, link_types_that_are_not_read_are_known_as_such)
{
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    cr_assert(capture_link_is_known(DLT_LINUX_SLL2));
    cr_assert_not(capture_link_is_known(DLT_IEEE802_11));
    cr_assert_eq(capture_frame(DLT_IEEE802_11, tagged, sizeof tagged, &d, &fragment),
                 CAPTURE_NOT_IP);
}
