/*
 * What recall costs and how long its answers take, with the usual memory and rings that are full:
 * ten minutes at some rate, in time that is not real, of a network whose hosts have heavy-tailed
 * traffic, spread over one, two and four workers; then a flood of one host. Once more for one
 * worker all hosts are of one IPv6 /64. Prints a table:
 *   add       CPU of one record, in a chunk that is full: most records do not stay
 *   keep      CPU of a second's chunks, in the thread that answers
 *   answers   from the request to the messages, without Redis: the copies of the open chunks
 *             (which here one thread makes), their chunks, and for each worker its answer and
 *             message. The median and the p99 of real time, and the p99 of CPU time
 *   resident  what recall has of memory at the end
 *
 * bench_recall [ANSWERS [RECORDS_A_SECOND [HOSTS]]]
 */
#include "collector/recall/answer.h"
#include "collector/recall/recall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MEMORY = 236 << 20, /* what the default leaves for the workers */
    SECONDS = 640,
    TICKS = 10,
    ANSWERS = 200,
    ANSWERS_MAX = 10000,
    WORKERS_MAX = 4,
    BASE_MS = 1000000,
    CELL_MAX = 64
};

struct bench {
    struct recall *recalls[WORKERS_MAX];
    struct recall_view views[WORKERS_MAX];
    struct recall_answer *scratch;
    uint32_t workers, hosts, next, answers;
    bool is_ipv6;
    uint64_t seed, now_ms, records;
    double add_s, keep_s;
};

/* An address of ours: the numbers of IPv4, or the end of one LAN's of IPv6. */
static struct ip_addr host_addr(const struct bench *b, uint32_t number)
{
    if (!b->is_ipv6)
        return addr_from_ipv4(number);
    return (struct ip_addr){
        .family = ADDR_IPV6,
        .octets = {0x20, 0x01, 0x0d,
                   0xb8, [12] = (uint8_t)(number >> 24), [13] = (uint8_t)(number >> 16),
                   [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number}};
}

static struct ip_prefix hosts_prefix(const struct bench *b, uint32_t first, uint8_t len)
{
    uint8_t more = b->is_ipv6 ? 96 : 0;
    return (struct ip_prefix){.addr = host_addr(b, first), .len = (uint8_t)(len + more)};
}

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
            .dst_addr = host_addr(b, 0x0a000000U + (uint32_t)(r >> 8) % b->hosts),
            .src_addr = host_addr(b, (uint32_t)(r >> 24) | 0x40000000U),
            .sampling_rate = 1,
            .packets = (uint64_t)(1 / u) + 1,
        };
        flows[i].bytes = flows[i].packets * (r & 4 ? 1400 : 80);
    }
}

static void fill_tick(struct bench *b, uint32_t worker, uint32_t rate, bool is_attack)
{
    struct recall *recall = b->recalls[worker];
    double began = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t i = 0; i < rate / TICKS; i++)
        recall_add(recall, &flows[b->next++ % FLOWS], DIRECTION_INCOMING, false, b->now_ms);
    for (uint32_t i = 0; is_attack && i < rate / TICKS; i++) {
        struct flow_record flow = flows[i % FLOWS];
        flow.dst_addr = host_addr(b, 0x0a000007);
        recall_add(recall, &flow, DIRECTION_INCOMING, false, b->now_ms);
    }
    recall_tick(recall, b->now_ms + 1000 / TICKS);
    double added = seconds(CLOCK_THREAD_CPUTIME_ID);
    b->add_s += added - began;
    (void)recall_keep(recall);
    b->keep_s += seconds(CLOCK_THREAD_CPUTIME_ID) - added;
    b->records += rate / TICKS * (is_attack ? 2 : 1);
}

static bool fill(struct bench *b, uint32_t rate)
{
    struct recall_options options = {
        .memory_bytes = MEMORY / b->workers, .keep_ms = 600000, .cap = 256};
    for (uint32_t i = 0; i < b->workers; i++) {
        options.seed = i + 1;
        if (recall_new(&b->recalls[i], &options) != STATUS_OK)
            return false;
    }
    for (int tick = 0; tick < SECONDS * TICKS; tick++) {
        for (uint32_t i = 0; i < b->workers; i++)
            fill_tick(b, i, rate / b->workers, tick >= (SECONDS - 10) * TICKS);
        b->now_ms += 1000 / TICKS;
    }
    return true;
}

static int rising(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void answer_once(struct bench *b, const struct recall_request *request, struct text *bytes)
{
    struct recall_plan plan = {0};
    for (uint32_t i = 0; i < b->workers; i++) {
        (void)recall_ask(b->recalls[i], b->now_ms);
        (void)recall_copy(b->recalls[i], b->now_ms);
        (void)recall_keep(b->recalls[i]);
        recall_view_take(b->recalls[i], &b->views[i]);
        recall_plan_add(&plan, b->scratch, &b->views[i], request, b->now_ms);
    }
    for (uint32_t i = 0; i < b->workers; i++) {
        struct recall_reply reply;
        recall_answer(b->scratch, &plan, &b->views[i], request, b->now_ms, &reply);
        recall_view_give(&b->views[i]);
        text_clear(bytes);
        (void)recall_reply_encode(&reply, bytes);
    }
}

static void time_answers(struct bench *b, const struct recall_request *request,
                         char ret_cell[CELL_MAX])
{
    static double took[ANSWERS_MAX], cpu[ANSWERS_MAX];
    struct text bytes;
    text_init(&bytes, 0);
    for (uint32_t i = 0; i < b->answers; i++) {
        b->now_ms += RECALL_COPY_EVERY_MS; /* so that each answer has copies of its own */
        double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_THREAD_CPUTIME_ID);
        answer_once(b, request, &bytes);
        took[i] = 1000 * (seconds(CLOCK_MONOTONIC) - began);
        cpu[i] = 1000 * (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_began);
    }
    qsort(took, b->answers, sizeof(took[0]), rising);
    qsort(cpu, b->answers, sizeof(cpu[0]), rising);
    (void)snprintf(ret_cell, CELL_MAX, "%.1f / %.1f / %.1f", took[b->answers / 2],
                   took[b->answers * 99 / 100], cpu[b->answers * 99 / 100]);
    text_done(&bytes);
}

/* What is asked for: so many hosts or prefixes, one beside the other; of IPv6 those with as many
 * bits of their own. */
static const struct {
    const char *name;
    uint32_t first, step, count;
    uint8_t len;
} asked[] = {
    {"the flooded host", 0x0a000007, 0, 1, 32}, {"another host", 0x0a000000, 0, 1, 32},
    {"64 hosts", 0x0a000000, 7, 64, 32},        {"a /24", 0x0a000100, 0, 1, 24},
    {"64 × /24", 0x0a000000, 256, 64, 24},      {"64 × /16", 0x0a000000, 0, 64, 16},
    {"64 × /8", 0x0a000000, 0, 64, 8},          {"everything", 0, 0, 1, 0},
};
enum { ASKED = sizeof(asked) / sizeof(asked[0]), ADD = ASKED, KEEP, MEMORY_MIB, ROWS };
static const struct {
    const char *name;
    uint32_t workers;
    bool is_ipv6;
} columns[] = {{"1 worker", 1, false},
               {"2 workers", 2, false},
               {"4 workers", 4, false},
               {"1 worker, one IPv6 /64", 1, true}};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };
static char cells[ROWS][COLUMNS][CELL_MAX];

static void ask_all(struct bench *b, size_t column)
{
    for (size_t i = 0; i < ASKED; i++) {
        struct recall_request request = {
            .now_ms = 10000, .before_ms = 300000, .target_count = asked[i].count};
        for (uint32_t k = 0; k < asked[i].count; k++)
            request.targets[k].prefix =
                hosts_prefix(b, asked[i].first + k * asked[i].step, asked[i].len);
        time_answers(b, &request, cells[i][column]);
    }
}

static double own_mib(const struct bench *b)
{
    double mib = 0;
    for (uint32_t i = 0; i < b->workers; i++) {
        struct recall_counters counters;
        recall_counters(b->recalls[i], &counters);
        mib += (double)counters.memory_bytes / (1 << 20);
    }
    return mib;
}

static bool bench_workers(struct bench *b, uint32_t rate, size_t column)
{
    if (!fill(b, rate))
        return false;
    (void)snprintf(cells[ADD][column], CELL_MAX, "%.1f", 1e9 * b->add_s / (double)b->records);
    (void)snprintf(cells[KEEP][column], CELL_MAX, "%.2f", 1e3 * b->keep_s / SECONDS);
    (void)snprintf(cells[MEMORY_MIB][column], CELL_MAX, "%.0f", own_mib(b));
    ask_all(b, column);
    for (uint32_t i = 0; i < b->workers; i++)
        recall_free(b->recalls[i]);
    return true;
}

static void print_row(const char *name, size_t row)
{
    printf("| %s |", name);
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %s |", cells[row][i]);
    printf("\n");
}

static void print_all(void)
{
    char name[64];
    printf("| |");
    for (size_t i = 0; i < COLUMNS; i++)
        printf(" %s |", columns[i].name);
    printf("\n|---|");
    for (size_t i = 0; i < COLUMNS; i++)
        printf("---|");
    printf("\n");
    print_row("add, ns a record", ADD);
    print_row("keep, ms a second", KEEP);
    print_row("memory, MiB", MEMORY_MIB);
    for (size_t i = 0; i < ASKED; i++) {
        (void)snprintf(name, sizeof(name), "%s, ms", asked[i].name);
        print_row(name, i);
    }
}

int main(int argc, char **argv)
{
    uint32_t answers = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : ANSWERS;
    uint32_t rate = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200000;
    uint32_t hosts = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 100000;
    struct recall_answer *scratch = recall_answer_new(1);
    if (rate < TICKS * WORKERS_MAX || hosts == 0 || answers == 0 || answers > ANSWERS_MAX ||
        scratch == NULL) {
        fprintf(stderr, "bench_recall: no such number of answers, records or hosts\n");
        return 1;
    }
    for (size_t column = 0; column < COLUMNS; column++) {
        struct bench *b = calloc(1, sizeof(*b));
        if (b == NULL)
            return 1;
        *b = (struct bench){.scratch = scratch,
                            .workers = columns[column].workers,
                            .is_ipv6 = columns[column].is_ipv6,
                            .hosts = hosts,
                            .answers = answers,
                            .seed = 1,
                            .now_ms = BASE_MS};
        make_flows(b);
        if (!bench_workers(b, rate, column)) {
            fprintf(stderr, "bench_recall: no memory\n");
            return 1;
        }
        free(b);
    }
    print_all();
    recall_answer_free(scratch);
    return 0;
}
