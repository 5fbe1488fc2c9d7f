#include "speaker/bgp/received.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct update_case {
    char name[48];
    uint8_t body[40];
    uint8_t len;
    enum status want;
    uint8_t subcode;
    uint32_t withdrawn, announced;
    bool tolerated;
};

ParameterizedTestParameters(received, only_what_cannot_be_read_ends_the_session)
{
    static struct update_case cases[] = {
        {"end of RIB", {0, 0, 0, 0}, 4, STATUS_OK, 0, 0, 0, false},
        {"one of each",
         {0, 3, 16, 10, 1, 0, 4, 0x40, 1, 1, 0, 24, 192, 0, 2},
         15,
         STATUS_OK,
         0,
         1,
         1,
         false},
        {"withdrawn over the end", {0, 9, 0, 0}, 4, STATUS_MALFORMED, 1, 0, 0, false},
        {"attributes over the end", {0, 0, 0, 1}, 4, STATUS_MALFORMED, 1, 0, 0, false},
        {"withdrawn prefix of 33 bits",
         {0, 6, 33, 1, 2, 3, 4, 5, 0, 0},
         10,
         STATUS_MALFORMED,
         10,
         0,
         0,
         false},
        {"withdrawn prefix cut", {0, 2, 24, 1, 0, 0}, 6, STATUS_MALFORMED, 10, 0, 0, false},
        {"NLRI cut", {0, 0, 0, 0, 24, 1}, 6, STATUS_MALFORMED, 10, 0, 0, false},
        {"default route", {0, 0, 0, 0, 0}, 5, STATUS_OK, 0, 0, 1, false},
        {"attribute over the list's end", {0, 0, 0, 4, 0x40, 1, 9, 0}, 8, STATUS_OK, 0, 0, 0, true},
        {"half an attribute header", {0, 0, 0, 1, 0x40}, 5, STATUS_OK, 0, 0, 0, true},
        {"ORIGIN twice", {0, 0, 0, 8, 0x40, 1, 1, 0, 0x40, 1, 1, 0}, 12, STATUS_OK, 0, 0, 0, true},
        {"MP_UNREACH twice",
         {0, 0, 0, 12, 0x80, 15, 3, 0, 1, 133, 0x80, 15, 3, 0, 1, 133},
         16,
         STATUS_MALFORMED,
         1,
         0,
         0,
         false},
        {"MP_REACH too short", {0, 0, 0, 6, 0x80, 14, 3, 0, 1, 133}, 10, STATUS_OK, 0, 0, 0, true},
        {"extended length", {0, 0, 0, 7, 0x90, 15, 0, 3, 0, 1, 133}, 11, STATUS_OK, 0, 0, 0, false},
    };
    return cr_make_param_array(struct update_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct update_case *c, received, only_what_cannot_be_read_ends_the_session)
{
    struct bgp_message message = {.type = BGP_UPDATE, .body = c->body, .body_len = c->len};
    struct received_update update;
    struct bgp_error error;
    cr_assert_eq(received_check(&message, &update, &error), c->want, "%s", c->name);
    if (c->want != STATUS_OK) {
        cr_expect_eq(error.code, BGP_ERROR_UPDATE);
        cr_expect_eq(error.subcode, c->subcode, "%s", c->name);
        return;
    }
    cr_expect_eq(update.withdrawn, c->withdrawn);
    cr_expect_eq(update.announced, c->announced);
    cr_expect_eq(update.tolerated, c->tolerated, "%s", c->name);
}
