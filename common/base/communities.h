#ifndef COMMON_BASE_COMMUNITIES_H
#define COMMON_BASE_COMMUNITIES_H

#include <stddef.h>
#include <stdint.h>

/*
 * What of its attributes is a route's own, lent: the extended communities, those of path attribute
 * 16 (RFC 4360) and those of attribute 25 (RFC 5701), which hold an IPv6 address; and what routes
 * of unicast have beside them: the communities of attribute 8 (RFC 1997), the large ones of
 * attribute 32 (RFC 8092), and a next hop.
 */
enum {
    COMMUNITY_LEN = 8,
    COMMUNITY6_LEN = 20,
    COMMUNITY_STANDARD_LEN = 4,
    COMMUNITY_LARGE_LEN = 12,
    NEXT_HOP_LEN_MAX = 16
};

/* Whether a route carries NO_EXPORT. */
enum route_export { EXPORT_AS_PEER, EXPORT_NOT, EXPORT_ANYWHERE, EXPORT_COUNT };

struct communities {
    const uint8_t (*at)[COMMUNITY_LEN];
    const uint8_t (*ipv6)[COMMUNITY6_LEN];
    size_t count, ipv6_count;
    const uint8_t (*standard)[COMMUNITY_STANDARD_LEN];
    const uint8_t (*large)[COMMUNITY_LARGE_LEN];
    size_t standard_count, large_count;
    const uint8_t *next_hop;
    uint8_t next_hop_len; /* 0, 4 or 16 */
    uint8_t exported;     /* enum route_export */
};

#endif
