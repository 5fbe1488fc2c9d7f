#include "collector/decode/aside.h"

static uint32_t place_of(const struct aside_word *word, uint16_t id)
{
    uint32_t i = 0;
    while (i < word->of_templates_count && word->of_templates[i].id != id)
        i++;
    return i;
}

/* NULL: there is no room, which is counted. */
static struct timeout *enter(struct decode *decode, struct aside_word *word, uint16_t id)
{
    const uint32_t i = place_of(word, id);
    if (i == ASIDE_TIMEOUTS) {
        decode->counters.evicted_aside++;
        return NULL;
    }
    if (i == word->of_templates_count)
        word->of_templates[word->of_templates_count++] = (struct aside_timeout){.id = id};
    return &word->of_templates[i].timeout;
}

struct timeout *aside_timeouts_enter(struct decode_context *context, uint16_t id)
{
    struct aside_word *word = aside_word_own(context);
    return word != NULL ? enter(context->decode, word, id) : NULL;
}

void aside_timeouts_keep(struct decode_context *context, struct aside_word *word)
{
    struct chain *head = &context->domain->templates;
    timeout_merge(&word->timeouts, &context->domain->timeouts, context->now_ms);
    for (struct chain *l = head->next; l != head; l = l->next) {
        const struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        if (timeout_longest(&t->timeout) == 0)
            continue;
        struct timeout *kept = enter(context->decode, word, t->id);
        if (kept != NULL)
            timeout_merge_one(kept, &t->timeout, context->now_ms);
    }
}

uint32_t aside_timeouts_clear(struct decode_domain *domain)
{
    uint32_t count = timeout_longest(&domain->timeouts.whole) > 0;
    domain->timeouts = (struct timeouts){0};
    struct chain *head = &domain->templates;
    for (struct chain *l = head->next; l != head; l = l->next) {
        struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        count += timeout_longest(&t->timeout) > 0;
        t->timeout = (struct timeout){0};
    }
    return count;
}

void aside_timeouts_restore(struct decode_context *context, const struct aside_word *word)
{
    for (uint32_t i = 0; i < word->of_templates_count; i++) {
        struct decode_template *t = template_peek(context->domain, word->of_templates[i].id);
        if (t != NULL) /* which may have been told a newer one since */
            timeout_merge_one(&t->timeout, &word->of_templates[i].timeout, context->now_ms);
    }
}

const struct timeout *aside_timeouts_find(const struct aside_word *word, uint16_t id)
{
    const uint32_t i = place_of(word, id);
    return i < word->of_templates_count ? &word->of_templates[i].timeout : NULL;
}
