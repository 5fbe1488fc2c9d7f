#include "common/redis/waiters.h"

#include <criterion/criterion.h>

Test(waiters, come_out_in_their_order_while_the_ring_grows_and_turns)
{
    struct waiters waiters = {0};
    uint64_t pushed = 0, popped = 0;
    cr_assert_null(waiters_oldest(&waiters));
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 40; i++) {
            cr_assert_eq(waiters_reserve(&waiters), STATUS_OK);
            waiters_push(&waiters, &(struct waiter){.sent_us = pushed++});
        }
        for (int i = 0; i < 30; i++) {
            cr_assert_eq(waiters_oldest(&waiters)->sent_us, popped);
            cr_assert_eq(waiters_pop(&waiters).sent_us, popped++);
        }
    }
    cr_assert_eq(waiters.count, 500);
    while (waiters.count > 0)
        cr_assert_eq(waiters_pop(&waiters).sent_us, popped++);
    cr_assert_eq(popped, pushed);
    waiters_done(&waiters);
    waiters_done(&waiters);
}
