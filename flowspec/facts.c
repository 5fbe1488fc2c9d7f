#include "flowspec/facts.h"
#include "flowspec/component.h"

#include <string.h>

/* No offset, first, middle and last of a fragmented packet. */
enum {
    FRAGMENTS6 = 1 << 0 | 1 << FACTS_FIRST_FRAGMENT | 1 << FACTS_IS_FRAGMENT |
                 1 << (FACTS_IS_FRAGMENT | FACTS_LAST_FRAGMENT),
    FRAGMENTS4 = FRAGMENTS6 | FRAGMENTS6 << 1, /* each with and without FACTS_DONT_FRAGMENT */
    FRAGMENTS_LATER = 0xcccc                   /* every set of bits with FACTS_IS_FRAGMENT */
};

static uint16_t possible_fragments(uint8_t family)
{
    return family == ADDR_IPV6 ? FRAGMENTS6 : FRAGMENTS4;
}

/* A packet is at least its header; jumbograms (RFC 2675) have no largest length. */
static void bound_length(struct flow_facts *facts)
{
    enum { HEADER4 = 20, HEADER6 = 40 };
    uint32_t min = facts->family == ADDR_IPV6 ? HEADER6 : HEADER4;
    uint32_t max = facts->family == ADDR_IPV4 ? UINT16_MAX : UINT32_MAX;
    if (facts->length_min > facts->length_max || facts->length_max < min ||
        facts->length_min > max) {
        facts->length_min = min;
        facts->length_max = max;
    }
    facts->length_min = facts->length_min < min ? min : facts->length_min;
    facts->length_max = facts->length_max > max ? max : facts->length_max;
}

void facts_init(struct flow_facts *ret_facts, enum addr_family family)
{
    memset(ret_facts, 0, sizeof(*ret_facts));
    ret_facts->family = (uint8_t)family;
    ret_facts->fragments = possible_fragments(ret_facts->family);
    ret_facts->length_max = UINT32_MAX;
    bound_length(ret_facts);
}

static bool is_seen(const struct flow_facts *facts, enum component c, unsigned value)
{
    return (facts->known & facts_bit(c)) != 0 && value != 0;
}

struct upper_layer {
    bool known; /* which of them, if any, the packet has */
    bool ports, flags, icmp;
};

static struct upper_layer upper_layer_of(const struct flow_facts *facts)
{
    uint8_t protocol = facts->protocol;
    if ((facts->absent & facts_bit(COMPONENT_PROTOCOL)) != 0)
        return (struct upper_layer){.known = true};
    if ((facts->known & facts_bit(COMPONENT_PROTOCOL)) == 0)
        return (struct upper_layer){.ports = true, .flags = true, .icmp = true};
    return (struct upper_layer){
        .known = true,
        .ports = component_is_of_protocol(COMPONENT_PORT, facts->family, protocol),
        .flags = component_is_of_protocol(COMPONENT_TCP_FLAGS, facts->family, protocol),
        .icmp = component_is_of_protocol(COMPONENT_ICMP_TYPE, facts->family, protocol),
    };
}

/* The upper layer's header was read, so this is no later fragment. */
static bool header_was_read(const struct flow_facts *facts, const struct upper_layer *has)
{
    return has->known &&
           ((has->ports && (is_seen(facts, COMPONENT_SOURCE_PORT, facts->source_port) ||
                            is_seen(facts, COMPONENT_DESTINATION_PORT, facts->destination_port))) ||
            (has->flags && is_seen(facts, COMPONENT_TCP_FLAGS, facts->tcp_flags)) ||
            (has->icmp && (is_seen(facts, COMPONENT_ICMP_TYPE, facts->icmp_type) ||
                           is_seen(facts, COMPONENT_ICMP_CODE, facts->icmp_code))));
}

static void settle_upper_layer(struct flow_facts *facts)
{
    static const uint16_t ports = 1U << COMPONENT_SOURCE_PORT | 1U << COMPONENT_DESTINATION_PORT,
                          icmp = 1U << COMPONENT_ICMP_TYPE | 1U << COMPONENT_ICMP_CODE,
                          flags = 1U << COMPONENT_TCP_FLAGS;
    const struct upper_layer has = upper_layer_of(facts);
    uint16_t in_header =
        (uint16_t)((has.ports ? ports : 0) | (has.flags ? flags : 0) | (has.icmp ? icmp : 0));
    bool may_be_whole = (facts->fragments & ~(unsigned)FRAGMENTS_LATER) != 0;
    if (may_be_whole && header_was_read(facts, &has))
        facts->fragments &= (uint16_t)~FRAGMENTS_LATER;
    if (!may_be_whole)
        in_header = 0;
    facts->absent |= (uint16_t)((ports | icmp | flags) & ~in_header);
    if (has.known && (facts->fragments & FRAGMENTS_LATER) == 0)
        facts->present |= in_header;
}

void facts_settle(struct flow_facts *facts)
{
    static const uint16_t always = 1U << COMPONENT_DESTINATION | 1U << COMPONENT_SOURCE |
                                   1U << COMPONENT_PACKET_LENGTH | 1U << COMPONENT_DSCP |
                                   1U << COMPONENT_FRAGMENT;
    const uint16_t protocol = facts_bit(COMPONENT_PROTOCOL),
                   label = facts_bit(COMPONENT_FLOW_LABEL);
    bool is_ipv4 = facts->family == ADDR_IPV4;
    uint16_t fragments = facts->fragments & possible_fragments(facts->family);

    facts->fragments = fragments != 0 ? fragments : possible_fragments(facts->family);
    bound_length(facts);
    facts->tcp_flags &= 0x0fff;
    facts->dscp &= 0x3f;
    facts->flow_label &= 0xfffff;
    facts->absent = (uint16_t)((facts->absent & ~always) | (is_ipv4 ? label : 0));
    facts->known &= (uint16_t)~facts->absent;
    facts->present = (uint16_t)(always | (facts->known & protocol) | (is_ipv4 ? protocol : label));
    settle_upper_layer(facts);
    facts->known &= (uint16_t)~facts->absent;
    facts->present &= (uint16_t)~facts->absent;
}
