#ifndef COLLECTOR_RECALL_ANSWER_INTERNAL_H
#define COLLECTOR_RECALL_ANSWER_INTERNAL_H

#include "collector/recall/answer.h"
#include "collector/recall/chunk.h"
#include "collector/recall/item.h"

#include <stdbool.h>

enum {
    WORK_SLOTS = 2 * ANSWER_TARGET_MAX,
    PAIR_SLOTS = 4 * ANSWER_TARGET_MAX,
    PICKS_MAX = 2 * ANSWER_TARGET_MAX,
    FACE_COUNT = 2 /* ports: source, destination */
};

enum answer_time { NOW, BEFORE, TIMES };

/* A time that is asked for, as ages: [from, to). */
struct span {
    uint64_t from_ms, to_ms;
};

/* An address at the other end of a tuple, or of all of a target and time. */
struct answer_pair {
    uint32_t tuple; /* one more than its number; 0: none here */
    uint8_t count;  /* up to 3 */
    uint8_t ip_version;
    uint8_t peer[16];
};

/* Where the hosts of a target stand in a chunk's index. */
struct answer_range {
    uint32_t begin, end;
};

struct answer_pick {
    const struct recall_item *item;
    float priority;
};

struct recall_answer {
    uint64_t seed;
    /* Of the view at hand. */
    struct answer_range ranges[RECALL_TARGETS_MAX][RECALL_VIEW_MAX];
    uint32_t records[RECALL_TARGETS_MAX][TIMES];
    uint64_t above[TIMES][CHUNK_LEVELS]; /* of all chunks */
    /* Of the target at hand. */
    struct answer_pick picks[PICKS_MAX];
    struct recall_tuple work[ANSWER_TARGET_MAX];
    uint32_t hashes[ANSWER_TARGET_MAX]; /* of its kind */
    uint32_t into[ANSWER_TARGET_MAX];   /* the tuple that it was folded into; itself */
    uint32_t slots[WORK_SLOTS];         /* one more than the tuple's number */
    uint32_t slot_mask, work_count, live;
    struct answer_visit {
        const struct recall_item *item;
        uint32_t tuple;
    } visits[ANSWER_TARGET_MAX];
    uint32_t visit_count;
    double bytes[TIMES], packets[TIMES];
    double one[TIMES];
    float shares[FACE_COUNT][TIMES][65536]; /* zero between targets */
    struct answer_pair pairs[PAIR_SLOTS];
    uint32_t seen[ANSWER_TARGET_MAX + 2], once[ANSWER_TARGET_MAX + 2], twice[ANSWER_TARGET_MAX + 2];
    uint32_t order[ANSWER_TARGET_MAX];
    /* Of the reply. */
    struct recall_tuple tuples[RECALL_TUPLES_MAX];
};
_Static_assert(sizeof(struct recall_answer) <= ANSWER_BYTES, "counted in the budget of memory");

/* What is looked at: one target in one time. */
struct looking {
    const struct recall_view *view;
    const struct recall_target *target;
    uint8_t number;
    enum answer_time time;
    uint64_t now_ms;
    struct span span;
    uint32_t share; /* records that may be looked at */
};

uint32_t answer_hash(const struct recall_answer *a, const struct recall_kind *kind);
/* The tuple of this kind. Where there is none, work_count: the caller puts it there. */
uint32_t answer_find(struct recall_answer *a, const struct recall_kind *kind, uint32_t hash);
/* What a tuple is of its target and time: its share of the bytes and of the packets together. */
double answer_share(const struct recall_answer *a, const struct recall_tuple *tuple);

void answer_spans(const struct recall_request *request, struct span ret_spans[TIMES]);
bool answer_overlaps(const struct recall_chunk *chunk, uint64_t now_ms, const struct span *span);
/* How much of a span the chunks hold. */
uint32_t answer_covered(const struct recall_view *view, uint64_t now_ms, const struct span *span);
/* What was being filled is not there, or not up to now. */
bool answer_lacks_open(const struct recall_view *view, uint64_t now_ms);

/* Where each target stands in each chunk, and how many records that are. */
void answer_count(struct recall_answer *a, const struct recall_view *view,
                  const struct recall_request *request, uint64_t now_ms);
/* The highest priorities of what is looked at into `picks`, at most its share of them. Returns how
 * many; *ret_refused: the highest priority of the others, 0 where there are none. */
uint32_t answer_pick(struct recall_answer *a, const struct looking *l, float *ret_refused);

/* Folds what tells least, until there are no more than `most` tuples. */
void fold(struct recall_answer *a, uint32_t most);

#endif
