/* Memory is taken when something is new, and not by a datagram. */
#include "collector/udp_sockets.h"
#include "collector/worker_input.h"
#include "common/base/wire.h"
#include "tests/bench/export_datagrams.h"
#include "tests/support/hostile.h"
#include "tests/support/loop.h"
#include "tests/unit/collector/bounds/counted.h"
#include "tests/unit/collector/bounds/heap.h"

#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is counted leaves ten times a second. */
static void ignore_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    (void)owner;
    (void)slot;
    (void)row;
}

enum { DATAGRAMS = 1000, HOSTS = 3000 };

struct format_case {
    enum flow_format format;
};

ParameterizedTestParameters(allocations, no_datagram_takes_memory_once_all_is_known)
{
    static struct format_case cases[] = {
        {FORMAT_NETFLOW5}, {FORMAT_NETFLOW9}, {FORMAT_IPFIX}, {FORMAT_SFLOW5}};
    return cr_make_param_array(struct format_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct format_case *of, allocations, no_datagram_takes_memory_once_all_is_known)
{
    struct export_datagrams d;
    struct counted c;
    struct ip_addr from = addr_from_ipv4(0xc0000201);
    export_datagrams_make(&d, of->format, DATAGRAMS, HOSTS);
    counted_init(&c, decode_new(&(struct decode_limits){.held_bytes = HOSTILE_HELD}, 1));
    for (int round = 0; round < 3; round++) {
        size_t before = heap_allocations;
        for (size_t i = 0; i < d.count; i++) {
            counted_feed(&c, &from, d.bytes + d.starts[i], d.starts[i + 1] - d.starts[i]);
            if (i % 100 == 99)
                tally_flush(c.tally, TALLY_FLUSH_TICK, c.now_ms += 100, ignore_row, NULL);
        }
        /* The first round meets the exporter, its template and the hosts. */
        cr_assert(round == 0 ? heap_allocations > before : heap_allocations == before,
                  "round %d of %s: %zu allocations", round, flow_format_name(of->format),
                  heap_allocations - before);
    }
    cr_assert_eq(c.records, 3 * d.records);
    cr_assert_eq(tally_counters(c.tally)->records, c.records);
    counted_done(&c);
    export_datagrams_done(&d);
}

/* --- what is refused --- */

enum { ROOM = 2048 };

static struct wire_writer v9(uint8_t *bytes)
{
    struct wire_writer w = wire_writer_of(bytes, ROOM);
    for (int i = 0; i < 5; i++)
        wire_put_u32(&w, i == 0 ? 0x00090001 : 1);
    return w;
}

static struct wire_writer sflow(uint8_t *bytes, uint32_t type, uint32_t len)
{
    struct wire_writer w = wire_writer_of(bytes, ROOM);
    static const uint32_t head[] = {5, 1, 0xc0000201, 0, 1, 1, 1};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
        wire_put_u32(&w, head[i]);
    wire_put_u32(&w, type);
    wire_put_u32(&w, len);
    return w;
}

static void put32(struct wire_writer *w, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u32(w, words[i]);
}
#define PUT(w, ...)                                                                                \
    put32((w), (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* A datagram that is refused for this reason. */
static size_t refused_for(enum decode_reason reason, uint8_t *bytes)
{
    struct wire_writer w = wire_writer_of(bytes, ROOM);
    switch (reason) {
    case DECODE_EXPORTERS: /* it depends on the sender */
        w = v9(bytes);
        break;
    case DECODE_OK:
    case DECODE_NO_MEMORY:
    case DECODE_OTHER_SENDER: /* below: it depends on what came before */
    case DECODE_REASON_COUNT:
        break;
    case DECODE_EMPTY:
        wire_put_u16(&w, 9);
        break;
    case DECODE_VERSION:
        PUT(&w, 0x00070000);
        break;
    case DECODE_HEADER:
        PUT(&w, 0x00090001);
        break;
    case DECODE_COUNT:
        PUT(&w, 0x0005001e, 1, 1, 1, 1, 1);
        break;
    case DECODE_LENGTH:
        PUT(&w, 0x000a0063, 1, 1, 1);
        break;
    case DECODE_SET_LENGTH:
        w = v9(bytes);
        PUT(&w, 0x00000063);
        break;
    case DECODE_SET_ID:
        w = v9(bytes);
        PUT(&w, 0x00050004);
        break;
    case DECODE_NO_TEMPLATE:
        w = v9(bytes);
        PUT(&w, 0x03e70008, 1);
        break;
    case DECODE_TEMPLATE:
        w = v9(bytes);
        PUT(&w, 0x0000000c, 0x00050001, 0x00010004);
        break;
    case DECODE_TEMPLATE_FIELDS:
        w = v9(bytes);
        PUT(&w, 4 + 4 + 300 * 4, 0x0100012c);
        for (int i = 0; i < 300; i++)
            wire_put_u32(&w, 0x00010004);
        break;
    case DECODE_RECORD: /* a string that runs on */
        PUT(&w, 0x000a0024, 1, 1, 1, 0x0002000c, 0x01000001, 0x0052ffff, 0x01000008, 0x09000000);
        break;
    case DECODE_TOTAL: /* of one packet, with 100 octets and then with 196509 more */
        w = v9(bytes);
        PUT(&w, 0x00000018, 0x01010004, 0x00080004, 0x000c0004, 0x00550004, 0x00560004, 0x01010024,
            1, 2, 100, 1, 1, 2, 0x00030001, 1);
        break;
    case DECODE_SAMPLE:
        w = sflow(bytes, 1, 4);
        PUT(&w, 0);
        break;
    case DECODE_SAMPLE_KIND:
        w = sflow(bytes, 99, 0);
        break;
    case DECODE_PACKET:
        w = sflow(bytes, 1, 32 + 8 + 20);
        PUT(&w, 1, 1, 1000, 0, 0, 1, 2, 1, 1, 20, 11, 60, 0, 4, 0);
        break;
    }
    cr_assert_not(w.failed);
    return w.len;
}

Test(allocations, nothing_that_is_refused_takes_memory)
{
    struct counted c;
    uint8_t bytes[ROOM];
    struct ip_addr known = addr_from_ipv4(0xc0000201), stranger = addr_from_ipv4(0xc0000202);
    counted_init(
        &c, decode_new(&(struct decode_limits){.exporters = 1, .held_bytes = HOSTILE_HELD}, 1));
    for (int round = 0; round < 1000; round++) {
        size_t before = heap_allocations;
        for (int i = DECODE_OK + 1; i < DECODE_REASON_COUNT; i++) {
            enum decode_reason reason = (enum decode_reason)i;
            bool is_stranger = reason == DECODE_EXPORTERS;
            if (reason == DECODE_NO_MEMORY || reason == DECODE_OTHER_SENDER)
                continue;
            c.trust = is_stranger ? DECODE_UNLISTED : DECODE_BY_ADDRESS;
            cr_assert_eq(counted_feed(&c, is_stranger ? &stranger : &known, bytes,
                                      refused_for(reason, bytes)),
                         reason, "%s", decode_reason_name(reason));
        }
        if (round > 0) /* the first meets the exporter and its domains */
            cr_assert_eq(heap_allocations, before, "round %d: %zu", round,
                         heap_allocations - before);
        c.now_ms += 7;
    }
    cr_assert_gt(decode_counters(c.decode)->held_sets, 900);
    counted_done(&c);
}

/* A template of three fields, the first of which is another in each of two streams. */
static size_t template_of(uint8_t *bytes, uint32_t sequence, uint32_t field)
{
    struct wire_writer w = wire_writer_of(bytes, ROOM);
    PUT(&w, 0x00090001, 1, 1, sequence, 1, 0x00000014, 0x01000003, field, 0x000c0004, 0x00010004);
    return w.len;
}

Test(allocations, nor_does_a_second_sender_who_is_refused)
{
    struct counted c;
    uint8_t bytes[ROOM];
    size_t before = 0, refused = 0;
    struct ip_addr exporter = addr_from_ipv4(0xc0000201);
    counted_init(&c, decode_new(&(struct decode_limits){0}, 1));
    for (uint32_t i = 0; i < 2000; i++, c.now_ms += 10) {
        (void)counted_feed(&c, &exporter, bytes, template_of(bytes, 1000 + i, 0x00080004));
        if (i % 40 != 0)
            continue;
        if (i == 1000)
            before = heap_allocations;
        enum decode_reason reason =
            counted_feed(&c, &exporter, bytes, template_of(bytes, 900000000 + i / 40, 0x00070002));
        refused += reason == DECODE_OTHER_SENDER;
    }
    cr_assert_gt(refused, 40);
    cr_assert_eq(heap_allocations, before);
    counted_done(&c);
}

/* --- what is new --- */

struct hostile_index {
    size_t at;
};

ParameterizedTestParameters(allocations, what_is_new_takes_two_a_definition_and_a_few)
{
    static struct hostile_index cases[100];
    size_t count = 0;
    for (; hostile_case_at(count) != NULL; count++)
        cases[count].at = count;
    return cr_make_param_array(struct hostile_index, cases, count);
}

/* A definition has 8 octets at least; the few are a sender, its domain, their tables, and samplers
 * that become twice as many a few times. */
ParameterizedTest(struct hostile_index *index, allocations,
                  what_is_new_takes_two_a_definition_and_a_few)
{
    enum { A_FEW = 24 };
    const struct hostile_case *which = hostile_case_at(index->at);
    struct hostile hostile;
    struct counted c;
    hostile_make(&hostile, which);
    counted_init(&c, hostile_decoder(which));
    for (size_t i = 0; i < hostile.count; i++) {
        const struct hostile_datagram *d = &hostile.datagrams[i];
        c.now_ms += d->wait_ms;
        uint64_t templates = decode_counters(c.decode)->templates;
        size_t before = heap_allocations;
        counted_feed(&c, &d->from, hostile.bytes + d->at, d->len);
        templates = decode_counters(c.decode)->templates - templates;
        cr_assert_leq(heap_allocations - before, 2 * templates + A_FEW, "%s: %zu allocations",
                      which->name, heap_allocations - before);
        cr_assert_leq(templates, d->len / 8);
    }
    counted_done(&c);
    hostile_done(&hostile);
}

/* --- the whole of a worker's way, from its socket --- */

static void on_end(void *owner)
{
    (void)owner;
}

struct worker_end {
    struct counted counted; /* its configuration */
    struct worker_input in;
    struct clock_fake time;
    struct udp_sockets sockets;
    uv_loop_t loop;
    int out;
};

static void open_worker(struct worker_end *w)
{
    struct ip_endpoint any = {.addr = addr_from_ipv4(0x7f000001)};
    size_t failed;
    struct config_errors errors;
    memset(w, 0, sizeof(*w));
    config_errors_init(&errors, "test");
    cr_assert_eq(
        config_parse(&w->counted.config, counted_yaml, strlen(counted_yaml), "test", &errors),
        STATUS_OK);
    w->counted.model = model_new(w->counted.config, &errors);
    cr_assert_not_null(w->counted.model);
    config_errors_done(&errors);
    w->time.mono_us = 1000000;
    cr_assert_eq(
        worker_input_open(&w->in, &(struct worker_options){.config = w->counted.config,
                                                           .model = w->counted.model,
                                                           .workers = 1,
                                                           .clock = clock_of_fake(&w->time)}),
        STATUS_OK);
    cr_assert_eq(udp_sockets_open(&w->sockets, &any, 1, 1, 1 << 20, &failed), STATUS_OK);
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    int fd = udp_sockets_fd(&w->sockets, 0, 0);
    cr_assert_eq(worker_input_start(&w->in, &w->loop, &fd, 1, on_end, NULL), STATUS_OK);

    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w->sockets.bound[0]),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    w->out = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(connect(w->out, (const struct sockaddr *)&to, sizeof(to)), 0);
}

static void close_worker(struct worker_end *w)
{
    worker_input_close_sockets(&w->in);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    worker_input_done(&w->in);
    cr_assert_eq(uv_loop_close(&w->loop), 0);
    udp_sockets_close(&w->sockets);
    close(w->out);
    model_free(w->counted.model);
    config_free(w->counted.config);
}

Test(allocations, a_worker_reads_its_socket_without_taking_memory)
{
    static struct worker_end w;
    struct export_datagrams d;
    export_datagrams_make(&d, FORMAT_IPFIX, DATAGRAMS, HOSTS);
    open_worker(&w);
    for (int round = 0; round < 3; round++) {
        size_t before = heap_allocations;
        for (size_t i = 0; i < d.count; i++) {
            size_t len = d.starts[i + 1] - d.starts[i];
            uint64_t seen = decode_counters(w.in.decode)->datagrams[FORMAT_IPFIX];
            cr_assert_eq(send(w.out, d.bytes + d.starts[i], len, 0), (ssize_t)len);
            if (i % 16 == 15 || i + 1 == d.count)
                LOOP_UNTIL(&w.loop, decode_counters(w.in.decode)->datagrams[FORMAT_IPFIX] > seen);
        }
        LOOP_UNTIL(&w.loop,
                   tally_counters(w.in.tally)->records == (uint64_t)(round + 1) * d.records);
        tally_flush(w.in.tally, TALLY_FLUSH_ALL, clock_mono_ms(&w.in.clock), ignore_row, NULL);
        if (round > 0)
            cr_assert_eq(heap_allocations, before, "round %d: %zu", round,
                         heap_allocations - before);
        clock_fake_advance_ms(&w.time, 1);
    }
    close_worker(&w);
    export_datagrams_done(&d);
}
