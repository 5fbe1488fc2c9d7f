/*
 * What the collector costs, one worker, one count by destination host:
 *   decode           bytes in memory to flow records
 *   decode + tally   the same, and counted, with a flush each 100 ms of the records' clock
 *   receive → tally  datagrams over a loopback socket, as in_udp receives them: a few hundred are
 *                    sent, then received and counted, in turns; only the receiving is timed, the
 *                    kernel's part of it too (loopback's own work is done by the sending)
 * CPU time of the thread. Rows that a flush gives are looked at and not encoded nor sent.
 * bench_collector [HOSTS [FORMAT]]
 */
#include "collector/decode/decode.h"
#include "collector/in_udp.h"
#include "collector/tally/tally.h"
#include "collector/udp_sockets.h"
#include "tests/bench/export_datagrams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAMS = 4096, BURST = 512, ROUNDS = 40, SOCKET_ROUNDS = 20, RECORDS_A_TICK = 100000 };

static const char yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: 120s}}]}]\n";

struct run {
    struct decode *decode;
    struct tally *tally; /* NULL: decode only */
    struct tally_exporter *exporter;
    struct decode_source source;
    uint64_t now_ms, records, next_tick, octets, rows;
    const struct export_datagrams *datagrams;
    int sender;
    uv_loop_t loop;
    struct in_udp in;
};

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
    }
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

static void end(struct run *run, const char *format, const char *what, double seconds)
{
    printf("%-9s %-16s %8.1f ns a record %8.4f CPU s a million %8.2f M records/s\n", format, what,
           seconds * 1e9 / (double)run->records, seconds * 1e6 / (double)run->records,
           (double)run->records / seconds / 1e6);
    decode_free(run->decode);
    tally_free(run->tally);
}

static void from_memory(const struct model *model, const char *format,
                        const struct export_datagrams *d, bool tallies)
{
    struct run run;
    start(&run, model, tallies);
    double began = cpu_s();
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < d->count; i++)
            feed(&run, d->bytes + d->starts[i], d->starts[i + 1] - d->starts[i]);
    end(&run, format, tallies ? "decode + tally" : "decode", cpu_s() - began);
}

/* --- over a socket --- */

static void on_datagram(void *owner, const struct ip_addr *from, const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    run->source.addr = *from;
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

static void send_some(const struct run *run, size_t from)
{
    const struct export_datagrams *d = run->datagrams;
    for (size_t i = from; i < d->count && i < from + BURST; i++)
        (void)send(run->sender, d->bytes + d->starts[i], d->starts[i + 1] - d->starts[i], 0);
}

static int connect_to(uint16_t port)
{
    struct ip_endpoint at = {.addr = addr_from_ipv4(0x7f000001), .port = port};
    struct sockaddr_storage sockaddr;
    socklen_t len = endpoint_to_sockaddr(&at, &sockaddr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sockaddr, len) != 0)
        abort();
    return fd;
}

static void from_socket(const struct model *model, const char *format,
                        const struct export_datagrams *d)
{
    struct run run;
    struct udp_sockets sockets;
    struct ip_endpoint any = {.addr = addr_from_ipv4(0x7f000001)};
    size_t failed;
    struct in_udp_buffers *buffers = in_udp_buffers_new();

    start(&run, model, true);
    run.datagrams = d;
    if (udp_sockets_open(&sockets, &any, 1, 1, 32 << 20, &failed) != STATUS_OK ||
        uv_loop_init(&run.loop) != 0 || buffers == NULL)
        abort();
    run.sender = connect_to(sockets.bound[0]);
    if (in_udp_init(&run.in, &run.loop, buffers,
                    &(struct in_udp_options){.fd = udp_sockets_fd(&sockets, 0, 0),
                                             .on_datagram = on_datagram,
                                             .on_turn_end = on_turn_end,
                                             .on_closed = on_closed,
                                             .owner = &run}) != STATUS_OK ||
        in_udp_start(&run.in) != STATUS_OK)
        abort();
    double seconds = 0;
    for (size_t burst = 0; burst < SOCKET_ROUNDS * (d->count / BURST); burst++) {
        send_some(&run, burst % (d->count / BURST) * BURST);
        double began = cpu_s();
        for (uint64_t before = UINT64_MAX; run.in.datagrams != before;) {
            before = run.in.datagrams;
            uv_run(&run.loop, UV_RUN_NOWAIT);
        }
        seconds += cpu_s() - began;
    }
    in_udp_close(&run.in);
    uv_run(&run.loop, UV_RUN_DEFAULT);
    printf("%-9s %-16s %llu of %zu datagrams arrived, buffer %llu KiB\n", format, "receive",
           (unsigned long long)run.in.datagrams, d->count * SOCKET_ROUNDS,
           (unsigned long long)sockets.receive_buffer_bytes >> 10);
    end(&run, format, "receive → tally", seconds);
    uv_loop_close(&run.loop);
    close(run.sender);
    udp_sockets_close(&sockets);
    in_udp_buffers_free(buffers);
}

int main(int argc, char **argv)
{
    static const enum flow_format formats[] = {FORMAT_NETFLOW5, FORMAT_NETFLOW9, FORMAT_IPFIX,
                                               FORMAT_SFLOW5};
    uint32_t hosts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
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
    printf("one worker, %u hosts, one count\n", hosts > 0 ? hosts : 1);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct export_datagrams d;
        const char *name = flow_format_name(formats[i]);
        if (argc > 2 && strcmp(argv[2], name) != 0)
            continue;
        export_datagrams_make(&d, formats[i], DATAGRAMS, hosts > 0 ? hosts : 1);
        from_memory(model, name, &d, false);
        from_memory(model, name, &d, true);
        from_socket(model, name, &d);
        export_datagrams_done(&d);
    }
    model_free(model);
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
