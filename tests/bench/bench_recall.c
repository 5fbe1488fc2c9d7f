/*
 * What recall costs and how long its answers take, with one worker's share of the usual memory and
 * a ring that is full: ten minutes at some rate, in time that is not real, of a network whose hosts
 * have heavy-tailed traffic; then a flood of one host. Prints
 *   add       CPU of one record, in a chunk that is full: most records do not stay
 *   keep      CPU of a second's chunk, in the thread that answers
 *   answer    real time, and CPU, of an answer without its way through Redis, and its message
 *   resident  what the process has of memory at the end, beside what recall says of itself
 *
 * bench_recall [RECORDS_A_SECOND [HOSTS]]
 */
#include "collector/recall/answer.h"
#include "collector/recall/recall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MEMORY = 118 << 20, SECONDS = 640, TICKS = 10, ANSWERS = 200, BASE_MS = 1000000 };

struct bench {
    struct recall *recall;
    uint64_t seed, now_ms, records;
    uint32_t hosts, next;
    double add_s, keep_s;
};

static uint64_t chance(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    return z ^ z >> 31;
}

static double seconds(clockid_t of)
{
    struct timespec t;
    clock_gettime(of, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Made before it is timed, and used over and over. */
enum { FLOWS = 65536 };
static struct flow_record flows[FLOWS];

static void make_flows(struct bench *b)
{
    for (size_t i = 0; i < FLOWS; i++) {
        uint64_t r = chance(&b->seed);
        double u = (double)((r >> 40) + 1) / (1 << 24);
        flows[i] = (struct flow_record){
            .has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_PROTOCOL |
                   FLOW_TCP_FLAGS | FLOW_BYTES | FLOW_PACKETS | FLOW_INPUT_IF,
            .format = FORMAT_NETFLOW9,
            .protocol = r & 1 ? 6 : 17,
            .tcp_flags = 24,
            .src_port = (uint16_t)(r >> 4),
            .dst_port = r & 2 ? 443 : 53,
            .dst_addr = addr_from_ipv4(0x0a000000U + (uint32_t)(r >> 8) % b->hosts),
            .src_addr = addr_from_ipv4((uint32_t)(r >> 24) | 0x40000000U),
            .sampling_rate = 1,
            .packets = (uint64_t)(1 / u) + 1,
        };
        flows[i].bytes = flows[i].packets * (r & 4 ? 1400 : 80);
    }
}

static void fill_second(struct bench *b, uint32_t rate, bool is_attack)
{
    for (int tick = 0; tick < TICKS; tick++) {
        double began = seconds(CLOCK_THREAD_CPUTIME_ID);
        for (uint32_t i = 0; i < rate / TICKS; i++)
            recall_add(b->recall, &flows[b->next++ % FLOWS], DIRECTION_INCOMING, false, b->now_ms);
        for (uint32_t i = 0; is_attack && i < rate / TICKS; i++) {
            struct flow_record flow = flows[i % FLOWS];
            flow.dst_addr = addr_from_ipv4(0x0a000007);
            recall_add(b->recall, &flow, DIRECTION_INCOMING, false, b->now_ms);
        }
        b->now_ms += 1000 / TICKS;
        recall_tick(b->recall, b->now_ms);
        double added = seconds(CLOCK_THREAD_CPUTIME_ID);
        b->add_s += added - began;
        (void)recall_keep(b->recall);
        b->keep_s += seconds(CLOCK_THREAD_CPUTIME_ID) - added;
        b->records += rate / TICKS * (is_attack ? 2 : 1);
    }
}

static int rising(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* The copy, the chunk of it, the answer and its message. */
static void answer(struct bench *b, const char *what, struct recall_request *request)
{
    static double took[ANSWERS], cpu[ANSWERS];
    struct recall_answer *scratch = recall_answer_new(1);
    struct text bytes;
    size_t tuples = 0, octets = 0;
    text_init(&bytes, 0);
    for (int i = 0; scratch != NULL && i < ANSWERS; i++) {
        struct recall_reply reply;
        struct recall_view view;
        double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_THREAD_CPUTIME_ID);
        b->now_ms += RECALL_COPY_EVERY_MS; /* so that each answer has a copy of its own */
        (void)recall_ask(b->recall, b->now_ms);
        (void)recall_copy(b->recall, b->now_ms);
        (void)recall_keep(b->recall);
        recall_view_take(b->recall, &view);
        recall_answer(scratch, &view, request, b->now_ms, &reply);
        recall_view_give(&view);
        text_clear(&bytes);
        (void)recall_reply_encode(&reply, &bytes);
        took[i] = 1000 * (seconds(CLOCK_MONOTONIC) - began);
        cpu[i] = 1000 * (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_began);
        tuples = reply.tuple_count;
        octets = bytes.len;
    }
    qsort(took, ANSWERS, sizeof(took[0]), rising);
    qsort(cpu, ANSWERS, sizeof(cpu[0]), rising);
    printf("answer    %-14s median %6.1f ms, p99 %6.1f ms, of CPU %6.1f and %6.1f ms; %zu tuples, "
           "%zu octets\n",
           what, took[ANSWERS / 2], took[ANSWERS * 99 / 100], cpu[ANSWERS / 2],
           cpu[ANSWERS * 99 / 100], tuples, octets);
    text_done(&bytes);
    recall_answer_free(scratch);
}

static void ask_all(struct bench *b)
{
    static const char *const prefixes[] = {"10.0.0.7/32", "10.0.0.0/32", "10.0.1.0/24",
                                           "0.0.0.0/0"};
    static const char *const names[] = {"flooded host", "another host", "a /24", "everything"};
    struct recall_request request = {.now_ms = 10000, .before_ms = 300000, .target_count = 1};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)prefix_parse(&request.targets[0].prefix, prefixes[i]);
        answer(b, names[i], &request);
    }
    request.target_count = RECALL_TARGETS_MAX;
    for (uint32_t i = 0; i < RECALL_TARGETS_MAX; i++) {
        struct ip_addr host = addr_from_ipv4(0x0a000000U + i * 7);
        request.targets[i].prefix = prefix_of_host(&host);
    }
    answer(b, "64 hosts", &request);
}

static void tell_memory(const struct recall *recall)
{
    struct recall_counters counters;
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file != NULL)
        (void)fclose(file);
    recall_counters(recall, &counters);
    printf("resident  %.1f MiB in all, recall's own %.1f of %.1f MiB given\n",
           (double)resident * 4096 / (1 << 20), (double)counters.memory_bytes / (1 << 20),
           (double)MEMORY / (1 << 20));
}

int main(int argc, char **argv)
{
    uint32_t rate = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    struct bench b = {.seed = 1, .now_ms = BASE_MS, .hosts = 100000};
    struct recall_options options = {
        .memory_bytes = MEMORY, .keep_ms = 600000, .cap = 256, .seed = 1};
    if (argc > 2)
        b.hosts = (uint32_t)strtoul(argv[2], NULL, 10);
    if (rate < TICKS || b.hosts == 0 || recall_new(&b.recall, &options) != STATUS_OK) {
        fprintf(stderr, "bench_recall: no such rate or hosts, or no memory\n");
        return 1;
    }
    make_flows(&b);
    for (int second = 0; second < SECONDS; second++)
        fill_second(&b, rate, second >= SECONDS - 10);
    printf("one worker, %u records/s, %u hosts, ten minutes\n", rate, b.hosts);
    printf("add       %8.1f ns a record\n", 1e9 * b.add_s / (double)b.records);
    printf("keep      %8.2f ms a second\n", 1e3 * b.keep_s / SECONDS);
    ask_all(&b);
    tell_memory(b.recall);
    recall_free(b.recall);
    return 0;
}
