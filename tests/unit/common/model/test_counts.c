#include "tests/unit/common/model/support.h"

#include <math.h>

/* Policies made into counts. */

#define THRESHOLD "    thresholds: [{severity: major, any: {bps: 1G, pps: 500k}}]\n"
#define POLICY(name, rest) "  - name: " name "\n" rest THRESHOLD

Test(counts, policies_with_the_same_question_share_one_count)
{
    struct loaded l = load_good(NETWORKS "policies:\n" POLICY(
        "a", "    key: [dst_addr]\n    where: {protocol: [udp, \"!tcp\"], dst_port: [53]}\n") //
                                POLICY("b", "    key: [dst_addr]\n"
                                            "    where: {dst_port: [53], protocol: [\"!6\", 17]}\n"
                                            "    window: 10s\n") //
                                POLICY("c", "    key: [dst_addr]\n    window: 2s\n"));
    cr_assert_eq(l.model->count_count, 2);
    cr_assert_eq(l.model->policy_count[0], 0);
    cr_assert_eq(l.model->policy_count[1], 0);
    cr_assert_eq(l.model->policy_count[2], 1);
    const struct model_count *count = &l.model->counts[0];
    cr_assert_eq(count->window_count, 2);
    cr_assert_eq(count->windows[0].window_ms, 1000);
    cr_assert_eq(count->windows[1].window_ms, 10000);
    cr_assert_eq(model_count_by_id(l.model, count->id), count);
    cr_assert_null(model_count_by_id(l.model, count->id + 1));
    cr_assert_str_eq(count->label, "incoming dst_addr where protocol=udp,!tcp dst_port=53");
    unload(&l);
}

Test(counts, the_id_changes_with_the_contents_of_the_networks_it_names)
{
    static const char *const same[] = {
        "networks: {customers: [198.51.100.0/24], x: [192.0.2.0/24]}\n",
        "networks: {tenants: [198.51.100.128/25, 198.51.100.0/25], y: [192.0.2.0/24]}\n",
    };
    static const char *const names[] = {"customers", "tenants"};
    uint64_t ids[2];
    char yaml[1024];
    for (size_t i = 0; i < 2; i++) {
        snprintf(yaml, sizeof(yaml),
                 "%spolicies:\n  - name: a\n    key: [dst_addr]\n    where: {dst_network: [%s]}\n"
                 "    direction: any\n" THRESHOLD,
                 same[i], names[i]);
        struct loaded l = load_good(yaml);
        ids[i] = l.model->counts[0].id;
        unload(&l);
    }
    cr_assert_eq(ids[0], ids[1], "a name is no content");
    struct loaded other =
        load_good("networks: {customers: [198.51.100.0/25]}\npolicies:\n"
                  "  - name: a\n    key: [dst_addr]\n    where: {dst_network: [customers]}\n"
                  "    direction: any\n" THRESHOLD);
    cr_assert_neq(other.model->counts[0].id, ids[0]);
    unload(&other);
}

Test(counts, the_lowest_limits_are_in_bytes_and_per_second)
{
    struct loaded l = load_good(
        NETWORKS "policies:\n"
                 "  - name: a\n    key: [dst_addr]\n    window: 10s\n    thresholds:\n"
                 "      - {severity: major, any: {bps: 8M, pps: 5k}, clear: {below: 30%}}\n"
                 "      - {severity: critical, all: {bps: 80M, pps: 1k}}\n"
                 "  - name: b\n    key: [dst_addr]\n    thresholds:\n"
                 "      - {severity: major, any: {bps: 16M}}\n");
    const struct model_count *count = &l.model->counts[0];
    cr_assert_eq(l.model->count_count, 1);
    cr_assert_float_eq(count->windows[0].lowest_bytes, 2e6, 1e-6);
    cr_assert(isinf(count->windows[0].lowest_packets));
    cr_assert_float_eq(count->windows[0].clear_below, 0.8, 1e-9);
    cr_assert_float_eq(count->windows[1].lowest_bytes, 1e6, 1e-6);
    cr_assert_float_eq(count->windows[1].lowest_packets, 1000, 1e-6);
    cr_assert(isinf(count->windows[1].lowest_flows));
    cr_assert_float_eq(count->windows[1].clear_below, 0.3, 1e-9);
    cr_assert_float_eq(count->urgent_bytes, 2e6, 1e-6); /* 16M for 1 s is less than 8M for 10 s */
    cr_assert_float_eq(count->urgent_packets, 10000, 1e-6);
    cr_assert(isinf(count->urgent_flows));
    unload(&l);
}

Test(counts, where_takes_every_kind_of_value)
{
    struct loaded l = load_good(
        NETWORKS "exporters:\n  - {address: 192.0.2.1, name: mx1}\n"
                 "policies:\n"
                 "  - name: a\n    direction: any\n    key: [\"dst_addr/24,48\", protocol]\n"
                 "    where:\n"
                 "      dst_addr: [198.51.100.0/25, \"2001:db8:100::1\"]\n"
                 "      src_addr: [\"!203.0.113.7\"]\n"
                 "      protocol: [icmp, 47]\n"
                 "      src_port: [53]\n"
                 "      tcp_flags: [syn+ack, 1]\n"
                 "      input_if: [501]\n"
                 "      exporter: [mx1, 192.0.2.2]\n"
                 "      src_as: [4200000000]\n" THRESHOLD);
    const struct count_spec *spec = &l.model->counts[0].spec;
    cr_assert_eq(spec->key_count, 2);
    cr_assert_eq(spec->key[0].len4, 24);
    cr_assert_eq(spec->key[0].len6, 48);
    cr_assert_eq(spec->filter_count, 8);
    cr_assert_eq(spec->ours_count, 0);
    for (size_t i = 0; i < spec->filter_count; i++) {
        const struct count_filter *f = &spec->filter[i];
        if (f->dimension == DIM_PROTOCOL) {
            cr_assert_eq(f->values[0].number, 1);
            cr_assert_eq(f->values[1].number, 47);
        } else if (f->dimension == DIM_TCP_FLAGS) {
            cr_assert_eq(f->values[0].number, 1);
            cr_assert_eq(f->values[1].number, 0x12);
        } else if (f->dimension == DIM_SRC_ADDR) {
            cr_assert(f->values[0].negated);
            cr_assert_eq(f->values[0].prefixes[0].len, 32);
        } else if (f->dimension == DIM_EXPORTER) {
            cr_assert_eq(f->count, 2);
        } else if (f->dimension == DIM_SRC_AS) {
            cr_assert_eq(f->values[0].number, 4200000000);
        }
    }
    unload(&l);
}

Test(counts, direction_is_relative_to_networks)
{
    struct loaded l = load_good(NETWORKS);
    static const struct {
        const char *from, *to;
        enum direction want;
    } cases[] = {
        {"203.0.113.1", "198.51.100.7", DIRECTION_INCOMING},
        {"198.51.100.7", "203.0.113.1", DIRECTION_OUTGOING},
        {"198.51.100.7", "198.51.100.8", DIRECTION_INTERNAL},
        {"203.0.113.1", "203.0.113.2", DIRECTION_TRANSIT},
        {"2001:db8::1", "2001:db8:100::1", DIRECTION_INCOMING},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flow_record flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR};
        cr_assert_eq(addr_parse(&flow.src_addr, cases[i].from), STATUS_OK);
        cr_assert_eq(addr_parse(&flow.dst_addr, cases[i].to), STATUS_OK);
        cr_expect_eq(model_direction(l.model, &flow), cases[i].want, "%s > %s", cases[i].from,
                     cases[i].to);
        flow.has = 0;
        cr_expect_eq(model_direction(l.model, &flow), DIRECTION_TRANSIT);
    }
    unload(&l);
}

Test(counts, a_network_is_named_by_its_contents)
{
    struct loaded l = load_good(NETWORKS);
    struct ip_addr addr;
    cr_assert_eq(l.model->networks.count, 2);
    cr_assert_str_eq(model_network_name(l.model, l.model->networks.ids[1]), "dns-pool");
    cr_assert_null(model_network_name(l.model, 1));
    cr_assert_eq(addr_parse(&addr, "198.51.100.70"), STATUS_OK);
    cr_assert_eq(lpm_lookup(l.model->networks.label, &addr), 1, "the longest match is the label");
    unload(&l);
}

Test(counts, mistakes_are_said_with_their_position)
{
    static const struct mistake mistakes[] = {
        {NETWORKS "policies:\n" POLICY("a", "    key: [dst_addr, dst_addr/24]\n"),
         "t.yaml:6:21: key: dst_addr is there twice"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [\"dst_addr/33\"]\n"),
         "t.yaml:6:11: key: \"dst_addr/33\", expected lengths such as dst_addr/24"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [\"dst_addr/24,129\"]\n"),
         "t.yaml:6:11: key"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [\"dst_addr/\"]\n"), "t.yaml:6:11: key"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [\"dst_addr/24,\"]\n"), "t.yaml:6:11: key"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [protocol/8]\n"),
         "t.yaml:6:11: key: \"protocol/8\", expected no prefix length"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {protocol: [udpp]}\n"),
         "t.yaml:7:24: protocol: \"udpp\", expected a protocol's name or number up to 255"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {protocol: [256]}\n"),
         "t.yaml:7:24: protocol"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {protocol: [\">5\"]}\n"),
         "t.yaml:7:24: protocol"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {dst_port: [53, 65536]}\n"),
         "t.yaml:7:28: dst_port: \"65536\", expected a number up to 65535"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {tcp_flags: [syn+foo]}\n"),
         "t.yaml:7:25: tcp_flags"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {dst_network: [custmers]}\n"),
         "t.yaml:7:27: dst_network: \"custmers\" is no network"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {dst_addr: [10.0.0.1/8]}\n"),
         "t.yaml:7:24: dst_addr: \"10.0.0.1/8\", expected an address"},
        {NETWORKS "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {exporter: [mx9]}\n"),
         "t.yaml:7:24: exporter: \"mx9\", expected a name"},
        {NETWORKS
         "policies:\n" POLICY("a", "    key: [dst_addr]\n    where: {src_as: [4294967296]}\n"),
         "t.yaml:7:22: src_as"},
        {"policies:\n" POLICY("a", "    key: [dst_addr]\n"),
         "policy \"a\" counts incoming traffic, but `networks` is empty"},
    };
    must_refuse(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

Test(counts, all_mistakes_of_a_file_are_said_in_one_run)
{
    struct loaded l =
        load(NETWORKS "policies:\n" POLICY("a", "    key: [\"dst_addr/99\"]\n"
                                                "    where: {protocol: [x, y], dst_port: "
                                                "[z]}\n") //
             POLICY("b", "    key: [protocol/1]\n"));
    cr_assert_null(l.model);
    cr_assert_eq(l.errors.count, 5, "%s", text_str(&l.errors.lines));
    unload(&l);
}
