#include "speaker/bgp/damping.h"

#include <criterion/criterion.h>

enum { USUAL_MS = 5000, NOW_MS = 1000000 };

/* The longest wait after so many falls in a row. */
static uint64_t wait_after(uint32_t falls, uint64_t usual_ms)
{
    struct damping d = {0};
    for (uint32_t i = 0; i < falls; i++)
        damping_fall(&d, NOW_MS, usual_ms, 0);
    return d.until_ms - NOW_MS;
}

Test(damping, the_first_fall_costs_nearly_nothing_and_then_the_wait_doubles_to_its_maximum)
{
    static const uint64_t want_ms[] = {250, 10000, 20000, 40000, 80000, 120000, 120000, 120000};
    for (uint32_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++)
        cr_expect_eq(wait_after(i + 1, USUAL_MS), want_ms[i], "fall %u", i + 1);
    cr_expect_eq(wait_after(1, 100), 100, "never more than what is usual");
    cr_expect_eq(wait_after(2, 3600000), DAMPING_WAIT_MAX_MS);
    cr_expect_eq(wait_after(100000, 1), DAMPING_WAIT_MAX_MS, "nothing overflows");
}

Test(damping, waits_have_jitter_and_are_never_longer_nor_less_than_three_quarters)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t random = 0; random < 50000; random += 7) {
        struct damping d = {.falls = 3};
        damping_fall(&d, NOW_MS, USUAL_MS, random);
        uint64_t wait = d.until_ms - NOW_MS;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    cr_expect_eq(most, 40000);
    cr_expect_geq(least, 30000);
    cr_expect_lt(least, 30100);
}

Test(damping, a_session_that_stood_makes_it_forgotten_and_a_shorter_one_does_not)
{
    struct damping d = {.falls = 5, .until_ms = NOW_MS + 80000};
    damping_stood(&d, DAMPING_STABLE_MS - 1);
    cr_expect_eq(d.falls, 5);
    damping_stood(&d, DAMPING_STABLE_MS);
    cr_expect_eq(d.falls, 0);
    cr_expect_not(damping_keeps_us(&d, NOW_MS));
}

Test(damping, the_peer_is_heard_at_any_time_until_it_fell_three_times)
{
    struct damping d = {0};
    for (uint32_t i = 1; i <= 4; i++) {
        damping_fall(&d, NOW_MS, USUAL_MS, i);
        cr_expect(damping_keeps_us(&d, NOW_MS));
        cr_expect_eq(damping_keeps_peer(&d, NOW_MS), i >= DAMPING_FREE_FALLS);
    }
    cr_expect(damping_keeps_peer(&d, d.until_ms - 1));
    cr_expect_not(damping_keeps_peer(&d, d.until_ms));
    cr_expect_not(damping_keeps_us(&d, d.until_ms));
}

/* A peer that falls as soon as it is let in, for an hour. */
Test(damping, a_flapping_peer_costs_bounded_work)
{
    struct damping d = {0};
    unsigned int sessions = 0;
    for (uint64_t now = NOW_MS; now < NOW_MS + 3600000; now += 50) {
        if (damping_keeps_peer(&d, now))
            continue;
        sessions++;
        damping_fall(&d, now, USUAL_MS, (uint32_t)now * 2654435761U);
    }
    cr_expect_leq(sessions, 6 + 3600000 / (DAMPING_WAIT_MAX_MS / 4 * 3), "%u", sessions);
    cr_expect_geq(sessions, 3600000 / DAMPING_WAIT_MAX_MS, "and it is never given up");
}
