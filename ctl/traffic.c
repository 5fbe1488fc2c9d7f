#include "ctl/traffic.h"

#include <string.h>

static const struct traffic_attack attacks[] = {
    {"dns-amplification", 17, 0, 53, 0, 1100, 1480, 30, 2000},
    {"ntp-amplification", 17, 0, 123, 0, 468, 468, 0, 2000},
    {"memcached-amplification", 17, 0, 11211, 0, 1400, 1428, 0, 200},
    {"ssdp-amplification", 17, 0, 1900, 0, 300, 400, 0, 4000},
    {"udp-flood", 17, 0, 0, 0, 512, 1400, 0, 60000},
    {"syn-flood", 6, 0x02, 0, 443, 40, 60, 0, 60000},
    {"icmp-flood", 1, 0, 0, 0, 84, 1000, 0, 5000},
};

/* What ordinary traffic is made of, in percent of its flows. */
static const struct {
    uint8_t percent, protocol, tcp_flags;
    uint16_t src_port, dst_port, bytes;
    uint16_t packets_max;
} mix[] = {
    {45, 6, 0x1b, 0, 443, 900, 40}, {20, 6, 0x1b, 443, 0, 1200, 60}, {10, 6, 0x1b, 0, 80, 700, 20},
    {12, 17, 0, 443, 0, 1200, 60},  {6, 17, 0, 53, 0, 180, 1},       {4, 17, 0, 0, 53, 80, 1},
    {2, 17, 0, 123, 123, 76, 1},    {1, 1, 0, 0, 0, 84, 4},
};

const struct traffic_attack *traffic_attack_at(unsigned int i)
{
    return i < sizeof(attacks) / sizeof(attacks[0]) ? &attacks[i] : NULL;
}

const struct traffic_attack *traffic_attack_find(const char *name)
{
    for (unsigned int i = 0; traffic_attack_at(i) != NULL; i++) {
        if (strcmp(attacks[i].name, name) == 0)
            return &attacks[i];
    }
    return NULL;
}

/* SplitMix64: enough for traffic, and the same everywhere. */
static uint64_t next_random(struct traffic *t)
{
    uint64_t z = t->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint32_t below(struct traffic *t, uint32_t n)
{
    return n == 0 ? 0 : (uint32_t)(next_random(t) % n);
}

static uint16_t high_port(struct traffic *t)
{
    return (uint16_t)(1024 + below(t, 64512));
}

void traffic_init(struct traffic *traffic, uint64_t seed, const struct ip_prefix *network,
                  uint32_t hosts, uint32_t sources)
{
    *traffic = (struct traffic){.state = seed, .network = *network, .sources = sources};
    unsigned int host_bits = (unsigned int)addr_bits(&network->addr) - network->len;
    uint64_t room = host_bits >= 32 ? UINT32_MAX : (1ull << host_bits) - (host_bits > 1 ? 2 : 0);
    traffic->hosts = hosts < room ? hosts : (uint32_t)room;
}

/* The n-th host of the network; the first address of a network of more than two is left out. */
static struct ip_addr host_of(const struct traffic *t, uint32_t n)
{
    struct ip_addr host = t->network.addr;
    size_t last = addr_len(&host) - 1;
    uint64_t number = (uint64_t)n + (addr_bits(&host) - t->network.len > 1 ? 1 : 0);
    for (size_t i = 0; i < 4; i++, number >>= 8)
        host.octets[last - i] |= (uint8_t)number;
    return host;
}

/* The n-th source somewhere in the internet, of the family of whom it sends to: 11.0.0.0/8,
 * 2a00::/16. */
static struct ip_addr source_of(const struct ip_addr *dst, uint32_t n)
{
    uint32_t mixed = n * 2654435761u;
    if (dst->family == ADDR_IPV4)
        return addr_from_ipv4(0x0b000000u | mixed >> 8);
    uint8_t octets[16] = {
        0x2a,          0x00, (uint8_t)(mixed >> 24), (uint8_t)(mixed >> 16), (uint8_t)(mixed >> 8),
        (uint8_t)mixed};
    octets[15] = 1;
    return addr_from_octets(ADDR_IPV6, octets);
}

struct traffic_flow traffic_normal(struct traffic *t, uint64_t bytes_wanted)
{
    uint32_t at = below(t, 100);
    size_t kind = 0;
    while (kind + 1 < sizeof(mix) / sizeof(mix[0]) && at >= mix[kind].percent)
        at -= mix[kind++].percent;
    bool is_ipv6 = t->network.addr.family == ADDR_IPV6;
    struct traffic_flow flow = {
        .src = source_of(&t->network.addr, below(t, t->sources)),
        .dst = host_of(t, below(t, t->hosts)),
        .protocol = mix[kind].protocol == 1 && is_ipv6 ? 58 : mix[kind].protocol,
        .tcp_flags = mix[kind].tcp_flags,
        .src_port = mix[kind].src_port,
        .dst_port = mix[kind].dst_port,
        .frame_bytes = mix[kind].bytes,
        .packets = 1 + below(t, mix[kind].packets_max),
    };
    if (mix[kind].protocol != 1) {
        flow.src_port = flow.src_port != 0 ? flow.src_port : high_port(t);
        flow.dst_port = flow.dst_port != 0 ? flow.dst_port : high_port(t);
    }
    if (bytes_wanted != 0)
        flow.packets = (bytes_wanted + flow.frame_bytes / 2) / flow.frame_bytes;
    flow.packets = flow.packets != 0 ? flow.packets : 1;
    flow.bytes = bytes_wanted > flow.packets * 20 ? bytes_wanted : flow.packets * flow.frame_bytes;
    return flow;
}

struct traffic_flow traffic_attack_flow(struct traffic *t, const struct traffic_attack *attack,
                                        const struct ip_addr *target, uint64_t bytes_wanted)
{
    struct traffic_flow flow = {
        .src = source_of(target, 0x10000000u + below(t, attack->sources)),
        .dst = *target,
        .protocol = attack->protocol == 1 && target->family == ADDR_IPV6 ? 58 : attack->protocol,
        .tcp_flags = attack->tcp_flags,
        .later_fragment = below(t, 100) < attack->fragment_percent,
    };
    uint32_t spread = (uint32_t)(attack->bytes_max - attack->bytes_min) + 1;
    flow.frame_bytes = attack->bytes_min + below(t, spread);
    if (!flow.later_fragment && attack->protocol != 1) {
        flow.src_port = attack->src_port != 0 ? attack->src_port : high_port(t);
        flow.dst_port = attack->dst_port != 0 ? attack->dst_port : high_port(t);
    }
    flow.packets = bytes_wanted == 0 ? 1 : (bytes_wanted + flow.frame_bytes / 2) / flow.frame_bytes;
    flow.packets = flow.packets != 0 ? flow.packets : 1;
    flow.bytes = flow.packets * flow.frame_bytes;
    return flow;
}
