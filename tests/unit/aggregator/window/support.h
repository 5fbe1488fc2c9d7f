#ifndef TESTS_UNIT_AGGREGATOR_WINDOW_SUPPORT_H
#define TESTS_UNIT_AGGREGATOR_WINDOW_SUPPORT_H

#include "aggregator/window/window.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shard with one or two counts, batches made by hand, and time that only the test moves. */

enum { ROWS_MAX = DELTA_ROWS_MAX };
static const uint64_t T0 = 1700000000000; /* not a multiple of any cell */
static const uint64_t COUNT = 0x1111, COUNT2 = 0x2222;

struct sim {
    struct window *window;
    struct store_quota quota;
    struct rollup_tick tick;
};

static inline struct store_count count_of(uint64_t id, double bytes, uint32_t window_ms,
                                          uint32_t window2_ms)
{
    struct store_count count = {.id = id,
                                .windows_ms = {window_ms, window2_ms},
                                .window_count = window2_ms > 0 ? 2 : 1,
                                .key_max = 18};
    for (size_t i = 0; i < count.window_count; i++)
        count.limits[i] = (struct store_limits){bytes, INFINITY, INFINITY};
    count.floor = (struct store_limits){bytes * 0.4, DBL_MAX, DBL_MAX};
    return count;
}

static inline void sim_start(struct sim *sim, const struct store_count *counts, size_t count,
                             size_t max_keys)
{
    *sim = (struct sim){.quota = {.max = max_keys}};
    struct window_options options = {.shard = "s0",
                                     .aggregator = "a1",
                                     .epoch = 7,
                                     .slots = UINT64_MAX,
                                     .counts = counts,
                                     .count_count = count,
                                     .quota = &sim->quota,
                                     .seed = 42};
    cr_assert_eq(window_new(&sim->window, &options), STATUS_OK);
}

static inline void sim_end(struct sim *sim)
{
    window_free(sim->window);
    cr_assert_eq(sim->quota.count, 0, "keys are given back");
}

/* One count, limit 1 MB/s over 1 s. */
static inline void sim_simple(struct sim *sim)
{
    struct store_count count = count_of(COUNT, 1e6, 1000, 0);
    sim_start(sim, &count, 1, 100000);
}

static inline struct flow_key key_of(uint32_t host)
{
    struct flow_key key = {0};
    struct ip_addr addr = addr_from_ipv4(host);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    return key;
}

struct sender {
    const char *collector;
    uint64_t epoch;
    uint32_t worker, workers;
    uint64_t sequence;
    uint32_t interval_ms;
    struct delta_row rows[ROWS_MAX];
    size_t row_count;
    struct delta_exporter exporters[4];
    size_t exporter_count;
    uint64_t residual_bytes;
};

static inline struct sender *sender_new(const char *collector, uint32_t worker, uint32_t workers)
{
    struct sender *s = calloc(1, sizeof(*s));
    *s = (struct sender){.collector = collector,
                         .epoch = 1,
                         .worker = worker,
                         .workers = workers,
                         .interval_ms = 10,
                         .exporter_count = 1};
    s->exporters[0].addr = addr_from_ipv4(0xc0000201);
    return s;
}

static inline struct delta_row *sender_add(struct sender *s, uint32_t host, uint64_t bytes)
{
    struct delta_row *row = &s->rows[s->row_count++];
    *row = (struct delta_row){.bytes = bytes,
                              .packets = bytes / 1000,
                              .flows = 1,
                              .samples = 1,
                              .var_bytes = (double)bytes,
                              .var_flows = 0.25,
                              .key = key_of(host)};
    return row;
}

static inline enum window_verdict send_sequence(struct sim *sim, struct sender *s, uint64_t id_ms,
                                                uint64_t age_ms, uint64_t sequence)
{
    static struct delta_batch batch; /* large */
    batch = (struct delta_batch){.schema = DELTA_SCHEMA,
                                 .epoch = s->epoch,
                                 .worker = s->worker,
                                 .workers = s->workers,
                                 .shard = "s0",
                                 .sequence = sequence,
                                 .interval_ms = s->interval_ms,
                                 .residual_bytes = s->residual_bytes,
                                 .counts = {COUNT, COUNT2},
                                 .count_count = 2,
                                 .exporters = s->exporters,
                                 .exporter_count = s->exporter_count,
                                 .rows = s->rows,
                                 .row_count = s->row_count};
    snprintf(batch.collector, sizeof(batch.collector), "%s", s->collector);
    return window_merge(sim->window, &batch, id_ms, age_ms, id_ms);
}

/* Sends what was added, and forgets it. */
static inline enum window_verdict send_batch(struct sim *sim, struct sender *s, uint64_t id_ms,
                                             uint64_t age_ms)
{
    enum window_verdict verdict = send_sequence(sim, s, id_ms, age_ms, ++s->sequence);
    s->row_count = 0;
    return verdict;
}

static inline const struct rollup_tick *tick_at(struct sim *sim, uint64_t now_ms)
{
    cr_assert_eq(window_tick(sim->window, now_ms, &sim->tick), STATUS_OK);
    return &sim->tick;
}

static inline const struct rollup_row *row_of_host(const struct rollup_tick *tick, uint32_t host)
{
    struct flow_key key = key_of(host);
    for (size_t i = 0; i < tick->row_count; i++)
        if (memcmp(tick->rows[i].key.bytes, key.bytes, key.len) == 0)
            return &tick->rows[i];
    return NULL;
}

/* Bytes a second in the first window; 0 where there is no row. */
static inline double rate_at(struct sim *sim, uint64_t now_ms, uint32_t host)
{
    const struct rollup_row *row = row_of_host(tick_at(sim, now_ms), host);
    return row == NULL ? 0 : row->rates[0].bytes;
}

#endif
