#include "collector/tally/rows.h"

#include "tests/unit/collector/tally/counting.h"

#include <math.h>

Test(rows, what_stays_is_bounded_where_too_many_are_alike_to_be_looked_at)
{
    enum { ROWS = 6000 };
    struct counting c;
    uint64_t bytes, packets;
    counting_init(
        &c, "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}]\n");
    c.options.max_rows = 1;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct flow_record flow = flow_to(ELSEWHERE + i, 1000 + i % 10, 1);
        counting_add(&c, &flow);
    }
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    tally_residual(c.tally, &bytes, &packets);
    cr_assert(bytes >= 1009 && bytes < 1009 * 5 / 4, "%lu", bytes);
    cr_assert(packets >= 1 && packets <= 2, "%lu", packets);
    /* Few of them hold the most: then it is told to the octet. */
    struct flow_record larger = flow_to(ELSEWHERE + 7, 5000, 1);
    counting_add(&c, &larger);
    larger = flow_to(ELSEWHERE + 8, 7000, 9);
    counting_add(&c, &larger);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    tally_residual(c.tally, &bytes, &packets);
    cr_assert_eq(bytes, 6007);
    counting_done(&c);
}

Test(rows, keys_of_both_families_and_of_any_length_are_counted_side_by_side)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 100, 1);
    struct ip_addr six;
    counting_init(
        &c,
        "policies: [{name: p, direction: any, key: [dst_addr, src_port], window: 1s, " THRESHOLDS
        "}, {name: q, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}]\n");
    cr_assert_eq(addr_parse(&six, "2001:db8:100::7"), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        counting_add(&c, &flow);
        struct flow_record other = flow;
        other.dst_addr = six;
        counting_add(&c, &other);
    }
    tally_settle(c.tally);
    cr_assert_eq(tally_rows(c.tally), 4);
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    cr_assert_eq(tally_rows(c.tally), 4);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_ALL), 4);
    for (size_t i = 0; i < c.given; i++) {
        cr_assert_eq(c.rows[i].bytes, 300);
        cr_assert_eq(c.rows[i].samples, 3);
    }
    cr_assert_eq(tally_rows(c.tally), 0);
    counting_done(&c);
}

#define BY_ADDR                                                                                    \
    "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}]\n"

Test(rows, variance_and_duration_stay_with_their_row_when_others_leave)
{
    enum { ROWS = 200 };
    struct counting c;
    size_t left = 0;
    counting_init(&c, BY_ADDR);
    c.options.max_rows = 1;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct flow_record flow = flow_to(ELSEWHERE + i, 1000 + i * 7 % ROWS, 1);
        flow.sampling_rate = i % 3 == 0 ? 1 + i : 1;
        flow.has |= FLOW_DURATION;
        flow.duration_ms = i % 4 == 0 ? 1000 + i : 50;
        counting_add(&c, &flow);
    }
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    while (counting_flush(&c, TALLY_FLUSH_TICK) > 0)
        for (size_t at = 0; at < c.given; at++, left++) {
            const struct delta_row *row = &c.rows[at];
            uint32_t i = row->key.bytes[5] - (ELSEWHERE & 0xffU);
            double spread = i % 3 == 0 ? (double)(1 + i) * i : 0;
            cr_assert_float_eq(row->var_flows, spread, 1e-9, "row %u", i);
            cr_assert_float_eq(row->var_packets, spread, 1e-9, "row %u", i);
            cr_assert_eq(row->duration_ms, i % 4 == 0 ? 1000 + i : 0, "row %u: %u", i,
                         row->duration_ms);
        }
    cr_assert_eq(left, ROWS);
    counting_done(&c);
}

Test(rows, sums_beyond_all_bounds_are_told_as_the_largest)
{
    struct counting c;
    uint64_t bytes, packets;
    struct flow_record flow = flow_to(CUSTOMER, UINT64_MAX, UINT64_MAX / 1000);
    counting_init(&c, BY_ADDR);
    flow.sampling_rate = 4294967295.0;
    for (int i = 0; i < 10; i++)
        counting_add(&c, &flow);
    tally_settle(c.tally);
    cr_assert(tally_has_urgent(c.tally));
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_URGENT), 1);
    cr_assert_eq(c.rows[0].bytes, VOLUME_MAX);
    cr_assert_eq(c.rows[0].packets, VOLUME_MAX);
    cr_assert(isfinite(c.rows[0].var_bytes) && c.rows[0].var_bytes > 1e38);
    cr_assert(isfinite(c.rows[0].var_packets) && c.rows[0].var_packets > 1e36);
    tally_residual(c.tally, &bytes, &packets);
    cr_assert_eq(bytes, 0);
    cr_assert_eq(packets, 0);
    counting_done(&c);
}

static void add_from(struct counting *c, uint32_t exporter, uint32_t dst, uint64_t bytes)
{
    struct flow_record flow = flow_to(dst, bytes, 1);
    tally_add(c->tally, counting_from(c, exporter), &flow, c->now_ms);
}

Test(rows, of_what_is_not_admitted_displace_none_of_the_largest)
{
    enum { KEYS = 20, ROWS = 10, SMALL = 20 };
    struct counting c;
    counting_init(&c, BY_ADDR);
    c.options.max_keys = KEYS;
    c.options.max_rows = ROWS;
    cr_assert_eq(tally_reload(c.tally, &c.options), STATUS_OK);
    for (uint32_t round = 0; round < 3; round++) {
        double bytes = 100, least = 0;
        for (uint32_t i = 0; i < KEYS; i++, bytes *= 1.3) {
            add_from(&c, EXPORTER, ELSEWHERE + i, (uint64_t)bytes);
            least = i == KEYS - ROWS ? floor(bytes) : least;
        }
        /* Of one exporter more than the largest row, of the other less than the smallest. */
        for (uint32_t i = 0; i < 2000; i++)
            add_from(&c, EXPORTER, 0x0b000000 + round * 2000 + i, SMALL);
        add_from(&c, EXPORTER + 1, 0x0c000000 + round, SMALL);
        cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), ROWS + 2);
        size_t others = 0;
        for (size_t i = 0; i < c.given; i++) {
            others += c.rows[i].key.len == 0;
            cr_assert(c.rows[i].key.len == 0 || (double)c.rows[i].bytes >= least, "%lu",
                      c.rows[i].bytes);
        }
        cr_assert_eq(others, 2);
        cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), KEYS - ROWS);
        cr_assert_eq(tally_rows(c.tally), 0);
    }
    counting_done(&c);
}
