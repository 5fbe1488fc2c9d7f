#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

/* Rates as routers say them. Each case is one options template and one record of it, both as on the
 * wire, and a record of data whose rate is asked. */

static void put_data_template(struct bench *b, uint16_t id)
{
    set_start(b, 2);
    PUT16(b, id, 7, 8, 4, 10, 4, 14, 4, 141, 4, 48, 1, 1, 4, 2, 4);
    set_end(b);
}

/* From interface 5 to 6, by line card 3 and sampler 1. */
static void put_data(struct bench *b, uint16_t id)
{
    set_start(b, id);
    PUT32(b, 0x0a000001, 5, 6, 3);
    wire_put_u8(&b->w, 1);
    PUT32(b, 1000, 1);
    set_end(b);
}

struct way {
    char name[64];
    uint16_t fields[12]; /* element and length by turns, the first one the scope */
    uint16_t field_count;
    uint32_t values[6];
    double want;
};

ParameterizedTestParameters(sampling, ways)
{
    static struct way cases[] = {
        {"34, 35 of the whole exporter", {144, 4, 34, 4, 35, 4}, 3, {9, 1000, 1}, 1000},
        {"34 = 0 is no rate", {144, 4, 34, 4}, 2, {9, 0}, 0},
        {"48, 49, 50", {48, 4, 49, 4, 50, 4}, 3, {1, 2, 2000}, 2000},
        {"50 of another sampler", {48, 4, 50, 4}, 2, {2, 2000}, 0},
        {"302, 304, 305, 306", {302, 4, 304, 4, 305, 4, 306, 4}, 4, {1, 1, 1, 99}, 100},
        {"305 of several", {302, 4, 305, 4, 306, 4}, 3, {1, 10, 90}, 10},
        {"305 = 1 alone: every packet", {302, 4, 305, 4}, 2, {1, 1}, 1},
        {"305 = 1000 alone says nothing", {302, 4, 305, 4}, 2, {1, 1000}, 0},
        {"302, 304, 309, 310", {302, 4, 304, 4, 309, 4, 310, 4}, 4, {1, 3, 1, 256}, 256},
        {"310 counts where 305 = 1 stands beside it",
         {302, 4, 305, 4, 309, 4, 310, 4},
         4,
         {1, 1, 1, 512},
         512},
        {"302, 390, 396, 397 (flows are sampled)",
         {302, 4, 390, 2, 396, 4, 397, 4},
         4,
         {1, 1, 1, 19},
         20},
        {"302, 390, 309, 310", {302, 4, 390, 2, 309, 4, 310, 4}, 4, {1, 3, 1, 20}, 20},
        {"a rate that is no whole number", {302, 4, 309, 4, 310, 4}, 3, {1, 3, 10}, 10.0 / 3},
        {"by input interface", {10, 4, 34, 4}, 2, {5, 300}, 300},
        {"by output interface", {14, 4, 34, 4}, 2, {6, 301}, 301},
        {"an ingress interface that is the output", {10, 4, 34, 4}, 2, {6, 304}, 0},
        {"another sampler, by its interface", {10, 4, 48, 4, 50, 4}, 3, {5, 9, 305}, 305},
        {"by line card", {141, 4, 34, 4}, 2, {3, 302}, 302},
        {"by template", {145, 4, 34, 4}, 2, {400, 303}, 303},
        {"by domain", {149, 4, 305, 4, 306, 4}, 3, {9, 1, 303}, 304},
        {"more than any router samples", {144, 4, 34, 4}, 2, {9, 4000000000}, 0},
    };
    return cr_make_param_array(struct way, cases, sizeof(cases) / sizeof(cases[0]));
}

static void put_values(struct bench *b, const struct way *way)
{
    for (uint16_t i = 0; i < way->field_count; i++)
        wire_put_uint(&b->w, way->fields[2 * i + 1], way->values[i]);
}

static void put_options(struct bench *b, const struct way *way)
{
    set_start(b, 3);
    PUT16(b, 300, way->field_count, 1);
    put_u16s(&b->w, way->fields, (size_t)way->field_count * 2);
    set_end(b);
    set_start(b, 300);
    put_values(b, way);
    set_end(b);
}

/* Somebody else's rate beside it, so that the only rate there is cannot stand in. */
static const struct way elsewhere[] = {
    {.name = "another interface",
     .fields = {10, 4, 34, 4},
     .field_count = 2,
     .values = {77, 7},
     .want = 7},
};

ParameterizedTest(struct way *c, sampling, ways)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 9);
    put_options(&b, &elsewhere[0]);
    put_options(&b, c);
    put_data_template(&b, 400);
    put_data(&b, 400);
    cr_assert_eq(ipfix_send(&b), DECODE_OK, "%s", c->name);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_float_eq(b.flows[0].sampling_rate, c->want, 1e-9, "%s: %g", c->name,
                       b.flows[0].sampling_rate);
    cr_assert_eq(b.flows[0].sampling_source, c->want > 0 ? SAMPLING_OPTIONS : SAMPLING_UNKNOWN,
                 "%s", c->name);
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 0, "%s", c->name);
    bench_done(&b);
}

Test(sampling, scopes_of_netflow9_are_no_elements)
{
    static const struct {
        uint16_t type;
        uint32_t value;
        double want;
    } scopes[] = {{1, 0, 100}, {2, 5, 100}, {2, 9, 0},     {3, 3, 100},
                  {3, 4, 0},   {4, 9, 100}, {5, 400, 100}, {5, 401, 0}};
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        v9_start(&b, 7);
        set_start(&b, 0);
        PUT16(&b, 400, 5, 8, 4, 10, 4, 141, 4, 1, 4, 2, 4);
        set_end(&b);
        set_start(&b, 1);
        PUT16(&b, 300, 4, 4, 2, 4, 34, 4); /* another interface, as above */
        PUT16(&b, 301, 4, 4, scopes[i].type, 4, 34, 4);
        set_end(&b);
        set_start(&b, 300);
        PUT32(&b, 77, 7);
        set_end(&b);
        set_start(&b, 301);
        PUT32(&b, scopes[i].value, 100);
        set_end(&b);
        set_start(&b, 400);
        PUT32(&b, 0x0a000001, 5, 3, 1000, 1);
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, scopes[i].want, "scope %u of %u", scopes[i].type,
                     scopes[i].value);
        bench_done(&b);
    }
}

Test(sampling, options_that_come_late_serve_from_then_on)
{
    static const struct way system = {
        .name = "", .fields = {144, 4, 34, 4}, .field_count = 2, .values = {9, 1000}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 9);
    put_data_template(&b, 400);
    put_data(&b, 400);
    put_options(&b, &system);
    put_data(&b, 400);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 0, "unknown is not 1");
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_UNKNOWN);
    cr_assert_eq(b.flows[1].sampling_rate, 1000);
    bench_done(&b);
}

static void put_octets(struct bench *b)
{
    set_start(b, 400);
    PUT32(b, 1000);
    set_end(b);
}

/* No router does that; it would be a cheap way to keep us busy. */
Test(sampling, a_rate_that_changes_again_and_again_within_a_datagram_is_none)
{
    enum { CHANGES = 16 };
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 9);
    set_start(&b, 2);
    PUT16(&b, 400, 1, 1, 4);
    set_end(&b);
    set_start(&b, 3);
    PUT16(&b, 300, 2, 1, 48, 4, 50, 4); /* of a sampler, which records do not name */
    set_end(&b);
    for (uint32_t i = 0; i <= CHANGES; i++) {
        set_start(&b, 300);
        PUT32(&b, 9, 100 + i);
        set_end(&b);
        put_octets(&b);
    }
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, CHANGES + 1);
    for (uint32_t i = 0; i < CHANGES / 2; i++)
        cr_assert_eq(b.flows[i].sampling_rate, 100 + i);
    cr_assert_eq(b.flows[CHANGES].sampling_source, SAMPLING_UNKNOWN);
    ipfix_start(&b, 9);
    put_octets(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, 100 + CHANGES);
    bench_done(&b);
}

Test(sampling, a_domain_that_is_forgotten_takes_its_rate_along)
{
    static const struct way system = {
        .name = "", .fields = {144, 4, 34, 4}, .field_count = 2, .values = {9, 1000}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = 2});
    ipfix_start(&b, 9);
    put_options(&b, &system);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    for (uint32_t domain = 10; domain < 12; domain++) {
        b.flow_count = 0;
        ipfix_start(&b, domain);
        put_data_template(&b, 400);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        ipfix_start(&b, domain);
        put_data(&b, 400);
        cr_assert_eq(ipfix_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, domain == 10 ? 1000 : 0, "domain %u", domain);
    }
    bench_done(&b);
}

static void tell_sampler(struct bench *b, uint32_t domain, uint32_t sampler, uint32_t rate)
{
    struct way way = {.fields = {48, 4, 50, 4}, .field_count = 2, .values = {sampler, rate}};
    ipfix_start(b, domain);
    put_options(b, &way);
    cr_assert_eq(ipfix_send(b), DECODE_OK);
}

static double rate_in_domain(struct bench *b, uint32_t domain)
{
    ipfix_start(b, domain);
    put_data_template(b, 400);
    put_data(b, 400);
    cr_assert_eq(ipfix_send(b), DECODE_OK);
    return b->flows[0].sampling_rate;
}

Test(sampling, a_sampler_may_be_told_in_another_domain)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = 3});
    tell_sampler(&b, 0, 2, 4000);
    tell_sampler(&b, 0, 1, 2000);
    cr_assert_eq(rate_in_domain(&b, 7), 2000);
    tell_sampler(&b, 0, 1, 3000);
    cr_assert_eq(rate_in_domain(&b, 7), 3000);
    tell_sampler(&b, 8, 1, 5000);
    cr_assert_eq(rate_in_domain(&b, 7), 3000, "which one records went by before");
    cr_assert_eq(rate_in_domain(&b, 0), 3000, "its own comes first");
    rate_in_domain(&b, 7);
    rate_in_domain(&b, 0);
    rate_in_domain(&b, 9); /* there is room for three: 8 is forgotten */
    cr_assert_eq(rate_in_domain(&b, 7), 3000);
    bench_done(&b);
}

/* --- the order of trust --- */

static void put_rate_in_record(struct bench *b, uint32_t rate)
{
    set_start(b, 2);
    PUT16(b, 410, 3, 34, 4, 1, 4, 2, 4);
    set_end(b);
    set_start(b, 410);
    PUT32(b, rate, 1000, 1);
    set_end(b);
}

Test(sampling, the_first_that_is_known_counts_and_others_that_differ_are_shown)
{
    static const struct way system = {
        .name = "", .fields = {144, 4, 34, 4}, .field_count = 2, .values = {9, 1000}};
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    b.source.sampling_default = 50;
    ipfix_start(&b, 9);
    put_rate_in_record(&b, 0);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 50);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_EXPORTER);
    ipfix_start(&b, 9);
    put_options(&b, &system);
    put_rate_in_record(&b, 0);
    put_rate_in_record(&b, 1000);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 1000);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_OPTIONS);
    cr_assert_eq(b.flows[1].sampling_source, SAMPLING_RECORD);
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 0, "they agree");
    ipfix_start(&b, 9);
    put_rate_in_record(&b, 2048);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 2048);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_RECORD);
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 1);
    b.source.sampling_override = 100;
    ipfix_start(&b, 9);
    put_rate_in_record(&b, 2048);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 100);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_OVERRIDE);
    cr_assert_eq(decode_counters(b.decode)->sampling_contradictions, 3, "options and the record");
    bench_done(&b);
}

static void keep_info(void *owner, const struct decode_exporter_info *info)
{
    *(struct decode_exporter_info *)owner = *info;
}

Test(sampling, two_ways_in_one_options_record_that_differ_are_a_contradiction)
{
    static const struct way two = {.name = "",
                                   .fields = {302, 4, 34, 4, 309, 4, 310, 4},
                                   .field_count = 4,
                                   .values = {1, 1000, 1, 256}};
    struct bench b;
    struct decode_exporter_info info = {0};
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 9);
    put_options(&b, &two);
    ipfix_send(&b);
    decode_exporters(b.decode, 0, b.now_ms, keep_info, &info);
    cr_assert_eq(info.sampling.contradictions, 1);
    cr_assert_eq(info.sampling.last.used, 256);
    cr_assert_eq(info.sampling.last.said, 1000);
    cr_assert_eq(info.sampling.last.said_source, SAMPLING_OPTIONS);
    bench_done(&b);
}

/* What a field says that is not used: 1. Behind a rate it is nothing; before one it hides it. */
struct hidden_case {
    char name[40];
    struct way way;
    double rate, against;
};

ParameterizedTestParameters(sampling, one_gives_way_to_more)
{
    static struct hidden_case cases[] = {
        {"305 = 1 before 34", {"", {302, 4, 305, 4, 34, 4}, 3, {1, 1, 1000}, 0}, 1000, 1},
        {"305 = 1, 306 = 0 before 50",
         {"", {302, 4, 305, 4, 306, 4, 50, 4}, 4, {1, 1, 0, 512}, 0},
         512,
         1},
        {"305 = 1 before 311",
         {"", {302, 4, 305, 4, 311, 4}, 3, {1, 1, 0x3c800000 /* 2^-6 */}, 0},
         64,
         1},
        {"50 = 1 before 34", {"", {302, 4, 50, 4, 34, 4}, 3, {1, 1, 100}, 0}, 100, 1},
        {"310 = 309 before 306",
         {"", {302, 4, 309, 4, 310, 4, 305, 4, 306, 4}, 5, {1, 1, 1, 1, 9}, 0},
         10,
         1},
        {"34 = 1 behind 50", {"", {302, 4, 50, 4, 34, 4}, 3, {1, 100, 1}, 0}, 100, 0},
        {"all say 1", {"", {302, 4, 50, 4, 34, 4, 305, 4}, 4, {1, 1, 1, 1}, 0}, 1, 0},
        {"304 = 1 says that 306 counts",
         {"", {304, 2, 305, 4, 306, 4, 309, 4, 310, 4}, 5, {1, 1, 99, 1, 512}, 0},
         100,
         512},
        {"304 = 3 says that 310 counts",
         {"", {304, 2, 305, 4, 306, 4, 309, 4, 310, 4}, 5, {3, 1, 99, 1, 512}, 0},
         512,
         100},
        {"304 = 1 beside 305 = 1 alone",
         {"", {304, 2, 305, 4, 309, 4, 310, 4}, 4, {1, 1, 1, 512}, 0},
         512,
         0},
    };
    return cr_make_param_array(struct hidden_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* Of options of the whole exporter, and in the record itself. */
ParameterizedTest(struct hidden_case *c, sampling, one_gives_way_to_more)
{
    struct bench b;
    struct decode_exporter_info info = {0};
    bench_init(&b, &(struct decode_limits){0});
    for (uint16_t i = 0; i < 2 * c->way.field_count; i += 2)
        c->way.fields[i] = c->way.fields[i] == 302 ? 144 : c->way.fields[i];
    ipfix_start(&b, 9);
    put_options(&b, &c->way);
    put_data_template(&b, 400);
    put_data(&b, 400);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, c->rate, "%s: %g", c->name, b.flows[0].sampling_rate);
    decode_exporters(b.decode, 0, b.now_ms, keep_info, &info);
    cr_assert_eq(info.sampling.contradictions, c->against > 0, "%s", c->name);
    cr_assert_eq(info.sampling.last.said, c->against, "%s", c->name);
    ipfix_start(&b, 10);
    set_start(&b, 2);
    PUT16(&b, 500, c->way.field_count);
    put_u16s(&b.w, c->way.fields, (size_t)c->way.field_count * 2);
    set_end(&b);
    set_start(&b, 500);
    put_values(&b, &c->way);
    set_end(&b);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flows[0].sampling_rate, c->rate, "%s in a record", c->name);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_RECORD);
    bench_done(&b);
}

/* --- changes --- */

static enum decode_reason send_v5(struct bench *b, uint16_t rate)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 5, 0);
    PUT32(b, UPTIME_MS, EXPORT_SECONDS, 0, 0);
    PUT16(b, 0, rate);
    return bench_send(b);
}

Test(sampling, a_header_that_says_another_rate_is_a_change)
{
    struct bench b;
    struct decode_exporter_info info = {0};
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(send_v5(&b, 0x4000 | 100), DECODE_OK);
    send_v5(&b, 100);
    send_v5(&b, 0);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 0);
    send_v5(&b, 200);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 1);
    decode_exporters(b.decode, 0, b.now_ms, keep_info, &info);
    cr_assert_eq(info.sampling.changed_from, 100);
    cr_assert_eq(info.sampling.changed_to, 200);
    bench_done(&b);
}

Test(sampling, options_that_say_another_rate_serve_at_once)
{
    struct bench b;
    struct way system = {
        .name = "", .fields = {144, 4, 34, 4}, .field_count = 2, .values = {9, 1000}};
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 9);
    put_data_template(&b, 400);
    put_options(&b, &system);
    put_data(&b, 400);
    system.values[1] = 4000;
    put_options(&b, &system);
    put_data(&b, 400);
    ipfix_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 1000);
    cr_assert_eq(b.flows[1].sampling_rate, 4000);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 1);
    bench_done(&b);
}

static void put_sample(struct bench *b, uint32_t source, uint32_t rate)
{
    PUT32(b, 1, 32, 0, source, rate, 0, 0, 1, 2, 0);
}

Test(sampling, a_source_of_sflow_that_says_another_rate_is_a_change)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t round = 0; round < 3; round++) {
        b.w = wire_writer_of(b.bytes, sizeof(b.bytes));
        PUT32(&b, 5, 1, 0xc0000201, 0, round, UPTIME_MS, 2);
        put_sample(&b, 7, 1000);
        put_sample(&b, 8, round < 2 ? 2000 : 4000);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, 2);
        cr_assert_eq(decode_counters(b.decode)->sampling_changes, round < 2 ? 0 : 1,
                     "two sources have two rates");
    }
    bench_done(&b);
}
