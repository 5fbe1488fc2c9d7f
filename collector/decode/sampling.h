#ifndef COLLECTOR_DECODE_SAMPLING_H
#define COLLECTOR_DECODE_SAMPLING_H

#include "collector/decode/state.h"

/*
 * The sampling rate of a record, first that is known: the operator's override, the record itself,
 * its sampler's options, the exporter's options, the exporter's default. Where nothing is known
 * the rate stays 0, and who counts decides.
 */

/* What holds for records of this datagram that say nothing themselves. */
void sampling_base(struct decode_context *context, struct flow_record *flow);
/* After a datagram: works out the domain's rate, so that no record of another one pays for many. */
void sampling_end(struct decode_context *context);
/* The rate of samplers that have changed. It takes a walk over all, which a datagram may ask for by
 * a few octets: so only a few times; then none holds, and they stay stale. */
void sampling_work_out(struct decode_context *context, const struct samplers *samplers,
                       double *ret_rate, bool *ret_stale);
/* The same of a domain, where they are stale. One without any has no rate, and takes no walk. */
void sampling_refresh(struct decode_context *context, struct decode_domain *domain);
/* A rate found in the sample or header itself, after sampling_base(). */
void sampling_own(struct decode_context *context, struct flow_record *flow, double rate,
                  enum sampling_source source);
/* A source of flow samples that is new, or whose samples or rate are not what was to come. */
void sampling_enter_source(struct decode_context *context, uint64_t id, uint32_t rate,
                           uint32_t number);
/* A flow sample of sFlow: each of an agent's sources, class << 32 | index, has a rate of its own,
 * and numbers of its own. */
static inline __attribute__((always_inline)) void
sampling_note_source(struct decode_context *context, uint64_t id, uint32_t rate, uint32_t number)
{
    if (rate == 0)
        return;
    struct flow_source *source = sources_find(&context->domain->sources, id, rate);
    if (source == NULL || source->next != number) {
        sampling_enter_source(context, id, rate, number);
        return;
    }
    source->next = number + 1;
    source->last_ms = (int64_t)context->now_ms;
}
/* Whether options told a rate of an interface, a line card or a template. */
static inline bool sampling_is_by_place(const struct decode_context *context)
{
    return context->samplers != NULL && (context->samplers->places > 0 || context->has_own_rates);
}
/* For a record whose template holds a rate or a sampler's id, or in a domain with samplers by
 * interface, line card or template. */
void sampling_of_record(struct decode_context *context, const struct decode_plan *plan,
                        struct plan_record *record);

/* What holds where a record names no sampler: the rate of all, else the one that all agree on; 0:
 * none. */
double sampling_of_samplers(const struct samplers *samplers);
/* Two sources say a rate for the same records, and not the same one. */
void sampling_contradict(struct decode_context *context, double used, uint8_t used_source,
                         double said, enum sampling_source said_source);
void sampling_note_change(struct decode_context *context, double from, double to);

/* An options record: samplers, timeouts, boot time. */
void sampling_read_options(struct decode_context *context, const struct decode_plan *plan,
                           const struct plan_record *record);

/* One of a snapshot; ignored where its values make no sense. */
void sampling_restore(struct decode_context *context, const struct decode_sampler *saved);
/* One that was put aside stands from now on. */
void sampling_adopt(struct decode_context *context, const struct decode_sampler *said);
/* The domain's samplers are others now. */
void sampling_note_exchange(struct decode_context *context);
/* Its exporter started again: those of before serve until it tells any. */
void sampling_put_on_trial(struct decode_domain *domain);
/* Forgets a domain's samplers. */
void sampling_forget(struct decode_domain *domain);

#endif
