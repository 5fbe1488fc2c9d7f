#include "tests/unit/collector/decode/datagram.h"

/* Two senders under one address, in each format: what a decoder says of them. */
enum { DOMAIN = 7, STEP_MS = 10 };

static void put_template(struct bench *b, bool ipfix)
{
    set_start(b, ipfix ? 2 : 0);
    PUT16(b, 256, 3, 8, 4, 12, 4, 1, 4);
    set_end(b);
}

static void put_data(struct bench *b)
{
    set_start(b, 256);
    PUT32(b, 0x0a000001, 0xc6336401, 1000);
    set_end(b);
}

static void send_v9(struct bench *b, uint32_t sequence, bool has_template)
{
    b->sequence = sequence;
    v9_start(b, DOMAIN);
    if (has_template)
        put_template(b, false);
    put_data(b);
    bench_send(b);
}

/* odd: with a set that nobody can read. */
static void send_ipfix(struct bench *b, uint32_t sequence, bool has_template, bool odd)
{
    b->sequence = sequence;
    ipfix_start(b, DOMAIN);
    if (has_template)
        put_template(b, true);
    put_data(b);
    if (odd)
        PUT16(b, 4, 4);
    ipfix_send(b);
}

/* A header that is right, records that are not there. */
static void send_v5_cut(struct bench *b, uint32_t sequence)
{
    b->w = wire_writer_of(b->bytes, sizeof(b->bytes));
    PUT16(b, 5, 30);
    PUT32(b, UPTIME_MS, EXPORT_SECONDS, 0, sequence, 0);
    bench_send(b);
}

static bool shows_two_senders;

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    (void)owner;
    shows_two_senders |= info->two_senders;
}

static bool is_shown(struct bench *b)
{
    shows_two_senders = false;
    decode_exporters(b->decode, 0, b->now_ms, on_exporter, NULL);
    return shows_two_senders;
}

Test(senders, one_whose_numbers_jump_is_noticed)
{
    for (uint32_t each = 1; each <= 3; each++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        send_v9(&b, 100000, true);
        for (uint32_t i = 0; i < 2000; i++, b.now_ms += STEP_MS) {
            send_v9(&b, 100001 + i, false);
            for (uint32_t k = 0; k < each; k++)
                send_v9(&b, (i * 4 + k + 1) * 2654435761U, false);
        }
        cr_expect(is_shown(&b), "%u", each);
        cr_expect_gt(b.contested, 1000, "%u", each);
        bench_done(&b);
    }
}

Test(senders, what_cannot_be_counted_hides_nobody)
{
    for (int odd = 0; odd <= 1; odd++) {
        struct bench b;
        bench_init(&b, &(struct decode_limits){0});
        send_ipfix(&b, 100000, true, false);
        for (uint32_t i = 0; i < 2000; i++, b.now_ms += STEP_MS) {
            send_ipfix(&b, 100001 + i, false, false);
            send_ipfix(&b, 5 + i, false, odd != 0);
        }
        cr_expect(is_shown(&b), "odd %d", odd);
        cr_expect_gt(b.contested, 1000, "odd %d", odd);
        bench_done(&b);
    }
}

Test(senders, records_cut_off_are_no_new_beginning)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 0; i < 10; i++)
        send_v5_cut(&b, 100 + 30 * i);
    cr_assert_eq(decode_counters(b.decode)->sequence_resets, 0);
    send_v5_cut(&b, 4000000000);
    cr_assert_eq(decode_counters(b.decode)->sequence_resets, 1);
    bench_done(&b);
}

/* Who brings little is told from the exporter before his records come, is not held back for a
 * template to come, and says nothing of whether the exporter began anew. */
Test(senders, one_who_brings_little_is_named_before_his_records)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){.held_bytes = 1 << 20});
    send_v9(&b, 100000, true);
    uint64_t of_forger = 0;
    for (uint32_t i = 0; i < 6000; i++, b.now_ms += STEP_MS) {
        send_v9(&b, 100001 + i, false);
        if (i % 40 != 0)
            continue;
        uint64_t before = b.foreign;
        send_v9(&b, 3000000000 + i / 40, false);
        of_forger += b.foreign - before;
    }
    cr_assert(is_shown(&b));
    cr_assert_eq(b.contested, 0);
    cr_assert_eq(b.foreign, of_forger);
    cr_assert_gt(of_forger, 140);
    uint64_t restarts = decode_counters(b.decode)->restarts;
    b.now_ms += 59000; /* past the pause between two trials */
    send_v9(&b, 106001, false);
    b.sequence = 5;
    v9_start(&b, DOMAIN);
    set_start(&b, 300);
    PUT32(&b, 1, 2, 3);
    set_end(&b);
    bench_send(&b);
    cr_assert_eq(decode_counters(b.decode)->restarts, restarts);
    cr_assert_eq(decode_counters(b.decode)->held_sets, 0);
    bench_done(&b);
}

/* A hundred datagrams a second of the exporter, and a few beside them. */
static void make_enemy(struct bench *b)
{
    bench_init(b, &(struct decode_limits){0});
    send_v9(b, 100000, true);
    for (uint32_t i = 0; i < 1000; i++, b->now_ms += STEP_MS) {
        send_v9(b, 100001 + i, false);
        if (i % 40 == 0)
            send_v9(b, 3000000000 + i / 40, false);
    }
}

/* What would read the exporter's own data otherwise, or multiply them, is not his to say. */
Test(senders, one_who_brings_little_changes_no_template_and_no_rate)
{
    struct bench b;
    make_enemy(&b);
    b.sequence = 3000000025;
    v9_start(&b, DOMAIN);
    set_start(&b, 0);
    PUT16(&b, 256, 3, 12, 4, 8, 4, 1, 4); /* source and destination are exchanged */
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
    v9_start(&b, DOMAIN);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 34, 4); /* scope system, a rate */
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 0, 1000000);
    set_end(&b);
    cr_assert_eq(bench_send(&b), DECODE_OTHER_SENDER);
    send_v9(&b, 101001, false);
    cr_assert_eq(b.flow_count, 1);
    cr_assert_eq(b.flows[0].dst_addr.octets[0], 198);
    cr_assert_eq(b.flows[0].sampling_rate, 0);
    cr_assert_eq(b.contested, 0);
    bench_done(&b);
}

Test(senders, datagrams_that_were_overtaken_are_not_lost)
{
    struct bench b;
    bench_init(&b, &(struct decode_limits){0});
    send_v9(&b, 1, true);
    send_v9(&b, 5, false);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 3);
    send_v9(&b, 3, false);
    send_v9(&b, 2, false);
    send_v9(&b, 2, false);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 1);
    send_v9(&b, 4, false);
    send_v9(&b, 6, false);
    cr_assert_eq(decode_counters(b.decode)->sequence_lost, 0);
    cr_assert_eq(decode_counters(b.decode)->sequence_late, 4);
    bench_done(&b);
}
