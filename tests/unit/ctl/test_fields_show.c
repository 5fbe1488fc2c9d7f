#include "ctl/fields_show.h"
#include "proto/flow.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct element_names *names;
static struct text out;

static void set_up(void)
{
    names = element_names_new();
    cr_assert_not_null(names);
    text_init(&out, 0);
}

static void tear_down(void)
{
    element_names_free(names);
    text_done(&out);
}

TestSuite(fields_show, .init = set_up, .fini = tear_down);

static size_t put_spec(uint8_t *spec, uint16_t element, uint16_t len, uint32_t enterprise)
{
    size_t at = 0;
    wire_put_uint_at(spec, 2, element | (enterprise != 0 ? 0x8000U : 0));
    wire_put_uint_at(spec + 2, 2, len);
    at += 4;
    if (enterprise != 0) {
        wire_put_uint_at(spec + at, 4, enterprise);
        at += 4;
    }
    return at;
}

struct value_case {
    uint32_t enterprise;
    uint16_t element;
    uint8_t octets[32];
    uint16_t len;
    char want[120];
};

ParameterizedTestParameters(fields_show, shows_a_value_by_the_type_of_its_element)
{
    static struct value_case cases[] = {
        {0, 1, {0, 0, 4, 0}, 4, "{\"octetDeltaCount\": 1024}"},
        {0, 1, {1}, 1, "{\"octetDeltaCount\": 1}"},
        {0,
         1,
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         8,
         "{\"octetDeltaCount\": 18446744073709551615}"},
        {0, 1, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 9, "{\"octetDeltaCount\": \"010203040506070809\"}"},
        {29305, 1, {9}, 1, "{\"reverseOctetDeltaCount\": 9}"},
        {0, 8, {10, 0, 0, 1}, 4, "{\"sourceIPv4Address\": \"10.0.0.1\"}"},
        {0, 8, {10, 0, 0}, 3, "{\"sourceIPv4Address\": \"0a0000\"}"},
        {0, 27, {0x20, 1, 0xd, 0xb8, [15] = 1}, 16, "{\"sourceIPv6Address\": \"2001:db8::1\"}"},
        {0, 56, {2, 0, 0, 0xab, 0, 1}, 6, "{\"sourceMacAddress\": \"02:00:00:ab:00:01\"}"},
        {0, 96, {'d', 'n', 's', 0, 0}, 5, "{\"applicationName\": \"dns\"}"},
        {0,
         96,
         {'"', '\\', '\n', 0x1b, 0xff, 0xc2, 0x9b},
         7,
         "{\"applicationName\": \"\\\"\\\\\\n\\u001b\xef\xbf\xbd\\u009b\"}"},
        {0,
         96,
         {0xe2, 0x80, 0xae, 'g', 'p', 'j', 0xe2, 0x80, 0x8b},
         9,
         "{\"applicationName\": \"\\u202egpj\\u200b\"}"},
        {0, 96, {'a', 0, 'b'}, 3, "{\"applicationName\": \"610062\"}"},
        {0, 150, {0x65, 0x53, 0xf1, 0}, 4, "{\"flowStartSeconds\": \"2023-11-14T22:13:20.000Z\"}"},
        {0,
         152,
         {0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0x7b},
         8,
         "{\"flowStartMilliseconds\": \"2023-11-14T22:13:20.123Z\"}"},
        {0,
         154,
         {0xe8, 0xfe, 0x6f, 0x80, 0x80, 0, 0, 0},
         8,
         "{\"flowStartMicroseconds\": \"2023-11-14T22:13:20.500000Z\"}"},
        {0,
         156,
         {0xe8, 0xfe, 0x6f, 0x80, 0x40, 0, 0, 0},
         8,
         "{\"flowStartNanoseconds\": \"2023-11-14T22:13:20.250000000Z\"}"},
        {0,
         311,
         {0x3f, 0x50, 0x62, 0x4d, 0xd2, 0xf1, 0xa9, 0xfc},
         8,
         "{\"samplingProbability\": 0.001}"},
        {0, 311, {0x7f, 0xf0}, 8, "{\"samplingProbability\": \"inf\"}"},
        {0, 276, {1}, 1, "{\"dataRecordsReliability\": true}"},
        {0, 276, {2}, 1, "{\"dataRecordsReliability\": false}"},
        {0, 276, {7}, 1, "{\"dataRecordsReliability\": 7}"},
        {0, 291, {1, 2, 3}, 3, "{\"basicList\": \"010203\"}"},
        {0, 32000, {0xca, 0xfe}, 2, "{\"e0id32000\": \"cafe\"}"},
        {9, 12235, {0xca}, 1, "{\"e9id12235\": \"ca\"}"},
        {0, 96, {0}, 0, "{\"applicationName\": \"\"}"},
    };
    return cr_make_param_array(struct value_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct value_case *c, fields_show, shows_a_value_by_the_type_of_its_element)
{
    uint8_t spec[8];
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .count = 1,
                                   .spec = spec,
                                   .spec_len = put_spec(spec, c->element, c->len, c->enterprise),
                                   .bytes = c->octets,
                                   .len = c->len};
    fields_show(names, &fields, &out);
    cr_assert_str_eq(text_str(&out), c->want);
}

Test(fields_show, a_field_that_comes_again_has_a_name_of_its_own)
{
    uint8_t spec[16];
    size_t len = 0;
    for (int i = 0; i < 3; i++)
        len += put_spec(spec + len, i == 1 ? 5 : 4, 1, 0);
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .count = 3,
                                   .spec = spec,
                                   .spec_len = len,
                                   .bytes = (const uint8_t[]){1, 2, 3},
                                   .len = 3};
    fields_show(names, &fields, &out);
    cr_assert_str_eq(text_str(&out), "{\"protocolIdentifier\": 1, \"ipClassOfService\": 2, "
                                     "\"protocolIdentifier#2\": 3}");
}

/* CPU seconds for a record of so many fields of two elements, with nothing in them. */
static double seconds_for(size_t count)
{
    struct timespec begun, done;
    uint8_t *spec = malloc(count * 4);
    size_t len = 0;
    cr_assert_not_null(spec);
    for (size_t i = 0; i < count; i++)
        len += put_spec(spec + len, i % 2 == 0 ? 96 : 95, 0, 0);
    struct decode_fields fields = {
        .format = FORMAT_IPFIX, .count = count, .spec = spec, .spec_len = len, .bytes = spec};
    text_clear(&out);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    fields_show(names, &fields, &out);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &done);
    free(spec);
    return (double)(done.tv_sec - begun.tv_sec) + (double)(done.tv_nsec - begun.tv_nsec) / 1e9;
}

Test(fields_show, many_fields_that_come_again_cost_what_they_are)
{
    enum { FEW = 1000, TIMES = 16 };
    char last[64];
    double few = seconds_for(FEW), many = seconds_for(FEW * TIMES);
    (void)snprintf(last, sizeof(last), "\"applicationName#%d\": \"\", ", FEW * TIMES / 2);
    cr_assert_not_null(strstr(text_str(&out), last));
    cr_assert_lt(many, few * TIMES * 4, "%d fields %g s, %d fields %g s", FEW, few, FEW * TIMES,
                 many);
}

/* An options record of RFC 5610: enterprise, element, type, name. */
static void learn(uint32_t enterprise, uint16_t element, uint8_t type, const char *name)
{
    uint8_t spec[32], record[300];
    size_t len = 0, name_len = strlen(name);
    len += put_spec(spec + len, 346, 4, 0);
    len += put_spec(spec + len, 303, 2, 0);
    len += put_spec(spec + len, 339, 1, 0);
    len += put_spec(spec + len, 341, 0xffff, 0);
    struct wire_writer w = wire_writer_of(record, sizeof(record));
    wire_put_u32(&w, enterprise);
    wire_put_u16(&w, element);
    wire_put_u8(&w, type);
    wire_put_u8(&w, 255);
    wire_put_u16(&w, (uint16_t)name_len);
    wire_put_bytes(&w, name, name_len);
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .options = true,
                                   .count = 4,
                                   .scope_count = 2,
                                   .spec = spec,
                                   .spec_len = len,
                                   .bytes = record,
                                   .len = w.len};
    cr_assert_not(w.failed);
    fields_learn(names, &fields);
}

static const char *name_of(uint32_t enterprise, uint16_t element)
{
    static struct element_info info;
    element_names_find(names, enterprise, element, &info);
    return info.name;
}

Test(fields_show, an_exporter_names_its_own_elements)
{
    uint8_t spec[8];
    learn(35632, 57, ELEMENT_STRING, "L7_PROTO_NAME");
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .count = 1,
                                   .spec = spec,
                                   .spec_len = put_spec(spec, 57, 3, 35632),
                                   .bytes = (const uint8_t *)"DNS",
                                   .len = 3};
    fields_show(names, &fields, &out);
    cr_assert_str_eq(text_str(&out), "{\"L7_PROTO_NAME\": \"DNS\"}");
    learn(35632, 57, ELEMENT_OCTETS, "another");
    cr_assert_str_eq(name_of(35632, 57), "another");
}

Test(fields_show, what_was_learned_can_be_forgotten)
{
    learn(35632, 57, ELEMENT_STRING, "L7_PROTO_NAME");
    element_names_forget(names);
    cr_assert_str_eq(name_of(35632, 57), "e35632id57");
    learn(35632, 58, ELEMENT_STRING, "L7_PROTO_NAME");
    cr_assert_str_eq(name_of(35632, 58), "L7_PROTO_NAME");
}

Test(fields_show, nobody_names_what_is_iana_s_or_two_elements_alike)
{
    learn(0, 32001, ELEMENT_STRING, "mine");
    cr_assert_str_eq(name_of(0, 32001), "e0id32001");
    learn(9, 1, ELEMENT_STRING, "octetDeltaCount");
    cr_assert_str_eq(name_of(9, 1), "e9id1");
    learn(9, 1, ELEMENT_STRING, "x");
    learn(9, 2, ELEMENT_STRING, "x");
    cr_assert_str_eq(name_of(9, 2), "e9id2");
}

Test(fields_show, what_is_no_name_is_left_out)
{
    char long_name[200];
    static const char *const names_not[] = {"",     "1st",      "a b",
                                            "a\"b", "a\x1b[0m", "\xc3\xa9t\xc3\xa9"};
    for (uint16_t i = 0; i < 6; i++)
        learn(9, (uint16_t)(i + 1), ELEMENT_STRING, names_not[i]);
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    learn(9, 7, ELEMENT_STRING, long_name);
    learn(9, 8, ELEMENT_TYPE_COUNT, "name");
    for (uint16_t i = 1; i <= 8; i++) {
        char want[16];
        (void)snprintf(want, sizeof(want), "e9id%u", i);
        cr_assert_str_eq(name_of(9, i), want);
    }
}

Test(fields_show, names_that_exporters_say_have_a_limit)
{
    char name[32];
    for (uint16_t i = 0; i < ELEMENT_NAMES_LEARNED_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        element_names_learn(names, 9, i, ELEMENT_U8, (const uint8_t *)name, strlen(name));
    }
    cr_assert_str_eq(name_of(9, ELEMENT_NAMES_LEARNED_MAX - 1), "n4095");
    cr_assert_str_eq(name_of(9, ELEMENT_NAMES_LEARNED_MAX), "e9id4096");
}
