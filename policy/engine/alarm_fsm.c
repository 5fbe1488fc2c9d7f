#include "policy/engine/alarm_fsm.h"

#include <stdbool.h>

struct line {
    bool set;
    struct alarm_step step;
};

#define GO(state, what)                                                                            \
    {                                                                                              \
        true,                                                                                      \
        {                                                                                          \
            ALARM_##state, what                                                                    \
        }                                                                                          \
    }

static const struct line lines[ALARM_STATE_COUNT][ALARM_EVENT_COUNT] = {
    [ALARM_QUIET] =
        {[ALARM_EV_HALF] = GO(ELEVATED, 0), [ALARM_EV_OVER] = GO(ELEVATED, ALARM_DO_START_FOR)},
    [ALARM_ELEVATED] = {[ALARM_EV_OVER] = GO(ELEVATED, ALARM_DO_START_FOR),
                        [ALARM_EV_FOR_OVER] = GO(ACTIVE, ALARM_DO_ACTIVATE),
                        [ALARM_EV_UNDER] = GO(QUIET, ALARM_DO_FORGET)},
    [ALARM_ACTIVE] = {[ALARM_EV_UNDER] = GO(CLEARING, ALARM_DO_START_CLEAR),
                      [ALARM_EV_DARK] = GO(FROZEN, ALARM_DO_FREEZE)},
    /* Between clear.below and the threshold the delay begins again without counting as a return. */
    [ALARM_CLEARING] = {[ALARM_EV_HALF] = GO(ACTIVE, 0),
                        [ALARM_EV_OVER] = GO(ACTIVE, ALARM_DO_REACTIVATE),
                        [ALARM_EV_CLEAR_OVER] = GO(ENDED, ALARM_DO_END),
                        [ALARM_EV_DARK] = GO(FROZEN, ALARM_DO_FREEZE)},
    [ALARM_FROZEN] = {[ALARM_EV_SEEN] = GO(FROZEN, ALARM_DO_THAW),
                      [ALARM_EV_FREEZE_OVER] = GO(STALE, ALARM_DO_ASK)},
    [ALARM_STALE] = {[ALARM_EV_SEEN] = GO(STALE, ALARM_DO_THAW)},
};

struct alarm_step alarm_fsm_next(enum alarm_state state, enum alarm_event event)
{
    const struct line *line = &lines[state][event];
    return line->set ? line->step : (struct alarm_step){state, 0};
}
