#include "aggregator/pace.h"

#include <criterion/criterion.h>

/* When a tick is due. */

Test(pace, the_first_is_due_at_once)
{
    struct pace pace = {0};
    cr_assert_eq(pace_wait_ms(&pace, 5000), 0);
}

Test(pace, input_that_matters_brings_one_at_once_and_then_every_10_ms)
{
    struct pace pace = {0};
    pace_ticked(&pace, 5000, 1);
    cr_assert_eq(pace_wait_ms(&pace, 5000), PACE_IDLE_MS);
    pace_input(&pace, true);
    cr_assert_eq(pace_wait_ms(&pace, 5003), 7);
    cr_assert_eq(pace_wait_ms(&pace, 5010), 0);
    cr_assert_eq(pace_wait_ms(&pace, 5400), 0);
}

Test(pace, input_without_anything_to_say_waits_half_a_second)
{
    struct pace pace = {0};
    pace_ticked(&pace, 5000, 0);
    pace_input(&pace, false);
    cr_assert_eq(pace_wait_ms(&pace, 5100), 400);
    pace_ticked(&pace, 5500, 3);
    pace_input(&pace, false); /* the last rows go */
    cr_assert_eq(pace_wait_ms(&pace, 5600), 0);
}

Test(pace, many_rows_take_their_time)
{
    struct pace pace = {0};
    pace_ticked(&pace, 5000, 4000);
    pace_input(&pace, true);
    cr_assert_eq(pace_wait_ms(&pace, 5000), 100);
    pace_ticked(&pace, 6000, 1000000);
    pace_input(&pace, true);
    cr_assert_eq(pace_wait_ms(&pace, 6000), PACE_GAP_MAX_MS);
}
