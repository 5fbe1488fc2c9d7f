#include "tests/unit/collector/decode/datagram.h"

#include <criterion/parameterized.h>

static void put_template(struct bench *b, uint16_t id)
{
    set_start(b, 0);
    PUT16(b, id, 8, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4, 48, 1);
    set_end(b);
}

static void put_data(struct bench *b, uint16_t id, uint8_t sampler, uint32_t bytes)
{
    set_start(b, id);
    PUT32(b, 0x0a000001, 0xcb007107);
    PUT16(b, 53, 5000);
    wire_put_u8(&b->w, 17);
    PUT32(b, bytes, 1);
    wire_put_u8(&b->w, sampler);
    set_end(b);
}

/* Scope System; samplerId, samplerRandomInterval. */
static void put_sampler(struct bench *b, uint8_t id, uint32_t rate)
{
    set_start(b, 1);
    PUT16(b, 300, 4, 8, 1, 4, 48, 1, 50, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 0);
    wire_put_u8(&b->w, id);
    PUT32(b, rate);
    set_end(b);
}

Test(netflow9, data_before_its_template_is_counted_and_after_it_read)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_data(&b, 256, 0, 100);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b.flow_count, 0);
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 0, 100);
    put_data(&b, 256, 0, 200);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[1].bytes, 200);
    cr_assert_eq(b.flows[1].domain, 7);
    cr_assert_eq(b.flows[0].dst_port, 5000);
    bench_done(&b);
}

Test(netflow9, a_later_fragment_has_no_ports_even_where_the_protocol_is_not_said)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 4, 7, 2, 11, 2, 88, 2, 1, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT16(&b, 53, 4444, 185);
    PUT32(&b, 1320);
    PUT16(&b, 53, 4444, 0);
    PUT32(&b, 1320);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 2);
    cr_assert_eq(b.flows[0].has & (FLOW_SRC_PORT | FLOW_DST_PORT), 0);
    cr_assert_eq(b.flows[0].src_port | b.flows[0].dst_port, 0);
    cr_assert_eq(b.flows[1].has & FLOW_SRC_PORT, FLOW_SRC_PORT, "a whole packet, or a first part");
    bench_done(&b);
}

Test(netflow9, templates_belong_to_their_domain_and_exporter)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_template(&b, 256);
    bench_send(&b);
    v9_start(&b, 8);
    put_data(&b, 256, 0, 100);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    b.source.addr = addr_from_ipv4(0xc0000202);
    v9_start(&b, 7);
    put_data(&b, 256, 0, 100);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    bench_done(&b);
}

Test(netflow9, a_redefinition_replaces_at_once)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 0, 100);
    set_start(&b, 0);
    PUT16(&b, 256, 1, 1, 2);
    set_end(&b);
    set_start(&b, 256);
    PUT16(&b, 1, 2, 3);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 4);
    cr_assert_eq(b.flows[3].bytes, 3);
    cr_assert_eq(decode_counters(b.decode)->template_changes, 1);
    bench_done(&b);
}

Test(netflow9, a_rate_belongs_to_its_sampler)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_template(&b, 256);
    put_sampler(&b, 1, 2000);
    put_sampler(&b, 2, 4000);
    put_data(&b, 256, 1, 100);
    put_data(&b, 256, 2, 100);
    put_data(&b, 256, 3, 100);
    bench_send(&b);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(b.flows[0].sampling_rate, 2000);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_OPTIONS);
    cr_assert_eq(b.flows[1].sampling_rate, 4000);
    cr_assert_eq(b.flows[2].sampling_rate, 0, "nobody said what sampler 3 does");
    put_sampler(&b, 1, 500);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sampling_changes, 1);
    bench_done(&b);
}

Test(netflow9, a_rate_of_another_domain_serves_where_this_one_has_none)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 1);
    put_sampler(&b, 1, 2000);
    bench_send(&b);
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 1, 100);
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 2000);
    bench_done(&b);
}

Test(netflow9, a_set_of_length_zero_ends_the_datagram_in_peace)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 0, 100);
    PUT32(&b, 0, 0, 0);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    bench_done(&b);
}

struct bad_set {
    char name[40];
    uint16_t words[6];
    enum decode_reason want;
};

ParameterizedTestParameters(netflow9, bad_sets)
{
    static struct bad_set cases[] = {
        {"length 3", {256, 3, 0, 0, 0, 0}, DECODE_SET_LENGTH},
        {"past the end", {256, 60, 0, 0, 0, 0}, DECODE_SET_LENGTH},
        {"reserved id", {100, 12, 0, 0, 0, 0}, DECODE_SET_ID},
        {"template id below 256", {0, 12, 255, 1, 1, 4}, DECODE_TEMPLATE},
        {"template without fields", {0, 12, 256, 0, 1, 4}, DECODE_TEMPLATE},
        {"more fields than octets", {0, 12, 256, 2, 1, 4}, DECODE_TEMPLATE},
        {"records of no length", {0, 12, 256, 1, 1, 0}, DECODE_TEMPLATE},
        {"odd scope length", {1, 12, 256, 3, 4, 1}, DECODE_TEMPLATE},
    };
    return cr_make_param_array(struct bad_set, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_set *c, netflow9, bad_sets)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    put_u16s(&b.w, c->words, 6);
    cr_assert_eq(bench_send(&b), c->want, "%s", c->name);
    cr_assert_eq(decode_counters(b.decode)->refused[FORMAT_NETFLOW9][c->want], 1);
    bench_done(&b);
}

Test(netflow9, lost_datagrams_are_counted)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 7);
    bench_send(&b);
    b.sequence = 5;
    v9_start(&b, 7);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 4);
    bench_done(&b);
}

/* --- at the limits --- */

Test(netflow9, the_template_used_longest_ago_goes_first)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.templates_per_domain = 2});
    v9_start(&b, 7);
    put_template(&b, 256);
    put_template(&b, 257);
    put_data(&b, 256, 0, 1);
    put_template(&b, 258);
    put_data(&b, 256, 0, 1);
    put_data(&b, 258, 0, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 3);
    cr_assert_eq(decode_counters(b.decode)->evicted_templates, 1);
    v9_start(&b, 7);
    put_data(&b, 257, 0, 1);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    bench_done(&b);
}

Test(netflow9, the_domain_used_longest_ago_goes_first)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.domains_per_exporter = 2});
    for (uint32_t domain = 1; domain <= 3; domain++) {
        v9_start(&b, domain);
        put_template(&b, 256);
        bench_send(&b);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_domains, 1);
    v9_start(&b, 2);
    put_data(&b, 256, 0, 1);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    v9_start(&b, 1);
    put_data(&b, 256, 0, 1);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    bench_done(&b);
}

Test(netflow9, the_exporter_heard_longest_ago_goes_first)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.exporters = 2});
    for (uint32_t i = 1; i <= 3; i++) {
        b.source.addr = addr_from_ipv4(i);
        v9_start(&b, 7);
        put_template(&b, 256);
        bench_send(&b);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_exporters, 1);
    b.source.addr = addr_from_ipv4(1);
    v9_start(&b, 7);
    put_data(&b, 256, 0, 1);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    bench_done(&b);
}

Test(netflow9, a_template_with_too_many_fields_is_refused)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.fields_per_template = 7});
    v9_start(&b, 7);
    put_template(&b, 256);
    cr_assert_eq(bench_send(&b), DECODE_TEMPLATE_FIELDS);
    bench_done(&b);
}

Test(netflow9, the_sampler_told_longest_ago_goes_first)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.samplers_per_domain = 2});
    for (uint8_t id = 1; id <= 3; id++) {
        v9_start(&b, 7);
        put_sampler(&b, id, 100U * id);
        bench_send(&b);
    }
    cr_assert_eq(decode_counters(b.decode)->evicted_samplers, 1);
    v9_start(&b, 7);
    put_template(&b, 256);
    put_data(&b, 256, 1, 1);
    put_data(&b, 256, 3, 1);
    bench_send(&b);
    cr_assert_eq(b.flows[0].sampling_rate, 0);
    cr_assert_eq(b.flows[1].sampling_rate, 300);
    bench_done(&b);
}

Test(netflow9, memory_stays_under_its_limit)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.memory_bytes = 3000});
    for (uint32_t domain = 0; domain < 50; domain++)
        for (uint16_t id = 256; id < 276; id++) {
            v9_start(&b, domain);
            put_template(&b, id);
            bench_send(&b);
            cr_assert_leq(decode_memory(b.decode), (size_t)3000);
        }
    cr_assert_gt(decode_counters(b.decode)->evicted_domains, 0);
    cr_assert_gt(decode_counters(b.decode)->evicted_templates, 0);
    bench_done(&b);
}

Test(netflow9, a_set_gives_each_of_its_records_once_however_many)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 1);
    set_start(&b, 0);
    PUT16(&b, 256, 4, 8, 4, 7, 2, 4, 1, 1, 4);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    for (uint32_t count = 1; count < KEPT_MAX; count++) {
        v9_start(&b, 1);
        set_start(&b, 256);
        for (uint32_t i = 0; i < count; i++) {
            PUT32(&b, 0x0a000000 + i);
            PUT16(&b, (uint16_t)i);
            wire_put_u8(&b.w, i % 3 == 0 ? 1 : 17); /* one in three has no ports */
            PUT32(&b, 1000 + i);
        }
        set_end(&b);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flow_count, count);
        for (uint32_t i = 0; i < count; i++) {
            bool has_ports = i % 3 != 0 && i != 0;
            cr_assert_eq(b.flows[i].src_addr.octets[3], i, "%u of %u", i, count);
            cr_assert_eq(b.flows[i].bytes, 1000 + i);
            cr_assert_eq((b.flows[i].has & FLOW_SRC_PORT) != 0, has_ports, "%u of %u", i, count);
            cr_assert_eq(b.flows[i].src_port, has_ports ? i : 0);
        }
    }
    bench_done(&b);
}
