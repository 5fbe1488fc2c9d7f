#include "common/model/record_facts.h"

#include <string.h>

_Static_assert((int)FRAGMENT_DF == (int)FACTS_DONT_FRAGMENT &&
                   (int)FRAGMENT_LATER == (int)FACTS_IS_FRAGMENT &&
                   (int)FRAGMENT_FIRST == (int)FACTS_FIRST_FRAGMENT &&
                   (int)FRAGMENT_LAST == (int)FACTS_LAST_FRAGMENT,
               "the bits of RFC 8955 on both sides");

/* What an exporter gives as protocol when it has not looked behind it (RFC 8200, 4; RFC 7045). */
static bool is_ipv6_extension(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_FRAGMENT:
    case IPPROTO_AH:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case 139: /* HIP */
    case 140: /* Shim6 */
        return true;
    default:
        return false;
    }
}

static void take_addresses(struct flow_facts *facts, const struct flow_record *flow)
{
    if ((flow->has & FLOW_DST_ADDR) != 0) {
        memcpy(facts->destination, flow->dst_addr.octets, sizeof(facts->destination));
        facts->known |= facts_bit(COMPONENT_DESTINATION);
    }
    if ((flow->has & FLOW_SRC_ADDR) != 0) {
        memcpy(facts->source, flow->src_addr.octets, sizeof(facts->source));
        facts->known |= facts_bit(COMPONENT_SOURCE);
    }
}

/* An extension header ends a later fragment's chain for good: what follows it is in the first. */
static void take_protocol(struct flow_facts *facts, const struct flow_record *flow)
{
    bool is_later = (flow->has & FLOW_FRAGMENT) != 0 && (flow->fragment & FRAGMENT_LATER) != 0;
    facts->protocol = flow->protocol;
    if (facts->family != ADDR_IPV4 && is_ipv6_extension(flow->protocol)) {
        if (is_later && facts->family == ADDR_IPV6 && flow->format == FORMAT_SFLOW5)
            facts->absent |= facts_bit(COMPONENT_PROTOCOL);
    } else {
        facts->known |= facts_bit(COMPONENT_PROTOCOL);
    }
}

static void take_fragment(struct flow_facts *facts, const struct flow_record *flow)
{
    /* A sampled header that ends before the upper layer may end before the fragment header too. */
    if (flow->fragment == 0 && facts->family != ADDR_IPV4 && (flow->has & FLOW_PROTOCOL) != 0 &&
        is_ipv6_extension(flow->protocol))
        return;
    if (flow->format == FORMAT_SFLOW5) {
        facts->fragments = facts_fragment(flow->fragment);
    } else if ((flow->fragment & FRAGMENT_LATER) != 0) {
        facts->fragments = 0;
        for (unsigned bits = 0; bits < 16; bits++)
            if ((bits & FACTS_IS_FRAGMENT) != 0)
                facts->fragments |= facts_fragment(bits);
    }
}

static void take_length(struct flow_facts *facts, const struct flow_record *flow, bool is_one)
{
    if (is_one && (flow->has & FLOW_IP_LENGTH) != 0) {
        facts->length_min = flow->ip_length;
        /* The largest stands for all jumbograms (RFC 2675). */
        bool may_be_more = flow->ip_length == UINT16_MAX && facts->family != ADDR_IPV4;
        facts->length_max = may_be_more ? UINT32_MAX : flow->ip_length;
        return;
    }
    /* sFlow counts the octets of the frame. */
    if (is_one && (flow->has & FLOW_BYTES) != 0 && flow->format != FORMAT_SFLOW5 &&
        flow->bytes <= UINT32_MAX) {
        facts->length_min = facts->length_max = (uint32_t)flow->bytes;
        return;
    }
    if ((flow->has & FLOW_MIN_LENGTH) != 0)
        facts->length_min = flow->min_length;
    if ((flow->has & FLOW_MAX_LENGTH) != 0 && flow->max_length < UINT16_MAX)
        facts->length_max = flow->max_length;
}

void record_facts(struct flow_facts *ret_facts, const struct flow_record *flow)
{
    bool is_one = (flow->has & FLOW_PACKETS) != 0 && flow->packets == 1;
    uint8_t family = (flow->has & FLOW_DST_ADDR) != 0   ? flow->dst_addr.family
                     : (flow->has & FLOW_SRC_ADDR) != 0 ? flow->src_addr.family
                                                        : (uint8_t)ADDR_NONE;
    struct flow_facts *facts = ret_facts;
    facts_init(facts, (enum addr_family)family);
    take_addresses(facts, flow);
    facts->source_port = flow->src_port;
    facts->destination_port = flow->dst_port;
    facts->tcp_flags = flow->tcp_flags;
    facts->icmp_type = flow->icmp_type;
    facts->icmp_code = flow->icmp_code;
    facts->dscp = flow->tos >> 2;
    facts->flow_label = flow->flow_label;
    if ((flow->has & FLOW_SRC_PORT) != 0)
        facts->known |= facts_bit(COMPONENT_SOURCE_PORT);
    if ((flow->has & FLOW_DST_PORT) != 0)
        facts->known |= facts_bit(COMPONENT_DESTINATION_PORT);
    if ((flow->has & FLOW_TCP_FLAGS) != 0 && is_one)
        facts->known |= facts_bit(COMPONENT_TCP_FLAGS);
    if ((flow->has & FLOW_ICMP) != 0)
        facts->known |= facts_bit(COMPONENT_ICMP_TYPE) | facts_bit(COMPONENT_ICMP_CODE);
    if ((flow->has & FLOW_TOS) != 0)
        facts->known |= facts_bit(COMPONENT_DSCP);
    if ((flow->has & FLOW_FLOW_LABEL) != 0)
        facts->known |= facts_bit(COMPONENT_FLOW_LABEL);
    if ((flow->has & FLOW_PROTOCOL) != 0)
        take_protocol(facts, flow);
    if ((flow->has & FLOW_FRAGMENT) != 0)
        take_fragment(facts, flow);
    take_length(facts, flow, is_one);
    facts_settle(facts);
}
