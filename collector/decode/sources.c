#include "collector/decode/sources.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BITS_FIRST = 2,
    /* Samples that overtake each other do so by what datagrams do. */
    LATE_SAMPLES = 1024,
    /* More are not lost at once: the agent began anew. */
    GAP_MAX = 1 << 20,
    /* What a place has bits for. */
    BESIDE_MAX = (1 << 20) - 1,
    BESIDE_OF = (1 << 12) - 1
};

void sources_init(struct sources *sources, uint64_t secret)
{
    *sources = (struct sources){.secret = secret};
}

void sources_clear(struct sources *sources)
{
    free(sources->items);
    sources_init(sources, sources->secret);
}

static size_t places(const struct sources *sources)
{
    return sources->items == NULL ? 0 : (size_t)SOURCES_WAYS << sources->bits;
}

size_t sources_bytes(const struct sources *sources)
{
    return places(sources) * sizeof(*sources->items);
}

static struct flow_source *set_of(const struct sources *sources, uint64_t id)
{
    return &sources->items[(id * sources->secret >> sources->shift) * SOURCES_WAYS];
}

static struct flow_source *free_place(struct flow_source *set)
{
    for (size_t i = 0; i < SOURCES_WAYS; i++)
        if (set[i].rate == 0)
            return &set[i];
    return NULL;
}

/* One more bit tells the sources of a set apart: they go on in two sets of their own, so there is a
 * place for each and nobody is left out. */
static void move_all(const struct sources *from, struct sources *to)
{
    assert(from->items == NULL || to->bits == from->bits + 1);
    for (size_t i = 0; i < places(from); i++) {
        if (from->items[i].rate == 0)
            continue;
        struct flow_source *place = free_place(set_of(to, from->items[i].id));
        assert(place != NULL);
        *place = from->items[i];
    }
}

static bool grow(struct sources *sources)
{
    struct sources grown = *sources;
    grown.bits = sources->items == NULL ? BITS_FIRST : sources->bits + 1;
    grown.shift = 64 - grown.bits;
    grown.items = calloc((size_t)SOURCES_WAYS << grown.bits, sizeof(*grown.items));
    if (grown.items == NULL)
        return false;
    move_all(sources, &grown);
    free(sources->items);
    *sources = grown;
    return true;
}

static struct flow_source *oldest_of(struct flow_source *set)
{
    struct flow_source *oldest = set;
    for (size_t i = 1; i < SOURCES_WAYS; i++)
        if (set[i].last_ms < oldest->last_ms)
            oldest = &set[i];
    return oldest;
}

struct flow_source *sources_enter(struct sources *sources, uint64_t id, uint32_t max,
                                  bool *ret_evicted)
{
    *ret_evicted = false;
    if (sources->items == NULL && !grow(sources))
        return NULL;
    struct flow_source *set = set_of(sources, id);
    for (size_t i = 0; i < SOURCES_WAYS; i++)
        if (set[i].id == id && set[i].rate != 0)
            return &set[i];
    struct flow_source *place = free_place(set);
    while (place == NULL && places(sources) * 2 <= max && grow(sources))
        place = free_place(set_of(sources, id));
    if (place == NULL) {
        place = oldest_of(set_of(sources, id));
        *ret_evicted = place->rate != 0;
    }
    sources->count += place->rate == 0;
    *place = (struct flow_source){.id = id};
    return place;
}

/* How many of these came beside the main stream, when that serial's was not it. */
static uint32_t take_beside(struct flow_source *source, uint32_t ahead, uint32_t serial)
{
    uint32_t beside = source->beside_of == (serial & BESIDE_OF) ? source->beside : 0;
    source->beside = 0;
    return beside < ahead ? beside : ahead;
}

uint32_t sources_judge(struct flow_source *source, uint32_t number, uint32_t serial)
{
    uint32_t ahead = number - source->next;
    bool is_new = source->rate == 0;

    if (!is_new && ahead != 0 && source->next - number <= LATE_SAMPLES)
        return 0; /* overtaken, or come twice */
    source->next = number + 1;
    if (is_new || ahead == 0 || ahead > GAP_MAX)
        return 0;
    ahead -= take_beside(source, ahead, serial);
    source->lost = ahead > UINT32_MAX - source->lost ? UINT32_MAX : source->lost + ahead;
    return ahead;
}

void sources_pass(const struct sources *sources, uint64_t id, uint32_t serial)
{
    struct flow_source *set = sources->items != NULL ? set_of(sources, id) : NULL;
    for (size_t i = 0; set != NULL && i < SOURCES_WAYS; i++) {
        struct flow_source *source = &set[i];
        if (source->id != id || source->rate == 0)
            continue;
        if (source->beside == 0)
            source->beside_of = serial & BESIDE_OF;
        /* Of several the place is that one's who brings most. */
        if (source->beside_of != (serial & BESIDE_OF))
            source->beside--;
        else if (source->beside < BESIDE_MAX)
            source->beside++;
    }
}

size_t sources_worst(const struct sources *sources, struct flow_source *ret_worst, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < places(sources); i++) {
        const struct flow_source *source = &sources->items[i];
        if (source->rate == 0 || source->lost == 0 ||
            (count == max && (max == 0 || ret_worst[max - 1].lost >= source->lost)))
            continue;
        size_t at = count < max ? count++ : max - 1;
        for (; at > 0 && ret_worst[at - 1].lost < source->lost; at--)
            ret_worst[at] = ret_worst[at - 1];
        ret_worst[at] = *source;
    }
    return count;
}
