#ifndef COLLECTOR_TALLY_IDENTITY_H
#define COLLECTOR_TALLY_IDENTITY_H

#include "common/base/hash.h"
#include "proto/count.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

/*
 * What a row is of, and its key in a table of rows:
 *
 *     | exporter 2 | count 2 | duration class 1 | length of the flow's key 1 | the flow's key … |
 *
 * One whose flow key has up to ten octets, as most have that hold one IPv4 address, is short: two
 * words of eight octets, least octet first, with zeros behind the flow's key. It is put together,
 * hashed and compared in registers. Any other ends with the flow's key.
 */
struct identity {
    uint16_t exporter, count;
    uint8_t duration_class;
    struct flow_key key;
};
enum {
    IDENTITY_HEAD = offsetof(struct identity, key.bytes),
    IDENTITY_SHORT = 16,
    IDENTITY_KEY_SHORT = IDENTITY_SHORT - IDENTITY_HEAD
};
_Static_assert(IDENTITY_HEAD == 6, "nothing lies between the members of an identity");
_Static_assert(sizeof(struct identity) >= (size_t)IDENTITY_SHORT, "a short one fits its struct");

/* What a table's key begins with. */
struct identity_head {
    uint16_t exporter, count;
    uint8_t duration_class, key_len;
};

static inline struct identity_head identity_head(const void *identity)
{
    struct identity_head head;
    _Static_assert(sizeof(head) == IDENTITY_HEAD, "as struct identity has it");
    memcpy(&head, identity, sizeof(head));
    return head;
}

struct identity_words {
    uint64_t low, high;
};

/* Where the members are in the low word. */
enum { WORD_COUNT = 16, WORD_CLASS = 32, WORD_KEY_LEN = 40, WORD_KEY = 48 };

/* The low word without the key. */
static inline uint64_t identity_low(struct identity_head head)
{
    return head.exporter | (uint64_t)head.count << WORD_COUNT |
           (uint64_t)head.duration_class << WORD_CLASS;
}

static inline void identity_put_words(void *identity, struct identity_words words)
{
    const uint64_t octets[2] = {htole64(words.low), htole64(words.high)};
    memcpy(identity, octets, sizeof(octets));
}

/* Of what may be a table's key as well: the words of a short one. */
static inline struct identity_words identity_words(const void *identity)
{
    uint64_t octets[2];
    memcpy(octets, identity, sizeof(octets));
    return (struct identity_words){le64toh(octets[0]), le64toh(octets[1])};
}

/* Octets of it as a table's key. */
static inline size_t identity_len(const void *identity)
{
    size_t key_len = identity_head(identity).key_len;
    return key_len <= IDENTITY_KEY_SHORT ? IDENTITY_SHORT : IDENTITY_HEAD + key_len;
}

static inline uint16_t identity_count(const void *identity)
{
    uint16_t count;
    memcpy(&count, (const uint8_t *)identity + offsetof(struct identity, count), sizeof(count));
    return count;
}

static inline uint64_t identity_hash_words(struct identity_words words, uint64_t seed)
{
    return hash_seeded_words(words.low, words.high, seed);
}

/* Of a table's key. */
static inline uint64_t identity_hash(const void *identity, size_t len, uint64_t seed)
{
    return len == IDENTITY_SHORT ? identity_hash_words(identity_words(identity), seed)
                                 : hash_seeded(identity, len, seed);
}

#endif
