#include "collector/decode/aside.h"

#include "collector/decode/room.h"
#include "collector/decode/sampling.h"

#include <stdlib.h>

enum { TEMPLATES = 64, RATES = 16 };

struct aside_rate {
    uint32_t serial; /* 0: none */
    struct decode_sampler said;
};

struct aside {
    uint16_t ids[TEMPLATES]; /* 0: none */
    uint32_t serials[TEMPLATES];
    struct decode_template *templates[TEMPLATES];
    struct aside_rate rates[RATES];
    uint8_t next, next_rate; /* whose turn it is to give way */
};

static bool fits(const struct decode *decode, size_t bytes)
{
    return decode->bytes + bytes <= decode->limits.memory_bytes;
}

static struct aside *aside_of(struct decode *decode, struct decode_domain *domain)
{
    if (domain->aside != NULL || !fits(decode, sizeof(*domain->aside)))
        return domain->aside;
    domain->aside = calloc(1, sizeof(*domain->aside));
    if (domain->aside != NULL)
        room_take(decode, domain, sizeof(*domain->aside));
    return domain->aside;
}

static uint8_t place_of(const struct aside *aside, uint16_t id)
{
    uint8_t i = 0;
    while (i < TEMPLATES && aside->ids[i] != id)
        i++;
    return i;
}

static void leave(struct decode *decode, struct decode_domain *domain, struct aside *aside,
                  uint8_t place)
{
    struct decode_template *t = aside->templates[place];
    aside->ids[place] = 0;
    room_give(decode, domain, t->bytes);
    template_free(t);
}

struct decode_template *aside_find(const struct decode_domain *domain, uint32_t serial, uint16_t id)
{
    const struct aside *aside = domain->aside;
    uint8_t place = aside != NULL ? place_of(aside, id) : TEMPLATES;
    return place < TEMPLATES && aside->serials[place] == serial ? aside->templates[place] : NULL;
}

static bool gives_way(const struct decode_domain *domain, uint32_t holder, uint32_t serial)
{
    const struct sequence *s = &domain->sequence;
    if (holder == serial)
        return true;
    return holder != sequence_elder(s) && sequence_worth(s, holder) <= sequence_worth(s, serial);
}

bool aside_put(struct decode *decode, struct decode_domain *domain, uint32_t serial,
               struct decode_template *t)
{
    struct aside *aside = aside_of(decode, domain);
    if (aside == NULL || !fits(decode, t->bytes))
        return false;
    uint8_t place = place_of(aside, t->id);
    if (place == TEMPLATES)
        place = place_of(aside, 0);
    if (place == TEMPLATES) {
        place = aside->next;
        aside->next = (uint8_t)((aside->next + 1) % TEMPLATES);
    }
    if (aside->ids[place] != 0) {
        if (!gives_way(domain, aside->serials[place], serial))
            return false;
        leave(decode, domain, aside, place);
    }
    aside->ids[place] = t->id;
    aside->serials[place] = serial;
    aside->templates[place] = t;
    room_take(decode, domain, t->bytes);
    return true;
}

void aside_put_rate(struct decode *decode, struct decode_domain *domain, uint32_t serial,
                    const struct decode_sampler *said)
{
    struct aside *aside = aside_of(decode, domain);
    if (aside == NULL)
        return;
    uint8_t place = 0;
    while (place < RATES &&
           (aside->rates[place].serial != serial || aside->rates[place].said.kind != said->kind ||
            aside->rates[place].said.id != said->id || aside->rates[place].said.by != said->by))
        place++;
    if (place == RATES) {
        place = aside->next_rate;
        aside->next_rate = (uint8_t)((aside->next_rate + 1) % RATES);
        if (!gives_way(domain, aside->rates[place].serial, serial))
            return;
    }
    aside->rates[place] = (struct aside_rate){.serial = serial, .said = *said};
}

void aside_withdraw(struct decode *decode, struct decode_domain *domain, uint32_t serial,
                    uint16_t id)
{
    if (aside_find(domain, serial, id) != NULL)
        leave(decode, domain, domain->aside, place_of(domain->aside, id));
}

void aside_replace(struct decode_context *context, struct decode_template *old)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    uint32_t elder = sequence_elder(&domain->sequence);

    decode->counters.template_changes++;
    template_unlink(decode, domain, old);
    if (elder == 0 || elder == context->serial || aside_find(domain, elder, old->id) != NULL ||
        !aside_put(decode, domain, elder, old))
        template_free(old);
}

static void adopt_template(struct decode_context *context, struct decode_template *t)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    struct decode_template *old = template_find(domain, t->id);

    if (old != NULL)
        aside_replace(context, old);
    template_make_room(decode, domain);
    t->on_trial = false;
    template_put(decode, domain, t);
    room_trim(decode, domain);
    decode->has_told = true;
}

void aside_adopt(struct decode_context *context)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    struct aside *aside = domain->aside;
    if (aside == NULL)
        return;
    for (uint8_t i = 0; i < TEMPLATES && domain->aside == aside; i++) {
        if (aside->ids[i] == 0 || aside->serials[i] != context->serial)
            continue;
        struct decode_template *t = aside->templates[i];
        aside->ids[i] = 0;
        room_give(decode, domain, t->bytes);
        adopt_template(context, t);
    }
    /* Room that a template needs may have been made of this. */
    for (uint8_t i = 0; i < RATES && domain->aside == aside; i++) {
        if (aside->rates[i].serial != context->serial)
            continue;
        aside->rates[i].serial = 0;
        sampling_adopt(context, &aside->rates[i].said);
    }
}

bool aside_drop(struct decode *decode, struct decode_domain *domain)
{
    struct aside *aside = domain->aside;
    if (aside == NULL)
        return false;
    for (uint8_t i = 0; i < TEMPLATES; i++)
        if (aside->ids[i] != 0)
            leave(decode, domain, aside, i);
    room_give(decode, domain, sizeof(*aside));
    free(aside);
    domain->aside = NULL;
    return true;
}
