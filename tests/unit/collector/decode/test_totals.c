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

/* --- a firewall's events, as Cisco's ASA sends them --- */

enum event { CREATED = 1, DELETED = 2, DENIED = 3, UPDATE = 5 };

/* Connection id, ends, ports, protocol, event, its time, octets both ways; a teardown also says
 * when the connection began. */
static void put_event_templates(struct bench *b)
{
    set_start(b, 0);
    PUT16(b, 263, 10, 148, 4, 8, 4, 7, 2, 12, 4, 11, 2, 4, 1, 233, 1, 323, 8, 231, 4, 232, 4);
    PUT16(b, 264, 11, 148, 4, 8, 4, 7, 2, 12, 4, 11, 2, 4, 1, 233, 1, 323, 8, 231, 4, 232, 4, 152,
          8);
    PUT16(b, 265, 8, 148, 4, 8, 4, 7, 2, 12, 4, 11, 2, 4, 1, 233, 1, 323, 8);
    set_end(b);
}

static uint64_t event_ms; /* of the event at hand */

static void put_event(struct bench *b, uint32_t connection, enum event event, uint32_t forward,
                      uint32_t back)
{
    bool whole = event == DELETED, empty = event == CREATED;
    set_start(b, whole ? 264 : empty ? 265 : 263);
    PUT32(b, connection, 0x0a003210);
    PUT16(b, 55182);
    PUT32(b, 0x0a014e03);
    PUT16(b, 3128);
    wire_put_u8(&b->w, 6);
    wire_put_u8(&b->w, (uint8_t)event);
    wire_put_u64(&b->w, event_ms);
    if (!empty)
        PUT32(b, forward, back);
    if (whole)
        wire_put_u64(&b->w, began_ms);
    set_end(b);
}

/* What counts of the records that a datagram gave, both ways. */
static void sum(const struct bench *b, uint64_t *ret_forward, uint64_t *ret_back)
{
    for (size_t i = 0; i < b->flow_count; i++)
        *(b->flows[i].reverse ? ret_back : ret_forward) += b->flows[i].bytes;
}

struct told {
    enum event event;
    uint32_t forward, back;
};

static void check_events(const struct told *events, size_t count, uint64_t forward, uint64_t back)
{
    struct bench b;
    uint64_t got_forward = 0, got_back = 0;
    bench_init(&b, &(struct decode_limits){0});
    event_ms = began_ms;
    for (size_t i = 0; i < count; i++) {
        v9_start(&b, 0);
        put_event_templates(&b);
        put_event(&b, 0x17c4, events[i].event, events[i].forward, events[i].back);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        sum(&b, &got_forward, &got_back);
        event_ms += MINUTE_MS;
    }
    cr_assert_eq(got_forward, forward, "%llu", (unsigned long long)got_forward);
    cr_assert_eq(got_back, back, "%llu", (unsigned long long)got_back);
    bench_done(&b);
}
#define EVENTS(forward, back, ...)                                                                 \
    check_events((const struct told[]){__VA_ARGS__},                                               \
                 sizeof((const struct told[]){__VA_ARGS__}) / sizeof(struct told), forward, back)

Test(totals, a_firewalls_updates_and_teardown_count_each_octet_once)
{
    EVENTS(2588, 1117, {CREATED, 0, 0}, {UPDATE, 2557, 1117}, {UPDATE, 31, 0},
           {DELETED, 2588, 1117});
}

Test(totals, a_teardown_says_what_updates_did_not)
{
    EVENTS(3000, 900, {CREATED, 0, 0}, {UPDATE, 1000, 500}, {DELETED, 3000, 900});
}

Test(totals, a_short_connection_has_only_its_teardown)
{
    EVENTS(900, 800, {CREATED, 0, 0}, {DELETED, 900, 800});
}

Test(totals, a_last_update_behind_its_teardown_counts_nothing)
{
    EVENTS(2588, 1117, {UPDATE, 2557, 1117}, {DELETED, 2588, 1117}, {UPDATE, 31, 0});
}

Test(totals, a_teardown_that_came_twice_counts_once)
{
    EVENTS(900, 800, {DELETED, 900, 800}, {DELETED, 900, 800});
}

Test(totals, creations_and_denials_carry_no_volume)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 0);
    put_event_templates(&b);
    put_event(&b, 1, CREATED, 0, 0);
    put_event(&b, 2, DENIED, 500, 0);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(b.flows[i].has & (FLOW_BYTES | FLOW_PACKETS), 0);
    cr_assert_eq(decode_counters(b.decode)->records_without_volume, 2);
    bench_done(&b);
}

Test(totals, a_teardown_behind_updates_lasted_since_the_last_of_them)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    event_ms = began_ms + 10 * MINUTE_MS;
    v9_start(&b, 0);
    put_event_templates(&b);
    put_event(&b, 1, UPDATE, 100, 0);
    event_ms += 5000;
    put_event(&b, 1, DELETED, 300, 0);
    put_event(&b, 2, DELETED, 300, 0);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[1].bytes, 200);
    cr_assert_eq(b.flows[1].duration_ms, 5000);
    cr_assert_eq(b.flows[2].duration_ms, (uint32_t)(10 * MINUTE_MS + 5000), "no update of it");
    bench_done(&b);
}

/* A zone firewall's high-speed log, and others that tell both ways without events. */
Test(totals, initiator_counters_without_an_event_are_deltas)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 0; i < 2; i++) {
        v9_start(&b, 0);
        set_start(&b, 0);
        PUT16(&b, 256, 4, 8, 4, 12, 4, 231, 4, 232, 4);
        set_end(&b);
        set_start(&b, 256);
        PUT32(&b, 0x0a000001, 0xcb007107, 100, 50);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].bytes, 100);
        cr_assert_eq(b.flows[1].bytes, 50);
    }
    bench_done(&b);
}
