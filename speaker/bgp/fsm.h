#ifndef SPEAKER_BGP_FSM_H
#define SPEAKER_BGP_FSM_H

/*
 * BGP session states and what moves between them (RFC 4271, section 8), without any I/O. One
 * machine drives one connection; a peer has one for the connection it opens and one for the
 * connection it accepts, and FSM_EV_COLLISION ends the loser of the two.
 */
enum fsm_state {
    FSM_IDLE,
    FSM_CONNECT,
    FSM_ACTIVE,
    FSM_OPENSENT,
    FSM_OPENCONFIRM,
    FSM_ESTABLISHED,
    FSM_STATES
};

/* The number in brackets is the RFC's. */
enum fsm_event {
    FSM_EV_START,           /* open a connection (1, 3, 13) */
    FSM_EV_START_PASSIVE,   /* wait for one (4, 5) */
    FSM_EV_STOP,            /* (2, 8) */
    FSM_EV_RETRY_EXPIRED,   /* (9) */
    FSM_EV_HOLD_EXPIRED,    /* (10) */
    FSM_EV_KEEPALIVE_DUE,   /* (11) */
    FSM_EV_TCP_UP,          /* (16, 17) */
    FSM_EV_TCP_DOWN,        /* (18) */
    FSM_EV_OPEN,            /* a good one (19) */
    FSM_EV_HEADER_ERROR,    /* (21) */
    FSM_EV_OPEN_ERROR,      /* (22) */
    FSM_EV_COLLISION,       /* the other connection of this peer stays (23) */
    FSM_EV_VERSION_REFUSED, /* NOTIFICATION with a version error (24) */
    FSM_EV_NOTIFICATION,    /* (25) */
    FSM_EV_KEEPALIVE,       /* (26) */
    FSM_EV_UPDATE,          /* a good one, or one that only its sender loses by (27) */
    FSM_EV_UPDATE_ERROR,    /* (28) */
    FSM_EV_REFRESH,         /* ROUTE-REFRESH (RFC 2918) */
    FSM_EV_LEAVE,           /* stop without a word, so that routes are kept (RFC 4724, 4.1 and 5) */
    FSM_EV_SEND_HOLD_EXPIRED, /* (29, RFC 9687) */
    FSM_EVENTS
};

/*
 * What the session must do on a transition: it has one function for each bit and calls them in
 * this order. Timers that a state does not need are stopped by FSM_DO_CLOSE.
 */
enum fsm_action {
    FSM_DO_DOWN = 1 << 0,              /* routes of the session are gone at the peer */
    FSM_DO_NOTIFY = 1 << 1,            /* the error that came with the event */
    FSM_DO_NOTIFY_UNEXPECTED = 1 << 2, /* code 5 with the state as subcode (RFC 6608) */
    FSM_DO_CLOSE = 1 << 3,             /* connection and all timers */
    FSM_DO_CONNECT = 1 << 4,
    FSM_DO_START_RETRY = 1 << 5,
    FSM_DO_STOP_RETRY = 1 << 6,
    FSM_DO_SEND_OPEN = 1 << 7,
    FSM_DO_START_OPEN_HOLD = 1 << 8, /* the large hold time until the OPEN comes */
    FSM_DO_SEND_KEEPALIVE = 1 << 9,
    FSM_DO_START_KEEPALIVE = 1 << 10,
    FSM_DO_START_HOLD = 1 << 11, /* as negotiated; also restarts it */
    FSM_DO_UP = 1 << 12,         /* established: routes may go */
    FSM_DO_REFRESH = 1 << 13,    /* send the family again */
    FSM_DO_PENALTY = 1 << 14,    /* the next start waits, longer each time (damping) */
};

struct fsm_step {
    enum fsm_state next;
    unsigned int actions; /* FSM_DO_* bits */
};

struct fsm_step fsm_next(enum fsm_state state, enum fsm_event event);
const char *fsm_state_name(enum fsm_state state); /* "established" */
const char *fsm_event_name(enum fsm_event event);

#endif
