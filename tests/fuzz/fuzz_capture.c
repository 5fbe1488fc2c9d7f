#include "ctl/capture.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Frames of every link type: a datagram lies inside its frame, or there is none. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const int link_types[] = {1, 113, 276, 12, 228, 229, 0, 108};
    if (len == 0)
        return 0;
    struct capture_datagram d = {0};
    struct capture_fragment fragment;
    int link_type = link_types[bytes[0] % (sizeof link_types / sizeof link_types[0])];
    enum capture_verdict verdict = capture_frame(link_type, bytes + 1, len - 1, &d, &fragment);
    if ((verdict == CAPTURE_DATAGRAM || verdict == CAPTURE_CUT || verdict == CAPTURE_FRAGMENT) &&
        (d.bytes < bytes + 1 || d.bytes + d.len > bytes + len || d.from.addr.family == ADDR_NONE))
        abort();
    return 0;
}
