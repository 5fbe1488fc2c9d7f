#include "speaker/exabgp/asked.h"

#include <criterion/criterion.h>

static void put(struct asked *asked, uint32_t nlri)
{
    struct asked_item item = {.nlri = nlri};
    asked_put(asked, &item);
}

/* Answers of a series, and what each of them is told. */
static enum asked_news say(struct asked *asked, uint16_t series, int bits)
{
    enum asked_news news = ASKED_NOTHING;
    size_t count;
    for (int bit = ASKED_SERIES - 1; bit >= ASKED_SERIES - bits; bit--) {
        if ((series >> bit & 1) != 0)
            cr_expect_eq(asked_table(asked, &count), ASKED_NOTHING);
        news = asked_answer(asked, false);
    }
    return news;
}

static void begin(struct asked *asked)
{
    uint16_t series = asked_begin(asked, 0x1234);
    cr_assert_eq(say(asked, series, ASKED_SERIES), ASKED_WHOLE);
    cr_assert(!asked->beginning);
}

Test(asked, what_comes_before_the_series_is_anothers)
{
    static struct asked asked;
    uint16_t series = asked_begin(&asked, 0x5a5a);
    cr_expect_eq(series, 0xda5b);
    cr_expect_eq(say(&asked, 0xffff, 16), ASKED_NOTHING);
    cr_expect_eq(say(&asked, 0, 3), ASKED_NOTHING);
    cr_expect_eq(say(&asked, series, 7), ASKED_NOTHING); /* as of one that was killed */
    for (int i = 0; i < 300; i++)
        cr_expect_eq(asked_answer(&asked, i % 2 == 0), ASKED_NOTHING);
    cr_expect_eq(say(&asked, series, ASKED_SERIES), ASKED_WHOLE);
    cr_expect_eq(asked.count, 0);
    cr_expect_eq(asked.surplus, 0);
}

Test(asked, answers_are_those_of_the_commands_in_their_order)
{
    static struct asked asked;
    size_t count;
    begin(&asked);
    put(&asked, 1);
    put(&asked, 2);
    asked_question(&asked);
    put(&asked, 3);
    cr_expect_eq(asked_answer(&asked, false), ASKED_NOTHING);
    cr_expect_eq(asked_answer(&asked, true), ASKED_NOTHING);
    cr_expect_eq(asked_table(&asked, &count), ASKED_KNOWN);
    cr_assert_eq(count, 2);
    struct asked_item first = asked_take(&asked), second = asked_take(&asked);
    cr_expect(first.nlri == 1 && !first.refused);
    cr_expect(second.nlri == 2 && second.refused);
    cr_expect_eq(asked_answer(&asked, false), ASKED_WHOLE);
    cr_expect_eq(asked.count, 1);
    cr_expect_eq(asked.since, 1);
}

Test(asked, one_answer_less_or_more_and_nothing_is_known)
{
    static struct asked asked;
    for (size_t answers = 0; answers <= 3; answers++) {
        size_t count;
        begin(&asked);
        put(&asked, 1);
        put(&asked, 2);
        asked_question(&asked);
        for (size_t i = 0; i < answers; i++)
            (void)asked_answer(&asked, false);
        cr_expect_eq(asked_table(&asked, &count), answers < 2    ? ASKED_LOST
                                                  : answers == 2 ? ASKED_KNOWN
                                                                 : ASKED_CONFUSED);
        cr_expect_eq(count, 2);
    }
}

Test(asked, a_table_that_breaks_off_makes_room_for_the_next)
{
    static struct asked asked;
    size_t count;
    begin(&asked);
    asked_question(&asked);
    asked_question(&asked);
    cr_expect_eq(asked_table(&asked, &count), ASKED_KNOWN);
    cr_expect_eq(asked_table(&asked, &count), ASKED_KNOWN);
    cr_expect_eq(asked_answer(&asked, false), ASKED_WHOLE);
    cr_expect_eq(asked.count, 0);
    cr_expect_eq(asked_table(&asked, &count), ASKED_CONFUSED);
}

Test(asked, holds_so_many_and_no_more)
{
    static struct asked asked;
    for (uint32_t i = 0; i < ASKED_MAX; i++)
        put(&asked, i);
    cr_expect_eq(asked_room(&asked), 0);
    for (uint32_t i = 0; i < ASKED_MAX; i++)
        cr_expect_eq(asked_take(&asked).nlri, i);
    cr_expect_eq(asked_room(&asked), ASKED_MAX);
}
