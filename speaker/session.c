#include "speaker/session.h"

#include "common/base/hash.h"
#include "speaker/bgp/received.h"

#include <stdio.h>
#include <string.h>

enum {
    /* RFC 4271, 8.2.2: "a large value" until the OPEN has come. */
    OPEN_HOLD_MS = 240000,
    /* A peer that takes no bytes for this long, though its KEEPALIVEs come, is given up (RFC 9687
     * asks for the larger of 8 minutes and twice the hold time). */
    STUCK_MIN_MS = 480000,
    /* More than a full buffer of the shortest messages: nothing may be left that could be taken. */
    MESSAGES_A_READ = 4096,
};

static void drive(struct session *s, enum fsm_event event);

static uint64_t now_ms(const struct session *s)
{
    return clock_mono_ms(&s->options.clock);
}

void session_init(struct session *s, const struct session_options *options)
{
    *s = (struct session){.options = *options, .state = FSM_IDLE};
    s->random = (uint32_t)hash_random_seed();
}

static uint32_t next_random(struct session *s)
{
    s->random = s->random * 1664525U + 1013904223U;
    return s->random >> 8;
}

static void set_why(struct session *s, const char *what, const char *detail)
{
    (void)snprintf(s->why, sizeof(s->why), "%s%s", what, detail);
}

/* --- events of the connection -------------------------------------------------------------------
 */

static void on_conn_up(void *owner)
{
    drive(owner, FSM_EV_TCP_UP);
}

static void on_conn_down(void *owner, const char *why)
{
    struct session *s = owner;
    set_why(s, s->state == FSM_CONNECT ? "connect: " : "connection: ", why);
    /* What the peer has opened is not opened again by us. */
    bool lent = s->options.outgoing && s->accepted && s->state == FSM_OPENSENT;
    drive(s, lent ? FSM_EV_LEAVE : FSM_EV_TCP_DOWN);
}

static void on_conn_written(void *owner)
{
    struct session *s = owner;
    s->stuck_since = 0;
    if (s->state == FSM_ESTABLISHED)
        s->options.events.on_written(s->options.events.owner);
}

static void set_why_of(struct session *s, const char *what, const struct bgp_error *error)
{
    char words[NOTIFICATION_WORDS_MAX];
    notification_format(error, words);
    set_why(s, what, words);
}

static void refuse(struct session *s, enum fsm_event event)
{
    set_why_of(s, "sent: ", &s->error);
    drive(s, event);
}

static void take_open(struct session *s, const struct bgp_message *message)
{
    struct bgp_open remote;
    if (s->state != FSM_OPENSENT) {
        drive(s, FSM_EV_OPEN);
        return;
    }
    if (open_decode(message, &remote, &s->error) != STATUS_OK ||
        open_judge(&remote, s->options.remote_as, &s->options.open, &s->error) != STATUS_OK) {
        refuse(s, FSM_EV_OPEN_ERROR);
        return;
    }
    s->remote = remote;
    s->negotiated = open_negotiate(&s->options.open, &remote);
    if (s->options.events.on_open(s->options.events.owner, &remote))
        drive(s, FSM_EV_OPEN);
}

static void take_update(struct session *s, const struct bgp_message *message)
{
    struct received_update update;
    const struct received_session agreed = {.ibgp = s->options.open.as == s->options.remote_as,
                                            .as4 = s->negotiated.as4};
    if (s->state != FSM_ESTABLISHED) {
        drive(s, FSM_EV_UPDATE);
        return;
    }
    s->counters.updates_in++;
    if (received_check(message, &agreed, &update, &s->error) != STATUS_OK) {
        refuse(s, FSM_EV_UPDATE_ERROR);
        return;
    }
    if (update.mistakes != 0) {
        s->counters.tolerated_in++;
        s->options.events.on_tolerated(s->options.events.owner, update.mistakes);
    }
    drive(s, FSM_EV_UPDATE);
}

static void take_notification(struct session *s, const struct bgp_message *message)
{
    struct bgp_error error;
    message_read_notification(message, &error);
    set_why_of(s, "received: ", &error);
    s->options.events.on_notification(s->options.events.owner, &error, false);
    bool version = error.code == BGP_ERROR_OPEN && error.subcode == BGP_OPEN_VERSION;
    drive(s, version ? FSM_EV_VERSION_REFUSED : FSM_EV_NOTIFICATION);
}

/* A family that is not ours is no mistake: there is nothing to send again. */
static void take_refresh(struct session *s, const struct bgp_message *message)
{
    if (message_read_refresh(message, s->negotiated.enhanced_refresh, &s->refresh) != STATUS_OK)
        s->refresh = BGP_FAMILIES;
    drive(s, FSM_EV_REFRESH);
}

static void take(struct session *s, const struct bgp_message *message)
{
    s->counters.messages_in++;
    switch ((enum bgp_type)message->type) {
    case BGP_OPEN:
        take_open(s, message);
        break;
    case BGP_UPDATE:
        take_update(s, message);
        break;
    case BGP_NOTIFICATION:
        take_notification(s, message);
        break;
    case BGP_KEEPALIVE:
        drive(s, FSM_EV_KEEPALIVE);
        break;
    case BGP_ROUTE_REFRESH:
        take_refresh(s, message);
        break;
    }
}

static size_t on_conn_bytes(void *owner, const uint8_t *bytes, size_t len)
{
    struct session *s = owner;
    const struct conn *conn = s->conn;
    size_t taken = 0;
    for (int i = 0; i < MESSAGES_A_READ; i++) {
        struct bgp_message message;
        enum status status = message_next_of(bytes + taken, len - taken, s->negotiated.extended,
                                             &message, &s->error);
        if (status == STATUS_MALFORMED)
            refuse(s, FSM_EV_HEADER_ERROR);
        if (status != STATUS_OK)
            break;
        taken += message.len;
        take(s, &message);
        if (s->conn != conn)
            break; /* the session has left this connection */
    }
    return taken;
}

/* --- actions of the state machine ---------------------------------------------------------------
 */

static struct conn_events conn_events_of(struct session *s)
{
    return (struct conn_events){.on_up = on_conn_up,
                                .on_bytes = on_conn_bytes,
                                .on_written = on_conn_written,
                                .on_down = on_conn_down,
                                .owner = s};
}

static bool do_connect(struct session *s)
{
    struct conn_options options = {.remote = s->options.remote,
                                   .local = s->options.local,
                                   .socket = &s->options.socket,
                                   .events = conn_events_of(s)};
    char why[SOCKET_WHY_MAX];
    s->accepted = false;
    if (conn_connect(&s->conn, s->options.conns, &options, why) == STATUS_OK)
        return true;
    s->conn = NULL;
    set_why(s, "connect: ", why);
    return false;
}

static void write_message(struct session *s, const uint8_t *bytes, size_t len)
{
    if (s->conn != NULL && conn_write(s->conn, bytes, len) == STATUS_OK)
        s->counters.messages_out++;
}

static void do_notify(struct session *s, const struct bgp_error *error)
{
    uint8_t bytes[BGP_HEADER_LEN + 2 + BGP_ERROR_DATA_MAX];
    size_t len;
    if (message_write_notification(error, bytes, sizeof(bytes), &len) != STATUS_OK)
        return;
    write_message(s, bytes, len);
    s->options.events.on_notification(s->options.events.owner, error, true);
}

static void do_send_open(struct session *s)
{
    uint8_t bytes[256];
    size_t len;
    const struct bgp_graceful *graceful = &s->options.open.graceful;
    s->negotiated = (struct bgp_negotiated){0}; /* what an earlier session agreed on is over */
    s->told_restart_s = graceful->offered ? graceful->restart_s : 0;
    if (open_encode(&s->options.open, bytes, sizeof(bytes), &len) == STATUS_OK)
        write_message(s, bytes, len);
}

static void do_send_keepalive(struct session *s)
{
    uint8_t bytes[BGP_HEADER_LEN];
    size_t len;
    if (message_write_keepalive(bytes, sizeof(bytes), &len) == STATUS_OK)
        write_message(s, bytes, len);
    if (s->conn != NULL && !conn_is_idle(s->conn) && s->stuck_since == 0)
        s->stuck_since = now_ms(s);
}

static void do_close(struct session *s)
{
    struct conn *conn = s->conn;
    s->conn = NULL;
    s->retry_at = s->hold_at = s->keepalive_at = s->stuck_since = 0;
    conn_close(conn);
}

/* An attempt that is under way has all the time; one that came to nothing is followed soon. */
static uint64_t retry_ms(struct session *s, bool under_way)
{
    uint64_t most_ms = s->options.connect_retry_ms;
    if (under_way)
        return open_jitter_ms(most_ms, next_random(s));
    return open_retry_ms(most_ms, s->attempts++, next_random(s));
}

static void start_timers(struct session *s, unsigned int actions)
{
    uint64_t now = now_ms(s), hold = s->negotiated.hold_ms, keepalive = s->negotiated.keepalive_ms;
    if ((actions & FSM_DO_START_RETRY) != 0 && s->options.outgoing)
        s->retry_at = now + retry_ms(s, (actions & FSM_DO_CONNECT) != 0);
    if ((actions & FSM_DO_STOP_RETRY) != 0)
        s->retry_at = 0;
    if ((actions & FSM_DO_START_OPEN_HOLD) != 0)
        s->hold_at = now + OPEN_HOLD_MS;
    if ((actions & FSM_DO_START_KEEPALIVE) != 0)
        s->keepalive_at = keepalive == 0 ? 0 : now + open_jitter_ms(keepalive, next_random(s));
    if ((actions & FSM_DO_START_HOLD) != 0)
        s->hold_at = hold == 0 ? 0 : now + hold;
}

/* What came unexpected (RFC 6608, 3); 0: no message. */
static uint8_t message_type_of(enum fsm_event event)
{
    switch (event) {
    case FSM_EV_OPEN:
        return BGP_OPEN;
    case FSM_EV_UPDATE:
    case FSM_EV_UPDATE_ERROR:
        return BGP_UPDATE;
    case FSM_EV_KEEPALIVE:
        return BGP_KEEPALIVE;
    case FSM_EV_REFRESH:
        return BGP_ROUTE_REFRESH;
    default:
        return 0;
    }
}

/* One step of the machine: the new state first, then the actions in the order of their bits. */
static void drive(struct session *s, enum fsm_event event)
{
    const struct session_events *events = &s->options.events;
    enum fsm_state before = s->state;
    struct fsm_step step = fsm_next(before, event);
    unsigned int actions = step.actions;
    bool connects = true;
    s->state = step.next;
    if ((actions & FSM_DO_DOWN) != 0)
        s->ended_by = event;
    if ((actions & FSM_DO_DOWN) != 0)
        events->on_down(events->owner);
    if ((actions & FSM_DO_NOTIFY) != 0)
        do_notify(s, &s->error);
    if ((actions & FSM_DO_NOTIFY_UNEXPECTED) != 0) {
        uint8_t type = message_type_of(event);
        s->error = message_error(BGP_ERROR_FSM, (uint8_t)(before - FSM_OPENSENT + 1), &type,
                                 type != 0 ? 1 : 0);
        set_why(s, "unexpected: ", fsm_event_name(event));
        do_notify(s, &s->error);
    }
    if ((actions & FSM_DO_CLOSE) != 0)
        do_close(s);
    if ((actions & FSM_DO_CONNECT) != 0)
        connects = do_connect(s);
    if ((actions & FSM_DO_SEND_OPEN) != 0)
        do_send_open(s);
    if ((actions & FSM_DO_SEND_KEEPALIVE) != 0)
        do_send_keepalive(s);
    start_timers(s, actions);
    if ((actions & FSM_DO_UP) != 0)
        s->attempts = 0;
    if ((actions & FSM_DO_UP) != 0)
        events->on_up(events->owner);
    if ((actions & FSM_DO_REFRESH) != 0 && s->refresh != BGP_FAMILIES)
        events->on_refresh(events->owner, s->refresh);
    if (step.next != before || event == FSM_EV_RETRY_EXPIRED)
        events->on_state(events->owner, (actions & FSM_DO_CLOSE) != 0 ? s->why : "",
                         (actions & FSM_DO_PENALTY) != 0);
    if (!connects)
        drive(s, FSM_EV_TCP_DOWN);
}

/* --- what the peer calls ------------------------------------------------------------------------
 */

void session_start(struct session *s)
{
    drive(s, s->options.outgoing ? FSM_EV_START : FSM_EV_START_PASSIVE);
}

bool session_accept(struct session *s, struct conn *conn)
{
    struct conn_events events = conn_events_of(s);
    if (s->state == FSM_OPENSENT)
        session_collide(s);
    if (s->state == FSM_IDLE)
        drive(s, FSM_EV_START_PASSIVE);
    if (s->state != FSM_ACTIVE || s->conn != NULL) {
        conn_abort(conn);
        return false;
    }
    s->conn = conn;
    s->accepted = true;
    conn_adopt(conn, &events);
    drive(s, FSM_EV_TCP_UP);
    return true;
}

void session_stop(struct session *s, uint8_t cease_subcode, const char *text)
{
    s->error = notification_cease(cease_subcode, text);
    if (s->state == FSM_ESTABLISHED && s->negotiated.over_notification)
        s->error = notification_harden(&s->error);
    refuse(s, FSM_EV_STOP);
}

void session_pause(struct session *s, uint8_t cease_subcode, const char *text)
{
    bool kept = s->state == FSM_ESTABLISHED && s->negotiated.graceful;
    s->error = notification_cease(cease_subcode, text);
    if (!kept || s->negotiated.over_notification) {
        refuse(s, FSM_EV_STOP);
        return;
    }
    set_why_of(s, "left without a word: ", &s->error);
    drive(s, FSM_EV_LEAVE);
}

void session_outdated(struct session *s)
{
    set_why(s, "connection: ", "the peer has begun anew");
    drive(s, FSM_EV_LEAVE);
}

void session_collide(struct session *s)
{
    s->error = message_error(BGP_ERROR_CEASE, BGP_CEASE_COLLISION, NULL, 0);
    refuse(s, FSM_EV_COLLISION);
}

void session_dismiss(struct conn *conn, uint8_t cease_subcode)
{
    uint8_t bytes[BGP_HEADER_LEN + 2 + BGP_ERROR_DATA_MAX];
    size_t len;
    struct bgp_error error = notification_cease(cease_subcode, NULL);
    if (message_write_notification(&error, bytes, sizeof(bytes), &len) == STATUS_OK)
        conn_dismiss(conn, bytes, len);
    else
        conn_abort(conn);
}

void session_tick(struct session *s, uint64_t now)
{
    if (s->retry_at != 0 && now >= s->retry_at) {
        set_why(s, "connect: ",
                s->options.socket.password.len == 0
                    ? "no answer in time"
                    : "no answer in time (a neighbour with another password, or none, is silent)");
        s->retry_at = 0;
        drive(s, FSM_EV_RETRY_EXPIRED);
    }
    if (s->hold_at != 0 && now >= s->hold_at) {
        s->error = message_error(BGP_ERROR_HOLD, 0, NULL, 0);
        refuse(s, FSM_EV_HOLD_EXPIRED);
    }
    if (s->keepalive_at != 0 && now >= s->keepalive_at)
        drive(s, FSM_EV_KEEPALIVE_DUE);
    uint64_t stuck_ms = 2 * (uint64_t)s->negotiated.hold_ms;
    if (stuck_ms < STUCK_MIN_MS)
        stuck_ms = STUCK_MIN_MS;
    if (s->stuck_since != 0 && now >= s->stuck_since + stuck_ms) {
        s->error = message_error(BGP_ERROR_SEND_HOLD, 0, NULL, 0);
        set_why(s, "connection: ", "the peer takes no bytes: send hold timer expired");
        drive(s, FSM_EV_SEND_HOLD_EXPIRED);
    }
}

enum status session_write(struct session *s, const void *bytes, size_t len, size_t messages)
{
    if (s->state != FSM_ESTABLISHED || s->conn == NULL)
        return STATUS_AWAY;
    enum status status = conn_write(s->conn, bytes, len);
    if (status == STATUS_OK)
        s->counters.messages_out += messages;
    return status;
}

bool session_can_write(const struct session *s)
{
    return s->state == FSM_ESTABLISHED && s->conn != NULL && conn_is_idle(s->conn);
}
