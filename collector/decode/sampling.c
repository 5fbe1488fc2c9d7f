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

static __attribute__((noinline)) void contradict(struct decode_context *context, double used,
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

static void note_change(struct decode_context *context, double from, double to)
{
    struct decode_sampling_events *events = &context->domain->info.sampling;
    context->decode->counters.sampling_changes++;
    events->changes++;
    events->changed_from = from;
    events->changed_to = to;
}

static double common_rate(double common, double rate)
{
    return common == 0 || common == rate ? rate : -1;
}

static const struct decode_sampler *sampler_of_all(const struct samplers *samplers)
{
    const struct decode_sampler *all = samplers_find(samplers, SAMPLER_ALL, 0);
    return all != NULL && samplers_is_in_force(samplers, all) ? all : NULL;
}

double sampling_of_samplers(const struct samplers *samplers)
{
    const struct decode_sampler *all = sampler_of_all(samplers);
    double common = 0;
    for (uint32_t i = 0; all == NULL && i < samplers->count && common >= 0; i++)
        if (samplers_is_in_force(samplers, &samplers->items[i]))
            common =
                samplers->items[i].is_disputed ? -1 : common_rate(common, samplers->items[i].rate);
    return all != NULL ? all->rate : common > 0 ? common : 0;
}

/* The records of a domain that tells no rate go by another's. Anybody can pretend to be such a
 * domain, so this changes no rate that stands: neither one of the list of exporters, nor one of a
 * domain that spoke before. */
static __attribute__((noinline)) double rate_of_another(struct decode_context *context)
{
    struct decode_exporter *exporter = context->domain->exporter;
    const double rate = exporter->only_rate, other = exporter->other_rate;
    const double listed = context->source->sampling_default;
    if (context->source->sampling_override > 0)
        return rate; /* to be compared */
    if (listed > 0) {
        if (rate > 0 && ways_differ(rate, listed))
            contradict(context, listed, SAMPLING_EXPORTER, rate, SAMPLING_OPTIONS);
        return 0;
    }
    if (other > 0)
        contradict(context, rate, SAMPLING_OPTIONS, other, SAMPLING_OPTIONS);
    exporter->is_relied_on = exporter->is_relied_on || context->domain->info.counts.records > 0;
    if (exporter->only_sampling != NULL)
        context->samplers = &exporter->only_sampling->samplers;
    return rate;
}

void sampling_base(struct decode_context *context, struct flow_record *flow)
{
    const struct decode_domain *domain = context->domain;
    if (domain->exporter->rate_stale)
        exporter_rate_settle(domain->exporter, context->now_ms);
    const struct decode_source *source = context->source;
    double rate = domain->only_rate;

    context->samplers = domain->samplers.count > 0 ? &domain->samplers : NULL;
    /* Routers may tell of the samplers of all line cards in one domain of their own. */
    if (domain->samplers.count == 0)
        rate = domain->exporter->speaks != NULL ? rate_of_another(context) : 0;
    if (source->sampling_override > 0) {
        set_rate(flow, source->sampling_override, SAMPLING_OVERRIDE);
        if (rate > 0 && ways_differ(rate, source->sampling_override))
            contradict(context, source->sampling_override, SAMPLING_OVERRIDE, rate,
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
            note_change(context, domain->info.header_rate, rate);
        domain->info.header_rate = rate;
    }
    if (flow->sampling_source == SAMPLING_OVERRIDE) {
        if (ways_differ(flow->sampling_rate, rate))
            contradict(context, flow->sampling_rate, SAMPLING_OVERRIDE, rate, source);
        return;
    }
    if (flow->sampling_source == SAMPLING_OPTIONS && ways_differ(flow->sampling_rate, rate))
        contradict(context, rate, (uint8_t)source, flow->sampling_rate, SAMPLING_OPTIONS);
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
        note_change(context, source->rate, rate);
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
                                                     const struct decode_plan *plan,
                                                     const struct plan_record *record)
{
    const struct samplers *samplers = context->samplers;
    const struct decode_sampler *sampler = sampler_of_interface(samplers, &record->flow);
    if (sampler == NULL && plan->need & NEED_LINE_CARD)
        sampler = samplers_find(samplers, SAMPLER_LINE_CARD, record->extra.line_card);
    if (sampler == NULL && samplers == &context->domain->samplers) /* others have other ids */
        sampler = samplers_find(samplers, SAMPLER_TEMPLATE, context->template_id);
    return sampler != NULL && sampler->is_disputed ? NULL : sampler;
}

/* What options say of this record; NULL: nothing. */
static const struct decode_sampler *sampler_of(const struct decode_context *context,
                                               const struct decode_plan *plan,
                                               const struct plan_record *record)
{
    const struct flow_record *flow = &record->flow;
    const struct samplers *samplers = context->samplers;
    const struct decode_sampler *sampler = NULL;

    if (samplers == NULL)
        return NULL;
    if (flow->has & FLOW_SAMPLER)
        sampler = samplers_find(samplers, SAMPLER_ID, flow->sampler);
    if (sampler == NULL && samplers->places > 0)
        sampler = sampler_of_place(context, plan, record);
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
            contradict(context, flow->sampling_rate, SAMPLING_OVERRIDE, rate, SAMPLING_RECORD);
        return;
    }
    if (ways.against > 0)
        contradict(context, rate, SAMPLING_RECORD, ways.against, SAMPLING_RECORD);
    const struct decode_sampler *sampler = sampler_of(context, plan, record);
    if (rate > 0) {
        if (sampler != NULL && ways_differ(rate, sampler->rate))
            contradict(context, rate, SAMPLING_RECORD, sampler->rate, SAMPLING_OPTIONS);
        set_rate(flow, rate, SAMPLING_RECORD);
    } else if (sampler != NULL) {
        set_rate(flow, sampler->rate, SAMPLING_OPTIONS);
    } else if (context->domain->info.samplers > 0 && flow->has & FLOW_SAMPLER &&
               flow->sampling_source == SAMPLING_OPTIONS) {
        /* Another sampler's rate is not this one's. */
        if (context->source->sampling_default > 0)
            set_rate(flow, context->source->sampling_default, SAMPLING_EXPORTER);
        else
            set_rate(flow, 0, SAMPLING_UNKNOWN);
    }
}

/* --- options --- */

/* What others took from this domain is worked out anew before the next record. */
static void make_stale(struct decode_domain *domain)
{
    domain->rate_stale = domain->exporter->rate_stale = true;
}

static struct decode_sampler *enter(struct decode_context *context, enum sampler_kind kind,
                                    uint32_t id)
{
    struct decode_domain *domain = context->domain;
    struct decode *decode = context->decode;
    size_t bytes = samplers_bytes(&domain->samplers);
    uint32_t fresh = domain->samplers.fresh;
    bool evicted;
    struct decode_sampler *sampler =
        samplers_enter(&domain->samplers, kind, id, decode->limits.samplers_per_domain, &evicted);
    if (sampler == NULL) {
        state_refuse(context, DECODE_NO_MEMORY);
        return NULL;
    }
    decode->counters.evicted_samplers += evicted;
    domain->info.samplers = domain->samplers.count;
    if (fresh != domain->samplers.fresh)
        make_stale(domain); /* those that are not told again count no more */
    sampler->last_ms = (int64_t)context->now_ms;
    bytes = samplers_bytes(&domain->samplers) - bytes;
    room_take(decode, domain, bytes);
    if (bytes > 0)
        room_trim(decode, domain);
    return sampler;
}

static void put(struct decode_context *context, enum sampler_kind kind, uint32_t id, double rate)
{
    struct decode_sampler *sampler = enter(context, kind, id);
    if (sampler == NULL || sampler->rate == rate)
        return;
    if (sampler->rate != 0)
        note_change(context, sampler->rate, rate);
    sampler->rate = rate;
    context->decode->changes++;
    make_stale(context->domain);
}

/* A sampler's changes are noted where its own rate is. */
static void put_place(struct decode_context *context, uint32_t by, enum sampler_kind kind,
                      uint32_t id, double rate)
{
    const struct samplers *samplers = &context->domain->samplers;
    const struct decode_sampler *before = samplers_find(samplers, kind, id);
    const bool anew = before == NULL || before->restarts != samplers->restarts;
    struct decode_sampler *place = enter(context, kind, id);
    if (place == NULL)
        return;
    const double old = place->is_disputed ? 0 : place->rate;
    samplers_hear(place, by, rate, anew);
    if ((place->is_disputed ? 0 : place->rate) == old)
        return;
    if (by == SAMPLER_UNNAMED && old > 0 && !place->has_several)
        note_change(context, old, rate);
    context->decode->changes++;
    make_stale(context->domain);
}

void sampling_restore(struct decode_context *context, const struct decode_sampler *saved)
{
    if (saved->kind >= SAMPLER_KINDS || ways_judged(saved->rate) == 0)
        return;
    put(context, (enum sampler_kind)saved->kind, saved->id, saved->rate);
    struct decode_sampler *sampler =
        samplers_find(&context->domain->samplers, saved->kind, saved->id);
    if (sampler != NULL)
        sampler->last_ms = saved->last_ms;
}

void sampling_adopt(struct decode_context *context, const struct decode_sampler *said)
{
    if (said->kind == SAMPLER_ID || said->kind == SAMPLER_ALL)
        put(context, (enum sampler_kind)said->kind, said->id, said->rate);
    else
        put_place(context, said->by, (enum sampler_kind)said->kind, said->id, said->rate);
}

void sampling_put_on_trial(struct decode_domain *domain)
{
    samplers_put_on_trial(&domain->samplers);
    make_stale(domain);
}

void sampling_forget(struct decode_domain *domain)
{
    samplers_clear(&domain->samplers);
    domain->info.samplers = 0;
    make_stale(domain);
    exporter_rate_forget(domain);
}

/* What the options speak of; false: of the sampler or the whole exporter. */
static bool place_of(const struct decode_context *context, const struct decode_plan *plan,
                     const struct plan_record *record, enum sampler_kind *ret_kind,
                     uint32_t *ret_id)
{
    const struct flow_record *flow = &record->flow;
    if (flow->has & FLOW_INPUT_IF) {
        *ret_kind = context->format == FORMAT_NETFLOW9 ? SAMPLER_INTERFACE : SAMPLER_INPUT;
        *ret_id = flow->input_if;
    } else if (flow->has & FLOW_OUTPUT_IF) {
        *ret_kind = SAMPLER_OUTPUT;
        *ret_id = flow->output_if;
    } else if (plan->need & NEED_LINE_CARD) {
        *ret_kind = SAMPLER_LINE_CARD;
        *ret_id = record->extra.line_card;
    } else if (plan->need & NEED_TEMPLATE_ID) {
        *ret_kind = SAMPLER_TEMPLATE;
        *ret_id = record->extra.template_id;
    } else {
        return false;
    }
    return true;
}

/* Which rates a record of options tells: two at the most. */
static size_t rates_of(const struct decode_context *context, const struct decode_plan *plan,
                       const struct plan_record *record, double rate,
                       struct decode_sampler ret_said[2])
{
    const struct flow_record *flow = &record->flow;
    const bool is_named = flow->has & FLOW_SAMPLER;
    enum sampler_kind place;
    uint32_t id;
    size_t count = 0;
    if (is_named)
        ret_said[count++] =
            (struct decode_sampler){.kind = SAMPLER_ID, .id = flow->sampler, .rate = rate};
    /* A sampler's place serves records that do not name it. */
    if (place_of(context, plan, record, &place, &id))
        ret_said[count++] =
            (struct decode_sampler){.kind = (uint8_t)place,
                                    .by = is_named ? flow->sampler : SAMPLER_UNNAMED,
                                    .id = id,
                                    .rate = rate};
    else if (!is_named)
        ret_said[count++] = (struct decode_sampler){.kind = SAMPLER_ALL, .rate = rate};
    return count;
}

/* Whether that stands already. Of a place whose samplers differ it is not kept what each of them
 * said there; what they say of themselves is. */
static bool is_known(const struct samplers *samplers, const struct decode_sampler *said)
{
    const struct decode_sampler *known = samplers_find(samplers, said->kind, said->id);
    if (known == NULL || !samplers_is_in_force(samplers, known))
        return false;
    return known->is_disputed ? said->by != SAMPLER_UNNAMED : known->rate == said->rate;
}

/* An exporter that began anew says again what stands: only what differs is refused. All of it is
 * put aside, as what stands may be another by the time that this stream is the one that counts. */
static void read_from_outside(struct decode_context *context, const struct plan_record *record,
                              const struct decode_sampler *said, size_t count)
{
    const struct decode_domain *domain = context->domain;
    const uint64_t boot_ms = record->extra.boot_ms;
    bool differs =
        (boot_ms > 0 && boot_ms != domain->boot_ms) || !timeout_is_known(context, record);
    for (size_t i = 0; i < count; i++) {
        differs |= !is_known(&domain->samplers, &said[i]);
        aside_put_rate(context->decode, context->domain, context->serial, &said[i]);
    }
    if (differs)
        state_refuse(context, DECODE_OTHER_SENDER);
}

void sampling_read_options(struct decode_context *context, const struct decode_plan *plan,
                           const struct plan_record *record)
{
    const struct ways ways = ways_of(&record->extra);
    const uint64_t boot_ms = record->extra.boot_ms;
    struct decode_sampler said[2];
    const size_t count = ways.rate > 0 ? rates_of(context, plan, record, ways.rate, said) : 0;

    context->decode->counters.options_records++;
    if (count > 0 && ways.against > 0)
        contradict(context, ways.rate, SAMPLING_OPTIONS, ways.against, SAMPLING_OPTIONS);
    if (context->is_outside) {
        read_from_outside(context, record, said, count);
        return;
    }
    context->decode->has_told = true;
    if (boot_ms > 0)
        context->domain->boot_ms = boot_ms;
    timeout_read_options(context, plan, record);
    exporter_rate_heed(context);
    for (size_t i = 0; i < count; i++)
        sampling_adopt(context, &said[i]);
}
