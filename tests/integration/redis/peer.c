#include "tests/integration/redis/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_up(void *owner)
{
    struct peer *peer = owner;
    peer->ups++;
}

static void on_down(void *owner, enum status why)
{
    struct peer *peer = owner;
    peer->downs++;
    peer->down_why = why;
}

static void on_closed(void *owner)
{
    struct peer *peer = owner;
    peer->closed = true;
}

void peer_open(struct peer *peer, struct redis_options options)
{
    *peer = (struct peer){.ups = 0};
    cr_assert_eq(uv_loop_init(&peer->loop), 0);
    if (options.name == NULL)
        options.name = "test";
    options.on_up = on_up;
    options.on_down = on_down;
    options.owner = peer;
    cr_assert_eq(redis_new(&peer->redis, &peer->loop, &options), STATUS_OK);
    redis_start(peer->redis);
}

void peer_up(struct peer *peer, struct redis_options options)
{
    peer_open(peer, options);
    LOOP_UNTIL(&peer->loop, peer->ups == 1);
}

void peer_close(struct peer *peer)
{
    redis_close(peer->redis, on_closed, peer);
    LOOP_UNTIL(&peer->loop, peer->closed);
    cr_assert_eq(uv_loop_close(&peer->loop), 0, "a handle was left behind");
}

double shown_metric(const char *metric, const char *server)
{
    struct text all;
    char line[128];
    text_init(&all, 0);
    metrics_expose(&all);
    (void)snprintf(line, sizeof(line), "\n%s{server=\"%s\"} ", metric, server);
    const char *at = strstr(text_str(&all), line);
    cr_assert_not_null(at, "no %s", line);
    double value = strtod(at + strlen(line), NULL);
    text_done(&all);
    return value;
}

void on_answer(void *owner, enum status status, const struct redis_reply *reply)
{
    struct answers *answers = owner;
    answers->count++;
    answers->of[status]++;
    answers->last = status;
    answers->text[0] = '\0';
    if (reply == NULL)
        return;
    answers->type = reply->type;
    answers->integer = reply->integer;
    answers->items = reply->count;
    if (reply->bytes != NULL)
        snprintf(answers->text, sizeof answers->text, "%s", reply->bytes);
}

/* --- the liar --- */

static void on_spoken(uv_write_t *request, int error);

static void speak(struct liar *liar)
{
    uv_write_t *request = calloc(1, sizeof *request);
    cr_assert_not_null(request);
    uv_buf_t buffer = {.len = liar->says_len};
    memcpy(&buffer.base, &liar->says, sizeof buffer.base);
    request->data = liar;
    uv_write(request, (uv_stream_t *)&liar->connection, &buffer, 1, on_spoken);
}

static void accept_one(struct liar *liar);

static void on_connection_closed(uv_handle_t *handle)
{
    struct liar *liar = handle->data;
    liar->has_connection = false;
    if (liar->has_waiting && !uv_is_closing((const uv_handle_t *)&liar->listener))
        accept_one(liar);
}

static void hang_up(struct liar *liar)
{
    if (!uv_is_closing((uv_handle_t *)&liar->connection))
        uv_close((uv_handle_t *)&liar->connection, on_connection_closed);
}

static void on_spoken(uv_write_t *request, int error)
{
    struct liar *liar = request->data;
    free(request);
    if (error != 0)
        return;
    liar->written_bytes += liar->says_len;
    if (liar->endless)
        speak(liar);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    static char buffer[64 << 10];
    (void)handle;
    (void)suggested;
    *ret_buffer = uv_buf_init(buffer, sizeof buffer);
}

static void on_heard(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct liar *liar = stream->data;
    (void)buffer;
    if (len < 0) {
        hang_up(liar);
        return;
    }
    bool first = liar->read_bytes == 0 && len > 0;
    liar->read_bytes += (uint64_t)len;
    if (first && liar->says != NULL)
        speak(liar);
}

static void accept_one(struct liar *liar)
{
    liar->connections++;
    liar->has_connection = true;
    liar->has_waiting = false;
    liar->read_bytes = liar->written_bytes = 0;
    uv_tcp_init(liar->loop, &liar->connection);
    liar->connection.data = liar;
    cr_assert_eq(uv_accept((uv_stream_t *)&liar->listener, (uv_stream_t *)&liar->connection), 0);
    uv_read_start((uv_stream_t *)&liar->connection, on_buffer, on_heard);
}

static void on_connection(uv_stream_t *listener, int error)
{
    struct liar *liar = listener->data;
    cr_assert_eq(error, 0);
    liar->has_waiting = liar->has_connection;
    if (!liar->has_connection)
        accept_one(liar);
}

void liar_open(struct liar *liar, uv_loop_t *loop)
{
    struct sockaddr_in any, bound;
    int len = sizeof bound;
    liar->loop = loop;
    uv_tcp_init(loop, &liar->listener);
    liar->listener.data = liar;
    uv_ip4_addr("127.0.0.1", 0, &any);
    cr_assert_eq(uv_tcp_bind(&liar->listener, (const struct sockaddr *)&any, 0), 0);
    cr_assert_eq(uv_listen((uv_stream_t *)&liar->listener, 8, on_connection), 0);
    cr_assert_eq(uv_tcp_getsockname(&liar->listener, (struct sockaddr *)&bound, &len), 0);
    snprintf(liar->address, sizeof liar->address, "127.0.0.1:%d", ntohs(bound.sin_port));
}

void liar_reset(struct liar *liar)
{
    uv_tcp_close_reset(&liar->connection, on_connection_closed);
}

void liar_close(struct liar *liar)
{
    uv_close((uv_handle_t *)&liar->listener, NULL);
    if (liar->has_connection)
        hang_up(liar);
    LOOP_UNTIL(liar->loop, !liar->has_connection);
}
