#include "collector/decode/aside.h"

/* Of an id: the slot that has it, or the empty one where it would go; there always is one, as half
 * of them are empty at least. */
static uint8_t *slot_of(const struct decode_domain *domain, struct aside_word *word, uint16_t id)
{
    uint32_t i = (uint32_t)id * domain->secret >> (32 - ASIDE_SLOT_BITS);
    while (word->slots[i] != 0 && word->of_templates[word->slots[i] - 1].id != id)
        i = (i + 1) % ASIDE_SLOTS;
    return &word->slots[i];
}

/* NULL: there is no room, which is counted. */
static struct timeout *enter(struct decode_context *context, struct aside_word *word, uint16_t id)
{
    uint8_t *slot = slot_of(context->domain, word, id);
    if (*slot == 0 && word->of_templates_count == ASIDE_TIMEOUTS) {
        context->decode->counters.evicted_aside++;
        return NULL;
    }
    if (*slot == 0) {
        word->of_templates[word->of_templates_count] = (struct aside_timeout){.id = id};
        *slot = (uint8_t)++word->of_templates_count;
    }
    return &word->of_templates[*slot - 1].timeout;
}

struct timeout *aside_timeouts_enter(struct decode_context *context, uint16_t id)
{
    struct aside_word *word = aside_word_own(context);
    return word != NULL ? enter(context, word, id) : NULL;
}

static void move(struct decode_context *context, struct timeout *to, struct timeout *from)
{
    if (to != NULL)
        timeout_merge_one(to, from, context->now_ms);
    *from = (struct timeout){0};
}

void aside_timeouts_keep(struct decode_context *context, struct aside_word *word)
{
    struct decode_domain *domain = context->domain;
    struct chain *head = &domain->templates;
    timeout_merge(&word->timeouts, &domain->timeouts, context->now_ms);
    for (uint32_t i = 0; i < word->of_templates_count; i++) {
        struct decode_template *t = template_peek(domain, word->of_templates[i].id);
        if (t != NULL)
            move(context, &word->of_templates[i].timeout, &t->timeout);
    }
    for (struct chain *l = head->next; l != head; l = l->next) { /* what the word has not */
        struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        if (timeout_longest(&t->timeout) > 0)
            move(context, enter(context, word, t->id), &t->timeout);
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
        else
            context->decode->counters.evicted_aside++; /* its template has not come */
    }
}

const struct timeout *aside_timeouts_find(const struct decode_domain *domain,
                                          struct aside_word *word, uint16_t id)
{
    const uint8_t slot = *slot_of(domain, word, id);
    return slot != 0 ? &word->of_templates[slot - 1].timeout : NULL;
}
