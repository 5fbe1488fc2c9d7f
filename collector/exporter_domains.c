#include "collector/exporter_domains.h"

#include <inttypes.h>

struct adding {
    struct text *text;
    int64_t wall_less_mono_ms;
    bool is_later;
};

/* What one number more or less of its sequence stands for. */
static const char *unit_of(uint8_t format)
{
    return format == FORMAT_NETFLOW5 || format == FORMAT_IPFIX ? "records" : "datagrams";
}

static void add_refused(struct text *text, const struct decode_counts *counts)
{
    bool is_later = false;
    text_add(text, ",\"refused\":{");
    for (unsigned int i = 0; i < DECODE_REASON_COUNT; i++) {
        if (counts->refused[i] == 0)
            continue;
        text_addf(text, "%s\"%s\":%" PRIu64, is_later ? "," : "",
                  decode_reason_name((enum decode_reason)i), counts->refused[i]);
        is_later = true;
    }
    text_add(text, "}");
}

static void add_sources(struct text *text, const struct decode_domain_info *domain)
{
    struct decode_source_info worst[DECODE_SOURCES_TOLD];
    size_t count = decode_sources(domain, worst, DECODE_SOURCES_TOLD);
    text_addf(text, ",\"sources\":%" PRIu32 ",\"samples_lost\":%" PRIu64 ",\"source_list\":[",
              domain->sources, domain->counts.samples_lost);
    for (size_t i = 0; i < count; i++)
        text_addf(text,
                  "%s{\"class\":%" PRIu32 ",\"index\":%" PRIu32 ",\"rate\":%" PRIu32
                  ",\"samples_lost\":%" PRIu32 "}",
                  i == 0 ? "" : ",", worst[i].class, worst[i].index, worst[i].rate, worst[i].lost);
    text_add(text, "]");
}

static void add_templates(struct adding *adding, const struct decode_template_info *templates,
                          size_t count)
{
    text_add(adding->text, ",\"template_list\":[");
    for (size_t i = 0; i < count; i++)
        text_addf(adding->text, "%s{\"id\":%u,\"options\":%s,\"fields\":%u,\"told\":%" PRId64 "}",
                  i == 0 ? "" : ",", templates[i].id, templates[i].options ? "true" : "false",
                  templates[i].fields, templates[i].told_ms + adding->wall_less_mono_ms);
    text_add(adding->text, "]");
}

static void on_domain(void *owner, const struct decode_domain_info *domain,
                      const struct decode_template_info *templates, size_t count)
{
    struct adding *adding = owner;
    struct text *text = adding->text;
    const struct decode_counts *c = &domain->counts;
    char agent[ADDR_TEXT_MAX];

    if (c->datagrams == 0)
        return; /* it stands in a snapshot only */
    text_addf(text, "%s{\"format\":\"%s\",\"domain\":%" PRIu32, adding->is_later ? "," : "",
              flow_format_name((enum flow_format)domain->format), domain->number);
    adding->is_later = true;
    if (domain->format == FORMAT_SFLOW5) {
        addr_format(&domain->agent, agent);
        text_addf(text, ",\"agent\":\"%s\"", agent);
    }
    if (c->records > 0 && domain->sampling_rate > 0)
        text_addf(text, ",\"sampling_rate\":%.10g,\"sampling_source\":\"%s\"",
                  domain->sampling_rate,
                  sampling_source_name((enum sampling_source)domain->sampling_source));
    text_addf(text,
              ",\"datagrams\":%" PRIu64 ",\"records\":%" PRIu64 ",\"sequence_lost\":%" PRIu64
              ",\"sequence_unit\":\"%s\",\"sequence_late\":%" PRIu64 ",\"sequence_resets\":%" PRIu64
              ",\"restarts\":%" PRIu64 ",\"sampling_contradictions\":%" PRIu64
              ",\"templates\":%" PRIu32 ",\"samplers\":%" PRIu32 ",\"last_seen\":%" PRId64,
              c->datagrams, c->records, c->sequence_lost, unit_of(domain->format), c->sequence_late,
              c->sequence_resets, c->restarts, domain->sampling.contradictions, domain->templates,
              domain->samplers, domain->last_ms + adding->wall_less_mono_ms);
    add_refused(text, c);
    if (domain->format == FORMAT_SFLOW5)
        add_sources(text, domain);
    add_templates(adding, templates, count);
    text_add(text, "}");
}

void exporter_domains_add(struct text *text, const struct decode_exporter_info *info,
                          int64_t wall_less_mono_ms)
{
    struct adding adding = {.text = text, .wall_less_mono_ms = wall_less_mono_ms};
    text_add(text, "[");
    decode_domains(info->self, EXPORTER_DOMAINS_TOLD, on_domain, &adding);
    text_add(text, "]");
}
