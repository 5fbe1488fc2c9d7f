/* Walks over a domain's samplers are few where a datagram is short; who sends short datagrams has
 * his rates all the same. */
#include "tests/unit/collector/decode/datagram.h"

enum { RATE = 1000 };

static void put_layouts(struct bench *b)
{
    set_start(b, 0);
    PUT16(b, 256, 3, 8, 4, 12, 4, 1, 4);
    set_end(b);
    set_start(b, 1);
    PUT16(b, 300, 4, 8, 1, 4, 48, 2, 34, 4);
    set_end(b);
}

static void put_samplers(struct bench *b, uint16_t from, uint16_t count)
{
    set_start(b, 300);
    for (uint16_t i = 0; i < count; i++) {
        PUT32(b, 0);
        PUT16(b, from + i);
        PUT32(b, RATE);
    }
    set_end(b);
}

/* It names no sampler, so the rate is the one that all agree on. */
static void put_record(struct bench *b)
{
    set_start(b, 256);
    PUT32(b, 0x0a000001, 0xc6336401, 1000);
    set_end(b);
}

Test(sampling_walks, serve_what_waited_for_templates_that_a_short_datagram_brings)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = 1 << 20});
    b.now_ms = 1000000;
    for (uint16_t i = 0; i < 8; i++) {
        v9_start(&b, 1);
        put_samplers(&b, (uint16_t)(1 + 32 * i), 32);
        bench_send(&b);
    }
    v9_start(&b, 1);
    put_record(&b);
    bench_send(&b);
    v9_start(&b, 1);
    put_layouts(&b);
    bench_send(&b);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].sampling_rate, RATE, "%g", b.flows[0].sampling_rate);
    bench_done(&b);
}

Test(sampling_walks, serve_records_behind_options_that_are_told_one_by_one)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 1);
    put_layouts(&b);
    put_samplers(&b, 1, 128);
    bench_send(&b);
    for (uint16_t i = 128; i < 254; i += 2) {
        v9_start(&b, 1);
        for (uint16_t k = 1; k <= 2; k++) {
            put_samplers(&b, (uint16_t)(i + k), 1);
            put_record(&b);
        }
        bench_send(&b);
        cr_assert_eq(b.flow_count, 2);
        cr_assert_eq(b.flows[0].sampling_rate, RATE, "%u", i);
        cr_assert_eq(b.flows[1].sampling_rate, RATE, "%u", i);
    }
    bench_done(&b);
}
