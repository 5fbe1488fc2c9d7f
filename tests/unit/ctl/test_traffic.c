#include "ctl/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

struct world {
    struct network network;
    struct traffic traffic;
};

static void start(struct world *w, const char *prefix, const struct traffic_options *options)
{
    struct network_options o = {.prefix_count = 1, .hosts = 200, .sources = 1000, .exponent = 1};
    cr_assert_eq(prefix_parse(&o.prefixes[0], prefix), STATUS_OK);
    cr_assert_eq(network_init(&w->network, &o), STATUS_OK);
    traffic_init(&w->traffic, options, &w->network);
}

Test(traffic, flows_cross_the_border_of_the_network)
{
    static const char *const networks[] = {"198.51.100.0/24", "10.0.0.0/15", "192.0.2.7/32",
                                           "2001:db8::/48", "203.0.113.4/30"};
    static struct world w;
    const struct traffic_options options = {.seed = 7, .tail = 1.2};
    for (size_t n = 0; n < sizeof(networks) / sizeof(networks[0]); n++) {
        start(&w, networks[n], &options);
        const struct ip_prefix *inside = &w.network.options.prefixes[0];
        for (int i = 0; i < 20000; i++) {
            struct traffic_flow flow;
            traffic_normal(&w.traffic, &flow);
            cr_assert_eq(prefix_contains(inside, &flow.src), flow.outgoing);
            cr_assert_eq(prefix_contains(inside, &flow.dst), !flow.outgoing);
            cr_assert_eq(flow.src.family, flow.dst.family);
            cr_assert_gt(traffic_packets(&flow), 0);
            for (int k = 0; k < 2; k++)
                cr_assert(flow.packets[k].octets >= 48 && flow.packets[k].octets <= 1500);
            cr_assert(flow.ttl > 30);
        }
        network_done(&w.network);
    }
}

/* Halves of conversations come one after the other, with the ends turned round. */
Test(traffic, requests_have_answers)
{
    static struct world w;
    const struct traffic_options options = {.seed = 7, .tail = 1.2};
    int from_inside = 0;
    start(&w, "198.51.100.0/24", &options);
    for (int i = 0; i < 10000; i++) {
        struct traffic_flow request, answer;
        traffic_normal(&w.traffic, &request);
        traffic_normal(&w.traffic, &answer);
        cr_assert(addr_equal(&request.src, &answer.dst) && addr_equal(&request.dst, &answer.src));
        cr_assert(request.src_port == answer.dst_port && request.dst_port == answer.src_port);
        cr_assert(request.protocol == answer.protocol && request.outgoing != answer.outgoing);
        cr_assert_eq(request.path, answer.path);
        from_inside += request.outgoing;
    }
    cr_assert(from_inside > 5200 && from_inside < 5800, "%d", from_inside);
    network_done(&w.network);
}

Test(traffic, a_direction_leaves_out_the_other)
{
    static struct world w;
    for (int out = 0; out < 2; out++) {
        const struct traffic_options options = {
            .seed = 7, .tail = 1.2, .direction = out ? TRAFFIC_OUT : TRAFFIC_IN};
        start(&w, "198.51.100.0/24", &options);
        for (int i = 0; i < 5000; i++) {
            struct traffic_flow flow;
            traffic_normal(&w.traffic, &flow);
            cr_assert_eq(flow.outgoing, out);
        }
        network_done(&w.network);
    }
}

Test(traffic, records_are_as_large_as_asked_in_the_mean)
{
    static const double wanted[] = {5000, 25000, 1000000};
    enum { FLOWS = 2000000 };
    static struct world w;
    for (size_t n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++) {
        const struct traffic_options options = {
            .seed = 7, .tail = 1.2, .bytes_a_record = wanted[n]};
        double sum = 0, squares = 0;
        start(&w, "198.51.100.0/24", &options);
        for (int i = 0; i < FLOWS; i++) {
            struct traffic_flow flow;
            traffic_normal(&w.traffic, &flow);
            double bytes = (double)traffic_bytes(&flow);
            sum += bytes;
            squares += bytes * bytes;
        }
        double mean = sum / FLOWS;
        double deviation = sqrt((squares / FLOWS - mean * mean) / FLOWS);
        /* Of small flows none is less than a packet, which adds a little. */
        cr_expect(mean > wanted[n] - 6 * deviation && mean < 1.04 * wanted[n] + 6 * deviation,
                  "%g: %g", wanted[n], mean);
        network_done(&w.network);
    }
}

Test(traffic, it_is_made_of_the_services_of_a_network)
{
    static struct world w;
    const struct traffic_options options = {.seed = 7, .tail = 1.2};
    unsigned int tcp = 0, dns = 0, icmp = 0, tunnels = 0;
    enum { FLOWS = 100000 };
    start(&w, "198.51.100.0/24", &options);
    for (int i = 0; i < FLOWS; i++) {
        struct traffic_flow flow;
        traffic_normal(&w.traffic, &flow);
        tcp += flow.protocol == 6;
        dns += flow.protocol == 17 && (flow.src_port == 53 || flow.dst_port == 53);
        icmp += flow.protocol == 1;
        tunnels += flow.protocol == 47 || flow.protocol == 50;
        if (flow.protocol != 6 && flow.protocol != 17)
            cr_assert(flow.src_port == 0 && flow.dst_port == 0 && flow.tcp_flags == 0);
    }
    cr_assert(tcp > 0.45 * FLOWS && tcp < 0.49 * FLOWS, "%u", tcp);
    cr_assert(dns > 0.2 * FLOWS && dns < 0.24 * FLOWS, "%u", dns);
    cr_assert(icmp > 0.025 * FLOWS && icmp < 0.035 * FLOWS, "%u", icmp);
    cr_assert(tunnels > 0.02 * FLOWS && tunnels < 0.03 * FLOWS, "%u", tunnels);
    network_done(&w.network);
}

Test(traffic, flows_last_no_longer_than_the_active_timeout)
{
    static struct world w;
    const struct traffic_options options = {.seed = 7, .tail = 1.2, .active_timeout_ms = 60000};
    uint32_t longest = 0, single = 0;
    start(&w, "198.51.100.0/24", &options);
    for (int i = 0; i < 50000; i++) {
        struct traffic_flow flow;
        traffic_normal(&w.traffic, &flow);
        longest = flow.duration_ms > longest ? flow.duration_ms : longest;
        single += flow.duration_ms == 0;
    }
    cr_assert_eq(longest, 60000);
    cr_assert(single > 10000 && single < 25000, "%u take no time", single);
    network_done(&w.network);
}

Test(traffic, a_seed_gives_the_same_flows_again)
{
    static struct world a, b, c;
    const struct traffic_options seven = {.seed = 7, .tail = 1.2}, eight = {.seed = 8, .tail = 1.2};
    int differs = 0;
    start(&a, "198.51.100.0/24", &seven);
    start(&b, "198.51.100.0/24", &seven);
    start(&c, "198.51.100.0/24", &eight);
    for (int i = 0; i < 1000; i++) {
        struct traffic_flow x, y, z;
        traffic_normal(&a.traffic, &x);
        traffic_normal(&b.traffic, &y);
        traffic_normal(&c.traffic, &z);
        cr_assert(addr_equal(&x.src, &y.src) && addr_equal(&x.dst, &y.dst));
        cr_assert(traffic_bytes(&x) == traffic_bytes(&y) && x.src_port == y.src_port);
        differs += x.src_port != z.src_port;
    }
    cr_assert_gt(differs, 500);
    network_done(&a.network);
    network_done(&b.network);
    network_done(&c.network);
}
