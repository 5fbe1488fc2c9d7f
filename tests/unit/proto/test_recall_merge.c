#include "proto/recall_merge.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

struct bound_case {
    char name[64];
    struct estimate estimate;
    double one, low, high;
};

ParameterizedTestParameters(estimate, bounds_are_those_of_the_count)
{
    static struct bound_case cases[] = {
        {"nothing seen, nothing missed", {0, 0, 0}, 0, 0, 0},
        {"nothing seen: Poisson's 3.69", {0, 0, 0}, 1, 0, 3.69},
        {"all kept", {500, 500, 0}, 0, 500, 500},
        {"one seen of weight 10: Poisson's 0.25 to 55.7, less a little",
         {10, 0, 100},
         10,
         0.25,
         54.2},
        {"many: normal", {1000000, 0, 1e8}, 100, 980500, 1019700},
        {"sure and not", {600, 500, 10000}, 100, 502.5, 1042},
    };
    return cr_make_param_array(struct bound_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bound_case *c, estimate, bounds_are_those_of_the_count)
{
    double low, high, room = 0.01 * c->high + 0.5;
    estimate_bounds(&c->estimate, c->one, &low, &high);
    cr_assert_float_eq(low, c->low, room, "%s: %g", c->name, low);
    cr_assert_float_eq(high, c->high, room, "%s: %g", c->name, high);
}

static struct recall_tuple tuple_of(uint8_t target, uint8_t before, uint16_t port, double bytes)
{
    struct recall_tuple tuple;
    memset(&tuple, 0, sizeof(tuple));
    tuple.kind.target = target;
    tuple.kind.before = before;
    tuple.kind.src_port = port;
    tuple.bytes = (struct estimate){bytes, bytes / 2, bytes};
    tuple.peers = bytes;
    tuple.samples = 1;
    return tuple;
}

Test(recall_merge, adds_up_what_is_alike_and_puts_the_heaviest_first)
{
    struct recall_tuple first[] = {tuple_of(0, 0, 53, 10), tuple_of(1, 0, 53, 7),
                                   tuple_of(0, 1, 53, 5)};
    struct recall_tuple second[] = {tuple_of(0, 0, 123, 100), tuple_of(0, 0, 53, 20)};
    struct recall_reply a = {.tuples = first, .tuple_count = 3, .covers_now_ms = 5000};
    struct recall_reply b = {.tuples = second, .tuple_count = 2, .covers_now_ms = 5000};
    struct recall_merge merge;
    b.worker = 1;
    a.totals[0] = (struct recall_total){.target = 0, .peers = 3, .one = 8};
    b.totals[0] = (struct recall_total){.target = 0, .peers = 2, .one = 9};
    a.total_count = b.total_count = 1;
    recall_merge_init(&merge);
    cr_assert_eq(recall_merge_add(&merge, &a), STATUS_OK);
    cr_assert_eq(recall_merge_add(&merge, &b), STATUS_OK);
    recall_merge_end(&merge);
    cr_assert_eq(merge.replies, 2);
    cr_assert_eq(merge.covers_ms[0], 5000);
    cr_assert_eq(merge.tuple_count, 4);
    cr_assert_eq(merge.tuples[0].kind.src_port, 123);
    cr_assert_float_eq(merge.tuples[1].bytes.value, 30, 1e-9);
    cr_assert_float_eq(merge.tuples[1].bytes.sure, 15, 1e-9);
    cr_assert_float_eq(merge.tuples[1].peers, 20, 1e-9); /* perhaps the same addresses */
    cr_assert_eq(merge.tuples[1].samples, 2);
    cr_assert_eq(merge.tuples[2].kind.before, 1);
    cr_assert_eq(merge.tuples[3].kind.target, 1);
    cr_assert_float_eq(recall_merge_one(&merge, 0, 0), 9, 1e-9);
    cr_assert_float_eq(merge.totals[0].peers, 3, 1e-9);
    recall_merge_done(&merge);
}

/* An old worker and one that started a tenth of the time ago, with the same rate. */
Test(recall_merge, rates_stay_where_one_worker_is_young)
{
    for (int old_first = 0; old_first < 2; old_first++) {
        struct recall_tuple of_old = tuple_of(0, 1, 53, 3000), of_young = tuple_of(0, 1, 123, 300);
        struct recall_tuple now = tuple_of(0, 0, 53, 50);
        struct recall_tuple both[] = {of_young, now};
        struct recall_reply old = {.tuples = &of_old,
                                   .tuple_count = 1,
                                   .covers_now_ms = 10000,
                                   .covers_before_ms = 300000,
                                   .total_count = 1,
                                   .totals = {{.before = 1, .one = 8}}};
        struct recall_reply young = {.worker = 1,
                                     .tuples = both,
                                     .tuple_count = 2,
                                     .covers_now_ms = 10000,
                                     .covers_before_ms = 30000,
                                     .total_count = 1,
                                     .totals = {{.before = 1, .one = 8}}};
        struct recall_reply none = {.worker = 2, .covers_now_ms = 10000};
        struct recall_merge merge;
        double bytes[2], packets[2], connections[2], sum = 0;
        recall_merge_init(&merge);
        cr_assert_eq(recall_merge_add(&merge, old_first ? &old : &young), STATUS_OK);
        cr_assert_eq(recall_merge_add(&merge, old_first ? &young : &old), STATUS_OK);
        cr_assert_eq(recall_merge_add(&merge, &none), STATUS_OK);
        recall_merge_end(&merge);
        cr_assert_eq(merge.covers_ms[1], 300000);
        cr_assert_eq(merge.least_covers_ms[1], 0);
        cr_assert_eq(merge.least_stretched_ms[1], 30000);
        cr_assert_eq(merge.least_covers_ms[0], 10000);
        cr_assert_eq(merge.tuple_count, 3);
        cr_assert_float_eq(merge.tuples[0].bytes.value, 50, 1e-9);
        for (size_t i = 1; i < 3; i++)
            sum += merge.tuples[i].bytes.value;
        cr_assert_float_eq(1000 * sum / merge.covers_ms[1], 20, 1e-9);
        cr_assert_float_eq(recall_merge_one(&merge, 0, 1), 80, 1e-9);
        /* Nobody knows what the young one would have seen. */
        const struct recall_tuple *guess =
            &merge.tuples[merge.tuples[1].kind.src_port == 123 ? 1 : 2];
        recall_tuple_bounds(guess, 80, bytes, packets, connections);
        cr_assert_lt(bytes[0], 600);
        cr_assert_gt(bytes[1], 6000);
        recall_merge_done(&merge);
    }
}

/* Twenty milliseconds say nothing of five minutes, and no chain of replies makes them say it. */
Test(recall_merge, what_is_too_short_stands_for_itself)
{
    static const struct {
        uint32_t ms[4], count;
        double sum;
        size_t too_short;
    } cases[] = {
        {{300000, 20}, 2, 11, 1},
        {{20, 300000}, 2, 11, 1},
        {{20, 0, 300000}, 3, 12, 2},
        {{300000, 29999, 30000}, 3, 21, 1},
        {{20, 200, 2000, 300000}, 4, 13, 3},
        {{300000, 2000, 200, 20}, 4, 13, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct recall_merge merge;
        recall_merge_init(&merge);
        for (uint32_t r = 0; r < cases[i].count; r++) {
            struct recall_tuple tuple = tuple_of(0, 1, 53, cases[i].ms[r] == 300000 ? 10 : 1);
            struct recall_reply reply = {
                .worker = r, .tuples = &tuple, .tuple_count = 1, .covers_now_ms = 10000};
            reply.covers_before_ms = cases[i].ms[r];
            cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
        }
        recall_merge_end(&merge);
        cr_assert_eq(merge.covers_ms[1], 300000);
        cr_assert_eq(merge.too_short[1], cases[i].too_short, "case %zu", i);
        cr_assert_eq(merge.too_short[0], 0);
        cr_assert_eq(merge.least_stretched_ms[0], 10000);
        cr_assert_float_eq(merge.tuples[0].bytes.value, cases[i].sum, 1e-9, "case %zu: %g", i,
                           merge.tuples[0].bytes.value);
        recall_merge_done(&merge);
    }
}

enum { MANY = 5 };

/* Each worker saw one octet a millisecond. */
static void merge_in_order(const uint32_t ms[MANY], const uint8_t order[MANY])
{
    struct recall_merge merge;
    recall_merge_init(&merge);
    for (uint32_t r = 0; r < MANY; r++) {
        struct recall_tuple tuple = tuple_of(0, 0, 53, ms[order[r]]);
        struct recall_reply reply = {.worker = order[r],
                                     .tuples = &tuple,
                                     .tuple_count = 1,
                                     .covers_now_ms = ms[order[r]],
                                     .total_count = 1,
                                     .totals = {{.peers = order[r], .one = 1}}};
        cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    }
    recall_merge_end(&merge);
    cr_assert_eq(merge.covers_ms[0], 10000);
    cr_assert_eq(merge.least_covers_ms[0], 900);
    cr_assert_eq(merge.least_stretched_ms[0], 1300);
    cr_assert_eq(merge.too_short[0], 1);
    cr_assert_eq(merge.tuple_count, 1);
    cr_assert_float_eq(merge.tuples[0].bytes.value, 4 * 10000 + 900, 1e-6, "%u %u %u %u %u: %g",
                       ms[order[0]], ms[order[1]], ms[order[2]], ms[order[3]], ms[order[4]],
                       merge.tuples[0].bytes.value);
    cr_assert_float_eq(recall_merge_one(&merge, 0, 0), 10000.0 / 1300, 1e-9);
    cr_assert_float_eq(merge.totals[0].peers, 4, 1e-9);
    recall_merge_done(&merge);
}

Test(recall_merge, replies_may_come_in_any_order)
{
    static const uint32_t ms[MANY] = {10000, 1500, 1400, 1300, 900};
    uint32_t orders = 0;
    for (uint32_t n = 0; n < MANY * MANY * MANY * MANY * MANY; n++) {
        uint8_t order[MANY];
        uint32_t seen = 0, rest = n;
        for (size_t i = 0; i < MANY; i++, rest /= MANY) {
            order[i] = (uint8_t)(rest % MANY);
            seen |= 1U << order[i];
        }
        if (seen != (1U << MANY) - 1)
            continue;
        merge_in_order(ms, order);
        orders++;
    }
    cr_assert_eq(orders, 120);
}

Test(recall_merge, takes_many_replies)
{
    enum { REPLIES = 40, TUPLES = 1000 };
    static struct recall_tuple tuples[TUPLES];
    struct recall_merge merge;
    recall_merge_init(&merge);
    for (uint16_t r = 0; r < REPLIES; r++) {
        struct recall_reply reply = {.tuples = tuples, .tuple_count = TUPLES, .worker = r};
        for (uint16_t i = 0; i < TUPLES; i++)
            tuples[i] = tuple_of(0, 0, (uint16_t)(i + 100 * r), 1);
        cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    }
    recall_merge_end(&merge);
    double sum = 0;
    for (size_t i = 0; i < merge.tuple_count; i++)
        sum += merge.tuples[i].bytes.value;
    cr_assert_eq(merge.tuple_count, TUPLES + 100 * (REPLIES - 1));
    cr_assert_float_eq(sum, REPLIES * TUPLES, 1e-6);
    recall_merge_done(&merge);
}

Test(recall_merge, an_answer_that_comes_again_is_left_out)
{
    struct recall_tuple tuple = tuple_of(0, 0, 53, 10);
    struct recall_reply reply = {.tuples = &tuple, .tuple_count = 1, .collector = "c1"};
    struct recall_merge merge;
    recall_merge_init(&merge);
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_EXISTS);
    reply.worker = 1;
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    (void)snprintf(reply.collector, sizeof(reply.collector), "c2");
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_EXISTS);
    cr_assert_eq(merge.replies, 3);
    recall_merge_end(&merge);
    cr_assert_eq(merge.tuples[0].samples, 3);
    cr_assert_float_eq(merge.tuples[0].bytes.value, 30, 1e-9);
    recall_merge_done(&merge);
}

Test(recall_merge, takes_so_many_answers_and_no_more)
{
    struct recall_reply reply = {.collector = "c1"};
    struct recall_merge merge;
    recall_merge_init(&merge);
    for (; reply.worker < RECALL_REPLIES_MAX; reply.worker++)
        cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_OK);
    cr_assert_eq(recall_merge_add(&merge, &reply), STATUS_LIMIT);
    cr_assert_eq(merge.replies, RECALL_REPLIES_MAX);
    recall_merge_done(&merge);
}
