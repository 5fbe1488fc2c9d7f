#include "common/base/clock.h"
#include "speaker/bgp/rib_out.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The two ends that a speaker is measured against.
 *
 *   bgp_blast send FROM TO PORT AS ROUTES    an announcer that does nothing but write: it opens a
 *       session, prepares the UPDATEs, says "established", waits for a line, writes all of them,
 *       says "written OCTETS", and keeps the session until its input ends. What a receiver needs
 *       then is its own.
 *   bgp_blast sink FIRST COUNT PORT AS DEAF  so many receivers, on addresses from FIRST on, that
 *       read everything and look at nothing; the first DEAF of them stop reading once their session
 *       stands, with the smallest of buffers. Says "listening", and ends with its input.
 */
enum { PEERS_MAX = 256, HOLD_S = 90, KEEPALIVE_MS = 10000, ROUTES_MAX = 1000000 };

static void die(const char *what)
{
    fprintf(stderr, "bgp_blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

static void write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0)
            die("write");
        bytes += n;
        len -= (size_t)n;
    }
}

static size_t open_bytes(uint8_t bytes[128], uint32_t as, uint32_t router_id)
{
    struct wire_writer w = wire_writer_of(bytes, 128);
    size_t at = message_begin(&w, BGP_OPEN);
    wire_put_u8(&w, 4);
    wire_put_u16(&w, (uint16_t)(as > UINT16_MAX ? BGP_AS_TRANS : as));
    wire_put_u16(&w, HOLD_S);
    wire_put_u32(&w, router_id);
    wire_put_u8(&w, 16);
    wire_put_u8(&w, 2);
    wire_put_u8(&w, 14);
    wire_put_bytes(&w, "\x01\x04\x00\x01\x00\x85", 6); /* IPv4 Flowspec */
    wire_put_bytes(&w, "\x02\x00", 2);                 /* route refresh */
    wire_put_bytes(&w, "\x41\x04", 2);                 /* AS numbers of 4 octets */
    wire_put_u32(&w, as);
    message_end(&w, at);
    return w.len;
}

/* True every ten seconds. */
static bool keepalive_is_due(void)
{
    static uint64_t last_ms;
    struct clock clock = clock_system();
    uint64_t now_ms = clock_mono_ms(&clock);
    bool due = now_ms >= last_ms + KEEPALIVE_MS;
    if (due)
        last_ms = now_ms;
    return due;
}

static void send_keepalive(int fd)
{
    uint8_t bytes[BGP_HEADER_LEN];
    size_t len;
    if (message_write_keepalive(bytes, sizeof(bytes), &len) == STATUS_OK)
        write_all(fd, bytes, len);
}

/* One side of a session, as far as it matters here. */
struct end {
    int fd;
    uint32_t as, router_id;
    bool speaks_first, is_up, deaf;
    uint8_t in[65536];
    size_t in_len;
};

static void send_open(const struct end *end)
{
    uint8_t bytes[128];
    write_all(end->fd, bytes, open_bytes(bytes, end->as, end->router_id));
}

/* False: it closed. */
static bool take(struct end *end)
{
    ssize_t n = read(end->fd, end->in + end->in_len, sizeof(end->in) - end->in_len);
    if (n <= 0)
        return false;
    end->in_len += (size_t)n;
    size_t at = 0;
    for (;;) {
        size_t left = end->in_len - at;
        size_t len = left >= BGP_HEADER_LEN ? (size_t)end->in[at + 16] << 8 | end->in[at + 17] : 0;
        if (len < BGP_HEADER_LEN || len > left)
            break;
        uint8_t type = end->in[at + 18];
        if (type == BGP_OPEN && !end->speaks_first)
            send_open(end);
        if (type == BGP_OPEN)
            send_keepalive(end->fd);
        if (type == BGP_KEEPALIVE)
            end->is_up = true;
        if (type == BGP_NOTIFICATION && end->in[at + 19] != BGP_ERROR_CEASE) {
            fprintf(stderr, "bgp_blast: notification %u/%u\n", end->in[at + 19], end->in[at + 20]);
            return false;
        }
        at += len;
    }
    memmove(end->in, end->in + at, end->in_len - at);
    end->in_len -= at;
    return true;
}

/* --- send ---------------------------------------------------------------------------------------
 */

struct prepared {
    uint8_t *bytes;
    size_t len;
};

/* The same rules that the others are told: UDP from port 53 to 10.0.0.0 + i, discarded. */
static void add_rules(struct rib *rib, struct rib_out *out, uint32_t routes)
{
    static const uint8_t discard[1][COMMUNITY_LEN] = {{0x80, 6}};
    struct communities communities = {.at = discard, .count = 1};
    uint32_t attributes, id;
    if (rib_hold_attributes(rib, &communities, &attributes) != STATUS_OK)
        die("attributes");
    for (uint32_t i = 0; i < routes; i++) {
        uint8_t nlri[] = {
            12, 1,    32,   10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0x03, 0x81,
            17, 0x06, 0x81, 53};
        if (rib_hold_nlri(rib, BGP_FLOW4, nlri, sizeof(nlri), &id) != STATUS_OK ||
            rib_out_want(out, id, attributes) != STATUS_OK)
            die("rule");
    }
}

static struct prepared prepare(uint32_t as, uint32_t routes)
{
    static struct rib_out_batch batch;
    struct update_path path = {
        .local_as = as, .ibgp = true, .as4 = true, .no_export = true, .local_preference = 100};
    struct rib *rib = rib_new(ROUTES_MAX);
    struct rib_out out;
    struct prepared p = {.bytes = malloc(64 + (size_t)routes * 64)};
    if (rib == NULL || p.bytes == NULL)
        die("memory");
    rib_out_init(&out, rib, ROUTES_MAX, 0);
    add_rules(rib, &out, routes);
    rib_out_up(&out, 1U << BGP_FLOW4, 0);
    rib_out_complete(&out);
    for (;;) {
        rib_out_next(&out, &path, 0, p.bytes + p.len, BGP_MESSAGE_MAX, &batch);
        if (batch.kind == RIB_OUT_NONE)
            break;
        p.len += batch.len;
        rib_out_batch_done(&out, &batch);
    }
    rib_out_done(&out);
    rib_free(rib);
    return p;
}

static int socket_of(const struct sockaddr_in *own)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        bind(fd, (const struct sockaddr *)own, sizeof(*own)) != 0)
        die("socket");
    return fd;
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, text, &at.sin_addr) != 1)
        die(text);
    return at;
}

static int send_side(char **args)
{
    static struct end end;
    struct sockaddr_in own = address_of(args[0], "0"), to = address_of(args[1], args[2]);
    uint32_t as = (uint32_t)strtoul(args[3], NULL, 10);
    struct prepared p = prepare(as, (uint32_t)strtoul(args[4], NULL, 10));
    char line[64];
    end = (struct end){.fd = socket_of(&own),
                       .as = as,
                       .router_id = ntohl(own.sin_addr.s_addr),
                       .speaks_first = true};
    if (connect(end.fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    send_open(&end);
    while (!end.is_up)
        if (!take(&end))
            die("no session");
    say("established");
    struct pollfd both[2] = {{.fd = 0, .events = POLLIN}, {.fd = end.fd, .events = POLLIN}};
    for (;;) {
        (void)poll(both, 2, KEEPALIVE_MS);
        if (keepalive_is_due())
            send_keepalive(end.fd);
        if (both[1].revents != 0 && !take(&end))
            return 1;
        if (both[0].revents == 0)
            continue;
        if (fgets(line, sizeof(line), stdin) == NULL)
            return 0;
        write_all(end.fd, p.bytes, p.len);
        printf("written %zu\n", p.len);
        fflush(stdout);
    }
}

/* --- sink ---------------------------------------------------------------------------------------
 */

struct sinks {
    struct pollfd fds[1 + 2 * PEERS_MAX]; /* input, the listening ones, their sessions */
    struct end *ends;
    size_t count, deaf;
};

static void listen_at(struct sinks *s, size_t i, struct sockaddr_in own)
{
    int least = 1;
    own.sin_addr.s_addr = htonl(ntohl(own.sin_addr.s_addr) + (uint32_t)i);
    int fd = socket_of(&own);
    if (i < s->deaf && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) != 0)
        die("buffer");
    if (listen(fd, 4) != 0)
        die("listen");
    s->fds[1 + i] = (struct pollfd){.fd = fd, .events = POLLIN};
    s->fds[1 + s->count + i] = (struct pollfd){.fd = -1};
    s->ends[i].router_id = ntohl(own.sin_addr.s_addr);
}

static void accept_at(struct sinks *s, size_t i)
{
    int fd = accept(s->fds[1 + i].fd, NULL, NULL);
    struct pollfd *session = &s->fds[1 + s->count + i];
    if (fd < 0)
        return;
    if (session->fd >= 0)
        close(session->fd);
    *session = (struct pollfd){.fd = fd, .events = POLLIN};
    s->ends[i].fd = fd;
    s->ends[i].in_len = 0;
    s->ends[i].is_up = false;
}

static void read_at(struct sinks *s, size_t i)
{
    struct pollfd *session = &s->fds[1 + s->count + i];
    if (take(&s->ends[i])) {
        if (s->ends[i].is_up && i < s->deaf)
            session->events = 0;
        return;
    }
    close(session->fd);
    session->fd = -1;
}

static int sink_side(char **args)
{
    static struct sinks s;
    struct sockaddr_in first = address_of(args[0], args[2]);
    s.count = strtoul(args[1], NULL, 10);
    s.deaf = strtoul(args[4], NULL, 10);
    if (s.count > PEERS_MAX || (s.ends = calloc(s.count, sizeof(*s.ends))) == NULL)
        die("so many receivers");
    s.fds[0] = (struct pollfd){.fd = 0, .events = POLLIN};
    for (size_t i = 0; i < s.count; i++) {
        listen_at(&s, i, first);
        s.ends[i].as = (uint32_t)strtoul(args[3], NULL, 10);
    }
    say("listening");
    for (;;) {
        (void)poll(s.fds, 1 + 2 * s.count, KEEPALIVE_MS);
        bool due = keepalive_is_due();
        for (size_t i = 0; i < s.count; i++) {
            if (due && s.fds[1 + s.count + i].fd >= 0 && s.ends[i].is_up)
                send_keepalive(s.ends[i].fd);
            if (s.fds[1 + i].revents != 0)
                accept_at(&s, i);
            else if (s.fds[1 + s.count + i].revents != 0)
                read_at(&s, i);
        }
        if (s.fds[0].revents != 0)
            return 0;
    }
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "send") == 0)
        return send_side(argv + 2);
    if (argc == 7 && strcmp(argv[1], "sink") == 0)
        return sink_side(argv + 2);
    fprintf(stderr,
            "usage: bgp_blast send FROM TO PORT AS ROUTES | sink FIRST COUNT PORT AS DEAF\n");
    return 2;
}
