#include "speaker/bgp/open.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static const struct bgp_open ours = {.as = 4200000001U,
                                     .router_id = 0xc0000209,
                                     .hold_s = 90,
                                     .families = 1U << BGP_FLOW4 | 1U << BGP_FLOW6,
                                     .as4 = true,
                                     .refresh = true};

Test(open, is_written_as_the_rfc_draws_it)
{
    static const uint8_t want[] = {
        4,  0x5b, 0xa0, 0,    90,   192, 0, 2, 9, /* version, AS_TRANS, hold, identifier */
        22, 2,    20,                             /* parameters: capabilities */
        1,  4,    0,    1,    0,    133, 1, 4, 0, 2, 0, 133, /* MP */
        2,  0,                                               /* route refresh */
        65, 4,    0xfa, 0x56, 0xea, 0x01};                   /* 4-octet AS */
    uint8_t bytes[128];
    size_t len;
    cr_assert_eq(open_encode(&ours, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(len, BGP_HEADER_LEN + sizeof(want));
    cr_assert_eq(memcmp(bytes + BGP_HEADER_LEN, want, sizeof(want)), 0);
    for (size_t room = 0; room < BGP_HEADER_LEN + sizeof(want); room++)
        cr_assert_eq(open_encode(&ours, bytes, room, &len), STATUS_LIMIT);
}

Test(open, families_are_those_of_the_settings)
{
    static const uint8_t want[] = {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1};
    struct bgp_open open = ours;
    uint8_t bytes[128];
    size_t len;
    open.families = 1U << BGP_UNICAST4 | 1U << BGP_UNICAST6;
    cr_assert_eq(open_encode(&open, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(memcmp(bytes + BGP_HEADER_LEN + 12, want, sizeof(want)), 0);
}

Test(open, is_read_back)
{
    uint8_t bytes[128];
    size_t len;
    struct bgp_message message;
    struct bgp_error error;
    struct bgp_open open;
    cr_assert_eq(open_encode(&ours, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(open_decode(&message, &open, &error), STATUS_OK);
    cr_assert_eq(open.as, ours.as);
    cr_assert_eq(open.router_id, ours.router_id);
    cr_assert_eq(open.hold_s, ours.hold_s);
    cr_assert_eq(open.families, ours.families);
    cr_assert(open.as4 && open.refresh);
}

struct open_case {
    char name[48];
    uint8_t body[48];
    uint8_t len;
    enum status want;
    uint8_t subcode;
    uint32_t as;
    unsigned int families;
};

/* Of a peer that says nothing of families (RFC 4760, 8). */
enum { IMPLIED = 1 << BGP_UNICAST4 };
#define FIXED(version, as, hold) version, 0, as, 0, hold, 10, 0, 0, 1

ParameterizedTestParameters(open, body_is_judged)
{
    static struct open_case cases[] = {
        {"no parameters", {FIXED(4, 100, 90), 0}, 10, STATUS_OK, 0, 100, IMPLIED},
        {"version 3", {FIXED(3, 100, 90), 0}, 10, STATUS_MALFORMED, BGP_OPEN_VERSION, 0, 0},
        {"version 5", {FIXED(5, 100, 90), 0}, 10, STATUS_MALFORMED, BGP_OPEN_VERSION, 0, 0},
        {"AS 0", {FIXED(4, 0, 90), 0}, 10, STATUS_MALFORMED, BGP_OPEN_PEER_AS, 0, 0},
        {"hold time 1", {FIXED(4, 100, 1), 0}, 10, STATUS_MALFORMED, BGP_OPEN_HOLD_TIME, 0, 0},
        {"hold time 2", {FIXED(4, 100, 2), 0}, 10, STATUS_MALFORMED, BGP_OPEN_HOLD_TIME, 0, 0},
        {"hold time 0", {FIXED(4, 100, 0), 0}, 10, STATUS_OK, 0, 100, IMPLIED},
        {"hold time 3", {FIXED(4, 100, 3), 0}, 10, STATUS_OK, 0, 100, IMPLIED},
        {"identifier 0",
         {4, 0, 100, 0, 90, 0, 0, 0, 0, 0},
         10,
         STATUS_MALFORMED,
         BGP_OPEN_IDENTIFIER,
         0,
         0},
        {"parameters longer than told",
         {FIXED(4, 100, 90), 1, 2, 0},
         12,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
        {"parameters shorter than told",
         {FIXED(4, 100, 90), 9, 2, 0},
         12,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
        {"authentication parameter",
         {FIXED(4, 100, 90), 2, 1, 0},
         12,
         STATUS_MALFORMED,
         BGP_OPEN_PARAMETER,
         0,
         0},
        {"parameter over the end",
         {FIXED(4, 100, 90), 2, 2, 9},
         12,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
        {"half a parameter",
         {FIXED(4, 100, 90), 1, 2},
         11,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
        {"capability over the end",
         {FIXED(4, 100, 90), 4, 2, 2, 1, 4},
         14,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
        {"unknown capability",
         {FIXED(4, 100, 90), 5, 2, 3, 200, 1, 7},
         15,
         STATUS_OK,
         0,
         100,
         IMPLIED},
        {"MP of the wrong length",
         {FIXED(4, 100, 90), 7, 2, 5, 1, 3, 0, 1, 0},
         17,
         STATUS_OK,
         0,
         100,
         0},
        {"one capability a parameter",
         {FIXED(4, 100, 90), 16, 2, 6, 1, 4, 0, 1, 0, 133, 2, 6, 1, 4, 0, 2, 0, 133},
         26,
         STATUS_OK,
         0,
         100,
         3},
        {"unicast only",
         {FIXED(4, 100, 90), 8, 2, 6, 1, 4, 0, 1, 0, 1},
         18,
         STATUS_OK,
         0,
         100,
         1U << BGP_UNICAST4},
        {"a family of others",
         {FIXED(4, 100, 90), 8, 2, 6, 1, 4, 0, 1, 0, 128},
         18,
         STATUS_OK,
         0,
         100,
         0},
        {"4-octet AS",
         {FIXED(4, 100, 90), 8, 2, 6, 65, 4, 0, 1, 0, 5},
         18,
         STATUS_OK,
         0,
         65541,
         IMPLIED},
        {"4-octet AS 0",
         {FIXED(4, 100, 90), 8, 2, 6, 65, 4, 0, 0, 0, 0},
         18,
         STATUS_MALFORMED,
         BGP_OPEN_PEER_AS,
         0,
         0},
        {"long parameters of RFC 9072",
         {FIXED(4, 100, 90), 255, 255, 0, 9, 2, 0, 6, 1, 4, 0, 2, 0, 133},
         22,
         STATUS_OK,
         0,
         100,
         2},
        {"long parameters cut",
         {FIXED(4, 100, 90), 255, 255, 0},
         12,
         STATUS_MALFORMED,
         BGP_OPEN_UNSPECIFIC,
         0,
         0},
    };
    return cr_make_param_array(struct open_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct open_case *c, open, body_is_judged)
{
    struct bgp_message message = {.type = BGP_OPEN, .body = c->body, .body_len = c->len};
    struct bgp_open open;
    struct bgp_error error;
    cr_assert_eq(open_decode(&message, &open, &error), c->want, "%s", c->name);
    if (c->want != STATUS_OK) {
        cr_expect_eq(error.code, BGP_ERROR_OPEN);
        cr_expect_eq(error.subcode, c->subcode, "%s: %u", c->name, error.subcode);
        cr_expect(error.subcode != BGP_OPEN_VERSION || (error.data_len == 2 && error.data[1] == 4));
    } else {
        cr_expect_eq(open.as, c->as);
        cr_expect_eq(open.families, c->families);
    }
}

Test(open, comes_from_whom_we_expect)
{
    struct bgp_open remote = {.as = 64496, .router_id = 1};
    struct bgp_error error;
    cr_assert_eq(open_judge(&remote, 64496, &ours, &error), STATUS_OK);
    cr_assert_eq(open_judge(&remote, 64497, &ours, &error), STATUS_REFUSED);
    cr_assert_eq(error.subcode, BGP_OPEN_PEER_AS);
    remote.as = ours.as;
    remote.router_id = ours.router_id;
    cr_assert_eq(open_judge(&remote, ours.as, &ours, &error), STATUS_REFUSED);
    cr_assert_eq(error.subcode, BGP_OPEN_IDENTIFIER);
}

Test(open, the_same_identifier_in_another_as_is_good)
{
    struct bgp_open remote = {.as = 64496, .router_id = ours.router_id};
    struct bgp_error error;
    cr_assert_eq(open_judge(&remote, 64496, &ours, &error), STATUS_OK);
}

Test(open, negotiation_takes_what_both_have)
{
    struct bgp_open remote = {.as = 1, .hold_s = 30, .families = 1U << BGP_FLOW6, .as4 = true};
    struct bgp_negotiated n = open_negotiate(&ours, &remote);
    cr_assert_eq(n.families, 1U << BGP_FLOW6);
    cr_assert(n.as4);
    cr_assert_not(n.refresh);
    cr_assert_eq(n.hold_ms, 30000);
    cr_assert_eq(n.keepalive_ms, 10000);
    remote.hold_s = 0;
    n = open_negotiate(&ours, &remote);
    cr_assert_eq(n.hold_ms, 0);
    cr_assert_eq(n.keepalive_ms, 0);
    remote.hold_s = 180;
    cr_assert_eq(open_negotiate(&ours, &remote).hold_ms, 90000);
}

Test(open, who_names_no_family_has_ipv4_unicast_where_that_is_asked_for)
{
    struct bgp_open local = ours, remote = {.as = 1, .families = IMPLIED};
    cr_assert_eq(open_negotiate(&local, &remote).families, 0);
    local.families |= 1U << BGP_UNICAST4;
    cr_assert_eq(open_negotiate(&local, &remote).families, 1U << BGP_UNICAST4);
}

Test(open, of_two_connections_the_higher_identifiers_stays)
{
    struct bgp_open local = {.as = 10, .router_id = 5}, remote = {.as = 20, .router_id = 4};
    cr_assert(open_keeps_ours(&local, &remote));
    remote.router_id = 6;
    cr_assert_not(open_keeps_ours(&local, &remote));
    remote.router_id = 5;
    cr_assert_not(open_keeps_ours(&local, &remote));
    cr_assert(open_keeps_ours(&remote, &local));
}

Test(open, jitter_takes_off_a_quarter_at_most)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t random = 0; random < 5000; random++) {
        uint64_t ms = open_jitter_ms(4000, random);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    cr_assert_eq(least, 3000);
    cr_assert_eq(most, 4000);
    cr_assert_eq(open_jitter_ms(0, 7), 0);
    cr_assert_eq(open_jitter_ms(3, 7), 3);
}

Test(open, attempts_are_quick_at_first_and_as_configured_later)
{
    static const uint64_t want_ms[] = {250, 500, 1000, 2000, 4000, 5000, 5000};
    for (uint32_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++)
        cr_assert_eq(open_retry_ms(5000, i, 0), want_ms[i], "%u", i);
    cr_assert_eq(open_retry_ms(5000, UINT32_MAX, 0), 5000);
    cr_assert_eq(open_retry_ms(100, 0, 0), 100, "never slower than the configuration");
    cr_assert_eq(open_retry_ms(5000, 0, 62), 188, "with jitter");
}

static struct bgp_open with_graceful(uint16_t restart_s, bool restarted)
{
    struct bgp_open open = ours;
    open.graceful = (struct bgp_graceful){.offered = true,
                                          .restarted = restarted,
                                          .over_notification = true,
                                          .restart_s = restart_s,
                                          .families = open.families};
    return open;
}

Test(open, graceful_restart_is_written_as_the_rfc_draws_it_and_read_back)
{
    static const uint8_t want[] = {64, 10, 0xc0, 120, 0, 1, 133, 0x80, 0, 2, 133, 0x80};
    struct bgp_open open = with_graceful(120, true), again;
    uint8_t bytes[128];
    size_t len;
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_eq(open_encode(&open, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_not_null(memmem(bytes, len, want, sizeof(want)));
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(open_decode(&message, &again, &error), STATUS_OK);
    cr_assert(again.graceful.offered && again.graceful.restarted);
    cr_assert(again.graceful.over_notification);
    cr_assert_eq(again.graceful.restart_s, 120);
    cr_assert_eq(again.graceful.families, open.families);
    open = with_graceful(GRACEFUL_RESTART_MAX_S, false);
    cr_assert_eq(open_encode(&open, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(open_decode(&message, &again, &error), STATUS_OK);
    cr_assert_eq(again.graceful.restart_s, GRACEFUL_RESTART_MAX_S);
    cr_assert_not(again.graceful.restarted);
}

struct graceful_case {
    char name[48];
    uint8_t capabilities[24], len;
    struct bgp_graceful want;
};

ParameterizedTestParameters(open, graceful_restart_is_judged)
{
    static struct graceful_case cases[] = {
        {"none", {2, 0}, 2, {0}},
        {"too short", {64, 1, 0}, 3, {0}},
        {"no family", {64, 2, 0x80, 120}, 4, {true, true, false, 120, 0}},
        {"reserved bits", {64, 2, 0x3f, 0xff}, 4, {true, false, false, 4095, 0}},
        {"a family of others", {64, 6, 0, 1, 0, 1, 4, 0x80}, 8, {true, false, false, 1, 0}},
        {"ours", {64, 6, 0, 1, 0, 2, 133, 0}, 8, {true, false, false, 1, 1U << BGP_FLOW6}},
        {"half a family", {64, 5, 0, 1, 0, 2, 133}, 7, {0}},
        {"the last of two counts", {64, 2, 0xc0, 9, 64, 2, 0, 7}, 8, {true, false, false, 7, 0}},
        {"the last is broken", {64, 2, 0x40, 9, 64, 1, 0}, 7, {true, false, true, 9, 0}},
    };
    return cr_make_param_array(struct graceful_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct graceful_case *c, open, graceful_restart_is_judged)
{
    uint8_t body[64] = {FIXED(4, 100, 90), (uint8_t)(c->len + 2), 2, c->len};
    memcpy(body + 12, c->capabilities, c->len);
    struct bgp_message message = {.type = BGP_OPEN, .body = body, .body_len = 12U + c->len};
    struct bgp_open open;
    struct bgp_error error;
    cr_assert_eq(open_decode(&message, &open, &error), STATUS_OK);
    cr_expect_eq(open.graceful.offered, c->want.offered, "%s", c->name);
    cr_expect_eq(open.graceful.restarted, c->want.restarted, "%s", c->name);
    cr_expect_eq(open.graceful.over_notification, c->want.over_notification, "%s", c->name);
    cr_expect_eq(open.graceful.restart_s, c->want.restart_s, "%s", c->name);
    cr_expect_eq(open.graceful.families, c->want.families, "%s", c->name);
}

Test(open, routes_are_kept_where_both_say_so)
{
    struct bgp_open local = with_graceful(120, false), remote = with_graceful(60, false);
    cr_assert(open_negotiate(&local, &remote).graceful);
    cr_assert(open_negotiate(&local, &remote).over_notification);
    remote.graceful.over_notification = false;
    cr_assert(open_negotiate(&local, &remote).graceful);
    cr_assert_not(open_negotiate(&local, &remote).over_notification);
    remote.graceful.over_notification = true;
    local.graceful.offered = false;
    cr_assert_not(open_negotiate(&local, &remote).graceful);
    cr_assert_not(open_negotiate(&local, &remote).over_notification);
}

Test(open, long_messages_need_both_sides)
{
    static const uint8_t want[] = {6, 0};
    struct bgp_open local = ours, remote = {.as = 1, .extended = true}, again;
    uint8_t bytes[128];
    size_t len;
    struct bgp_message message;
    struct bgp_error error;
    cr_assert_not(open_negotiate(&local, &remote).extended);
    local.extended = true;
    cr_assert(open_negotiate(&local, &remote).extended);
    remote.extended = false;
    cr_assert_not(open_negotiate(&local, &remote).extended);
    cr_assert_eq(open_encode(&local, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_assert_not_null(memmem(bytes, len, want, sizeof(want)));
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(open_decode(&message, &again, &error), STATUS_OK);
    cr_assert(again.extended);
}

Test(open, enhanced_refresh_is_what_both_say)
{
    struct bgp_open local = ours, remote = {.as = 1, .enhanced_refresh = true}, again;
    struct bgp_message message;
    struct bgp_error error;
    uint8_t bytes[128];
    size_t len;
    cr_assert_not(open_negotiate(&local, &remote).enhanced_refresh);
    local.enhanced_refresh = true;
    cr_assert(open_negotiate(&local, &remote).enhanced_refresh);
    cr_assert_eq(open_encode(&local, bytes, sizeof(bytes), &len), STATUS_OK);
    cr_expect_eq(bytes[len - 2], 70);
    cr_expect_eq(bytes[len - 1], 0);
    cr_assert_eq(message_next(bytes, len, &message, &error), STATUS_OK);
    cr_assert_eq(open_decode(&message, &again, &error), STATUS_OK);
    cr_assert(again.enhanced_refresh);
}
