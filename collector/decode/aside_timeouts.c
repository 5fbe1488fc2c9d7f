#include "collector/decode/aside.h"

void aside_timeouts_keep(struct decode_context *context, struct aside_word *word)
{
    struct chain *head = &context->domain->templates;
    word->of_templates_count = 0;
    for (struct chain *l = head->next; l != head; l = l->next) {
        const struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        if (timeout_longest(&t->timeout) == 0)
            continue;
        if (word->of_templates_count < ASIDE_TIMEOUTS)
            word->of_templates[word->of_templates_count++] =
                (struct aside_timeout){.id = t->id, .timeout = t->timeout};
        else
            context->decode->counters.evicted_aside++;
    }
}

void aside_timeouts_clear(struct decode_domain *domain)
{
    domain->timeouts = (struct timeouts){0};
    struct chain *head = &domain->templates;
    for (struct chain *l = head->next; l != head; l = l->next)
        CHAIN_OWNER(l, struct decode_template, used)->timeout = (struct timeout){0};
}

void aside_timeouts_restore(struct decode_domain *domain, const struct aside_word *word)
{
    for (uint32_t i = 0; i < word->of_templates_count; i++) {
        struct decode_template *t = template_peek(domain, word->of_templates[i].id);
        if (t != NULL)
            t->timeout = word->of_templates[i].timeout;
    }
}

const struct timeout *aside_timeouts_find(const struct aside_word *word, uint16_t id)
{
    uint32_t i = 0;
    while (i < word->of_templates_count && word->of_templates[i].id != id)
        i++;
    return i < word->of_templates_count ? &word->of_templates[i].timeout : NULL;
}
