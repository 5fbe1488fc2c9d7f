#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

static void put_template(struct bench *b, const uint16_t *words, size_t count)
{
    set_start(b, 2);
    put_u16s(&b->w, words, count);
    set_end(b);
}
#define TEMPLATE(b, ...)                                                                           \
    put_template(b, (const uint16_t[]){__VA_ARGS__},                                               \
                 sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

Test(ipfix, a_biflow_is_two_records)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 8, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 0x8001, 4, 0, 29305, 0x8002, 4, 0,
             29305);
    set_start(&b, 256);
    PUT32(&b, 0x0a000001, 0xcb007107);
    PUT16(&b, 1234, 80);
    wire_put_u8(&b.w, 6);
    PUT32(&b, 500, 9000, 7);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].bytes, 500);
    cr_assert_not(b.flows[0].reverse);
    cr_assert(b.flows[1].reverse);
    cr_assert_eq(b.flows[1].bytes, 9000);
    cr_assert_eq(b.flows[1].packets, 7);
    cr_assert_eq(b.flows[1].src_port, 80);
    cr_assert_eq(b.flows[1].src_addr.octets[0], 203);
    bench_done(&b);
}

/* RFC 5103, 6.1: what is said of one half stays with it. */
Test(ipfix, each_half_of_a_biflow_has_its_own_flags_and_ports)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 9, 7, 2, 11, 2, 10, 4, 14, 4, 4, 1, 6, 1, 1, 4, 0x8001, 8, 0, 29305, 0x8006,
             1, 0, 29305);
    set_start(&b, 256);
    PUT16(&b, 1234, 443);
    PUT32(&b, 11, 12);
    wire_put_u8(&b.w, 6);
    wire_put_u8(&b.w, 0x02);
    PUT32(&b, 60, 0, 120);
    wire_put_u8(&b.w, 0x12);
    PUT16(&b, 1235, 443); /* one that nobody answered */
    PUT32(&b, 11, 12);
    wire_put_u8(&b.w, 6);
    wire_put_u8(&b.w, 0x02);
    PUT32(&b, 60, 0, 0);
    wire_put_u8(&b.w, 0);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[0].tcp_flags, 0x02);
    cr_assert(b.flows[1].reverse);
    cr_assert_eq(b.flows[1].tcp_flags, 0x12);
    cr_assert_eq(b.flows[1].bytes, 120);
    cr_assert_eq(b.flows[1].src_port, 443);
    cr_assert_eq(b.flows[1].dst_port, 1234);
    cr_assert_eq(b.flows[1].input_if, 12);
    cr_assert_eq(b.flows[1].output_if, 11);
    cr_assert_not(b.flows[2].reverse);
    cr_assert_eq(b.flows[2].src_port, 1235);
    bench_done(&b);
}

Test(ipfix, firewall_counters_are_two_records_and_an_event_has_no_volume)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 4, 8, 4, 12, 4, 231, 4, 232, 4);
    TEMPLATE(&b, 257, 3, 8, 4, 12, 4, 230, 1);
    set_start(&b, 256);
    PUT32(&b, 0x0a000001, 0xcb007107, 100, 2000);
    set_end(&b);
    set_start(&b, 257);
    PUT32(&b, 0x0a000001, 0xcb007107);
    wire_put_u8(&b.w, 4);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[0].bytes, 100);
    cr_assert_eq(b.flows[1].bytes, 2000);
    cr_assert(b.flows[1].reverse);
    cr_assert_not(b.flows[2].has & (FLOW_BYTES | FLOW_PACKETS));
    cr_assert_eq(decode_counters(b.decode)->records_without_volume, 1);
    bench_done(&b);
}

Test(ipfix, a_withdrawn_template_is_gone)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 1, 1, 4);
    TEMPLATE(&b, 257, 1, 1, 4);
    TEMPLATE(&b, 256, 0);
    set_start(&b, 256);
    PUT32(&b, 1);
    set_end(&b);
    set_start(&b, 257);
    PUT32(&b, 2);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b.flow_count, 1);
    ipfix_start(&b, 1);
    TEMPLATE(&b, 2, 0);
    set_start(&b, 257);
    PUT32(&b, 2);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b.flow_count, 0);
    bench_done(&b);
}

/* selectorId as scope; the rest as IOS XR sends it. */
static void put_selector(struct bench *b, uint32_t id)
{
    set_start(b, 3);
    PUT16(b, 300, 5, 1, 302, 4, 304, 2, 305, 4, 309, 4, 310, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, id);
    PUT16(b, 3);
    PUT32(b, 1, 1, 256);
    set_end(b);
}

Test(ipfix, a_selectors_population_goes_before_its_interval)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    put_selector(&b, 9);
    TEMPLATE(&b, 256, 2, 1, 4, 302, 4);
    set_start(&b, 256);
    PUT32(&b, 100, 9);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 256);
    cr_assert_eq(decode_counters(b.decode)->options_records, 1);
    bench_done(&b);
}

struct rate_case {
    char name[40];
    uint16_t elements[2];
    uint32_t values[2];
    double want;
};

ParameterizedTestParameters(ipfix, rates_in_the_record)
{
    static struct rate_case cases[] = {
        {"interval", {34, 35}, {512, 1}, 512},
        {"interval of 0 says nothing", {34, 35}, {0, 1}, 0},
        {"random interval", {50, 49}, {100, 2}, 100},
        {"interval and space", {305, 306}, {1, 9}, 10},
        {"a fraction", {309, 310}, {2, 25}, 12.5},
        {"more samples than population", {309, 310}, {25, 2}, 0},
        {"zero", {305, 306}, {0, 9}, 0},
        {"absurd", {305, 306}, {1, 4000000000}, 0},
    };
    return cr_make_param_array(struct rate_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct rate_case *c, ipfix, rates_in_the_record)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 3, 1, 4, c->elements[0], 4, c->elements[1], 4);
    set_start(&b, 256);
    PUT32(&b, 100, c->values[0], c->values[1]);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_float_eq(b.flows[0].sampling_rate, c->want, 1e-9, "%s", c->name);
    cr_assert_eq(b.flows[0].sampling_source, c->want > 0 ? SAMPLING_RECORD : SAMPLING_UNKNOWN);
    bench_done(&b);
}

struct time_case {
    char name[40];
    uint16_t start, end, len;
    uint64_t start_value, end_value;
    uint32_t want_ms;
};

ParameterizedTestParameters(ipfix, durations_in_every_unit)
{
    static struct time_case cases[] = {
        {"seconds", 150, 151, 4, 1700000000, 1700000060, 60000},
        {"milliseconds", 152, 153, 8, 1700000000000, 1700000000123, 123},
        {"microseconds", 154, 155, 8, (UINT64_C(3908988800) << 32), (UINT64_C(3908988801) << 32),
         1000},
        {"microseconds of Unix time", 154, 155, 8, 1700000000000000, 1700000000002000, 2},
        {"nanoseconds", 156, 157, 8, (UINT64_C(3908988800) << 32),
         (UINT64_C(3908988800) << 32) + (UINT64_C(1) << 31), 500},
        {"delta", 158, 159, 4, 5000000, 2000000, 3000},
        {"uptime", 22, 21, 4, 1000, 4500, 3500},
        {"uptime in 8 octets", 22, 21, 8, 1000, 4500, 3500},
        {"uptime that wrapped", 22, 21, 4, 4294967000, 204, 500},
        {"a clock set back", 152, 153, 8, 1700000000123, 1700000000000, 0},
    };
    return cr_make_param_array(struct time_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct time_case *c, ipfix, durations_in_every_unit)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 2, c->start, c->len, c->end, c->len);
    set_start(&b, 256);
    wire_put_uint(&b.w, c->len, c->start_value);
    wire_put_uint(&b.w, c->len, c->end_value);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert(b.flows[0].has & FLOW_DURATION, "%s", c->name);
    cr_assert_eq(b.flows[0].duration_ms, c->want_ms, "%s: %u", c->name, b.flows[0].duration_ms);
    bench_done(&b);
}

Test(ipfix, a_section_is_parsed_as_a_packet)
{
    static const uint8_t packet[] = {0x45, 0, 0, 40, 0,   1, 0,   0, 64, 17, 0,    0,
                                     10,   0, 0, 1,  203, 0, 113, 7, 0,  53, 0x13, 0x88};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 1, 313, 0xffff);
    set_start(&b, 256);
    wire_put_u8(&b.w, sizeof(packet));
    wire_put_bytes(&b.w, packet, sizeof(packet));
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].src_port, 53);
    cr_assert_eq(b.flows[0].bytes, 40);
    cr_assert_eq(b.flows[0].packets, 1);
    bench_done(&b);
}

Test(ipfix, a_forwarding_status_of_dropped_marks_the_record)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 2, 1, 4, 89, 1);
    set_start(&b, 256);
    PUT32(&b, 100);
    wire_put_u8(&b.w, 0x82);
    PUT32(&b, 100);
    wire_put_u8(&b.w, 0x40);
    set_end(&b);
    ipfix_send(&b);
    cr_assert(b.flows[0].dropped);
    cr_assert_not(b.flows[1].dropped);
    bench_done(&b);
}

Test(ipfix, the_sequence_counts_data_records)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 1, 1, 4);
    set_start(&b, 256);
    PUT32(&b, 1, 2, 3);
    set_end(&b);
    ipfix_send(&b);
    b.sequence = 3;
    ipfix_start(&b, 1);
    ipfix_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 0);
    b.sequence = 10;
    ipfix_start(&b, 1);
    ipfix_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 7);
    bench_done(&b);
}

Test(ipfix, a_wrong_length_is_refused_and_what_is_there_is_read)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    TEMPLATE(&b, 256, 1, 1, 4);
    set_start(&b, 256);
    PUT32(&b, 1);
    set_end(&b);
    wire_put_uint_at(b.bytes + 2, 2, 1400);
    cr_assert_eq(bench_send(&b), DECODE_LENGTH);
    cr_assert_eq(b.flow_count, 1);
    bench_done(&b);
}

Test(ipfix, every_cut_is_survived)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    put_selector(&b, 9);
    TEMPLATE(&b, 256, 3, 82, 0xffff, 1, 4, 0x8001, 4, 0, 29305);
    set_start(&b, 256);
    wire_put_u8(&b.w, 2);
    PUT16(&b, 0x6162);
    PUT32(&b, 5, 6);
    set_end(&b);
    size_t len = b.w.len;
    for (size_t cut = 0; cut < len; cut++) {
        wire_put_uint_at(b.bytes + 2, 2, cut);
        bench_feed(&b, b.bytes, cut);
        cr_assert_eq(b.flow_count, 0, "%zu", cut);
    }
    wire_put_uint_at(b.bytes + 2, 2, len);
    cr_assert_eq(bench_feed(&b, b.bytes, len), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    bench_done(&b);
}
