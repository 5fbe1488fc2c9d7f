#include "collector/decode/state.h"

#include "collector/decode/aside.h"
#include "collector/decode/exporter_rate.h"
#include "collector/decode/held.h"
#include "collector/decode/restore.h"
#include "collector/decode/room.h"
#include "collector/decode/sampling.h"
#include "collector/decode/told.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- templates --- */

/* Ids are a stranger's choice, so where they go is a secret. */
static struct decode_template **bucket_of(struct decode_domain *domain, uint16_t id)
{
    return &domain->buckets[(uint32_t)(id * domain->secret) >> (32 - TEMPLATE_BUCKET_BITS)];
}

void template_put(struct decode *decode, struct decode_domain *domain, struct decode_template *t)
{
    struct decode_template **bucket = bucket_of(domain, t->id);
    t->next_in_bucket = *bucket;
    *bucket = t;
    chain_push(&domain->templates, &t->used);
    chain_push(&domain->of_kind[t->options], &t->of_kind);
    domain->info.templates++;
    decode->changes++;
    room_take(decode, domain, t->bytes);
}

struct decode_template *template_peek(struct decode_domain *domain, uint16_t id)
{
    struct decode_template *t = *bucket_of(domain, id);
    while (t != NULL && t->id != id)
        t = t->next_in_bucket;
    return t;
}

struct decode_template *template_find(struct decode_domain *domain, uint16_t id)
{
    struct decode_template *t = template_peek(domain, id);
    if (t != NULL)
        chain_touch(&domain->templates, &t->used);
    return t;
}

void template_free(struct decode_template *t)
{
    free(t->plan);
    free(t);
}

void template_unlink(struct decode *decode, struct decode_domain *domain,
                     struct decode_template *gone)
{
    struct decode_template **at = bucket_of(domain, gone->id);
    while (*at != gone)
        at = &(*at)->next_in_bucket;
    *at = gone->next_in_bucket;
    chain_drop(&gone->used);
    chain_drop(&gone->of_kind);
    domain->info.templates--;
    decode->changes++;
    room_give(decode, domain, gone->bytes);
}

void template_remove(struct decode *decode, struct decode_domain *domain,
                     struct decode_template *gone)
{
    template_unlink(decode, domain, gone);
    template_free(gone);
}

void template_make_room(struct decode_context *context)
{
    const struct decode_domain *domain = context->domain;
    if (domain->info.templates < context->decode->limits.templates_per_domain)
        return;
    aside_keep(context, CHAIN_OWNER(domain->templates.prev, struct decode_template, used));
    context->decode->counters.evicted_templates++;
}

void template_remove_all(struct decode_context *context, bool options)
{
    const struct chain *head = &context->domain->of_kind[options];
    while (head->next != head)
        aside_keep(context, CHAIN_OWNER(head->next, struct decode_template, of_kind));
}

/* --- domains and exporters --- */

void state_add_counts(struct decode_counts *sum, const struct decode_counts *more)
{
    sum->datagrams += more->datagrams;
    sum->records += more->records;
    for (size_t i = 0; i < DECODE_REASON_COUNT; i++)
        sum->refused[i] += more->refused[i];
    sum->sequence_lost += more->sequence_lost;
    sum->sequence_late += more->sequence_late;
    sum->sequence_resets += more->sequence_resets;
    sum->restarts += more->restarts;
    sum->samples_lost += more->samples_lost;
}

void state_clear_domain(struct decode *decode, struct decode_domain *domain)
{
    while (domain->templates.next != &domain->templates)
        template_remove(decode, domain,
                        CHAIN_OWNER(domain->templates.next, struct decode_template, used));
    held_drop_domain(decode, domain);
    (void)aside_drop(decode, domain);
    room_give(decode, domain, domain->bytes - DOMAIN_BYTES); /* what is left: samplers */
    sampling_forget(domain);
    sources_clear(&domain->sources);
    domain->info.sources = 0;
    decode->changes++;
}

void state_remove_domain(struct decode *decode, struct decode_domain *domain)
{
    state_clear_domain(decode, domain);
    state_add_counts(&domain->exporter->gone, &domain->info.counts);
    room_leave_domain(decode, domain);
    if (decode->last == domain)
        decode->last = NULL;
    table_remove_entry(decode->domains, domain);
}

static void exporter_remove(struct decode *decode, struct decode_exporter *exporter)
{
    while (exporter->domains.next != &exporter->domains)
        state_remove_domain(decode,
                            CHAIN_OWNER(exporter->domains.next, struct decode_domain, of_exporter));
    told_leave(decode->told, exporter);
    room_leave_exporter(exporter);
    table_remove_entry(decode->exporters, exporter);
}

void decode_forget(struct decode *decode,
                   bool (*keeps)(void *owner, const struct ip_addr *exporter), void *owner)
{
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++) {
        const struct chain *head = &decode->exporters_used[t];
        struct chain *next;
        for (struct chain *l = head->next; l != head; l = next) {
            struct decode_exporter *exporter = CHAIN_OWNER(l, struct decode_exporter, used);
            next = l->next;
            if (!keeps(owner, &exporter->addr))
                exporter_remove(decode, exporter);
        }
    }
}

void state_free_all(struct decode *decode)
{
    struct decode_exporter *exporter;
    while ((exporter = room_exporter_to_forget(decode, DECODE_BY_ADDRESS)) != NULL)
        exporter_remove(decode, exporter);
    table_free(decode->exporters);
    table_free(decode->domains);
}

/* NULL with a reason: no room. */
static struct decode_exporter *exporter_enter(struct decode *decode,
                                              const struct decode_source *source,
                                              enum decode_reason *ret_reason)
{
    uint8_t key[STATE_EXPORTER_KEY];
    bool is_new;

    key[0] = source->addr.family;
    memcpy(key + 1, source->addr.octets, sizeof(source->addr.octets));
    struct decode_exporter *exporter = table_find(decode->exporters, key, sizeof(key));
    if (exporter != NULL)
        return exporter;
    if (table_count(decode->exporters) >= decode->limits.exporters) {
        struct decode_exporter *oldest = room_exporter_to_forget(decode, source->trust);
        *ret_reason = DECODE_EXPORTERS;
        if (oldest == NULL)
            return NULL;
        exporter_remove(decode, oldest);
        decode->counters.evicted_exporters++;
    }
    *ret_reason = DECODE_NO_MEMORY;
    exporter = table_insert(decode->exporters, key, sizeof(key), &is_new);
    if (exporter == NULL)
        return NULL;
    chain_init(&exporter->domains);
    chain_init(&exporter->bare);
    chain_init(&exporter->telling);
    chain_init(&exporter->asides);
    chain_init(&exporter->held);
    exporter->addr = source->addr;
    room_enter_exporter(decode, exporter, source->trust);
    return exporter;
}

static struct decode_domain *domain_new(struct decode_context *context,
                                        const struct domain_key *key, const struct domain_id *id,
                                        enum decode_reason *ret_reason)
{
    bool is_new;
    struct decode *decode = context->decode;
    struct decode_exporter *exporter = exporter_enter(decode, context->source, ret_reason);
    if (exporter == NULL)
        return NULL;
    *ret_reason = DECODE_NO_MEMORY;
    struct decode_domain *domain = table_insert(decode->domains, key, STATE_DOMAIN_KEY, &is_new);
    if (domain == NULL)
        return NULL;
    domain->exporter = exporter;
    chain_init(&domain->templates);
    chain_init(&domain->held);
    chain_init(&domain->of_kind[false]);
    chain_init(&domain->of_kind[true]);
    domain->secret = (uint32_t)decode->secret;
    samplers_init(&domain->samplers, decode->secret);
    sources_init(&domain->sources, decode->secret);
    room_enter_domain(decode, domain);
    domain->info.format = context->format;
    domain->info.number = id->domain;
    domain->info.agent = id->agent;
    return domain;
}

static bool same_addr(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

/* Of one exporter several datagrams often come together: then its domain is at the front of all
 * lists already. */
static bool is_last(const struct decode_context *context, const struct domain_id *id)
{
    const struct decode_domain *last = context->decode->last;
    return last != NULL && last->info.number == id->domain &&
           last->info.format == context->format &&
           last->exporter->trust == context->source->trust &&
           same_addr(&last->exporter->addr, &context->source->addr) &&
           same_addr(&last->info.agent, &id->agent);
}

static __attribute__((noinline)) struct decode_domain *find_domain(struct decode_context *context,
                                                                   const struct domain_id *id)
{
    struct decode *decode = context->decode;
    const struct ip_addr *source = &context->source->addr;
    enum decode_reason reason = DECODE_OK;
    struct domain_key key;

    memcpy(key.source, source->octets, sizeof(key.source));
    memcpy(key.agent, id->agent.octets, sizeof(key.agent));
    key.rest = (uint64_t)id->domain << 32 | (uint64_t)context->format << 16 |
               (uint64_t)source->family << 8 | id->agent.family;
    struct decode_domain *domain = table_find(decode->domains, &key, sizeof(key));
    if (domain == NULL)
        domain = domain_new(context, &key, id, &reason);
    if (domain == NULL) {
        state_refuse(context, reason);
        return NULL;
    }
    room_enter_exporter(decode, domain->exporter, context->source->trust);
    room_touch(decode, domain);
    return domain;
}

bool state_enter(struct decode_context *context, const struct domain_id *id)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = is_last(context, id) ? decode->last : find_domain(context, id);
    if (domain == NULL)
        return false;
    decode->last = domain;
    room_begin(domain);
    domain->info.last_ms = (int64_t)context->now_ms;
    domain->info.counts.datagrams++;
    context->domain = domain;
    exporter_rate_begin(domain->exporter);
    return true;
}

void state_leave(struct decode_context *context)
{
    if (context->domain != NULL) {
        sampling_end(context);
        room_end(context->decode, context->domain);
    }
    context->domain = NULL;
}

void state_refuse(struct decode_context *context, enum decode_reason reason)
{
    assert(reason != DECODE_OK);
    context->decode->counters.refused[context->format][reason]++;
    if (context->domain != NULL)
        context->domain->info.counts.refused[reason]++;
    if (context->reason == DECODE_OK)
        context->reason = reason;
}

static bool goes_on_from_main(const struct sequence *s, uint32_t after)
{
    const uint32_t main = sequence_main(s);
    while (after != 0 && after != main)
        after = sequence_after(s, after);
    return after != 0;
}

void state_sender(struct decode_context *context, uint32_t number, uint32_t tolerance)
{
    struct decode_domain *domain = context->domain;
    context->records_before = domain->info.counts.records;
    context->useless_before = context->sink->useless != NULL ? *context->sink->useless : 0;
    const struct sequence *s = &domain->sequence;
    struct sequence_origin origin = sequence_origin(s, number, tolerance, context->now_ms);
    bool is_foreign = sequence_is_foreign(s, number, tolerance, context->now_ms);
    context->serial = origin.serial;
    context->after = origin.after;
    context->is_outside = origin.is_outside || is_foreign;
    context->goes_on_from_main = context->is_outside && goes_on_from_main(s, origin.after);
    if (is_foreign && context->sink->on_foreign != NULL)
        context->sink->on_foreign(context->sink->owner);
    if (context->is_outside) {
        if (domain->aside != NULL)
            aside_words_begin(context);
        return;
    }
    if (!origin.is_freed && !origin.is_back)
        return;
    if (origin.began_anew)
        restore_began_anew(context);
    if (domain->aside != NULL)
        aside_adopt(context);
}

static void note_two_senders(struct decode_context *context, const struct sequence_verdict *verdict)
{
    struct decode_exporter *exporter = context->domain->exporter;
    if (verdict->two_senders) {
        exporter->two_senders_seen = true;
        exporter->two_senders_ms = context->now_ms;
    }
    if (verdict->is_contested && context->sink->on_two_senders != NULL)
        context->sink->on_two_senders(context->sink->owner);
}

static uint64_t lose(uint64_t lost, const struct sequence_verdict *verdict)
{
    lost += verdict->lost;
    return lost > verdict->regained ? lost - verdict->regained : 0;
}

static uint32_t records_brought(const struct decode_context *context)
{
    const uint64_t *sum = context->sink->useless;
    uint64_t records = context->domain->info.counts.records - context->records_before;
    uint64_t useless = sum != NULL ? *sum - context->useless_before : 0;
    return useless < records ? (uint32_t)(records - useless) : 0;
}

void state_sequence(struct decode_context *context, struct sequence_step step)
{
    struct decode_domain *domain = context->domain;
    struct decode_counters *counters = &context->decode->counters;
    struct decode_counts *own = &domain->info.counts;

    step.records = records_brought(context);
    struct sequence_verdict verdict = sequence_judge(&domain->sequence, &step, context->now_ms);
    if (context->format == FORMAT_NETFLOW9 && !context->is_outside)
        domain->started_ms = context->export_ms - context->uptime_ms;
    if (verdict.kind == SEQUENCE_NEXT && verdict.regained == 0 && !verdict.two_senders &&
        !verdict.is_contested)
        return; /* nearly always */
    counters->sequence_lost = lose(counters->sequence_lost, &verdict);
    own->sequence_lost = lose(own->sequence_lost, &verdict);
    counters->sequence_late += verdict.kind == SEQUENCE_LATE;
    own->sequence_late += verdict.kind == SEQUENCE_LATE;
    if (verdict.kind == SEQUENCE_RESET) {
        counters->sequence_resets++;
        own->sequence_resets++;
        context->decode->changes++; /* a snapshot says where sequences stand */
    }
    note_two_senders(context, &verdict);
}
