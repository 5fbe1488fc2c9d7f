#ifndef COMMON_BASE_ADDR_H
#define COMMON_BASE_ADDR_H

#include "common/base/status.h"

#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/*
 * IP addresses and prefixes as values. Octets are in network order; an IPv4 address uses the first
 * four of sixteen and the rest are zero, so that two equal addresses are equal bytes.
 */
enum addr_family { ADDR_NONE = 0, ADDR_IPV4 = 4, ADDR_IPV6 = 6 };

enum { ADDR_TEXT_MAX = 46, PREFIX_TEXT_MAX = 50, ENDPOINT_TEXT_MAX = 56 };

struct ip_addr {
    uint8_t family; /* enum addr_family */
    uint8_t octets[16];
};

struct ip_prefix {
    struct ip_addr addr; /* bits after len are zero */
    uint8_t len;
};

struct ip_endpoint {
    struct ip_addr addr;
    uint16_t port;
};

struct ip_addr addr_from_ipv4(uint32_t host_order);
struct ip_addr addr_from_octets(enum addr_family family,
                                const uint8_t *octets); /* 4 or 16 of them */
/* The same in place, for those who read many. The octets go in halves, as they are read: a load
 * that needs two stores would wait for both. */
static inline __attribute__((always_inline)) void addr_store_ipv4(struct ip_addr *to,
                                                                  const uint8_t *octets)
{
    uint32_t four;
    memcpy(&four, octets, sizeof(four));
    uint64_t half = htole64((uint64_t)le32toh(four)), rest = 0;
    to->family = ADDR_IPV4;
    memcpy(to->octets, &half, sizeof(half));
    memcpy(to->octets + sizeof(half), &rest, sizeof(rest));
}
static inline __attribute__((always_inline)) void addr_store_ipv6(struct ip_addr *to,
                                                                  const uint8_t *octets)
{
    to->family = ADDR_IPV6;
    memcpy(to->octets, octets, 16);
}
static inline size_t addr_len(const struct ip_addr *a)
{
    return a->family == ADDR_IPV4 ? 4 : a->family == ADDR_IPV6 ? 16 : 0;
}
static inline uint8_t addr_bits(const struct ip_addr *a)
{
    return (uint8_t)(addr_len(a) * 8);
}
bool addr_equal(const struct ip_addr *a, const struct ip_addr *b);
int addr_compare(const struct ip_addr *a, const struct ip_addr *b); /* family, then octets */
struct ip_addr addr_masked(const struct ip_addr *a, uint8_t len);

/* Strict text: no leading zeros in IPv4 octets, RFC 4291 for IPv6, no zone, no surrounding space.
 */
enum status addr_parse(struct ip_addr *ret_addr, const char *text);
const char *addr_format(const struct ip_addr *a, char ret_text[ADDR_TEXT_MAX]); /* RFC 5952 */

/* "198.51.100.0/24"; bits after the length are an error (STATUS_MALFORMED); without a length, a
 * host. */
enum status prefix_parse(struct ip_prefix *ret_prefix, const char *text);
const char *prefix_format(const struct ip_prefix *p, char ret_text[PREFIX_TEXT_MAX]);
struct ip_prefix prefix_of_host(const struct ip_addr *a);
bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);
bool prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner); /* equal counts */
bool prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);

/* "127.0.0.1:2055", "[::1]:2055". */
enum status endpoint_parse(struct ip_endpoint *ret_endpoint, const char *text);
const char *endpoint_format(const struct ip_endpoint *e, char ret_text[ENDPOINT_TEXT_MAX]);
socklen_t endpoint_to_sockaddr(const struct ip_endpoint *e, struct sockaddr_storage *ret_sockaddr);
/* An IPv4-mapped IPv6 address becomes IPv4, as sockets that take both families report it. */
enum status endpoint_from_sockaddr(struct ip_endpoint *ret_endpoint,
                                   const struct sockaddr *sockaddr);

#endif
