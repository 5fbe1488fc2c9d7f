#include "tests/support/put_rollup.h"

#include "common/base/clock.h"
#include "common/redis/keys.h"
#include "proto/rollup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void put_rollup_open(struct put_rollup *put, const struct model *model)
{
    struct clock clock = clock_system();
    const struct config *c = model->config;
    *put = (struct put_rollup){.model = model, .epoch = clock_wall_ms(&clock)};
    for (size_t i = 0; i < c->redis.telemetry_count && i < PUT_SERVERS_MAX; i++) {
        struct redis_options options = {.address = c->redis.telemetry[i].address};
        struct text why;
        text_init(&why, 0);
        cr_assert_eq(redis_sync_open(&put->servers[i], &options, &why), STATUS_OK, "%s",
                     text_str(&why));
        text_done(&why);
    }
}

void put_rollup_close(struct put_rollup *put)
{
    for (size_t i = 0; i < PUT_SERVERS_MAX; i++)
        redis_sync_close(put->servers[i]);
}

void put_rollup_set(struct put_rollup *put, const char *policy, const char *target, double bps)
{
    size_t i = 0;
    while (i < put->row_count &&
           (strcmp(put->rows[i].policy, policy) != 0 || strcmp(put->rows[i].target, target) != 0))
        i++;
    cr_assert_lt(i, (size_t)PUT_ROWS_MAX);
    struct put_row *row = &put->rows[i];
    put->row_count = i < put->row_count ? put->row_count : i + 1;
    (void)snprintf(row->policy, sizeof(row->policy), "%s", policy);
    (void)snprintf(row->target, sizeof(row->target), "%s", target);
    row->bps = bps;
    row->pps = bps / 8 / 1000;
}

static size_t count_of(const struct model *model, const char *policy)
{
    for (size_t i = 0; i < model->config->policy_count; i++) {
        if (strcmp(model->config->policies[i].name, policy) == 0)
            return model->policy_count[i];
    }
    cr_assert_fail("there is no policy %s", policy);
    return 0;
}

static void make_row(const struct put_rollup *put, const struct put_row *from,
                     const struct model_count *count, struct rollup_row *ret_row)
{
    struct ip_addr target;
    cr_assert_eq(addr_parse(&target, from->target), STATUS_OK);
    key_add_addr(&ret_row->key, DIM_DST_ADDR, &target);
    ret_row->samples = 1000;
    for (size_t w = 0; w < count->window_count; w++)
        ret_row->rates[w] = (struct rollup_rates){
            .bytes = from->bps / 8, .packets = from->pps, .flows = from->pps / 10};
    if (put->exporter[0] != '\0') {
        ret_row->contributors[0].share_permille = 1000;
        ret_row->contributor_count = 1;
    }
}

static void put_shard(struct put_rollup *put, const struct config_shard *shard)
{
    const struct model *model = put->model;
    struct rollup_tick tick = {.schema = ROLLUP_SCHEMA,
                               .aggregator = "a1",
                               .epoch = put->epoch,
                               .sequence = put->sequence,
                               .parts = 1,
                               .blind = put->blind};
    struct rollup_count *counts = calloc(model->count_count, sizeof(*counts));
    struct rollup_row *rows = calloc(put->row_count + 1, sizeof(*rows));
    struct rollup_exporter exporter = {.heard_age_ms = put->heard_age_ms};
    struct clock clock = clock_system();
    struct text pb;
    cr_assert(counts != NULL && rows != NULL);
    (void)snprintf(tick.shard, sizeof(tick.shard), "%s", shard->name);
    tick.covers_until_ms = clock_wall_ms(&clock);
    tick.counts = counts;
    tick.count_count = model->count_count;
    for (size_t i = 0; i < model->count_count; i++) {
        counts[i].id = model->counts[i].id;
        counts[i].window_count = model->counts[i].window_count;
        for (size_t w = 0; w < counts[i].window_count; w++)
            counts[i].windows_ms[w] = model->counts[i].windows[w].window_ms;
    }
    if (put->exporter[0] != '\0') {
        cr_assert_eq(addr_parse(&exporter.addr, put->exporter), STATUS_OK);
        tick.exporters = &exporter;
        tick.exporter_count = 1;
    }
    tick.rows = rows;
    for (size_t i = 0; i < put->row_count; i++) {
        size_t count = count_of(model, put->rows[i].policy);
        struct rollup_row *row = &rows[tick.row_count];
        memset(row, 0, sizeof(*row));
        row->count = (uint32_t)count;
        make_row(put, &put->rows[i], &model->counts[count], row);
        unsigned int slot = key_slot(model->counts[count].id, &row->key);
        if (put->rows[i].bps > 0 && (shard->slots >> slot & 1) != 0)
            tick.row_count++;
    }
    text_init(&pb, 0);
    cr_assert_eq(rollup_encode(&tick, &pb), STATUS_OK);
    char key[KEY_NAME_MAX];
    const struct redis_reply *reply;
    cr_assert_not_null(key_name(key, model->config->redis.prefix, KEY_ROLLUP, shard->name));
    cr_assert_eq(redis_sync_commandf(put->servers[shard->telemetry], &reply,
                                     "XADD %s MAXLEN 100 * pb %b", (char *)key, pb.at, pb.len),
                 STATUS_OK);
    text_done(&pb);
    free(counts);
    free(rows);
}

void put_rollup_tick(struct put_rollup *put)
{
    put->sequence++;
    for (size_t i = 0; i < put->model->config->shard_count; i++)
        put_shard(put, &put->model->config->shards[i]);
}
