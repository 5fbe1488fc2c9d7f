#ifndef AGGREGATOR_WINDOW_RING_H
#define AGGREGATOR_WINDOW_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a key carried, in time: a sliding window of W ms as a ring of cells, each a part of W long
 * and lying at a multiple of that part since 1970, so that rings never have to be aligned.
 *
 *      …│ cell │ cell │ cell │ cell │ cell │▒▒▒▒  │      ▒ filled up to head_ms
 *          ╰────────── W, ends at `at` ──────╯
 *
 * The oldest cell counts with the share of it that is inside the window, as if its contents lay
 * evenly in it. The error of a sum is therefore at most what that one cell holds, and none while
 * the rate is steady or where nothing came before. Of the cell that is being filled only the filled
 * part is looked at. Amounts are added evenly over the interval they were counted in.
 *
 * A full ring has ten cells: W is seven of them, one more is partly outside, and two let the window
 * end up to two cells before head_ms, so that workers that flush at different times can be read at
 * an instant that all of them have reached. A small ring has three cells, of which W is two.
 */
enum quantity {
    QUANTITY_BYTES,
    QUANTITY_PACKETS,
    QUANTITY_FLOWS,
    QUANTITY_SAMPLES,
    QUANTITY_VAR_BYTES,
    QUANTITY_VAR_PACKETS,
    QUANTITY_VAR_FLOWS,
    QUANTITIES
};

/* float: a sum's error stays under a millionth for each ten additions to a cell, and a cell takes
 * thousands at most; the room is what counts for a million keys. */
struct amounts {
    float of[QUANTITIES];
};
struct sums {
    double of[QUANTITIES];
};

struct ring_shape {
    uint32_t cells, parts; /* W is `parts` cells */
};
extern const struct ring_shape ring_full, ring_small;
enum { RING_FULL_CELLS = 10, RING_SMALL_CELLS = 3 };

/* One ring: the caller keeps cells and head_ms (0: empty), and turns before it adds past head_ms.
 */
struct ring {
    struct amounts *cells;
    const struct ring_shape *shape;
    uint64_t window_ms;
};

/* Makes room for what comes until to_ms: empties the cells that this reaches. */
void ring_turn(const struct ring *ring, uint64_t head_ms, uint64_t to_ms);
/* Adds evenly over (from_ms, to_ms]; to_ms <= head_ms. What is older than the ring is left out. */
void ring_add(const struct ring *ring, uint64_t head_ms, uint64_t from_ms, uint64_t to_ms,
              const struct amounts *amounts);
/* The sum over (at_ms - W, at_ms]. */
void ring_sum(const struct ring *ring, uint64_t head_ms, uint64_t at_ms, struct sums *ret_sums);
/* The last instant up to at_ms where a window ends with a whole cell; if its cells are not all
 * there any more, the first instant where they are. */
uint64_t ring_boundary_ms(const struct ring *ring, uint64_t head_ms, uint64_t at_ms);
/* All cells: never less than any sum. */
void ring_bound(const struct ring *ring, struct sums *ret_sums);
/* Fills the cells of an empty ring with what another shape of the same window holds. */
void ring_copy(const struct ring *to, const struct ring *from, uint64_t head_ms);

#endif
