/*
 * What a second worker adds. Datagrams from memory are decoded, counted under two keys, flushed
 * each 100 ms of the records' clock and remembered, by one thread and by two side by side, each
 * with a state and an exporter of its own as the collector's workers have, on a CPU of its own;
 * what they share is the model. Capacity is the sum of the records that each gives for a second of
 * its CPU time, so that what others take of the CPUs does not count, but what the two take from
 * each other does: caches, memory, and lines that both would write. CPU time leaves out what a
 * thread sleeps, as it does while it waits for a lock of the other; so the same is given by the
 * clock, in which that is, and on a machine that is not quiet what others take too. Of many rounds
 * by turns, the most and the median. Prints a table. bench_workers [HOSTS [ROUNDS]]
 */
#include "collector/decode/decode.h"
#include "collector/recall/recall.h"
#include "collector/tally/tally.h"
#include "tests/bench/export_datagrams.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 2, DATAGRAMS = 1024, PASSES = 16, ROUNDS_MAX = 200, RECORDS_A_TICK = 100000 };

/* Two policies that ask for two counts, each with a row for every host. */
#define THRESHOLD                                                                                  \
    "window: 1s, thresholds: [{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: "  \
    "120s}}]"
static const char yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies:\n"
    "  - {name: host, direction: incoming, key: [dst_addr], " THRESHOLD "}\n"
    "  - {name: kind, direction: incoming, key: [dst_addr, protocol], " THRESHOLD "}\n";

struct worker {
    _Alignas(128) struct export_datagrams datagrams; /* no line of two workers */
    struct decode *decode;
    struct tally *tally;
    struct recall *recall;
    struct tally_exporter *exporter;
    struct decode_source source;
    pthread_barrier_t *begin;
    pthread_t thread;
    size_t cpu;
    uint64_t now_ms, records, next_tick, rows;
    struct pace {
        double cpu, clock; /* records a second of each */
    } pace;                /* of the last round */
};

static void give_up(const char *what)
{
    fprintf(stderr, "bench_workers: %s\n", what);
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct worker *worker = owner;
    worker->records++;
    tally_add(worker->tally, worker->exporter, flow, worker->now_ms);
    recall_add(worker->recall, flow, tally_direction(worker->tally), false, worker->now_ms);
}

static void on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct worker *worker = owner;
    (void)slot;
    worker->rows += row->samples > 0;
}

static void feed(struct worker *worker, const uint8_t *bytes, size_t len)
{
    struct decode_sink sink = {.on_record = on_record, .owner = worker};
    worker->exporter = tally_exporter(worker->tally, &worker->source.addr, worker->now_ms);
    decode_datagram(worker->decode, &worker->source, bytes, len, worker->now_ms, &sink);
    if (worker->records < worker->next_tick)
        return;
    worker->now_ms += TALLY_TICK_MS;
    worker->next_tick = worker->records + RECORDS_A_TICK;
    tally_flush(worker->tally, TALLY_FLUSH_TICK, worker->now_ms, on_row, worker);
    recall_tick(worker->recall, worker->now_ms);
    (void)recall_keep(worker->recall);
}

static void *work(void *owner)
{
    struct worker *worker = owner;
    struct export_datagrams *d = &worker->datagrams;
    uint64_t before = worker->records;
    double cpu_s = 0, clock_s = 0;

    pthread_barrier_wait(worker->begin);
    for (int pass = 0; pass < PASSES; pass++) {
        double began_s = seconds_of(CLOCK_MONOTONIC);
        double began_cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        for (size_t i = 0; i < d->count; i++)
            feed(worker, d->bytes + d->starts[i], d->starts[i + 1] - d->starts[i]);
        cpu_s += seconds_of(CLOCK_THREAD_CPUTIME_ID) - began_cpu_s;
        clock_s += seconds_of(CLOCK_MONOTONIC) - began_s;
        export_datagrams_go_on(d);
    }
    double records = (double)(worker->records - before);
    worker->pace = (struct pace){records / cpu_s, records / clock_s};
    return NULL;
}

static struct pace round_of(struct worker workers[WORKERS], unsigned int count)
{
    pthread_barrier_t begin;
    struct pace sum = {0};
    pthread_barrier_init(&begin, NULL, count);
    for (unsigned int i = 0; i < count; i++) {
        pthread_attr_t attr;
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(workers[i].cpu, &cpus);
        pthread_attr_init(&attr);
        pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
        workers[i].begin = &begin;
        if (pthread_create(&workers[i].thread, &attr, work, &workers[i]) != 0)
            give_up("no thread");
        pthread_attr_destroy(&attr);
    }
    for (unsigned int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        sum.cpu += workers[i].pace.cpu;
        sum.clock += workers[i].pace.clock;
    }
    pthread_barrier_destroy(&begin);
    return sum;
}

static void start(struct worker *worker, const struct model *model, unsigned int number)
{
    struct recall_options options = {
        .memory_bytes = 118 << 20, .keep_ms = 600000, .cap = 256, .seed = 1};
    worker->source.addr = addr_from_ipv4(0xc0000201 + number);
    worker->now_ms = 1000;
    worker->decode = decode_new(&(struct decode_limits){0}, 1);
    worker->tally = tally_new(&(struct tally_options){.model = model,
                                                      .max_keys = 1000000,
                                                      .live_workers = WORKERS,
                                                      .urgent_share = 0.1,
                                                      .max_rows = 4000,
                                                      .ipv6_host_len = 128,
                                                      .exporters_max = 1000,
                                                      .seed = 1});
    if (worker->decode == NULL || worker->tally == NULL ||
        recall_new(&worker->recall, &options) != STATUS_OK)
        give_up("no memory");
}

static void find_cpus(struct worker workers[WORKERS])
{
    cpu_set_t allowed;
    size_t found = 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        give_up("sched_getaffinity");
    for (size_t cpu = 0; cpu < CPU_SETSIZE && found < WORKERS; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            workers[found++].cpu = cpu;
    if (found < WORKERS)
        give_up("two workers need two CPUs");
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static void print_pace(double one[], double two[], int rounds)
{
    qsort(one, (size_t)rounds, sizeof(one[0]), compare);
    qsort(two, (size_t)rounds, sizeof(two[0]), compare);
    printf(" %.2f | %.2f | %.2f | %.2f |", one[rounds - 1] / 1e6, two[rounds - 1] / 1e6,
           two[rounds - 1] / one[rounds - 1], two[rounds / 2] / one[rounds / 2]);
}

static void measure(const struct model *model, enum flow_format format, uint32_t hosts, int rounds)
{
    static struct worker workers[WORKERS];
    double one[ROUNDS_MAX], two[ROUNDS_MAX], one_by_clock[ROUNDS_MAX], two_by_clock[ROUNDS_MAX];
    memset(workers, 0, sizeof(workers));
    find_cpus(workers);
    for (unsigned int i = 0; i < WORKERS; i++) {
        start(&workers[i], model, i);
        export_datagrams_make(&workers[i].datagrams, format, DATAGRAMS, hosts);
    }
    round_of(workers, WORKERS); /* meets the hosts */
    for (int i = 0; i < rounds; i++) {
        struct pace alone = round_of(workers, 1), both = round_of(workers, WORKERS);
        one[i] = alone.cpu;
        two[i] = both.cpu;
        one_by_clock[i] = alone.clock;
        two_by_clock[i] = both.clock;
    }
    printf("| %s |", flow_format_name(format));
    print_pace(one, two, rounds);
    print_pace(one_by_clock, two_by_clock, rounds);
    printf("\n");
    for (unsigned int i = 0; i < WORKERS; i++) {
        decode_free(workers[i].decode);
        tally_free(workers[i].tally);
        recall_free(workers[i].recall);
        export_datagrams_done(&workers[i].datagrams);
    }
}

int main(int argc, char **argv)
{
    uint32_t hosts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    int rounds = argc > 2 ? atoi(argv[2]) : 40;
    struct config_errors errors;
    struct config *config = NULL;
    struct model *model = NULL;

    config_errors_init(&errors, "bench");
    if (config_parse(&config, yaml, strlen(yaml), "bench", &errors) == STATUS_OK)
        model = model_new(config, &errors);
    if (model == NULL || hosts == 0 || rounds < 1 || rounds > ROUNDS_MAX)
        give_up("bench_workers [HOSTS [ROUNDS]]");
    printf("| format | one worker, million records/s of CPU time | two | two over one | of the "
           "medians "
           "| by the clock: one | two | two over one | of the medians |\n"
           "|---|---|---|---|---|---|---|---|---|\n");
    for (int format = 0; format < FORMAT_COUNT; format++)
        measure(model, (enum flow_format)format, hosts, rounds);
    model_free(model);
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
