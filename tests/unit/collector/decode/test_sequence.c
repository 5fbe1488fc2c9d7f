#include "collector/decode/sequence.h"

#include <criterion/criterion.h>

/* One exporter's datagrams, and whoever else sends under its address. */
struct bench {
    struct sequence s;
    uint64_t now_ms;
    uint64_t lost, late, resets, foreign, of_another;
    bool two_senders, is_contested; /* ever */
};

static struct sequence_verdict take(struct bench *b, struct sequence_step step)
{
    step.tolerance = step.tolerance == 0 ? 32 : step.tolerance;
    b->foreign += sequence_is_foreign(&b->s, step.number, step.tolerance, b->now_ms);
    struct sequence_verdict v = sequence_judge(&b->s, &step, b->now_ms);
    b->lost += v.lost;
    b->lost -= v.regained;
    b->late += v.kind == SEQUENCE_LATE;
    b->resets += v.kind == SEQUENCE_RESET;
    b->two_senders |= v.two_senders;
    b->is_contested |= v.is_contested;
    return v;
}

static struct sequence_verdict judge(struct bench *b, uint32_t number)
{
    return take(b, (struct sequence_step){.number = number, .units = 1, .records = 1});
}

/* Numbers that nobody can guess. */
static uint32_t scramble(uint32_t i)
{
    return (i + 1) * 2654435761U ^ (i * 40503U << 7);
}

/* --- one sender ---------------------------------------------------------------------------------
 */

Test(sequence, a_gap_counts_what_is_missing)
{
    struct bench b = {0};
    cr_assert_eq(judge(&b, 10).kind, SEQUENCE_NEXT);
    cr_assert_eq(judge(&b, 11).kind, SEQUENCE_NEXT);
    struct sequence_verdict v = judge(&b, 15);
    cr_assert_eq(v.kind, SEQUENCE_GAP);
    cr_assert_eq(v.lost, 3);
}

Test(sequence, an_overtaken_datagram_is_late_and_no_longer_lost)
{
    struct bench b = {0};
    judge(&b, 10);
    cr_assert_eq(judge(&b, 12).lost, 1);
    struct sequence_verdict v = judge(&b, 11);
    cr_assert_eq(v.kind, SEQUENCE_LATE);
    cr_assert_eq(v.regained, 1);
    cr_assert_eq(judge(&b, 11).regained, 0, "twice is once");
    cr_assert_eq(judge(&b, 13).kind, SEQUENCE_NEXT);
}

Test(sequence, what_is_late_is_taken_out_of_its_gap_piece_by_piece)
{
    static const struct {
        const char *name;
        uint32_t number, units, lost;
    } steps[] = {{"the first", 1000, 10, 0},     {"forty missing", 1050, 10, 40},
                 {"its middle", 1020, 10, 30},   {"its end", 1040, 10, 20},
                 {"over its end", 1038, 12, 18}, {"what came before", 990, 10, 18},
                 {"its start", 1005, 10, 13},    {"all of it", 1010, 40, 0},
                 {"and again", 1010, 40, 0},     {"on from there", 1060, 10, 0}};
    struct bench b = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        take(&b, (struct sequence_step){
                     .number = steps[i].number, .units = steps[i].units, .tolerance = 1024});
        cr_assert_eq(b.lost, steps[i].lost, "%s: %u", steps[i].name, (unsigned)b.lost);
    }
}

Test(sequence, gaps_that_late_datagrams_may_fill_are_so_many)
{
    struct bench b = {0};
    enum { COUNT = 2 * SEQUENCE_GAPS };
    for (uint32_t i = 0; i <= COUNT; i++)
        take(&b, (struct sequence_step){.number = 2 * i, .units = 1, .tolerance = 4 * COUNT});
    cr_assert_eq(b.lost, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        take(&b, (struct sequence_step){.number = 2 * i + 1, .units = 1, .tolerance = 4 * COUNT});
    cr_assert_eq(b.late, COUNT);
    cr_assert_eq(b.lost, COUNT - SEQUENCE_GAPS, "those of the oldest stay lost");
}

/* The middle of the oldest comes late, where all places are taken: both of its ends may come too.
 */
Test(sequence, a_gap_that_is_split_keeps_both_parts)
{
    struct bench b = {0};
    for (uint32_t i = 0; i <= SEQUENCE_GAPS; i++)
        take(&b, (struct sequence_step){.number = 10 * i, .units = 1, .tolerance = 1024});
    static const uint32_t numbers[] = {5, 1, 6};
    static const uint32_t units[] = {1, 4, 4};
    for (size_t i = 0; i < 3; i++) {
        struct sequence_verdict v = take(
            &b, (struct sequence_step){.number = numbers[i], .units = units[i], .tolerance = 1024});
        cr_expect_eq(v.regained, units[i], "%u: %u", numbers[i], v.regained);
    }
}

Test(sequence, it_wraps)
{
    struct bench b = {0};
    judge(&b, UINT32_MAX - 1);
    cr_assert_eq(judge(&b, UINT32_MAX).kind, SEQUENCE_NEXT);
    cr_assert_eq(judge(&b, 0).kind, SEQUENCE_NEXT);
    cr_assert_eq(judge(&b, 3).lost, 2);
    cr_assert_eq(judge(&b, 2).regained, 1);
}

Test(sequence, a_restart_is_no_gap)
{
    struct bench b = {0};
    judge(&b, 3000000000);
    cr_assert(sequence_is_reset(&b.s, 0, 32));
    struct sequence_verdict v = judge(&b, 0);
    cr_assert_eq(v.kind, SEQUENCE_RESET);
    cr_assert_eq(v.lost, 0);
    cr_assert_eq(judge(&b, 1).kind, SEQUENCE_NEXT);
}

/* As it is on a bad line: the place before the last loss is near for some while. */
Test(sequence, many_small_losses_are_losses_and_not_two_senders)
{
    struct bench b = {0};
    for (uint32_t i = 0; i < 300; i++, b.now_ms += 20)
        if (i % 10 != 9)
            judge(&b, i);
    cr_assert_eq(b.lost, 29, "what comes last is not known to be lost");
    cr_assert_not(b.two_senders);
}

Test(sequence, one_restart_is_not_two_senders)
{
    struct bench b = {0};
    for (uint32_t i = 0; i < 400; i++, b.now_ms += 10)
        judge(&b, 70000 + i);
    for (uint32_t i = 0; i < 4000; i++, b.now_ms += 10)
        judge(&b, i);
    cr_assert_not(b.two_senders);
    cr_assert_eq(b.foreign, 0, "and each of its records counts");
    cr_assert_eq(b.resets, 1);
}

Test(sequence, what_could_not_be_counted_is_no_loss)
{
    struct bench b = {0};
    judge(&b, 10);
    take(&b, (struct sequence_step){.number = 11, .units = 2, .is_least = true});
    cr_assert_eq(judge(&b, 30).kind, SEQUENCE_NEXT);
    cr_assert_eq(judge(&b, 33).lost, 2, "but from then on it is known");
}

/* Every second datagram takes a path that is slower by so many datagrams. */
Test(sequence, paths_of_different_length_are_no_second_sender_and_lose_nothing)
{
    static const uint32_t slower_by[] = {2, 20, 40, 80, 300};
    for (size_t n = 0; n < sizeof(slower_by) / sizeof(slower_by[0]); n++) {
        struct bench b = {0};
        uint32_t by = slower_by[n];
        for (uint32_t i = 0; i < 100000; i++) {
            b.now_ms = 1 + i; /* a thousand a second */
            if (i % 2 == 0)
                judge(&b, 5000000 + i);
            else if (i > by)
                judge(&b, 5000000 + i - by);
        }
        cr_expect_not(b.two_senders, "%u", by);
        cr_expect_eq(b.foreign, 0, "%u", by);
        cr_expect_eq(b.resets, 0, "%u: %u", by, (unsigned)b.resets);
        if (by <= 2 * SEQUENCE_GAPS)
            cr_expect_leq(b.lost, by, "%u: %u", by, (unsigned)b.lost);
    }
}

/* The same in short bursts, a minute apart. */
Test(sequence, bursts_over_two_paths_are_no_second_sender)
{
    struct bench b = {0};
    uint32_t number = 900000;
    for (uint32_t burst = 0; burst < 30; burst++, number += 400) {
        b.now_ms += 60000;
        for (uint32_t i = 0; i < 400 + 120; i++) {
            if (i % 2 == 0 && i < 400)
                judge(&b, number + i);
            if (i % 2 == 1 && i >= 120)
                judge(&b, number + i - 120);
        }
    }
    cr_assert_not(b.two_senders);
    cr_assert_eq(b.foreign, 0);
}

/* --- two senders --------------------------------------------------------------------------------
 */

/* A hundred datagrams a second of an exporter, and of somebody else per_mille of as many. */
static void beside(struct bench *b, uint32_t count, uint32_t per_mille, bool jumps,
                   uint32_t records)
{
    for (uint32_t i = 0, sent = 0; i < count; i++, b->now_ms += 10) {
        judge(b, 1000 + i);
        for (; sent * 1000 < i * per_mille; sent++) {
            uint64_t before = b->foreign;
            take(b, (struct sequence_step){.number = jumps ? scramble(sent) : 900000000 + sent,
                                           .units = 1,
                                           .records = records});
            b->of_another += b->foreign - before;
        }
    }
}

Test(sequence, two_senders_that_take_turns_are_seen_whether_the_second_goes_on_or_jumps)
{
    for (uint32_t per_mille = 60; per_mille <= 7000; per_mille *= 3) {
        for (int jumps = 0; jumps <= 1; jumps++) {
            struct bench b = {.now_ms = 5000};
            beside(&b, 1000, per_mille, jumps != 0, 1);
            cr_expect(b.two_senders, "%u, jumps %d", per_mille, jumps);
            cr_expect(b.is_contested, "%u, jumps %d: nobody can tell", per_mille, jumps);
            cr_expect_lt(b.lost, 1000, "%u, jumps %d: %u", per_mille, jumps, (unsigned)b.lost);
        }
    }
}

Test(sequence, a_second_one_who_brings_little_is_told_from_the_exporter)
{
    for (int jumps = 0; jumps <= 1; jumps++) {
        struct bench b = {.now_ms = 5000};
        beside(&b, 20000, 30, jumps != 0, 1);
        cr_expect(b.two_senders);
        cr_expect_not(b.is_contested, "%d: he holds nothing back", jumps);
        cr_expect_eq(b.foreign, b.of_another, "the exporter itself is never left out");
        cr_expect_gt(b.of_another, 590, "%d: and he counts for nothing: %u", jumps,
                     (unsigned)b.of_another);
    }
}

/* Nor can he hold anything back with datagrams that say nothing, or with few that say much. */
Test(sequence, a_part_is_one_of_datagrams_and_of_records)
{
    struct bench b = {.now_ms = 5000};
    beside(&b, 4000, 500, false, 0);
    cr_expect(b.two_senders && !b.is_contested);
    b = (struct bench){.now_ms = 5000};
    beside(&b, 4000, 20, false, 1000);
    cr_expect(b.two_senders && !b.is_contested);
    cr_expect_eq(b.foreign, b.of_another);
}

Test(sequence, a_few_forged_headers_mark_nobody)
{
    struct bench b = {.now_ms = 5000};
    for (uint32_t i = 0; i < 600; i++, b.now_ms += 100) {
        judge(&b, 1000 + i);
        if (i % 200 == 100)
            take(&b, (struct sequence_step){.number = 900000000 + i / 200, .units = 1});
    }
    cr_assert_not(b.two_senders);
    cr_assert_eq(b.foreign, 0);
}

Test(sequence, numbers_that_begin_anew_again_and_again_are_shown)
{
    struct bench b = {.now_ms = 5000};
    for (uint32_t i = 0; i < 3; i++, b.now_ms += 1000)
        judge(&b, 4000000000 - i * 300000000);
    cr_assert_not(b.two_senders);
    judge(&b, 5);
    judge(&b, 2900000000);
    cr_assert(b.two_senders);
    cr_assert_not(b.is_contested, "but nobody is held back for it");
}

/* After the last of him the exporter is believed again. */
Test(sequence, one_sender_again_is_one_sender)
{
    struct bench b = {.now_ms = 5000};
    beside(&b, 1000, 500, false, 1);
    b.two_senders = b.is_contested = false;
    b.now_ms += 61000;
    for (uint32_t i = 0; i < 100; i++, b.now_ms += 10)
        judge(&b, 2000 + i);
    cr_assert_not(b.two_senders || b.is_contested);
}

/* Its new stream is the main one once the old one is silent, also while somebody forges. */
Test(sequence, an_exporter_that_began_anew_beside_a_forger_is_the_exporter)
{
    struct bench b = {.now_ms = 5000};
    beside(&b, 2000, 30, true, 1);
    for (uint32_t i = 0; i < 2000; i++, b.now_ms += 10) {
        judge(&b, 300000 + i);
        if (i % 33 == 0)
            judge(&b, scramble(10000 + i));
    }
    uint64_t before = b.foreign;
    for (uint32_t i = 2000; i < 4000; i++, b.now_ms += 10)
        judge(&b, 300000 + i);
    cr_assert_eq(b.foreign, before);
}

/* One datagram in `gap_s` seconds of an exporter, and from 300 s on one a second of another. */
Test(sequence, a_quiet_exporter_is_never_left_out)
{
    for (uint32_t gap_s = 5; gap_s <= 30; gap_s += 5)
        for (uint32_t each = 1; each <= 5; each += 4) {
            struct bench b = {.now_ms = 1000};
            uint32_t number = 1342177280, forged = 77;
            for (uint32_t i = 0; i < 1800 * 5; i++, b.now_ms += 200) {
                if (i >= 300 * 5 && (each == 5 || i % 5 == 0))
                    judge(&b, forged++);
                if (i % (gap_s * 5) != 2)
                    continue;
                cr_expect_not(sequence_is_foreign(&b.s, number, 32, b.now_ms), "%u", gap_s);
                cr_expect_not(sequence_origin(&b.s, number, 32, b.now_ms).is_outside, "%u", gap_s);
                take(&b, (struct sequence_step){.number = number++, .units = 1, .records = 30});
            }
            cr_expect(b.two_senders, "%u", gap_s);
        }
}

/* It was silent for long, and another, who brings most by far, was taken for it. */
Test(sequence, one_that_comes_back_is_contested_and_the_main_one_again)
{
    struct bench b = {.now_ms = 5000};
    beside(&b, 1000, 0, false, 1);
    b.now_ms += 15000;
    for (uint32_t i = 0; i < 6000; i++, b.now_ms += 10) {
        judge(&b, 900000000 + i);
        if (i >= 1000 && i % 100 == 0) { /* one in a hundred */
            uint64_t before = b.foreign;
            struct sequence_verdict v = judge(&b, 2000 + i / 100 - 10);
            cr_expect_eq(b.foreign, before, "%u", i);
            cr_expect(v.is_contested && v.two_senders, "%u", i);
        }
    }
    cr_expect_not(sequence_origin(&b.s, 2050, 32, b.now_ms).is_outside);
    cr_expect(sequence_origin(&b.s, 900006000, 32, b.now_ms).is_outside);
    cr_expect_eq(b.foreign, 0);
}

/* How long an exporter that began anew waits, whose old stream had been as lively as this. */
Test(sequence, silence_is_four_times_the_usual_gap_within_bounds)
{
    static const struct {
        uint32_t gap_ms, silence_ms;
    } cases[] = {{10, 10000}, {1000, 10000}, {20000, 80000}, {3600000, 600000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b = {.now_ms = 5000};
        for (uint32_t k = 0; k < 1000; k++, b.now_ms += cases[i].gap_ms)
            judge(&b, 1000 + k);
        uint64_t last_ms = b.now_ms - cases[i].gap_ms;
        cr_expect(sequence_origin(&b.s, 5, 32, last_ms + cases[i].silence_ms * 9 / 10).is_outside,
                  "%zu", i);
        cr_expect_not(sequence_origin(&b.s, 5, 32, last_ms + cases[i].silence_ms).is_outside, "%zu",
                      i);
    }
}

/* Whatever comes: what is taken back had been lost before, and each loss is within bounds. */
Test(sequence, no_more_comes_back_than_was_lost)
{
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct bench b = {.now_ms = seed};
        uint32_t bases[3] = {seed * 77777, seed * 99999999, UINT32_MAX - 50};
        for (uint32_t i = 0; i < 3000; i++) {
            uint32_t r = scramble(seed * 3001 + i);
            uint32_t *base = &bases[r % 7 % 3];
            *base += r / 7 % 5;
            take(&b, (struct sequence_step){.number = *base + (r >> 8) % 60 - 30,
                                            .units = (r >> 14) % 12,
                                            .records = (r >> 14) % 12,
                                            .is_least = (r >> 20) % 16 == 0});
            b.now_ms += (r >> 24) % 30;
            cr_assert_leq(b.lost, (uint64_t)1 << 40, "%u %u: less than none", seed, i);
        }
    }
}

static uint32_t after(const struct bench *b, uint32_t number)
{
    return sequence_origin(&b->s, number, 32, b->now_ms).after;
}

/* Of a stream beside the main one datagrams are lost: which one goes on from it is known until it
 * is heard again itself. */
Test(sequence, one_that_lost_too_much_goes_on_from_its_own)
{
    struct bench b = {.now_ms = 5000};
    for (uint32_t i = 0; i < 500; i++, b.now_ms += 10)
        judge(&b, 90000000 + i);
    judge(&b, 10);
    const uint32_t old = sequence_origin(&b.s, 11, 32, b.now_ms).serial;
    cr_expect_eq(after(&b, 11), 0);
    cr_expect_eq(after(&b, 70000), old, "before it is judged");
    cr_expect_eq(after(&b, 20000000), 0, "too far");
    judge(&b, 70000);
    const uint32_t new = sequence_origin(&b.s, 70001, 32, b.now_ms).serial;
    cr_expect_neq(new, old);
    cr_expect_eq(after(&b, 70001), old);
    cr_expect_eq(after(&b, 900000), new, "the nearest");
    judge(&b, 5);
    cr_expect_eq(after(&b, 70001), old, "a late one says nothing");
    judge(&b, 11);
    cr_expect_eq(after(&b, 70001), 0);
}
