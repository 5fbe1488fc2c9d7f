#ifndef SPEAKER_CONN_H
#define SPEAKER_CONN_H

#include "common/base/addr.h"
#include "common/base/status.h"
#include "speaker/socket_options.h"

#include <stdbool.h>
#include <uv.h>

/*
 * One TCP connection of a BGP session: bytes in, bytes out, nothing of BGP. What is read waits in a
 * buffer of one read; what is written waits in a buffer of bounded size, so a peer that does not
 * read costs no more than that.
 *
 *   conn_connect() or conn_accept() → on_up → conn_write() … → conn_close()
 *
 * A conn frees itself when its handles have closed; after conn_close() its owner hears nothing of
 * it and must forget the pointer.
 */
struct conn;

/* The largest BGP message, behind others that went to the kernel with it. */
enum { CONN_WRITE_MAX = 96 * 1024 };

/* The connections of a process: it is done when the last of them has closed. */
struct conns {
    uv_loop_t *loop;
    size_t open;
    void (*on_none_left)(void *owner);
    void *owner;
};

struct conn_events {
    void (*on_up)(void *owner); /* of conn_connect() only */
    /* Bytes from the peer, from the first that the owner has not taken; returns how many it took.
     * It may close the conn. */
    size_t (*on_bytes)(void *owner, const uint8_t *bytes, size_t len);
    void (*on_written)(void *owner);               /* all that was queued is with the kernel */
    void (*on_down)(void *owner, const char *why); /* the owner then calls conn_close() */
    void *owner;
};

struct conn_options {
    struct ip_endpoint remote;
    struct ip_addr local;                /* family 0: the kernel's choice */
    const struct socket_options *socket; /* lent for the call */
    struct conn_events events;
};

/* Where no attempt can even begin, ret_why says it. */
enum status conn_connect(struct conn **ret_conn, struct conns *conns,
                         const struct conn_options *options, char ret_why[SOCKET_WHY_MAX]);
/* Takes a waiting connection off a listening handle; it hears nothing until conn_adopt(). IO: it
 * was gone already. NO_MEMORY: it was not taken, and the handle brings no other, so it must be
 * closed. */
enum status conn_accept(struct conn **ret_conn, struct conns *conns, uv_stream_t *listener,
                        struct ip_endpoint *ret_remote, struct ip_endpoint *ret_local);
/* Once it is known whose it is. REFUSED: it is not to be taken, and ret_why says why. */
enum status conn_prepare(struct conn *conn, const struct socket_options *options,
                         char ret_why[SOCKET_WHY_MAX]);
void conn_adopt(struct conn *conn, const struct conn_events *events);

/* What the kernel does not take at once waits here. LIMIT: there is no room for it, and nothing was
 * written; never while conn_is_idle(), for at most CONN_WRITE_MAX. */
enum status conn_write(struct conn *conn, const void *bytes, size_t len);
size_t conn_room(const struct conn *conn);
/* Nothing waits: what is written next goes to the kernel at once, if it takes it. */
bool conn_is_idle(const struct conn *conn);

/* Writes what is queued, tells the peer that no more comes, and waits a moment for it to close, so
 * that a last NOTIFICATION is not lost to a reset. NULL is fine. */
void conn_close(struct conn *conn);
/* At once, after bytes that go if the kernel takes them now: who is turned away is not waited for.
 */
void conn_dismiss(struct conn *conn, const void *bytes, size_t len);
/* At once. */
void conn_abort(struct conn *conn);

#endif
