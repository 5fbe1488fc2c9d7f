#include "collector/decode/snapshot.h"
#include "common/base/hash.h"
#include "common/base/wire.h"

#include <stdlib.h>
#include <string.h>

/* Anything behind a right frame and checksum, and then a datagram; then written and read again. */

enum { HEAD_LEN = 24, CHECK_LEN = 8, ROOM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void ignore(void *owner, const struct flow_record *flow)
{
    (void)owner;
    (void)flow;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct decode *decode = decode_new(&(struct decode_limits){.exporters = 8}, 1);
    struct snapshot_times times = {.mono_ms = 1000, .wall_ms = 1u << 30, .max_age_ms = 3600000};
    struct decode_source source = {.addr = addr_from_ipv4(0xc0000201)};
    size_t framed_len = HEAD_LEN + len + CHECK_LEN, out_len, left_out;
    uint8_t *framed = malloc(framed_len), *out = malloc(ROOM);
    if (decode == NULL || framed == NULL || out == NULL)
        abort();
    struct wire_writer w = wire_writer_of(framed, framed_len);
    wire_put_bytes(&w, "WEIRTMPL", 8);
    wire_put_u32(&w, 1u << 16);
    wire_put_u32(&w, (uint32_t)framed_len);
    wire_put_u64(&w, times.wall_ms);
    wire_put_bytes(&w, bytes, len);
    wire_put_u64(&w, hash_wire(framed, w.len));
    (void)snapshot_read(decode, &times, &(struct snapshot_filter){0}, framed, framed_len);
    (void)snapshot_read(decode, &times, &(struct snapshot_filter){0}, bytes, len);
    (void)decode_datagram(decode, &source, bytes, len, 1001,
                          &(struct decode_sink){.on_record = ignore});
    if (snapshot_write(decode, &times, out, ROOM, &out_len, &left_out)) {
        struct decode *again = decode_new(&(struct decode_limits){.exporters = 8}, 1);
        if (again == NULL ||
            snapshot_read(again, &times, &(struct snapshot_filter){0}, out, out_len) != STATUS_OK)
            abort();
        decode_free(again);
    }
    decode_free(decode);
    free(framed);
    free(out);
    return 0;
}
