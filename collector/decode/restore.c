#include "collector/decode/restore.h"

#include <stdlib.h>

enum {
    /* A sequence that is further back than datagrams overtake each other began anew. */
    BEHIND_MAX = 4096,
    /* Headers say seconds, uptimes drift, clocks are stepped a little; a router takes longer. */
    START_SLACK_MS = 10000,
    FITS_ENOUGH = 8,
    PADDING_MAX = 7
};

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
    /* Uptimes wrap after 49.7 days, so the difference does too. */
    uint32_t moved = (uint32_t)(context->export_ms - context->uptime_ms - domain->started_ms);
    return moved > START_SLACK_MS && moved < UINT32_MAX - START_SLACK_MS;
}

void restore_judge_header(struct decode_context *context, uint32_t sequence)
{
    struct decode_domain *domain = context->domain;
    domain->restored = false;
    if (!began_anew(domain, context, sequence))
        return;
    context->decode->counters.restored_dropped += domain->info.templates + domain->info.samplers;
    state_clear_domain(context->decode, domain);
    domain->boot_ms = 0;
}

static bool is_padding(const uint8_t *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (octets[i] != 0)
            return false;
    return len <= PADDING_MAX;
}

static bool fits(const struct decode_plan *plan, struct wire_reader set)
{
    struct plan_record scratch = {0};
    if (set.left < plan->len_min)
        return false;
    if (plan->segment_count == 1) {
        size_t over = set.left % plan->len_min;
        return is_padding(set.pos + set.left - over, over);
    }
    while (plan_next(plan, &set, &scratch))
        ;
    return !set.failed && is_padding(set.pos, set.left);
}

bool restore_judge_data(struct decode_context *context, struct decode_template *t,
                        const struct wire_reader *set)
{
    if (fits(t->plan, *set)) {
        t->restored = ++t->fitting < FITS_ENOUGH;
        return true;
    }
    context->decode->counters.restored_dropped++;
    template_remove(context->decode, context->domain, t);
    return false;
}
