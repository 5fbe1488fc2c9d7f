#include "speaker/exabgp/asked.h"

#include <assert.h>
#include <string.h>

_Static_assert(ASKED_SERIES == 16, "the series has the bits of its type");

uint16_t asked_begin(struct asked *asked, uint16_t drawn)
{
    memset(asked, 0, sizeof(*asked));
    asked->beginning = true;
    asked->series = drawn | 0x8001;
    return asked->series;
}

static struct asked_item *at(struct asked *asked, size_t i)
{
    return &asked->items[(asked->first + i) % ASKED_MAX];
}

size_t asked_room(const struct asked *asked)
{
    return ASKED_MAX - asked->count;
}

void asked_put(struct asked *asked, const struct asked_item *item)
{
    assert(asked->count < ASKED_MAX);
    *at(asked, asked->count++) = *item;
    asked->since++;
}

void asked_question(struct asked *asked)
{
    struct asked_item item = {.question = true};
    asked_put(asked, &item);
    asked->since = 0;
}

struct asked_item asked_take(struct asked *asked)
{
    struct asked_item item = *at(asked, 0);
    assert(asked->count > 0);
    asked->first = (asked->first + 1) % ASKED_MAX;
    asked->count--;
    return item;
}

/* Commands before the first question. */
static size_t segment(struct asked *asked)
{
    size_t n = 0;
    while (n < asked->count && !at(asked, n)->question)
        n++;
    return n;
}

static enum asked_news hear(struct asked *asked)
{
    asked->heard = (uint16_t)(asked->heard << 1 | (asked->in_table ? 1 : 0));
    asked->heard_count++;
    asked->in_table = false;
    if (asked->heard_count < ASKED_SERIES || asked->heard != asked->series)
        return ASKED_NOTHING;
    asked->beginning = false;
    return ASKED_WHOLE;
}

enum asked_news asked_answer(struct asked *asked, bool refused)
{
    if (asked->beginning)
        return hear(asked);
    if (asked->in_table) {
        asked->in_table = false;
        (void)asked_take(asked);
        return ASKED_WHOLE;
    }
    if (asked->answered < asked->count && !at(asked, asked->answered)->question)
        at(asked, asked->answered++)->refused = refused;
    else
        asked->surplus++;
    return ASKED_NOTHING;
}

enum asked_news asked_table(struct asked *asked, size_t *ret_count)
{
    *ret_count = 0;
    if (asked->in_table && !asked->beginning)
        (void)asked_answer(asked, false); /* the one before broke off */
    size_t count = segment(asked);
    if (asked->beginning) {
        asked->in_table = true;
        return ASKED_NOTHING;
    }
    if (count == asked->count) /* nobody here has asked */
        return ASKED_CONFUSED;
    bool confused = asked->surplus > 0;
    bool known = asked->answered == count;
    asked->answered = asked->surplus = 0;
    asked->in_table = true;
    *ret_count = count;
    return confused ? ASKED_CONFUSED : known ? ASKED_KNOWN : ASKED_LOST;
}
