#include "ctl/attack.h"

#include <stdio.h>
#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, GRE = 47, ESP = 50, ICMP6 = 58, MTU = 1500 };

/* Apart from the addresses of ordinary traffic. */
enum { FIRST_SOURCE = 0x10000000 };

static const struct attack_vector *find(const char *name)
{
    for (unsigned int i = 0; attack_vector_at(i) != NULL; i++)
        if (strcmp(attack_vector_at(i)->name, name) == 0)
            return attack_vector_at(i);
    return NULL;
}

/* protocol-N-flood: any number but those that have a flood by name. */
static const struct attack_vector *numbered(struct attack *a, const char *name)
{
    static const uint8_t named[] = {ICMP, TCP, UDP, GRE, ESP, ICMP6};
    unsigned int number = 256;
    int end = 0;
    if (sscanf(name, "protocol-%3u-flood%n", &number, &end) != 1 || end == 0 || name[end] != '\0' ||
        number > 255 || memchr(named, (int)number, sizeof(named)) != NULL)
        return NULL;
    (void)snprintf(a->own_name, sizeof(a->own_name), "protocol-%u-flood", number);
    a->own = (struct attack_vector){.name = a->own_name,
                                    .protocol = (uint8_t)number,
                                    .octets_min = 60,
                                    .octets_max = 1400,
                                    .packets = 20,
                                    .origin = ATTACK_BOTS,
                                    .sources = 20000};
    return &a->own;
}

enum status attack_init(struct attack *a, const char *name, const struct attack_options *options)
{
    *a = (struct attack){.options = *options, .random = {options->seed}};
    const struct attack_vector *vector = find(name);
    vector = vector != NULL ? vector : numbered(a, name);
    if (vector == NULL)
        return STATUS_NOT_FOUND;
    for (size_t i = 0; i < 3 && vector->parts[i] != NULL; i++)
        a->parts[a->part_count++] = find(vector->parts[i]);
    if (a->part_count == 0)
        a->parts[a->part_count++] = vector;
    for (uint32_t i = 0; i < options->target_count; i++) {
        unsigned int bits =
            (unsigned int)addr_bits(&options->targets[i].addr) - options->targets[i].len;
        a->addresses += bits >= 32 ? UINT32_MAX : 1ull << bits;
    }
    return STATUS_OK;
}

static struct ip_addr draw_target(struct attack *a)
{
    uint64_t n = a->addresses < 2 ? 0 : random_next(&a->random) % a->addresses;
    uint32_t i = 0;
    for (; i + 1 < a->options.target_count; i++) {
        unsigned int bits =
            (unsigned int)addr_bits(&a->options.targets[i].addr) - a->options.targets[i].len;
        uint64_t size = bits >= 32 ? UINT32_MAX : 1ull << bits;
        if (n < size)
            break;
        n -= size;
    }
    return network_address(&a->options.targets[i], (uint32_t)n);
}

/*
 * A datagram that is larger than what links take is a first fragment with its ports, and behind it
 * later ones without: full ones and a last.
 */
static void cut(struct traffic_flow *first, struct traffic_flow *later, uint32_t datagrams,
                uint16_t octets)
{
    bool is_ipv6 = first->src.family == ADDR_IPV6;
    uint16_t unit = is_ipv6 ? 1448 : 1480, header = is_ipv6 ? 48 : 20;
    uint16_t data = (uint16_t)(octets - (is_ipv6 ? 40 : 20));
    uint16_t last = (uint16_t)((data - 1) / unit), step = unit / 8;
    first->datagram_octets = octets;
    first->packets[0] =
        (struct traffic_packets){datagrams, (uint16_t)(header + unit), TRAFFIC_MORE};
    *later = *first;
    later->src_port = later->dst_port = 0;
    later->payload = NULL;
    later->payload_len = 0;
    later->packets[0] = (struct traffic_packets){datagrams * (last - 1u), (uint16_t)(header + unit),
                                                 (uint16_t)(TRAFFIC_MORE | step)};
    later->packets[1] = (struct traffic_packets){datagrams, (uint16_t)(header + data - last * unit),
                                                 (uint16_t)(last * step)};
}

static void set_source(struct attack *a, const struct attack_vector *v, struct traffic_flow *flow)
{
    struct random *r = &a->random;
    uint32_t sources = a->options.sources != 0 ? a->options.sources : v->sources;
    uint32_t source = FIRST_SOURCE + random_below(r, sources);
    flow->src = network_outside(flow->dst.family, source);
    flow->path = source;
    /* What is forged comes from few machines, whatever it says. */
    flow->ttl = traffic_ttl(v->origin == ATTACK_SPOOFED ? source & 31 : source);
    if ((v->protocol != TCP && v->protocol != UDP) || v->is_fragments)
        return;
    flow->src_port = v->src_port != 0 ? v->src_port : traffic_high_port(r);
    flow->dst_port = v->dst_port != 0 ? v->dst_port : traffic_high_port(r);
}

static uint32_t count_packets(struct attack *a, const struct attack_vector *v, uint16_t octets,
                              bool is_cut)
{
    double wanted = a->options.bytes_a_record * (is_cut ? 2 : 1) / octets;
    if (wanted <= 0)
        wanted = 1 + (v->packets - 1) * 2 * random_share(&a->random);
    uint64_t packets = random_round(&a->random, wanted);
    return packets == 0 ? 1 : packets < UINT32_MAX / 64 ? (uint32_t)packets : UINT32_MAX / 64;
}

void attack_flow(struct attack *a, struct traffic_flow *ret_flow)
{
    if (a->has_later) {
        a->has_later = false;
        *ret_flow = a->later;
        return;
    }
    struct random *r = &a->random;
    const struct attack_vector *v =
        a->part_count == 1 ? a->parts[0] : a->parts[random_below(r, a->part_count)];
    struct traffic_flow flow = {.protocol = v->protocol,
                                .tcp_flags = v->tcp_flags,
                                .attack = true,
                                .dst = draw_target(a),
                                .duration_ms = a->options.flow_ms,
                                .payload = (const uint8_t *)v->payload,
                                .payload_len = v->payload_len};
    set_source(a, v, &flow);
    if (v->protocol == ICMP) {
        bool is_ipv6 = flow.dst.family == ADDR_IPV6;
        flow.protocol = is_ipv6 ? ICMP6 : ICMP;
        flow.icmp_type = is_ipv6 ? 128 : 8;
    }
    uint16_t octets =
        (uint16_t)(v->octets_min + random_below(r, v->octets_max - v->octets_min + 1u));
    if (flow.dst.family == ADDR_IPV6 && octets < 60)
        octets = (uint16_t)(octets + 20);
    bool is_cut = octets > MTU;
    uint32_t packets = count_packets(a, v, octets, is_cut);
    if (is_cut) {
        cut(&flow, &a->later, packets, octets);
        a->has_later = true;
    } else {
        uint16_t offset = (uint16_t)(185 * (1 + random_below(r, 8)));
        flow.packets[0] =
            (struct traffic_packets){packets, octets, v->is_fragments ? offset : TRAFFIC_DF};
    }
    *ret_flow = flow;
}

double attack_level(enum attack_shape shape, uint64_t period_us, uint64_t from_us, uint64_t to_us)
{
    double period = (double)period_us, from = (double)from_us, to = (double)to_us;
    if (to <= from || period <= 0 || shape == ATTACK_CONSTANT)
        return 1;
    if (shape == ATTACK_RAMP) {
        double top = to < period ? to : period, risen = top > from ? (top * top - from * from) : 0;
        double flat = to > period ? to - (from > period ? from : period) : 0;
        return (risen / (2 * period) + flat) / (to - from);
    }
    /* Of the time up to x it was on in whole periods, and in what has passed of the last half. */
    uint64_t half = period_us / 2;
    uint64_t ends[2] = {from_us, to_us}, on[2];
    for (int i = 0; i < 2; i++) {
        uint64_t rest = ends[i] % period_us;
        on[i] = ends[i] / period_us * half + (rest < half ? rest : half);
    }
    return (double)(on[1] - on[0]) / (to - from);
}
