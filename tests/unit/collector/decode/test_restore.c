#include "tests/unit/collector/decode/datagram.h"

/* An exporter that starts again while we run. */
enum { MINUTE_MS = 60000, RATE = 1000 };

static void put_template(struct bench *b, uint16_t id)
{
    bool v9 = b->bytes[1] == 9;
    set_start(b, v9 ? 0 : 2);
    PUT16(b, id, 3, 1, 4, 2, 4, 48, 1);
    set_end(b);
}

/* As if it were one of the same exporter after an upgrade. */
static void put_other_template(struct bench *b, uint16_t id)
{
    set_start(b, b->bytes[1] == 9 ? 0 : 2);
    PUT16(b, id, 4, 1, 4, 2, 4, 48, 1, 61, 1);
    set_end(b);
}

static void put_sampler(struct bench *b, uint8_t id, uint32_t rate)
{
    bool v9 = b->bytes[1] == 9;
    set_start(b, v9 ? 1 : 3);
    if (v9)
        PUT16(b, 300, 4, 8, 1, 4, 48, 1, 50, 4);
    else
        PUT16(b, 300, 3, 1, 149, 4, 48, 1, 50, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 0);
    wire_put_u8(&b->w, id);
    PUT32(b, rate);
    set_end(b);
}

static void put_data(struct bench *b, uint16_t id, uint8_t sampler)
{
    set_start(b, id);
    PUT32(b, 1500, 1);
    wire_put_u8(&b->w, sampler);
    set_end(b);
}

/* Ten octets a record: not a whole number of the nine that the template of before has. */
static void put_other_data(struct bench *b, uint16_t id, uint8_t sampler)
{
    set_start(b, id);
    PUT32(b, 1500, 1);
    PUT16(b, (uint16_t)(sampler << 8 | 1));
    set_end(b);
}

/* A header's times and number, at `ms` after the first one. */
static void v9_at(struct bench *b, uint64_t ms, uint32_t uptime_ms, uint32_t sequence)
{
    b->now_ms = 1000 + ms;
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 9, 1);
    PUT32(b, uptime_ms, EXPORT_SECONDS + (uint32_t)(ms / 1000), sequence, 7);
}

static void ipfix_at(struct bench *b, uint64_t ms, uint32_t sequence)
{
    b->now_ms = 1000 + ms;
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 10, 0);
    PUT32(b, EXPORT_SECONDS + (uint32_t)(ms / 1000), sequence, 7);
}

static void begin_v9(struct bench *b, uint32_t sequence)
{
    bench_init(b, &(struct decode_limits){.held_bytes = 1 << 16});
    v9_at(b, 0, UPTIME_MS, sequence);
    put_template(b, 256);
    put_sampler(b, 1, RATE);
    put_data(b, 256, 1);
    cr_assert_eq(bench_send(b), DECODE_OK);
    cr_assert_eq(b->flows[0].sampling_rate, RATE);
}

static uint64_t restarts(const struct bench *b)
{
    return decode_counters(b->decode)->restarts;
}

Test(restore, after_a_restart_data_that_does_not_fit_drops_its_template)
{
    struct bench b;
    begin_v9(&b, 5);
    v9_at(&b, 3 * MINUTE_MS, 20000, 0);
    put_other_data(&b, 256, 1);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b.flow_count, 0, "no record of a template that is another's");
    cr_assert_eq(restarts(&b), 1);
    cr_assert_eq(decode_counters(b.decode)->restored_dropped, 1);
    v9_at(&b, 3 * MINUTE_MS + 1000, 21000, 1);
    put_other_template(&b, 256);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1, "it waited for its own");
    cr_assert_eq(b.flows[0].bytes, 1500);
    cr_assert_eq(b.flows[0].direction, 1);
    bench_done(&b);
}

Test(restore, after_a_restart_data_that_fits_is_read_and_a_new_definition_replaces)
{
    struct bench b;
    begin_v9(&b, 5);
    v9_at(&b, 3 * MINUTE_MS, 20000, 0);
    put_data(&b, 256, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(restarts(&b), 1);
    cr_assert_eq(b.flows[0].sampling_rate, RATE, "the best that is known");
    v9_at(&b, 3 * MINUTE_MS + 1000, 21000, 1);
    put_other_template(&b, 256);
    put_other_data(&b, 256, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].direction, 1);
    cr_assert_eq(restarts(&b), 1);
    bench_done(&b);
}

Test(restore, samplers_of_before_a_restart_give_way_to_those_told_anew)
{
    struct bench b;
    begin_v9(&b, 5);
    v9_at(&b, 3 * MINUTE_MS, 20000, 0);
    put_template(&b, 256);
    put_sampler(&b, 2, 50);
    put_data(&b, 256, 2);
    put_data(&b, 256, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 50);
    cr_assert_eq(b.flows[1].sampling_rate, RATE, "nothing newer is known of sampler 1");
    v9_at(&b, 3 * MINUTE_MS + 1000, 21000, 1);
    set_start(&b, 0);
    PUT16(&b, 257, 1, 1, 4);
    set_end(&b);
    set_start(&b, 257);
    PUT32(&b, 1500);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 50, "the only one of now, where a record names none");
    bench_done(&b);
}

Test(restore, a_rate_for_all_of_before_a_restart_gives_way_too)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_at(&b, 0, UPTIME_MS, 5);
    set_start(&b, 1);
    PUT16(&b, 301, 4, 4, 1, 4, 34, 4);
    set_end(&b);
    set_start(&b, 301);
    PUT32(&b, 0, RATE);
    set_end(&b);
    put_template(&b, 256);
    put_data(&b, 256, 9);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, RATE);
    v9_at(&b, 3 * MINUTE_MS, 20000, 0);
    put_data(&b, 256, 9);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, RATE);
    v9_at(&b, 3 * MINUTE_MS + 1000, 21000, 1);
    put_sampler(&b, 2, 50);
    put_data(&b, 256, 9);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 0, "sampler 9 is not the one that is told");
    bench_done(&b);
}

Test(restore, what_a_healthy_exporter_may_do_is_no_restart)
{
    static const struct {
        const char *name;
        uint64_t ms;
        uint32_t uptime_ms, sequence;
    } cases[] = {
        {"it goes on", MINUTE_MS, UPTIME_MS + MINUTE_MS, 1001},
        {"an hour of silence", 60 * MINUTE_MS, UPTIME_MS + 60 * MINUTE_MS, 1001},
        {"overtaken", 0, UPTIME_MS - 40, 990},
        {"many lost", 2 * MINUTE_MS, UPTIME_MS + 2 * MINUTE_MS, 90000},
        {"an uptime that stands still", 2 * MINUTE_MS, UPTIME_MS, 1001},
        {"an uptime in seconds", 2 * MINUTE_MS, UPTIME_MS + 120, 1001},
        {"a clock that was set forward", 30 * MINUTE_MS, UPTIME_MS + MINUTE_MS, 1001},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b;
        begin_v9(&b, 1000);
        v9_at(&b, cases[i].ms, cases[i].uptime_ms, cases[i].sequence);
        if (i == 6)
            b.now_ms = 1000 + MINUTE_MS;
        put_data(&b, 256, 1);
        cr_assert_eq(bench_send(&b), DECODE_OK, "%s", cases[i].name);
        cr_assert_eq(restarts(&b), 0, "%s", cases[i].name);
        bench_done(&b);
    }
}

Test(restore, an_uptime_that_wraps_is_no_restart)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_at(&b, 0, UINT32_MAX - 5000, 10);
    put_template(&b, 256);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    v9_at(&b, MINUTE_MS, MINUTE_MS - 5001, 11);
    put_data(&b, 256, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(restarts(&b), 0);
    bench_done(&b);
}

/* Captures of several days in one file look like restarts; what was read before is read now. */
Test(restore, zeros_behind_the_records_are_padding_however_many)
{
    struct bench b;
    begin_v9(&b, 5);
    v9_at(&b, 3 * MINUTE_MS, 20000, 0);
    set_start(&b, 256);
    PUT32(&b, 1500, 1);
    wire_put_u8(&b.w, 1);
    PUT32(&b, 0, 0);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(restarts(&b), 1);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 1500);
    bench_done(&b);
}

/* Its data never proved anything: what it fills sets up with is no padding. */
Test(restore, a_template_whose_sets_never_fitted_is_kept)
{
    struct bench b;
    begin_v9(&b, 5);
    for (uint32_t i = 0; i < 2; i++) {
        if (i == 1)
            v9_at(&b, 3 * MINUTE_MS, 20000, 0);
        else
            v9_at(&b, 1000, UPTIME_MS + 1000, 6);
        set_start(&b, 256);
        PUT32(&b, 1500, 1);
        wire_put_u8(&b.w, 1);
        PUT16(&b, 0xffff, 0xffff);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, 1);
    }
    cr_assert_eq(restarts(&b), 1);
    bench_done(&b);
}

static void begin_ipfix(struct bench *b, uint32_t sequence)
{
    bench_init(b, &(struct decode_limits){.held_bytes = 1 << 16});
    ipfix_at(b, 0, sequence);
    put_template(b, 256);
    put_data(b, 256, 1);
    cr_assert_eq(ipfix_send(b), DECODE_OK);
}

Test(restore, ipfix_shows_a_restart_by_its_sequence)
{
    static const uint32_t before[] = {3, 500, 2000000};
    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        begin_ipfix(&b, before[i]);
        ipfix_at(&b, 3 * MINUTE_MS, 0);
        put_other_data(&b, 256, 1);
        cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE, "%u", before[i]);
        cr_assert_eq(b.flow_count, 0);
        cr_assert_eq(restarts(&b), 1);
        bench_done(&b);
    }
}

/* Data that could not be told apart makes the next number unknown; where it stood is not. */
Test(restore, ipfix_shows_a_restart_also_behind_data_that_could_not_be_counted)
{
    struct bench b;
    begin_ipfix(&b, 2000000);
    ipfix_at(&b, 1000, 2000001);
    put_data(&b, 999, 1);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    ipfix_at(&b, 3 * MINUTE_MS, 0);
    put_other_data(&b, 256, 1);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(restarts(&b), 1);
    bench_done(&b);
}

Test(restore, what_a_healthy_ipfix_exporter_may_do_is_no_restart)
{
    static const struct {
        const char *name;
        uint64_t ms;
        uint32_t sequence;
    } cases[] = {{"it goes on", 1000, 501},
                 {"overtaken", 0, 300},
                 {"overtaken from the second before", 1000, 300},
                 {"many lost", MINUTE_MS, 400000},
                 {"a number that stands still", MINUTE_MS, 500}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b;
        begin_ipfix(&b, 500);
        ipfix_at(&b, cases[i].ms, cases[i].sequence);
        put_data(&b, 256, 1);
        cr_assert_eq(ipfix_send(&b), DECODE_OK, "%s", cases[i].name);
        cr_assert_eq(restarts(&b), 0, "%s", cases[i].name);
        bench_done(&b);
    }
}

Test(restore, headers_that_make_no_sense_are_one_restart_a_minute)
{
    struct bench b;
    begin_v9(&b, 5);
    for (uint32_t i = 1; i <= 40; i++) {
        v9_at(&b, i * 1000, i % 2 == 0 ? 100 : 4000000000, i % 2 == 0 ? 0 : 4000000000);
        put_data(&b, 256, 1);
        (void)bench_send(&b);
        cr_assert_eq(b.flow_count, 1, "what fits is read all the same");
    }
    cr_assert_eq(restarts(&b), 1);
    bench_done(&b);
}
