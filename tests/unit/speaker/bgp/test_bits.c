#include "speaker/bgp/bits.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 3 * BITS_STEP };

/* What a plain array of bools says. */
static uint32_t next_of(const bool *has, size_t room, uint32_t from)
{
    for (size_t i = 0; i < room; i++)
        if (has[(from + i) % room])
            return (uint32_t)((from + i) % room);
    return UINT32_MAX;
}

Test(bits, finds_what_a_plain_array_does)
{
    struct bits bits = {0};
    static bool has[ROOM];
    unsigned int seed = 11;
    cr_assert_eq(bits_grow(&bits, ROOM), STATUS_OK);
    for (int turn = 0; turn < 4000; turn++) {
        uint32_t n = (uint32_t)rand_r(&seed) % ROOM;
        has[n] = turn % 100 < 52; /* now many, now few */
        if (has[n])
            bits_set(&bits, n);
        else
            bits_unset(&bits, n);
        if (turn % 1000 > 900)
            for (uint32_t i = 0; i < ROOM; i += 1 + (uint32_t)rand_r(&seed) % 7) {
                has[i] = false;
                bits_unset(&bits, i);
            }
        size_t count = 0;
        for (size_t i = 0; i < ROOM; i++)
            count += has[i] ? 1 : 0;
        cr_assert_eq(bits.count, count);
        uint32_t from = (uint32_t)rand_r(&seed) % (ROOM + 5);
        if (count > 0)
            cr_assert_eq(bits_next(&bits, from), next_of(has, ROOM, from < ROOM ? from : 0));
    }
    bits_done(&bits);
}

Test(bits, the_edges_of_words_are_found)
{
    static const uint32_t edges[] = {0, 63, 64, 4095, 4096, 4159, 8191, 8192, ROOM - 1};
    struct bits bits = {0};
    cr_assert_eq(bits_grow(&bits, ROOM), STATUS_OK);
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        bits_set(&bits, edges[i]);
        cr_expect(bits_has(&bits, edges[i]));
        for (size_t k = 0; k < sizeof(edges) / sizeof(edges[0]); k++)
            cr_expect_eq(bits_next(&bits, edges[k]), edges[i]);
        bits_unset(&bits, edges[i]);
        cr_expect_eq(bits.count, 0);
    }
    cr_expect_not(bits_has(&bits, ROOM), "above its room nothing is set");
    bits_done(&bits);
}

Test(bits, growing_keeps_what_is_set)
{
    struct bits bits = {0};
    for (size_t room = BITS_STEP; room <= 5 * BITS_STEP; room += BITS_STEP) {
        cr_assert_eq(bits_grow(&bits, room), STATUS_OK);
        bits_set(&bits, (uint32_t)room - 1);
    }
    cr_assert_eq(bits_grow(&bits, BITS_STEP), STATUS_OK, "it never gets less");
    uint32_t at = 0;
    for (size_t room = BITS_STEP; room <= 5 * BITS_STEP; room += BITS_STEP, at++) {
        at = bits_next(&bits, at);
        cr_expect_eq(at, room - 1);
    }
    bits_clear(&bits);
    cr_expect_eq(bits.count, 0);
    bits_set(&bits, 77);
    cr_expect_eq(bits_next(&bits, 78), 77);
    bits_done(&bits);
}
