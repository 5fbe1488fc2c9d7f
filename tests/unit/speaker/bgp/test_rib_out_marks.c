#include "speaker/bgp/rib_out_marks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* One peer, and three rules: of IPv4 where the number is even. */
enum { RULES = 3 };
struct world {
    struct rib *rib;
    struct rib_out out;
    struct rib_out_batch batch;
    size_t count; /* of the batch, before it was given back */
    struct update_path path;
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint32_t nlri[RULES];
    uint32_t discard, limit; /* attributes */
};

static struct world *world_new(void)
{
    static const uint8_t a[1][8] = {{0x80, 6}}, b[1][8] = {{0x80, 6, 0, 0, 0x44}};
    struct world *w = calloc(1, sizeof(*w));
    w->rib = rib_new(RULES);
    w->path = (struct update_path){
        .local_as = 64500, .ibgp = true, .as4 = true, .enhanced_refresh = true};
    rib_out_init(&w->out, w->rib, RULES, 0);
    cr_assert_eq(
        rib_hold_attributes(w->rib, &(struct communities){.at = a, .count = 1}, &w->discard),
        STATUS_OK);
    cr_assert_eq(rib_hold_attributes(w->rib, &(struct communities){.at = b, .count = 1}, &w->limit),
                 STATUS_OK);
    for (uint32_t i = 0; i < RULES; i++) {
        uint8_t value[] = {6, 1, 32, 198, 51, 100, (uint8_t)i};
        cr_assert_eq(rib_hold_nlri(w->rib, i % 2 == 0 ? BGP_FLOW4 : BGP_FLOW6, value, sizeof(value),
                                   &w->nlri[i]),
                     STATUS_OK);
    }
    return w;
}

static void world_free(struct world *w)
{
    rib_out_done(&w->out);
    rib_free(w->rib);
    free(w);
}

static enum rib_out_kind next(struct world *w)
{
    rib_out_next(&w->out, &w->path, 0, w->bytes, sizeof(w->bytes), &w->batch);
    w->count = w->batch.count;
    rib_out_batch_done(&w->out, &w->batch);
    return w->batch.kind;
}

static void want(struct world *w, size_t i, uint32_t attributes)
{
    cr_assert_eq(rib_out_want(&w->out, w->nlri[i], attributes), STATUS_OK);
}

static const unsigned int both = 1U << BGP_FLOW4 | 1U << BGP_FLOW6;

/* The subtype of the mark that is next. */
static int next_mark(struct world *w)
{
    return next(w) == RIB_OUT_MARK && w->bytes[18] == BGP_ROUTE_REFRESH ? w->bytes[21] : -1;
}

Test(rib_out_marks, what_is_sent_again_is_between_marks_where_that_is_agreed_on)
{
    struct world *w = world_new();
    want(w, 0, w->discard);
    want(w, 2, w->limit);
    want(w, 1, w->discard);
    rib_out_up(&w->out, both, 0);
    rib_out_complete(&w->out);
    cr_assert_eq(next(w), RIB_OUT_ANNOUNCE);
    rib_out_refresh(&w->out, BGP_FLOW4);
    size_t announced = 0;
    for (enum rib_out_kind kind = next(w); kind != RIB_OUT_NONE; kind = next(w)) {
        cr_expect_neq(kind, RIB_OUT_MARK, "what is asked for before End-of-RIB has none");
        announced += kind == RIB_OUT_ANNOUNCE ? w->count : 0;
    }
    cr_expect_eq(announced, 3);
    rib_out_refresh(&w->out, BGP_FLOW4);
    cr_expect_eq(next_mark(w), BGP_REFRESH_BEGINS);
    rib_out_refresh(&w->out, BGP_FLOW4); /* while it is on: once more */
    want(w, 2, 0);
    cr_expect_eq(next(w), RIB_OUT_WITHDRAW);
    cr_expect_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_expect_eq(w->batch.nlri[0], w->nlri[0]);
    cr_expect_eq(next_mark(w), BGP_REFRESH_ENDS);
    cr_expect_eq(next_mark(w), BGP_REFRESH_BEGINS);
    cr_expect_eq(next(w), RIB_OUT_ANNOUNCE);
    cr_expect_eq(next_mark(w), BGP_REFRESH_ENDS);
    cr_expect_eq(next(w), RIB_OUT_NONE);
    rib_out_refresh(&w->out, BGP_FLOW6);
    cr_expect_eq(next_mark(w), BGP_REFRESH_BEGINS);
    rib_out_down(&w->out);
    rib_out_up(&w->out, both, 0);
    while (next(w) != RIB_OUT_NONE)
        cr_expect_neq(w->batch.kind, RIB_OUT_MARK, "those of an earlier session");
    world_free(w);
}

Test(rib_out_marks, an_empty_family_has_its_marks_too)
{
    struct world *w = world_new();
    rib_out_up(&w->out, 1U << BGP_FLOW4, 0);
    rib_out_complete(&w->out);
    cr_assert_eq(next(w), RIB_OUT_END);
    rib_out_refresh(&w->out, BGP_FLOW4);
    rib_out_refresh(&w->out, BGP_FLOW6); /* not agreed on */
    cr_expect_eq(next_mark(w), BGP_REFRESH_BEGINS);
    cr_expect_eq(next_mark(w), BGP_REFRESH_ENDS);
    cr_expect_eq(next(w), RIB_OUT_NONE);
    world_free(w);
}
