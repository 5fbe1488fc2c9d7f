#include "ctl/traffic.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix;
    cr_assert_eq(prefix_parse(&prefix, text), STATUS_OK);
    return prefix;
}

Test(traffic, flows_go_to_hosts_of_the_network_and_add_up)
{
    static const char *const networks[] = {"198.51.100.0/24", "10.0.0.0/15", "192.0.2.7/32",
                                           "2001:db8::/48", "203.0.113.4/30"};
    for (size_t n = 0; n < sizeof(networks) / sizeof(networks[0]); n++) {
        struct traffic traffic;
        struct ip_prefix network = prefix_of(networks[n]);
        traffic_init(&traffic, 7, &network, 200, 1000);
        double bytes = 0;
        for (int i = 0; i < 20000; i++) {
            struct traffic_flow flow = traffic_normal(&traffic, 12500);
            cr_assert(prefix_contains(&network, &flow.dst));
            cr_assert(!prefix_contains(&network, &flow.src));
            cr_assert_eq(flow.src.family, flow.dst.family);
            cr_assert_geq(flow.bytes, flow.packets * 20, "no packet under 20 octets");
            cr_assert_leq(flow.bytes, flow.packets * 65535);
            bytes += (double)flow.bytes;
        }
        cr_assert(bytes > 0.99 * 12500 * 20000 && bytes < 1.01 * 12500 * 20000, "%g", bytes);
    }
}

Test(traffic, attacks_look_like_their_names)
{
    struct traffic traffic;
    struct ip_prefix network = prefix_of("198.51.100.0/24");
    struct ip_addr target;
    cr_assert_eq(addr_parse(&target, "198.51.100.9"), STATUS_OK);
    traffic_init(&traffic, 7, &network, 200, 1000);
    for (unsigned int a = 0; traffic_attack_at(a) != NULL; a++) {
        const struct traffic_attack *attack = traffic_attack_at(a);
        cr_assert_eq(traffic_attack_find(attack->name), attack);
        unsigned int fragments = 0;
        for (int i = 0; i < 5000; i++) {
            struct traffic_flow flow = traffic_attack_flow(&traffic, attack, &target, 0);
            cr_assert(addr_equal(&flow.dst, &target));
            cr_assert_eq(flow.protocol, attack->protocol);
            cr_assert(flow.frame_bytes >= attack->bytes_min &&
                      flow.frame_bytes <= attack->bytes_max);
            fragments += flow.later_fragment;
            if (flow.later_fragment)
                cr_assert(flow.src_port == 0 && flow.dst_port == 0);
            else if (attack->src_port != 0)
                cr_assert_eq(flow.src_port, attack->src_port);
        }
        cr_assert(fragments * 100 <= 5000u * (attack->fragment_percent + 5u));
    }
    cr_assert_null(traffic_attack_find("nothing-like-it"));
}

Test(traffic, a_seed_gives_the_same_flows_again)
{
    struct traffic a, b, c;
    struct ip_prefix network = prefix_of("198.51.100.0/24");
    traffic_init(&a, 7, &network, 200, 1000);
    traffic_init(&b, 7, &network, 200, 1000);
    traffic_init(&c, 8, &network, 200, 1000);
    int differs = 0;
    for (int i = 0; i < 100; i++) {
        struct traffic_flow x = traffic_normal(&a, 0), y = traffic_normal(&b, 0),
                            z = traffic_normal(&c, 0);
        cr_assert(addr_equal(&x.src, &y.src) && addr_equal(&x.dst, &y.dst) && x.bytes == y.bytes);
        differs += !addr_equal(&x.src, &z.src);
    }
    cr_assert_gt(differs, 50);
}

Test(traffic, sources_are_of_the_family_of_the_target)
{
    struct traffic traffic;
    struct ip_prefix network = prefix_of("198.51.100.0/24");
    struct ip_addr target;
    cr_assert_eq(addr_parse(&target, "2001:db8::45"), STATUS_OK);
    traffic_init(&traffic, 7, &network, 200, 1000);
    for (unsigned int a = 0; traffic_attack_at(a) != NULL; a++) {
        struct traffic_flow flow = traffic_attack_flow(&traffic, traffic_attack_at(a), &target, 0);
        cr_assert_eq(flow.src.family, ADDR_IPV6);
        cr_assert(addr_equal(&flow.dst, &target));
    }
}
