#include "common/service/http.h"

#include "common/base/metrics.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

/* Where a connection's deadline stands; libmicrohttpd keeps the pointer with the connection. */
struct connection {
    struct connection *next, **link;
    struct MHD_Connection *mhd;
    uint64_t began_ms, ends_ms; /* on the loop's clock */
    bool has_request, ended;    /* ended: shut down, libmicrohttpd has yet to notice */
};

struct http {
    struct MHD_Daemon *daemon;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    struct http_options options;
    struct connection *connections; /* the newest first */
    size_t live_count;              /* of them: those that have not ended */
    unsigned int handles_open;
    bool closing;
    void (*on_closed)(void *owner);
};

enum {
    DEADLINE_TICK_MS = 500, /* how often deadlines are looked at while there are connections */
    /* Those that had to make room leave in libmicrohttpd's next turn, and it accepts ten a turn. */
    ENDED_ROOM = 64
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int code,
                              const char *type, const char *body, size_t len)
{
    /* libmicrohttpd's signature lacks a const; with MUST_COPY it only reads. */
    union {
        const char *lent;
        void *taken;
    } bytes = {.lent = body};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, bytes.taken, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO; /* closes the connection */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int code,
                                   const char *body)
{
    return answer(connection, code, "text/plain; charset=utf-8", body, strlen(body));
}

static enum MHD_Result answer_metrics(struct http *http, struct MHD_Connection *connection)
{
    struct text body;
    text_init(&body, 0);
    if (http->options.before_metrics != NULL)
        http->options.before_metrics(http->options.owner);
    metrics_expose(&body);
    enum MHD_Result result =
        body.failed ? answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n")
                    : answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                             text_str(&body), body.len);
    text_done(&body);
    return result;
}

static enum MHD_Result answer_health(struct http *http, struct MHD_Connection *connection)
{
    struct text why;
    text_init(&why, 4096);
    bool healthy =
        http->options.healthy == NULL || http->options.healthy(http->options.owner, &why);
    if (healthy)
        text_clear(&why);
    text_add(&why, healthy ? "ok\n" : "\n");
    enum MHD_Result result = answer_text(
        connection, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text_str(&why));
    text_done(&why);
    return result;
}

/* Called once the head of a request is there; a body is never waited for. */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **request)
{
    struct http *http = owner;
    (void)version;
    (void)body;
    (void)body_len;
    (void)request;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *known = info != NULL ? info->socket_context : NULL;
    if (known != NULL && !known->has_request) {
        known->has_request = true;
        known->ends_ms = known->began_ms + http->options.connection_ms;
    }
    bool metrics = strcmp(url, "/metrics") == 0, health = strcmp(url, "/healthz") == 0;
    if (!metrics && !health)
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    return metrics ? answer_metrics(http, connection) : answer_health(http, connection);
}

/* A shut-down socket reads as closed by the client, which libmicrohttpd tidies up by itself. */
static void end(struct http *http, struct connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (c->ended)
        return;
    c->ended = true;
    http->live_count--;
    if (info != NULL)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
}

/* The longest without a request goes; where each has sent one, the oldest. */
static void make_room(struct http *http)
{
    struct connection *idlest = NULL;
    for (struct connection *c = http->connections; c != NULL; c = c->next)
        if (!c->ended && (idlest == NULL || !c->has_request || idlest->has_request))
            idlest = c;
    if (idlest != NULL)
        end(http, idlest);
}

static void end_overdue(struct http *http)
{
    for (struct connection *c = http->connections; c != NULL; c = c->next)
        if (c->ends_ms <= uv_now(http->loop))
            end(http, c);
}

static void forget(struct http *http, struct connection *connection)
{
    if (!connection->ended)
        http->live_count--;
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    free(connection);
}

static void on_connection(void *owner, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = owner;
    struct connection *connection = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (connection != NULL)
            forget(http, connection);
        *socket_context = NULL;
        return;
    }
    connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return; /* has libmicrohttpd's own timeout between octets then */
    if (http->live_count >= HTTP_CONNECTIONS_MAX)
        make_room(http);
    uint64_t now_ms = uv_now(http->loop);
    *connection = (struct connection){.next = http->connections,
                                      .link = &http->connections,
                                      .mhd = mhd,
                                      .began_ms = now_ms,
                                      .ends_ms = now_ms + http->options.head_ms};
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    http->connections = connection;
    http->live_count++;
    *socket_context = connection;
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http)
{
    /* Once more after the last connection has gone: a listener that had stopped at its limit only
     * then goes on. */
    bool had_connections = http->connections != NULL;
    end_overdue(http);
    (void)MHD_run(http->daemon);
    MHD_UNSIGNED_LONG_LONG wait_ms = DEADLINE_TICK_MS;
    bool has_timeout = MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES;
    if (wait_ms > DEADLINE_TICK_MS)
        wait_ms = DEADLINE_TICK_MS;
    if (has_timeout || had_connections || http->connections != NULL)
        (void)uv_timer_start(&http->timer, on_timer, wait_ms, 0);
    else
        (void)uv_timer_stop(&http->timer);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct http *http = handle->data;
    assert(http->handles_open > 0);
    if (--http->handles_open > 0)
        return;
    if (http->on_closed != NULL)
        http->on_closed(http->options.owner);
    free(http);
}

void http_close(struct http *http, void (*on_closed)(void *owner))
{
    if (http == NULL || http->closing)
        return;
    http->closing = true;
    http->on_closed = on_closed;
    uv_close((uv_handle_t *)&http->poll, on_handle_closed);
    uv_close((uv_handle_t *)&http->timer, on_handle_closed);
    MHD_stop_daemon(http->daemon); /* closes the connections, and the epoll set we polled */
    http->daemon = NULL;
}

static struct MHD_Daemon *start_daemon(struct http *http)
{
    struct sockaddr_storage address;
    unsigned int flags = MHD_USE_EPOLL;
    (void)endpoint_to_sockaddr(&http->options.listen, &address);
    if (address.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http,            /**/
                            MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, /**/
                            MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX + ENDED_ROOM,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_REQUEST_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, HTTP_CONNECTION_MS / 1000,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
}

enum status http_start(struct http **ret_http, uv_loop_t *loop, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return STATUS_NO_MEMORY;
    http->loop = loop;
    http->options = *options;
    if (http->options.connection_ms == 0)
        http->options.connection_ms = HTTP_CONNECTION_MS;
    if (http->options.head_ms == 0)
        http->options.head_ms = HTTP_HEAD_MS;
    if (http->options.head_ms > http->options.connection_ms)
        http->options.head_ms = http->options.connection_ms;
    http->daemon = start_daemon(http);
    if (http->daemon == NULL) {
        free(http);
        return STATUS_IO;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(loop, &http->poll, info->epoll_fd) != 0) {
        MHD_stop_daemon(http->daemon);
        free(http);
        return STATUS_IO;
    }
    (void)uv_timer_init(loop, &http->timer); /* cannot fail */
    http->poll.data = http->timer.data = http;
    http->handles_open = 2;
    if (uv_poll_start(&http->poll, UV_READABLE, on_readable) != 0) {
        http_close(http, NULL);
        return STATUS_IO;
    }
    *ret_http = http;
    return STATUS_OK;
}

uint16_t http_port(const struct http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info == NULL ? 0 : info->port;
}
