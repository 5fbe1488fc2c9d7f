#include "tests/unit/proto/state_nouns.h"

#include <criterion/criterion.h>

/* What holds for every noun of the state server: it comes back as it was, and no cut of its bytes
 * is read past its end. */

enum { SEEDS = 60 };

static struct alarm alarm_a, alarm_b;
static struct mitigation mitigation_a, mitigation_b;
static struct job job_a, job_b;
static struct job_result result_a, result_b;
static struct request request_a, request_b;
static struct reply reply_a, reply_b;
static struct recall_request recall_request_a, recall_request_b;
static struct recall_reply recall_reply_a, recall_reply_b;

static const uint8_t *bytes_of(const struct text *t)
{
    return (const uint8_t *)text_str(t);
}

#define ROUND_TRIP(noun, a, b, make, equal, done_a, done_b)                                        \
    for (uint64_t i = 0; i < SEEDS; i++) {                                                         \
        uint64_t seed = i;                                                                         \
        struct text bytes;                                                                         \
        text_init(&bytes, 0);                                                                      \
        make;                                                                                      \
        cr_assert_eq(noun##_encode(&a, &bytes), STATUS_OK);                                        \
        memset(&b, 0xa5, sizeof(b)); /* decode leaves nothing of what was there */                 \
        cr_assert_eq(noun##_decode(&b, bytes_of(&bytes), bytes.len), STATUS_OK);                   \
        cr_assert(equal, "seed %d", (int)i);                                                       \
        for (size_t len = 0; len < bytes.len; len += 1 + len / 16) {                               \
            uint8_t *cut = malloc(len > 0 ? len : 1);                                              \
            memcpy(cut, bytes.at, len);                                                            \
            done_b;                                                                                \
            memset(&b, 0, sizeof(b));                                                              \
            (void)noun##_decode(&b, cut, len);                                                     \
            free(cut);                                                                             \
        }                                                                                          \
        done_a;                                                                                    \
        done_b;                                                                                    \
        text_done(&bytes);                                                                         \
    }

Test(state, alarm_comes_back){ROUND_TRIP(alarm, alarm_a, alarm_b, chance_alarm(&seed, &alarm_a),
                                         alarm_equal(&alarm_a, &alarm_b), alarm_done(&alarm_a),
                                         alarm_done(&alarm_b))}

Test(state, mitigation_comes_back){
    ROUND_TRIP(mitigation, mitigation_a, mitigation_b, chance_mitigation(&seed, &mitigation_a),
               mitigation_equal(&mitigation_a, &mitigation_b), mitigation_done(&mitigation_a),
               mitigation_done(&mitigation_b))}

Test(state,
     job_comes_back){ROUND_TRIP(job, job_a, job_b, chance_job(&seed, &job_a),
                                memcmp(&job_a, &job_b, sizeof(job_a)) == 0, (void)0, (void)0)}

Test(state, job_result_comes_back){
    ROUND_TRIP(job_result, result_a, result_b, chance_job_result(&seed, &result_a),
               memcmp(&result_a, &result_b, sizeof(result_a)) == 0, (void)0, (void)0)}

Test(state, request_comes_back){
    ROUND_TRIP(request, request_a, request_b, chance_request(&seed, &request_a),
               memcmp(&request_a, &request_b, sizeof(request_a)) == 0, (void)0, (void)0)}

Test(state, reply_comes_back){ROUND_TRIP(reply, reply_a, reply_b, chance_reply(&seed, &reply_a),
                                         memcmp(&reply_a, &reply_b, sizeof(reply_a)) == 0, (void)0,
                                         (void)0)}

Test(state, recall_request_comes_back){
    ROUND_TRIP(recall_request, recall_request_a, recall_request_b,
               chance_recall_request(&seed, &recall_request_a),
               memcmp(&recall_request_a, &recall_request_b, sizeof(recall_request_a)) == 0, (void)0,
               (void)0)}

Test(state, recall_reply_comes_back){
    ROUND_TRIP(recall_reply, recall_reply_a, recall_reply_b,
               chance_recall_reply(&seed, i * 7, &recall_reply_a),
               recall_reply_equal(&recall_reply_a, &recall_reply_b),
               recall_reply_done(&recall_reply_a), recall_reply_done(&recall_reply_b))}

Test(state, answers_of_any_number_of_collectors_fit_into_the_octets)
{
    const uint64_t octets = 8 << 20;
    cr_assert_eq(recall_tuples_for(octets, 0), RECALL_TUPLES_MAX);
    cr_assert_eq(recall_tuples_for(octets, 1), RECALL_TUPLES_MAX);
    for (size_t collectors = 1; collectors < 2000; collectors++)
        cr_assert_leq(recall_tuples_for(octets, collectors) * collectors * RECALL_TUPLE_OCTETS,
                      octets, "%zu", collectors);
    cr_assert_eq(recall_tuples_for(octets, SIZE_MAX), 1);
}

Test(state, recall_reply_holds_its_largest_number_of_tuples)
{
    uint64_t seed = 1;
    struct text bytes;
    text_init(&bytes, 0);
    chance_recall_reply(&seed, RECALL_TUPLES_MAX, &recall_reply_a);
    cr_assert_eq(recall_reply_encode(&recall_reply_a, &bytes), STATUS_OK);
    cr_assert_eq(recall_reply_decode(&recall_reply_b, bytes_of(&bytes), bytes.len), STATUS_OK);
    cr_assert(recall_reply_equal(&recall_reply_a, &recall_reply_b));
    cr_assert_leq(bytes.len, RECALL_TUPLES_MAX * RECALL_TUPLE_OCTETS);
    recall_reply_a.tuple_count++;
    cr_assert_eq(recall_reply_encode(&recall_reply_a, &bytes), STATUS_LIMIT);
    recall_reply_done(&recall_reply_a);
    recall_reply_done(&recall_reply_b);
    text_done(&bytes);
}
