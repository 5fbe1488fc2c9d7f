/*
 * No datagram costs more than so many steps for each of its octets: not by what it says, nor by
 * what others said before.
 */
#include "common/base/table.h"
#include "tests/support/hostile.h"
#include "tests/support/steps.h"
#include "tests/unit/collector/bounds/counted.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

/* What is known is hundreds of entries: a walk over it for each record, or each definition, would
 * take several times as many. */
enum { STEPS_AN_OCTET = 100, STEPS_A_RECORD = 140, STEPS_A_DATAGRAM = 5000 };

struct hostile_index {
    size_t at;
    char name[64];
};

ParameterizedTestParameters(steps, the_dearest_datagrams_have_a_bound)
{
    static struct hostile_index cases[100];
    size_t count = 0;
    for (; hostile_case_at(count) != NULL; count++) {
        cases[count].at = count;
        snprintf(cases[count].name, sizeof(cases[count].name), "%s", hostile_case_at(count)->name);
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
    for (size_t i = 0; i < hostile.count; i++) {
        const struct hostile_datagram *d = &hostile.datagrams[i];
        bool is_last = i + 1 == hostile.count;
        size_t octets = d->len + (is_last ? which->left_behind : 0);
        uint64_t steps = steps_now(), records = c.records;
        counted_feed(&c, &d->from, hostile.bytes + d->at, d->len);
        steps = steps_now() - steps;
        records = c.records - records;
        cr_assert_gt(steps, 0);
        cr_assert_leq(records, 2 * octets); /* an octet each, and one of each direction */
        cr_assert_leq(steps, octets * STEPS_AN_OCTET + records * STEPS_A_RECORD + STEPS_A_DATAGRAM,
                      "%s %s, datagram %zu of %zu: %llu steps for %zu octets and %llu records",
                      flow_format_name(which->format), which->name, i + 1, hostile.count,
                      (unsigned long long)steps, octets, (unsigned long long)records);
        if (is_last && getenv("WEIR_SHOW_STEPS") != NULL)
            fprintf(stderr, "%-9s %-52s %6.1f steps an octet\n", flow_format_name(which->format),
                    which->name, (double)steps / (double)octets);
    }
    counted_done(&c);
    hostile_done(&hostile);
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
