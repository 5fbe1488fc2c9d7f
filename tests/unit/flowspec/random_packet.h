#ifndef TESTS_UNIT_FLOWSPEC_RANDOM_PACKET_H
#define TESTS_UNIT_FLOWSPEC_RANDOM_PACKET_H

#include "flowspec/component.h"
#include "flowspec/facts.h"
#include "tests/unit/flowspec/random_rule.h"

#include <string.h>

/*
 * Packets, what the RFC says of a rule and a packet, written a second time without a look at
 * flowspec/match.c, and what an exporter tells of a packet.
 */
struct packet {
    uint8_t family;
    uint8_t destination[16], source[16];
    /* IPv4: the protocol alone. IPv6: every Next Header in order; the last is the upper layer's, or
     * an extension header that nothing more is seen behind. */
    uint8_t next[5], next_count;
    uint16_t offset; /* in units of 8 octets */
    bool more, dont;
    uint16_t source_port, destination_port, tcp_flags;
    uint8_t icmp_type, icmp_code, dscp;
    uint32_t length, label;
};

enum { NEXT_FRAGMENT = 44, PROTOCOL_SCTP = 132 };

static inline bool is_extension(uint8_t next)
{
    static const uint8_t extensions[] = {0, 43, NEXT_FRAGMENT, 51, 60, 135, 139, 140};
    return memchr(extensions, next, sizeof(extensions)) != NULL;
}

/* --- the RFC --- */

static inline bool naive_number(const struct rule_op *op, uint32_t value)
{
    return ((op->bits & OP_LT) != 0 && value < op->value) ||
           ((op->bits & OP_GT) != 0 && value > op->value) ||
           ((op->bits & OP_EQ) != 0 && value == op->value);
}

static inline bool naive_bits(const struct rule_op *op, uint32_t value)
{
    bool match =
        (op->bits & OP_MATCH) != 0 ? (value & op->value) == op->value : (value & op->value) != 0;
    return (op->bits & OP_NOT) != 0 ? !match : match;
}

/* RFC 8955, 4.2.1.1: AND binds tighter. */
static inline bool naive_list(const struct flow_rule *rule, enum component c, uint32_t value)
{
    const struct rule_op *ops = rule_ops(rule, c);
    bool any = false, all = false;
    for (size_t i = 0; i < rule_ops_count(rule, c); i++) {
        bool is_bits = c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
        bool here = is_bits ? naive_bits(&ops[i], value) : naive_number(&ops[i], value);
        if ((ops[i].bits & OP_AND) != 0) {
            all = all && here;
        } else {
            any = any || all;
            all = here;
        }
    }
    return any || all;
}

static inline bool naive_prefix(const struct ip_prefix *prefix, uint8_t offset, const uint8_t *addr)
{
    for (unsigned i = offset; i < prefix->len; i++)
        if ((prefix->addr.octets[i / 8] >> (7 - i % 8) & 1) != (addr[i / 8] >> (7 - i % 8) & 1))
            return false;
    return true;
}

/* RFC 8956, 3.3: the first Next Header that is no extension header. -1: there is none. */
static inline int naive_protocol(const struct packet *p)
{
    for (size_t i = 0; i < p->next_count; i++)
        if (p->family == ADDR_IPV4 || !is_extension(p->next[i]))
            return p->next[i];
    return -1;
}

static inline uint32_t naive_fragment(const struct packet *p)
{
    return (uint32_t)((p->dont ? 1 : 0) | (p->offset != 0 ? 2 : 0) |
                      (p->offset == 0 && p->more ? 4 : 0) | (p->offset != 0 && !p->more ? 8 : 0));
}

static inline bool naive_component(const struct flow_rule *rule, const struct packet *p,
                                   enum component c)
{
    int protocol = naive_protocol(p);
    bool header = p->offset == 0 && protocol >= 0;
    bool ports = header && (protocol == 6 || protocol == 17);
    bool icmp = header && protocol == (p->family == ADDR_IPV4 ? 1 : 58);
    switch (c) {
    case COMPONENT_DESTINATION:
        return naive_prefix(&rule->destination, rule->destination_offset, p->destination);
    case COMPONENT_SOURCE:
        return naive_prefix(&rule->source, rule->source_offset, p->source);
    case COMPONENT_PROTOCOL:
        return protocol >= 0 && naive_list(rule, c, (uint32_t)protocol);
    case COMPONENT_PORT:
        return ports &&
               (naive_list(rule, c, p->source_port) || naive_list(rule, c, p->destination_port));
    case COMPONENT_DESTINATION_PORT:
        return ports && naive_list(rule, c, p->destination_port);
    case COMPONENT_SOURCE_PORT:
        return ports && naive_list(rule, c, p->source_port);
    case COMPONENT_ICMP_TYPE:
        return icmp && naive_list(rule, c, p->icmp_type);
    case COMPONENT_ICMP_CODE:
        return icmp && naive_list(rule, c, p->icmp_code);
    case COMPONENT_TCP_FLAGS:
        return header && protocol == 6 && naive_list(rule, c, p->tcp_flags);
    case COMPONENT_PACKET_LENGTH:
        return naive_list(rule, c, p->length);
    case COMPONENT_DSCP:
        return naive_list(rule, c, p->dscp);
    case COMPONENT_FRAGMENT:
        return naive_list(rule, c, naive_fragment(p));
    case COMPONENT_FLOW_LABEL:
        break;
    }
    return naive_list(rule, c, p->label);
}

static inline bool naive_match(const struct flow_rule *rule, const struct packet *p)
{
    if (rule->family != p->family)
        return false;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        if (rule_has(rule, c) && !naive_component(rule, p, c))
            return false;
    return true;
}

/* --- packets that come near a rule --- */

static inline uint32_t random_near(struct random *r, const struct flow_rule *rule, enum component c)
{
    uint32_t max =
        c == COMPONENT_FLOW_LABEL ? 0xfffff : random_max(c, (enum addr_family)rule->family);
    size_t count = rule_ops_count(rule, c);
    if (count == 0 || random_below(r, 8) == 0)
        return random_value(r, c, (enum addr_family)rule->family);
    const struct rule_op *op = &rule_ops(rule, c)[random_below(r, (uint32_t)count)];
    if (c == COMPONENT_TCP_FLAGS)
        return (random_below(r, 2) == 0 ? op->value : op->value ^ random_below(r, 4096)) & max;
    uint32_t value = op->value + random_below(r, 3) - 1;
    return value > max ? op->value & max : value;
}

static inline void random_addr(struct random *r, const struct ip_prefix *prefix, uint8_t family,
                               uint8_t ret_octets[16])
{
    memset(ret_octets, 0, 16);
    for (size_t i = 0; i < (family == ADDR_IPV4 ? 4 : 16); i++)
        ret_octets[i] = (uint8_t)(random_below(r, 3) == 0 ? random_below(r, 256) : 0xa5);
    if (prefix != NULL && random_below(r, 5) != 0)
        for (unsigned i = 0; i < prefix->len; i++) {
            uint8_t bit = (uint8_t)(0x80 >> i % 8);
            ret_octets[i / 8] =
                (uint8_t)((ret_octets[i / 8] & ~bit) | (prefix->addr.octets[i / 8] & bit));
        }
}

static inline uint8_t random_protocol(struct random *r, const struct flow_rule *rule)
{
    static const uint8_t usual[] = {1, 6, 6, 6, 17, 17, 47, 50, 58, 132, 59};
    if (rule_has(rule, COMPONENT_PROTOCOL) && random_below(r, 2) == 0)
        return (uint8_t)random_near(r, rule, COMPONENT_PROTOCOL);
    return usual[random_below(r, sizeof(usual))];
}

/* Whole, or the first, a middle or the last of several. */
static inline void random_fragment(struct random *r, struct packet *p)
{
    p->offset = (uint16_t)(random_below(r, 3) == 0 ? 1 + random_below(r, 0x1fff) : 0);
    p->more = random_below(r, 3) == 0;
    p->dont = p->family == ADDR_IPV4 && random_below(r, 3) == 0;
}

/* The chain of headers of an IPv6 packet; a later fragment may show no upper layer. */
static inline void random_chain(struct random *r, struct packet *p, uint8_t protocol)
{
    static const uint8_t before[] = {0, 43, 60, 51, 135};
    p->next_count = 0;
    if (p->family == ADDR_IPV6) {
        while (p->next_count < 2 && random_below(r, 3) == 0)
            p->next[p->next_count++] = before[random_below(r, sizeof(before))];
        if (p->offset != 0 || p->more)
            p->next[p->next_count++] = NEXT_FRAGMENT;
        if (random_below(r, 8) == 0 || (p->offset == 0 && is_extension(protocol)))
            p->next[p->next_count++] = 60;
        if (p->offset != 0 && p->next[p->next_count - 1] == 60)
            return;
    }
    p->next[p->next_count++] = protocol;
}

static inline void random_packet(struct random *r, const struct flow_rule *rule,
                                 struct packet *ret_packet)
{
    struct packet *p = ret_packet;
    memset(p, 0, sizeof(*p));
    p->family = rule->family;
    random_addr(r, rule_has(rule, COMPONENT_DESTINATION) ? &rule->destination : NULL, p->family,
                p->destination);
    random_addr(r, rule_has(rule, COMPONENT_SOURCE) ? &rule->source : NULL, p->family, p->source);
    random_fragment(r, p);
    random_chain(r, p, random_protocol(r, rule));
    enum component port = rule_has(rule, COMPONENT_PORT) ? COMPONENT_PORT : COMPONENT_SOURCE_PORT;
    p->source_port = (uint16_t)random_near(r, rule, port);
    port = rule_has(rule, COMPONENT_PORT) && random_below(r, 2) == 0 ? COMPONENT_PORT
                                                                     : COMPONENT_DESTINATION_PORT;
    p->destination_port = (uint16_t)random_near(r, rule, port);
    p->tcp_flags = (uint16_t)random_near(r, rule, COMPONENT_TCP_FLAGS);
    p->icmp_type = (uint8_t)random_near(r, rule, COMPONENT_ICMP_TYPE);
    p->icmp_code = (uint8_t)random_near(r, rule, COMPONENT_ICMP_CODE);
    p->dscp = (uint8_t)random_near(r, rule, COMPONENT_DSCP);
    p->length = random_near(r, rule, COMPONENT_PACKET_LENGTH);
    uint32_t least = p->family == ADDR_IPV4 ? 20 : 40;
    p->length = p->length < least ? least : p->length;
    p->label = random_near(r, rule, COMPONENT_FLOW_LABEL) & 0xfffff;
}

/* --- what an exporter tells of a packet --- */

struct exporter {
    uint16_t hides;                  /* facts_bit */
    uint32_t length_min, length_max; /* where it hides the length: what it says of it */
    uint16_t fragments;              /* where it hides those: what may be */
    bool writes_zero;                /* ports, type and flags of a later fragment */
};

static inline struct exporter random_exporter(struct random *r, const struct packet *p)
{
    struct exporter e = {.length_max = UINT32_MAX, .fragments = UINT16_MAX};
    if (random_below(r, 4) != 0)
        for (uint32_t n = random_below(r, 5); n > 0; n--)
            e.hides |= facts_bit((enum component)(1 + random_below(r, COMPONENT_LAST)));
    if (random_below(r, 2) == 0) {
        e.length_min = p->length - random_below(r, 12);
        e.length_max = p->length + random_below(r, 300);
    }
    if (random_below(r, 3) == 0)
        e.fragments = (uint16_t)(random_below(r, 65536) | facts_fragment(naive_fragment(p)));
    e.writes_zero = random_below(r, 2) == 0;
    return e;
}

static inline bool exporter_tells(const struct exporter *e, enum component c)
{
    return (e->hides >> c & 1) == 0;
}

static inline void tell(struct flow_facts *facts, const struct exporter *e, enum component c)
{
    if (exporter_tells(e, c))
        facts->known |= facts_bit(c);
}

static inline void facts_of_packet(const struct packet *p, const struct exporter *e,
                                   struct flow_facts *ret_facts)
{
    struct flow_facts *f = ret_facts;
    uint8_t last = p->next[p->next_count - 1];
    bool upper = p->family == ADDR_IPV4 || !is_extension(last), later = p->offset != 0;
    facts_init(f, (enum addr_family)p->family);
    memcpy(f->destination, p->destination, 16);
    memcpy(f->source, p->source, 16);
    f->dscp = p->dscp;
    f->flow_label = p->family == ADDR_IPV6 ? p->label : 0;
    f->protocol = upper ? last : 0;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++)
        tell(f, e, c);
    if (exporter_tells(e, COMPONENT_PROTOCOL) && !upper)
        f->absent |= facts_bit(COMPONENT_PROTOCOL);
    const uint16_t header = 1U << COMPONENT_SOURCE_PORT | 1U << COMPONENT_DESTINATION_PORT |
                            1U << COMPONENT_TCP_FLAGS | 1U << COMPONENT_ICMP_TYPE |
                            1U << COMPONENT_ICMP_CODE;
    bool ports = last == 6 || last == 17 || last == PROTOCOL_SCTP, icmp = last == 1 || last == 58;
    if ((later || !upper || !(ports || icmp)) && !e->writes_zero)
        f->known &= (uint16_t)~header;
    if (!later && ports) {
        f->source_port = p->source_port;
        f->destination_port = p->destination_port;
        f->tcp_flags = last == 17 ? 0 : p->tcp_flags; /* and junk where SCTP has other things */
    }
    if (!later && icmp) {
        f->icmp_type = p->icmp_type;
        f->icmp_code = p->icmp_code;
    }
    f->length_min = f->length_max = p->length;
    if (!exporter_tells(e, COMPONENT_PACKET_LENGTH)) {
        f->length_min = e->length_min;
        f->length_max = e->length_max;
    }
    f->fragments = facts_fragment(naive_fragment(p));
    if (!exporter_tells(e, COMPONENT_FRAGMENT))
        f->fragments = e->fragments;
    facts_settle(f);
}

#endif
