#include "collector/archive/shape.h"

#include <math.h>
#include <netinet/in.h>
#include <string.h>

const struct shape_field_info shape_fields[FIELD_COUNT] = {
#define X(name, element, type, member)                                                             \
    {element, sizeof(type), offsetof(struct shape_record, member)},
    FIELDS(X)
#undef X
};

enum {
    RATIO_MAX = 1 << 24,       /* as large as packet intervals are */
    BIFLOW_REVERSE = 2,        /* biflowDirection: as the reverse initiator sees it */
    FRAGMENT_FLAG_DONT = 0x40, /* element 197 */
    FRAGMENT_FLAG_MORE = 0x20
};

#define PUT(name, member, value)                                                                   \
    do {                                                                                           \
        wire->member = (value);                                                                    \
        key |= UINT64_C(1) << F_##name;                                                            \
    } while (0)

static uint32_t ipv4_of(const struct ip_addr *addr)
{
    uint32_t value;
    memcpy(&value, addr->octets, 4);
    return ntohl(value);
}

static struct shape_octets16 ipv6_of(const struct ip_addr *addr)
{
    struct shape_octets16 value;
    memcpy(value.octets, addr->octets, 16);
    return value;
}

#define PUT_ADDR(name, member, addr)                                                               \
    do {                                                                                           \
        if ((addr)->family == ADDR_IPV4)                                                           \
            PUT(name##4, member##4, ipv4_of(addr));                                                \
        else if ((addr)->family == ADDR_IPV6)                                                      \
            PUT(name##6, member##6, ipv6_of(addr));                                                \
    } while (0)

static uint64_t put_addrs(struct shape_record *wire, const struct archive_item *item)
{
    const struct flow_record *f = &item->flow;
    uint64_t key = 0;
    PUT_ADDR(EXPORTER, exporter, &item->exporter);
    if (f->format == FORMAT_SFLOW5)
        PUT_ADDR(AGENT, agent, &f->agent);
    if (f->has & FLOW_SRC_ADDR)
        PUT_ADDR(SRC, src, &f->src_addr);
    if (f->has & FLOW_DST_ADDR)
        PUT_ADDR(DST, dst, &f->dst_addr);
    if (f->has & FLOW_NEXT_HOP)
        PUT_ADDR(NEXT, next, &f->next_hop);
    return key;
}

static uint64_t put_masks(struct shape_record *wire, const struct flow_record *f)
{
    uint64_t key = 0;
    if (f->has & FLOW_SRC_MASK && f->src_addr.family == ADDR_IPV6)
        PUT(SRC_MASK6, src_mask6, f->src_mask);
    else if (f->has & FLOW_SRC_MASK)
        PUT(SRC_MASK4, src_mask4, f->src_mask);
    if (f->has & FLOW_DST_MASK && f->dst_addr.family == ADDR_IPV6)
        PUT(DST_MASK6, dst_mask6, f->dst_mask);
    else if (f->has & FLOW_DST_MASK)
        PUT(DST_MASK4, dst_mask4, f->dst_mask);
    return key;
}

static uint64_t put_packet(struct shape_record *wire, const struct flow_record *f)
{
    uint64_t key = 0;
    if (f->has & FLOW_SRC_PORT)
        PUT(SRC_PORT, src_port, f->src_port);
    if (f->has & FLOW_DST_PORT)
        PUT(DST_PORT, dst_port, f->dst_port);
    if (f->has & FLOW_PROTOCOL)
        PUT(PROTOCOL, protocol, f->protocol);
    if (f->has & FLOW_TCP_FLAGS)
        PUT(TCP_FLAGS, tcp_flags, f->tcp_flags);
    if (f->has & FLOW_TOS)
        PUT(TOS, tos, f->tos);
    if (f->has & FLOW_TTL)
        PUT(TTL, ttl, f->ttl);
    if (f->has & FLOW_IP_LENGTH)
        PUT(IP_LENGTH, ip_length, f->ip_length);
    if (f->has & FLOW_MIN_LENGTH)
        PUT(MIN_LENGTH, min_length, f->min_length);
    if (f->has & FLOW_MAX_LENGTH)
        PUT(MAX_LENGTH, max_length, f->max_length);
    if (f->has & FLOW_FLOW_LABEL)
        PUT(FLOW_LABEL, flow_label, f->flow_label);
    if (f->has & FLOW_ICMP && f->has & FLOW_PROTOCOL && f->protocol == IPPROTO_ICMPV6) {
        PUT(ICMP_TYPE6, icmp_type6, f->icmp_type);
        PUT(ICMP_CODE6, icmp_code6, f->icmp_code);
    } else if (f->has & FLOW_ICMP) {
        PUT(ICMP_TYPE4, icmp_type4, f->icmp_type);
        PUT(ICMP_CODE4, icmp_code4, f->icmp_code);
    }
    if (f->has & FLOW_FRAGMENT) {
        bool more = f->fragment & FRAGMENT_FIRST ||
                    (f->fragment & FRAGMENT_LATER && !(f->fragment & FRAGMENT_LAST));
        PUT(OFFSET, offset, f->fragment & FRAGMENT_LATER ? 1 : 0);
        PUT(FRAGMENT, fragment,
            (uint8_t)((f->fragment & FRAGMENT_DF ? FRAGMENT_FLAG_DONT : 0) |
                      (more ? FRAGMENT_FLAG_MORE : 0)));
    }
    return key;
}

static uint64_t put_way(struct shape_record *wire, const struct flow_record *f)
{
    /* sFlow is told from NetFlow 5 by its agent. */
    static const uint8_t versions[FORMAT_COUNT] = {
        [FORMAT_NETFLOW5] = 5, [FORMAT_NETFLOW9] = 9, [FORMAT_IPFIX] = 10, [FORMAT_SFLOW5] = 5};
    uint64_t key = 0;
    PUT(VERSION, version, versions[f->format]);
    PUT(DOMAIN, domain, f->domain);
    if (f->reverse)
        PUT(BIFLOW, biflow, BIFLOW_REVERSE);
    if (f->has & FLOW_BYTES)
        PUT(OCTETS, octets, f->bytes);
    if (f->has & FLOW_PACKETS)
        PUT(PACKETS, packets, f->packets);
    if (f->told_bytes > 0)
        PUT(OCTETS_TOTAL, octets_total, f->bytes + f->told_bytes);
    if (f->told_packets > 0)
        PUT(PACKETS_TOTAL, packets_total, f->packets + f->told_packets);
    if (f->has & FLOW_INPUT_IF)
        PUT(INPUT, input, f->input_if);
    if (f->has & FLOW_OUTPUT_IF)
        PUT(OUTPUT, output, f->output_if);
    if (f->has & FLOW_SRC_AS)
        PUT(SRC_AS, src_as, f->src_as);
    if (f->has & FLOW_DST_AS)
        PUT(DST_AS, dst_as, f->dst_as);
    if (f->has & FLOW_VLAN)
        PUT(VLAN, vlan, f->vlan);
    if (f->has & FLOW_DIRECTION)
        PUT(DIRECTION, direction, f->direction);
    if (f->has & FLOW_FORWARDING)
        PUT(FORWARDING, forwarding, f->forwarding_status);
    return key;
}

static uint64_t put_times(struct shape_record *wire, const struct archive_item *item)
{
    const struct flow_record *f = &item->flow;
    uint64_t key = 0, end_ms = f->has & FLOW_TIME ? f->time_ms : item->came_ms;
    uint64_t duration_ms = f->has & FLOW_DURATION ? f->duration_ms : 0;
    PUT(CAME, came_ms, item->came_ms);
    PUT(END, end_ms, end_ms);
    PUT(START, start_ms, end_ms > duration_ms ? end_ms - duration_ms : 0);
    if (!(f->has & FLOW_TIME))
        PUT(OBSERVED, observed_ms, item->came_ms);
    if (f->has & FLOW_DURATION)
        PUT(DURATION, duration_ms, f->duration_ms);
    return key;
}

/* The fraction that a rate came from, by continued fractions: interval packets taken, then space
 * packets left out. Exact, or none. */
static void find_ratio(struct shape_ratio *ratio, double rate)
{
    double rest = rate, n0 = 1, d0 = 0, n1 = floor(rate), d1 = 1;
    ratio->rate = rate;
    ratio->interval = ratio->space = 0;
    for (int turn = 0; turn < 40 && n1 / d1 != rate; turn++) {
        double part = rest - floor(rest);
        if (part <= 0)
            return;
        rest = 1 / part;
        double n2 = floor(rest) * n1 + n0, d2 = floor(rest) * d1 + d0;
        if (n2 > UINT32_MAX || d2 > RATIO_MAX)
            return;
        n0 = n1, d0 = d1, n1 = n2, d1 = d2;
    }
    if (n1 / d1 == rate) {
        ratio->interval = (uint64_t)d1;
        ratio->space = (uint64_t)(n1 - d1);
    }
}

static uint64_t put_rate(struct shape_ratio *ratio, struct shape_record *wire,
                         const struct flow_record *f)
{
    uint64_t key = 0;
    double rate = f->sampling_rate;
    PUT(SAID_BY, said_by, f->sampling_source);
    if (!(rate >= 1) || !isfinite(rate))
        return key;
    if (rate <= UINT32_MAX && rate == floor(rate)) {
        PUT(INTERVAL, interval, (uint32_t)rate);
        return key;
    }
    if (rate != ratio->rate)
        find_ratio(ratio, rate);
    if (ratio->interval != 0) {
        PUT(TAKEN, taken, (uint32_t)ratio->interval);
        PUT(SKIPPED, skipped, (uint32_t)ratio->space);
    } else {
        PUT(PROBABILITY, probability, 1 / rate);
    }
    return key;
}

uint64_t shape_fill(struct shape_ratio *ratio, const struct archive_item *item,
                    struct shape_record *record)
{
    const struct flow_record *flow = &item->flow;
    return put_addrs(record, item) | put_masks(record, flow) | put_packet(record, flow) |
           put_way(record, flow) | put_times(record, item) | put_rate(ratio, record, flow);
}
