#include "collector/strangers.h"

#include <criterion/criterion.h>
#include <string.h>

static struct strangers strangers;
static struct text words, addresses;

static void start(void)
{
    cr_assert_eq(strangers_init(&strangers), STATUS_OK);
    text_init(&words, 0);
    text_init(&addresses, 0);
}

static void done(void)
{
    strangers_done(&strangers);
    text_done(&words);
    text_done(&addresses);
}

static void tell(uint32_t worker, uint32_t addr, uint64_t last_ms)
{
    struct strangers_of_worker *of = &strangers.workers[worker];
    of->refused += 10;
    of->last[of->count++] =
        (struct tally_stranger){.addr = addr_from_ipv4(addr), .datagrams = 10, .last_ms = last_ms};
}

Test(strangers, nobody_says_nothing, .init = start, .fini = done)
{
    strangers_read(&strangers, 1000, &words, &addresses);
    cr_assert_str_eq(text_str(&words), "");
    cr_assert_str_eq(text_str(&addresses), "");
}

Test(strangers, of_all_workers_the_last_comes_first, .init = start, .fini = done)
{
    tell(0, 0xcb007101, 500);
    tell(3, 0xcb007102, 900);
    tell(3, 0xcb007103, 700);
    strangers_read(&strangers, 1000, &words, &addresses);
    cr_assert_str_eq(text_str(&words),
                     "30 datagrams, the last from 203.0.113.2, 203.0.113.3, 203.0.113.1");
    cr_assert_str_eq(text_str(&addresses), "203.0.113.2 203.0.113.3 203.0.113.1");
}

Test(strangers, no_more_than_a_few_are_named, .init = start, .fini = done)
{
    for (uint32_t worker = 0; worker < 8; worker++)
        for (uint32_t i = 0; i < TALLY_STRANGERS; i++)
            tell(worker, 0xcb007100 + worker * TALLY_STRANGERS + i, 1000 + i);
    strangers_read(&strangers, 1100, &words, &addresses);
    size_t named = 1;
    for (const char *c = text_str(&addresses); *c != '\0'; c++)
        named += *c == ' ';
    cr_assert_eq(named, (size_t)TALLY_STRANGERS);
}

Test(strangers, who_came_long_ago_is_not_told_of_any_more, .init = start, .fini = done)
{
    tell(0, 0xcb007101, 500);
    strangers_read(&strangers, 500 + 600000, &words, &addresses);
    cr_assert_str_eq(text_str(&words), "");
}
