#include "collector/decode/sampling.h"

#include "collector/decode/aside.h"
#include "collector/decode/exporter_rate.h"
#include "collector/decode/room.h"
#include "collector/decode/ways.h"

/* What options say of rates, and what becomes of it. */

/* What others took from this domain is worked out anew before the next record. */
static void make_stale(struct decode_domain *domain)
{
    domain->rate_stale = true;
    domain->exporter->rate_stale |= domain->tells;
}

/* What is not told as it stands changes the rates of the stream that told them. */
static void keep_if_other(struct decode_context *context, enum sampler_kind kind, uint32_t id,
                          double rate)
{
    const struct decode_sampler *known = samplers_find(&context->domain->samplers, kind, id);
    if (known == NULL || known->is_disputed || known->rate != rate)
        aside_keep_rates(context);
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
    exporter_rate_note(domain);
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
    keep_if_other(context, kind, id, rate);
    struct decode_sampler *sampler = enter(context, kind, id);
    if (sampler == NULL || sampler->rate == rate)
        return;
    if (sampler->rate != 0)
        sampling_note_change(context, sampler->rate, rate);
    sampler->rate = rate;
    context->decode->changes++;
    make_stale(context->domain);
}

/* A sampler's changes are noted where its own rate is. */
static void put_place(struct decode_context *context, uint32_t by, enum sampler_kind kind,
                      uint32_t id, double rate)
{
    keep_if_other(context, kind, id, rate);
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
        sampling_note_change(context, old, rate);
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
    const enum sampler_kind kind = (enum sampler_kind)said->kind;
    keep_if_other(context, kind, said->id, said->is_disputed ? 0 : said->rate);
    struct decode_sampler *sampler = enter(context, kind, said->id);
    if (sampler == NULL)
        return;
    const double old = sampler->is_disputed ? 0 : sampler->rate;
    const double rate = said->is_disputed ? 0 : said->rate;
    sampler->rate = said->rate;
    sampler->by = said->by;
    sampler->is_disputed = said->is_disputed;
    sampler->has_several = said->has_several;
    sampler->alike = said->alike;
    sampler->in_a_row = said->in_a_row;
    if (rate == old)
        return;
    if (old > 0 && rate > 0)
        sampling_note_change(context, old, rate);
    context->decode->changes++;
    make_stale(context->domain);
}

void sampling_note_exchange(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    domain->info.samplers = domain->samplers.count;
    context->decode->changes++;
    context->decode->has_told = true;
    exporter_rate_note(domain);
    make_stale(domain);
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
    exporter_rate_note(domain);
    make_stale(domain);
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

static void hear(struct decode_context *context, const struct decode_sampler *said)
{
    if (sampler_is_of_place(said))
        put_place(context, said->by, (enum sampler_kind)said->kind, said->id, said->rate);
    else
        put(context, (enum sampler_kind)said->kind, said->id, said->rate);
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
        aside_put_rate(context, &said[i]);
    }
    if (boot_ms > 0)
        aside_put_boot(context, boot_ms);
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
        sampling_contradict(context, ways.rate, SAMPLING_OPTIONS, ways.against, SAMPLING_OPTIONS);
    if (context->is_outside) {
        read_from_outside(context, record, said, count);
        timeout_read_options(context, plan, record);
        return;
    }
    context->decode->has_told = true;
    if (boot_ms > 0 && boot_ms != context->domain->boot_ms) {
        aside_keep_rates(context);
        context->domain->boot_ms = boot_ms;
    }
    timeout_read_options(context, plan, record);
    for (size_t i = 0; i < count; i++)
        hear(context, &said[i]);
    if (count > 0)
        exporter_rate_heed(context);
}
