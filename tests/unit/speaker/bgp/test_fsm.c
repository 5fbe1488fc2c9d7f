#include "speaker/bgp/fsm.h"

#include <criterion/criterion.h>
#include <string.h>

/*
 * The whole machine once more, written down apart from the table under test. A row is a state, a
 * column an event in the order of enum fsm_event; "STATE:letters" is where it goes and what it
 * does:
 *   d down  n notify  u notify "unexpected"  x close  c connect  r start retry  s stop retry
 *   o send OPEN  O large hold  k send KEEPALIVE  K start keepalive  h start hold  U up
 *   f refresh  p penalty
 */
static const char letters[] = "dnuxcrsoOkKhUfp";
static const char *const state_codes[FSM_STATES] = {"I", "C", "A", "S", "F", "E"};

static const char *const want[FSM_STATES][FSM_EVENTS] = {
    [FSM_IDLE] = {"C:cr", "A:", "I:", "I:", "I:", "I:", "I:x", "I:", "I:", "I:",
                  "I:",   "I:", "I:", "I:", "I:", "I:", "I:",  "I:", "I:", "I:"},
    [FSM_CONNECT] = {"C:",   "C:",   "I:x",  "C:xcr", "I:xp", "I:xp", "S:soO",
                     "A:xr", "I:xp", "I:xp", "I:xp",  "I:x",  "I:xp", "I:xp",
                     "I:xp", "I:xp", "I:xp", "I:xp",  "I:x",  "I:xp"},
    [FSM_ACTIVE] = {"A:",   "A:",  "I:x",  "C:cr", "I:xp", "I:xp", "S:soO", "I:xp", "I:xp", "I:xp",
                    "I:xp", "I:x", "I:xp", "I:xp", "I:xp", "I:xp", "I:xp",  "I:xp", "I:x",  "I:xp"},
    [FSM_OPENSENT] = {"S:",    "S:",    "I:nx",  "I:uxp", "I:nxp", "I:uxp", "S:",
                      "A:xr",  "F:kKh", "I:nxp", "I:nxp", "I:nx",  "I:x",   "I:xp",
                      "I:uxp", "I:uxp", "I:uxp", "I:uxp", "I:x",   "I:uxp"},
    [FSM_OPENCONFIRM] = {"F:",   "F:",    "I:nx",  "I:uxp", "I:nxp", "F:kK", "F:",
                         "I:xp", "I:uxp", "I:nxp", "I:nxp", "I:nx",  "I:x",  "I:xp",
                         "E:hU", "I:uxp", "I:uxp", "I:uxp", "I:x",   "I:nxp"},
    [FSM_ESTABLISHED] = {"E:",    "E:",     "I:dnx",  "I:duxp", "I:dnxp", "E:kK",  "E:",
                         "I:dxp", "I:duxp", "I:dnxp", "I:dnxp", "I:dnx",  "I:dxp", "I:dxp",
                         "E:h",   "E:h",    "I:dnxp", "E:hf",   "I:dx",   "I:dnxp"},
};

static unsigned int actions_of(const char *text)
{
    unsigned int actions = 0;
    for (; *text != '\0'; text++) {
        const char *letter = strchr(letters, *text);
        cr_assert_not_null(letter);
        actions |= 1U << (letter - letters);
    }
    return actions;
}

Test(fsm, every_state_takes_every_event_as_written)
{
    for (int state = 0; state < FSM_STATES; state++) {
        for (int event = 0; event < FSM_EVENTS; event++) {
            const char *cell = want[state][event];
            cr_assert_not_null(cell, "no cell for state %d event %d", state, event);
            struct fsm_step step = fsm_next((enum fsm_state)state, (enum fsm_event)event);
            cr_expect(strncmp(state_codes[step.next], cell, 1) == 0, "%s + %s goes to %s, not %s",
                      fsm_state_name((enum fsm_state)state), fsm_event_name((enum fsm_event)event),
                      fsm_state_name(step.next), cell);
            cr_expect_eq(step.actions, actions_of(cell + 2), "%s + %s does %x, not %s",
                         fsm_state_name((enum fsm_state)state),
                         fsm_event_name((enum fsm_event)event), step.actions, cell);
        }
    }
}

Test(fsm, who_leaves_established_says_that_routes_are_gone)
{
    for (int event = 0; event < FSM_EVENTS; event++) {
        struct fsm_step step = fsm_next(FSM_ESTABLISHED, (enum fsm_event)event);
        bool down = (step.actions & FSM_DO_DOWN) != 0;
        cr_expect_eq(down, step.next != FSM_ESTABLISHED, "%s",
                     fsm_event_name((enum fsm_event)event));
        for (int state = 0; state < FSM_ESTABLISHED; state++)
            cr_expect_eq(
                fsm_next((enum fsm_state)state, (enum fsm_event)event).actions & FSM_DO_DOWN, 0U);
    }
}

Test(fsm, a_notification_is_never_answered_with_one)
{
    for (int state = 0; state < FSM_STATES; state++) {
        unsigned int told = FSM_DO_NOTIFY | FSM_DO_NOTIFY_UNEXPECTED;
        cr_expect_eq(fsm_next((enum fsm_state)state, FSM_EV_NOTIFICATION).actions & told, 0U);
        cr_expect_eq(fsm_next((enum fsm_state)state, FSM_EV_VERSION_REFUSED).actions & told, 0U);
    }
}

/* A peer that keeps routes over a restart drops them at the first NOTIFICATION (RFC 4724, 5). */
Test(fsm, who_leaves_says_nothing)
{
    for (int state = FSM_CONNECT; state < FSM_STATES; state++) {
        struct fsm_step step = fsm_next((enum fsm_state)state, FSM_EV_LEAVE);
        cr_expect_eq(step.actions & (FSM_DO_NOTIFY | FSM_DO_NOTIFY_UNEXPECTED), 0U);
        cr_expect_neq(step.actions & FSM_DO_CLOSE, 0U);
        cr_expect_eq(step.next, FSM_IDLE);
    }
}

Test(fsm, names_are_known)
{
    for (int state = 0; state < FSM_STATES; state++)
        cr_expect_not_null(fsm_state_name((enum fsm_state)state));
    for (int event = 0; event < FSM_EVENTS; event++)
        cr_expect_not_null(fsm_event_name((enum fsm_event)event));
    cr_expect_str_eq(fsm_state_name(FSM_ESTABLISHED), "established");
    cr_expect_str_eq(fsm_event_name(FSM_EV_REFRESH), "refresh");
}
