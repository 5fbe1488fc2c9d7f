#ifndef COLLECTOR_LOCK_H
#define COLLECTOR_LOCK_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Keeps a second collector off our ports: with SO_REUSEPORT the kernel would let it bind them, and
 * a part of the exporters would silently go there. One locked file a port in the state folder; the
 * locks go with the process, however it ends.
 */
enum { LOCK_PORTS_MAX = 64 };

struct port_locks {
    int fds[LOCK_PORTS_MAX];
    size_t count;
};

/* EXISTS: another process holds *ret_port. Port 0 needs no lock. */
enum status lock_ports(struct port_locks *ret_locks, const char *state_dir, const uint16_t *ports,
                       size_t count, uint16_t *ret_port);
void lock_release(struct port_locks *locks);

#endif
