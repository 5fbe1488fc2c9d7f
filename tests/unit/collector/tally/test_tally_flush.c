#include "collector/tally/volume.h"
#include "tests/unit/collector/tally/counting.h"

#define BY_HOST                                                                                    \
    NETWORKS "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS  \
             "}]\n"

Test(tally_flush, durations_keep_apart_by_powers_of_two)
{
    struct counting c;
    static const uint32_t durations_ms[] = {0, 100, 101, 200, 201, 60000};
    counting_init(&c, BY_HOST);
    for (size_t i = 0; i < 6; i++) {
        struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
        flow.has |= FLOW_DURATION;
        flow.duration_ms = durations_ms[i];
        counting_add(&c, &flow);
    }
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 4);
    uint64_t bytes = 0;
    for (size_t i = 0; i < c.given; i++) {
        bytes += c.rows[i].bytes;
        if (c.rows[i].duration_ms > 100 && c.rows[i].duration_ms < 200)
            cr_assert_eq(c.rows[i].duration_ms, 151, "101 and 200, weighted by octets");
    }
    cr_assert_eq(bytes, 6000);
    counting_done(&c);
}

/* Else they would seem to come in one instant. */
Test(tally_flush, packets_without_octets_last_as_long_as_they_did)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 0, 3000000);
    flow.has = (flow.has & ~(uint32_t)FLOW_BYTES) | FLOW_DURATION;
    flow.duration_ms = 60000;
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].packets, 3000000);
    cr_assert_eq(c.rows[0].duration_ms, 60000);
    counting_done(&c);
}

Test(tally_flush, a_row_whose_sums_ended_lasts_no_longer_than_its_records)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, UINT64_MAX / 2, UINT64_MAX / 2 / 100);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = 3600000;
    counting_init(&c, BY_HOST);
    for (size_t i = 0; i < 1500; i++)
        counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].bytes, VOLUME_MAX);
    cr_assert_eq(c.rows[0].duration_ms, 3600000, "%u", c.rows[0].duration_ms);
    counting_done(&c);
}

/* Each of the small ones is less than the sum can show. */
Test(tally_flush, a_row_whose_sums_are_rounded_lasts_no_shorter_than_its_records)
{
    enum { LEAST_MS = 1638401 }; /* of its class */
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, UINT64_C(1) << 30, 1);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = LEAST_MS;
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    flow.bytes = 30;
    for (size_t i = 0; i < 100; i++)
        counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].duration_ms, LEAST_MS, "%u", c.rows[0].duration_ms);
    counting_done(&c);
}

/* A flow that lasts, and of which nothing came since it was told before. */
Test(tally_flush, flows_without_volume_last_as_long_as_they_did)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 0, 0);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = 60000;
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].flows, 1);
    cr_assert_eq(c.rows[0].duration_ms, 60000);
    counting_done(&c);
}

/* Who reads them would spread them into the future otherwise. */
Test(tally_flush, flows_no_longer_than_a_tick_have_no_duration)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, 1000, 1);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = TALLY_TICK_MS;
    counting_init(&c, BY_HOST);
    counting_add(&c, &flow);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 1);
    cr_assert_eq(c.rows[0].duration_ms, 0);
    counting_done(&c);
}

/* One place, which `first` has. */
static void counting_in_one_row(struct counting *c, const struct flow_record *first)
{
    counting_init(c, BY_HOST);
    c->options.max_keys = 1;
    cr_assert_eq(tally_reload(c->tally, &c->options), STATUS_OK);
    counting_add(c, first);
    tally_settle(c->tally);
}

static const struct delta_row *counting_other(const struct counting *c)
{
    for (size_t i = 0; i < c->given; i++)
        if (c->rows[i].key.len == 0)
            return &c->rows[i];
    cr_assert_fail("nothing was left out");
    return NULL;
}

/* Else what is not admitted would seem to come in one instant: a spike. */
Test(tally_flush, what_is_not_admitted_lasts_as_long_as_it_did)
{
    struct counting c;
    const struct flow_record first = flow_to(CUSTOMER, 90000, 90);
    static const uint32_t durations_ms[] = {60000, 20000, 0};
    counting_in_one_row(&c, &first);
    for (uint32_t i = 0; i < 3; i++) {
        struct flow_record flow = flow_to(CUSTOMER + 1 + i, 1000, 10);
        flow.has |= FLOW_DURATION;
        flow.duration_ms = durations_ms[i];
        counting_add(&c, &flow);
        for (int more = 0; i == 0 && more < 2; more++)
            counting_add(&c, &flow);
    }
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 2);
    cr_assert_eq(counting_other(&c)->bytes, 5000);
    cr_assert_eq(counting_other(&c)->duration_ms, (3 * 60000 + 20000) / 5);
    counting_done(&c);
}

Test(tally_flush, what_makes_room_lasts_as_long_as_it_did)
{
    struct counting c;
    struct flow_record first = flow_to(CUSTOMER, 1000, 10);
    const struct flow_record larger = flow_to(CUSTOMER + 1, 90000, 90);
    first.has |= FLOW_DURATION;
    first.duration_ms = 60000;
    counting_in_one_row(&c, &first);
    counting_add(&c, &larger);
    cr_assert_eq(counting_flush(&c, TALLY_FLUSH_TICK), 2);
    cr_assert_eq(tally_counters(c.tally)->replaced, 1);
    cr_assert_eq(counting_other(&c)->bytes, 1000);
    cr_assert_eq(counting_other(&c)->duration_ms, 60000);
    counting_done(&c);
}

Test(tally_flush, what_is_not_admitted_lasts_no_longer_than_a_record_may)
{
    struct counting c;
    struct flow_record flow = flow_to(CUSTOMER, UINT64_MAX / 2, UINT64_MAX / 2 / 100);
    counting_in_one_row(&c, &flow);
    flow.dst_addr = addr_from_ipv4(CUSTOMER + 1);
    flow.has |= FLOW_DURATION;
    flow.duration_ms = VOLUME_DURATION_MAX_MS - 1;
    for (size_t i = 0; i < 1500; i++)
        counting_add(&c, &flow);
    counting_flush(&c, TALLY_FLUSH_TICK);
    cr_assert_eq(counting_other(&c)->bytes, VOLUME_MAX);
    cr_assert_eq(counting_other(&c)->duration_ms, VOLUME_DURATION_MAX_MS);
    counting_done(&c);
}
