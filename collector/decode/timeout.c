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

static uint32_t longer(const struct timeout *a, const struct timeout *b)
{
    const uint32_t a_ms = a != NULL ? timeout_longest(a) : 0;
    const uint32_t b_ms = b != NULL ? timeout_longest(b) : 0;
    return a_ms > b_ms ? a_ms : b_ms;
}

/* Options may have told it before the word had the template. */
static const struct timeout *of_word(const struct decode_context *context, struct aside_word *word,
                                     const struct decode_template *t)
{
    const bool has_own = !context->by_standing && timeout_longest(&t->timeout) > 0;
    return has_own ? &t->timeout : aside_timeouts_find(context->domain, word, t->id);
}

static const struct timeout *of_standing(const struct decode_context *context,
                                         const struct decode_template *t)
{
    if (!context->by_standing && context->goes_on_from_main && t->is_as_standing)
        t = template_peek(context->domain, t->id);
    return t != NULL ? &t->timeout : NULL;
}

/* One that goes on from the main stream is the same sender, who need not tell all of it again. */
static uint32_t of_set_outside(const struct decode_context *context,
                               const struct decode_template *t)
{
    static const struct timeouts nothing;
    struct aside_word *own = aside_timeouts_told(context);
    const bool by_domain = own == NULL || context->goes_on_from_main;
    const struct timeouts *told = own != NULL ? &own->timeouts : &nothing;
    const struct timeouts *stand = by_domain ? &context->domain->timeouts : &nothing;
    const uint32_t own_ms = longer(own != NULL ? of_word(context, own, t) : NULL,
                                   by_domain ? of_standing(context, t) : NULL);
    if (own_ms > 0 || longer(&told->whole, &stand->whole) == 0)
        return own_ms;
    return longer(&told->any, &stand->any);
}

uint32_t timeout_of_set(const struct decode_context *context, const struct decode_template *t)
{
    return context->is_outside ? of_set_outside(context, t)
                               : timeout_of_records(&context->domain->timeouts, &t->timeout);
}

/* Where a template's goes; NULL: it is not known, or there is no room. */
static struct timeout *of_named(struct decode_context *context, uint32_t id)
{
    if (id > UINT16_MAX)
        return NULL;
    struct decode_template *t = context->is_outside ? aside_own(context, (uint16_t)id)
                                                    : template_peek(context->domain, (uint16_t)id);
    if (t == NULL)
        return context->is_outside ? aside_timeouts_enter(context, (uint16_t)id) : NULL;
    if (context->is_outside && timeout_longest(&t->timeout) == 0) {
        const struct timeout *before =
            aside_timeouts_find(context->domain, aside_word_own(context), (uint16_t)id);
        t->timeout = before != NULL ? *before : t->timeout;
    }
    return &t->timeout;
}

void timeout_read_options(struct decode_context *context, const struct decode_plan *plan,
                          const struct plan_record *record)
{
    const uint32_t told_ms = told_by(record);
    if (told_ms == 0)
        return;
    const bool is_whole = !(plan->need & NEED_TEMPLATE_ID);
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
    struct timeout *of_template = of_named(context, record->extra.template_id);
    if (of_template != NULL)
        hear(of_template, told_ms, context->now_ms);
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
