#include "tests/unit/collector/decode/outside.h"

#include <criterion/parameterized.h>

/* An exporter that began anew tells its templates and options only when it starts, and its old
 * stream has not been silent for long yet: what it said must be there when it counts. */
enum { LAYOUTS = 3, SILENCE = 1100 /* datagrams */ };

/* Of template 256: 0 and 1 are as long as each other. */
static void put_layout(struct bench *b, uint32_t layout)
{
    set_start(b, 0);
    if (layout == 2)
        PUT16(b, 256, 4, 8, 4, 12, 4, 1, 4, 14, 4);
    else
        PUT16(b, 256, 3, layout == 1 ? 12 : 8, 4, layout == 1 ? 8 : 12, 4, 1, 4);
    set_end(b);
}

static void put_data_of(struct bench *b, uint32_t layout)
{
    const uint32_t src = 0x0a000001, dst = 0xc6336401;
    set_start(b, 256);
    PUT32(b, layout == 1 ? dst : src, layout == 1 ? src : dst, 1000);
    if (layout == 2)
        PUT32(b, 2);
    set_end(b);
}

static bool is_read(const struct bench *b)
{
    return b->flow_count == 1 && b->flows[0].dst_addr.octets[0] == 198 &&
           b->flows[0].src_addr.octets[0] == 10;
}

/* One start of the exporter; the stream before ended with the last datagram. */
static void start_with(struct bench *b, uint32_t number, uint32_t layout, uint32_t rate)
{
    for (uint32_t i = 0; i < 4 * SILENCE; i++, b->now_ms += STEP_MS) {
        at(b, number + i);
        if (i == 0) {
            put_layout(b, layout);
            put_rate(b, rate);
        }
        put_data_of(b, layout);
        bench_send(b);
        cr_assert(is_read(b), "number %u: %zu flows", number + i, b->flow_count);
        cr_assert_eq(b->flows[0].sampling_rate, rate, "number %u: %f", number + i,
                     b->flows[0].sampling_rate);
    }
}

ParameterizedTestParameters(aside, each_of_several_restarts_is_read_by_its_own_layout)
{
    static uint32_t layouts[][3] = {{0, 2, 0}, {0, 1, 0}, {0, 1, 2}, {2, 0, 2}, {1, 1, 0}};
    return cr_make_param_array(uint32_t[3], layouts, sizeof(layouts) / sizeof(layouts[0]));
}

ParameterizedTest(uint32_t (*layouts)[3], aside, each_of_several_restarts_is_read_by_its_own_layout)
{
    static const uint32_t rates[] = {100, 7, 100};
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = 1 << 20});
    for (uint32_t i = 0; i < 3; i++)
        start_with(&b, i == 0 ? 1000000 : 0, (*layouts)[i], rates[i]);
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 0);
    bench_done(&b);
}

/* Before it, after it, and from numbers a little ahead of its own, for which they might be taken
 * for what it lost. */
Test(aside, forged_definitions_of_the_same_template_take_no_place_of_its_own)
{
    static const uint32_t numbers[] = {FORGED, 1000000};
    for (size_t k = 0; k < 4; k++) {
        const bool is_before = k % 2 == 0;
        struct bench b;
        begin(&b);
        if (is_before)
            for (uint32_t i = 0; i < 9; i++) {
                at(&b, numbers[k / 2] + i % 2);
                put_layout(&b, 0);
                put_rate(&b, 5);
                bench_send(&b);
                send_data(&b, 100501 + i);
            }
        for (uint32_t i = 0; i < 4000; i++, b.now_ms += STEP_MS) {
            at(&b, i);
            if (i == 0) {
                put_layout(&b, 1);
                put_rate(&b, 50);
            }
            put_data_of(&b, 1);
            bench_send(&b);
            cr_assert(is_read(&b) && b.flows[0].sampling_rate == 50, "%zu: %u", k, i);
            if (!is_before && i % 200 == 20) {
                at(&b, numbers[k / 2] + i * 7000);
                put_layout(&b, 0);
                put_rate(&b, 5);
                bench_send(&b);
            }
        }
        bench_done(&b);
    }
}

/* Beyond reach, so that its stream is another; before, at and after the end of the old one's
 * silence; once and again. */
Test(aside, what_it_lost_after_its_restart_makes_it_no_other)
{
    static const struct {
        uint32_t at, at_too, lost;
        bool takes_time;
    } cases[] = {{20, 0, 60, true},      {20, 0, 60, false},  {20, 100, 1000, false},
                 {500, 900, 1200, true}, {600, 0, 800, true}, {2000, 3000, 5000, true},
                 {1, 2, 30000, false}};
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
        for (uint32_t layout = 0; layout < LAYOUTS; layout++) {
            struct bench b;
            begin(&b);
            uint32_t number = 0;
            for (uint32_t i = 0; i < 6000; i++, b.now_ms += STEP_MS) {
                if (i > 0 && (i == cases[k].at || i == cases[k].at_too)) {
                    number += cases[k].lost;
                    b.now_ms += cases[k].takes_time ? 10 * cases[k].lost : 0;
                }
                at(&b, number++);
                if (i == 0) {
                    put_layout(&b, layout);
                    put_rate(&b, 50);
                }
                put_data_of(&b, layout);
                bench_send(&b);
                cr_assert(is_read(&b) && b.flows[0].sampling_rate == 50, "%zu, layout %u: %u", k,
                          layout, i);
            }
            bench_done(&b);
        }
}

/* As many as a domain may have: of interfaces 256, and 512 templates. */
Test(aside, as_much_is_kept_as_a_domain_may_have)
{
    enum { RATES = 256, TEMPLATES = 500, A_DATAGRAM = 100 };
    struct bench b;
    begin(&b);
    uint32_t number = 0;
    at(&b, number++);
    put_layout(&b, 2);
    set_start(&b, 1);
    PUT16(&b, 301, 4, 4, 2, 4, 34, 4);
    set_end(&b);
    set_start(&b, 301);
    for (uint32_t i = 1; i <= RATES; i++)
        PUT32(&b, i, 2 + i % 2);
    set_end(&b);
    bench_send(&b);
    for (uint16_t i = 0; i < TEMPLATES; i += A_DATAGRAM) {
        at(&b, number++);
        set_start(&b, 0);
        for (uint16_t k = 0; k < A_DATAGRAM; k++)
            PUT16(&b, (uint16_t)(1000 + i + k), 3, 8, 4, 1, 4, 10, 4);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
    }
    for (uint32_t i = 0; i < 2 * SILENCE; i++, b.now_ms += STEP_MS) {
        at(&b, number++);
        set_start(&b, (uint16_t)(1000 + i % TEMPLATES));
        PUT32(&b, 0x0a000001, 1000, 1 + i % RATES);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK, "%u", i);
        cr_assert_eq(b.flow_count, 1);
        cr_assert_eq(b.flows[0].sampling_rate, 2 + (1 + i) % RATES % 2 * 1.0, "%u: %f", i,
                     b.flows[0].sampling_rate);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 0);
    bench_done(&b);
}

/* Which says its own rate of a sampler, of an interface and of all. */
Test(aside, a_second_stream_is_counted_by_what_it_said_itself)
{
    struct bench b;
    begin(&b);
    at(&b, 100501);
    set_start(&b, 1);
    PUT16(&b, 302, 4, 8, 1, 4, 48, 4, 34, 4); /* of sampler 3, which the other says nothing of */
    set_end(&b);
    set_start(&b, 302);
    PUT32(&b, 1, 3, 30);
    set_end(&b);
    bench_send(&b);
    for (uint32_t i = 0; i < 400; i++, b.now_ms += STEP_MS) {
        send_data(&b, 100502 + i);
        cr_assert(is_true(&b));
        at(&b, FORGED + i);
        if (i == 100) {
            put_rate(&b, 7);
            set_start(&b, 1);
            PUT16(&b, 301, 4, 4, 2, 4, 34, 4);
            set_end(&b);
            set_start(&b, 301);
            PUT32(&b, 5, 8);
            set_end(&b);
        }
        set_start(&b, 0);
        PUT16(&b, 257, 3, 8, 4, 1, 4, 10, 4, 258, 3, 8, 4, 1, 4, 48, 4);
        set_end(&b);
        set_start(&b, 257);
        PUT32(&b, 0x0a000001, 1000, 5, 0x0a000001, 1000, 6);
        set_end(&b);
        set_start(&b, 258);
        PUT32(&b, 0x0a000001, 1000, 3);
        set_end(&b);
        bench_send(&b);
        cr_assert_eq(b.flow_count, 3);
        cr_assert_eq(b.flows[0].sampling_rate, i < 100 ? RATE : 8, "%u", i);
        cr_assert_eq(b.flows[1].sampling_rate, i < 100 ? RATE : 7, "%u", i);
        cr_assert_eq(b.flows[2].sampling_rate, 30, "%u", i);
    }
    bench_done(&b);
}

/* --- one that comes back ------------------------------------------------------------------------
 */

/* What somebody says in its silence. */
enum forgery { ANOTHER_RATE, A_RATE_MORE, FULL_OF_TEMPLATES, FORGERIES };

static void forge(struct bench *b, enum forgery what, uint32_t i)
{
    if (what == FULL_OF_TEMPLATES) {
        set_start(b, 0);
        for (uint16_t k = 0; k < 400; k++)
            PUT16(b, (uint16_t)(1000 + (i * 400 + k) % 2000), 1, 1, 4);
        set_end(b);
    } else if (what == A_RATE_MORE) {
        set_start(b, 1);
        PUT16(b, 301, 4, 4, 2, 4, 34, 4, 302, 4, 8, 1, 4, 48, 4, 34, 4);
        set_end(b);
        set_start(b, 301);
        PUT32(b, 5, 8, 6, 9);
        set_end(b);
        set_start(b, 302);
        PUT32(b, 1, 3, 70);
        set_end(b);
    } else {
        put_other_template(b);
        put_rate(b, 7);
    }
}

/* The numbers of those who forge jump, or go on; it comes back with the next number, or has lost
 * some as well. */
Test(aside, one_that_comes_back_finds_its_own)
{
    for (uint32_t what = 0; what < FORGERIES; what++)
        for (uint32_t forged = 1; forged <= 300; forged += forged < 12 ? 1 : 288)
            for (uint32_t k = 0; k < 4; k++) {
                const uint32_t step = k % 2 == 0 ? 1 : 123456789, lost = k / 2 * 4000;
                struct bench b;
                begin(&b);
                b.now_ms += 11000;
                for (uint32_t i = 0; i < forged; i++, b.now_ms += STEP_MS) {
                    at(&b, FORGED + i * step);
                    forge(&b, what, i);
                    bench_send(&b);
                }
                for (uint32_t i = 0; i < 1500; i++, b.now_ms += STEP_MS) {
                    at(&b, 100501 + lost + i);
                    set_start(&b, 256);
                    PUT32(&b, 0x0a000001, 0xc6336401, 1000);
                    set_end(&b);
                    bench_send(&b);
                    cr_assert(is_true(&b), "%u %u %u: %u", what, forged, k, i);
                }
                bench_done(&b);
            }
}

Test(aside, one_that_comes_back_finds_what_was_withdrawn)
{
    for (uint16_t id = 2; id <= 256; id += 254) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        for (uint32_t i = 0; i < 500; i++, b.now_ms += STEP_MS) {
            b.sequence = 100000 + i;
            ipfix_start(&b, DOMAIN);
            if (i == 0) {
                set_start(&b, 2);
                PUT16(&b, 256, 3, 8, 4, 12, 4, 1, 4);
                set_end(&b);
            }
            put_data(&b);
            cr_assert_eq(ipfix_send(&b), DECODE_OK, "%u", i);
        }
        b.now_ms += 11000;
        b.sequence = FORGED;
        ipfix_start(&b, DOMAIN);
        set_start(&b, 2);
        PUT16(&b, id, 0);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        for (uint32_t i = 0; i < 500; i++, b.now_ms += STEP_MS) {
            b.sequence = 100500 + i;
            ipfix_start(&b, DOMAIN);
            put_data(&b);
            cr_assert_eq(ipfix_send(&b), DECODE_OK, "%u", i);
            cr_assert_eq(b.flow_count, 1);
        }
        bench_done(&b);
    }
}

/* --- bounds -------------------------------------------------------------------------------------
 */

/* Who fills memory with what is put aside takes no template from the exporter's other domains. */
Test(aside, what_is_put_aside_gives_way_before_what_stands)
{
    enum { DOMAINS = 3, FIELDS = 250 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = 216 << 10});
    for (uint32_t i = 0; i < 600; i++, b.now_ms += STEP_MS)
        for (uint32_t d = 0; d < DOMAINS; d++) {
            b.sequence = 100000 + i;
            v9_start(&b, d);
            if (i == 0)
                put_template(&b);
            put_data(&b);
            cr_assert_eq(bench_send(&b), DECODE_OK);
        }
    for (uint32_t i = 0; i < 200; i++) {
        b.sequence = i < 100 ? FORGED + i : 100500 + i;
        v9_start(&b, 0);
        set_start(&b, 0);
        PUT16(&b, (uint16_t)(1000 + i), FIELDS);
        for (uint32_t k = 0; k < FIELDS; k++)
            PUT16(&b, (uint16_t)(1 + k % 3), 4);
        set_end(&b);
        cr_assert_eq(bench_send(&b), i < 100 ? DECODE_OTHER_SENDER : DECODE_OK);
        cr_assert_leq(decode_memory(b.decode), (size_t)216 << 10);
        cr_assert(i > 110 || decode_counters(b.decode)->evicted_templates == 0, "%u", i);
        cr_assert(i > 110 || decode_counters(b.decode)->evicted_domains == 0, "%u", i);
    }
    cr_assert_gt(decode_counters(b.decode)->evicted_aside, 64);
    bench_done(&b);
}

/* One stream says more than a domain may have, which costs only itself. */
Test(aside, who_says_too_much_pushes_out_his_own)
{
    struct bench b;
    begin_within(&b, &(struct decode_limits){.templates_per_domain = 8, .samplers_per_domain = 4});
    for (uint32_t i = 0; i < 2000; i++, b.now_ms += STEP_MS) {
        at(&b, i);
        if (i == 0) {
            put_layout(&b, 1);
            put_rate(&b, 50);
        }
        put_data_of(&b, 1);
        bench_send(&b);
        cr_assert(is_read(&b) && b.flows[0].sampling_rate == 50, "%u", i);
        if (i % 10 != 0 || i >= 1000)
            continue;
        at(&b, FORGED + i / 10);
        set_start(&b, 0);
        for (uint16_t k = 0; k < 20; k++)
            PUT16(&b, (uint16_t)(1000 + k), 1, (uint16_t)(1 + i % 2), 4);
        set_end(&b);
        set_start(&b, 1);
        PUT16(&b, 301, 4, 4, 2, 4, 34, 4);
        set_end(&b);
        set_start(&b, 301);
        for (uint32_t k = 0; k < 20; k++)
            PUT32(&b, k, 1000 + i);
        set_end(&b);
        bench_send(&b);
    }
    cr_assert_gt(decode_counters(b.decode)->evicted_aside, 100 * (13 + 16));
    bench_done(&b);
}

/* Records of options are read by a template that must stay while they take memory. */
Test(aside, records_that_fill_memory_are_read_to_the_end)
{
    struct bench b;
    begin(&b);
    const size_t needed = decode_memory(b.decode);
    bench_done(&b);
    for (size_t more = 512; more < 16384; more += 512) {
        begin_within(&b, &(struct decode_limits){.memory_bytes = needed + more});
        uint64_t before = decode_counters(b.decode)->options_records;
        at(&b, 0);
        set_start(&b, 1);
        PUT16(&b, 301, 4, 12, 5, 4, 36, 4, 48, 4, 34, 4); /* scope template */
        set_end(&b);
        put_other_template(&b);
        bench_send(&b);
        at(&b, 1);
        set_start(&b, 301);
        for (uint32_t i = 0; i < 200; i++)
            PUT32(&b, 256, 60, 1 + i, 2);
        set_end(&b);
        bench_send(&b);
        before = decode_counters(b.decode)->options_records - before;
        cr_assert(before == 200 || (before == 0 && more < 4096), "%zu: %lu", more, before);
        cr_assert_leq(decode_memory(b.decode), needed + more);
        send_data(&b, 100501);
        cr_assert(is_true(&b));
        bench_done(&b);
    }
}
