#ifndef PROTO_STATE_H
#define PROTO_STATE_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What the nouns of the state server have in common: bounds, and lists of short strings that a noun
 * holds as arrays of `room` octets each. */
enum {
    STATE_LEN_MAX = 64 << 10,     /* a request with all its arguments takes 33 KiB */
    STATE_FIELDS_MAX = 512,       /* more than any of our messages has, with all its strings */
    STATE_UNKNOWN_MAX = 16 << 10, /* fields of newer builds that we keep */
};

/* LIMIT: a string without its end. */
enum status state_lend_strings(char *ret_lent[], const char *strings, size_t count, size_t room);
bool state_strings_fit(char *const strings[], size_t count, size_t room);
void state_copy_strings(char *ret_strings, char *const strings[], size_t count, size_t room);

#endif
