#include "speaker/adapter_routes.h"
#include "tests/unit/speaker/desired_world.h"

/* What stands, by rule and by who asked for it. */
static struct world *w;
static struct adapter_routes *known;
static struct adapter_line line;
static struct adapter_found found;

static void make(void)
{
    w = world_new();
    known = adapter_routes_new();
}

static void clean(void)
{
    adapter_routes_free(known);
    world_free(w);
}

static void read_rule(const char *text)
{
    struct rule_error error;
    cr_assert_eq(rule_parse_text(&line.rule, &line.actions, text, &error), STATUS_OK, "%s",
                 error.why);
    cr_assert_eq(rule_simplify(&line.rule, &error), STATUS_OK);
    cr_assert_eq(nlri_encode(&line.rule, line.nlri, sizeof(line.nlri), &line.nlri_len), STATUS_OK);
}

static void put(const char *id, const char *who, const char *rule, uint8_t state)
{
    static uint64_t revision = 0;
    struct mitigation *m = mitigation(w, id, 1, ++revision);
    struct action_communities all;
    struct rule_error error;
    read_rule(rule);
    m->family = line.rule.family;
    m->state = state;
    memcpy(m->nlri, line.nlri, line.nlri_len);
    m->nlri_len = line.nlri_len;
    cr_assert_eq(actions_encode_all(&line.actions, &all, &error), STATUS_OK);
    m->community_count = all.count;
    memcpy(m->communities, all.at, all.count * COMMUNITY_LEN);
    (void)snprintf(m->who, sizeof(m->who), "%s", who);
    cr_assert_eq(desired_apply(w->desired, m, w->now), STATUS_OK);
    adapter_routes_note(known, m);
}

static void announce(const char *id, const char *rule)
{
    put(id, "adapter@sp1", rule, MITIGATION_ANNOUNCING);
}

static size_t find(const char *rule, bool exact)
{
    read_rule(rule);
    line.exact = exact;
    adapter_routes_find(known, w->desired, w->rib, &line, &found);
    return found.count;
}

#define HOST "match destination 198.51.100.45/32 "

Test(adapter_routes, the_same_match_is_meant, .init = make, .fini = clean)
{
    announce("m-1", HOST "protocol =udp source-port =53 then discard");
    announce("m-2", HOST "protocol =udp then discard");
    cr_expect_eq(find(HOST "protocol =udp", false), 1);
    cr_expect_str_eq(found.ids[0], "m-2");
    cr_expect_eq(find(HOST "source-port =53 protocol =udp", true), 1);
    cr_expect_str_eq(found.ids[0], "m-1");
}

Test(adapter_routes, a_part_of_the_only_one_is_meant_unless_exact, .init = make, .fini = clean)
{
    announce("m-1", HOST "protocol =udp source-port =53 packet-length >=500&<=1500 then discard");
    announce("m-2",
             "match destination 198.51.100.46/32 protocol =udp source-port =53 then discard");
    cr_expect_eq(find(HOST "protocol =udp source-port =53", false), 1);
    cr_expect_str_eq(found.ids[0], "m-1");
    cr_expect_eq(find(HOST "protocol =udp source-port =53", true), 0);
    cr_expect_eq(found.parts, 1);
    cr_expect_eq(find("match protocol =udp source-port =53", false), 0);
    cr_expect_gt(found.parts, 1);
    /* Not a wider value of the same component, and not more components. */
    cr_expect_eq(find("match destination 198.51.100.0/24", false), 0);
    cr_expect_eq(find(HOST "protocol =udp source-port =53,=123", false), 0);
    cr_expect_eq(find(HOST "protocol =udp source-port =53 packet-length >=500&<=1500 "
                           "dscp ef",
                      false),
                 0);
}

Test(adapter_routes, the_nearest_differs_least, .init = make, .fini = clean)
{
    cr_expect_eq(find(HOST "protocol =tcp", false), 0);
    cr_expect_not(found.has_nearest);
    announce("m-1", HOST "protocol =udp source-port =53 packet-length >=500&<=1500 then discard");
    announce("m-2", HOST "protocol =udp source-port =123 then rate-limit 1000B/s");
    announce("m-6", "match destination 2001:db8::1/128 protocol =udp source-port =53 then discard");
    cr_expect_eq(find(HOST "protocol =udp source-port =54 packet-length >=500&<=1500", false), 0);
    cr_expect(found.has_nearest);
    cr_expect_str_eq(found.nearest_id, "m-1");
    cr_expect_eq(find(HOST "protocol =udp source-port =54", false), 0);
    cr_expect_str_eq(found.nearest_id, "m-2");
    cr_expect(found.nearest_actions.has_rate);
}

Test(adapter_routes, who_is_no_adapter_keeps_his_routes, .init = make, .fini = clean)
{
    put("m-1", "alice@noc", HOST "protocol =udp then discard", MITIGATION_ANNOUNCING);
    cr_expect_eq(find(HOST "protocol =udp", false), 0);
    cr_expect_not(found.has_nearest);
    announce("m-1", HOST "protocol =udp then rate-limit 1000B/s");
    cr_expect_eq(find(HOST "protocol =udp", false), 1);
    put("m-1", "alice@noc", HOST "protocol =udp then discard", MITIGATION_ANNOUNCING);
    cr_expect_eq(find(HOST "protocol =udp", false), 0, "she has replaced it");
}

Test(adapter_routes, what_does_not_stand_is_not_found, .init = make, .fini = clean)
{
    announce("m-1", HOST "protocol =udp then discard");
    announce("m-2", HOST "protocol =udp then discard");
    cr_expect_eq(find(HOST "protocol =udp", false), 2, "one match of two speakers' tools");
    put("m-1", "adapter@sp1", HOST "protocol =udp then discard", MITIGATION_WITHDRAWN);
    cr_expect_eq(find(HOST "protocol =udp", false), 1);
    cr_expect_str_eq(found.ids[0], "m-2");
    adapter_routes_forget(known, "m-2");
    adapter_routes_forget(known, "m-3");
    cr_expect_eq(find(HOST "protocol =udp", false), 0);
    cr_expect_eq(adapter_routes_count(known), 1);
    adapter_routes_note(NULL, &w->m);
    cr_expect_eq(adapter_routes_count(NULL), 0);
}
