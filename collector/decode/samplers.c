#include "collector/decode/samplers.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 4 };

void samplers_init(struct samplers *samplers, uint64_t secret)
{
    *samplers = (struct samplers){.secret = secret};
}

void samplers_clear(struct samplers *samplers)
{
    free(samplers->items);
    *samplers = (struct samplers){.secret = samplers->secret};
}

size_t samplers_bytes(const struct samplers *samplers)
{
    return samplers->room * (sizeof(*samplers->items) + sizeof(*samplers->buckets));
}

size_t samplers_growth(const struct samplers *samplers, uint32_t max)
{
    if (samplers->count < samplers->room || samplers->count >= max)
        return 0;
    return samplers->room > 0
               ? samplers_bytes(samplers)
               : ROOM_FIRST * (sizeof(*samplers->items) + sizeof(*samplers->buckets));
}

static struct decode_sampler *at(const struct samplers *samplers, uint32_t number)
{
    return &samplers->items[number - 1];
}

void samplers_put_on_trial(struct samplers *samplers)
{
    samplers->restarts++;
    samplers->fresh = 0;
}

static bool is_fresh(const struct samplers *samplers, const struct decode_sampler *s)
{
    return s->restarts == samplers->restarts;
}

bool samplers_is_in_force(const struct samplers *samplers, const struct decode_sampler *s)
{
    return is_fresh(samplers, s) || samplers->fresh == 0;
}

double samplers_common_rate(const struct samplers *samplers)
{
    const bool are_all_in_force = samplers->fresh == 0;
    double common = 0;
    for (uint32_t i = 0; i < samplers->count; i++) {
        const struct decode_sampler *s = &samplers->items[i];
        if (!are_all_in_force && s->restarts != samplers->restarts)
            continue;
        if (s->is_disputed || (common != 0 && s->rate != common))
            return 0;
        common = s->rate;
    }
    return common;
}

static uint32_t *bucket_of(const struct samplers *samplers, uint8_t kind, uint32_t id)
{
    uint64_t key = (uint64_t)kind << 32 | id;
    return &samplers->buckets[key * samplers->secret >> 32 & (samplers->room - 1)];
}

struct decode_sampler *samplers_find(const struct samplers *samplers, enum sampler_kind kind,
                                     uint32_t id)
{
    if (samplers->count == 0)
        return NULL;
    uint32_t number = *bucket_of(samplers, (uint8_t)kind, id);
    while (number != 0) {
        struct decode_sampler *s = at(samplers, number);
        if (s->id == id && s->kind == kind)
            return s;
        number = s->next_in_bucket;
    }
    return NULL;
}

static void put_in_bucket(struct samplers *samplers, uint32_t number)
{
    struct decode_sampler *s = at(samplers, number);
    uint32_t *bucket = bucket_of(samplers, s->kind, s->id);
    s->next_in_bucket = *bucket;
    *bucket = number;
}

static void take_from_bucket(struct samplers *samplers, uint32_t number)
{
    const struct decode_sampler *gone = at(samplers, number);
    uint32_t *link = bucket_of(samplers, gone->kind, gone->id);
    while (*link != number)
        link = &at(samplers, *link)->next_in_bucket;
    *link = gone->next_in_bucket;
}

static bool grow(struct samplers *samplers)
{
    struct samplers grown = *samplers;
    grown.room = samplers->room == 0 ? ROOM_FIRST : samplers->room * 2;
    grown.items = calloc(1, samplers_bytes(&grown));
    if (grown.items == NULL)
        return false;
    grown.buckets = (uint32_t *)(void *)(grown.items + grown.room);
    if (samplers->count > 0)
        memcpy(grown.items, samplers->items, samplers->count * sizeof(*grown.items));
    for (uint32_t number = 1; number <= grown.count; number++)
        put_in_bucket(&grown, number);
    free(samplers->items);
    *samplers = grown;
    return true;
}

bool samplers_copy(struct samplers *to, const struct samplers *from)
{
    void *items = from->room > 0 ? malloc(samplers_bytes(from)) : NULL;
    if (from->room > 0 && items == NULL)
        return false;
    *to = *from;
    to->items = items;
    if (items == NULL)
        return true;
    memcpy(items, from->items, samplers_bytes(from));
    to->buckets = (uint32_t *)(void *)(to->items + to->room);
    return true;
}

static void unchain(struct samplers *samplers, const struct decode_sampler *s)
{
    *(s->older != 0 ? &at(samplers, s->older)->newer : &samplers->oldest) = s->newer;
    *(s->newer != 0 ? &at(samplers, s->newer)->older : &samplers->newest) = s->older;
}

static void chain_newest(struct samplers *samplers, uint32_t number)
{
    struct decode_sampler *s = at(samplers, number);
    s->newer = 0;
    s->older = samplers->newest;
    *(s->older != 0 ? &at(samplers, s->older)->newer : &samplers->oldest) = number;
    samplers->newest = number;
}

/* The number of one that may be filled, in no bucket and no chain; 0: out of memory. */
static uint32_t take(struct samplers *samplers, uint32_t max, bool *ret_evicted)
{
    *ret_evicted = samplers->count > 0 && samplers->count >= max;
    if (*ret_evicted) {
        uint32_t number = samplers->oldest;
        take_from_bucket(samplers, number);
        unchain(samplers, at(samplers, number));
        samplers->places -= sampler_is_of_place(at(samplers, number));
        samplers->fresh -= is_fresh(samplers, at(samplers, number));
        return number;
    }
    if (samplers->count == samplers->room && !grow(samplers))
        return 0;
    return ++samplers->count;
}

struct decode_sampler *samplers_enter(struct samplers *samplers, enum sampler_kind kind,
                                      uint32_t id, uint32_t max, bool *ret_evicted)
{
    struct decode_sampler *s = samplers_find(samplers, kind, id);
    *ret_evicted = false;
    if (s != NULL) {
        unchain(samplers, s);
        chain_newest(samplers, (uint32_t)(s - samplers->items) + 1);
        samplers->fresh += !is_fresh(samplers, s);
        s->restarts = samplers->restarts;
        return s;
    }
    uint32_t number = take(samplers, max, ret_evicted);
    if (number == 0)
        return NULL;
    s = at(samplers, number);
    *s = (struct decode_sampler){.kind = (uint8_t)kind, .id = id, .restarts = samplers->restarts};
    samplers->fresh++;
    put_in_bucket(samplers, number);
    chain_newest(samplers, number);
    samplers->places += sampler_is_of_place(s);
    return s;
}

static uint8_t one_more(uint8_t count)
{
    return count < UINT8_MAX ? (uint8_t)(count + 1) : count;
}

void samplers_hear(struct decode_sampler *place, uint32_t by, double rate, bool anew)
{
    /* More than an interface has samplers, for each direction and protocol one: each of them, if
     * it is still there, has told its rate in so many. */
    enum { ROUND = 8 };
    if (anew) {
        place->rate = rate;
        place->by = by;
        place->is_disputed = place->has_several = false;
        place->alike = place->in_a_row = 0;
    }
    const bool is_alike = place->rate == rate, is_same = place->by == by;
    place->alike = is_alike ? one_more(place->alike) : 1;
    place->in_a_row = is_same ? one_more(place->in_a_row) : 1;
    place->has_several = (place->has_several || !is_same) && place->in_a_row < ROUND;
    place->is_disputed =
        place->has_several && place->alike < ROUND && (place->is_disputed || !is_alike);
    place->rate = rate;
    place->by = by;
}

const struct decode_sampler *samplers_next(const struct samplers *samplers,
                                           const struct decode_sampler *sampler)
{
    uint32_t number = sampler == NULL ? samplers->oldest : sampler->newer;
    return number == 0 ? NULL : at(samplers, number);
}
