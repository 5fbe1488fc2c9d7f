#include "flowspec/guard_budget.h"

#include <criterion/criterion.h>
#include <string.h>

static struct flow_rule rule;
static struct flow_actions actions;
static struct guard_verdict verdict;

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix p;
    cr_assert_eq(prefix_parse(&p, text), STATUS_OK, "%s", text);
    return p;
}

static void parse(const char *text)
{
    struct rule_error error = {0};
    struct text full;
    text_init(&full, 0);
    text_addf(&full, "match %s", text);
    cr_assert_eq(rule_parse_text(&rule, &actions, text_str(&full), &error), STATUS_OK, "%s: %s",
                 text, error.why);
    text_done(&full);
}

static bool says(const char *what)
{
    cr_assert_eq(verdict.count, 1);
    cr_assert_eq(verdict.refusals[0].invariant, GUARD_BUDGET);
    return strstr(verdict.refusals[0].text, what) != NULL;
}

Test(guard_budget, the_budget_has_places_and_says_who_gives_way)
{
    struct guard_budget b = {.is_automatic = true,
                             .minute_max = 60,
                             .target_max = 4,
                             .all_max = 20,
                             .automatic_max = 20 - guard_reserve(20, 0.1, 5)};
    cr_expect_eq(b.automatic_max, 15);
    cr_expect_eq(guard_reserve(200, 0.1, 5), 20);
    cr_expect_eq(guard_reserve(6, 0.1, 5), 3, "at most half");
    verdict.count = 0;
    b.automatic_now = b.all_now = 14;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_FREE);
    b.automatic_now = b.all_now = 15;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    cr_expect(says("15 rules of alarms"));
    b.has_lower = true;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_EVICTS);
    b.all_now = 20;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_EVICTS_FIRST);
    b.is_automatic = false;
    verdict.count = 0;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    b.all_now = 19;
    verdict.count = 0;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_FREE, "kept for people");
    cr_expect_eq(verdict.count, 0);
    b = (struct guard_budget){.is_automatic = true, .minute_now = 60, .minute_max = 60};
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    b = (struct guard_budget){.is_automatic = true, .target_now = 4, .target_max = 4};
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    b.is_automatic = false;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_FREE);
}

Test(guard_budget, what_takes_hosts_off_the_network_is_counted)
{
    static const struct {
        const char *text;
        double baseline;
        bool blackhole;
    } cases[] = {
        {"destination 203.0.113.1/32 then discard", 0, true},
        {"destination 203.0.113.1/32 packet-length >=0 then discard", 0, true},
        {"destination 203.0.113.1/32 protocol =udp then discard", 0, false},
        {"destination 203.0.113.1/32 then rate-limit 999B/s", 100000, true},
        {"destination 203.0.113.1/32 then rate-limit 1000B/s", 100000, false},
        {"destination 203.0.113.1/32 then rate-limit 1B/s", 0, false},
        {"destination 203.0.113.1/32 then redirect 64500:1", 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse(cases[i].text);
        cr_expect_eq(guard_is_blackhole(&rule, &actions, cases[i].baseline), cases[i].blackhole,
                     "%s", cases[i].text);
    }
    struct ip_prefix p = prefix("203.0.113.0/24"), q = prefix("2001:db8::/48");
    cr_expect_eq(guard_hosts(&p), 256);
    cr_expect_eq(guard_hosts(&q), 65536);
    q = prefix("2001:db8::1/128");
    cr_expect_eq(guard_hosts(&q), 1);

    struct guard_budget b = {.blackhole_adds = 1,
                             .blackhole_now = 15,
                             .blackhole_family_now = 9,
                             .family_hosts = 1024,
                             .blackhole_max = 16,
                             .blackhole_share_max = 0.01};
    verdict.count = 0;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_FREE);
    b.blackhole_now = 16;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    cr_expect(says("17 hosts"));
    verdict.count = 0;
    b.blackhole_now = b.blackhole_family_now = 10;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_NONE);
    cr_expect(says("11 of 1024"));
    b.family_hosts = 8;
    b.blackhole_now = b.blackhole_family_now = 0;
    cr_expect_eq(guard_budget_judge(&b, &verdict), GUARD_PLACE_FREE, "one host of a small network");
}
