#include "collector/decode/restore.h"

#include "collector/decode/aside.h"
#include "collector/decode/format.h"
#include "collector/decode/held.h"
#include "collector/decode/sampling.h"
#include "collector/decode/template.h"

#include <stdlib.h>

enum {
    /* A sequence that is further back than datagrams overtake each other began anew. */
    BEHIND_MAX = 4096,
    /* Headers say seconds, uptimes drift, clocks are stepped a little; a router takes longer. */
    START_SLACK_MS = 10000,
    /* A datagram that was overtaken is not of a later second than those that overtook it. */
    LATER_MS = 5000,
    /* Between two trials of a domain, for exporters whose headers make no sense at all. */
    TRIAL_PAUSE_MS = 60000,
    FITS_ENOUGH = 8
};

/* Uptimes wrap after 49.7 days, so differences of them do too. */
static bool is_off(uint32_t difference_ms)
{
    return difference_ms > START_SLACK_MS && difference_ms < UINT32_MAX - START_SLACK_MS;
}

/* --- of a domain that a snapshot held --- */

static bool began_anew(const struct decode_domain *domain, const struct decode_context *context,
                       uint32_t sequence)
{
    if (domain->saved_sequence_known) {
        uint32_t behind = domain->saved_sequence - sequence;
        if (behind > BEHIND_MAX && behind <= INT32_MAX)
            return true;
    }
    if (context->format != FORMAT_NETFLOW9 || domain->started_ms == 0)
        return false;
    return is_off((uint32_t)(context->export_ms - context->uptime_ms - domain->started_ms));
}

static void judge_restored(struct decode_context *context, uint32_t sequence)
{
    struct decode_domain *domain = context->domain;
    domain->restored = false;
    if (!began_anew(domain, context, sequence))
        return;
    context->decode->counters.restored_dropped += domain->info.templates + domain->info.samplers;
    state_clear_domain(context->decode, domain);
    domain->boot_ms = 0;
    domain->timeouts = (struct timeouts){0};
}

/* --- of a domain that is heard --- */

/* The time at which the uptime began is another, and by our own clock, too, the uptime does not go
 * on from where it was: a clock that was set moves the one, a capture that is played faster the
 * other. What began since the last header cannot have run for longer than since then. */
static bool uptime_began_anew(const struct header_seen *seen, const struct decode_context *context)
{
    uint32_t exported = (uint32_t)(context->export_ms - seen->export_ms);
    uint32_t waited = (uint32_t)(context->now_ms - seen->came_ms);
    uint32_t went_on = context->uptime_ms - seen->uptime_ms;
    uint64_t since_ms = exported > waited && exported <= INT32_MAX ? exported : waited;
    return context->uptime_ms < seen->uptime_ms && is_off(exported - went_on) &&
           is_off(waited - went_on) && context->uptime_ms <= since_ms + START_SLACK_MS;
}

static bool sequence_began_anew(const struct decode_domain *domain,
                                const struct decode_context *context, uint32_t sequence)
{
    const struct header_seen *seen = &domain->seen;
    uint32_t tolerance = LATE_DATAGRAMS;
    if (context->format == FORMAT_IPFIX)
        tolerance *= RECORDS_A_DATAGRAM;
    if (sequence_is_reset(&domain->sequence, sequence, tolerance))
        return true;
    uint32_t behind = sequence_expected(&domain->sequence) - sequence;
    if (behind == 0 || behind > INT32_MAX || sequence == seen->sequence)
        return false;
    /* Young exporters are not far enough back; but what they say is not of the past. */
    return sequence <= tolerance && context->export_ms >= seen->export_ms + LATER_MS;
}

static void put_on_trial(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    aside_keep_rates(context);
    for (struct chain *l = domain->templates.next; l != &domain->templates; l = l->next) {
        struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        t->on_trial = !t->misfits;
        t->fitting = 0;
        t->timeout = (struct timeout){0};
    }
    sampling_put_on_trial(domain);
    held_drop_domain(context->decode, domain); /* its templates are not those that will come */
    domain->boot_ms = 0;
    domain->timeouts = (struct timeouts){0};
    domain->info.counts.restarts++;
    context->decode->counters.restarts++;
    context->decode->changes++;
}

void restore_began_anew(struct decode_context *context)
{
    struct header_seen *seen = &context->domain->seen;

    if (seen->restart_ms != 0 && context->now_ms - seen->restart_ms < TRIAL_PAUSE_MS)
        return;
    seen->restart_ms = context->now_ms != 0 ? context->now_ms : 1;
    seen->known = false; /* this header's clock counts from here on */
    put_on_trial(context);
}

static void judge_heard(struct decode_context *context, uint32_t sequence)
{
    struct decode_domain *domain = context->domain;
    struct header_seen *seen = &domain->seen;
    bool uptime = context->format == FORMAT_NETFLOW9 && uptime_began_anew(seen, context);

    if (uptime || sequence_began_anew(domain, context, sequence))
        restore_began_anew(context);
}

void restore_judge_header(struct decode_context *context, uint32_t sequence)
{
    struct header_seen *seen = &context->domain->seen;

    if (context->is_outside)
        return; /* it says nothing of the exporter */
    if (context->domain->restored)
        judge_restored(context, sequence);
    else if (seen->known)
        judge_heard(context, sequence);
    if (seen->known && context->export_ms < seen->export_ms)
        return; /* overtaken, or a clock that was set back and will catch up */
    seen->known = true;
    seen->sequence = sequence;
    seen->uptime_ms = context->uptime_ms;
    seen->export_ms = context->export_ms;
    seen->came_ms = context->now_ms;
}

/* --- data --- */

bool restore_fits(const struct decode_plan *plan, struct wire_reader set)
{
    struct plan_record scratch = {0};
    if (set.left < plan->len_min)
        return false;
    if (plan->segment_count == 1) {
        wire_skip(&set, set.left - set.left % plan->len_min);
        return data_is_padding(&set);
    }
    while (plan_next(plan, &set, &scratch))
        ;
    return !set.failed && data_is_padding(&set);
}

bool restore_judge_data(struct decode_context *context, struct decode_template *t,
                        const struct wire_reader *set)
{
    if (restore_fits(t->plan, *set)) {
        t->on_trial = ++t->fitting < FITS_ENOUGH;
        return true;
    }
    context->decode->counters.restored_dropped++;
    template_remove(context->decode, context->domain, t);
    return false;
}
