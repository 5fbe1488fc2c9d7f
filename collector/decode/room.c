#include "collector/decode/room.h"

#include "collector/decode/aside.h"

/* --- who is known how well --- */

static void push_domains(struct decode *decode, struct decode_exporter *exporter)
{
    struct chain *head = &exporter->domains;
    for (struct chain *l = head->prev; l != head; l = l->prev) {
        struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, of_exporter);
        chain_drop(&domain->used);
        chain_push(&decode->domains_used[exporter->trust], &domain->used);
    }
    head = &exporter->bare;
    for (struct chain *l = head->prev; l != head; l = l->prev) {
        struct decode_domain *domain = CHAIN_OWNER(l, struct decode_domain, bare_of_exporter);
        chain_drop(&domain->bare);
        chain_push(&decode->bare[exporter->trust], &domain->bare);
    }
}

static uint8_t size_class_of(size_t bytes)
{
    return (uint8_t)(bytes == 0 ? 0 : 64 - __builtin_clzll(bytes));
}

static void push_holder(struct decode *decode, struct decode_exporter *exporter, uint8_t size_class)
{
    exporter->size_class = size_class;
    chain_push(&decode->holders[exporter->trust][size_class], &exporter->of_size);
    if (size_class > 0)
        decode->may_hold[exporter->trust] |= UINT64_C(1) << (size_class - 1);
}

static void push(struct decode *decode, struct decode_exporter *exporter)
{
    chain_push(&decode->exporters_used[exporter->trust], &exporter->used);
    push_holder(decode, exporter, size_class_of(exporter->bytes));
}

/* The largest class of at most that size which somebody is in; NULL: none. A record may ask for
 * room, so empty ones are not walked over. */
static struct chain *holders_up_to(struct decode *decode, unsigned int trust,
                                   unsigned int *size_class)
{
    uint64_t *may = &decode->may_hold[trust];
    while (*size_class > 0) {
        const uint64_t left = *may & (UINT64_MAX >> (64 - *size_class));
        if (left == 0)
            return NULL;
        *size_class = 64 - (unsigned int)__builtin_clzll(left);
        struct chain *head = &decode->holders[trust][*size_class];
        if (head->next != head)
            return head;
        *may &= ~(UINT64_C(1) << (*size_class - 1));
    }
    return NULL;
}

void room_enter_exporter(struct decode *decode, struct decode_exporter *exporter,
                         enum decode_trust trust)
{
    bool is_new = exporter->used.next == NULL;
    if (!is_new && exporter->trust == trust)
        return;
    if (!is_new)
        room_leave_exporter(exporter);
    exporter->trust = (uint8_t)trust;
    push(decode, exporter);
    if (!is_new)
        push_domains(decode, exporter);
}

void room_leave_exporter(struct decode_exporter *exporter)
{
    chain_drop(&exporter->used);
    chain_drop(&exporter->of_size);
}

void room_enter_domain(struct decode *decode, struct decode_domain *domain)
{
    chain_push(&decode->domains_used[domain->exporter->trust], &domain->used);
    chain_push(&domain->exporter->domains, &domain->of_exporter);
    domain->exporter->domain_count++;
    room_take(decode, domain, DOMAIN_BYTES);
}

void room_leave_domain(struct decode *decode, struct decode_domain *domain)
{
    room_begin(domain);
    room_give(decode, domain, domain->bytes);
    domain->exporter->domain_count--;
    chain_drop(&domain->used);
    chain_drop(&domain->of_exporter);
}

void room_touch(struct decode *decode, struct decode_domain *domain)
{
    struct decode_exporter *exporter = domain->exporter;
    chain_touch(&decode->domains_used[exporter->trust], &domain->used);
    chain_touch(&exporter->domains, &domain->of_exporter);
    chain_touch(&decode->exporters_used[exporter->trust], &exporter->used);
}

struct decode_exporter *room_exporter_to_forget(const struct decode *decode,
                                                enum decode_trust trust)
{
    for (unsigned int t = 0; t <= trust; t++) {
        const struct chain *head = &decode->exporters_used[t];
        if (head->prev != head)
            return CHAIN_OWNER(head->prev, struct decode_exporter, used);
    }
    return NULL;
}

/* --- memory --- */

static void refile(struct decode *decode, struct decode_exporter *exporter)
{
    uint8_t size_class = size_class_of(exporter->bytes);
    if (size_class == exporter->size_class)
        return;
    chain_drop(&exporter->of_size);
    push_holder(decode, exporter, size_class);
}

void room_take(struct decode *decode, struct decode_domain *domain, size_t bytes)
{
    domain->bytes += bytes;
    domain->exporter->bytes += bytes;
    decode->bytes += bytes;
    refile(decode, domain->exporter);
}

void room_give(struct decode *decode, struct decode_domain *domain, size_t bytes)
{
    domain->bytes -= bytes;
    domain->exporter->bytes -= bytes;
    decode->bytes -= bytes;
    refile(decode, domain->exporter);
}

static void evict(struct decode *decode, struct decode_domain *domain)
{
    state_remove_domain(decode, domain);
    decode->counters.evicted_domains++;
}

/* The one heard longest ago, but not the proven one whose rate others go by, which is heard seldom,
 * as long as there is a third beside it and `keep`. */
static struct decode_domain *first_to_go(const struct decode_exporter *exporter,
                                         const struct decode_domain *keep)
{
    struct chain *oldest = exporter->domains.prev, *next = oldest->prev;
    struct decode_domain *domain = CHAIN_OWNER(oldest, struct decode_domain, of_exporter);
    if (domain != exporter->speaks || !exporter->is_proven || next == &exporter->domains)
        return domain;
    struct decode_domain *other = CHAIN_OWNER(next, struct decode_domain, of_exporter);
    return other != keep ? other : domain;
}

/* What was put aside of the exporter's domain that told longest ago, but not of `keep`. */
static bool drop_aside(struct decode *decode, struct decode_exporter *exporter,
                       const struct decode_domain *keep)
{
    const struct chain *head = &exporter->asides;
    struct chain *oldest = head->prev;
    if (oldest == head)
        return false;
    struct aside *aside = CHAIN_OWNER(oldest, struct aside, of_exporter);
    if (aside->domain == keep && oldest->prev != head)
        aside = CHAIN_OWNER(oldest->prev, struct aside, of_exporter);
    if (aside->domain == keep)
        return false;
    aside_give_way(decode, aside->domain);
    return true;
}

/* False: `keep` is all that it has, and holds no more than it must: samplers, which have a limit of
 * their own, and the template that is being read. */
static bool gives_way(struct decode *decode, struct decode_exporter *exporter,
                      struct decode_domain *keep)
{
    struct decode_domain *oldest = first_to_go(exporter, keep);
    if (drop_aside(decode, exporter, NULL))
        return true;
    if (oldest != keep) {
        evict(decode, oldest);
        return true;
    }
    if (oldest->templates.prev == oldest->templates.next)
        return false;
    template_remove(decode, oldest,
                    CHAIN_OWNER(oldest->templates.prev, struct decode_template, used));
    decode->counters.evicted_templates++;
    return true;
}

static bool make_some(struct decode *decode, struct decode_domain *keep)
{
    struct chain *head;
    for (unsigned int trust = 0; trust <= keep->exporter->trust; trust++)
        for (unsigned int c = SIZE_CLASSES - 1; (head = holders_up_to(decode, trust, &c)) != NULL;
             c--) {
            for (struct chain *l = head->prev; l != head; l = l->prev)
                if (gives_way(decode, CHAIN_OWNER(l, struct decode_exporter, of_size), keep))
                    return true;
        }
    return false;
}

bool room_take_aside(struct decode *decode, struct decode_domain *keep)
{
    enum { ASKED_MAX = 8 };
    struct decode_exporter *own = keep->exporter;
    unsigned int asked = 0;
    struct chain *head;
    if (drop_aside(decode, own, keep))
        return true;
    for (unsigned int trust = 0; trust <= own->trust; trust++)
        for (unsigned int c = SIZE_CLASSES - 1;
             (head = holders_up_to(decode, trust, &c)) != NULL && c > own->size_class; c--) {
            for (struct chain *l = head->prev; l != head && asked < ASKED_MAX; l = l->prev, asked++)
                if (drop_aside(decode, CHAIN_OWNER(l, struct decode_exporter, of_size), keep))
                    return true;
        }
    return false;
}

/* Those that hold nothing, of exporters that are known no better. */
static void trim_bare(struct decode *decode, const struct decode_domain *keep)
{
    for (unsigned int trust = 0; trust <= keep->exporter->trust; trust++) {
        struct chain *head = &decode->bare[trust];
        while (decode->bytes > decode->limits.memory_bytes && head->prev != head)
            evict(decode, CHAIN_OWNER(head->prev, struct decode_domain, bare));
    }
}

void room_trim(struct decode *decode, struct decode_domain *keep)
{
    if (decode->bytes <= decode->limits.memory_bytes)
        return;
    trim_bare(decode, keep);
    while (decode->bytes > decode->limits.memory_bytes && make_some(decode, keep))
        ;
}

/* --- a datagram --- */

void room_begin(struct decode_domain *domain)
{
    if (!domain->is_bare)
        return;
    domain->is_bare = false;
    chain_drop(&domain->bare);
    chain_drop(&domain->bare_of_exporter);
}

static bool holds_something(const struct decode_domain *domain)
{
    const struct decode_domain_info *info = &domain->info;
    return info->counts.records > 0 || info->templates > 0 || domain->samplers.count > 0 ||
           domain->sources.count > 0;
}

static void lay_bare(struct decode *decode, struct decode_domain *domain)
{
    domain->is_bare = true;
    chain_push(&decode->bare[domain->exporter->trust], &domain->bare);
    chain_push(&domain->exporter->bare, &domain->bare_of_exporter);
}

void room_end(struct decode *decode, struct decode_domain *domain)
{
    struct decode_exporter *exporter = domain->exporter;
    bool is_one_too_many = exporter->domain_count > decode->limits.domains_per_exporter;
    struct chain *bare = &exporter->bare;

    if (is_one_too_many && bare->prev != bare)
        evict(decode, CHAIN_OWNER(bare->prev, struct decode_domain, bare_of_exporter));
    else if (is_one_too_many && holds_something(domain))
        evict(decode, first_to_go(exporter, domain));
    else if (is_one_too_many) {
        evict(decode, domain);
        return;
    }
    if (holds_something(domain)) {
        room_trim(decode, domain);
        return;
    }
    trim_bare(decode, domain);
    if (decode->bytes > decode->limits.memory_bytes)
        evict(decode, domain);
    else
        lay_bare(decode, domain);
}
