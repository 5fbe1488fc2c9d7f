#include "tests/fuzz/datagrams.h"

#include "common/base/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 4096, SAMPLERS_ROOM = 1024 };

static void on_record(void *owner, const struct flow_record *flow)
{
    uint64_t *sum = owner;

    if (flow->has & FLOW_FRAGMENT && flow->fragment & FRAGMENT_LATER)
        assert(!(flow->has & (FLOW_SRC_PORT | FLOW_DST_PORT)));
    if (flow->has & FLOW_SRC_ADDR)
        assert(flow->src_addr.family == ADDR_IPV4 || flow->src_addr.family == ADDR_IPV6);
    assert(flow->sampling_rate == 0 || flow->sampling_rate >= 1);
    *sum += flow->bytes + flow->time_ms + flow->duration_ms;
}

void datagrams_feed(const uint8_t *data, size_t size, const uint8_t *version, size_t version_len)
{
    struct wire_reader r = wire_reader_of(data, size);
    uint64_t sum = 0, now_ms = 0;
    struct decode_sink sink = {.on_record = on_record, .on_discard = on_record, .owner = &sum};
    struct decode *decode = decode_new(&(struct decode_limits){.exporters = 2,
                                                               .domains_per_exporter = 2,
                                                               .templates_per_domain = 3,
                                                               .fields_per_template = 20,
                                                               .samplers_per_domain = 3,
                                                               .held_bytes = 4096,
                                                               .memory_bytes = MEMORY_MAX},
                                       1);
    if (decode == NULL)
        abort();
    while (r.left > 2) {
        uint16_t head = wire_u16(&r);
        size_t len = head & 0x3fff;
        struct wire_reader part = wire_sub(&r, len < r.left ? len : r.left);
        struct decode_source source = {.addr = addr_from_ipv4(0xc0000200U + (head >> 14))};
        /* A block of its own, so that a read one octet past the end is seen. */
        uint8_t *datagram = malloc(part.left > 0 ? part.left : 1);
        if (datagram == NULL)
            abort();
        memcpy(datagram, part.pos, part.left);
        memcpy(datagram, version, version_len < part.left ? version_len : part.left);
        decode_datagram(decode, &source, datagram, part.left, now_ms++, &sink);
        free(datagram);
        assert(decode_memory(decode) <= MEMORY_MAX + SAMPLERS_ROOM);
    }
    decode_free(decode);
}
