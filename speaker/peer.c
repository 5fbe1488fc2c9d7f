#include "speaker/peer.h"

#include "common/base/hash.h"
#include "common/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* End-of-RIB goes at the latest this long after a session came up, also where the state server
     * has not told what must stand, or the pace keeps routes back: without it, a peer may keep for
     * ever what nobody wants. */
    END_OF_RIB_MS = 120000,
    /* A connection that comes while a session stands this long is that of a peer that restarted;
     * before, it may be the other one of a collision. */
    SETTLED_MS = 5000,
};

static uint64_t now_ms(const struct peer *peer)
{
    return clock_mono_ms(&peer->options.clock);
}

static bool settings_keep_session(const struct peer_settings *a, const struct peer_settings *b)
{
    return strcmp(a->name, b->name) == 0 && addr_equal(&a->remote.addr, &b->remote.addr) &&
           a->remote.port == b->remote.port && addr_equal(&a->local_address, &b->local_address) &&
           socket_options_equal(&a->socket, &b->socket) && a->local_as == b->local_as &&
           a->remote_as == b->remote_as && a->router_id == b->router_id &&
           a->families == b->families && a->connects == b->connects && a->accepts == b->accepts &&
           a->no_export == b->no_export && a->hold_s == b->hold_s && a->by_exabgp == b->by_exabgp &&
           a->local_preference == b->local_preference;
}

/* The peer was told, or may have been, that it keeps routes for longer than they may now stand
 * without us. A shorter time than it may be costs nothing, so that waits for the next session. */
static bool keeps_too_long(const struct session *s, uint16_t restart_s)
{
    return s->state >= FSM_OPENSENT && s->told_restart_s > restart_s &&
           (s->state != FSM_ESTABLISHED || s->negotiated.graceful);
}

/* Of a profile that is not known to take more, the peer has agreed to more than it may stand. */
static size_t message_max(const struct peer_settings *settings, bool agreed)
{
    bool takes =
        !settings->by_exabgp && settings->profile != NULL && settings->profile->extended_messages;
    return agreed && takes ? BGP_EXTENDED_MAX : BGP_MESSAGE_MAX;
}

static bool messages_differ(const struct peer *peer, const struct peer_settings *settings)
{
    return peer->established != NULL &&
           message_max(settings, peer->established->negotiated.extended) != peer->path.message_max;
}

static bool session_goes_on(const struct peer *peer, const struct peer_settings *settings)
{
    return settings_keep_session(&peer->settings, settings) && !messages_differ(peer, settings) &&
           !keeps_too_long(&peer->out, settings->restart_s) &&
           !keeps_too_long(&peer->in, settings->restart_s);
}

/* What a peer keeps of the old session is of use to the new one. */
static bool same_neighbours(const struct peer_settings *a, const struct peer_settings *b)
{
    return addr_equal(&a->remote.addr, &b->remote.addr) && a->remote_as == b->remote_as &&
           a->local_as == b->local_as && a->router_id == b->router_id &&
           addr_equal(&a->local_address, &b->local_address) && b->restart_s != 0;
}

static bool is_ibgp(const struct peer *peer)
{
    return peer->settings.local_as == peer->settings.remote_as;
}

struct update_path peer_path(const struct peer *peer)
{
    return (struct update_path){.local_as = peer->settings.local_as,
                                .ibgp = is_ibgp(peer),
                                .as4 = true,
                                .no_export = peer->settings.no_export,
                                .local_preference = peer->settings.local_preference,
                                .message_max = BGP_MESSAGE_MAX};
}

static struct session *other_of(struct peer *peer, const struct session *s)
{
    return s == &peer->out ? &peer->in : &peer->out;
}

/* A connection of a peer whose session stands long enough is that of one that has begun anew. */
static bool may_begin_anew(const struct peer *peer)
{
    const struct session *s = peer->established;
    return s != NULL && s->negotiated.graceful && now_ms(peer) - peer->established_at >= SETTLED_MS;
}

/* RFC 4271, 6.8: of two connections that have both seen an OPEN, one stays. The OPEN of a peer that
 * has begun anew ends what it had (RFC 4724, 5); a connection alone, which says nothing of who is
 * there, does not. */
static bool on_open(struct peer *peer, struct session *s, const struct bgp_open *remote)
{
    struct session *other = other_of(peer, s);
    if (other->state == FSM_ESTABLISHED && may_begin_anew(peer)) {
        session_outdated(other);
        return true;
    }
    if (other->state == FSM_ESTABLISHED) {
        session_collide(s);
        return false;
    }
    if (other->state != FSM_OPENCONFIRM)
        return true;
    struct session *loser = open_keeps_ours(&s->options.open, remote) ? &peer->in : &peer->out;
    if (peer->in.accepted && peer->out.accepted)
        loser = other; /* the peer has opened both, and speaks on this one */
    session_collide(loser);
    return loser != s;
}

static void on_up(struct peer *peer, struct session *s)
{
    struct session *other = other_of(peer, s);
    peer->established = s;
    peer->established_at = now_ms(peer);
    peer->last_error[0] = peer->last_word[0] = '\0';
    peer->notified = false;
    peer->told_code = 0;
    peer->path = peer_path(peer);
    peer->path.as4 = s->negotiated.as4;
    peer->path.message_max = message_max(&peer->settings, s->negotiated.extended);
    peer->path.enhanced_refresh = s->negotiated.enhanced_refresh;
    /* A connection that is still being made is not needed; one that waits for the peer's OPEN is
     * decided when that comes. */
    if (other->state == FSM_CONNECT || other->state == FSM_ACTIVE)
        session_collide(other);
    rib_out_up(&peer->rib_out, s->negotiated.families, clock_mono_us(&peer->options.clock));
    suspects_up(&peer->suspects, peer->established_at);
    uint64_t wait_ms = peer->settings.restart_s * UINT64_C(1000);
    peer->end_of_rib_at = peer->established_at + (wait_ms != 0 ? wait_ms : END_OF_RIB_MS);
    peer->options.events.on_up(peer->options.events.owner, peer);
}

/* Once the peer has all its routes and End-of-RIB, this is an ordinary speaker. */
static void note_end_of_rib(struct peer *peer)
{
    if (peer->end_of_rib_at == 0 || peer->rib_out.end_of_rib_owed != 0)
        return;
    peer->end_of_rib_at = 0;
    peer->restarted = false;
    peer->out.options.open.graceful.restarted = peer->in.options.open.graceful.restarted = false;
}

/* Whether a route may be to blame. Codes 1 and 3 are of our messages, and some implementations say
 * 0 where they know no better; a Cease, a timer and an OPEN are of something else. */
static enum suspects_cause cause_of(const struct peer *peer, const struct session *s)
{
    if (s->ended_by == FSM_EV_TCP_DOWN)
        return SUSPECTS_SILENT;
    bool of_message = peer->told_code == BGP_ERROR_UPDATE || peer->told_code == BGP_ERROR_HEADER ||
                      peer->told_code == 0;
    return s->ended_by == FSM_EV_NOTIFICATION && of_message ? SUSPECTS_UPDATE : SUSPECTS_OTHER;
}

static void on_down(struct peer *peer, struct session *s)
{
    note_end_of_rib(peer);
    peer->end_of_rib_at = 0;
    peer->established = NULL;
    peer->flaps++;
    peer->fell = true;
    damping_stood(&peer->dialling, now_ms(peer) - peer->established_at);
    damping_stood(&peer->answering, now_ms(peer) - peer->established_at);
    peer->verdict = suspects_down(&peer->suspects, &peer->rib_out, cause_of(peer, s), now_ms(peer));
    rib_out_down(&peer->rib_out);
    peer->options.events.on_down(peer->options.events.owner, peer, s->why);
}

/* That nobody answers says less than why the last session ended. */
static void note_error(struct peer *peer, const char *why)
{
    bool notified = peer->notified;
    peer->notified = false;
    if (notified)
        text_copy(peer->last_word, sizeof(peer->last_word), why);
    if (notified || peer->last_word[0] == '\0')
        text_copy(peer->last_error, sizeof(peer->last_error), why);
    else
        (void)snprintf(peer->last_error, sizeof(peer->last_error), "%.100s; before: %s", why,
                       peer->last_word);
}

static uint32_t next_random(struct peer *peer)
{
    peer->random = peer->random * 1664525U + 1013904223U;
    return peer->random >> 8;
}

/* A session that does not come about says nothing of the other way to the peer; one that falls
 * would fall there as well. */
static void note_fall(struct peer *peer, const struct session *s)
{
    uint64_t now = now_ms(peer), usual_ms = peer->settings.connect_retry_ms;
    peer->start_at = 0;
    if (peer->fell && peer->verdict.searching) {
        /* The others wait for what this finds. */
        peer->start_at = now + open_retry_ms(usual_ms, 0, next_random(peer));
        return;
    }
    if (peer->fell || s == &peer->out)
        damping_fall(&peer->dialling, now, usual_ms, next_random(peer));
    if (peer->fell || s == &peer->in)
        damping_fall(&peer->answering, now, usual_ms, next_random(peer));
}

static void on_state(struct peer *peer, const struct session *s, const char *why, bool penalty)
{
    /* What befalls the session that is not needed is no error of the peer. */
    if (why[0] != '\0' && peer->established == NULL)
        note_error(peer, why);
    if (penalty)
        note_fall(peer, s);
    else if (why[0] != '\0')
        peer->start_at =
            now_ms(peer) + open_jitter_ms(peer->settings.connect_retry_ms, next_random(peer));
    peer->fell = false;
    if (peer->shown != peer_state(peer))
        peer->since_ms = clock_wall_ms(&peer->options.clock);
    peer->shown = peer_state(peer);
    peer->options.events.on_changed(peer->options.events.owner, peer);
}

static void on_notification(struct peer *peer, const struct bgp_error *error, bool sent)
{
    peer->notified = true;
    if (!sent)
        peer->told_code = error->code;
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
    }                                                                                              \
    static void which##_on_state(void *owner, const char *why, bool penalty)                       \
    {                                                                                              \
        struct peer *peer = owner;                                                                 \
        on_state(peer, &peer->which, why, penalty);                                                \
    }
SESSION_CALLBACKS(out)
SESSION_CALLBACKS(in)

static void either_on_refresh(void *owner, enum bgp_family family)
{
    struct peer *peer = owner;
    rib_out_refresh(&peer->rib_out, family);
    peer->options.events.on_writable(peer->options.events.owner, peer);
}

static void either_on_tolerated(void *owner, unsigned int mistakes)
{
    struct peer *peer = owner;
    peer->options.events.on_tolerated(peer->options.events.owner, peer, mistakes);
}

static void either_on_written(void *owner)
{
    struct peer *peer = owner;
    peer->options.events.on_writable(peer->options.events.owner, peer);
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
        .socket = settings->socket,
        .remote_as = settings->remote_as,
        .connect_retry_ms = settings->connect_retry_ms,
        .open = {.as = settings->local_as,
                 .router_id = settings->router_id,
                 .hold_s = (uint16_t)settings->hold_s,
                 .families = settings->families,
                 .as4 = true,
                 .refresh = true,
                 .enhanced_refresh = true,
                 .extended = true,
                 .graceful = {.offered = settings->restart_s != 0,
                              .restarted = peer->restarted,
                              .over_notification = true,
                              .restart_s = settings->restart_s,
                              .families = settings->families}},
        .events = {.on_open = out_on_open,
                   .on_up = out_on_up,
                   .on_down = out_on_down,
                   .on_refresh = either_on_refresh,
                   .on_written = either_on_written,
                   .on_state = out_on_state,
                   .on_tolerated = either_on_tolerated,
                   .on_notification = either_on_notification,
                   .owner = peer},
    };
    session_init(&peer->out, &options);
    options.outgoing = false;
    options.events.on_open = in_on_open;
    options.events.on_up = in_on_up;
    options.events.on_down = in_on_down;
    options.events.on_state = in_on_state;
    session_init(&peer->in, &options);
}

void peer_init(struct peer *peer, const struct peer_settings *settings,
               const struct peer_options *options)
{
    *peer =
        (struct peer){.settings = *settings, .options = *options, .restarted = options->restarted};
    peer->since_ms = clock_wall_ms(&options->clock);
    peer->random = (uint32_t)hash_random_seed();
    peer->path.message_max = message_max(settings, true); /* until it says */
    rib_out_init(&peer->rib_out, options->rib, settings->max_routes, settings->updates_per_second);
    init_sessions(peer);
    (void)snprintf(peer->last_error, sizeof(peer->last_error), "%s", settings->unusable);
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

void peer_pause(struct peer *peer, uint8_t cease_subcode, const char *text)
{
    peer->running = false;
    session_pause(&peer->out, cease_subcode, text);
    session_pause(&peer->in, cease_subcode, text);
}

void peer_done(struct peer *peer)
{
    rib_out_done(&peer->rib_out);
    free(peer->sent.ids);
    peer->sent = (struct peer_sent){0};
}

/* What the sessions take without a new beginning: for the next OPEN and the next attempt. */
static void patch_session(struct session *s, const struct peer_settings *settings, uint64_t now)
{
    s->options.connect_retry_ms = settings->connect_retry_ms;
    s->options.open.graceful.offered = settings->restart_s != 0;
    s->options.open.graceful.restart_s = settings->restart_s;
    if (s->retry_at > now + settings->connect_retry_ms)
        s->retry_at = now + settings->connect_retry_ms;
}

static void patch_sessions(struct peer *peer)
{
    const struct peer_settings *settings = &peer->settings;
    uint64_t now = now_ms(peer);
    patch_session(&peer->out, settings, now);
    patch_session(&peer->in, settings, now);
    if (peer->start_at > now + settings->connect_retry_ms)
        peer->start_at = now + settings->connect_retry_ms;
}

void peer_set(struct peer *peer, const struct peer_settings *settings)
{
    bool keeps = session_goes_on(peer, settings);
    bool was_running = peer->running;
    if (!keeps && same_neighbours(&peer->settings, settings))
        peer_pause(peer, BGP_CEASE_CONFIGURATION, NULL);
    else if (!keeps)
        peer_stop(peer, BGP_CEASE_CONFIGURATION, NULL);
    peer->settings = *settings;
    if (peer->established == NULL)
        peer->path.message_max = message_max(settings, true);
    rib_out_set_limits(&peer->rib_out, settings->max_routes, settings->updates_per_second);
    if (keeps) {
        patch_sessions(peer);
        return;
    }
    init_sessions(peer);
    (void)snprintf(peer->last_error, sizeof(peer->last_error), "%s", settings->unusable);
    peer->dialling = peer->answering = (struct damping){0};
    if (was_running)
        peer_start(peer);
}

bool peer_accept(struct peer *peer, struct conn *conn)
{
    if (!peer->running || !peer->settings.accepts ||
        damping_keeps_peer(&peer->answering, now_ms(peer))) {
        session_dismiss(conn, BGP_CEASE_REJECTED);
        return false;
    }
    /* One that may have begun anew is heard on the session that is free. */
    bool lends = peer->established == &peer->in && may_begin_anew(peer);
    return session_accept(lends ? &peer->out : &peer->in, conn);
}

static bool in_is_busy(const struct peer *peer)
{
    return peer->in.state == FSM_OPENSENT || peer->in.state == FSM_OPENCONFIRM;
}

void peer_tick(struct peer *peer, uint64_t now)
{
    session_tick(&peer->out, now);
    session_tick(&peer->in, now);
    suspects_tick(&peer->suspects, &peer->rib_out,
                  peer->established != NULL && session_can_write(peer->established), now);
    if (peer->end_of_rib_at != 0 && now >= peer->end_of_rib_at)
        rib_out_complete(&peer->rib_out);
    if (peer->end_of_rib_at != 0 && now >= peer->established_at + END_OF_RIB_MS)
        rib_out_end_now(&peer->rib_out);
    note_end_of_rib(peer);
    if (peer->running && peer->settings.connects && peer->out.state == FSM_IDLE &&
        peer->established == NULL && !in_is_busy(peer) && now >= peer->start_at &&
        !damping_keeps_us(&peer->dialling, now))
        session_start(&peer->out);
    if (peer->running && peer->settings.accepts && peer->in.state == FSM_IDLE &&
        peer->established == NULL)
        session_start(&peer->in);
}

bool peer_is_up(const struct peer *peer)
{
    return peer->established != NULL || peer->exabgp_up;
}

enum fsm_state peer_state(const struct peer *peer)
{
    if (peer->settings.by_exabgp)
        return peer->exabgp_up ? FSM_ESTABLISHED : peer->exabgp_open ? FSM_ACTIVE : FSM_CONNECT;
    return peer->out.state > peer->in.state ? peer->out.state : peer->in.state;
}

unsigned int peer_families(const struct peer *peer)
{
    if (peer->exabgp_up)
        return peer->settings.families;
    return peer->established != NULL ? peer->established->negotiated.families : 0;
}
