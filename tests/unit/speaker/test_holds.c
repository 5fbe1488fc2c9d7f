#include "speaker/holds.h"

#include "common/base/addr.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct hold hold_of(const char *scope, enum hold_source source, uint64_t since_ms)
{
    struct hold hold = {.source = (uint8_t)source, .since_ms = since_ms};
    cr_assert_eq(scope_parse(&hold.scope, scope), STATUS_OK);
    return hold;
}

static bool matches(const char *text, const struct hold_question *question)
{
    struct scope scope;
    cr_assert_eq(scope_parse(&scope, text), STATUS_OK);
    return holds_match(&scope, question);
}

Test(holds, each_scope_matches_its_own)
{
    const char *platforms[] = {"edge", "core"};
    struct hold_question question = {.peer = "mx1",
                                     .method = "rtbh",
                                     .alarm = "a-1",
                                     .platforms = platforms,
                                     .platform_count = 2,
                                     .family = ADDR_IPV6};
    cr_expect(matches("all", &question));
    cr_expect(matches("peer:mx1", &question));
    cr_expect(matches("method:rtbh", &question));
    cr_expect(matches("alarm:a-1", &question));
    cr_expect(matches("platform:core", &question));
    cr_expect(matches("family:ipv6", &question));
    cr_expect_not(matches("peer:mx2", &question));
    cr_expect_not(matches("method:limit", &question));
    cr_expect_not(matches("alarm:a-2", &question));
    cr_expect_not(matches("platform:other", &question));
    cr_expect_not(matches("family:ipv4", &question));
}

Test(holds, resume_ends_its_scope_and_all_ends_every_one)
{
    struct holds *holds = calloc(1, sizeof(*holds));
    struct scope all = {.kind = SCOPE_ALL};
    struct hold a = hold_of("peer:mx1", HOLD_SOCKET, 10), b = hold_of("all", HOLD_SOCKET, 20),
                c = hold_of("all", HOLD_REDIS, 20);
    cr_assert_eq(holds_set(holds, &a), STATUS_OK);
    cr_assert_eq(holds_set(holds, &b), STATUS_OK);
    cr_assert_eq(holds_set(holds, &b), STATUS_OK);
    cr_assert_eq(holds_set(holds, &c), STATUS_OK);
    cr_assert_eq(holds->count, 3, "the same again is not one more");
    cr_assert_eq(holds_end(holds, HOLD_SOCKET, &a.scope, 9), 0, "a hold newer than the resume");
    cr_assert_eq(holds_end(holds, HOLD_SOCKET, &a.scope, 10), 1);
    cr_assert_eq(holds_end(holds, HOLD_SOCKET, &all, 100), 1);
    cr_assert_eq(holds->count, 1);
    cr_assert_eq(holds->items[0].source, HOLD_REDIS);
    free(holds);
}

Test(holds, their_number_is_bounded)
{
    struct holds *holds = calloc(1, sizeof(*holds));
    for (int i = 0; i < HOLDS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "alarm:a-%d", i);
        struct hold hold = hold_of(text, HOLD_STOPS, 1);
        cr_assert_eq(holds_set(holds, &hold), STATUS_OK);
    }
    struct hold one_more = hold_of("peer:mx1", HOLD_STOPS, 1);
    cr_assert_eq(holds_set(holds, &one_more), STATUS_LIMIT);
    cr_assert_eq(holds->count, HOLDS_MAX);
    free(holds);
}

Test(holds, where_there_is_no_room_all_takes_the_place_of_a_narrower_one)
{
    struct holds *holds = calloc(1, sizeof(*holds));
    struct hold_question question = {.peer = "mx9", .method = "rtbh", .alarm = "a-999"};
    for (int i = 0; i < HOLDS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "alarm:a-%d", i);
        struct hold hold = hold_of(text, i == 100 ? HOLD_SOCKET : HOLD_REDIS, 1);
        cr_assert_eq(holds_set(holds, &hold), STATUS_OK);
    }
    cr_assert_null(holds_find(holds, &question));
    for (int source = HOLD_REDIS; source <= HOLD_SOCKET; source++) {
        struct hold all = hold_of("all", (enum hold_source)source, 1);
        cr_assert_eq(holds_set(holds, &all), STATUS_OK);
        cr_assert_eq(holds_set(holds, &all), STATUS_OK, "the same again");
        cr_assert_eq(holds->count, HOLDS_MAX);
        cr_assert_not_null(holds_find(holds, &question));
    }
    size_t alls = 0;
    for (size_t i = 0; i < holds->count; i++)
        alls += holds->items[i].scope.kind == SCOPE_ALL ? 1 : 0;
    cr_assert_eq(alls, 3, "each source's own, so that each is resumed by itself");
    cr_assert_eq(holds->items[100].scope.kind, SCOPE_ALL, "of its own source where there is one");
    free(holds);
}
