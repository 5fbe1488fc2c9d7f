#include "policy/engine/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The whole of what policy decides, driven by ticks and time, without a clock and without Redis. */

#define HEAD                                                                                       \
    "dry_run: false\n"                                                                             \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"                                     \
    "protected: [198.51.100.10/32]\n"                                                              \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "platforms: [{name: edge, peers: [p1, p2], max_rules: 6, widest: [/24, /48]}]\n"
#define POLICY(extra)                                                                              \
    "policies:\n"                                                                                  \
    "  - name: host\n"                                                                             \
    "    direction: incoming\n"                                                                    \
    "    where: {protocol: [udp]}\n"                                                               \
    "    key: [dst_addr]\n"                                                                        \
    "    window: 1s\n"                                                                             \
    "    thresholds:\n"                                                                            \
    "      - {severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, "              \
    "mitigate: [{method: limit}]" extra "}\n"                                                      \
    "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, "                       \
    "action: {rate_limit: 10Mbps}, withdraw_after: 5s}]\n"

enum { WRITES_MAX = 400 };

struct seen {
    bool is_alarm, ended, has_job, announces;
    uint8_t state, verb;
    uint64_t revision, until_ms;
    char id[ID_TEXT_MAX], what[64], why[REASON_MAX], rule[200], not_mitigated[96];
    bool dry_run;
};

struct bench {
    struct config *config;
    struct model *model;
    struct engine *engine;
    struct engine_now now;
    struct seen seen[WRITES_MAX];
    size_t count, refusals;
    uint64_t sequence;
    struct alarm alarm; /* as last written */
    struct mitigation mitigation;
};

static void on_write(void *owner, const struct engine_write *w)
{
    struct bench *b = owner;
    cr_assert_lt(b->count, WRITES_MAX);
    struct seen *s = &b->seen[b->count++];
    *s = (struct seen){.is_alarm = w->alarm != NULL,
                       .ended = w->standing == ENGINE_ENDED,
                       .has_job = w->job != NULL,
                       .announces = w->announces};
    (void)snprintf(s->what, sizeof(s->what), "%s", w->what != NULL ? w->what : "");
    (void)snprintf(s->why, sizeof(s->why), "%.200s", w->why != NULL ? w->why : "");
    if (w->alarm != NULL) {
        s->state = w->alarm->state;
        s->revision = w->alarm->revision;
        (void)snprintf(s->id, sizeof(s->id), "%s", w->alarm->id);
        (void)snprintf(s->not_mitigated, sizeof(s->not_mitigated), "%s", w->alarm->not_mitigated);
        b->alarm = *w->alarm;
        memset(&b->alarm.unknown, 0, sizeof(b->alarm.unknown));
        return;
    }
    s->state = w->mitigation->state;
    s->revision = w->mitigation->revision;
    s->until_ms = w->mitigation->until_ms;
    s->dry_run = w->mitigation->dry_run;
    (void)snprintf(s->id, sizeof(s->id), "%s", w->mitigation->id);
    (void)snprintf(s->rule, sizeof(s->rule), "%.190s", w->mitigation->rule);
    b->mitigation = *w->mitigation;
    memset(&b->mitigation.unknown, 0, sizeof(b->mitigation.unknown));
    if (w->job != NULL) {
        s->verb = w->job->verb;
        cr_assert_eq(w->job->revision, w->mitigation->revision);
        cr_assert_str_eq(w->job->mitigation, w->mitigation->id);
    }
}

static void on_refusal(void *owner, enum guard_invariant invariant)
{
    struct bench *b = owner;
    cr_assert_lt((int)invariant, (int)GUARD_COUNT);
    b->refusals++;
}

static void make_engine(struct bench *b)
{
    struct engine_options options = {
        .seed = 7, .epoch = 42, .on_write = on_write, .on_refusal = on_refusal, .owner = b};
    b->engine = engine_new(b->model, &options);
    cr_assert_not_null(b->engine);
}

static struct bench *setup(const char *yaml)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct config_errors errors;
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&b->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    b->model = model_new(b->config, &errors);
    cr_assert_not_null(b->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    b->now = (struct engine_now){.mono_ms = 1000000, .state_ms = 1767323045000};
    make_engine(b);
    return b;
}

static void teardown(struct bench *b)
{
    engine_free(b->engine);
    model_free(b->model);
    config_free(b->config);
    free(b);
}

/* A whole tick of shard s0 with one row, or none for a rate of 0; the exporter was just heard. */
static void tick(struct bench *b, const char *victim, double bps, bool blind, uint32_t heard_age_ms)
{
    static struct rollup_row row;
    struct ip_addr addr;
    struct rollup_count count = {
        .id = b->model->counts[0].id, .windows_ms = {1000}, .window_count = 1};
    struct rollup_exporter exporter = {.heard_age_ms = heard_age_ms};
    cr_assert_eq(addr_parse(&exporter.addr, "192.0.2.1"), STATUS_OK);
    cr_assert_eq(addr_parse(&addr, victim), STATUS_OK);
    memset(&row, 0, sizeof(row));
    key_add_addr(&row.key, DIM_DST_ADDR, &addr);
    row.rates[0] = (struct rollup_rates){.bytes = bps / 8, .packets = bps / 8000, .flows = 1};
    row.samples = 100;
    row.contributors[0] = (struct rollup_contributor){.exporter = 0, .share_permille = 1000};
    row.contributor_count = 1;
    struct rollup_tick t = {.schema = ROLLUP_SCHEMA,
                            .shard = "s0",
                            .aggregator = "a1",
                            .epoch = 1,
                            .sequence = ++b->sequence,
                            .parts = 1,
                            .blind = blind,
                            .counts = &count,
                            .count_count = 1,
                            .exporters = &exporter,
                            .exporter_count = 1,
                            .rows = &row,
                            .row_count = bps > 0 ? 1 : 0};
    engine_tick(b->engine, &t, b->now);
    engine_time(b->engine, b->now);
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now.mono_ms += ms;
    b->now.state_ms += ms;
}

/* Ticks every 100 ms for that long. */
static void run(struct bench *b, const char *victim, double bps, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += 100) {
        pass(b, 100);
        tick(b, victim, bps, false, 0);
    }
}

static void answer(struct bench *b, const char *peer, enum result_kind kind, enum job_verb verb)
{
    struct job_result r = {.speaker = "sp1", .kind = (uint8_t)kind, .verb = (uint8_t)verb};
    (void)snprintf(r.peer, sizeof(r.peer), "%s", peer);
    (void)snprintf(r.mitigation, sizeof(r.mitigation), "%s", b->mitigation.id);
    r.revision = b->mitigation.revision;
    engine_result(b->engine, &r, b->now);
}

static const struct seen *find(const struct bench *b, const char *what)
{
    for (size_t i = b->count; i-- > 0;) {
        if (strcmp(b->seen[i].what, what) == 0)
            return &b->seen[i];
    }
    return NULL;
}

static size_t count_of(const struct bench *b, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        count += strcmp(b->seen[i].what, what) == 0;
    return count;
}

#define VICTIM "198.51.100.45"

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
    for (uint32_t age_ms = 0; age_ms < 7000; age_ms += 100) {
        pass(b, 100);
        tick(b, VICTIM, 0, false, 100 + age_ms); /* the exporter fell silent */
        if (b->alarm.state == ALARM_FROZEN)
            break;
    }
    cr_assert_eq(b->alarm.state == ALARM_FROZEN || b->alarm.state == ALARM_ENDED, true);
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
    struct bench *b = setup("networks: {ours: [198.51.100.0/24]}\n" POLICY(""));
    run(b, VICTIM, 200e6, 300);
    cr_assert(find(b, "announce (dry run)") != NULL && b->mitigation.dry_run);
    answer(b, "", RESULT_DRY_RUN, JOB_ANNOUNCE);
    cr_assert_eq(b->mitigation.state, MITIGATION_ACTIVE);
    run(b, VICTIM, 0, 11000);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWN);
    teardown(b);
}

Test(engine, a_hold_keeps_new_rules_down_until_it_is_lifted)
{
    struct bench *b = setup(HEAD POLICY(""));
    struct scope all = {.kind = SCOPE_ALL};
    engine_holds(b->engine, &all, 1);
    run(b, VICTIM, 200e6, 12000);
    cr_assert_null(find(b, "announce"));
    cr_assert_not_null(strstr(b->alarm.not_mitigated, "hold"), "%s", b->alarm.not_mitigated);
    engine_holds(b->engine, NULL, 0);
    run(b, VICTIM, 200e6, 300);
    cr_assert_not_null(find(b, "announce"));
    cr_assert_str_empty(b->alarm.not_mitigated);
    engine_stop(b->engine, &all, "ann", "wrong", b->now);
    cr_assert_eq(b->mitigation.state, MITIGATION_WITHDRAWING);
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
