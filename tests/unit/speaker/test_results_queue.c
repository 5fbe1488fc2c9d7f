#include "speaker/results_queue.h"

#include <criterion/criterion.h>
#include <stdio.h>

static enum status put(struct results_queue *queue, const char *mitigation, const char *peer,
                       enum result_kind kind)
{
    static struct job_result result;
    snprintf(result.mitigation, sizeof(result.mitigation), "%s", mitigation);
    snprintf(result.peer, sizeof(result.peer), "%s", peer);
    result.kind = (uint8_t)kind;
    return results_queue_put(queue, &result);
}

static struct waiting_result *next_is(struct results_queue *queue, const char *mitigation,
                                      const char *peer, enum result_kind kind)
{
    struct waiting_result *waiting = results_queue_next(queue);
    cr_assert_not_null(waiting);
    cr_assert_str_eq(waiting->result.mitigation, mitigation);
    cr_assert_str_eq(waiting->result.peer, peer);
    cr_assert_eq(waiting->result.kind, kind);
    return waiting;
}

Test(results_queue, of_a_mitigation_at_a_peer_the_last_counts)
{
    int owner;
    struct results_queue *queue = results_queue_new(8, &owner);
    cr_assert_null(results_queue_next(queue));
    put(queue, "m-1", "a", RESULT_SENT);
    put(queue, "m-1", "b", RESULT_SENT);
    put(queue, "m-1", "a", RESULT_WITHDRAWN);
    cr_assert_eq(results_queue_count(queue), 2);
    struct waiting_result *a = next_is(queue, "m-1", "a", RESULT_WITHDRAWN);
    cr_assert_eq(a->owner, &owner);
    results_queue_told(queue, a, true);
    results_queue_told(queue, next_is(queue, "m-1", "b", RESULT_SENT), true);
    cr_assert_null(results_queue_next(queue));
    cr_assert_eq(results_queue_count(queue), 0);
    results_queue_free(queue);
}

Test(results_queue, what_changes_on_its_way_is_told_again)
{
    struct results_queue *queue = results_queue_new(8, NULL);
    put(queue, "m-1", "a", RESULT_SENT);
    struct waiting_result *a = next_is(queue, "m-1", "a", RESULT_SENT);
    put(queue, "m-1", "a", RESULT_WITHDRAWN);
    cr_assert_null(results_queue_next(queue), "one at a time, or they may cross");
    results_queue_told(queue, a, true);
    results_queue_told(queue, next_is(queue, "m-1", "a", RESULT_WITHDRAWN), true);
    cr_assert_eq(results_queue_count(queue), 0);
    results_queue_free(queue);
}

Test(results_queue, what_was_not_taken_waits_behind_the_others)
{
    struct results_queue *queue = results_queue_new(8, NULL);
    put(queue, "m-1", "a", RESULT_SENT);
    put(queue, "m-2", "a", RESULT_SENT);
    results_queue_told(queue, next_is(queue, "m-1", "a", RESULT_SENT), false);
    cr_assert_eq(results_queue_on_their_way(queue), 0);
    results_queue_told(queue, next_is(queue, "m-2", "a", RESULT_SENT), true);
    results_queue_told(queue, next_is(queue, "m-1", "a", RESULT_SENT), true);
    cr_assert_eq(results_queue_count(queue), 0);
    results_queue_free(queue);
}

Test(results_queue, a_full_one_takes_only_news_of_what_it_has)
{
    struct results_queue *queue = results_queue_new(RESULTS_QUEUE_MAX, NULL);
    char id[ID_TEXT_MAX];
    for (int i = 0; i < RESULTS_QUEUE_MAX; i++) {
        snprintf(id, sizeof(id), "m-%d", i);
        cr_assert_eq(put(queue, id, "a", RESULT_SENT), STATUS_OK);
    }
    cr_assert_eq(put(queue, "m-other", "a", RESULT_SENT), STATUS_LIMIT);
    cr_assert_eq(put(queue, "m-0", "a", RESULT_PEER_DOWN), STATUS_OK);
    results_queue_told(queue, next_is(queue, "m-0", "a", RESULT_PEER_DOWN), true);
    cr_assert_eq(put(queue, "m-other", "a", RESULT_SENT), STATUS_OK);
    results_queue_free(queue);
}
