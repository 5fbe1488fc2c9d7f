#include "tests/support/hostile_writer.h"

/* Data sets: records as short, as wide and as hard to sample as they come. */

static void records(struct hostile *h, enum flow_format format, const struct hostile_field *fields,
                    size_t count, const uint8_t *record, size_t len)
{
    struct wire_writer w = hostile_begin_sets(h, format, 1);
    hostile_define(&w, format, FIRST_ID, fields, count);
    hostile_fill_with(&w, FIRST_ID, record, len);
    hostile_end_sets(h, &w, 1);
}

/* --- records as short as they come --- */

static void make_octets(struct hostile *h)
{
    records(h, FORMAT_NETFLOW9, (struct hostile_field[]){{1, 1, 0}}, 1, (uint8_t[]){60}, 1);
}

static void make_protocols(struct hostile *h)
{
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{4, 1, 0}}, 1, (uint8_t[]){6}, 1);
}

static void make_reverse(struct hostile *h)
{
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{1, 1, REVERSE}}, 1, (uint8_t[]){60}, 1);
}

static void make_empty_strings(struct hostile *h)
{
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{82, VARIABLE, 0}}, 1, (uint8_t[]){0}, 1);
}

static void make_times(struct hostile *h)
{
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{154, 1, 0}, {155, 1, 0}}, 2,
            (uint8_t[]){1, 2}, 2);
}

static void make_sections(struct hostile *h)
{
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{315, 1, 0}}, 1, (uint8_t[]){0x45}, 1);
}

static void make_rates(struct hostile *h)
{
    struct hostile_field fields[] = {{309, 1, 0}, {310, 1, 0}, {305, 1, 0}, {50, 1, 0}, {34, 1, 0}};
    records(h, FORMAT_IPFIX, fields, 5, (uint8_t[]){2, 1, 2, 0, 0}, 5);
}

/* Fields that several may fill, all but the last of them zero. */
static void make_wide(struct hostile *h)
{
    enum { FIELDS = 256 };
    struct hostile_field fields[FIELDS];
    uint8_t record[FIELDS] = {[FIELDS - 1] = 1};
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct hostile_field){i % 2 == 0 ? 9 : 13, 1, 0};
    records(h, FORMAT_NETFLOW9, fields, FIELDS, record, sizeof(record));
}

static void make_wide_variable(struct hostile *h)
{
    enum { FIELDS = 256 };
    struct hostile_field fields[FIELDS];
    uint8_t record[FIELDS * 2];
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = (struct hostile_field){i % 2 == 0 ? 9 : 13, VARIABLE, 0};
        record[i * 2] = 1;
        record[i * 2 + 1] = 0;
    }
    records(h, FORMAT_IPFIX, fields, FIELDS, record, sizeof(record));
}

static void make_addresses(struct hostile *h)
{
    enum { FIELDS = 255 };
    struct hostile_field fields[FIELDS];
    static const uint8_t record[FIELDS * 4];
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct hostile_field){i % 2 == 0 ? 8 : 12, 4, 0};
    records(h, FORMAT_NETFLOW9, fields, FIELDS, record, sizeof(record));
}

/* Totals, each of a flow that was never told of; from the first one on. Gives how many. */
static uint32_t put_totals(struct hostile *h, uint32_t first)
{
    struct hostile_field fields[] = {{8, 4, 0}, {12, 4, 0}, {85, 1, 0}};
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, fields, 3);
    size_t set = hostile_begin_set(&w, FIRST_ID);
    uint32_t count = 0;
    for (; hostile_left(&w) >= 9; count++) {
        wire_put_u32(&w, 0x0a000000 + first + count);
        wire_put_u32(&w, 0x0a000001);
        wire_put_u8(&w, 200);
    }
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
    return count;
}

static void make_totals(struct hostile *h)
{
    put_totals(h, 0);
}

/* All places are taken, of the 65536 that there are. */
static void make_totals_of_more(struct hostile *h)
{
    enum { PLACES = 65536 };
    uint32_t told = 0;
    while (told < 3 * PLACES / 2)
        told += put_totals(h, told);
    put_totals(h, told);
}

/* --- samplers --- */

static const struct hostile_field sampler_options[] = {{302, 2, 0}, {34, 2, 0}};

/* As many samplers as a domain may have, of a kind that each record is searched for. */
static void tell_samplers(struct hostile *h, enum flow_format format, uint16_t scope)
{
    struct wire_writer w = hostile_begin_sets(h, format, 1);
    size_t set = hostile_begin_set(&w, format == FORMAT_IPFIX ? 3 : 1);
    struct hostile_field fields[] = {{scope, 2, 0}, {34, 2, 0}};
    hostile_put_options_template(&w, format, FIRST_ID + 1, fields, 2);
    hostile_end_set(&w, set);
    set = hostile_begin_set(&w, FIRST_ID + 1);
    for (uint16_t i = 0; i < 256; i++) {
        wire_put_u16(&w, (uint16_t)(1000 + i));
        wire_put_u16(&w, (uint16_t)(2 + i));
    }
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

static void make_sampled(struct hostile *h)
{
    tell_samplers(h, FORMAT_IPFIX, 302);
    records(h, FORMAT_IPFIX, (struct hostile_field[]){{302, 1, 0}}, 1, (uint8_t[]){7}, 1);
}

static void make_sampled_places(struct hostile *h)
{
    tell_samplers(h, FORMAT_NETFLOW9, 2); /* the scope of an interface */
    records(h, FORMAT_NETFLOW9, (struct hostile_field[]){{48, 1, 0}, {10, 1, 0}, {14, 1, 0}}, 3,
            (uint8_t[]){7, 8, 9}, 3);
}

/* Each record is a sampler that was not known, or says another rate than before. */
static void fill_with_samplers(struct wire_writer *w, bool always_new)
{
    size_t set = hostile_begin_set(w, FIRST_ID + 1);
    for (uint16_t i = 0; hostile_left(w) >= 4; i++) {
        wire_put_u16(w, always_new ? i : i % 256);
        wire_put_u16(w, (uint16_t)(2 + i));
    }
    hostile_end_set(w, set);
}

static void make_samplers(struct hostile *h, bool always_new)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 3);
    hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID + 1, sampler_options, 2);
    hostile_end_set(&w, set);
    fill_with_samplers(&w, always_new);
    hostile_end_sets(h, &w, 1);
}

static void make_new_samplers(struct hostile *h)
{
    make_samplers(h, true);
}

static void make_changing_samplers(struct hostile *h)
{
    make_samplers(h, false);
}

/* The exporter has as many domains as it may have, each with a sampler. */
static void tell_in_domains(struct hostile *h)
{
    for (uint32_t domain = 2; domain < 65; domain++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, domain);
        size_t set = hostile_begin_set(&w, 3);
        hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID + 1, sampler_options, 2);
        hostile_end_set(&w, set);
        set = hostile_begin_set(&w, FIRST_ID + 1);
        wire_put_u32(&w, 0x00010064);
        hostile_end_set(&w, set);
        hostile_end_sets(h, &w, 1);
    }
}

static void make_samplers_of_domains(struct hostile *h)
{
    tell_in_domains(h);
    make_samplers(h, false);
}

/* Sets of one record each, and samplers that change between them. */
static void make_samplers_and_data(struct hostile *h)
{
    tell_samplers(h, FORMAT_IPFIX, 302);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, (struct hostile_field[]){{4, 1, 0}}, 1);
    for (uint16_t i = 0; hostile_left(&w) >= 13; i++) {
        size_t set = hostile_begin_set(&w, FIRST_ID + 1);
        wire_put_u16(&w, (uint16_t)(1000 + i % 256));
        wire_put_u16(&w, (uint16_t)(2 + i));
        hostile_end_set(&w, set);
        set = hostile_begin_set(&w, FIRST_ID);
        wire_put_u8(&w, 6);
        hostile_end_set(&w, set);
    }
    hostile_end_sets(h, &w, 1);
}

static void make_samplers_and_data_of_domains(struct hostile *h)
{
    tell_in_domains(h);
    make_samplers_and_data(h);
}

static void tell_samplers_that_agree(struct hostile *h)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 3);
    hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID + 1, sampler_options, 2);
    hostile_end_set(&w, set);
    set = hostile_begin_set(&w, FIRST_ID + 1);
    for (uint16_t i = 0; i < 256; i++)
        wire_put_u32(&w, (uint32_t)i << 16 | 100);
    hostile_end_set(&w, set);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, (struct hostile_field[]){{4, 1, 0}}, 1);
    hostile_end_sets(h, &w, 1);
}

/* But for the newest at each other set. */
static void change_newest(struct hostile *h, uint32_t times)
{
    tell_samplers_that_agree(h);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    for (uint32_t i = 0; i < times && hostile_left(&w) >= 13; i++) {
        size_t set = hostile_begin_set(&w, FIRST_ID + 1);
        wire_put_u32(&w, 255U << 16 | (100 + i % 2));
        hostile_end_set(&w, set);
        set = hostile_begin_set(&w, FIRST_ID);
        wire_put_u8(&w, 6);
        hostile_end_set(&w, set);
    }
    hostile_end_sets(h, &w, 1);
}

static void make_samplers_that_agree_and_data(struct hostile *h)
{
    change_newest(h, UINT32_MAX);
}

/* As often as a datagram may walk over them, and no more. */
static void make_few_changes_of_samplers_that_agree(struct hostile *h)
{
    change_newest(h, 17);
}

/* Each held set of one record changes a rate that all others agree on. */
static void make_options_that_waited(struct hostile *h)
{
    enum { WAITS = 400, SETS = 256 };
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    size_t set = hostile_begin_set(&w, 3);
    hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID + 1, sampler_options, 2);
    hostile_end_set(&w, set);
    set = hostile_begin_set(&w, FIRST_ID + 1);
    for (uint16_t i = 0; i < SETS; i++) {
        wire_put_u16(&w, (uint16_t)(1000 + i));
        wire_put_u16(&w, 1000);
    }
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
    w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    for (uint16_t i = 0; i < SETS; i++) {
        set = hostile_begin_set(&w, WAITS);
        wire_put_u16(&w, 1000 + SETS - 1);
        wire_put_u16(&w, i % 2 == 0 ? 2000 : 1000);
        hostile_end_set(&w, set);
    }
    hostile_end_sets(h, &w, 1);
    w = hostile_begin_sets(h, FORMAT_IPFIX, 1);
    set = hostile_begin_set(&w, 3);
    hostile_put_options_template(&w, FORMAT_IPFIX, WAITS, sampler_options, 2);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

enum { CHANGED_DOMAINS = 48, CHANGED_RATES = 16 };

/* All of the domain agree. */
static void tell_alike(struct hostile *h, uint32_t domain)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, domain);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, (struct hostile_field[]){{4, 1, 0}}, 1);
    size_t set = hostile_begin_set(&w, 3);
    hostile_put_options_template(&w, FORMAT_IPFIX, FIRST_ID + 1, sampler_options, 2);
    hostile_end_set(&w, set);
    set = hostile_begin_set(&w, FIRST_ID + 1);
    for (uint16_t i = 0; i < CHANGED_RATES; i++)
        wire_put_u32(&w, (1000U + i) << 16 | 1000);
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
}

/* The last of them changes once more often than a datagram may work it out. */
static void change_too_often(struct hostile *h, uint32_t domain)
{
    enum { CHANGES = 17 };
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, domain);
    for (uint32_t i = 0; i < CHANGES; i++) {
        size_t set = hostile_begin_set(&w, FIRST_ID + 1);
        wire_put_u32(&w, (1000U + CHANGED_RATES - 1) << 16 | (2000 + i));
        hostile_end_set(&w, set);
        set = hostile_begin_set(&w, FIRST_ID);
        wire_put_u8(&w, 6);
        hostile_end_set(&w, set);
    }
    hostile_end_sets(h, &w, 1);
}

/* The rates of many domains are not worked out yet, and one that tells none asks for another's at
 * each of its sets. */
static void make_changed_rates(struct hostile *h)
{
    for (uint32_t d = 0; d < CHANGED_DOMAINS; d++)
        tell_alike(h, 1 + d);
    for (uint32_t d = 0; d < CHANGED_DOMAINS; d++)
        change_too_often(h, 1 + d);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_IPFIX, 1 + CHANGED_DOMAINS);
    hostile_define(&w, FORMAT_IPFIX, FIRST_ID, (struct hostile_field[]){{4, 1, 0}}, 1);
    while (hostile_left(&w) >= 4)
        hostile_end_set(&w, hostile_begin_set(&w, FIRST_ID));
    hostile_end_sets(h, &w, 1);
}

static const struct hostile_case cases[] = {
    {FORMAT_NETFLOW9, "records of one octet", make_octets, 0, 0},
    {FORMAT_NETFLOW9, "records of 256 fields of one octet", make_wide, 0, 0},
    {FORMAT_NETFLOW9, "records of 255 addresses", make_addresses, 0, 0},
    {FORMAT_NETFLOW9, "records that 256 samplers of places are asked for", make_sampled_places, 0,
     0},
    {FORMAT_IPFIX, "records of one octet", make_protocols, 0, 0},
    {FORMAT_IPFIX, "empty sets where many domains changed rates", make_changed_rates, 0, 0},
    {FORMAT_IPFIX, "options that held sets are of", make_options_that_waited, 256 * 8, 0},
    {FORMAT_IPFIX, "records of one octet, reverse", make_reverse, 0, 0},
    {FORMAT_IPFIX, "records of one empty string", make_empty_strings, 0, 0},
    {FORMAT_IPFIX, "records of two times", make_times, 0, 0},
    {FORMAT_IPFIX, "records of five kinds of rate", make_rates, 0, 0},
    {FORMAT_IPFIX, "records of a packet of one octet", make_sections, 0, 0},
    {FORMAT_IPFIX, "records of 256 variable fields", make_wide_variable, 0, 0},
    {FORMAT_IPFIX, "records that 256 samplers are asked for", make_sampled, 0, 0},
    {FORMAT_IPFIX, "options that are always new", make_new_samplers, 0, 0},
    {FORMAT_IPFIX, "options that always change", make_changing_samplers, 0, 0},
    {FORMAT_IPFIX, "options that change beside 63 domains", make_samplers_of_domains, 0, 0},
    {FORMAT_IPFIX, "options that change between sets", make_samplers_and_data, 0, 0},
    {FORMAT_IPFIX, "options that change between sets beside 63 domains",
     make_samplers_and_data_of_domains, 0, 0},
    {FORMAT_IPFIX, "options between sets, of 256 that agree but for one",
     make_samplers_that_agree_and_data, 0, 0},
    {FORMAT_IPFIX, "few changes of 256 samplers that agree",
     make_few_changes_of_samplers_that_agree, 0, 0},
    {FORMAT_IPFIX, "totals of flows that are always new", make_totals, 0, 0},
    {FORMAT_IPFIX, "totals of flows that push out others", make_totals_of_more, 0, 0},
};
const struct hostile_list hostile_records = {cases, sizeof(cases) / sizeof(cases[0])};
