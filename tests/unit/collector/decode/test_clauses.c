#include "tests/unit/collector/decode/datagram.h"

/* Clauses of the formats that no other file of tests names, a record by hand for each. */

/* --- NetFlow 9 and IPFIX --- */

static void put_octets_record(struct bench *b, uint16_t id, uint32_t octets)
{
    set_start(b, id);
    PUT32(b, octets);
    set_end(b);
}

/* RFC 7011, 3.1: a message may hold no set at all. */
Test(clauses, a_header_alone_is_a_message)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 7);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    v9_start(&b, 7);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    bench_done(&b);
}

/* 3.3.2: ids 4 to 255 are reserved; what stands behind such a set is read. */
Test(clauses, a_set_that_is_not_understood_hides_none_behind_it)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 7);
    set_start(&b, 2);
    PUT16(&b, 256, 1, 1, 4);
    set_end(&b);
    put_octets_record(&b, 200, 1);
    put_octets_record(&b, 999, 2);
    put_octets_record(&b, 256, 3);
    cr_assert_eq(ipfix_send(&b), DECODE_SET_ID);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 3);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_IPFIX][DECODE_NO_TEMPLATE], 1);
    bench_done(&b);
}

/* 3.3.1 and RFC 3954, 5.2: several definitions in one set, which is filled up with zeros. */
Test(clauses, several_templates_in_one_set_and_padding_behind_them)
{
    for (uint32_t padding = 1; padding <= 7; padding++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        v9_start(&b, 7);
        set_start(&b, 0);
        PUT16(&b, 256, 1, 1, 4, 257, 2, 1, 4, 2, 4);
        for (uint32_t i = 0; i < padding; i++)
            wire_put_u8(&b.w, 0);
        set_end(&b);
        set_start(&b, 1);
        PUT16(&b, 300, 4, 4, 1, 4, 34, 4);
        for (uint32_t i = 0; i < padding; i++)
            wire_put_u8(&b.w, 0);
        set_end(&b);
        put_octets_record(&b, 256, 5);
        set_start(&b, 257);
        PUT32(&b, 6, 1);
        for (uint32_t i = 0; i < padding; i++)
            wire_put_u8(&b.w, 0);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK, "%u", padding);
        cr_assert_eq(b.flow_count, 2, "%u", padding);
        cr_assert_eq(b.flows[1].bytes, 6);
        bench_done(&b);
    }
}

/* 8: an id is defined anew, as the other kind of template. */
Test(clauses, an_id_may_become_one_of_options_and_back)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 7);
    set_start(&b, 2);
    PUT16(&b, 256, 1, 1, 4);
    set_end(&b);
    put_octets_record(&b, 256, 5);
    set_start(&b, 3);
    PUT16(&b, 256, 2, 1, 149, 4, 34, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 7, 100);
    set_end(&b);
    set_start(&b, 2);
    PUT16(&b, 256, 1, 1, 4);
    set_end(&b);
    put_octets_record(&b, 256, 6);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[1].bytes, 6);
    cr_assert_eq(b.flows[1].sampling_rate, 100);
    cr_assert_eq(decode_counters(b.decode)->options_records, 1);
    bench_done(&b);
}

/* 3.4.2.1: scopes that are the whole exporter, its domain or a process of its. */
Test(clauses, scopes_that_name_no_part_are_of_all)
{
    static const uint16_t scopes[] = {130, 131, 138, 143, 144, 149, 211};
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        ipfix_start(&b, 7);
        set_start(&b, 3);
        PUT16(&b, 300, 3, 1, scopes[i], 4, 305, 4, 306, 4);
        set_end(&b);
        set_start(&b, 300);
        PUT32(&b, 7, 1, 999);
        set_end(&b);
        set_start(&b, 2);
        PUT16(&b, 256, 1, 1, 4);
        set_end(&b);
        put_octets_record(&b, 256, 5);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, 1000, "scope %u", scopes[i]);
        bench_done(&b);
    }
}

/* 3.4.2.1: several scopes; a selector is found by its id wherever it stands. */
Test(clauses, a_selector_among_several_scopes)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 7);
    set_start(&b, 3);
    PUT16(&b, 300, 4, 2, 149, 4, 302, 8, 309, 4, 310, 4);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 7, 0, 3, 1, 512);
    PUT32(&b, 7, 0, 4, 1, 64);
    set_end(&b);
    set_start(&b, 2);
    PUT16(&b, 256, 2, 1, 4, 302, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 5, 4, 6, 3, 7, 9);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 64);
    cr_assert_eq(b.flows[1].sampling_rate, 512);
    cr_assert_eq(b.flows[2].sampling_rate, 0);
    bench_done(&b);
}

/* RFC 7012: interfaces by their physical numbers where no others are told, the next header where no
 * protocol is; AS of 2 octets. */
Test(clauses, elements_that_stand_in_for_others)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 7);
    set_start(&b, 2);
    PUT16(&b, 256, 7, 1, 4, 252, 4, 253, 4, 16, 2, 17, 2, 243, 2, 193, 1);
    PUT16(&b, 257, 5, 1, 4, 252, 4, 10, 4, 14, 2, 253, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 5, 11, 12);
    PUT16(&b, 64500, 64501, 100);
    wire_put_u8(&b.w, 17);
    set_end(&b);
    set_start(&b, 257);
    PUT32(&b, 5, 11, 21);
    PUT16(&b, 22);
    PUT32(&b, 12);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].input_if, 11);
    cr_assert_eq(b.flows[0].output_if, 12);
    cr_assert_eq(b.flows[0].src_as, 64500);
    cr_assert_eq(b.flows[0].dst_as, 64501);
    cr_assert_eq(b.flows[0].vlan, 100);
    cr_assert_eq(b.flows[0].protocol, 17);
    cr_assert_eq(b.flows[1].input_if, 21);
    cr_assert_eq(b.flows[1].output_if, 22);
    bench_done(&b);
}

/* 7: a packet's section of variable length, in the form of three octets. */
Test(clauses, a_section_of_variable_length)
{
    static const uint8_t packet[28] = {0x45, 0, 0,   28, 0,   1, 0, 0,  64,   17,   0, 0, 10, 0,
                                       0,    1, 203, 0,  113, 7, 0, 53, 0x13, 0x88, 0, 8, 0,  0};
    for (uint8_t form = 0; form < 2; form++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        ipfix_start(&b, 7);
        set_start(&b, 2);
        PUT16(&b, 256, 2, 313, 0xffff, 10, 4);
        set_end(&b);
        set_start(&b, 256);
        if (form == 1)
            wire_put_u8(&b.w, 255);
        wire_put_uint(&b.w, form == 1 ? 2 : 1, sizeof(packet));
        wire_put_bytes(&b.w, packet, sizeof(packet));
        PUT32(&b, 9);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].dst_port, 5000);
        cr_assert_eq(b.flows[0].bytes, 28);
        cr_assert_eq(b.flows[0].packets, 1);
        cr_assert_eq(b.flows[0].input_if, 9);
        bench_done(&b);
    }
}

/* --- sFlow 5 --- */

static void sflow_start(struct bench *b, uint32_t samples)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT32(b, 5, 1, 0x0a0000fe, 3, b->sequence++, UPTIME_MS, samples);
}

/* An agent that does not know its address says so: type 0, and nothing behind it. */
Test(clauses, an_agent_may_not_know_its_address)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    b.w = wire_writer_of(b.bytes, sizeof(b.bytes));
    PUT32(&b, 5, 0, 3, 1, UPTIME_MS, 1);
    PUT32(&b, 1, 32, 1, 7, 1000, 0, 0, 1, 2, 0);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].agent.family, ADDR_NONE);
    cr_assert_eq(b.flows[0].sampling_rate, 1000);
    cr_assert_eq(b.flows[0].domain, 3);
    bench_done(&b);
}

/* What enterprises add is stepped over by its length, samples and records alike. */
Test(clauses, samples_and_records_of_enterprises_hide_none_behind_them)
{
    enum { ENTERPRISE = 4413 << 12 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    sflow_start(&b, 2);
    PUT32(&b, ENTERPRISE | 1, 8, 1, 2);
    PUT32(&b, 1, 32 + 12 + 24, 1, 7, 1000, 0, 0, 1, 2, 2);
    PUT32(&b, ENTERPRISE | 2, 4, 77);
    PUT32(&b, 2, 16, 1400, 0, 0, 0);
    cr_assert_neq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].input_if, 1);
    cr_assert_eq(b.flows[0].bytes, 1400);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_SFLOW5][DECODE_SAMPLE_KIND], 1);
    bench_done(&b);
}

static void gateway_case(uint32_t next_hop_type, uint32_t segments, uint32_t want_dst_as)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    sflow_start(&b, 1);
    PUT32(&b, 1);
    size_t sample = wire_hold(&b.w, 4);
    PUT32(&b, 1, 7, 1000, 0, 0, 1, 2, 1, 1003);
    size_t record = wire_hold(&b.w, 4);
    PUT32(&b, next_hop_type);
    for (uint32_t i = 0; i < (next_hop_type == 2 ? 4 : next_hop_type); i++)
        PUT32(&b, 0xc0000209);
    PUT32(&b, 64496, 64500, 64499, segments); /* the router's AS, the source's, its peer's */
    if (segments >= 1)
        PUT32(&b, 2, 3, 64510, 64511, 64512);
    if (segments >= 2)
        PUT32(&b, 1, 2, 64520, 64521);
    PUT32(&b, 2, 0xfde80001, 0xfde80002, 100); /* communities, local preference */
    wire_fill_len(&b.w, record, 4);
    wire_fill_len(&b.w, sample, 4);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].src_as, 64500);
    cr_assert_eq(b.flows[0].dst_as, want_dst_as);
    cr_assert_eq((b.flows[0].has & FLOW_DST_AS) != 0, want_dst_as != 0);
    cr_assert_eq((b.flows[0].has & FLOW_NEXT_HOP) != 0, next_hop_type != 0);
    bench_done(&b);
}

/* The destination's AS is the last of the path; without a path it is the router's own network. */
Test(clauses, a_gateways_path_ends_at_the_destination)
{
    gateway_case(1, 1, 64512);
    gateway_case(1, 2, 64521);
    gateway_case(2, 1, 64512);
    gateway_case(0, 1, 64512);
    gateway_case(1, 0, 0);
}

/* --- the packet itself --- */

struct chain_case {
    const char *name;
    uint8_t first; /* the first header's number */
    uint8_t octets[40];
    size_t len;
    uint8_t protocol;
    uint16_t dst_port;
};

/* RFC 8200, 4: headers that may stand before the transport's. */
Test(clauses, extension_headers_of_ipv6)
{
    static const struct chain_case cases[] = {
        {"hop-by-hop, routing",
         0,
         {43, 0, 0, 0, 0, 0, 0, 0, 17, 0, 4, 0, 0, 0, 0, 0, 0, 53, 0x13, 0x88},
         20,
         17,
         5000},
        {"AH of 24 octets",
         51,
         {17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,  0,    0,
          0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53, 0x13, 0x88},
         28,
         17,
         5000},
        {"options of 16 octets",
         60,
         {6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbb, 0x13, 0x88},
         20,
         6,
         5000},
        {"mobility", 135, {59, 0, 0, 0, 0, 0, 0, 0}, 8, 59, 0},
        {"ESP hides what follows", 50, {0, 0, 0, 1, 0, 0, 0, 1}, 8, 50, 0},
        {"first fragment", 44, {17, 0, 0, 1, 0, 0, 0, 7, 0, 53, 0x13, 0x88}, 12, 17, 5000},
        {"nothing follows", 59, {0}, 0, 59, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct chain_case *c = &cases[i];
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        sflow_start(&b, 1);
        PUT32(&b, 1);
        size_t sample = wire_hold(&b.w, 4);
        PUT32(&b, 1, 7, 1000, 0, 0, 1, 2, 1, 1);
        size_t record = wire_hold(&b.w, 4);
        PUT32(&b, 12, 1500, 0, (uint32_t)(40 + c->len));
        PUT32(&b, 0x60000000, (uint32_t)(c->len << 16) | (uint32_t)c->first << 8 | 64);
        PUT32(&b, 0x20010db8, 0, 0, 1, 0x20010db8, 0, 0, 2);
        wire_put_bytes(&b.w, c->octets, c->len);
        wire_fill_len(&b.w, record, 4);
        wire_fill_len(&b.w, sample, 4);
        cr_assert_eq(bench_send(&b), DECODE_OK, "%s", c->name);
        cr_assert_eq(b.flows[0].protocol, c->protocol, "%s: %u", c->name, b.flows[0].protocol);
        cr_assert_eq((b.flows[0].has & FLOW_DST_PORT) != 0, c->dst_port != 0, "%s", c->name);
        cr_assert_eq(b.flows[0].dst_port, c->dst_port, "%s", c->name);
        bench_done(&b);
    }
}
