#include "aggregator/window/shares.h"

#include <math.h>

/* Fading at every addition would cost more than it tells. */
enum { FADE_EVERY_MS = 1000 };

static void fade(struct shares *shares, uint64_t at_ms)
{
    if (at_ms < shares->at_ms + FADE_EVERY_MS && shares->at_ms != 0)
        return;
    float left = exp2f(-(float)(at_ms - shares->at_ms) / SHARES_HALF_LIFE_MS);
    for (uint32_t i = 0; i < shares->count; i++)
        shares->items[i].weight *= left;
    shares->at_ms = at_ms;
}

void shares_add(struct shares *shares, uint32_t exporter, double bytes, uint64_t at_ms)
{
    uint32_t lightest = 0, i = 0;
    float weight = bytes < 1e30 ? (float)bytes : 1e30F;
    fade(shares, at_ms);
    for (; i < shares->count && shares->items[i].exporter != exporter; i++)
        if (shares->items[i].weight < shares->items[lightest].weight)
            lightest = i;
    if (i < shares->count) {
        shares->items[i].weight += weight;
    } else if (shares->count < SHARES_MAX) {
        shares->items[shares->count++] = (struct share){exporter, weight};
    } else if (shares->items[lightest].weight < weight) {
        shares->items[lightest] = (struct share){exporter, weight};
    }
}

size_t shares_read(const struct shares *shares, struct share_permille ret_shares[SHARES_MAX])
{
    double total = 0;
    size_t count = 0;
    for (uint32_t i = 0; i < shares->count; i++)
        total += (double)shares->items[i].weight;
    for (uint32_t i = 0; i < shares->count && total > 0; i++) {
        double permille = (double)shares->items[i].weight * 1000 / total;
        if (permille < SHARE_LEAST_PERMILLE)
            continue;
        struct share_permille share = {shares->items[i].exporter, (uint16_t)(permille + 0.5)};
        size_t at = count++;
        for (; at > 0 && ret_shares[at - 1].permille < share.permille; at--)
            ret_shares[at] = ret_shares[at - 1];
        ret_shares[at] = share;
    }
    return count;
}
