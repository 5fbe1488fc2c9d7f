#ifndef COLLECTOR_IN_UDP_H
#define COLLECTOR_IN_UDP_H

#include "common/base/addr.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct in_udp;

/* bytes are lent for the length of the call. */
typedef void (*in_udp_on_datagram)(void *owner, const struct in_udp *in, const struct ip_addr *from,
                                   const uint8_t *bytes, size_t len);

struct in_udp_options {
    int fd; /* bound, not blocking; lent until closed */
    in_udp_on_datagram on_datagram;
    void (*on_turn_end)(void *owner); /* after the datagrams of one turn of the loop */
    void (*on_closed)(void *owner);
    void *owner;
};

/*
 * One socket on a loop: init -> start <-> stop -> close -> on_closed. The handle lives inside the
 * struct, so it must not move, and its memory may be given back only from on_closed or later. The
 * receive buffers are shared by all sockets of a loop.
 */
struct in_udp_buffers;
struct in_udp {
    uv_poll_t poll;
    struct in_udp_options options;
    struct in_udp_buffers *buffers;
    bool open, closing;
    bool is_behind; /* set by the owner, who stood still: datagrams waited; false once all are read
                     */
    uint32_t drops; /* of the kernel, as last told; it wraps */
    uint64_t kernel_drops, datagrams, receive_errors;
};

struct in_udp_buffers *in_udp_buffers_new(void);
void in_udp_buffers_free(struct in_udp_buffers *buffers);

enum status in_udp_init(struct in_udp *in, uv_loop_t *loop, struct in_udp_buffers *buffers,
                        const struct in_udp_options *options);
enum status in_udp_start(struct in_udp *in);
void in_udp_stop(struct in_udp *in);
void in_udp_close(struct in_udp *in); /* may be called in any state, and twice */

/* Reads what still waits in the socket, up to `datagrams_max`; for the end, after stop. */
void in_udp_drain(struct in_udp *in, size_t datagrams_max);
/* Asks the kernel for its drops. It could tell them with each datagram (SO_RXQ_OVFL), which would
 * cost every datagram some time and still not tell the last. */
void in_udp_ask_drops(struct in_udp *in);

#endif
