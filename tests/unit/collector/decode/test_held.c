#include "collector/decode/held.h"
#include "tests/unit/collector/decode/datagram.h"

enum { HOLD = 1 << 20, BLOCK = 512, TEN_SECONDS_MS = 10000 };

/* id, with octetDeltaCount and flowEnd and flowStart in uptime */
static void put_template(struct bench *b, uint16_t id)
{
    set_start(b, b->bytes[1] == 9 ? 0 : 2);
    PUT16(b, id, 3, 1, 4, 21, 4, 22, 4);
    set_end(b);
}

static void put_data(struct bench *b, uint16_t id, uint32_t octets)
{
    set_start(b, id);
    PUT32(b, octets, UPTIME_MS, UPTIME_MS - 500);
    set_end(b);
}

static void send_data(struct bench *b, uint32_t domain, uint16_t id, uint32_t octets)
{
    v9_start(b, domain);
    put_data(b, id, octets);
    cr_assert_eq(bench_send(b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b->flow_count, 0);
}

static void send_template(struct bench *b, uint32_t domain, uint16_t id)
{
    v9_start(b, domain);
    put_template(b, id);
    cr_assert_eq(bench_send(b), DECODE_OK);
}

static const struct decode_counters *counters(const struct bench *b)
{
    return decode_counters(b->decode);
}

Test(held, data_before_its_template_is_decoded_when_the_template_comes)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    b.now_ms = 5000;
    send_data(&b, 7, 256, 100);
    b.now_ms = 6000;
    send_data(&b, 7, 256, 200);
    b.now_ms = 8000;
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 300);
    wire_put_uint_at(b.bytes + 4, 4, UPTIME_MS + 3000);
    wire_put_uint_at(b.bytes + 8, 4, EXPORT_SECONDS + 3);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[0].bytes, 300);
    cr_assert_eq(b.came_ms[0], 0, "nothing that waited");
    cr_assert_eq(b.flows[1].bytes, 100, "behind the datagram's own, in the order of their coming");
    cr_assert_eq(b.came_ms[1], 5000);
    cr_assert_eq(b.flows[2].bytes, 200);
    cr_assert_eq(b.came_ms[2], 6000);
    cr_assert_eq(b.flows[1].time_ms, EXPORT_SECONDS * 1000ULL, "by its own header");
    cr_assert_eq(b.flows[1].duration_ms, 500);
    cr_assert_eq(counters(&b)->held_sets, 2);
    cr_assert_eq(counters(&b)->held_decoded, 2);
    cr_assert_eq(counters(&b)->held_records, 2);
    cr_assert_eq(counters(&b)->records[FORMAT_NETFLOW9], 3);
    cr_assert_eq(counters(&b)->refused[FORMAT_NETFLOW9][DECODE_NO_TEMPLATE], 2);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 0, "a repeated template gives nothing twice");
    bench_done(&b);
}

Test(held, options_before_their_template_are_read_when_it_comes)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    v9_start(&b, 7);
    set_start(&b, 300);
    PUT32(&b, 0, 1000);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    v9_start(&b, 7);
    put_template(&b, 256);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 34, 4);
    set_end(&b);
    put_data(&b, 256, 100);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].sampling_rate, 1000);
    bench_done(&b);
}

Test(held, a_rate_behind_the_template_in_its_datagram_holds_for_what_waited)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    send_data(&b, 7, 256, 100);
    v9_start(&b, 7);
    put_template(&b, 256);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 34, 4);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 0, 1000);
    set_end(&b);
    put_data(&b, 256, 200);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].bytes, 200);
    cr_assert_eq(b.flows[1].bytes, 100);
    cr_assert_eq(b.flows[1].sampling_rate, 1000);
    cr_assert_eq(b.flows[1].sampling_source, SAMPLING_OPTIONS);
    bench_done(&b);
}

Test(held, many_templates_in_one_datagram_find_all_that_waits)
{
    enum { TEMPLATES = 100 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    for (uint16_t i = 0; i < TEMPLATES; i++)
        send_data(&b, 7, (uint16_t)(256 + i), 1);
    for (uint16_t from = 0; from < TEMPLATES; from = (uint16_t)(from + KEPT_MAX)) {
        v9_start(&b, 7);
        for (uint16_t i = from; i < TEMPLATES && i < from + KEPT_MAX; i++)
            put_template(&b, (uint16_t)(256 + i));
        cr_assert_eq(bench_send(&b), DECODE_OK);
    }
    cr_assert_eq(counters(&b)->held_decoded, TEMPLATES);
    bench_done(&b);
}

Test(held, what_waits_is_found_without_a_walk_over_all_of_it)
{
    enum { SETS = 20000 };
    struct decode_limits limits = {.held_bytes = SETS * BLOCK, .held_bytes_per_exporter = HOLD};
    struct held_pool *pool = held_pool_new(&limits, 7);
    struct decode decode = {.limits = limits, .held = pool};
    static struct decode_exporter exporters[SETS / 2000];
    static struct decode_domain domains[SETS / 2000];
    static const uint8_t octets[4];
    cr_assert_not_null(pool);
    for (size_t e = 0; e < SETS / 2000; e++) {
        chain_init(&exporters[e].held);
        chain_init(&domains[e].held);
        domains[e].exporter = &exporters[e];
        struct decode_context context = {.decode = &decode, .domain = &domains[e]};
        struct wire_reader set = wire_reader_of(octets, sizeof(octets));
        for (uint16_t i = 0; i < 2000; i++)
            held_keep(&context, (uint16_t)(256 + i), &set);
    }
    cr_assert_eq(decode.counters.held_sets, SETS);
    uint64_t before = held_steps(pool);
    for (size_t e = 0; e < SETS / 2000; e++)
        for (uint16_t i = 0; i < 4000; i++) /* half of them wait for nothing */
            held_drop(&decode, &domains[e], (uint16_t)(256 + i));
    cr_assert_eq(decode.counters.held_dropped, SETS);
    cr_assert_leq(held_steps(pool) - before, 4ULL * 2 * SETS, "%llu steps",
                  (unsigned long long)(held_steps(pool) - before));
    held_pool_free(pool);
}

Test(held, only_its_own_domain_and_id_are_decoded)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    send_data(&b, 7, 256, 1);
    send_data(&b, 7, 257, 2);
    send_data(&b, 8, 256, 3);
    b.source.addr = addr_from_ipv4(0xc0000202);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 0, "another exporter's template");
    b.source.addr = addr_from_ipv4(0xc0000201);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 1);
    send_template(&b, 8, 256);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 3);
    bench_done(&b);
}

Test(held, what_waited_too_long_is_dropped)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    send_data(&b, 7, 256, 1);
    send_data(&b, 7, 256, 2);
    b.now_ms = TEN_SECONDS_MS + 1;
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 2);
    cr_assert_eq(counters(&b)->held_dropped, 1);
    bench_done(&b);
}

Test(held, what_is_longer_than_a_block_comes_back_whole)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    v9_start(&b, 7);
    set_start(&b, 256);
    for (uint32_t i = 0; i < KEPT_MAX; i++)
        PUT32(&b, i, i, i, i, i, i, i);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 7, 1, 4, 10, 4, 14, 4, 31, 4, 16, 4, 17, 4, 2, 4);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, (size_t)KEPT_MAX);
    for (uint32_t i = 0; i < KEPT_MAX; i++) {
        cr_assert_eq(b.flows[i].bytes, i);
        cr_assert_eq(b.flows[i].packets, i);
    }
    bench_done(&b);
}

Test(held, a_withdrawal_drops_what_waits)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD});
    for (uint16_t id = 256; id <= 258; id++) {
        ipfix_start(&b, 1);
        put_data(&b, id, id);
        cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE);
    }
    ipfix_start(&b, 1);
    set_start(&b, 2);
    PUT16(&b, 256, 0);
    set_end(&b);
    put_template(&b, 256);
    put_template(&b, 257);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 257);
    cr_assert_eq(counters(&b)->held_dropped, 1);
    ipfix_start(&b, 1);
    set_start(&b, 2);
    PUT16(&b, 2, 0);
    set_end(&b);
    put_template(&b, 258);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(counters(&b)->held_dropped, 2);
    bench_done(&b);
}

/* --- at the limits --- */

Test(held, an_exporter_at_its_limit_loses_its_own_oldest)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = (size_t)8 * BLOCK,
                                           .held_bytes_per_exporter = (size_t)2 * BLOCK});
    send_data(&b, 7, 256, 1);
    b.source.addr = addr_from_ipv4(0xc0000202);
    for (uint32_t i = 1; i <= 50; i++)
        send_data(&b, 7, 256, i);
    cr_assert_eq(counters(&b)->held_dropped, 48);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].bytes, 49);
    b.source.addr = addr_from_ipv4(0xc0000201);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 1, "what another sent pushed nothing out");
    bench_done(&b);
}

Test(held, at_the_limit_of_all_the_oldest_goes_first)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = (size_t)4 * BLOCK,
                                           .held_bytes_per_exporter = (size_t)4 * BLOCK});
    for (uint32_t i = 1; i <= 6; i++) {
        b.source.addr = addr_from_ipv4(i);
        send_data(&b, 7, 256, i);
    }
    cr_assert_eq(counters(&b)->held_dropped, 2);
    for (uint32_t i = 1; i <= 6; i++) {
        b.source.addr = addr_from_ipv4(i);
        send_template(&b, 7, 256);
        cr_assert_eq(b.flow_count, i > 2 ? 1U : 0U, "%u", i);
    }
    bench_done(&b);
}

Test(held, a_set_larger_than_the_limit_is_counted_and_not_kept)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = (size_t)4 * BLOCK,
                                           .held_bytes_per_exporter = (size_t)BLOCK});
    v9_start(&b, 7);
    set_start(&b, 256);
    for (int i = 0; i < BLOCK; i++)
        wire_put_u8(&b.w, 1);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(counters(&b)->held_sets, 0);
    cr_assert_eq(counters(&b)->held_dropped, 1);
    bench_done(&b);
}

Test(held, a_domain_that_goes_takes_along_what_waits)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD, .domains_per_exporter = 2});
    for (uint32_t domain = 1; domain <= 4; domain++)
        send_data(&b, domain, 256, domain);
    cr_assert_eq(counters(&b)->held_dropped, 2);
    send_template(&b, 1, 256);
    cr_assert_eq(b.flow_count, 0);
    send_template(&b, 4, 256);
    cr_assert_eq(b.flow_count, 1);
    bench_done(&b);
}

Test(held, without_memory_for_it_nothing_waits)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    send_data(&b, 7, 256, 1);
    send_template(&b, 7, 256);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(counters(&b)->held_sets, 0);
    bench_done(&b);
}

Test(held, samplers_that_push_out_templates_leave_the_one_that_is_read)
{
    enum { SAMPLERS = 200 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = HOLD, .memory_bytes = 4 << 10});
    v9_start(&b, 7);
    set_start(&b, 300);
    for (uint32_t i = 0; i < SAMPLERS; i++)
        PUT32(&b, 0, i, 100);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    v9_start(&b, 7);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 8, 1, 4, 48, 4, 50, 4);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(counters(&b)->options_records, (uint64_t)SAMPLERS);
    bench_done(&b);
}
