#include "aggregator/shard_counts.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* Counts of a configuration as windows want them. */

static struct shard_counts counts_of(const char *yaml)
{
    struct config *config = NULL;
    struct config_errors errors;
    struct shard_counts counts;
    config_errors_init(&errors, "t.yaml");
    (void)config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors);
    struct model *model = config == NULL ? NULL : model_new(config, &errors);
    cr_assert_not_null(model, "%s", text_str(&errors.lines));
    cr_assert_eq(shard_counts_of_model(&counts, model), STATUS_OK);
    model_free(model);
    config_free(config);
    config_errors_done(&errors);
    return counts;
}

Test(shard_counts, the_floor_is_below_what_elevates_and_what_clears)
{
    struct shard_counts counts =
        counts_of("networks: {x: [198.51.100.0/24]}\npolicies:\n"
                  "  - {name: a, key: [dst_addr], window: 10s, thresholds: [{severity: major, any: "
                  "{bps: 8M, pps: 5k}}]}\n"
                  "  - {name: b, key: [dst_addr], thresholds: [{severity: major, any: {bps: 80M}}]}"
                  "\n"
                  "  - {name: c, key: [src_addr], thresholds: [{severity: major, any: {fps: 100}, "
                  "clear: {below: 30%}}]}\n");
    cr_assert_eq(counts.count, 2);
    const struct store_count *first = &counts.items[0], *second = &counts.items[1];
    cr_assert_eq(first->window_count, 2);
    cr_assert_eq(first->windows_ms[0], 1000);
    cr_assert_float_eq(first->floor.bytes, 0.4e6, 1);
    cr_assert_float_eq(first->floor.packets, 2000, 1);
    cr_assert_float_eq(first->floor.flows, DBL_MAX, 0);
    cr_assert_float_eq(first->limits[0].bytes, 10e6, 1);
    cr_assert_float_eq(first->limits[1].bytes, 1e6, 1);
    cr_assert(isinf(first->limits[0].packets));
    cr_assert_float_eq(second->floor.flows, 30, 1e-6);
    shard_counts_done(&counts);
}

Test(shard_counts, keys_are_as_long_as_their_dimensions)
{
    struct shard_counts counts = counts_of(
        "policies:\n"
        "  - {name: a, direction: any, key: [dst_addr], thresholds: [{severity: major, any: {bps: "
        "8M}}]}\n"
        "  - {name: b, direction: any, key: [dst_addr, src_addr, protocol, src_port, dst_port, "
        "tcp_flags, dst_network, input_if, exporter, src_as, dst_as], thresholds: [{severity: "
        "major, any: {bps: 8M}}]}\n");
    cr_assert_eq(counts.items[0].key_max, 18);
    cr_assert_leq(counts.items[1].key_max, KEY_BYTES_MAX);
    cr_assert_eq(counts.items[1].key_max, 18 * 3 + 3 + 4 * 3 + 10 + 6 * 3);
    shard_counts_done(&counts);
}
