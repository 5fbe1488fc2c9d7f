#include "collector/decode/exporter_rate.h"

#include "collector/decode/sampling.h"
#include "collector/decode/ways.h"

/* It is still there: options are told again more often than each hour. */
static bool is_there(const struct decode_domain *domain, uint64_t now_ms)
{
    enum { SILENT_MS = 3600000 };
    return (int64_t)now_ms - domain->info.last_ms <= SILENT_MS;
}

/* And its numbers have gone on for a while, as they would not by a few datagrams that somebody
 * forged. */
static bool is_steady(const struct decode_domain *domain, uint64_t now_ms)
{
    return domain->sequence.known && domain->sequence.main != SEQUENCE_STREAMS &&
           is_there(domain, now_ms);
}

/* One that was steady before a restart of ours need not be so again at once. */
static bool may_stay(const struct decode_exporter *exporter, bool any_steady, uint64_t now_ms)
{
    const struct decode_domain *speaks = exporter->speaks;
    return exporter->is_relied_on && speaks->samplers.count > 0 &&
           (!any_steady || is_steady(speaks, now_ms) ||
            (exporter->is_proven && is_there(speaks, now_ms)));
}

/* Works out the rates of domains that are still stale, as many as a datagram may: first of the one
 * that speaks. Whether any that has one is steady. */
static bool settle_domains(struct decode_context *context)
{
    struct decode_exporter *exporter = context->domain->exporter;
    bool any_steady = false;
    exporter->rate_stale = exporter->rate_put_off = false;
    if (exporter->speaks != NULL)
        sampling_refresh(context, exporter->speaks);
    struct chain *head = &exporter->telling;
    for (struct chain *l = head->next; l != head; l = l->next) {
        struct decode_domain *d = CHAIN_OWNER(l, struct decode_domain, telling);
        sampling_refresh(context, d);
        exporter->rate_put_off = exporter->rate_put_off || d->rate_stale;
        any_steady = any_steady || is_steady(d, context->now_ms);
    }
    return any_steady;
}

void exporter_rate_begin(struct decode_exporter *exporter)
{
    exporter->rate_stale = exporter->rate_stale || exporter->rate_put_off;
}

void exporter_rate_settle(struct decode_context *context)
{
    struct decode_exporter *exporter = context->domain->exporter;
    const uint64_t now_ms = context->now_ms;
    const bool any_steady = settle_domains(context);
    struct decode_domain *first = NULL;
    struct decode_domain *keeps = may_stay(exporter, any_steady, now_ms) ? exporter->speaks : NULL;
    double common = 0, other = 0;
    bool several = false;
    struct chain *head = &exporter->telling;
    for (struct chain *l = head->next; l != head; l = l->next) {
        struct decode_domain *d = CHAIN_OWNER(l, struct decode_domain, telling);
        if (any_steady && !is_steady(d, now_ms))
            continue;
        const bool agrees = d->only_rate > 0 && (common == 0 || common == d->only_rate);
        common = agrees ? d->only_rate : -1;
        if (keeps != NULL && keeps->only_rate > 0 && d->only_rate > 0 &&
            ways_differ(d->only_rate, keeps->only_rate))
            other = d->only_rate;
        several = several || first != NULL;
        first = d;
    }
    exporter->is_relied_on = keeps != NULL;
    exporter->is_proven = exporter->is_proven && keeps != NULL;
    exporter->other_rate = other;
    if (keeps != NULL) {
        exporter->only_rate = keeps->only_rate;
        return;
    }
    exporter->speaks = several && common <= 0 ? NULL : first;
    exporter->only_sampling = several ? NULL : first;
    exporter->only_rate = common > 0 ? common : 0;
}

bool exporter_rate_is_proven(const struct decode_exporter *exporter, uint64_t now_ms)
{
    return exporter->is_proven || (exporter->speaks != NULL && is_steady(exporter->speaks, now_ms));
}

void exporter_rate_heed(const struct decode_context *context)
{
    struct decode_exporter *exporter = context->domain->exporter;
    exporter->rate_stale = exporter->rate_stale || exporter->speaks != context->domain;
}

void exporter_rate_note(struct decode_domain *domain)
{
    struct decode_exporter *exporter = domain->exporter;
    const bool tells = domain->samplers.count > 0;
    if (tells != domain->tells) {
        exporter->rate_stale = true;
        if (tells)
            chain_push(&exporter->telling, &domain->telling);
        else
            chain_drop(&domain->telling);
    }
    domain->tells = tells;
    if (tells || exporter->speaks != domain)
        return;
    exporter->speaks = NULL;
    exporter->only_sampling = NULL;
    exporter->is_relied_on = exporter->is_proven = false;
}

void exporter_rate_restore(struct decode_domain *domain, bool alone, bool proven)
{
    struct decode_exporter *exporter = domain->exporter;
    exporter->speaks = domain;
    exporter->only_sampling = alone ? domain : NULL;
    exporter->is_relied_on = exporter->rate_stale = true;
    exporter->is_proven = proven;
}
