#include "tests/unit/collector/decode/outside.h"

#include <criterion/parameterized.h>

/* An exporter's machines, each with an active timeout of its own and the same template: told of
 * the whole domain, or of the template. */
enum { LASTED_MS = 7200000, START_MS = 10000000, MINUTE = 600 /* datagrams, each 100 ms */ };

struct machine {
    uint32_t sequence, timeout_s;
    bool by_template;
    bool is_turned; /* its template is of another order */
};

static void put_layout(struct bench *b, const struct machine *m, uint16_t id)
{
    set_start(b, 0);
    PUT16(b, id, 4, m->is_turned ? 1 : 8, 4, m->is_turned ? 8 : 1, 4, 152, 8, 153, 8);
    set_end(b);
}

static void put_timeout(struct bench *b, const struct machine *m, uint16_t id)
{
    set_start(b, 300);
    PUT16(b, id);
    PUT32(b, RATE, m->timeout_s);
    set_end(b);
}

static void put_options(struct bench *b, const struct machine *m)
{
    set_start(b, 1);
    PUT16(b, 300, 4, 8, m->by_template ? 5 : 1, 2, 34, 4, 36, 4);
    set_end(b);
    put_timeout(b, m, 256);
}

static void tell(struct bench *b, const struct machine *m)
{
    put_layout(b, m, 256);
    put_options(b, m);
}

/* Behind what the datagram tells: how long a record lasts that says two hours. */
static uint32_t finish(struct bench *b, uint16_t id)
{
    const uint64_t end_ms = EXPORT_SECONDS * UINT64_C(1000);
    set_start(b, id);
    PUT32(b, 0x0a000001, 1000);
    wire_put_u64(&b->w, end_ms - LASTED_MS);
    wire_put_u64(&b->w, end_ms);
    set_end(b);
    bench_send(b);
    b->now_ms += 100;
    return b->flow_count == 1 ? b->flows[0].duration_ms : 0;
}

static uint32_t send_one(struct bench *b, struct machine *m, bool tells)
{
    at(b, m->sequence++);
    if (tells)
        tell(b, m);
    return finish(b, 256);
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
        at(&b, two.sequence++);
        put_options(&b, &two);
        cr_assert_eq(finish(&b, 256), 120000, "before it counts");
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

/* --- a template's, told before the template, or apart from it --- */

enum { LOST = 10000000 }; /* more than others overtake */

/* The main stream's templates 256 and 257 have 60 s each. */
static void begin_two_templates(struct bench *b, struct machine *one)
{
    *one = (struct machine){.sequence = 1000, .timeout_s = 60, .by_template = true};
    begin_times(b);
    send_some(b, one, MINUTE, true);
    at(b, one->sequence++);
    put_layout(b, one, 257);
    put_timeout(b, one, 257);
    cr_assert_eq(finish(b, 257), 60000);
}

/* It is the same router, after a loss. */
Test(aside_times, of_one_that_goes_on_from_the_main_stream_are_that_ones_too)
{
    struct bench b;
    struct machine one;
    begin_two_templates(&b, &one);
    one.sequence += LOST;
    cr_assert_eq(send_one(&b, &one, false), 60000, "nothing told yet");
    at(&b, one.sequence++);
    put_layout(&b, &one, 256);
    cr_assert_eq(finish(&b, 256), 60000, "the same template again");
    at(&b, one.sequence++);
    put_timeout(&b, &one, 256);
    cr_assert_eq(finish(&b, 256), 60000, "and its timeout");
    at(&b, one.sequence++);
    cr_assert_eq(finish(&b, 257), 60000, "of the other only the main stream told");
    one.timeout_s = 120;
    at(&b, one.sequence++);
    put_timeout(&b, &one, 257);
    cr_assert_eq(finish(&b, 257), 120000, "the longest counts");
    cr_assert_gt(refused(&b), 0, "it is outside");
    bench_done(&b);
}

/* Somebody else has only what it told, before the template and after it. */
Test(aside_times, of_a_template_count_before_it_comes)
{
    struct bench b;
    struct machine one, two = {.sequence = 2000000000, .timeout_s = 120, .by_template = true};
    begin_two_templates(&b, &one);
    at(&b, two.sequence++);
    put_timeout(&b, &two, 256);
    cr_assert_eq(finish(&b, 256), 120000, "by the template that stands");
    at(&b, two.sequence++);
    cr_assert_eq(finish(&b, 257), LASTED_MS, "it told nothing of it");
    two.is_turned = true;
    at(&b, two.sequence++);
    put_layout(&b, &two, 256);
    cr_assert_eq(finish(&b, 256), 120000, "by its own");
    two.timeout_s = 30;
    at(&b, two.sequence++);
    put_timeout(&b, &two, 256);
    cr_assert_eq(finish(&b, 256), 120000, "the longest counts");
    bench_done(&b);
}

/* One is put aside by another whose template differs: adopted with its options, or told after them.
 * Then it comes back beside the other, and may say the template again. */
Test(aside_times, of_a_template_that_was_replaced_are_its_streams)
{
    for (size_t k = 0; k < 4; k++) {
        const bool is_adopted = k % 2 == 0, is_told_again = k / 2 == 1;
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = true};
        struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = true};
        begin_times(&b);
        two.is_turned = true;
        send_some(&b, &one, MINUTE, true);
        if (is_adopted)
            send_some(&b, &two, 1, true);
        b.now_ms += is_adopted ? 11000 : 60000;
        if (!is_adopted) {
            at(&b, two.sequence++);
            put_options(&b, &two);
            put_layout(&b, &two, 256);
            put_timeout(&b, &two, 256);
            cr_assert_eq(finish(&b, 256), 120000);
        }
        send_some(&b, &two, MINUTE, false);
        at(&b, one.sequence++);
        if (is_told_again)
            put_layout(&b, &one, 256);
        cr_assert_eq(finish(&b, 256), 60000, "%zu: %u ms", k, b.flows[0].duration_ms);
        send_some(&b, &one, MINUTE, false);
        bench_done(&b);
    }
}

Test(aside_times, told_anew_by_one_that_comes_back_are_not_those_of_before)
{
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = true};
    struct machine two = {.sequence = 2000000000, .timeout_s = 30, .by_template = true};
    begin_times(&b);
    send_some(&b, &one, MINUTE, true);
    b.now_ms += 60000;
    send_some(&b, &two, MINUTE, true);
    one.timeout_s = 120;
    send_some(&b, &one, MINUTE, true);
    bench_done(&b);
}

/* --- for want of room --- */

/* Of one that was silent while another told its own: its time again, or it is counted. */
Test(aside_times, that_find_no_room_are_counted)
{
    uint32_t kept = 0, lost = 0;
    for (size_t memory_bytes = 4000; memory_bytes < 30000; memory_bytes += 100) {
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 60};
        struct machine two = {.sequence = 2000000000, .timeout_s = 120};
        bench_init(&b, &(struct decode_limits){.memory_bytes = memory_bytes});
        b.now_ms = START_MS;
        send_one(&b, &one, true);
        for (uint32_t i = 1; i < MINUTE; i++)
            send_one(&b, &one, false);
        b.now_ms += 60000;
        if (send_one(&b, &two, true) == 120000) {
            for (uint32_t i = 1; i < MINUTE; i++)
                send_one(&b, &two, false);
            const bool is_kept = send_one(&b, &one, false) == 60000;
            kept += is_kept;
            lost += !is_kept;
            cr_assert(is_kept || decode_counters(b.decode)->evicted_aside > 0, "%zu octets",
                      memory_bytes);
        }
        bench_done(&b);
    }
    cr_assert(kept > 0 && lost > 0, "%u, %u", kept, lost);
}

/* More streams than are followed, each with a timeout and nothing else. */
Test(aside_times, of_a_stream_that_is_forgotten_are_counted)
{
    enum { STREAMS = 40, FAR_APART = 1 << 26 };
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60};
    begin_times(&b);
    for (uint32_t i = 0; i < MINUTE; i++, b.now_ms += 100) {
        at(&b, one.sequence++);
        if (i == 0) {
            set_start(&b, 1);
            PUT16(&b, 301, 4, 4, 1, 2, 36, 4);
            set_end(&b);
        }
        bench_send(&b);
    }
    for (uint32_t i = 1; i <= STREAMS; i++) {
        at(&b, i * FAR_APART);
        set_start(&b, 301);
        PUT16(&b, 0);
        PUT32(&b, 120);
        set_end(&b);
        bench_send(&b);
    }
    const uint64_t lost = decode_counters(b.decode)->evicted_aside;
    cr_assert(lost >= STREAMS - 9 && lost < STREAMS, "%lu", lost);
    bench_done(&b);
}

Test(aside_times, of_more_templates_than_a_word_has_room_for_are_counted)
{
    enum { ROOM = 32, FIRST_ID = 1000 };
    for (uint16_t told = ROOM - 1; told <= ROOM + 1; told++) {
        struct bench b;
        struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = true};
        struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = true};
        begin_times(&b);
        send_some(&b, &one, MINUTE, true);
        at(&b, two.sequence++);
        for (uint16_t i = 1; i < told; i++)
            put_timeout(&b, &two, FIRST_ID + i);
        put_timeout(&b, &two, 256);
        cr_assert_eq(finish(&b, 256), told <= ROOM ? 120000 : LASTED_MS, "%u", told);
        cr_assert_eq(decode_counters(b.decode)->evicted_aside, told > ROOM, "%u", told);
        bench_done(&b);
    }
}

/* Told before it came, by who is the exporter since: it waits for the next options. */
Test(aside_times, of_a_template_that_has_not_come_are_counted)
{
    struct bench b;
    struct machine one = {.sequence = 1000, .timeout_s = 60, .by_template = true};
    struct machine two = {.sequence = 2000000000, .timeout_s = 120, .by_template = true};
    begin_times(&b);
    send_some(&b, &one, MINUTE, true);
    send_some(&b, &two, 1, true);
    at(&b, two.sequence++);
    put_timeout(&b, &two, 257);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 0);
    b.now_ms += 11000;
    at(&b, two.sequence++);
    put_layout(&b, &two, 257);
    cr_assert_eq(finish(&b, 257), LASTED_MS);
    cr_assert_eq(decode_counters(b.decode)->evicted_aside, 1);
    bench_done(&b);
}
