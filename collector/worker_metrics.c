#include "collector/worker_metrics.h"

#include "common/base/metrics.h"

#include <stdio.h>

enum {
    FORMATS = FORMAT_COUNT + 1,
    REASONS = DECODE_REASON_COUNT + TALLY_REASON_COUNT,
    WORKERS_MAX = 256
};

#define COUNTER(id, of_name, of_help)                                                              \
    static struct metric_family id = {                                                             \
        .name = "weir_collector_" of_name, .help = of_help, .type = METRIC_COUNTER}
#define COUNTER_BY(id, of_name, of_help, max, ...)                                                 \
    static struct metric_family id = {.name = "weir_collector_" of_name,                           \
                                      .help = of_help,                                             \
                                      .type = METRIC_COUNTER,                                      \
                                      .labels = {__VA_ARGS__},                                     \
                                      .series_max = max}
#define GAUGE_BY(id, of_name, of_help, max, ...)                                                   \
    static struct metric_family id = {.name = "weir_collector_" of_name,                           \
                                      .help = of_help,                                             \
                                      .type = METRIC_GAUGE,                                        \
                                      .labels = {__VA_ARGS__},                                     \
                                      .series_max = max}

COUNTER_BY(datagrams, "datagrams_total", "Datagrams by format", FORMATS, "format");
COUNTER_BY(records, "records_total", "Flow records and samples decoded", FORMATS, "format");
COUNTER_BY(refused, "refused_total", "Datagrams, parts of them and records that do not count",
           FORMATS *REASONS, "format", "reason");
COUNTER_BY(kernel_drops, "kernel_drops_total", "Datagrams that the kernel dropped, buffer full",
           WORKERS_MAX, "worker");
COUNTER_BY(evicted, "evicted_total", "What went because of a limit, the oldest first", 8, "what");
COUNTER_BY(held, "held_sets_total", "Data sets that came before their template", 3, "what");
GAUGE_BY(keys, "keys", "Rows not yet flushed", WORKERS_MAX, "worker");
GAUGE_BY(waiting, "batches_waiting", "Batches that the telemetry server has not confirmed",
         WORKERS_MAX, "worker");
GAUGE_BY(memory, "template_bytes", "Memory of observation domains, templates and samplers",
         WORKERS_MAX, "worker");
COUNTER(receive_errors, "receive_errors_total", "Datagrams that could not be received whole");
COUNTER(templates, "templates_total", "Template definitions, repeated ones too");
COUNTER(template_changes, "template_changes_total", "Templates that were defined anew");
COUNTER(options_records, "options_records_total", "Options records");
COUNTER(counter_samples, "counter_samples_total", "Counter samples of sFlow");
COUNTER(restored, "restored_total", "Templates and samplers taken up from before the start");
COUNTER(restored_dropped, "restored_dropped_total",
        "Of those, and of templates told before an exporter's restart, what it contradicts");
COUNTER_BY(discard_samples, "discard_samples_total", "Discarded packets that sFlow agents told of",
           DISCARD_REASON_COUNT, "reason");
COUNTER(sampling_changes, "sampling_changes_total", "Times a sampler's rate became another");
COUNTER(sampling_contradictions, "sampling_contradictions_total",
        "Times two sources said different sampling rates for the same records");
COUNTER(unknown_rate, "sampling_unknown_total", "Records counted as unsampled: nobody said a rate");
COUNTER(without_volume, "records_without_volume_total", "Records without octets and packets");
COUNTER(outside_boundary, "outside_boundary_total", "Records that entered elsewhere");
COUNTER(uncounted, "records_uncounted_total", "Records that no policy's count wants");
COUNTER(other, "other_total", "Additions to rows of what is not admitted, a count being full");
COUNTER(replaced, "replaced_total", "Rows that made room for a larger one");
COUNTER(delta_rows, "delta_rows_total", "Rows that the telemetry server has confirmed");
COUNTER(delta_batches, "delta_batches_total", "Batches that the telemetry server has confirmed");
COUNTER(delta_merged, "delta_merged_total", "Batches never sent that merged while it was away");
COUNTER(delta_dropped, "delta_dropped_total", "Batches that were lost");
COUNTER(delta_dropped_rows, "delta_dropped_rows_total", "Rows of batches that were lost");
COUNTER(sequence_late, "sequence_late_total", "Datagrams that were overtaken");
COUNTER(restarts, "exporter_restarts_total",
        "Observation domains whose headers show that their exporter started again");
COUNTER(sequence_resets, "sequence_resets_total", "Sequences that began anew");

static const char *format_label(unsigned int format)
{
    return format < FORMAT_COUNT ? flow_format_name((enum flow_format)format) : "unknown";
}

void worker_metrics_declare(void)
{
    static const char *const evictions[] = {"exporter", "domain", "template",  "sampler",
                                            "source",   "total",  "interface", "aside"};
    static const char *const holdings[] = {"kept", "decoded", "dropped"};
    static struct metric_family *const all[] = {
        &datagrams,
        &records,
        &refused,
        &kernel_drops,
        &receive_errors,
        &templates,
        &options_records,
        &counter_samples,
        &sampling_changes,
        &unknown_rate,
        &without_volume,
        &outside_boundary,
        &uncounted,
        &other,
        &replaced,
        &delta_rows,
        &delta_batches,
        &delta_merged,
        &delta_dropped,
        &delta_dropped_rows,
        &evicted,
        &discard_samples,
        &template_changes,
        &sequence_late,
        &sequence_resets,
        &restarts,
        &keys,
        &waiting,
        &memory,
        &held,
        &sampling_contradictions,
        &restored,
        &restored_dropped,
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    /* From 0 on: of a series that begins at 1, Prometheus does not see the first step. */
    for (size_t i = 0; i < sizeof(evictions) / sizeof(evictions[0]); i++)
        (void)metric_at(&evicted, &evictions[i]);
    for (size_t i = 0; i < sizeof(holdings) / sizeof(holdings[0]); i++)
        (void)metric_at(&held, &holdings[i]);
    for (unsigned int f = 0; f <= FORMAT_COUNT; f++) {
        (void)metric_at(&datagrams, (const char *const[]){format_label(f)});
        (void)metric_at(&records, (const char *const[]){format_label(f)});
    }
}

static void more(struct metric_family *family, uint64_t now, uint64_t before)
{
    if (now > before)
        metric_add(metric_of(family), now - before);
}

static void more_at(struct metric_family *family, const char *label, uint64_t now, uint64_t before)
{
    if (now > before)
        metric_add(metric_at(family, (const char *const[]){label}), now - before);
}

static void more_refused(const char *format, const char *reason, uint64_t now, uint64_t before)
{
    if (now > before)
        metric_add(metric_at(&refused, (const char *const[]){format, reason}), now - before);
}

static void tell_decode(const struct decode_counters *now, const struct decode_counters *before)
{
    for (unsigned int f = 0; f <= FORMAT_COUNT; f++) {
        more_at(&datagrams, format_label(f), now->datagrams[f], before->datagrams[f]);
        more_at(&records, format_label(f), now->records[f], before->records[f]);
        for (unsigned int r = 0; r < DECODE_REASON_COUNT; r++)
            more_refused(format_label(f), decode_reason_name((enum decode_reason)r),
                         now->refused[f][r], before->refused[f][r]);
    }
    more(&templates, now->templates, before->templates);
    more(&template_changes, now->template_changes, before->template_changes);
    more(&options_records, now->options_records, before->options_records);
    more(&counter_samples, now->counter_samples, before->counter_samples);
    more(&restored, now->restored, before->restored);
    more(&restored_dropped, now->restored_dropped, before->restored_dropped);
    for (unsigned int r = 0; r < DISCARD_REASON_COUNT; r++)
        more_at(&discard_samples, discard_reason_name((enum discard_reason)r), now->discards[r],
                before->discards[r]);
    more(&sampling_changes, now->sampling_changes, before->sampling_changes);
    more(&sampling_contradictions, now->sampling_contradictions, before->sampling_contradictions);
    more(&sequence_late, now->sequence_late, before->sequence_late);
    more(&restarts, now->restarts, before->restarts);
    more(&sequence_resets, now->sequence_resets, before->sequence_resets);
    more_at(&held, "kept", now->held_sets, before->held_sets);
    more_at(&held, "decoded", now->held_decoded, before->held_decoded);
    more_at(&held, "dropped", now->held_dropped, before->held_dropped);
    more_at(&evicted, "exporter", now->evicted_exporters, before->evicted_exporters);
    more_at(&evicted, "domain", now->evicted_domains, before->evicted_domains);
    more_at(&evicted, "template", now->evicted_templates, before->evicted_templates);
    more_at(&evicted, "sampler", now->evicted_samplers, before->evicted_samplers);
    more_at(&evicted, "source", now->evicted_sources, before->evicted_sources);
    more_at(&evicted, "total", now->evicted_totals, before->evicted_totals);
    more_at(&evicted, "aside", now->evicted_aside, before->evicted_aside);
}

static void tell_tally(const struct tally_counters *now, const struct tally_counters *before)
{
    for (unsigned int f = 0; f <= FORMAT_COUNT; f++)
        for (unsigned int r = 0; r < TALLY_REASON_COUNT; r++)
            more_refused(format_label(f), tally_reason_name((enum tally_reason)r),
                         now->refused[f][r], before->refused[f][r]);
    more(&without_volume, now->without_volume, before->without_volume);
    more(&unknown_rate, now->unknown_rate, before->unknown_rate);
    more(&outside_boundary, now->outside_boundary, before->outside_boundary);
    more(&uncounted, now->uncounted, before->uncounted);
    more(&other, now->other, before->other);
    more(&replaced, now->replaced, before->replaced);
}

static void tell_out(const struct out_deltas_counters *now,
                     const struct out_deltas_counters *before)
{
    more(&delta_rows, now->rows, before->rows);
    more(&delta_batches, now->batches, before->batches);
    more(&delta_merged, now->merged, before->merged);
    more(&delta_dropped, now->dropped, before->dropped);
    more(&delta_dropped_rows, now->dropped_rows, before->dropped_rows);
}

void worker_metrics_tell(struct worker_metrics *metrics, const struct worker_totals *totals)
{
    char worker[16];
    const char *const label[] = {worker};
    struct out_deltas_counters out;

    snprintf(worker, sizeof(worker), "%u", metrics->worker);
    out_deltas_counters(totals->out, &out);
    tell_decode(decode_counters(totals->decode), &metrics->decode);
    tell_tally(tally_counters(totals->tally), &metrics->tally);
    tell_out(&out, &metrics->out);
    /* Shown before the first drop, so that who watches sees it grow. */
    metric_add(metric_at(&kernel_drops, label), 0);
    more_at(&kernel_drops, worker, totals->kernel_drops, metrics->kernel_drops);
    more(&receive_errors, totals->receive_errors, metrics->receive_errors);
    more_at(&evicted, "interface", interfaces_evicted(totals->interfaces),
            metrics->evicted_interfaces);
    metric_set(metric_at(&keys, label), (double)tally_rows(totals->tally));
    metric_set(metric_at(&waiting, label), (double)out.waiting);
    metric_set(metric_at(&memory, label), (double)decode_memory(totals->decode));
    metrics->decode = *decode_counters(totals->decode);
    metrics->tally = *tally_counters(totals->tally);
    metrics->out = out;
    metrics->kernel_drops = totals->kernel_drops;
    metrics->evicted_interfaces = interfaces_evicted(totals->interfaces);
    metrics->receive_errors = totals->receive_errors;
}
