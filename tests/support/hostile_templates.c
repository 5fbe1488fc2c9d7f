#include "tests/support/hostile_writer.h"

/* Templates, and what waits for them. */

/* --- templates --- */

static void fill_with_templates(struct wire_writer *w, uint16_t step, uint16_t element)
{
    uint16_t id = FIRST_ID;
    while (hostile_left(w) >= 8) {
        hostile_put_template(w, id, (struct hostile_field[]){{element, 1, 0}}, 1);
        id = (uint16_t)(id + step);
        if (id < FIRST_ID)
            id = FIRST_ID;
    }
}

static void make_templates(struct hostile *h)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    size_t set = hostile_begin_set(&w, 0);
    fill_with_templates(&w, 1, 1);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

/* Ids that a table by their remainder would put into one place. */
static void make_like_templates(struct hostile *h)
{
    for (uint16_t element = 1; element <= 2; element++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
        size_t set = hostile_begin_set(&w, 0);
        fill_with_templates(&w, 32, element);
        hostile_end_set(&w, set);
        hostile_end_sets(h, &w, 1);
    }
}

static void make_changing_template(struct hostile *h)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    size_t set = hostile_begin_set(&w, 0);
    for (uint16_t i = 0; hostile_left(&w) >= 8; i++)
        hostile_put_template(&w, FIRST_ID, (struct hostile_field[]){{i % 2 == 0 ? 1 : 2, 1, 0}}, 1);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_wide_templates(struct hostile *h)
{
    enum { FIELDS = 256 };
    struct hostile_field fields[FIELDS];
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct hostile_field){(uint16_t)(i % 60 == 0 ? 1 : 150 + i % 10), 1, 0};
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    size_t set = hostile_begin_set(&w, 0);
    for (uint16_t id = FIRST_ID; hostile_left(&w) >= 4 + 4 * FIELDS; id++)
        hostile_put_template(&w, id, fields, FIELDS);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static const struct hostile_field sampler_options[] = {{302, 2, 0}, {34, 2, 0}};

/* As many options templates as fit, which withdrawing all flow templates leaves. */
static void tell_options_templates(struct hostile *h, uint16_t count)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 3);
    for (uint16_t i = 0; i < count; i++)
        hostile_put_options_template(&w, FORMAT_IPFIX, (uint16_t)(FIRST_ID + i), sampler_options,
                                     2);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_withdraw_all(struct hostile *h)
{
    tell_options_templates(h, 512);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 2);
    while (hostile_left(&w) >= 4)
        wire_put_u32(&w, 0x00020000);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_define_withdraw_all(struct hostile *h)
{
    tell_options_templates(h, 511);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 2);
    while (hostile_left(&w) >= 12) {
        hostile_put_template(&w, 60000, (struct hostile_field[]){{1, 1, 0}}, 1);
        wire_put_u32(&w, 0x00020000);
    }
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_empty_sets(struct hostile *h)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    size_t set = hostile_begin_set(&w, 0);
    for (uint16_t i = 0; i < 512; i++)
        hostile_put_template(&w, (uint16_t)(FIRST_ID + i), (struct hostile_field[]){{1, 1, 0}}, 1);
    hostile_end_set(&w, set);
    for (uint16_t i = 0; hostile_left(&w) >= 4; i++)
        hostile_end_set(&w, hostile_begin_set(&w, (uint16_t)(FIRST_ID + i % 512)));
    hostile_end_sets(h, &w, 1);
}

/* --- data before its template --- */

static void fill_with_unknown(struct wire_writer *w, uint16_t id)
{
    while (hostile_left(w) >= 5) {
        size_t set = hostile_begin_set(w, id);
        wire_put_u8(w, 1);
        hostile_end_set(w, set);
    }
}

static void hold(struct hostile *h, uint32_t domain, uint16_t id)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, domain);
    fill_with_unknown(&w, id);
    hostile_end_sets(h, &w, 1);
}

static void make_unknown(struct hostile *h)
{
    hold(h, 1, 300);
    hold(h, 1, 300);
}

static void make_withdraw_beside_held(struct hostile *h)
{
    hold(h, 2, 300);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 2);
    while (hostile_left(&w) >= 4)
        wire_put_u32(&w, 0x01000000);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_withdraw_all_beside_held(struct hostile *h)
{
    hold(h, 2, 300);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 2);
    while (hostile_left(&w) >= 4)
        wire_put_u32(&w, 0x00020000);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_templates_beside_held(struct hostile *h)
{
    hold(h, 2, 300);
    make_templates(h);
}

static void make_held(struct hostile *h)
{
    static const uint8_t octet[] = {60};
    for (int i = 0; i < 2; i++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
        hostile_fill_with(&w, 300, octet, 1);
        hostile_end_sets(h, &w, 1);
    }
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    hostile_define(&w, FORMAT_IPFIX, 300, (struct hostile_field[]){{1, 1, 0}}, 1);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, (struct hostile_field[]){{1, 1, 0}}, 1);
    hostile_fill_with(&w, FIRST_ID, octet, 1);
    hostile_end_sets(h, &w, 1);
}

/* --- what others left --- */

/* All templates that an exporter may have. */
static void tell_templates(struct hostile *h, uint32_t sender)
{
    for (uint32_t domain = 0; domain < 64; domain++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, domain);
        size_t set = hostile_begin_set(&w, 0);
        for (uint16_t i = 0; i < 512; i++)
            hostile_put_template(&w, (uint16_t)(FIRST_ID + i), (struct hostile_field[]){{1, 1, 0}},
                                 1);
        hostile_end_set(&w, set);
        hostile_end_sets(h, &w, sender);
    }
}

static void make_new_exporter(struct hostile *h)
{
    tell_templates(h, 1);
    for (uint32_t sender = 2; sender < 4; sender++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
        hostile_end_sets(h, &w, sender);
    }
}

static void make_new_domain(struct hostile *h)
{
    tell_templates(h, 1);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 64);
    hostile_end_sets(h, &w, 1);
}

/* Each template takes the place of another. */
static void make_templates_in_full_memory(struct hostile *h)
{
    tell_templates(h, 1);
    for (uint32_t domain = 0; domain < 2; domain++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, domain);
        size_t set = hostile_begin_set(&w, 0);
        fill_with_templates(&w, 1, 1);
        hostile_end_set(&w, set);
        hostile_end_sets(h, &w, 2);
    }
}

static void make_samplers_in_full_memory(struct hostile *h)
{
    tell_templates(h, 1);
    make_templates(h);
    for (uint32_t domain = 64; domain < 66; domain++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, domain);
        size_t set = hostile_begin_set(&w, 3);
        hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID, sampler_options, 2);
        hostile_end_set(&w, set);
        set = hostile_begin_set(&w, FIRST_ID);
        for (uint16_t i = 0; hostile_left(&w) >= 4; i++)
            wire_put_u32(&w, (uint32_t)i << 16 | 2);
        hostile_end_set(&w, set);
        hostile_end_sets(h, &w, 2);
    }
}

static const struct hostile_case cases[] = {
    {FORMAT_NETFLOW9, "templates of one field", make_templates, 0, 0},
    {FORMAT_NETFLOW9, "templates of one field, ids 32 apart", make_like_templates, 0, 0},
    {FORMAT_NETFLOW9, "templates of 256 fields", make_wide_templates, 0, 0},
    {FORMAT_NETFLOW9, "one template that always changes", make_changing_template, 0, 0},
    {FORMAT_NETFLOW9, "empty sets of 512 templates", make_empty_sets, 0, 0},
    {FORMAT_NETFLOW9, "an exporter that pushes out 32,768 templates", make_new_exporter, 1 << 18,
     0},
    {FORMAT_NETFLOW9, "a domain that pushes out 512 templates", make_new_domain, 1 << 12, 0},
    {FORMAT_IPFIX, "withdrawals of all, beside 512 templates", make_withdraw_all, 0, 0},
    {FORMAT_IPFIX, "templates and withdrawals of all", make_define_withdraw_all, 0, 0},
    {FORMAT_IPFIX, "sets before their template", make_unknown, 0, 0},
    {FORMAT_IPFIX, "withdrawals beside held sets", make_withdraw_beside_held, 0, 0},
    {FORMAT_IPFIX, "withdrawals of all beside held sets", make_withdraw_all_beside_held, 0, 0},
    {FORMAT_IPFIX, "templates beside held sets", make_templates_beside_held, 0, 0},
    {FORMAT_IPFIX, "a template that held sets wait for", make_held, HOSTILE_HELD / 8, 0},
    {FORMAT_NETFLOW9, "templates while memory is full", make_templates_in_full_memory, 0, 1 << 16},
    {FORMAT_IPFIX, "samplers while memory is full", make_samplers_in_full_memory, 0, 1 << 16},
};
const struct hostile_list hostile_templates = {cases, sizeof(cases) / sizeof(cases[0])};
