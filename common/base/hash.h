#ifndef COMMON_BASE_HASH_H
#define COMMON_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH64 with seed 0: the hash that crosses processes (count ids, slots). Never change it. */
uint64_t hash_wire(const void *bytes, size_t len);

/* A fast hash under a secret seed, for tables whose keys strangers choose. Differs from run to run.
 */
uint64_t hash_seeded(const void *bytes, size_t len, uint64_t seed);

/* The same of two words that are in registers already; gives another value than the one above. Two
 * products, each folded, of which the first is of two factors that a stranger does not know. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
static inline uint64_t hash_seeded_words(uint64_t low, uint64_t high, uint64_t seed)
{
    const uint64_t odd[3] = {0xa0761d6478bd642fU, 0xe7037ed1a0b428dbU, 0x8ebc6af09c88c6e3U};
    return hash_fold(hash_fold(low ^ seed ^ odd[0], high ^ (seed << 32 | seed >> 32) ^ odd[1]),
                     seed ^ odd[2]);
}

/* A seed from the kernel's random source. */
uint64_t hash_random_seed(void);

#endif
