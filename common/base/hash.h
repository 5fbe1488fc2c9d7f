#ifndef COMMON_BASE_HASH_H
#define COMMON_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH64 with seed 0: the hash that crosses processes (count ids, slots). Never change it. */
uint64_t hash_wire(const void *bytes, size_t len);

/* A fast hash under a secret seed, for tables whose keys strangers choose. Differs from run to run.
 */
uint64_t hash_seeded(const void *bytes, size_t len, uint64_t seed);

/* A seed from the kernel's random source. */
uint64_t hash_random_seed(void);

#endif
