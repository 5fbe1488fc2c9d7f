#ifndef COLLECTOR_RECALL_ANSWER_H
#define COLLECTOR_RECALL_ANSWER_H

#include "collector/recall/recall.h"

/*
 * What the workers' chunks say to a request, one worker after the other. One thread at a time; what
 * it needs is asked for once. Of all targets and workers ANSWER_RECORDS records are looked at or
 * little more, which bounds the time however many workers there are; a target that needs less
 * leaves it to the others, and more of one is thinned as recall.h says. So all is counted first:
 *
 *   plan = {0} → recall_plan_add() of each worker's view → recall_answer() of each
 */
struct recall_answer;

enum {
    ANSWER_RECORDS = 32768,    /* of all targets and workers together */
    ANSWER_TARGET_MAX = 16384, /* of one target */
    ANSWER_RECORDS_LEAST = 4,  /* of each worker, target and time, where there are as many */
    ANSWER_TUPLES_LEAST = 4,   /* of each worker and target */
    ANSWER_BYTES = 8 << 20     /* at most */
};

/* Records of each target, now and before, that all workers have. */
struct recall_plan {
    uint64_t records[RECALL_TARGETS_MAX][2];
};

struct recall_answer *recall_answer_new(uint64_t seed);
void recall_answer_free(struct recall_answer *answer);
void recall_plan_add(struct recall_plan *plan, struct recall_answer *answer,
                     const struct recall_view *view, const struct recall_request *request,
                     uint64_t now_ms);
/* All but the names, of the moment now_ms: what came later is not in it. The tuples are the
 * answer's until the next; recall_reply_done() is not for this reply. */
void recall_answer(struct recall_answer *answer, const struct recall_plan *plan,
                   const struct recall_view *view, const struct recall_request *request,
                   uint64_t now_ms, struct recall_reply *ret_reply);

#endif
