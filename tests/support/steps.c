#include "tests/support/steps.h"

/* Where -fsanitize-coverage=trace-pc calls to. */
void __sanitizer_cov_trace_pc(void);

static uint64_t steps;

/* What is known is hundreds of entries: a walk over it for each record, or each definition, would
 * take several times as many. */
const struct steps_allowed steps_allowed[FORMAT_COUNT + 1] = {
    [FORMAT_NETFLOW5] = {20, 0, 1500}, [FORMAT_NETFLOW9] = {100, 160, 5000},
    [FORMAT_IPFIX] = {100, 160, 5000}, [FORMAT_SFLOW5] = {32, 0, 1500},
    [FORMAT_COUNT] = {1, 0, 100},
};

void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

uint64_t steps_now(void)
{
    return steps;
}
