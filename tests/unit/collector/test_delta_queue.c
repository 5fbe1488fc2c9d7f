#include "collector/delta_queue.h"

#include "collector/tally/tally.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct flow_key key_of(uint32_t host)
{
    struct flow_key key = {0};
    struct ip_addr addr = addr_from_ipv4(host);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    return key;
}

/* A batch of rows for hosts from `first` on, by one exporter. */
static void push(struct delta_queue *queue, uint32_t exporter, uint32_t first, size_t rows,
                 uint64_t end_ms)
{
    struct delta_batch batch = {.schema = DELTA_SCHEMA, .interval_ms = TALLY_AGE_MS};
    batch.counts[batch.count_count++] = 77;
    batch.rows = calloc(rows + 1, sizeof(*batch.rows));
    batch.exporters = calloc(1, sizeof(*batch.exporters));
    batch.exporters[batch.exporter_count++] =
        (struct delta_exporter){.addr = addr_from_ipv4(exporter), .heard_age_ms = 5, .records = 10};
    for (size_t i = 0; i < rows; i++)
        batch.rows[batch.row_count++] = (struct delta_row){
            .bytes = 100, .packets = 1, .samples = 1, .key = key_of(first + (uint32_t)i)};
    cr_assert_eq(delta_queue_push(queue, &batch, end_ms), STATUS_OK);
}

static uint64_t sum_bytes(const struct delta_queue *queue)
{
    uint64_t sum = 0;
    for (const struct waiting_batch *w = queue->first; w != NULL; w = w->next)
        for (size_t i = 0; i < w->batch.row_count; i++)
            sum += w->batch.rows[i].bytes;
    return sum;
}

Test(delta_queue, batches_leave_in_order)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 8);
    push(&queue, 1, 1, 1, 100);
    push(&queue, 1, 2, 1, 200);
    cr_assert_eq(delta_queue_take(&queue)->end_ms, 100);
    cr_assert_eq(delta_queue_take(&queue)->end_ms, 100, "until it is confirmed");
    delta_queue_confirm(&queue);
    cr_assert_eq(delta_queue_take(&queue)->end_ms, 200);
    delta_queue_confirm(&queue);
    cr_assert_null(delta_queue_take(&queue));
    delta_queue_done(&queue);
}

Test(delta_queue, when_full_the_oldest_merge_and_nothing_is_lost)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 4);
    for (uint32_t i = 1; i <= 10; i++)
        push(&queue, 1 + i % 2, 50, 10, i * 100);
    cr_assert_eq(queue.count, 4);
    cr_assert_eq(queue.merged, 6);
    cr_assert_eq(sum_bytes(&queue), 10 * 10 * 100);
    const struct delta_batch *oldest = &queue.first->batch;
    cr_assert_eq(queue.first->end_ms, 700);
    cr_assert_eq(oldest->exporter_count, 2);
    cr_assert_eq(oldest->row_count, 20, "ten hosts by two exporters");
    cr_assert_eq(oldest->exporters[0].records + oldest->exporters[1].records, 70);
    uint32_t oldest_ticks = 0;
    for (size_t i = 0; i < oldest->row_count; i++)
        if (oldest->rows[i].age_ticks > oldest_ticks)
            oldest_ticks = oldest->rows[i].age_ticks;
    cr_assert_eq(oldest_ticks * TALLY_AGE_MS, 600, "first counted so long before the new end");
    delta_queue_done(&queue);
}

/* Urgent flushes come every few milliseconds: what is merged hundreds of times keeps its time. */
Test(delta_queue, many_merges_of_a_few_milliseconds_add_up)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 3);
    for (uint32_t i = 0; i <= 300; i++)
        push(&queue, 1, 1, 1, 1000 + i * 7);
    uint64_t span_ms = 0;
    for (const struct waiting_batch *w = queue.first; w != NULL; w = w->next)
        span_ms += (uint64_t)w->batch.rows[0].age_ticks * w->batch.interval_ms;
    cr_assert_eq(sum_bytes(&queue), 301 * 100);
    cr_assert_eq(queue.first->end_ms, 1000 + 298 * 7);
    cr_assert_eq(span_ms, 298 * 7);
    delta_queue_done(&queue);
}

Test(delta_queue, a_batch_that_was_taken_never_changes)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 3);
    push(&queue, 1, 1, 5, 100);
    struct waiting_batch *taken = delta_queue_take(&queue);
    for (uint32_t i = 2; i <= 9; i++)
        push(&queue, 1, 1, 5, i * 100);
    cr_assert_eq(queue.first, taken);
    cr_assert_eq(taken->end_ms, 100);
    cr_assert_eq(taken->batch.row_count, 5);
    cr_assert_eq(taken->batch.rows[0].bytes, 100);
    cr_assert_eq(queue.count, 3);
    cr_assert_eq(sum_bytes(&queue), 9 * 5 * 100);
    delta_queue_done(&queue);
}

Test(delta_queue, what_does_not_fit_one_batch_is_dropped_and_counted)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 3);
    for (uint32_t i = 1; i <= 4; i++)
        push(&queue, 1, i * 10000, 3000, i * 100);
    cr_assert_eq(queue.dropped, 1);
    cr_assert_eq(queue.dropped_rows, 3000);
    cr_assert_eq(queue.count, 3);
    cr_assert_eq(queue.first->end_ms, 200);
    cr_assert_eq(delta_queue_take(&queue)->batch.sequence, 2, "readers miss the first");
    cr_assert_eq(delta_queue_take(&queue)->batch.sequence, 2, "it keeps its number");
    delta_queue_confirm(&queue);
    cr_assert_eq(delta_queue_take(&queue)->batch.sequence, 3);
    delta_queue_done(&queue);
}

Test(delta_queue, batches_of_different_counts_do_not_merge)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 3);
    push(&queue, 1, 1, 5, 100);
    queue.first->batch.counts[0] = 78;
    for (uint32_t i = 2; i <= 4; i++)
        push(&queue, 1, 1, 5, i * 100);
    cr_assert_eq(queue.merged, 0);
    cr_assert_eq(queue.dropped, 1);
    delta_queue_done(&queue);
}

Test(delta_queue, the_residual_bound_of_a_merged_batch_is_the_larger)
{
    struct delta_queue queue;
    delta_queue_init(&queue, 3);
    push(&queue, 1, 1, 1, 100);
    queue.first->batch.residual_bytes = 500;
    for (uint32_t i = 2; i <= 4; i++)
        push(&queue, 1, 1, 1, i * 100);
    cr_assert_eq(queue.first->batch.residual_bytes, 500);
    delta_queue_done(&queue);
}
