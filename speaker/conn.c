#include "speaker/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_ROOM = 65536, /* the largest message; pages that nothing was read into cost nothing */
    WRITE_ROOM = CONN_WRITE_MAX, /* likewise: what the kernel takes at once was never in it */
    LINGER_MS = 1000,            /* how long a closing peer is waited for */
};

struct conn {
    struct conns *conns;
    uv_tcp_t tcp;
    uv_timer_t linger;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct conn_events events;
    size_t handles_open;
    bool up, writing, closing, shutting, closed;
    uint8_t in[READ_ROOM];
    size_t in_len;
    /* Two halves: the kernel reads one while the other fills. */
    uint8_t out[2][WRITE_ROOM];
    size_t out_len[2];
    unsigned int filling;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    if (--conn->handles_open > 0)
        return;
    struct conns *conns = conn->conns;
    free(conn);
    if (--conns->open == 0 && conns->on_none_left != NULL)
        conns->on_none_left(conns->owner);
}

void conn_abort(struct conn *conn)
{
    if (conn == NULL || conn->closed)
        return;
    conn->closing = conn->closed = true;
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&conn->linger, on_handle_closed);
}

/* A socket is made at once where the family is known. */
static struct conn *new_conn(struct conns *conns, unsigned int family)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return NULL;
    if (uv_tcp_init_ex(conns->loop, &conn->tcp, family) != 0) {
        free(conn);
        return NULL;
    }
    (void)uv_timer_init(conns->loop, &conn->linger);
    conn->tcp.data = conn->linger.data = conn;
    conn->connect.data = conn->write.data = conn->shutdown.data = conn;
    conn->handles_open = 2;
    conn->conns = conns;
    conns->open++;
    return conn;
}

static void fail(struct conn *conn, int error)
{
    if (conn->closing)
        conn_abort(conn); /* it was leaving anyway */
    else
        conn->events.on_down(conn->events.owner,
                             error == UV_EOF ? "closed by peer" : uv_strerror(error));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    struct conn *conn = handle->data;
    (void)suggested;
    *ret_room =
        uv_buf_init((char *)conn->in + conn->in_len, READ_ROOM - (unsigned int)conn->in_len);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct conn *conn = stream->data;
    (void)room;
    if (n < 0) {
        fail(conn, (int)n);
        return;
    }
    if (conn->closing || n == 0)
        return; /* what comes after our goodbye is read only to be gone */
    conn->in_len += (size_t)n;
    size_t taken = conn->events.on_bytes(conn->events.owner, conn->in, conn->in_len);
    if (conn->closing) {
        conn->in_len = 0;
        return;
    }
    conn->in_len -= taken;
    if (taken > 0)
        memmove(conn->in, conn->in + taken, conn->in_len);
}

static int start_reading(struct conn *conn)
{
    return uv_read_start((uv_stream_t *)&conn->tcp, on_room, on_read);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void flush(struct conn *conn);

static void on_written(uv_write_t *write, int error)
{
    struct conn *conn = write->data;
    conn->writing = false;
    if (conn->closed)
        return;
    if (error != 0) {
        fail(conn, error);
        return;
    }
    flush(conn);
    if (!conn->writing && !conn->closing)
        conn->events.on_written(conn->events.owner);
}

static void on_shut(uv_shutdown_t *shutdown, int error)
{
    struct conn *conn = shutdown->data;
    if (error != 0)
        conn_abort(conn);
}

/* Octets that the kernel took; all of them where it cannot take any more, which the reading side
 * will report: a callback from inside a write would surprise. */
static size_t write_now(struct conn *conn, const void *bytes, size_t len)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned int)len);
    int n = uv_try_write((uv_stream_t *)&conn->tcp, &buffer, 1);
    if (n < 0 && n != UV_EAGAIN && conn->closing)
        conn_abort(conn);
    return n >= 0 ? (size_t)n : n == UV_EAGAIN ? 0 : len;
}

/* Hands the filled half to the kernel, as much as possible now and the rest by the loop. */
static void flush(struct conn *conn)
{
    if (conn->writing || conn->closed || !conn->up)
        return;
    unsigned int half = conn->filling;
    size_t len = conn->out_len[half];
    if (len > 0) {
        size_t done = write_now(conn, conn->out[half], len);
        conn->out_len[half] = 0;
        if (done < len) {
            uv_buf_t bytes =
                uv_buf_init((char *)conn->out[half] + done, (unsigned int)(len - done));
            conn->filling = 1 - half;
            conn->writing =
                uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &bytes, 1, on_written) == 0;
            return;
        }
    }
    if (conn->closing && !conn->shutting && !conn->closed) {
        conn->shutting = true;
        if (uv_shutdown(&conn->shutdown, (uv_stream_t *)&conn->tcp, on_shut) != 0)
            conn_abort(conn);
    }
}

bool conn_is_idle(const struct conn *conn)
{
    return conn->up && !conn->writing && conn->out_len[conn->filling] == 0;
}

enum status conn_write(struct conn *conn, const void *bytes, size_t len)
{
    if (conn->closing)
        return STATUS_AWAY;
    size_t *out_len = &conn->out_len[conn->filling];
    if (len > WRITE_ROOM - *out_len)
        return STATUS_LIMIT;
    /* Nearly always that is all, and no octet is copied. */
    size_t done = conn_is_idle(conn) ? write_now(conn, bytes, len) : 0;
    if (done == len)
        return STATUS_OK;
    memcpy(conn->out[conn->filling] + *out_len, (const uint8_t *)bytes + done, len - done);
    *out_len += len - done;
    flush(conn);
    return STATUS_OK;
}

size_t conn_room(const struct conn *conn)
{
    return WRITE_ROOM - conn->out_len[conn->filling];
}

void conn_dismiss(struct conn *conn, const void *bytes, size_t len)
{
    uv_buf_t words = uv_buf_init((char *)(uintptr_t)bytes, (unsigned int)len);
    (void)uv_try_write((uv_stream_t *)&conn->tcp, &words, 1);
    conn_abort(conn);
}

static void on_linger_over(uv_timer_t *timer)
{
    conn_abort(timer->data);
}

void conn_close(struct conn *conn)
{
    if (conn == NULL || conn->closing)
        return;
    if (!conn->up) {
        conn_abort(conn);
        return;
    }
    conn->closing = true;
    (void)uv_timer_start(&conn->linger, on_linger_over, LINGER_MS, 0);
    flush(conn);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int fd_of(const struct conn *conn)
{
    uv_os_fd_t fd = -1;
    (void)uv_fileno((const uv_handle_t *)&conn->tcp, &fd);
    return fd;
}

static void on_connected(uv_connect_t *connect, int error)
{
    struct conn *conn = connect->data;
    if (conn->closed)
        return;
    if (error == 0) {
        conn->up = true;
        error = start_reading(conn);
    }
    if (error != 0)
        fail(conn, error);
    else
        conn->events.on_up(conn->events.owner);
}

enum status conn_connect(struct conn **ret_conn, struct conns *conns,
                         const struct conn_options *options, char ret_why[SOCKET_WHY_MAX])
{
    struct sockaddr_storage remote, local;
    const char *device = options->socket->device;
    bool is6 = options->remote.addr.family == ADDR_IPV6;
    struct conn *conn = new_conn(conns, is6 ? AF_INET6 : AF_INET);
    if (conn == NULL) {
        (void)snprintf(ret_why, SOCKET_WHY_MAX, "no socket");
        return STATUS_NO_MEMORY;
    }
    conn->events = options->events;
    socket_address(&options->remote, device, &remote);
    struct ip_endpoint from = {.addr = options->local};
    if (from.addr.family == ADDR_NONE)
        from.addr.family = options->remote.addr.family; /* the address of all zeros */
    socket_address(&from, device, &local);
    enum status status =
        socket_options_connect(fd_of(conn), &options->remote.addr, options->socket, ret_why);
    if (status != STATUS_OK) {
        conn_abort(conn);
        return status;
    }
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    int error = uv_tcp_bind(&conn->tcp, (const struct sockaddr *)&local, 0);
    if (error == 0)
        error = uv_tcp_connect(&conn->connect, &conn->tcp, (const struct sockaddr *)&remote,
                               on_connected);
    if (error != 0) {
        (void)snprintf(ret_why, SOCKET_WHY_MAX, "%s", uv_strerror(error));
        conn_abort(conn);
        return STATUS_IO;
    }
    *ret_conn = conn;
    return STATUS_OK;
}

enum status conn_accept(struct conn **ret_conn, struct conns *conns, uv_stream_t *listener,
                        struct ip_endpoint *ret_remote, struct ip_endpoint *ret_local)
{
    struct sockaddr_storage remote, local;
    int len = sizeof(remote), local_len = sizeof(local);
    struct conn *conn = new_conn(conns, AF_UNSPEC);
    if (conn == NULL)
        return STATUS_NO_MEMORY;
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp) != 0) {
        conn_abort(conn);
        return STATUS_NO_MEMORY;
    }
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&remote, &len) != 0 ||
        uv_tcp_getsockname(&conn->tcp, (struct sockaddr *)&local, &local_len) != 0 ||
        endpoint_from_sockaddr(ret_remote, (const struct sockaddr *)&remote) != STATUS_OK ||
        endpoint_from_sockaddr(ret_local, (const struct sockaddr *)&local) != STATUS_OK) {
        conn_abort(conn);
        return STATUS_IO;
    }
    *ret_conn = conn;
    return STATUS_OK;
}

enum status conn_prepare(struct conn *conn, const struct socket_options *options,
                         char ret_why[SOCKET_WHY_MAX])
{
    struct sockaddr_storage own;
    int len = sizeof(own);
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (uv_tcp_getsockname(&conn->tcp, (struct sockaddr *)&own, &len) != 0) {
        (void)snprintf(ret_why, SOCKET_WHY_MAX, "the connection is gone already");
        return STATUS_IO;
    }
    uint8_t family = own.ss_family == AF_INET6 ? ADDR_IPV6 : ADDR_IPV4;
    return socket_options_accepted(fd_of(conn), family, options, ret_why);
}

void conn_adopt(struct conn *conn, const struct conn_events *events)
{
    conn->events = *events;
    conn->up = true;
    (void)start_reading(conn);
}
