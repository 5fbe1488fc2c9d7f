#include "collector/decode/sequence.h"

#include <criterion/criterion.h>

static struct sequence_verdict judge(struct sequence *s, uint32_t got)
{
    return sequence_judge(s, got, 1, 32, 0);
}

Test(sequence, a_gap_counts_what_is_missing)
{
    struct sequence s = {0};
    cr_assert_eq(judge(&s, 10).kind, SEQUENCE_NEXT);
    cr_assert_eq(judge(&s, 11).kind, SEQUENCE_NEXT);
    struct sequence_verdict v = judge(&s, 15);
    cr_assert_eq(v.kind, SEQUENCE_GAP);
    cr_assert_eq(v.lost, 3);
}

Test(sequence, an_overtaken_datagram_is_late_and_moves_nothing)
{
    struct sequence s = {0};
    judge(&s, 10);
    judge(&s, 12);
    cr_assert_eq(judge(&s, 11).kind, SEQUENCE_LATE);
    cr_assert_eq(judge(&s, 13).kind, SEQUENCE_NEXT);
}

Test(sequence, it_wraps)
{
    struct sequence s = {0};
    judge(&s, UINT32_MAX);
    cr_assert_eq(judge(&s, 0).kind, SEQUENCE_NEXT);
}

Test(sequence, a_restart_is_no_gap)
{
    struct sequence s = {0};
    judge(&s, 3000000000);
    struct sequence_verdict v = judge(&s, 0);
    cr_assert_eq(v.kind, SEQUENCE_RESET);
    cr_assert_eq(v.lost, 0);
    cr_assert_eq(judge(&s, 1).kind, SEQUENCE_NEXT);
}

Test(sequence, two_senders_that_take_turns_are_seen)
{
    struct sequence s = {0};
    bool seen = false;
    for (uint32_t i = 0; i < 5; i++) {
        seen |= judge(&s, 1000 + i).two_senders;
        seen |= judge(&s, 900000 + i).two_senders;
    }
    cr_assert(seen);
}

/* As it is on a bad line: the place before the last loss is near for some while. */
Test(sequence, many_small_losses_are_losses_and_not_two_senders)
{
    struct sequence s = {0};
    uint32_t lost = 0;
    bool seen = false;
    for (uint32_t i = 0; i < 300; i++) {
        if (i % 10 == 9)
            continue;
        struct sequence_verdict v = judge(&s, i);
        lost += v.lost;
        seen |= v.two_senders;
    }
    cr_assert_eq(lost, 29, "what comes last is not known to be lost");
    cr_assert_not(seen);
}

Test(sequence, one_restart_is_not_two_senders)
{
    struct sequence s = {0};
    bool seen = false;
    for (uint32_t i = 0; i < 100; i++)
        seen |= judge(&s, 70000 + i).two_senders;
    for (uint32_t i = 0; i < 100; i++)
        seen |= judge(&s, i).two_senders;
    cr_assert_not(seen);
}

Test(sequence, what_could_not_be_counted_starts_anew)
{
    struct sequence s = {0};
    judge(&s, 10);
    sequence_forget(&s);
    cr_assert_eq(judge(&s, 500).kind, SEQUENCE_NEXT);
}
