#include "speaker/bgp/message.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct frame_case {
    char name[48];
    int marker_broken_at; /* -1: whole */
    uint16_t length;
    uint8_t type;
    uint8_t given; /* octets that are there */
    enum status want;
    uint8_t code, subcode, data_len;
    uint8_t data[2];
};

ParameterizedTestParameters(message, header_is_judged)
{
    static struct frame_case cases[] = {
        {"keepalive", -1, 19, 4, 19, STATUS_OK, 0, 0, 0, {0}},
        {"refresh", -1, 23, 5, 23, STATUS_OK, 0, 0, 0, {0}},
        {"first octet of the marker", 0, 19, 4, 19, STATUS_MALFORMED, 1, 1, 0, {0}},
        {"last octet of the marker", 15, 19, 4, 19, STATUS_MALFORMED, 1, 1, 0, {0}},
        {"broken marker of which one octet came", 0, 19, 4, 1, STATUS_MALFORMED, 1, 1, 0, {0}},
        {"shorter than a header", -1, 18, 4, 19, STATUS_MALFORMED, 1, 2, 2, {0, 18}},
        {"length 0", -1, 0, 4, 19, STATUS_MALFORMED, 1, 2, 2, {0, 0}},
        {"longer than a message", -1, 4097, 2, 19, STATUS_MALFORMED, 1, 2, 2, {16, 1}},
        {"length of all ones", -1, 65535, 2, 19, STATUS_MALFORMED, 1, 2, 2, {255, 255}},
        {"keepalive with a body", -1, 20, 4, 20, STATUS_MALFORMED, 1, 2, 2, {0, 20}},
        {"open too short", -1, 28, 1, 28, STATUS_MALFORMED, 1, 2, 2, {0, 28}},
        {"update too short", -1, 22, 2, 22, STATUS_MALFORMED, 1, 2, 2, {0, 22}},
        {"notification too short", -1, 20, 3, 20, STATUS_MALFORMED, 1, 2, 2, {0, 20}},
        {"refresh too short", -1, 22, 5, 22, STATUS_MALFORMED, 1, 2, 2, {0, 22}},
        {"refresh too long", -1, 24, 5, 24, STATUS_MALFORMED, 1, 2, 2, {0, 24}},
        {"type 0", -1, 19, 0, 19, STATUS_MALFORMED, 1, 3, 1, {0}},
        {"type 6", -1, 19, 6, 19, STATUS_MALFORMED, 1, 3, 1, {6}},
        {"type 255", -1, 19, 255, 19, STATUS_MALFORMED, 1, 3, 1, {255}},
        {"bad length comes before bad type", -1, 18, 9, 19, STATUS_MALFORMED, 1, 2, 2, {0, 18}},
        {"header not whole", -1, 19, 4, 18, STATUS_TRUNCATED, 0, 0, 0, {0}},
        {"nothing yet", -1, 19, 4, 0, STATUS_TRUNCATED, 0, 0, 0, {0}},
        {"body not whole", -1, 60, 2, 59, STATUS_TRUNCATED, 0, 0, 0, {0}},
    };
    return cr_make_param_array(struct frame_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct frame_case *c, message, header_is_judged)
{
    uint8_t bytes[256];
    memset(bytes, 0, sizeof(bytes));
    memset(bytes, 0xff, 16);
    if (c->marker_broken_at >= 0)
        bytes[c->marker_broken_at] = 0xfe;
    bytes[16] = (uint8_t)(c->length >> 8);
    bytes[17] = (uint8_t)c->length;
    bytes[18] = c->type;
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_eq(message_next(bytes, c->given, &message, &error), c->want, "%s", c->name);
    if (c->want == STATUS_MALFORMED) {
        cr_expect_eq(error.code, c->code);
        cr_expect_eq(error.subcode, c->subcode);
        cr_expect_eq(error.data_len, c->data_len);
        cr_expect_eq(memcmp(error.data, c->data, c->data_len), 0);
    } else if (c->want == STATUS_OK) {
        cr_expect_eq(message.len, c->length);
        cr_expect_eq(message.body_len, c->length - 19);
        cr_expect_eq(message.type, c->type);
    }
}

struct extended_case {
    uint8_t type;
    uint16_t len;
    enum status usual, extended;
};

/* RFC 8654, 4: up to 65,535 octets, but for OPEN and KEEPALIVE, where both sides have said so. */
Test(message, long_messages_are_taken_where_both_sides_have_said_so)
{
    static const struct extended_case cases[] = {
        {BGP_UPDATE, 4096, STATUS_OK, STATUS_OK},
        {BGP_UPDATE, 4097, STATUS_MALFORMED, STATUS_OK},
        {BGP_UPDATE, 65535, STATUS_MALFORMED, STATUS_OK},
        {BGP_UPDATE, 22, STATUS_MALFORMED, STATUS_MALFORMED},
        {BGP_NOTIFICATION, 65535, STATUS_MALFORMED, STATUS_OK},
        {BGP_OPEN, 4096, STATUS_OK, STATUS_OK},
        {BGP_OPEN, 4097, STATUS_MALFORMED, STATUS_MALFORMED},
        {BGP_KEEPALIVE, 20, STATUS_MALFORMED, STATUS_MALFORMED},
        {BGP_ROUTE_REFRESH, 24, STATUS_MALFORMED, STATUS_MALFORMED},
        {6, 65535, STATUS_MALFORMED, STATUS_MALFORMED},
    };
    static uint8_t bytes[UINT16_MAX];
    memset(bytes, 0xff, 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct extended_case *c = &cases[i];
        struct bgp_message message;
        struct bgp_error error;
        bytes[16] = (uint8_t)(c->len >> 8);
        bytes[17] = (uint8_t)c->len;
        bytes[18] = c->type;
        cr_expect_eq(message_next(bytes, c->len, &message, &error), c->usual, "case %zu", i);
        cr_expect_eq(message_next_of(bytes, c->len, true, &message, &error), c->extended,
                     "case %zu", i);
        if (c->extended == STATUS_OK) {
            cr_expect_eq(message.len, c->len);
            cr_expect_eq(message_next_of(bytes, c->len - 1U, true, &message, &error),
                         STATUS_TRUNCATED);
        }
    }
}

Test(message, several_messages_are_cut_wherever_the_stream_breaks)
{
    uint8_t stream[128];
    size_t len = 0, at = 0, given = 0, taken = 0;
    struct bgp_error cease = message_error(BGP_ERROR_CEASE, BGP_CEASE_COLLISION, "xyz", 3);
    for (int i = 0; i < 3; i++) {
        size_t one;
        cr_assert_eq(message_write_keepalive(stream + len, sizeof(stream) - len, &one), STATUS_OK);
        len += one;
    }
    size_t one;
    cr_assert_eq(message_write_notification(&cease, stream + len, sizeof(stream) - len, &one),
                 STATUS_OK);
    len += one;
    for (given = 0; given <= len; given++) {
        struct bgp_message message;
        struct bgp_error error;
        while (message_next(stream + at, given - at, &message, &error) == STATUS_OK) {
            at += message.len;
            taken++;
            cr_assert_leq(at, given);
        }
        cr_assert_eq(taken, given < 57 ? given / 19 : given < len ? 3 : 4);
    }
    cr_assert_eq(at, len);
}

Test(message, notification_is_written_and_read_back)
{
    uint8_t bytes[64];
    size_t len;
    struct bgp_error error = message_error(BGP_ERROR_OPEN, BGP_OPEN_VERSION, "\0\4", 2), again;
    struct bgp_message message;
    cr_assert_eq(message_write_notification(&error, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(len, 23);
    cr_assert_eq(message_next(bytes, len, &message, &again), STATUS_OK);
    message_read_notification(&message, &again);
    cr_assert_eq(again.code, 2);
    cr_assert_eq(again.subcode, 1);
    cr_assert_eq(again.data_len, 2);
    cr_assert_eq(memcmp(again.data, "\0\4", 2), 0);
    for (size_t room = 0; room < 23; room++)
        cr_assert_eq(message_write_notification(&error, bytes, room, &len), STATUS_LIMIT);
}

Test(message, long_notification_data_is_cut)
{
    uint8_t bytes[4096];
    memset(bytes, 0xff, sizeof(bytes));
    bytes[16] = 0x10;
    bytes[17] = 0;
    bytes[18] = BGP_NOTIFICATION;
    bytes[19] = 6;
    bytes[20] = 2;
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_eq(message_next(bytes, sizeof(bytes), &message, &error), STATUS_OK);
    message_read_notification(&message, &error);
    cr_assert_eq(error.data_len, BGP_ERROR_DATA_MAX);
    cr_assert_str_eq(message_error_text(error.code, error.subcode),
                     "cease: administrative shutdown");
}

Test(message, unknown_codes_have_a_text_too)
{
    cr_assert_str_eq(message_error_text(3, 77), "update error");
    cr_assert_str_eq(message_error_text(99, 1), "error of an unknown code");
}

Test(message, refresh_names_a_family_of_ours_or_none)
{
    static const uint8_t flow6[4] = {0, 2, 0, 133}, unicast[4] = {0, 1, 0, 1},
                         vpn[4] = {0, 1, 0, 128};
    struct bgp_message message = {.type = BGP_ROUTE_REFRESH, .body = flow6, .body_len = 4};
    enum bgp_family family;
    cr_assert_eq(message_read_refresh(&message, true, &family), STATUS_OK);
    cr_assert_eq(family, BGP_FLOW6);
    message.body = unicast;
    cr_assert_eq(message_read_refresh(&message, true, &family), STATUS_OK);
    cr_assert_eq(family, BGP_UNICAST4);
    message.body = vpn;
    cr_assert_eq(message_read_refresh(&message, true, &family), STATUS_UNSUPPORTED);
    cr_assert_str_eq(message_family_name(BGP_FLOW4), "ipv4-flowspec");
}

Test(message, marks_of_a_refresh_are_written_and_are_no_requests)
{
    static const uint8_t ends[] = {0, 23, 5, 0, 2, 2, 133};
    uint8_t bytes[64];
    size_t len;
    struct bgp_message message;
    struct bgp_error error;
    enum bgp_family family;
    cr_assert_eq(message_write_refresh(BGP_FLOW6, BGP_REFRESH_ENDS, bytes, sizeof(bytes), &len),
                 STATUS_OK);
    cr_assert_eq(len, 23);
    cr_expect_eq(memcmp(bytes + 16, ends, sizeof(ends)), 0);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_expect_eq(message_read_refresh(&message, true, &family), STATUS_UNSUPPORTED);
    cr_expect_eq(message_read_refresh(&message, false, &family), STATUS_OK, "reserved, RFC 2918");
    cr_expect_eq(message_write_refresh(BGP_FLOW6, BGP_REFRESH_ENDS, bytes, 22, &len), STATUS_LIMIT);
}
