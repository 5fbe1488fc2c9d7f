#ifndef TESTS_UNIT_COLLECTOR_RECALL_TRAFFIC_H
#define TESTS_UNIT_COLLECTOR_RECALL_TRAFFIC_H

#include "collector/recall/answer.h"
#include "collector/recall/recall.h"

/*
 * Traffic that does not change from run to run, so that its truth is known: few hosts with most of
 * it, flows of heavy-tailed size, small and large packets. Half of the hosts are told of by
 * NetFlow, whole flows; the other half by sFlow, one packet in TRAFFIC_RATE, drawn anew each run.
 */
enum { TRAFFIC_HOSTS = 48, TRAFFIC_RATE = 50 };

struct traffic_flow {
    uint32_t at_ms, packets, octets; /* octets of each packet */
    uint16_t src_port, dst_port;
    uint8_t host, protocol, tcp_flags;
    bool sampled;
    uint32_t peer;
};

double traffic_chance(uint64_t *seed); /* evenly from (0, 1] */
void traffic_make(struct traffic_flow *ret_flows, size_t count, uint32_t duration_ms,
                  uint64_t seed);
/* Offers them in their order, ticking on the way, from base_ms on. */
void traffic_offer(struct recall *recall, const struct traffic_flow *flows, size_t count,
                   uint64_t base_ms, uint64_t seed);
/* 198.51.100.<host>; or 2001:db8::<host>, all in one LAN, where traffic_is_ipv6 says so. */
extern bool traffic_is_ipv6;
struct ip_addr traffic_host(uint8_t host);
struct ip_prefix traffic_prefix(uint8_t host, uint8_t host_bits);
struct ip_addr traffic_peer(uint32_t number); /* of the same family */
/* Ticks, keeps, and the copy of what is open. */
void traffic_settle(struct recall *recall, uint64_t now_ms);

/* Of one worker alone. */
void traffic_answer(struct recall_answer *answer, const struct recall_view *view,
                    const struct recall_request *request, uint64_t now_ms,
                    struct recall_reply *ret_reply);

#endif
