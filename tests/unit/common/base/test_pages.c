#include "common/base/pages.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

Test(pages, are_zeros_and_large_ones_begin_a_large_page)
{
    static const size_t sizes[] = {
        1, 4096, PAGES_LARGE - 8, PAGES_LARGE, PAGES_LARGE + 8, 3 * (size_t)PAGES_LARGE};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *at = pages_new(sizes[i]);
        cr_assert_not_null(at);
        cr_assert(sizes[i] < PAGES_LARGE || (uintptr_t)at % PAGES_LARGE == 0, "%zu", sizes[i]);
        for (size_t j = 0; j < sizes[i]; j += 997)
            cr_assert_eq(at[j], 0);
        memset(at, 1, sizes[i]);
        pages_free(at, sizes[i]);
    }
    pages_free(NULL, 0);
    pages_free(NULL, PAGES_LARGE);
}

Test(pages, a_block_is_a_large_page)
{
    uint8_t *block = pages_block();
    cr_assert_not_null(block);
    cr_assert_eq((uintptr_t)block % PAGES_LARGE, 0);
    memset(block, 1, PAGES_LARGE);
    free(block);
}
