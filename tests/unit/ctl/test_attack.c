#include "ctl/attack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct attack_options options_of(const char *target, double bytes)
{
    struct attack_options o = {.seed = 7, .target_count = 1, .bytes_a_record = bytes};
    cr_assert_eq(prefix_parse(&o.targets[0], target), STATUS_OK);
    return o;
}

static const struct attack_vector *vector_of(const char *name)
{
    for (unsigned int i = 0; attack_vector_at(i) != NULL; i++)
        if (strcmp(attack_vector_at(i)->name, name) == 0)
            return attack_vector_at(i);
    return NULL;
}

Test(attack, every_vector_of_the_model_has_a_name)
{
    static const char *const names[] = {
        "syn-flood",  "syn-ack-reflection", "tcp-middlebox-reflection",
        "ack-flood",  "rst-flood",          "tcp-null",
        "udp-flood",  "fragment-flood",     "icmp-flood",
        "gre-flood",  "esp-flood",          "dns-query-flood",
        "quic-flood", "protocol-132-flood", "carpet-bombing",
        "mixed"};
    static const struct {
        const char *service;
        uint16_t port;
    } services[] = {
        {"qotd", 17},         {"chargen", 19},          {"dns", 53},         {"portmap", 111},
        {"ntp", 123},         {"netbios", 137},         {"snmp", 161},       {"cldap", 389},
        {"slp", 427},         {"ripv1", 520},           {"ipmi", 623},       {"mssql", 1434},
        {"l2tp", 1701},       {"ssdp", 1900},           {"stun", 3478},      {"ard", 3283},
        {"rdp", 3389},        {"ws-discovery", 3702},   {"sip", 5060},       {"mdns", 5353},
        {"coap", 5683},       {"bittorrent", 6881},     {"ubiquiti", 10001}, {"tp240", 10074},
        {"memcached", 11211}, {"source-engine", 27015}, {"quake", 27960},    {"plex", 32414},
        {"jenkins", 33848},   {"dvr", 37810},           {"bacnet", 47808}};
    static struct attack attack;
    struct attack_options o = options_of("198.51.100.9", 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(attack_init(&attack, names[i], &o), STATUS_OK, "%s", names[i]);
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        char name[40];
        (void)snprintf(name, sizeof(name), "%s-amplification", services[i].service);
        cr_assert_eq(attack_init(&attack, name, &o), STATUS_OK, "%s", name);
        cr_expect_eq(attack.parts[0]->src_port, services[i].port, "%s", name);
        cr_expect_eq(attack.parts[0]->protocol, 17);
    }
}

Test(attack, other_names_are_refused)
{
    static const char *const names[] = {"nothing-like-it",  "",
                                        "protocol--flood",  "protocol-256-flood",
                                        "protocol-6-flood", "protocol-99-floods",
                                        "protocol-99",      "udp-floo"};
    static struct attack attack;
    struct attack_options o = options_of("198.51.100.9", 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(attack_init(&attack, names[i], &o), STATUS_NOT_FOUND, "%s", names[i]);
}

static void check_flow(const struct attack_vector *v, const struct traffic_flow *flow)
{
    bool is_ipv6 = flow->dst.family == ADDR_IPV6;
    bool is_later = (flow->packets[0].fragment & TRAFFIC_OFFSET) != 0;
    cr_assert_eq(flow->src.family, flow->dst.family);
    cr_assert(flow->attack && !flow->outgoing);
    cr_assert_eq(flow->protocol, v->protocol == 1 && is_ipv6 ? 58 : v->protocol);
    cr_assert_eq(flow->tcp_flags, v->tcp_flags);
    cr_assert_gt(traffic_packets(flow), 0);
    for (int k = 0; k < 2; k++)
        cr_assert(flow->packets[k].octets <= 1500);
    if (is_later || (v->protocol != 6 && v->protocol != 17))
        cr_assert(flow->src_port == 0 && flow->dst_port == 0);
    else
        cr_assert(flow->src_port != 0 && flow->dst_port != 0);
    if (!is_later && v->src_port != 0)
        cr_assert_eq(flow->src_port, v->src_port);
    if (!is_later && v->dst_port != 0)
        cr_assert_eq(flow->dst_port, v->dst_port);
}

Test(attack, flows_look_like_their_names)
{
    static const char *const targets[] = {"198.51.100.9", "2001:db8::45"};
    static struct attack attack;
    for (size_t t = 0; t < 2; t++) {
        struct attack_options o = options_of(targets[t], 0);
        for (unsigned int a = 0; attack_vector_at(a) != NULL; a++) {
            const struct attack_vector *v = attack_vector_at(a);
            unsigned int later = 0;
            cr_assert_eq(attack_init(&attack, v->name, &o), STATUS_OK);
            if (v->parts[0] != NULL)
                continue;
            for (int i = 0; i < 3000; i++) {
                struct traffic_flow flow;
                attack_flow(&attack, &flow);
                check_flow(v, &flow);
                cr_assert(addr_equal(&flow.dst, &o.targets[0].addr));
                later += (flow.packets[0].fragment & TRAFFIC_OFFSET) != 0;
            }
            bool has_later = v->octets_max > 1500 || v->is_fragments;
            cr_expect_eq(later > 100, has_later, "%s: %u later fragments", v->name, later);
        }
    }
}

/* What is cut adds up: the first fragment's data and that of those behind it. */
Test(attack, fragments_are_the_whole_datagram)
{
    static const char *const targets[] = {"198.51.100.9", "2001:db8::45"};
    static struct attack attack;
    for (size_t t = 0; t < 2; t++) {
        struct attack_options o = options_of(targets[t], 0);
        uint32_t header = t == 0 ? 20 : 48, seen = 0;
        cr_assert_eq(attack_init(&attack, "dns-amplification", &o), STATUS_OK);
        for (int i = 0; i < 2000; i++) {
            struct traffic_flow first, later;
            attack_flow(&attack, &first);
            if (first.datagram_octets == 0)
                continue;
            attack_flow(&attack, &later);
            seen++;
            uint32_t n = first.packets[0].count;
            uint64_t data = traffic_bytes(&first) + traffic_bytes(&later) -
                            header * (traffic_packets(&first) + traffic_packets(&later));
            cr_assert_eq(data, (uint64_t)n * (first.datagram_octets - (t == 0 ? 20u : 40u)));
            cr_assert(first.packets[0].fragment == TRAFFIC_MORE && first.src_port == 53);
            cr_assert_eq(later.packets[1].count, n);
            cr_assert_eq(later.packets[1].fragment & TRAFFIC_MORE, 0);
            uint32_t last = (later.packets[1].fragment & TRAFFIC_OFFSET) * 8u;
            cr_assert_eq(last + later.packets[1].octets - header,
                         first.datagram_octets - (t == 0 ? 20u : 40u));
            cr_assert(addr_equal(&first.src, &later.src));
        }
        cr_assert_gt(seen, 500);
    }
}

Test(attack, volumes_are_met_and_targets_are_all_hit)
{
    static const char *const names[] = {"dns-amplification", "ntp-amplification", "syn-flood",
                                        "mixed", "protocol-99-flood"};
    static struct attack attack;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct attack_options o = options_of("198.51.100.64/28", 100000);
        cr_assert_eq(prefix_parse(&o.targets[o.target_count++], "203.0.113.7"), STATUS_OK);
        uint32_t hits[16] = {0}, other = 0;
        double bytes = 0;
        enum { FLOWS = 20000 };
        cr_assert_eq(attack_init(&attack, names[n], &o), STATUS_OK);
        for (int i = 0; i < FLOWS; i++) {
            struct traffic_flow flow;
            attack_flow(&attack, &flow);
            bytes += (double)traffic_bytes(&flow);
            if (prefix_contains(&o.targets[0], &flow.dst))
                hits[flow.dst.octets[3] - 64]++;
            else
                other += addr_equal(&o.targets[1].addr, &flow.dst);
        }
        cr_expect(bytes > 0.97 * 100000 * FLOWS && bytes < 1.03 * 100000 * FLOWS, "%s: %g",
                  names[n], bytes / FLOWS);
        for (int i = 0; i < 16; i++) {
            cr_expect(hits[i] > FLOWS / 17 * 0.75 && hits[i] < FLOWS / 17 * 1.25, "%s", names[n]);
            other += hits[i];
        }
        cr_assert_eq(other, FLOWS);
    }
}

Test(attack, sources_are_as_many_as_asked)
{
    static struct attack attack;
    struct attack_options o = options_of("198.51.100.9", 0);
    o.sources = 3;
    struct ip_addr seen[4];
    unsigned int count = 0;
    cr_assert_eq(attack_init(&attack, "syn-flood", &o), STATUS_OK);
    for (int i = 0; i < 1000; i++) {
        struct traffic_flow flow;
        unsigned int s = 0;
        attack_flow(&attack, &flow);
        while (s < count && !addr_equal(&seen[s], &flow.src))
            s++;
        cr_assert_lt(s, 3);
        if (s == count)
            seen[count++] = flow.src;
    }
    cr_assert_eq(count, 3);
    cr_assert_gt(vector_of("syn-flood")->sources, 1000000);
}

Test(attack, shapes_are_what_they_are_called)
{
    const uint64_t s = 1000000;
    cr_assert_float_eq(attack_level(ATTACK_CONSTANT, 10 * s, 3 * s, 4 * s), 1, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_RAMP, 10 * s, 0, 10 * s), 0.5, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_RAMP, 10 * s, 3 * s, 4 * s), 0.35, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_RAMP, 10 * s, 5 * s, 15 * s), 0.875, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_RAMP, 10 * s, 20 * s, 30 * s), 1, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_PULSE, 10 * s, 2 * s, 3 * s), 1, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_PULSE, 10 * s, 4 * s, 6 * s), 0.5, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_PULSE, 10 * s, 16 * s, 19 * s), 0, 1e-9);
    cr_assert_float_eq(attack_level(ATTACK_PULSE, 10 * s, 0, 40 * s), 0.5, 1e-9);
}
