#include "ctl/generate_values.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool value_bad(const struct command_context *c, const char *option, const char *value,
               const char *want)
{
    (void)command_usage_error(c, "%s %s: expected %s", option, value, want);
    return false;
}

bool value_number(const struct command_context *c, const char *option, const char *value,
                  uint64_t min, uint64_t max, uint64_t *ret_number)
{
    if (text_parse_count(ret_number, value) == STATUS_OK && *ret_number >= min &&
        *ret_number <= max)
        return true;
    char want[80];
    (void)snprintf(want, sizeof(want), "a number from %" PRIu64 " to %" PRIu64 ", such as 10k", min,
                   max);
    return value_bad(c, option, value, want);
}

bool value_u32(const struct command_context *c, const char *option, const char *value, uint32_t min,
               uint32_t max, uint32_t *ret_number)
{
    uint64_t number = 0;
    bool good = value_number(c, option, value, min, max, &number);
    *ret_number = (uint32_t)number;
    return good;
}

bool value_rate(const struct command_context *c, const char *option, const char *value,
                uint64_t min, double *ret_rate)
{
    uint64_t number = 0;
    bool good = value_number(c, option, value, min, 100000000, &number);
    *ret_rate = (double)number;
    return good;
}

bool value_time(const struct command_context *c, const char *option, const char *value,
                uint64_t max_ms, uint64_t *ret_ms)
{
    return (text_parse_duration_ms(ret_ms, value) == STATUS_OK && *ret_ms <= max_ms) ||
           value_bad(c, option, value,
                     max_ms < 86400000 ? "a time up to 1h, such as 10s" : "a time, such as 10s");
}

bool value_volume(const struct command_context *c, const char *option, const char *value,
                  uint64_t *ret_bps)
{
    if (strcmp(value, "0") == 0) {
        *ret_bps = 0;
        return true;
    }
    return text_parse_bit_rate(ret_bps, value) == STATUS_OK ||
           value_bad(c, option, value, "a rate, such as 2Gbps");
}

bool value_exponent(const struct command_context *c, const char *option, const char *value,
                    double min, double max, double *ret_number)
{
    char *end = NULL, want[64];
    *ret_number = strtod(value, &end);
    if (end != value && *end == '\0' && isfinite(*ret_number) && *ret_number >= min &&
        *ret_number <= max)
        return true;
    (void)snprintf(want, sizeof(want), "a number from %g to %g, such as 1.2", min, max);
    return value_bad(c, option, value, want);
}

/* The place of a word in a list that ends with NULL. */
bool value_word(const struct command_context *c, const char *option, const char *value,
                const char *const *words, const char *want, int *ret_index)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(value, words[i]) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return value_bad(c, option, value, want);
}

/* The parts of "A,B,…" in turn, in room that the caller lends; NULL past the last. */
const char *value_next(const char **list, char ret_part[VALUE_PART_MAX])
{
    if (*list == NULL)
        return NULL;
    const char *comma = strchr(*list, ',');
    size_t len = comma != NULL ? (size_t)(comma - *list) : strlen(*list);
    (void)snprintf(ret_part, VALUE_PART_MAX, "%.*s", (int)len, *list);
    *list = comma != NULL ? comma + 1 : NULL;
    return ret_part;
}
