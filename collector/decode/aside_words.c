#include "collector/decode/aside.h"

#include "collector/decode/room.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = ASIDE_WORDS };

/* --- words --- */

static uint8_t place_of(const struct aside *aside, uint32_t serial)
{
    uint8_t i = 0;
    while (i < ASIDE_WORDS && (aside->words[i] == NULL || aside->words[i]->serial != serial))
        i++;
    return i;
}

static void add_to_line(struct aside *aside, uint8_t place)
{
    if (place != NONE)
        aside->line[aside->line_len++] = place;
}

void aside_words_begin(struct decode_context *context)
{
    const struct decode_domain *domain = context->domain;
    struct aside *aside = domain->aside;
    const uint8_t own = place_of(aside, context->serial);
    /* None may leave the line while a template of it is being read, so its own has a place. */
    const uint8_t len_max = own != NONE ? ASIDE_WORDS : ASIDE_WORDS - 1;
    uint32_t serial = context->after;
    aside->line_len = 0;
    aside->needs_all = false;
    add_to_line(aside, own);
    while (serial != 0 && aside->line_len < len_max) {
        add_to_line(aside, place_of(aside, serial));
        serial = sequence_after(&domain->sequence, serial);
    }
}

static bool is_in_line(const struct aside *aside, uint8_t place)
{
    uint8_t i = 0;
    while (i < aside->line_len && aside->line[i] != place)
        i++;
    return i < aside->line_len;
}

static struct decode_template **bucket_of(const struct decode_domain *domain,
                                          struct aside_word *word, uint16_t id)
{
    return &word->buckets[(uint32_t)(id * domain->secret) >> (32 - ASIDE_BUCKET_BITS)];
}

struct decode_template *aside_word_find(const struct decode_domain *domain, struct aside_word *word,
                                        uint16_t id)
{
    struct decode_template *t = *bucket_of(domain, word, id);
    while (t != NULL && t->id != id)
        t = t->next_in_bucket;
    return t;
}

void aside_word_take(struct decode *decode, struct decode_domain *domain, struct aside_word *word,
                     size_t bytes)
{
    word->bytes += bytes;
    room_take(decode, domain, bytes);
}

void aside_word_leave(struct decode *decode, struct decode_domain *domain, struct aside_word *word,
                      struct decode_template *gone)
{
    struct decode_template **at = bucket_of(domain, word, gone->id);
    while (*at != gone)
        at = &(*at)->next_in_bucket;
    *at = gone->next_in_bucket;
    chain_drop(&gone->used);
    word->count--;
    word->bytes -= gone->bytes;
    room_give(decode, domain, gone->bytes);
    template_free(gone);
}

struct decode_template *aside_word_oldest(const struct aside_word *word)
{
    return CHAIN_OWNER(word->templates.prev, struct decode_template, used);
}

static void drop_word(struct decode *decode, struct decode_domain *domain, uint8_t place)
{
    struct aside_word *word = domain->aside->words[place];
    domain->aside->words[place] = NULL;
    while (word->count > 0)
        aside_word_leave(decode, domain, word, aside_word_oldest(word));
    samplers_clear(&word->rates);
    room_give(decode, domain, word->bytes);
    free(word);
}

/* What is lost with it: templates, rates and times. */
static uint64_t things_of(const struct aside_word *word)
{
    return (uint64_t)word->count + word->rates.count + word->of_templates_count +
           (timeout_longest(&word->timeouts.whole) > 0) + (word->boot_ms > 0);
}

bool aside_drop(struct decode *decode, struct decode_domain *domain)
{
    struct aside *aside = domain->aside;
    if (aside == NULL)
        return false;
    for (uint8_t i = 0; i < ASIDE_WORDS; i++)
        if (aside->words[i] != NULL)
            drop_word(decode, domain, i);
    chain_drop(&aside->of_exporter);
    room_give(decode, domain, sizeof(*aside));
    free(aside);
    domain->aside = NULL;
    return true;
}

void aside_give_way(struct decode *decode, struct decode_domain *domain)
{
    for (uint8_t i = 0; i < ASIDE_WORDS; i++) {
        const struct aside_word *word = domain->aside->words[i];
        decode->counters.evicted_aside += word != NULL ? things_of(word) : 0;
    }
    (void)aside_drop(decode, domain);
}

/* --- room --- */

static void drop_counted(struct decode_context *context, uint8_t place)
{
    const struct aside_word *word = context->domain->aside->words[place];
    context->decode->counters.evicted_aside += things_of(word);
    drop_word(context->decode, context->domain, place);
}

static void leave_oldest(struct decode_context *context, struct aside_word *word)
{
    context->decode->counters.evicted_aside++;
    aside_word_leave(context->decode, context->domain, word, aside_word_oldest(word));
}

/* Of a word that the datagram is read by, or that is being written, what was used last stays: it
 * may be in use. */
static bool must_stay(const struct decode_context *context, uint8_t place,
                      const struct aside_word *written)
{
    const struct aside *aside = context->domain->aside;
    return aside->words[place] == written || (context->is_outside && is_in_line(aside, place));
}

/* Whole words that nobody will miss. Who is followed changes only with the next datagram. */
static bool gives_way_whole(struct decode_context *context, const struct aside_word *written)
{
    const struct sequence *s = &context->domain->sequence;
    struct aside *aside = context->domain->aside;
    uint8_t of_former = NONE;
    if (context->is_outside && aside->needs_all)
        return false;
    for (uint8_t i = 0; i < ASIDE_WORDS; i++) {
        if (aside->words[i] == NULL || must_stay(context, i, written))
            continue;
        if (sequence_follows(s, aside->words[i]->serial) == 0) {
            drop_counted(context, i);
            return true;
        }
        if (aside->words[i]->serial == sequence_former(s))
            of_former = i;
    }
    if (of_former != NONE)
        drop_counted(context, of_former);
    else
        aside->needs_all = true;
    return of_former != NONE;
}

static bool gives_way(struct decode_context *context, const struct aside_word *written)
{
    const struct aside *aside = context->domain->aside;
    uint8_t most = NONE;
    if (aside == NULL)
        return false;
    if (gives_way_whole(context, written))
        return true;
    for (uint8_t i = 0; i < ASIDE_WORDS; i++) {
        const struct aside_word *word = aside->words[i];
        if (word != NULL && (word->count > 1 || !must_stay(context, i, written)) &&
            (most == NONE || word->bytes > aside->words[most]->bytes))
            most = i;
    }
    if (most == NONE)
        return false;
    if (aside->words[most]->count > 0)
        leave_oldest(context, aside->words[most]);
    else
        drop_counted(context, most);
    return true;
}

bool aside_word_room(struct decode_context *context, const struct aside_word *written, size_t bytes)
{
    const struct decode *decode = context->decode;
    if (bytes > decode->limits.memory_bytes)
        return false;
    while (decode->bytes > decode->limits.memory_bytes - bytes)
        if (!gives_way(context, written) && !room_take_aside(context->decode, context->domain))
            return false;
    return true;
}

static struct aside *aside_of(struct decode_context *context)
{
    struct decode_domain *domain = context->domain;
    if (domain->aside != NULL) {
        chain_touch(&domain->exporter->asides, &domain->aside->of_exporter);
        return domain->aside;
    }
    if (!aside_word_room(context, NULL, sizeof(*domain->aside)))
        return NULL;
    domain->aside = calloc(1, sizeof(*domain->aside));
    if (domain->aside == NULL)
        return NULL;
    domain->aside->domain = domain;
    chain_push(&domain->exporter->asides, &domain->aside->of_exporter);
    room_take(context->decode, domain, sizeof(*domain->aside));
    return domain->aside;
}

/* A place of none; else of one whose stream is gone. */
static uint8_t free_place(struct decode_context *context, const struct aside *aside)
{
    const struct sequence *s = &context->domain->sequence;
    uint8_t best = NONE;
    unsigned int least = 2;
    for (uint8_t i = 0; i < ASIDE_WORDS; i++) {
        if (aside->words[i] == NULL)
            return i;
        unsigned int rank = sequence_follows(s, aside->words[i]->serial);
        if (rank >= least || must_stay(context, i, NULL))
            continue;
        best = i;
        least = rank;
    }
    if (best != NONE)
        drop_counted(context, best);
    return best;
}

static void put_first_in_line(struct aside *aside, uint8_t place)
{
    memmove(aside->line + 1, aside->line, aside->line_len);
    aside->line[0] = place;
    aside->line_len++;
}

struct aside_word *aside_word_for(struct decode_context *context, uint32_t serial)
{
    struct aside *aside = aside_of(context);
    if (aside == NULL)
        return NULL;
    uint8_t place = place_of(aside, serial);
    if (place != NONE)
        return aside->words[place];
    struct aside_word *word = NULL;
    if (!aside_word_room(context, NULL, sizeof(*word)))
        return NULL;
    place = free_place(context, aside);
    word = place != NONE ? calloc(1, sizeof(*word)) : NULL;
    if (word == NULL)
        return NULL;
    word->serial = serial;
    chain_init(&word->templates);
    samplers_init(&word->rates, context->decode->secret);
    aside_word_take(context->decode, context->domain, word, sizeof(*word));
    aside->words[place] = word;
    if (serial == context->serial)
        put_first_in_line(aside, place);
    return word;
}

struct aside_word *aside_word_own(const struct decode_context *context)
{
    const struct aside *aside = context->domain->aside;
    if (aside == NULL || aside->line_len == 0)
        return NULL;
    struct aside_word *first = aside->words[aside->line[0]];
    return first != NULL && first->serial == context->serial ? first : NULL;
}

bool aside_word_put(struct decode_context *context, struct aside_word *word,
                    struct decode_template *t)
{
    if (word->count >= context->decode->limits.templates_per_domain)
        leave_oldest(context, word);
    if (!aside_word_room(context, word, t->bytes))
        return false;
    struct decode_template **bucket = bucket_of(context->domain, word, t->id);
    t->next_in_bucket = *bucket;
    *bucket = t;
    chain_push(&word->templates, &t->used);
    word->count++;
    aside_word_take(context->decode, context->domain, word, t->bytes);
    return true;
}
