#ifndef CTL_RANDOM_H
#define CTL_RANDOM_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Random numbers from a seed, the same on every machine, and draws from the distributions that
 * traffic has: by weight in constant time (Vose's alias method), and heavy tails cut at a thousand
 * times their least (so that one flow is never a load of its own).
 */
struct random {
    uint64_t state;
};

/* SplitMix64: fast, and good enough for traffic. */
static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The same number for the same n: what a host always has, such as its distance. */
static inline uint32_t random_mix(uint32_t n)
{
    n = (n ^ n >> 16) * 0x21f0aaad;
    n = (n ^ n >> 15) * 0x735a2d97;
    return n ^ n >> 15;
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
    return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

/* 0 ≤ it < 1. */
static inline double random_share(struct random *r)
{
    return (double)(random_next(r) >> 11) * 0x1p-53;
}

/* A whole number whose mean is x, next to x. */
static inline uint64_t random_round(struct random *r, double x)
{
    uint64_t whole = (uint64_t)x;
    return whole + (random_share(r) < x - (double)whole);
}

/* How many are passed over before one is taken, each with the chance 1 in n. */
uint64_t random_gap(struct random *r, uint32_t n);

/* Indexes by weight. */
struct random_alias {
    struct random_cell {
        uint32_t keep, other; /* below keep of 2^32 its own index, else other */
    } * cells;                /* ours */
    uint32_t count;
};
enum status random_alias_init(struct random_alias *alias, const double *weights, uint32_t count);
/* Weights 1/rank^exponent; 0: all alike. */
enum status random_alias_init_zipf(struct random_alias *alias, uint32_t count, double exponent);
void random_alias_done(struct random_alias *alias);

static inline uint32_t random_alias_draw(const struct random_alias *alias, struct random *r)
{
    uint64_t bits = random_next(r);
    uint32_t at = (uint32_t)((bits >> 32) * alias->count >> 32);
    return (uint32_t)bits < alias->cells[at].keep ? at : alias->cells[at].other;
}

/* A Pareto distribution from its least to a thousand times that, with a mean of 1. */
enum { RANDOM_TAIL_STEPS = 4096, RANDOM_TAIL_SPAN = 1000 };
struct random_tail {
    float quantiles[RANDOM_TAIL_STEPS];
};
void random_tail_init(struct random_tail *tail, double exponent);

static inline double random_tail_draw(const struct random_tail *tail, struct random *r)
{
    return (double)tail->quantiles[random_next(r) >> 52];
}
_Static_assert(RANDOM_TAIL_STEPS == 1 << 12, "random_tail_draw takes 12 bits");

#endif
