#include "ctl/traffic.h"

#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, GRE = 47, ESP = 50, ICMP6 = 58 };
enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

/* One way of a conversation: packets of which a share is large, the others acknowledge. */
struct half {
    double packets; /* in the mean */
    uint8_t large_percent;
    uint16_t large_min, large_max, small; /* IP octets */
};

/* What ordinary traffic is made of, in thousandths of its conversations. */
static const struct service {
    const char *name;
    uint16_t permille;
    uint8_t protocol;
    uint16_t port;  /* 0: both ends take a high one */
    bool both_have; /* the port: as NTP servers among themselves */
    bool heavy;     /* sizes with a heavy tail; else a packet or a few */
    struct half request, answer;
} services[] = {
    {"https", 340, TCP, 443, false, true, {9, 25, 120, 700, 52}, {14, 80, 1300, 1500, 52}},
    {"http", 60, TCP, 80, false, true, {7, 30, 200, 600, 52}, {11, 75, 1200, 1500, 52}},
    {"quic", 150, UDP, 443, false, true, {10, 20, 1228, 1280, 66}, {16, 85, 1228, 1378, 60}},
    {"dns", 220, UDP, 53, false, false, {1, 100, 58, 85, 60}, {1, 100, 90, 480, 60}},
    {"ntp", 30, UDP, 123, false, false, {1, 100, 76, 76, 76}, {1, 100, 76, 76, 76}},
    {"ntp-peers", 10, UDP, 123, true, false, {1, 100, 76, 76, 76}, {1, 100, 76, 76, 76}},
    {"ssh", 20, TCP, 22, false, true, {12, 40, 100, 300, 52}, {12, 40, 120, 600, 52}},
    {"smtp", 20, TCP, 25, false, true, {14, 60, 900, 1500, 52}, {9, 20, 70, 120, 52}},
    {"imaps", 30, TCP, 993, false, true, {8, 25, 90, 200, 52}, {12, 60, 700, 1500, 52}},
    {"rtp", 30, UDP, 0, false, true, {40, 100, 200, 220, 80}, {40, 100, 200, 220, 80}},
    {"game", 20, UDP, 3074, false, true, {20, 100, 70, 150, 60}, {20, 100, 90, 400, 60}},
    {"wireguard", 15, UDP, 51820, false, true, {15, 50, 300, 1452, 128}, {25, 80, 900, 1452, 128}},
    {"esp", 15, ESP, 0, false, true, {15, 60, 300, 1440, 120}, {20, 70, 600, 1440, 120}},
    {"gre", 10, GRE, 0, false, true, {15, 60, 300, 1476, 80}, {15, 60, 300, 1476, 80}},
    {"ping", 30, ICMP, 0, false, false, {1, 100, 84, 84, 84}, {1, 100, 84, 84, 84}},
};
enum { SERVICES = sizeof(services) / sizeof(services[0]) };

/* Of a thousand conversations, those in which the host inside is asked. */
enum { SERVES_PERMILLE = 450, LONG_LIVED_PERCENT = 25 };

uint8_t traffic_ttl(uint32_t address)
{
    static const uint8_t starts[4] = {64, 64, 128, 255};
    uint32_t mixed = random_mix(address);
    return (uint8_t)(starts[mixed & 3] - 4 - (mixed >> 2) % 20);
}

uint16_t traffic_high_port(struct random *random)
{
    return (uint16_t)(1024 + random_below(random, 64512));
}

static double octets_of(const struct half *half)
{
    double large = (half->large_min + half->large_max) / 2.0;
    return (large * half->large_percent + (double)half->small * (100 - half->large_percent)) / 100;
}

/* Which packets of large flows make a record as large as it shall be, in the mean. */
static double scale_for(double bytes_a_record)
{
    double fixed = 0, scaled = 0, all = 0;
    for (size_t i = 0; i < SERVICES; i++) {
        const struct service *s = &services[i];
        double bytes =
            octets_of(&s->request) * s->request.packets + octets_of(&s->answer) * s->answer.packets;
        *(s->heavy ? &scaled : &fixed) += bytes * s->permille / 2;
        all += s->permille;
    }
    double scale = (bytes_a_record - fixed / all) / (scaled / all);
    return scale > 0 ? scale : 0;
}

void traffic_init(struct traffic *t, const struct traffic_options *options,
                  const struct network *network)
{
    *t = (struct traffic){
        .options = *options, .network = network, .random = {options->seed}, .scale = 1};
    if (options->bytes_a_record > 0)
        t->scale = scale_for(options->bytes_a_record);
    if (options->small_flows && t->scale > 1)
        t->scale = 1;
    random_tail_init(&t->tail, options->tail);
    size_t at = 0;
    for (size_t i = 0; i < SERVICES; i++)
        for (unsigned int n = 0; n < services[i].permille; n++)
            t->kinds[at++] = (uint8_t)i;
}

static void fill_packets(struct traffic *t, const struct half *half, double size, bool is_ipv6,
                         struct traffic_flow *flow)
{
    struct random *r = &t->random;
    uint64_t packets = random_round(r, half->packets * size);
    packets = packets == 0 ? 1 : packets < UINT32_MAX ? packets : UINT32_MAX;
    uint64_t large = half->large_percent == 100
                         ? packets
                         : random_round(r, (double)packets * half->large_percent / 100);
    large = large < packets ? large : packets;
    uint16_t spread = (uint16_t)(half->large_max - half->large_min + 1);
    flow->packets[0] = (struct traffic_packets){
        (uint32_t)large, (uint16_t)(half->large_min + random_below(r, spread)), TRAFFIC_DF};
    flow->packets[1] = (struct traffic_packets){
        (uint32_t)(packets - large), (uint16_t)(half->small + (is_ipv6 ? 20 : 0)), TRAFFIC_DF};
}

static uint32_t lasts_ms(const struct traffic_options *o, struct random *r, uint64_t packets,
                         double size)
{
    if (o->flow_ms != 0)
        return o->flow_ms;
    if (o->active_timeout_ms == 0 || packets < 2)
        return 0;
    double ms = random_share(r) * (0.2 + size / 2) * o->active_timeout_ms;
    return ms < o->active_timeout_ms ? (uint32_t)ms : o->active_timeout_ms;
}

static void converse(struct traffic *t, struct traffic_flow *request, struct traffic_flow *answer)
{
    struct random *r = &t->random;
    uint64_t bits = random_next(r);
    const struct service *s = &services[t->kinds[(uint32_t)bits % 1000]];
    bool serves = (bits >> 32) % 1000 < SERVES_PERMILLE;
    uint32_t host = network_draw_host(t->network, r);
    uint32_t outside = random_alias_draw(&t->network->source_weights, r);
    struct ip_addr inside = network_host(t->network, host);
    struct ip_addr other = network_outside(inside.family, outside);
    bool is_ipv6 = inside.family == ADDR_IPV6;
    uint16_t high = s->both_have ? s->port : traffic_high_port(r);
    uint16_t port = s->port == 0 && s->protocol == UDP ? traffic_high_port(r) : s->port;
    bool has_ports = s->protocol == TCP || s->protocol == UDP;
    bool lasts = s->protocol == TCP && random_below(r, 100) < LONG_LIVED_PERCENT;
    struct traffic_flow flow = {
        .protocol = s->protocol == ICMP && is_ipv6 ? ICMP6 : s->protocol,
        .tcp_flags = s->protocol != TCP ? 0
                     : lasts            ? PSH | ACK
                                        : FIN | SYN | PSH | ACK,
        .connects = !lasts,
        .path = outside,
    };
    double size = s->heavy ? random_tail_draw(&t->tail, r) * t->scale : 1;
    *request = *answer = flow;
    request->src = answer->dst = serves ? other : inside;
    request->dst = answer->src = serves ? inside : other;
    request->outgoing = !serves;
    answer->outgoing = serves;
    if (has_ports) {
        request->src_port = answer->dst_port = high;
        request->dst_port = answer->src_port = port;
    }
    if (s->protocol == ICMP) {
        request->icmp_type = is_ipv6 ? 128 : 8;
        answer->icmp_type = is_ipv6 ? 129 : 0;
    }
    request->ttl = serves ? traffic_ttl(outside) : 63;
    answer->ttl = serves ? 63 : traffic_ttl(outside);
    fill_packets(t, &s->request, size, is_ipv6, request);
    fill_packets(t, &s->answer, size, is_ipv6, answer);
    request->duration_ms = lasts_ms(&t->options, r, traffic_packets(request), size);
    answer->duration_ms = request->duration_ms;
}

static bool is_wanted(const struct traffic *t, const struct traffic_flow *flow)
{
    return t->options.direction == TRAFFIC_BOTH ||
           flow->outgoing == (t->options.direction == TRAFFIC_OUT);
}

void traffic_normal(struct traffic *t, struct traffic_flow *ret_flow)
{
    if (t->has_other_half) {
        t->has_other_half = false;
        *ret_flow = t->other_half;
        return;
    }
    converse(t, ret_flow, &t->other_half);
    t->has_other_half = is_wanted(t, &t->other_half);
    if (!is_wanted(t, ret_flow)) {
        t->has_other_half = false;
        *ret_flow = t->other_half;
    }
}
