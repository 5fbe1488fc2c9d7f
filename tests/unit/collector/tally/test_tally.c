#include "collector/tally/volume.h"
#include "tests/unit/collector/tally/counting.h"

#include <criterion/parameterized.h>

#define BY_HOST                                                                                    \
    NETWORKS "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS  \
             "}]\n"

Test(tally, sums_of_a_key_meet_in_one_row)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 2);
    struct ip_addr dst;
    counting_init(&c, BY_HOST);
    for (int i = 0; i < 100; i++)
        counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].bytes, 100000);
    cr_assert_eq(c.rows[0].packets, 200);
    cr_assert_eq(c.rows[0].flows, 100);
    cr_assert_eq(c.rows[0].samples, 100);
    cr_assert_eq(c.rows[0].var_bytes, 0);
    cr_assert_eq(c.rows[0].var_flows, 0);
    cr_assert_eq(key_addr(&c.rows[0].key, DIM_DST_ADDR, &dst), STATUS_OK);
    cr_assert(addr_equal(&dst, &flow.dst_addr));
    cr_assert_eq(tally_rows(c.tally), 0);
    counting_done(&c);
}

Test(tally, sampling_scales_and_says_how_sure_it_is)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 3000, 3);
    counting_init(&c, BY_HOST);
    flow.sampling_rate = 100;
    counting_add(&c, &flow);
    counting_flush(&c, TALLY_FLUSH_TICK);
    cr_assert_eq(c.rows[0].flows, 100);
    cr_assert_float_eq(c.rows[0].var_flows, 100.0 * 99, 1e-6, "one record, however many packets");
    cr_assert_eq(c.rows[0].bytes, 300000);
    cr_assert_eq(c.rows[0].packets, 300);
    cr_assert_float_eq(c.rows[0].var_packets, 100.0 * 99 * 3, 1e-6);
    cr_assert_float_eq(c.rows[0].var_bytes, 100.0 * 99 * 3 * 1000 * 1000, 2000, "to 24 bits");
    counting_done(&c);
}

Test(tally, rates_of_several_exporters_add_their_variances)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 100, 1);
    counting_init(&c, BY_HOST);
    flow.sampling_rate = 1000;
    counting_add(&c, &flow);
    flow.sampling_rate = 10;
    counting_add(&c, &flow);
    counting_add(&c, &flow);
    flow.sampling_rate = 1;
    counting_add(&c, &flow);
    counting_flush(&c, TALLY_FLUSH_TICK);
    cr_assert_eq(c.rows[0].flows, 1000 + 2 * 10 + 1);
    cr_assert_float_eq(c.rows[0].var_flows, 1000.0 * 999 + 2 * 10.0 * 9, 1e-6);
    counting_done(&c);
}

Test(tally, sums_saturate)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, UINT64_MAX / 2, UINT64_MAX / 2 / 100);
    counting_init(&c, BY_HOST);
    flow.sampling_rate = 1e9;
    counting_add(&c, &flow);
    counting_add(&c, &flow);
    counting_flush(&c, TALLY_FLUSH_TICK);
    cr_assert_eq(c.rows[0].bytes, VOLUME_MAX);
    counting_done(&c);
}

Test(tally, a_row_that_stays_keeps_its_age)
{
    struct counting c;
    struct flow_record small = flow_to(CUSTOMER, 100, 1), large = flow_to(CUSTOMER + 1, 5000, 4);
    counting_init(&c, BY_HOST);
    c.options.max_rows = 1;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    counting_add(&c, &small);
    counting_add(&c, &large);
    c.now_ms += 100;
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].bytes, 5000, "the largest goes first");
    cr_assert_eq(c.rows[0].age_ticks * TALLY_AGE_MS, 100);
    uint64_t bytes, packets;
    tally_residual(c.tally, &bytes, &packets);
    cr_assert_eq(bytes, 100);
    cr_assert_eq(packets, 1);
    c.now_ms += 300;
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].age_ticks * TALLY_AGE_MS, 400);
    tally_residual(c.tally, &bytes, &packets);
    cr_assert_eq(bytes, 0);
    counting_done(&c);
}

Test(tally, an_urgent_row_is_as_old_as_its_first_record_and_no_older)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 200000, 200);
    counting_init(&c, BY_HOST);
    for (c.now_ms = 1000095; c.now_ms < 1000300; c.now_ms += 3) {
        counting_add(&c, &flow);
        c.now_ms += 7;
        cr_assert_eq(counting_flush(&c, TALLY_FLUSH_URGENT), 1);
        cr_assert_eq(c.rows[0].age_ticks * TALLY_AGE_MS, 7);
    }
    counting_done(&c);
}

Test(tally, tells_the_direction_of_what_counts_and_of_nothing_else)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 200000, 200);
    counting_init(&c, BY_HOST);
    struct tally_exporter *exporter = counting_from(&c, EXPORTER);
    tally_add(c.tally, exporter, &flow, c.now_ms);
    cr_assert_eq(tally_direction(c.tally), DIRECTION_INCOMING);
    flow.packets = 1; /* of 200,000 octets: refused */
    tally_add(c.tally, exporter, &flow, c.now_ms);
    cr_assert_eq(tally_direction(c.tally), DIRECTION_ANY);
    counting_done(&c);
}

Test(tally, what_may_have_come_earlier_counts_from_then_on)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 200000, 200);
    counting_init(&c, BY_HOST);
    struct tally_exporter *exporter = counting_from(&c, EXPORTER);
    tally_add(c.tally, exporter, &flow, c.now_ms - 3000);
    tally_add(c.tally, exporter, &flow, c.now_ms);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_URGENT), 1);
    cr_assert_eq(c.rows[0].age_ticks * TALLY_AGE_MS, 3000);
    counting_done(&c);
}

Test(tally, a_row_over_its_share_of_the_threshold_is_urgent)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 50000, 50), small = flow_to(CUSTOMER + 1, 90, 1);
    counting_init(&c, BY_HOST); /* 1 MB in a second; urgent above 100 kB */
    counting_add(&c, &small);
    counting_add(&c, &flow);
    counting_add(&c, &flow);
    tally_settle(c.tally);
    cr_assert_not(tally_has_urgent(c.tally));
    counting_add(&c, &flow);
    tally_settle(c.tally);
    cr_assert(tally_has_urgent(c.tally));
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_URGENT), 1);
    cr_assert_eq(c.rows[0].bytes, 150000);
    cr_assert_not(tally_has_urgent(c.tally));
    cr_assert_eq(tally_rows(c.tally), 1);
    counting_done(&c);
}

Test(tally, live_workers_lower_the_urgent_limit)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 50000, 50);
    counting_init(&c, BY_HOST);
    c.options.live_workers = 4;
    tally_reload(c.tally, &c.options);
    counting_add(&c, &flow);
    tally_settle(c.tally);
    cr_assert(tally_has_urgent(c.tally));
    counting_done(&c);
}

Test(tally, exporters_have_rows_of_their_own)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    counting_init(&c, BY_HOST);
    tally_add(c.tally, counting_from(&c, 1), &flow, c.now_ms);
    tally_add(c.tally, counting_from(&c, 2), &flow, c.now_ms);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 2);
    cr_assert_neq(c.rows[0].exporter, c.rows[1].exporter);
    const struct tally_exporter *e = tally_exporter_at(c.tally, c.rows[0].exporter);
    cr_assert_not_null(e);
    cr_assert_eq(e->records, 1);
    tally_next_interval(c.tally);
    cr_assert_eq(e->records, 0);
    counting_done(&c);
}

/* --- trust --- */

struct judged_case {
    char name[40];
    uint64_t bytes, packets;
    uint32_t duration_ms;
    double rate;
    enum tally_reason want;
};

ParameterizedTestParameters(tally, implausible_records)
{
    static struct judged_case cases[] = {
        {"usual", 1500, 1, 0, 1, TALLY_REASON_COUNT},
        {"64 KiB a packet", 65536, 1, 0, 1, TALLY_REASON_COUNT},
        {"one octet more", 65537, 1, 0, 1, TALLY_BIG_PACKETS},
        {"more, over two packets", 131073, 2, 0, 1, TALLY_BIG_PACKETS},
        {"64 KiB in no packet", 65536, 0, 0, 1, TALLY_REASON_COUNT},
        {"one octet more in none", 65537, 0, 0, 1, TALLY_BIG_PACKETS},
        {"20 octets a packet", 200, 10, 0, 1, TALLY_REASON_COUNT},
        {"one octet fewer", 199, 10, 0, 1, TALLY_SMALL_PACKETS},
        {"no octets", 0, 10, 0, 1, TALLY_SMALL_PACKETS},
        {"an hour", 1500, 1, 3600000, 1, TALLY_REASON_COUNT},
        {"over an hour", 1500, 1, 3600001, 1, TALLY_LONG_DURATION},
        {"at max_rate", 125000, 100, 1000, 1, TALLY_REASON_COUNT},
        {"over max_rate", 126000, 100, 1000, 1, TALLY_MAX_RATE},
        {"over max_rate by its sampling", 1500, 1, 1000, 1000, TALLY_MAX_RATE},
        {"the same over a minute", 1500, 1, 60000, 1000, TALLY_REASON_COUNT},
    };
    return cr_make_param_array(struct judged_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct judged_case *p, tally, implausible_records)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, p->bytes, p->packets);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = p->duration_ms;
    flow.sampling_rate = p->rate;
    counting_init(&c, BY_HOST "exporters: [{address: 192.0.2.1, name: r, max_rate: 1Mbps}]\n");
    counting_add(&c, &flow);
    counting_flush(&c, TALLY_FLUSH_ALL);
    cr_assert_eq(c.given, p->want == TALLY_REASON_COUNT, "%s", p->name);
    if (p->want != TALLY_REASON_COUNT)
        cr_assert_eq(tally_counters(c.tally)->refused[FORMAT_NETFLOW9][p->want], 1, "%s", p->name);
    counting_done(&c);
}

Test(tally, only_listed_exporters_count_where_a_list_exists)
{
    struct counting c;
    counting_init(&c,
                  BY_HOST "exporters: [{address: 192.0.2.0/25, name: r, active_timeout: 60s}]\n");
    cr_assert_not_null(counting_from(&c, 0xc0000205));
    cr_assert_null(counting_from(&c, 0xc00002ff));
    cr_assert_eq(tally_counters(c.tally)->refused[FORMAT_COUNT][TALLY_UNLISTED], 1);
    counting_done(&c);
}

Test(tally, a_flood_of_senders_takes_numbers_of_those_without_rows)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    for (uint32_t i = 1; i < 1000; i++) {
        c.now_ms++;
        cr_assert_not_null(counting_from(&c, i));
    }
    cr_assert_eq(tally_exporter_count(c.tally), 100);
    cr_assert_eq(tally_counters(c.tally)->evicted_exporters, 900);
    counting_flush(&c, TALLY_FLUSH_ALL);
    struct ip_addr first = addr_from_ipv4(EXPORTER);
    cr_assert(addr_equal(&tally_exporter_at(c.tally, c.rows[0].exporter)->addr, &first));
    counting_done(&c);
}

Test(tally, who_told_nothing_was_not_heard)
{
    struct counting c;
    counting_init(
        &c, NETWORKS
        "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS
        "}]\n");
    uint64_t began_ms = c.now_ms;
    (void)counting_from(&c, 1);
    c.now_ms += 5000;
    struct tally_exporter *exporter = counting_from(&c, 1);
    cr_assert_eq(exporter->heard_ms, c.now_ms);
    tally_exporter_unheard(exporter);
    cr_assert_eq(exporter->heard_ms, began_ms);
    c.now_ms += 5000;
    tally_exporter_unheard(counting_from(&c, 1));
    cr_assert_eq(exporter->heard_ms, began_ms);
    counting_done(&c);
}

Test(tally, only_what_enters_at_the_boundary_counts)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    counting_init(&c, BY_HOST "exporters: [{address: 192.0.2.1, name: r, boundary: [501, 502]}]\n");
    counting_add(&c, &flow);
    flow.has |= FLOW_INPUT_IF;
    flow.input_if = 7;
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 0);
    cr_assert_eq(tally_counters(c.tally)->outside_boundary, 2);
    flow.input_if = 502;
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 1);
    counting_done(&c);
}

Test(tally, events_without_volume_count_nothing)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 0, 0);
    flow.has &= ~(uint32_t)(FLOW_BYTES | FLOW_PACKETS);
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 0);
    cr_assert_eq(tally_counters(c.tally)->without_volume, 1);
    counting_done(&c);
}

/* --- full tables --- */

Test(tally, totals_hold_when_the_table_is_full)
{
    struct counting c;
    uint64_t sent = 0, got = 0, others = 0;
    counting_init(&c, NETWORKS
                  "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS
                  "}]\n");
    c.options.max_keys = 500;
    tally_reload(c.tally, &c.options);
    for (uint32_t i = 0; i < 20000; i++) {
        struct flow_record flow = flow_to(0x0b000000 + i, 100, 1);
        counting_add(&c, &flow);
        sent += flow.bytes;
        cr_assert_leq(tally_rows(c.tally), (size_t)501);
    }
    counting_flush(&c, TALLY_FLUSH_ALL);
    for (size_t i = 0; i < c.given; i++) {
        got += c.rows[i].bytes;
        others += c.rows[i].key.len == 0;
    }
    cr_assert_eq(got, sent);
    cr_assert_eq(others, 1);
    counting_done(&c);
}

Test(tally, a_victim_gets_in_during_a_sweep)
{
    struct counting c;
    bool seen = false;
    counting_init(&c, NETWORKS
                  "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS
                  "}]\n");
    c.options.max_keys = 200;
    tally_reload(c.tally, &c.options);
    struct flow_record victim = flow_to(CUSTOMER, 1500, 1);
    for (uint32_t i = 0; i < 20000 && !seen; i++) {
        struct flow_record flow = flow_to(0x0b000000 + i, 100, 1);
        counting_add(&c, &flow);
        if (i > 1000 && i % 10 == 0)
            counting_add(&c, &victim);
        if (!tally_has_urgent(c.tally))
            continue;
        counting_flush(&c, TALLY_FLUSH_URGENT);
        for (size_t k = 0; k < c.given; k++) {
            struct ip_addr dst;
            seen |= key_addr(&c.rows[k].key, DIM_DST_ADDR, &dst) == STATUS_OK &&
                    addr_equal(&dst, &victim.dst_addr);
        }
    }
    cr_assert(seen);
    cr_assert_gt(tally_counters(c.tally)->replaced, 0);
    counting_done(&c);
}

Test(tally, one_count_cannot_take_the_rows_of_another)
{
    struct counting c;
    counting_init(&c, NETWORKS
                  "policies:\n"
                  "  - {name: a, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}\n"
                  "  - {name: b, direction: any, key: [protocol], window: 1s, " THRESHOLDS "}\n");
    c.options.max_keys = 100;
    tally_reload(c.tally, &c.options);
    for (uint32_t i = 0; i < 1000; i++) {
        struct flow_record flow = flow_to(0x0b000000 + i, 100, 1);
        flow.protocol = (uint8_t)(i % 20);
        counting_add(&c, &flow);
    }
    counting_flush(&c, TALLY_FLUSH_ALL);
    size_t protocols = 0, hosts = 0;
    for (size_t i = 0; i < c.given; i++) {
        uint64_t protocol;
        bool by_protocol = key_number(&c.rows[i].key, DIM_PROTOCOL, &protocol) == STATUS_OK;
        protocols += by_protocol;
        hosts += !by_protocol && c.rows[i].key.len > 0;
        if (by_protocol)
            cr_assert_eq(c.rows[i].bytes, 5000);
    }
    cr_assert_eq(protocols, 20);
    cr_assert_eq(hosts, 50);
    counting_done(&c);
}

/* --- another configuration --- */

Test(tally, counts_that_stay_keep_their_rows)
{
    struct counting c;
    struct config *config;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    counting_init(
        &c, NETWORKS
        "policies:\n"
        "  - {name: a, direction: incoming, key: [protocol], window: 1s, " THRESHOLDS "}\n"
        "  - {name: b, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS "}\n");
    counting_add(&c, &flow);
    struct model *model = counting_model(BY_HOST, &config);
    c.options.model = model;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    model_free(c.model);
    config_free(c.config);
    c.model = model;
    c.config = config;
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 1);
    cr_assert_eq(c.rows[0].bytes, 2000);
    cr_assert_eq(c.rows[0].count, 0);
    counting_done(&c);
}
