/*
 * What the collector costs, one worker, two counts, by destination host and by host and
 * protocol:
 *   decode           bytes in memory to flow records
 *   decode + tally   the same, and counted, with a flush each 100 ms of the records' clock
 *   receive          datagrams over a loopback socket, as in_udp receives them, from a process on
 *                    another CPU, a few hundred at a time so that none is lost; the kernel's part
 *                    of the receiving is in it (loopback's own work is done by the sending)
 *   receive → tally  the same, decoded and counted
 *   with recall      the same, and remembered, with what the thread of recall does of it
 * CPU time of the receiving thread alone. Rows that a flush gives are looked at and not encoded nor
 * sent.
 * bench_collector [HOSTS [LOAD [WHAT]]], such as ipfix-variable decode
 */
#include "collector/decode/decode.h"
#include "collector/in_udp.h"
#include "collector/recall/recall.h"
#include "collector/tally/tally.h"
#include "collector/udp_sockets.h"
#include "tests/bench/datagram_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATAGRAMS = 4096, CHUNK_MAX = 512, ROUNDS = 40, RECORDS_A_TICK = 100000 };

/* Two policies that ask for two counts, each with a row for every host. */
#define THRESHOLD                                                                                  \
    "window: 1s, thresholds: [{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: "  \
    "120s}}]"
static const char yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies:\n"
    "  - {name: host, direction: incoming, key: [dst_addr], " THRESHOLD "}\n"
    "  - {name: kind, direction: incoming, key: [dst_addr, protocol], " THRESHOLD "}\n";

struct run {
    struct decode *decode;
    struct tally *tally;   /* NULL: decode only */
    struct recall *recall; /* NULL: without */
    struct tally_exporter *exporter;
    struct decode_source source;
    uint64_t now_ms, records, next_tick, octets, rows;
    uv_loop_t loop;
    struct in_udp in;
    bool reads; /* what comes in, or only receives it */
};

static void give_up(const char *what)
{
    fprintf(stderr, "bench_collector: %s\n", what);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    run->records++;
    run->octets += flow->bytes;
    if (run->tally != NULL)
        tally_add(run->tally, run->exporter, flow, run->now_ms);
    if (run->recall != NULL)
        recall_add(run->recall, flow, tally_direction(run->tally), false, run->now_ms);
}

static void on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct run *run = owner;
    (void)slot;
    run->rows += row->samples > 0;
}

static void feed(struct run *run, const uint8_t *bytes, size_t len)
{
    struct decode_sink sink = {.on_record = on_record, .owner = run};
    if (run->tally != NULL)
        run->exporter = tally_exporter(run->tally, &run->source.addr, run->now_ms);
    decode_datagram(run->decode, &run->source, bytes, len, run->now_ms, &sink);
    if (run->tally != NULL && run->records >= run->next_tick) {
        run->now_ms += TALLY_TICK_MS;
        run->next_tick = run->records + RECORDS_A_TICK;
        tally_flush(run->tally, TALLY_FLUSH_TICK, run->now_ms, on_row, run);
        if (run->recall != NULL) {
            recall_tick(run->recall, run->now_ms);
            (void)recall_keep(run->recall);
        }
    }
}

static void start_recall(struct run *run)
{
    struct recall_options options = {
        .memory_bytes = 118 << 20, .keep_ms = 600000, .cap = 256, .seed = 1};
    if (recall_new(&run->recall, &options) != STATUS_OK)
        give_up("no memory for recall");
}

static void start(struct run *run, const struct model *model, bool tallies)
{
    memset(run, 0, sizeof(*run));
    run->source.addr = addr_from_ipv4(0xc0000201);
    run->now_ms = 1000;
    run->decode = decode_new(&(struct decode_limits){0}, 1);
    if (tallies)
        run->tally = tally_new(&(struct tally_options){.model = model,
                                                       .max_keys = 1000000,
                                                       .live_workers = 1,
                                                       .urgent_share = 0.1,
                                                       .max_rows = 4000,
                                                       .ipv6_host_len = 128,
                                                       .exporters_max = 1000,
                                                       .seed = 1});
}

static int compare_seconds(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* A round is all datagrams once. On a machine that is shared the least is what the work costs, and
 * the median what it cost this time. */
static void end(struct run *run, const char *format, const char *what, double seconds[ROUNDS],
                size_t records_a_round)
{
    double scale = 1e9 / (double)records_a_round;
    qsort(seconds, ROUNDS, sizeof(seconds[0]), compare_seconds);
    printf("%-14s %-16s %8.1f ns a record, median %8.1f\n", format, what, seconds[0] * scale,
           seconds[ROUNDS / 2] * scale);
    decode_free(run->decode);
    tally_free(run->tally);
    recall_free(run->recall);
}

static void from_memory(const struct model *model, const char *format, struct export_datagrams *d,
                        bool tallies)
{
    struct run run;
    double seconds[ROUNDS];
    start(&run, model, tallies);
    for (int round = 0; round < ROUNDS; round++) {
        double began = cpu_s();
        for (size_t i = 0; i < d->count; i++)
            feed(&run, d->bytes + d->starts[i], d->starts[i + 1] - d->starts[i]);
        seconds[round] = cpu_s() - began;
        export_datagrams_go_on(d);
        run.now_ms++;
    }
    end(&run, format, tallies ? "decode + tally" : "decode", seconds, d->records);
}

/* --- over a socket --- */

static void on_datagram(void *owner, const struct in_udp *in, const struct ip_addr *from,
                        const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    (void)in;
    run->source.addr = *from;
    run->octets += len;
    if (run->reads)
        feed(run, bytes, len);
}

static void on_turn_end(void *owner)
{
    struct run *run = owner;
    tally_settle(run->tally);
}

static void on_closed(void *owner)
{
    (void)owner;
}

static void open_input(struct run *run, struct udp_sockets *sockets, struct in_udp_buffers *buffers)
{
    struct ip_endpoint any = {.addr = addr_from_ipv4(0x7f000001)};
    size_t failed;
    if (buffers == NULL || uv_loop_init(&run->loop) != 0 ||
        udp_sockets_open(sockets, &any, 1, 1, 32 << 20, &failed) != STATUS_OK ||
        in_udp_init(&run->in, &run->loop, buffers,
                    &(struct in_udp_options){.fd = udp_sockets_fd(sockets, 0, 0),
                                             .on_datagram = on_datagram,
                                             .on_turn_end = on_turn_end,
                                             .on_closed = on_closed,
                                             .owner = run}) != STATUS_OK ||
        in_udp_start(&run->in) != STATUS_OK)
        give_up("no socket to receive from");
}

/* What is in flight must fit the socket's buffer. */
static uint32_t chunk_for(uint64_t buffer_bytes)
{
    enum { ROOM = 4096 }; /* that the kernel takes for a datagram, at most */
    uint64_t fit = buffer_bytes / ROOM;
    return fit > CHUNK_MAX ? CHUNK_MAX : fit > 0 ? (uint32_t)fit : 1;
}

/* Gives the seconds. The sender is idle while its chunk is received: two CPUs may be halves of one
 * core. */
static double receive_some(struct run *run, const struct datagram_sender *sender, uint64_t count,
                           uint32_t chunk)
{
    double seconds = 0;
    uint64_t total = run->in.datagrams + count;
    while (run->in.datagrams < total) {
        uint64_t asked = total - run->in.datagrams < chunk ? total - run->in.datagrams : chunk;
        uint64_t until = run->in.datagrams + asked;
        datagram_sender_ask(sender, (uint32_t)asked);
        datagram_sender_wait(sender);
        double began = cpu_s();
        for (uint64_t turns = 0; run->in.datagrams < until && turns < asked; turns++)
            uv_run(&run->loop, UV_RUN_NOWAIT);
        seconds += cpu_s() - began;
        in_udp_ask_drops(&run->in);
        if (run->in.datagrams != until || run->in.kernel_drops > 0 || run->in.receive_errors > 0)
            give_up("datagrams were lost");
    }
    return seconds;
}

static void from_socket(const struct model *model, const char *format, struct export_datagrams *d,
                        bool reads, bool recalls)
{
    struct run run;
    struct udp_sockets sockets;
    struct datagram_sender sender;
    struct in_udp_buffers *buffers = in_udp_buffers_new();
    double seconds[ROUNDS];

    start(&run, model, true);
    run.reads = reads;
    if (recalls)
        start_recall(&run);
    open_input(&run, &sockets, buffers);
    datagram_sender_start(&sender, d, sockets.bound[0]);
    uint32_t chunk = chunk_for(sockets.receive_buffer_bytes);
    for (int round = 0; round < ROUNDS; round++)
        seconds[round] = receive_some(&run, &sender, d->count, chunk);
    datagram_sender_stop(&sender);
    in_udp_close(&run.in);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    if (reads && run.records != d->records * ROUNDS)
        give_up("records were lost");
    end(&run, format,
        recalls ? "with recall"
        : reads ? "receive → tally"
                : "receive",
        seconds, d->records);
    uv_loop_close(&run.loop);
    udp_sockets_close(&sockets);
    in_udp_buffers_free(buffers);
}

static const struct load {
    char name[20];
    enum flow_format format;
    bool variable;
} loads[] = {
    {"netflow5", FORMAT_NETFLOW5, false}, {"netflow9", FORMAT_NETFLOW9, false},
    {"ipfix", FORMAT_IPFIX, false},       {"ipfix-variable", FORMAT_IPFIX, true},
    {"sflow5", FORMAT_SFLOW5, false},
};

/* `what` NULL: everything. */
static bool wants(const char *what, const char *name)
{
    return what == NULL || strcmp(what, name) == 0;
}

static void measure(const struct model *model, const struct load *load, uint32_t hosts,
                    const char *what)
{
    struct export_datagrams d;
    if (load->variable)
        export_datagrams_make_variable(&d, DATAGRAMS, hosts);
    else
        export_datagrams_make(&d, load->format, DATAGRAMS, hosts);
    printf("%-14s %-16s %8.1f\n", load->name, "a datagram", (double)d.records / (double)d.count);
    if (wants(what, "decode"))
        from_memory(model, load->name, &d, false);
    if (wants(what, "decode + tally"))
        from_memory(model, load->name, &d, true);
    if (wants(what, "receive"))
        from_socket(model, load->name, &d, false, false);
    if (wants(what, "receive → tally"))
        from_socket(model, load->name, &d, true, false);
    if (wants(what, "with recall"))
        from_socket(model, load->name, &d, true, true);
    export_datagrams_done(&d);
}

int main(int argc, char **argv)
{
    uint32_t hosts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
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
    printf("one worker, %u hosts, two counts\n", hosts > 0 ? hosts : 1);
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (wants(argc > 2 ? argv[2] : NULL, loads[i].name))
            measure(model, &loads[i], hosts > 0 ? hosts : 1, argc > 3 ? argv[3] : NULL);
    model_free(model);
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
