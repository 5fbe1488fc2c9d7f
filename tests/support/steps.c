#include "tests/support/steps.h"

/* Where -fsanitize-coverage=trace-pc calls to. */
void __sanitizer_cov_trace_pc(void);

static uint64_t steps;

void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

uint64_t steps_now(void)
{
    return steps;
}
