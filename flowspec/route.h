#ifndef FLOWSPEC_ROUTE_H
#define FLOWSPEC_ROUTE_H

#include "flowspec/guard.h"

/*
 * Blackholes and diversions: routes of unicast that take all that goes to a prefix off the network,
 * or lead it to a scrubbing centre. What such a route does to packets is said as a rule with a
 * destination and nothing else, so the same guard judges it.
 */

/* Octets as they go out (RFC 4271, 4.3): the prefix length, and as many octets as it needs. */
enum { ROUTE_NLRI_MAX = 17 };
size_t route_nlri_encode(const struct ip_prefix *prefix, uint8_t ret_bytes[ROUTE_NLRI_MAX]);
/* MALFORMED: not exactly one prefix of the family, or bits behind its length. */
enum status route_nlri_decode(struct ip_prefix *ret_prefix, enum addr_family family,
                              const uint8_t *bytes, size_t len);

/* next_hop is not looked at for a blackhole. */
void route_as_rule(enum route_kind kind, const struct ip_prefix *prefix,
                   const struct ip_addr *next_hop, struct flow_rule *ret_rule,
                   struct flow_actions *ret_actions);

/* "route 198.51.100.45/32 then blackhole next-hop 192.0.2.1 community 65535:666" */
void route_format_text(enum route_kind kind, const struct ip_prefix *prefix,
                       const struct communities *communities, struct text *out);

/* Of the octets that go out. No accept rule keeps a BGP session from a blackhole. */
void guard_judge_route(const struct guard_context *context, enum route_kind kind,
                       enum addr_family family, const uint8_t *nlri, size_t nlri_len,
                       const struct communities *communities, struct guard_verdict *ret_verdict);

#endif
