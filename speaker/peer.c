#include "speaker/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A session that stood this long makes earlier falls forgotten. */
    STABLE_MS = 60000,
    /* The longest wait between two tries. */
    WAIT_MAX_MS = 120000,
    /* Below this many falls in a row, a connection from the peer is taken at any time. */
    PENALTIES_FREE = 3,
    /* A directly connected neighbour is one hop away (RFC 4271, 5.1.3 and 8.2.1). */
    EBGP_TTL = 1,
};

static uint64_t now_ms(const struct peer *peer)
{
    return clock_mono_ms(&peer->options.clock);
}

bool peer_settings_keep_session(const struct peer_settings *a, const struct peer_settings *b)
{
    return strcmp(a->name, b->name) == 0 && addr_equal(&a->remote.addr, &b->remote.addr) &&
           a->remote.port == b->remote.port && addr_equal(&a->local_address, &b->local_address) &&
           a->local_as == b->local_as && a->remote_as == b->remote_as &&
           a->router_id == b->router_id && a->families == b->families &&
           a->connects == b->connects && a->accepts == b->accepts && a->no_export == b->no_export &&
           a->hold_s == b->hold_s && a->local_preference == b->local_preference &&
           a->connect_retry_ms == b->connect_retry_ms;
}

static bool is_ibgp(const struct peer *peer)
{
    return peer->settings.local_as == peer->settings.remote_as;
}

static struct session *other_of(struct peer *peer, const struct session *s)
{
    return s == &peer->out ? &peer->in : &peer->out;
}

/* RFC 4271, 6.8: of two connections that have both seen an OPEN, one stays. */
static bool on_open(struct peer *peer, struct session *s, const struct bgp_open *remote)
{
    struct session *other = other_of(peer, s);
    if (other->state == FSM_ESTABLISHED) {
        session_collide(s);
        return false;
    }
    if (other->state != FSM_OPENCONFIRM)
        return true;
    struct session *loser = open_keeps_ours(&s->options.open, remote) ? &peer->in : &peer->out;
    session_collide(loser);
    return loser != s;
}

static void on_up(struct peer *peer, struct session *s)
{
    struct session *other = other_of(peer, s);
    peer->established = s;
    peer->established_at = now_ms(peer);
    peer->last_error[0] = '\0';
    peer->path = (struct update_path){.local_as = peer->settings.local_as,
                                      .ibgp = is_ibgp(peer),
                                      .as4 = s->negotiated.as4,
                                      .no_export = peer->settings.no_export,
                                      .local_preference = peer->settings.local_preference};
    /* A connection that is still being made is not needed; one that waits for the peer's OPEN is
     * decided when that comes. */
    if (other->state == FSM_CONNECT || other->state == FSM_ACTIVE)
        session_collide(other);
    rib_out_up(&peer->rib_out, s->negotiated.families, clock_mono_us(&peer->options.clock));
    peer->options.events.on_up(peer->options.events.owner, peer);
}

static void on_down(struct peer *peer, struct session *s)
{
    peer->established = NULL;
    peer->flaps++;
    if (now_ms(peer) - peer->established_at >= STABLE_MS)
        peer->penalties = 0;
    rib_out_down(&peer->rib_out);
    peer->options.events.on_down(peer->options.events.owner, peer, s->why);
}

static void on_state(struct peer *peer, const char *why, bool penalty)
{
    uint64_t wait_ms = peer->settings.connect_retry_ms;
    /* What befalls the session that is not needed is no error of the peer. */
    if (why[0] != '\0' && peer->established == NULL)
        (void)snprintf(peer->last_error, sizeof(peer->last_error), "%s", why);
    if (penalty) {
        /* The first fall is most likely a restart of the peer. */
        if (peer->penalties == 0)
            wait_ms = open_retry_ms(wait_ms, 0, 0);
        for (uint32_t i = 0; i < peer->penalties && wait_ms < WAIT_MAX_MS; i++)
            wait_ms *= 2;
        if (wait_ms > WAIT_MAX_MS)
            wait_ms = WAIT_MAX_MS;
        peer->penalties++;
    }
    if (why[0] != '\0')
        peer->start_at = now_ms(peer) + open_jitter_ms(wait_ms, peer->out.random >> 4);
    peer->since_ms = clock_wall_ms(&peer->options.clock);
    peer->options.events.on_changed(peer->options.events.owner, peer);
}

static void on_notification(struct peer *peer, const struct bgp_error *error, bool sent)
{
    peer->options.events.on_notification(peer->options.events.owner, peer, error, sent);
}

/* The two sessions tell apart by which functions they call. */
#define SESSION_CALLBACKS(which)                                                                   \
    static bool which##_on_open(void *owner, const struct bgp_open *remote)                        \
    {                                                                                              \
        struct peer *peer = owner;                                                                 \
        return on_open(peer, &peer->which, remote);                                                \
    }                                                                                              \
    static void which##_on_up(void *owner)                                                         \
    {                                                                                              \
        struct peer *peer = owner;                                                                 \
        on_up(peer, &peer->which);                                                                 \
    }                                                                                              \
    static void which##_on_down(void *owner)                                                       \
    {                                                                                              \
        struct peer *peer = owner;                                                                 \
        on_down(peer, &peer->which);                                                               \
    }
SESSION_CALLBACKS(out)
SESSION_CALLBACKS(in)

static void either_on_refresh(void *owner, enum bgp_family family)
{
    struct peer *peer = owner;
    rib_out_refresh(&peer->rib_out, family);
    peer->options.events.on_writable(peer->options.events.owner, peer);
}

static void either_on_written(void *owner)
{
    struct peer *peer = owner;
    peer->options.events.on_writable(peer->options.events.owner, peer);
}

static void either_on_state(void *owner, const char *why, bool penalty)
{
    on_state(owner, why, penalty);
}

static void either_on_notification(void *owner, const struct bgp_error *error, bool sent)
{
    on_notification(owner, error, sent);
}

static void init_sessions(struct peer *peer)
{
    const struct peer_settings *settings = &peer->settings;
    struct session_options options = {
        .conns = peer->options.conns,
        .clock = peer->options.clock,
        .outgoing = true,
        .remote = settings->remote,
        .local = settings->local_address,
        .ttl = is_ibgp(peer) ? 0 : EBGP_TTL,
        .remote_as = settings->remote_as,
        .connect_retry_ms = settings->connect_retry_ms,
        .open = {.as = settings->local_as,
                 .router_id = settings->router_id,
                 .hold_s = (uint16_t)settings->hold_s,
                 .families = settings->families,
                 .as4 = true,
                 .refresh = true},
        .events = {.on_open = out_on_open,
                   .on_up = out_on_up,
                   .on_down = out_on_down,
                   .on_refresh = either_on_refresh,
                   .on_written = either_on_written,
                   .on_state = either_on_state,
                   .on_notification = either_on_notification,
                   .owner = peer},
    };
    session_init(&peer->out, &options);
    options.outgoing = false;
    options.events.on_open = in_on_open;
    options.events.on_up = in_on_up;
    options.events.on_down = in_on_down;
    session_init(&peer->in, &options);
}

void peer_init(struct peer *peer, const struct peer_settings *settings,
               const struct peer_options *options)
{
    *peer = (struct peer){.settings = *settings, .options = *options};
    peer->since_ms = clock_wall_ms(&options->clock);
    rib_out_init(&peer->rib_out, options->rib, settings->max_routes, settings->updates_per_second);
    init_sessions(peer);
}

void peer_start(struct peer *peer)
{
    peer->running = true;
    peer->start_at = 0;
    peer_tick(peer, now_ms(peer));
}

void peer_stop(struct peer *peer, uint8_t cease_subcode, const char *text)
{
    peer->running = false;
    session_stop(&peer->out, cease_subcode, text);
    session_stop(&peer->in, cease_subcode, text);
}

void peer_done(struct peer *peer)
{
    rib_out_done(&peer->rib_out);
    free(peer->sent.ids);
    peer->sent = (struct peer_sent){0};
}

void peer_set(struct peer *peer, const struct peer_settings *settings)
{
    bool keeps = peer_settings_keep_session(&peer->settings, settings);
    bool was_running = peer->running;
    if (!keeps)
        peer_stop(peer, BGP_CEASE_CONFIGURATION, NULL);
    peer->settings = *settings;
    rib_out_set_limits(&peer->rib_out, settings->max_routes, settings->updates_per_second);
    if (keeps)
        return;
    init_sessions(peer);
    peer->penalties = 0;
    if (was_running)
        peer_start(peer);
}

void peer_accept(struct peer *peer, struct conn *conn)
{
    bool damped = peer->penalties >= PENALTIES_FREE && now_ms(peer) < peer->start_at;
    if (!peer->running || !peer->settings.accepts || damped) {
        conn_abort(conn);
        return;
    }
    session_accept(&peer->in, conn);
}

static bool in_is_busy(const struct peer *peer)
{
    return peer->in.state == FSM_OPENSENT || peer->in.state == FSM_OPENCONFIRM;
}

void peer_tick(struct peer *peer, uint64_t now)
{
    session_tick(&peer->out, now);
    session_tick(&peer->in, now);
    if (peer->running && peer->settings.connects && peer->out.state == FSM_IDLE &&
        peer->established == NULL && !in_is_busy(peer) && now >= peer->start_at)
        session_start(&peer->out);
    if (peer->running && peer->settings.accepts && peer->in.state == FSM_IDLE &&
        peer->established == NULL)
        session_start(&peer->in);
}

enum fsm_state peer_state(const struct peer *peer)
{
    return peer->out.state > peer->in.state ? peer->out.state : peer->in.state;
}

unsigned int peer_families(const struct peer *peer)
{
    return peer->established != NULL ? peer->established->negotiated.families : 0;
}
