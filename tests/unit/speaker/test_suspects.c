#include "speaker/suspects.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

/* A peer played against the clock: it falls some time after it was sent what it dislikes. */
enum { ROUTES = 1000, TICK_MS = 50, RECONNECT_MS = 300 };

struct play {
    uint32_t routes;
    uint32_t bad[4]; /* numbers of routes, from 1; 0: none */
    uint64_t takes_ms, varies_ms;
    enum suspects_cause cause;
    uint64_t
        lives_ms; /* a session falls after at most so long, whatever it was sent; 0: it does not */
    uint64_t churn_ms; /* another good route comes so often; 0: never */
    uint64_t for_ms;
    bool late; /* the bad ones come when the others stand, one shortly after the other */
};

struct world {
    struct rib *rib;
    struct rib_out out;
    struct rib_out_batch batch;
    struct update_path path;
    struct suspects suspects;
    uint32_t nlri[ROUTES + 1], attributes, other;
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct play play;
    uint64_t now_ms, up_at, fall_at; /* up_at, fall_at: 0: it does not */
    uint32_t random, falls, culprits, innocents, churned;
    uint64_t stood_at; /* when all good routes stood, for the last time that they came to */
    bool stands;
};

static uint32_t number_of(const struct world *w, uint32_t nlri)
{
    uint32_t i = 1;
    while (i < ROUTES && w->nlri[i] != nlri)
        i++;
    return i;
}

static bool is_bad(const struct world *w, uint32_t number)
{
    for (size_t i = 0; i < 4; i++)
        if (w->play.bad[i] == number)
            return true;
    return false;
}

static uint32_t draw(struct world *w, uint64_t most)
{
    w->random = w->random * 1664525U + 1013904223U;
    return most == 0 ? 0 : (uint32_t)((w->random >> 8) % most);
}

static struct world *world_new(const struct play *play)
{
    static const uint8_t a[1][8] = {{0x80, 6}}, b[1][8] = {{0x80, 6, 0, 0, 0x44}};
    struct world *w = calloc(1, sizeof(*w));
    w->play = *play;
    w->random = 7;
    w->rib = rib_new(ROUTES + 1);
    w->path = (struct update_path){.local_as = 64500, .ibgp = true, .as4 = true};
    w->now_ms = 1000000;
    rib_out_init(&w->out, w->rib, ROUTES, 0);
    cr_assert_eq(
        rib_hold_attributes(w->rib, &(struct communities){.at = a, .count = 1}, &w->attributes),
        STATUS_OK);
    cr_assert_eq(rib_hold_attributes(w->rib, &(struct communities){.at = b, .count = 1}, &w->other),
                 STATUS_OK);
    for (uint32_t i = 1; i <= ROUTES; i++) {
        uint8_t value[] = {6, 1, 32, 198, 51, (uint8_t)(i >> 8), (uint8_t)i};
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, value, 7, &w->nlri[i]), STATUS_OK);
    }
    return w;
}

static void world_free(struct world *w)
{
    rib_out_done(&w->out);
    for (uint32_t i = 1; i <= ROUTES; i++)
        rib_release_nlri(w->rib, w->nlri[i]);
    cr_assert_eq(rib_nlri_count(w->rib), 0, "somebody still holds a route");
    rib_free(w->rib);
    free(w);
}

static void want(struct world *w, uint32_t number, uint32_t attributes)
{
    cr_assert_eq(rib_out_want(&w->out, w->nlri[number], attributes), STATUS_OK);
}

static void send_all(struct world *w)
{
    for (;;) {
        rib_out_next(&w->out, &w->path, w->now_ms * 1000, w->bytes, sizeof(w->bytes), &w->batch);
        if (w->batch.kind == RIB_OUT_NONE)
            return;
        if (w->batch.kind == RIB_OUT_ANNOUNCE)
            suspects_sent(&w->suspects, w->now_ms);
        for (size_t i = 0; w->batch.kind == RIB_OUT_ANNOUNCE && i < w->batch.count; i++)
            if (is_bad(w, number_of(w, w->batch.nlri[i])) && w->fall_at == 0)
                w->fall_at = w->now_ms + w->play.takes_ms + draw(w, w->play.varies_ms);
        rib_out_batch_done(&w->out, &w->batch);
    }
}

static void come_up(struct world *w)
{
    w->up_at = w->fall_at = 0;
    rib_out_up(&w->out, 1U << BGP_FLOW4, 0);
    suspects_up(&w->suspects, w->now_ms);
    if (w->play.lives_ms != 0)
        w->fall_at = w->now_ms + draw(w, w->play.lives_ms);
    send_all(w);
}

static void fall(struct world *w)
{
    struct suspects_verdict verdict =
        suspects_down(&w->suspects, &w->out, w->play.cause, w->now_ms);
    w->falls++;
    rib_out_down(&w->out);
    w->up_at = w->now_ms + RECONNECT_MS;
    w->stands = false;
    if (verdict.culprit == 0)
        return;
    uint32_t number = number_of(w, verdict.culprit);
    w->culprits += is_bad(w, number) ? 1 : 0;
    w->innocents += is_bad(w, number) ? 0 : 1;
    want(w, number, 0);
}

static void look(struct world *w)
{
    bool stands = rib_out_announced_count(&w->out) == rib_out_wanted_count(&w->out) &&
                  w->suspects.phase == SUSPECTS_NONE;
    if (stands && !w->stands)
        w->stood_at = w->now_ms;
    w->stands = stands;
}

/* All are wanted from the beginning. */
static struct world *run(const struct play *play)
{
    struct world *w = world_new(play);
    uint64_t began_ms = w->now_ms, churn_at = w->now_ms;
    for (uint32_t i = 1; i <= play->routes; i++)
        if (!play->late || !is_bad(w, i))
            want(w, i, w->attributes);
    come_up(w);
    for (; w->now_ms < began_ms + play->for_ms; w->now_ms++) {
        if (play->churn_ms != 0 && w->now_ms >= churn_at) {
            uint32_t number = play->routes + 1 + w->churned++ % 100;
            churn_at = w->now_ms + play->churn_ms;
            want(w, number, rib_out_wanted(&w->out, w->nlri[number]) != 0 ? 0 : w->attributes);
        }
        for (size_t i = 0; i < 4 && play->late; i++)
            if (play->bad[i] != 0 && w->now_ms == began_ms + 10000 + 3 * i)
                want(w, play->bad[i], w->attributes);
        if (w->up_at != 0 && w->now_ms >= w->up_at)
            come_up(w);
        if (w->up_at == 0 && w->fall_at != 0 && w->now_ms >= w->fall_at)
            fall(w);
        if (w->now_ms % TICK_MS == 0)
            suspects_tick(&w->suspects, &w->out, true, w->now_ms);
        if (w->up_at == 0)
            send_all(w);
        look(w);
    }
    w->stood_at -= began_ms;
    return w;
}

/* --- finding it ---------------------------------------------------------------------------------
 */

Test(suspects, one_bad_route_of_a_hundred_is_found_and_the_others_stand)
{
    const struct play play = {
        .routes = 100, .bad = {60}, .takes_ms = 5, .cause = SUSPECTS_UPDATE, .for_ms = 60000};
    struct world *w = run(&play);
    cr_assert_eq(w->culprits, 1);
    cr_assert_eq(w->innocents, 0);
    cr_assert_eq(w->falls, 4, "%u: twice in one UPDATE, by itself, and after a silence", w->falls);
    cr_assert_lt(w->stood_at, 10000, "%zu ms", (size_t)w->stood_at);
    cr_assert_eq(rib_out_announced_count(&w->out), 99);
    world_free(w);
}

Test(suspects, one_that_came_alone_costs_three_sessions)
{
    const struct play play = {
        .routes = 1, .bad = {1}, .takes_ms = 5, .cause = SUSPECTS_UPDATE, .for_ms = 20000};
    struct world *w = run(&play);
    cr_assert_eq(w->culprits, 1);
    cr_assert_eq(w->falls, 3);
    world_free(w);
}

struct found_case {
    char name[40];
    struct play play;
    uint32_t falls_most;
    uint64_t stand_within_ms;
};

ParameterizedTestParameters(suspects, finds_the_bad_ones)
{
    static struct found_case cases[] = {
        {"two", {100, {20, 80}, 5, 0, SUSPECTS_UPDATE, 0, 0, 120000, false}, 8, 16000},
        {"neighbours", {100, {50, 51}, 5, 0, SUSPECTS_UPDATE, 0, 0, 120000, false}, 8, 16000},
        {"four", {100, {1, 2, 99, 100}, 5, 0, SUSPECTS_UPDATE, 0, 0, 240000, false}, 16, 60000},
        {"of a thousand", {900, {777}, 5, 0, SUSPECTS_UPDATE, 0, 0, 120000, false}, 8, 20000},
        {"a slow peer", {100, {60}, 700, 0, SUSPECTS_UPDATE, 0, 0, 300000, false}, 14, 120000},
        {"slow now and then",
         {100, {60}, 5, 300, SUSPECTS_UPDATE, 0, 0, 400000, false},
         40,
         240000},
        {"two, slow now and then",
         {100, {20, 80}, 5, 300, SUSPECTS_UPDATE, 0, 0, 600000, false},
         80,
         400000},
        {"a connection that breaks",
         {100, {60}, 5, 0, SUSPECTS_SILENT, 0, 0, 120000, false},
         6,
         20000},
        {"two such", {100, {20, 80}, 5, 0, SUSPECTS_SILENT, 0, 0, 120000, false}, 12, 30000},
        {"two after the others",
         {100, {20, 80}, 1, 0, SUSPECTS_UPDATE, 0, 0, 120000, true},
         10,
         26000},
        {"four after the others",
         {100, {20, 50, 51, 80}, 2, 0, SUSPECTS_UPDATE, 0, 0, 240000, true},
         16,
         60000},
        {"two after the others, slow",
         {100, {20, 80}, 5, 300, SUSPECTS_UPDATE, 0, 0, 600000, true},
         40,
         400000},
        {"two such after the others",
         {100, {20, 80}, 1, 0, SUSPECTS_SILENT, 0, 0, 240000, true},
         20,
         60000},
        {"others come all the time",
         {100, {60}, 5, 0, SUSPECTS_UPDATE, 0, 130, 120000, false},
         10,
         120000},
    };
    return cr_make_param_array(struct found_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct found_case *c, suspects, finds_the_bad_ones)
{
    struct world *w = run(&c->play);
    uint32_t bad = 0;
    while (bad < 4 && c->play.bad[bad] != 0)
        bad++;
    cr_log_info("%s: %u falls, all others stand after %zu ms", c->name, w->falls,
                (size_t)w->stood_at);
    cr_assert_eq(w->innocents, 0, "%s: %u innocents", c->name, w->innocents);
    cr_assert_eq(w->culprits, bad, "%s: %u of %u", c->name, w->culprits, bad);
    cr_assert_leq(w->falls, c->falls_most, "%s: %u falls", c->name, w->falls);
    cr_assert_leq(w->stood_at, c->stand_within_ms, "%s: %zu ms", c->name, (size_t)w->stood_at);
    world_free(w);
}

/* --- accusing nobody ----------------------------------------------------------------------------
 */

struct innocent_case {
    char name[40];
    struct play play;
};

ParameterizedTestParameters(suspects, accuses_nobody_of_other_falls)
{
    static struct innocent_case cases[] = {
        {"resets within a second", {100, {0}, 0, 0, SUSPECTS_SILENT, 1000, 0, 1200000, false}},
        {"within three", {100, {0}, 0, 0, SUSPECTS_SILENT, 3000, 0, 1200000, false}},
        {"within ten", {100, {0}, 0, 0, SUSPECTS_SILENT, 10000, 0, 1200000, false}},
        {"one route", {1, {0}, 0, 0, SUSPECTS_SILENT, 5000, 0, 1200000, false}},
        {"at once", {100, {0}, 0, 0, SUSPECTS_SILENT, 2, 0, 600000, false}},
        {"a Cease after what it was sent", {100, {60}, 5, 0, SUSPECTS_OTHER, 0, 0, 600000, false}},
    };
    return cr_make_param_array(struct innocent_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct innocent_case *c, suspects, accuses_nobody_of_other_falls)
{
    struct world *w = run(&c->play);
    cr_log_info("%s: %u falls", c->name, w->falls);
    cr_assert_gt(w->falls, 60);
    cr_assert_eq(w->culprits + w->innocents, 0, "%s: %u accused", c->name,
                 w->culprits + w->innocents);
    world_free(w);
}
