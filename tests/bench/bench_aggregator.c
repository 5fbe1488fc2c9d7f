#include "aggregator/window/window.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * What the aggregator's window costs: nanoseconds a row merged, milliseconds a tick, and memory a
 * host, for 100,000 and for a million hosts of one count; rows within the tick and rows of flows of
 * a minute.
 */
enum { BATCH_MS = 100, WARM_BATCHES = 2 };

struct bench {
    struct window *window;
    struct store_quota quota;
    struct delta_batch batch;
    uint64_t now_ms, sequence, seed;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident_mb(void)
{
    unsigned long total = 0, pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL || fscanf(in, "%lu %lu", &total, &pages) != 2)
        return 0;
    fclose(in);
    return (double)pages * 4096 / 1e6;
}

static void start(struct bench *b, size_t hosts)
{
    struct store_count count = {.id = 1, .windows_ms = {1000}, .window_count = 1, .key_max = 18};
    count.limits[0] = (struct store_limits){125e6, 500e3, INFINITY};
    count.floor = (struct store_limits){50e6, 200e3, DBL_MAX};
    *b = (struct bench){.quota = {.max = hosts + 1}, .now_ms = 1700000000000, .seed = 1};
    struct window_options options = {.shard = "s0",
                                     .aggregator = "a1",
                                     .slots = UINT64_MAX,
                                     .counts = &count,
                                     .count_count = 1,
                                     .quota = &b->quota,
                                     .seed = 5};
    if (window_new(&b->window, &options) != STATUS_OK)
        abort();
    b->batch = (struct delta_batch){.schema = DELTA_SCHEMA,
                                    .collector = "c1",
                                    .workers = 1,
                                    .shard = "s0",
                                    .interval_ms = BATCH_MS,
                                    .counts = {1},
                                    .count_count = 1,
                                    .exporter_count = 1};
    b->batch.rows = calloc(DELTA_ROWS_MAX, sizeof(*b->batch.rows));
    b->batch.exporters = calloc(1, sizeof(*b->batch.exporters));
    if (b->batch.rows == NULL || b->batch.exporters == NULL)
        abort();
    b->batch.exporters[0].addr = addr_from_ipv4(0xc0000201);
}

static void send_rows(struct bench *b, size_t first, size_t count, uint32_t duration_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct delta_row *row = &b->batch.rows[i];
        struct ip_addr addr = addr_from_ipv4((uint32_t)(0x0a000000 + first + i));
        b->seed = b->seed * 6364136223846793005ULL + 1442695040888963407ULL;
        *row = (struct delta_row){.bytes = b->seed >> 52,
                                  .packets = 3,
                                  .flows = 1,
                                  .samples = 1,
                                  .var_bytes = 1e6,
                                  .duration_ms = duration_ms};
        key_add_addr(&row->key, DIM_DST_ADDR, &addr);
    }
    b->batch.row_count = count;
    b->batch.sequence = ++b->sequence;
    (void)window_merge(b->window, &b->batch, b->now_ms, 0, b->now_ms);
}

/* Every host once, in batches of 4000 rows; gives CPU nanoseconds a row. */
static double round_of(struct bench *b, size_t hosts, uint32_t duration_ms)
{
    double before = seconds();
    for (size_t first = 0; first < hosts; first += DELTA_ROWS_MAX)
        send_rows(b, first, hosts - first < DELTA_ROWS_MAX ? hosts - first : DELTA_ROWS_MAX,
                  duration_ms);
    b->now_ms += BATCH_MS;
    return (seconds() - before) * 1e9 / (double)hosts;
}

static void no_top(void *owner, uint64_t count_id, const struct top_item *items, size_t count)
{
    (void)owner;
    (void)count_id;
    (void)items;
    (void)count;
}

static void run(size_t hosts, uint32_t duration_ms)
{
    struct bench b;
    struct rollup_tick tick;
    double memory = resident_mb(), total = 0;
    size_t rounds = 4000000 / hosts;
    start(&b, hosts);
    for (size_t i = 0; i < WARM_BATCHES; i++)
        (void)round_of(&b, hosts, duration_ms);
    for (size_t i = 0; i < rounds; i++)
        total += round_of(&b, hosts, duration_ms);
    memory = resident_mb() - memory;
    double before = seconds();
    while (window_sweep(b.window, b.now_ms, SIZE_MAX, no_top, NULL))
        ;
    double sweep = (seconds() - before) * 1e3;
    before = seconds();
    for (size_t i = 0; i < 100; i++)
        if (window_tick(b.window, b.now_ms, &tick) != STATUS_OK)
            abort();
    printf("aggregator: %8zu hosts, flows of %5u ms: %6.1f ns a row merged, %6.1f MB (%4.0f B a "
           "host), sweep of all %6.1f ms, tick %6.3f ms\n",
           hosts, duration_ms, total / (double)rounds, memory, memory * 1e6 / (double)hosts, sweep,
           (seconds() - before) * 10);
    free(b.batch.rows);
    free(b.batch.exporters);
    window_free(b.window);
}

int main(void)
{
    run(100000, 0);
    run(100000, 60000);
    run(1000000, 0);
    return 0;
}
