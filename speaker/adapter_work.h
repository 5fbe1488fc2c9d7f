#ifndef SPEAKER_ADAPTER_WORK_H
#define SPEAKER_ADAPTER_WORK_H

#include "speaker/adapter_ask.h"
#include "speaker/adapter_routes.h"

/*
 * What one client of the adapter socket has asked for, from its line to the answer: by policy while
 * it lives, else by adapter_local.c. One line at a time; between the two adapter_work_poll() is
 * called every few milliseconds.
 */
struct adapter_work {
    struct speaker *speaker;
    struct adapter_ask *ask;
    json_t *answer;                /* of what is awaited */
    struct adapter_line *line;     /* NULL: idle */
    char awaited[16][ID_TEXT_MAX]; /* that are to stand here, or to be gone */
    size_t awaited_count;
    bool undecided; /* whether policy lives is not known yet */
    bool policy_said_yes;
    uint64_t await_until_ms;
};

void adapter_work_init(struct adapter_work *work, struct speaker *speaker);
/* Nobody waits for the answer any more. */
void adapter_work_done(struct adapter_work *work);

/* The answer is added to `answer`, without its end, or comes by adapter_work_poll: true when it is
 * there. */
bool adapter_work_begin(struct adapter_work *work, const char *line, size_t len,
                        struct text *answer);
bool adapter_work_poll(struct adapter_work *work, struct text *answer);

#endif
