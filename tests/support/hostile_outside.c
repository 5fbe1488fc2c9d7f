#include "tests/support/hostile_writer.h"

/* What streams beside the main one say, and what is put aside of it. */
enum { FAR = 1000000000, TEMPLATES = 512, RATES = 256, APART = 10000000, STREAMS = 7 };

static const struct hostile_field one_field[] = {{1, 1, 0}};
static const struct hostile_field sampler_options[] = {{302, 2, 0}, {34, 2, 0}};

/* A stream that stays the main one for ten seconds. */
static void begin_main(struct hostile *h)
{
    for (uint32_t i = 0; i < 5; i++) {
        struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
        hostile_set_number(&w, i);
        hostile_end_sets(h, &w, 1);
        h->datagrams[h->count - 1].wait_ms = 500;
    }
}

static struct wire_writer begin_outside(struct hostile *h, uint32_t stream)
{
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    hostile_set_number(&w, FAR + stream * APART);
    return w;
}

static void put_templates(struct wire_writer *w, uint16_t from, uint16_t count)
{
    size_t set = hostile_begin_set(w, 0);
    for (uint16_t i = 0; i < count && hostile_left(w) >= 8; i++)
        hostile_put_template(w, (uint16_t)(from + i), one_field, 1);
    hostile_end_set(w, set);
}

static void put_rates(struct wire_writer *w, uint16_t count)
{
    size_t set = hostile_begin_set(w, 1);
    hostile_put_options_template(w, FORMAT_NETFLOW9, 60000, sampler_options, 2);
    hostile_end_set(w, set);
    set = hostile_begin_set(w, 60000);
    for (uint16_t i = 0; i < count && hostile_left(w) >= 4; i++)
        wire_put_u32(w, (uint32_t)i << 16 | 2);
    hostile_end_set(w, set);
}

/* Each as much as a domain may have, and each seems to go on from the one before. */
static void fill_aside(struct hostile *h, uint32_t streams)
{
    begin_main(h);
    for (uint32_t stream = 0; stream < streams; stream++) {
        struct wire_writer w = begin_outside(h, stream);
        put_templates(&w, (uint16_t)(FIRST_ID + stream * TEMPLATES), TEMPLATES);
        put_rates(&w, RATES);
        hostile_end_sets(h, &w, 1);
    }
}

/* Of a stream that has said as much as it may. */
static void make_templates(struct hostile *h)
{
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS - 1);
    hostile_set_number(&w, FAR + (STREAMS - 1) * APART + 1);
    put_templates(&w, 10000, UINT16_MAX);
    hostile_end_sets(h, &w, 1);
}

static void make_new_stream(struct hostile *h)
{
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS);
    put_templates(&w, 10000, UINT16_MAX);
    hostile_end_sets(h, &w, 1);
}

static void make_rates(struct hostile *h)
{
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS);
    put_rates(&w, UINT16_MAX);
    hostile_end_sets(h, &w, 1);
}

static void make_empty_sets(struct hostile *h)
{
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS);
    for (uint16_t i = 0; hostile_left(&w) >= 4; i++)
        hostile_end_set(&w, hostile_begin_set(&w, (uint16_t)(FIRST_ID + i)));
    hostile_end_sets(h, &w, 1);
}

/* Of so many templates that a stream's word has no room for more. */
static void begin_timeouts(struct hostile *h, struct wire_writer *w)
{
    static const struct hostile_field options[] = {{5, 2, 0}, {36, 1, 0}};
    enum { IDS = 256 };
    begin_main(h);
    *w = begin_outside(h, 0);
    size_t set = hostile_begin_set(w, 1);
    hostile_put_options_template(w, FORMAT_NETFLOW9, 60000, options, 2);
    hostile_end_set(w, set);
    hostile_define(w, FORMAT_NETFLOW9, FIRST_ID + IDS, one_field, 1);
    set = hostile_begin_set(w, 60000);
    for (uint16_t i = 0; i < IDS; i++) {
        wire_put_u16(w, (uint16_t)(FIRST_ID + i));
        wire_put_u8(w, 60);
    }
    hostile_end_set(w, set);
}

static void make_timeouts(struct hostile *h)
{
    static const uint8_t record[] = {50, 0, 60};
    struct wire_writer w;
    begin_timeouts(h, &w);
    hostile_fill_with(&w, 60000, record, sizeof(record));
    hostile_end_sets(h, &w, 1);
}

/* An octet each, and the word has no room for what they tell; or they tell a rate, in the way that
 * costs most. */
static void make_short_options(struct hostile *h, uint16_t element)
{
    const struct hostile_field options[] = {{5, 0, 0}, {element, 1, 0}};
    static const uint8_t record[] = {60};
    struct wire_writer w;
    begin_timeouts(h, &w);
    size_t set = hostile_begin_set(&w, 1);
    hostile_put_options_template(&w, FORMAT_NETFLOW9, 60001, options, 2);
    hostile_end_set(&w, set);
    hostile_fill_with(&w, 60001, record, sizeof(record));
    hostile_end_sets(h, &w, 1);
}

static void make_short_timeouts(struct hostile *h)
{
    make_short_options(h, 36);
}

static void make_short_rates(struct hostile *h)
{
    make_short_options(h, 50);
}

/* Each of the main stream's templates has one; it is silent, and a short datagram begins anew. */
static void make_timeouts_of_who_began_anew(struct hostile *h)
{
    static const struct hostile_field options[] = {{5, 2, 0}, {36, 1, 0}};
    begin_main(h);
    struct wire_writer w = hostile_begin_sets(h, FORMAT_NETFLOW9, 1);
    put_templates(&w, FIRST_ID, TEMPLATES - 1);
    size_t set = hostile_begin_set(&w, 1);
    hostile_put_options_template(&w, FORMAT_NETFLOW9, 60000, options, 2);
    hostile_end_set(&w, set);
    set = hostile_begin_set(&w, 60000);
    for (uint16_t i = 0; i < TEMPLATES - 1; i++) {
        wire_put_u16(&w, (uint16_t)(FIRST_ID + i));
        wire_put_u8(&w, 60);
    }
    hostile_end_set(&w, set);
    hostile_end_sets(h, &w, 1);
    w = begin_outside(h, 0);
    hostile_end_sets(h, &w, 1);
    h->datagrams[h->count - 1].wait_ms = 11000;
}

static void make_sets_by_timeouts(struct hostile *h)
{
    struct wire_writer w;
    begin_timeouts(h, &w);
    while (hostile_left(&w) >= 4)
        hostile_end_set(&w, hostile_begin_set(&w, FIRST_ID + 256));
    hostile_end_sets(h, &w, 1);
}

/* Each asks for a sampler and an interface that nobody told of. */
static void make_records(struct hostile *h)
{
    static const uint8_t record[] = {9, 9, 9};
    static const struct hostile_field fields[] = {{48, 1, 0}, {10, 1, 0}, {1, 1, 0}};
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS);
    hostile_define(&w, FORMAT_NETFLOW9, 61000, fields, 3);
    hostile_fill_with(&w, 61000, record, sizeof(record));
    hostile_end_sets(h, &w, 1);
}

/* The main stream is silent: what all streams in a row said stands now. */
static void make_adoption(struct hostile *h)
{
    fill_aside(h, STREAMS);
    struct wire_writer w = begin_outside(h, STREAMS);
    hostile_end_sets(h, &w, 1);
    h->datagrams[h->count - 1].wait_ms = 11000;
}

static const struct hostile_case cases[] = {
    {FORMAT_NETFLOW9, "templates put aside, one stream's", make_templates, 0, 0},
    {FORMAT_NETFLOW9, "templates put aside, a new stream's", make_new_stream, 0, 0},
    {FORMAT_NETFLOW9, "templates put aside while memory is full", make_new_stream, 0, 1 << 18},
    {FORMAT_NETFLOW9, "rates put aside", make_rates, 0, 0},
    {FORMAT_NETFLOW9, "rates put aside while memory is full", make_rates, 0, 1 << 18},
    {FORMAT_NETFLOW9, "empty sets, of templates put aside", make_empty_sets, 0, 0},
    {FORMAT_NETFLOW9, "timeouts put aside", make_timeouts, 0, 0},
    {FORMAT_NETFLOW9, "empty sets, of timeouts put aside", make_sets_by_timeouts, 0, 0},
    {FORMAT_NETFLOW9, "timeouts of one octet put aside", make_short_timeouts, 0, 0},
    {FORMAT_NETFLOW9, "rates of one octet put aside", make_short_rates, 0, 0},
    {FORMAT_NETFLOW9, "timeouts of who began anew", make_timeouts_of_who_began_anew, TEMPLATES, 0},
    {FORMAT_NETFLOW9, "records, of rates put aside", make_records, 0, 0},
    {FORMAT_NETFLOW9, "what was put aside stands", make_adoption, STREAMS * 8 * (TEMPLATES + RATES),
     0},
};
const struct hostile_list hostile_outside = {cases, sizeof(cases) / sizeof(cases[0])};
