#include "common/base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit {
    char name[5];
    uint64_t times, divided_by; /* from the written unit to the one that is returned */
};

static const struct unit bit_rate_units[] = {
    {"bps", 1, 1},           {"kbps", 1000, 1},          {"Mbps", 1000000, 1},
    {"Gbps", 1000000000, 1}, {"Tbps", 1000000000000, 1}, {"B/s", 8, 1},
    {"kB/s", 8000, 1},       {"MB/s", 8000000, 1},       {"GB/s", 8000000000, 1},
};

static const struct unit count_units[] = {
    {"", 1, 1}, {"k", 1000, 1}, {"M", 1000000, 1}, {"G", 1000000000, 1}, {"T", 1000000000000, 1},
};

static const struct unit size_units[] = {
    {"B", 1, 1},     {"KiB", 1 << 10, 1}, {"MiB", 1 << 20, 1},   {"GiB", 1 << 30, 1},
    {"kB", 1000, 1}, {"MB", 1000000, 1},  {"GB", 1000000000, 1},
};

static const struct unit time_units[] = {
    {"us", 1, 1000}, {"ms", 1, 1},      {"s", 1000, 1},
    {"m", 60000, 1}, {"h", 3600000, 1}, {"d", 86400000, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Fraction digits past this are refused: it keeps all sums below within 128 bits. */
enum { FRACTION_DIGITS_MAX = 9 };

struct number {
    uint64_t whole, fraction, fraction_one; /* whole + fraction / fraction_one */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits and an optional fraction; *ret_rest is what follows them. */
static enum status parse_number(struct number *ret_number, const char *s, const char **ret_rest)
{
    struct number n = {.fraction_one = 1};
    bool fits = true;

    if (!is_digit(s[0]) || (s[0] == '0' && is_digit(s[1])))
        return STATUS_MALFORMED;
    for (; is_digit(*s); s++)
        fits = fits && !__builtin_mul_overflow(n.whole, 10U, &n.whole) &&
               !__builtin_add_overflow(n.whole, (uint64_t)(*s - '0'), &n.whole);
    if (*s == '.') {
        s++;
        if (!is_digit(*s))
            return STATUS_MALFORMED;
        for (int digits = 0; is_digit(*s); s++, digits++) {
            if (digits == FRACTION_DIGITS_MAX)
                return STATUS_MALFORMED;
            n.fraction = n.fraction * 10 + (uint64_t)(*s - '0');
            n.fraction_one *= 10;
        }
    }
    *ret_number = n;
    *ret_rest = s;
    return fits ? STATUS_OK : STATUS_RANGE;
}

static const struct unit *unit_find(const struct unit *units, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static enum status parse_quantity(uint64_t *ret_value, const char *s, const struct unit *units,
                                  size_t unit_count, bool round_down)
{
    struct number n;
    const char *rest;
    enum status status = parse_number(&n, s, &rest);

    if (status == STATUS_MALFORMED)
        return status;
    const struct unit *unit = unit_find(units, unit_count, rest);
    if (unit == NULL)
        return STATUS_MALFORMED;
    if (status != STATUS_OK)
        return status;

    /* At most 2^64 · 10^9 below: far from the end of 128 bits. */
    unsigned __int128 whole = (unsigned __int128)n.whole * unit->times;
    unsigned __int128 fraction = (unsigned __int128)n.fraction * unit->times;
    unsigned __int128 sum = whole + fraction / n.fraction_one;
    bool exact = fraction % n.fraction_one == 0 && sum % unit->divided_by == 0;

    sum /= unit->divided_by;
    if (sum > UINT64_MAX || (!exact && !round_down))
        return STATUS_RANGE;
    *ret_value = (uint64_t)sum;
    return STATUS_OK;
}

enum status text_parse_bit_rate(uint64_t *ret_bps, const char *s)
{
    return parse_quantity(ret_bps, s, bit_rate_units, COUNT_OF(bit_rate_units), false);
}

enum status text_parse_bit_rate_bare(uint64_t *ret_bps, const char *s)
{
    enum status status = text_parse_bit_rate(ret_bps, s);

    return status == STATUS_MALFORMED ? text_parse_count(ret_bps, s) : status;
}

enum status text_parse_count(uint64_t *ret_count, const char *s)
{
    return parse_quantity(ret_count, s, count_units, COUNT_OF(count_units), false);
}

enum status text_parse_size(uint64_t *ret_bytes, const char *s)
{
    return parse_quantity(ret_bytes, s, size_units, COUNT_OF(size_units), true);
}

enum status text_parse_duration_ms(uint64_t *ret_ms, const char *s)
{
    return parse_quantity(ret_ms, s, time_units, COUNT_OF(time_units), false);
}

enum status text_parse_percent(double *ret_share, const char *s)
{
    struct number n;
    const char *rest;
    enum status status = parse_number(&n, s, &rest);

    if (status == STATUS_MALFORMED || strcmp(rest, "%") != 0)
        return STATUS_MALFORMED;
    if (status != STATUS_OK)
        return status;
    /* One division, so that "80%" is the double nearest to 0.8. */
    double one = (double)n.fraction_one;
    *ret_share = ((double)n.whole * one + (double)n.fraction) / (one * 100);
    return STATUS_OK;
}

enum status text_parse_u64(uint64_t *ret_value, const char *s, uint64_t max)
{
    struct number n;
    const char *rest;
    enum status status = parse_number(&n, s, &rest);

    if (status == STATUS_MALFORMED || *rest != '\0' || n.fraction_one != 1)
        return STATUS_MALFORMED;
    if (status != STATUS_OK || n.whole > max)
        return STATUS_RANGE;
    *ret_value = n.whole;
    return STATUS_OK;
}

/* Three significant digits: 1.25, 12.5, 125. */
static int decimals_of(double value)
{
    return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

/* Divides by step until the value prints with at most three digits; *ret_power says how often. */
static double scale_down(double value, double step, size_t power_max, size_t *ret_power)
{
    size_t power = 0;

    while (power < power_max && value >= (step == 1000 ? 999.5 : step - 0.05)) {
        value /= step;
        power++;
    }
    *ret_power = power;
    return value;
}

/* What is no number, or below zero, is a mistake of the caller that must still print. */
static bool is_printable(double value)
{
    return isfinite(value) && value >= 0;
}

const char *text_format_bit_rate(double bps, char ret_text[TEXT_QUANTITY_MAX])
{
    static const char *const names[] = {"bps", "kbps", "Mbps", "Gbps", "Tbps"};
    size_t power;

    if (!is_printable(bps)) {
        snprintf(ret_text, TEXT_QUANTITY_MAX, "? bps");
        return ret_text;
    }
    double value = scale_down(bps, 1000, COUNT_OF(names) - 1, &power);
    snprintf(ret_text, TEXT_QUANTITY_MAX, "%.*f %s", power == 0 ? 0 : decimals_of(value),
             fmin(value, 1e15), names[power]);
    return ret_text;
}

const char *text_format_count(double n, char ret_text[TEXT_QUANTITY_MAX])
{
    static const char *const names[] = {"", "k", "M", "G", "T"};
    size_t power;

    if (!is_printable(n)) {
        snprintf(ret_text, TEXT_QUANTITY_MAX, "?");
        return ret_text;
    }
    double value = scale_down(n, 1000, COUNT_OF(names) - 1, &power);
    char digits[TEXT_QUANTITY_MAX];
    snprintf(digits, sizeof(digits), "%.*f", decimals_of(value), fmin(value, 1e15));
    if (strchr(digits, '.') != NULL) {
        size_t len = strlen(digits);
        while (digits[len - 1] == '0')
            len--;
        if (digits[len - 1] == '.')
            len--;
        digits[len] = '\0';
    }
    snprintf(ret_text, TEXT_QUANTITY_MAX, "%.20s%s", digits, names[power]);
    return ret_text;
}

const char *text_format_size(double bytes, char ret_text[TEXT_QUANTITY_MAX])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t power;

    if (!is_printable(bytes)) {
        snprintf(ret_text, TEXT_QUANTITY_MAX, "? B");
        return ret_text;
    }
    double value = scale_down(bytes, 1024, COUNT_OF(names) - 1, &power);
    snprintf(ret_text, TEXT_QUANTITY_MAX, "%.*f %s", power == 0 ? 0 : 1, fmin(value, 1e15),
             names[power]);
    return ret_text;
}

const char *text_format_duration_ms(uint64_t ms, char ret_text[TEXT_QUANTITY_MAX])
{
    static const struct {
        uint64_t ms;
        char name;
    } parts[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};

    if (ms < 1000) {
        snprintf(ret_text, TEXT_QUANTITY_MAX, "%ums", (unsigned int)ms);
        return ret_text;
    }
    if (ms < 60000 && ms % 1000 != 0) {
        int decimals = ms % 100 == 0 ? 1 : ms % 10 == 0 ? 2 : 3;
        snprintf(ret_text, TEXT_QUANTITY_MAX, "%.*fs", decimals, (double)ms / 1000);
        return ret_text;
    }
    /* From a minute on, people do not want milliseconds. */
    int at = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        uint64_t n = ms / parts[i].ms;
        ms %= parts[i].ms;
        if (n > 0)
            at += snprintf(ret_text + at, (size_t)(TEXT_QUANTITY_MAX - at), "%llu%c",
                           (unsigned long long)n, parts[i].name);
    }
    return ret_text;
}
