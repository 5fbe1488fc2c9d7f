#include "collector/decode/snapshot.h"
#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

/* Each limit one below it, at it and one over it; and who gives way to whom. */

enum { ANY = 7 /* a domain */ };

/* octetDeltaCount, and as many others as it takes. */
static void put_template(struct bench *b, uint16_t id, uint16_t fields)
{
    set_start(b, 0);
    PUT16(b, id, fields, 1, 4);
    for (uint16_t i = 1; i < fields; i++)
        PUT16(b, 4, 1);
    set_end(b);
}

static void put_sampler(struct bench *b, uint8_t id, uint32_t rate)
{
    set_start(b, 1);
    PUT16(b, 300, 4, 8, 1, 4, 48, 1, 50, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 0);
    wire_put_u8(&b->w, id);
    PUT32(b, rate);
    set_end(b);
}

static void from(struct bench *b, uint32_t addr, enum decode_trust trust)
{
    b->source.addr = addr_from_ipv4(addr);
    b->source.trust = trust;
}

static enum decode_reason tell(struct bench *b, uint32_t domain, uint16_t id)
{
    v9_start(b, domain);
    put_template(b, id, 1);
    return bench_send(b);
}

static bool is_known(struct bench *b, uint32_t domain, uint16_t id)
{
    v9_start(b, domain);
    set_start(b, id);
    PUT32(b, 100);
    set_end(b);
    return bench_send(b) == DECODE_OK;
}

static const struct decode_counters *counters(const struct bench *b)
{
    return decode_counters(b->decode);
}

/* --- each limit --- */

enum { LIMIT = 5 };

struct limit_case {
    char name[24];
    struct decode_limits limits;
    size_t evicted_at; /* which counter tells */
};

#define EVICTED(what) offsetof(struct decode_counters, evicted_##what)

/* The thing of that number, from 1 on, is told. */
static void tell_one(struct bench *b, const struct limit_case *p, uint32_t number)
{
    if (p->limits.exporters == LIMIT) {
        from(b, number, DECODE_UNLISTED);
        tell(b, ANY, 256);
    } else if (p->limits.domains_per_exporter == LIMIT) {
        tell(b, number, 256);
    } else if (p->limits.templates_per_domain == LIMIT) {
        tell(b, ANY, (uint16_t)(256 + number));
    } else {
        v9_start(b, ANY);
        put_sampler(b, (uint8_t)number, 100 * number);
        bench_send(b);
    }
}

static bool is_there(struct bench *b, const struct limit_case *p, uint32_t number)
{
    if (p->limits.exporters == LIMIT) {
        from(b, number, DECODE_UNLISTED);
        return is_known(b, ANY, 256);
    }
    if (p->limits.domains_per_exporter == LIMIT)
        return is_known(b, number, 256);
    if (p->limits.templates_per_domain == LIMIT)
        return is_known(b, ANY, (uint16_t)(256 + number));
    v9_start(b, ANY); /* octets and sampler */
    set_start(b, 0);
    PUT16(b, 260, 2, 1, 4, 48, 1);
    set_end(b);
    set_start(b, 260);
    PUT32(b, 100);
    wire_put_u8(&b->w, (uint8_t)number);
    set_end(b);
    bench_send(b);
    return b->flow_count == 1 && b->flows[0].sampling_rate == 100.0 * number;
}

ParameterizedTestParameters(room, at_its_limit_the_oldest_goes)
{
    static struct limit_case cases[] = {
        {"exporters", {.exporters = LIMIT}, EVICTED(exporters)},
        {"domains", {.domains_per_exporter = LIMIT}, EVICTED(domains)},
        {"templates", {.templates_per_domain = LIMIT}, EVICTED(templates)},
        {"samplers", {.samplers_per_domain = LIMIT}, EVICTED(samplers)},
    };
    return cr_make_param_array(struct limit_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct limit_case *p, room, at_its_limit_the_oldest_goes)
{
    for (uint32_t told = LIMIT - 1; told <= LIMIT + 1; told++) {
        struct bench b;
        bench_init(&b, &p->limits);
        for (uint32_t i = 1; i <= told; i++)
            tell_one(&b, p, i);
        uint64_t evicted;
        memcpy(&evicted, (const char *)counters(&b) + p->evicted_at, sizeof(evicted));
        cr_assert_eq(evicted, told > LIMIT, "%s: %u told", p->name, told);
        for (uint32_t i = told; i > evicted; i--)
            cr_assert(is_there(&b, p, i), "%s: %u of %u", p->name, i, told);
        if (evicted > 0)
            cr_assert_not(is_there(&b, p, 1), "%s: the oldest", p->name);
        bench_done(&b);
    }
}

Test(room, a_template_may_have_as_many_fields_as_the_limit)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.fields_per_template = LIMIT});
    for (uint16_t fields = LIMIT - 1; fields <= LIMIT + 1; fields++) {
        v9_start(&b, ANY);
        put_template(&b, 256, fields);
        cr_assert_eq(bench_send(&b), fields <= LIMIT ? DECODE_OK : DECODE_TEMPLATE_FIELDS);
    }
    cr_assert_eq(counters(&b)->refused[FORMAT_NETFLOW9][DECODE_TEMPLATE_FIELDS], 1);
    bench_done(&b);
}

Test(room, what_waits_may_take_as_much_as_the_limit)
{
    enum { BLOCK = 512 };
    for (size_t blocks = LIMIT - 1; blocks <= LIMIT + 1; blocks++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){.held_bytes = (size_t)LIMIT * BLOCK,
                                               .held_bytes_per_exporter = (size_t)LIMIT * BLOCK});
        for (uint16_t i = 1; i <= blocks; i++)
            cr_assert_not(is_known(&b, ANY, (uint16_t)(256 + i)));
        cr_assert_eq(counters(&b)->held_dropped, blocks > LIMIT);
        for (uint16_t i = 1; i <= blocks; i++) {
            tell(&b, ANY, (uint16_t)(256 + i));
            cr_assert_eq(b.flow_count, blocks <= LIMIT || i > 1, "the oldest was dropped");
        }
        bench_done(&b);
    }
}

/* --- who gives way --- */

Test(room, a_listed_exporter_keeps_its_place_in_a_flood_of_others)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.exporters = LIMIT});
    from(&b, 1, DECODE_BY_ADDRESS);
    tell(&b, ANY, 256);
    for (uint32_t i = 100; i < 1100; i++) {
        from(&b, i, i % 2 == 0 ? DECODE_BY_PREFIX : DECODE_UNLISTED);
        tell(&b, ANY, 256);
    }
    from(&b, 1, DECODE_BY_ADDRESS);
    cr_assert(is_known(&b, ANY, 256));
    bench_done(&b);
}

Test(room, where_all_are_known_better_a_newcomer_is_refused)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.exporters = 2});
    for (uint32_t i = 1; i <= 2; i++) {
        from(&b, i, DECODE_BY_ADDRESS);
        tell(&b, ANY, 256);
    }
    from(&b, 3, DECODE_BY_PREFIX);
    cr_assert_eq(tell(&b, ANY, 256), DECODE_EXPORTERS);
    cr_assert_eq(counters(&b)->refused[FORMAT_NETFLOW9][DECODE_EXPORTERS], 1);
    cr_assert_eq(counters(&b)->evicted_exporters, 0);
    from(&b, 4, DECODE_BY_ADDRESS);
    cr_assert_eq(tell(&b, ANY, 256), DECODE_OK);
    cr_assert_eq(counters(&b)->evicted_exporters, 1);
    bench_done(&b);
}

/* Another list came with a new configuration. */
Test(room, an_exporter_is_known_as_well_as_the_list_of_now_says)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.exporters = 2});
    from(&b, 1, DECODE_BY_ADDRESS);
    tell(&b, ANY, 256);
    from(&b, 2, DECODE_BY_PREFIX);
    tell(&b, ANY, 256);
    from(&b, 1, DECODE_BY_PREFIX);
    tell(&b, ANY, 256);
    from(&b, 2, DECODE_BY_ADDRESS);
    tell(&b, ANY, 256);
    from(&b, 3, DECODE_BY_PREFIX);
    tell(&b, ANY, 256);
    from(&b, 2, DECODE_BY_ADDRESS);
    cr_assert(is_known(&b, ANY, 256));
    from(&b, 1, DECODE_BY_PREFIX);
    cr_assert_not(is_known(&b, ANY, 256));
    bench_done(&b);
}

/* A header is forged most easily. */
static void send_header(struct bench *b, uint32_t domain)
{
    v9_start(b, domain);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

Test(room, headers_alone_take_no_place_from_domains_that_hold_something)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = LIMIT});
    from(&b, 1, DECODE_BY_ADDRESS);
    for (uint32_t domain = 1; domain <= LIMIT; domain++)
        tell(&b, domain, 256);
    for (uint32_t domain = 100; domain < 164; domain++)
        send_header(&b, domain);
    for (uint32_t domain = 1; domain <= LIMIT; domain++)
        cr_assert(is_known(&b, domain, 256), "domain %u", domain);
    cr_assert_eq(counters(&b)->evicted_domains, 64);
    bench_done(&b);
}

Test(room, a_domain_that_holds_something_takes_the_place_of_one_that_does_not)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = LIMIT});
    for (uint32_t domain = 1; domain < LIMIT; domain++)
        tell(&b, domain, 256);
    send_header(&b, 100);
    tell(&b, LIMIT, 256);
    for (uint32_t domain = 1; domain <= LIMIT; domain++)
        cr_assert(is_known(&b, domain, 256), "domain %u, which is not as young", domain);
    tell(&b, LIMIT + 1, 256);
    cr_assert_not(is_known(&b, 1, 256), "of equals, the one not heard for longest");
    cr_assert(is_known(&b, LIMIT + 1, 256));
    bench_done(&b);
}

/* --- memory --- */

enum { MEMORY = 64 << 10 };

static void flood(struct bench *b, uint32_t domains, uint16_t templates)
{
    for (uint32_t domain = 1000; domain < 1000 + domains; domain++)
        for (uint16_t id = 256; id < 256 + templates; id++) {
            v9_start(b, domain);
            put_template(b, id, 60);
            bench_send(b);
            cr_assert_leq(decode_memory(b->decode), (size_t)MEMORY);
        }
}

Test(room, whoever_forges_one_exporter_takes_nothing_from_the_others)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = MEMORY});
    for (uint32_t i = 1; i <= 3; i++) {
        from(&b, i, DECODE_BY_ADDRESS);
        tell(&b, ANY, 256);
    }
    from(&b, 2, DECODE_BY_ADDRESS);
    flood(&b, 40, 40);
    cr_assert_gt(counters(&b)->evicted_domains, 0);
    for (uint32_t i = 1; i <= 3; i += 2) {
        from(&b, i, DECODE_BY_ADDRESS);
        cr_assert(is_known(&b, ANY, 256), "exporter %u", i);
    }
    bench_done(&b);
}

Test(room, many_of_a_prefix_take_no_memory_from_one_that_is_listed)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = MEMORY});
    from(&b, 1, DECODE_BY_ADDRESS);
    for (uint16_t id = 256; id < 276; id++)
        tell(&b, ANY, id);
    for (uint32_t i = 100; i < 400; i++) {
        from(&b, i, DECODE_BY_PREFIX);
        flood(&b, 1, 2);
    }
    from(&b, 1, DECODE_BY_ADDRESS);
    for (uint16_t id = 256; id < 276; id++)
        cr_assert(is_known(&b, ANY, id), "template %u", id);
    bench_done(&b);
}

Test(room, headers_alone_take_no_memory_from_domains_that_hold_something)
{
    enum { OTHERS = 200 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = OTHERS, .memory_bytes = MEMORY});
    for (uint32_t i = 1; i <= 2; i++) {
        from(&b, i, DECODE_BY_ADDRESS);
        tell(&b, ANY, 256);
    }
    for (uint32_t domain = 100; domain < 100 + OTHERS; domain++) {
        send_header(&b, domain);
        cr_assert_leq(decode_memory(b.decode), (size_t)MEMORY);
    }
    cr_assert_gt(counters(&b)->evicted_domains, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        from(&b, i, DECODE_BY_ADDRESS);
        cr_assert(is_known(&b, ANY, 256), "exporter %u", i);
    }
    bench_done(&b);
}

/* What it lets stand of a domain that is being read: one template, and samplers by their limit. */
Test(room, memory_is_bounded_whatever_is_told)
{
    enum { SAMPLERS = 16, DOMAIN_MAX = 8 << 10 };
    struct bench b;
    uint32_t random = 1;
    bench_init(&b, &(struct decode_limits){.exporters = 20,
                                           .domains_per_exporter = 20,
                                           .templates_per_domain = 20,
                                           .fields_per_template = 60,
                                           .samplers_per_domain = SAMPLERS,
                                           .memory_bytes = MEMORY});
    for (int i = 0; i < 100000; i++) {
        random = random * 1664525 + 1013904223;
        from(&b, random >> 8 & 31, (enum decode_trust)((random >> 13 & 31) % DECODE_TRUSTS));
        v9_start(&b, random >> 18 & 31);
        if (i % 3 == 0)
            put_sampler(&b, (uint8_t)(random >> 24), 1 + (random >> 20));
        else
            put_template(&b, (uint16_t)(256 + (random >> 24)), (uint16_t)(1 + (random >> 20) % 60));
        bench_send(&b);
        cr_assert_leq(decode_memory(b.decode), (size_t)MEMORY + DOMAIN_MAX);
    }
    cr_assert_gt(counters(&b)->evicted_exporters, 0);
    cr_assert_gt(counters(&b)->evicted_domains, 0);
    bench_done(&b);
}

/* Gives how many domains made room, and what is in use. */
static uint64_t told_within(size_t memory_bytes, size_t *ret_used)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = memory_bytes});
    for (uint32_t i = 1; i <= 3; i++) {
        from(&b, i, DECODE_UNLISTED);
        tell(&b, ANY, 256);
    }
    uint64_t evicted = counters(&b)->evicted_domains;
    *ret_used = decode_memory(b.decode);
    bench_done(&b);
    return evicted;
}

Test(room, memory_may_be_as_much_as_the_limit)
{
    size_t all, used;
    cr_assert_eq(told_within(0, &all), 0);
    for (size_t limit = all - 1; limit <= all + 1; limit++) {
        cr_assert_eq(told_within(limit, &used), limit < all, "%zu octets", limit);
        cr_assert_leq(used, limit);
    }
}

static bool is_odd(void *owner, const struct ip_addr *exporter)
{
    (void)owner;
    return exporter->octets[3] % 2 == 1;
}

Test(room, what_is_not_listed_any_more_is_forgotten)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 6; i++) {
        from(&b, i, (enum decode_trust)(i % DECODE_TRUSTS));
        tell(&b, ANY, 256);
    }
    size_t before = decode_memory(b.decode);
    decode_forget(b.decode, is_odd, NULL);
    cr_assert_eq(decode_memory(b.decode), before / 2);
    for (uint32_t i = 1; i <= 6; i++) {
        from(&b, i, (enum decode_trust)(i % DECODE_TRUSTS));
        cr_assert_eq(is_known(&b, ANY, 256), i % 2 == 1, "%u", i);
    }
    bench_done(&b);
}

Test(room, who_was_heard_last_and_is_forgotten_is_new_when_it_comes_again)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    from(&b, 2, DECODE_UNLISTED);
    tell(&b, ANY, 256);
    size_t before = decode_memory(b.decode);
    decode_forget(b.decode, is_odd, NULL);
    cr_assert_eq(decode_memory(b.decode), 0);
    tell(&b, ANY, 256);
    cr_assert_eq(decode_memory(b.decode), before);
    bench_done(&b);
}

/* --- what waits, and what is written down --- */

Test(room, what_waits_of_a_listed_exporter_is_not_pushed_out_by_others)
{
    enum { HOLD = 8 << 10 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    from(&b, 1, DECODE_BY_ADDRESS);
    cr_assert_not(is_known(&b, ANY, 256));
    for (uint32_t i = 100; i < 200; i++) {
        from(&b, i, DECODE_BY_PREFIX);
        cr_assert_not(is_known(&b, ANY, 256));
    }
    cr_assert_gt(counters(&b)->held_dropped, 0);
    from(&b, 1, DECODE_BY_ADDRESS);
    tell(&b, ANY, 256);
    cr_assert_eq(b.flow_count, 1);
    bench_done(&b);
}

Test(room, a_snapshot_without_room_for_all_has_the_listed_ones)
{
    static uint8_t saved[1 << 16];
    struct snapshot_times times = {.mono_ms = 100, .wall_ms = 1700000000, .max_age_ms = 1000000};
    struct bench b, after;
    size_t len, left_out;
    bench_init(&b, &(struct decode_limits){0});
    from(&b, 1, DECODE_BY_ADDRESS);
    tell(&b, ANY, 256);
    for (uint32_t i = 100; i < 200; i++) {
        from(&b, i, DECODE_BY_PREFIX);
        tell(&b, ANY, 256);
    }
    cr_assert(snapshot_write(b.decode, &times, saved, 1000, &len, &left_out));
    cr_assert_gt(left_out, 50);
    bench_init(&after, &(struct decode_limits){0});
    cr_assert_eq(
        snapshot_read(after.decode, &times, &(struct snapshot_filter){.owner = NULL}, saved, len),
        STATUS_OK);
    after.now_ms = 200;
    from(&after, 1, DECODE_BY_ADDRESS);
    cr_assert(is_known(&after, ANY, 256));
    from(&after, 199, DECODE_BY_PREFIX);
    cr_assert(is_known(&after, ANY, 256), "of the others, the one heard last");
    from(&after, 100, DECODE_BY_PREFIX);
    cr_assert_not(is_known(&after, ANY, 256));
    bench_done(&after);
    bench_done(&b);
}
