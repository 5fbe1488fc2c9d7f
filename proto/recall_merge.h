#ifndef PROTO_RECALL_MERGE_H
#define PROTO_RECALL_MERGE_H

#include "proto/recall.h"

/*
 * The answers of all workers as one. Their samples are independent, so that estimates add up; an
 * answer that comes again, as after a lost connection, is not, and is left out. They stand for the
 * longest time that one of them covers: what a worker saw in less, since it started later or lost
 * some, is taken to have gone on like that, with an error as large as what is added. What was seen
 * in less than a tenth of it says too little for that: it stands for itself, and the rest is
 * missing. How long that time is shows when the last answer is in, so all are kept as they are
 * until then, and in which order they come changes nothing.
 *
 *   recall_merge_init() → recall_merge_add() … recall_merge_end() → recall_merge_done()
 */

void recall_tuple_add(struct recall_tuple *to, const struct recall_tuple *more);
/* The kind of what is told of in no other tuple. */
struct recall_kind recall_kind_rest(uint8_t target, uint8_t before);

/* Answers that are put together at most. */
enum { RECALL_REPLIES_MAX = 4096 };

/* What came from one worker. */
struct recall_answerer {
    char collector[NAME_MAX_LEN + 1];
    uint32_t worker;
    uint32_t covers_ms[2]; /* now and before */
    size_t first, count;   /* of the tuples, as long as they are not put together */
    size_t total_count;
    struct recall_total totals[RECALL_TOTALS_MAX];
};

struct recall_merge {
    struct recall_tuple *tuples; /* after recall_merge_end(): by target, now first, most bytes
                                    first; until then of each reply as they came */
    size_t tuple_count, room;
    struct recall_answerer *answerers;
    size_t replies, answerer_room;
    size_t open_missing; /* of the replies, without their latest records */
    /* The rest is known after recall_merge_end(). */
    struct recall_total totals[RECALL_TOTALS_MAX];
    size_t total_count;
    /* Of now and of before: what sums stand for, and the least that a reply had of it. */
    uint32_t covers_ms[2], least_covers_ms[2];
    uint32_t least_stretched_ms[2]; /* the same, of the replies that stand for all of it */
    size_t too_short[2];            /* replies that do not */
};

void recall_merge_init(struct recall_merge *merge);
/* EXISTS: this worker's answer is in already. LIMIT: RECALL_REPLIES_MAX are. In both cases, and
 * with NO_MEMORY, nothing of it was taken. */
enum status recall_merge_add(struct recall_merge *merge, const struct recall_reply *reply);
/* One tuple more, of nobody's answer. */
enum status recall_merge_add_tuple(struct recall_merge *merge, const struct recall_tuple *tuple);
/* Once, after all of them. */
void recall_merge_end(struct recall_merge *merge);
void recall_merge_done(struct recall_merge *merge);

/* Of a target and time; 0: no reply said. */
double recall_merge_one(const struct recall_merge *merge, uint8_t target, uint8_t before);
/* Bounds of a tuple's sums, or of several tuples' of one target and time added up. */
void recall_tuple_bounds(const struct recall_tuple *tuple, double one, double ret_bytes[2],
                         double ret_packets[2], double ret_connections[2]);

#endif
