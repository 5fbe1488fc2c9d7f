#include "tests/unit/policy/engine/support.h"

/* The whole of what policy decides: the life of an attack. */

Test(engine, an_attack_is_mitigated_and_withdrawn_when_it_is_over)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    const struct seen *alarm = find(b, "alarm"), *rule = find(b, "announce");
    cr_assert(alarm != NULL && alarm->state == ALARM_ACTIVE);
    cr_assert(rule != NULL && rule->has_job && rule->verb == JOB_ANNOUNCE && rule->announces);
    cr_assert_str_eq(rule->rule,
                     "match destination 198.51.100.45/32 protocol =udp then rate-limit 1250000B/s");
    cr_assert_eq(b->mitigation.peer_count, 2);
    cr_assert_eq(b->mitigation.epoch, 42);
    cr_assert_eq(count_of(b, "announce"), 1, "one mitigation, however many ticks");
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    answer(b, "p2", RESULT_SENT, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);

    run(b, VICTIM, 0, 4900);
    cr_assert_eq(b->alarm.state, ALARM_CLEARING);
    cr_assert_null(find(b, "alarm ended"), "not before clear.after");
    run(b, VICTIM, 0, 300);
    cr_assert_not_null(find(b, "alarm ended"));
    cr_assert_null(find(b, "withdraw"));
    run(b, VICTIM, 0, 4700);
    cr_assert_null(find(b, "withdraw"), "not before withdraw_after");
    run(b, VICTIM, 0, 500);
    const struct seen *withdraw = find(b, "withdraw");
    cr_assert(withdraw != NULL && withdraw->has_job && withdraw->verb == JOB_WITHDRAW);
    answer(b, "p1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING, "p2 still has it");
    answer(b, "p2", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    cr_assert(find(b, "withdrawn")->ended);
    struct engine_counts counts;
    engine_count(b->engine, b->now, &counts);
    cr_assert_eq(counts.tracked, 0);
    teardown(b);
}

Test(engine, traffic_under_the_threshold_raises_nothing)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 50e6, 3000);
    run(b, VICTIM, 99e6, 3000);
    run(b, VICTIM, 0, 3000);
    cr_assert_eq(b->count, 0);
    teardown(b);
}

Test(engine, a_protected_target_is_not_mitigated_and_says_so)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, "198.51.100.10", 200e6, 6000);
    cr_assert_null(find(b, "announce"));
    cr_assert_eq(count_of(b, "refused"), 1, "it is asked for once, not at every tick");
    cr_assert_neq(b->refusals, 0);
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "protected"), "%s", b->alarm.not_mitigated);
    teardown(b);
}

Test(engine, silence_freezes_an_alarm_and_sight_lets_it_clear)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    pass(b, 2500); /* no tick: the shard is blind */
    engine_time(b->engine, b->now);
    cr_assert_eq(b->alarm.state, ALARM_FROZEN);
    for (int i = 0; i < 100; i++) {
        pass(b, 100);
        tick(b, VICTIM, 0, true, 0);
    }
    cr_assert_eq(b->alarm.state, ALARM_FROZEN, "a blind tick clears nothing");
    run(b, VICTIM, 0, 200);
    cr_assert_eq(b->alarm.state, ALARM_CLEARING);
    teardown(b);
}

Test(engine, contributors_that_fall_silent_freeze_what_would_clear)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    for (uint32_t silent_ms = 100; silent_ms <= 20000; silent_ms += 100) {
        pass(b, 100); /* the window is empty a second after the exporter's last datagram */
        tick(b, VICTIM, silent_ms < 1000 ? 200e6 : 0, false, silent_ms);
        if (silent_ms > 5100)
            cr_assert_eq(b->alarm.state, ALARM_FROZEN, "%u ms", silent_ms);
    }
    cr_assert_null(find(b, "alarm ended"));
    cr_assert(mitigation_stands(b));
    teardown(b);
}

Test(engine, ticks_that_do_not_say_what_they_leave_out_clear_nothing)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    run(b, VICTIM, 0, 300);
    cr_assert_eq(b->alarm.state, ALARM_CLEARING);
    b->truncated = true;
    run(b, VICTIM, 0, 20000);
    cr_assert_eq(b->alarm.state, ALARM_CLEARING);
    b->truncated = false;
    run(b, VICTIM, 0, 200);
    cr_assert_not_null(find(b, "alarm ended"));
    teardown(b);
}

Test(engine, an_alarm_frozen_for_too_long_is_stale_and_keeps_its_rule)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    for (uint64_t s = 0; s < 700; s++) {
        pass(b, 1000);
        engine_time(b->engine, b->now);
        b->count = b->count > 300 ? 300 : b->count; /* rates are written each second */
    }
    cr_assert_eq(b->alarm.state, ALARM_STALE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ANNOUNCING);
    teardown(b);
}

Test(engine, dry_run_passes_through_every_state)
{
    struct bench *b = setup("dry_run: true\n" PEERS POLICY(""));
    run(b, VICTIM, 200e6, 300);
    cr_assert(find(b, "announce (dry run)") != NULL && b->mitigation.dry_run);
    cr_assert_eq(b->mitigation.state, MITIGATION_ANNOUNCING);
    answer(b, "p1", RESULT_DRY_RUN, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

Test(engine, an_update_is_not_told_to_be_older_than_its_decision)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    struct job_result r = {
        .speaker = "sp1", .peer = "p1", .kind = RESULT_SENT, .verb = JOB_ANNOUNCE};
    (void)snprintf(r.mitigation, sizeof(r.mitigation), "%s", b->mitigation.id);
    r.at_ms = b->mitigation.decided_ms - 2; /* the speaker's idea of the server's time is behind */
    engine_result(b->engine, &r, b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    cr_assert_eq(b->mitigation.active_ms, b->mitigation.decided_ms);
    teardown(b);
}

Test(engine, a_dry_run_without_any_peer_needs_no_answer)
{
    struct bench *b = setup("networks: {ours: [198.51.100.0/24]}\n" POLICY(""));
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

Test(engine, a_hold_keeps_new_rules_down_until_it_is_lifted)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct scope all = {.kind = SCOPE_ALL};
    engine_holds(b->engine, &all, 1, b->now);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_null(find(b, "announce"));
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "hold"), "%s", b->alarm.not_mitigated);
    engine_holds(b->engine, NULL, 0, b->now);
    run(b, VICTIM, 200e6, 300);
    cr_assert_not_null(find(b, "announce"));
    cr_assert_str_empty(b->alarm.not_mitigated);
    engine_stop(b->engine, &all, "ann", "wrong", b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_assert_str_eq(b->mitigation.why_ended, "withdraw-all: wrong");
    teardown(b);
}

Test(engine, what_a_person_stopped_does_not_start_again_while_its_alarm_lasts)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    static struct request request;
    static struct reply reply;
    request = (struct request){
        .expires_at_ms = b->now.state_ms + 1000, .who = "ann", .verb = "stop", .arg_count = 1};
    (void)snprintf(request.args[0].name, sizeof(request.args[0].name), "id");
    (void)snprintf(request.args[0].value, sizeof(request.args[0].value), "%s", b->mitigation.id);
    engine_request(b->engine, &request, &reply, b->now);
    cr_assert(reply.ok, "%s", reply.text);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    answer(b, "p1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_eq(count_of(b, "announce"), 1);
    teardown(b);
}

Test(engine, a_restart_goes_on_where_it_was)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    static struct alarm alarm;
    static struct mitigation mitigation;
    alarm = b->alarm;
    mitigation = b->mitigation;
    engine_free(b->engine);
    make_engine(b);
    pass(b, 800);
    cr_assert_eq(engine_restore_mitigation(b->engine, &mitigation, b->now), STATUS_OK);
    cr_assert_eq(engine_restore_alarm(b->engine, &alarm, b->now), STATUS_OK);
    engine_restore_peer(b->engine, mitigation.id, "peer:sp1/p1", "sent");
    run(b, VICTIM, 200e6, 6000);
    cr_assert_eq(count_of(b, "announce"), 1, "the standing mitigation is found, not made again");
    run(b, VICTIM, 0, 10500);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_assert_str_eq(b->mitigation.id, mitigation.id);
    answer(b, "p1", RESULT_WITHDRAWN, JOB_WITHDRAW);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

Test(engine, a_mitigation_whose_alarm_ended_while_nobody_led_is_withdrawn)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    static struct mitigation mitigation;
    mitigation = b->mitigation;
    engine_free(b->engine);
    make_engine(b);
    cr_assert_eq(engine_restore_mitigation(b->engine, &mitigation, b->now), STATUS_OK);
    run(b, VICTIM, 0, 5500);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    teardown(b);
}

Test(engine, an_attack_that_returns_before_the_withdrawal_keeps_its_rule)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    answer(b, "p1", RESULT_SENT, JOB_ANNOUNCE);
    char id[ID_TEXT_MAX];
    (void)snprintf(id, sizeof(id), "%s", b->mitigation.id);
    run(b, VICTIM, 0, 7000);
    cr_assert_not_null(find(b, "alarm ended"));
    cr_assert_neq(b->mitigation.until_ms, 0);
    run(b, VICTIM, 200e6, 8000);
    cr_assert_null(find(b, "withdraw"));
    cr_assert_eq(b->mitigation.until_ms, 0);
    cr_assert_str_eq(b->mitigation.id, id);
    teardown(b);
}

Test(engine, budgets_leave_room_for_people)
{
    struct bench *b = setup(HEAD POLICY(""));
    char victim[40];
    for (int i = 0; i < 6; i++) {
        (void)snprintf(victim, sizeof(victim), "198.51.100.%d", 50 + i);
        pass(b, 100);
        tick(b, victim, 200e6, false, 0);
        engine_time(b->engine, b->now);
    }
    cr_assert_eq(count_of(b, "announce"), 3, "six rules of the platform, half kept back");
    static struct request request;
    static struct reply reply;
    request = (struct request){
        .expires_at_ms = b->now.state_ms + 1000, .who = "ann", .verb = "mitigate", .arg_count = 2};
    (void)snprintf(request.args[0].name, sizeof(request.args[0].name), "method");
    (void)snprintf(request.args[0].value, sizeof(request.args[0].value), "limit");
    (void)snprintf(request.args[1].name, sizeof(request.args[1].name), "destination");
    (void)snprintf(request.args[1].value, sizeof(request.args[1].value), "198.51.100.99");
    engine_request(b->engine, &request, &reply, b->now);
    cr_assert(reply.ok, "%s", reply.text);
    cr_assert_eq(reply.id_count, 1);
    teardown(b);
}

Test(engine, free_rules_are_guarded_and_go_by_themselves)
{
    struct bench *b = setup(HEAD POLICY(""));
    static struct request request;
    static struct reply reply;
    request = (struct request){
        .expires_at_ms = b->now.state_ms + 1000, .who = "ann", .verb = "announce", .arg_count = 3};
    (void)snprintf(request.args[0].name, sizeof(request.args[0].name), "rule");
    (void)snprintf(request.args[1].name, sizeof(request.args[1].name), "for_ms");
    (void)snprintf(request.args[1].value, sizeof(request.args[1].value), "60000");
    (void)snprintf(request.args[2].name, sizeof(request.args[2].name), "peer");
    (void)snprintf(request.args[2].value, sizeof(request.args[2].value), "p2");
    (void)snprintf(request.args[0].value, sizeof(request.args[0].value),
                   "match destination 192.0.2.0/24 then discard");
    engine_request(b->engine, &request, &reply, b->now);
    cr_assert(!reply.ok, "outside our networks");
    (void)snprintf(request.args[0].value, sizeof(request.args[0].value),
                   "match destination " VICTIM "/32 protocol =udp then discard");
    engine_request(b->engine, &request, &reply, b->now);
    cr_assert(reply.ok, "%s", reply.text);
    cr_assert_eq(b->mitigation.peer_count, 1);
    run(b, VICTIM, 0, 61000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    request.expires_at_ms = b->now.state_ms - 1;
    engine_request(b->engine, &request, &reply, b->now);
    cr_assert(!reply.ok, "expired");
    teardown(b);
}

Test(engine, a_reload_keeps_alarms_of_policies_that_stay_and_ends_the_others)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    struct config *config = NULL;
    struct config_errors errors;
    config_errors_init(&errors, "t.yaml");
    const char *yaml = HEAD; /* no policy at all */
    cr_assert_eq(config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK);
    struct model *none = model_new(config, &errors);
    cr_assert_not_null(none, "%s", text_str(&errors.lines));
    engine_set_model(b->engine, b->model, b->now);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(count_of(b, "announce"), 1);
    engine_set_model(b->engine, none, b->now);
    cr_assert_not_null(find(b, "alarm ended"));
    pass(b, 5500);
    engine_time(b->engine, b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    engine_free(b->engine);
    b->engine = NULL;
    model_free(none);
    config_free(config);
    config_errors_done(&errors);
    teardown(b);
}

Test(engine, max_duration_binds_a_rule_that_no_running_alarm_wants)
{
    struct bench *b =
        setup("dry_run: false\n" PEERS "policies:\n"
              "  - name: host\n"
              "    key: [dst_addr]\n"
              "    thresholds: [{severity: critical, any: {bps: 100M}, clear: {after: 5s}, "
              "mitigate: [{method: limit}]}]\n"
              "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, "
              "action: {rate_limit: 10Mbps}, withdraw: manual, max_duration: 20s}]\n");
    run(b, VICTIM, 200e6, 25000);
    cr_assert_null(find(b, "withdraw"), "the alarm runs");
    run(b, VICTIM, 0, 6500);
    cr_assert_not_null(find(b, "alarm ended"));
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
    cr_assert_str_eq(b->mitigation.why_ended, "max_duration of its method");
    teardown(b);
}

Test(engine, only_a_late_return_doubles_the_clear_delay)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    for (int i = 0; i < 5; i++) { /* an exporter that tells every two seconds */
        run(b, VICTIM, 0, 2000);
        run(b, VICTIM, 200e6, 300);
    }
    cr_assert_eq(b->alarm.reactivations, 0);
    run(b, VICTIM, 0, 3000);
    run(b, VICTIM, 200e6, 300);
    cr_assert_eq(b->alarm.reactivations, 1);
    run(b, VICTIM, 0, 9500);
    cr_assert_null(find(b, "alarm ended"), "it waits for twice as long now");
    run(b, VICTIM, 0, 1000);
    cr_assert_not_null(find(b, "alarm ended"));
    teardown(b);
}

Test(engine, a_withdraw_all_without_a_reason_says_no_empty_one)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct scope all = {.kind = SCOPE_ALL};
    run(b, VICTIM, 200e6, 300);
    engine_stop(b->engine, &all, "ann", "", b->now);
    cr_assert_str_eq(b->mitigation.why_ended, "withdraw-all");
    teardown(b);
}

Test(engine, each_rate_has_its_own_peak)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 400e6, 300);
    b->pps = 5e6;
    run(b, VICTIM, 200e6, 300);
    b->pps = 0;
    run(b, VICTIM, 150e6, 2000);
    cr_assert_float_eq(b->alarm.peak.bps, 400e6, 1);
    cr_assert_float_eq(b->alarm.peak.bps_high, 400e6, 1);
    cr_assert_float_eq(b->alarm.peak.pps, 5e6, 1);
    teardown(b);
}
