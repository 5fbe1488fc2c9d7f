#ifndef COLLECTOR_RECALL_ANSWER_INTERNAL_H
#define COLLECTOR_RECALL_ANSWER_INTERNAL_H

#include "collector/recall/answer.h"
#include "collector/recall/item.h"

#include <stdbool.h>

enum {
    WORK_SLOTS = 2 * ANSWER_TARGET_MAX,
    PAIR_SLOTS = 4 * ANSWER_TARGET_MAX,
    FACE_COUNT = 2 /* ports: source, destination */
};

/* An address at the other end of a tuple, or of all of a target and time. */
struct answer_pair {
    uint32_t tuple; /* one more than its number; 0: none here */
    uint8_t count;  /* up to 3 */
    uint8_t ip_version;
    uint8_t peer[16];
};

struct recall_answer {
    uint64_t seed;
    /* Of the target at hand. */
    struct recall_tuple work[ANSWER_TARGET_MAX];
    uint32_t into[ANSWER_TARGET_MAX]; /* the tuple that it was folded into; itself */
    uint32_t slots[WORK_SLOTS];       /* one more than the tuple's number */
    uint32_t slot_mask, work_count, live;
    struct answer_visit {
        const struct recall_item *item;
        uint32_t tuple;
    } visits[ANSWER_TARGET_MAX];
    uint32_t visit_count;
    double bytes[2], packets[2]; /* of now and before */
    double one[2];
    float shares[FACE_COUNT][2][65536];
    struct answer_pair pairs[PAIR_SLOTS];
    uint32_t seen[ANSWER_TARGET_MAX + 2], once[ANSWER_TARGET_MAX + 2], twice[ANSWER_TARGET_MAX + 2];
    uint32_t order[ANSWER_TARGET_MAX];
    /* Of the reply. */
    struct recall_tuple tuples[RECALL_TUPLES_MAX];
};
_Static_assert(sizeof(struct recall_answer) <= ANSWER_BYTES, "counted in the budget of memory");

/* The tuple of this kind. Where there is none, work_count: the caller puts it there. */
uint32_t answer_find(struct recall_answer *a, const struct recall_kind *kind);
/* What a tuple is of its target and time: its share of the bytes and of the packets together. */
double answer_share(const struct recall_answer *a, const struct recall_tuple *tuple);

/* Folds what tells least, until there are no more than `most` tuples. */
void fold(struct recall_answer *a, uint32_t most);

#endif
