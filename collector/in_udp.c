#include "collector/in_udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BATCH = 64,       /* datagrams a system call */
    TURN_BATCHES = 4, /* then other handles of the loop have their turn */
    DATAGRAM_MAX = 65536,
    USUAL_MAX = 2048 /* octets: what most datagrams fit, whose MTU is 1500 */
};

struct in_udp_buffers {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH][2];
    struct sockaddr_storage from[BATCH];
    /* The first octets of all datagrams lie together, so that usual ones need few pages and share
     * no sets of the cache. What a longer one has more comes behind room for its first octets. */
    uint8_t *heads; /* BATCH × USUAL_MAX */
    uint8_t *whole; /* BATCH × DATAGRAM_MAX */
};

struct in_udp_buffers *in_udp_buffers_new(void)
{
    struct in_udp_buffers *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return NULL;
    b->heads = malloc((size_t)BATCH * USUAL_MAX);
    b->whole = malloc((size_t)BATCH * DATAGRAM_MAX);
    if (b->heads == NULL || b->whole == NULL) {
        in_udp_buffers_free(b);
        return NULL;
    }
    for (size_t i = 0; i < BATCH; i++) {
        b->vectors[i][0] =
            (struct iovec){.iov_base = b->heads + i * USUAL_MAX, .iov_len = USUAL_MAX};
        b->vectors[i][1] = (struct iovec){.iov_base = b->whole + i * DATAGRAM_MAX + USUAL_MAX,
                                          .iov_len = DATAGRAM_MAX - USUAL_MAX};
        b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->from[i],
                                                 .msg_namelen = sizeof(b->from[i]),
                                                 .msg_iov = b->vectors[i],
                                                 .msg_iovlen = 2};
    }
    return b;
}

void in_udp_buffers_free(struct in_udp_buffers *buffers)
{
    if (buffers == NULL)
        return;
    free(buffers->heads);
    free(buffers->whole);
    free(buffers);
}

static const uint8_t *bytes_of(const struct mmsghdr *message)
{
    const struct iovec *vectors = message->msg_hdr.msg_iov;
    if (message->msg_len <= USUAL_MAX)
        return vectors[0].iov_base;
    return memcpy((uint8_t *)vectors[1].iov_base - USUAL_MAX, vectors[0].iov_base, USUAL_MAX);
}

static void give(struct in_udp *in, struct mmsghdr *message)
{
    struct ip_endpoint from;
    struct msghdr *head = &message->msg_hdr;
    head->msg_namelen =
        sizeof(struct sockaddr_storage); /* for the next: the kernel writes into it */
    if (head->msg_flags & MSG_TRUNC || endpoint_from_sockaddr(&from, head->msg_name) != STATUS_OK) {
        in->receive_errors++;
        return;
    }
    in->datagrams++;
    in->options.on_datagram(in->options.owner, in, &from.addr, bytes_of(message), message->msg_len);
}

/* One system call. Gives how many datagrams came. */
static size_t receive(struct in_udp *in)
{
    struct in_udp_buffers *b = in->buffers;
    int got = recvmmsg(in->options.fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
    if (got < 0) {
        in->receive_errors += errno != EAGAIN && errno != EINTR;
        return 0;
    }
    for (int i = 0; i < got; i++)
        give(in, &b->messages[i]);
    if (got < BATCH)
        in->is_behind = false;
    return (size_t)got;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct in_udp *in = poll->data;
    if (status < 0) {
        (void)receive(in);      /* takes the socket's error away, and counts it */
        (void)in_udp_start(in); /* libuv has ceased to watch it */
        return;
    }
    if (!(events & UV_READABLE))
        return;
    for (int i = 0; i < TURN_BATCHES; i++)
        if (receive(in) < BATCH)
            break;
    in->options.on_turn_end(in->options.owner);
}

enum status in_udp_init(struct in_udp *in, uv_loop_t *loop, struct in_udp_buffers *buffers,
                        const struct in_udp_options *options)
{
    memset(in, 0, sizeof(*in));
    in->options = *options;
    in->buffers = buffers;
    if (uv_poll_init_socket(loop, &in->poll, options->fd) != 0)
        return STATUS_IO;
    in->poll.data = in;
    in->open = true;
    return STATUS_OK;
}

enum status in_udp_start(struct in_udp *in)
{
    return uv_poll_start(&in->poll, UV_READABLE, on_readable) == 0 ? STATUS_OK : STATUS_IO;
}

void in_udp_stop(struct in_udp *in)
{
    if (in->open)
        (void)uv_poll_stop(&in->poll);
}

void in_udp_drain(struct in_udp *in, size_t datagrams_max)
{
    for (size_t read = 0; read < datagrams_max;) {
        size_t got = receive(in);
        read += got;
        if (got < BATCH)
            break;
    }
    in->options.on_turn_end(in->options.owner);
}

void in_udp_ask_drops(struct in_udp *in)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(in->options.fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
        len >= (SK_MEMINFO_DROPS + 1) * sizeof(info[0])) {
        in->kernel_drops += info[SK_MEMINFO_DROPS] - in->drops;
        in->drops = info[SK_MEMINFO_DROPS];
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct in_udp *in = handle->data;
    in->open = false;
    in->options.on_closed(in->options.owner);
}

void in_udp_close(struct in_udp *in)
{
    if (in->closing || !in->open)
        return;
    in->closing = true;
    uv_close((uv_handle_t *)&in->poll, on_handle_closed);
}
