#include "proto/rollup.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What was read can be written, and is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct rollup_tick tick, again;
    struct text written;
    if (rollup_decode(&tick, bytes, len) != STATUS_OK)
        return 0;
    text_init(&written, 0);
    assert(rollup_encode(&tick, &written) == STATUS_OK);
    assert(rollup_decode(&again, (const uint8_t *)text_str(&written), written.len) == STATUS_OK);
    assert(again.row_count == tick.row_count && again.sequence == tick.sequence);
    for (size_t i = 0; i < tick.row_count; i++)
        assert(again.rows[i].samples == tick.rows[i].samples &&
               again.rows[i].contributor_count == tick.rows[i].contributor_count);
    rollup_done(&tick);
    rollup_done(&again);
    text_done(&written);
    return 0;
}
