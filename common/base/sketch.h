#ifndef COMMON_BASE_SKETCH_H
#define COMMON_BASE_SKETCH_H

#include <stddef.h>
#include <stdint.h>

/* Count-min sketch with conservative update: estimates never fall short; sums saturate. */
struct sketch;

struct sketch *sketch_new(size_t width, size_t depth, uint64_t seed); /* width: a power of two */
void sketch_free(struct sketch *sketch);
/* Adds amount under the hash and gives the new estimate. */
uint64_t sketch_add(struct sketch *sketch, uint64_t hash, uint64_t amount);
uint64_t sketch_estimate(const struct sketch *sketch, uint64_t hash);
void sketch_halve(struct sketch *sketch); /* ages everything */

#endif
