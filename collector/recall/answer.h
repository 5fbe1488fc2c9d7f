#ifndef COLLECTOR_RECALL_ANSWER_H
#define COLLECTOR_RECALL_ANSWER_H

#include "collector/recall/recall.h"

/*
 * What one worker's chunks say to a request. One thread at a time; what it needs is asked for once.
 * A target is looked at in as many records as ANSWER_RECORDS leaves it, which bounds the time; more
 * would be, thinned as recall.h says.
 */
struct recall_answer;

enum {
    ANSWER_RECORDS = 32768,    /* of all targets together */
    ANSWER_TARGET_MAX = 16384, /* of one */
    ANSWER_BYTES = 16 << 20    /* at most */
};

struct recall_answer *recall_answer_new(uint64_t seed);
void recall_answer_free(struct recall_answer *answer);
/* All but the names, of the moment now_ms: what came later is not in it. The tuples are the
 * answer's until the next; recall_reply_done() is not for this reply. */
void recall_answer(struct recall_answer *answer, const struct recall_view *view,
                   const struct recall_request *request, uint64_t now_ms,
                   struct recall_reply *ret_reply);

#endif
