#include "common/base/text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

enum kind { BIT_RATE, BIT_RATE_BARE, COUNT, SIZE, DURATION };

struct quantity_case {
    enum kind kind;
    char text[40];
    enum status status;
    uint64_t want;
};

static enum status parse(enum kind kind, uint64_t *ret_value, const char *text)
{
    switch (kind) {
    case BIT_RATE:
        return text_parse_bit_rate(ret_value, text);
    case BIT_RATE_BARE:
        return text_parse_bit_rate_bare(ret_value, text);
    case COUNT:
        return text_parse_count(ret_value, text);
    case SIZE:
        return text_parse_size(ret_value, text);
    case DURATION:
        break;
    }
    return text_parse_duration_ms(ret_value, text);
}

ParameterizedTestParameters(text_quantity, what_people_write_is_read_strictly)
{
    static struct quantity_case cases[] = {
        {BIT_RATE, "1bps", STATUS_OK, 1},
        {BIT_RATE, "1kbps", STATUS_OK, 1000},
        {BIT_RATE, "1.5Mbps", STATUS_OK, 1500000},
        {BIT_RATE, "10Gbps", STATUS_OK, 10000000000},
        {BIT_RATE, "2Tbps", STATUS_OK, 2000000000000},
        {BIT_RATE, "1B/s", STATUS_OK, 8},
        {BIT_RATE, "1kB/s", STATUS_OK, 8000},
        {BIT_RATE, "125MB/s", STATUS_OK, 1000000000},
        {BIT_RATE, "0.125GB/s", STATUS_OK, 1000000000},
        {BIT_RATE, "0Gbps", STATUS_OK, 0},
        {BIT_RATE, "0.000000001Gbps", STATUS_OK, 1},
        {BIT_RATE, "18446744073709551615bps", STATUS_OK, UINT64_MAX},
        {BIT_RATE, "18446744073709551616bps", STATUS_RANGE, 0},
        {BIT_RATE, "18446744.1Tbps", STATUS_RANGE, 0},
        {BIT_RATE, "18446744073709551615Tbps", STATUS_RANGE, 0},
        {BIT_RATE, "0.5bps", STATUS_RANGE, 0},
        {BIT_RATE, "0.0000000001Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1", STATUS_MALFORMED, 0},
        {BIT_RATE, "1G", STATUS_MALFORMED, 0},
        {BIT_RATE, "1 Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1KBPS", STATUS_MALFORMED, 0},
        {BIT_RATE, "1Gbps ", STATUS_MALFORMED, 0},
        {BIT_RATE, "1Gbpss", STATUS_MALFORMED, 0},
        {BIT_RATE, "1.Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, ".5Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1.5.5Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1,5Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "01Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "-1Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "+1Gbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "1e3bps", STATUS_MALFORMED, 0},
        {BIT_RATE, "0x10bps", STATUS_MALFORMED, 0},
        {BIT_RATE, "infbps", STATUS_MALFORMED, 0},
        {BIT_RATE, "nan", STATUS_MALFORMED, 0},
        {BIT_RATE, "bps", STATUS_MALFORMED, 0},
        {BIT_RATE, "", STATUS_MALFORMED, 0},
        {BIT_RATE_BARE, "1G", STATUS_OK, 1000000000},
        {BIT_RATE_BARE, "1Gbps", STATUS_OK, 1000000000},
        {BIT_RATE_BARE, "42", STATUS_OK, 42},
        {BIT_RATE_BARE, "1GB/s", STATUS_OK, 8000000000},
        {BIT_RATE_BARE, "1GB", STATUS_MALFORMED, 0},
        {BIT_RATE_BARE, "99999999999999999999bps", STATUS_RANGE, 0},
        {COUNT, "0", STATUS_OK, 0},
        {COUNT, "1k", STATUS_OK, 1000},
        {COUNT, "500k", STATUS_OK, 500000},
        {COUNT, "1.5M", STATUS_OK, 1500000},
        {COUNT, "2G", STATUS_OK, 2000000000},
        {COUNT, "1.50", STATUS_RANGE, 0},
        {COUNT, "1.0", STATUS_OK, 1},
        {COUNT, "1.0001k", STATUS_RANGE, 0},
        {COUNT, "010", STATUS_MALFORMED, 0},
        {COUNT, "1K", STATUS_MALFORMED, 0},
        {COUNT, "1m", STATUS_MALFORMED, 0},
        {COUNT, "1kk", STATUS_MALFORMED, 0},
        {COUNT, "1pps", STATUS_MALFORMED, 0},
        {COUNT, "99999999999999999999", STATUS_RANGE, 0},
        {COUNT, "18446744073709551615k", STATUS_RANGE, 0},
        {SIZE, "1B", STATUS_OK, 1},
        {SIZE, "64KiB", STATUS_OK, 65536},
        {SIZE, "32MiB", STATUS_OK, 33554432},
        {SIZE, "1.5GiB", STATUS_OK, 1610612736},
        {SIZE, "1.1GiB", STATUS_OK, 1181116006}, /* rounded down */
        {SIZE, "1kB", STATUS_OK, 1000},
        {SIZE, "1MB", STATUS_OK, 1000000},
        {SIZE, "1GB", STATUS_OK, 1000000000},
        {SIZE, "17179869183GiB", STATUS_OK, 18446744072635809792U},
        {SIZE, "17179869184GiB", STATUS_RANGE, 0},
        {SIZE, "1", STATUS_MALFORMED, 0},
        {SIZE, "1M", STATUS_MALFORMED, 0},
        {SIZE, "1mib", STATUS_MALFORMED, 0},
        {DURATION, "1ms", STATUS_OK, 1},
        {DURATION, "2000us", STATUS_OK, 2},
        {DURATION, "1s", STATUS_OK, 1000},
        {DURATION, "0.5s", STATUS_OK, 500},
        {DURATION, "1.5m", STATUS_OK, 90000},
        {DURATION, "2h", STATUS_OK, 7200000},
        {DURATION, "1d", STATUS_OK, 86400000},
        {DURATION, "500us", STATUS_RANGE, 0},
        {DURATION, "0.0001s", STATUS_RANGE, 0},
        {DURATION, "1", STATUS_MALFORMED, 0},
        {DURATION, "0", STATUS_MALFORMED, 0},
        {DURATION, "1M", STATUS_MALFORMED, 0},
        {DURATION, "1m30s", STATUS_MALFORMED, 0},
        {DURATION, "18446744073709551615d", STATUS_RANGE, 0},
    };
    return cr_make_param_array(struct quantity_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct quantity_case *c, text_quantity, what_people_write_is_read_strictly)
{
    uint64_t value = 77;

    cr_assert_eq(parse(c->kind, &value, c->text), c->status, "\"%s\"", c->text);
    cr_assert_eq(value, c->status == STATUS_OK ? c->want : 77, "\"%s\" gave %lu", c->text, value);
}

struct percent_case {
    char text[16];
    enum status status;
    double want;
};

ParameterizedTestParameters(text_quantity, percent_needs_its_sign)
{
    static struct percent_case cases[] = {
        {"80%", STATUS_OK, 0.8},       {"100%", STATUS_OK, 1},        {"0%", STATUS_OK, 0},
        {"0.5%", STATUS_OK, 0.005},    {"250%", STATUS_OK, 2.5},      {"33.3%", STATUS_OK, 0.333},
        {"80", STATUS_MALFORMED, 0},   {"80 %", STATUS_MALFORMED, 0}, {"080%", STATUS_MALFORMED, 0},
        {"-1%", STATUS_MALFORMED, 0},  {"nan%", STATUS_MALFORMED, 0}, {"%", STATUS_MALFORMED, 0},
        {"80%%", STATUS_MALFORMED, 0}, {"80.%", STATUS_MALFORMED, 0},
    };
    return cr_make_param_array(struct percent_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct percent_case *c, text_quantity, percent_needs_its_sign)
{
    double share = 77;

    cr_assert_eq(text_parse_percent(&share, c->text), c->status, "\"%s\"", c->text);
    cr_assert_eq(share, c->status == STATUS_OK ? c->want : 77);
}

Test(text_quantity, a_percent_past_64_bits_is_out_of_range)
{
    double share;

    cr_assert_eq(text_parse_percent(&share, "99999999999999999999%"), STATUS_RANGE);
}

struct format_case {
    double value;
    char rate[TEXT_QUANTITY_MAX], count[TEXT_QUANTITY_MAX], size[TEXT_QUANTITY_MAX];
};

ParameterizedTestParameters(text_quantity, amounts_have_three_digits)
{
    static struct format_case cases[] = {
        {0, "0 bps", "0", "0 B"},
        {1, "1 bps", "1", "1 B"},
        {999, "999 bps", "999", "999 B"},
        {999.4, "999 bps", "999", "999 B"},
        {999.5, "1.00 kbps", "1k", "1000 B"},
        {1023, "1.02 kbps", "1.02k", "1023 B"},
        {1024, "1.02 kbps", "1.02k", "1.0 KiB"},
        {1500, "1.50 kbps", "1.5k", "1.5 KiB"},
        {12500, "12.5 kbps", "12.5k", "12.2 KiB"},
        {999499, "999 kbps", "999k", "976.1 KiB"},
        {999999, "1.00 Mbps", "1M", "976.6 KiB"},
        {33554432, "33.6 Mbps", "33.6M", "32.0 MiB"},
        {1.25e9, "1.25 Gbps", "1.25G", "1.2 GiB"},
        {99.96e9, "100 Gbps", "100G", "93.1 GiB"},
        {1.8e19, "18000000 Tbps", "18000000T", "16370904.6 TiB"},
    };
    return cr_make_param_array(struct format_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct format_case *c, text_quantity, amounts_have_three_digits)
{
    char text[TEXT_QUANTITY_MAX];

    cr_assert_str_eq(text_format_bit_rate(c->value, text), c->rate);
    cr_assert_str_eq(text_format_count(c->value, text), c->count);
    cr_assert_str_eq(text_format_size(c->value, text), c->size);
}

Test(text_quantity, what_is_no_amount_still_prints)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, -1, 1e300};
    char text[TEXT_QUANTITY_MAX];

    for (size_t i = 0; i < 5; i++) {
        cr_assert(strlen(text_format_bit_rate(values[i], text)) < TEXT_QUANTITY_MAX - 1);
        cr_assert(strlen(text_format_count(values[i], text)) < TEXT_QUANTITY_MAX - 1);
        cr_assert(strlen(text_format_size(values[i], text)) < TEXT_QUANTITY_MAX - 1);
    }
    cr_assert_str_eq(text_format_count(NAN, text), "?");
}

struct duration_case {
    uint64_t ms;
    char want[TEXT_QUANTITY_MAX];
};

ParameterizedTestParameters(text_quantity, durations_are_short)
{
    static struct duration_case cases[] = {
        {0, "0ms"},
        {999, "999ms"},
        {1000, "1s"},
        {1500, "1.5s"},
        {1050, "1.05s"},
        {59999, "59.999s"},
        {60000, "1m"},
        {60001, "1m"},
        {90000, "1m30s"},
        {3600000, "1h"},
        {3605000, "1h5s"},
        {90061000, "1d1h1m1s"},
        {UINT64_MAX, "213503982334d14h25m51s"},
    };
    return cr_make_param_array(struct duration_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct duration_case *c, text_quantity, durations_are_short)
{
    char text[TEXT_QUANTITY_MAX];

    cr_assert_str_eq(text_format_duration_ms(c->ms, text), c->want);
}
