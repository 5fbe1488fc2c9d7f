#ifndef SPEAKER_EXABGP_ASKED_H
#define SPEAKER_EXABGP_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Commands that ExaBGP has not answered yet, in their order. Its answers do not say what they
 * answer, to a command on which its own code fails it gives none, and a process that begins hears
 * those of the one before it. So a series of two kinds of question, whose answers differ, is drawn
 * and asked first: what comes before just these answers is another's. And segments of commands end
 * with a question: when its answer comes, a segment has as many answers as commands, or nobody
 * knows which is whose.
 *
 *   asked_begin() → asked_answer(), asked_table() … until WHOLE →
 *   asked_put() …, asked_question() … → asked_answer() …
 *   → asked_table(): what is known of the segment → asked_take() each → … asked_answer()
 */
enum { ASKED_MAX = 512, ASKED_SERIES = 16 };

struct asked_item {
    uint32_t nlri, attributes;
    bool question, withdraws;
    bool alone;   /* the only one of its segment, because in a longer one an answer was missing */
    bool refused; /* once answered */
};

struct asked {
    struct asked_item items[ASKED_MAX];
    size_t first, count;
    size_t since;    /* commands behind the last question */
    size_t answered; /* of the first segment */
    size_t surplus;  /* answers to nothing */
    bool in_table;   /* the answer to a question has begun */
    /* The series, the first in the highest bit, 1: a question with a table; and what came last. */
    bool beginning;
    uint16_t series, heard;
    size_t heard_count;
};

/* Forgets everything. The first and the last of the series have a table, whatever was drawn;
 * returns the series. */
uint16_t asked_begin(struct asked *asked, uint16_t drawn);
size_t asked_room(const struct asked *asked);
void asked_put(struct asked *asked, const struct asked_item *item); /* there is room */
void asked_question(struct asked *asked);                           /* likewise */

enum asked_news {
    ASKED_NOTHING,
    ASKED_KNOWN,    /* of asked_table(): so many answers as commands */
    ASKED_LOST,     /* of asked_table(): fewer */
    ASKED_CONFUSED, /* of asked_table(): more, so it must be begun anew */
    ASKED_WHOLE, /* of asked_answer(): a question, or the series, is answered, and its table counts
                  */
};
/* An answer came. */
enum asked_news asked_answer(struct asked *asked, bool refused);
/* The question's answer begins. ret_count: commands of the segment, to be taken now. */
enum asked_news asked_table(struct asked *asked, size_t *ret_count);
struct asked_item asked_take(struct asked *asked);

#endif
