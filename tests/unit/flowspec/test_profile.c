#include "flowspec/profile.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct flow_rule rule;
static struct flow_actions actions;

struct profile_case {
    char text[140];
    char takers[100]; /* of the built-in profiles, in their order */
};

static void check_case(const struct profile_case *c)
{
    struct rule_error error = {0};
    struct text text, takers;
    text_init(&text, 0);
    text_init(&takers, 0);
    text_addf(&text, "match %s", c->text);
    cr_assert_eq(rule_parse_text(&rule, &actions, text_str(&text), &error), STATUS_OK, "%s: %s",
                 c->text, error.why);
    for (size_t i = 0; profile_at(i) != NULL; i++) {
        const struct router_profile *p = profile_at(i);
        enum status s = profile_check(p, &rule, &actions, &error);
        if (s == STATUS_OK)
            text_addf(&takers, "%s%s", takers.len > 0 ? " " : "", p->name);
        else
            cr_expect(s == STATUS_REFUSED && error.why[0] != '\0', "%s: %s", p->name, c->text);
        cr_expect_eq(profile_find(p->name), p);
    }
    cr_expect_str_eq(text_str(&takers), c->takers);
    text_done(&takers);
    text_done(&text);
}

Test(profile, takes_what_the_router_takes)
{
    static struct profile_case cases[] = {
        {"destination 192.0.2.1/32 protocol =udp source-port =53 then discard",
         "generic junos ios-xr gobgp frr bird exabgp"},
        {"destination 2001:db8::1/128 then rate-limit 1Mbps",
         "generic junos ios-xr gobgp frr bird exabgp"},
        {"destination 192.0.2.1/32 port !=53 then discard", "gobgp bird exabgp"},
        {"destination 192.0.2.1/32 port true then discard", "gobgp bird exabgp"},
        {"destination 192.0.2.1/32 port =1,=2,=3,=4,=5,=6 then discard", "gobgp bird exabgp"},
        {"destination 192.0.2.1/32 port =1,=2,=3,=4,=5 then discard",
         "generic junos ios-xr gobgp frr bird exabgp"},
        {"destination ::1/64-128 then discard", "bird"},
        {"destination 192.0.2.1/32 fragment first-fragment then discard",
         "generic junos gobgp frr bird exabgp"},
        {"destination 192.0.2.1/32 port =5 destination-port =5 then discard",
         "generic ios-xr gobgp frr bird exabgp"},
        {"destination 192.0.2.1/32 then rate-limit-packets 5", "gobgp bird"},
        {"destination 192.0.2.1/32 then redirect 4200000001:1", "gobgp bird"},
        {"destination 192.0.2.1/32 then redirect-to-ip 192.0.2.9", "ios-xr gobgp frr bird exabgp"},
        {"destination 192.0.2.1/32 then redirect-to-next-hop", ""},
        {"destination 192.0.2.1/32 then redirect-to-ip 2001:db8::9", ""},
        {"destination 192.0.2.1/32 then redirect [2001:db8::9]:5", ""},
        {"destination 2001:db8::1/128 then redirect-to-ip 192.0.2.9", ""},
        {"destination 2001:db8::1/128 then redirect-to-ip 2001:db8::9", "gobgp bird exabgp"},
        {"destination 2001:db8::1/128 then redirect [2001:db8::9]:5", "gobgp bird"},
        {"destination 2001:db8::1/128 then redirect 192.0.2.9:5", "gobgp frr bird"},
    };
    TABLE_RUN(cases, check_case)
}

Test(profile, generic_is_what_every_peer_takes)
{
    const struct router_profile *generic = profile_find("generic");
    cr_expect_null(profile_find("unheard-of"));
    cr_expect_null(profile_at(100));
    for (size_t i = 0; profile_at(i) != NULL; i++) {
        const struct router_profile *p = profile_at(i);
        if (!p->ipv4)
            continue; /* has no Flowspec at all */
        cr_expect_leq(generic->values_max, p->values_max, "%s", p->name);
        cr_expect_leq(generic->nlri_max, p->nlri_max, "%s", p->name);
        cr_expect_eq(generic->actions & ~p->actions, 0, "%s", p->name);
        cr_expect_eq(generic->components & ~p->components, 0, "%s", p->name);
    }
}

Test(profile, who_resets_over_long_messages_is_sent_none)
{
    cr_expect_not(profile_find("frr")->extended_messages, "it does at 4,095 octets of rules");
    cr_expect_not(profile_find("generic")->extended_messages);
    const struct router_profile *bird = profile_find("bird");
    struct router_profile p = profile_of_short_messages(bird);
    cr_expect(bird->extended_messages);
    cr_expect_eq(bird->nlri_max, 4095);
    cr_expect_not(p.extended_messages);
    cr_expect_eq(p.nlri_max, 4027);
    p = profile_of_short_messages(profile_find("frr"));
    cr_expect_eq(p.nlri_max, profile_find("frr")->nlri_max);
}

Test(profile, a_rate_below_the_smallest_is_refused)
{
    struct router_profile p = *profile_find("generic");
    struct rule_error error = {0};
    p.rate_min_bytes = 1000;
    cr_assert_eq(rule_parse_text(&rule, &actions,
                                 "match destination 192.0.2.1/32 then rate-limit 999B/s", &error),
                 STATUS_OK);
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_REFUSED);
    actions.rate_bytes = 1000;
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_OK);
    p.rate_step_bytes = 2750;
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_REFUSED);
}

Test(profile, an_address_may_be_redirected_to_as_the_next_hop)
{
    struct router_profile p = *profile_find("generic");
    struct rule_error error = {0};
    cr_assert_eq(rule_parse_text(&rule, &actions,
                                 "match destination 192.0.2.1/32 then redirect-to-ip 192.0.2.9",
                                 &error),
                 STATUS_OK);
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_REFUSED);
    p.to_next_hop = true;
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_OK, "%s", error.why);
    actions.redirect = REDIRECT_TO_NEXT_HOP;
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_REFUSED, "which one?");
    for (size_t i = 0; profile_at(i) != NULL; i++)
        cr_expect_not(profile_at(i)->to_next_hop, "%s", profile_at(i)->name);
}

Test(profile, a_rule_without_a_destination_is_for_routers_that_do_not_validate)
{
    struct rule_error error = {0};
    struct text takers;
    text_init(&takers, 0);
    cr_assert_eq(rule_parse_text(&rule, &actions, "match source 192.0.2.1/32 then discard", &error),
                 STATUS_OK);
    for (size_t i = 0; profile_at(i) != NULL; i++)
        if (profile_check(profile_at(i), &rule, &actions, &error) == STATUS_OK)
            text_addf(&takers, "%s ", profile_at(i)->name);
        else if (profile_at(i)->ipv4)
            cr_expect_not_null(strstr(error.why, "without a destination"), "%s", error.why);
    cr_expect_str_eq(text_str(&takers), "gobgp frr bird exabgp ");
    text_done(&takers);
}

Test(profile, what_a_router_wants_together_stands_together)
{
    struct router_profile p = *profile_find("generic");
    struct rule_error error = {0};
    p.requires[0].of = 1 << COMPONENT_PORT | 1 << COMPONENT_TCP_FLAGS;
    p.requires[0].any = 1 << COMPONENT_PROTOCOL;
    cr_assert_eq(rule_parse_text(&rule, &actions,
                                 "match destination 192.0.2.1/32 tcp-flags syn then discard",
                                 &error),
                 STATUS_OK);
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_REFUSED);
    cr_expect_str_eq(error.why, "generic takes tcp-flags only beside protocol");
    cr_assert_eq(rule_add_op(&rule, COMPONENT_PROTOCOL, OP_EQ, 6), STATUS_OK);
    cr_expect_eq(profile_check(&p, &rule, &actions, &error), STATUS_OK, "%s", error.why);
}

Test(profile, rates_are_rounded_down_to_what_the_router_can_hold)
{
    struct router_profile p = *profile_find("generic");
    cr_expect_eq(profile_rate(&p, 16777217), 16777216, "a float holds 24 bits");
    p.rate_step_bytes = 2750;
    cr_expect_eq(profile_rate(&p, 8249), 5500);
    cr_expect_eq(profile_rate(&p, 2749), 0);
    cr_expect_eq(profile_rate(&p, -5), 0);
    cr_expect_eq(profile_rate(&p, NAN), 0);
    cr_expect_eq(profile_rate(&p, INFINITY), 0);
}
