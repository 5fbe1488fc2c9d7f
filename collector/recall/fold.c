#include "collector/recall/answer_internal.h"

#include "proto/flow.h"
#include "proto/recall_merge.h"

#include <stdlib.h>
#include <string.h>

/*
 * Fewer tuples, in steps: a rule is made of what dominates, so the port that each client took for
 * itself goes first, then lengths and the other ends of small tuples, then of larger ones, and at
 * last the smallest tuples altogether.
 * A port stays in both times where it matters in one of them, because a rule that is made of now
 * is judged by before. Shares are of bytes and of packets together, so up to 2.
 */
static const double shares[] = {0.01, 0.05, 0.25, 3};
enum { SHARES = sizeof(shares) / sizeof(shares[0]) };

enum fold_step { FOLD_PORTS, FOLD_LENGTHS, FOLD_PEERS };

static uint16_t *port_of(struct recall_kind *kind, int face)
{
    return face == 0 ? &kind->src_port : &kind->dst_port;
}

static const uint32_t port_known[FACE_COUNT] = {FLOW_SRC_PORT, FLOW_DST_PORT};

static void weigh_ports(struct recall_answer *a)
{
    for (uint32_t i = 0; i < a->work_count; i++) {
        struct recall_tuple *tuple = &a->work[i];
        if (a->into[i] != i)
            continue;
        for (int face = 0; face < FACE_COUNT; face++) {
            float *share = &a->shares[face][tuple->kind.before][*port_of(&tuple->kind, face)];
            *share += (float)answer_share(a, tuple);
        }
    }
}

/* Only those that were weighed: all are a megabyte. */
static void unweigh_ports(struct recall_answer *a)
{
    for (uint32_t i = 0; i < a->visit_count; i++) {
        const struct recall_item *item = a->visits[i].item;
        for (int time = NOW; time < TIMES; time++) {
            a->shares[0][time][item->src_port] = 0;
            a->shares[1][time][item->dst_port] = 0;
        }
    }
}

static void fold_ports(struct recall_answer *a, struct recall_kind *kind)
{
    for (int face = 0; face < FACE_COUNT; face++) {
        uint16_t *port = port_of(kind, face);
        if (!(kind->known & port_known[face]) || (double)a->shares[face][0][*port] >= shares[0] ||
            (double)a->shares[face][1][*port] >= shares[0])
            continue;
        *port = 0;
        kind->known &= ~port_known[face];
        kind->folded |= port_known[face];
    }
}

static void fold_lengths(struct recall_kind *kind)
{
    uint32_t gone = FLOW_IP_LENGTH | FLOW_TOS;
    kind->known &= ~gone;
    kind->folded |= gone;
    kind->length = 0;
    kind->tos = 0;
}

static void fold_peer(struct recall_kind *kind)
{
    kind->folded |= FLOW_SRC_ADDR;
    kind->peer_family = kind->peer_len = 0;
    memset(kind->peer, 0, sizeof(kind->peer));
}

static struct recall_kind folded(struct recall_answer *a, const struct recall_tuple *tuple,
                                 enum fold_step step, double below)
{
    struct recall_kind kind = tuple->kind;
    bool small = answer_share(a, tuple) < below;
    if (step == FOLD_PORTS)
        fold_ports(a, &kind);
    else if (small && step == FOLD_LENGTHS)
        fold_lengths(&kind);
    else if (small && step == FOLD_PEERS)
        fold_peer(&kind);
    return kind;
}

/* Finds every tuple anew under its new kind, and adds up those that have become one. */
static void refill(struct recall_answer *a, enum fold_step step, double below)
{
    uint32_t count = a->work_count;
    memset(a->slots, 0, sizeof(a->slots[0]) * (a->slot_mask + 1));
    a->live = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (a->into[i] != i)
            continue;
        struct recall_kind kind = folded(a, &a->work[i], step, below);
        bool same = kind.folded == a->work[i].kind.folded;
        uint32_t hash = same ? a->hashes[i] : answer_hash(a, &kind);
        a->work_count = i; /* where a new kind would stand: here */
        uint32_t at = answer_find(a, &kind, hash);
        if (at == i) {
            a->work[i].kind = kind;
            a->hashes[i] = hash;
        } else {
            recall_tuple_add(&a->work[at], &a->work[i]);
            a->into[i] = at;
        }
    }
    a->work_count = count;
}

/* --- what is left over --- */

struct ranked {
    float share;
    uint32_t tuple;
};

static int heaviest_first(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return a->tuple < b->tuple ? -1 : 1;
}

/* The heaviest stay; of the others' sums nothing is lost. */
static void fold_rest(struct recall_answer *a, uint32_t most)
{
    struct ranked *ranks = (struct ranked *)(void *)a->pairs; /* not yet in use */
    uint32_t count = 0, rest[2] = {UINT32_MAX, UINT32_MAX};
    _Static_assert(sizeof(a->pairs) >= ANSWER_TARGET_MAX * sizeof(struct ranked), "room");
    for (uint32_t i = 0; i < a->work_count; i++)
        if (a->into[i] == i)
            ranks[count++] = (struct ranked){(float)answer_share(a, &a->work[i]), i};
    qsort(ranks, count, sizeof(*ranks), heaviest_first);
    for (uint32_t i = most - 2; i < count; i++) {
        uint32_t tuple = ranks[i].tuple;
        struct recall_kind *kind = &a->work[tuple].kind;
        uint32_t *to = &rest[kind->before];
        if (*to == UINT32_MAX) {
            *to = tuple;
            *kind = recall_kind_rest(kind->target, kind->before);
        } else {
            recall_tuple_add(&a->work[*to], &a->work[tuple]);
            a->into[tuple] = *to;
            a->live--;
        }
    }
}

void fold(struct recall_answer *a, uint32_t most)
{
    if (a->live > most) {
        weigh_ports(a);
        refill(a, FOLD_PORTS, 0);
        unweigh_ports(a);
    }
    for (size_t i = 0; i < SHARES && a->live > most; i++) {
        refill(a, FOLD_LENGTHS, shares[i]);
        if (a->live > most)
            refill(a, FOLD_PEERS, shares[i]);
    }
    if (a->live > most)
        fold_rest(a, most);
}
