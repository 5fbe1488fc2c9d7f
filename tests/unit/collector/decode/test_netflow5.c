#include "tests/unit/collector/decode/datagram.h"

static void v5_start(struct bench *b, uint16_t count, uint32_t sequence, uint16_t sampling)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 5, count);
    PUT32(b, UPTIME_MS, EXPORT_SECONDS, 0, sequence);
    PUT16(b, 0x0102, sampling);
}

static void v5_record(struct bench *b, uint8_t protocol, uint16_t src_port, uint16_t dst_port)
{
    PUT32(b, 0x0a000001, 0xcb007107, 0x0a0000fe);
    PUT16(b, 3, 4);
    PUT32(b, 10, 1500, UPTIME_MS - 3000, UPTIME_MS - 1000);
    PUT16(b, src_port, dst_port);
    wire_put_u8(&b->w, 0);
    wire_put_u8(&b->w, 0x12);
    wire_put_u8(&b->w, protocol);
    wire_put_u8(&b->w, 0xb8);
    PUT16(b, 65001, 65002, 0x1810, 0);
}

Test(netflow5, a_record_with_all_it_says)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 1, 0, 0x4000 | 100);
    v5_record(&b, 6, 443, 5000);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    const struct flow_record *f = &b.flows[0];
    cr_assert_eq(f->format, FORMAT_NETFLOW5);
    cr_assert_eq(f->domain, 0x0102);
    cr_assert_eq(f->src_addr.octets[0], 10);
    cr_assert_eq(f->dst_addr.octets[0], 203);
    cr_assert_eq(f->input_if, 3);
    cr_assert_eq(f->output_if, 4);
    cr_assert_eq(f->packets, 10);
    cr_assert_eq(f->bytes, 1500);
    cr_assert_eq(f->src_port, 443);
    cr_assert_eq(f->tcp_flags, 0x12);
    cr_assert_eq(f->tos, 0xb8);
    cr_assert_eq(f->src_as, 65001);
    cr_assert_eq(f->src_mask, 24);
    cr_assert_eq(f->dst_mask, 16);
    cr_assert_eq(f->duration_ms, 2000);
    cr_assert_eq(f->time_ms, EXPORT_SECONDS * UINT64_C(1000) - 1000);
    cr_assert_eq(f->sampling_rate, 100);
    cr_assert_eq(f->sampling_source, SAMPLING_HEADER);
    bench_done(&b);
}

Test(netflow5, a_rate_counts_whatever_the_mode_says)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 1, 0, 1000);
    v5_record(&b, 6, 443, 5000);
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 1000);
    bench_done(&b);
}

Test(netflow5, the_operator_overrides_and_a_missing_rate_is_unknown)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 1, 0, 0);
    v5_record(&b, 6, 443, 5000);
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_UNKNOWN);
    cr_assert_eq(b.flows[0].sampling_rate, 0);
    b.source.sampling_default = 50;
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_EXPORTER);
    cr_assert_eq(b.flows[0].sampling_rate, 50);
    b.source.sampling_override = 200;
    v5_start(&b, 1, 1, 100);
    v5_record(&b, 6, 443, 5000);
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_OVERRIDE);
    cr_assert_eq(b.flows[0].sampling_rate, 200);
    bench_done(&b);
}

static void tell_in_netflow9(struct bench *b, uint32_t rate)
{
    v9_start(b, 7);
    set_start(b, 1);
    PUT16(b, 300, 4, 4, 1, 4, 34, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 1, rate);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

static void keep_events(void *owner, const struct decode_exporter_info *info)
{
    *(struct decode_sampling_events *)owner = info->sampling;
}

/* The header counts, and people see that the exporter's options say another rate. */
Test(netflow5, a_header_that_differs_from_the_exporters_options_is_a_contradiction)
{
    struct bench b;
    struct decode_sampling_events events;
    bench_init(&b, &(struct decode_limits){0});
    tell_in_netflow9(&b, 1000);
    for (uint32_t i = 0; i < 3; i++) {
        static const uint16_t headers[] = {1000, 0, 100};
        cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 0);
        v5_start(&b, 1, i, headers[i]);
        v5_record(&b, 6, 443, 5000);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, i < 2 ? 1000 : 100);
        cr_assert_eq(b.flows[0].sampling_source, i == 1 ? SAMPLING_OPTIONS : SAMPLING_HEADER);
    }
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 1);
    decode_exporters(b.decode, 0, b.now_ms, keep_events, &events);
    cr_assert_eq(events.contradictions, 1);
    cr_assert_eq(events.last.used, 100);
    cr_assert_eq(events.last.used_source, SAMPLING_HEADER);
    cr_assert_eq(events.last.said, 1000);
    cr_assert_eq(events.last.said_source, SAMPLING_OPTIONS);
    bench_done(&b);
}

Test(netflow5, icmp_comes_from_the_destination_port)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 2, 0, 0);
    v5_record(&b, 1, 0, 0x0301);
    v5_record(&b, 17, 0, 0);
    bench_send(&b);
    cr_assert(b.flows[0].has & FLOW_ICMP);
    cr_assert_eq(b.flows[0].icmp_type, 3);
    cr_assert_eq(b.flows[0].icmp_code, 1);
    cr_assert_not(b.flows[0].has & FLOW_DST_PORT);
    cr_assert_not(b.flows[1].has & FLOW_SRC_PORT, "two zeros are a later fragment's");
    cr_assert_not(b.flows[1].has & FLOW_TCP_FLAGS);
    bench_done(&b);
}

Test(netflow5, a_count_beyond_the_datagram_is_refused_whole)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 2, 0, 0);
    v5_record(&b, 6, 443, 5000);
    cr_assert_eq(bench_send(&b), DECODE_COUNT);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_NETFLOW5][DECODE_COUNT], 1);
    bench_done(&b);
}

Test(netflow5, lost_records_are_counted_by_the_sequence)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 1, 100, 0);
    v5_record(&b, 6, 443, 5000);
    bench_send(&b);
    v5_start(&b, 1, 131, 0);
    v5_record(&b, 6, 443, 5000);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 30);
    bench_done(&b);
}

Test(netflow5, every_cut_is_refused_or_read)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v5_start(&b, 1, 0, 0);
    v5_record(&b, 6, 443, 5000);
    size_t len = b.w.len;
    for (size_t cut = 0; cut < len; cut++) {
        cr_assert_neq(bench_feed(&b, b.bytes, cut), DECODE_OK, "%zu", cut);
        cr_assert_eq(b.flow_count, 0);
    }
    bench_done(&b);
}
