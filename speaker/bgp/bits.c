#include "speaker/bgp/bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t words_of(size_t room)
{
    return room / 64 + room / BITS_STEP;
}

enum status bits_grow(struct bits *bits, size_t room)
{
    assert(room % BITS_STEP == 0);
    if (room <= bits->room)
        return STATUS_OK;
    uint64_t *words = realloc(bits->words, words_of(room) * sizeof(*words));
    if (words == NULL)
        return STATUS_NO_MEMORY;
    size_t before = bits->room / 64, after = room / 64, second = bits->room / BITS_STEP;
    memmove(words + after, words + before, second * sizeof(*words));
    memset(words + before, 0, (after - before) * sizeof(*words));
    memset(words + after + second, 0, (room / BITS_STEP - second) * sizeof(*words));
    bits->words = words;
    bits->room = room;
    return STATUS_OK;
}

void bits_done(struct bits *bits)
{
    free(bits->words);
    *bits = (struct bits){0};
}

void bits_clear(struct bits *bits)
{
    if (bits->count > 0)
        memset(bits->words, 0, bits_bytes(bits));
    bits->count = 0;
}

/* The first set bit of so many words from bit `from` on; their number of bits when there is none.
 */
static size_t first_of(const uint64_t *words, size_t count, size_t from)
{
    for (size_t i = from / 64; i < count; i++) {
        uint64_t word = i == from / 64 ? words[i] & ~UINT64_C(0) << from % 64 : words[i];
        if (word != 0)
            return i * 64 + (size_t)__builtin_ctzll(word);
    }
    return count * 64;
}

uint32_t bits_next(const struct bits *bits, uint32_t from)
{
    assert(bits->count > 0);
    size_t words = bits->room / 64, at = from < bits->room ? from : 0;
    const uint64_t *second = bits->words + words;
    uint64_t rest = bits->words[at / 64] & ~UINT64_C(0) << at % 64;
    if (rest != 0)
        return (uint32_t)(at / 64 * 64 + (size_t)__builtin_ctzll(rest));
    size_t word = first_of(second, bits->room / BITS_STEP, at / 64 + 1);
    if (word >= words)
        word = first_of(second, bits->room / BITS_STEP, 0);
    assert(word < words);
    return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits->words[word]));
}

size_t bits_bytes(const struct bits *bits)
{
    return words_of(bits->room) * sizeof(*bits->words);
}
