#include "collector/decode/samplers.h"

#include <criterion/criterion.h>

enum { MAX = 256 };
static const uint64_t secret = 0x9e3779b97f4a7c15;

/* Enters and gives the rate that was there, which becomes `rate`. */
static double enter(struct samplers *samplers, enum sampler_kind kind, uint32_t id, double rate)
{
    bool evicted;
    struct decode_sampler *s = samplers_enter(samplers, kind, id, MAX, &evicted);
    cr_assert_not_null(s);
    double before = s->rate;
    s->rate = rate;
    return before;
}

Test(samplers, each_kind_and_id_is_one_of_its_own)
{
    struct samplers samplers;
    samplers_init(&samplers, secret);
    cr_assert_null(samplers_find(&samplers, SAMPLER_ID, 1));
    for (int kind = SAMPLER_ALL; kind < SAMPLER_KINDS; kind++)
        for (uint32_t id = 0; id < 20; id++)
            cr_assert_eq(enter(&samplers, (enum sampler_kind)kind, id, kind * 100 + (int)id + 1),
                         0);
    cr_assert_eq(samplers.count, SAMPLER_KINDS * 20u);
    cr_assert_eq(samplers.places, (SAMPLER_KINDS - SAMPLER_INTERFACE) * 20u);
    for (int kind = SAMPLER_ALL; kind < SAMPLER_KINDS; kind++)
        for (uint32_t id = 0; id < 20; id++)
            cr_assert_eq(samplers_find(&samplers, (enum sampler_kind)kind, id)->rate,
                         kind * 100 + (int)id + 1);
    cr_assert_null(samplers_find(&samplers, SAMPLER_ID, 20));
    cr_assert_eq(enter(&samplers, SAMPLER_ID, 3, 7), SAMPLER_ID * 100 + 4);
    cr_assert_eq(samplers.count, SAMPLER_KINDS * 20u);
    cr_assert_gt(samplers_bytes(&samplers), samplers.count * sizeof(struct decode_sampler));
    samplers_clear(&samplers);
    cr_assert_eq(samplers_bytes(&samplers), 0);
    cr_assert_null(samplers_find(&samplers, SAMPLER_ID, 3));
    samplers_clear(&samplers);
}

Test(samplers, the_one_told_longest_ago_makes_room)
{
    struct samplers samplers;
    bool evicted;
    samplers_init(&samplers, secret);
    for (uint32_t id = 0; id < MAX; id++)
        enter(&samplers, SAMPLER_INTERFACE, id, 1);
    enter(&samplers, SAMPLER_INTERFACE, 0, 2); /* told again, so 1 is the oldest now */
    for (uint32_t id = 1; id < MAX; id++) {
        cr_assert_eq(samplers_next(&samplers, NULL)->id, id);
        cr_assert_not_null(samplers_enter(&samplers, SAMPLER_ID, 1000 + id, MAX, &evicted));
        cr_assert(evicted);
        cr_assert_null(samplers_find(&samplers, SAMPLER_INTERFACE, id));
    }
    cr_assert_eq(samplers.count, MAX);
    cr_assert_eq(samplers.places, 1);
    cr_assert_eq(samplers_find(&samplers, SAMPLER_INTERFACE, 0)->rate, 2);
    samplers_clear(&samplers);
}

Test(samplers, they_are_walked_from_the_oldest)
{
    struct samplers samplers;
    uint32_t seen = 0;
    samplers_init(&samplers, secret);
    cr_assert_null(samplers_next(&samplers, NULL));
    for (uint32_t id = 0; id < 9; id++)
        enter(&samplers, SAMPLER_ID, id, 1);
    enter(&samplers, SAMPLER_ID, 4, 1);
    static const uint32_t want[] = {0, 1, 2, 3, 5, 6, 7, 8, 4};
    for (const struct decode_sampler *s = samplers_next(&samplers, NULL); s != NULL;
         s = samplers_next(&samplers, s))
        cr_assert_eq(s->id, want[seen++]);
    cr_assert_eq(seen, 9);
    samplers_clear(&samplers);
}

static uint32_t longest_bucket(const struct samplers *samplers)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < samplers->room; i++) {
        uint32_t len = 0;
        for (uint32_t n = samplers->buckets[i]; n != 0; n = samplers->items[n - 1].next_in_bucket)
            len++;
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* Whatever the distance between ids: who chooses them cannot make a lookup long. */
Test(samplers, ids_in_steps_do_not_share_a_bucket)
{
    for (uint32_t bit = 0; bit < 24; bit++) {
        struct samplers samplers;
        samplers_init(&samplers, secret);
        for (uint32_t i = 0; i < MAX; i++)
            enter(&samplers, SAMPLER_ID, i << bit, 1);
        cr_assert_leq(longest_bucket(&samplers), 16, "2^%u apart: %u in one", bit,
                      longest_bucket(&samplers));
        samplers_clear(&samplers);
    }
}
