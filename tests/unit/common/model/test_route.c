#include "tests/unit/common/model/support.h"

static const char yaml[] = NETWORKS
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
    "peers: [{name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp},\n"
    "  {name: up, address: 192.0.2.65, remote_as: 64496, families: [ipv4-unicast]}]\n"
    "methods:\n"
    "  - name: rtbh\n"
    "    blackhole:\n"
    "      ipv4: {next_hop: 192.0.2.100}\n"
    "      communities: [\"65535:666\", \"64500:1:2\", \"rt:64500:7\"]\n"
    "      peers:\n"
    "        up: {ipv4: {next_hop: 192.0.2.101}, communities: [\"64496:666\"], no_export: false}\n"
    "        p1: {no_export: true}\n"
    "  - {name: scrub, divert: {next_hop: \"2001:db8:100::9\"}}\n";

Test(model_route, is_what_the_method_says_and_differs_where_it_says_so)
{
    struct loaded l = load(yaml);
    cr_assert_not_null(l.model, "%s", text_str(&l.errors.lines));
    struct model_route route, other;
    const struct config_route *config = &l.config->methods[0].route;
    model_route_make(config, ADDR_IPV4, NULL, &route);
    const struct communities *c = &route.communities;
    cr_expect_eq(route.kind, ROUTE_BLACKHOLE);
    cr_assert_eq(c->standard_count, 1);
    cr_assert_eq(c->large_count, 1);
    cr_assert_eq(c->count, 1);
    cr_assert_eq(c->next_hop_len, 4);
    cr_expect_eq(c->next_hop[3], 100);
    cr_expect_eq(c->exported, EXPORT_AS_PEER);
    model_route_differ(c, model_route_peer(l.config, "rtbh", "up"), ADDR_IPV4, &other);
    cr_expect_eq(other.communities.standard_count, 1);
    cr_expect_eq(memcmp(other.communities.standard[0], (uint8_t[]){0xfb, 0xf0, 2, 0x9a}, 4), 0);
    cr_expect_eq(other.communities.large_count + other.communities.count, 0);
    cr_expect_eq(other.communities.next_hop[3], 101);
    cr_expect_eq(other.communities.exported, EXPORT_ANYWHERE);
    model_route_differ(c, model_route_peer(l.config, "rtbh", "p1"), ADDR_IPV4, &other);
    cr_expect_eq(other.communities.large_count, 1);
    cr_expect_eq(other.communities.next_hop[3], 100);
    cr_expect_eq(other.communities.exported, EXPORT_NOT);
    cr_expect_null(model_route_peer(l.config, "rtbh", "nobody"));
    cr_expect_null(model_route_peer(l.config, "scrub", "up"));
    unload(&l);
}

Test(model_route, a_method_is_for_the_families_that_have_a_next_hop)
{
    struct loaded l = load(yaml);
    cr_assert_not_null(l.model);
    cr_expect(l.model->methods[0].takes4 && !l.model->methods[0].takes6);
    cr_expect(!l.model->methods[1].takes4 && l.model->methods[1].takes6);
    cr_expect_eq(l.config->methods[1].route.communities.count, 0);
    unload(&l);
}

Test(model_route, blackhole_carries_its_community_of_old_where_none_is_named)
{
    struct loaded l = load(NETWORKS "methods: [{name: m, blackhole: {ipv4: {next_hop: 192.0.2.1}}},"
                                    "{name: n, blackhole: {ipv6: {next_hop: \"100::1\"}, "
                                    "communities: []}}]\n");
    cr_assert_not_null(l.model, "%s", text_str(&l.errors.lines));
    const struct config_communities *c = &l.config->methods[0].route.communities;
    cr_assert_eq(c->count, 1);
    cr_expect_eq(memcmp(c->items[0].octets, (uint8_t[]){0xff, 0xff, 2, 0x9a}, 4), 0);
    cr_expect_eq(l.config->methods[1].route.communities.count, 0);
    unload(&l);
}

Test(model_route, next_hops_are_infrastructure)
{
    struct loaded l = load(yaml);
    cr_assert_not_null(l.model);
    struct guard_context context;
    bool has4 = false, has6 = false;
    model_guard_context(l.model, NULL, &context);
    for (size_t i = 0; i < context.infrastructure_count; i++) {
        char text[PREFIX_TEXT_MAX];
        prefix_format(&context.infrastructure[i], text);
        has4 = has4 || strcmp(text, "192.0.2.100/32") == 0;
        has6 = has6 || strcmp(text, "2001:db8:100::9/128") == 0;
    }
    cr_expect(has4 && has6);
    unload(&l);
}

Test(model_route, a_step_wider_than_hosts_is_refused_when_the_file_is_read)
{
    struct loaded l =
        load(NETWORKS "methods: [{name: m, blackhole: {ipv4: {next_hop: 192.0.2.1}}}]\n"
                      "policies: [{name: p, direction: incoming, key: [\"dst_addr/24,48\"], "
                      "window: 1s, thresholds: [{severity: major, any: {bps: 1G}, clear: {below: "
                      "80%, after: 70s}, mitigate: [{method: m}]}]}]\n");
    cr_assert_null(l.model);
    cr_expect_not_null(strstr(text_str(&l.errors.lines), "wider than a host"), "%s",
                       text_str(&l.errors.lines));
    unload(&l);
}
