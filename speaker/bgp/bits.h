#ifndef SPEAKER_BGP_BITS_H
#define SPEAKER_BGP_BITS_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A set of small numbers, one bit each, with a second row of bits that says in which words of the
 * first any is set: the next number of a sparse set is found without a walk over its room. All of
 * it begins with zeros; who holds it calls bits_done() at the end.
 */
struct bits {
    uint64_t *words; /* then the second row */
    size_t room;     /* numbers below this may be set; a multiple of BITS_STEP */
    size_t count;    /* numbers that are set */
};
enum { BITS_STEP = 64 * 64 }; /* what one word of the second row covers */

/* room: a multiple of BITS_STEP; it never gets less. NO_MEMORY: nothing changed. */
enum status bits_grow(struct bits *bits, size_t room);
void bits_done(struct bits *bits);
void bits_clear(struct bits *bits); /* keeps the room */
/* The first number from `from` on, and after the highest from 0 again. The set is not empty. */
uint32_t bits_next(const struct bits *bits, uint32_t from);
size_t bits_bytes(const struct bits *bits);

static inline bool bits_has(const struct bits *bits, uint32_t n)
{
    return n < bits->room && (bits->words[n / 64] >> n % 64 & 1) != 0;
}

static inline void bits_set(struct bits *bits, uint32_t n)
{
    uint64_t *word = &bits->words[n / 64], bit = UINT64_C(1) << n % 64;
    bits->count += (*word & bit) == 0 ? 1 : 0;
    *word |= bit;
    bits->words[bits->room / 64 + n / BITS_STEP] |= UINT64_C(1) << n / 64 % 64;
}

static inline void bits_unset(struct bits *bits, uint32_t n)
{
    uint64_t *word = &bits->words[n / 64], bit = UINT64_C(1) << n % 64;
    bits->count -= (*word & bit) != 0 ? 1 : 0;
    *word &= ~bit;
    if (*word == 0)
        bits->words[bits->room / 64 + n / BITS_STEP] &= ~(UINT64_C(1) << n / 64 % 64);
}

#endif
