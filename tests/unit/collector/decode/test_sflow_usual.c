/*
 * Samples that are read on the short way give what they would give on the other.
 */
#include "tests/support/sflow_twice.h"
#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

static uint32_t chance;

static uint32_t below(uint32_t limit)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % limit;
}

#define ONE_OF(...)                                                                                \
    ((const uint32_t[]){__VA_ARGS__}[below(sizeof((const uint32_t[]){__VA_ARGS__}) / 4)])

static void put_ports(struct wire_writer *w, uint8_t protocol)
{
    wire_put_u16(w, (uint16_t)ONE_OF(0, 53, 443));
    wire_put_u16(w, (uint16_t)ONE_OF(0, 5000, 6000));
    if (protocol == 6) {
        wire_put_u64(w, below(1 << 30));
        wire_put_u16(w, (uint16_t)(0x5000 | below(0x1000)));
        wire_put_u16(w, 0xffff);
        wire_put_u32(w, 0);
    } else {
        wire_put_u32(w, 0x00080000);
    }
}

static void put_packet(struct wire_writer *w, uint16_t type)
{
    uint8_t protocol = (uint8_t)ONE_OF(6, 17, 6, 17, 6, 17, 1, 58, 132, 47, 44);
    if (type == 0x86dd) {
        wire_put_u32(w, ONE_OF(0x60000000, 0x6ab12345, 0x45000000));
        wire_put_u16(w, (uint16_t)ONE_OF(20, 1000, 0xffff));
        wire_put_u8(w, protocol);
        wire_put_u8(w, 63);
        for (size_t i = 0; i < 4; i++)
            wire_put_u64(w, UINT64_C(0x20010db800000000) + below(1000));
    } else {
        wire_put_u8(w, (uint8_t)ONE_OF(0x45, 0x45, 0x45, 0x45, 0x46, 0x44, 0x65));
        wire_put_u8(w, (uint8_t)below(256));
        wire_put_u16(w, (uint16_t)below(1500));
        wire_put_u16(w, 7);
        wire_put_u16(w, (uint16_t)ONE_OF(0, 0x4000, 0, 0x4000, 0x2000, 0x2003, 0x0003, 0x8000));
        wire_put_u8(w, 64);
        wire_put_u8(w, protocol);
        wire_put_u16(w, 0);
        wire_put_u32(w, 0xcb007100 + below(256));
        wire_put_u32(w, 0x0a000000 + below(256));
    }
    put_ports(w, protocol);
}

static void put_frame(struct wire_writer *w)
{
    uint16_t type = (uint16_t)ONE_OF(0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x0100);
    for (size_t i = 0; i < 12; i++)
        wire_put_u8(w, (uint8_t)i);
    for (uint32_t tags = ONE_OF(0, 0, 0, 1, 1, 2); tags > 0; tags--) {
        wire_put_u16(w, (uint16_t)ONE_OF(0x8100, 0x8100, 0x88a8));
        wire_put_u16(w, (uint16_t)(0x2000 | below(4096)));
    }
    wire_put_u16(w, type);
    put_packet(w, type);
}

/* A header that is cut at a length of its own, filled up to whole words. */
static void put_raw(struct wire_writer *w)
{
    uint8_t bytes[256] = {0};
    struct wire_writer frame = wire_writer_of(bytes, sizeof(bytes));
    put_frame(&frame);
    uint32_t len = below(3) == 0 ? below((uint32_t)frame.len + 1) : ONE_OF(64, 128, 128);
    wire_put_u32(w, 1);
    size_t at = wire_hold(w, 4);
    wire_put_u32(w, ONE_OF(1, 1, 1, 1, 1, 1, 11, 2));
    wire_put_u32(w, ONE_OF(0, 64, 1518, 1518));
    wire_put_u32(w, 4);
    wire_put_u32(w, len + (below(50) == 0));
    wire_put_bytes(w, bytes, (len + 3) / 4 * 4);
    wire_fill_len(w, at, 4);
}

static void put_switch(struct wire_writer *w)
{
    wire_put_u32(w, 1001);
    wire_put_u32(w, 16);
    wire_put_u32(w, ONE_OF(0, 100, 4095, 0xffffffff));
    wire_put_u32(w, 0);
    wire_put_u64(w, 200);
}

static void put_router(struct wire_writer *w)
{
    wire_put_u32(w, 1002);
    wire_put_u32(w, 16);
    wire_put_u32(w, 1);
    wire_put_u32(w, 0x0a0000fe);
    wire_put_u64(w, UINT64_C(0x0000001800000010));
}

static void put_flow_sample(struct wire_writer *w, uint32_t *number)
{
    bool expanded = below(3) == 0;
    wire_put_u32(w, expanded ? 3 : 1);
    size_t at = wire_hold(w, 4);
    wire_put_u32(w, below(20) == 0 ? below(1000) : ++*number);
    if (expanded)
        wire_put_u32(w, ONE_OF(0, 0, 2));
    wire_put_u32(w, below(8) + (!expanded && below(9) == 0 ? 0x02000000 : 0));
    wire_put_u32(w, ONE_OF(1000, 1000, 1000, 512, 0, 1, 2000000000));
    wire_put_u64(w, 5000);
    for (size_t i = 0; i < 2; i++) {
        if (expanded)
            wire_put_u32(w, ONE_OF(0, 0, 0, 1, 2));
        wire_put_u32(w, ONE_OF(1, 2, 3, 0x3fffffff, 0x40000102, 0x80000003, 0));
    }
    uint32_t kind = below(9);
    wire_put_u32(w, kind == 8 ? below(4) : kind < 3 ? 1 : 2);
    if (kind == 3 || kind == 4)
        put_switch(w);
    if (kind == 7)
        put_router(w);
    put_raw(w);
    if (kind == 5 || kind == 6)
        put_switch(w);
    if (kind == 2)
        wire_put_u64(w, 7); /* behind the records */
    wire_fill_len(w, at, 4);
}

static void put_datagram(struct wire_writer *w, uint32_t sequence, uint32_t *number)
{
    uint32_t samples = 1 + below(7);
    wire_put_u32(w, 5);
    wire_put_u32(w, 1);
    wire_put_u32(w, 0x0a0000fe);
    wire_put_u32(w, below(30) == 0);
    wire_put_u32(w, sequence);
    wire_put_u32(w, 100000 + sequence);
    wire_put_u32(w, samples);
    for (uint32_t i = 0; i < samples; i++) {
        if (below(20) == 0) {
            wire_put_u64(w, UINT64_C(0x0000000200000004)); /* counters, cut */
            wire_put_u32(w, 9);
        } else {
            put_flow_sample(w, number);
        }
    }
}

struct from_case {
    char name[40];
    uint32_t sampling_override, sampling_default;
    bool has_options;
};

ParameterizedTestParameters(sflow_usual, both_ways_say_the_same)
{
    static struct from_case cases[] = {{"of whom nothing is known", 0, 0, false},
                                       {"with a default", 0, 100, false},
                                       {"that is overridden", 1000, 0, false},
                                       {"whose options say another rate", 0, 0, true}};
    return cr_make_param_array(struct from_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* The options of a NetFlow 9 stream of the same exporter: one in 700. */
static void feed_options(struct sflow_twice *twice, const struct decode_source *source)
{
    struct bench b = {.sequence = 1};
    v9_start(&b, 1);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 8, 1, 4, 34, 4, 35, 1);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 9, 700);
    wire_put_u8(&b.w, 1);
    set_end(&b);
    cr_assert_null(sflow_twice_feed(twice, source, b.bytes, b.w.len));
}

ParameterizedTest(struct from_case *c, sflow_usual, both_ways_say_the_same)
{
    enum { DATAGRAMS = 20000 };
    struct decode_source source = {.addr = addr_from_ipv4(0xc0000201),
                                   .sampling_override = c->sampling_override,
                                   .sampling_default = c->sampling_default};
    struct sflow_twice *twice = sflow_twice_new();
    uint32_t number = 0;
    chance = 4711;
    if (c->has_options)
        feed_options(twice, &source);
    for (uint32_t i = 0; i < DATAGRAMS; i++) {
        uint8_t bytes[DATAGRAM_MAX];
        struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
        put_datagram(&w, i, &number);
        cr_assert_not(w.failed);
        for (uint32_t changes = below(3) == 0 ? below(4) : 0; changes > 0; changes--)
            bytes[below((uint32_t)w.len)] = (uint8_t)below(256);
        size_t len = below(10) == 0 ? below((uint32_t)w.len) : w.len;
        const char *differs = sflow_twice_feed(twice, &source, bytes, len);
        cr_assert_null(differs, "datagram %u of one %s: %s", i, c->name, differs);
    }
    cr_assert_gt(sflow_twice_records(twice), (uint64_t)DATAGRAMS);
    sflow_twice_free(twice);
}
