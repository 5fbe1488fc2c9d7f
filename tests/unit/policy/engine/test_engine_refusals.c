#include "tests/unit/policy/engine/support.h"

/* What is refused, now or for good; what stands in the way; what people and alarms both want. */

static size_t mitigation_writes(const struct bench *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        count += !b->seen[i].is_alarm;
    return count;
}

Test(engine_refusals, what_a_budget_refuses_is_recorded_once_and_starts_when_there_is_room)
{
    struct bench *b = setup(HEAD POLICY(""));
    char victim[40], first[ID_TEXT_MAX] = "";
    b->truncated = true; /* what a tick does not name goes on */
    for (int i = 0; i < 4; i++) {
        (void)snprintf(victim, sizeof(victim), "198.51.100.%d", 50 + i);
        pass(b, 10);
        tick(b, victim, 200e6, false, 0);
        if (i == 0)
            (void)snprintf(first, sizeof(first), "%s", b->mitigation.id);
    }
    cr_assert_eq(count_of(b, "announce"), 3);
    cr_assert_eq(count_of(b, "refused"), 1);
    b->count = 0;
    for (int i = 0; i < 600; i++) {
        pass(b, 100);
        tick(b, victim, 200e6, false, 0);
        /* Alarms show their rates each second; those notes are not looked at. */
        cr_assert_eq(mitigation_writes(b), 0, "retries leave no record");
        cr_assert_null(find(b, "not mitigated"), "and are no event");
        b->count = 0;
    }
    cr_assert_gt(b->refusals, 5, "but they are made");
    const char *const stop[] = {"id", first, NULL};
    cr_assert(ask(b, "stop", stop)->ok);
    run(b, victim, 200e6, 6000);
    cr_assert_eq(count_of(b, "announce"), 1, "the place was free again");
    cr_assert_not_null(strstr(find(b, "announce")->rule, "198.51.100.53/32"));
    teardown(b);
}

Test(engine_refusals, a_hold_of_all_its_peers_is_known_before_anything_is_written)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct scope edge = {.kind = SCOPE_PLATFORM, .value = "edge"};
    struct scope peer = {.kind = SCOPE_PEER, .value = "p1"};
    engine_holds(b->engine, &edge, 1, b->now);
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(mitigation_writes(b), 1, "the record of the first refusal");
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "platform:edge"), "%s",
                       b->alarm.not_mitigated);
    engine_holds(b->engine, &peer, 1, b->now);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 1, "p2 may take it; speakers keep it from p1");
    teardown(b);
}

Test(engine_refusals, a_new_mitigation_whose_write_is_refused_ends_and_is_asked_for_again)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof(id), "%s", b->mitigation.id);
    engine_write_refused(b->engine, id, 1, STATUS_HELD, b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_REFUSED);
    cr_assert(find(b, "refused")->ended);
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "announce"), 2);
    cr_assert_str_neq(b->mitigation.id, id);
    teardown(b);
}

Test(engine_refusals, what_stands_already_is_withdrawn_and_not_forgotten)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    run(b, VICTIM, 0, 6000);
    run(b, VICTIM, 200e6, 300); /* back before the withdrawal: announced once more */
    cr_assert_eq(count_of(b, "announce"), 2);
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof(id), "%s", b->mitigation.id);
    engine_write_refused(b->engine, id, b->mitigation.revision, STATUS_HELD, b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_assert(find(b, "withdraw")->has_job, "its speakers are told");
    uint64_t revision = b->mitigation.revision;
    engine_write_refused(b->engine, id, revision, STATUS_EXISTS, b->now);
    cr_assert_eq(b->mitigation.revision, revision, "it is on its way out already");
    teardown(b);
}

Test(engine_refusals, a_rule_of_a_person_keeps_its_end_while_an_alarm_wants_it_too)
{
    struct bench *b = setup(HEAD POLICY(""));
    const char *const args[] = {"method", "limit", "destination", VICTIM, "for_ms", "20000", NULL};
    const struct reply *reply = ask(b, "mitigate", args);
    cr_assert(reply->ok, "%s", reply->text);
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof(id), "%.39s", reply->ids[0]);
    uint64_t until_ms = b->mitigation.until_ms;
    run(b, VICTIM, 200e6, 5000);
    cr_assert_eq(count_of(b, "announce"), 1, "the alarm takes what stands");
    cr_assert_str_eq(b->alarm.mitigations[0], id);
    cr_assert_eq(b->mitigation.until_ms, until_ms);
    run(b, VICTIM, 200e6, 16000);
    cr_assert_eq(count_of(b, "withdraw"), 1);
    cr_assert_eq(count_of(b, "announce"), 2, "the alarm has its own now");
    cr_assert_str_neq(b->mitigation.id, id);
    b->count = 0;
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(count_of(b, "withdraw"), 1, "which goes when the alarm has ended");
    teardown(b);
}

Test(engine_refusals, a_slip_of_a_person_is_told_what_there_is)
{
    struct bench *b = setup(HEAD POLICY(""));
    const char *const method[] = {"method", "limits", "destination", VICTIM, NULL};
    const struct reply *reply = ask(b, "mitigate", method);
    cr_assert_not(reply->ok);
    cr_assert_str_eq(reply->text, "there is no method limits; methods: limit");
    const char *const stop[] = {"id", "m-1", NULL};
    reply = ask(b, "stop", stop);
    cr_assert_not(reply->ok);
    cr_assert_str_eq(reply->text, "m-1 does not stand: weir mitigations shows what does");
    teardown(b);
}

#define TWO_POLICIES                                                                               \
    "policies:\n"                                                                                  \
    "  - {name: a, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, mitigate: [{method: limit}]}]}\n" \
    "  - {name: b, direction: incoming, key: [dst_addr], window: 1s, thresholds: [{severity: "     \
    "minor, any: {bps: 50M}, clear: {below: 80%, after: 5s}, mitigate: [{method: limit}]}]}\n"     \
    "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, "                       \
    "action: {rate_limit: 10Mbps}, withdraw_after: 5s}]\n"

Test(engine_refusals, a_stop_holds_for_every_alarm_that_wanted_the_rule)
{
    struct bench *b = setup(HEAD TWO_POLICIES);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "alarm"), 2);
    cr_assert_eq(count_of(b, "announce"), 1, "equal rules are one mitigation");
    const char *const args[] = {"id", b->mitigation.id, NULL};
    cr_assert(ask(b, "stop", args)->ok);
    cr_assert_eq(count_of(b, "stopped by a person"), 2);
    struct scope all = {.kind = SCOPE_ALL};
    engine_holds(b->engine, &all, 1, b->now);
    engine_holds(b->engine, NULL, 0, b->now);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "announce"), 1);
    teardown(b);
}

/* It may not know whose rule it is that has the match which it withdraws. */
Test(engine_refusals, a_tool_that_stops_a_rule_stops_no_alarm)
{
    struct bench *b = setup(HEAD TWO_POLICIES);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 1);
    const char *const args[] = {"id", b->mitigation.id, NULL};
    cr_assert(ask_by(b, "adapter@sp1", "stop", args)->ok);
    cr_assert_eq(count_of(b, "stopped by a person"), 0);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "announce"), 2, "the alarms have it again");
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
    "  - {name: trial, peers: [p1], max_rules: 6, widest: [/24, /48], dry_run: true}\n"            \
    "  - {name: edge, peers: [p2], max_rules: 2, widest: [/24, /48]}\n"

Test(engine_refusals, a_free_rule_obeys_the_platforms_of_its_peers)
{
    struct bench *b = setup(TWO_PLATFORMS);
    const char *args[] = {"rule",   "match destination " VICTIM "/32 protocol =udp then discard",
                          "for_ms", "60000",
                          "peer",   "p1",
                          NULL};
    cr_assert(ask(b, "announce", args)->ok);
    cr_assert(b->mitigation.dry_run, "its platform is on dry run");
    args[1] = "match destination 198.51.100.46/32 protocol =udp then discard";
    args[5] = "p2";
    cr_assert(ask(b, "announce", args)->ok);
    cr_assert_not(b->mitigation.dry_run);
    args[1] = "match destination 198.51.100.47/32 protocol =udp then discard";
    cr_assert(ask(b, "announce", args)->ok);
    args[1] = "match destination 198.51.100.48/32 protocol =udp then discard";
    const struct reply *reply = ask(b, "announce", args);
    cr_assert_not(reply->ok);
    cr_assert_not_null(strstr(reply->text, "budget"), "%s", reply->text);
    teardown(b);
}

Test(engine_refusals, thousands_of_alarms_over_budget_try_a_few_times_a_turn)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct engine_counts counts;
    char victim[40];
    b->truncated = true;
    for (unsigned int i = 0; i < 300; i++) {
        (void)snprintf(victim, sizeof(victim), "2001:db8::%x", i + 1);
        tick(b, victim, 200e6, false, 0);
        b->count = 0;
    }
    engine_count(b->engine, b->now, &counts);
    cr_assert_eq(counts.alarms[3][ALARM_ACTIVE], 300);
    size_t most = 0;
    for (int i = 0; i < 200; i++) {
        size_t before = b->refusals;
        pass(b, 50);
        engine_time(b->engine, b->now);
        most = b->refusals - before > most ? b->refusals - before : most;
        b->count = 0;
        if (i % 20 == 0)
            tick(b, victim, 0, false, 0); /* keeps the shard from falling silent */
        b->count = 0;
    }
    cr_assert_gt(most, 0);
    cr_assert_leq(most, 20);
    teardown(b);
}
