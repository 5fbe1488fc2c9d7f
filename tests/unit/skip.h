#ifndef TESTS_UNIT_SKIP_H
#define TESTS_UNIT_SKIP_H

#include <criterion/criterion.h>
#include <stdio.h>

/* Ends a case that cannot run here, in the words that scripts/test counts. */
#define skip_case(...)                                                                             \
    do {                                                                                           \
        (void)fprintf(stderr, "SKIPPED: " __VA_ARGS__);                                            \
        (void)fputc('\n', stderr);                                                                 \
        cr_skip_test("it says why");                                                               \
    } while (0)

#endif
