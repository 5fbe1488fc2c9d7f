#include "collector/decode/sources.h"

#include "tests/unit/collector/decode/datagram.h"

static const uint64_t secret = 0x9e3779b97f4a7c15;

static struct flow_source *enter(struct sources *s, uint64_t id, uint32_t max, uint64_t *evictions)
{
    bool evicted;
    struct flow_source *source = sources_enter(s, id, max, &evicted);
    *evictions += evicted;
    cr_assert_not_null(source);
    return source;
}

Test(sources, each_is_found_again_as_they_become_many)
{
    enum { COUNT = 600 };
    struct sources s;
    uint64_t evictions = 0;
    sources_init(&s, secret);
    for (uint32_t i = 0; i < COUNT; i++)
        enter(&s, i, 4096, &evictions)->rate = i + 1;
    cr_assert_eq(s.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert_eq(enter(&s, i, 4096, &evictions)->rate, i + 1, "%u", i);
    cr_assert_eq(evictions, 0);
    sources_clear(&s);
}

Test(sources, at_the_limit_one_heard_longest_ago_goes)
{
    enum { MAX = 64 };
    struct sources s;
    uint64_t evictions = 0;
    sources_init(&s, secret);
    for (uint32_t i = 0; i < 10 * MAX; i++) {
        struct flow_source *source = enter(&s, i, MAX, &evictions);
        source->rate = i + 1;
        source->last_ms = i;
    }
    cr_assert_leq(s.count, (uint32_t)MAX);
    cr_assert_leq(sources_bytes(&s), MAX * sizeof(struct flow_source));
    cr_assert_eq(evictions, 10 * MAX - s.count);
    cr_assert_eq(enter(&s, 10 * MAX - 1, MAX, &evictions)->rate, 10 * MAX, "the newest is there");
    sources_clear(&s);
}

/* Whatever growing does, each that is gone was counted, and what is left of four is the newest. */
Test(sources, as_they_become_many_nobody_is_gone_uncounted)
{
    enum { COUNT = 5000 };
    for (uint32_t max = 16; max <= 4096; max *= 4) {
        static uint32_t heard[COUNT];
        struct sources s;
        uint64_t evictions = 0;
        uint32_t there = 0;
        sources_init(&s, secret);
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t index = i * 7919 % COUNT;
            struct flow_source *source =
                enter(&s, (uint64_t)(index % 3) << 32 | index, max, &evictions);
            source->rate = heard[index] = i + 1;
            source->last_ms = i;
            cr_assert_eq(s.count, i + 1 - evictions, "%u of %u", i, max);
        }
        for (size_t i = 0; i < sources_bytes(&s) / sizeof(*s.items); i++) {
            const struct flow_source *source = &s.items[i];
            there += source->rate != 0;
            cr_assert(source->rate == 0 || source->rate == heard[(uint32_t)source->id]);
        }
        cr_assert_eq(there, s.count, "%u", max);
        cr_assert_leq(s.count, max);
        sources_clear(&s);
    }
}

Test(sources, numbers_say_what_is_missing)
{
    static const struct {
        const char *name;
        uint32_t number, lost;
    } steps[] = {{"the first", 4000000000, 0},   {"the next", 4000000001, 0},
                 {"two missing", 4000000004, 2}, {"overtaken", 4000000002, 0},
                 {"twice", 4000000004, 0},       {"on from there", 4000000005, 0},
                 {"began anew", 1, 0},           {"and goes on", 2, 0}};
    struct flow_source source = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        cr_assert_eq(sources_judge(&source, steps[i].number, 1), steps[i].lost, "%s",
                     steps[i].name);
        source.rate = 1;
    }
    cr_assert_eq(source.lost, 2);
    source.next = UINT32_MAX;
    cr_assert_eq(sources_judge(&source, UINT32_MAX, 1), 0);
    cr_assert_eq(sources_judge(&source, 1, 1), 1, "they wrap");
}

Test(sources, the_worst_come_first)
{
    struct sources s;
    struct flow_source worst[3];
    uint64_t evictions = 0;
    sources_init(&s, secret);
    for (uint32_t i = 0; i < 20; i++) {
        struct flow_source *source = enter(&s, i, 1024, &evictions);
        source->rate = 1;
        source->lost = i * 7 % 20;
    }
    cr_assert_eq(sources_worst(&s, worst, 3), 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(worst[i].lost, 19 - i);
    sources_clear(&s);
    cr_assert_eq(sources_worst(&s, worst, 3), 0);
}

/* --- in datagrams --- */

static void put_sample(struct bench *b, uint32_t number, uint32_t class, uint32_t index,
                       bool expanded)
{
    if (expanded)
        PUT32(b, 3, 44, number, class, index, 1000, 0, 0, 0, 1, 0, 2, 0);
    else
        PUT32(b, 1, 32, number, class << 24 | index, 1000, 0, 0, 1, 2, 0);
}

struct seen {
    uint32_t sources;
    uint64_t lost;
    struct decode_source_info worst[DECODE_SOURCES_TOLD];
    size_t count;
};

static void on_domain(void *owner, const struct decode_domain_info *domain,
                      const struct decode_template_info *templates, size_t count)
{
    struct seen *seen = owner;
    (void)templates;
    (void)count;
    seen->sources = domain->sources;
    seen->lost = domain->counts.samples_lost;
    seen->count = decode_sources(domain, seen->worst, DECODE_SOURCES_TOLD);
}

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    decode_domains(info->self, 1, on_domain, owner);
}

Test(sources, samples_lost_are_told_of_each_agent_and_source)
{
    struct bench b;
    struct seen seen;
    bench_init(&b, &(struct decode_limits){0});
    static const uint32_t numbers[][2] = {{10, 500}, {11, 501}, {15, 502}, {16, 503}};
    for (uint32_t i = 0; i < 4; i++) {
        b.w = wire_writer_of(b.bytes, sizeof(b.bytes));
        PUT32(&b, 5, 1, 0x0a0000fe, 0, i, UPTIME_MS, 2);
        put_sample(&b, numbers[i][0], 0, 7, i % 2 == 1); /* both forms name the same source */
        put_sample(&b, numbers[i][1], 2, 7, false);      /* an entity is no interface */
        cr_assert_eq(bench_send(&b), DECODE_OK);
    }
    decode_exporters(b.decode, 0, b.now_ms, on_exporter, &seen);
    cr_assert_eq(seen.sources, 2);
    cr_assert_eq(seen.lost, 3, "%llu", (unsigned long long)seen.lost);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.worst[0].class, 0);
    cr_assert_eq(seen.worst[0].index, 7);
    cr_assert_eq(seen.worst[0].rate, 1000);
    cr_assert_eq(seen.worst[0].lost, 3);
    cr_assert_eq(decode_counters(b.decode)->samples_lost, 3);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 0, "every datagram came");
    bench_done(&b);
}

static void send_samples(struct bench *b, uint32_t sequence, uint32_t number)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT32(b, 5, 1, 0x0a0000fe, 0, sequence, UPTIME_MS, 2);
    put_sample(b, number, 0, 7, false);
    put_sample(b, number + 1, 0, 7, false);
    cr_assert_eq(bench_send(b), DECODE_OK);
    b->now_ms += 10;
}

/* The path was away for five seconds, by which the agent's numbers are out of reach: until its old
 * ones have been silent for long enough, those who send might be others. */
Test(sources, samples_lost_in_an_outage_are_told_once)
{
    enum { OUTAGE = 500, STRAY = 2 };
    for (uint32_t strays = 0; strays <= 3; strays++) {
        struct bench b;
        uint32_t sent = 0;
        bench_init(&b, &(struct decode_limits){0});
        for (; sent < 6000; sent++)
            send_samples(&b, 1000 + sent, 2 * sent);
        sent += OUTAGE;
        for (uint32_t i = 0; i < 6000; i++, sent++) {
            sent += i == 10 || i == 5000; /* lost one at a time: before they are the agent's, and
                                             after */
            if (i >= 20 && i < 20 + strays)
                send_samples(&b, 3000000000 + i, 777);
            send_samples(&b, 1000 + sent, 2 * sent);
        }
        uint64_t lost = decode_counters(b.decode)->samples_lost;
        cr_assert_geq(lost, 2 * (OUTAGE + 2), "%llu", (unsigned long long)lost);
        cr_assert_leq(lost, 2 * (OUTAGE + 2) + 2 * STRAY * strays, "%llu",
                      (unsigned long long)lost);
        bench_done(&b);
    }
}

Test(sources, an_agent_with_too_many_is_counted)
{
    struct bench b;
    size_t first = 0;
    bench_init(&b, &(struct decode_limits){.sources_per_domain = 16});
    for (uint32_t i = 0; i < 100; i++) {
        b.w = wire_writer_of(b.bytes, sizeof(b.bytes));
        PUT32(&b, 5, 1, 0x0a0000fe, 0, i, UPTIME_MS, 1);
        put_sample(&b, 1, 0, i, false);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        if (i == 0)
            first = decode_memory(b.decode);
    }
    cr_assert_geq(decode_counters(b.decode)->evicted_sources, 100 - 16);
    cr_assert_eq(decode_memory(b.decode), first, "sixteen are the fewest that there is room for");
    bench_done(&b);
}
