#include "proto/delta.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What was read can be written, and is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct delta_batch batch, again;
    struct text written;
    if (delta_decode(&batch, bytes, len) != STATUS_OK)
        return 0;
    text_init(&written, 0);
    assert(delta_encode(&batch, &written) == STATUS_OK);
    assert(delta_decode(&again, (const uint8_t *)text_str(&written), written.len) == STATUS_OK);
    assert(again.row_count == batch.row_count && again.sequence == batch.sequence);
    for (size_t i = 0; i < batch.row_count; i++)
        assert(again.rows[i].bytes == batch.rows[i].bytes &&
               again.rows[i].key.len == batch.rows[i].key.len);
    delta_done(&batch);
    delta_done(&again);
    text_done(&written);
    return 0;
}
