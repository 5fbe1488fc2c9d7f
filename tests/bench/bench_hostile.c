/*
 * What the dearest datagrams that we know cost a collector: CPU time of one datagram, decoded and
 * counted by a destination host and by a protocol. Each is measured on a decoder of its own that
 * has seen what must come before it, some times over; the least counts, as the machine is shared.
 * bench_hostile [ROUNDS [SHOWN]]: prints a table of so many of each format, the dearest first.
 */
#include "collector/tally/tally.h"
#include "tests/support/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CASES_MAX = 100 };

static const char yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: 120s}}]},\n"
    "{name: q, direction: any, key: [protocol], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: 120s}}]}]\n";

struct run {
    struct decode *decode;
    struct tally *tally;
    struct tally_exporter *exporter;
    uint64_t now_ms, records;
};

struct cost {
    const struct hostile_case *of;
    double us;
    uint64_t records;
    size_t octets;
};

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    run->records++;
    tally_add(run->tally, run->exporter, flow, run->now_ms);
}

static void feed(struct run *run, const struct hostile *hostile,
                 const struct hostile_datagram *datagram)
{
    struct decode_source source = {.addr = datagram->from};
    struct decode_sink sink = {.on_record = on_record, .owner = run};
    run->now_ms += datagram->wait_ms;
    run->exporter = tally_exporter(run->tally, &datagram->from, run->now_ms);
    decode_datagram(run->decode, &source, hostile->bytes + datagram->at, datagram->len, run->now_ms,
                    &sink);
    tally_settle(run->tally);
}

static void measure(struct cost *cost, const struct model *model, const struct hostile *hostile)
{
    struct run run = {.now_ms = 1000,
                      .decode = hostile_decoder(cost->of),
                      .tally = tally_new(&(struct tally_options){.model = model,
                                                                 .max_keys = 1000000,
                                                                 .live_workers = 1,
                                                                 .urgent_share = 0.1,
                                                                 .max_rows = 4000,
                                                                 .ipv6_host_len = 128,
                                                                 .exporters_max = 1000,
                                                                 .seed = 1})};
    const struct hostile_datagram *last = &hostile->datagrams[hostile->count - 1];
    if (run.decode == NULL || run.tally == NULL)
        abort();
    for (size_t i = 0; i + 1 < hostile->count; i++)
        feed(&run, hostile, &hostile->datagrams[i]);
    run.records = 0;
    double began = cpu_us();
    feed(&run, hostile, last);
    double us = cpu_us() - began;
    if (cost->octets == 0 || us < cost->us)
        cost->us = us;
    cost->records = run.records;
    cost->octets = last->len;
    decode_free(run.decode);
    tally_free(run.tally);
}

static int compare(const void *a, const void *b)
{
    const struct cost *left = a, *right = b;
    if (left->of->format != right->of->format)
        return left->of->format < right->of->format ? -1 : 1;
    return left->us > right->us ? -1 : left->us < right->us;
}

static void print(const struct cost *cost)
{
    printf("| %s | %s | %zu | %llu | %.2f | %.0f |\n", flow_format_name(cost->of->format),
           cost->of->name, cost->octets, (unsigned long long)cost->records, cost->us / 1000,
           cost->us * 1000 / (double)(cost->octets + cost->of->left_behind));
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    size_t shown = argc > 2 ? strtoul(argv[2], NULL, 10) : CASES_MAX;
    struct cost costs[CASES_MAX] = {0};
    size_t count = 0;
    struct config_errors errors;
    struct config *config = NULL;
    struct model *model = NULL;

    config_errors_init(&errors, "bench");
    if (config_parse(&config, yaml, strlen(yaml), "bench", &errors) == STATUS_OK)
        model = model_new(config, &errors);
    if (model == NULL) {
        fprintf(stderr, "%s", text_str(&errors.lines));
        return 1;
    }
    for (; count < CASES_MAX && hostile_case_at(count) != NULL; count++) {
        struct hostile hostile;
        costs[count].of = hostile_case_at(count);
        hostile_make(&hostile, costs[count].of);
        for (int round = 0; round < rounds; round++)
            measure(&costs[count], model, &hostile);
        hostile_done(&hostile);
    }
    qsort(costs, count, sizeof(*costs), compare);
    printf("| format | a datagram of | octets | records | ms | ns an octet |\n");
    printf("|---|---|---|---|---|---|\n");
    for (size_t i = 0, of_format = 0; i < count; i++) {
        bool is_first = i == 0 || costs[i].of->format != costs[i - 1].of->format;
        of_format = is_first ? 1 : of_format + 1;
        if (of_format <= shown)
            print(&costs[i]);
    }
    model_free(model);
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
