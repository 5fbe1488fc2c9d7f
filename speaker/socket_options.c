#include "speaker/socket_options.h"

#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)SOCKET_DEVICE_MAX == IFNAMSIZ, "a device's name fits");
_Static_assert((int)SOCKET_PASSWORD_MAX == TCP_MD5SIG_MAXKEYLEN, "a password fits");

enum {
    TTL_MOST = 255,
    CLASS_CS6 = 0xc0, /* RFC 2474: routing protocols */
    /* The headers of a SYN: IP and TCP with all their options, and room for those of IPv6. */
    SYN_MAX = 512,
    IPV4_TTL_AT = 8,
    IPV6_HOPS_AT = 7,
};

bool socket_password_equal(const struct socket_password *a, const struct socket_password *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool socket_options_equal(const struct socket_options *a, const struct socket_options *b)
{
    return a->ttl == b->ttl && a->ttl_least == b->ttl_least && strcmp(a->device, b->device) == 0 &&
           socket_password_equal(&a->password, &b->password);
}

static bool is_link_local(const struct ip_addr *addr)
{
    return addr->family == ADDR_IPV6 && addr->octets[0] == 0xfe && (addr->octets[1] & 0xc0) == 0x80;
}

void socket_address(const struct ip_endpoint *endpoint, const char *device,
                    struct sockaddr_storage *ret_sockaddr)
{
    struct sockaddr_in6 in6;
    (void)endpoint_to_sockaddr(endpoint, ret_sockaddr);
    if (!is_link_local(&endpoint->addr))
        return;
    memcpy(&in6, ret_sockaddr, sizeof(in6));
    in6.sin6_scope_id = if_nametoindex(device);
    memcpy(ret_sockaddr, &in6, sizeof(in6));
}

static enum status fail(char ret_why[SOCKET_WHY_MAX], const char *what)
{
    (void)snprintf(ret_why, SOCKET_WHY_MAX, "%s: %s", what, strerror(errno));
    return STATUS_IO;
}

static bool set_number(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static enum status set_distance(int fd, uint8_t family, uint8_t ttl, uint8_t ttl_least,
                                char ret_why[SOCKET_WHY_MAX])
{
    bool is6 = family == ADDR_IPV6;
    int level = is6 ? IPPROTO_IPV6 : IPPROTO_IP;
    /* Only a wish: a session works without it. */
    (void)set_number(fd, level, is6 ? IPV6_TCLASS : IP_TOS, CLASS_CS6);
    if (ttl != 0 && !set_number(fd, level, is6 ? IPV6_UNICAST_HOPS : IP_TTL, ttl))
        return fail(ret_why, "TTL");
    if (ttl_least != 0 && !set_number(fd, level, is6 ? IPV6_MINHOPCOUNT : IP_MINTTL, ttl_least))
        return fail(ret_why, "least TTL");
    return STATUS_OK;
}

static enum status set_device(int fd, const char *device, char ret_why[SOCKET_WHY_MAX])
{
    char what[SOCKET_DEVICE_MAX + 8];
    if (device[0] == '\0' ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) == 0)
        return STATUS_OK;
    (void)snprintf(what, sizeof(what), "device %s", device);
    return fail(ret_why, what);
}

static bool set_password(int fd, int option, const struct ip_prefix *from,
                         const struct socket_password *password)
{
    struct tcp_md5sig md5 = {.tcpm_keylen = password->len};
    struct ip_endpoint endpoint = {.addr = from->addr};
    struct sockaddr_storage addr;
    (void)endpoint_to_sockaddr(&endpoint, &addr);
    memcpy(&md5.tcpm_addr, &addr, sizeof(addr));
    if (option == TCP_MD5SIG_EXT) {
        md5.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
        md5.tcpm_prefixlen = from->len;
    }
    memcpy(md5.tcpm_key, password->bytes, password->len);
    bool ok = setsockopt(fd, IPPROTO_TCP, option, &md5, sizeof(md5)) == 0;
    int error = errno;
    explicit_bzero(&md5, sizeof(md5));
    errno = error;
    return ok;
}

enum status socket_options_connect(int fd, const struct ip_addr *remote,
                                   const struct socket_options *options,
                                   char ret_why[SOCKET_WHY_MAX])
{
    struct ip_prefix whole = {.addr = *remote};
    enum status status = set_device(fd, options->device, ret_why);
    if (status == STATUS_OK)
        status = set_distance(fd, remote->family, options->ttl, options->ttl_least, ret_why);
    if (status == STATUS_OK && options->password.len > 0 &&
        !set_password(fd, TCP_MD5SIG, &whole, &options->password))
        status = fail(ret_why, "TCP MD5");
    return status;
}

/*
 * What answers a SYN has the listener's TTL, and a neighbour that looks at TTLs takes only the
 * largest. The SYN itself is kept so that its own can be looked at.
 */
enum status socket_options_listen(int fd, uint8_t family, const char *device,
                                  char ret_why[SOCKET_WHY_MAX])
{
    enum status status = set_device(fd, device, ret_why);
    if (status == STATUS_OK)
        status = set_distance(fd, family, TTL_MOST, 0, ret_why);
    if (status == STATUS_OK && !set_number(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1))
        status = fail(ret_why, "TCP_SAVE_SYN");
    return status;
}

void socket_options_share(int fd, bool shares)
{
    (void)set_number(fd, SOL_SOCKET, SO_REUSEPORT, shares);
}

/* Before the kernel judges by itself, a connection is made already. Where it answered by a cookie
 * it kept no SYN, and what follows is judged all the same. */
static bool came_too_far(int fd, uint8_t family, uint8_t ttl_least)
{
    uint8_t syn[SYN_MAX];
    socklen_t len = sizeof(syn);
    size_t at = family == ADDR_IPV6 ? IPV6_HOPS_AT : IPV4_TTL_AT;
    return getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len) == 0 && len > at &&
           syn[at] < ttl_least;
}

enum status socket_options_accepted(int fd, uint8_t family, const struct socket_options *options,
                                    char ret_why[SOCKET_WHY_MAX])
{
    enum status status = set_distance(fd, family, options->ttl, options->ttl_least, ret_why);
    if (status != STATUS_OK || options->ttl_least == 0 ||
        !came_too_far(fd, family, options->ttl_least))
        return status;
    (void)snprintf(ret_why, SOCKET_WHY_MAX, "it comes from farther away than gtsm_hops says");
    return STATUS_REFUSED;
}

enum status socket_options_expect(int fd, const struct ip_prefix *from,
                                  const struct socket_password *password,
                                  char ret_why[SOCKET_WHY_MAX])
{
    if (set_password(fd, TCP_MD5SIG_EXT, from, password))
        return STATUS_OK;
    return fail(ret_why, "TCP MD5");
}
