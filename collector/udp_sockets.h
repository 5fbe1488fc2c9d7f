#ifndef COLLECTOR_UDP_SOCKETS_H
#define COLLECTOR_UDP_SOCKETS_H

#include "common/base/addr.h"

/*
 * The sockets of all ports and workers: for each port one a worker, bound in the workers' order,
 * then steered by the sender's address. They open together and close together: closing one of a
 * group would send half the exporters to other workers.
 */
struct udp_sockets {
    int *fds; /* port by port, in each the workers' in order; -1 where none */
    size_t ports;
    uint32_t workers;
    uint16_t *bound;               /* the port that each group got, where 0 was asked for */
    uint64_t receive_buffer_bytes; /* the smallest that the kernel gave */
};

/* IO: a port cannot be bound; *ret_failed is which endpoint, and errno says why. */
enum status udp_sockets_open(struct udp_sockets *ret_sockets, const struct ip_endpoint *endpoints,
                             size_t ports, uint32_t workers, uint64_t receive_buffer_bytes,
                             size_t *ret_failed);
void udp_sockets_close(struct udp_sockets *sockets);
int udp_sockets_fd(const struct udp_sockets *sockets, size_t port, uint32_t worker);

#endif
