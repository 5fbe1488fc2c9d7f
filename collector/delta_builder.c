#include "collector/delta_builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_NAMED = UINT16_MAX, TWO_SENDERS_MS = 60000 };

enum status delta_builder_init(struct delta_builder *builder, const struct tally *tally)
{
    *builder = (struct delta_builder){.tally = tally};
    builder->rows = calloc(DELTA_ROWS_MAX, sizeof(*builder->rows));
    return builder->rows == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void delta_builder_done(struct delta_builder *builder)
{
    free(builder->rows);
    builder->rows = NULL;
}

bool delta_builder_is_full(const struct delta_builder *builder)
{
    return builder->row_count == DELTA_ROWS_MAX;
}

void delta_builder_add(struct delta_builder *builder, const struct delta_row *row)
{
    assert(!delta_builder_is_full(builder));
    builder->rows[builder->row_count++] = *row;
}

bool delta_builder_tick(struct delta_builder *builder)
{
    if (builder->row_count > 0)
        return true;
    if (!builder->is_awaited)
        return false;
    builder->quiet_ticks++;
    return builder->quiet_ticks >= DELTA_QUIET_TICKS;
}

/* Which exporters the batch names: place[number] is where, or NOT_NAMED. Gives how many. */
static size_t choose_exporters(const struct delta_builder *builder, uint64_t now_ms,
                               uint64_t heard_within_ms, uint16_t place[DELTA_EXPORTERS_MAX])
{
    size_t all = tally_exporter_count(builder->tally), count = 0;
    memset(place, 0xff, all * sizeof(*place));
    for (size_t i = 0; i < builder->row_count; i++)
        if (place[builder->rows[i].exporter] == NOT_NAMED)
            place[builder->rows[i].exporter] = (uint16_t)count++;
    for (size_t i = 0; i < all; i++) {
        const struct tally_exporter *exporter = tally_exporter_at(builder->tally, i);
        if (place[i] == NOT_NAMED && exporter != NULL &&
            now_ms - exporter->heard_ms <= heard_within_ms)
            place[i] = (uint16_t)count++;
    }
    return count;
}

static void fill_exporters(const struct delta_builder *builder, uint64_t now_ms, bool tell_records,
                           const uint16_t place[DELTA_EXPORTERS_MAX],
                           struct delta_exporter *exporters)
{
    for (size_t i = 0; i < tally_exporter_count(builder->tally); i++) {
        const struct tally_exporter *from = tally_exporter_at(builder->tally, i);
        if (place[i] == NOT_NAMED || from == NULL)
            continue;
        uint64_t age_ms = now_ms - from->heard_ms;
        exporters[place[i]] = (struct delta_exporter){
            .addr = from->addr,
            .heard_age_ms = (uint32_t)(age_ms > UINT32_MAX ? UINT32_MAX : age_ms),
            .records = tell_records ? from->records : 0,
            .two_senders =
                from->two_senders_ms != 0 && now_ms - from->two_senders_ms < TWO_SENDERS_MS};
    }
}

enum status delta_builder_finish(struct delta_builder *builder, const struct model *model,
                                 uint64_t now_ms, uint64_t heard_within_ms, bool tell_records,
                                 struct delta_batch *ret_batch)
{
    uint16_t place[DELTA_EXPORTERS_MAX];
    size_t exporter_count = choose_exporters(builder, now_ms, heard_within_ms, place);
    struct delta_batch *batch = ret_batch;

    memset(batch, 0, sizeof(*batch));
    batch->rows = malloc((builder->row_count + 1) * sizeof(*batch->rows));
    batch->exporters = calloc(exporter_count + 1, sizeof(*batch->exporters));
    if (batch->rows == NULL || batch->exporters == NULL) {
        free(batch->rows);
        free(batch->exporters);
        return STATUS_NO_MEMORY;
    }
    batch->schema = DELTA_SCHEMA;
    batch->interval_ms = TALLY_AGE_MS;
    for (size_t i = 0; i < model->count_count && i < DELTA_COUNTS_MAX; i++)
        batch->counts[batch->count_count++] = model->counts[i].id;
    for (size_t i = 0; i < builder->row_count; i++) {
        batch->rows[i] = builder->rows[i];
        batch->rows[i].exporter = place[builder->rows[i].exporter];
    }
    batch->row_count = builder->row_count;
    fill_exporters(builder, now_ms, tell_records, place, batch->exporters);
    batch->exporter_count = exporter_count;
    tally_residual(builder->tally, &batch->residual_bytes, &batch->residual_packets);
    builder->is_awaited =
        batch->row_count > 0 || batch->residual_bytes > 0 || batch->residual_packets > 0;
    builder->quiet_ticks = 0;
    builder->row_count = 0;
    return STATUS_OK;
}
