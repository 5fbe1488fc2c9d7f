#include "speaker/bgp/notification.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct words_case {
    uint8_t code, subcode, len;
    uint8_t data[48];
    char want[160];
};

ParameterizedTestParameters(notification, is_told_in_words)
{
    static struct words_case cases[] = {
        {6, 2, 0, {0}, "cease: administrative shutdown"},
        {6, 2, 1, {0}, "cease: administrative shutdown"},
        {6, 2, 4, "\3abc", "cease: administrative shutdown, saying 'abc'"},
        {6, 4, 4, "\3abc", "cease: administrative reset, saying 'abc'"},
        {6, 2, 5, "\3abcd", "cease: administrative shutdown"}, /* the length lies */
        {6, 2, 3, "\3ab", "cease: administrative shutdown"},
        {6, 6, 4, "\3abc", "cease: other configuration change"}, /* has no text */
        {6, 2, 4, "\3\xc3\xa9!", "cease: administrative shutdown, saying '\xc3\xa9!'"},
        {6, 2, 5, "\4a\nb'", "cease: administrative shutdown, saying 'a?b?'"},
        {6, 2, 4, "\3a\0b", "cease: administrative shutdown, saying 'a?b'"},
        {6, 2, 4, "\3\"\\\x7f", "cease: administrative shutdown, saying '\?\?\?'"},
        {6, 2, 4, "\3ab\xc3", "cease: administrative shutdown, saying 'ab?'"},
        {6, 2, 4, "\3\xff\xfe\x80", "cease: administrative shutdown, saying '\?\?\?'"},
        {6, 2, 4, "\3\xe2\x80\xae", "cease: administrative shutdown, saying '?'"}, /* turns text */
        {6, 9, 0, {0}, "cease: hard reset"},
        {6, 9, 1, {6}, "cease: hard reset"},
        {6, 9, 2, {6, 3}, "cease: hard reset of cease: peer de-configured"},
        {6, 9, 6, "\6\2\3abc", "cease: hard reset of cease: administrative shutdown, saying 'abc'"},
        {6, 9, 4, {6, 9, 6, 9}, "cease: hard reset of cease: hard reset"}, /* no deeper */
        {4, 0, 3, "\2ab", "hold timer expired"},
        {8, 0, 0, {0}, "send hold timer expired"},
        {99, 7, 3, "abc", "error of an unknown code"},
    };
    return cr_make_param_array(struct words_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct words_case *c, notification, is_told_in_words)
{
    char words[NOTIFICATION_WORDS_MAX];
    struct bgp_error error = message_error(c->code, c->subcode, c->data, c->len);
    notification_format(&error, words);
    cr_expect_str_eq(words, c->want);
}

Test(notification, cease_carries_its_text)
{
    struct bgp_error error = notification_cease(BGP_CEASE_SHUTDOWN, "abc");
    cr_assert_eq(error.code, 6);
    cr_assert_eq(error.subcode, 2);
    cr_assert_eq(error.data_len, 4);
    cr_assert_eq(memcmp(error.data, "\3abc", 4), 0);
    cr_assert_eq(notification_cease(BGP_CEASE_SHUTDOWN, NULL).data_len, 0);
    cr_assert_eq(notification_cease(BGP_CEASE_SHUTDOWN, "").data_len, 1);
    cr_assert_eq(notification_cease(BGP_CEASE_DECONFIGURED, "abc").data_len, 0);
}

/* 254, 255 and 256 octets, and a character of two octets over the limit. */
Test(notification, longest_text_is_255_octets_of_whole_characters)
{
    char text[300];
    char words[NOTIFICATION_WORDS_MAX];
    memset(text, 'x', sizeof(text));
    text[256] = '\0';
    cr_assert_eq(notification_cease(2, text).data[0], 255);
    text[255] = '\0';
    cr_assert_eq(notification_cease(2, text).data[0], 255);
    memcpy(text + 254, "\xc3\xa9", 3);
    struct bgp_error error = notification_cease(2, text);
    cr_assert_eq(error.data[0], 254);
    cr_assert_eq(error.data_len, 255);
    text[254] = 'x';
    text[255] = '\0';
    error = notification_cease(2, text);
    error = notification_harden(&error);
    cr_assert_eq(error.data_len, BGP_ERROR_DATA_MAX);
    notification_format(&error, words);
    cr_assert(strlen(words) + 1 < NOTIFICATION_WORDS_MAX);
    cr_assert_eq(words[strlen(words) - 1], '\'', "all of it is shown");
}

Test(notification, hard_reset_carries_the_reason)
{
    struct bgp_error reason = notification_cease(BGP_CEASE_SHUTDOWN, "abc");
    struct bgp_error error = notification_harden(&reason);
    cr_assert_eq(error.code, 6);
    cr_assert_eq(error.subcode, 9);
    cr_assert_eq(error.data_len, 6);
    cr_assert_eq(memcmp(error.data, "\6\2\3abc", 6), 0);
    reason.data_len = BGP_ERROR_DATA_MAX;
    cr_assert_eq(notification_harden(&reason).data_len, 2, "what has no room is left out");
}

Test(notification, any_octets_are_shown_harmlessly)
{
    srand(7);
    for (int i = 0; i < 20000; i++) {
        uint8_t data[BGP_ERROR_DATA_MAX];
        char words[NOTIFICATION_WORDS_MAX];
        size_t len = (size_t)rand() % (sizeof(data) + 1);
        for (size_t k = 0; k < len; k++)
            data[k] = (uint8_t)rand();
        if (len > 0 && i % 2 == 0)
            data[0] = (uint8_t)(len - 1);
        struct bgp_error error = message_error(6, (uint8_t)(i % 3 == 0 ? 9 : 2), data, len);
        notification_format(&error, words);
        cr_assert(strlen(words) < NOTIFICATION_WORDS_MAX);
        for (const char *s = words; *s != '\0'; s++)
            cr_assert((unsigned char)*s >= 0x20 && *s != 0x7f && *s != '"');
    }
}
