#include "speaker/bgp/rib_out.h"
#include "tests/unit/collector/bounds/heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What the routes of many peers cost, in octets of the heap and in messages, at 100,000 routes. */
enum { PEERS = 50, ROUTES = 100000, KINDS = 10 };

struct world {
    struct rib *rib;
    struct rib_out out[PEERS];
    struct rib_out_batch batch;
    uint8_t bytes[BGP_MESSAGE_MAX];
    uint32_t kinds[KINDS];
    uint32_t *nlri; /* ROUTES */
};

static struct world *world_new(uint32_t routes)
{
    struct world *w = calloc(1, sizeof(*w));
    w->nlri = calloc(routes, sizeof(*w->nlri));
    w->rib = rib_new(ROUTES);
    for (size_t i = 0; i < PEERS; i++)
        rib_out_init(&w->out[i], w->rib, ROUTES, 0);
    for (uint8_t i = 0; i < KINDS; i++) {
        const uint8_t at[1][8] = {{0x80, 6, 0, 0, i}};
        struct communities communities = {.at = at, .count = 1};
        cr_assert_eq(rib_hold_attributes(w->rib, &communities, &w->kinds[i]), STATUS_OK);
    }
    for (uint32_t i = 0; i < routes; i++) {
        uint8_t nlri[] = {11, 1, 32, 0, 0, 0, 0, 0x03, 0x81, 17, 0x05, 0x81};
        memcpy(nlri + 3, &i, 4);
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, nlri, sizeof(nlri), &w->nlri[i]), STATUS_OK);
    }
    return w;
}

static void want(struct world *w, size_t peer, uint32_t route, uint32_t kind)
{
    uint32_t attributes = kind < KINDS ? w->kinds[kind] : 0;
    cr_assert_eq(rib_out_want(&w->out[peer], w->nlri[route], attributes), STATUS_OK);
}

static enum rib_out_kind next(struct world *w, size_t peer)
{
    static const struct update_path path = {.local_as = 64500, .ibgp = true, .as4 = true};
    rib_out_next(&w->out[peer], &path, 0, w->bytes, sizeof(w->bytes), &w->batch);
    rib_out_batch_done(&w->out[peer], &w->batch);
    return w->batch.kind;
}

static size_t drain(struct world *w, size_t peer)
{
    size_t messages = 0;
    while (next(w, peer) != RIB_OUT_NONE)
        messages++;
    return messages;
}

static void world_free(struct world *w, uint32_t routes)
{
    for (size_t i = 0; i < PEERS; i++)
        rib_out_done(&w->out[i]);
    for (uint32_t i = 0; i < routes; i++)
        rib_release_nlri(w->rib, w->nlri[i]);
    cr_assert_eq(rib_nlri_count(w->rib), 0);
    rib_free(w->rib);
    free(w->nlri);
    free(w);
}

/* At the worst moment, when all of it waits for all peers; and the least, as proof that the heap is
 * really counted. */
Test(rib_out_size, a_hundred_thousand_routes_of_fifty_peers_take_less_than_30_mb)
{
    size_t before = heap_octets;
    struct world *w = world_new(ROUTES);
    size_t shared = heap_octets - before, kept = 0;
    for (size_t p = 0; p < PEERS; p++)
        for (uint32_t i = 0; i < ROUTES; i++)
            want(w, p, i, i % KINDS);
    for (size_t p = 0; p < PEERS; p++)
        rib_out_up(&w->out[p], 1U << BGP_FLOW4, 0);
    for (size_t p = 0; p < PEERS; p++)
        kept += rib_out_bytes(&w->out[p]);
    size_t all = heap_octets - before;
    cr_log_info("shared %zu, of the peers %zu, all %zu", shared, kept, all);
    cr_expect_lt(all, 30U << 20, "%zu octets", all);
    cr_expect_lt(kept / PEERS / ROUTES, 4, "%zu octets a peer and route", kept / PEERS / ROUTES);
    cr_expect_gt(all, shared + kept, "the heap is counted");
    cr_expect_eq(rib_out_pending(&w->out[PEERS - 1]), ROUTES);
    world_free(w, ROUTES);
    cr_expect_eq(heap_octets, before, "all of it is given back");
}

/* Ten sorts of attributes, one after the other: each message is as full as if there were one. */
Test(rib_out_size, messages_are_full_however_the_attributes_are_mixed)
{
    struct world *w = world_new(ROUTES);
    for (uint32_t i = 0; i < ROUTES; i++) {
        want(w, 0, i, 0);
        want(w, 1, i, i % KINDS);
    }
    rib_out_up(&w->out[0], 1U << BGP_FLOW4, 0);
    rib_out_up(&w->out[1], 1U << BGP_FLOW4, 0);
    size_t plain = drain(w, 0), mixed = drain(w, 1);
    cr_expect_leq(plain, ROUTES * 12 / 3900, "%zu messages", plain);
    cr_expect_leq(mixed, plain + KINDS, "%zu messages, of one sort %zu", mixed, plain);
    for (uint32_t i = 0; i < ROUTES; i++)
        want(w, 1, i, KINDS);
    size_t withdrawals = drain(w, 1);
    cr_expect_leq(withdrawals, ROUTES * 12 / 3900 + 1, "%zu messages", withdrawals);
    world_free(w, ROUTES);
}

/* What changes all the time does not keep others from their turn. */
Test(rib_out_size, a_route_that_changes_always_starves_no_other)
{
    struct world *w = world_new(KINDS);
    rib_out_up(&w->out[0], 1U << BGP_FLOW4, 0);
    for (uint32_t i = 1; i < KINDS - 1; i++)
        want(w, 0, i, i);
    for (uint32_t turn = 0; turn < KINDS; turn++) {
        want(w, 0, 0, turn % 2 == 0 ? 0 : KINDS - 1);
        cr_assert_eq(next(w, 0), RIB_OUT_ANNOUNCE);
    }
    for (uint32_t i = 1; i < KINDS - 1; i++)
        cr_expect_eq(rib_out_announced(&w->out[0], w->nlri[i]), w->kinds[i]);
    world_free(w, KINDS);
}
