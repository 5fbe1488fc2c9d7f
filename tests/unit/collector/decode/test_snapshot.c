#include "collector/decode/snapshot.h"

#include "common/base/hash.h"
#include "tests/unit/collector/decode/datagram.h"

#include <stdlib.h>

enum { WALL_MS = 1700000000, HOUR_MS = 3600000, ROOM = 1 << 16 };

static uint8_t saved[ROOM];
static size_t saved_len;

static struct snapshot_times times_at(uint64_t mono_ms, uint64_t wall_ms)
{
    return (struct snapshot_times){
        .mono_ms = mono_ms, .wall_ms = wall_ms, .max_age_ms = 2 * HOUR_MS};
}

static void put_template(struct bench *b, uint16_t id)
{
    set_start(b, 0);
    PUT16(b, id, 5, 8, 4, 12, 4, 1, 4, 2, 4, 48, 1);
    set_end(b);
}

static void put_data(struct bench *b, uint16_t id, uint8_t sampler)
{
    set_start(b, id);
    PUT32(b, 0x0a000001, 0xcb007107, 1500, 1);
    wire_put_u8(&b->w, sampler);
    set_end(b);
}

/* Scope System; samplerId, samplerRandomInterval. */
static void put_sampler(struct bench *b, uint8_t id, uint32_t rate)
{
    set_start(b, 1);
    PUT16(b, 300, 4, 8, 1, 4, 48, 1, 50, 4);
    set_end(b);
    set_start(b, 300);
    PUT32(b, 0);
    wire_put_u8(&b->w, id);
    PUT32(b, rate);
    set_end(b);
}

/* An exporter said its templates and its sampler's rate, and was written down an instant later. */
static void save_at(struct bench *b, uint64_t wall_ms)
{
    size_t left_out;
    struct snapshot_times times = times_at(b->now_ms, wall_ms);
    cr_assert(snapshot_write(b->decode, &times, saved, ROOM, &saved_len, &left_out));
    cr_assert_leq(saved_len, snapshot_room(b->decode));
    cr_assert_eq(left_out, 0);
}

static void save(struct bench *b)
{
    save_at(b, WALL_MS);
}

static void tell_and_save(void)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    b.now_ms = 50000;
    b.sequence = 1000;
    v9_start(&b, 7);
    put_template(&b, 256);
    put_sampler(&b, 3, 512);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    save(&b);
    bench_done(&b);
}

/* A decoder that has just begun, a moment after the other ended. */
static enum status restore(struct bench *b, uint64_t away_ms)
{
    struct snapshot_times times = times_at(5, WALL_MS + away_ms);
    bench_init(b, &(struct decode_limits){0});
    b->now_ms = 5;
    b->sequence = 1001;
    return snapshot_read(b->decode, &times, &(struct snapshot_filter){0}, saved, saved_len);
}

Test(snapshot, the_first_data_is_read_with_its_rate)
{
    struct bench b;
    tell_and_save();
    cr_assert_eq(restore(&b, 1000), STATUS_OK);
    cr_assert_eq(decode_counters(b.decode)->restored, 3, "two templates and a sampler");
    cr_assert_eq(decode_counters(b.decode)->templates, 0, "nobody sent any yet");
    v9_start(&b, 7);
    put_data(&b, 256, 3);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 1500);
    cr_assert_eq(b.flows[0].sampling_rate, 512);
    cr_assert_eq(b.flows[0].sampling_source, SAMPLING_OPTIONS);
    bench_done(&b);
}

Test(snapshot, what_was_told_too_long_ago_is_left)
{
    struct bench b;
    tell_and_save();
    cr_assert_eq(restore(&b, 2 * HOUR_MS + 10), STATUS_OK);
    cr_assert_eq(decode_counters(b.decode)->restored, 0);
    v9_start(&b, 7);
    put_data(&b, 256, 3);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    bench_done(&b);
}

Test(snapshot, ages_go_on_over_several_restarts)
{
    struct bench b;
    tell_and_save();
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(restore(&b, HOUR_MS - 10), STATUS_OK);
        cr_assert_eq(decode_counters(b.decode)->restored, i < 2 ? 3 : 0, "restart %d", i);
        save(&b);
        bench_done(&b);
    }
}

Test(snapshot, a_new_definition_replaces_at_once)
{
    struct bench b;
    tell_and_save();
    restore(&b, 1000);
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 2, 1, 4, 2, 4);
    set_end(&b);
    set_start(&b, 256);
    PUT32(&b, 40, 1);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].bytes, 40);
    bench_done(&b);
}

Test(snapshot, data_that_does_not_fit_drops_the_template_and_gives_no_record)
{
    struct bench b;
    tell_and_save();
    restore(&b, 1000);
    v9_start(&b, 7);
    set_start(&b, 256);
    PUT32(&b, 0x0a000001, 0xcb007107, 1500, 1, 0x03000001, 17);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(b.flow_count, 0);
    cr_assert_eq(decode_counters(b.decode)->restored_dropped, 1);
    bench_done(&b);
}

Test(snapshot, a_sequence_that_began_anew_drops_what_its_domain_was_told)
{
    struct bench b;
    tell_and_save();
    /* The exporter had come far before. */
    bench_init(&b, &(struct decode_limits){0});
    b.sequence = 1000000;
    v9_start(&b, 7);
    put_template(&b, 256);
    bench_send(&b);
    save(&b);
    bench_done(&b);
    restore(&b, 1000);
    b.sequence = 0;
    v9_start(&b, 7);
    put_data(&b, 256, 3);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(decode_counters(b.decode)->restored_dropped, 1);
    bench_done(&b);
}

Test(snapshot, an_uptime_that_began_anew_drops_what_its_domain_was_told)
{
    struct bench b;
    tell_and_save();
    restore(&b, 1000);
    v9_start(&b, 7);
    wire_put_uint_at(b.bytes + 4, 4, 2000);                 /* up for two seconds */
    wire_put_uint_at(b.bytes + 8, 4, EXPORT_SECONDS + 300); /* five minutes later */
    put_data(&b, 256, 3);
    cr_assert_eq(bench_send(&b), DECODE_NO_TEMPLATE);
    cr_assert_eq(decode_counters(b.decode)->restored_dropped, 3);
    bench_done(&b);
}

Test(snapshot, an_uptime_that_went_on_over_its_wrap_is_the_same_start)
{
    struct bench b;
    tell_and_save();
    restore(&b, 1000);
    v9_start(&b, 7);
    uint64_t later_ms = UINT64_C(0x100000000) + 500; /* 49.7 days */
    wire_put_uint_at(b.bytes + 4, 4, (UPTIME_MS + later_ms) & UINT32_MAX);
    wire_put_uint_at(b.bytes + 8, 4, EXPORT_SECONDS + later_ms / 1000);
    put_data(&b, 256, 3);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    bench_done(&b);
}

static void tell_ipfix(struct bench *b)
{
    ipfix_start(b, 9);
    set_start(b, 2);
    PUT16(b, 400, 4, 8, 4, 1, 8, 0x8001, 0xffff);
    PUT32(b, 35632);
    PUT16(b, 2, 4);
    set_end(b);
    set_start(b, 3);
    PUT16(b, 401, 3, 1, 149, 4, 305, 4, 306, 4);
    set_end(b);
    set_start(b, 401);
    PUT32(b, 9, 1, 99);
    set_end(b);
    cr_assert_eq(ipfix_send(b), DECODE_OK);
}

static void put_ipfix_data(struct bench *b, uint8_t string_len)
{
    set_start(b, 400);
    PUT32(b, 0x0a000001, 0, 700);
    wire_put_u8(&b->w, string_len);
    wire_put_bytes(&b->w, "abc", 3);
    PUT32(b, 2);
    set_end(b);
}

Test(snapshot, ipfix_with_enterprise_and_variable_fields)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    tell_ipfix(&b);
    save(&b);
    bench_done(&b);
    restore(&b, 1000);
    ipfix_start(&b, 9);
    put_ipfix_data(&b, 3);
    cr_assert_eq(ipfix_send(&b), DECODE_OK);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].packets, 2);
    cr_assert_eq(b.flows[0].sampling_rate, 100);
    ipfix_start(&b, 9);
    put_ipfix_data(&b, 200);
    cr_assert_eq(ipfix_send(&b), DECODE_NO_TEMPLATE, "a string that runs past its set");
    cr_assert_eq(b.flow_count, 0);
    bench_done(&b);
}

static bool is_even(void *owner, const struct ip_addr *exporter, enum decode_trust *ret_trust)
{
    (void)owner;
    *ret_trust = DECODE_BY_ADDRESS;
    return exporter->octets[3] % 2 == 0;
}

Test(snapshot, a_reader_takes_only_the_exporters_that_it_wants)
{
    struct bench b;
    tell_and_save(); /* 192.0.2.1 */
    struct snapshot_times times = times_at(5, WALL_MS);
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){.wants = is_even}, saved,
                               saved_len),
                 STATUS_OK);
    cr_assert_eq(decode_counters(b.decode)->restored, 0);
    bench_done(&b);
}

/* An exporter that moved to another worker stands in the files of both. */
Test(snapshot, of_two_snapshots_the_one_that_heard_a_domain_last_counts)
{
    static uint8_t older[ROOM];
    struct bench b;
    struct snapshot_times times = times_at(5, WALL_MS + 1000);
    tell_and_save();
    size_t older_len = saved_len;
    memcpy(older, saved, saved_len);
    restore(&b, 0);
    v9_start(&b, 7);
    put_sampler(&b, 3, 1024);
    bench_send(&b);
    save_at(&b, WALL_MS + 500);
    bench_done(&b);
    for (int order = 0; order < 2; order++) {
        bench_init(&b, &(struct decode_limits){0});
        for (int i = 0; i < 2; i++)
            cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0},
                                       i == order ? older : saved,
                                       i == order ? older_len : saved_len),
                         STATUS_OK);
        b.sequence = 1010;
        v9_start(&b, 7);
        put_data(&b, 256, 3);
        cr_assert_eq(bench_send(&b), DECODE_OK);
        cr_assert_eq(b.flows[0].sampling_rate, 1024, "order %d", order);
        bench_done(&b);
    }
}

/* --- at the limits, and damaged --- */

Test(snapshot, those_heard_last_stay_where_room_is_too_small)
{
    struct bench b;
    size_t left_out;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 1; i <= 20; i++) {
        b.source.addr = addr_from_ipv4(i);
        v9_start(&b, 7);
        put_template(&b, 256);
        bench_send(&b);
    }
    struct snapshot_times times = times_at(b.now_ms, WALL_MS);
    cr_assert(snapshot_write(b.decode, &times, saved, 400, &saved_len, &left_out));
    cr_assert_gt(left_out, 0);
    cr_assert_lt(left_out, 20);
    bench_done(&b);
    restore(&b, 0);
    cr_assert_eq(decode_counters(b.decode)->restored, 20 - left_out);
    b.source.addr = addr_from_ipv4(20);
    b.sequence = 30;
    v9_start(&b, 7);
    put_data(&b, 256, 0);
    cr_assert_eq(bench_send(&b), DECODE_OK);
    cr_assert_not(snapshot_write(b.decode, &times, saved, 20, &saved_len, &left_out));
    bench_done(&b);
}

/* The checksum of what a hostile hand wrote is right. */
static void sign(uint8_t *bytes, size_t len)
{
    wire_put_uint_at(bytes + 12, 4, len);
    wire_put_uint_at(bytes + len - 8, 8, hash_wire(bytes, len - 8));
}

Test(snapshot, every_cut_and_every_changed_octet_is_refused)
{
    struct bench b;
    struct snapshot_times times = times_at(5, WALL_MS);
    tell_and_save();
    bench_init(&b, &(struct decode_limits){0});
    for (size_t len = 0; len < saved_len; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, saved, len);
        cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, exact, len),
                     STATUS_TRUNCATED, "%zu octets", len);
        free(exact);
    }
    for (size_t at = 0; at < saved_len; at++)
        for (unsigned int bit = 0; bit < 8; bit++) {
            saved[at] = (uint8_t)(saved[at] ^ 1U << bit);
            cr_assert_neq(
                snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, saved_len),
                STATUS_OK, "octet %zu", at);
            saved[at] = (uint8_t)(saved[at] ^ 1U << bit);
        }
    cr_assert_eq(decode_counters(b.decode)->restored, 0);
    cr_assert_eq(decode_memory(b.decode), 0);
    bench_done(&b);
}

Test(snapshot, what_is_wrong_behind_a_right_checksum_does_no_harm)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0xff};
    struct snapshot_times times = times_at(5, WALL_MS);
    tell_and_save();
    for (size_t at = 24; at < saved_len - 8; at++)
        for (size_t v = 0; v < sizeof(values); v++) {
            struct bench b;
            uint8_t *copy = malloc(saved_len);
            memcpy(copy, saved, saved_len);
            copy[at] = values[v];
            sign(copy, saved_len);
            bench_init(&b, &(struct decode_limits){0});
            enum status status =
                snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, copy, saved_len);
            cr_assert(status == STATUS_OK || status == STATUS_MALFORMED, "octet %zu", at);
            free(copy);
            v9_start(&b, 7);
            put_data(&b, 256, 3);
            (void)bench_send(&b);
            bench_done(&b);
        }
}

Test(snapshot, another_version_a_foreign_file_and_the_future_are_told_apart)
{
    struct bench b;
    struct snapshot_times times = times_at(5, WALL_MS - 61000);
    tell_and_save();
    bench_init(&b, &(struct decode_limits){0});
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, saved_len),
                 STATUS_RANGE);
    saved[9] = 2;
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, saved_len),
                 STATUS_UNSUPPORTED);
    memcpy(saved, "REDIS0009", 9);
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, saved_len),
                 STATUS_MALFORMED);
    bench_done(&b);
}

Test(snapshot, the_decoders_limits_hold_for_what_is_read_back)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint16_t id = 256; id < 266; id++) {
        v9_start(&b, 7);
        put_template(&b, id);
        bench_send(&b);
    }
    save(&b);
    bench_done(&b);
    struct snapshot_times times = times_at(5, WALL_MS);
    bench_init(&b, &(struct decode_limits){.templates_per_domain = 4});
    cr_assert_eq(snapshot_read(b.decode, &times, &(struct snapshot_filter){0}, saved, saved_len),
                 STATUS_OK);
    cr_assert_eq(decode_counters(b.decode)->restored, 4);
    bench_done(&b);
}
