#include "ctl/pcapng.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool on_frame(void *owner, const struct pcapng_frame *frame)
{
    size_t *sum = owner;
    for (size_t i = 0; i < frame->len; i++) /* each octet is there */
        *sum += frame->bytes[i];
    return true;
}

/* A file is read to its end, or to what is wrong with it, and no frame is longer than it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t sum = 0;
    struct text why;
    if (len == 0)
        return 0;
    FILE *file = fmemopen((void *)(uintptr_t)bytes, len, "rb");
    if (file == NULL)
        abort();
    text_init(&why, 0);
    enum status status = pcapng_read(file, on_frame, &sum, &why);
    if ((status == STATUS_OK) != (why.len == 0) || sum > len * 255)
        abort();
    text_done(&why);
    (void)fclose(file);
    return 0;
}
