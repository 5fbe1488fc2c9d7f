#ifndef SPEAKER_PEER_H
#define SPEAKER_PEER_H

#include "flowspec/profile.h"
#include "proto/delta.h"
#include "speaker/bgp/damping.h"
#include "speaker/bgp/rib_out.h"
#include "speaker/session.h"
#include "speaker/suspects.h"

/*
 * A BGP neighbour: its two sessions (the one we open, the one it opens), which of them stays, when
 * to try again, and its adj-RIB-out. A peer that flaps waits longer each time.
 */

/* Why there is no session: an attempt that failed, and what ended the session before it. */
enum { PEER_ERROR_MAX = SESSION_WHY_MAX + 128 };

struct peer_settings {
    char name[NAME_MAX_LEN + 1];
    char configured[NAME_MAX_LEN + 1]; /* its name there; another one: it came from a prefix */
    struct ip_endpoint remote;
    struct ip_addr local_address;
    struct socket_options socket;
    uint32_t local_as, remote_as, router_id;
    unsigned int families; /* bits 1 << enum bgp_family */
    bool connects, accepts, no_export;
    bool by_exabgp; /* its routes go to ExaBGP, and there is no session of ours */
    uint32_t hold_s, local_preference;
    /* A change of those above needs a new session, of these below not; of restart_s where the peer
     * would keep routes for longer than it says now. */
    uint16_t restart_s; /* graceful restart; 0: none */
    uint64_t connect_retry_ms;
    const struct router_profile *profile;
    uint32_t updates_per_second, max_routes;
    char unusable[PEER_ERROR_MAX]; /* why it neither connects nor accepts; "": it may */
};

struct peer;
struct peer_events {
    void (*on_up)(void *owner, struct peer *peer);
    void (*on_down)(void *owner, struct peer *peer, const char *why);
    void (*on_changed)(void *owner, struct peer *peer); /* what people are shown */
    void (*on_writable)(void *owner, struct peer *peer);
    void (*on_tolerated)(void *owner, struct peer *peer, unsigned int mistakes);
    void (*on_notification)(void *owner, struct peer *peer, const struct bgp_error *error,
                            bool sent);
    void *owner;
};

struct peer_options {
    struct conns *conns; /* lent, as rib and clock */
    struct rib *rib;
    struct clock clock;
    size_t number;  /* of desired */
    bool restarted; /* this process goes on where an earlier one ended */
    struct peer_events events;
};

/* Routes in the session's buffer that were not reported as sent yet (out_updates.c). */
struct peer_sent {
    uint32_t *ids;
    size_t count, room;
};

struct peer {
    struct peer_settings settings;
    struct peer_options options;
    struct session out, in;
    struct session *established; /* one of the two, or NULL */
    /* ExaBGP answers; and one of its neighbours is established. */
    bool exabgp_open, exabgp_up;
    struct rib_out rib_out;
    struct update_path path;
    struct peer_sent sent;
    struct suspects suspects;
    struct suspects_verdict verdict; /* of the last fall */
    size_t quarantined;              /* routes that it is not sent for that (quarantine.h) */
    uint8_t told_code;               /* of the NOTIFICATION that came last in this session */
    bool running;
    bool came, told;        /* from a prefix (dynamic.h); desired knows of it */
    uint64_t idle_at;       /* monotonic ms: since when one that came has no session; 0: it has */
    bool restarted;         /* and the peer has not had all its routes again */
    uint64_t end_of_rib_at; /* monotonic ms: it is sent then, whatever is missing; 0: not owed */
    struct damping dialling, answering; /* of the sessions that we open, that the peer opens */
    bool fell;                          /* an established session is ending, whichever it was */
    uint32_t random;
    uint64_t start_at;       /* monotonic ms: we do not connect before */
    uint64_t established_at; /* monotonic ms */
    uint64_t since_ms;       /* wall: of the last change of state */
    enum fsm_state shown;    /* to people */
    uint64_t flaps, updates_sent, routes_announced, routes_withdrawn;
    char last_word[SESSION_WHY_MAX]; /* the NOTIFICATION that ended the last session */
    bool notified;                   /* and one has just come or gone */
    char last_error[PEER_ERROR_MAX];
};

void peer_init(struct peer *peer, const struct peer_settings *settings,
               const struct peer_options *options);
void peer_start(struct peer *peer);
/* Both sessions end with a Cease of this subcode, and a text for the people there or NULL;
 * peer_start() begins anew. */
void peer_stop(struct peer *peer, uint8_t cease_subcode, const char *text);
/* Likewise; a peer that has agreed to graceful restart keeps the routes for its time. */
void peer_pause(struct peer *peer, uint8_t cease_subcode, const char *text);
/* After peer_stop(). */
void peer_done(struct peer *peer);
/* Restarts the session where it must. */
void peer_set(struct peer *peer, const struct peer_settings *settings);

/* A connection that came from its address; false: the peer has turned it away. */
bool peer_accept(struct peer *peer, struct conn *conn);
void peer_tick(struct peer *peer, uint64_t now_ms);

/* Routers are reached through it: its session is established, or one of ExaBGP's. */
bool peer_is_up(const struct peer *peer);
struct update_path peer_path(const struct peer *peer); /* with what both sides usually take */
enum fsm_state peer_state(const struct peer *peer);
/* As agreed with the peer; 0 while it is not up. */
unsigned int peer_families(const struct peer *peer);

#endif
