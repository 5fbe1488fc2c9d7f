#include "ctl/outlet.h"

#include "ctl/capture_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SEND_TRIES = 1000, /* while the kernel's buffers are full, a millisecond apart */
    SEND_BUFFER = 1 << 20,
    FILE_BUFFER = 1 << 20,
    SETTLE_NS = 20000000 /* a way to the other side and back; on this machine it takes no time */
};

bool outlet_init(struct outlet *o, const struct command_context *context,
                 const struct ip_endpoint *to, bool sends, const char *path,
                 const volatile int *stop)
{
    memset(o, 0, offsetof(struct outlet, headers));
    o->stop = stop;
    o->to = *to;
    o->sends = sends;
    if (path == NULL)
        return true;
    o->file = fopen(path, "wbe");
    if (o->file == NULL)
        return command_failed(context, "cannot write %s: %s", path, strerror(errno)) == EXIT_DONE;
    (void)setvbuf(o->file, NULL, _IOFBF, FILE_BUFFER);
    capture_write_head(o->file);
    return true;
}

/* A socket for each of thousands of senders is more than a shell usually allows. */
static void allow_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_socket(const struct outlet *o, const struct ip_endpoint *from, bool is_bound)
{
    struct sockaddr_storage address;
    socklen_t len = endpoint_to_sockaddr(&o->to, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = SEND_BUFFER;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    struct sockaddr_storage local;
    struct ip_endpoint any_port = {.addr = from != NULL ? from->addr : (struct ip_addr){0}};
    socklen_t local_len = is_bound ? endpoint_to_sockaddr(&any_port, &local) : 0;
    if ((is_bound && bind(fd, (const struct sockaddr *)&local, local_len) != 0) ||
        connect(fd, (const struct sockaddr *)&address, len) != 0) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

bool outlet_add_sender(struct outlet *o, const struct command_context *context,
                       const struct ip_endpoint *from, bool is_bound)
{
    if (o->sender_count == o->sender_room) {
        uint32_t room = o->sender_room == 0 ? 16 : o->sender_room * 2;
        struct outlet_sender *more = realloc(o->senders, room * sizeof(*more));
        if (more == NULL)
            return command_failed(context, "out of memory") == EXIT_DONE;
        o->senders = more;
        o->sender_room = room;
    }
    struct outlet_sender *s = &o->senders[o->sender_count];
    *s = (struct outlet_sender){.socket = -1};
    if (from != NULL)
        s->from = *from;
    if (o->sends) {
        char text[ADDR_TEXT_MAX];
        if (o->sender_count == 512)
            allow_sockets();
        s->socket = open_socket(o, from, is_bound);
        if (s->socket < 0 && is_bound)
            return command_failed(context, "cannot send from %s: %s",
                                  addr_format(&s->from.addr, text), strerror(errno)) == EXIT_DONE;
        if (s->socket < 0)
            return command_failed(context, "cannot send there: %s", strerror(errno)) == EXIT_DONE;
    }
    o->sender_count++;
    return true;
}

static bool is_stopped(const struct outlet *o)
{
    return o->stop != NULL && *o->stop != 0;
}

/* What the other side says of a datagram the kernel keeps for the socket's next call, once for all
 * that came since: it is taken for the whole of the call before. */
static void count_refusal(struct outlet *o, struct outlet_sender *s)
{
    o->refused++;
    o->unheard += s->unanswered;
    s->unanswered = 0;
}

/* Those from `first` on that have one sender; how many of them are done with. */
static uint32_t send_some(struct outlet *o, uint32_t first, uint32_t count)
{
    struct outlet_sender *s = &o->senders[o->sender_of[first]];
    for (int tries = 0; tries < SEND_TRIES;) {
        int sent = sendmmsg(s->socket, &o->headers[first], count, 0);
        if (sent > 0) {
            for (int i = 0; i < sent; i++)
                o->octets += o->parts[first + (uint32_t)i].iov_len;
            o->datagrams += (uint32_t)sent;
            /* Why the call before ended early sendmmsg() kept to itself; what is over at the next
             * try was a refusal, which the kernel tells once. */
            if (o->ended_early && tries == 0)
                count_refusal(o, s);
            s->unanswered = (uint32_t)sent;
            o->ended_early = (uint32_t)sent < count;
            return (uint32_t)sent;
        }
        /* A datagram before this one was refused: nobody listened. This one was not sent. */
        if (errno == ECONNREFUSED) {
            count_refusal(o, s);
            o->ended_early = false;
            tries++;
            continue;
        }
        if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            break;
        if (is_stopped(o))
            return 1;
        if (errno != EINTR) {
            struct timespec pause = {.tv_nsec = 1000000};
            (void)nanosleep(&pause, NULL);
            tries++;
        }
    }
    o->why = errno;
    o->failures++;
    o->ended_early = false;
    return 1;
}

void outlet_flush(struct outlet *o)
{
    for (uint32_t at = 0; at < o->count;) {
        uint32_t same = 1;
        while (at + same < o->count && o->sender_of[at + same] == o->sender_of[at])
            same++;
        at += send_some(o, at, same);
    }
    o->count = 0;
    o->used = 0;
}

void outlet_put(struct outlet *o, uint32_t sender, const uint8_t *bytes, size_t len,
                uint64_t time_us)
{
    if (o->file != NULL &&
        !capture_write(o->file, &o->senders[sender].from, &o->to, bytes, len, time_us))
        o->write_failed = true;
    if (o->senders[sender].socket < 0) {
        o->datagrams++;
        o->octets += len;
        return;
    }
    if (o->count == OUTLET_BATCH || o->used + len > sizeof(o->bytes))
        outlet_flush(o);
    uint32_t at = o->count++;
    memcpy(o->bytes + o->used, bytes, len);
    o->sender_of[at] = sender;
    o->parts[at] = (struct iovec){o->bytes + o->used, len};
    o->headers[at] = (struct mmsghdr){.msg_hdr = {.msg_iov = &o->parts[at], .msg_iovlen = 1}};
    o->used += len;
}

void outlet_settle(struct outlet *o)
{
    outlet_flush(o);
    bool waited = false;
    for (uint32_t i = 0; i < o->sender_count; i++) {
        struct outlet_sender *s = &o->senders[i];
        int why = 0;
        socklen_t len = sizeof(why);
        if (s->socket < 0 || s->unanswered == 0)
            continue;
        if (!waited) {
            struct timespec pause = {.tv_nsec = SETTLE_NS};
            (void)nanosleep(&pause, NULL);
            waited = true;
        }
        if (getsockopt(s->socket, SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why == 0)
            continue;
        if (why == ECONNREFUSED) {
            count_refusal(o, s);
            continue;
        }
        /* It went out, and a router on its way would not pass it on. */
        o->why = why;
        o->failures++;
        o->datagrams--;
    }
}

bool outlet_sent_all(const struct outlet *o, const struct command_context *context)
{
    bool most_refused = o->unheard > o->datagrams / 2;
    if (o->failures > 0)
        (void)command_failed(context, "%" PRIu64 " of %" PRIu64 " datagrams could not be sent: %s",
                             o->failures, o->failures + o->datagrams, strerror(o->why));
    if (o->refused > 0)
        (void)command_failed(context,
                             "nobody listened there for %" PRIu64 " of %" PRIu64 " datagrams",
                             o->refused, o->datagrams);
    return o->failures == 0 && !most_refused;
}

bool outlet_done(struct outlet *o, const struct command_context *context)
{
    for (uint32_t i = 0; i < o->sender_count; i++)
        if (o->senders[i].socket >= 0)
            (void)close(o->senders[i].socket);
    free(o->senders);
    o->senders = NULL;
    o->sender_count = o->sender_room = 0;
    if (o->file == NULL)
        return true;
    bool whole = !o->write_failed && fflush(o->file) == 0;
    whole = fclose(o->file) == 0 && whole;
    o->file = NULL;
    if (!whole)
        (void)command_failed(context, "the capture could not be written whole: %s",
                             strerror(errno));
    return whole;
}
