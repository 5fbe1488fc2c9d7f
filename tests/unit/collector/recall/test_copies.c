#include "tests/unit/collector/recall/traffic.h"

#include <criterion/criterion.h>
#include <string.h>

/* What the open chunk's copy does to an answer: when it came, when it did not, and how often. */

enum { BASE_MS = 1000000, RECORD_OCTETS = 1000 };

static struct recall *new_recall(void)
{
    struct recall *recall = NULL;
    struct recall_options options = {
        .memory_bytes = 16 << 20, .keep_ms = 600000, .cap = 256, .seed = 42};
    cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
    return recall;
}

/* One record each 10 ms, in [from, to). */
static void fill(struct recall *recall, uint64_t from_ms, uint64_t to_ms)
{
    struct flow_record flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_BYTES | FLOW_PACKETS,
                               .dst_addr = traffic_host(7),
                               .src_addr = addr_from_ipv4(0xcb007109),
                               .sampling_rate = 1,
                               .bytes = RECORD_OCTETS,
                               .packets = 1};
    for (uint64_t at_ms = from_ms; at_ms < to_ms; at_ms += 10) {
        recall_add(recall, &flow, DIRECTION_INCOMING, false, at_ms);
        recall_tick(recall, at_ms);
        (void)recall_keep(recall);
    }
}

struct said {
    double bytes;
    uint32_t covers_ms;
    bool open_missing;
};

/* The last ten seconds, as they were at that moment. */
static struct said say(struct recall *recall, uint64_t of_ms)
{
    struct recall_answer *answer = recall_answer_new(1);
    struct recall_request request = {.now_ms = 10000, .target_count = 1};
    struct recall_view view;
    struct recall_reply reply;
    struct said said;
    cr_assert_eq(prefix_parse(&request.targets[0].prefix, "198.51.100.0/24"), STATUS_OK);
    recall_view_take(recall, &view);
    traffic_answer(answer, &view, &request, of_ms, &reply);
    recall_view_give(&view);
    said = (struct said){.covers_ms = reply.covers_now_ms, .open_missing = reply.open_missing};
    for (size_t i = 0; i < reply.tuple_count; i++)
        said.bytes += reply.tuples[i].bytes.value;
    recall_answer_free(answer);
    return said;
}

Test(copies, an_answer_without_the_open_chunk_covers_no_more_than_was_read)
{
    struct recall *recall = new_recall();
    fill(recall, BASE_MS, BASE_MS + 20500);
    uint64_t of_ms = recall_ask(recall, BASE_MS + 20500);
    struct said without = say(recall, of_ms);
    cr_assert(without.open_missing);
    cr_assert_eq(without.covers_ms, 9500);
    cr_assert_float_eq(without.bytes, 950 * RECORD_OCTETS, 2 * RECORD_OCTETS);
    cr_assert(recall_copy(recall, BASE_MS + 20510));
    cr_assert(recall_keep(recall));
    struct said with = say(recall, of_ms);
    cr_assert_not(with.open_missing);
    cr_assert_eq(with.covers_ms, 10000);
    cr_assert_float_eq(with.bytes, 1000 * RECORD_OCTETS, 2 * RECORD_OCTETS);
    recall_free(recall);
}

Test(copies, what_came_after_the_moment_is_not_in_its_answer)
{
    struct recall *recall = new_recall();
    fill(recall, BASE_MS, BASE_MS + 20500);
    uint64_t of_ms = recall_ask(recall, BASE_MS + 20500);
    fill(recall, BASE_MS + 20510, BASE_MS + 20800);
    cr_assert(recall_copy(recall, BASE_MS + 20800));
    cr_assert(recall_keep(recall));
    struct said said = say(recall, of_ms);
    cr_assert_eq(said.covers_ms, 10000);
    cr_assert_float_eq(said.bytes, 1000 * RECORD_OCTETS, 2 * RECORD_OCTETS);
    recall_free(recall);
}

/* Seconds that the keeper had no chunk for, since readers held them all, are not covered. */
Test(copies, a_second_that_was_lost_is_not_covered)
{
    enum { READERS = 40 };
    static struct recall_view views[READERS];
    struct recall *recall = new_recall();
    for (int i = 0; i < READERS; i++) {
        fill(recall, BASE_MS + (uint64_t)i * 2000, BASE_MS + (uint64_t)i * 2000 + 2000);
        recall_view_take(recall, &views[i]);
    }
    uint64_t now_ms = BASE_MS + READERS * 2000;
    (void)recall_ask(recall, now_ms);
    (void)recall_copy(recall, now_ms);
    (void)recall_keep(recall);
    struct said said = say(recall, now_ms);
    cr_assert_not(said.open_missing);
    cr_assert_lt(said.covers_ms, 9000);
    cr_assert_float_eq(said.bytes, said.covers_ms / 10.0 * RECORD_OCTETS, 20 * RECORD_OCTETS);
    for (int i = 0; i < READERS; i++)
        recall_view_give(&views[i]);
    recall_free(recall);
}

/* Memory is for as long as records are kept: of a hundred a second none goes, where there is not
 * room for a minute of them. */
Test(copies, a_short_time_is_kept_whole)
{
    struct recall *recall = NULL;
    struct recall_options options = {
        .memory_bytes = RECALL_WORKER_MIN, .keep_ms = 10000, .cap = 1024, .seed = 42};
    cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
    fill(recall, BASE_MS, BASE_MS + 40300);
    (void)recall_ask(recall, BASE_MS + 40300);
    (void)recall_copy(recall, BASE_MS + 40300);
    (void)recall_keep(recall);
    struct said said = say(recall, BASE_MS + 40300);
    cr_assert_eq(said.covers_ms, 10000);
    cr_assert_float_eq(said.bytes, 1000 * RECORD_OCTETS, 2 * RECORD_OCTETS);
    struct recall_counters counters;
    recall_counters(recall, &counters);
    cr_assert_eq(counters.lost_chunks, 0);
    cr_assert_leq(counters.memory_bytes, RECALL_WORKER_MIN);
    recall_free(recall);
}

Test(copies, who_floods_requests_gets_ten_copies_a_second)
{
    struct recall *recall = new_recall();
    int copies = 0;
    fill(recall, BASE_MS, BASE_MS + 500);
    for (uint64_t now_ms = BASE_MS + 500; now_ms < BASE_MS + 1500; now_ms++) {
        uint64_t of_ms = recall_ask(recall, now_ms);
        copies += recall_copy(recall, now_ms);
        (void)recall_keep(recall);
        cr_assert_leq(of_ms, now_ms);
        cr_assert_lt(now_ms - of_ms, RECALL_COPY_EVERY_MS);
        cr_assert_not(say(recall, of_ms).open_missing); /* of the copy's moment, it says all */
    }
    cr_assert_eq(copies, 1000 / RECALL_COPY_EVERY_MS);
    recall_free(recall);
}

Test(copies, one_that_came_too_late_is_not_the_next_requests)
{
    struct recall *recall = new_recall();
    fill(recall, BASE_MS, BASE_MS + 100);
    (void)recall_ask(recall, BASE_MS + 100);
    cr_assert(recall_copy(recall, BASE_MS + 150)); /* and nobody took it */
    fill(recall, BASE_MS + 160, BASE_MS + 400);
    (void)recall_keep(recall);
    (void)recall_ask(recall, BASE_MS + 300);
    cr_assert(recall_copy(recall, BASE_MS + 350));
    uint64_t of_ms = recall_ask(recall, BASE_MS + 450);
    cr_assert_eq(of_ms, BASE_MS + 450);
    cr_assert(recall_is_asked(recall)); /* not answered by what was copied at 350 */
    cr_assert(recall_copy(recall, BASE_MS + 460));
    (void)recall_keep(recall);
    cr_assert_not(say(recall, of_ms).open_missing);
    cr_assert_eq(say(recall, of_ms).covers_ms, 450);
    recall_free(recall);
}
