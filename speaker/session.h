#ifndef SPEAKER_SESSION_H
#define SPEAKER_SESSION_H

#include "common/base/clock.h"
#include "speaker/bgp/fsm.h"
#include "speaker/bgp/notification.h"
#include "speaker/bgp/open.h"
#include "speaker/conn.h"

/*
 * One BGP session: the state machine, its connection and its timers. A peer has two, one for the
 * connection that we open and one for the connection that it opens; who of the two stays is the
 * peer's business (peer.c), and so is what is announced.
 */
struct session_events {
    /* A good OPEN came. False: this session is given up (it lost a collision). */
    bool (*on_open)(void *owner, const struct bgp_open *remote);
    void (*on_up)(void *owner);
    /* It was established, and is no more. */
    void (*on_down)(void *owner);
    void (*on_refresh)(void *owner, enum bgp_family family);
    /* Wrote all: more may be written. */
    void (*on_written)(void *owner);
    /* Any change of state, and an attempt to connect that is given up; why: of the end of a
     * connection, else "". */
    void (*on_state)(void *owner, const char *why, bool penalty);
    /* An UPDATE had mistakes (bits of received.h) that the session goes on with. */
    void (*on_tolerated)(void *owner, unsigned int mistakes);
    /* A NOTIFICATION came or went. */
    void (*on_notification)(void *owner, const struct bgp_error *error, bool sent);
    void *owner;
};

struct session_options {
    struct conns *conns;
    struct clock clock;
    bool outgoing;
    struct ip_endpoint remote; /* of outgoing ones */
    struct ip_addr local;
    struct socket_options socket;
    uint32_t remote_as;
    uint64_t connect_retry_ms;
    struct bgp_open open; /* ours */
    struct session_events events;
};

/* What a NOTIFICATION says, and which way it went. */
enum { SESSION_WHY_MAX = NOTIFICATION_WORDS_MAX + 24 };

struct session_counters {
    uint64_t updates_in, tolerated_in, messages_in, messages_out;
};

struct session {
    struct session_options options;
    enum fsm_state state;
    struct conn *conn;
    bool accepted; /* the connection is one that the peer has opened, in an outgoing session, too */
    struct bgp_open remote;           /* once an OPEN came */
    struct bgp_negotiated negotiated; /* likewise */
    uint16_t told_restart_s;          /* our last OPEN: so long may the peer keep routes; 0: not */
    /* Monotonic ms; 0: off. */
    uint64_t retry_at, hold_at, keepalive_at, stuck_since;
    enum fsm_event ended_by;   /* it was established, and is no more */
    struct bgp_error error;    /* what DO_NOTIFY tells */
    enum bgp_family refresh;   /* what DO_REFRESH sends again; BGP_FAMILIES: nothing */
    char why[SESSION_WHY_MAX]; /* the last end of a connection, in words */
    struct session_counters counters;
    uint32_t random, attempts; /* attempts: to connect, in vain, since it was established */
};

void session_init(struct session *s, const struct session_options *options);
void session_start(struct session *s); /* outgoing: connects; else waits for session_accept() */
/* Takes the place of one on which no OPEN has come: the peer has forgotten that. False: it has one
 * already, and this one is closed. */
bool session_accept(struct session *s, struct conn *conn);
/* Ends it with a Cease as the last word, and with it its routes at the peer; no penalty. text: for
 * the people there, or NULL. */
void session_stop(struct session *s, uint8_t cease_subcode, const char *text);
/* Likewise, but the routes stay for the restart time where the peer has agreed to that: silently
 * where a NOTIFICATION would end them (RFC 4724), with the Cease where it does not (RFC 8538). */
void session_pause(struct session *s, uint8_t cease_subcode, const char *text);
/* The peer has begun anew (RFC 4724, 5): this connection is nothing any more. */
void session_outdated(struct session *s);
/* The other session of the peer stays. */
void session_collide(struct session *s);
/* A connection that no session takes, with a Cease that says why (RFC 4486). */
void session_dismiss(struct conn *conn, uint8_t cease_subcode);
void session_tick(struct session *s, uint64_t now_ms);

/* So many whole messages, of CONN_WRITE_MAX octets at most while session_can_write(); LIMIT: not
 * now, wait for on_written. */
enum status session_write(struct session *s, const void *bytes, size_t len, size_t messages);
/* All that was written is with the kernel. */
bool session_can_write(const struct session *s);

#endif
