#include "tests/unit/collector/recall/traffic.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEEP_MS = 600000, BASE_MS = 1000000 };

static struct recall *new_recall(uint64_t memory_bytes, uint32_t cap)
{
    struct recall *recall = NULL;
    struct recall_options options = {
        .memory_bytes = memory_bytes, .keep_ms = KEEP_MS, .cap = cap, .seed = 42};
    cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
    return recall;
}

static struct flow_record flow_to(const char *to, const char *from, uint32_t octets)
{
    struct flow_record flow = {
        .has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_PROTOCOL |
               FLOW_BYTES | FLOW_PACKETS,
        .format = FORMAT_NETFLOW9,
        .protocol = 17,
        .src_port = 53,
        .dst_port = 4000,
        .sampling_rate = 1,
        .bytes = octets,
        .packets = 1,
    };
    cr_assert_eq(addr_parse(&flow.dst_addr, to), STATUS_OK);
    cr_assert_eq(addr_parse(&flow.src_addr, from), STATUS_OK);
    return flow;
}

static struct recall_request ask(const char *prefix, uint32_t now_ms, uint32_t before_ms)
{
    struct recall_request request = {.now_ms = now_ms, .before_ms = before_ms, .target_count = 1};
    cr_assert_eq(prefix_parse(&request.targets[0].prefix, prefix), STATUS_OK);
    return request;
}

static struct recall_answer *answer;

static struct recall_reply answered(struct recall *recall, const struct recall_request *request,
                                    uint64_t now_ms)
{
    struct recall_reply reply;
    struct recall_view view;
    if (answer == NULL)
        answer = recall_answer_new(1);
    traffic_settle(recall, now_ms);
    recall_view_take(recall, &view);
    traffic_answer(answer, &view, request, now_ms, &reply);
    recall_view_give(&view);
    return reply;
}

static struct recall_tuple sum_of(const struct recall_reply *reply, uint8_t before)
{
    struct recall_tuple sum;
    memset(&sum, 0, sizeof(sum));
    for (size_t i = 0; i < reply->tuple_count; i++) {
        if (reply->tuples[i].kind.before != before)
            continue;
        estimate_add(&sum.bytes, &reply->tuples[i].bytes);
        estimate_add(&sum.packets, &reply->tuples[i].packets);
        estimate_add(&sum.connections, &reply->tuples[i].connections);
        sum.samples += reply->tuples[i].samples;
    }
    return sum;
}

static double bytes_of(struct recall *recall, const char *prefix, uint8_t before, uint64_t now_ms)
{
    struct recall_request request = ask(prefix, 10000, 50000);
    struct recall_reply reply = answered(recall, &request, now_ms);
    return sum_of(&reply, before).bytes.value;
}

static void finish(struct recall *recall)
{
    recall_free(recall);
    recall_answer_free(answer);
    answer = NULL;
}

Test(recall, says_all_of_little_traffic_and_for_sure)
{
    struct recall *recall = new_recall(16 << 20, 256);
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
    struct recall_request request = ask("198.51.100.7", 10000, 50000);
    for (uint64_t i = 0; i < 100; i++)
        recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS + i * 10);
    struct recall_reply reply = answered(recall, &request, BASE_MS + 1000);
    cr_assert_eq(reply.tuple_count, 1);
    const struct recall_tuple *tuple = &reply.tuples[0];
    cr_assert_float_eq(tuple->bytes.value, 100000, 1e-6);
    cr_assert_float_eq(tuple->bytes.sure, 100000, 1e-6);
    cr_assert_eq(tuple->samples, 100);
    cr_assert_eq(tuple->kind.src_port, 53);
    cr_assert_eq(tuple->kind.length, 1000 / RECALL_LENGTH_STEP * RECALL_LENGTH_STEP);
    cr_assert_float_eq(tuple->peers, 1, 1e-6);
    cr_assert_eq(reply.covers_now_ms, 1000);
    cr_assert_eq(reply.covers_before_ms, 0);
    finish(recall);
}

Test(recall, tells_now_from_before_and_leaves_the_gap_out)
{
    struct recall *recall = new_recall(16 << 20, 256);
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1);
    struct recall_request request = ask("198.51.100.7", 5000, 20000);
    request.gap_ms = 3000;
    for (uint64_t at_ms = 0; at_ms < 40000; at_ms += 10) {
        recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS + at_ms);
        recall_tick(recall, BASE_MS + at_ms);
        (void)recall_keep(recall);
    }
    struct recall_reply reply = answered(recall, &request, BASE_MS + 40000);
    cr_assert_float_eq(sum_of(&reply, 0).bytes.value, 499, 1.1);
    cr_assert_float_eq(sum_of(&reply, 1).bytes.value, 2000, 1.1);
    cr_assert_eq(reply.covers_before_ms, 20000);
    finish(recall);
}

struct direction_case {
    char name[24];
    enum direction direction;
    bool sources;
    double to, from; /* records told of under the destination, under the source */
};

ParameterizedTestParameters(recall, keeps_what_is_of_our_networks)
{
    static struct direction_case cases[] = {
        {"incoming", DIRECTION_INCOMING, true, 1, 0},
        {"internal", DIRECTION_INTERNAL, true, 1, 1},
        {"outgoing", DIRECTION_OUTGOING, true, 0, 1},
        {"transit", DIRECTION_TRANSIT, true, 0, 0},
        {"not counted", DIRECTION_ANY, true, 0, 0},
        {"no sources", DIRECTION_OUTGOING, false, 0, 0},
        {"only to", DIRECTION_INTERNAL, false, 1, 0},
    };
    return cr_make_param_array(struct direction_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct direction_case *c, recall, keeps_what_is_of_our_networks)
{
    struct recall *recall = new_recall(16 << 20, 256);
    struct flow_record flow = flow_to("198.51.100.7", "198.51.100.9", 1000);
    struct recall_request request = ask("198.51.100.7", 10000, 0);
    recall_add(recall, &flow, c->direction, c->sources, BASE_MS);
    request.target_count = 2;
    request.targets[1].side = RECALL_SOURCE;
    cr_assert_eq(prefix_parse(&request.targets[1].prefix, "198.51.100.0/24"), STATUS_OK);
    struct recall_reply reply = answered(recall, &request, BASE_MS + 1000);
    double told[2] = {0, 0};
    for (size_t i = 0; i < reply.tuple_count; i++)
        told[reply.tuples[i].kind.target] += reply.tuples[i].bytes.value / 1000;
    cr_assert_float_eq(told[0], c->to, 1e-6, "%s", c->name);
    cr_assert_float_eq(told[1], c->from, 1e-6, "%s", c->name);
    finish(recall);
}

Test(recall, finds_hosts_and_prefixes_of_both_families)
{
    static const char *const hosts[] = {"2001:db8:100::1", "2001:db8:100::2", "2001:db8:200::1",
                                        "198.51.100.1", "198.51.101.1"};
    static const struct {
        const char *prefix;
        double records;
    } asked[] = {{"2001:db8:100::1", 1}, {"2001:db8:100::/48", 2},
                 {"2001:db8::/32", 3},   {"::/0", 3},
                 {"198.51.100.0/24", 1}, {"198.51.100.0/23", 2},
                 {"0.0.0.0/0", 2},       {"198.51.100.2", 0}};
    struct recall *recall = new_recall(16 << 20, 256);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        bool six = strchr(hosts[i], ':') != NULL;
        struct flow_record flow = flow_to(hosts[i], six ? "2001:db8:f::1" : "203.0.113.9", 1000);
        recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS);
    }
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        cr_expect_float_eq(bytes_of(recall, asked[i].prefix, 0, BASE_MS + 500),
                           1000 * asked[i].records, 1e-6, "%s", asked[i].prefix);
    finish(recall);
}

/* --- what records do not say --- */

Test(recall, ports_of_later_fragments_are_absent)
{
    struct recall *recall = new_recall(16 << 20, 256);
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
    struct recall_request request = ask("198.51.100.7", 10000, 0);
    flow.has = (flow.has & ~(uint32_t)(FLOW_SRC_PORT | FLOW_DST_PORT)) | FLOW_FRAGMENT;
    flow.fragment = FRAGMENT_LATER;
    recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS);
    struct recall_reply reply = answered(recall, &request, BASE_MS + 500);
    cr_assert_eq(reply.tuple_count, 1);
    cr_assert_eq(reply.tuples[0].kind.known & (FLOW_SRC_PORT | FLOW_DST_PORT), 0);
    cr_assert_eq(reply.tuples[0].kind.folded, 0);
    cr_assert_eq(reply.tuples[0].kind.src_port, 0);
    cr_assert_eq(reply.tuples[0].kind.fragment, FRAGMENT_LATER);
    finish(recall);
}

struct tcp_case {
    char name[40];
    uint32_t has;
    uint16_t flags;
    uint64_t packets;
    bool known;
    double connections;
};

ParameterizedTestParameters(recall, tells_new_connections)
{
    static struct tcp_case cases[] = {
        {"SYN", FLOW_TCP_FLAGS, 2, 1, true, 10},
        {"SYN ACK", FLOW_TCP_FLAGS, 18, 1, true, 0},
        {"ACK", FLOW_TCP_FLAGS, 16, 1, true, 0},
        {"a flow that began", FLOW_TCP_FLAGS, 27, 9, false, 10},
        {"a flow that had begun", FLOW_TCP_FLAGS, 24, 9, false, 0},
        {"a flow without flags", 0, 0, 9, false, 10},
    };
    return cr_make_param_array(struct tcp_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct tcp_case *c, recall, tells_new_connections)
{
    struct recall *recall = new_recall(16 << 20, 256);
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
    struct recall_request request = ask("198.51.100.7", 10000, 0);
    flow.has |= c->has;
    flow.protocol = 6;
    flow.tcp_flags = c->flags;
    flow.packets = c->packets;
    flow.sampling_rate = 10;
    recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS);
    struct recall_reply reply = answered(recall, &request, BASE_MS + 500);
    cr_assert_eq(reply.tuple_count, 1);
    cr_assert_eq((reply.tuples[0].kind.known & FLOW_TCP_FLAGS) != 0, c->known, "%s", c->name);
    cr_assert_float_eq(reply.tuples[0].connections.value, c->connections, 1e-6, "%s", c->name);
    cr_assert_eq(reply.tuples[0].kind.length != 0, c->packets == 1, "%s", c->name);
    finish(recall);
}

/* --- bounds --- */

Test(recall, many_kinds_become_few_tuples_and_nothing_of_the_sums_is_lost)
{
    struct recall *recall = new_recall(64 << 20, 1024);
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
    struct recall_request request = ask("198.51.100.0/24", 10000, 0);
    double octets = 0, dns = 0;
    for (uint32_t i = 0; i < 4500; i++) {
        flow.dst_addr = traffic_host((uint8_t)(i % 5));
        flow.src_addr = addr_from_ipv4(0x0a000000U + i * 4099);
        flow.src_port = i % 3 == 0 ? 53 : (uint16_t)(1024 + i);
        flow.dst_port = (uint16_t)(60000 - i);
        flow.bytes = 100 + i % 1000;
        octets += (double)flow.bytes;
        dns += i % 3 == 0 ? (double)flow.bytes : 0;
        recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS);
    }
    request.target_count = 40; /* each has but 102 tuples then */
    for (size_t i = 1; i < 40; i++)
        request.targets[i] = request.targets[0];
    struct recall_reply reply = answered(recall, &request, BASE_MS + 500);
    double told = 0, from_dns = 0;
    size_t tuples = 0;
    for (size_t i = 0; i < reply.tuple_count; i++) {
        if (reply.tuples[i].kind.target != 7)
            continue;
        tuples++;
        told += reply.tuples[i].bytes.value;
        from_dns += reply.tuples[i].kind.src_port == 53 ? reply.tuples[i].bytes.value : 0;
    }
    cr_assert_leq(reply.tuple_count, RECALL_TUPLES_MAX);
    cr_assert_leq(tuples, RECALL_TUPLES_MAX / 40);
    cr_assert_geq(tuples, 1);
    cr_assert_lt(fabs(told / octets - 1), 0.1); /* thinned: 40 targets share what may be read */
    cr_assert_lt(fabs(from_dns / dns - 1), 0.2);
    finish(recall);
}

/* AddressSanitizer knows what the program has from the system; without it, nothing is compared. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : 0;
}

/* Twelve minutes of records each to a host of its own, in time that is not real. */
Test(recall, memory_is_what_was_given)
{
    size_t before = allocated();
    struct recall *recall = new_recall(2 << 20, 16);
    struct recall_counters counters;
    uint64_t seed = 5;
    recall_counters(recall, &counters);
    cr_assert_leq(counters.memory_bytes, 2 << 20);
    cr_assert_geq(counters.memory_bytes, 1 << 20);
    for (uint64_t at_ms = 0; at_ms < 700000; at_ms += 50) {
        struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
        for (int i = 0; i < 40; i++) {
            flow.dst_addr = addr_from_ipv4((uint32_t)(4e9 * traffic_chance(&seed)));
            flow.bytes = (uint64_t)(1000 / traffic_chance(&seed));
            recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS + at_ms);
        }
        recall_tick(recall, BASE_MS + at_ms);
        (void)recall_keep(recall);
    }
    cr_assert_leq(allocated() - before, 2 << 20);
    struct recall_request request = ask("0.0.0.0/0", 60000, 530000);
    struct recall_reply reply = answered(recall, &request, BASE_MS + 700000);
    cr_assert_eq(reply.covers_before_ms, 530000);
    cr_assert_gt(sum_of(&reply, 1).samples, 500);
    recall_counters(recall, &counters);
    cr_assert_eq(counters.records, 14000 * 40);
    cr_assert_eq(counters.lost_chunks, 0);
    finish(recall);
}

Test(recall, a_worker_has_too_little_memory)
{
    struct recall *recall = NULL;
    struct recall_options options = {
        .memory_bytes = 64 << 10, .keep_ms = KEEP_MS, .cap = 256, .seed = 1};
    cr_assert_eq(recall_new(&recall, &options), STATUS_RANGE);
    options.memory_bytes = RECALL_WORKER_MIN;
    cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
    finish(recall);
}

/* --- a flood --- */

/* A minute of what is usual, then ten seconds with a flood to one host, or without. */
static struct recall *minute_and_flood(bool with_flood)
{
    struct recall *recall = new_recall(16 << 20, 64);
    uint64_t seed = 3;
    for (uint64_t at_ms = 0; at_ms < 70000; at_ms += 100) {
        struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
        for (int i = 0; i < 60; i++) {
            flow.dst_addr = traffic_host((uint8_t)(i % 20));
            flow.bytes = (uint64_t)(400 / traffic_chance(&seed));
            recall_add(recall, &flow, DIRECTION_INCOMING, false, BASE_MS + at_ms);
        }
        for (int i = 0; with_flood && at_ms > 60000 && i < 3000; i++) {
            struct flow_record attack = flow_to("198.51.100.7", "192.0.2.1", 1400);
            recall_add(recall, &attack, DIRECTION_INCOMING, false, BASE_MS + at_ms);
        }
        recall_tick(recall, BASE_MS + at_ms);
        (void)recall_keep(recall);
    }
    return recall;
}

Test(recall, a_flood_leaves_the_others_and_its_own_past_intact)
{
    struct recall *quiet = minute_and_flood(false), *flooded = minute_and_flood(true);
    for (int host = 0; host < 20; host++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "198.51.100.%d", host);
        double now[2] = {bytes_of(quiet, text, 0, BASE_MS + 70000),
                         bytes_of(flooded, text, 0, BASE_MS + 70000)};
        double before[2] = {bytes_of(quiet, text, 1, BASE_MS + 70000),
                            bytes_of(flooded, text, 1, BASE_MS + 70000)};
        cr_expect_lt(fabs(before[1] / before[0] - 1), 0.02, "%s before: %g, %g", text, before[0],
                     before[1]);
        if (host != 7)
            cr_expect_lt(fabs(now[1] / now[0] - 1), 0.05, "%s: %g, %g", text, now[0], now[1]);
        else
            cr_expect_lt(fabs(now[1] / (99 * 3000 * 1400.0 + now[0]) - 1), 0.05, "%g", now[1]);
    }
    recall_free(quiet);
    finish(flooded);
}

/* --- readers --- */

Test(recall, what_a_reader_holds_does_not_change_and_is_not_taken)
{
    enum { READERS = 40 };
    static struct recall_view views[READERS];
    struct recall *recall = new_recall(2 << 20, 256);
    struct recall_counters counters;
    struct flow_record flow = flow_to("198.51.100.7", "203.0.113.9", 1000);
    uint64_t at_ms = BASE_MS;
    for (int second = 0; second < 100; second++, at_ms += 1000) {
        recall_add(recall, &flow, DIRECTION_INCOMING, false, at_ms);
        recall_tick(recall, at_ms);
        (void)recall_keep(recall);
    }
    struct recall_request request = ask("198.51.100.7", 30000, 0);
    for (int i = 0; i < READERS; i++)
        recall_view_take(recall, &views[i]);
    struct recall_reply reply;
    answer = recall_answer_new(1);
    traffic_answer(answer, &views[0], &request, at_ms, &reply);
    double held = sum_of(&reply, 0).bytes.value;
    for (int second = 0; second < 100; second++, at_ms += 1000) {
        recall_tick(recall, at_ms);
        (void)recall_keep(recall);
    }
    traffic_answer(answer, &views[0], &request, at_ms - 100000, &reply);
    cr_assert_float_eq(sum_of(&reply, 0).bytes.value, held, 1e-6);
    recall_counters(recall, &counters);
    cr_assert_gt(counters.lost_chunks, 0);
    for (int i = 0; i < READERS; i++)
        recall_view_give(&views[i]);
    for (int second = 0; second < 100; second++, at_ms += 1000) {
        recall_add(recall, &flow, DIRECTION_INCOMING, false, at_ms);
        recall_tick(recall, at_ms);
        (void)recall_keep(recall);
    }
    cr_assert_gt(bytes_of(recall, "198.51.100.7", 1, at_ms), 40000);
    finish(recall);
}
