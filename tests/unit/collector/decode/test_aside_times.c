#include "tests/unit/collector/decode/outside.h"

#include <criterion/parameterized.h>

/* An exporter's machines, each with an active timeout of its own and the same template: told of
 * the whole domain, or of the template. */
enum { LASTED_MS = 7200000, START_MS = 10000000, MINUTE = 600 /* datagrams, each 100 ms */ };

struct machine {
    uint32_t sequence, timeout_s;
    bool by_template;
};

static void tell(struct bench *b, const struct machine *m)
{
    set_start(b, 0);
    PUT16(b, 256, 4, 8, 4, 1, 4, 152, 8, 153, 8);
    set_end(b);
    set_start(b, 1);
    PUT16(b, 300, 4, 8, m->by_template ? 5 : 1, 2, 34, 4, 36, 4);
    set_end(b);
    set_start(b, 300);
    PUT16(b, 256);
    PUT32(b, RATE, m->timeout_s);
    set_end(b);
}

/* How long a record lasts that says two hours. */
static uint32_t send_one(struct bench *b, struct machine *m, bool tells)
{
    const uint64_t end_ms = EXPORT_SECONDS * UINT64_C(1000);
    at(b, m->sequence++);
    if (tells)
        tell(b, m);
    set_start(b, 256);
    PUT32(b, 0x0a000001, 1000);
    wire_put_u64(&b->w, end_ms - LASTED_MS);
    wire_put_u64(&b->w, end_ms);
    set_end(b);
    bench_send(b);
    b->now_ms += 100;
    return b->flow_count == 1 ? b->flows[0].duration_ms : 0;
}

static void send_some(struct bench *b, struct machine *m, uint32_t count, bool tells)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t ms = send_one(b, m, tells && i == 0);
        cr_assert_eq(ms, m->timeout_s * 1000, "%u s, datagram %u: %u ms", m->timeout_s, i, ms);
    }
}

static void begin_times(struct bench *b)
{
    bench_init(b, &(struct decode_limits){0});
    b->now_ms = START_MS;
}

struct scopes {
    bool one, two;
};

ParameterizedTestParameters(aside_times, of_two_that_take_turns_each_has_its_own_again)
{
    static struct scopes cases[] = {{false, false}, {true, true}, {true, false}, {false, true}};
    return cr_make_param_array(struct scopes, cases, sizeof(cases) / sizeof(cases[0]));
}

/* One is silent while the other sends. */
ParameterizedTest(struct scopes *by, aside_times, of_two_that_take_turns_each_has_its_own_again)
{
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = by->one};
    struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = by->two};
    begin_times(&b);
    send_some(&b, &one, MINUTE, true);
    b.now_ms += 60000;
    send_some(&b, &two, MINUTE, true);
    for (size_t i = 0; i < 3; i++) {
        send_some(&b, &one, MINUTE, false);
        send_some(&b, &two, MINUTE, false);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 0);
    bench_done(&b);
}

/* So soon after another restart that it is not taken for one. */
Test(aside_times, of_one_that_is_silent_serves_no_other)
{
    for (size_t k = 0; k < 2; k++) {
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 300};
        struct machine two = {.sequence = 1000000000, .timeout_s = 120, .by_template = k == 1};
        struct machine three = {.sequence = 2000000000, .timeout_s = 60, .by_template = k == 1};
        begin_times(&b);
        send_some(&b, &one, MINUTE, true);
        b.now_ms += 11000;
        send_some(&b, &two, MINUTE / 10, true);
        b.now_ms += 11000;
        send_some(&b, &three, MINUTE / 10, true);
        cr_assert_eq(decode_counters(b.decode)->restarts, 1);
        send_some(&b, &two, MINUTE / 10, false);
        bench_done(&b);
    }
}

/* Too short a one makes rates too high: so it is not the main stream's. */
Test(aside_times, of_a_stream_beside_the_main_one_serves_its_own_records)
{
    for (size_t k = 0; k < 2; k++) {
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 60};
        struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = k == 1};
        begin_times(&b);
        send_some(&b, &one, MINUTE, true);
        cr_assert_eq(send_one(&b, &two, false), 60000, "it told none");
        send_some(&b, &two, 1, true);
        send_some(&b, &one, 1, false);
        send_some(&b, &two, 1, false);
        bench_done(&b);
    }
}

/* What it told before it counted, of a template that stood already, which it does not tell again.
 */
Test(aside_times, told_from_outside_stand_once_their_stream_counts)
{
    for (size_t k = 0; k < 2; k++) {
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 60};
        struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = k == 1};
        begin_times(&b);
        send_some(&b, &one, MINUTE, true);
        send_some(&b, &two, 1, true);
        b.now_ms += 11000;
        send_some(&b, &two, MINUTE, false);
        send_some(&b, &one, MINUTE, false);
        bench_done(&b);
    }
}

/* More than a word has room for: those used last are its own again, the others wait for options. */
Test(aside_times, of_many_templates_those_used_last_are_kept)
{
    enum { TEMPLATES = 40, KEPT = 32 };
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = true};
    struct machine two = {.sequence = 2000000000, .timeout_s = 120};
    begin_times(&b);
    send_some(&b, &one, MINUTE, true);
    at(&b, one.sequence++);
    set_start(&b, 0);
    for (uint16_t id = 257; id < 256 + TEMPLATES; id++)
        PUT16(&b, id, 1, 1, 4);
    set_end(&b);
    set_start(&b, 300);
    for (uint16_t id = 257; id < 256 + TEMPLATES; id++) {
        PUT16(&b, id);
        PUT32(&b, RATE, 60);
    }
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    send_some(&b, &one, 1, false);
    b.now_ms += 60000;
    send_some(&b, &two, MINUTE, true);
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, TEMPLATES - KEPT);
    b.now_ms += 60000;
    send_some(&b, &one, MINUTE, false);
    bench_done(&b);
}
