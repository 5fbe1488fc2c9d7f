#ifndef COMMON_BASE_COMMUNITIES_H
#define COMMON_BASE_COMMUNITIES_H

#include <stddef.h>
#include <stdint.h>

/*
 * The extended communities of a route, lent: those of path attribute 16 (RFC 4360), and those of
 * attribute 25 (RFC 5701), which hold an IPv6 address.
 */
enum { COMMUNITY_LEN = 8, COMMUNITY6_LEN = 20 };

struct communities {
    const uint8_t (*at)[COMMUNITY_LEN];
    const uint8_t (*ipv6)[COMMUNITY6_LEN];
    size_t count, ipv6_count;
};

#endif
