#include "common/base/clock.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

Test(clock, the_fake_shows_what_it_is_told)
{
    struct clock_fake fake = {.mono_us = 5500, .wall_ms = 1000};
    struct clock clock = clock_of_fake(&fake);

    cr_assert_eq(clock_mono_us(&clock), 5500);
    cr_assert_eq(clock_mono_ms(&clock), 5);
    clock_fake_advance_ms(&fake, 20);
    cr_assert_eq(clock_mono_us(&clock), 25500);
    cr_assert_eq(clock_wall_ms(&clock), 1020);
}

Test(clock, the_system_never_goes_back_and_knows_the_year)
{
    struct clock clock = clock_system();
    uint64_t before = clock_mono_us(&clock);

    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_us(&clock);
        cr_assert(now >= before);
        before = now;
    }
    cr_assert(clock_wall_ms(&clock) > 1700000000000); /* 2023 */
}

struct wall_case {
    uint64_t wall_ms;
    char want[CLOCK_TEXT_MAX];
};

ParameterizedTestParameters(clock, wall_is_rfc_3339_in_utc)
{
    static struct wall_case cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1767323045678, "2026-01-02T03:04:05.678Z"},
        {1709164800007, "2024-02-29T00:00:00.007Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    return cr_make_param_array(struct wall_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct wall_case *c, clock, wall_is_rfc_3339_in_utc)
{
    char text[CLOCK_TEXT_MAX];

    cr_assert_str_eq(clock_format_wall(c->wall_ms, text), c->want);
}
