#include "tests/unit/policy/engine/support.h"

/* Two senders take turns in an exporter's sequence, and one of them may be forged: what rests on
 * its rates starts nothing by itself. */

static bool asks_for_a_person(const struct bench *b)
{
    return strstr(b->alarm.not_mitigated, "two senders as 192.0.2.1") != NULL;
}

Test(two_senders, a_rule_that_rests_on_them_waits_for_a_person)
{
    struct bench *b = setup(HEAD POLICY(""));
    b->two_senders = true;
    run(b, VICTIM, 200e6, 20000);
    cr_assert_eq(b->alarm.state, ALARM_ACTIVE, "it is an alarm all the same");
    cr_assert(asks_for_a_person(b), "%s", b->alarm.not_mitigated);
    cr_assert_null(find(b, "announce"));
    cr_assert_eq(count_of(b, "not mitigated"), 1, "it is said once, however often it is tried");
    teardown(b);
}

Test(two_senders, one_sender_again_and_the_rule_starts_by_itself)
{
    struct bench *b = setup(HEAD POLICY(""));
    b->two_senders = true;
    run(b, VICTIM, 200e6, 3000);
    cr_assert_null(find(b, "announce"));
    b->two_senders = false;
    run(b, VICTIM, 200e6, 15000);
    cr_assert_not_null(find(b, "announce"));
    cr_assert_str_eq(b->alarm.not_mitigated, "");
    teardown(b);
}

Test(two_senders, what_stands_already_stays)
{
    struct bench *b = setup(HEAD POLICY(""));
    run(b, VICTIM, 200e6, 300);
    cr_assert_not_null(find(b, "announce"));
    b->two_senders = true;
    run(b, VICTIM, 200e6, 20000);
    cr_assert(mitigation_stands(b));
    cr_assert_null(find(b, "withdraw"));
    teardown(b);
}

Test(two_senders, a_fifth_of_the_rate_is_enough_and_less_is_not)
{
    for (uint16_t permille = 199; permille <= 201; permille++) {
        struct bench *b = setup(HEAD POLICY(""));
        b->two_senders = true;
        b->share_permille = permille;
        run(b, VICTIM, 200e6, 300);
        cr_assert_eq(find(b, "announce") == NULL, permille >= 200, "%u permille", permille);
        teardown(b);
    }
}
