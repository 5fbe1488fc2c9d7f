#ifndef TESTS_SUPPORT_LOOP_H
#define TESTS_SUPPORT_LOOP_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Turns of a loop until something is true, with a limit; no test sleeps blindly. */
struct loop_wait {
    uv_loop_t *loop;
    uv_timer_t tick;
    uint64_t deadline_ns;
};
void loop_wait_begin(struct loop_wait *wait, uv_loop_t *loop, uint64_t limit_ms);
bool loop_wait_turn(struct loop_wait *wait); /* false: the limit is reached */
void loop_wait_end(struct loop_wait *wait);

/* Looks after every turn, or every 5 ms, and fails the test after 10 s. */
#define LOOP_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        struct loop_wait wait_;                                                                    \
        loop_wait_begin(&wait_, (loop), 10000);                                                    \
        while (!(condition) && loop_wait_turn(&wait_))                                             \
            ;                                                                                      \
        loop_wait_end(&wait_);                                                                     \
        cr_assert((condition), "not true within 10 s: %s", #condition);                            \
    } while (0)

#endif
