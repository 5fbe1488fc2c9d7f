#ifndef COMMON_SERVICE_HTTP_H
#define COMMON_SERVICE_HTTP_H

#include "common/base/addr.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <uv.h>

/*
 * The small listener of a process: GET and HEAD of /metrics and /healthz, libmicrohttpd on our
 * loop. Every connection serves one request; it has two seconds to send it and ten in all, so that
 * clients that are slow on purpose hold neither the loop nor, for long, one of the few connections.
 * Where all are taken, a new one takes the place of the one that has sent no request for longest,
 * so that however many sit there, the next scraper is served at once.
 */
struct http;

enum {
    HTTP_CONNECTIONS_MAX = 64,
    HTTP_HEAD_MS = 2000,
    HTTP_CONNECTION_MS = 10000,
    HTTP_REQUEST_MAX = 16384
};

struct http_options {
    struct ip_endpoint listen; /* port 0: the kernel's choice, see http_port */
    bool (*healthy)(void *owner, struct text *why);
    void (*before_metrics)(void *owner); /* sets gauges that are only looked at; may be NULL */
    uint64_t head_ms;                    /* time for a request to come; 0: HTTP_HEAD_MS */
    uint64_t connection_ms;              /* time a connection has in all; 0: HTTP_CONNECTION_MS */
    void *owner;
};

/* STATUS_IO: the address cannot be listened on, and errno says why. */
enum status http_start(struct http **ret_http, uv_loop_t *loop, const struct http_options *options);
uint16_t http_port(const struct http *http);
/* NULL http: calls nothing. on_closed may be NULL. */
void http_close(struct http *http, void (*on_closed)(void *owner));

#endif
