#include "flowspec/component.h"
#include "flowspec/split.h"
#include "tests/unit/flowspec/random_rule.h"
#include "tests/unit/flowspec/table.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct flow_rule rule, parts[SPLIT_MAX];
static struct flow_actions actions;
static struct rule_split split = {.rules = parts, .room = SPLIT_MAX};
static struct rule_error error;

static void parse(const char *text)
{
    struct text full;
    text_init(&full, 0);
    text_addf(&full, "match %s", text);
    cr_assert_eq(rule_parse_text(&rule, &actions, text_str(&full), &error), STATUS_OK, "%s: %s",
                 text, error.why);
    text_done(&full);
}

struct split_case {
    char profile[10], text[110], want[420]; /* parts, each on a line; or the error after a '-' */
};

static void check_case(const struct split_case *c)
{
    parse(c->text);
    enum status s = profile_split(profile_find(c->profile), &rule, &actions, &split, &error);
    if (c->want[0] == '-') {
        cr_expect_eq(s, STATUS_REFUSED);
        cr_expect_eq(split.count, 0);
        cr_expect_not_null(strstr(error.why, c->want + 1), "%s: %s", c->text, error.why);
        return;
    }
    struct text all;
    text_init(&all, 0);
    cr_assert_eq(s, STATUS_OK, "%s: %s", c->text, error.why);
    struct flow_rule wanted;
    const char *at = c->want;
    for (size_t i = 0; i < split.count; i++) {
        struct flow_actions wanted_actions;
        size_t len = strcspn(at, "\n");
        text_clear(&all);
        text_addf(&all, "match %.*s", (int)len, at);
        cr_assert_eq(rule_parse_text(&wanted, &wanted_actions, text_str(&all), &error), STATUS_OK,
                     "%s: %s", text_str(&all), error.why);
        bool same = rule_equal(&wanted, &parts[i]);
        text_clear(&all);
        (void)rule_format_text(&parts[i], &split.actions, &all);
        cr_expect(same && actions_equal(&wanted_actions, &split.actions), "part %zu is %s", i,
                  text_str(&all));
        at += len + (at[len] == '\n');
    }
    cr_expect_eq(*at, '\0', "%zu parts, more wanted", split.count);
    text_done(&all);
}

Test(split, into_what_the_router_takes)
{
    static struct split_case cases[] = {
        {"frr", "destination 192.0.2.1/32 protocol !=6 then discard",
         "destination 192.0.2.1/32 protocol <6,>6 then discard\n"},
        {"gobgp", "destination 192.0.2.1/32 protocol !=6 then discard",
         "destination 192.0.2.1/32 protocol !=6 then discard\n"},
        {"frr", "destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9 then rate-limit 700B/s",
         "destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9 then rate-limit 700B/s\n"},
        {"frr", "destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 then rate-limit 700B/s",
         "destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9 then rate-limit 350B/s\n"
         "destination 192.0.2.1/32 source-port =11 then rate-limit 350B/s\n"},
        {"frr", "destination 192.0.2.1/32 packet-length >=1&<=5,>=10&<=15,>=20&<=25 then discard",
         "destination 192.0.2.1/32 packet-length >=1&<=5,>=10&<=15 then discard\n"
         "destination 192.0.2.1/32 packet-length >=20&<=25 then discard\n"},
        {"junos", "destination 192.0.2.1/32 port =5 destination-port =7 then discard",
         "destination 192.0.2.1/32 destination-port =7 source-port =5 then discard\n"},
        {"junos", "destination 192.0.2.1/32 port =5 destination-port =5 then rate-limit 10B/s",
         "destination 192.0.2.1/32 destination-port =5 source-port =5 then rate-limit 5B/s\n"
         "destination 192.0.2.1/32 destination-port =5 source-port <5,>5 then rate-limit 5B/s\n"},
        {"frr", "destination ::1/64-128 then discard", "-frr takes no prefix offset"},
        {"openbgpd", "destination 192.0.2.1/32 then discard", "-openbgpd takes no IPv4"},
        {"junos", "protocol =17 then discard", "-junos takes no rule without a destination"},
        {"frr", "destination 192.0.2.1/32 then rate-limit-packets 5",
         "-frr does not take rate-limit-packets"},
    };
    TABLE_RUN(cases, check_case)
}

Test(split, a_rate_below_the_smallest_is_refused_and_none_is_rounded_up)
{
    struct router_profile p = *profile_find("frr");
    p.rate_step_bytes = 2750;
    parse("destination 192.0.2.1/32 source-port =1,=3,=5,=7,=9,=11 then rate-limit 12000B/s");
    cr_assert_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_OK, "%s", error.why);
    cr_expect_eq(split.count, 2);
    cr_expect_eq(split.actions.rate_bytes, 5500);
    actions.rate_bytes = 5000;
    cr_expect_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_REFUSED);
    cr_expect_not_null(strstr(error.why, "2750"), "%s", error.why);
    p.rate_step_bytes = 0;
    p.rate_min_bytes = 2501;
    cr_expect_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_REFUSED);
    p.rate_min_bytes = 2500;
    cr_expect_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_OK);
    static const double impossible[] = {0, -1, 1e-60, 1e60};
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]) + 2; i++) {
        actions.rate_bytes = i < 4 ? impossible[i] : i == 4 ? (double)NAN : (double)INFINITY;
        cr_expect_neq(profile_split(&p, &rule, &actions, &split, &error), STATUS_OK, "%zu", i);
        cr_expect_neq(error.why[0], '\0');
    }
    p = *profile_find("gobgp");
    p.values_max = 5;
    actions = (struct flow_actions){.has_rate_packets = true, .rate_packets = 3};
    cr_expect_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_OK);
    cr_expect_eq(split.actions.rate_packets, 1.5);
    actions.rate_packets = 1;
    cr_expect_eq(profile_split(&p, &rule, &actions, &split, &error), STATUS_REFUSED);
}

Test(split, more_parts_than_room_are_refused)
{
    struct text text;
    text_init(&text, 0);
    text_addf(&text, "destination 192.0.2.1/32 source-port =1");
    for (int i = 3; i < 60; i += 2)
        text_addf(&text, ",=%d", i);
    text_addf(&text, " then discard");
    parse(text_str(&text));
    text_done(&text);
    cr_expect_eq(profile_split(profile_find("frr"), &rule, &actions, &split, &error), STATUS_OK);
    cr_expect_eq(split.count, 6);
    split.room = 5;
    cr_expect_eq(profile_split(profile_find("frr"), &rule, &actions, &split, &error), STATUS_LIMIT);
    cr_expect_not_null(strstr(error.why, "more than 5 rules"), "%s", error.why);
    split.room = 0;
    cr_expect_eq(profile_split(profile_find("frr"), &rule, &actions, &split, &error), STATUS_LIMIT);
    split.room = SPLIT_MAX;
}

/* --- a naive evaluator, over the fields that components are about -------------------------------
 */

struct packet {
    uint32_t value[COMPONENT_LAST + 1]; /* `port` is not one: it is either of both */
};

static bool number_holds(const struct rule_op *op, uint32_t value)
{
    return ((op->bits & OP_LT) != 0 && value < op->value) ||
           ((op->bits & OP_GT) != 0 && value > op->value) ||
           ((op->bits & OP_EQ) != 0 && value == op->value) ||
           (op->bits & (OP_LT | OP_GT | OP_EQ)) == (OP_LT | OP_GT | OP_EQ);
}

static bool flags_hold(const struct rule_op *op, uint32_t value)
{
    bool holds =
        (op->bits & OP_MATCH) != 0 ? (value & op->value) == op->value : (value & op->value) != 0;
    return holds != ((op->bits & OP_NOT) != 0);
}

static bool holds(const struct flow_rule *r, enum component c, uint32_t value)
{
    const struct rule_op *ops = rule_ops(r, c);
    bool any = false, all = false;
    for (size_t i = 0; i < rule_ops_count(r, c); i++) {
        bool one = component_is_bits(c) ? flags_hold(&ops[i], value) : number_holds(&ops[i], value);
        if ((ops[i].bits & OP_AND) == 0) {
            any = any || all;
            all = one;
        } else {
            all = all && one;
        }
    }
    return any || all;
}

static bool matches(const struct flow_rule *r, const struct packet *p)
{
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        if (!rule_has(r, c))
            continue;
        if (c == COMPONENT_PORT ? !holds(r, c, p->value[COMPONENT_SOURCE_PORT]) &&
                                      !holds(r, c, p->value[COMPONENT_DESTINATION_PORT])
                                : !holds(r, c, p->value[c]))
            return false;
    }
    return true;
}

/* At and beside the rule's own values, so that most packets are near an edge. */
static void random_packet(struct random *r, const struct flow_rule *of, struct packet *ret)
{
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        enum component from = c;
        uint32_t max = random_max(c, (enum addr_family)of->family);
        bool side = c == COMPONENT_SOURCE_PORT || c == COMPONENT_DESTINATION_PORT;
        if (side && rule_has(of, COMPONENT_PORT) && random_below(r, 2) == 0)
            from = COMPONENT_PORT;
        size_t count = rule_ops_count(of, from);
        uint32_t value = random_value(r, c, (enum addr_family)of->family);
        if (count > 0 && random_below(r, 4) != 0)
            value =
                rule_ops(of, from)[random_below(r, (uint32_t)count)].value + 1 - random_below(r, 3);
        if (component_is_bits(c) && random_below(r, 2) == 0)
            value = random_below(r, max + 1);
        ret->value[c] = value & (component_is_bits(c) ? max : UINT32_MAX);
        if (ret->value[c] > max)
            ret->value[c] = max;
    }
    /* What no packet can be: a first fragment with an offset, a last one without. */
    uint32_t *fragment = &ret->value[COMPONENT_FRAGMENT];
    if ((*fragment & 4) != 0)
        *fragment &= ~10U;
    if ((*fragment & 2) == 0)
        *fragment &= ~8U;
}

/* Splits it, and compares what the parts match with what the rule matches. */
static void compare(struct random *r, const struct router_profile *p, size_t *several)
{
    static const struct flow_actions limit = {.has_rate = true, .rate_bytes = 1e6};
    enum status s = profile_split(p, &rule, &limit, &split, &error);
    if (s != STATUS_OK) {
        cr_expect(s == STATUS_MALFORMED || s == STATUS_REFUSED || s == STATUS_LIMIT, "%s",
                  error.why);
        cr_expect_neq(error.why[0], '\0');
        return;
    }
    *several += split.count > 1;
    cr_expect_leq(split.actions.rate_bytes * (double)split.count, limit.rate_bytes);
    for (int n = 0; n < 300; n++) {
        struct packet packet;
        size_t got = 0;
        random_packet(r, &rule, &packet);
        for (size_t i = 0; i < split.count; i++)
            got += matches(&parts[i], &packet);
        cr_assert_eq(got, matches(&rule, &packet), "%zu parts match", got);
    }
    for (size_t i = 0; i < split.count; i++)
        cr_assert_eq(profile_check(p, &parts[i], &split.actions, &error), STATUS_OK, "%s",
                     error.why);
}

/* Few components with many alternatives each, so that there is something to split. */
static void random_alternatives(struct random *r)
{
    enum addr_family family = random_below(r, 2) == 0 ? ADDR_IPV4 : ADDR_IPV6;
    rule_init(&rule, family);
    do {
        enum component c = COMPONENT_PROTOCOL + random_below(r, 11);
        bool bits = c == COMPONENT_TCP_FLAGS || c == COMPONENT_FRAGMENT;
        if (rule_has(&rule, c) || random_max(c, family) == 0)
            continue;
        for (uint32_t more = 1 + random_below(r, 12); more > 0; more--) {
            uint8_t op = bits ? (uint8_t)random_below(r, 4) : OP_EQ;
            uint32_t value = random_value(r, c, family);
            if (c == COMPONENT_PORT && random_below(r, 2) == 0)
                more = 1;
            if (!bits && random_below(r, 5) == 0) {
                (void)rule_add_op(&rule, c, OP_GT | OP_EQ, value);
                (void)rule_add_op(&rule, c, OP_AND | OP_LT | OP_EQ, value + random_below(r, 40));
            } else if (!bits && more == 1 && random_below(r, 6) == 0) {
                (void)rule_add_op(&rule, c, OP_LT | OP_GT, value);
            } else {
                (void)rule_add_op(&rule, c, op, value);
            }
        }
    } while (rule.present == 0 || random_below(r, 2) == 0);
}

Test(split, parts_match_what_the_rule_matches_and_no_packet_twice, .timeout = 120)
{
    enum { ROUNDS = 900 };
    struct random r = {20};
    size_t several = 0;
    for (int n = 0; n < random_rounds(ROUNDS); n++) {
        struct router_profile p = *profile_at(1 + random_below(&r, 6));
        random_alternatives(&r);
        p.destination_required = false;
        p.nlri_max = (uint16_t)(20 + random_below(&r, 220));
        p.values_max = (uint16_t)(2 + random_below(&r, 6));
        compare(&r, &p, &several);
    }
    cr_expect_gt(several, ROUNDS / 6, "%zu were split", several);
}
