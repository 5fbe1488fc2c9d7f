#include "aggregator/shard_counts.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

_Static_assert((int)MODEL_WINDOWS_MAX == (int)ROLLUP_WINDOWS_MAX,
               "a count has one limit of windows");

static const double floor_share = 0.4;

/* Octets of the longest key of a count: each dimension with its two octets of head. */
static size_t key_max_of(const struct count_spec *spec)
{
    size_t len = 0;
    for (size_t i = 0; i < spec->key_count; i++) {
        size_t width = dimension_width((enum dimension)spec->key[i].dimension);
        len += 2 + (width > 0 ? width : 16);
    }
    return len;
}

static double floor_of(double lowest, double share)
{
    return isinf(lowest) ? DBL_MAX : lowest * share;
}

static void take_count(struct store_count *ret_count, const struct model_count *model)
{
    struct store_count count = {
        .id = model->id, .window_count = model->window_count, .key_max = key_max_of(&model->spec)};
    struct store_limits lowest = {INFINITY, INFINITY, INFINITY};
    double share = floor_share;
    for (size_t i = 0; i < model->window_count; i++) {
        const struct model_window *window = &model->windows[i];
        count.windows_ms[i] = window->window_ms;
        count.limits[i] = (struct store_limits){window->lowest_bytes, window->lowest_packets,
                                                window->lowest_flows};
        lowest.bytes = fmin(lowest.bytes, window->lowest_bytes);
        lowest.packets = fmin(lowest.packets, window->lowest_packets);
        lowest.flows = fmin(lowest.flows, window->lowest_flows);
        share = fmin(share, window->clear_below);
    }
    count.floor =
        (struct store_limits){floor_of(lowest.bytes, share), floor_of(lowest.packets, share),
                              floor_of(lowest.flows, share)};
    *ret_count = count;
}

enum status shard_counts_of_model(struct shard_counts *ret_counts, const struct model *model)
{
    struct shard_counts counts = {calloc(model->count_count + 1, sizeof(*counts.items)),
                                  model->count_count};
    if (counts.items == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < model->count_count; i++)
        take_count(&counts.items[i], &model->counts[i]);
    *ret_counts = counts;
    return STATUS_OK;
}

void shard_counts_done(struct shard_counts *counts)
{
    free(counts->items);
    *counts = (struct shard_counts){0};
}
