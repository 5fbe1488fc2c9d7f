#include "tests/unit/collector/decode/datagram.h"

/* --- totals --- */

enum { MINUTE_MS = 60000, FIRST_TEMPLATE = 256 };

static const uint64_t began_ms = EXPORT_SECONDS * 1000ULL;

/* Ends, ports, protocol, start and end in ms, octets and packets in all. */
static void put_total_template(struct bench *b)
{
    set_start(b, 0);
    PUT16(b, FIRST_TEMPLATE, 9, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 152, 8, 153, 8, 85, 8, 86, 4);
    set_end(b);
}

struct flow {
    uint32_t src;
    uint64_t start_ms, end_ms, octets;
    uint32_t packets;
};

static void put_total(struct bench *b, const struct flow *flow)
{
    set_start(b, FIRST_TEMPLATE);
    PUT32(b, flow->src, 0xcb007107);
    PUT16(b, 443, 5000);
    wire_put_u8(&b->w, 6);
    wire_put_u64(&b->w, flow->start_ms);
    wire_put_u64(&b->w, flow->end_ms);
    wire_put_u64(&b->w, flow->octets);
    PUT32(b, flow->packets);
    set_end(b);
}

static void send_total(struct bench *b, const struct flow *flow)
{
    v9_start(b, 7);
    put_total_template(b);
    put_total(b, flow);
    cr_assert_eq(bench_send(b), DECODE_OK);
    cr_assert_eq(b->flow_count, 1);
}

Test(totals, of_a_flow_that_is_told_again_what_came_since_counts)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, 1000, 10};
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 1000);
    cr_assert_eq(b.flows[0].told_bytes, 0);
    cr_assert_eq(b.flows[0].duration_ms, (uint32_t)MINUTE_MS);
    flow.octets = 1500;
    flow.packets = 13;
    flow.end_ms += 20000;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 500);
    cr_assert_eq(b.flows[0].told_bytes, 1000);
    cr_assert_eq(b.flows[0].packets, 3);
    cr_assert_eq(b.flows[0].told_packets, 10);
    cr_assert_eq(b.flows[0].duration_ms, 20000, "since it was told last");
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 0, "a datagram that came twice");
    cr_assert(b.flows[0].has & FLOW_BYTES);
    bench_done(&b);
}

Test(totals, other_flows_and_one_that_began_anew_count_whole)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, 1000, 10};
    send_total(&b, &flow);
    struct flow other = flow, later = flow, less = flow;
    other.src = 0x0a000002;
    send_total(&b, &other);
    cr_assert_eq(b.flows[0].bytes, 1000, "another host");
    later.start_ms += 1;
    send_total(&b, &later);
    cr_assert_eq(b.flows[0].bytes, 1000, "the same ends at another time");
    less.octets = 400;
    less.packets = 4;
    send_total(&b, &less);
    cr_assert_eq(b.flows[0].bytes, 400, "a total that went back began anew");
    v9_start(&b, 8);
    put_total_template(&b);
    put_total(&b, &flow);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].bytes, 1000, "another domain");
    b.source.addr = addr_from_ipv4(0xc0000202);
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 1000, "another exporter");
    bench_done(&b);
}

Test(totals, after_an_hour_a_flow_is_forgotten)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, 1000, 10};
    send_total(&b, &flow);
    b.now_ms += 3600001;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 1000);
    cr_assert_eq(decode_counters(b.decode)->evicted_totals, 0);
    bench_done(&b);
}

Test(totals, at_the_limit_the_flow_told_longest_ago_goes)
{
    enum { FLOWS = 9 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.flow_totals = FLOWS - 1});
    struct flow flow = {0, began_ms, began_ms + MINUTE_MS, 1000, 10};
    for (flow.src = 1; flow.src <= FLOWS; flow.src++)
        send_total(&b, &flow);
    cr_assert_eq(decode_counters(b.decode)->evicted_totals, 1);
    flow.src = FLOWS;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 0);
    flow.src = 1;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 1000, "as if it were new");
    bench_done(&b);
}

/* --- who is not believed --- */

Test(totals, one_that_is_forged_between_two_makes_no_difference_of_them)
{
    static const struct {
        uint64_t octets, counts;
    } told[] = {{1000000000, 1000000000},
                {1000, 1000},
                {1000001000, 1000},
                {2000, 2000},
                {500, 500},
                {1000002000, 1000},
                {9000000000, 7999998000},
                {1000003000, 1000}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, told[i].octets,
                            (uint32_t)(told[i].octets / 500)};
        send_total(&b, &flow);
        cr_assert_eq(b.flows[0].bytes, told[i].counts, "%zu: %llu", i,
                     (unsigned long long)b.flows[0].bytes);
    }
    bench_done(&b);
}

Test(totals, one_that_did_begin_anew_is_believed_from_its_second_on)
{
    static const struct {
        uint64_t octets, counts;
    } told[] = {{10000, 10000}, {20000, 10000}, {500, 500}, {1500, 1000}, {25000, 23500}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, told[i].octets,
                            (uint32_t)(told[i].octets / 500)};
        send_total(&b, &flow);
        cr_assert_eq(b.flows[0].bytes, told[i].counts, "%zu", i);
    }
    bench_done(&b);
}

Test(totals, more_octets_than_its_packets_carry_are_no_difference)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    struct flow flow = {0x0a000001, began_ms, began_ms + MINUTE_MS, 1000, 10};
    send_total(&b, &flow);
    struct flow wild = flow;
    wild.octets = 1000001000;
    wild.packets = 13;
    v9_start(&b, 7);
    put_total(&b, &wild);
    cr_assert_eq(bench_send(&b), DECODE_TOTAL);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].has & (FLOW_BYTES | FLOW_PACKETS), 0);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_NETFLOW9][DECODE_TOTAL], 1);
    flow.octets = 1500;
    flow.packets = 11;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 500, "it goes on from where it was");
    bench_done(&b);
}

Test(totals, an_end_before_the_last_one_is_no_moment)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    struct flow flow = {0x0a000001, began_ms, began_ms + 100 * MINUTE_MS, 1000, 10};
    send_total(&b, &flow); /* it lies in the future */
    b.now_ms += 30000 - 1;
    flow.octets = 2000;
    flow.end_ms = began_ms + MINUTE_MS;
    send_total(&b, &flow);
    cr_assert_eq(b.flows[0].bytes, 1000);
    cr_assert_eq(b.flows[0].duration_ms, 30000, "by our own clock");
    bench_done(&b);
}

/* --- who gives way --- */

static void send_from(struct bench *b, uint32_t exporter, enum decode_trust trust, uint32_t src,
                      uint64_t octets)
{
    struct flow flow = {src, began_ms, began_ms + MINUTE_MS, octets, (uint32_t)(octets / 100)};
    b->source.addr = addr_from_ipv4(exporter);
    b->source.trust = trust;
    send_total(b, &flow);
}

Test(totals, strangers_take_no_place_from_who_is_listed)
{
    enum { PLACES = 64, STRANGERS = 5000 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.flow_totals = PLACES});
    for (uint32_t src = 1; src <= PLACES / 8; src++)
        send_from(&b, 1, DECODE_BY_ADDRESS, src, 1000);
    for (uint32_t src = 1; src <= STRANGERS; src++) {
        send_from(&b, 2, DECODE_UNLISTED, src, 1000);
        send_from(&b, 3, DECODE_BY_PREFIX, src, 1000);
    }
    cr_assert_gt(decode_counters(b.decode)->evicted_totals, STRANGERS);
    for (uint32_t src = 1; src <= PLACES / 8; src++) {
        send_from(&b, 1, DECODE_BY_ADDRESS, src, 1500);
        cr_assert_eq(b.flows[0].bytes, 500, "%u", src);
    }
    bench_done(&b);
}

Test(totals, who_tells_of_many_flows_takes_from_himself)
{
    enum { PLACES = 64, MANY = 5000 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.flow_totals = PLACES});
    for (uint32_t src = 1; src <= PLACES / 8; src++)
        send_from(&b, 1, DECODE_BY_PREFIX, src, 1000);
    for (uint32_t src = 1; src <= MANY; src++)
        send_from(&b, 2, DECODE_BY_PREFIX, src, 1000);
    for (uint32_t src = 1; src <= PLACES / 8; src++) {
        send_from(&b, 1, DECODE_BY_PREFIX, src, 1500);
        cr_assert_eq(b.flows[0].bytes, 500, "%u", src);
    }
    bench_done(&b);
}

static bool is_first(void *owner, const struct ip_addr *exporter)
{
    (void)owner;
    return exporter->octets[3] == 1;
}

Test(totals, an_exporter_that_is_forgotten_takes_along_what_it_told)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.exporters = 2, .flow_totals = 8});
    for (uint32_t round = 0; round < 3; round++) {
        send_from(&b, 1, DECODE_UNLISTED, 1, 1000 + 100 * round);
        cr_assert_eq(b.flows[0].bytes, round == 0 ? 1000 : 100);
        for (uint32_t src = 1; src <= 7; src++) {
            send_from(&b, 2 + round, DECODE_UNLISTED, src, 1000);
            cr_assert_eq(b.flows[0].bytes, 1000);
        }
        decode_forget(b.decode, is_first, NULL);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_totals, 0, "their places are free");
    bench_done(&b);
}

/* RFC 5102, 5.11.3: told for good, with end of flow, or only since it takes long. */
Test(totals, a_flow_that_is_over_gives_way_first)
{
    enum { PLACES = 8, OVER = 3, GOES_ON = 2 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){.flow_totals = PLACES});
    for (uint32_t round = 1; round <= 100; round++)
        for (uint32_t src = 1; src < 2 * PLACES; src++) {
            bool lasts = src < PLACES;
            ipfix_start(&b, 7);
            set_start(&b, 2);
            PUT16(&b, 256, 4, 8, 4, 12, 4, 85, 4, 136, 1);
            set_end(&b);
            set_start(&b, 256);
            PUT32(&b, lasts ? src : 1000 * round + src, 0xcb007107, lasts ? 100 * round : 5);
            wire_put_u8(&b.w, lasts ? GOES_ON : OVER);
            set_end(&b);
            cr_assert_eq(ipfix_send(&b), DECODE_OK);
            cr_assert_eq(b.flows[0].bytes, lasts ? 100 : 5, "round %u, %u", round, src);
        }
    bench_done(&b);
}

/* RFC 5103: the reverse half has totals of its own. */
Test(totals, each_half_of_a_biflow_has_its_own)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 2; i++) {
        ipfix_start(&b, 7);
        set_start(&b, 2);
        PUT16(&b, 256, 4, 8, 4, 12, 4, 85, 4, 0x8000 | 85, 4);
        PUT32(&b, 29305);
        set_end(&b);
        set_start(&b, 256);
        PUT32(&b, 0x0a000001, 0xcb007107, 100 * i, 70);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, 2);
        cr_assert_eq(b.flows[0].bytes, 100);
        cr_assert_eq(b.flows[1].reverse, true);
        cr_assert_eq(b.flows[1].bytes, i == 1 ? 70 : 0);
        cr_assert_eq(b.flows[1].told_bytes, i == 1 ? 0 : 70);
    }
    bench_done(&b);
}

Test(totals, what_one_record_told_before_is_not_the_next_ones)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 2; i++) {
        ipfix_start(&b, 7);
        set_start(&b, 2);
        PUT16(&b, 256, 4, 8, 4, 12, 4, 85, 4, 0x8000 | 85, 4);
        PUT32(&b, 29305);
        set_end(&b);
        set_start(&b, 256);
        for (uint32_t host = 0; host < 20; host++) /* each with less than before, but for one */
            PUT32(&b, host, 0xcb007107, 100, host == 0 ? 70 : 70 / i);
        set_end(&b);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, 40);
    }
    cr_assert_eq(b.flows[1].told_bytes, 70);
    for (size_t i = 3; i < 40; i += 2) {
        cr_assert_eq(b.flows[i].bytes, 35);
        cr_assert_eq(b.flows[i].told_bytes, 0, "%zu", i);
    }
    bench_done(&b);
}

Test(totals, where_a_delta_is_told_too_it_counts_and_nothing_is_remembered)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 2; i++) {
        v9_start(&b, 7);
        set_start(&b, 0);
        PUT16(&b, 256, 4, 8, 4, 12, 4, 85, 4, 1, 4);
        set_end(&b);
        set_start(&b, 256);
        PUT32(&b, 0x0a000001, 0xcb007107, 100 * i, 50);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].bytes, 50);
    }
    bench_done(&b);
}

/* Who adds up many flows into one record does not say which it is. */
Test(totals, a_record_without_ends_counts_whole)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 2; i++) {
        v9_start(&b, 7);
        set_start(&b, 0);
        PUT16(&b, 256, 2, 12, 4, 85, 4);
        set_end(&b);
        set_start(&b, 256);
        PUT32(&b, 0xcb007107, 100 * i);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].bytes, 100 * i);
    }
    bench_done(&b);
}
