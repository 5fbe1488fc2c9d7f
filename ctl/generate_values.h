#ifndef CTL_GENERATE_VALUES_H
#define CTL_GENERATE_VALUES_H

#include "ctl/command.h"

#include <stdint.h>

/* Values of options, for ctl/generate_options.c. False: what is wrong was said. */
enum { VALUE_PART_MAX = 100 };

bool value_bad(const struct command_context *c, const char *option, const char *value,
               const char *want);
bool value_number(const struct command_context *c, const char *option, const char *value,
                  uint64_t min, uint64_t max, uint64_t *ret_number);
bool value_u32(const struct command_context *c, const char *option, const char *value, uint32_t min,
               uint32_t max, uint32_t *ret_number);
bool value_rate(const struct command_context *c, const char *option, const char *value,
                uint64_t min, double *ret_rate);
bool value_time(const struct command_context *c, const char *option, const char *value,
                uint64_t max_ms, uint64_t *ret_ms);
bool value_volume(const struct command_context *c, const char *option, const char *value,
                  uint64_t *ret_bps);
bool value_exponent(const struct command_context *c, const char *option, const char *value,
                    double min, double max, double *ret_number);
/* The place of a word in a list that ends with NULL. */
bool value_word(const struct command_context *c, const char *option, const char *value,
                const char *const *words, const char *want, int *ret_index);
/* The parts of "A,B,…" in turn; NULL past the last. A part that is too long is cut. */
const char *value_next(const char **list, char ret_part[VALUE_PART_MAX]);

#endif
