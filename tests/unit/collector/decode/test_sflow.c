#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

static const uint8_t udp_frame[] = {0,    0, 0,   0,  0,   1, 0, 0,  0,    0,    0, 2, 8,  0,
                                    0x45, 0, 0,   28, 0,   1, 0, 0,  64,   17,   0, 0, 10, 0,
                                    0,    1, 203, 0,  113, 7, 0, 53, 0x13, 0x88, 0, 8, 0,  0};

static void start(struct bench *b, uint32_t samples)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT32(b, 5, 1, 0x0a0000fe, 3, b->sequence++, UPTIME_MS, samples);
}

static size_t sample_start(struct bench *b, uint32_t type)
{
    PUT32(b, type);
    return wire_hold(&b->w, 4);
}

static void sample_end(struct bench *b, size_t at)
{
    wire_fill_len(&b->w, at, 4);
}

static void put_raw_header(struct bench *b, uint32_t frame_len)
{
    PUT32(b, 1, 16 + 44, 1, frame_len, 4, sizeof(udp_frame));
    wire_put_bytes(&b->w, udp_frame, sizeof(udp_frame));
    PUT16(b, 0);
}

Test(sflow, a_flow_sample_counts_the_frames_length)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 0x40000000, 1);
    put_raw_header(&b, 1400);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->bytes, 1400);
    cr_assert_eq(f->packets, 1);
    cr_assert_eq(f->ip_length, 28);
    cr_assert_eq(f->sampling_rate, 1000);
    cr_assert_eq(f->sampling_source, SAMPLING_SAMPLE);
    cr_assert_eq(f->source_if, 7);
    cr_assert_eq(f->input_if, 11);
    cr_assert(f->dropped, "its output says discarded");
    cr_assert_not(f->has & FLOW_OUTPUT_IF);
    cr_assert_eq(f->src_port, 53);
    cr_assert_eq(f->agent.octets[3], 254);
    cr_assert_eq(f->domain, 3);
    bench_done(&b);
}

Test(sflow, an_expanded_sample_with_switch_router_and_gateway)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 3);
    PUT32(&b, 1, 0, 7, 2048, 5000, 0, 0, 11, 0, 12, 4);
    put_raw_header(&b, 100);
    PUT32(&b, 1001, 16, 100, 0, 200, 0);
    PUT32(&b, 1002, 16, 1, 0x0a000001, 24, 16);
    PUT32(&b, 1003, 44, 1, 0x0a000009, 65000, 65001, 65002, 1, 2, 2, 65010, 65020, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->vlan, 100);
    cr_assert_eq(f->output_if, 12);
    cr_assert_eq(f->src_mask, 24);
    cr_assert_eq(f->src_as, 65001);
    cr_assert_eq(f->dst_as, 65020);
    cr_assert_eq(f->next_hop.octets[3], 9);
    bench_done(&b);
}

Test(sflow, a_parsed_header_serves_where_there_is_no_raw_one)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 10, 5000, 0, 11, 12, 2);
    PUT32(&b, 2, 20, 118, 0, 0, 0, 0x0800);
    PUT32(&b, 3, 32, 100, 17, 0x0a000001, 0xcb007107, 53, 5000, 0, 0xb8);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].bytes, 118, "the frame, not the IP packet");
    cr_assert_eq(b.flows[0].ip_length, 100);
    cr_assert_eq(b.flows[0].dst_port, 5000);
    cr_assert_eq(b.flows[0].tos, 0xb8);
    bench_done(&b);
}

Test(sflow, an_interfaces_counters_are_offered)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 2);
    size_t at = sample_start(&b, 2);
    PUT32(&b, 1, 7, 2);
    PUT32(&b, 2, 52); /* Ethernet's own counters */
    PUT32(&b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    PUT32(&b, 1, 88, 7, 6, 2, 0x540be400, 1, 3); /* index, type, 10 Gbit/s, full duplex, up */
    PUT32(&b, 1, 5, 100, 20, 3, 11, 12, 0);
    PUT32(&b, 2, 6, 200, 40, 6, 21, 22, 0);
    sample_end(&b, at);
    at = sample_start(&b, 4);
    PUT32(&b, 1, 0, 8, 1);
    PUT32(&b, 1, 88, 8, 6, 0, 1000000000, 1, 1);
    PUT32(&b, 0, 9, 1, 0, 0, 0, 0, 0);
    PUT32(&b, 0, 0, 0, 0, 0, 0, 0, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.interface_count, 2);
    const struct decode_interface *i = &b.interfaces[0];
    cr_assert_eq(i->index, 7);
    cr_assert_eq(i->speed_bps, UINT64_C(10000000000));
    cr_assert(i->is_up);
    cr_assert_eq(i->in_octets, UINT64_C(0x100000005));
    cr_assert_eq(i->in_packets, 123);
    cr_assert_eq(i->in_discards, 11);
    cr_assert_eq(i->in_errors, 12);
    cr_assert_eq(i->out_octets, UINT64_C(0x200000006));
    cr_assert_eq(i->out_packets, 246);
    cr_assert_eq(i->out_discards, 21);
    cr_assert_eq(i->out_errors, 22);
    cr_assert_eq(i->agent.octets[3], 254);
    cr_assert_eq(i->exporter.octets[3], 1);
    cr_assert_eq(i->sub_agent, 3);
    cr_assert_eq(i->uptime_ms, UPTIME_MS);
    cr_assert_eq(b.interfaces[1].index, 8);
    cr_assert_not(b.interfaces[1].is_up, "its operator wants it up, it is not");
    cr_assert_eq(decode_counters(b.decode)->counter_samples, 2);
    cr_assert_eq(decode_counters(b.decode)->interface_counters, 2);
    bench_done(&b);
}

Test(sflow, the_interface_that_sampled_is_told_and_what_is_none_is_not)
{
    static const struct {
        bool expanded;
        uint32_t source[2], wanted;
    } cases[] = {
        {false, {7}, 7},          {false, {0x00ffffff}, 0xffffff},     {false, {0x01000007}, 0},
        {false, {0x02000007}, 0}, {true, {0, 0x01000007}, 0x01000007}, {true, {2, 7}, 0}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b.flow_count = 0;
        start(&b, 1);
        size_t at = sample_start(&b, cases[i].expanded ? 3 : 1);
        if (cases[i].expanded)
            PUT32(&b, 1, cases[i].source[0], cases[i].source[1], 10, 0, 0, 0, 11, 0, 12, 1);
        else
            PUT32(&b, 1, cases[i].source[0], 10, 0, 0, 11, 12, 1);
        PUT32(&b, 2, 20, 118, 0, 0, 0, 0x0800);
        sample_end(&b, at);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, 1);
        cr_assert_eq(b.flows[0].source_if, cases[i].wanted, "case %zu", i);
    }
    bench_done(&b);
}

/* All ones say that the agent does not have this counter. */
Test(sflow, what_an_agent_does_not_count_is_no_sum)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 2);
    PUT32(&b, 1, 7, 1);
    PUT32(&b, 1, 88, 7, 6, 0, 1000, 1, 3);
    PUT32(&b, UINT32_MAX, UINT32_MAX, 100, UINT32_MAX, UINT32_MAX, UINT32_MAX, 12, 0);
    PUT32(&b, 2, 6, UINT32_MAX, UINT32_MAX, UINT32_MAX, 21, UINT32_MAX, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    const struct decode_interface *i = &b.interfaces[0];
    cr_assert_eq(i->in_octets, UINT64_MAX);
    cr_assert_eq(i->in_packets, 100);
    cr_assert_eq(i->in_discards, 0);
    cr_assert_eq(i->in_errors, 12);
    cr_assert_eq(i->out_packets, 0);
    cr_assert_eq(i->out_discards, 21);
    cr_assert_eq(i->out_errors, 0);
    bench_done(&b);
}

Test(sflow, cut_counters_are_refused)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 2);
    size_t at = sample_start(&b, 2);
    PUT32(&b, 1, 7, 1, 1, 12, 7, 6, 2);
    sample_end(&b, at);
    at = sample_start(&b, 2);
    PUT32(&b, 1, 7, UINT32_MAX);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_RECORD);
    cr_assert_eq(b.interface_count, 0);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_SFLOW5][DECODE_RECORD], 2);
    bench_done(&b);
}

static void put_discard(struct bench *b, uint32_t reason)
{
    size_t at = sample_start(b, 5);
    PUT32(b, 1, 0, 7, 0, 11, 12, reason, 1);
    put_raw_header(b, 100);
    sample_end(b, at);
}

Test(sflow, discards_are_counted_by_their_reason)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 5);
    put_discard(&b, 258);
    put_discard(&b, 258);
    put_discard(&b, 13);
    put_discard(&b, 16);
    put_discard(&b, UINT32_MAX);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.discard_count, 5);
    const uint64_t *discards = decode_counters(b.decode)->discards;
    cr_assert_eq(discards[DISCARD_acl], 2);
    cr_assert_eq(discards[DISCARD_comm_admin_prohibited], 1);
    cr_assert_eq(discards[DISCARD_OTHER], 2);
    cr_assert_str_eq(discard_reason_name(DISCARD_acl), "acl");
    cr_assert_str_eq(discard_reason_name(DISCARD_OTHER), "other");
    bench_done(&b);
}

struct header_case {
    char name[40];
    uint32_t protocol;
    char octets[80]; /* before the IP packet, as they are on the wire; counted by len */
    size_t len;
    uint16_t vlan;
};

#define MACS "\0\0\0\0\0\1\0\0\0\0\0\2"
#define HEADER(name, protocol, octets, vlan)                                                       \
    {                                                                                              \
        name, protocol, octets, sizeof(octets) - 1, vlan                                           \
    }

ParameterizedTestParameters(sflow, raw_headers)
{
    static struct header_case cases[] = {
        HEADER("Ethernet", 1, MACS "\x08\0", 0),
        HEADER("802.1Q", 1, MACS "\x81\0\x20\x64\x08\0", 100),
        HEADER("QinQ", 1, MACS "\x88\xa8\0\xc8\x81\0\0\x64\x08\0", 200),
        HEADER("MPLS stack", 1, MACS "\x88\x47\0\x01\0\x40\0\x02\x01\x40", 0),
        HEADER("QinQ and PPPoE", 1, MACS "\x88\xa8\0\xc8\x81\0\0\x64\x88\x64\x11\0\0\1\0\x1e\0\x21",
               200),
        HEADER("PPP", 7, "\xff\x03\0\x21", 0),
        HEADER("PPP, address left out", 7, "\0\x21", 0),
        HEADER("PPP and MPLS", 7, "\xff\x03\x02\x81\0\x02\x01\x40", 0),
        HEADER("AAL5 of IP", 10, "", 0),
        HEADER("IPv4", 11, "", 0),
        HEADER("IP told as IPv6", 12, "", 0),
        HEADER("MPLS", 13, "\0\x01\0\x40\0\x02\x01\x40", 0),
        HEADER("POS of PPP", 14, "\xff\x03\0\x21", 0),
        HEADER("POS of Cisco HDLC", 14, "\x0f\0\x08\0", 0),
    };
    return cr_make_param_array(struct header_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct header_case *c, sflow, raw_headers)
{
    struct bench b;
    const uint8_t *packet = udp_frame + 14;
    size_t len = c->len + sizeof(udp_frame) - 14;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 12, 1);
    PUT32(&b, 1, (uint32_t)(16 + ((len + 3) & ~3U)), c->protocol, 1400, 4, (uint32_t)len);
    wire_put_bytes(&b.w, c->octets, c->len);
    wire_put_bytes(&b.w, packet, sizeof(udp_frame) - 14);
    while (b.w.len % 4 != 0)
        wire_put_u8(&b.w, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK, "%s", c->name);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->bytes, 1400, "%s", c->name);
    cr_assert_eq(f->ip_length, 28, "%s", c->name);
    cr_assert_eq(f->src_port, 53, "%s", c->name);
    cr_assert_eq(f->dst_addr.octets[0], 203, "%s", c->name);
    cr_assert_eq(f->vlan, c->vlan, "%s", c->name);
    bench_done(&b);
}

Test(sflow, a_sampled_ipv6_packet_and_records_that_say_nothing_of_it)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 10, 5000, 0, 11, 12, 5);
    PUT32(&b, 1007, 16, 1, 0x0a000001, 1, 0x0a000002); /* NAT: addresses after it */
    PUT32(&b, 1023, 32, 100, 47, 1, 2, 0, 0, 0, 0);    /* the tunnel it goes out by */
    PUT32(&b, 1027, 4, 50);                            /* where an inner header begins */
    PUT32(&b, 1029, 4, 5000);                          /* its VNI */
    PUT32(&b, 4, 56, 120, 6, 0x20010db8, 0, 0, 1, 0x20010db8, 0, 0, 2, 443, 5000, 0x12, 0x20);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->src_addr.family, ADDR_IPV6);
    cr_assert_eq(f->src_addr.octets[15], 1);
    cr_assert_eq(f->dst_addr.octets[15], 2);
    cr_assert_eq(f->protocol, 6);
    cr_assert_eq(f->tcp_flags, 0x12);
    cr_assert_eq(f->tos, 0x20);
    cr_assert_eq(f->bytes, 120);
    cr_assert_eq(f->dst_port, 5000);
    bench_done(&b);
}

Test(sflow, what_is_no_multiple_of_four_is_filled_up_to_one)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 2);
    PUT32(&b, 1, 32 + 8 + 16 + 44 + 24);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 12, 2);
    PUT32(&b, 1, 16 + sizeof(udp_frame), 1, 1400, 4, sizeof(udp_frame)); /* 58 octets */
    wire_put_bytes(&b.w, udp_frame, sizeof(udp_frame));
    PUT16(&b, 0);
    PUT32(&b, 1001, 16, 100, 0, 200, 0);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 2, 7, 1000, 5000, 0, 11, 12, 1);
    PUT32(&b, 1, 16 + sizeof(udp_frame), 1, 600, 4, sizeof(udp_frame));
    wire_put_bytes(&b.w, udp_frame, sizeof(udp_frame)); /* and nothing behind the last one */
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].vlan, 100);
    cr_assert_eq(b.flows[1].bytes, 600);
    bench_done(&b);
}

Test(sflow, counter_samples_are_counted_and_discards_come_apart)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 3);
    size_t at = sample_start(&b, 2);
    PUT32(&b, 1, 2, 0);
    sample_end(&b, at);
    at = sample_start(&b, 5);
    PUT32(&b, 1, 0, 7, 0, 11, 12, 256, 1);
    put_raw_header(&b, 100);
    sample_end(&b, at);
    at = sample_start(&b, (4413U << 12) | 1);
    PUT32(&b, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_SAMPLE_KIND);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(b.discard_count, 1);
    cr_assert(b.discards[0].dropped);
    cr_assert_eq(decode_counters(b.decode)->counter_samples, 1);
    cr_assert_eq(decode_counters(b.decode)->discard_samples, 1);
    bench_done(&b);
}

Test(sflow, a_sample_cannot_read_its_neighbour)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 2);
    PUT32(&b, 1, 8, 1, 7); /* a flow sample of 8 octets */
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 12, 1);
    put_raw_header(&b, 1400);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_SAMPLE);
    cr_assert_eq(b.flow_count, 1);
    bench_done(&b);
}

Test(sflow, a_header_longer_than_its_record_says_what_is_there)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 12, 1);
    PUT32(&b, 1, 16 + sizeof(udp_frame), 1, 1400, 4, sizeof(udp_frame) + 1);
    wire_put_bytes(&b.w, udp_frame, sizeof(udp_frame));
    while (b.w.len % 4 != 0)
        wire_put_u8(&b.w, 0);
    sample_end(&b, at);
    cr_assert_eq(bench_send(&b), DECODE_PACKET);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 1400);
    cr_assert_eq(b.flows[0].dst_addr.octets[0], 203);
    bench_done(&b);
}

Test(sflow, sequences_belong_to_agent_and_sub_agent)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 0);
    bench_send(&b);
    b.sequence += 2;
    start(&b, 0);
    wire_put_uint_at(b.bytes + 12, 4, 99); /* another sub-agent begins */
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 0);
    start(&b, 0);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 3);
    bench_done(&b);
}

Test(sflow, every_cut_is_survived)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    start(&b, 1);
    size_t at = sample_start(&b, 1);
    PUT32(&b, 1, 7, 1000, 5000, 0, 11, 12, 1);
    put_raw_header(&b, 1400);
    sample_end(&b, at);
    size_t len = b.w.len;
    for (size_t cut = 0; cut < len; cut++)
        cr_assert_neq(bench_feed(&b, b.bytes, cut), DECODE_OK, "%zu", cut);
    bench_done(&b);
}

/* A router may send NetFlow 9 beside, whose options speak of that alone. */
Test(sflow, options_of_a_netflow_domain_do_not_contradict_samples)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 34, 4);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 1, 1000);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    for (uint32_t i = 0; i < 10; i++) {
        b.sequence = i;
        start(&b, 1);
        size_t at = sample_start(&b, 1);
        PUT32(&b, i, 7, 2000, 2000 * i, 0, 11, 12, 1);
        put_raw_header(&b, 1400);
        sample_end(&b, at);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, 2000);
    }
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 0);
    bench_done(&b);
}
