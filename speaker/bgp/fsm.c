#include "speaker/bgp/fsm.h"

#include <assert.h>

/* Ways to leave a connection. */
enum {
    LEAVE = FSM_DO_CLOSE,
    LEAVE_DAMPED = FSM_DO_CLOSE | FSM_DO_PENALTY,
    LEAVE_TELLING = FSM_DO_NOTIFY | FSM_DO_CLOSE,
    LEAVE_TELLING_DAMPED = FSM_DO_NOTIFY | FSM_DO_CLOSE | FSM_DO_PENALTY,
    UNEXPECTED = FSM_DO_NOTIFY_UNEXPECTED | FSM_DO_CLOSE | FSM_DO_PENALTY,
    OPENING = FSM_DO_STOP_RETRY | FSM_DO_SEND_OPEN | FSM_DO_START_OPEN_HOLD,
};

#define TO(state, actions)                                                                         \
    {                                                                                              \
        FSM_##state, (actions)                                                                     \
    }

/*
 * Every pair is written out: there is no "else". In Idle and Active only what starts or brings a
 * connection counts. A NOTIFICATION is never answered with one, also where RFC 4271 calls it
 * unexpected (open-sent): both sides would only log each other's complaint.
 */
static const struct fsm_step steps[FSM_STATES][FSM_EVENTS] =
    {
        [FSM_IDLE] =
            {
                [FSM_EV_START] = TO(CONNECT, FSM_DO_CONNECT | FSM_DO_START_RETRY),
                [FSM_EV_START_PASSIVE] = TO(ACTIVE, 0),
                [FSM_EV_STOP] = TO(IDLE, 0),
                [FSM_EV_RETRY_EXPIRED] = TO(IDLE, 0),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, 0),
                [FSM_EV_KEEPALIVE_DUE] = TO(IDLE, 0),
                [FSM_EV_TCP_UP] = TO(IDLE, FSM_DO_CLOSE),
                [FSM_EV_TCP_DOWN] = TO(IDLE, 0),
                [FSM_EV_OPEN] = TO(IDLE, 0),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, 0),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, 0),
                [FSM_EV_COLLISION] = TO(IDLE, 0),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, 0),
                [FSM_EV_NOTIFICATION] = TO(IDLE, 0),
                [FSM_EV_KEEPALIVE] = TO(IDLE, 0),
                [FSM_EV_UPDATE] = TO(IDLE, 0),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, 0),
                [FSM_EV_REFRESH] = TO(IDLE, 0),
                [FSM_EV_LEAVE] = TO(IDLE, 0),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, 0),
            },
        [FSM_CONNECT] =
            {
                [FSM_EV_START] = TO(CONNECT, 0),
                [FSM_EV_START_PASSIVE] = TO(CONNECT, 0),
                [FSM_EV_STOP] = TO(IDLE, LEAVE),
                [FSM_EV_RETRY_EXPIRED] =
                    TO(CONNECT, FSM_DO_CLOSE | FSM_DO_CONNECT | FSM_DO_START_RETRY),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE_DUE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_TCP_UP] = TO(OPENSENT, OPENING),
                [FSM_EV_TCP_DOWN] = TO(ACTIVE, FSM_DO_CLOSE | FSM_DO_START_RETRY),
                [FSM_EV_OPEN] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_COLLISION] = TO(IDLE, LEAVE),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_NOTIFICATION] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_UPDATE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_REFRESH] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_LEAVE] = TO(IDLE, LEAVE),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, LEAVE_DAMPED),
            },
        [FSM_ACTIVE] =
            {
                [FSM_EV_START] = TO(ACTIVE, 0),
                [FSM_EV_START_PASSIVE] = TO(ACTIVE, 0),
                [FSM_EV_STOP] = TO(IDLE, LEAVE),
                [FSM_EV_RETRY_EXPIRED] = TO(CONNECT, FSM_DO_CONNECT | FSM_DO_START_RETRY),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE_DUE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_TCP_UP] = TO(OPENSENT, OPENING),
                [FSM_EV_TCP_DOWN] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_OPEN] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_COLLISION] = TO(IDLE, LEAVE),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_NOTIFICATION] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_UPDATE] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_REFRESH] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_LEAVE] = TO(IDLE, LEAVE),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, LEAVE_DAMPED),
            },
        [FSM_OPENSENT] =
            {
                [FSM_EV_START] = TO(OPENSENT, 0),
                [FSM_EV_START_PASSIVE] = TO(OPENSENT, 0),
                [FSM_EV_STOP] = TO(IDLE, LEAVE_TELLING),
                [FSM_EV_RETRY_EXPIRED] = TO(IDLE, UNEXPECTED),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_KEEPALIVE_DUE] = TO(IDLE, UNEXPECTED),
                [FSM_EV_TCP_UP] = TO(OPENSENT, 0),
                [FSM_EV_TCP_DOWN] = TO(ACTIVE, FSM_DO_CLOSE | FSM_DO_START_RETRY),
                [FSM_EV_OPEN] = TO(OPENCONFIRM, FSM_DO_SEND_KEEPALIVE | FSM_DO_START_KEEPALIVE |
                                                    FSM_DO_START_HOLD),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_COLLISION] = TO(IDLE, LEAVE_TELLING),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, LEAVE),
                [FSM_EV_NOTIFICATION] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE] = TO(IDLE, UNEXPECTED),
                [FSM_EV_UPDATE] = TO(IDLE, UNEXPECTED),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, UNEXPECTED),
                [FSM_EV_REFRESH] = TO(IDLE, UNEXPECTED),
                [FSM_EV_LEAVE] = TO(IDLE, LEAVE),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, UNEXPECTED),
            },
        [FSM_OPENCONFIRM] =
            {
                [FSM_EV_START] = TO(OPENCONFIRM, 0),
                [FSM_EV_START_PASSIVE] = TO(OPENCONFIRM, 0),
                [FSM_EV_STOP] = TO(IDLE, LEAVE_TELLING),
                [FSM_EV_RETRY_EXPIRED] = TO(IDLE, UNEXPECTED),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_KEEPALIVE_DUE] =
                    TO(OPENCONFIRM, FSM_DO_SEND_KEEPALIVE | FSM_DO_START_KEEPALIVE),
                [FSM_EV_TCP_UP] = TO(OPENCONFIRM, 0),
                [FSM_EV_TCP_DOWN] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_OPEN] = TO(IDLE, UNEXPECTED),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, LEAVE_TELLING_DAMPED),
                [FSM_EV_COLLISION] = TO(IDLE, LEAVE_TELLING),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, LEAVE),
                [FSM_EV_NOTIFICATION] = TO(IDLE, LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE] = TO(ESTABLISHED, FSM_DO_START_HOLD | FSM_DO_UP),
                [FSM_EV_UPDATE] = TO(IDLE, UNEXPECTED),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, UNEXPECTED),
                [FSM_EV_REFRESH] = TO(IDLE, UNEXPECTED),
                [FSM_EV_LEAVE] = TO(IDLE, LEAVE),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, LEAVE_TELLING_DAMPED),
            },
        [FSM_ESTABLISHED] =
            {
                [FSM_EV_START] = TO(ESTABLISHED, 0),
                [FSM_EV_START_PASSIVE] = TO(ESTABLISHED, 0),
                [FSM_EV_STOP] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING),
                [FSM_EV_RETRY_EXPIRED] = TO(IDLE, FSM_DO_DOWN | UNEXPECTED),
                [FSM_EV_HOLD_EXPIRED] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING_DAMPED),
                [FSM_EV_KEEPALIVE_DUE] =
                    TO(ESTABLISHED, FSM_DO_SEND_KEEPALIVE | FSM_DO_START_KEEPALIVE),
                [FSM_EV_TCP_UP] = TO(ESTABLISHED, 0),
                [FSM_EV_TCP_DOWN] = TO(IDLE, FSM_DO_DOWN | LEAVE_DAMPED),
                [FSM_EV_OPEN] = TO(IDLE, FSM_DO_DOWN | UNEXPECTED),
                [FSM_EV_HEADER_ERROR] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING_DAMPED),
                [FSM_EV_OPEN_ERROR] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING_DAMPED),
                [FSM_EV_COLLISION] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING),
                [FSM_EV_VERSION_REFUSED] = TO(IDLE, FSM_DO_DOWN | LEAVE_DAMPED),
                [FSM_EV_NOTIFICATION] = TO(IDLE, FSM_DO_DOWN | LEAVE_DAMPED),
                [FSM_EV_KEEPALIVE] = TO(ESTABLISHED, FSM_DO_START_HOLD),
                [FSM_EV_UPDATE] = TO(ESTABLISHED, FSM_DO_START_HOLD),
                [FSM_EV_UPDATE_ERROR] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING_DAMPED),
                [FSM_EV_REFRESH] = TO(ESTABLISHED, FSM_DO_START_HOLD | FSM_DO_REFRESH),
                [FSM_EV_LEAVE] = TO(IDLE, FSM_DO_DOWN | LEAVE),
                [FSM_EV_SEND_HOLD_EXPIRED] = TO(IDLE, FSM_DO_DOWN | LEAVE_TELLING_DAMPED),
            },
};

struct fsm_step fsm_next(enum fsm_state state, enum fsm_event event)
{
    assert(state < FSM_STATES && event < FSM_EVENTS);
    return steps[state][event];
}

const char *fsm_state_name(enum fsm_state state)
{
    static const char *const names[FSM_STATES] = {"idle",     "connect",     "active",
                                                  "opensent", "openconfirm", "established"};
    return names[state];
}

const char *fsm_event_name(enum fsm_event event)
{
    static const char *const names[FSM_EVENTS] = {
        "start",           "start-passive",    "stop",
        "retry-expired",   "hold-expired",     "keepalive-due",
        "tcp-up",          "tcp-down",         "open",
        "header-error",    "open-error",       "collision",
        "version-refused", "notification",     "keepalive",
        "update",          "update-error",     "refresh",
        "leave",           "send-hold-expired"};
    return names[event];
}
