#include "common/base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_wire(const void *bytes, size_t len)
{
    return XXH64(bytes, len, 0);
}

uint64_t hash_seeded(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

uint64_t hash_random_seed(void)
{
    uint64_t seed = 0;
    ssize_t got;

    do
        got = getrandom(&seed, sizeof(seed), 0);
    while (got < 0 && errno == EINTR);
    /* Tables under a guessable seed can be flooded with colliding keys: better not to start. */
    if (got != (ssize_t)sizeof(seed))
        abort();
    return seed;
}
