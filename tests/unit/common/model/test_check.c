#include "tests/unit/common/model/support.h"

/* What holds between the parts of a file. */

#define STEP "    thresholds: [{severity: major, any: {bps: 1G}, mitigate: [{method: m}]}]\n"
#define UDP_HOST                                                                                   \
    "methods:\n  - {name: m, match: {destination: infer, protocol: [udp]}, action: {discard: "     \
    "true}}\n"

Test(check, steps_must_fit_the_keys_of_their_policies)
{
    static const struct mistake mistakes[] = {
        {NETWORKS "policies:\n  - name: a\n    key: [src_addr]\n" STEP UDP_HOST,
         "t.yaml:7:63: method \"m\" infers destination, which the key of policy \"a\" does not"},
        {NETWORKS "policies:\n  - name: a\n    key: [dst_addr]\n" STEP
                  "methods:\n  - {name: m, match: {destination: infer, protocol: [udp], "
                  "source_port: infer}, action: {discard: true}}\n",
         "t.yaml:7:63: method \"m\" infers source_port, which the key of policy \"a\""},
        {NETWORKS "policies:\n  - name: a\n    key: [dst_addr]\n" STEP
                  "methods:\n  - {name: m, match: {destination: infer, protocol: infer}, action: "
                  "{discard: true}}\n",
         "t.yaml:7:63: method \"m\" infers protocol, which the key"},
        {NETWORKS "policies:\n  - name: a\n    key: [\"dst_addr/0\"]\n" STEP UDP_HOST,
         "t.yaml:7:63: method \"m\" would infer a /0"},
        {NETWORKS
         "policies:\n  - name: a\n    key: [dst_addr]\n    direction: transit\n" STEP UDP_HOST,
         "t.yaml:8:63: policy \"a\" counts transit traffic, which is never mitigated"},
        /* One policy fits, the other does not. */
        {NETWORKS "policies:\n  - name: a\n    key: [dst_addr]\n" STEP
                  "  - name: b\n    key: [dst_network]\n" STEP UDP_HOST,
         "t.yaml:10:63: method \"m\" infers destination, which the key of policy \"b\""},
    };
    must_refuse(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

Test(check, a_step_whose_rules_the_guard_would_all_refuse_is_an_error)
{
    static const struct mistake mistakes[] = {
        {NETWORKS "policies:\n  - name: a\n    key: [\"dst_addr/24,48\"]\n" STEP UDP_HOST,
         "t.yaml:7:63: method \"m\" for policy \"a\": the guard would refuse every rule: wider"},
        {NETWORKS "policies:\n  - name: a\n    key: [\"dst_addr/16,32\"]\n" STEP
                  "methods:\n  - {name: m, match: {destination: infer, protocol: [udp], "
                  "source_port: [53]}, action: {discard: true}}\n",
         "t.yaml:7:63: method \"m\" for policy \"a\": the guard would refuse every rule: the dest"},
    };
    must_refuse(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
    /* In IPv4 it is a good rule. */
    struct loaded l =
        load_good(NETWORKS "policies:\n  - name: a\n    key: [dst_addr]\n" STEP
                           "methods:\n  - {name: m, match: {destination: infer}, action: "
                           "{discard: true}}\n");
    unload(&l);
}

#define PEERS                                                                                      \
    "speaker: {router_id: 192.0.2.9, local_as: 64500}\n"                                           \
    "peers:\n"                                                                                     \
    "  - {name: mx1, address: 192.0.2.1, remote_as: 64500, profile: %s, families: "                \
    "[ipv4-flowspec]}\n"

Test(check, a_profile_must_exist)
{
    char yaml[1024];
    snprintf(yaml, sizeof(yaml), PEERS, "junoss");
    struct mistake mistake = {yaml, "t.yaml:3:64: profile: \"junoss\" is no router profile"};
    must_refuse(&mistake, 1);
    /* Whatever else is wrong, so that one run says all of it. */
    char both[2048];
    snprintf(both, sizeof(both),
             "%spolicies:\n  - name: a\n    key: [dst_addr]\n    where: {dst_network: [nope]}\n"
             "    thresholds: [{severity: major, any: {bps: 1G}}]\n",
             yaml);
    struct mistake two[] = {{both, "profile: \"junoss\" is no router profile"},
                            {both, "\"nope\" is no network"}};
    must_refuse(two, 2);
    snprintf(yaml, sizeof(yaml), PEERS, "generic");
    struct loaded l = load_good(yaml);
    unload(&l);
}

Test(check, infrastructure_holds_peers_and_hosts_among_the_exporters)
{
    struct loaded l =
        load_good("infrastructure: [192.0.2.0/30]\n"
                  "exporters:\n  - {address: 203.0.113.1}\n  - {address: 10.0.0.0/8}\n"
                  "speaker: {router_id: 192.0.2.9, local_as: 64500}\n"
                  "peers:\n  - {name: mx1, address: 192.0.2.65, remote_as: 64500, profile: "
                  "generic, families: [ipv4-flowspec]}\n");
    cr_assert_eq(l.model->infrastructure_count, 3);
    struct ip_addr exporter;
    cr_assert_eq(addr_parse(&exporter, "10.1.2.3"), STATUS_OK);
    cr_assert_eq(lpm_lookup(l.model->exporters, &exporter), 1);
    struct guard_context context;
    model_guard_context(l.model, NULL, &context);
    cr_assert_eq(context.infrastructure_count, 3);
    cr_assert_eq(context.widest4, 24);
    cr_assert_eq(context.widest6, 48);
    unload(&l);
}

Test(check, no_platform_means_the_narrowest_of_all)
{
    struct loaded l = load_good(
        "speaker: {router_id: 192.0.2.9, local_as: 64500}\n"
        "peers:\n  - {name: mx1, address: 192.0.2.65, remote_as: 64500, profile: generic, "
        "families: [ipv4-flowspec]}\n"
        "platforms:\n"
        "  - {name: a, peers: [mx1], widest: [/20, /56], mtu: 9000, max_rules: 7}\n"
        "  - {name: b, peers: [mx1], widest: [/28, /48], mtu: 1500}\n");
    struct guard_context context;
    model_guard_context(l.model, NULL, &context);
    cr_assert_eq(context.widest4, 28);
    cr_assert_eq(context.widest6, 56);
    cr_assert_eq(context.mtu_bytes, 1500);
    cr_assert_eq(context.rules_max, 0);
    model_guard_context(l.model, &l.config->platforms[0], &context);
    cr_assert_eq(context.widest4, 20);
    cr_assert_eq(context.mtu_bytes, 9000);
    cr_assert_eq(context.rules_max, 7);
    unload(&l);
}

/* --- profiles of one's own --- */

Test(check, a_profile_of_ones_own_is_another_and_what_differs)
{
    struct loaded l =
        load_good("speaker: {router_id: 192.0.2.9, local_as: 64500}\n"
                  "profiles:\n"
                  "  - {name: mx, based_on: junos, max_routes: 500, min_rate: 64kbps, order: rfc}\n"
                  "  - {name: mx2, based_on: mx, rate_step: 8kbps, destination_required: no, "
                  "redirect_to_ip: next-hop}\n"
                  "  - {name: any}\n"
                  "peers:\n"
                  "  - {name: r, address: 192.0.2.1, remote_as: 64500, profile: mx2}\n"
                  "platforms: [{name: p, peers: [r]}]\n");
    const struct router_profile *mx = model_profile(l.model, "mx"),
                                *mx2 = model_profile(l.model, "mx2");
    const struct router_profile *junos = model_profile(l.model, "junos");
    cr_assert(mx != NULL && mx2 != NULL && junos == profile_find("junos"));
    cr_expect_str_eq(mx->name, "mx");
    cr_expect_eq(mx->rules_max, 500);
    cr_expect_eq(mx->rate_min_bytes, 8000);
    cr_expect(junos->draft6_order && !mx->draft6_order);
    cr_expect_eq(mx->actions, junos->actions);
    cr_expect_eq(mx2->rate_step_bytes, 1000);
    cr_expect_eq(mx2->rate_min_bytes, 8000, "from the one before it");
    cr_expect(mx->destination_required && !mx2->destination_required);
    cr_expect(!mx->to_next_hop && mx2->to_next_hop);
    cr_expect_eq(model_profile(l.model, "any")->values_max, profile_find("generic")->values_max);
    cr_expect_eq(model_profile(l.model, NULL), profile_find("generic"));
    cr_expect_null(model_profile(l.model, "nobody"));
    struct guard_context context;
    model_guard_context(l.model, &l.config->platforms[0], &context);
    cr_expect(context.knows_peers && context.destination_optional);
    cr_expect_eq(context.rate_step_bytes, 1000);
    cr_expect_eq(context.orders, GUARD_ORDER_RFC);
    unload(&l);
}
