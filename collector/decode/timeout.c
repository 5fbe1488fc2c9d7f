#include "collector/decode/timeout.h"

#include "collector/decode/aside.h"

/* Options are told again more often than that. */
enum { WINDOW_MS = 3600000 };

static void hear(struct timeout *t, uint32_t told_ms, uint64_t now_ms)
{
    const uint64_t passed_ms = now_ms - t->since_ms;
    if (passed_ms >= WINDOW_MS) {
        t->longest_ms[1] = passed_ms < UINT64_C(2) * WINDOW_MS ? t->longest_ms[0] : 0;
        t->longest_ms[0] = 0;
        t->since_ms = now_ms;
    }
    if (told_ms > t->longest_ms[0])
        t->longest_ms[0] = told_ms;
}

uint32_t timeout_of_records(const struct timeouts *of_domain, const struct timeout *of_template)
{
    const uint32_t own_ms = timeout_longest(of_template);
    if (own_ms > 0 || timeout_longest(&of_domain->whole) == 0)
        return own_ms;
    /* A template that was defined anew has lost its own, which may be the longest. */
    return timeout_longest(&of_domain->any);
}

/* 0: nothing, or less than there is. */
static uint32_t told_by(const struct plan_record *record)
{
    const uint32_t s = record->extra.active_timeout_s;
    if (s < TIMEOUT_LEAST_MS / 1000)
        return 0;
    return s < UINT32_MAX / 1000 ? s * 1000 : UINT32_MAX;
}

uint32_t timeout_of_set(const struct decode_context *context, const struct decode_template *t)
{
    static const struct timeout none;
    const struct aside_word *own = context->is_outside ? aside_timeouts_told(context) : NULL;
    const struct timeout *of_template = &t->timeout;
    if (own == NULL)
        return timeout_of_records(&context->domain->timeouts, of_template);
    if (context->by_standing)
        of_template = aside_timeouts_find(own, t->id);
    return timeout_of_records(&own->timeouts, of_template != NULL ? of_template : &none);
}

static struct decode_template *template_named(const struct decode_context *context, uint16_t id)
{
    return context->is_outside ? aside_own(context, id) : template_peek(context->domain, id);
}

void timeout_read_options(struct decode_context *context, const struct decode_plan *plan,
                          const struct plan_record *record)
{
    const uint32_t told_ms = told_by(record);
    if (told_ms == 0)
        return;
    const bool is_whole = !(plan->need & NEED_TEMPLATE_ID);
    const uint32_t id = record->extra.template_id;
    if (!context->is_outside)
        aside_keep_rates(context);
    struct timeouts *timeouts =
        context->is_outside ? aside_timeouts(context) : &context->domain->timeouts;
    if (timeouts == NULL)
        return;
    hear(&timeouts->any, told_ms, context->now_ms);
    if (is_whole) {
        hear(&timeouts->whole, told_ms, context->now_ms);
        return;
    }
    struct decode_template *t = id <= UINT16_MAX ? template_named(context, (uint16_t)id) : NULL;
    if (t != NULL)
        hear(&t->timeout, told_ms, context->now_ms);
}

void timeout_merge_one(struct timeout *timeout, const struct timeout *told, uint64_t now_ms)
{
    if (timeout_longest(told) > 0)
        hear(timeout, timeout_longest(told), now_ms);
}

void timeout_merge(struct timeouts *timeouts, const struct timeouts *told, uint64_t now_ms)
{
    timeout_merge_one(&timeouts->any, &told->any, now_ms);
    timeout_merge_one(&timeouts->whole, &told->whole, now_ms);
}

bool timeout_is_known(const struct decode_context *context, const struct plan_record *record)
{
    return told_by(record) <= timeout_longest(&context->domain->timeouts.any);
}

void timeout_restore(struct timeouts *timeouts, uint32_t told_ms, uint64_t now_ms)
{
    *timeouts = (struct timeouts){0};
    if (told_ms == 0)
        return;
    hear(&timeouts->whole, told_ms, now_ms);
    hear(&timeouts->any, told_ms, now_ms);
}

uint32_t timeout_to_save(const struct timeouts *timeouts)
{
    return timeout_of_records(timeouts, &(struct timeout){0});
}
