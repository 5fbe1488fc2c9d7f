#include "common/redis/link.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { KEEPALIVE_S = 15 };

/* A look-up outlives its link: a resolver that hangs must not hold up the end of the process. */
struct link_resolve {
    uv_getaddrinfo_t request;
    struct link *link; /* NULL: nobody waits any more */
};

static const char *unix_path(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

static enum status split_address(const char *address, char ret_host[LINK_HOST_MAX],
                                 char ret_port[LINK_PORT_MAX])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return STATUS_MALFORMED;
    size_t host_len = (size_t)(colon - address), port_len = strlen(colon + 1);
    if (host_len >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= LINK_HOST_MAX || port_len == 0 || port_len >= LINK_PORT_MAX ||
        strspn(colon + 1, "0123456789") != port_len)
        return STATUS_MALFORMED;
    memcpy(ret_host, address, host_len);
    ret_host[host_len] = '\0';
    memcpy(ret_port, colon + 1, port_len + 1);
    return STATUS_OK;
}

enum status link_check_address(const char *address)
{
    const char *path = unix_path(address);
    if (path != NULL) {
        if (path[0] != '/')
            return STATUS_MALFORMED;
        return strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path ? STATUS_OK
                                                                           : STATUS_RANGE;
    }
    char host[LINK_HOST_MAX], port[LINK_PORT_MAX];
    return split_address(address, host, port);
}

void link_init(struct link *link, uv_loop_t *loop, const struct link_events *events, void *owner)
{
    link->loop = loop;
    link->events = *events;
    link->owner = owner;
    link->state = LINK_CLOSED;
}

static void end(struct link *link, const char *why)
{
    if (link->state != LINK_OPENING && link->state != LINK_OPEN)
        return;
    link->state = LINK_ENDED;
    link->events.on_end(link->owner, why);
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct link *link = handle->data;
    (void)suggested;
    *ret_buffer = uv_buf_init(link->buffer, sizeof link->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct link *link = stream->data;
    if (len < 0)
        end(link, len == UV_EOF ? "closed by the server" : uv_strerror((int)len));
    else if (len > 0 && link->state == LINK_OPEN)
        link->events.on_bytes(link->owner, buffer->base, (size_t)len);
}

static void on_connect(uv_connect_t *request, int error)
{
    struct link *link = request->data;
    if (link->state != LINK_OPENING)
        return;
    if (error == 0)
        error = uv_read_start(&link->stream, on_buffer, on_read);
    if (error != 0) {
        end(link, uv_strerror(error));
        return;
    }
    link->state = LINK_OPEN;
    link->events.on_open(link->owner);
}

static void connect_tcp(struct link *link, const struct sockaddr *address)
{
    int error = uv_tcp_init(link->loop, &link->tcp);
    link->handle.data = link;
    link->has_handle = error == 0;
    if (error == 0) {
        (void)uv_tcp_nodelay(&link->tcp, 1);
        (void)uv_tcp_keepalive(&link->tcp, 1, KEEPALIVE_S);
        error = uv_tcp_connect(&link->connect, &link->tcp, address, on_connect);
    }
    if (error != 0)
        end(link, uv_strerror(error));
}

static void connect_unix(struct link *link, const char *path)
{
    int error = uv_pipe_init(link->loop, &link->pipe, 0);
    link->handle.data = link;
    link->has_handle = error == 0;
    if (error == 0)
        uv_pipe_connect(&link->connect, &link->pipe, path, on_connect);
    else
        end(link, uv_strerror(error));
}

/* A name may have addresses where nobody listens (::1 beside 127.0.0.1): each attempt takes the
 * next one. */
static const struct addrinfo *choose(const struct addrinfo *first, unsigned int attempt)
{
    unsigned int count = 0;
    for (const struct addrinfo *a = first; a != NULL; a = a->ai_next)
        count++;
    for (attempt %= count; attempt > 0; attempt--)
        first = first->ai_next;
    return first;
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct link_resolve *resolve = request->data;
    struct link *link = resolve->link;
    free(resolve);
    if (link != NULL) {
        link->resolve = NULL;
        if (error != 0 || found == NULL)
            end(link, error != 0 ? uv_strerror(error) : "name has no address");
        else
            connect_tcp(link, choose(found, link->attempts++)->ai_addr);
    }
    if (found != NULL)
        uv_freeaddrinfo(found);
}

static void look_up(struct link *link, const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct link_resolve *resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL) {
        end(link, "out of memory");
        return;
    }
    resolve->request.data = resolve;
    resolve->link = link;
    int error = uv_getaddrinfo(link->loop, &resolve->request, on_resolved, host, port, &hints);
    if (error != 0) {
        free(resolve);
        end(link, uv_strerror(error));
        return;
    }
    link->resolve = resolve;
}

void link_open(struct link *link, const char *address)
{
    assert(link->state == LINK_CLOSED);
    link->state = LINK_OPENING;
    link->connect.data = link;
    link->write.data = link;
    const char *path = unix_path(address);
    char host[LINK_HOST_MAX], port[LINK_PORT_MAX];
    if (path != NULL) {
        connect_unix(link, path);
        return;
    }
    if (split_address(address, host, port) != STATUS_OK) {
        end(link, "malformed address");
        return;
    }
    struct sockaddr_storage literal;
    int number = atoi(port);
    if (uv_ip4_addr(host, number, (struct sockaddr_in *)&literal) == 0 ||
        uv_ip6_addr(host, number, (struct sockaddr_in6 *)&literal) == 0)
        connect_tcp(link, (const struct sockaddr *)&literal);
    else
        look_up(link, host, port);
}

static void on_write(uv_write_t *request, int error)
{
    struct link *link = request->data;
    if (link->state != LINK_OPEN)
        return;
    if (error != 0)
        end(link, uv_strerror(error));
    else
        link->events.on_written(link->owner);
}

void link_write(struct link *link, const char *bytes, size_t len)
{
    assert(link->state == LINK_OPEN);
    /* libuv does not write through the pointer; uv_buf_t has no const. */
    uv_buf_t buffer = {.len = len};
    memcpy(&buffer.base, &bytes, sizeof buffer.base);
    (void)uv_write(&link->write, &link->stream, &buffer, 1, on_write);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    link->has_handle = false;
    link->state = LINK_CLOSED;
    link->events.on_closed(link->owner);
}

void link_close(struct link *link)
{
    if (link->state == LINK_CLOSING)
        return;
    link->state = LINK_CLOSING;
    if (link->resolve != NULL) {
        link->resolve->link = NULL;
        (void)uv_cancel((uv_req_t *)&link->resolve->request);
        link->resolve = NULL;
    }
    /* Without a socket yet, a handle is opened to be closed: on_closed is always called later. */
    if (!link->has_handle) {
        link->has_handle = uv_pipe_init(link->loop, &link->pipe, 0) == 0;
        assert(link->has_handle); /* never fails on Linux */
        link->handle.data = link;
    }
    uv_close(&link->handle, on_handle_closed);
}
