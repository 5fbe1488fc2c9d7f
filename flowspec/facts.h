#ifndef FLOWSPEC_FACTS_H
#define FLOWSPEC_FACTS_H

#include "flowspec/rule.h"

/*
 * What a record or a packet says of the fields that a rule looks at. facts_init knows nothing;
 * the caller fills in what it has, with the field's bit in `known`, and facts_settle works out what
 * follows from it. A record of several packets is known only in what all of them share.
 *
 * A field is known, or *unknown*: the packets have it and the record does not say what it is, and
 * then a component that could go either way answers unknown. Or it is *absent*: the packets do not
 * have it, and then a component that looks at it does not match, whatever it asks for. Where the
 * record leaves even that open a component matches for certain only if it is not absent.
 *
 *   field                 absent                               unknown
 *   destination, source   never                                the record lacks it
 *   protocol              IPv6, no upper layer: the caller     the record lacks it
 *                         says so in `absent`
 *   ports                 a protocol that is not TCP or UDP    the record lacks them; which it does
 *                         (RFC 8955, 4.2.2.4); a later         when the header was cut off
 *                         fragment, whatever was exported
 *   ICMP type and code    not ICMP (IPv6: not ICMPv6); a       the record lacks them
 *                         later fragment
 *   TCP flags             not TCP; a later fragment            the record lacks them, or has those
 *                                                              of several packets together
 *   packet length         never                                inside length_min … length_max: of
 *                                                              one packet both are the same
 *   DSCP                  never                                the record lacks it
 *   fragment              never: whole packets have no bit     what is possible is in `fragments`
 *   flow label            IPv4                                 the record lacks it
 *
 * Without fragment bits a packet of TCP, UDP or ICMP may be a later fragment. A port, type or flag
 * that is not 0 shows that it is none: it was read from the header that later fragments lack. 0
 * does not, as exporters write 0 where there is no header; it is then the value if there is one.
 */
struct flow_facts {
    uint8_t destination[16], source[16]; /* IPv4: the first four, others 0 */
    uint32_t length_min, length_max;     /* octets of the IP packet */
    uint32_t flow_label;
    uint16_t source_port, destination_port;
    uint16_t tcp_flags; /* 12 bits */
    uint16_t fragments; /* bit v: the fragment bits may be v, of RFC 8955 4.2.2.12 */
    uint16_t known;     /* facts_bit; not for length and fragment, which have their own */
    uint16_t absent;
    uint16_t present; /* facts_settle: those that are certainly there */
    uint8_t family;   /* enum addr_family; ADDR_NONE: not known */
    uint8_t protocol, icmp_type, icmp_code;
    uint8_t dscp;
    uint8_t unused;
};
_Static_assert(sizeof(struct flow_facts) == 64, "millions of them are kept, one to a cache line");

enum facts_fragment_bits {
    FACTS_DONT_FRAGMENT = 1,
    FACTS_IS_FRAGMENT = 2, /* the offset is not 0 */
    FACTS_FIRST_FRAGMENT = 4,
    FACTS_LAST_FRAGMENT = 8
};

static inline uint16_t facts_bit(enum component c)
{
    return (uint16_t)(1U << c);
}

/* The fragment bits are these and no others. */
static inline uint16_t facts_fragment(unsigned bits)
{
    return (uint16_t)(1U << bits);
}

void facts_init(struct flow_facts *ret_facts, enum addr_family family);
/* What follows from what is known; values that no packet can have become unknown. Twice is as once.
 */
void facts_settle(struct flow_facts *facts);

#endif
