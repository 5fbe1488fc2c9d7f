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
#include "collector/in_udp.h"
#include "collector/udp_sockets.h"
#include "tests/bench/counting.h"
#include "tests/bench/datagram_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATAGRAMS = 4096, CHUNK_MAX = 512, ROUNDS = 40 };

struct run {
    struct counting counting;
    uv_loop_t loop;
    struct in_udp in;
    bool reads; /* what comes in, or only receives it */
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void start(struct run *run, const struct model *model, bool tallies, bool recalls)
{
    memset(run, 0, sizeof(*run));
    counting_start(&run->counting, &(struct counting_options){.model = model,
                                                              .exporter = 0xc0000201,
                                                              .workers = 1,
                                                              .tallies = tallies,
                                                              .recalls = recalls});
}

/* A round is all datagrams once. On a machine that is shared the least is what the work costs, and
 * the median what it cost this time. */
static void end(struct run *run, const char *format, const char *what, double seconds[ROUNDS],
                size_t records_a_round)
{
    double scale = 1e9 / (double)records_a_round;
    qsort(seconds, ROUNDS, sizeof(seconds[0]), counting_compare);
    printf("%-14s %-16s %8.1f ns a record, median %8.1f\n", format, what, seconds[0] * scale,
           seconds[ROUNDS / 2] * scale);
    counting_done(&run->counting);
}

static void from_memory(const struct model *model, const char *format, struct export_datagrams *d,
                        bool tallies)
{
    struct run run;
    double seconds[ROUNDS];
    start(&run, model, tallies, false);
    for (int round = 0; round < ROUNDS; round++) {
        double began = cpu_s();
        for (size_t i = 0; i < d->count; i++)
            counting_feed(&run.counting, d->bytes + d->starts[i], d->starts[i + 1] - d->starts[i]);
        seconds[round] = cpu_s() - began;
        export_datagrams_go_on(d);
        run.counting.now_ms++;
    }
    end(&run, format, tallies ? "decode + tally" : "decode", seconds, d->records);
}

/* --- over a socket --- */

static void on_datagram(void *owner, const struct in_udp *in, const struct ip_addr *from,
                        const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    (void)in;
    run->counting.source.addr = *from;
    run->counting.octets += len;
    if (run->reads)
        counting_feed(&run->counting, bytes, len);
}

static void on_turn_end(void *owner)
{
    struct run *run = owner;
    tally_settle(run->counting.tally);
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
        counting_give_up("no socket to receive from");
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
            counting_give_up("datagrams were lost");
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

    start(&run, model, true, recalls);
    run.reads = reads;
    open_input(&run, &sockets, buffers);
    datagram_sender_start(&sender, d, sockets.bound[0]);
    uint32_t chunk = chunk_for(sockets.receive_buffer_bytes);
    for (int round = 0; round < ROUNDS; round++)
        seconds[round] = receive_some(&run, &sender, d->count, chunk);
    datagram_sender_stop(&sender);
    in_udp_close(&run.in);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    if (reads && run.counting.records != d->records * ROUNDS)
        counting_give_up("records were lost");
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
    const struct model *model = counting_model();

    printf("one worker, %u hosts, two counts\n", hosts > 0 ? hosts : 1);
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (wants(argc > 2 ? argv[2] : NULL, loads[i].name))
            measure(model, &loads[i], hosts > 0 ? hosts : 1, argc > 3 ? argv[3] : NULL);
    return 0;
}
