#include "collector/udp_sockets.h"

#include "collector/steering.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel doubles what is asked for, to have room for its own part, and says the double. */
static uint64_t set_receive_buffer(int fd, uint64_t bytes)
{
    int asked = (int)(bytes > INT32_MAX / 2 ? INT32_MAX / 2 : bytes), got = 0;
    socklen_t len = sizeof(got);

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof(asked)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &asked, sizeof(asked));
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len) != 0)
        return 0;
    return (uint64_t)got / 2;
}

static int open_one(const struct ip_endpoint *endpoint)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = endpoint_to_sockaddr(endpoint, &sockaddr);
    int on = 1, off = 0;
    int fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* "[::]" takes IPv4 too. */
    if (sockaddr.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&sockaddr, len) != 0) {
        int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage sockaddr;
    struct ip_endpoint endpoint;
    socklen_t len = sizeof(sockaddr);
    if (getsockname(fd, (struct sockaddr *)&sockaddr, &len) != 0 ||
        endpoint_from_sockaddr(&endpoint, (const struct sockaddr *)&sockaddr) != STATUS_OK)
        return 0;
    return endpoint.port;
}

static enum status open_group(struct udp_sockets *sockets, const struct ip_endpoint *endpoint,
                              size_t port, uint64_t receive_buffer_bytes)
{
    struct ip_endpoint at = *endpoint;
    int *fds = sockets->fds + port * sockets->workers;

    for (uint32_t worker = 0; worker < sockets->workers; worker++) {
        fds[worker] = open_one(&at);
        if (fds[worker] < 0)
            return STATUS_IO;
        uint64_t got = set_receive_buffer(fds[worker], receive_buffer_bytes);
        if (got < sockets->receive_buffer_bytes)
            sockets->receive_buffer_bytes = got;
        if (worker == 0)
            at.port = sockets->bound[port] = bound_port(fds[0]);
    }
    return sockets->workers > 1 ? steering_attach(fds[0], sockets->workers) : STATUS_OK;
}

enum status udp_sockets_open(struct udp_sockets *ret_sockets, const struct ip_endpoint *endpoints,
                             size_t ports, uint32_t workers, uint64_t receive_buffer_bytes,
                             size_t *ret_failed)
{
    struct udp_sockets sockets = {
        .ports = ports, .workers = workers, .receive_buffer_bytes = UINT64_MAX};
    enum status status = STATUS_OK;

    sockets.fds = malloc((ports * workers + 1) * sizeof(int));
    sockets.bound = calloc(ports + 1, sizeof(*sockets.bound));
    if (sockets.fds == NULL || sockets.bound == NULL) {
        free(sockets.fds);
        free(sockets.bound);
        *ret_failed = 0;
        errno = ENOMEM;
        return STATUS_NO_MEMORY;
    }
    memset(sockets.fds, 0xff, (ports * workers + 1) * sizeof(int));
    for (size_t port = 0; port < ports && status == STATUS_OK; port++) {
        status = open_group(&sockets, &endpoints[port], port, receive_buffer_bytes);
        *ret_failed = port;
    }
    if (status != STATUS_OK) {
        int kept = errno;
        udp_sockets_close(&sockets);
        errno = kept;
        return status;
    }
    *ret_sockets = sockets;
    return STATUS_OK;
}

void udp_sockets_close(struct udp_sockets *sockets)
{
    for (size_t i = 0; sockets->fds != NULL && i < sockets->ports * sockets->workers; i++)
        if (sockets->fds[i] >= 0)
            close(sockets->fds[i]);
    free(sockets->fds);
    free(sockets->bound);
    *sockets = (struct udp_sockets){0};
}

int udp_sockets_fd(const struct udp_sockets *sockets, size_t port, uint32_t worker)
{
    return sockets->fds[port * sockets->workers + worker];
}
