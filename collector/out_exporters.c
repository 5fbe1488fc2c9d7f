#include "collector/out_exporters.h"

#include "collector/exporter_domains.h"
#include "collector/exporter_interfaces.h"
#include "collector/exporters_told.h"

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/redis/keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELDS_MAX = 34 + DECODE_REASON_COUNT + TALLY_REASON_COUNT,
    VALUE_MAX = 64,
    LABELS_MAX = TOLD_LABELS_MAX + TOLD_LISTED_LABELS_MAX,
    TEXTS_MAX = 3,           /* domain_list, interface_list, interface_warning */
    DOMAINS_EVERY_MS = 5000, /* they are long */
    INTERFACES_EVERY_MS = 10000
};

static struct metric_family sequence_gaps = {
    .name = "weir_collector_sequence_gaps_total",
    .help = "Records or datagrams that the exporter's sequence numbers say were lost on the way",
    .type = METRIC_COUNTER,
    .labels = {"exporter"},
    .series_max = LABELS_MAX};
static struct metric_family exporter_datagrams = {.name = "weir_collector_exporter_datagrams_total",
                                                  .help =
                                                      "Datagrams of the exporter, refused ones too",
                                                  .type = METRIC_COUNTER,
                                                  .labels = {"exporter"},
                                                  .series_max = LABELS_MAX};
static struct metric_family sampling_rates = {
    .name = "weir_collector_sampling_rate",
    .help = "Sampling rate of the exporter's last record, 1 in so many; 0: not known",
    .type = METRIC_GAUGE,
    .labels = {"exporter"},
    .series_max = LABELS_MAX};

static struct metric_family two_senders = {
    .name = "weir_collector_two_senders",
    .help = "1 while the exporter's sequence numbers look like two senders'",
    .type = METRIC_GAUGE,
    .labels = {"exporter"},
    .series_max = LABELS_MAX};
static struct metric_family wrong_interfaces = {
    .name = "weir_collector_rate_mismatches",
    .help = "Interfaces of the sFlow exporter that count otherwise than its samples show",
    .type = METRIC_GAUGE,
    .labels = {"exporter"},
    .series_max = LABELS_MAX};

struct out_exporters {
    struct out_exporters_options options;
    char prefix[KEY_NAME_MAX], collector[NAME_MAX_LEN + 1];
    struct exporters_told told;
    uint64_t told_ms;
    struct log_limiter change_limiter, contradiction_limiter, two_senders_limiter, mismatch_limiter;
    struct text domains, interface_list, warning;
    /* While telling. */
    const struct tally *tally;
    const struct interfaces *interfaces;
    struct interfaces_summary summary;
    bool tells_interfaces; /* of the exporter at hand */
    uint64_t now_ms, wall_ms;
};

void out_exporters_declare(void)
{
    metrics_declare(&exporter_datagrams);
    metrics_declare(&sequence_gaps);
    metrics_declare(&sampling_rates);
    metrics_declare(&two_senders);
    metrics_declare(&wrong_interfaces);
}

enum status out_exporters_new(struct out_exporters **ret_out,
                              const struct out_exporters_options *options)
{
    struct out_exporters *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return STATUS_NO_MEMORY;
    out->options = *options;
    snprintf(out->prefix, sizeof(out->prefix), "%s", options->prefix);
    snprintf(out->collector, sizeof(out->collector), "%s", options->collector);
    if (exporters_told_init(&out->told, options->exporters_max,
                            TOLD_LABELS_MAX / (options->workers > 0 ? options->workers : 1),
                            hash_random_seed()) != STATUS_OK) {
        out_exporters_free(out);
        return STATUS_NO_MEMORY;
    }
    text_init(&out->domains, 0);
    text_init(&out->interface_list, 0);
    text_init(&out->warning, 0);
    log_limiter_init(&out->change_limiter, 60000);
    log_limiter_init(&out->contradiction_limiter, 60000);
    log_limiter_init(&out->two_senders_limiter, 60000);
    log_limiter_init(&out->mismatch_limiter, 60000);
    *ret_out = out;
    return STATUS_OK;
}

void out_exporters_free(struct out_exporters *out)
{
    if (out == NULL)
        return;
    exporters_told_done(&out->told);
    text_done(&out->domains);
    text_done(&out->interface_list);
    text_done(&out->warning);
    free(out);
}

/* --- the hash --- */

struct fields {
    struct redis_arg args[2 + 2 * (FIELDS_MAX + TEXTS_MAX)];
    char values[FIELDS_MAX][VALUE_MAX], names[FIELDS_MAX][32];
    size_t arg_count, count;
};

static void add(struct fields *f, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(struct fields *f, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(f->values[f->count], VALUE_MAX, format, args);
    va_end(args);
    snprintf(f->names[f->count], sizeof(f->names[0]), "%s", name);
    f->args[f->arg_count++] = (struct redis_arg){f->names[f->count], strlen(f->names[f->count])};
    f->args[f->arg_count++] = (struct redis_arg){f->values[f->count], strlen(f->values[f->count])};
    f->count++;
}

static void add_number(struct fields *f, const char *name, uint64_t value)
{
    add(f, name, "%" PRIu64, value);
}

static void add_formats(struct fields *f, uint32_t formats)
{
    char text[VALUE_MAX] = "";
    for (unsigned int i = 0; i < FORMAT_COUNT; i++) {
        if (!(formats >> i & 1))
            continue;
        if (text[0] != '\0')
            strcat(text, " ");
        strcat(text, flow_format_name((enum flow_format)i));
    }
    add(f, "formats", "%s", text);
}

static void add_refused_one(struct fields *f, const char *reason, uint64_t count, uint64_t *sum)
{
    char name[32];
    if (count == 0)
        return;
    *sum += count;
    snprintf(name, sizeof(name), "refused_%s", reason);
    add_number(f, name, count);
}

static void add_refused(struct fields *f, const struct decode_exporter_info *info,
                        const struct tally_exporter *exporter)
{
    uint64_t sum = 0;
    for (unsigned int i = 0; i < DECODE_REASON_COUNT; i++)
        add_refused_one(f, decode_reason_name((enum decode_reason)i), info->counts.refused[i],
                        &sum);
    for (unsigned int i = 0; exporter != NULL && i < TALLY_REASON_COUNT; i++)
        add_refused_one(f, tally_reason_name((enum tally_reason)i), exporter->refused[i], &sum);
    add_number(f, "refused", sum);
}

static void add_sampling(struct fields *f, const struct decode_exporter_info *info)
{
    enum sampling_source source = (enum sampling_source)info->sampling_source;
    bool known = info->sampling_rate > 0;
    add(f, "sampling_rate", "%.10g", known ? info->sampling_rate : 1.0);
    add(f, "sampling_source", "%s", sampling_source_name(known ? source : SAMPLING_DEFAULT));
    add_number(f, "sampling_changes", info->sampling.changes);
    add_number(f, "sampling_contradictions", info->sampling.contradictions);
    if (info->sampling.contradictions > 0) {
        const struct decode_contradiction *last = &info->sampling.last;
        add(f, "sampling_contradiction", "%s %.6g, %s %.6g",
            sampling_source_name((enum sampling_source)last->used_source), last->used,
            sampling_source_name((enum sampling_source)last->said_source), last->said);
    }
}

/* The text is lent until the command has been written. */
static void add_long(struct fields *f, const char *name, const struct text *text)
{
    f->args[f->arg_count++] = (struct redis_arg){name, strlen(name)};
    f->args[f->arg_count++] = (struct redis_arg){text_str(text), text->len};
}

/* Not with every second's: for most of them nothing but counts has changed. */
static void add_domains(struct out_exporters *out, struct fields *f,
                        const struct decode_exporter_info *info, struct exporter_told *told)
{
    if (told->domains_ms != 0 && out->now_ms - told->domains_ms < DOMAINS_EVERY_MS)
        return;
    text_clear(&out->domains);
    exporter_domains_add(&out->domains, info, (int64_t)out->wall_ms - (int64_t)out->now_ms);
    if (out->domains.failed)
        return;
    told->domains_ms = out->now_ms;
    add_long(f, "domain_list", &out->domains);
}

static void add_interfaces(struct out_exporters *out, struct fields *f)
{
    if (!out->tells_interfaces || out->interface_list.failed || out->warning.failed)
        return;
    add_number(f, "interfaces", out->summary.count);
    add_number(f, "interfaces_wrong", out->summary.wrong);
    add_long(f, "interface_warning", &out->warning);
    add_long(f, "interface_list", &out->interface_list);
}

static void write_hash(struct out_exporters *out, const struct decode_exporter_info *info,
                       struct exporter_told *told, const char *address)
{
    const struct tally_exporter *exporter = tally_exporter_find(out->tally, &info->addr);
    struct fields f = {.arg_count = 2};
    char key[KEY_NAME_MAX];

    key_name(key, out->prefix, KEY_EXPORTER, address);
    f.args[0] = (struct redis_arg){"HSET", 4};
    f.args[1] = (struct redis_arg){key, strlen(key)};
    if (exporter != NULL && exporter->config != NULL && exporter->config->name != NULL)
        add(&f, "name", "%s", exporter->config->name);
    add(&f, "collector", "%s", out->collector);
    add_number(&f, "worker", out->options.worker);
    add_formats(&f, info->formats);
    add_sampling(&f, info);
    add_number(&f, "domains", info->domains);
    add_number(&f, "templates", info->templates);
    add_number(&f, "samplers", info->samplers);
    add_number(&f, "datagrams", info->counts.datagrams);
    add_number(&f, "records", info->counts.records);
    add_refused(&f, info, exporter);
    add_number(&f, "sequence_lost", info->counts.sequence_lost);
    add_number(&f, "sequence_late", info->counts.sequence_late);
    add_number(&f, "sequence_resets", info->counts.sequence_resets);
    if (info->formats >> FORMAT_SFLOW5 & 1)
        add_number(&f, "samples_lost", info->counts.samples_lost);
    add_number(&f, "restarts", info->counts.restarts);
    add_number(&f, "two_senders", info->two_senders);
    if (info->active_timeout_ms > 0)
        add_number(&f, "active_timeout_ms", info->active_timeout_ms);
    add_number(&f, "last_seen", out->wall_ms - (out->now_ms - (uint64_t)info->last_ms));
    add_domains(out, &f, info, told);
    add_interfaces(out, &f);
    /* What cannot be written now is written with the next second's. */
    if (redis_command(out->options.redis, f.args, f.arg_count, NULL, NULL) == STATUS_OK)
        (void)redis_commandf(out->options.redis, NULL, NULL, "PEXPIRE %s %d", key,
                             KEY_EXPORTER_TTL_MS);
}

/* An exporter that was forgotten and comes again counts from 0 again. */
static void add_since(struct metric_family *family, const char *address, uint64_t now,
                      uint64_t before)
{
    metric_add(metric_at(family, &address), before <= now ? now - before : now);
}

static void log_events(struct out_exporters *out, const struct decode_exporter_info *info,
                       const struct exporter_told *told, const char *address)
{
    const struct decode_sampling_events *now = &info->sampling;
    uint64_t source = hash_wire(&info->addr, sizeof(info->addr)), suppressed;
    if (now->changes > told->sampling_changes &&
        log_limiter_allow(&out->change_limiter, source, out->now_ms, &suppressed))
        log_info("sampling rate changed", "exporter=%s from=%.10g to=%.10g changes=%" PRIu64,
                 address, now->changed_from, now->changed_to, now->changes);
    if (now->contradictions > told->sampling_contradictions &&
        log_limiter_allow(&out->contradiction_limiter, source, out->now_ms, &suppressed))
        log_warn("sampling rates contradict each other",
                 "exporter=%s used=%.10g by=%s said=%.10g by=%s times=%" PRIu64, address,
                 now->last.used, sampling_source_name((enum sampling_source)now->last.used_source),
                 now->last.said, sampling_source_name((enum sampling_source)now->last.said_source),
                 now->contradictions);
    if (info->two_senders && !told->two_senders &&
        log_limiter_allow(&out->two_senders_limiter, source, out->now_ms, &suppressed))
        log_warn("two senders take turns in one exporter's sequence: one may be forged",
                 "exporter=%s", address);
}

static void tell_metrics(struct exporter_told *told, const struct decode_exporter_info *info,
                         const char *address)
{
    const char *label = told->labelled ? address : "other";
    add_since(&exporter_datagrams, label, info->counts.datagrams, told->datagrams);
    metric_add(metric_at(&sequence_gaps, &label), exporters_told_lost(told, &info->counts));
    if (!told->labelled)
        return; /* one number for many says nothing */
    metric_set(metric_at(&sampling_rates, &label), info->sampling_rate);
    metric_set(metric_at(&two_senders, &label), info->two_senders);
}

static bool are_interfaces_due(const struct out_exporters *out, struct exporter_told *told,
                               uint64_t hash)
{
    if (told->interfaces_ms == 0) /* so that not all exporters are due at once */
        told->interfaces_ms = out->now_ms - hash % INTERFACES_EVERY_MS;
    if (out->now_ms - told->interfaces_ms < INTERFACES_EVERY_MS)
        return false;
    told->interfaces_ms = out->now_ms;
    return true;
}

static void tell_interfaces(struct out_exporters *out, struct exporter_told *told,
                            const struct ip_addr *exporter, const char *address)
{
    uint64_t source = hash_wire(exporter, sizeof(*exporter)), suppressed;
    if (interfaces_at(out->interfaces, exporter) == NULL || !are_interfaces_due(out, told, source))
        return;
    text_clear(&out->interface_list);
    text_clear(&out->warning);
    out->tells_interfaces =
        exporter_interfaces_add(&out->interface_list, out->interfaces, exporter, out->now_ms,
                                (int64_t)out->wall_ms - (int64_t)out->now_ms, &out->summary);
    if (!out->tells_interfaces)
        return;
    exporter_interfaces_warn(&out->warning, &out->summary);
    if (told->labelled)
        metric_set(metric_at(&wrong_interfaces, &address), (double)out->summary.wrong);
    if (out->summary.wrong > told->wrong_interfaces &&
        log_limiter_allow(&out->mismatch_limiter, source, out->now_ms, &suppressed))
        log_warn("samples do not show what interfaces counted",
                 "exporter=%s interfaces=%zu why=\"%s\"", address, out->summary.wrong,
                 text_str(&out->warning));
    told->wrong_interfaces = out->summary.wrong;
}

static void note(struct exporter_told *told, const struct decode_exporter_info *info)
{
    told->sampling_changes = info->sampling.changes;
    told->sampling_contradictions = info->sampling.contradictions;
    told->datagrams = info->counts.datagrams;
    told->two_senders = info->two_senders;
}

/* Its hash goes with it, as else there would be one of each address that anybody sent from. */
static void forget(const struct out_exporters *out, const struct ip_addr *gone)
{
    char key[KEY_NAME_MAX], address[ADDR_TEXT_MAX];
    key_name(key, out->prefix, KEY_EXPORTER, addr_format(gone, address));
    (void)redis_commandf(out->options.redis, NULL, NULL, "PEXPIRE %s %d", key, 1);
}

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    struct out_exporters *out = owner;
    char address[ADDR_TEXT_MAX];
    struct ip_addr gone;
    struct exporter_told *told = exporters_told_enter(&out->told, &info->addr, info->trust, &gone);
    bool is_up = redis_is_up(out->options.redis);
    if (gone.family != ADDR_NONE && is_up)
        forget(out, &gone);
    if (told == NULL)
        return;
    addr_format(&info->addr, address);
    out->tells_interfaces = false;
    tell_metrics(told, info, address);
    tell_interfaces(out, told, &info->addr, address);
    log_events(out, info, told, address);
    note(told, info);
    if (is_up)
        write_hash(out, info, told, address);
}

void out_exporters_tell(struct out_exporters *out, const struct decode *decode,
                        const struct tally *tally, const struct interfaces *interfaces)
{
    out->now_ms = clock_mono_ms(&out->options.clock);
    out->wall_ms = clock_wall_ms(&out->options.clock);
    out->tally = tally;
    out->interfaces = interfaces;
    decode_exporters(decode, out->told_ms, out->now_ms, on_exporter, out);
    out->told_ms = out->now_ms;
}
