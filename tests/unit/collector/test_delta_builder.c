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

static void finish(struct delta_builder *builder, const struct counting *c, uint64_t residual)
{
    struct delta_batch batch;
    cr_assert_eq(delta_builder_finish(builder, c->model, c->now_ms, 0, false, &batch), STATUS_OK);
    cr_assert_eq(batch.residual_bytes, residual);
    free(batch.rows);
    free(batch.exporters);
}

Test(delta_builder, a_worker_that_falls_quiet_says_so_once)
{
    struct counting c;
    struct delta_builder builder;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);

    counting_init(&c, BY_HOST);
    cr_assert_eq(delta_builder_init(&builder, c.tally), STATUS_OK);
    cr_assert_not(delta_builder_tick(&builder), "nothing was said yet that leaves one waiting");
    counting_add(&c, &flow);
    tally_flush(c.tally, TALLY_FLUSH_TICK, c.now_ms, on_row, &builder);
    cr_assert(delta_builder_tick(&builder));
    finish(&builder, &c, 0);
    cr_assert_not(delta_builder_tick(&builder), "one tick without rows says nothing");
    cr_assert(delta_builder_tick(&builder));
    finish(&builder, &c, 0);
    for (int i = 0; i < 20; i++)
        cr_assert_not(delta_builder_tick(&builder), "silence is said once");
    delta_builder_done(&builder);
    counting_done(&c);
}

Test(delta_builder, what_stays_behind_is_awaited_too)
{
    struct counting c;
    struct delta_builder builder;
    struct flow_record small = flow_to(CUSTOMER, 100, 1), large = flow_to(CUSTOMER + 1, 5000, 4);

    counting_init(&c, BY_HOST);
    c.options.max_rows = 1;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    cr_assert_eq(delta_builder_init(&builder, c.tally), STATUS_OK);
    counting_add(&c, &small);
    counting_add(&c, &large);
    tally_flush(c.tally, TALLY_FLUSH_TICK, c.now_ms, on_row, &builder);
    builder.row_count = 0; /* it was another shard's */
    finish(&builder, &c, 100);
    cr_assert_not(delta_builder_tick(&builder));
    cr_assert(delta_builder_tick(&builder), "readers were told that there is more");
    delta_builder_done(&builder);
    counting_done(&c);
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

/* For a minute since they were seen last. */
Test(delta_builder, two_senders_in_one_sequence_are_told)
{
    struct counting c;
    struct delta_builder builder;
    struct delta_batch batch;

    counting_init(&c, BY_HOST);
    cr_assert_eq(delta_builder_init(&builder, c.tally), STATUS_OK);
    counting_from(&c, EXPORTER)->two_senders_ms = c.now_ms;
    for (uint64_t ms = 59999; ms <= 60000; ms++) {
        cr_assert_eq(delta_builder_finish(&builder, c.model, c.now_ms + ms, 600000, false, &batch),
                     STATUS_OK);
        cr_assert_eq(batch.exporter_count, 1);
        cr_assert_eq(batch.exporters[0].two_senders, ms < 60000);
        free(batch.rows);
        free(batch.exporters);
    }
    delta_builder_done(&builder);
    counting_done(&c);
}
