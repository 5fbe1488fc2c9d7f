#include "common/base/wire.h"
#include "tests/fuzz/datagrams.h"
#include "tests/support/sflow_twice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t version[] = {0, 0, 0, 5};

/* The same datagrams as datagrams_feed() makes of the input, both ways. */
static void feed_twice(const uint8_t *data, size_t size)
{
    static uint8_t bytes[UINT16_MAX];
    struct sflow_twice *twice = sflow_twice_new();
    struct wire_reader r = wire_reader_of(data, size);
    while (r.left > 3) {
        uint8_t control = wire_u8(&r);
        struct decode_source source = {.addr = addr_from_ipv4(0xc0000200U + (control & 3)),
                                       .sampling_override = control & 16 ? 1000 : 0};
        size_t len = wire_u16(&r);
        struct wire_reader part = wire_sub(&r, len < r.left ? len : r.left);
        if (part.left < sizeof(version))
            continue;
        memcpy(bytes, part.pos, part.left);
        memcpy(bytes, version, sizeof(version));
        const char *differs = sflow_twice_feed(twice, &source, bytes, part.left);
        if (differs != NULL) {
            fprintf(stderr, "the short way and the other: %s\n", differs);
            abort();
        }
    }
    sflow_twice_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    datagrams_feed(data, size, version, sizeof(version));
    feed_twice(data, size);
    return 0;
}
