#include "proto/rollup.h"

#include "tests/unit/proto/nouns.h"

#include <criterion/criterion.h>

Test(rollup, any_tick_comes_back_as_it_was)
{
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t seed = i;
        struct rollup_tick tick, back;
        struct text bytes;
        text_init(&bytes, 0);
        chance_rollup(&seed, i == 39 ? ROLLUP_ROWS_MAX : i, &tick);
        cr_assert_eq(rollup_encode(&tick, &bytes), STATUS_OK);
        cr_assert_eq(rollup_decode(&back, (const uint8_t *)text_str(&bytes), bytes.len), STATUS_OK);
        cr_assert(rollup_equal(&tick, &back), "seed %d", (int)i);
        text_done(&bytes);
        rollup_done(&tick);
        rollup_done(&back);
        rollup_done(&back);
    }
}

Test(rollup, every_cut_is_refused_or_read)
{
    uint64_t seed = 11;
    struct rollup_tick tick, back;
    struct text bytes;
    text_init(&bytes, 0);
    chance_rollup(&seed, 2, &tick);
    cr_assert_eq(rollup_encode(&tick, &bytes), STATUS_OK);
    size_t read = 0;
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len > 0 ? len : 1);
        memcpy(cut, bytes.at, len);
        if (rollup_decode(&back, cut, len) == STATUS_OK) {
            read++;
            rollup_done(&back);
        }
        free(cut);
    }
    cr_assert_lt(read, 16);
    text_done(&bytes);
    rollup_done(&tick);
}
