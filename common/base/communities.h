#ifndef COMMON_BASE_COMMUNITIES_H
#define COMMON_BASE_COMMUNITIES_H

#include "common/base/addr.h"

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

/* How a mitigation is said: as a rule, or as a route that takes all that goes to a prefix away. */
enum route_kind { ROUTE_FLOWSPEC, ROUTE_BLACKHOLE, ROUTE_DIVERT, ROUTE_KIND_COUNT };
const char *route_kind_name(enum route_kind kind); /* "flowspec", "blackhole", "divert" */

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

/*
 * One community as people write it: "65535:666", large "64500:1:2", extended "rt:64500:100" or
 * "ro:192.0.2.1:7" (route target, route origin; of an AS number or an IPv4 address).
 */
struct community {
    uint8_t len; /* COMMUNITY_STANDARD_LEN, COMMUNITY_LEN or COMMUNITY_LARGE_LEN: which it is */
    uint8_t octets[COMMUNITY_LARGE_LEN];
};
enum status community_parse(struct community *ret_community, const char *text); /* MALFORMED */
enum { COMMUNITY_TEXT_MAX = 48 };
/* An extended one that the above does not say becomes "0x" and hex digits. */
const char *community_format(const uint8_t *octets, size_t len, char ret_text[COMMUNITY_TEXT_MAX]);

#endif
