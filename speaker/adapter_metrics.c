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

void adapter_metrics_declare(void)
{
    struct metric_family *const all[] = {&lines, &clients, &turned_away};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    for (size_t i = 0; i < 2 * VERBS; i++)
        (void)metric_at(&lines, (const char *const[]){verbs[i / 2], outcomes[i % 2]});
    for (size_t i = 0; i < REASONS; i++)
        (void)metric_at(&turned_away, &reasons[i]);
    (void)metric_of(&clients);
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
