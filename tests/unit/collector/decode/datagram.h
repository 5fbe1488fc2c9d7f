#ifndef TESTS_UNIT_COLLECTOR_DECODE_DATAGRAM_H
#define TESTS_UNIT_COLLECTOR_DECODE_DATAGRAM_H

#include "collector/decode/decode.h"
#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <string.h>

/* Builds export datagrams by hand and keeps what the decoder says of them. */
enum { DATAGRAM_MAX = 4096, KEPT_MAX = 64 };

struct bench {
    struct decode *decode;
    struct decode_source source;
    struct flow_record flows[KEPT_MAX];
    uint64_t came_ms[KEPT_MAX]; /* of a flow that waited for its template; else 0 */
    size_t flow_count;
    struct flow_record discards[KEPT_MAX];
    size_t discard_count;
    struct decode_interface interfaces[KEPT_MAX];
    size_t interface_count;
    uint64_t foreign, contested; /* datagrams of which that was said */
    uint64_t now_ms;
    uint32_t sequence;
    uint8_t bytes[DATAGRAM_MAX];
    struct wire_writer w;
    size_t set_at;
};

static inline void bench_keep(void *owner, const struct flow_record *flow)
{
    struct bench *b = owner;
    cr_assert_lt(b->flow_count, (size_t)KEPT_MAX);
    b->came_ms[b->flow_count] = 0;
    b->flows[b->flow_count++] = *flow;
}

static inline void bench_keep_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    struct bench *b = owner;
    bench_keep(b, flow);
    b->came_ms[b->flow_count - 1] = came_ms;
}

static inline void bench_keep_discard(void *owner, const struct flow_record *flow)
{
    struct bench *b = owner;
    cr_assert_lt(b->discard_count, (size_t)KEPT_MAX);
    b->discards[b->discard_count++] = *flow;
}

static inline void bench_keep_interface(void *owner, const struct decode_interface *interface)
{
    struct bench *b = owner;
    cr_assert_lt(b->interface_count, (size_t)KEPT_MAX);
    b->interfaces[b->interface_count++] = *interface;
}

static inline void bench_note_foreign(void *owner)
{
    ((struct bench *)owner)->foreign++;
}

static inline void bench_note_contested(void *owner)
{
    ((struct bench *)owner)->contested++;
}

static inline void bench_init(struct bench *b, const struct decode_limits *limits)
{
    memset(b, 0, sizeof(*b));
    b->decode = decode_new(limits, 7);
    b->source.addr = addr_from_ipv4(0xc0000201);
    cr_assert_not_null(b->decode);
}

static inline void bench_done(struct bench *b)
{
    decode_free(b->decode);
}

static inline enum decode_reason bench_feed(struct bench *b, const uint8_t *bytes, size_t len)
{
    struct decode_sink sink = {.on_record = bench_keep,
                               .on_discard = bench_keep_discard,
                               .on_late = bench_keep_late,
                               .on_interface = bench_keep_interface,
                               .on_two_senders = bench_note_contested,
                               .on_foreign = bench_note_foreign,
                               .owner = b};
    b->flow_count = b->discard_count = b->interface_count = 0;
    return decode_datagram(b->decode, &b->source, bytes, len, b->now_ms++, &sink);
}

static inline enum decode_reason bench_send(struct bench *b)
{
    cr_assert_not(b->w.failed);
    return bench_feed(b, b->bytes, b->w.len);
}

static inline void put_u16s(struct wire_writer *w, const uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u16(w, values[i]);
}
#define PUT16(b, ...)                                                                              \
    put_u16s(&(b)->w, (const uint16_t[]){__VA_ARGS__},                                             \
             sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static inline void put_u32s(struct wire_writer *w, const uint32_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u32(w, values[i]);
}
#define PUT32(b, ...)                                                                              \
    put_u32s(&(b)->w, (const uint32_t[]){__VA_ARGS__},                                             \
             sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

enum { EXPORT_SECONDS = 1700000000, UPTIME_MS = 100000 };

static inline void v9_start(struct bench *b, uint32_t domain)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 9, 1);
    PUT32(b, UPTIME_MS, EXPORT_SECONDS, b->sequence++, domain);
}

static inline void ipfix_start(struct bench *b, uint32_t domain)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 10, 0);
    PUT32(b, EXPORT_SECONDS, b->sequence, domain);
}

static inline void set_start(struct bench *b, uint16_t id)
{
    wire_put_u16(&b->w, id);
    b->set_at = wire_hold(&b->w, 2);
}

static inline void set_end(struct bench *b)
{
    wire_put_uint_at(b->bytes + b->set_at, 2, b->w.len - b->set_at + 2);
}

static inline enum decode_reason ipfix_send(struct bench *b)
{
    wire_put_uint_at(b->bytes + 2, 2, b->w.len);
    return bench_send(b);
}

#endif
