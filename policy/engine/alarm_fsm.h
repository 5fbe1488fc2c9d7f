#ifndef POLICY_ENGINE_ALARM_FSM_H
#define POLICY_ENGINE_ALARM_FSM_H

#include "proto/alarm.h"

/*
 * The states of an alarm and what moves between them, as a table without I/O and without time.
 * `elevated` lives in memory only: half of a threshold is ordinary for somebody. The owner carries
 * the actions out, and keeps the timers that give FOR_OVER, CLEAR_OVER and FREEZE_OVER.
 */
enum alarm_event {
    ALARM_EV_HALF,        /* over half of a threshold, and under it */
    ALARM_EV_OVER,        /* over the threshold */
    ALARM_EV_FOR_OVER,    /* over it for as long as `for` says */
    ALARM_EV_UNDER,       /* under clear.below */
    ALARM_EV_CLEAR_OVER,  /* that for clear.after */
    ALARM_EV_DARK,        /* its shard is blind, or its contributors are silent */
    ALARM_EV_SEEN,        /* that is over */
    ALARM_EV_FREEZE_OVER, /* dark for freeze_max */
    ALARM_EVENT_COUNT
};

enum alarm_action {
    ALARM_DO_START_FOR = 1 << 0,   /* note when it went over */
    ALARM_DO_ACTIVATE = 1 << 1,    /* it is an alarm now: record it and mitigate */
    ALARM_DO_START_CLEAR = 1 << 2, /* note when it went under */
    ALARM_DO_REACTIVATE = 1 << 3,  /* it came back while clearing: the next clear takes longer */
    ALARM_DO_END = 1 << 4,
    ALARM_DO_FREEZE = 1 << 5, /* remember the state to go back to */
    ALARM_DO_THAW = 1 << 6,   /* go back to it; a clear delay starts anew */
    ALARM_DO_ASK = 1 << 7,    /* a person must look */
    ALARM_DO_FORGET = 1 << 8, /* it was elevated only */
};

struct alarm_step {
    enum alarm_state next; /* after THAW: the remembered one instead */
    unsigned int actions;  /* ALARM_DO_* */
};

/* Pairs without a line in the table change nothing. */
struct alarm_step alarm_fsm_next(enum alarm_state state, enum alarm_event event);

#endif
