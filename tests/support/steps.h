#ifndef TESTS_SUPPORT_STEPS_H
#define TESTS_SUPPORT_STEPS_H

#include <stdint.h>

/*
 * How many basic blocks of collector/decode and collector/tally, and of the tables that they stand
 * on, have run so far. The compiler puts the count into each (test_counted in the CMakeLists.txt
 * beside this file), so work is measured without a clock, and the same each time. What memcpy and
 * malloc do is not in it.
 */
uint64_t steps_now(void);

#endif
