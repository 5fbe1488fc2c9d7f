#include "collector/delta_queue.h"

#include "common/base/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void delta_queue_init(struct delta_queue *queue, size_t max)
{
    *queue = (struct delta_queue){.max = max < 3 ? 3 : max}; /* one sent, two that can merge */
}

static void batch_free(struct waiting_batch *waiting)
{
    if (waiting == NULL)
        return;
    free(waiting->batch.rows);
    free(waiting->batch.exporters);
    free(waiting);
}

void delta_queue_done(struct delta_queue *queue)
{
    while (queue->first != NULL) {
        struct waiting_batch *next = queue->first->next;
        batch_free(queue->first);
        queue->first = next;
    }
    queue->last = NULL;
    queue->count = 0;
}

/* --- merging --- */

/* Where the old batch's exporters are in the new one's list, appended where they are missing. */
static enum status merge_exporters(struct delta_batch *to, const struct delta_batch *from,
                                   uint64_t between_ms, uint32_t *map)
{
    struct delta_exporter *all =
        calloc(to->exporter_count + from->exporter_count + 1, sizeof(*all));
    if (all == NULL)
        return STATUS_NO_MEMORY;
    size_t count = to->exporter_count;
    if (count > 0)
        memcpy(all, to->exporters, count * sizeof(*all));
    for (size_t i = 0; i < from->exporter_count; i++) {
        size_t at = 0;
        while (at < count && !addr_equal(&all[at].addr, &from->exporters[i].addr))
            at++;
        map[i] = (uint32_t)at;
        if (at < count) {
            all[at].records = sat_add_u64(all[at].records, from->exporters[i].records);
            all[at].two_senders |= from->exporters[i].two_senders;
            continue;
        }
        all[count] = from->exporters[i];
        all[count++].heard_age_ms += (uint32_t)between_ms;
    }
    if (count > DELTA_EXPORTERS_MAX) {
        free(all);
        return STATUS_LIMIT;
    }
    free(to->exporters);
    to->exporters = all;
    to->exporter_count = count;
    return STATUS_OK;
}

/* A row's identity in a batch: count, exporter, key; durations may meet. */
struct row_identity {
    uint32_t count, exporter, duration_class;
    uint8_t key[KEY_BYTES_MAX];
};

static size_t identity_of(const struct delta_row *row, struct row_identity *ret_identity)
{
    ret_identity->count = row->count;
    ret_identity->exporter = row->exporter;
    ret_identity->duration_class =
        row->duration_ms == 0 ? 0 : 32U - (uint32_t)__builtin_clz(row->duration_ms);
    memcpy(ret_identity->key, row->key.bytes, row->key.len);
    return offsetof(struct row_identity, key) + row->key.len;
}

/* Adds a row to the merged ones. LIMIT: too many. */
static enum status merge_row(struct table *index, struct delta_row *rows, size_t *count,
                             const struct delta_row *row)
{
    struct row_identity identity;
    bool is_new;
    size_t len = identity_of(row, &identity);
    uint32_t *at = table_insert(index, &identity, len, &is_new);
    if (at == NULL)
        return STATUS_LIMIT;
    if (!is_new) {
        delta_row_add(&rows[*at], row);
        return STATUS_OK;
    }
    *at = (uint32_t)*count;
    rows[(*count)++] = *row;
    return STATUS_OK;
}

static enum status merge_rows(struct delta_batch *to, const struct delta_batch *from,
                              uint64_t between_ms, const uint32_t *map)
{
    uint32_t older_ticks = (uint32_t)(between_ms / to->interval_ms);
    size_t count = 0;
    enum status status = STATUS_OK;
    struct delta_row *rows = calloc(DELTA_ROWS_MAX, sizeof(*rows));
    struct table *index = table_new(&(struct table_options){.entry_size = sizeof(uint32_t),
                                                            .key_max = sizeof(struct row_identity),
                                                            .max = DELTA_ROWS_MAX});
    if (rows == NULL || index == NULL)
        status = STATUS_NO_MEMORY;
    for (size_t i = 0; i < to->row_count && status == STATUS_OK; i++)
        status = merge_row(index, rows, &count, &to->rows[i]);
    for (size_t i = 0; i < from->row_count && status == STATUS_OK; i++) {
        struct delta_row row = from->rows[i];
        row.exporter = map[row.exporter];
        row.age_ticks += older_ticks;
        status = merge_row(index, rows, &count, &row);
    }
    table_free(index);
    if (status != STATUS_OK) {
        free(rows);
        return status;
    }
    struct delta_row *fitted = realloc(rows, (count + 1) * sizeof(*rows));
    free(to->rows);
    to->rows = fitted != NULL ? fitted : rows;
    to->row_count = count;
    return STATUS_OK;
}

static bool same_counts(const struct delta_batch *a, const struct delta_batch *b)
{
    return a->count_count == b->count_count &&
           memcmp(a->counts, b->counts, a->count_count * sizeof(a->counts[0])) == 0;
}

/* The older batch becomes part of the newer one, which covers both intervals then. */
static enum status merge(struct waiting_batch *newer, const struct waiting_batch *older)
{
    struct delta_batch *to = &newer->batch;
    uint64_t between_ms = newer->end_ms - older->end_ms;
    if (!same_counts(to, &older->batch))
        return STATUS_LIMIT; /* a reload came between: their indices mean different counts */
    uint32_t *map = calloc(older->batch.exporter_count + 1, sizeof(*map));
    if (map == NULL)
        return STATUS_NO_MEMORY;
    enum status status = merge_exporters(to, &older->batch, between_ms, map);
    if (status == STATUS_OK)
        status = merge_rows(to, &older->batch, between_ms, map);
    free(map);
    if (status != STATUS_OK)
        return status;
    if (older->batch.residual_bytes > to->residual_bytes)
        to->residual_bytes = older->batch.residual_bytes;
    if (older->batch.residual_packets > to->residual_packets)
        to->residual_packets = older->batch.residual_packets;
    return STATUS_OK;
}

static void unlink_after(struct delta_queue *queue, struct waiting_batch *before)
{
    struct waiting_batch **at = before == NULL ? &queue->first : &before->next;
    struct waiting_batch *gone = *at;
    *at = gone->next;
    if (queue->last == gone)
        queue->last = before;
    queue->count--;
    batch_free(gone);
}

/* The two oldest that were never sent become one, or the older of them is lost. */
static void make_room(struct delta_queue *queue)
{
    struct waiting_batch *before = queue->sent ? queue->first : NULL;
    struct waiting_batch *older = before == NULL ? queue->first : before->next;
    if (merge(older->next, older) == STATUS_OK) {
        queue->merged++;
    } else {
        queue->dropped++;
        queue->dropped_rows += older->batch.row_count;
    }
    unlink_after(queue, before);
}

enum status delta_queue_push(struct delta_queue *queue, struct delta_batch *batch, uint64_t end_ms)
{
    struct waiting_batch *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        free(batch->rows);
        free(batch->exporters);
        queue->dropped++;
        queue->dropped_rows += batch->row_count;
        return STATUS_NO_MEMORY;
    }
    waiting->batch = *batch;
    waiting->end_ms = end_ms;
    if (queue->last != NULL)
        queue->last->next = waiting;
    else
        queue->first = waiting;
    queue->last = waiting;
    if (++queue->count > queue->max)
        make_room(queue);
    return STATUS_OK;
}

struct waiting_batch *delta_queue_take(struct delta_queue *queue)
{
    if (queue->first != NULL && !queue->sent) {
        queue->sequence += queue->dropped - queue->dropped_told + 1;
        queue->dropped_told = queue->dropped;
        queue->first->batch.sequence = queue->sequence;
        queue->sent = true;
    }
    return queue->first;
}

void delta_queue_confirm(struct delta_queue *queue)
{
    assert(queue->sent && queue->first != NULL);
    unlink_after(queue, NULL);
    queue->sent = false;
}
