#include "collector/tally/row_extra.h"

#include <float.h>
#include <stdlib.h>

bool row_extra_resize(struct row_extra *extra, size_t rows)
{
    struct row_spread *spreads = realloc(extra->spreads, rows * sizeof(*spreads));
    extra->spreads = spreads != NULL ? spreads : extra->spreads;
    float *weighted_ms = realloc(extra->weighted_ms, rows * sizeof(*weighted_ms));
    extra->weighted_ms = weighted_ms != NULL ? weighted_ms : extra->weighted_ms;
    return spreads != NULL && weighted_ms != NULL;
}

void row_extra_done(struct row_extra *extra)
{
    free(extra->spreads);
    free(extra->weighted_ms);
    *extra = (struct row_extra){0};
}

static float finite_sum(float a, float b)
{
    float sum = a + b;
    return sum < FLT_MAX ? sum : FLT_MAX;
}

static void add_spread(struct row_extra *extra, struct row *row, float bytes, float packets,
                       float flows)
{
    struct row_spread *spread = &extra->spreads[row->position];
    if (!row->has_spread)
        *spread = (struct row_spread){0};
    row->has_spread = true;
    spread->bytes = finite_sum(spread->bytes, bytes);
    spread->packets = finite_sum(spread->packets, packets);
    spread->flows = finite_sum(spread->flows, flows);
}

static void add_weighted(struct row_extra *extra, struct row *row, float weighted_ms)
{
    float *at = &extra->weighted_ms[row->position];
    if (!row->has_duration)
        *at = 0;
    row->has_duration = true;
    *at = finite_sum(*at, weighted_ms);
}

/* Packets weigh too, as some exporters tell no octets; and flows, as some records tell of one that
 * lasts, and of no packet since they told of it before. */
void row_extra_add(struct row_extra *extra, struct row *row, const struct volume *volume)
{
    if (volume->duration_class > 0)
        add_weighted(extra, row,
                     (float)volume->duration_ms *
                         ((float)(int64_t)volume->bytes + (float)(int64_t)volume->packets +
                          (float)(int64_t)volume->flows));
    if (volume->var_flows > 0)
        add_spread(extra, row, volume->var_bytes, volume->var_packets, volume->var_flows);
}

void row_extra_sum(struct row_extra *extra, struct row *row, const struct row_extra *from,
                   const struct row *other)
{
    if (other->has_duration)
        add_weighted(extra, row, from->weighted_ms[other->position]);
    if (other->has_spread) {
        const struct row_spread *spread = &from->spreads[other->position];
        add_spread(extra, row, spread->bytes, spread->packets, spread->flows);
    }
}

void row_extra_move(struct row_extra *extra, const struct row *row, uint32_t to)
{
    if (row->has_spread)
        extra->spreads[to] = extra->spreads[row->position];
    if (row->has_duration)
        extra->weighted_ms[to] = extra->weighted_ms[row->position];
}
