#include "collector/decode/sequence.h"
#include "tests/unit/collector/decode/outside.h"

/* The words of several streams by which one datagram is read. */

/* Beside a main stream, others of which each goes on from the one before, as far as losses can
 * explain. As many as are followed, and the one that is read while the first gives way. */
enum { FIRST = 1000000000, FAR = 10000000, LINE = SEQUENCE_STREAMS };

static void begin_main(struct bench *b, const struct decode_limits *limits)
{
    bench_init(b, limits);
    for (uint32_t i = 0; i < 60; i++, b->now_ms += 100) {
        at(b, 1000 + i);
        if (i == 0)
            put_template(b);
        bench_send(b);
    }
}

static uint32_t stream(uint32_t k)
{
    return FIRST + k * FAR;
}

/* The last of `streams` reads options by the template of the first, of which what they say takes
 * the place where memory is short. */
static uint64_t read_by_the_first(size_t memory_bytes, uint32_t streams, uint64_t *evicted)
{
    enum { SAMPLERS = 120, FIELDS = 200 };
    struct bench b;
    begin_main(&b, &(struct decode_limits){.memory_bytes = memory_bytes});
    for (uint32_t k = 0; k < streams; k++, b.now_ms++) {
        at(&b, stream(k));
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
    at(&b, stream(streams));
    set_start(&b, 300);
    for (uint32_t i = 1; i <= SAMPLERS; i++)
        PUT32(&b, 1, i, RATE);
    set_end(&b);
    bench_send(&b);
    const uint64_t options = decode_counters(b.decode)->options_records;
    *evicted += decode_counters(b.decode)->evicted_aside;
    bench_done(&b);
    cr_assert(options == 0 || options == SAMPLERS, "%lu", options);
    return options;
}

Test(aside_line, a_template_that_is_being_read_stays_however_little_memory_there_is)
{
    for (uint32_t streams = 1; streams <= LINE; streams++) {
        uint64_t evicted = 0, options = 0;
        for (size_t memory_bytes = 6000; memory_bytes < 40000; memory_bytes += 256)
            options += read_by_the_first(memory_bytes, streams, &evicted);
        cr_assert_gt(evicted, 300, "%u: %lu", streams, evicted);
        cr_assert_gt(options, 1000, "%u: %lu", streams, options);
    }
}

Test(aside_line, no_stream_that_it_goes_on_from_is_too_far)
{
    for (uint32_t streams = 1; streams <= LINE; streams++) {
        uint64_t evicted = 0;
        cr_assert_gt(read_by_the_first(1 << 20, streams, &evicted), 0, "%u", streams);
        cr_assert_eq(evicted, 0, "%u: %lu", streams, evicted);
    }
}

/* One stream tells a template and a sampler of its own, and what all of them tell, each otherwise.
 */
static void tell_as(struct bench *b, uint32_t k)
{
    at(b, stream(k));
    set_start(b, 0);
    PUT16(b, (uint16_t)(300 + k), 2, 48, 4, 1, 4);
    PUT16(b, 400, 2, k == 0 ? 1 : 48, 4, k == 0 ? 48 : 1, 4);
    set_end(b);
    set_start(b, 1);
    PUT16(b, 500, 4, 8, 1, 4, 48, 4, 34, 4);
    set_end(b);
    set_start(b, 500);
    PUT32(b, 1, 10 + k, 100 + k);
    PUT32(b, 1, 9, 1000 + k);
    set_end(b);
    bench_send(b);
    b->now_ms++;
}

/* The rate of a record of `number` by a template that has sampler and octets; 0: not read. */
static double rate_by(struct bench *b, uint32_t number, uint16_t id, uint32_t sampler)
{
    at(b, number);
    set_start(b, id);
    PUT32(b, sampler, 77777);
    set_end(b);
    bench_send(b);
    return b->flow_count == 1 && b->flows[0].bytes == 77777 ? b->flows[0].sampling_rate : 0;
}

static void tell_all(struct bench *b, uint32_t streams)
{
    begin_main(b, &(struct decode_limits){0});
    for (uint32_t k = 0; k < streams; k++)
        tell_as(b, k);
}

Test(aside_line, each_that_it_goes_on_from_is_heard_and_the_nearest_first)
{
    enum { STREAMS = LINE - 1 };
    struct bench b;
    tell_all(&b, STREAMS);
    uint32_t number = stream(STREAMS);
    for (uint32_t k = 0; k < STREAMS; k++)
        cr_assert_eq(rate_by(&b, number++, (uint16_t)(300 + k), 10 + k), 100 + k, "%u", k);
    cr_assert_eq(rate_by(&b, number++, 300, 9), 1000 + STREAMS - 1, "the nearest one's rate");
    cr_assert_gt(rate_by(&b, number++, 400, 9), 0, "not by the nearest one's template");
    tell_as(&b, STREAMS);
    cr_assert_eq(rate_by(&b, stream(STREAMS) + 1, 300, 9), 1000 + STREAMS, "its own comes first");
    bench_done(&b);
}

/* It is alive, so whoever began ahead of it is somebody else. */
Test(aside_line, one_that_goes_on_itself_is_heard_by_no_other)
{
    struct bench b;
    tell_all(&b, 1);
    cr_assert_eq(rate_by(&b, stream(1), 300, 10), 100);
    for (uint32_t i = 1; i < 3; i++)
        cr_assert_eq(rate_by(&b, stream(0) + i, 300, 10), 100);
    cr_assert_eq(rate_by(&b, stream(1) + 1, 300, 10), 0);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_NETFLOW9][DECODE_NO_TEMPLATE], 1);
    bench_done(&b);
}

/* The main stream is silent: all that was told on the way stands, and what was told last counts. */
Test(aside_line, of_all_that_it_goes_on_from_the_words_stand_once_it_counts)
{
    enum { STREAMS = LINE - 1, SILENT_MS = 11000 };
    struct bench b;
    tell_all(&b, STREAMS);
    uint32_t number = stream(STREAMS);
    b.now_ms += SILENT_MS;
    for (uint32_t k = 0; k < STREAMS; k++)
        cr_assert_eq(rate_by(&b, number++, (uint16_t)(300 + k), 10 + k), 100 + k, "%u", k);
    cr_assert_eq(rate_by(&b, number++, 300, 9), 1000 + STREAMS - 1);
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 0);
    bench_done(&b);
}
