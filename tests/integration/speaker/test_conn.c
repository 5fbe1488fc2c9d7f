#include "speaker/conn.h"

#include "tests/support/loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A listener that takes one connection, and reads only when it is told to. */
struct far {
    uv_tcp_t listener, tcp;
    struct ip_endpoint at;
    size_t received, out_of_order; /* of octets that say where they are, as numbered() makes them */
    bool accepted, ended, closed;
};

struct near {
    struct conns conns;
    struct conn *conn;
    bool up, none_left;
    size_t written;
    char why[80];
};

static void on_far_connection(uv_stream_t *listener, int error)
{
    struct far *far = listener->data;
    cr_assert_eq(error, 0);
    cr_assert_eq(uv_tcp_init(listener->loop, &far->tcp), 0);
    far->tcp.data = far;
    cr_assert_eq(uv_accept(listener, (uv_stream_t *)&far->tcp), 0);
    far->accepted = true;
}

static void far_listen(struct far *far, uv_loop_t *loop)
{
    struct sockaddr_in any;
    struct sockaddr_storage bound;
    int len = sizeof(bound);
    cr_assert_eq(uv_ip4_addr("127.0.0.1", 0, &any), 0);
    cr_assert_eq(uv_tcp_init(loop, &far->listener), 0);
    far->listener.data = far;
    cr_assert_eq(uv_tcp_bind(&far->listener, (const struct sockaddr *)&any, 0), 0);
    cr_assert_eq(uv_listen((uv_stream_t *)&far->listener, 1, on_far_connection), 0);
    cr_assert_eq(uv_tcp_getsockname(&far->listener, (struct sockaddr *)&bound, &len), 0);
    cr_assert_eq(endpoint_from_sockaddr(&far->at, (const struct sockaddr *)&bound), STATUS_OK);
}

static void on_far_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    static char room[65536];
    (void)handle;
    (void)suggested;
    *ret_room = uv_buf_init(room, sizeof(room));
}

static void on_far_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct far *far = stream->data;
    for (ssize_t i = 0; i < n; i++)
        far->out_of_order += (uint8_t)room->base[i] != (far->received + (size_t)i) % 251 ? 1 : 0;
    if (n > 0)
        far->received += (size_t)n;
    else if (n < 0)
        far->ended = true;
}

static void on_far_closed(uv_handle_t *handle)
{
    struct far *far = handle->data;
    far->closed = true;
}

static void on_up(void *owner)
{
    struct near *near = owner;
    near->up = true;
}

static size_t on_bytes(void *owner, const uint8_t *bytes, size_t len)
{
    (void)owner;
    (void)bytes;
    return len;
}

static void on_written(void *owner)
{
    (void)owner;
}

static void on_down(void *owner, const char *why)
{
    struct near *near = owner;
    strncpy(near->why, why, sizeof(near->why) - 1);
    conn_close(near->conn);
    near->conn = NULL;
}

static void on_none_left(void *owner)
{
    struct near *near = owner;
    near->none_left = true;
}

static void near_connect(struct near *near, uv_loop_t *loop, const struct ip_endpoint *to)
{
    near->conns = (struct conns){.loop = loop, .on_none_left = on_none_left, .owner = near};
    static const struct socket_options one_hop = {.ttl = 1};
    char why_not[SOCKET_WHY_MAX];
    struct conn_options options = {.remote = *to,
                                   .socket = &one_hop,
                                   .events = {.on_up = on_up,
                                              .on_bytes = on_bytes,
                                              .on_written = on_written,
                                              .on_down = on_down,
                                              .owner = near}};
    cr_assert_eq(conn_connect(&near->conn, &near->conns, &options, why_not), STATUS_OK);
}

Test(conn, a_peer_that_does_not_read_costs_a_bounded_buffer_and_hears_the_last_word_later)
{
    uv_loop_t loop;
    struct far far = {0};
    struct near near = {0};
    uint8_t block[4096] = {1};
    cr_assert_eq(uv_loop_init(&loop), 0);
    far_listen(&far, &loop);
    near_connect(&near, &loop, &far.at);
    LOOP_UNTIL(&loop, near.up && far.accepted);
    enum status status;
    while ((status = conn_write(near.conn, block, sizeof(block))) == STATUS_OK) {
        near.written += sizeof(block);
        cr_assert_lt(near.written, 64U << 20, "nothing stops the writer");
    }
    cr_assert_eq(status, STATUS_LIMIT);
    cr_assert_not(conn_is_idle(near.conn));
    cr_assert_lt(conn_room(near.conn), sizeof(block));
    conn_close(near.conn);
    cr_assert_eq(uv_read_start((uv_stream_t *)&far.tcp, on_far_room, on_far_read), 0);
    LOOP_UNTIL(&loop, far.ended);
    cr_assert_eq(far.received, near.written, "what was queued goes before the end");
    uv_close((uv_handle_t *)&far.tcp, on_far_closed);
    uv_close((uv_handle_t *)&far.listener, NULL);
    LOOP_UNTIL(&loop, near.none_left && far.closed);
    cr_assert_eq(near.conns.open, 0);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

static void numbered(uint8_t *bytes, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((from + i) % 251);
}

Test(conn, while_it_is_idle_the_largest_write_is_taken_and_nothing_passes_another)
{
    uv_loop_t loop;
    struct far far = {0};
    struct near near = {0};
    static uint8_t block[CONN_WRITE_MAX];
    cr_assert_eq(uv_loop_init(&loop), 0);
    far_listen(&far, &loop);
    near_connect(&near, &loop, &far.at);
    LOOP_UNTIL(&loop, near.up && far.accepted);
    while (conn_is_idle(near.conn)) {
        numbered(block, sizeof(block), near.written);
        cr_assert_eq(conn_write(near.conn, block, sizeof(block)), STATUS_OK);
        near.written += sizeof(block);
        cr_assert_lt(near.written, 64U << 20, "nothing stops the writer");
    }
    for (int i = 0; i < 100; i++) { /* as keepalives are */
        numbered(block, 19, near.written);
        cr_assert_eq(conn_write(near.conn, block, 19), STATUS_OK);
        near.written += 19;
    }
    cr_assert_eq(uv_read_start((uv_stream_t *)&far.tcp, on_far_room, on_far_read), 0);
    LOOP_UNTIL(&loop, far.received == near.written);
    cr_expect_eq(far.out_of_order, 0);
    cr_expect(conn_is_idle(near.conn));
    conn_close(near.conn);
    uv_close((uv_handle_t *)&far.tcp, on_far_closed);
    uv_close((uv_handle_t *)&far.listener, NULL);
    LOOP_UNTIL(&loop, near.none_left && far.closed);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(conn, a_peer_that_never_closes_is_left_after_a_moment)
{
    uv_loop_t loop;
    struct far far = {0};
    struct near near = {0};
    cr_assert_eq(uv_loop_init(&loop), 0);
    far_listen(&far, &loop);
    near_connect(&near, &loop, &far.at);
    LOOP_UNTIL(&loop, near.up && far.accepted);
    conn_close(near.conn);
    LOOP_UNTIL(&loop, near.none_left);
    uv_close((uv_handle_t *)&far.tcp, on_far_closed);
    uv_close((uv_handle_t *)&far.listener, NULL);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

Test(conn, a_refused_connection_says_why)
{
    uv_loop_t loop;
    struct far far = {0};
    struct near near = {0};
    cr_assert_eq(uv_loop_init(&loop), 0);
    far_listen(&far, &loop);
    uv_close((uv_handle_t *)&far.listener, NULL);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    near_connect(&near, &loop, &far.at);
    LOOP_UNTIL(&loop, near.none_left);
    cr_assert_str_eq(near.why, "connection refused");
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&loop), 0);
}
