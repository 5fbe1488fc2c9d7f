#include "common/base/ring.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

struct item {
    uint64_t number, check;
    uint8_t filler[5];
};

Test(ring, items_come_out_in_order)
{
    struct ring *r = ring_new(sizeof(int), 5);
    int got;

    cr_assert_not(ring_pop(r, &got));
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 3; k++)
            cr_assert(ring_push(r, &(int){3 * i + k}));
        cr_assert_eq(ring_count(r), 3);
        for (int k = 0; k < 3; k++) {
            cr_assert(ring_pop(r, &got));
            cr_assert_eq(got, 3 * i + k);
        }
    }
    cr_assert_not(ring_pop(r, &got));
    cr_assert_eq(ring_count(r), 0);
    ring_free(r);
    ring_free(NULL);
}

Test(ring, a_full_one_refuses_and_loses_nothing)
{
    struct ring *r = ring_new(sizeof(int), 5);
    int got, held = 0;

    while (ring_push(r, &held))
        held++;
    cr_assert_eq(held, 8, "the capacity is rounded up");
    cr_assert_eq(ring_count(r), 8);
    cr_assert(ring_pop(r, &got));
    cr_assert(ring_push(r, &held));
    cr_assert_not(ring_push(r, &held));
    for (int i = 1; i <= 8; i++) {
        cr_assert(ring_pop(r, &got));
        cr_assert_eq(got, i);
    }
    ring_free(r);
}

Test(ring, one_slot_is_enough)
{
    struct ring *r = ring_new(1, 1);
    char c = 'a';

    cr_assert(ring_push(r, &c));
    cr_assert_not(ring_push(r, &c));
    cr_assert(ring_pop(r, &c));
    cr_assert_not(ring_pop(r, &c));
    ring_free(r);
}

/* A full or empty ring costs a turn of the scheduler, which on a busy machine is long: as many
 * turns of each ring, not as many items. */
enum { TURNS = 5000, ITEMS_MAX = 300000 };

struct passing {
    struct ring *ring;
    uint64_t items;
};

static void *produce(void *owner)
{
    const struct passing *passing = owner;
    struct ring *r = passing->ring;

    for (uint64_t i = 0; i < passing->items; i++) {
        struct item item = {.number = i, .check = ~i, .filler = {(uint8_t)i}};
        while (!ring_push(r, &item))
            sched_yield();
    }
    return NULL;
}

Test(ring, two_threads_pass_every_item_whole_and_in_order, .timeout = 300)
{
    static const size_t capacities[] = {1, 2, 64, 4096};

    for (size_t c = 0; c < sizeof(capacities) / sizeof(capacities[0]); c++) {
        struct ring *r = ring_new(sizeof(struct item), capacities[c]);
        uint64_t items = capacities[c] * TURNS < ITEMS_MAX ? capacities[c] * TURNS : ITEMS_MAX;
        struct passing passing = {r, items};
        pthread_t producer;

        cr_assert_eq(pthread_create(&producer, NULL, produce, &passing), 0);
        for (uint64_t i = 0; i < items; i++) {
            struct item item;
            while (!ring_pop(r, &item))
                sched_yield();
            cr_assert(item.number == i && item.check == ~i && item.filler[0] == (uint8_t)i);
            cr_assert(ring_count(r) <= capacities[c]);
        }
        pthread_join(producer, NULL);
        cr_assert_eq(ring_count(r), 0);
        ring_free(r);
    }
}
