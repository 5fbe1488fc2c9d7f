#ifndef AGGREGATOR_WINDOW_SPREAD_H
#define AGGREGATOR_WINDOW_SPREAD_H

#include "aggregator/window/ring.h"

#include "common/base/status.h"

/*
 * Flows that lasted longer than a tick: each one's volume becomes a rate that begins when it was
 * counted and ends its duration later, so that the record of a minute is neither a spike nor a
 * delay. A key keeps the sum of these rates and a list of when how much of it ends.
 *
 * Ends lie on a grid, so that the list stays short: a rate that ends between two points of it ends
 * partly at the one and partly at the other, in the proportion that keeps its volume.
 */
struct spread;

/* No record lasts longer (collectors refuse it), so no rate does. */
enum { SPREAD_MAX_MS = 3600 * 1000 };

typedef void (*spread_on_piece)(void *owner, uint64_t from_ms, uint64_t to_ms,
                                const struct amounts *amounts);

/*
 * Adds a rate over (from_ms, to_ms] that carries amounts in all. *spread is NULL at first, and is
 * made and grown here. from_ms must be where *spread has been read up to, and is that for a new
 * one. coarse: a wide grid, for keys that do not matter. NO_MEMORY: nothing was added.
 */
enum status spread_add(struct spread **spread, uint64_t from_ms, uint64_t to_ms,
                       const struct amounts *amounts, bool coarse);
/* Where it has been read up to. */
uint64_t spread_at_ms(const struct spread *spread);
/* Gives what was carried until to_ms, in pieces of steady rate, and forgets it. */
void spread_read(struct spread *spread, uint64_t to_ms, spread_on_piece on_piece, void *owner);
bool spread_is_over(const struct spread *spread);
/* At most what is carried in any window_ms from now on. */
void spread_bound(const struct spread *spread, uint64_t window_ms, struct sums *ret_sums);
void spread_free(struct spread *spread);

#endif
