#include "collector/decode/ways.h"

/* Beyond this no router samples; such a number is a forged or broken one. */
static const double rate_max = 1e9;

enum way { WAY_SIZE, WAY_PACKETS, WAY_RANDOM, WAY_INTERVAL, WAY_PROBABILITY, WAY_COUNT };

/* Values of 304, from the registry of PSAMP. */
enum { COUNT_BASED = 1, RANDOM_N_OF_N = 3, PROBABILISTIC = 4 };

double ways_judged(double rate)
{
    return rate >= 1.0 && rate <= rate_max ? rate : 0.0; /* NaN is refused too */
}

bool ways_differ(double a, double b)
{
    /* Sources round: 1 in 999 beside 1 in 1000 is the same. */
    double more = a > b ? a : b, less = a > b ? b : a;
    return more - less > 0.01 * more;
}

static void read_all(double said[WAY_COUNT], const struct plan_extra *extra)
{
    uint64_t row = extra->packet_interval, skipped = extra->packet_space;
    if (extra->size > 0 && extra->population > 0)
        said[WAY_SIZE] = ways_judged((double)extra->population / (double)extra->size);
    /* 305 = 1000 alone, or with nothing skipped, is no rate, though some read it as one. */
    if (row == 1 || (row > 0 && skipped > 0))
        said[WAY_PACKETS] = ways_judged(((double)row + (double)skipped) / (double)row);
    said[WAY_RANDOM] = ways_judged((double)extra->random_interval);
    said[WAY_INTERVAL] = ways_judged((double)extra->interval);
    if (extra->probability > 0 && extra->probability <= 1)
        said[WAY_PROBABILITY] = ways_judged(1.0 / extra->probability);
}

/* WAY_COUNT: it belongs to none, or is not told. */
static size_t way_of_algorithm(uint16_t algorithm)
{
    switch (algorithm) {
    case COUNT_BASED:
        return WAY_PACKETS;
    case RANDOM_N_OF_N:
        return WAY_SIZE;
    case PROBABILISTIC:
        return WAY_PROBABILITY;
    default:
        return WAY_COUNT;
    }
}

/* WAY_COUNT: none says anything. */
static size_t choose(const double said[WAY_COUNT], uint16_t algorithm)
{
    size_t named = way_of_algorithm(algorithm);
    if (named < WAY_COUNT && said[named] > 1)
        return named;
    for (size_t i = 0; i < WAY_COUNT; i++)
        if (said[i] > 1)
            return i;
    for (size_t i = 0; i < WAY_COUNT; i++)
        if (said[i] > 0)
            return i;
    return WAY_COUNT;
}

struct ways ways_of(const struct plan_extra *extra)
{
    double said[WAY_COUNT] = {0};
    /* What records have that say it each for itself. */
    if ((extra->size | extra->packet_interval | extra->random_interval) == 0 &&
        extra->probability == 0)
        return (struct ways){.rate = ways_judged((double)extra->interval)};
    read_all(said, extra);
    size_t used = choose(said, extra->algorithm);
    if (used == WAY_COUNT)
        return (struct ways){0};
    struct ways ways = {.rate = said[used]};
    for (size_t i = 0; i < WAY_COUNT && ways.against == 0; i++) {
        /* One that stands behind and says 1 is a field that is not used. */
        bool counts = said[i] > 1 || (said[i] > 0 && i < used);
        if (counts && ways_differ(said[i], ways.rate))
            ways.against = said[i];
    }
    return ways;
}
