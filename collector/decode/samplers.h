#ifndef COLLECTOR_DECODE_SAMPLERS_H
#define COLLECTOR_DECODE_SAMPLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The sampling rates that options have said of an observation domain, each by what it is said of.
 * Every record may ask for several, and options may change each time, so neither walks over them
 * all: they are found under a secret, and chained by when they were told.
 */
enum sampler_kind {
    SAMPLER_ALL,
    SAMPLER_ID,        /* sampler or selector */
    SAMPLER_INTERFACE, /* NetFlow 9 does not say whether of what enters or leaves there */
    SAMPLER_OUTPUT,    /* an egress interface */
    SAMPLER_LINE_CARD,
    SAMPLER_TEMPLATE,
    SAMPLER_INPUT, /* an ingress interface */
    SAMPLER_KINDS
};

/* Numbers of samplers count from 1; 0 is none. */
struct decode_sampler {
    uint8_t kind; /* enum sampler_kind */
    /* Of a place: its samplers' rates differ, so none holds; several have told of it; how often in
     * a row it was told the same rate, and by the same sampler. */
    bool is_disputed, has_several;
    uint8_t alike, in_a_row;
    uint32_t by; /* the sampler that told of the place last */
    uint32_t id;
    double rate;
    int64_t last_ms;
    uint32_t restarts; /* of its exporter before it was told */
    uint32_t next_in_bucket, older, newer;
};

struct samplers {
    struct decode_sampler *items;
    uint32_t *buckets; /* room of them, behind the items in the same allocation */
    uint32_t count, room;
    uint32_t places;   /* of interfaces, line cards and templates */
    uint32_t restarts; /* of the exporter that were seen */
    uint32_t fresh;    /* told since the last of them */
    uint32_t oldest, newest;
    uint64_t secret; /* odd */
};

void samplers_init(struct samplers *samplers, uint64_t secret); /* odd */
void samplers_clear(struct samplers *samplers);                 /* gives the memory back too */
size_t samplers_bytes(const struct samplers *samplers);
/* How many of them one more may need, of `max` at the most. */
size_t samplers_growth(const struct samplers *samplers, uint32_t max);
/* Into one that holds nothing; false: out of memory. */
bool samplers_copy(struct samplers *to, const struct samplers *from);

/* NULL: nothing was told of it. */
struct decode_sampler *samplers_find(const struct samplers *samplers, enum sampler_kind kind,
                                     uint32_t id);
/* The same, which is now the newest; one that was not there has rate 0, and where there are `max`
 * already the oldest makes room for it (*ret_evicted). NULL: out of memory. */
struct decode_sampler *samplers_enter(struct samplers *samplers, enum sampler_kind kind,
                                      uint32_t id, uint32_t max, bool *ret_evicted);

/* The exporter started again: those of now are a guess, which serves until any are told anew. */
void samplers_put_on_trial(struct samplers *samplers);
bool samplers_is_in_force(const struct samplers *samplers, const struct decode_sampler *sampler);

/* That all in force agree on; 0: none. */
double samplers_common_rate(const struct samplers *samplers);

static inline bool sampler_is_of_place(const struct decode_sampler *sampler)
{
    return sampler->kind >= SAMPLER_INTERFACE;
}
enum { SAMPLER_UNNAMED = UINT32_MAX };
/* A sampler tells the rate of a place that it shares with others, perhaps: the place has one while
 * they agree. Anew: what was told before is over. */
void samplers_hear(struct decode_sampler *place, uint32_t by, double rate, bool anew);

/* From the oldest: start with NULL; NULL at the end. */
const struct decode_sampler *samplers_next(const struct samplers *samplers,
                                           const struct decode_sampler *sampler);

#endif
