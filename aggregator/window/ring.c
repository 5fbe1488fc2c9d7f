#include "aggregator/window/ring.h"

#include <string.h>

const struct ring_shape ring_full = {.cells = RING_FULL_CELLS, .parts = 7};
const struct ring_shape ring_small = {.cells = RING_SMALL_CELLS, .parts = 2};

/* A variance or a sum of nonsense stays a number: ten cells of this fit a float. */
static const float amount_max = 1e37F;

/* The cell that the instant just before t_ms lies in, counted since 1970. */
static uint64_t cell_before(const struct ring *ring, uint64_t t_ms)
{
    return t_ms == 0 ? 0 : (t_ms - 1) * ring->shape->parts / ring->window_ms;
}

static double cell_start_ms(const struct ring *ring, uint64_t number)
{
    return (double)number * (double)ring->window_ms / ring->shape->parts;
}

static struct amounts *cell_at(const struct ring *ring, uint64_t number)
{
    return &ring->cells[number % ring->shape->cells];
}

void ring_turn(const struct ring *ring, uint64_t head_ms, uint64_t to_ms)
{
    uint64_t first = cell_before(ring, head_ms) + 1, last = cell_before(ring, to_ms);
    if (head_ms == 0 || last >= first + ring->shape->cells) {
        memset(ring->cells, 0, ring->shape->cells * sizeof(ring->cells[0]));
        return;
    }
    for (uint64_t number = first; number <= last; number++)
        *cell_at(ring, number) = (struct amounts){0};
}

static void add_share(struct amounts *cell, const struct amounts *amounts, float share)
{
    for (size_t q = 0; q < QUANTITIES; q++) {
        float sum = cell->of[q] + amounts->of[q] * share;
        cell->of[q] = sum < amount_max ? sum : amount_max;
    }
}

void ring_add(const struct ring *ring, uint64_t head_ms, uint64_t from_ms, uint64_t to_ms,
              const struct amounts *amounts)
{
    if (from_ms >= to_ms)
        from_ms = to_ms - 1;
    uint64_t head = cell_before(ring, head_ms), last = cell_before(ring, to_ms);
    uint64_t first = cell_before(ring, from_ms + 1);
    uint64_t kept = head >= ring->shape->cells ? head - ring->shape->cells + 1 : 0;
    if (first == last) {
        if (last >= kept)
            add_share(cell_at(ring, last), amounts, 1);
        return;
    }
    double span_ms = (double)(to_ms - from_ms);
    for (uint64_t number = first < kept ? kept : first; number <= last; number++) {
        double start = cell_start_ms(ring, number), end = cell_start_ms(ring, number + 1);
        start = start > (double)from_ms ? start : (double)from_ms;
        end = end < (double)to_ms ? end : (double)to_ms;
        if (end > start)
            add_share(cell_at(ring, number), amounts, (float)((end - start) / span_ms));
    }
}

/* The share of a cell's contents that lies in (from, to]: they are even up to `filled`. */
static double share_inside(double start, double filled, double from, double to)
{
    if (filled <= start)
        return 0;
    double low = from > start ? from : start, high = to < filled ? to : filled;
    return high <= low ? 0 : (high - low) / (filled - start);
}

void ring_sum(const struct ring *ring, uint64_t head_ms, uint64_t at_ms, struct sums *ret_sums)
{
    *ret_sums = (struct sums){{0}};
    if (head_ms == 0)
        return;
    uint64_t from_ms = at_ms > ring->window_ms ? at_ms - ring->window_ms : 0;
    uint64_t head = cell_before(ring, head_ms), last = cell_before(ring, at_ms);
    uint64_t kept = head >= ring->shape->cells ? head - ring->shape->cells + 1 : 0;
    uint64_t first = cell_before(ring, from_ms + 1);
    first = first < kept ? kept : first;
    last = last < head ? last : head;
    for (uint64_t number = first; number <= last; number++) {
        double start = cell_start_ms(ring, number), filled = cell_start_ms(ring, number + 1);
        if (number == head && (double)head_ms < filled)
            filled = (double)head_ms;
        double share = share_inside(start, filled, (double)from_ms, (double)at_ms);
        const struct amounts *cell = cell_at(ring, number);
        for (size_t q = 0; q < QUANTITIES; q++)
            ret_sums->of[q] += share * (double)cell->of[q];
    }
}

uint64_t ring_boundary_ms(const struct ring *ring, uint64_t head_ms, uint64_t at_ms)
{
    uint64_t spare = ring->shape->cells - ring->shape->parts - 1;
    uint64_t head = cell_before(ring, head_ms), number = cell_before(ring, at_ms + 1);
    if (head > spare && number < head - spare)
        number = head - spare;
    return (uint64_t)cell_start_ms(ring, number);
}

void ring_bound(const struct ring *ring, struct sums *ret_sums)
{
    *ret_sums = (struct sums){{0}};
    for (uint32_t i = 0; i < ring->shape->cells; i++)
        for (size_t q = 0; q < QUANTITIES; q++)
            ret_sums->of[q] += (double)ring->cells[i].of[q];
}

void ring_copy(const struct ring *to, const struct ring *from, uint64_t head_ms)
{
    uint64_t head = cell_before(from, head_ms);
    uint64_t kept = head >= from->shape->cells ? head - from->shape->cells + 1 : 0;
    if (head_ms == 0)
        return;
    for (uint64_t number = kept; number <= head; number++) {
        uint64_t start = (uint64_t)cell_start_ms(from, number);
        uint64_t end = (uint64_t)cell_start_ms(from, number + 1);
        end = number == head || end > head_ms ? head_ms : end;
        if (end > start)
            ring_add(to, head_ms, start, end, cell_at(from, number));
    }
}
