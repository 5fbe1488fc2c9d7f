#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

/* Information elements as the RFCs write them: each record here is made by hand. */

enum { TEMPLATE_SET = 2, OPTIONS_SET = 3, ADDR_A = 0x0a000001, ADDR_B = 0xcb007107 };

static void put_template(struct bench *b, const uint16_t *words, size_t count)
{
    set_start(b, TEMPLATE_SET);
    put_u16s(&b->w, words, count);
    set_end(b);
}
#define TEMPLATE(b, ...)                                                                           \
    put_template(b, (const uint16_t[]){__VA_ARGS__},                                               \
                 sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static void begin(struct bench *b)
{
    bench_init(b, &(struct decode_limits){0});
    ipfix_start(b, 1);
}

static void put_octets(struct bench *b, const char *octets, size_t len)
{
    wire_put_bytes(&b->w, octets, len);
}
#define OCTETS(b, octets) put_octets(b, octets, sizeof(octets) - 1)

/* RFC 7011, 6.2: an integer may have any fewer octets. */
Test(elements, every_integer_may_be_reduced)
{
    for (uint16_t len = 1; len <= 8; len++) {
        struct bench b;
        begin(&b);
        TEMPLATE(&b, 256, 12, 1, len, 2, len, 10, len, 14, len, 7, len, 11, len, 16, len, 17, len,
                 4, len, 5, len, 6, len, 58, len);
        set_start(&b, 256);
        for (uint64_t value = 1; value <= 8; value++)
            wire_put_uint(&b.w, len, value);
        wire_put_uint(&b.w, len, 6);
        wire_put_uint(&b.w, len, 0xb8);
        wire_put_uint(&b.w, len, 0x12);
        wire_put_uint(&b.w, len, 100);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        const struct flow_record *f = &b.flows[0];
        cr_assert(f->bytes == 1 && f->packets == 2 && f->input_if == 3 && f->output_if == 4,
                  "%d octets", len);
        cr_assert(f->src_port == 5 && f->dst_port == 6 && f->src_as == 7 && f->dst_as == 8,
                  "%d octets", len);
        cr_assert(f->protocol == 6 && f->tos == 0xb8 && f->tcp_flags == 0x12 && f->vlan == 100,
                  "%d octets", len);
        bench_done(&b);
    }
}

/* RFC 7011, 6.2: and a float64 may be a float32. */
Test(elements, a_probability_may_be_a_float_of_4_octets)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, 1, 4, 311, 4);
    TEMPLATE(&b, 257, 2, 1, 4, 311, 8);
    set_start(&b, 256);
    PUT32(&b, 100, 0x3c800000); /* 2^-6 */
    set_end(&b);
    set_start(&b, 257);
    PUT32(&b, 100, 0x3f900000, 0);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 64);
    cr_assert_eq(b.flows[1].sampling_rate, 64);
    bench_done(&b);
}

struct counter_case {
    char name[40];
    uint16_t octets, packets, back_octets, back_packets; /* elements; the last two may be 0 */
    uint32_t enterprise;                                 /* of these two */
};

ParameterizedTestParameters(elements, counters)
{
    static struct counter_case cases[] = {
        {"deltas", 1, 2, 0, 0, 0},
        {"totals", 85, 86, 0, 0, 0},
        {"layer 2 deltas", 352, 2, 0, 0, 0},
        {"layer 2 totals", 353, 86, 0, 0, 0},
        {"initiator and responder", 231, 298, 232, 299, 0},
        {"what left, where nothing else is told", 23, 24, 0, 0, 0},
        {"totals of it", 171, 172, 0, 0, 0},
        {"RFC 5103 deltas", 1, 2, 1, 2, 29305},
        {"RFC 5103 totals", 85, 86, 85, 86, 29305},
    };
    return cr_make_param_array(struct counter_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static void put_back_field(struct bench *b, uint16_t element, uint32_t enterprise)
{
    if (enterprise == 0) {
        PUT16(b, element, 8);
    } else {
        PUT16(b, (uint16_t)(0x8000 | element), 8);
        PUT32(b, enterprise);
    }
}

ParameterizedTest(struct counter_case *c, elements, counters)
{
    struct bench b;
    bool two = c->back_octets != 0;
    begin(&b);
    set_start(&b, TEMPLATE_SET);
    PUT16(&b, 256, two ? 6 : 4, 8, 4, 12, 4, c->octets, 8, c->packets, 8);
    if (two) {
        put_back_field(&b, c->back_octets, c->enterprise);
        put_back_field(&b, c->back_packets, c->enterprise);
    }
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, ADDR_A, ADDR_B, 1, 5, 0, 6);
    if (two)
        PUT32(&b, 2, 7, 0, 8);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK, "%s", c->name);
    cr_assert_eq(b.flow_count, two ? 2U : 1U, "%s", c->name);
    cr_assert_eq(b.flows[0].bytes, UINT64_C(0x100000005), "%s", c->name);
    cr_assert_eq(b.flows[0].packets, 6, "%s", c->name);
    cr_assert_not(b.flows[0].reverse);
    if (two) {
        cr_assert(b.flows[1].reverse);
        cr_assert_eq(b.flows[1].bytes, UINT64_C(0x200000007), "%s", c->name);
        cr_assert_eq(b.flows[1].packets, 8, "%s", c->name);
        cr_assert_eq(b.flows[1].dst_addr.octets[0], 10, "%s", c->name);
    }
    bench_done(&b);
}

/* RFC 6313: a list is a field of its own length, and nothing inside it is looked at. */
Test(elements, lists_are_stepped_over_whatever_they_hold)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 5, 1, 4, 291, 0xffff, 292, 0xffff, 293, 0xffff, 11, 2);
    set_start(&b, 256);
    PUT32(&b, 500);
    wire_put_u8(&b.w, 9); /* basicList of two ports */
    OCTETS(&b, "\3\0\7\0\2\0\x50\1\xbb");
    wire_put_u8(&b.w, 255); /* subTemplateList in the long form */
    PUT16(&b, 9);
    OCTETS(&b, "\3\1\1\0\0\0\0\0\1");
    wire_put_u8(&b.w, 7); /* subTemplateMultiList, whose inner length is a lie */
    OCTETS(&b, "\3\1\1\xff\xff\0\0");
    PUT16(&b, 80);
    PUT32(&b, 600);
    OCTETS(&b, "\0\0\0"); /* three of no length */
    PUT16(&b, 81);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].bytes, 500);
    cr_assert_eq(b.flows[0].dst_port, 80);
    cr_assert_eq(b.flows[1].bytes, 600);
    cr_assert_eq(b.flows[1].dst_port, 81);
    bench_done(&b);
}

Test(elements, a_list_that_runs_past_its_set_is_refused)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, 1, 4, 291, 0xffff);
    set_start(&b, 256);
    PUT32(&b, 500);
    OCTETS(&b, "\xff\xff\xff\3\0");
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_RECORD);
    cr_assert_eq(b.flow_count, 0);
    bench_done(&b);
}

struct icmp_case {
    char name[40];
    uint16_t elements[2], lens[2];
    uint8_t protocol;
    uint32_t values[2];
};

ParameterizedTestParameters(elements, icmp_in_its_places)
{
    static struct icmp_case cases[] = {
        {"destination port", {7, 11}, {2, 2}, 1, {0, 0x0301}},
        {"destination port of ICMPv6", {7, 11}, {2, 2}, 58, {0, 0x0301}},
        {"icmpTypeCodeIPv4", {32, 5}, {2, 1}, 1, {0x0301, 0}},
        {"icmpTypeCodeIPv6", {139, 5}, {2, 1}, 58, {0x0301, 0}},
        {"both type and code fields", {32, 139}, {2, 2}, 58, {0, 0x0301}},
        {"IPv4 type and code apart", {176, 177}, {1, 1}, 1, {3, 1}},
        {"IPv6 type and code apart", {178, 179}, {1, 1}, 58, {3, 1}},
    };
    return cr_make_param_array(struct icmp_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct icmp_case *c, elements, icmp_in_its_places)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 3, 4, 1, c->elements[0], c->lens[0], c->elements[1], c->lens[1]);
    set_start(&b, 256);
    wire_put_u8(&b.w, c->protocol);
    wire_put_uint(&b.w, c->lens[0], c->values[0]);
    wire_put_uint(&b.w, c->lens[1], c->values[1]);
    wire_put_u8(&b.w, 17); /* and one that is no ICMP */
    wire_put_uint(&b.w, c->lens[0], c->values[0]);
    wire_put_uint(&b.w, c->lens[1], c->values[1]);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert(b.flows[0].has & FLOW_ICMP, "%s", c->name);
    cr_assert_eq(b.flows[0].icmp_type, 3, "%s", c->name);
    cr_assert_eq(b.flows[0].icmp_code, 1, "%s", c->name);
    cr_assert_not(b.flows[0].has & (FLOW_SRC_PORT | FLOW_DST_PORT), "%s", c->name);
    cr_assert_not(b.flows[1].has & FLOW_ICMP, "%s", c->name);
    bench_done(&b);
}

Test(elements, an_icmp_field_of_0_is_believed)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 4, 4, 1, 32, 2, 7, 2, 11, 2);
    set_start(&b, 256);
    wire_put_u8(&b.w, 1);
    PUT16(&b, 0, 0, 0x448d); /* the port is ICMP's identifier, as an ASA has it */
    set_end(&b);
    ipfix_send(&b);
    cr_assert(b.flows[0].has & FLOW_ICMP);
    cr_assert_eq(b.flows[0].icmp_type, 0);
    cr_assert_eq(b.flows[0].icmp_code, 0);
    bench_done(&b);
}

/* RFC 7012: microseconds before the export, of which 0 is one. */
Test(elements, a_flow_that_ended_with_the_export_has_a_duration)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 3, 1, 4, 158, 4, 159, 4);
    set_start(&b, 256);
    PUT32(&b, 1, 2500000, 0);
    set_end(&b);
    ipfix_send(&b);
    cr_assert(b.flows[0].has & FLOW_DURATION);
    cr_assert_eq(b.flows[0].duration_ms, 2500);
    cr_assert_eq(b.flows[0].time_ms, EXPORT_SECONDS * 1000ULL);
    bench_done(&b);
}

struct duration_case {
    char name[40];
    uint16_t element;
    uint32_t value;
};

ParameterizedTestParameters(elements, durations_told_as_such)
{
    static struct duration_case cases[] = {
        {"flowDurationMilliseconds", 161, 1500},
        {"flowDurationMicroseconds", 162, 1500000},
    };
    return cr_make_param_array(struct duration_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct duration_case *c, elements, durations_told_as_such)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, 1, 4, c->element, 4);
    set_start(&b, 256);
    PUT32(&b, 1, c->value);
    set_end(&b);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].duration_ms, 1500, "%s", c->name);
    bench_done(&b);
}

/* IPv4 and UDP, 28 octets; before it an Ethernet header where a frame is asked for. */
static void put_frame(struct bench *b, bool ethernet)
{
    if (ethernet)
        OCTETS(b, "\0\0\0\0\0\1\0\0\0\0\0\2\x81\0\0\x64\x08\0");
    OCTETS(b, "\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\1\xcb\0\x71\7\0\x35\x13\x88\0\x08\0\0");
}

struct section_case {
    char name[40];
    uint16_t element, len;
    bool ethernet;
    uint16_t also; /* an element of 2 octets */
    uint16_t value;
    bool read;
};

ParameterizedTestParameters(elements, sections)
{
    static struct section_case cases[] = {
        {"dataLinkFrameSection", 315, 46, true, 312, 1400, true},
        {"of its own length", 315, 0xffff, true, 312, 1400, true},
        {"an Ethernet frame", 315, 46, true, 408, 1, true},
        {"a frame of 802.11", 315, 46, true, 408, 2, false},
        {"from the middle", 315, 46, true, 409, 14, false},
        {"ipHeaderPacketSection", 313, 28, false, 312, 1400, true},
        {"IP of its own length", 313, 0xffff, false, 312, 1400, true},
        {"layer2packetSectionData", 104, 46, true, 312, 1400, true},
    };
    return cr_make_param_array(struct section_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct section_case *c, elements, sections)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, c->also, 2, c->element, c->len);
    set_start(&b, 256);
    PUT16(&b, c->value);
    if (c->len == 0xffff)
        wire_put_u8(&b.w, c->ethernet ? 46 : 28);
    put_frame(&b, c->ethernet);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK, "%s", c->name);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq((f->has & FLOW_DST_ADDR) != 0, c->read, "%s", c->name);
    cr_assert_eq(f->packets, 1, "%s", c->name);
    if (c->read) {
        cr_assert_eq(f->src_port, 53, "%s", c->name);
        cr_assert_eq(f->ip_length, 28, "%s", c->name);
        cr_assert_eq(f->bytes, c->also == 312 ? 1400U : 28U, "%s", c->name);
        cr_assert_eq(f->vlan, c->ethernet ? 100 : 0, "%s", c->name);
    }
    bench_done(&b);
}

/* What a NAT makes of a flow, labels, segments and names count for nothing. */
Test(elements, what_comes_after_a_nat_and_other_fields_are_stepped_over)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 14, 8, 4, 225, 4, 226, 4, 227, 2, 228, 2, 23, 4, 24, 4, 57, 1, 70, 3, 71, 3,
             210, 3, 82, 0xffff, 495, 0xffff, 1, 4);
    set_start(&b, 256);
    PUT32(&b, ADDR_A, 0x01010101, 0x02020202);
    PUT16(&b, 1111, 2222);
    PUT32(&b, 333333, 444444);
    OCTETS(&b, "\2\0\1\x40\0\2\x41\0\0\0\4eth0\x10");
    PUT32(&b, 0x20010db8, 0, 0, 1);
    PUT32(&b, 777);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->has, FLOW_SRC_ADDR | FLOW_BYTES);
    cr_assert_eq(f->src_addr.octets[0], 10);
    cr_assert_eq(f->bytes, 777);
    bench_done(&b);
}

/* ASA: 148 flow id, 233 firewall event, 230 NAT event, as plain and NSEL templates have them. */
Test(elements, events_of_a_firewall_and_of_a_nat_have_no_volume)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 5, 148, 4, 8, 4, 12, 4, 233, 1, 323, 8);
    TEMPLATE(&b, 257, 5, 230, 1, 8, 4, 225, 4, 7, 2, 227, 2);
    set_start(&b, 256);
    PUT32(&b, 1, ADDR_A, ADDR_B);
    wire_put_u8(&b.w, 1);
    PUT32(&b, 0x18b, 0xcfe56800);
    set_end(&b);
    set_start(&b, 257);
    wire_put_u8(&b.w, 4);
    PUT32(&b, ADDR_A, ADDR_B);
    PUT16(&b, 1024, 40000);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_not(b.flows[0].has & (FLOW_BYTES | FLOW_PACKETS));
    cr_assert_not(b.flows[1].has & (FLOW_BYTES | FLOW_PACKETS));
    cr_assert_eq(b.flows[1].src_port, 1024);
    cr_assert_eq(decode_counters(b.decode)->records_without_volume, 2);
    bench_done(&b);
}

/* RFC 7270, 4.12: 64…127 forwarded, 128…191 dropped, in 1 octet or 4. */
Test(elements, a_forwarding_status_may_have_four_octets)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, 1, 4, 89, 4);
    set_start(&b, 256);
    PUT32(&b, 100, 0x40, 100, 0x84);
    set_end(&b);
    ipfix_send(&b);
    cr_assert_not(b.flows[0].dropped);
    cr_assert_eq(b.flows[0].forwarding_status, 0x40);
    cr_assert(b.flows[1].dropped);
    bench_done(&b);
}

/* RFC 7011, 8.1: options templates are withdrawn by themselves, one or all. */
Test(elements, options_templates_are_withdrawn_one_and_all)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 1, 1, 4);
    for (uint16_t id = 300; id <= 302; id++) {
        set_start(&b, OPTIONS_SET);
        PUT16(&b, id, 2, 1, 144, 4, 34, 4);
        set_end(&b);
    }
    set_start(&b, OPTIONS_SET);
    PUT16(&b, 300, 0);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 1, 512);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(decode_counters(b.decode)->options_records, 0);
    ipfix_start(&b, 1);
    set_start(&b, OPTIONS_SET);
    PUT16(&b, OPTIONS_SET, 0);
    set_end(&b);
    set_start(&b, 301);
    PUT32(&b, 1, 512);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 99);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(decode_counters(b.decode)->options_records, 0);
    cr_assert_eq(b.flow_count, 1, "templates of flows stay");
    cr_assert_eq(decode_counters(b.decode)->withdrawals, 2);
    bench_done(&b);
}

Test(elements, a_redefinition_of_another_length_holds_from_there_on)
{
    struct bench b;
    begin(&b);
    TEMPLATE(&b, 256, 2, 1, 4, 2, 4);
    set_start(&b, 256);
    PUT32(&b, 1, 2, 3, 4);
    set_end(&b);
    TEMPLATE(&b, 256, 3, 2, 2, 82, 0xffff, 1, 8);
    set_start(&b, 256);
    OCTETS(&b, "\0\5\3abc\0\0\0\0\0\0\0\6");
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[1].bytes, 3);
    cr_assert_eq(b.flows[2].packets, 5);
    cr_assert_eq(b.flows[2].bytes, 6);
    cr_assert_eq(decode_counters(b.decode)->template_changes, 1);
    bench_done(&b);
}

/* NetFlow 9 has no enterprise numbers: an element over 32767 is one more that nobody knows. */
Test(elements, netflow_9_elements_have_no_enterprise)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 3, 33001, 4, 40000, 2, 1, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 1);
    PUT16(&b, 2);
    PUT32(&b, 300);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].bytes, 300);
    bench_done(&b);
}
