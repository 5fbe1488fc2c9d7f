#include "proto/delta.h"
#include "proto/rollup.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Nanoseconds a row to write and to read full batches and full parts of ticks. */

enum { TURNS = 300, EXPORTERS = 16 };

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(const char *what, double ns, size_t rows, size_t octets)
{
    printf("%-14s %6.1f ns a row, %5.1f octets a row\n", what, ns / TURNS / (double)rows,
           (double)octets / (double)rows);
}

static struct flow_key host_key(uint32_t host)
{
    struct flow_key key = {0};
    struct ip_addr addr = addr_from_ipv4(0xc6336400U + host);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    return key;
}

static bool bench_delta(void)
{
    static struct delta_batch batch, back;
    static struct delta_exporter exporters[EXPORTERS];
    static struct delta_row rows[DELTA_ROWS_MAX];
    struct text bytes;
    bool ok = true;
    for (uint32_t i = 0; i < EXPORTERS; i++)
        exporters[i].addr = addr_from_ipv4(0xc0000200U + i);
    for (uint32_t i = 0; i < DELTA_ROWS_MAX; i++)
        rows[i] = (struct delta_row){.exporter = i % EXPORTERS,
                                     .bytes = 1000000 + i * 977,
                                     .packets = 1000 + i,
                                     .flows = 100,
                                     .samples = i % 50,
                                     .var_bytes = 1e9 + i,
                                     .var_packets = 1e6 + i,
                                     .duration_ms = i % 3 * 1000,
                                     .key = host_key(i)};
    batch = (struct delta_batch){.schema = DELTA_SCHEMA,
                                 .count_count = 1,
                                 .exporters = exporters,
                                 .exporter_count = EXPORTERS,
                                 .rows = rows,
                                 .row_count = DELTA_ROWS_MAX};
    text_init(&bytes, 0);
    double start = now_ns();
    for (int i = 0; ok && i < TURNS; i++) {
        text_clear(&bytes);
        ok = delta_encode(&batch, &bytes) == STATUS_OK;
    }
    report("delta encode", now_ns() - start, DELTA_ROWS_MAX, bytes.len);
    start = now_ns();
    for (int i = 0; ok && i < TURNS; i++) {
        ok = delta_decode(&back, (const uint8_t *)text_str(&bytes), bytes.len) == STATUS_OK;
        delta_done(&back);
    }
    report("delta decode", now_ns() - start, DELTA_ROWS_MAX, bytes.len);
    text_done(&bytes);
    return ok;
}

static bool bench_rollup(void)
{
    static struct rollup_tick tick, back;
    static struct rollup_exporter exporters[EXPORTERS];
    static struct rollup_count counts[1] = {
        {.id = 42, .windows_ms = {1000, 10000}, .window_count = 2}};
    static struct rollup_row rows[ROLLUP_ROWS_MAX];
    struct text bytes;
    bool ok = true;
    for (uint32_t i = 0; i < EXPORTERS; i++)
        exporters[i].addr = addr_from_ipv4(0xc0000200U + i);
    for (uint32_t i = 0; i < ROLLUP_ROWS_MAX; i++)
        rows[i] = (struct rollup_row){.key = host_key(i),
                                      .samples = i % 50,
                                      .rates = {{1e8, 1e5, 10, 1e12, 1e6}, {1e7, 1e4, 1, 1, 1}},
                                      .contributors = {{i % EXPORTERS, 600}, {0, 400}},
                                      .contributor_count = 2};
    tick = (struct rollup_tick){.schema = ROLLUP_SCHEMA,
                                .parts = 1,
                                .counts = counts,
                                .count_count = 1,
                                .exporters = exporters,
                                .exporter_count = EXPORTERS,
                                .rows = rows,
                                .row_count = ROLLUP_ROWS_MAX};
    text_init(&bytes, 0);
    double start = now_ns();
    for (int i = 0; ok && i < TURNS; i++) {
        text_clear(&bytes);
        ok = rollup_encode(&tick, &bytes) == STATUS_OK;
    }
    report("rollup encode", now_ns() - start, ROLLUP_ROWS_MAX, bytes.len);
    start = now_ns();
    for (int i = 0; ok && i < TURNS; i++) {
        ok = rollup_decode(&back, (const uint8_t *)text_str(&bytes), bytes.len) == STATUS_OK;
        rollup_done(&back);
    }
    report("rollup decode", now_ns() - start, ROLLUP_ROWS_MAX, bytes.len);
    text_done(&bytes);
    return ok;
}

int main(void)
{
    return bench_delta() && bench_rollup() ? EXIT_SUCCESS : EXIT_FAILURE;
}
