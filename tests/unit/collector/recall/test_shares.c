#include "tests/unit/collector/recall/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What may be looked at is shared by targets and workers, and sums stay right where it is little.
 */

enum { WORKERS = 8, BASE_MS = 1000000, DURATION_MS = 40000, RECORDS = 16000, RUNS = 20 };

static struct recall *recalls[WORKERS];
static struct recall_view views[WORKERS];
static double truth;

/* Each worker has a part of the traffic, the last of them nearly nothing. */
static void fill(uint64_t seed)
{
    struct recall_options options = {
        .memory_bytes = RECALL_WORKER_MIN, .keep_ms = 600000, .cap = 1024, .seed = seed};
    truth = 0;
    for (uint64_t w = 0; w < WORKERS; w++) {
        struct flow_record flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_BYTES | FLOW_PACKETS,
                                   .sampling_rate = 1,
                                   .packets = 1};
        uint64_t records = w + 1 < WORKERS ? RECORDS : 8;
        options.seed = seed * WORKERS + w;
        cr_assert_eq(recall_new(&recalls[w], &options), STATUS_OK);
        for (uint64_t i = 0; i < records; i++) {
            uint64_t at_ms = BASE_MS + i * DURATION_MS / records;
            flow.dst_addr = addr_from_ipv4(0x0a000000U + (uint32_t)(i * 7919 % 5000));
            flow.src_addr = addr_from_ipv4(0xc0000000U + (uint32_t)(i * 65537));
            flow.bytes = 60 + i * 37 % 1400;
            truth += (double)flow.bytes;
            recall_add(recalls[w], &flow, DIRECTION_INCOMING, false, at_ms);
            recall_tick(recalls[w], at_ms);
            (void)recall_keep(recalls[w]);
        }
        traffic_settle(recalls[w], BASE_MS + DURATION_MS);
        recall_view_take(recalls[w], &views[w]);
    }
}

static void empty(void)
{
    for (size_t w = 0; w < WORKERS; w++) {
        recall_view_give(&views[w]);
        recall_free(recalls[w]);
    }
}

static struct recall_request ask(size_t targets)
{
    struct recall_request request = {.now_ms = 2 * DURATION_MS, .target_count = targets};
    for (size_t i = 0; i < targets; i++)
        cr_assert_eq(prefix_parse(&request.targets[i].prefix, "10.0.0.0/8"), STATUS_OK);
    return request;
}

struct said {
    double bytes[RECALL_TARGETS_MAX]; /* of each target */
    uint64_t samples;
    size_t tuples;
};

static void say(const struct recall_request *request, struct said *ret_said)
{
    struct recall_answer *answer = recall_answer_new(1);
    struct recall_plan plan = {0};
    memset(ret_said, 0, sizeof(*ret_said));
    for (size_t w = 0; w < WORKERS; w++)
        recall_plan_add(&plan, answer, &views[w], request, BASE_MS + DURATION_MS);
    for (size_t w = 0; w < WORKERS; w++) {
        struct recall_reply reply;
        recall_answer(answer, &plan, &views[w], request, BASE_MS + DURATION_MS, &reply);
        ret_said->tuples += reply.tuple_count;
        for (size_t i = 0; i < reply.tuple_count; i++) {
            ret_said->bytes[reply.tuples[i].kind.target] += reply.tuples[i].bytes.value;
            ret_said->samples += reply.tuples[i].samples;
        }
    }
    recall_answer_free(answer);
}

Test(shares, many_targets_of_many_workers_are_looked_at_no_more_and_their_sums_are_right)
{
    static struct said said;
    struct recall_request request = ask(RECALL_TARGETS_MAX);
    double sum = 0, squares = 0;
    for (uint64_t run = 1; run <= RUNS; run++) {
        fill(run);
        say(&request, &said);
        cr_assert_leq(said.samples,
                      ANSWER_RECORDS + WORKERS * RECALL_TARGETS_MAX * ANSWER_RECORDS_LEAST);
        cr_assert_geq(said.samples, ANSWER_RECORDS / 2);
        cr_assert_leq(said.tuples,
                      RECALL_TUPLES_MAX + WORKERS * RECALL_TARGETS_MAX * ANSWER_TUPLES_LEAST);
        double off = said.bytes[run] / truth - 1;
        sum += off;
        squares += off * off;
        empty();
    }
    double mean = sum / RUNS, spread = sqrt(squares / RUNS / RUNS);
    printf(
        "TABLE: recall: 64 targets of 8 workers, %d runs: %.2f %% off, mean %.2f standard errors\n",
        RUNS, 100 * sqrt(squares / RUNS), fabs(mean) / spread);
    cr_assert_lt(fabs(mean), 4 * spread);
    cr_assert_lt(sqrt(squares / RUNS), 0.1);
}

Test(shares, answers_are_as_short_as_was_asked_and_nothing_of_the_sums_is_lost)
{
    static struct said all, few;
    struct recall_request request = ask(RECALL_TARGETS_MAX);
    fill(1);
    say(&request, &all);
    request.tuples = RECALL_TARGETS_MAX * 2;
    say(&request, &few);
    cr_assert_leq(few.tuples, request.tuples + WORKERS * RECALL_TARGETS_MAX * ANSWER_TUPLES_LEAST);
    cr_assert_eq(few.samples, all.samples);
    for (size_t i = 0; i < RECALL_TARGETS_MAX; i++)
        cr_assert_float_eq(few.bytes[i], all.bytes[i], 1e-6 * truth);
    empty();
}

Test(shares, who_needs_little_leaves_it_to_the_others)
{
    static struct said all, beside;
    struct recall_request request = ask(1);
    fill(1);
    say(&request, &all);
    request.target_count = RECALL_TARGETS_MAX; /* the others' hosts have nothing */
    for (size_t i = 1; i < RECALL_TARGETS_MAX; i++)
        cr_assert_eq(prefix_parse(&request.targets[i].prefix, "192.0.2.1"), STATUS_OK);
    say(&request, &beside);
    cr_assert_gt(all.samples, 4000);
    cr_assert_eq(beside.samples, all.samples);
    cr_assert_float_eq(beside.bytes[0], all.bytes[0], 1e-6 * truth);
    empty();
}
