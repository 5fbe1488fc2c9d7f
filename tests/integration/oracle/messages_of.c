#include "common/base/wire.h"
#include "ctl/capture.h"

#include <stdio.h>
#include <stdlib.h>

/* messages_of FILE: the IPFIX messages of a capture, as a file of IPFIX messages on standard
 * output. What is not as long as it says is left out. */
static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct wire_reader r = wire_reader_of(datagram->bytes, datagram->len);
    uint16_t version = wire_u16(&r), len = wire_u16(&r);
    (void)owner;
    if (!r.failed && version == 10 && len == datagram->len)
        (void)fwrite(datagram->bytes, 1, datagram->len, stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct capture_counts counts;
    struct text why;
    text_init(&why, 0);
    enum status status =
        argc == 2 ? capture_read(argv[1], on_datagram, NULL, &counts, &why) : STATUS_RANGE;
    text_done(&why);
    return status == STATUS_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
