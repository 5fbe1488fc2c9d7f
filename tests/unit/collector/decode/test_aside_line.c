#include "tests/unit/collector/decode/outside.h"

/* The words of several streams by which one datagram is read. */

/* Each stream goes on from the one before, as far as losses can explain, and the last one reads
 * options by the template of the first while there is no memory for what they say. */
static void read_by_the_first(size_t memory_bytes, uint64_t *evicted, uint64_t *options)
{
    enum { STREAMS = 4, FAR = 10000000, SAMPLERS = 120, FIELDS = 200 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = memory_bytes});
    for (uint32_t i = 0; i < 60; i++, b.now_ms += 100) {
        at(&b, 1000 + i);
        if (i == 0)
            put_template(&b);
        bench_send(&b);
    }
    for (uint32_t k = 0; k < STREAMS; k++, b.now_ms++) {
        at(&b, 1000000000 + k * FAR);
        set_start(&b, k == 0 ? 1 : 0);
        if (k == 0) {
            PUT16(&b, 300, 4, 4 * FIELDS, 1, 4, 302, 4, 34, 4);
            for (uint16_t i = 2; i < FIELDS; i++)
                PUT16(&b, 1000 + i, 0);
        } else
            PUT16(&b, 257, 1, 1, 4);
        set_end(&b);
        bench_send(&b);
    }
    at(&b, 1000000000 + STREAMS * FAR);
    set_start(&b, 300);
    for (uint32_t i = 1; i <= SAMPLERS; i++)
        PUT32(&b, 1, i, RATE);
    set_end(&b);
    bench_send(&b);
    *evicted += decode_counters(b.decode)->evicted_aside;
    *options += decode_counters(b.decode)->options_records;
    bench_done(&b);
}

Test(aside_line, a_template_that_is_being_read_stays_however_little_memory_there_is)
{
    uint64_t evicted = 0, options = 0;
    for (size_t memory_bytes = 6000; memory_bytes < 40000; memory_bytes += 64)
        read_by_the_first(memory_bytes, &evicted, &options);
    cr_assert_gt(evicted, 1000, "%lu", evicted);
    cr_assert_gt(options, 1000, "%lu", options);
}

/* Two of an exporter's machines, of which one is silent while the other sends. */
struct machine {
    uint32_t sequence, timeout_s;
};

static void send_for(struct bench *b, struct machine *m, bool tells)
{
    enum { LASTED_MS = 7200000 };
    for (uint32_t i = 0; i < 600; i++, b->now_ms += 100) {
        const uint64_t end_ms = EXPORT_SECONDS * UINT64_C(1000);
        at(b, m->sequence++);
        if (i == 0 && tells) {
            set_start(b, 0);
            PUT16(b, 256, 4, 8, 4, 1, 4, 152, 8, 153, 8);
            set_end(b);
            set_start(b, 1);
            PUT16(b, 300, 4, 8, 1, 4, 34, 4, 36, 4);
            set_end(b);
            set_start(b, 300);
            PUT32(b, 1, RATE, m->timeout_s);
            set_end(b);
        }
        set_start(b, 256);
        PUT32(b, 0x0a000001, 1000);
        wire_put_u64(&b->w, end_ms - LASTED_MS);
        wire_put_u64(&b->w, end_ms);
        set_end(b);
        cr_assert_eq(bench_send(b), DECODE_OK);
    }
    cr_assert_eq(b->flows[0].duration_ms, m->timeout_s * 1000, "%u", b->flows[0].duration_ms);
}

Test(aside_line, of_two_that_take_turns_each_has_its_own_timeout_again)
{
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60};
    struct machine two = {.sequence = 2000000000, .timeout_s = 120};
    bench_init(&b, &(struct decode_limits){0});
    b.now_ms = 10000000;
    send_for(&b, &one, true);
    b.now_ms += 60000;
    send_for(&b, &two, true);
    for (size_t i = 0; i < 3; i++) {
        send_for(&b, &one, false);
        send_for(&b, &two, false);
    }
    bench_done(&b);
}
