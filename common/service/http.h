#ifndef COMMON_SERVICE_HTTP_H
#define COMMON_SERVICE_HTTP_H

#include "common/base/addr.h"
#include "common/base/text.h"

#include <uv.h>

/* The small listener of a process: GET /metrics and /healthz, libmicrohttpd on our loop. */
struct http;

struct http_options {
    struct ip_endpoint listen; /* port 0: the kernel's choice, see http_port */
    bool (*healthy)(void *owner, struct text *why);
    void *owner;
};

enum status http_start(struct http **ret_http, uv_loop_t *loop, const struct http_options *options);
uint16_t http_port(const struct http *http);
void http_close(struct http *http, void (*on_closed)(void *owner)); /* NULL http: calls nothing */

#endif
