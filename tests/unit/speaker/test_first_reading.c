#include "speaker/first_reading.h"

#include <criterion/criterion.h>

enum { BEGAN_MS = 777000 };

static struct first_reading begun(void)
{
    struct first_reading reading = {0};
    first_reading_begin(&reading, BEGAN_MS);
    return reading;
}

Test(first_reading, nothing_waits_before_it_begins)
{
    struct first_reading reading = {0};
    cr_expect_not(first_reading_waits(&reading));
    cr_expect_not(first_reading_tick(&reading, BEGAN_MS));
    first_reading_goes_on(&reading, BEGAN_MS);
    cr_expect_not(first_reading_waits(&reading));
}

Test(first_reading, announcements_wait_until_all_is_read)
{
    struct first_reading reading = begun();
    cr_expect(first_reading_waits(&reading));
    first_reading_end(&reading);
    cr_expect_not(first_reading_waits(&reading));
    cr_expect_not(first_reading_tick(&reading, BEGAN_MS + FIRST_READING_MOST_MS));
}

Test(first_reading, a_silent_state_server_is_waited_for_three_seconds)
{
    struct first_reading reading = begun();
    cr_expect_not(first_reading_tick(&reading, BEGAN_MS + 2999));
    cr_expect(first_reading_waits(&reading));
    cr_expect(first_reading_tick(&reading, BEGAN_MS + 3000));
    cr_expect_not(first_reading_waits(&reading));
    cr_expect_not(first_reading_tick(&reading, BEGAN_MS + 3001), "it is said once");
}

Test(first_reading, a_long_reading_is_waited_for_while_it_goes_on)
{
    struct first_reading reading = begun();
    for (uint64_t ms = BEGAN_MS; ms < BEGAN_MS + 29000; ms += 2900) {
        cr_expect_not(first_reading_tick(&reading, ms));
        first_reading_goes_on(&reading, ms);
    }
    cr_expect(first_reading_waits(&reading));
    cr_expect_not(first_reading_tick(&reading, BEGAN_MS + 29050), "its last part is 2950 ms old");
    cr_expect(first_reading_tick(&reading, BEGAN_MS + 29100));
}

Test(first_reading, one_that_never_ends_is_waited_for_half_a_minute)
{
    struct first_reading reading = begun();
    for (uint64_t ms = BEGAN_MS; ms < BEGAN_MS + FIRST_READING_MOST_MS; ms += 100) {
        cr_expect_not(first_reading_tick(&reading, ms));
        first_reading_goes_on(&reading, ms);
    }
    cr_expect(first_reading_tick(&reading, BEGAN_MS + FIRST_READING_MOST_MS));
}
