#ifndef TESTS_UNIT_FLOWSPEC_TABLE_H
#define TESTS_UNIT_FLOWSPEC_TABLE_H

#include <criterion/criterion.h>
#include <criterion/logging.h>

/*
 * Runs each case of a table in one process. Criterion's parameters start a process a case, and
 * under the sanitizers each start takes longer than hundreds of these cases. With --verbose the
 * last case that is named before a failure is the one that failed.
 */
#define TABLE_RUN(cases, run)                                                                      \
    for (size_t table_at = 0; table_at < sizeof(cases) / sizeof((cases)[0]); table_at++) {         \
        cr_log_info("case %zu", table_at);                                                         \
        run(&(cases)[table_at]);                                                                   \
    }

#endif
