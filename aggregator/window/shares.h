#ifndef AGGREGATOR_WINDOW_SHARES_H
#define AGGREGATOR_WINDOW_SHARES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Which exporters a key's bytes come from. Weights fade, so that a share says what was so for about
 * the last minute, whatever the rhythm in which exporters send: with the windows of a key alone, an
 * exporter that sends every 60 s would come and go. At most SHARES_MAX are kept, which is all that
 * can have 5 %; a new one takes the place of the lightest.
 */
enum { SHARES_MAX = 20, SHARE_LEAST_PERMILLE = 50, SHARES_HALF_LIFE_MS = 30000 };

struct share {
    uint32_t exporter;
    float weight;
};

struct shares {
    uint64_t at_ms; /* until when the weights have faded */
    uint32_t count;
    struct share items[SHARES_MAX];
};

void shares_add(struct shares *shares, uint32_t exporter, double bytes, uint64_t at_ms);

struct share_permille {
    uint32_t exporter;
    uint16_t permille;
};
/* Those of at least 5 %, largest first. */
size_t shares_read(const struct shares *shares, struct share_permille ret_shares[SHARES_MAX]);

#endif
