#include "proto/delta.h"

#include "tests/unit/proto/nouns.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

static void free_batch(struct delta_batch *batch)
{
    delta_done(batch);
    delta_done(batch); /* twice is allowed */
}

Test(delta, any_batch_comes_back_as_it_was)
{
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t seed = i;
        struct delta_batch batch, back;
        struct text bytes;
        text_init(&bytes, 0);
        chance_delta(&seed, i == 39 ? DELTA_ROWS_MAX : i * 5, &batch);
        cr_assert_eq(delta_encode(&batch, &bytes), STATUS_OK);
        cr_assert_eq(delta_decode(&back, (const uint8_t *)text_str(&bytes), bytes.len), STATUS_OK);
        cr_assert(delta_equal(&batch, &back), "seed %d", (int)i);
        text_done(&bytes);
        free_batch(&batch);
        free_batch(&back);
    }
}

Test(delta, every_cut_is_refused_or_read)
{
    uint64_t seed = 7;
    struct delta_batch batch, back;
    struct text bytes;
    size_t read = 0;
    text_init(&bytes, 0);
    chance_delta(&seed, 3, &batch);
    cr_assert_eq(delta_encode(&batch, &bytes), STATUS_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, bytes.at, len);
        uint8_t *exact = realloc(cut, len > 0 ? len : 1); /* so that reading past it is seen */
        if (delta_decode(&back, exact, len) == STATUS_OK) {
            read++;
            free_batch(&back);
        }
        free(exact);
    }
    /* Only a batch without its rows and all their columns can be read, and only where a field ends.
     */
    cr_assert_lt(read, 16);
    text_done(&bytes);
    free_batch(&batch);
}

Test(delta, row_sums_saturate)
{
    struct delta_row row = {.bytes = UINT64_MAX - 1,
                            .packets = UINT64_MAX,
                            .flows = 5,
                            .samples = 1,
                            .var_bytes = DBL_MAX,
                            .var_packets = 1.5,
                            .var_flows = 2.25,
                            .age_ticks = 2};
    struct delta_row other = {.bytes = 10,
                              .packets = 1,
                              .flows = 6,
                              .samples = 2,
                              .var_bytes = DBL_MAX,
                              .var_packets = 2,
                              .var_flows = 1,
                              .age_ticks = 4};
    delta_row_add(&row, &other);
    cr_assert_eq(row.bytes, UINT64_MAX);
    cr_assert_eq(row.packets, UINT64_MAX);
    cr_assert_eq(row.flows, 11);
    cr_assert_eq(row.samples, 3);
    cr_assert_eq(row.var_bytes, DBL_MAX);
    cr_assert_eq(row.var_packets, 3.5);
    cr_assert_eq(row.var_flows, 3.25);
    other.var_flows = DBL_MAX;
    delta_row_add(&row, &other);
    delta_row_add(&row, &other);
    cr_assert_eq(row.var_flows, DBL_MAX);
    cr_assert_eq(row.age_ticks, 4);
}

Test(delta, row_duration_is_weighted_by_bytes)
{
    struct delta_row row = {.bytes = 100, .duration_ms = 1000};
    struct delta_row other = {.bytes = 300, .duration_ms = 5000};
    struct delta_row empty = {.duration_ms = 60000};
    delta_row_add(&row, &other);
    cr_assert_eq(row.duration_ms, 4000);
    delta_row_add(&row, &empty);
    cr_assert_eq(row.duration_ms, 4000);
}

Test(delta, row_duration_is_weighted_by_packets_where_no_bytes_are_told)
{
    struct delta_row row = {.packets = 100, .duration_ms = 1000};
    struct delta_row other = {.packets = 300, .duration_ms = 5000};
    delta_row_add(&row, &other);
    cr_assert_eq(row.duration_ms, 4000);
}

Test(delta, row_duration_is_weighted_by_flows_where_no_volume_is_told)
{
    struct delta_row row = {.flows = 1, .duration_ms = 1000};
    struct delta_row other = {.flows = 3, .duration_ms = 5000};
    delta_row_add(&row, &other);
    cr_assert_eq(row.duration_ms, 4000);
}

/* Each time less, it would end in none. */
Test(delta, row_duration_is_rounded)
{
    struct delta_row row = {.bytes = 1, .duration_ms = 1000};
    const struct delta_row other = {.bytes = 3, .duration_ms = 1001};
    delta_row_add(&row, &other);
    cr_assert_eq(row.duration_ms, 1001);
}
