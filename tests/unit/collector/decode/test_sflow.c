#include "tests/unit/collector/decode/datagram.h"

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
