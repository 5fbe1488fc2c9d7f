#ifndef COLLECTOR_STEERING_H
#define COLLECTOR_STEERING_H

#include "common/base/addr.h"

/*
 * Which worker an exporter's datagrams go to: a mixing hash of its address, modulo the workers, in
 * the kernel by a classic BPF program on the sockets of a port. An exporter stays with one worker,
 * so templates and data always meet, whatever its source ports and formats.
 */

/* Attached to one socket of the port's group once all `workers` of them are bound, in the order of
 * the workers. */
enum status steering_attach(int fd, uint32_t workers);

/* What the program decides, for tests and logs. */
uint32_t steering_worker(const struct ip_addr *addr, uint32_t workers);

#endif
