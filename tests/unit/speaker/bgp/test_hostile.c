#include "speaker/bgp/open.h"
#include "speaker/bgp/received.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/*
 * Messages as good peers send them, and then everything that is nearly one of them: cut at every
 * place with the length told as it is and as it was, every length field, every octet at every
 * place. Each is judged in memory of exactly its size, so that a sanitizer sees a read past it.
 */
enum { SAMPLE_MAX = 80 };
struct sample {
    const char *name;
    uint8_t type, len; /* of the body */
    uint8_t body[SAMPLE_MAX];
};

static const struct sample samples[] = {
    {"OPEN", BGP_OPEN, 40, {4, 0x5b, 0xa0, 0,   90, 192, 0,    2,    9,    30, 2,  6,   1, 4,
                            0, 1,    0,    133, 2,  6,   1,    4,    0,    2,  0,  133, 2, 2,
                            2, 0,    2,    8,   65, 4,   0xfa, 0x56, 0xea, 1,  99, 0}},
    {"OPEN of RFC 9072", BGP_OPEN, 22, {4, 0, 100, 0, 90, 10, 0, 0, 1, 255, 255,
                                        0, 9, 2,   0, 6,  1,  4, 0, 2, 0,   133}},
    {"UPDATE", BGP_UPDATE, 45, {0, 3,  16,   10, 1,    0,   34,  0x40, 1,  1,    0,   0x40,
                                2, 0,  0x40, 3,  4,    192, 0,   2,    1,  0x80, 4,   4,
                                0, 0,  0,    9,  0x90, 15,  0,   9,    0,  1,    133, 5,
                                1, 24, 192,  0,  2,    24,  198, 51,   100}},
    {"NOTIFICATION", BGP_NOTIFICATION, 6, {6, 2, 's', 't', 'o', 'p'}},
    {"KEEPALIVE", BGP_KEEPALIVE, 0, {0}},
    {"ROUTE-REFRESH", BGP_ROUTE_REFRESH, 4, {0, 1, 0, 133}},
};

static size_t write_sample(const struct sample *s, uint8_t *bytes)
{
    size_t len = BGP_HEADER_LEN + (size_t)s->len;
    memset(bytes, 0xff, 16);
    bytes[16] = (uint8_t)(len >> 8);
    bytes[17] = (uint8_t)len;
    bytes[18] = s->type;
    memcpy(bytes + BGP_HEADER_LEN, s->body, s->len);
    return len;
}

/* What the session would do with it: the code of the NOTIFICATION, 0 for none. */
static uint8_t answer_to(const struct bgp_message *message)
{
    struct bgp_error error = {0};
    struct bgp_open open;
    static const struct received_session internal = {.ibgp = true, .as4 = true};
    struct received_update update;
    enum bgp_family family;
    switch ((enum bgp_type)message->type) {
    case BGP_OPEN:
        return open_decode(message, &open, &error) == STATUS_OK ? 0 : error.code;
    case BGP_UPDATE:
        return received_check(message, &internal, &update, &error) == STATUS_OK ? 0 : error.code;
    case BGP_NOTIFICATION:
        message_read_notification(message, &error);
        cr_assert_not_null(message_error_text(error.code, error.subcode));
        return 0;
    case BGP_KEEPALIVE:
        return 0;
    case BGP_ROUTE_REFRESH:
        (void)message_read_refresh(message, true, &family);
        return 0;
    }
    cr_assert_fail("type %u came through", message->type);
    return 0;
}

static enum status judge(const uint8_t *bytes, size_t len, uint8_t *ret_code)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    struct bgp_message message;
    struct bgp_error error = {0};
    if (len > 0)
        memcpy(exact, bytes, len);
    enum status status = message_next(exact, len, &message, &error);
    *ret_code = status == STATUS_MALFORMED ? error.code : 0;
    if (status == STATUS_MALFORMED)
        cr_assert_eq(error.code, BGP_ERROR_HEADER);
    if (status == STATUS_OK) {
        cr_assert(message.len <= len && message.len >= BGP_HEADER_LEN);
        *ret_code = answer_to(&message);
        cr_assert(*ret_code == 0 || (message.type == BGP_OPEN && *ret_code == BGP_ERROR_OPEN) ||
                  (message.type == BGP_UPDATE && *ret_code == BGP_ERROR_UPDATE));
    }
    free(exact);
    return status;
}

#define EACH_SAMPLE(s)                                                                             \
    for (const struct sample *s = samples; s < samples + sizeof(samples) / sizeof(samples[0]); s++)

Test(hostile, the_samples_themselves_are_good)
{
    EACH_SAMPLE(s)
    {
        uint8_t bytes[SAMPLE_MAX + BGP_HEADER_LEN], code;
        size_t len = write_sample(s, bytes);
        cr_expect_eq(judge(bytes, len, &code), STATUS_OK, "%s", s->name);
        cr_expect_eq(code, 0, "%s: %u", s->name, code);
    }
}

Test(hostile, every_cut_waits_for_more_or_is_refused)
{
    EACH_SAMPLE(s)
    {
        uint8_t bytes[SAMPLE_MAX + BGP_HEADER_LEN], code;
        size_t len = write_sample(s, bytes);
        for (size_t cut = 0; cut < len; cut++)
            cr_assert_eq(judge(bytes, cut, &code), STATUS_TRUNCATED, "%s %zu", s->name, cut);
        for (size_t cut = BGP_HEADER_LEN; cut < len; cut++) {
            bytes[17] = (uint8_t)cut;
            enum status status = judge(bytes, cut, &code);
            /* A NOTIFICATION may be of any length, and a prefix may be the last of an UPDATE. */
            bool forgiving = s->type == BGP_NOTIFICATION || s->type == BGP_UPDATE;
            cr_assert(status != STATUS_TRUNCATED && (forgiving || code != 0), "%s %zu: %s", s->name,
                      cut, status_name(status));
        }
    }
}

Test(hostile, every_length_is_judged_by_its_type)
{
    EACH_SAMPLE(s)
    {
        static uint8_t bytes[UINT16_MAX + 1];
        uint8_t code;
        memset(bytes, 0, sizeof(bytes));
        (void)write_sample(s, bytes);
        for (size_t told = 0; told <= UINT16_MAX; told++) {
            bytes[16] = (uint8_t)(told >> 8);
            bytes[17] = (uint8_t)told;
            enum status status = judge(bytes, told < 4200 ? 4200 : BGP_HEADER_LEN, &code);
            bool possible = told >= BGP_HEADER_LEN && told <= BGP_MESSAGE_MAX;
            cr_assert(possible || status == STATUS_MALFORMED, "%s %zu", s->name, told);
        }
    }
}

Test(hostile, every_octet_may_be_any_other)
{
    EACH_SAMPLE(s)
    {
        uint8_t bytes[SAMPLE_MAX + BGP_HEADER_LEN], code;
        size_t len = write_sample(s, bytes);
        for (size_t at = 0; at < len; at++) {
            uint8_t before = bytes[at];
            for (int value = 0; value <= UINT8_MAX; value++) {
                bytes[at] = (uint8_t)value;
                enum status status = judge(bytes, len, &code);
                cr_assert(at >= 16 || value == 0xff || status == STATUS_MALFORMED, "marker");
            }
            bytes[at] = before;
        }
    }
}
