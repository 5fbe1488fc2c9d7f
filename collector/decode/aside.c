#include "collector/decode/aside.h"

#include "collector/decode/room.h"
#include "collector/decode/sampling.h"

#include <stdlib.h>
#include <string.h>

/* --- templates --- */

struct decode_template *aside_find(const struct decode_context *context, uint16_t id)
{
    const struct aside *aside = context->domain->aside;
    for (uint8_t i = 0; aside != NULL && i < aside->line_len; i++) {
        struct aside_word *word = aside->words[aside->line[i]];
        struct decode_template *t =
            word != NULL ? aside_word_find(context->domain, word, id) : NULL;
        if (t == NULL)
            continue;
        chain_touch(&word->templates, &t->used); /* it stays while it is used */
        return t;
    }
    return NULL;
}

struct decode_template *aside_own(const struct decode_context *context, uint16_t id)
{
    struct aside_word *word = aside_word_own(context);
    return word != NULL ? aside_word_find(context->domain, word, id) : NULL;
}

void aside_put(struct decode_context *context, struct decode_template *t)
{
    struct decode *decode = context->decode;
    struct aside_word *word = aside_word_for(context, context->serial);
    struct decode_template *old =
        word != NULL ? aside_word_find(context->domain, word, t->id) : NULL;
    if (old != NULL)
        aside_word_leave(decode, context->domain, word, old);
    if (word == NULL || !aside_word_put(context, word, t)) {
        decode->counters.evicted_aside++;
        template_free(t);
    }
}

void aside_withdraw(struct decode_context *context, uint16_t id)
{
    struct decode_template *t = aside_own(context, id);
    if (t != NULL)
        aside_word_leave(context->decode, context->domain, aside_word_own(context), t);
}

void aside_withdraw_all(struct decode_context *context, bool options)
{
    struct aside_word *word = aside_word_own(context);
    if (word == NULL)
        return;
    struct chain *next;
    for (struct chain *l = word->templates.next; l != &word->templates; l = next) {
        struct decode_template *t = CHAIN_OWNER(l, struct decode_template, used);
        next = l->next;
        if (t->options == options)
            aside_word_leave(context->decode, context->domain, word, t);
    }
}

/* --- rates --- */

struct aside_word *aside_rates(const struct decode_context *context)
{
    const struct aside *aside = context->domain->aside;
    for (uint8_t i = 0; aside != NULL && i < aside->line_len; i++) {
        struct aside_word *word = aside->words[aside->line[i]];
        if (word != NULL && word->rates.count > 0)
            return word;
    }
    return NULL;
}

void aside_put_rate(struct decode_context *context, const struct decode_sampler *said)
{
    struct decode *decode = context->decode;
    struct aside_word *word = aside_word_for(context, context->serial);
    bool evicted;
    if (word == NULL ||
        !aside_word_room(context, word,
                         samplers_growth(&word->rates, decode->limits.samplers_per_domain))) {
        decode->counters.evicted_aside++;
        return;
    }
    size_t bytes = samplers_bytes(&word->rates);
    struct decode_sampler *s = samplers_enter(&word->rates, said->kind, said->id,
                                              decode->limits.samplers_per_domain, &evicted);
    if (s == NULL)
        return;
    decode->counters.evicted_aside += evicted;
    if (sampler_is_of_place(said))
        samplers_hear(s, said->by, said->rate, s->rate == 0);
    else
        s->rate = said->rate;
    s->last_ms = (int64_t)context->now_ms;
    word->rate_stale = true;
    aside_word_take(decode, context->domain, word, samplers_bytes(&word->rates) - bytes);
}

void aside_put_boot(struct decode_context *context, uint64_t boot_ms)
{
    struct aside_word *word = aside_word_for(context, context->serial);
    if (word != NULL)
        word->boot_ms = boot_ms;
    else
        context->decode->counters.evicted_aside++;
}

struct timeouts *aside_timeouts(struct decode_context *context)
{
    struct aside_word *word = aside_word_for(context, context->serial);
    context->decode->counters.evicted_aside += word == NULL;
    return word != NULL ? &word->timeouts : NULL;
}

struct aside_word *aside_timeouts_told(const struct decode_context *context)
{
    const struct aside *aside = context->domain->aside;
    for (uint8_t i = 0; aside != NULL && i < aside->line_len; i++) {
        struct aside_word *word = aside->words[aside->line[i]];
        if (word != NULL && timeout_longest(&word->timeouts.any) > 0)
            return word;
    }
    return NULL;
}

/* --- what stands --- */

/* Who may come back and miss what the context's stream replaces; 0: nobody. Whoever told it, it is
 * the main stream's if that one was heard while it stood. */
static uint32_t owner_of(const struct decode_context *context, uint32_t teller, uint64_t since_ms)
{
    const struct sequence *s = &context->domain->sequence;
    uint32_t main = sequence_main(s), owner = teller;
    if (main != 0 && main != context->serial && since_ms <= sequence_main_heard_ms(s))
        owner = main;
    if (owner == context->serial || !sequence_may_return(s, owner))
        return 0;
    for (uint32_t at = context->after; at != 0; at = sequence_after(s, at))
        if (at == owner)
            return 0; /* the same sender, who replaces its own */
    return owner;
}

void aside_keep(struct decode_context *context, struct decode_template *old)
{
    uint32_t owner = owner_of(context, old->serial, old->since_ms);
    template_unlink(context->decode, context->domain, old);
    if (context->domain->rates_by == context->serial)
        old->timeout = (struct timeout){0}; /* told since by that stream, of its own */
    struct aside_word *word = owner != 0 ? aside_word_for(context, owner) : NULL;
    const bool has_one = word != NULL && aside_word_find(context->domain, word, old->id) != NULL;
    if (word != NULL && !has_one && aside_word_put(context, word, old))
        return;
    context->decode->counters.evicted_aside += owner != 0 && !has_one;
    template_free(old);
}

/* Beside the rates, which the word has. */
static void keep_times(struct decode_context *context, struct aside_word *word)
{
    const struct decode_domain *domain = context->domain;
    word->has_all_rates = word->rate_stale = true;
    if (word->boot_ms == 0) /* else its stream told a newer one */
        word->boot_ms = domain->boot_ms;
    aside_timeouts_keep(context, word);
}

/* No timeouts stand from now on. What stood and no word has is lost to its stream. */
static void leave_times(struct decode_context *context, bool is_kept)
{
    struct decode_domain *domain = context->domain;
    const uint32_t timeouts = aside_timeouts_clear(domain);
    if (!is_kept)
        context->decode->counters.evicted_aside +=
            (uint64_t)domain->samplers.count + timeouts + (domain->boot_ms > 0);
}

void aside_keep_rates(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    if (domain->rates_by == context->serial)
        return;
    uint32_t owner = owner_of(context, domain->rates_by, domain->rates_since_ms);
    domain->rates_by = context->serial;
    domain->rates_since_ms = context->now_ms;
    struct aside_word *word = owner != 0 ? aside_word_for(context, owner) : NULL;
    size_t bytes = samplers_bytes(&domain->samplers);
    const bool is_kept = word != NULL && !word->has_all_rates && word->rates.count == 0 &&
                         aside_word_room(context, word, bytes) &&
                         samplers_copy(&word->rates, &domain->samplers);
    if (is_kept) {
        aside_word_take(context->decode, domain, word, bytes);
        keep_times(context, word);
    }
    if (owner != 0)
        leave_times(context, is_kept);
}

static bool is_same(const struct decode_template *a, const struct decode_template *b)
{
    return a->options == b->options && a->scope_count == b->scope_count &&
           a->spec_len == b->spec_len && memcmp(a->spec, b->spec, a->spec_len) == 0;
}

static void adopt_template(struct decode_context *context, struct decode_template *t)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    struct decode_template *old = template_find(domain, t->id);

    decode->has_told = true;
    if (old != NULL && is_same(old, t)) {
        timeout_merge_one(&old->timeout, &t->timeout, context->now_ms);
        old->told_ms = t->told_ms;
        old->serial = context->serial;
        old->on_trial = false;
        template_free(t);
        return;
    }
    if (old != NULL) {
        decode->counters.template_changes++;
        aside_keep(context, old);
    }
    template_make_room(context);
    t->on_trial = false;
    t->since_ms = context->now_ms;
    t->serial = context->serial;
    template_put(decode, domain, t);
    room_trim(decode, domain);
}

/* Its own as they stood, in place of those that another told since, which are that one's word. */
static void exchange_rates(struct decode_context *context, struct aside_word *word)
{
    struct decode_domain *domain = context->domain;
    uint32_t by = domain->rates_by;
    const bool may_return = by != context->serial && sequence_may_return(&domain->sequence, by);
    struct aside_word *other = may_return ? aside_word_for(context, by) : NULL;
    const bool is_kept = other != NULL && other->rates.count == 0;
    size_t bytes = samplers_bytes(&domain->samplers);
    if (is_kept)
        keep_times(context, other);
    leave_times(context, is_kept || !may_return);
    if (is_kept) {
        other->rates = domain->samplers;
        other->bytes += bytes;
    } else {
        samplers_clear(&domain->samplers);
        room_give(context->decode, domain, bytes);
    }
    domain->samplers = word->rates;
    domain->boot_ms = word->boot_ms;
    domain->timeouts = word->timeouts;
    domain->rates_by = context->serial;
    domain->rates_since_ms = context->now_ms;
    room_take(context->decode, domain, samplers_bytes(&domain->samplers));
    sampling_note_exchange(context);
}

/* What its stream told beside what stood. */
static void adopt_rates(struct decode_context *context, struct aside_word *word)
{
    struct decode_domain *domain = context->domain;
    if (word->boot_ms > 0 || timeout_longest(&word->timeouts.any) > 0)
        aside_keep_rates(context);
    if (word->boot_ms > 0)
        domain->boot_ms = word->boot_ms;
    timeout_merge(&domain->timeouts, &word->timeouts, context->now_ms);
    for (const struct decode_sampler *s = samplers_next(&word->rates, NULL); s != NULL;
         s = samplers_next(&word->rates, s))
        sampling_adopt(context, s);
    samplers_clear(&word->rates);
}

static void adopt_word(struct decode_context *context, struct aside_word *word)
{
    if (word->has_all_rates)
        exchange_rates(context, word);
    else
        adopt_rates(context, word);
    while (word->templates.prev != &word->templates) {
        struct decode_template *t = aside_word_oldest(word);
        chain_drop(&t->used);
        adopt_template(context, t);
    }
    aside_timeouts_restore(context, word); /* now that its templates are the domain's */
    free(word);
}

static bool is_empty(const struct aside *aside)
{
    uint8_t i = 0;
    while (i < ASIDE_WORDS && aside->words[i] == NULL)
        i++;
    return i == ASIDE_WORDS;
}

void aside_adopt(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    struct aside_word *words[ASIDE_WORDS];
    size_t count = 0;
    aside_words_begin(context);
    struct aside *aside = domain->aside;
    for (uint8_t i = 0; i < aside->line_len; i++) {
        struct aside_word *word = aside->words[aside->line[i]];
        aside->words[aside->line[i]] = NULL;
        room_give(context->decode, domain, word->bytes);
        words[count++] = word;
    }
    aside->line_len = 0;
    while (count > 0) /* its own last, so that it holds */
        adopt_word(context, words[--count]);
    if (domain->aside != NULL && is_empty(domain->aside))
        (void)aside_drop(context->decode, domain);
}
