#include "collector/decode/sampling.h"

#include "collector/decode/aside.h"
#include "collector/decode/exporter_rate.h"
#include "collector/decode/room.h"
#include "collector/decode/ways.h"

#include <stdlib.h>

static void set_rate(struct flow_record *flow, double rate, enum sampling_source source)
{
    flow->sampling_rate = rate;
    flow->sampling_source = (uint8_t)source;
}

__attribute__((noinline)) void sampling_contradict(struct decode_context *context, double used,
                                                   uint8_t used_source, double said,
                                                   enum sampling_source said_source)
{
    struct decode_sampling_events *events = &context->domain->info.sampling;
    context->decode->counters.sampling_contradictions++;
    events->contradictions++;
    events->last = (struct decode_contradiction){.used = used,
                                                 .said = said,
                                                 .used_source = used_source,
                                                 .said_source = (uint8_t)said_source};
}

void sampling_note_change(struct decode_context *context, double from, double to)
{
    struct decode_sampling_events *events = &context->domain->info.sampling;
    context->decode->counters.sampling_changes++;
    events->changes++;
    events->changed_from = from;
    events->changed_to = to;
}

static const struct decode_sampler *sampler_of_all(const struct samplers *samplers)
{
    const struct decode_sampler *all = samplers_find(samplers, SAMPLER_ALL, 0);
    return all != NULL && samplers_is_in_force(samplers, all) ? all : NULL;
}

double sampling_of_samplers(const struct samplers *samplers)
{
    const struct decode_sampler *all = sampler_of_all(samplers);
    return all != NULL ? all->rate : samplers_common_rate(samplers);
}

/* The records of a domain that tells no rate go by another's. Anybody can pretend to be such a
 * domain, so this changes no rate of a domain that spoke before, and one of the list of exporters
 * only where the other domain goes on as nobody does by a few datagrams. */
static __attribute__((noinline)) double rate_of_another(struct decode_context *context)
{
    struct decode_exporter *exporter = context->domain->exporter;
    const double rate = exporter->only_rate, other = exporter->other_rate;
    const double listed = context->source->sampling_default;
    const bool is_proven = exporter_rate_is_proven(exporter, context->now_ms);
    if (context->source->sampling_override > 0)
        return rate; /* to be compared */
    if (listed > 0 && !is_proven) {
        if (rate > 0 && ways_differ(rate, listed))
            sampling_contradict(context, listed, SAMPLING_EXPORTER, rate, SAMPLING_OPTIONS);
        return 0;
    }
    if (listed > 0 && rate > 0 && ways_differ(rate, listed))
        sampling_contradict(context, rate, SAMPLING_OPTIONS, listed, SAMPLING_EXPORTER);
    if (other > 0)
        sampling_contradict(context, rate, SAMPLING_OPTIONS, other, SAMPLING_OPTIONS);
    exporter->is_relied_on = exporter->is_relied_on || context->domain->info.counts.records > 0;
    exporter->is_proven = exporter->is_relied_on && is_proven;
    if (exporter->only_sampling != NULL)
        context->samplers = &exporter->only_sampling->samplers;
    return rate;
}

/* Options may change between any two sets, so walks over samplers are bounded, and those after the
 * first two by the octets that were read as well: a short datagram must not cost as much as a long
 * one. */
static bool may_walk(const struct decode_context *context, const struct samplers *samplers)
{
    enum { WALKS_FREE = 2, WALKS_MAX = 16, SAMPLERS_AN_OCTET = 4 };
    return context->walks < WALKS_FREE ||
           (context->walks < WALKS_MAX &&
            context->walked + samplers->count <= (uint64_t)SAMPLERS_AN_OCTET * context->octets);
}

__attribute__((noinline)) void sampling_work_out(struct decode_context *context,
                                                 const struct samplers *samplers, double *ret_rate,
                                                 bool *ret_stale)
{
    *ret_stale = !may_walk(context, samplers);
    *ret_rate = 0;
    if (*ret_stale)
        return;
    context->walks++;
    context->walked += samplers->count;
    *ret_rate = sampling_of_samplers(samplers);
}

void sampling_refresh(struct decode_context *context, struct decode_domain *domain)
{
    if (domain->samplers.count == 0) {
        domain->only_rate = 0;
        domain->rate_stale = false;
    } else if (domain->rate_stale)
        sampling_work_out(context, &domain->samplers, &domain->only_rate, &domain->rate_stale);
}

void sampling_end(struct decode_context *context)
{
    sampling_refresh(context, context->domain);
}

/* A stream beside the main one goes by what it said itself. False: it told no rate. */
static bool takes_own_rate(struct decode_context *context, double *ret_rate)
{
    struct aside_word *word = aside_rates(context);
    context->has_own_rates = word != NULL;
    if (word == NULL)
        return false;
    if (word->rate_stale)
        sampling_work_out(context, &word->rates, &word->only_rate, &word->rate_stale);
    context->samplers = &word->rates;
    *ret_rate = word->only_rate;
    return true;
}

/* Options may change at each record: so this is done where it is asked for, not where they do. Then
 * a domain that tells rates itself asks for no other's. */
static double rate_of_domain(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    double own_rate;
    context->samplers = NULL;
    if (context->is_outside && takes_own_rate(context, &own_rate))
        return own_rate;
    if (domain->samplers.count > 0) {
        context->samplers = &domain->samplers;
        sampling_refresh(context, domain);
        return domain->only_rate;
    }
    if (domain->info.format == FORMAT_SFLOW5)
        return 0; /* each sample tells its own */
    if (domain->exporter->rate_stale)
        exporter_rate_settle(context);
    return domain->exporter->speaks != NULL ? rate_of_another(context) : 0;
}

void sampling_base(struct decode_context *context, struct flow_record *flow)
{
    const struct decode_source *source = context->source;
    const double rate = rate_of_domain(context);

    if (source->sampling_override > 0) {
        set_rate(flow, source->sampling_override, SAMPLING_OVERRIDE);
        if (rate > 0 && ways_differ(rate, source->sampling_override))
            sampling_contradict(context, source->sampling_override, SAMPLING_OVERRIDE, rate,
                                SAMPLING_OPTIONS);
    } else if (rate > 0)
        set_rate(flow, rate, SAMPLING_OPTIONS);
    else if (source->sampling_default > 0)
        set_rate(flow, source->sampling_default, SAMPLING_EXPORTER);
    else
        set_rate(flow, 0, SAMPLING_UNKNOWN);
}

void sampling_own(struct decode_context *context, struct flow_record *flow, double rate,
                  enum sampling_source source)
{
    struct decode_domain *domain = context->domain;
    if (ways_judged(rate) == 0)
        return;
    /* Samples of several interfaces may each have a rate of their own; a header has one. */
    if (source == SAMPLING_HEADER) {
        if (domain->info.header_rate > 0 && domain->info.header_rate != rate)
            sampling_note_change(context, domain->info.header_rate, rate);
        domain->info.header_rate = rate;
    }
    if (flow->sampling_source == SAMPLING_OVERRIDE) {
        if (ways_differ(flow->sampling_rate, rate))
            sampling_contradict(context, flow->sampling_rate, SAMPLING_OVERRIDE, rate, source);
        return;
    }
    /* Of NetFlow 5 these are another domain's; a sample of sFlow is compared with none. */
    if (flow->sampling_source == SAMPLING_OPTIONS && ways_differ(flow->sampling_rate, rate))
        sampling_contradict(context, rate, (uint8_t)source, flow->sampling_rate, SAMPLING_OPTIONS);
    set_rate(flow, rate, source);
}

void sampling_enter_source(struct decode_context *context, uint64_t id, uint32_t rate,
                           uint32_t number)
{
    struct decode_domain *domain = context->domain;
    struct decode *decode = context->decode;
    size_t bytes = sources_bytes(&domain->sources);
    bool evicted;
    if (context->is_outside) {
        sources_pass(&domain->sources, id, context->serial); /* perhaps none of the exporter's */
        return;
    }
    struct flow_source *source =
        sources_enter(&domain->sources, id, decode->limits.sources_per_domain, &evicted);
    if (source == NULL) {
        state_refuse(context, DECODE_NO_MEMORY);
        return;
    }
    uint32_t lost = sources_judge(source, number, context->serial);
    if (source->rate != 0 && source->rate != rate)
        sampling_note_change(context, source->rate, rate);
    source->rate = rate;
    source->last_ms = (int64_t)context->now_ms;
    domain->info.counts.samples_lost += lost;
    decode->counters.samples_lost += lost;
    decode->counters.evicted_sources += evicted;
    domain->info.sources = domain->sources.count;
    bytes = sources_bytes(&domain->sources) - bytes;
    if (bytes > 0) {
        room_take(decode, domain, bytes);
        room_trim(decode, domain);
    }
}

static const struct decode_sampler *sampler_where_it_entered(const struct samplers *samplers,
                                                             const struct flow_record *flow)
{
    if (!(flow->has & FLOW_INPUT_IF))
        return NULL;
    const struct decode_sampler *sampler = samplers_find(samplers, SAMPLER_INPUT, flow->input_if);
    return sampler != NULL ? sampler : samplers_find(samplers, SAMPLER_INTERFACE, flow->input_if);
}

/* NetFlow 9 has one scope for interfaces: what samples there may do so on the way in only. So it
 * serves the packets that leave there where these can have been seen nowhere else. */
static const struct decode_sampler *sampler_where_it_left(const struct samplers *samplers,
                                                          const struct flow_record *flow,
                                                          bool nowhere_else)
{
    if (!(flow->has & FLOW_OUTPUT_IF))
        return NULL;
    const struct decode_sampler *sampler = samplers_find(samplers, SAMPLER_OUTPUT, flow->output_if);
    if (sampler == NULL && nowhere_else)
        sampler = samplers_find(samplers, SAMPLER_INTERFACE, flow->output_if);
    return sampler;
}

/* Of the two interfaces that a packet passes often only one samples, so a record takes no rate from
 * the side that it was not seen at. Where it does not say which, it was seen where it entered,
 * unless options speak of what leaves. */
static const struct decode_sampler *sampler_of_interface(const struct samplers *samplers,
                                                         const struct flow_record *flow)
{
    enum { EGRESS = 1 }; /* flowDirection */
    if (flow->has & FLOW_DIRECTION)
        return flow->direction == EGRESS ? sampler_where_it_left(samplers, flow, true)
                                         : sampler_where_it_entered(samplers, flow);
    const bool entered = flow->has & FLOW_INPUT_IF && flow->input_if != 0;
    const struct decode_sampler *sampler = sampler_where_it_entered(samplers, flow);
    return sampler != NULL ? sampler : sampler_where_it_left(samplers, flow, !entered);
}

static const struct decode_sampler *sampler_of_place(const struct decode_context *context,
                                                     const struct samplers *samplers,
                                                     const struct decode_plan *plan,
                                                     const struct plan_record *record)
{
    const bool is_its_own = samplers == &context->domain->samplers || context->has_own_rates;
    const struct decode_sampler *sampler = sampler_of_interface(samplers, &record->flow);
    if (sampler == NULL && plan->need & NEED_LINE_CARD)
        sampler = samplers_find(samplers, SAMPLER_LINE_CARD, record->extra.line_card);
    if (sampler == NULL && is_its_own) /* others have other ids */
        sampler = samplers_find(samplers, SAMPLER_TEMPLATE, context->template_id);
    return sampler != NULL && sampler->is_disputed ? NULL : sampler;
}

static const struct decode_sampler *sampler_among(const struct decode_context *context,
                                                  const struct samplers *samplers,
                                                  const struct decode_plan *plan,
                                                  const struct plan_record *record)
{
    const struct decode_sampler *sampler = NULL;
    if (record->flow.has & FLOW_SAMPLER)
        sampler = samplers_find(samplers, SAMPLER_ID, record->flow.sampler);
    if (sampler == NULL && samplers->places > 0)
        sampler = sampler_of_place(context, samplers, plan, record);
    return sampler;
}

/* The nearest that says anything of it, of all streams that the datagram's goes on from. */
static const struct decode_sampler *sampler_in_line(const struct decode_context *context,
                                                    const struct decode_plan *plan,
                                                    const struct plan_record *record)
{
    const struct aside *aside = context->domain->aside;
    const struct decode_sampler *sampler = NULL;
    for (uint8_t i = 0; aside != NULL && i < aside->line_len && sampler == NULL; i++) {
        const struct aside_word *word = aside->words[aside->line[i]];
        if (word != NULL && word->rates.count > 0)
            sampler = sampler_among(context, &word->rates, plan, record);
    }
    return sampler;
}

/* What options say of this record; NULL: nothing. */
static const struct decode_sampler *sampler_of(const struct decode_context *context,
                                               const struct decode_plan *plan,
                                               const struct plan_record *record)
{
    const struct samplers *samplers = context->samplers;
    const struct decode_sampler *sampler = NULL;
    if (samplers == NULL)
        return NULL;
    if (context->has_own_rates) {
        sampler = sampler_in_line(context, plan, record);
        if (sampler == NULL)
            sampler = sampler_among(context, &context->domain->samplers, plan, record);
    } else
        sampler = sampler_among(context, samplers, plan, record);
    return sampler != NULL ? sampler : sampler_of_all(samplers);
}

void sampling_of_record(struct decode_context *context, const struct decode_plan *plan,
                        struct plan_record *record)
{
    struct flow_record *flow = &record->flow;
    struct ways ways = {0};

    if (plan->need & NEED_RATE)
        ways = ways_of(&record->extra);
    const double rate = ways.rate;
    if (flow->sampling_source == SAMPLING_OVERRIDE) {
        if (rate > 0 && ways_differ(rate, flow->sampling_rate))
            sampling_contradict(context, flow->sampling_rate, SAMPLING_OVERRIDE, rate,
                                SAMPLING_RECORD);
        return;
    }
    if (ways.against > 0)
        sampling_contradict(context, rate, SAMPLING_RECORD, ways.against, SAMPLING_RECORD);
    const struct decode_sampler *sampler = sampler_of(context, plan, record);
    if (rate > 0) {
        if (sampler != NULL && ways_differ(rate, sampler->rate))
            sampling_contradict(context, rate, SAMPLING_RECORD, sampler->rate, SAMPLING_OPTIONS);
        set_rate(flow, rate, SAMPLING_RECORD);
    } else if (sampler != NULL) {
        set_rate(flow, sampler->rate, SAMPLING_OPTIONS);
    } else if ((context->domain->info.samplers > 0 || context->has_own_rates) &&
               flow->has & FLOW_SAMPLER && flow->sampling_source == SAMPLING_OPTIONS) {
        /* Another sampler's rate is not this one's. */
        if (context->source->sampling_default > 0)
            set_rate(flow, context->source->sampling_default, SAMPLING_EXPORTER);
        else
            set_rate(flow, 0, SAMPLING_UNKNOWN);
    }
}
