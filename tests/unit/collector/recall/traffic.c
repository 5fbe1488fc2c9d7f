#include "tests/unit/collector/recall/traffic.h"

#include <math.h>
#include <string.h>

double traffic_chance(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    return (double)((z >> 11) + 1) * 0x1p-53;
}

bool traffic_is_ipv6;

struct ip_addr traffic_host(uint8_t host)
{
    if (!traffic_is_ipv6)
        return addr_from_ipv4(0xc6336400U + host);
    return (struct ip_addr){.family = ADDR_IPV6, .octets = {0x20, 0x01, 0x0d, 0xb8, [15] = host}};
}

struct ip_prefix traffic_prefix(uint8_t host, uint8_t host_bits)
{
    return (struct ip_prefix){traffic_host(host),
                              (uint8_t)((traffic_is_ipv6 ? 128 : 32) - host_bits)};
}

struct ip_addr traffic_peer(uint32_t number)
{
    struct ip_addr peer = addr_from_ipv4(number);
    if (traffic_is_ipv6) {
        memmove(peer.octets + 2, peer.octets, 4);
        peer.octets[0] = 0x20;
        peer.octets[1] = 0x02;
        peer.family = ADDR_IPV6;
    }
    return peer;
}

static uint8_t zipf(uint64_t *seed)
{
    /* The share of the first i hosts is log(1 + i) / log(1 + all). */
    double i = exp(traffic_chance(seed) * log(1 + TRAFFIC_HOSTS)) - 1;
    return (uint8_t)(i < TRAFFIC_HOSTS ? i : TRAFFIC_HOSTS - 1);
}

void traffic_make(struct traffic_flow *ret_flows, size_t count, uint32_t duration_ms, uint64_t seed)
{
    static const uint16_t services[] = {443, 80, 53, 123, 22};
    for (size_t i = 0; i < count; i++) {
        struct traffic_flow *flow = &ret_flows[i];
        double packets = floor(pow(traffic_chance(&seed), -1 / 1.2));
        *flow = (struct traffic_flow){.at_ms = (uint32_t)(i * duration_ms / count)};
        flow->host = zipf(&seed);
        flow->sampled = flow->host % 2 == 1;
        flow->packets = (uint32_t)(packets < 20000 ? packets : 20000);
        flow->octets = traffic_chance(&seed) < 0.5 ? 40 + (uint32_t)(60 * traffic_chance(&seed))
                                                   : 1000 + (uint32_t)(500 * traffic_chance(&seed));
        flow->dst_port = services[(size_t)(traffic_chance(&seed) * 4.999)];
        flow->protocol = flow->dst_port == 53 || flow->dst_port == 123 ? 17 : 6;
        flow->tcp_flags = flow->protocol == 6 ? (traffic_chance(&seed) < 0.3 ? 2 : 24) : 0;
        flow->src_port = (uint16_t)(1024 + 60000 * traffic_chance(&seed));
        flow->peer = 0xcb007100U + (uint32_t)(4000 * traffic_chance(&seed));
    }
}

static void offer(struct recall *recall, const struct traffic_flow *flow, uint64_t at_ms,
                  uint64_t packets, double rate)
{
    struct flow_record record = {
        .has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_PROTOCOL |
               FLOW_TCP_FLAGS | FLOW_BYTES | FLOW_PACKETS | FLOW_INPUT_IF,
        .format = rate > 1 ? FORMAT_SFLOW5 : FORMAT_NETFLOW9,
        .protocol = flow->protocol,
        .tcp_flags = flow->tcp_flags,
        .src_port = flow->src_port,
        .dst_port = flow->dst_port,
        .src_addr = traffic_peer(flow->peer),
        .dst_addr = traffic_host(flow->host),
        .input_if = 1,
        .sampling_rate = rate,
        .bytes = packets * flow->octets,
        .packets = packets,
    };
    recall_add(recall, &record, DIRECTION_INCOMING, false, at_ms);
}

void traffic_settle(struct recall *recall, uint64_t now_ms)
{
    recall_tick(recall, now_ms);
    (void)recall_keep(recall);
    (void)recall_ask(recall, now_ms);
    (void)recall_copy(recall, now_ms);
    (void)recall_keep(recall);
}

void traffic_offer(struct recall *recall, const struct traffic_flow *flows, size_t count,
                   uint64_t base_ms, uint64_t seed)
{
    uint64_t ticked_ms = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at_ms = base_ms + flows[i].at_ms;
        if (at_ms - ticked_ms >= 100) {
            recall_tick(recall, at_ms);
            (void)recall_keep(recall);
            ticked_ms = at_ms;
        }
        if (!flows[i].sampled) {
            offer(recall, &flows[i], at_ms, flows[i].packets, 1);
            continue;
        }
        double gap = log(1 - 1.0 / TRAFFIC_RATE);
        for (double at = log(traffic_chance(&seed)) / gap; at < flows[i].packets;
             at += 1 + floor(log(traffic_chance(&seed)) / gap))
            offer(recall, &flows[i], at_ms, 1, TRAFFIC_RATE);
    }
}

void traffic_answer(struct recall_answer *answer, const struct recall_view *view,
                    const struct recall_request *request, uint64_t now_ms,
                    struct recall_reply *ret_reply)
{
    struct recall_plan plan = {0};
    recall_plan_add(&plan, answer, view, request, now_ms);
    recall_answer(answer, &plan, view, request, now_ms, ret_reply);
}
