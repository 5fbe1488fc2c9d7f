#include "common/base/addr.h"

#include "common/base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_start[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

struct ip_addr addr_from_ipv4(uint32_t host_order)
{
    struct ip_addr a = {.family = ADDR_IPV4};

    for (size_t i = 0; i < 4; i++)
        a.octets[i] = (uint8_t)(host_order >> (24 - 8 * i));
    return a;
}

struct ip_addr addr_from_octets(enum addr_family family, const uint8_t *octets)
{
    struct ip_addr a = {.family = (uint8_t)family};

    memcpy(a.octets, octets, addr_len(&a));
    return a;
}

bool addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

int addr_compare(const struct ip_addr *a, const struct ip_addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->octets, b->octets, sizeof(a->octets));
}

struct ip_addr addr_masked(const struct ip_addr *a, uint8_t len)
{
    struct ip_addr masked = *a;
    size_t whole = len / 8;

    assert(len <= addr_bits(a));
    if (whole < sizeof(masked.octets)) {
        masked.octets[whole] &= (uint8_t)(0xff00 >> len % 8);
        memset(masked.octets + whole + 1, 0, sizeof(masked.octets) - whole - 1);
    }
    return masked;
}

enum status addr_parse(struct ip_addr *ret_addr, const char *text)
{
    uint8_t octets[16];

    /* inet_pton of glibc is as strict as we want to be; the tests hold it to that. */
    if (inet_pton(AF_INET, text, octets) == 1)
        *ret_addr = addr_from_octets(ADDR_IPV4, octets);
    else if (inet_pton(AF_INET6, text, octets) == 1)
        *ret_addr = addr_from_octets(ADDR_IPV6, octets);
    else
        return STATUS_MALFORMED;
    return STATUS_OK;
}

struct group_run {
    size_t at, len;
};

/* The longest run of at least two zero groups, the first of equals (RFC 5952, 4.2). */
static struct group_run longest_zero_run(const uint16_t groups[8])
{
    struct group_run best = {.at = 8, .len = 1};

    for (size_t i = 0; i < 8; i++) {
        size_t end = i;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - i > best.len)
            best = (struct group_run){.at = i, .len = end - i};
        if (end > i)
            i = end;
    }
    return best;
}

static void format_ipv6(const uint8_t octets[16], char *ret_text)
{
    uint16_t groups[8];
    char *at = ret_text, *end = ret_text + ADDR_TEXT_MAX;

    for (size_t i = 0; i < 8; i++)
        groups[i] = (uint16_t)(octets[2 * i] << 8 | octets[2 * i + 1]);

    struct group_run zeros = longest_zero_run(groups);
    bool colon = false; /* one is due before the next group */

    for (size_t i = 0; i < 8; i++) {
        if (i == zeros.at) {
            at += snprintf(at, (size_t)(end - at), "::");
            i += zeros.len - 1;
            colon = false;
            continue;
        }
        at += snprintf(at, (size_t)(end - at), colon ? ":%x" : "%x", groups[i]);
        colon = true;
    }
}

const char *addr_format(const struct ip_addr *a, char ret_text[ADDR_TEXT_MAX])
{
    const uint8_t *o = a->octets;

    if (a->family == ADDR_IPV4)
        snprintf(ret_text, ADDR_TEXT_MAX, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
    else if (a->family != ADDR_IPV6)
        snprintf(ret_text, ADDR_TEXT_MAX, "-");
    else if (memcmp(o, mapped_start, sizeof(mapped_start)) == 0)
        snprintf(ret_text, ADDR_TEXT_MAX, "::ffff:%u.%u.%u.%u", o[12], o[13], o[14], o[15]);
    else
        format_ipv6(o, ret_text);
    return ret_text;
}

enum status prefix_parse(struct ip_prefix *ret_prefix, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t addr_text_len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char addr_text[ADDR_TEXT_MAX];
    struct ip_addr addr;
    uint64_t len;

    if (addr_text_len >= sizeof(addr_text))
        return STATUS_MALFORMED;
    memcpy(addr_text, text, addr_text_len);
    addr_text[addr_text_len] = '\0';

    enum status s = addr_parse(&addr, addr_text);
    if (s != STATUS_OK)
        return s;
    if (slash == NULL) {
        *ret_prefix = prefix_of_host(&addr);
        return STATUS_OK;
    }
    s = text_parse_u64(&len, slash + 1, addr_bits(&addr));
    if (s != STATUS_OK)
        return s;

    struct ip_prefix prefix = {.addr = addr_masked(&addr, (uint8_t)len), .len = (uint8_t)len};
    if (!addr_equal(&prefix.addr, &addr))
        return STATUS_MALFORMED;
    *ret_prefix = prefix;
    return STATUS_OK;
}

const char *prefix_format(const struct ip_prefix *p, char ret_text[PREFIX_TEXT_MAX])
{
    char addr_text[ADDR_TEXT_MAX];

    snprintf(ret_text, PREFIX_TEXT_MAX, "%s/%u", addr_format(&p->addr, addr_text), p->len);
    return ret_text;
}

struct ip_prefix prefix_of_host(const struct ip_addr *a)
{
    return (struct ip_prefix){.addr = *a, .len = addr_bits(a)};
}

bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
    if (p->addr.family != a->family)
        return false;

    size_t whole = p->len / 8, rest = p->len % 8;
    if (memcmp(p->addr.octets, a->octets, whole) != 0)
        return false;
    return rest == 0 || (p->addr.octets[whole] ^ a->octets[whole]) >> (8 - rest) == 0;
}

bool prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
    return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

bool prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return prefix_covers(a, b) || prefix_covers(b, a);
}

enum status endpoint_parse(struct ip_endpoint *ret_endpoint, const char *text)
{
    bool bracketed = text[0] == '[';
    const char *colon = strrchr(text, ':');
    char addr_text[ADDR_TEXT_MAX];
    struct ip_endpoint endpoint;
    uint64_t port;

    if (colon == NULL || (bracketed && (colon - text < 2 || colon[-1] != ']')))
        return STATUS_MALFORMED;

    size_t len = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (len >= sizeof(addr_text))
        return STATUS_MALFORMED;
    memcpy(addr_text, text + (bracketed ? 1 : 0), len);
    addr_text[len] = '\0';

    enum status s = addr_parse(&endpoint.addr, addr_text);
    if (s != STATUS_OK)
        return s;
    if (bracketed != (endpoint.addr.family == ADDR_IPV6))
        return STATUS_MALFORMED;
    s = text_parse_u64(&port, colon + 1, UINT16_MAX);
    if (s != STATUS_OK)
        return s;
    endpoint.port = (uint16_t)port;
    *ret_endpoint = endpoint;
    return STATUS_OK;
}

const char *endpoint_format(const struct ip_endpoint *e, char ret_text[ENDPOINT_TEXT_MAX])
{
    char addr_text[ADDR_TEXT_MAX];

    addr_format(&e->addr, addr_text);
    snprintf(ret_text, ENDPOINT_TEXT_MAX, e->addr.family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u",
             addr_text, e->port);
    return ret_text;
}

socklen_t endpoint_to_sockaddr(const struct ip_endpoint *e, struct sockaddr_storage *ret_sockaddr)
{
    memset(ret_sockaddr, 0, sizeof(*ret_sockaddr));
    if (e->addr.family == ADDR_IPV6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
        memcpy(&in6.sin6_addr, e->addr.octets, 16);
        memcpy(ret_sockaddr, &in6, sizeof(in6));
        return sizeof(in6);
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
    memcpy(&in.sin_addr, e->addr.octets, 4);
    memcpy(ret_sockaddr, &in, sizeof(in));
    return sizeof(in);
}

enum status endpoint_from_sockaddr(struct ip_endpoint *ret_endpoint,
                                   const struct sockaddr *sockaddr)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (sockaddr->sa_family == AF_INET) {
        memcpy(&in, sockaddr, sizeof(in));
        ret_endpoint->addr = addr_from_octets(ADDR_IPV4, (const uint8_t *)&in.sin_addr);
        ret_endpoint->port = ntohs(in.sin_port);
        return STATUS_OK;
    }
    if (sockaddr->sa_family != AF_INET6)
        return STATUS_UNSUPPORTED;

    memcpy(&in6, sockaddr, sizeof(in6));
    const uint8_t *octets = in6.sin6_addr.s6_addr;
    bool mapped = memcmp(octets, mapped_start, sizeof(mapped_start)) == 0;
    ret_endpoint->addr =
        mapped ? addr_from_octets(ADDR_IPV4, octets + 12) : addr_from_octets(ADDR_IPV6, octets);
    ret_endpoint->port = ntohs(in6.sin6_port);
    return STATUS_OK;
}
