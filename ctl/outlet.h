#ifndef CTL_OUTLET_H
#define CTL_OUTLET_H

#include "common/base/addr.h"
#include "ctl/command.h"

#include <stdio.h>
#include <sys/socket.h>

/*
 * Where export datagrams go: UDP, many with one call of the kernel, from one socket a sender; or a
 * capture file; or both. Datagrams go in the order in which they came.
 *
 *   outlet_init() → outlet_add_sender() … → outlet_put() … → outlet_flush() … → outlet_settle()
 *   → outlet_sent_all() and outlet_done()
 */
enum { OUTLET_BATCH = 64, OUTLET_ROOM = 1 << 17, OUTLET_SENDERS_MAX = 10000 };

struct outlet {
    struct ip_endpoint to;
    bool sends; /* false: only the file is written */
    FILE *file; /* ours; NULL: nothing is written */
    struct outlet_sender {
        int socket;
        struct ip_endpoint from; /* as the capture file says */
        uint32_t unanswered;     /* datagrams of its last call, of which no refusal came yet */
    } * senders;                 /* ours */
    uint32_t sender_count, sender_room;
    uint64_t datagrams, octets;
    uint64_t failures; /* datagrams that the kernel did not take */
    int why;           /* errno of the last of them */
    uint64_t refused;  /* datagrams of which the other side said that nobody listens */
    uint64_t unheard;  /* datagrams of the calls that were refused: the kernel tells one a call */
    bool ended_early;  /* the last call sent fewer than it was given */
    bool write_failed;
    const volatile int *stop; /* not 0: what cannot be sent at once is given up */

    uint32_t count;
    size_t used;
    uint32_t sender_of[OUTLET_BATCH];
    struct mmsghdr headers[OUTLET_BATCH];
    struct iovec parts[OUTLET_BATCH];
    uint8_t bytes[OUTLET_ROOM];
};

/* path NULL: no file. stop as above, or NULL. Says what is wrong. */
bool outlet_init(struct outlet *outlet, const struct command_context *context,
                 const struct ip_endpoint *to, bool sends, const char *path,
                 const volatile int *stop);
/* from: NULL where the kernel chooses; is_bound: the address is this machine's, to be sent from.
 * Says what is wrong. */
bool outlet_add_sender(struct outlet *outlet, const struct command_context *context,
                       const struct ip_endpoint *from, bool is_bound);
void outlet_put(struct outlet *outlet, uint32_t sender, const uint8_t *bytes, size_t len,
                uint64_t time_us);
void outlet_flush(struct outlet *outlet);
/* After the last one: sends the rest, and waits a moment for what the other side says of it. */
void outlet_settle(struct outlet *outlet);
/* False, said with how many: datagrams could not be sent, or nobody listened for most of them. */
bool outlet_sent_all(const struct outlet *outlet, const struct command_context *context);
/* False, said: the file is not whole. */
bool outlet_done(struct outlet *outlet, const struct command_context *context);

#endif
