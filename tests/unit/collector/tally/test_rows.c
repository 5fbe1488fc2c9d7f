#include "collector/tally/rows.h"

#include "tests/unit/collector/tally/counting.h"

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
