/*
 * No datagram costs more than so many steps for each of its octets: not by what it says, nor by
 * what others said before.
 */
#include "common/base/table.h"
#include "tests/bench/export_datagrams.h"
#include "tests/support/hostile.h"
#include "tests/support/sflow_twice.h"
#include "tests/support/steps.h"
#include "tests/unit/collector/bounds/counted.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

static void ignore_record(void *owner, const struct flow_record *flow)
{
    (void)owner;
    (void)flow;
}

struct hostile_index {
    size_t at;
    enum decode_trust trust;
    char name[64];
};

ParameterizedTestParameters(steps, the_dearest_datagrams_have_a_bound)
{
    static const enum decode_trust trusts[] = {DECODE_UNLISTED, DECODE_BY_ADDRESS};
    static struct hostile_index cases[200];
    size_t count = 0;
    for (size_t i = 0; hostile_case_at(i / 2) != NULL; i++) {
        struct hostile_index *of = &cases[count++];
        of->at = i / 2;
        of->trust = trusts[i % 2];
        snprintf(of->name, sizeof(of->name), "%s", hostile_case_at(i / 2)->name);
    }
    return cr_make_param_array(struct hostile_index, cases, count);
}

ParameterizedTest(struct hostile_index *index, steps, the_dearest_datagrams_have_a_bound)
{
    const struct hostile_case *which = hostile_case_at(index->at);
    struct hostile hostile;
    struct counted c;
    hostile_make(&hostile, which);
    counted_init(&c, hostile_decoder(which));
    c.trust = index->trust;
    for (size_t i = 0; i < hostile.count; i++) {
        const struct hostile_datagram *d = &hostile.datagrams[i];
        c.now_ms += d->wait_ms;
        bool is_last = i + 1 == hostile.count;
        size_t octets = d->len + (is_last ? which->left_behind : 0);
        const struct decode_counters *counters = decode_counters(c.decode);
        uint64_t steps = steps_now(), records = c.records, options = counters->options_records;
        counted_feed(&c, &d->from, hostile.bytes + d->at, d->len);
        steps = steps_now() - steps;
        records = c.records - records;
        options = counters->options_records - options;
        cr_assert_gt(steps, 0);
        cr_assert_leq(records, 2 * octets); /* an octet each, and one of each direction */
        cr_assert_leq(steps, steps_most(&steps_allowed[which->format], octets, records + options),
                      "%s %s, datagram %zu of %zu: %llu steps for %zu octets and %llu records",
                      flow_format_name(which->format), which->name, i + 1, hostile.count,
                      (unsigned long long)steps, octets, (unsigned long long)(records + options));
        if (is_last && getenv("WEIR_SHOW_STEPS") != NULL)
            fprintf(stderr, "%-9s %-52s %6.1f steps an octet\n", flow_format_name(which->format),
                    which->name, (double)steps / (double)octets);
    }
    counted_done(&c);
    hostile_done(&hostile);
}

static uint64_t steps_of_round(struct decode *decode, const struct export_datagrams *d,
                               bool disguised)
{
    struct decode_sink sink = {.on_record = ignore_record};
    struct decode_source source = {.addr = addr_from_ipv4(0xc0000201)};
    uint64_t steps = 0;
    for (size_t i = 0; i < d->count; i++) {
        const uint8_t *bytes = d->bytes + d->starts[i];
        size_t len = d->starts[i + 1] - d->starts[i];
        uint8_t *other = disguised ? sflow_disguise(bytes, len, &len) : NULL;
        uint64_t before = steps_now();
        decode_datagram(decode, &source, disguised ? other : bytes, len, 1000, &sink);
        steps += steps_now() - before;
        free(other);
    }
    return steps;
}

/* The short way is there for the sake of its shortness, and a sample that leaves it by mistake is
 * read rightly all the same. */
Test(steps, a_usual_sample_costs_a_third_of_another)
{
    struct export_datagrams d;
    export_datagrams_make(&d, FORMAT_SFLOW5, 100, 1000);
    uint64_t steps[2];
    for (size_t i = 0; i < 2; i++) {
        struct decode *decode = decode_new(&(struct decode_limits){0}, 1);
        steps[i] = steps_of_round(decode, &d, i == 1);
        decode_free(decode);
    }
    cr_assert_lt(3 * steps[0], steps[1], "%llu steps, and %llu of what is not usual",
                 (unsigned long long)steps[0], (unsigned long long)steps[1]);
    export_datagrams_done(&d);
}

/* Keys that strangers choose fill tables; no one of them pays for the growth. */
Test(steps, a_table_grows_little_by_little)
{
    enum { KEYS = 400000, STEPS_AN_INSERT = 1500 };
    struct table *t =
        table_new(&(struct table_options){.entry_size = 8, .key_max = 4, .max = KEYS, .seed = 1});
    uint64_t most_few = 0, most = 0;
    bool is_new;
    cr_assert_not_null(t);
    for (uint32_t key = 0; key < KEYS; key++) {
        uint64_t steps = steps_now();
        cr_assert_not_null(table_insert(t, &key, sizeof(key), &is_new));
        steps = steps_now() - steps;
        /* A small index is moved at once: 16384 slots at the most. */
        uint64_t *of = key < 16384 ? &most_few : &most;
        *of = steps > *of ? steps : *of;
    }
    cr_assert_leq(most, STEPS_AN_INSERT, "%llu", (unsigned long long)most);
    cr_assert_leq(most_few, 16384 * 8, "%llu", (unsigned long long)most_few);
    table_free(t);
}
