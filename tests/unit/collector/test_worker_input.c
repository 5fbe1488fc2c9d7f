#include "collector/worker_input.h"

#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <string.h>

/* Datagrams of one exporter as a worker takes them, without sockets. */
struct bench {
    struct config *config;
    struct model *model;
    struct clock_fake time;
    struct worker_input in;
    struct ip_addr from;
    uint64_t now_ms;
    uint8_t bytes[2048];
    struct wire_writer w;
};

static const char yaml[] = "networks: {ours: [198.51.100.0/24]}\n"
                           "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, "
                           "thresholds: [{severity: critical, any: {bps: 1G}}]}]\n";

static void setup(struct bench *b)
{
    struct config_errors errors;
    memset(b, 0, sizeof(*b));
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&b->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    b->model = model_new(b->config, &errors);
    cr_assert_not_null(b->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    b->now_ms = 1000;
    b->from = addr_from_ipv4(0xc0000201);
    struct worker_options options = {
        .config = b->config, .model = b->model, .workers = 1, .clock = clock_of_fake(&b->time)};
    cr_assert_eq(worker_input_open(&b->in, &options), STATUS_OK);
}

static void teardown(struct bench *b)
{
    worker_input_done(&b->in);
    model_free(b->model);
    config_free(b->config);
}

static const struct tally_exporter *exporter(const struct bench *b)
{
    return tally_exporter_find(b->in.tally, &b->from);
}

static void put(struct bench *b, const uint16_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u16(&b->w, words[i]);
}
#define PUT(b, ...)                                                                                \
    put(b, (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / 2)

static void start_v9(struct bench *b, uint32_t sequence)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT(b, 9, 1, 1, 0, 0x6553, 0);
    wire_put_u32(&b->w, sequence);
    PUT(b, 0, 0);
}

/* Source, destination, octets, packets. */
static void put_template(struct bench *b)
{
    PUT(b, 0, 24, 256, 4, 8, 4, 12, 4, 1, 4, 2, 4);
}

static void put_data(struct bench *b, uint16_t packets)
{
    PUT(b, 256, 20, 0x0a00, 1, 0xc633, 0x6401, 0, 1000, 0, packets);
}

static void put_sflow(struct bench *b, uint32_t sample_kind)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    const uint32_t words[] = {5, 1, 0xc0000201, 0, 1, 1000, 1, sample_kind, 8, 0, 0};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        wire_put_u32(&b->w, words[i]);
}

/* Whether the exporter counts as heard then. */
static bool is_heard(struct bench *b)
{
    b->now_ms += 1000;
    worker_input_take(&b->in, &b->from, b->bytes, b->w.len, b->now_ms);
    return exporter(b)->heard_ms == b->now_ms;
}

Test(worker_input, only_what_can_be_used_is_heard)
{
    struct bench b;
    setup(&b);
    start_v9(&b, 1);
    put_data(&b, 1);
    cr_expect_not(is_heard(&b), "data before their template");
    start_v9(&b, 2);
    put_template(&b);
    cr_expect(is_heard(&b), "a template");
    start_v9(&b, 3);
    put_data(&b, 1);
    cr_expect(is_heard(&b), "a record");
    start_v9(&b, 4);
    put_data(&b, 1000);
    cr_expect_not(is_heard(&b), "a packet of one octet");
    cr_expect_eq(exporter(&b)->refused[TALLY_SMALL_PACKETS], 1);
    start_v9(&b, 5);
    cr_expect(is_heard(&b), "nothing to tell");
    start_v9(&b, 6);
    PUT(&b, 0, 8, 256, 4);
    cr_expect_not(is_heard(&b), "half a template");
    start_v9(&b, 7);
    PUT(&b, 7, 4);
    cr_expect_not(is_heard(&b), "a set of no known kind");
    start_v9(&b, 8);
    PUT(&b, 256, 2000);
    cr_expect_not(is_heard(&b), "a set longer than the datagram");
    start_v9(&b, 9);
    put_data(&b, 1);
    PUT(&b, 7, 4);
    cr_expect(is_heard(&b), "a record beside something else");
    start_v9(&b, 10);
    put_template(&b);
    PUT(&b, 7, 4);
    cr_expect(is_heard(&b), "a template beside something else");
    put_sflow(&b, 1);
    cr_expect_not(is_heard(&b), "a sample that is cut");
    put_sflow(&b, 77);
    cr_expect_not(is_heard(&b), "a sample of another kind");
    b.w.len = 10;
    cr_expect_not(is_heard(&b), "half a header");
    b.bytes[1] = b.bytes[3] = 99;
    cr_expect_not(is_heard(&b), "no export at all");
    teardown(&b);
}

/* A hundred datagrams a second, and one in so many of them of somebody else. */
static void send_beside(struct bench *b, uint32_t count, uint32_t every, uint16_t his_packets)
{
    for (uint32_t i = 0; i < count; i++) {
        b->now_ms += 10;
        start_v9(b, 1000 + i);
        if (i == 0)
            put_template(b);
        put_data(b, 1);
        worker_input_turned(&b->in, b->now_ms);
        worker_input_take(&b->in, &b->from, b->bytes, b->w.len, b->now_ms);
        if (i % every != 0)
            continue;
        start_v9(b, 900000000 + i / every);
        put_data(b, his_packets);
        worker_input_take(&b->in, &b->from, b->bytes, b->w.len, b->now_ms);
    }
    tally_settle(b->in.tally);
}

Test(worker_input, a_second_sender_who_brings_little_counts_for_nothing_and_holds_nothing_back)
{
    struct bench b;
    setup(&b);
    send_beside(&b, 4000, 40, 1);
    cr_expect_eq(exporter(&b)->two_senders_ms, 0);
    uint64_t refused = exporter(&b)->refused[TALLY_SECOND_SENDER];
    cr_expect_gt(refused, 85, "%u", (unsigned)refused);
    cr_expect_eq(tally_counters(b.in.tally)->records, 4000 + 100 - refused);
    teardown(&b);
}

Test(worker_input, one_who_brings_a_real_part_counts_and_puts_the_exporter_in_doubt)
{
    struct bench b;
    setup(&b);
    send_beside(&b, 4000, 2, 1);
    cr_expect_eq(exporter(&b)->two_senders_ms, b.now_ms);
    cr_expect_lt(exporter(&b)->refused[TALLY_SECOND_SENDER], 20);
    teardown(&b);
}

Test(worker_input, records_that_count_for_nothing_put_nobody_in_doubt)
{
    struct bench b;
    setup(&b);
    send_beside(&b, 4000, 2, 1000); /* packets of one octet */
    cr_expect_eq(exporter(&b)->two_senders_ms, 0);
    uint64_t refused = exporter(&b)->refused[TALLY_SECOND_SENDER];
    cr_expect_gt(refused, 1850, "%u", (unsigned)refused);
    cr_expect_eq(tally_counters(b.in.tally)->records, 4000);
    teardown(&b);
}

/* --- a reload --- */

/* A configuration and what is worked out of it, as a reload brings them. */
struct listing {
    struct config *config;
    struct model *model;
};

static void list(struct listing *listing, const char *exporters)
{
    char text[1000];
    struct config_errors errors;
    config_errors_init(&errors, "test");
    snprintf(text, sizeof(text),
             "networks: {ours: [10.0.0.0/8]}\n"
             "exporters: [%s]\n"
             "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, thresholds: "
             "[{severity: critical, any: {bps: 100G}, clear: {below: 80%%, after: 120s}}]}]\n",
             exporters);
    cr_assert_eq(config_parse(&listing->config, text, strlen(text), "test", &errors), STATUS_OK,
                 "%s", text_str(&errors.lines));
    listing->model = model_new(listing->config, &errors);
    cr_assert_not_null(listing->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
}

static void unlist(struct listing *listing)
{
    model_free(listing->model);
    config_free(listing->config);
}

Test(worker_input, a_reload_forgets_the_interfaces_of_who_is_not_listed_any_more)
{
    struct clock_fake time = {.mono_us = 1000000};
    struct worker_input in = {0};
    struct listing before, after;
    list(&before, "{address: 192.0.2.1}, {address: 192.0.2.2}");
    list(&after, "{address: 192.0.2.2}");
    struct worker_options options = {.config = before.config,
                                     .model = before.model,
                                     .workers = 1,
                                     .clock = clock_of_fake(&time)};
    cr_assert_eq(worker_input_open(&in, &options), STATUS_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        struct decode_interface r = {.exporter = addr_from_ipv4(0xc0000200 + i), .index = 1};
        interfaces_counted(in.interfaces, &r, DECODE_BY_ADDRESS, 1000);
    }
    options.config = after.config;
    options.model = after.model;
    cr_assert_eq(worker_input_reload(&in, &options), STATUS_OK);
    struct ip_addr gone = addr_from_ipv4(0xc0000201), kept = addr_from_ipv4(0xc0000202);
    cr_assert_null(interfaces_at(in.interfaces, &gone));
    cr_assert_not_null(interfaces_at(in.interfaces, &kept));
    worker_input_done(&in);
    unlist(&before);
    unlist(&after);
}
