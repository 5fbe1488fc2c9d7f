#include "speaker/bgp/rib_out_suspects.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* One peer; routes of even numbers have the attributes that guard others. */
enum { ROUTES = 8 };
struct world {
    struct rib *rib;
    struct rib_out out;
    struct rib_out_batch batch;
    struct update_path path;
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint32_t nlri[ROUTES], plain, guard;
};

static struct world *world_new(void)
{
    static const uint8_t a[1][8] = {{0x80, 6}}, b[1][8] = {{0x80, 7, 0, 0, 0, 0, 0, 1}};
    struct world *w = calloc(1, sizeof(*w));
    w->rib = rib_new(100);
    w->path = (struct update_path){.local_as = 64500, .ibgp = true, .as4 = true};
    rib_out_init(&w->out, w->rib, 100, 0);
    cr_assert_eq(rib_hold_attributes(w->rib, &(struct communities){.at = a, .count = 1}, &w->plain),
                 STATUS_OK);
    cr_assert_eq(rib_hold_attributes(w->rib, &(struct communities){.at = b, .count = 1}, &w->guard),
                 STATUS_OK);
    rib_set_guarding(w->rib, w->guard);
    for (uint8_t i = 0; i < ROUTES; i++) {
        const uint8_t value[] = {6, 1, 32, 198, 51, 100, i};
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, value, 7, &w->nlri[i]), STATUS_OK);
        cr_assert_eq(rib_out_want(&w->out, w->nlri[i], i % 2 == 0 ? w->guard : w->plain),
                     STATUS_OK);
    }
    rib_out_up(&w->out, 1U << BGP_FLOW4, 0);
    return w;
}

static void world_free(struct world *w)
{
    rib_out_done(&w->out);
    for (size_t i = 0; i < ROUTES; i++)
        rib_release_nlri(w->rib, w->nlri[i]);
    cr_assert_eq(rib_nlri_count(w->rib), 0, "somebody still holds a route");
    rib_free(w->rib);
    free(w);
}

static size_t send_all(struct world *w)
{
    size_t count = 0;
    for (;;) {
        rib_out_next(&w->out, &w->path, 0, w->bytes, sizeof(w->bytes), &w->batch);
        if (w->batch.kind == RIB_OUT_NONE)
            return count;
        count += w->batch.kind == RIB_OUT_END ? 100 : w->batch.count;
        rib_out_batch_done(&w->out, &w->batch);
    }
}

/* All fell it together, and it comes up again. */
static void fall(struct world *w)
{
    cr_assert_eq(rib_out_suspects_add(&w->out, false), STATUS_OK);
    cr_assert_eq(rib_out_suspects_hold(&w->out), STATUS_OK);
    rib_out_down(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, 0);
}

Test(rib_out_suspects, what_was_sent_is_fresh_until_it_is_taken)
{
    struct world *w = world_new();
    cr_assert_eq(send_all(w), ROUTES);
    cr_assert_eq(rib_out_suspects_fallen(&w->out).others, ROUTES);
    rib_out_suspects_age(&w->out);
    cr_assert_eq(rib_out_suspects_fallen(&w->out).others, ROUTES);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[1], 0), STATUS_OK);
    send_all(w);
    cr_assert_eq(rib_out_suspects_fallen(&w->out).others, ROUTES - 1, "one is withdrawn");
    rib_out_suspects_age(&w->out);
    cr_assert_eq(rib_out_suspects_fallen(&w->out).others, 0);
    world_free(w);
}

Test(rib_out_suspects, others_wait_for_suspects_that_guard_them)
{
    struct world *w = world_new();
    send_all(w);
    rib_out_suspects_taken(&w->out);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[0], w->plain), STATUS_OK);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[2], w->plain), STATUS_OK);
    send_all(w);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[0], w->guard), STATUS_OK);
    send_all(w);
    fall(w); /* over one that guards and one that does not */
    cr_assert_eq(rib_out_pending(&w->out), ROUTES);
    cr_assert_eq(send_all(w), 2, "the others that guard");
    cr_assert_eq(rib_out_suspects_next(&w->out), 1);
    cr_assert_eq(rib_out_suspects_release(&w->out, 100), 1);
    cr_assert_eq(send_all(w), 1 + 4, "it, and those that waited for it");
    cr_assert_eq(rib_out_suspects_release(&w->out, 100), 1);
    cr_assert_eq(send_all(w), 1);
    cr_assert_eq(rib_out_pending(&w->out), 0);
    world_free(w);
}

Test(rib_out_suspects, the_narrow_group_goes_first_and_the_accused_last_one_by_one)
{
    struct world *w = world_new();
    for (size_t i = 0; i < ROUTES; i += 2)
        cr_assert_eq(rib_out_want(&w->out, w->nlri[i], w->plain), STATUS_OK);
    send_all(w);
    fall(w);
    cr_assert_eq(send_all(w), 0);
    cr_assert_eq(rib_out_suspects_release(&w->out, 3), 3);
    cr_assert_eq(send_all(w), 3);
    cr_assert_eq(rib_out_suspects_add(&w->out, true), STATUS_OK);
    cr_assert_eq(rib_out_suspects_accuse(&w->out, w->nlri[0]), STATUS_OK);
    cr_assert_eq(rib_out_suspects_accuse(&w->out, w->nlri[7]), STATUS_OK);
    cr_assert_eq(rib_out_suspects_hold(&w->out), STATUS_OK);
    rib_out_down(&w->out);
    rib_out_up(&w->out, 1U << BGP_FLOW4, 0);
    const size_t want[] = {2, 4, 1, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(rib_out_suspects_next(&w->out), want[i]);
        cr_assert_eq(rib_out_suspects_release(&w->out, 100), want[i]);
        cr_assert_eq(send_all(w), want[i]);
    }
    world_free(w);
}

Test(rib_out_suspects, other_attributes_are_another_try)
{
    struct world *w = world_new();
    send_all(w);
    fall(w);
    cr_assert_eq(send_all(w), 0);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[0], w->plain), STATUS_OK);
    cr_assert_eq(rib_out_want(&w->out, w->nlri[1], 0), STATUS_OK);
    cr_assert_not(rib_out_is_suspect(&w->out, w->nlri[0]));
    cr_assert_not(rib_out_is_suspect(&w->out, w->nlri[1]));
    cr_assert_eq(send_all(w), 0, "behind those that guard");
    cr_assert_eq(rib_out_suspects_release(&w->out, 100), 3);
    cr_assert_eq(send_all(w), 3 + 1);
    rib_out_suspects_clear(&w->out);
    cr_assert_eq(send_all(w), 3);
    world_free(w);
}

Test(rib_out_suspects, end_of_rib_waits_for_them)
{
    struct world *w = world_new();
    rib_out_complete(&w->out);
    cr_assert_eq(send_all(w), ROUTES + 100);
    fall(w);
    cr_assert_eq(send_all(w), 0);
    cr_assert_eq(rib_out_suspects_release(&w->out, 100), 4);
    cr_assert_eq(send_all(w), 4);
    cr_assert_eq(rib_out_suspects_release(&w->out, 3), 3);
    cr_assert_eq(send_all(w), 3);
    rib_out_end_now(&w->out);
    cr_assert_eq(send_all(w), 100, "unless it waits no more");
    world_free(w);
}
