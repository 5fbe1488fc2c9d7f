#include "common/base/sketch.h"

#include "common/base/text.h"

#include <assert.h>
#include <stdlib.h>

struct sketch {
    size_t mask, depth; /* mask: width - 1 */
    uint64_t seed;
    uint64_t cells[]; /* depth rows of width */
};

enum { DEPTH_MAX = 16 };

struct sketch *sketch_new(size_t width, size_t depth, uint64_t seed)
{
    size_t cells, bytes;

    assert(width > 0 && (width & (width - 1)) == 0 && depth > 0 && depth <= DEPTH_MAX);
    if (__builtin_mul_overflow(width, depth, &cells) ||
        __builtin_mul_overflow(cells, sizeof(uint64_t), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct sketch), &bytes))
        return NULL;

    struct sketch *s = calloc(1, bytes);
    if (s == NULL)
        return NULL;
    s->mask = width - 1;
    s->depth = depth;
    s->seed = seed;
    return s;
}

void sketch_free(struct sketch *sketch)
{
    free(sketch);
}

/* The finalizer of splitmix64: every bit of the input reaches every bit of the output. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* A row each has a hash of its own, so that two keys that meet in one row part in the next. */
static size_t cell_of(const struct sketch *s, size_t row, uint64_t hash)
{
    return row * (s->mask + 1) + (mix(hash + s->seed + row * 0x9e3779b97f4a7c15) & s->mask);
}

static uint64_t estimate_of(const struct sketch *s, const size_t cells[DEPTH_MAX])
{
    uint64_t least = UINT64_MAX;

    for (size_t row = 0; row < s->depth; row++)
        if (s->cells[cells[row]] < least)
            least = s->cells[cells[row]];
    return least;
}

static void cells_of(const struct sketch *s, uint64_t hash, size_t ret_cells[DEPTH_MAX])
{
    for (size_t row = 0; row < s->depth; row++)
        ret_cells[row] = cell_of(s, row, hash);
}

uint64_t sketch_add(struct sketch *sketch, uint64_t hash, uint64_t amount)
{
    size_t cells[DEPTH_MAX];

    cells_of(sketch, hash, cells);
    uint64_t estimate = sat_add_u64(estimate_of(sketch, cells), amount);

    /* Conservative update: no cell is raised further than this key's new estimate needs. */
    for (size_t row = 0; row < sketch->depth; row++)
        if (sketch->cells[cells[row]] < estimate)
            sketch->cells[cells[row]] = estimate;
    return estimate;
}

uint64_t sketch_estimate(const struct sketch *sketch, uint64_t hash)
{
    size_t cells[DEPTH_MAX];

    cells_of(sketch, hash, cells);
    return estimate_of(sketch, cells);
}

void sketch_halve(struct sketch *sketch)
{
    for (size_t i = 0; i < (sketch->mask + 1) * sketch->depth; i++)
        sketch->cells[i] /= 2;
}
