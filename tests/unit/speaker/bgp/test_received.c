#include "speaker/bgp/received.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static const struct received_session internal = {.ibgp = true, .as4 = true},
                                     external = {.ibgp = false, .as4 = true};

struct update_case {
    char name[48];
    uint8_t body[40];
    uint8_t len;
    enum status want;
    uint8_t subcode;
    uint32_t withdrawn, announced;
    unsigned int mistakes;
};

ParameterizedTestParameters(received, only_what_cannot_be_read_ends_the_session)
{
    static struct update_case cases[] = {
        {"end of RIB", {0, 0, 0, 0}, 4, STATUS_OK, 0, 0, 0, 0},
        {"withdrawn alone", {0, 3, 16, 10, 1, 0, 0}, 7, STATUS_OK, 0, 1, 0, 0},
        {"withdrawn over the end", {0, 9, 0, 0}, 4, STATUS_MALFORMED, 1, 0, 0, 0},
        {"attributes over the end", {0, 0, 0, 1}, 4, STATUS_MALFORMED, 1, 0, 0, 0},
        {"withdrawn prefix of 33 bits",
         {0, 6, 33, 1, 2, 3, 4, 5, 0, 0},
         10,
         STATUS_MALFORMED,
         10,
         0,
         0,
         0},
        {"withdrawn prefix cut", {0, 2, 24, 1, 0, 0}, 6, STATUS_MALFORMED, 10, 0, 0, 0},
        {"NLRI cut", {0, 0, 0, 0, 24, 1}, 6, STATUS_MALFORMED, 10, 0, 0, 0},
        {"default route", {0, 0, 0, 0, 0}, 5, STATUS_OK, 0, 0, 1, 1U << RECEIVED_MISSING},
        {"attribute over the list's end",
         {0, 0, 0, 4, 0x40, 1, 9, 0},
         8,
         STATUS_OK,
         0,
         0,
         0,
         1U << RECEIVED_TRUNCATED},
        {"half an attribute header",
         {0, 0, 0, 1, 0x40},
         5,
         STATUS_OK,
         0,
         0,
         0,
         1U << RECEIVED_TRUNCATED},
        {"ORIGIN twice",
         {0, 0, 0, 8, 0x40, 1, 1, 0, 0x40, 1, 1, 0},
         12,
         STATUS_OK,
         0,
         0,
         0,
         1U << RECEIVED_TWICE},
        {"MP_UNREACH twice",
         {0, 0, 0, 12, 0x80, 15, 3, 0, 1, 133, 0x80, 15, 3, 0, 1, 133},
         16,
         STATUS_MALFORMED,
         1,
         0,
         0,
         0},
        {"extended length", {0, 0, 0, 7, 0x90, 15, 0, 3, 0, 1, 133}, 11, STATUS_OK, 0, 0, 0, 0},
    };
    return cr_make_param_array(struct update_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct update_case *c, received, only_what_cannot_be_read_ends_the_session)
{
    struct bgp_message message = {.type = BGP_UPDATE, .body = c->body, .body_len = c->len};
    struct received_update update;
    struct bgp_error error;
    cr_assert_eq(received_check(&message, &internal, &update, &error), c->want, "%s", c->name);
    if (c->want != STATUS_OK) {
        cr_expect_eq(error.code, BGP_ERROR_UPDATE);
        cr_expect_eq(error.subcode, c->subcode, "%s", c->name);
        return;
    }
    cr_expect_eq(update.withdrawn, c->withdrawn);
    cr_expect_eq(update.announced, c->announced);
    cr_expect_eq(update.mistakes, c->mistakes, "%s: %x", c->name, update.mistakes);
}

/*
 * One attribute more in an UPDATE that is good, and what RFC 7606 (7, and 3 for flags) says of it:
 * taken, the attribute discarded, the routes withdrawn, or their family disabled; "reset" is 3/2.
 */
enum { TAKEN, DISCARDED, WITHDRAWN, DISABLED, RESET };
struct attribute_case {
    char name[40];
    uint8_t bytes[32];          /* with flags, type and length */
    uint8_t internal, external; /* what becomes of it from an iBGP and an eBGP peer */
    unsigned int mistake;       /* its number, where there is one */
};

static struct attribute_case attribute_cases[] = {
    {"ORIGIN", {0x40, 1, 1, 2}, TAKEN, TAKEN, 0},
    {"ORIGIN of 0", {0x40, 1, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"ORIGIN of 2", {0x40, 1, 2, 0, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"ORIGIN 3", {0x40, 1, 1, 3}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"ORIGIN optional", {0xc0, 1, 1, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_FLAGS},
    {"ORIGIN not transitive", {0x00, 1, 1, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_FLAGS},
    {"ORIGIN partial", {0x60, 1, 1, 0}, TAKEN, TAKEN, 0},
    {"AS_PATH empty", {0x40, 2, 0}, TAKEN, TAKEN, 0},
    {"AS_PATH of one", {0x40, 2, 6, 2, 1, 0, 0, 0, 9}, TAKEN, TAKEN, 0},
    {"AS_PATH of two segments", {0x40, 2, 12, 1, 1, 0, 0, 0, 9, 2, 1, 0, 0, 0, 9}, TAKEN, TAKEN, 0},
    {"AS_PATH of confederation", {0x40, 2, 6, 3, 1, 0, 0, 0, 9}, TAKEN, TAKEN, 0},
    {"AS_PATH, type 0", {0x40, 2, 6, 0, 1, 0, 0, 0, 9}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"AS_PATH, type 5", {0x40, 2, 6, 5, 1, 0, 0, 0, 9}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"AS_PATH, empty segment", {0x40, 2, 2, 2, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"AS_PATH, half a segment", {0x40, 2, 1, 2}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"AS_PATH over its end", {0x40, 2, 6, 2, 2, 0, 0, 0, 9}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"AS_PATH of short numbers", {0x40, 2, 4, 2, 1, 0, 9}, WITHDRAWN, WITHDRAWN, RECEIVED_VALUE},
    {"NEXT_HOP", {0x40, 3, 4, 192, 0, 2, 1}, TAKEN, TAKEN, 0},
    {"NEXT_HOP of 3", {0x40, 3, 3, 192, 0, 2}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"MED", {0x80, 4, 4, 0, 0, 0, 1}, TAKEN, TAKEN, 0},
    {"MED of 3", {0x80, 4, 3, 0, 0, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"MED well-known", {0x40, 4, 4, 0, 0, 0, 1}, WITHDRAWN, WITHDRAWN, RECEIVED_FLAGS},
    {"LOCAL_PREF", {0x40, 5, 4, 0, 0, 0, 1}, TAKEN, TAKEN, 0},
    {"LOCAL_PREF of 5", {0x40, 5, 5, 0, 0, 0, 1, 0}, WITHDRAWN, TAKEN, RECEIVED_LENGTH},
    {"ATOMIC_AGGREGATE", {0x40, 6, 0}, TAKEN, TAKEN, 0},
    {"ATOMIC_AGGREGATE of 1", {0x40, 6, 1, 0}, DISCARDED, DISCARDED, RECEIVED_LENGTH},
    {"AGGREGATOR", {0xc0, 7, 8, 0, 0, 0, 1, 1, 1, 1, 1}, TAKEN, TAKEN, 0},
    {"AGGREGATOR of 6", {0xc0, 7, 6, 0, 1, 1, 1, 1, 1}, DISCARDED, DISCARDED, RECEIVED_LENGTH},
    {"COMMUNITIES", {0xc0, 8, 8, 1, 1, 1, 1, 2, 2, 2, 2}, TAKEN, TAKEN, 0},
    {"COMMUNITIES of 0", {0xc0, 8, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"COMMUNITIES of 6", {0xc0, 8, 6, 1, 1, 1, 1, 2, 2}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"COMMUNITIES not transitive", {0x80, 8, 4, 1, 1, 1, 1}, WITHDRAWN, WITHDRAWN, RECEIVED_FLAGS},
    {"ORIGINATOR_ID", {0x80, 9, 4, 1, 1, 1, 1}, TAKEN, TAKEN, 0},
    {"ORIGINATOR_ID of 5", {0x80, 9, 5, 1, 1, 1, 1, 1}, WITHDRAWN, TAKEN, RECEIVED_LENGTH},
    {"CLUSTER_LIST", {0x80, 10, 4, 1, 1, 1, 1}, TAKEN, TAKEN, 0},
    {"CLUSTER_LIST of 0", {0x80, 10, 0}, WITHDRAWN, TAKEN, RECEIVED_LENGTH},
    {"CLUSTER_LIST of 5", {0x80, 10, 5, 1, 1, 1, 1, 1}, WITHDRAWN, TAKEN, RECEIVED_LENGTH},
    {"MP_REACH", {0x80, 14, 5, 0, 1, 133, 0, 0}, TAKEN, TAKEN, 0},
    {"MP_REACH of an unknown family", {0x80, 14, 6, 99, 1, 99, 0, 0, 7}, TAKEN, TAKEN, 0},
    {"MP_REACH of 4", {0x80, 14, 4, 0, 1, 133, 0}, DISABLED, DISABLED, RECEIVED_ROUTES},
    {"MP_REACH of 0", {0x80, 14, 0}, DISABLED, DISABLED, RECEIVED_ROUTES},
    {"MP_REACH, next hop over its end",
     {0x80, 14, 7, 0, 1, 1, 4, 192, 0, 2},
     DISABLED,
     DISABLED,
     RECEIVED_ROUTES},
    {"MP_REACH transitive", {0xc0, 14, 5, 0, 1, 133, 0, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_FLAGS},
    {"MP_UNREACH", {0x80, 15, 3, 0, 1, 133}, TAKEN, TAKEN, 0},
    {"MP_UNREACH of 2", {0x80, 15, 2, 0, 1}, DISABLED, DISABLED, RECEIVED_ROUTES},
    {"EXTENDED", {0xc0, 16, 8, 0, 0, 0, 0, 0, 0, 0, 0}, TAKEN, TAKEN, 0},
    {"EXTENDED of 0", {0xc0, 16, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"EXTENDED of 7", {0xc0, 16, 7}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"AS4_PATH", {0xc0, 17, 6, 2, 1, 0, 0, 0, 9}, TAKEN, TAKEN, 0},
    {"AS4_PATH cut", {0xc0, 17, 5, 2, 1, 0, 0, 0}, DISCARDED, DISCARDED, RECEIVED_VALUE},
    {"AS4_AGGREGATOR of 6", {0xc0, 18, 6}, DISCARDED, DISCARDED, RECEIVED_LENGTH},
    {"IPv6 EXTENDED", {0xc0, 25, 20}, TAKEN, TAKEN, 0},
    {"IPv6 EXTENDED of 19", {0xc0, 25, 19}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"LARGE", {0xc0, 32, 24}, TAKEN, TAKEN, 0},
    {"LARGE of 0", {0xc0, 32, 0}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"LARGE of 13", {0xc0, 32, 13}, WITHDRAWN, WITHDRAWN, RECEIVED_LENGTH},
    {"unknown optional", {0x80, 99, 3}, TAKEN, TAKEN, 0},
    {"unknown transitive", {0xc0, 200, 3}, TAKEN, TAKEN, 0},
    {"unknown well-known", {0x40, 99, 3, 7, 8, 9}, RESET, RESET, 0},
    {"unknown without flags", {0x00, 255, 0}, RESET, RESET, 0},
};

ParameterizedTestParameters(received, each_attribute_has_its_treatment)
{
    return cr_make_param_array(struct attribute_case, attribute_cases,
                               sizeof(attribute_cases) / sizeof(attribute_cases[0]));
}

/* Attributes that must be there, where the case's own is not that one. */
static size_t put_good(uint8_t *body, uint8_t but, bool ibgp)
{
    static const uint8_t good[][8] = {
        {0x40, 1, 1, 0}, {0x40, 2, 0}, {0x40, 3, 4, 192, 0, 2, 1}, {0x40, 5, 4, 0, 0, 0, 100}};
    size_t len = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (good[i][1] == but || (good[i][1] == 5 && !ibgp))
            continue;
        memcpy(body + len, good[i], 3U + good[i][2]);
        len += 3U + good[i][2];
    }
    return len;
}

static void expect_treatment(const struct attribute_case *c, bool ibgp, bool last)
{
    uint8_t body[128] = {0};
    size_t own = 3U + c->bytes[2], at = 4;
    struct received_update update;
    struct bgp_error error;
    unsigned int want = ibgp ? c->internal : c->external;
    if (last)
        at += put_good(body + at, c->bytes[1], ibgp);
    memcpy(body + at, c->bytes, own < sizeof(c->bytes) ? own : sizeof(c->bytes));
    at += own;
    if (!last)
        at += put_good(body + at, c->bytes[1], ibgp);
    body[3] = (uint8_t)(at - 4);
    body[at++] = 24; /* and a route */
    at += 3;
    struct bgp_message message = {.type = BGP_UPDATE, .body = body, .body_len = at};
    enum status status = received_check(&message, ibgp ? &internal : &external, &update, &error);
    if (want == RESET) {
        cr_assert_eq(status, STATUS_MALFORMED, "%s", c->name);
        cr_expect_eq(error.code, 3);
        cr_expect_eq(error.subcode, 2, "%s", c->name);
        cr_expect_eq(error.data_len, own);
        cr_expect_eq(memcmp(error.data, c->bytes, own), 0, "%s: it is told which", c->name);
        return;
    }
    cr_assert_eq(status, STATUS_OK, "%s", c->name);
    cr_expect_eq(update.treatment, want, "%s, ibgp %d: %u", c->name, ibgp, update.treatment);
    cr_expect_eq(update.mistakes, want == TAKEN ? 0 : 1U << c->mistake, "%s, ibgp %d: %x", c->name,
                 ibgp, update.mistakes);
}

ParameterizedTest(struct attribute_case *c, received, each_attribute_has_its_treatment)
{
    for (int i = 0; i < 4; i++)
        expect_treatment(c, (i & 1) != 0, (i & 2) != 0);
}

Test(received, the_table_has_every_attribute_that_it_should)
{
    static const uint8_t known[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 32};
    for (size_t i = 0; i < sizeof(known); i++) {
        size_t count = 0;
        for (size_t k = 0; k < sizeof(attribute_cases) / sizeof(attribute_cases[0]); k++)
            count += attribute_cases[k].bytes[1] == known[i];
        cr_expect_gt(count, 0, "no case of attribute %u", known[i]);
    }
}

/* A peer with short AS numbers writes paths and aggregators of two octets each (RFC 6793, 4.2.2).
 */
Test(received, short_as_numbers_are_read_as_such)
{
    static const uint8_t body[] = {0, 0, 0, 24,   0x40, 1, 1,   0,  0x40, 2, 4,    2,
                                   1, 0, 9, 0x40, 3,    4, 192, 0,  2,    1, 0xc0, 7,
                                   6, 0, 1, 1,    1,    1, 1,   24, 1,    1, 1};
    static const struct received_session old = {.ibgp = false, .as4 = false};
    uint8_t copy[sizeof(body)];
    memcpy(copy, body, sizeof(body));
    copy[3] = 27;
    struct bgp_message message = {.type = BGP_UPDATE, .body = copy, .body_len = sizeof(copy)};
    struct received_update update;
    struct bgp_error error;
    cr_assert_eq(received_check(&message, &old, &update, &error), STATUS_OK);
    cr_assert_eq(update.mistakes, 0, "%x", update.mistakes);
    cr_assert_eq(received_check(&message, &external, &update, &error), STATUS_OK);
    cr_assert_eq(update.mistakes, 1U << RECEIVED_VALUE | 1U << RECEIVED_LENGTH);
    cr_assert_eq(update.treatment, RECEIVED_WITHDRAWN, "the strongest counts");
}

struct missing_case {
    uint8_t but;
    bool ibgp, classic, wrong;
};

Test(received, what_must_be_there_depends_on_the_session_and_the_routes)
{
    static const struct missing_case cases[] = {
        {1, true, true, true},  {2, true, true, true},   {3, true, true, true},
        {5, true, true, true},  {5, false, true, false}, {3, false, true, true},
        {1, true, false, true}, {3, true, false, false}, {99, true, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const uint8_t mp_reach[] = {0x80, 14, 5, 0, 1, 133, 0, 0};
        uint8_t body[64] = {0};
        size_t at = 4 + put_good(body + 4, cases[i].but, cases[i].ibgp);
        struct received_update update;
        struct bgp_error error;
        if (!cases[i].classic) {
            memcpy(body + at, mp_reach, sizeof(mp_reach));
            at += sizeof(mp_reach);
        }
        body[3] = (uint8_t)(at - 4);
        at += cases[i].classic ? 1 : 0; /* the default route */
        struct bgp_message message = {.type = BGP_UPDATE, .body = body, .body_len = at};
        cr_assert_eq(
            received_check(&message, cases[i].ibgp ? &internal : &external, &update, &error),
            STATUS_OK);
        cr_expect_eq(update.mistakes, cases[i].wrong ? 1U << RECEIVED_MISSING : 0, "case %zu", i);
    }
}

Test(received, mistakes_have_names)
{
    for (enum received_mistake m = 0; m < RECEIVED_MISTAKES; m++)
        cr_assert_gt(strlen(received_mistake_name(m)), 0);
}
