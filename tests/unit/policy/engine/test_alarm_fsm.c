#include "policy/engine/alarm_fsm.h"

#include <criterion/criterion.h>
#include <string.h>

/*
 * The whole machine once more, written down apart from the table under test. A row is a state, a
 * column an event in the order of enum alarm_event; "STATE:letters" is where it goes and what it
 * does. States: Q quiet, E elevated, A active, C clearing, D ended, F frozen, S stale. Actions:
 *   f start for   a activate   c start clear   r reactivate   e end   z freeze   t thaw   ? ask
 *   - forget
 */
static const char state_letters[] = "QEACDFS";
static const char action_letters[] = "facrezt?-";

static const char *const want[ALARM_STATE_COUNT][ALARM_EVENT_COUNT] = {
    /*                 HALF    OVER    FOR_OVER UNDER CLEAR_OVER DARK  SEEN  FREEZE_OVER */
    [ALARM_QUIET] = {"E:", "E:f", "Q:", "Q:", "Q:", "Q:", "Q:", "Q:"},
    [ALARM_ELEVATED] = {"E:", "E:f", "A:a", "Q:-", "E:", "E:", "E:", "E:"},
    [ALARM_ACTIVE] = {"A:", "A:", "A:", "C:c", "A:", "F:z", "A:", "A:"},
    [ALARM_CLEARING] = {"A:", "A:r", "C:", "C:", "D:e", "F:z", "C:", "C:"},
    [ALARM_ENDED] = {"D:", "D:", "D:", "D:", "D:", "D:", "D:", "D:"},
    [ALARM_FROZEN] = {"F:", "F:", "F:", "F:", "F:", "F:", "F:t", "S:?"},
    [ALARM_STALE] = {"S:", "S:", "S:", "S:", "S:", "S:", "S:t", "S:"},
};

Test(alarm_fsm, every_state_takes_every_event_as_written)
{
    for (int state = 0; state < ALARM_STATE_COUNT; state++) {
        for (int event = 0; event < ALARM_EVENT_COUNT; event++) {
            const char *cell = want[state][event];
            cr_assert_not_null(cell, "no cell for state %d event %d", state, event);
            unsigned int actions = 0;
            for (const char *c = cell + 2; *c != '\0'; c++)
                actions |= 1U << (strchr(action_letters, *c) - action_letters);
            struct alarm_step step =
                alarm_fsm_next((enum alarm_state)state, (enum alarm_event)event);
            cr_expect_eq(state_letters[step.next], cell[0], "state %d + event %d goes to %s", state,
                         event, alarm_state_name(step.next));
            cr_expect_eq(step.actions, actions, "state %d + event %d does %x, not %x", state, event,
                         step.actions, actions);
        }
    }
}

Test(alarm_fsm, what_is_dark_neither_clears_nor_escalates)
{
    static const enum alarm_state dark[] = {ALARM_FROZEN, ALARM_STALE};
    static const enum alarm_event rates[] = {ALARM_EV_HALF, ALARM_EV_OVER, ALARM_EV_FOR_OVER,
                                             ALARM_EV_UNDER, ALARM_EV_CLEAR_OVER};
    for (size_t i = 0; i < sizeof(dark) / sizeof(dark[0]); i++) {
        for (size_t j = 0; j < sizeof(rates) / sizeof(rates[0]); j++) {
            struct alarm_step step = alarm_fsm_next(dark[i], rates[j]);
            cr_expect_eq(step.next, dark[i]);
            cr_expect_eq(step.actions, 0);
        }
    }
}
