#include "tests/unit/collector/recall/traffic.h"

#include "proto/recall_merge.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * A carpet over a prefix and a flood to one of its hosts, in memory that is full long before: what
 * was before, and what the others have now, is estimated within its bounds.
 */
enum {
    BASE_MS = 1000000,
    HOSTS = 24,        /* 198.51.100.0 and on, with ordinary traffic */
    CARPET_FROM = 128, /* and the 128 after it */
    FLOODED = 7,
    PEACE_MS = 70000,
    ATTACK_MS = 10000,
    TICK_MS = 100,
    ORDINARY = 60, /* records a tick, */
    CARPET = 1500, /* of the carpet, */
    FLOOD = 1500,  /* and of the flood */
    BEFORE_MS = 55000,
    KINDS = 2, /* bytes, packets */
    TIMES = 2  /* now, before */
};

static double truth[256][TIMES][KINDS];

static void add(struct recall *recall, uint8_t host, uint32_t octets, uint32_t packets,
                uint64_t at_ms, uint32_t from)
{
    struct flow_record flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_BYTES | FLOW_PACKETS,
                               .dst_addr = traffic_host(host),
                               .src_addr = traffic_peer(from),
                               .sampling_rate = 1,
                               .bytes = (uint64_t)octets * packets,
                               .packets = packets};
    uint64_t age_ms = BASE_MS + PEACE_MS + ATTACK_MS - at_ms;
    recall_add(recall, &flow, DIRECTION_INCOMING, false, at_ms);
    if (age_ms >= ATTACK_MS + BEFORE_MS)
        return;
    truth[host][age_ms >= ATTACK_MS][0] += (double)flow.bytes;
    truth[host][age_ms >= ATTACK_MS][1] += packets;
}

static void fill(struct recall *recall)
{
    uint64_t seed = 3;
    for (uint64_t at_ms = BASE_MS; at_ms < BASE_MS + PEACE_MS + ATTACK_MS; at_ms += TICK_MS) {
        bool is_attack = at_ms > BASE_MS + PEACE_MS;
        for (int i = 0; i < ORDINARY; i++)
            add(recall, (uint8_t)(i % HOSTS), 400, (uint32_t)(1 / traffic_chance(&seed)), at_ms,
                (uint32_t)(4e9 * traffic_chance(&seed)));
        for (uint32_t i = 0; is_attack && i < CARPET; i++)
            add(recall, (uint8_t)(CARPET_FROM + i % 128), 1400, 1, at_ms, 0xc0000201U + i);
        for (uint32_t i = 0; is_attack && i < FLOOD; i++)
            add(recall, FLOODED, 1400, 1, at_ms, 0xc0000201U + i);
        recall_tick(recall, at_ms + TICK_MS);
        (void)recall_keep(recall);
    }
    traffic_settle(recall, BASE_MS + PEACE_MS + ATTACK_MS);
}

/* Whether the bounds of a target's sums hold the truth. Counts them. */
struct tally {
    unsigned int held, all;
};

static double judge(const struct recall_reply *reply, uint8_t target, uint8_t before,
                    const double sums[KINDS], struct tally *tally)
{
    struct recall_tuple sum;
    double one = 0, bounds[3][2];
    memset(&sum, 0, sizeof(sum));
    for (size_t i = 0; i < reply->tuple_count; i++)
        if (reply->tuples[i].kind.target == target && reply->tuples[i].kind.before == before)
            recall_tuple_add(&sum, &reply->tuples[i]);
    for (size_t i = 0; i < reply->total_count; i++)
        if (reply->totals[i].target == target && reply->totals[i].before == before)
            one = reply->totals[i].one;
    recall_tuple_bounds(&sum, one, bounds[0], bounds[1], bounds[2]);
    for (int kind = 0; kind < KINDS; kind++) {
        tally->all++;
        tally->held +=
            sums[kind] >= bounds[kind][0] * 0.999999 && sums[kind] <= bounds[kind][1] * 1.000001;
    }
    return sum.bytes.value / sums[0];
}

static void attack(void)
{
    struct recall *recall = NULL;
    struct recall_options options = {
        .memory_bytes = 3 << 19, .keep_ms = 600000, .cap = 64, .seed = 42};
    struct recall_answer *answer = recall_answer_new(1);
    struct recall_request request = {
        .now_ms = ATTACK_MS, .before_ms = BEFORE_MS, .target_count = HOSTS + 1};
    struct recall_view view;
    struct recall_reply reply;
    struct recall_counters counters;
    struct tally now = {0}, past = {0};
    double carpet[KINDS] = {0};
    cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
    fill(recall);
    recall_counters(recall, &counters);
    cr_assert_lt(counters.kept, counters.records / 2);
    for (uint8_t host = 0; host < HOSTS; host++)
        request.targets[host].prefix = traffic_prefix(host, 0);
    request.targets[HOSTS].prefix = traffic_prefix(CARPET_FROM, 7);
    recall_view_take(recall, &view);
    traffic_answer(answer, &view, &request, BASE_MS + PEACE_MS + ATTACK_MS, &reply);
    recall_view_give(&view);
    for (uint8_t host = 0; host < HOSTS; host++) {
        (void)judge(&reply, host, 0, truth[host][0], &now);
        (void)judge(&reply, host, 1, truth[host][1], &past);
    }
    struct tally attacked = {0};
    for (int host = CARPET_FROM; host < 256; host++)
        for (int kind = 0; kind < KINDS; kind++)
            carpet[kind] += truth[host][0][kind];
    double of_carpet = judge(&reply, HOSTS, 0, carpet, &attacked);
    double of_flood = judge(&reply, FLOODED, 0, truth[FLOODED][0], &attacked);
    printf("TABLE: recall: %s, %.1f MiB, a carpet and a flood: of %u bounds of hosts before %u "
           "hold, of "
           "%u now %u; told of the carpet's bytes %.3f, of the flood's %.3f\n",
           traffic_is_ipv6 ? "IPv6" : "IPv4", (double)options.memory_bytes / (1 << 20), past.all,
           past.held, now.all, now.held, of_carpet, of_flood);
    cr_expect_geq(past.held, past.all * 9 / 10);
    cr_expect_geq(now.held, now.all * 9 / 10);
    cr_expect_float_eq(of_carpet, 1, 0.1);
    cr_expect_float_eq(of_flood, 1, 0.15);
    recall_free(recall);
    recall_answer_free(answer);
}

Test(flood, a_carpet_and_a_flood_leave_the_others_and_the_past_intact)
{
    attack();
}

Test(flood, they_do_on_one_lan_of_ipv6)
{
    traffic_is_ipv6 = true;
    attack();
}
