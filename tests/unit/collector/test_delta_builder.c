#include "collector/delta_builder.h"

#include "tests/unit/collector/tally/counting.h"

#define BY_HOST                                                                                    \
    NETWORKS "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS  \
             "}]\n"

static void on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    (void)slot;
    delta_builder_add(owner, row);
}

Test(delta_builder, a_batch_names_the_exporters_of_its_rows_and_of_its_interval)
{
    struct counting c;
    struct delta_builder builder;
    struct delta_batch batch;
    struct text bytes;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);

    counting_init(&c, BY_HOST);
    cr_assert_eq(delta_builder_init(&builder, c.tally), STATUS_OK);
    counting_from(&c, 1); /* heard long ago, no rows */
    c.now_ms += 5000;
    counting_from(&c, 2); /* heard now, no rows */
    tally_add(c.tally, counting_from(&c, 3), &flow, c.now_ms);
    c.now_ms += 50;
    tally_flush(c.tally, TALLY_FLUSH_TICK, c.now_ms, on_row, &builder);
    cr_assert_eq(delta_builder_finish(&builder, c.model, c.now_ms, 100, true, &batch), STATUS_OK);
    cr_assert_eq(batch.row_count, 1);
    cr_assert_eq(batch.count_count, 1);
    cr_assert_eq(batch.counts[0], c.model->counts[0].id);
    cr_assert_eq(batch.exporter_count, 2);
    const struct delta_exporter *exporter = &batch.exporters[batch.rows[0].exporter];
    cr_assert_eq(exporter->addr.octets[3], 3);
    cr_assert_eq(exporter->heard_age_ms, 50);
    cr_assert_eq(exporter->records, 1);

    text_init(&bytes, 0);
    snprintf(batch.collector, sizeof(batch.collector), "c1");
    snprintf(batch.shard, sizeof(batch.shard), "s0");
    batch.workers = 1;
    cr_assert_eq(delta_encode(&batch, &bytes), STATUS_OK);
    text_done(&bytes);
    free(batch.rows);
    free(batch.exporters);

    cr_assert_eq(delta_builder_finish(&builder, c.model, c.now_ms, 10000, false, &batch),
                 STATUS_OK);
    cr_assert_eq(batch.row_count, 0);
    cr_assert_eq(batch.exporter_count, 3);
    cr_assert_eq(batch.exporters[2].records, 0);
    free(batch.rows);
    free(batch.exporters);
    delta_builder_done(&builder);
    counting_done(&c);
}
