#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

/* Rates that options tell of interfaces: which of them a record was sampled at, and by whom. */

enum { SAYS_NOT = 2, INGRESS = 0, EGRESS = 1 }; /* flowDirection */

struct side {
    char name[64];
    bool ipfix;
    uint16_t scope; /* NetFlow 9: 2, interface */
    uint8_t direction;
    uint32_t input, output;
    double want;
};

/* Interface 5 samples 1 in 1000 and interface 7 1 in 100; 6 does not sample. */
static void tell_interfaces(struct bench *b, bool ipfix, uint16_t scope)
{
    set_start(b, ipfix ? 3 : 1);
    if (ipfix)
        PUT16(b, 300, 2, 1, scope, 4, 34, 4);
    else
        PUT16(b, 300, 4, 4, scope, 4, 34, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 5, 1000, 7, 100);
    set_end(b);
}

static void put_flow(struct bench *b, const struct side *side)
{
    set_start(b, side->ipfix ? 2 : 0);
    if (side->direction == SAYS_NOT)
        PUT16(b, 400, 3, 10, 4, 14, 4, 1, 4);
    else
        PUT16(b, 400, 4, 10, 4, 14, 4, 1, 4, 61, 1);
    set_end(b);
    set_start(b, 400);
    PUT32(b, side->input, side->output, 1000);
    if (side->direction != SAYS_NOT)
        wire_put_u8(&b->w, side->direction);
    set_end(b);
}

ParameterizedTestParameters(sampling_places, sides)
{
    static struct side cases[] = {
        {"ingress options, entered", true, 10, SAYS_NOT, 5, 6, 1000},
        {"ingress options, left", true, 10, SAYS_NOT, 6, 5, 0},
        {"ingress options, left, no input", true, 10, SAYS_NOT, 0, 5, 0},
        {"ingress options, an ingress record entered", true, 10, INGRESS, 5, 7, 1000},
        {"ingress options, an ingress record left", true, 10, INGRESS, 6, 5, 0},
        {"ingress options, an egress record entered", true, 10, EGRESS, 5, 6, 0},
        {"ingress options, an egress record left", true, 10, EGRESS, 6, 5, 0},
        {"egress options, entered", true, 14, SAYS_NOT, 5, 6, 0},
        {"egress options, left", true, 14, SAYS_NOT, 6, 5, 1000},
        {"egress options, an ingress record left", true, 14, INGRESS, 6, 5, 0},
        {"egress options, an egress record left", true, 14, EGRESS, 7, 5, 1000},
        {"scope 2, entered", false, 2, SAYS_NOT, 5, 7, 1000},
        {"scope 2, left", false, 2, SAYS_NOT, 6, 5, 0},
        {"scope 2, left, no input", false, 2, SAYS_NOT, 0, 5, 1000},
        {"scope 2, an ingress record entered", false, 2, INGRESS, 5, 7, 1000},
        {"scope 2, an ingress record left", false, 2, INGRESS, 6, 5, 0},
        {"scope 2, an ingress record left, no input", false, 2, INGRESS, 0, 5, 0},
        {"scope 2, an egress record entered", false, 2, EGRESS, 5, 6, 0},
        {"scope 2, an egress record left", false, 2, EGRESS, 7, 5, 1000},
    };
    return cr_make_param_array(struct side, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct side *c, sampling_places, sides)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t domain = 9; domain < 11; domain++) { /* the second was told nothing */
        b.flow_count = 0;
        if (c->ipfix)
            ipfix_start(&b, domain);
        else
            v9_start(&b, domain);
        if (domain == 9)
            tell_interfaces(&b, c->ipfix, c->scope);
        put_flow(&b, c);
        cr_assert_eq(c->ipfix ? ipfix_send(&b) : bench_send(&b), DECODE_OK, "%s", c->name);
        cr_assert_eq(b.flow_count, 1);
        cr_assert_eq(b.flows[0].sampling_rate, c->want, "%s: %g", c->name,
                     b.flows[0].sampling_rate);
    }
    bench_done(&b);
}

/* --- several samplers at one interface --- */

struct teller {
    uint32_t sampler, rate;
};

/* At interface 5; a sampler of 0 is not named. Returns the rate of a record that names none. */
static double tell_at_5(struct bench *b, const struct teller *tellers, size_t count)
{
    b->flow_count = 0;
    ipfix_start(b, 9);
    set_start(b, 3);
    PUT16(b, 300, 3, 1, 10, 4, 48, 4, 50, 4);
    PUT16(b, 301, 2, 1, 10, 4, 50, 4);
    set_end(b);
    for (size_t i = 0; i < count; i++) {
        set_start(b, tellers[i].sampler > 0 ? 300 : 301);
        if (tellers[i].sampler > 0)
            PUT32(b, 5, tellers[i].sampler, tellers[i].rate);
        else
            PUT32(b, 5, tellers[i].rate);
        set_end(b);
    }
    put_flow(b, &(struct side){.ipfix = true, .direction = SAYS_NOT, .input = 5, .output = 6});
    cr_assert_eq(ipfix_send(b), DECODE_OK);
    cr_assert_eq(b->flow_count, 1);
    b->now_ms += 60000;
    return b->flows[0].sampling_rate;
}

Test(sampling_places, a_place_has_the_rate_that_its_samplers_agree_on)
{
    struct teller tellers[] = {{1, 100}, {2, 1000}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(tell_at_5(&b, tellers, 1), 100);
    cr_assert_eq(tell_at_5(&b, tellers, 2), 0, "they differ");
    const uint64_t changes = decode_changes(b.decode);
    for (int minute = 0; minute < 100; minute++)
        cr_assert_eq(tell_at_5(&b, tellers, 2), 0);
    cr_assert_eq(decode_changes(b.decode), changes, "nothing that a snapshot would have to keep");
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 0, "two samplers are no change");
    tellers[1].rate = 100;
    for (int minute = 0; minute < 8; minute++)
        tell_at_5(&b, tellers, 2);
    cr_assert_eq(tell_at_5(&b, tellers, 2), 100, "they agree now");
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 1, "the second sampler's own");
    tellers[1].rate = 1000;
    cr_assert_eq(tell_at_5(&b, tellers, 2), 0);
    for (int minute = 0; minute < 8; minute++)
        tell_at_5(&b, tellers, 1);
    cr_assert_eq(tell_at_5(&b, tellers, 1), 100, "the second is there no more");
    tellers[0].rate = 500;
    cr_assert_eq(tell_at_5(&b, tellers, 1), 500, "one alone may change at once");
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 3);
    bench_done(&b);
}

Test(sampling_places, an_interface_without_samplers_changes_at_once)
{
    struct teller teller = {0, 100};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(tell_at_5(&b, &teller, 1), 100);
    teller.rate = 200;
    cr_assert_eq(tell_at_5(&b, &teller, 1), 200);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 1);
    bench_done(&b);
}
