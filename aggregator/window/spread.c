#include "aggregator/window/spread.h"

#include <stdlib.h>
#include <string.h>

enum {
    GRID_MIN_MS = 128, /* a fraction of the shortest window, 1 s */
    FINE_PARTS = 64,   /* of a duration: an end is off by less than one of them */
    COARSE_PARTS = 4,
    ENDS_FIRST = 4,
    /* Durations up to an hour reach 64 points for each doubling over 8 s: 9 doublings, and 64 more
     * below. Past this, ends go to the next one there. */
    ENDS_MAX = 1024,
};

struct spread_end {
    uint64_t at_ms;
    struct amounts rate; /* a millisecond */
};

struct spread {
    uint64_t read_ms;
    struct sums rate; /* of all ends; summed anew whenever one passes, so that no error grows */
    uint32_t count, room;
    struct spread_end ends[]; /* rising */
};

static uint64_t grid_ms(uint64_t duration_ms, bool coarse)
{
    uint64_t want_ms = duration_ms / (coarse ? COARSE_PARTS : FINE_PARTS);
    uint64_t least_ms = duration_ms < GRID_MIN_MS ? duration_ms : GRID_MIN_MS;
    uint64_t grid = 1;
    if (want_ms < least_ms)
        want_ms = least_ms;
    while (grid * 2 <= want_ms)
        grid *= 2;
    return grid;
}

static bool reserve(struct spread **spread, uint64_t from_ms)
{
    struct spread *s = *spread;
    uint32_t room = s == NULL ? ENDS_FIRST : s->room * 2;
    if (s != NULL && (s->count + 2 <= s->room || s->room >= ENDS_MAX))
        return true;
    struct spread *grown = realloc(s, sizeof(*s) + room * sizeof(s->ends[0]));
    if (grown == NULL)
        return false;
    if (s == NULL)
        *grown = (struct spread){.read_ms = from_ms};
    grown->room = room;
    *spread = grown;
    return true;
}

/* Where an end at at_ms is or belongs. */
static uint32_t place_of(const struct spread *s, uint64_t at_ms)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->ends[middle].at_ms < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A rate from read_ms to at_ms that carries share of amounts. */
static void add_end(struct spread *s, uint64_t at_ms, const struct amounts *amounts, double share)
{
    if (at_ms <= s->read_ms || share <= 0)
        return;
    uint32_t i = place_of(s, at_ms);
    if (i == s->count || s->ends[i].at_ms != at_ms) {
        if (s->count < s->room) {
            memmove(&s->ends[i + 1], &s->ends[i], (s->count - i) * sizeof(s->ends[0]));
            s->ends[i] = (struct spread_end){.at_ms = at_ms};
            s->count++;
        } else {
            i = i < s->count ? i : s->count - 1;
        }
    }
    double span_ms = (double)(s->ends[i].at_ms - s->read_ms);
    for (size_t q = 0; q < QUANTITIES; q++) {
        float rate = (float)((double)amounts->of[q] * share / span_ms);
        s->ends[i].rate.of[q] += rate;
        s->rate.of[q] += (double)rate;
    }
}

enum status spread_add(struct spread **spread, uint64_t from_ms, uint64_t to_ms,
                       const struct amounts *amounts, bool coarse)
{
    if (to_ms <= from_ms)
        return STATUS_OK;
    if (!reserve(spread, from_ms))
        return STATUS_NO_MEMORY;
    struct spread *s = *spread;
    uint64_t grid = grid_ms(to_ms - from_ms, coarse);
    uint64_t before_ms = to_ms / grid * grid; /* after from_ms: no grid is wider than the span */
    /* Of a rate over the whole span, this part lasts until the later point. */
    double later = (double)(to_ms - before_ms) / (double)grid;
    double span_ms = (double)(to_ms - from_ms);
    add_end(s, before_ms, amounts, (1 - later) * (double)(before_ms - from_ms) / span_ms);
    add_end(s, before_ms + grid, amounts, later * (double)(before_ms + grid - from_ms) / span_ms);
    return STATUS_OK;
}

uint64_t spread_at_ms(const struct spread *spread)
{
    return spread->read_ms;
}

static void sum_rates(struct spread *s)
{
    s->rate = (struct sums){{0}};
    for (uint32_t i = 0; i < s->count; i++)
        for (size_t q = 0; q < QUANTITIES; q++)
            s->rate.of[q] += (double)s->ends[i].rate.of[q];
}

static void give_piece(struct spread *s, uint64_t to_ms, spread_on_piece on_piece, void *owner)
{
    struct amounts piece;
    for (size_t q = 0; q < QUANTITIES; q++)
        piece.of[q] = (float)(s->rate.of[q] * (double)(to_ms - s->read_ms));
    uint64_t from_ms = s->read_ms;
    s->read_ms = to_ms;
    on_piece(owner, from_ms, to_ms, &piece);
}

void spread_read(struct spread *spread, uint64_t to_ms, spread_on_piece on_piece, void *owner)
{
    uint32_t passed = 0;
    while (spread->read_ms < to_ms) {
        bool ends = passed < spread->count && spread->ends[passed].at_ms <= to_ms;
        uint64_t until_ms = ends ? spread->ends[passed].at_ms : to_ms;
        if (spread->count == passed) {
            spread->read_ms = to_ms; /* nothing is carried any more */
            break;
        }
        if (until_ms > spread->read_ms)
            give_piece(spread, until_ms, on_piece, owner);
        if (!ends)
            break;
        for (size_t q = 0; q < QUANTITIES; q++) {
            double left = spread->rate.of[q] - (double)spread->ends[passed].rate.of[q];
            spread->rate.of[q] = left > 0 ? left : 0;
        }
        passed++;
    }
    if (passed == 0)
        return;
    spread->count -= passed;
    memmove(spread->ends, spread->ends + passed, spread->count * sizeof(spread->ends[0]));
    sum_rates(spread);
}

bool spread_is_over(const struct spread *spread)
{
    return spread == NULL || spread->count == 0;
}

void spread_bound(const struct spread *spread, uint64_t window_ms, struct sums *ret_sums)
{
    *ret_sums = (struct sums){{0}};
    if (spread == NULL)
        return;
    for (size_t q = 0; q < QUANTITIES; q++)
        ret_sums->of[q] = spread->rate.of[q] * (double)window_ms;
}

void spread_free(struct spread *spread)
{
    free(spread);
}
