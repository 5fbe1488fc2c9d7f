#include "common/base/text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <string.h>

Test(text, grows_as_it_is_added_to)
{
    struct text t;

    text_init(&t, 0);
    cr_assert_str_eq(text_str(&t), "");
    for (int i = 0; i < 1000; i++) {
        text_add(&t, "ab");
        text_addf(&t, "%d,", i % 10);
    }
    cr_assert_not(t.failed);
    cr_assert_eq(t.len, 4000);
    cr_assert_eq(strlen(text_str(&t)), 4000);
    cr_assert_eq(strncmp(text_str(&t), "ab0,ab1,", 8), 0);
    text_done(&t);
    text_done(&t);
    cr_assert_str_eq(text_str(&t), "");
}

Test(text, past_its_maximum_it_fails_for_good_and_keeps_what_fits)
{
    struct text t;

    text_init(&t, 5);
    text_add(&t, "abcde");
    cr_assert_not(t.failed);
    text_add(&t, "f");
    cr_assert(t.failed);
    text_add(&t, "");
    text_addf(&t, "%s", "");
    cr_assert(t.failed);
    cr_assert_str_eq(text_str(&t), "abcde");
    text_clear(&t);
    cr_assert_not(t.failed);
    text_addf(&t, "%d", 12345);
    cr_assert_not(t.failed);
    text_addf(&t, "%d", 6);
    cr_assert(t.failed);
    cr_assert_str_eq(text_str(&t), "12345");
    text_done(&t);
}

Test(text, items_are_parted)
{
    struct text t;
    text_init(&t, 0);
    text_add_itemf(&t, "%s is away", "t1");
    cr_assert_str_eq(text_str(&t), "t1 is away");
    text_add_itemf(&t, "%d more", 2);
    cr_assert_str_eq(text_str(&t), "t1 is away; 2 more");
    text_done(&t);
}

Test(text, bytes_may_hold_a_nul)
{
    struct text t;

    text_init(&t, 0);
    text_add_bytes(&t, "a\0b", 3);
    text_add_bytes(&t, NULL, 0);
    cr_assert_eq(t.len, 3);
    cr_assert_eq(memcmp(text_str(&t), "a\0b", 4), 0);
    text_done(&t);
}

struct u64_case {
    char text[32];
    uint64_t max, want;
    enum status status;
};

ParameterizedTestParameters(text, u64_is_plain_decimal)
{
    static struct u64_case cases[] = {
        {"0", 0, 0, STATUS_OK},
        {"65535", 65535, 65535, STATUS_OK},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, STATUS_OK},
        {"65536", 65535, 0, STATUS_RANGE},
        {"18446744073709551616", UINT64_MAX, 0, STATUS_RANGE},
        {"99999999999999999999999999", UINT64_MAX, 0, STATUS_RANGE},
        {"", 9, 0, STATUS_MALFORMED},
        {"00", 9, 0, STATUS_MALFORMED},
        {"01", 9, 0, STATUS_MALFORMED},
        {"+1", 9, 0, STATUS_MALFORMED},
        {"-1", 9, 0, STATUS_MALFORMED},
        {" 1", 9, 0, STATUS_MALFORMED},
        {"1 ", 9, 0, STATUS_MALFORMED},
        {"1.0", 9, 0, STATUS_MALFORMED},
        {"0x1", 9, 0, STATUS_MALFORMED},
        {"1k", 9999, 0, STATUS_MALFORMED},
        {"nan", 9, 0, STATUS_MALFORMED},
    };
    return cr_make_param_array(struct u64_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct u64_case *c, text, u64_is_plain_decimal)
{
    uint64_t value = 77;

    cr_assert_eq(text_parse_u64(&value, c->text, c->max), c->status, "\"%s\"", c->text);
    cr_assert_eq(value, c->status == STATUS_OK ? c->want : 77);
}

Test(text, hex_is_read_back)
{
    uint8_t bytes[256], back[256];
    struct text t;
    size_t len;

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    text_init(&t, 0);
    text_add_hex(&t, bytes, sizeof(bytes));
    cr_assert_eq(text_parse_hex(back, sizeof(back), &len, text_str(&t)), STATUS_OK);
    cr_assert_eq(len, 256);
    cr_assert_eq(memcmp(bytes, back, 256), 0);
    cr_assert_eq(text_parse_hex(back, 255, &len, text_str(&t)), STATUS_LIMIT);
    text_done(&t);
}

Test(text, hex_takes_both_cases_and_nothing_else)
{
    static const char *const refused[] = {"0", "0g", "g0", " 00", "0x00", "00 ", "-1", "\xff\xff"};
    uint8_t bytes[8];
    size_t len;

    cr_assert_eq(text_parse_hex(bytes, 8, &len, "aBCd"), STATUS_OK);
    cr_assert_eq(bytes[0] << 8 | bytes[1], 0xabcd);
    cr_assert_eq(text_parse_hex(bytes, 0, &len, ""), STATUS_OK);
    cr_assert_eq(len, 0);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_assert_eq(text_parse_hex(bytes, 8, &len, refused[i]), STATUS_MALFORMED);
}

struct utf8_case {
    char bytes[8];
    size_t want;
    uint32_t code_point;
};

ParameterizedTestParameters(text, utf8_is_judged_by_rfc_3629)
{
    static struct utf8_case cases[] = {
        {"", 1, 0},
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 0, 0},     /* starts in the middle */
        {"\xc0\x80", 0, 0}, /* longer than need be */
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xed\xa0\x80", 0, 0},     /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", 0, 0}, /* past the last */
        {"\xf8\x88\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
        {"\xc2", 0, 0}, /* ends too early */
        {"\xe0\xa0", 0, 0},
        {"\xf0\x90\x80", 0, 0},
        {"\xc2"
         "a",
         0, 0},
    };
    return cr_make_param_array(struct utf8_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct utf8_case *c, text, utf8_is_judged_by_rfc_3629)
{
    uint32_t code_point = 0;

    cr_assert_eq(text_utf8_len(c->bytes, &code_point), c->want);
    if (c->want > 0)
        cr_assert_eq(code_point, c->code_point);
}

struct json_case {
    char text[16];
    char want[40];
};

ParameterizedTestParameters(text, json_strings_are_escaped)
{
    static struct json_case cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\""},
        {"\xc3\xa9", "\"\xc3\xa9\""},
        {"\xff"
         "a\xc3",
         "\"\xef\xbf\xbd"
         "a\xef\xbf\xbd\""},
    };
    return cr_make_param_array(struct json_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct json_case *c, text, json_strings_are_escaped)
{
    struct text t;

    text_init(&t, 0);
    text_add_json_string(&t, c->text);
    cr_assert_str_eq(text_str(&t), c->want);
    text_done(&t);
}

/* jansson refuses bad UTF-8 and bare control characters, so it is the judge. */
Test(text, json_strings_of_any_bytes_are_read_by_a_json_library)
{
    srand(3);
    for (int i = 0; i < 5000; i++) {
        char bytes[17];
        struct text t;
        size_t len = (size_t)rand() % sizeof(bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)(1 + rand() % 255);
        bytes[len] = '\0';

        text_init(&t, 0);
        text_add_json_string(&t, bytes);
        json_t *read = json_loads(text_str(&t), JSON_DECODE_ANY, NULL);
        cr_assert(json_is_string(read), "%s", text_str(&t));
        bool valid = true;
        uint32_t code_point;
        for (const char *s = bytes; *s != '\0' && valid; s += text_utf8_len(s, &code_point))
            valid = text_utf8_len(s, &code_point) > 0;
        cr_assert_eq(strcmp(json_string_value(read), bytes) == 0, valid);
        json_decref(read);
        text_done(&t);
    }
}

Test(text, a_copy_has_whole_characters_only)
{
    char copy[5];
    text_copy(copy, sizeof(copy), "abcd");
    cr_assert_str_eq(copy, "abcd");
    text_copy(copy, sizeof(copy), "abcde");
    cr_assert_str_eq(copy, "abcd");
    text_copy(copy, sizeof(copy), "abc\xc3\xa9");
    cr_assert_str_eq(copy, "abc");
    text_copy(copy, sizeof(copy), "ab\xc3\xa9");
    cr_assert_str_eq(copy, "ab\xc3\xa9");
    text_copy(copy, 1, "a");
    cr_assert_str_eq(copy, "");
    text_copy(copy, sizeof(copy), "\x80\x80\x80\x80\x80");
    cr_assert_str_eq(copy, "", "nothing but ends of characters");
}

Test(text, sums_and_products_saturate)
{
    cr_assert_eq(sat_add_u64(1, 2), 3);
    cr_assert_eq(sat_add_u64(UINT64_MAX, 1), UINT64_MAX);
    cr_assert_eq(sat_add_u64(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(sat_mul_u64(3, 4), 12);
    cr_assert_eq(sat_mul_u64(UINT64_MAX, 0), 0);
    cr_assert_eq(sat_mul_u64((uint64_t)1 << 32, (uint64_t)1 << 32), UINT64_MAX);
}
