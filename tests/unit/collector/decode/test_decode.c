#include "tests/unit/collector/decode/datagram.h"

Test(decode, what_is_no_format_is_counted_as_none)
{
    static const uint8_t nothing[] = {0, 7, 0, 1, 9, 9, 9, 9};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(bench_feed(&b, nothing, 0), DECODE_EMPTY);
    cr_assert_eq(bench_feed(&b, nothing, 3), DECODE_EMPTY);
    cr_assert_eq(bench_feed(&b, nothing, sizeof(nothing)), DECODE_VERSION);
    cr_assert_eq(decode_counters(b.decode)->datagrams[FORMAT_COUNT], 3);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_COUNT][DECODE_VERSION], 1);
    bench_done(&b);
}

struct seen {
    size_t count;
    struct decode_exporter_info last;
};

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    struct seen *seen = owner;
    seen->count++;
    seen->last = *info;
}

Test(decode, exporters_are_told_from_the_one_heard_last)
{
    struct bench b;
    struct seen seen = {0};
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 3; i++) {
        b.now_ms = i * 1000;
        b.source.addr = addr_from_ipv4(i);
        v9_start(&b, 7);
        bench_send(&b);
    }
    decode_exporters(b.decode, 2000, 4000, on_exporter, &seen);
    cr_assert_eq(seen.count, 2);
    cr_assert_eq(seen.last.addr.octets[3], 2);
    cr_assert_eq(seen.last.formats, 1U << FORMAT_NETFLOW9);
    cr_assert_eq(seen.last.counts.datagrams, 1);
    bench_done(&b);
}

Test(decode, two_senders_of_one_sequence_are_shown_for_a_minute)
{
    struct bench b;
    struct seen seen = {0};
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 0; i < 40; i++, b.now_ms += 100) {
        b.sequence = 1000 + i;
        v9_start(&b, 7);
        bench_send(&b);
        b.sequence = 500000 + i;
        v9_start(&b, 7);
        bench_send(&b);
    }
    decode_exporters(b.decode, 0, b.now_ms, on_exporter, &seen);
    cr_assert(seen.last.two_senders);
    decode_exporters(b.decode, 0, b.now_ms + 61000, on_exporter, &seen);
    cr_assert_not(seen.last.two_senders);
    bench_done(&b);
}

Test(decode, each_reason_has_a_name_and_a_text)
{
    for (int r = 0; r < DECODE_REASON_COUNT; r++) {
        cr_assert_gt(strlen(decode_reason_name((enum decode_reason)r)), 1);
        cr_assert_gt(strlen(decode_reason_text((enum decode_reason)r)), 1);
    }
}
