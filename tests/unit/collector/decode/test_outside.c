#include "tests/unit/collector/decode/outside.h"

#include <criterion/parameterized.h>

Test(outside, a_few_forged_datagrams_change_no_template_and_no_rate)
{
    struct bench b;
    begin(&b);
    for (uint32_t i = 0; i < 12000; i++, b.now_ms += STEP_MS) {
        if (i % 2000 == 1) {
            at(&b, FORGED + i / 40);
            put_other_template(&b);
            put_rate(&b, 1000000);
            cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
        }
        send_data(&b, 100501 + i);
        cr_assert(is_true(&b), "%u", i);
    }
    cr_assert_eq(b.foreign, 0, "three a minute are nobody");
    cr_assert_eq(refused(&b), 12);
    cr_assert_eq(decode_counters(b.decode)->template_changes, 0);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 0);
    bench_done(&b);
}

/* As many templates as a domain may have, from elsewhere: whether he is named foreign or not. */
Test(outside, templates_from_elsewhere_take_the_place_of_none)
{
    for (uint32_t each = 40; each <= 2000; each *= 50) {
        struct bench b;
        begin_within(&b, &(struct decode_limits){.templates_per_domain = 4});
        at(&b, 100501);
        set_start(&b, 0);
        for (uint16_t id = 257; id < 259; id++)
            PUT16(&b, id, 1, 1, 4); /* with the one of options it is full */
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        for (uint32_t i = 0; i < 4000; i++, b.now_ms += STEP_MS) {
            if (i % each == 0) {
                at(&b, FORGED + i / each);
                set_start(&b, 0);
                for (uint16_t k = 0; k < 200; k++)
                    PUT16(&b, (uint16_t)(1000 + i + k), 1, 210, 4);
                set_end(&b);
                bench_send(&b);
            }
            send_data(&b, 100502 + i);
            cr_assert(is_true(&b), "%u", i);
        }
        cr_assert_eq(b.foreign > 0, each == 40);
        cr_assert_eq(decode_counters(b.decode)->evicted_templates, 0);
        bench_done(&b);
    }
}

Test(outside, what_does_not_fit_is_refused_and_drops_no_template)
{
    struct bench b;
    begin(&b);
    at(&b, 5);
    set_start(&b, 256);
    PUT32(&b, 0x0a000001, 0xc6336401, 1000, 77);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(decode_counters(b.decode)->restarts, 0);
    cr_assert_eq(send_data(&b, 100501), DECODE_OK);
    cr_assert(is_true(&b));
    bench_done(&b);
}

Test(outside, nobody_else_withdraws)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 0; i < 500; i++, b.now_ms += STEP_MS) {
        b.sequence = 100000 + i;
        ipfix_start(&b, DOMAIN);
        set_start(&b, 2);
        PUT16(&b, 256, 3, 8, 4, 12, 4, 1, 4);
        set_end(&b);
        put_data(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
    }
    static const uint16_t ids[] = {256, 2};
    for (size_t i = 0; i < 2; i++) {
        b.sequence = FORGED;
        ipfix_start(&b, DOMAIN);
        set_start(&b, 2);
        PUT16(&b, ids[i], 0);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OTHER_SENDER);
    }
    b.sequence = 100500;
    ipfix_start(&b, DOMAIN);
    put_data(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(decode_counters(b.decode)->withdrawals, 0);
    bench_done(&b);
}

/* --- an exporter that began anew ----------------------------------------------------------------
 */

Test(outside, one_that_began_anew_with_the_same_templates_loses_nothing)
{
    struct bench b;
    begin(&b);
    for (uint32_t i = 0; i < 4000; i++, b.now_ms += STEP_MS) {
        send_data(&b, i);
        cr_assert(is_true(&b), "%u", i);
    }
    cr_assert_eq(decode_counters(b.decode)->restarts, 1);
    bench_done(&b);
}

Test(outside, one_that_began_anew_and_tells_the_same_again_is_refused_nothing)
{
    struct bench b;
    begin(&b);
    for (uint32_t i = 0; i < 4000; i++, b.now_ms += STEP_MS) {
        at(&b, i);
        if (i % 100 == 0) {
            put_template(&b);
            put_rate(&b, RATE);
        }
        put_data(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK, "%u", i);
        cr_assert(is_true(&b), "%u", i);
    }
    cr_assert_eq(refused(&b), 0);
    cr_assert_eq(decode_counters(b.decode)->restarts, 1);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 0);
    bench_done(&b);
}

/* Records of options, by an exporter and then from outside: scope and two elements each. */
struct told_twice {
    char name[48];
    uint16_t scope, elements[2];
    uint32_t before[2][3], after[2][3];
    uint8_t refused; /* of the two */
};

static void put_options(struct bench *b, const struct told_twice *c, const uint32_t said[2][3])
{
    set_start(b, 1);
    PUT16(b, 301, 4, 8, c->scope, 4, c->elements[0], 4, c->elements[1], 4);
    set_end(b);
    set_start(b, 301);
    for (size_t i = 0; i < 2; i++)
        PUT32(b, said[i][0], said[i][1], said[i][2]);
    set_end(b);
}

ParameterizedTestParameters(outside, options_are_refused_where_they_differ_from_what_stands)
{
    enum { SYSTEM = 1, INTERFACE, TIMEOUT = 36, SAMPLER = 48, BOOT = 160, NAME = 82, NONE = 210 };
    static struct told_twice cases[] = {
        {"the rate of all", SYSTEM, {34, NONE}, {{1, 50}, {1, 50}}, {{1, 50}, {1, 50}}, 0},
        {"another rate of all", SYSTEM, {34, NONE}, {{1, 50}, {1, 50}}, {{1, 50}, {1, 51}}, 1},
        {"samplers", SYSTEM, {SAMPLER, 34}, {{1, 1, 9}, {1, 2, 8}}, {{1, 2, 8}, {1, 1, 9}}, 0},
        {"a sampler more",
         SYSTEM,
         {SAMPLER, 34},
         {{1, 1, 9}, {1, 2, 9}},
         {{1, 1, 9}, {1, 3, 9}},
         1},
        {"other rates", SYSTEM, {SAMPLER, 34}, {{1, 1, 9}, {1, 2, 8}}, {{1, 1, 8}, {1, 2, 9}}, 2},
        {"interfaces", INTERFACE, {34, NONE}, {{5, 9}, {6, 8}}, {{5, 9}, {6, 8}}, 0},
        {"an interface more", INTERFACE, {34, NONE}, {{5, 9}, {6, 9}}, {{7, 9}, {6, 9}}, 1},
        {"an interface's other rate", INTERFACE, {34, NONE}, {{5, 9}, {6, 8}}, {{5, 8}, {6, 8}}, 1},
        {"one interface of two samplers",
         INTERFACE,
         {SAMPLER, 34},
         {{5, 1, 9}, {5, 2, 8}},
         {{5, 1, 9}, {5, 2, 8}},
         0},
        {"one interface, another sampler",
         INTERFACE,
         {SAMPLER, 34},
         {{5, 1, 9}, {5, 2, 8}},
         {{5, 1, 9}, {5, 3, 7}},
         1},
        {"a timeout", SYSTEM, {TIMEOUT, NONE}, {{1, 60}, {1, 60}}, {{1, 60}, {1, 60}}, 0},
        {"another timeout", SYSTEM, {TIMEOUT, NONE}, {{1, 60}, {1, 60}}, {{1, 61}, {1, 60}}, 1},
        {"its start", SYSTEM, {BOOT, NONE}, {{1, 60}, {1, 60}}, {{1, 60}, {1, 60}}, 0},
        {"another start", SYSTEM, {BOOT, NONE}, {{1, 60}, {1, 60}}, {{1, 60}, {1, 61}}, 1},
        {"nothing that serves", SYSTEM, {NAME, NONE}, {{1, 60}, {1, 60}}, {{1, 61}, {1, 62}}, 0},
    };
    return cr_make_param_array(struct told_twice, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct told_twice *c, outside,
                  options_are_refused_where_they_differ_from_what_stands)
{
    struct bench b;
    begin(&b);
    at(&b, 100501);
    put_options(&b, c, c->before);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    uint64_t changes = decode_counters(b.decode)->sampling_changes;
    at(&b, 5);
    put_options(&b, c, c->after);
    cr_expect_eq(bench_send(&b), c->refused > 0 ? DECODE_OTHER_SENDER : DECODE_OK, "%s", c->name);
    cr_expect_eq(refused(&b), c->refused, "%s: %lu", c->name, refused(&b));
    cr_expect_eq(decode_counters(b.decode)->sampling_changes, changes, "%s", c->name);
    bench_done(&b);
}

/* Said by one stream and by the other, it is of each of them. */
Test(outside, what_was_told_the_same_stands_though_the_other_stream_tells_another_then)
{
    struct bench b;
    begin(&b);
    at(&b, 0);
    put_rate(&b, RATE);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    at(&b, 100501);
    put_rate(&b, 50);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    for (uint32_t i = 1; i < 4000; i++, b.now_ms += STEP_MS) {
        send_data(&b, i);
        cr_assert(i < 1200 || is_true(&b), "%u", i);
    }
    cr_assert_eq(refused(&b), 0);
    bench_done(&b);
}

/* Nothing is ever read by a layout of before, and the new one stands once the old stream is silent,
 * though it is not told again. */
Test(outside, one_that_began_anew_with_other_templates_is_read_by_them_at_once)
{
    struct bench b;
    begin(&b);
    at(&b, 0);
    put_other_template(&b);
    put_rate(&b, 50);
    cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
    for (uint32_t i = 1; i < 4000; i++, b.now_ms += STEP_MS) {
        send_data(&b, i);
        cr_assert_eq(b.flow_count, 1, "%u", i);
        cr_assert_eq(b.flows[0].src_addr.octets[0], 198, "%u", i);
        cr_assert_eq(b.flows[0].sampling_rate, 50, "%u", i);
    }
    const struct decode_counters *counters = decode_counters(b.decode);
    cr_assert_eq(counters->restarts, 1);
    cr_assert_eq(counters->template_changes, 1);
    cr_assert_eq(counters->sampling_changes, 1);
    bench_done(&b);
}

/* Somebody used its silence; its own data are read as it said before. */
Test(outside, one_that_comes_back_finds_its_own_templates_and_rates)
{
    for (uint32_t forged = 1; forged <= 300; forged += 299) {
        struct bench b;
        begin(&b);
        b.now_ms += 60000;
        for (uint32_t i = 0; i < forged; i++, b.now_ms += STEP_MS) {
            at(&b, FORGED + i);
            put_other_template(&b);
            put_rate(&b, 7);
            put_data(&b);
            cr_assert_eq(bench_send(&b), DECODE_OK);
            cr_assert_eq(b.flows[0].src_addr.octets[0], 198);
            cr_assert_eq(b.flows[0].sampling_rate, 7);
        }
        for (uint32_t i = 0; i < 1000; i++, b.now_ms += STEP_MS) {
            send_data(&b, 100501 + i);
            cr_assert(is_true(&b), "%u forged: %u", forged, i);
            send_data(&b, FORGED + forged + i);
            if (forged == 1) /* nobody who may come back */
                continue;
            cr_assert_eq(b.flows[0].src_addr.octets[0], 198, "his own, by his own");
            cr_assert_eq(b.flows[0].sampling_rate, 7);
        }
        cr_assert(forged == 1 || (b.foreign == 0 && b.contested >= 1999));
        bench_done(&b);
    }
}

/* --- bounds -------------------------------------------------------------------------------------
 */

Test(outside, what_is_put_aside_is_so_much)
{
    struct bench b;
    begin(&b);
    size_t before = decode_memory(b.decode), full = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        at(&b, FORGED + i * 100000);
        set_start(&b, 0);
        PUT16(&b, (uint16_t)(1000 + i), 1, 1, 4);
        set_end(&b);
        put_rate(&b, 2000 + i);
        cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
        if (i == 63)
            full = decode_memory(b.decode);
        if (i >= 63)
            cr_assert_leq(decode_memory(b.decode), full, "%u", i);
    }
    cr_assert_lt(full - before, (size_t)64 << 10);
    send_data(&b, 100501);
    cr_assert(is_true(&b));
    bench_done(&b);
}

/* Where memory is at its end, nobody's templates give way to what would be put aside. */
Test(outside, what_is_put_aside_takes_no_memory_from_others)
{
    struct bench b;
    begin(&b);
    size_t needed = decode_memory(b.decode);
    bench_done(&b);
    begin_within(&b, &(struct decode_limits){.memory_bytes = needed + 512});
    for (uint32_t i = 0; i < 100; i++) {
        at(&b, FORGED + i);
        put_other_template(&b);
        cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
        send_data(&b, 100501 + i);
        cr_assert(is_true(&b), "%u", i);
    }
    cr_assert_leq(decode_memory(b.decode), needed + 512);
    cr_assert_eq(decode_counters(b.decode)->evicted_templates, 0);
    cr_assert_eq(decode_counters(b.decode)->evicted_domains, 0);
    bench_done(&b);
}

static uint32_t scramble(uint32_t i)
{
    i = (i + 1) * 2654435761U;
    return (i ^ i >> 15) * 2246822519U ^ i >> 13;
}

/* Three who send and fall silent as they like, and say anything, within little room. */
Test(outside, whoever_says_what_it_stays_within_bounds)
{
    struct bench b;
    const struct decode_limits limits = {.templates_per_domain = 6,
                                         .samplers_per_domain = 4,
                                         .held_bytes = 1 << 14,
                                         .memory_bytes = 24 << 10};
    bench_init(&b, &limits);
    uint32_t numbers[3] = {100000, FORGED, 5};
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t r = scramble(i), what = scramble(i + 1000000),
                 who = r % 16 < 12 ? i / 3000 % 3 : r % 3;
        at(&b, numbers[who]++);
        uint16_t id = (uint16_t)(256 + what % 9);
        switch (what / 16 % 5) {
        case 0:
            put_other_template(&b);
            break;
        case 1:
            set_start(&b, 0);
            PUT16(&b, id, 3, 8, 4, 12, 4, (uint16_t)(1 + what / 256 % 2), 4);
            set_end(&b);
            break;
        case 2:
            put_rate(&b, 1 + what / 1024 % 5);
            break;
        default:
            set_start(&b, id);
            PUT32(&b, 0x0a000001, 0xc6336401, 1000);
            set_end(&b);
            break;
        }
        bench_send(&b);
        cr_assert_leq(decode_memory(b.decode), limits.memory_bytes, "%u", i);
        b.now_ms += i % 3000 == 0 ? 15000 : r / 65536 % 20;
    }
    const struct decode_counters *counters = decode_counters(b.decode);
    cr_expect_gt(refused(&b), 1000);
    cr_expect_gt(counters->restarts, 3);
    cr_expect_gt(counters->template_changes, 100);
    bench_done(&b);
}
