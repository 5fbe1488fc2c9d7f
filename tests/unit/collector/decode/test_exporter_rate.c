#include "collector/decode/exporter_rate.h"

#include "collector/decode/snapshot.h"
#include "tests/unit/collector/decode/datagram.h"

/* A router whose data domain tells no rate, since another domain does it for all; and somebody who
 * forges datagrams of domains that it does not have. */
enum { DATA, OPTIONS, FORGED, OTHER, DOMAINS, RATE = 1000, WRONG = 1000000, HOUR_MS = 3600000 };

struct router {
    struct bench b;
    uint32_t sequences[DOMAINS];
};

static void begin(struct router *r)
{
    memset(r, 0, sizeof(*r));
    bench_init(&r->b, &(struct decode_limits){0});
    r->b.now_ms = 4000000;
}

static void start(struct router *r, uint32_t domain)
{
    r->b.sequence = r->sequences[domain]++;
    v9_start(&r->b, domain);
}

static void tell(struct router *r, uint32_t domain, uint32_t rate)
{
    struct bench *b = &r->b;
    start(r, domain);
    set_start(b, 1);
    PUT16(b, 300, 4, 4, 1, 4, 34, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 1, rate);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

static void tell_steadily(struct router *r, uint32_t domain, uint32_t rate)
{
    for (size_t i = 0; i < 5; i++, r->b.now_ms += 500)
        tell(r, domain, rate);
}

/* The rate of a record. */
static double ask(struct router *r)
{
    struct bench *b = &r->b;
    start(r, DATA);
    set_start(b, 0);
    PUT16(b, 256, 3, 8, 4, 12, 4, 1, 4);
    set_end(b);
    set_start(b, 256);
    PUT32(b, 0x0a000001, 0xc6336401, 1000);
    set_end(b);
    cr_assert_eq(bench_send(b), DECODE_OK);
    cr_assert_eq(b->flow_count, 1);
    return b->flows[0].sampling_rate;
}

static uint64_t contradictions(const struct router *r)
{
    return decode_counters(r->b.decode)->sampling_contradictions;
}

Test(exporter_rate, of_the_list_of_exporters_is_changed_by_no_few_datagrams)
{
    struct router r;
    begin(&r);
    r.b.source.sampling_default = RATE;
    cr_assert_eq(ask(&r), RATE);
    tell(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), RATE);
    cr_assert_eq(r.b.flows[0].sampling_source, SAMPLING_EXPORTER);
    cr_assert_eq(contradictions(&r), 1);
    tell_steadily(&r, OPTIONS, 512);
    const uint64_t before = contradictions(&r);
    cr_assert_eq(ask(&r), 512);
    cr_assert_eq(r.b.flows[0].sampling_source, SAMPLING_OPTIONS);
    cr_assert_eq(contradictions(&r), before + 1, "shown, as the operator wrote another");
    tell(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), 512);
    r.b.now_ms += 2 * HOUR_MS;
    cr_assert_eq(ask(&r), 512, "a domain that was proven is not forgotten for its silence");
    tell(&r, DATA, 256);
    cr_assert_eq(ask(&r), 256, "its own options come first");
    bench_done(&r.b);
}

/* It spoke before the operator wrote the rate of those that never say any. */
Test(exporter_rate, that_the_operator_writes_stands_against_one_that_was_never_proven)
{
    struct router r;
    begin(&r);
    tell(&r, FORGED, WRONG);
    ask(&r);
    cr_assert_eq(ask(&r), WRONG);
    r.b.source.sampling_default = RATE;
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}

Test(exporter_rate, that_records_rely_on_is_changed_by_no_other_domain)
{
    struct router r;
    begin(&r);
    tell_steadily(&r, OPTIONS, RATE);
    cr_assert_eq(ask(&r), RATE);
    cr_assert_eq(ask(&r), RATE);
    tell(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), RATE);
    cr_assert_eq(contradictions(&r), 0);
    tell_steadily(&r, OTHER, 2 * RATE);
    cr_assert_eq(ask(&r), RATE);
    cr_assert_eq(contradictions(&r), 1);
    tell(&r, OPTIONS, 3 * RATE);
    cr_assert_eq(ask(&r), 3 * RATE, "the one that spoke may say another");
    bench_done(&r.b);
}

Test(exporter_rate, of_several_that_differ_is_none_before_records_rely_on_it)
{
    struct router r;
    begin(&r);
    tell(&r, OPTIONS, RATE);
    tell(&r, OTHER, 2 * RATE);
    cr_assert_eq(ask(&r), 0);
    cr_assert_eq(ask(&r), 0);
    tell(&r, OTHER, RATE);
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}

/* Even where it came first. */
Test(exporter_rate, of_one_forged_datagram_gives_way_to_one_that_is_told_again)
{
    struct router r;
    begin(&r);
    tell(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), WRONG, "nobody else says any");
    cr_assert_eq(ask(&r), WRONG);
    tell_steadily(&r, OPTIONS, RATE);
    cr_assert_eq(ask(&r), RATE);
    tell(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}

Test(exporter_rate, of_a_domain_that_has_gone_gives_way)
{
    struct router r;
    begin(&r);
    tell_steadily(&r, OPTIONS, RATE);
    ask(&r);
    cr_assert_eq(ask(&r), RATE);
    r.b.now_ms += HOUR_MS / 2;
    tell_steadily(&r, OTHER, 2 * RATE);
    cr_assert_eq(ask(&r), RATE);
    r.b.now_ms += HOUR_MS / 2;
    cr_assert_eq(ask(&r), RATE);
    tell(&r, OTHER, 2 * RATE);
    cr_assert_eq(ask(&r), 2 * RATE);
    bench_done(&r.b);
}

/* As it was before a restart of ours. */
static void restart(struct router *r)
{
    enum { ROOM = 1 << 14 };
    static uint8_t saved[ROOM];
    struct router before = *r;
    size_t len, left_out;
    const struct snapshot_times times = {
        .mono_ms = r->b.now_ms, .wall_ms = EXPORT_SECONDS * UINT64_C(1000), .max_age_ms = HOUR_MS};
    cr_assert(snapshot_write(before.b.decode, &times, saved, ROOM, &len, &left_out));
    begin(r);
    memcpy(r->sequences, before.sequences, sizeof(r->sequences));
    r->b.now_ms = before.b.now_ms;
    r->b.source = before.b.source;
    cr_assert_eq(snapshot_read(r->b.decode, &times, &(struct snapshot_filter){0}, saved, len),
                 STATUS_OK);
    bench_done(&before.b);
}

Test(exporter_rate, that_records_rely_on_is_that_after_a_restart_of_ours_too)
{
    struct router r;
    begin(&r);
    tell_steadily(&r, OPTIONS, RATE);
    ask(&r);
    ask(&r);
    tell_steadily(&r, OTHER, WRONG);
    cr_assert_eq(ask(&r), RATE);
    restart(&r);
    cr_assert_eq(ask(&r), RATE);
    tell(&r, OTHER, WRONG);
    cr_assert_eq(ask(&r), RATE);
    tell_steadily(&r, FORGED, WRONG);
    cr_assert_eq(ask(&r), RATE, "before it was heard again");
    tell_steadily(&r, OPTIONS, RATE);
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}

/* The operator writes a rate for routers that never say any, and restarts us. */
static double after_listing(struct router *r)
{
    ask(r);
    ask(r);
    r->b.source.sampling_default = RATE;
    restart(r);
    const double rate = ask(r);
    bench_done(&r->b);
    return rate;
}

Test(exporter_rate, that_was_proven_is_so_after_a_restart_of_ours_too)
{
    struct router r;
    begin(&r);
    tell_steadily(&r, OPTIONS, 512);
    cr_assert_eq(after_listing(&r), 512);
    begin(&r);
    tell(&r, FORGED, WRONG);
    cr_assert_eq(after_listing(&r), RATE, "one forged datagram was no proof");
}

/* As each datagram says another observation domain, whose place is that of one that is heard
 * seldom. */
Test(exporter_rate, that_was_proven_is_pushed_out_by_no_flood_of_domains)
{
    struct router r;
    begin(&r);
    tell_steadily(&r, OPTIONS, RATE);
    ask(&r);
    cr_assert_eq(ask(&r), RATE);
    for (uint32_t i = 0; i < 1000; i++) {
        struct bench *b = &r.b;
        b->sequence = 0;
        v9_start(b, 1000 + i);
        set_start(b, 1);
        PUT16(b, 300, 4, 4, 1, 4, 34, 4);
        set_end(b);
        set_start(b, 300);
        PUT32(b, 1, WRONG);
        set_end(b);
        bench_send(b);
        if (i % 100 == 99)
            cr_assert_eq(ask(&r), RATE, "%u", i);
    }
    cr_assert_gt(decode_counters(r.b.decode)->evicted_domains, 900);
    bench_done(&r.b);
}

/* In one datagram so many rates, each with a record of its own, that the last one is not worked out
 * within it. */
static void change_often(struct router *r, uint32_t domain, uint32_t sequence, uint32_t rate)
{
    enum { CHANGES = 17 };
    struct bench *b = &r->b;
    b->sequence = sequence;
    v9_start(b, domain);
    set_start(b, 1);
    PUT16(b, 300, 4, 4, 1, 4, 34, 4);
    set_end(b);
    set_start(b, 0);
    PUT16(b, 256, 1, 1, 4);
    set_end(b);
    for (uint32_t i = CHANGES; i > 0; i--) {
        set_start(b, 300);
        PUT32(b, 1, rate + i - 1);
        set_end(b);
        set_start(b, 256);
        PUT32(b, 1000);
        set_end(b);
    }
    cr_assert_eq(bench_send(b), DECODE_OK);
    cr_assert_eq(b->flow_count, CHANGES);
    cr_assert_eq(b->flows[CHANGES - 1].sampling_rate, 0);
}

static void begin_proven(struct router *r)
{
    begin(r);
    tell_steadily(r, OPTIONS, RATE);
    ask(r);
    cr_assert_eq(ask(r), RATE);
    change_often(r, OPTIONS, r->sequences[OPTIONS]++, RATE);
}

/* What holds no rate takes none of the walks over samplers that a datagram may ask for, also where
 * it began anew, so that its own would be others. */
Test(exporter_rate, that_was_proven_is_found_behind_any_number_of_empty_domains)
{
    enum { EMPTY = 40, ANEW = 0x80000000 };
    struct router r;
    begin_proven(&r);
    for (uint32_t i = 0; i < 2 * EMPTY; i++) {
        r.b.sequence = i < EMPTY ? 0 : ANEW;
        v9_start(&r.b, 1000 + i % EMPTY);
        bench_send(&r.b);
    }
    cr_assert_eq(decode_counters(r.b.decode)->restarts, EMPTY);
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}

/* Nor does it wait behind others whose rates are still to be worked out. */
Test(exporter_rate, that_was_proven_is_worked_out_before_those_of_others)
{
    enum { OTHERS = 40 };
    struct router r;
    begin_proven(&r);
    for (uint32_t i = 0; i < 2 * OTHERS; i++) /* one that has told any asks for no other's */
        change_often(&r, 1000 + i % OTHERS, i / OTHERS, 2 * RATE);
    change_often(&r, OPTIONS, r.sequences[OPTIONS]++, RATE);
    cr_assert_eq(ask(&r), RATE);
    bench_done(&r.b);
}
