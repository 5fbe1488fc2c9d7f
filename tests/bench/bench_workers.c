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
#include "tests/bench/counting.h"
#include "tests/bench/export_datagrams.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 2, DATAGRAMS = 1024, PASSES = 16, ROUNDS_MAX = 200 };

struct worker {
    _Alignas(128) struct export_datagrams datagrams; /* no line of two workers */
    struct counting counting;
    pthread_barrier_t *begin;
    pthread_t thread;
    size_t cpu;
    struct pace {
        double cpu, clock; /* records a second of each */
    } pace;                /* of the last round */
};

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *owner)
{
    struct worker *worker = owner;
    struct export_datagrams *d = &worker->datagrams;
    uint64_t before = worker->counting.records;
    double cpu_s = 0, clock_s = 0;

    pthread_barrier_wait(worker->begin);
    for (int pass = 0; pass < PASSES; pass++) {
        double began_s = seconds_of(CLOCK_MONOTONIC);
        double began_cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        for (size_t i = 0; i < d->count; i++)
            counting_feed(&worker->counting, d->bytes + d->starts[i],
                          d->starts[i + 1] - d->starts[i]);
        cpu_s += seconds_of(CLOCK_THREAD_CPUTIME_ID) - began_cpu_s;
        clock_s += seconds_of(CLOCK_MONOTONIC) - began_s;
        export_datagrams_go_on(d);
    }
    double records = (double)(worker->counting.records - before);
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
            counting_give_up("no thread");
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

static void find_cpus(struct worker workers[WORKERS])
{
    cpu_set_t allowed;
    size_t found = 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        counting_give_up("sched_getaffinity");
    for (size_t cpu = 0; cpu < CPU_SETSIZE && found < WORKERS; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            workers[found++].cpu = cpu;
    if (found < WORKERS)
        counting_give_up("two workers need two CPUs");
}

static void print_pace(double one[], double two[], int rounds)
{
    qsort(one, (size_t)rounds, sizeof(one[0]), counting_compare);
    qsort(two, (size_t)rounds, sizeof(two[0]), counting_compare);
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
        counting_start(&workers[i].counting, &(struct counting_options){.model = model,
                                                                        .exporter = 0xc0000201 + i,
                                                                        .workers = WORKERS,
                                                                        .tallies = true,
                                                                        .recalls = true});
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
        counting_done(&workers[i].counting);
        export_datagrams_done(&workers[i].datagrams);
    }
}

int main(int argc, char **argv)
{
    uint32_t hosts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    int rounds = argc > 2 ? atoi(argv[2]) : 40;
    const struct model *model = counting_model();

    if (hosts == 0 || rounds < 1 || rounds > ROUNDS_MAX)
        counting_give_up("bench_workers [HOSTS [ROUNDS]]");
    printf("| format | one worker, million records/s of CPU time | two | two over one | of the "
           "medians "
           "| by the clock: one | two | two over one | of the medians |\n"
           "|---|---|---|---|---|---|---|---|---|\n");
    for (int format = 0; format < FORMAT_COUNT; format++)
        measure(model, (enum flow_format)format, hosts, rounds);
    return 0;
}
