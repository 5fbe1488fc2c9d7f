#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

/* Start and end in every pair of kinds: each is told as the same two moments. */
static const uint64_t start_ms = EXPORT_SECONDS * 1000ULL - 30000, end_ms = start_ms + 25000;
enum { LASTED_MS = 25000 };

struct kind {
    uint16_t start, end, len;
};
static const struct kind kinds[] = {{22, 21, 4},   {150, 151, 4}, {152, 153, 8},
                                    {154, 155, 8}, {156, 157, 8}, {158, 159, 4}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static uint64_t ntp(uint64_t unix_ms)
{
    return (unix_ms / 1000 + 2208988800) << 32 | (unix_ms % 1000 << 32) / 1000;
}

/* As an exporter writes it whose clock and uptime are the header's. */
static uint64_t value_of(uint16_t element, uint64_t unix_ms)
{
    const uint64_t export_ms = EXPORT_SECONDS * 1000ULL;
    switch (element) {
    case 21:
    case 22:
        return UPTIME_MS - (export_ms - unix_ms);
    case 150:
    case 151:
        return unix_ms / 1000;
    case 152:
    case 153:
        return unix_ms;
    case 158:
    case 159:
        return (export_ms - unix_ms) * 1000;
    default:
        return ntp(unix_ms);
    }
}

static void put_flow(struct bench *b, const struct kind *from, const struct kind *to)
{
    set_start(b, b->bytes[1] == 9 ? 0 : 2);
    PUT16(b, 256, 3, 1, 4, from->start, from->len, to->end, to->len);
    set_end(b);
    set_start(b, 256);
    PUT32(b, 1);
    wire_put_uint(&b->w, from->len, value_of(from->start, start_ms));
    wire_put_uint(&b->w, to->len, value_of(to->end, end_ms));
    set_end(b);
}

Test(times, start_and_end_may_be_of_any_two_kinds)
{
    for (size_t i = 0; i < KINDS * KINDS; i++) {
        const struct kind *from = &kinds[i / KINDS], *to = &kinds[i % KINDS];
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        v9_start(&b, 7);
        put_flow(&b, from, to);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert(b.flows[0].has & FLOW_DURATION, "%u and %u", from->start, to->end);
        cr_assert_eq(b.flows[0].duration_ms, (uint32_t)LASTED_MS, "%u and %u: %u", from->start,
                     to->end, b.flows[0].duration_ms);
        cr_assert_eq(b.flows[0].time_ms, end_ms, "%u and %u", from->start, to->end);
        bench_done(&b);
    }
}

/* IPFIX has no uptime in its header: without element 160 one that stands alone counts from
 * nowhere. */
Test(times, an_uptime_beside_another_kind_needs_the_time_it_counts_from)
{
    static const struct {
        uint16_t start, end, end_len;
    } cases[] = {{22, 153, 8}, {152, 21, 4}};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        struct kind from = {.start = cases[i].start, .len = cases[i].start == 22 ? 4 : 8};
        struct kind to = {.end = cases[i].end, .len = cases[i].end_len};
        bench_init(&b, &(struct decode_limits){0});
        ipfix_start(&b, 7);
        put_flow(&b, &from, &to);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_not(b.flows[0].has & FLOW_DURATION);
        ipfix_start(&b, 7);
        set_start(&b, 3);
        PUT16(&b, 300, 2, 1, 149, 4, 160, 8);
        set_end(&b);
        set_start(&b, 300);
        PUT32(&b, 7);
        wire_put_u64(&b.w, EXPORT_SECONDS * 1000ULL - UPTIME_MS);
        set_end(&b);
        put_flow(&b, &from, &to);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].duration_ms, (uint32_t)LASTED_MS);
        cr_assert_eq(b.flows[0].time_ms, end_ms);
        bench_done(&b);
    }
}

Test(times, a_duration_told_as_such_serves_where_only_one_end_is_told)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 3, 1, 4, 153, 8, 161, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 1);
    wire_put_u64(&b.w, end_ms);
    PUT32(&b, 1500);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].duration_ms, 1500);
    cr_assert_eq(b.flows[0].time_ms, end_ms);
    bench_done(&b);
}

static uint32_t duration_by(struct bench *b, uint16_t counter)
{
    v9_start(b, 7);
    set_start(b, 0);
    PUT16(b, 256, 5, counter, 4, 8, 4, 12, 4, 152, 8, 153, 8);
    set_end(b);
    set_start(b, 256);
    PUT32(b, 1000, 0x0a000001, 0xcb007107);
    wire_put_u64(&b->w, end_ms - 7200000);
    wire_put_u64(&b->w, end_ms);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
    cr_assert_eq(b->flows[0].time_ms, end_ms);
    return b->flows[0].duration_ms;
}

Test(times, deltas_came_within_the_active_timeout_that_options_tell)
{
    enum { DELTA = 1, TOTAL = 85 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(duration_by(&b, DELTA), 7200000);
    v9_start(&b, 7);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 36, 2);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 0);
    PUT16(&b, 60);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(duration_by(&b, DELTA), 60000);
    cr_assert_eq(duration_by(&b, TOTAL), 7200000, "a total is of all of its flow's life");
    bench_done(&b);
}
