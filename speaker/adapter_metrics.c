#include "speaker/adapter_metrics.h"

#include "common/base/metrics.h"

static const char *const verbs[] = {"announce", "withdraw", "other"};
static const char *const outcomes[] = {"refused", "ok"};
static const char *const reasons[] = {"uid", "idle"};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]), REASONS = sizeof(reasons) / sizeof(reasons[0]) };

static struct metric_family lines = {
    .name = "weir_speaker_adapter_lines_total",
    .help = "lines of the adapter socket, by what they asked for and whether they had it",
    .type = METRIC_COUNTER,
    .labels = {"verb", "outcome"},
    .series_max = 2 * VERBS};
static struct metric_family clients = {.name = "weir_speaker_adapter_clients",
                                       .help = "clients of the adapter socket",
                                       .type = METRIC_GAUGE};
static struct metric_family turned_away = {
    .name = "weir_speaker_adapter_turned_away_total",
    .help = "clients of the adapter socket that were closed: of another user (uid), or idle when "
            "another waited for a place",
    .type = METRIC_COUNTER,
    .labels = {"reason"},
    .series_max = REASONS};

static struct metric_family audit_waiting = {
    .name = "weir_speaker_adapter_audit_waiting",
    .help = "entries about rules announced without policy that the audit does not have yet",
    .type = METRIC_GAUGE};
static struct metric_family audit_lost = {
    .name = "weir_speaker_adapter_audit_lost_total",
    .help = "such entries that found no room while the state server was away",
    .type = METRIC_COUNTER};

void adapter_metrics_declare(void)
{
    struct metric_family *const all[] = {&lines, &clients, &turned_away, &audit_waiting,
                                         &audit_lost};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    for (size_t i = 0; i < 2 * VERBS; i++)
        (void)metric_at(&lines, (const char *const[]){verbs[i / 2], outcomes[i % 2]});
    for (size_t i = 0; i < REASONS; i++)
        (void)metric_at(&turned_away, &reasons[i]);
    (void)metric_of(&clients);
    (void)metric_of(&audit_waiting);
    (void)metric_of(&audit_lost);
}

void adapter_metrics_line(const char *verb, bool ok)
{
    metric_add(metric_at(&lines, (const char *const[]){verb, outcomes[ok]}), 1);
}

void adapter_metrics_clients(size_t count)
{
    metric_set(metric_of(&clients), (double)count);
}

void adapter_metrics_turned_away(const char *why)
{
    metric_add(metric_at(&turned_away, &why), 1);
}

void adapter_metrics_audit_waiting(size_t count)
{
    metric_set(metric_of(&audit_waiting), (double)count);
}

void adapter_metrics_audit_lost(void)
{
    metric_add(metric_of(&audit_lost), 1);
}
