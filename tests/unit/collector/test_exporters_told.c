#include "collector/exporters_told.h"

#include <criterion/criterion.h>

enum { MAX = 4, LABELS = 6 };

static struct exporter_told *enter(struct exporters_told *told, uint32_t number,
                                   enum decode_trust trust, uint32_t *ret_gone)
{
    struct ip_addr addr = addr_from_ipv4(number), gone;
    struct exporter_told *entry = exporters_told_enter(told, &addr, trust, &gone);
    *ret_gone = gone.family == ADDR_NONE ? 0 : gone.octets[3];
    return entry;
}

static void init(struct exporters_told *told)
{
    cr_assert_eq(exporters_told_init(told, MAX, LABELS, 1), STATUS_OK);
}

Test(exporters_told, past_the_limit_the_oldest_makes_room)
{
    struct exporters_told told;
    uint32_t gone;
    init(&told);
    for (uint32_t i = 1; i <= MAX; i++) {
        cr_assert_not_null(enter(&told, i, DECODE_UNLISTED, &gone));
        cr_assert_eq(gone, 0);
    }
    (void)enter(&told, 1, DECODE_UNLISTED, &gone);
    cr_assert_eq(gone, 0, "it is there");
    (void)enter(&told, MAX + 1, DECODE_UNLISTED, &gone);
    cr_assert_eq(gone, 2);
    cr_assert_eq(table_count(told.table), MAX);
    exporters_told_done(&told);
}

Test(exporters_told, a_listed_one_stays_in_a_flood_and_gets_in)
{
    struct exporters_told told;
    uint32_t gone;
    init(&told);
    struct exporter_told *listed = enter(&told, 1, DECODE_BY_ADDRESS, &gone);
    listed->datagrams = 7;
    for (uint32_t i = 2; i < 200; i++) {
        (void)enter(&told, i, DECODE_BY_PREFIX, &gone);
        cr_assert_neq(gone, 1);
    }
    cr_assert_not_null(enter(&told, 201, DECODE_BY_ADDRESS, &gone));
    cr_assert_neq(gone, 0);
    cr_assert_eq(enter(&told, 1, DECODE_BY_ADDRESS, &gone)->datagrams, 7);
    exporters_told_done(&told);
}

Test(exporters_told, where_all_are_known_better_there_is_no_room)
{
    struct exporters_told told;
    uint32_t gone;
    init(&told);
    for (uint32_t i = 1; i <= MAX; i++)
        (void)enter(&told, i, DECODE_BY_ADDRESS, &gone);
    cr_assert_null(enter(&told, 9, DECODE_BY_PREFIX, &gone));
    cr_assert_eq(gone, 0);
    exporters_told_done(&told);
}

Test(exporters_told, labels_are_for_the_listed_and_a_few_others)
{
    struct exporters_told told;
    uint32_t gone, labelled = 0;
    init(&told);
    for (uint32_t i = 1; i <= 100; i++)
        labelled += enter(&told, i, DECODE_UNLISTED, &gone)->labelled;
    cr_assert_eq(labelled, LABELS);
    cr_assert(enter(&told, 1, DECODE_UNLISTED, &gone)->labelled, "it has one already");
    cr_assert_not(enter(&told, 50, DECODE_UNLISTED, &gone)->labelled);
    cr_assert(enter(&told, 50, DECODE_BY_ADDRESS, &gone)->labelled, "it was put into the list");
    cr_assert(enter(&told, 101, DECODE_BY_ADDRESS, &gone)->labelled);
    exporters_told_done(&told);
}

Test(exporters_told, what_was_only_overtaken_is_counted_as_lost_once)
{
    static const struct {
        const char *name;
        uint64_t datagrams, lost, added;
    } steps[] = {{"lost", 10, 5, 5},         {"three come", 13, 2, 0}, {"two lost", 20, 4, 0},
                 {"another two", 30, 6, 1},  {"nothing", 40, 6, 0},    {"forgotten", 3, 2, 2},
                 {"and from there", 9, 3, 1}};
    struct exporter_told told = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct decode_counts counts = {.datagrams = steps[i].datagrams,
                                       .sequence_lost = steps[i].lost};
        cr_assert_eq(exporters_told_lost(&told, &counts), steps[i].added, "%s", steps[i].name);
        told.datagrams = steps[i].datagrams;
    }
}
