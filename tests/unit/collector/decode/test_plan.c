#include "collector/decode/plan.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

static struct decode_plan *compile(const struct template_field *fields, size_t count)
{
    struct decode_plan *plan = NULL;
    cr_assert_eq(plan_compile(fields, count, &plan), DECODE_OK);
    return plan;
}

struct width_case {
    char name[40];
    uint16_t element, len;
    uint8_t bytes[8];
    uint64_t want_bytes;
    uint32_t want_input_if;
};

ParameterizedTestParameters(plan, reads_integers_of_any_width)
{
    static struct width_case cases[] = {
        {"octets in 8", 1, 8, {0, 0, 0, 1, 0, 0, 0, 2}, 0x100000002, 0},
        {"octets in 4", 1, 4, {1, 2, 3, 4}, 0x01020304, 0},
        {"octets in 3", 1, 3, {1, 2, 3}, 0x010203, 0},
        {"octets in 1", 1, 1, {9}, 9, 0},
        {"interface in 2", 10, 2, {1, 2}, 0, 0x0102},
        {"interface in 4", 10, 4, {1, 2, 3, 4}, 0, 0x01020304},
        {"interface in 8, too large", 10, 8, {1, 0, 0, 0, 0, 0, 0, 0}, 0, UINT32_MAX},
    };
    return cr_make_param_array(struct width_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct width_case *c, plan, reads_integers_of_any_width)
{
    struct decode_plan *plan =
        compile(&(struct template_field){.element = c->element, .len = c->len}, 1);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(c->bytes, c->len);

    cr_assert(plan_next(plan, &set, &record), "%s", c->name);
    cr_assert_eq(record.flow.bytes, c->want_bytes, "%s", c->name);
    cr_assert_eq(record.flow.input_if, c->want_input_if, "%s", c->name);
    cr_assert_not(plan_next(plan, &set, &record));
    cr_assert_not(set.failed);
    free(plan);
}

struct refused_case {
    char name[40];
    struct template_field fields[3];
    size_t count;
};

ParameterizedTestParameters(plan, refuses_records_without_length)
{
    static struct refused_case cases[] = {
        {"no field", {{0}}, 0},
        {"one of length 0", {{0, 1, 0}}, 1},
        {"longer than a datagram", {{0, 1, 40000}, {0, 2, 40000}}, 2},
    };
    return cr_make_param_array(struct refused_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refused_case *c, plan, refuses_records_without_length)
{
    struct decode_plan *plan = NULL;
    cr_assert_eq(plan_compile(c->fields, c->count, &plan), DECODE_TEMPLATE, "%s", c->name);
}

Test(plan, fields_it_does_not_know_are_stepped_over)
{
    static const struct template_field fields[] = {
        {0, 9999, 3}, {4242, 1, 4}, {0, 4, 1}, {0, 8, 3 /* no address */}};
    static const uint8_t bytes[] = {1, 2, 3, 9, 9, 9, 9, 17, 5, 5, 5};
    struct decode_plan *plan = compile(fields, 4);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(plan->has, FLOW_PROTOCOL);
    cr_assert_eq(record.flow.protocol, 17);
    free(plan);
}

Test(plan, fields_with_their_own_length_take_both_forms)
{
    static const struct template_field fields[] = {
        {0, 82, FIELD_VARIABLE}, {0, 4, 1}, {0, 83, FIELD_VARIABLE}, {0, 1, 2}};
    static const uint8_t bytes[] = {
        2, 'a', 'b', 6, 255, 0, 3, 'x', 'y', 'z', 1, 0, /* padding */ 0};
    struct decode_plan *plan = compile(fields, 4);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(record.flow.protocol, 6);
    cr_assert_eq(record.flow.bytes, 256);
    cr_assert_not(plan_next(plan, &set, &record));
    cr_assert_not(set.failed, "one octet is padding");
    free(plan);
}

Test(plan, a_field_that_runs_past_the_set_fails_it)
{
    static const struct template_field fields[] = {{0, 82, FIELD_VARIABLE}, {0, 4, 1}};
    static const uint8_t bytes[] = {200, 'a', 'b'};
    struct decode_plan *plan = compile(fields, 2);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    cr_assert_not(plan_next(plan, &set, &record));
    cr_assert(set.failed);
    free(plan);
}

Test(plan, of_two_families_the_address_that_is_not_zero_counts)
{
    static const struct template_field fields[] = {{0, 27, 16}, {0, 8, 4}};
    uint8_t bytes[20] = {0};
    struct decode_plan *plan = compile(fields, 2);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    bytes[16] = 10;
    bytes[19] = 1;
    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(record.flow.src_addr.family, ADDR_IPV4);
    cr_assert_eq(record.flow.src_addr.octets[3], 1);

    memset(bytes, 0, sizeof(bytes));
    bytes[0] = 0x20;
    set = wire_reader_of(bytes, sizeof(bytes));
    memset(&record, 0, sizeof(record));
    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(record.flow.src_addr.family, ADDR_IPV6);
    free(plan);
}

Test(plan, of_repeated_fields_the_first_counts)
{
    static const struct template_field fields[] = {{0, 7, 2}, {0, 7, 2}};
    static const uint8_t bytes[] = {0, 1, 0, 2};
    struct decode_plan *plan = compile(fields, 2);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(record.flow.src_port, 1);
    free(plan);
}

Test(plan, deltas_go_before_totals)
{
    static const struct template_field fields[] = {{0, 85, 4}, {0, 1, 4}};
    static const uint8_t bytes[] = {0, 0, 0, 9, 0, 0, 0, 5};
    struct decode_plan *plan = compile(fields, 2);
    struct plan_record record = {0};
    struct wire_reader set = wire_reader_of(bytes, sizeof(bytes));

    cr_assert(plan_next(plan, &set, &record));
    cr_assert_eq(record.flow.bytes, 5);
    free(plan);
}

Test(plan, a_time_is_read_where_start_and_end_are_told_in_one_unit)
{
    static const struct template_field fields[] = {
        {0, 150, 4}, {0, 22, 4}, {0, 21, 4}, {0, 153, 8}};
    struct decode_plan *plan = compile(fields, 4);
    cr_assert_eq(plan->start_unit, UNIT_UPTIME);
    cr_assert_eq(plan->end_unit, UNIT_UPTIME);
    cr_assert(plan->has_start && plan->has_end);
    free(plan);
}

Test(plan, the_time_of_an_observation_ends_a_flow_only_where_nothing_else_does)
{
    static const struct template_field fields[] = {{0, 152, 8}, {0, 323, 8}, {0, 21, 4}};
    struct decode_plan *plan = compile(fields, 3);
    cr_assert_eq(plan->start_unit, UNIT_MILLI);
    cr_assert_eq(plan->end_unit, UNIT_UPTIME);
    free(plan);
    plan = compile(fields, 2);
    cr_assert_eq(plan->end_unit, UNIT_MILLI);
    cr_assert(plan->has_start && plan->has_end);
    free(plan);
}

Test(plan, records_of_fixed_length_read_at_once_are_what_they_are_one_by_one)
{
    enum { MOST = 2 * PLAN_BATCH, OCTETS = 8192 };
    /* Each way to store a field, fields that one target shares, and fields that are skipped. */
    static const struct template_field fields[] = {
        {0, 8, 4},   {0, 12, 4}, {0, 27, 16}, {0, 28, 16}, {0, 62, 16}, {0, 1, 8},
        {0, 2, 4},   {0, 10, 2}, {0, 14, 4},  {0, 7, 2},   {0, 11, 3},  {0, 6, 1},
        {0, 4, 1},   {0, 9, 1},  {0, 29, 1},  {0, 13, 1},  {0, 32, 2},  {0, 139, 2},
        {0, 311, 8}, {0, 22, 4}, {0, 21, 4},  {0, 999, 7}, {0, 313, 20}};
    static struct plan_record one, some[MOST];
    static uint8_t bytes[OCTETS];
    struct decode_plan *plan = compile(fields, sizeof(fields) / sizeof(fields[0]));
    uint32_t state = 1;

    cr_assert(plan_is_fixed(plan));
    for (size_t i = 0; i < OCTETS; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = state & 0x80000000 ? (uint8_t)(state >> 20) : 0; /* zeros matter */
    }
    for (size_t count = 0; count <= MOST; count++) {
        struct wire_reader singly = wire_reader_of(bytes, count * plan->len_min), at_once = singly;
        memset(some, 0, sizeof(some));
        plan_next_some(plan, &at_once, some, 0, count);
        cr_assert_eq(at_once.left, 0);
        for (size_t i = 0; i < count; i++) {
            memset(&one, 0, sizeof(one));
            cr_assert(plan_next(plan, &singly, &one));
            cr_assert_arr_eq(&one, &some[i], sizeof(one), "%zu of %zu", i, count);
        }
        if (count < 2)
            continue;
        /* The last but one for the second time, and the last. */
        struct wire_reader last =
            wire_reader_of(bytes + (count - 1) * plan->len_min, plan->len_min);
        struct plan_record two[2];
        memset(two, 0, sizeof(two));
        plan_next_some(plan, &last, two, 1, 1);
        cr_assert_eq(last.left, 0);
        cr_assert_arr_eq(two, &some[count - 2], sizeof(two));
    }
    free(plan);
}

Test(plan, a_record_with_a_length_of_its_own_is_not_fixed)
{
    static const struct template_field fields[] = {{0, 8, 4}, {0, 82, FIELD_VARIABLE}};
    struct decode_plan *plan = compile(fields, 2);
    cr_assert_not(plan_is_fixed(plan));
    cr_assert_not(plan->need & NEED_CLEAR); /* it is stepped over */
    free(plan);
}
