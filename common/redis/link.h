#ifndef COMMON_REDIS_LINK_H
#define COMMON_REDIS_LINK_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * The bytes below a connection: a Unix or TCP socket on the loop. This is weir's libuv adapter for
 * hiredis: every way a socket can fail, a refused connection or a reset too, ends in one on_end().
 *
 *   link_init() → link_open() → on_open, on_bytes …, on_end → link_close() → on_closed →
 * link_open()
 */
struct link_events {
    void (*on_open)(void *owner);
    void (*on_bytes)(void *owner, const char *bytes, size_t len);
    void (*on_written)(void *owner); /* what link_write() was given is with the system */
    void (*on_end)(void *owner, const char *why); /* at most once an opening */
    void (*on_closed)(void *owner);
};

struct link_resolve;

enum link_state { LINK_CLOSED, LINK_OPENING, LINK_OPEN, LINK_ENDED, LINK_CLOSING };

struct link {
    uv_loop_t *loop;
    struct link_events events;
    void *owner;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connect;
    uv_write_t write;
    struct link_resolve *resolve; /* NULL, or a look-up that runs */
    enum link_state state;
    bool has_handle;
    unsigned int attempts; /* which of a name's addresses is next */
    char buffer[64 << 10];
};

void link_init(struct link *link, uv_loop_t *loop, const struct link_events *events, void *owner);

enum { LINK_HOST_MAX = 256, LINK_PORT_MAX = 6 };

/* "unix:/path", "host:port", "[::1]:6379". STATUS_MALFORMED, or RANGE for a path that a socket
 * address cannot hold. */
enum status link_check_address(const char *address);
void link_open(struct link *link, const char *address);

/* One at a time; the bytes stay untouched until on_written or on_closed. Without either (the
 * system has no memory), the connection's watchdog ends it. */
void link_write(struct link *link, const char *bytes, size_t len);

/* Also on a link that never was opened. on_closed is never called from inside. */
void link_close(struct link *link);

#endif
