#include "collector/decode/timeout.h"

#include "collector/decode/snapshot.h"
#include "tests/unit/collector/decode/datagram.h"

/* A router that keeps the start of a flow of two hours through all of its exports, as Junos does,
 * and tells its active timeout in options. */
enum { DOMAIN = 7, LASTED_MS = 7200000, HOUR_MS = 3600000, SYSTEM = 1, TEMPLATE = 5 };

static void begin(struct bench *b)
{
    bench_init(b, &(struct decode_limits){0});
    b->now_ms = UINT64_C(4000) * 1000;
}

static void tell(struct bench *b, uint32_t domain, uint16_t scope, uint16_t id, uint16_t timeout_s)
{
    v9_start(b, domain);
    set_start(b, 1);
    PUT16(b, 300, 4, 4, scope, 2, 36, 2);
    set_end(b);
    set_start(b, 300);
    PUT16(b, id, timeout_s);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

static void define(struct bench *b, uint16_t id)
{
    v9_start(b, DOMAIN);
    set_start(b, 0);
    PUT16(b, id, 5, 1, 4, 8, 4, 12, 4, 152, 8, 153, 8);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

static uint32_t duration_by(struct bench *b, uint16_t id)
{
    const uint64_t end_ms = EXPORT_SECONDS * UINT64_C(1000);
    v9_start(b, DOMAIN);
    set_start(b, id);
    PUT32(b, 1000, 0x0a000001, 0xcb007107);
    wire_put_u64(&b->w, end_ms - LASTED_MS);
    wire_put_u64(&b->w, end_ms);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
    return b->flows[0].duration_ms;
}

static void keep_longest(void *owner, const struct decode_exporter_info *info)
{
    *(uint32_t *)owner = info->active_timeout_ms;
}

static uint32_t shown(const struct bench *b)
{
    uint32_t ms = UINT32_MAX;
    decode_exporters(b->decode, 0, b->now_ms, keep_longest, &ms);
    return ms;
}

Test(timeout, of_one_template_it_bounds_no_other)
{
    struct bench b;
    begin(&b);
    for (uint16_t id = 256; id < 259; id++)
        define(&b, id);
    tell(&b, DOMAIN, TEMPLATE, 257, 1800);
    tell(&b, DOMAIN, TEMPLATE, 256, 60);
    cr_assert_eq(duration_by(&b, 256), 60000);
    cr_assert_eq(duration_by(&b, 257), 1800000);
    cr_assert_eq(duration_by(&b, 258), (uint32_t)LASTED_MS);
    cr_assert_eq(shown(&b), 1800000);
    tell(&b, DOMAIN, SYSTEM, 0, 120);
    cr_assert_eq(duration_by(&b, 256), 60000);
    cr_assert_eq(duration_by(&b, 257), 1800000);
    cr_assert_eq(duration_by(&b, 258), 1800000, "in doubt the longest");
    bench_done(&b);
}

Test(timeout, of_one_domain_it_bounds_no_other)
{
    struct bench b;
    begin(&b);
    define(&b, 256);
    tell(&b, 9, SYSTEM, 0, 60);
    tell(&b, 4242, TEMPLATE, 256, 60);
    cr_assert_eq(duration_by(&b, 256), (uint32_t)LASTED_MS);
    tell(&b, DOMAIN, SYSTEM, 0, 1800);
    cr_assert_eq(duration_by(&b, 256), 1800000);
    tell(&b, 10, SYSTEM, 0, 60);
    cr_assert_eq(duration_by(&b, 256), 1800000);
    bench_done(&b);
}

/* Of each address family there may be one. */
Test(timeout, of_several_the_longest_counts_as_long_as_it_is_told)
{
    struct bench b;
    begin(&b);
    define(&b, 256);
    for (uint32_t i = 0; i < 20; i++, b.now_ms += 600000) {
        tell(&b, DOMAIN, SYSTEM, 0, 1800);
        tell(&b, DOMAIN, SYSTEM, 1, 60);
        cr_assert_eq(duration_by(&b, 256), 1800000, "%u", i);
    }
    for (uint32_t i = 0; i < 12; i++, b.now_ms += 600000)
        tell(&b, DOMAIN, SYSTEM, 1, 60);
    cr_assert_eq(duration_by(&b, 256), 60000, "two hours on");
    b.now_ms += 10 * HOUR_MS;
    cr_assert_eq(duration_by(&b, 256), 60000, "one that is told once stays");
    bench_done(&b);
}

/* One forged datagram, or a mistake: records that truly last longer would be far too fast. */
Test(timeout, below_what_routers_can_be_set_to_it_is_none)
{
    struct bench b;
    begin(&b);
    define(&b, 256);
    tell(&b, DOMAIN, SYSTEM, 0, 1);
    tell(&b, DOMAIN, TEMPLATE, 256, TIMEOUT_LEAST_MS / 1000 - 1);
    cr_assert_eq(duration_by(&b, 256), (uint32_t)LASTED_MS);
    cr_assert_eq(shown(&b), 0);
    tell(&b, DOMAIN, SYSTEM, 0, TIMEOUT_LEAST_MS / 1000);
    cr_assert_eq(duration_by(&b, 256), (uint32_t)TIMEOUT_LEAST_MS);
    bench_done(&b);
}

Test(timeout, of_before_a_restart_it_is_told_again)
{
    struct bench b;
    begin(&b);
    b.sequence = 4000000000;
    define(&b, 256);
    define(&b, 257);
    tell(&b, DOMAIN, SYSTEM, 0, 60);
    tell(&b, DOMAIN, TEMPLATE, 257, 120);
    for (uint32_t i = 0; i < 2000; i++, b.now_ms += 10)
        cr_assert_eq(duration_by(&b, 257), 120000);
    cr_assert_eq(duration_by(&b, 256), 120000);
    b.sequence = 1;
    b.now_ms += HOUR_MS;
    cr_assert_eq(duration_by(&b, 256), (uint32_t)LASTED_MS);
    cr_assert_eq(duration_by(&b, 257), (uint32_t)LASTED_MS);
    cr_assert_eq(decode_counters(b.decode)->restarts, 1);
    bench_done(&b);
}

Test(timeout, of_each_domain_it_is_in_the_snapshot)
{
    enum { ROOM = 1 << 14 };
    static uint8_t saved[ROOM];
    struct snapshot_times times = {
        .mono_ms = 4000000, .wall_ms = EXPORT_SECONDS * UINT64_C(1000), .max_age_ms = HOUR_MS};
    struct bench b;
    size_t len, left_out;
    begin(&b);
    define(&b, 256);
    tell(&b, DOMAIN, SYSTEM, 0, 60);
    tell(&b, 9, SYSTEM, 0, 1800);
    cr_assert(snapshot_write(b.decode, &times, saved, ROOM, &len, &left_out));
    const uint32_t sequence = b.sequence;
    bench_done(&b);
    begin(&b);
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, len),
                 STATUS_OK);
    b.sequence = sequence;
    cr_assert_eq(duration_by(&b, 256), 60000);
    cr_assert_eq(shown(&b), 1800000, "%u", shown(&b));
    bench_done(&b);
}

/* Of two templates the one that the records are read by stays, whichever they speak of. */
Test(timeout, records_that_fill_memory_are_read_to_the_end)
{
    struct bench b;
    for (size_t memory = 4096; memory < 16384; memory += 512) {
        bench_init(&b, &(struct decode_limits){.memory_bytes = memory});
        v9_start(&b, 7);
        set_start(&b, 1);
        PUT16(&b, 300, 4, 12, 5, 4, 36, 4, 48, 4, 34, 4); /* scope template */
        set_end(&b);
        set_start(&b, 0);
        PUT16(&b, 256, 2, 8, 4, 1, 4);
        set_end(&b);
        set_start(&b, 300);
        for (uint32_t i = 0; i < 200; i++)
            PUT32(&b, 256, 60, 1 + i, 2);
        set_end(&b);
        bench_send(&b);
        cr_assert_eq(decode_counters(b.decode)->options_records, 200, "%zu", memory);
        bench_done(&b);
    }
}
