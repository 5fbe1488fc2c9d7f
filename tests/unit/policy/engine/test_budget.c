#include "tests/unit/policy/engine/support.h"

/* Who gives way where the platform has no more places: 6, of which 3 are for alarms. */

#define METHODS                                                                                    \
    "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, "                       \
    "action: {rate_limit: 10Mbps}, withdraw_after: 5s}]\n"
#define LADDER                                                                                     \
    "policies:\n"                                                                                  \
    "  - name: host\n"                                                                             \
    "    direction: incoming\n"                                                                    \
    "    where: {protocol: [udp]}\n"                                                               \
    "    key: [dst_addr]\n"                                                                        \
    "    window: 1s\n"                                                                             \
    "    thresholds:\n"                                                                            \
    "      - {severity: minor, any: {bps: 100M}, clear: {below: 80%, after: 5s}, "                 \
    "mitigate: [{method: limit}]}\n"                                                               \
    "      - {severity: critical, any: {bps: 1G}, clear: {below: 80%, after: 5s}, "                \
    "mitigate: [{method: limit}]}\n" METHODS

static char first[3][ID_TEXT_MAX]; /* of the rules that filled the places */

/* Three minor alarms of rising excess whose rules have been sent: 198.51.100.50, .51, .52. */
static struct bench *full(void)
{
    struct bench *b = setup(HEAD LADDER);
    char victim[40];
    b->truncated = true; /* what a tick does not name goes on */
    for (int i = 0; i < 3; i++) {
        (void)snprintf(victim, sizeof(victim), "198.51.100.%d", 50 + i);
        pass(b, 10);
        tick(b, victim, 200e6 + 10e6 * i, false, 0);
        (void)snprintf(first[i], ID_TEXT_MAX, "%s", b->mitigation.id);
        answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    }
    cr_assert_eq(count_of(b, "announce"), 3);
    b->count = 0;
    return b;
}

/* Minutes of ticks are more than the notes hold: what alarms show is dropped. */
static void drop_shown(struct bench *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->seen[i].what[0] != '\0')
            b->seen[kept++] = b->seen[i];
    b->count = kept;
}

static void stay(struct bench *b, const char *victim, double bps, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += 1000) {
        run(b, victim, bps, 1000);
        drop_shown(b);
    }
}

Test(budget, a_more_severe_alarm_takes_the_place_of_the_least_make_before_break)
{
    struct bench *b = full();
    pass(b, 10);
    tick(b, "198.51.100.60", 2e9, false, 0);
    cr_assert_eq(count_of(b, "announce"), 1, "announced within what is kept for people");
    cr_assert_eq(count_of(b, "withdraw"), 0, "and nothing goes before a router has it");
    char heir[ID_TEXT_MAX];
    (void)snprintf(heir, sizeof(heir), "%s", b->mitigation.id);
    run(b, "198.51.100.60", 2e9, 1000);
    cr_assert_eq(count_of(b, "withdraw"), 0);
    for (size_t i = 0; i < b->count; i++)
        cr_assert_neq(b->seen[i].state, MITIGATION_FAILED);
    (void)snprintf(b->mitigation.id, ID_TEXT_MAX, "%s", heir);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    run(b, "198.51.100.60", 2e9, 100);
    const struct seen *gone = find(b, "withdraw");
    cr_assert_not_null(gone);
    cr_assert_str_eq(gone->id, first[0], "the least excess of the least severity");
    cr_assert(gone->has_job);
    cr_assert_not_null(strstr(gone->why, heir), "%s", gone->why);
    cr_assert_not_null(strstr(gone->why, "more severe"), "%s", gone->why);
    const struct seen *told = find(b, "not mitigated");
    cr_assert_not_null(told);
    cr_assert_not_null(strstr(told->not_mitigated, "gave way to"), "%s", told->not_mitigated);
    teardown(b);
}

Test(budget, what_gave_way_does_not_take_its_place_back_and_gets_one_when_there_is_room)
{
    struct bench *b = full();
    pass(b, 10);
    tick(b, "198.51.100.60", 2e9, false, 0);
    char heir[ID_TEXT_MAX];
    (void)snprintf(heir, sizeof(heir), "%s", b->mitigation.id);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    stay(b, "198.51.100.60", 2e9, 60000);
    cr_assert_eq(count_of(b, "announce"), 1, "others of the same severity stay where they are");
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_eq(count_of(b, "not mitigated"), 1, "retries are no event");
    const char *const stop[] = {"id", heir, NULL};
    cr_assert(ask(b, "stop", stop)->ok);
    stay(b, "198.51.100.60", 2e9, 6000);
    cr_assert_eq(count_of(b, "announce"), 2);
    cr_assert_not_null(strstr(find(b, "announce")->rule, "198.51.100.50/32"));
    cr_assert_eq(count_of(b, "withdraw"), 2, "the heir, which a person stopped, and no other");
    teardown(b);
}

Test(budget, an_alarm_as_severe_with_more_excess_takes_nobodys_place)
{
    struct bench *b = full();
    stay(b, "198.51.100.60", 900e6, 10000);
    cr_assert_eq(count_of(b, "announce"), 0);
    cr_assert_eq(count_of(b, "withdraw"), 0);
    const struct seen *told = find(b, "not mitigated");
    cr_assert_not_null(told);
    cr_assert_not_null(strstr(told->not_mitigated, "budget"), "%s", told->not_mitigated);
    teardown(b);
}

Test(budget, nothing_gives_way_to_a_rule_that_no_router_takes)
{
    struct bench *b = full();
    pass(b, 10);
    tick(b, "198.51.100.60", 2e9, false, 0);
    struct mitigation heir = b->mitigation;
    answer(b, "p1", RESULT_REFUSED, JOB_ANNOUNCE);
    b->mitigation = heir;
    answer(b, "p2", RESULT_REFUSED, JOB_ANNOUNCE);
    run(b, "198.51.100.60", 2e9, 4000);
    cr_assert_not_null(find(b, "failed"));
    cr_assert_eq(count_of(b, "withdraw"), 0);
    teardown(b);
}

Test(budget, a_rule_of_a_person_never_gives_way)
{
    struct bench *b = setup(HEAD LADDER);
    char victim[40];
    for (int i = 0; i < 6; i++) {
        (void)snprintf(victim, sizeof(victim), "198.51.100.%d", 50 + i);
        const char *const args[] = {"method", "limit", "destination", victim, NULL};
        const struct reply *reply = ask(b, "mitigate", args);
        cr_assert(reply->ok, "%s", reply->text);
    }
    stay(b, "198.51.100.60", 2e9, 10000);
    cr_assert_eq(count_of(b, "announce"), 6);
    cr_assert_eq(count_of(b, "withdraw"), 0);
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "budget"), "%s", b->alarm.not_mitigated);
    teardown(b);
}

Test(budget, where_people_have_taken_all_that_is_kept_for_them_the_old_goes_first)
{
    struct bench *b = full();
    char victim[40];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(victim, sizeof(victim), "198.51.100.%d", 70 + i);
        const char *const args[] = {"method", "limit", "destination", victim, NULL};
        cr_assert(ask(b, "mitigate", args)->ok);
    }
    b->count = 0;
    pass(b, 10);
    tick(b, "198.51.100.60", 2e9, false, 0);
    const struct seen *gone = find(b, "withdraw"), *made = find(b, "announce");
    cr_assert_not_null(gone);
    cr_assert_not_null(made);
    cr_assert_lt(gone, made, "no router is ever given more than it may have");
    cr_assert_str_eq(gone->id, first[0]);
    teardown(b);
}

Test(budget, what_no_alarm_wants_any_more_gives_way_first)
{
    struct bench *b = full();
    b->truncated = false;
    for (int i = 0; i < 80; i++) { /* .50 and .51 end; .52 goes on */
        pass(b, 100);
        tick(b, "198.51.100.52", 220e6, false, 0);
        drop_shown(b);
    }
    cr_assert_eq(count_of(b, "alarm ended"), 2);
    tick(b, "198.51.100.61", 150e6, false, 0);
    cr_assert_eq(count_of(b, "announce"), 1, "its delay before the withdrawal is not worth more");
    teardown(b);
}

Test(budget, a_smaller_budget_takes_the_least_away)
{
    struct bench *b = full();
    static const char yaml[] =
        "dry_run: false\n"
        "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"
        "protected: [198.51.100.10/32]\n"
        "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"
        "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
        "peers:\n"
        "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"
        "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"
        "platforms: [{name: edge, peers: [p1, p2], max_rules: 4, widest: [/24, /48]}]\n" LADDER;
    struct bench *other = setup(yaml);
    engine_set_model(b->engine, other->model, b->now);
    run(b, "198.51.100.52", 220e6, 500);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_str_eq(find(b, "withdraw")->id, first[0]);
    cr_assert_not_null(strstr(find(b, "withdraw")->why, "2 allowed"), "%s",
                       find(b, "withdraw")->why);
    engine_free(b->engine);
    b->engine = NULL;
    teardown(other);
    teardown(b);
}

/* --- what takes hosts off the network --- */

static const struct reply *announce(struct bench *b, const char *text)
{
    const char *args[] = {"rule", text, "for_ms", "60000", NULL};
    return ask(b, "announce", args);
}

Test(budget, people_too_take_only_so_many_hosts_off_the_network)
{
    struct bench *b = setup(HEAD "policy: {budgets: {blackholed_hosts: 2, blackholed_share: 100%}}"
                                 "\n" LADDER);
    cr_assert(announce(b, "match destination 198.51.100.50/32 then discard")->ok);
    cr_assert(announce(b, "match destination 2001:db8::1/128 then discard")->ok);
    const struct reply *reply = announce(b, "match destination 198.51.100.51/32 then discard");
    cr_assert_not(reply->ok);
    cr_assert_not_null(strstr(reply->text, "3 hosts"), "%s", reply->text);
    cr_assert(announce(b, "match destination 198.51.100.51/32 protocol =udp then discard")->ok,
              "it leaves the rest");
    teardown(b);
}

#define TWO_PLATFORMS                                                                              \
    "dry_run: false\n"                                                                             \
    "networks: {ours: [198.51.100.0/24]}\n"                                                        \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "platforms:\n"                                                                                 \
    "  - {name: a, peers: [p1], max_rules: 100, widest: [/24, /48]}\n"                             \
    "  - {name: b, peers: [p2], max_rules: 100, widest: [/24, /48]}\n"

Test(budget, a_host_is_off_the_network_once_whatever_number_of_platforms_it_is_on)
{
    struct bench *b =
        setup(TWO_PLATFORMS "policy: {budgets: {blackholed_hosts: 2, blackholed_share: 100%}}\n"
                            "methods: [{name: hole, match: {destination: infer}, action: {discard: "
                            "true}}]\n");
    const char *one[] = {"method", "hole", "destination", "198.51.100.50", NULL};
    const char *second[] = {"method", "hole", "destination", "198.51.100.51", NULL};
    const char *third[] = {"method", "hole", "destination", "198.51.100.52", NULL};
    const char *dry[] = {"method", "hole", "destination", "198.51.100.60", "dry_run", "1", NULL};
    cr_assert(ask(b, "mitigate", dry)->ok);
    cr_assert(ask(b, "mitigate", one)->ok);
    const struct reply *reply = ask(b, "mitigate", second);
    cr_assert(reply->ok, "%s", reply->text);
    cr_assert_eq(reply->id_count, 2, "one a platform");
    reply = ask(b, "mitigate", third);
    cr_assert_not(reply->ok);
    cr_assert_not_null(strstr(reply->text, "3 hosts"), "%s", reply->text);
    teardown(b);
}

/* Neighbours are as many hosts as strangers. */
Test(budget, hosts_side_by_side_count_each)
{
    struct bench *b = setup(HEAD "policy: {budgets: {blackholed_hosts: 2, blackholed_share: "
                                 "100%}}\n" LADDER);
    cr_assert(announce(b, "match destination 2001:db8::2/128 then discard")->ok);
    cr_assert(announce(b, "match destination 2001:db8::3/128 then discard")->ok);
    const struct reply *reply = announce(b, "match destination 2001:db8::4/128 then discard");
    cr_assert_not(reply->ok);
    cr_assert_not_null(strstr(reply->text, "3 hosts"), "%s", reply->text);
    teardown(b);
}

Test(budget, of_own_space_a_share_may_be_off_the_network_and_one_host_always)
{
    struct bench *b = setup(HEAD "policy: {budgets: {blackholed_share: 0.5%}}\n" LADDER);
    cr_assert(announce(b, "match destination 198.51.100.50/32 then discard")->ok,
              "one of 256, though it is 0.39 %%");
    const struct reply *reply = announce(b, "match destination 198.51.100.51/32 then discard");
    cr_assert_not(reply->ok);
    cr_assert_not_null(strstr(reply->text, "2 of 256"), "%s", reply->text);
    cr_assert(announce(b, "match destination 2001:db8::1/128 then discard")->ok,
              "the other family has its own share");
    teardown(b);
}
