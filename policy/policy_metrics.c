#include "common/base/metrics.h"
#include "policy/policy_internal.h"

#include <string.h>

enum { SHARDS_MAX = 64, VERBS_MAX = 8, OUTCOMES_MAX = 16 };

static struct metric_family alarms = {.name = "weir_policy_alarms",
                                      .help = "alarms that have not ended, as the leader has them",
                                      .type = METRIC_GAUGE,
                                      .labels = {"severity", "state"},
                                      .series_max = SEVERITY_COUNT * ALARM_STATE_COUNT};
static struct metric_family mitigations = {.name = "weir_policy_mitigations",
                                           .help = "mitigations that stand or are on their way",
                                           .type = METRIC_GAUGE,
                                           .labels = {"state"},
                                           .series_max = MITIGATION_STATE_COUNT};
static struct metric_family guard_refusals = {.name = "weir_policy_guard_refusals_total",
                                              .help = "rules that the guard refused, by invariant",
                                              .type = METRIC_COUNTER,
                                              .labels = {"reason"},
                                              .series_max = GUARD_COUNT};
static struct metric_family leader = {.name = "weir_policy_leader",
                                      .help = "1 while this policy leads and acts",
                                      .type = METRIC_GAUGE};
static struct metric_family stages = {
    .name = "weir_policy_stage_seconds",
    .help = "receive: a tick's way through Redis; decide: crossing to decision; write: decision "
            "queued to written",
    .type = METRIC_HISTOGRAM,
    .labels = {"stage"},
    .series_max = 3,
    .buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
                60}};
static struct metric_family ticks = {
    .name = "weir_policy_ticks_total",
    .help = "parts of rollup ticks: used, idle (another leads), stale (too old), malformed",
    .type = METRIC_COUNTER,
    .labels = {"outcome"},
    .series_max = TICK_OUTCOME_COUNT};
static struct metric_family shard_blind = {.name = "weir_policy_shard_blind",
                                           .help = "1 while nothing can be said of a shard's keys",
                                           .type = METRIC_GAUGE,
                                           .labels = {"shard"},
                                           .series_max = SHARDS_MAX};
static struct metric_family writes = {.name = "weir_policy_writes_total",
                                      .help = "writes of decisions to state Redis, by outcome",
                                      .type = METRIC_COUNTER,
                                      .labels = {"outcome"},
                                      .series_max = STATUS_COUNT};
static struct metric_family requests = {.name = "weir_policy_requests_total",
                                        .help = "what people, programs and speakers said",
                                        .type = METRIC_COUNTER,
                                        .labels = {"verb", "outcome"},
                                        .series_max = VERBS_MAX * OUTCOMES_MAX};
static struct metric_family tracked = {.name = "weir_policy_tracked_keys",
                                       .help = "keys over half of a threshold",
                                       .type = METRIC_GAUGE};
static struct metric_family at_maximum = {
    .name = "weir_policy_at_maximum",
    .help = "keys and alarms that found no room since this policy began to act",
    .type = METRIC_GAUGE,
    .labels = {"what"},
    .series_max = 2};
static struct metric_family dry_run = {
    .name = "weir_policy_dry_run",
    .help = "1 while the configuration's dry_run holds: what is decided is not announced",
    .type = METRIC_GAUGE};
static struct metric_family state_lost = {
    .name = "weir_policy_state_lost_total",
    .help = "how often state Redis had lost what it had while this policy led",
    .type = METRIC_COUNTER};

static const char *const tick_names[TICK_OUTCOME_COUNT] = {[TICK_USED] = "used",
                                                           [TICK_IDLE] = "idle",
                                                           [TICK_STALE] = "stale",
                                                           [TICK_MALFORMED] = "malformed"};

static const char *const stage_names[] = {"receive", "decide", "write"};
enum { STAGES = sizeof(stage_names) / sizeof(stage_names[0]) };

void policy_metrics_declare(void)
{
    struct metric_family *const families[] = {
        &alarms, &mitigations, &guard_refusals, &leader,     &stages,     &ticks,  &shard_blind,
        &writes, &requests,    &tracked,        &at_maximum, &state_lost, &dry_run};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        metrics_declare(families[i]);
    /* From 0 on: of a series that begins at 1, Prometheus does not see the first step. */
    for (int i = 0; i < GUARD_COUNT; i++)
        (void)metric_at(&guard_refusals,
                        (const char *const[]){guard_label((enum guard_invariant)i)});
    for (int i = 0; i < TICK_OUTCOME_COUNT; i++)
        (void)metric_at(&ticks, (const char *const[]){tick_names[i]});
    for (int i = 0; i < STATUS_COUNT; i++)
        (void)metric_at(&writes, (const char *const[]){status_name((enum status)i)});
    for (size_t i = 0; i < STAGES; i++)
        (void)metric_at(&stages, &stage_names[i]);
}

static void set(struct metric_family *family, const char *a, const char *b, double value)
{
    metric_set(metric_at(family, (const char *const[]){a, b}), value);
}

static void add_one(struct metric_family *family, const char *a, const char *b)
{
    metric_add(metric_at(family, (const char *const[]){a, b}), 1);
}

void policy_metrics_show(struct policy *p)
{
    struct engine_counts counts;
    struct engine_now now = gate_now(p);
    bool acts = gate_is_open(p);
    memset(&counts, 0, sizeof(counts));
    if (acts)
        engine_count(p->engine, now, &counts);
    for (int s = 0; s < SEVERITY_COUNT; s++)
        for (int state = ALARM_ACTIVE; state < ALARM_STATE_COUNT; state++)
            set(&alarms, config_severity_name((enum config_severity)s),
                alarm_state_name((enum alarm_state)state), (double)counts.alarms[s][state]);
    for (int state = 0; state < MITIGATION_STATE_COUNT; state++)
        set(&mitigations, mitigation_state_name((enum mitigation_state)state), NULL,
            (double)counts.mitigations[state]);
    for (size_t i = 0; i < p->config->shard_count; i++)
        set(&shard_blind, p->config->shards[i].name, NULL,
            acts && engine_shard_is_blind(p->engine, p->config->shards[i].name, now));
    metric_set(metric_of(&leader), acts);
    metric_set(metric_of(&dry_run), p->config->dry_run);
    metric_set(metric_of(&tracked), (double)counts.tracked);
    set(&at_maximum, "keys", NULL, (double)counts.tracked_refused);
    set(&at_maximum, "alarms", NULL, (double)counts.alarms_refused);
    for (size_t i = 0; i < p->telemetry_count; i++)
        registry_set(p->telemetry[i].registry, "leads", acts ? "yes" : "no");
}

void policy_metrics_tick(enum tick_outcome outcome)
{
    add_one(&ticks, tick_names[outcome], NULL);
}

void policy_metrics_write(enum status outcome)
{
    add_one(&writes, status_name(outcome), NULL);
}

void policy_metrics_state_lost(void)
{
    metric_add(metric_of(&state_lost), 1);
}

/* Verbs come from outside: those that nobody knows share one series. */
void policy_metrics_request(const char *verb, const char *outcome)
{
    static const char *const known[] = {"mitigate", "announce",     "stop",
                                        "result",   "withdraw-all", "resume"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], verb) == 0) {
            add_one(&requests, known[i], outcome);
            return;
        }
    }
    add_one(&requests, "other", outcome);
}

void policy_metrics_stage(const char *stage, double seconds)
{
    metric_observe(metric_at(&stages, (const char *const[]){stage}), seconds);
}

void policy_metrics_guard(void *owner, enum guard_invariant invariant)
{
    (void)owner;
    add_one(&guard_refusals, guard_label(invariant), NULL);
}
