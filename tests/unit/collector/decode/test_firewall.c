#include "tests/unit/collector/decode/datagram.h"

/* Totals as firewalls tell them with their events. */

enum { MINUTE_MS = 60000, MINUTE_S = 60 };

static const uint64_t began_ms = EXPORT_SECONDS * 1000ULL;

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

/* A thousand connections a second come and go while others last for minutes. */
Test(totals, short_connections_push_out_none_that_lasts)
{
    enum { PLACES = 8192, LASTING = 1000, A_SECOND = 1000, SECONDS = 130, BATCH = 10 };
    struct bench b;
    uint64_t forward = 0, back = 0;
    bench_init(&b, &(struct decode_limits){.flow_totals = PLACES});
    event_ms = began_ms;
    for (uint32_t second = 0; second < SECONDS; second++) {
        for (uint32_t i = 0; i < A_SECOND; i += BATCH) {
            v9_start(&b, 0);
            put_event_templates(&b);
            for (uint32_t j = i; j < i + BATCH; j++)
                put_event(&b, 1000000 + second * A_SECOND + j, DELETED, 10, 20);
            for (uint32_t j = i; j < i + BATCH && second % MINUTE_S == 0; j++)
                put_event(&b, 1 + j, second < 2 * MINUTE_S ? UPDATE : DELETED,
                          second < 2 * MINUTE_S ? 1000 : 2000, 100);
            cr_assert_eq(bench_send(&b), DECODE_OK);
            sum(&b, &forward, &back);
        }
        event_ms += 1000;
        b.now_ms += 1000 - A_SECOND / BATCH;
    }
    /* Of the teardowns nothing forward: two updates told it. */
    cr_assert_eq(forward, UINT64_C(10) * A_SECOND * SECONDS + UINT64_C(2000) * LASTING, "%llu",
                 (unsigned long long)forward);
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
