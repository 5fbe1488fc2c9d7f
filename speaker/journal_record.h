#ifndef SPEAKER_JOURNAL_RECORD_H
#define SPEAKER_JOURNAL_RECORD_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One record of the journal, as it stands in the file:
 *
 *   length of what follows the hash (4) | hash of that (8) | verb (1) | key length (1) | key |
 * value
 */

enum {
    RECORD_FRAME_LEN = 12, /* length and hash */
    RECORD_HEAD_LEN = 2,   /* verb and key length */
    RECORD_PUT = 1,
    RECORD_DROP = 2
};

struct record {
    uint8_t verb;
    const char *key;
    size_t key_len;
    const uint8_t *value;
    size_t value_len, len;
};

static inline uint64_t record_bytes(size_t key_len, size_t value_len)
{
    return RECORD_FRAME_LEN + RECORD_HEAD_LEN + key_len + value_len;
}

/* The record that begins here. TRUNCATED: the end cuts it; MALFORMED: it is damaged. */
enum status record_read(const uint8_t *bytes, size_t len, struct record *ret_record);

/* Whether a whole record begins anywhere behind the first octet. */
bool record_follows(const uint8_t *bytes, size_t len);

/* A file system may leave zeros where a write was under way. */
bool record_all_zero(const uint8_t *bytes, size_t len);

#endif
