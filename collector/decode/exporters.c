#include "collector/decode/state.h"

/* What people are told of exporters: the sums of their domains. */

enum { TWO_SENDERS_SHOWN_MS = 60000 };

/* The last of a kind is that of the domain heard most recently, which comes first. */
static void add_events(struct decode_sampling_events *sum,
                       const struct decode_sampling_events *more)
{
    if (sum->changes == 0) {
        sum->changed_from = more->changed_from;
        sum->changed_to = more->changed_to;
    }
    if (sum->contradictions == 0)
        sum->last = more->last;
    sum->changes += more->changes;
    sum->contradictions += more->contradictions;
}

static struct decode_exporter_info info_of(const struct decode_exporter *exporter, uint64_t now_ms)
{
    struct decode_exporter_info info = {
        .self = exporter,
        .addr = exporter->addr,
        .trust = (enum decode_trust)exporter->trust,
        .counts = exporter->gone,
        .domains = exporter->domain_count,
        .two_senders =
            exporter->two_senders_seen && now_ms - exporter->two_senders_ms < TWO_SENDERS_SHOWN_MS,
    };
    bool has_rate = false;
    const struct chain *head = &exporter->domains;
    for (struct chain *l = head->next; l != head; l = l->next) {
        const struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, of_exporter);
        const struct decode_domain_info *of = &domain->info;
        if (l == head->next)
            info.last_ms = of->last_ms; /* the list runs from the most recently heard */
        info.formats |= 1U << of->format;
        info.templates += of->templates;
        const uint32_t timeout_ms = timeout_longest(&domain->timeouts.any);
        if (timeout_ms > info.active_timeout_ms)
            info.active_timeout_ms = timeout_ms;
        info.samplers += of->samplers;
        state_add_counts(&info.counts, &of->counts);
        add_events(&info.sampling, &of->sampling);
        if (of->counts.records > 0 && !has_rate) {
            has_rate = true;
            info.sampling_rate = of->sampling_rate;
            info.sampling_source = of->sampling_source;
        }
    }
    return info;
}

void decode_exporters(const struct decode *decode, uint64_t since_ms, uint64_t now_ms,
                      void (*on_exporter)(void *owner, const struct decode_exporter_info *info),
                      void *owner)
{
    for (unsigned int t = DECODE_TRUSTS; t-- > 0;) {
        const struct chain *head = &decode->exporters_used[t];
        for (struct chain *l = head->next; l != head; l = l->next) {
            const struct decode_exporter *exporter = CHAIN_OWNER(l, struct decode_exporter, used);
            struct decode_exporter_info info = info_of(exporter, now_ms);
            if (info.last_ms < (int64_t)since_ms)
                break;                     /* the list runs from the most recently heard */
            if (info.counts.datagrams > 0) /* else it stands in a snapshot only */
                on_exporter(owner, &info);
        }
    }
}

void decode_domains(const struct decode_exporter *exporter, size_t domains_max,
                    void (*on_domain)(void *owner, const struct decode_domain_info *domain,
                                      const struct decode_template_info *templates, size_t count),
                    void *owner)
{
    struct decode_template_info told[DECODE_TEMPLATES_TOLD];
    for (struct chain *l = exporter->domains.next; l != &exporter->domains && domains_max-- > 0;
         l = l->next) {
        const struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, of_exporter);
        size_t count = 0;
        for (struct chain *at = domain->templates.next;
             at != &domain->templates && count < DECODE_TEMPLATES_TOLD; at = at->next) {
            const struct decode_template *t = CHAIN_OWNER(at, struct decode_template, used);
            told[count++] = (struct decode_template_info){.id = t->id,
                                                          .fields = t->field_count,
                                                          .options = t->options,
                                                          .told_ms = t->told_ms};
        }
        on_domain(owner, &domain->info, told, count);
    }
}

size_t decode_sources(const struct decode_domain_info *info, struct decode_source_info *ret_worst,
                      size_t max)
{
    const struct decode_domain *domain =
        (const struct decode_domain *)(const void *)((const char *)info -
                                                     offsetof(struct decode_domain, info));
    struct flow_source worst[DECODE_SOURCES_TOLD];
    size_t count = sources_worst(&domain->sources, worst,
                                 max < DECODE_SOURCES_TOLD ? max : DECODE_SOURCES_TOLD);
    for (size_t i = 0; i < count; i++)
        ret_worst[i] = (struct decode_source_info){.class = (uint32_t)(worst[i].id >> 32),
                                                   .index = (uint32_t)worst[i].id,
                                                   .rate = worst[i].rate,
                                                   .lost = worst[i].lost};
    return count;
}
