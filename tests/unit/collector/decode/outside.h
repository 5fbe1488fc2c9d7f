#ifndef TESTS_UNIT_COLLECTOR_DECODE_OUTSIDE_H
#define TESTS_UNIT_COLLECTOR_DECODE_OUTSIDE_H

#include "tests/unit/collector/decode/datagram.h"

/* What is said from outside the main stream of a domain: by a forger, or by an exporter that began
 * anew. The exporter sends each 10 ms. */
enum { DOMAIN = 7, STEP_MS = 9, RATE = 1000, FORGED = 3000000000 };

static inline void put_template(struct bench *b)
{
    set_start(b, 0);
    PUT16(b, 256, 3, 8, 4, 12, 4, 1, 4);
    set_end(b);
}

/* Of as many octets, with source and destination exchanged. */
static inline void put_other_template(struct bench *b)
{
    set_start(b, 0);
    PUT16(b, 256, 3, 12, 4, 8, 4, 1, 4);
    set_end(b);
}

static inline void put_rate(struct bench *b, uint32_t rate)
{
    set_start(b, 1);
    PUT16(b, 300, 4, 4, 1, 4, 34, 4); /* scope system, a rate */
    set_end(b);
    set_start(b, 300);
    PUT32(b, 1, rate);
    set_end(b);
}

static inline void put_data(struct bench *b)
{
    set_start(b, 256);
    PUT32(b, 0x0a000001, 0xc6336401, 1000);
    set_end(b);
}

static inline void at(struct bench *b, uint32_t sequence)
{
    b->sequence = sequence;
    v9_start(b, DOMAIN);
}

static inline enum decode_reason send_data(struct bench *b, uint32_t sequence)
{
    at(b, sequence);
    put_data(b);
    return bench_send(b);
}

static inline bool is_true(const struct bench *b)
{
    return b->flow_count == 1 && b->flows[0].dst_addr.octets[0] == 198 &&
           b->flows[0].sampling_rate == RATE;
}

static inline void begin_within(struct bench *b, const struct decode_limits *limits)
{
    bench_init(b, limits);
    at(b, 100000);
    put_template(b);
    put_rate(b, RATE);
    put_data(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
    for (uint32_t i = 1; i <= 500; i++, b->now_ms += STEP_MS)
        cr_assert_eq(send_data(b, 100000 + i), DECODE_OK);
}

static inline void begin(struct bench *b)
{
    begin_within(b, &(struct decode_limits){.held_bytes = 1 << 20});
}

static inline uint64_t refused(const struct bench *b)
{
    return decode_counters(b->decode)->refused[FORMAT_NETFLOW9][DECODE_OTHER_SENDER];
}

#endif
