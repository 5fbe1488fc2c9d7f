#include "speaker/listeners.h"

#include "common/base/hash.h"
#include "common/base/log.h"
#include "speaker/speaker_metrics.h"

#include <inttypes.h>
#include <stdlib.h>

/* A burst of strangers must not leave a peer outside: what finds no place here is tried again by
 * the other side, seconds later. */
enum { BACKLOG = 1024 };

struct listeners {
    struct speaker *speaker;
    struct log_limiter strangers;
    size_t count, open;
    void (*on_closed)(void *owner);
    uv_tcp_t sockets[];
};

static void turn_away(struct listeners *listeners, const struct ip_endpoint *remote)
{
    uint64_t suppressed, source = hash_seeded(&remote->addr, sizeof(remote->addr), 0);
    speaker_metrics_stranger();
    if (log_limiter_allow(&listeners->strangers, source, speaker_now_ms(listeners->speaker),
                          &suppressed)) {
        char text[ENDPOINT_TEXT_MAX];
        log_warn("connection from no peer", "from=%s suppressed=%" PRIu64,
                 endpoint_format(remote, text), suppressed);
    }
}

static void on_connection(uv_stream_t *socket, int error)
{
    struct listeners *listeners = socket->data;
    struct ip_endpoint remote;
    struct conn *conn;
    if (error != 0 || conn_accept(&conn, &listeners->speaker->conns, socket, &remote) != STATUS_OK)
        return;
    struct peer *peer = speaker_peer_by_addr(listeners->speaker, &remote.addr);
    if (peer == NULL) {
        turn_away(listeners, &remote);
        conn_abort(conn);
        return;
    }
    peer_accept(peer, conn);
}

static int open_one(struct listeners *listeners, const struct ip_endpoint *endpoint)
{
    struct sockaddr_storage addr;
    uv_tcp_t *socket = &listeners->sockets[listeners->count];
    unsigned int flags = endpoint->addr.family == ADDR_IPV6 ? UV_TCP_IPV6ONLY : 0;
    (void)endpoint_to_sockaddr(endpoint, &addr);
    int error = uv_tcp_init(listeners->speaker->loop, socket);
    if (error != 0)
        return error;
    socket->data = listeners;
    listeners->count++;
    listeners->open++;
    error = uv_tcp_bind(socket, (const struct sockaddr *)&addr, flags);
    return error != 0 ? error : uv_listen((uv_stream_t *)socket, BACKLOG, on_connection);
}

enum status listeners_open(struct speaker *speaker)
{
    const struct config_speaker *config = &speaker->config->speaker;
    struct listeners *listeners =
        calloc(1, sizeof(*listeners) + config->listen_count * sizeof(listeners->sockets[0]));
    if (listeners == NULL)
        return STATUS_NO_MEMORY;
    listeners->speaker = speaker;
    log_limiter_init(&listeners->strangers, 60000);
    speaker->listeners = listeners;
    for (size_t i = 0; i < config->listen_count; i++) {
        char text[ENDPOINT_TEXT_MAX];
        int error = open_one(listeners, &config->listen[i]);
        if (error != 0) {
            log_error("cannot listen for peers", "address=%s error=\"%s\"",
                      endpoint_format(&config->listen[i], text), uv_strerror(error));
            return STATUS_IO;
        }
        log_info("listening for peers", "address=%s", endpoint_format(&config->listen[i], text));
    }
    return STATUS_OK;
}

static void finish(struct listeners *listeners)
{
    struct speaker *speaker = listeners->speaker;
    void (*on_closed)(void *) = listeners->on_closed;
    free(listeners);
    speaker->listeners = NULL;
    on_closed(speaker);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct listeners *listeners = handle->data;
    if (--listeners->open == 0)
        finish(listeners);
}

void listeners_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct listeners *listeners = speaker->listeners;
    if (listeners == NULL) {
        on_closed(speaker);
        return;
    }
    listeners->on_closed = on_closed;
    if (listeners->count == 0)
        finish(listeners);
    else
        for (size_t i = 0, count = listeners->count; i < count; i++)
            uv_close((uv_handle_t *)&listeners->sockets[i], on_socket_closed);
}
