#include "collector/recall/answer_internal.h"

#include "collector/recall/chunk.h"
#include "common/base/hash.h"
#include "proto/flow.h"
#include "proto/recall_merge.h"

#include <stdlib.h>
#include <string.h>

enum { PACKET_OCTETS_USUAL = 1500 /* of what one sampled packet may be */ };

struct recall_answer *recall_answer_new(uint64_t seed)
{
    struct recall_answer *a = calloc(1, sizeof(*a));
    if (a != NULL)
        a->seed = seed;
    return a;
}

void recall_answer_free(struct recall_answer *answer)
{
    free(answer);
}

double answer_share(const struct recall_answer *a, const struct recall_tuple *tuple)
{
    double bytes = a->bytes[tuple->kind.before], packets = a->packets[tuple->kind.before];
    return (bytes > 0 ? tuple->bytes.value / bytes : 0) +
           (packets > 0 ? tuple->packets.value / packets : 0);
}

uint32_t answer_hash(const struct recall_answer *a, const struct recall_kind *kind)
{
    return (uint32_t)hash_seeded(kind, sizeof(*kind), a->seed);
}

uint32_t answer_find(struct recall_answer *a, const struct recall_kind *kind, uint32_t hash)
{
    uint32_t at = hash & a->slot_mask;
    for (; a->slots[at] != 0; at = (at + 1) & a->slot_mask) {
        uint32_t tuple = a->slots[at] - 1;
        if (a->hashes[tuple] == hash && memcmp(&a->work[tuple].kind, kind, sizeof(*kind)) == 0)
            return tuple;
    }
    a->slots[at] = a->work_count + 1;
    a->live++;
    return a->work_count;
}

/* --- one record --- */

static struct recall_kind kind_of(const struct recall_item *item, uint8_t target, uint8_t before)
{
    uint8_t len = item->ip_version == ADDR_IPV6 ? RECALL_PEER_LEN6 : RECALL_PEER_LEN4;
    struct recall_kind kind = {
        .known = item->known,
        .input_if = item->input_if,
        .src_port = item->src_port,
        .dst_port = item->dst_port,
        .tcp_flags = item->tcp_flags,
        .length = (uint16_t)(item->length / RECALL_LENGTH_STEP * RECALL_LENGTH_STEP),
        .target = target,
        .before = before,
        .protocol = item->protocol,
        .fragment = item->fragment,
        .ip_version = item->ip_version,
        .tos = item->tos,
        .peer_family = item->ip_version,
        .peer_len = len,
    };
    memcpy(kind.peer, item->peer, len / 8); /* both lengths are whole octets */
    return kind;
}

/* x: the record's part of a sum, as scaled by the exporter's rate; v: the variance of that. */
static void add(struct estimate *to, double x, double v, double p)
{
    to->value += x / p;
    if (p >= 1 && v <= 0)
        to->sure += x;
    else
        to->variance += x * x * (1 - p) / (p * p) + v / p;
}

static void add_item(struct recall_answer *a, struct recall_tuple *tuple,
                     const struct recall_item *item, double threshold)
{
    double bytes = (double)item->bytes, packets = (double)item->packets, rate = (double)item->rate;
    double size = item_size(bytes, packets), p = size < threshold ? size / threshold : 1;
    double flows = item->connection ? rate : 0;
    /* The packets that were seen, which carried bytes / rate octets. */
    double seen = packets > 0 ? packets / rate : bytes / rate / PACKET_OCTETS_USUAL + 1;
    double one = p < 1 ? threshold : 0;
    add(&tuple->bytes, bytes, (rate - 1) / rate * bytes * bytes / seen, p);
    add(&tuple->packets, packets, (rate - 1) * packets, p);
    add(&tuple->connections, flows, (rate - 1) * flows, p);
    tuple->flows += rate / p;
    tuple->samples++;
    if (rate > 1) {
        double packet = rate * (PACKET_OCTETS_USUAL + ITEM_PACKET_OCTETS);
        packet = packet > size / seen ? packet : size / seen;
        one = one > packet ? one : packet;
    }
    uint8_t time = tuple->kind.before;
    a->one[time] = one > a->one[time] ? one : a->one[time];
    a->bytes[time] += bytes / p;
    a->packets[time] += packets / p;
}

static void visit(struct recall_answer *a, const struct recall_item *item, uint8_t target,
                  uint8_t time, double threshold)
{
    struct recall_kind kind = kind_of(item, target, time);
    uint32_t hash = answer_hash(a, &kind), at = answer_find(a, &kind, hash);
    if (at == a->work_count) {
        a->hashes[at] = hash;
        a->work[at] = (struct recall_tuple){.kind = kind};
        a->into[at] = at;
        a->work_count++;
    }
    a->visits[a->visit_count++] = (struct answer_visit){item, at};
    add_item(a, &a->work[at], item, threshold);
}

/* --- one target --- */

static void look(struct recall_answer *a, const struct looking *l)
{
    float refused;
    uint32_t count = answer_pick(a, l, &refused);
    double one = (double)refused;
    for (size_t i = 0; i < l->view->count; i++) {
        const struct recall_chunk *chunk = l->view->chunks[i];
        if ((double)chunk->threshold > one && answer_overlaps(chunk, l->now_ms, &l->span))
            one = (double)chunk->threshold;
    }
    a->one[l->time] = one;
    for (uint32_t i = 0; i < count; i++) {
        const struct recall_item *item = a->picks[i].item;
        float threshold = refused > item->threshold ? refused : item->threshold;
        visit(a, item, l->number, (uint8_t)l->time, (double)threshold);
    }
}

/* --- the other ends --- */

static void note_pair(struct recall_answer *a, uint32_t mask, uint32_t tuple,
                      const struct recall_item *item)
{
    struct answer_pair pair;
    memset(&pair, 0, sizeof(pair)); /* its padding is hashed too */
    pair.tuple = tuple + 1;
    pair.ip_version = item->ip_version;
    memcpy(pair.peer, item->peer, sizeof(pair.peer));
    uint32_t at = (uint32_t)hash_seeded(&pair, sizeof(pair), a->seed) & mask;
    for (;; at = (at + 1) & mask) {
        struct answer_pair *there = &a->pairs[at];
        if (there->tuple == 0)
            *there = pair;
        if (there->tuple == pair.tuple && there->ip_version == pair.ip_version &&
            memcmp(there->peer, pair.peer, sizeof(pair.peer)) == 0) {
            there->count = there->count < 3 ? there->count + 1 : 3;
            return;
        }
    }
}

/* Chao's lower bound in its unbiased form: those seen, and of those not seen what the numbers of
 * those seen once and twice tell. */
static double chao(const struct recall_answer *a, uint32_t tuple)
{
    double once = a->once[tuple];
    return a->seen[tuple] + once * (once - 1) / (2 * ((double)a->twice[tuple] + 1));
}

static void count_peers(struct recall_answer *a)
{
    uint32_t mask = 15, counted = a->work_count + TIMES;
    while (mask < 3 * a->visit_count)
        mask = 2 * mask + 1;
    memset(a->pairs, 0, sizeof(a->pairs[0]) * (mask + 1));
    memset(a->seen, 0, sizeof(a->seen[0]) * counted);
    memset(a->once, 0, sizeof(a->once[0]) * counted);
    memset(a->twice, 0, sizeof(a->twice[0]) * counted);
    for (uint32_t i = 0; i < a->visit_count; i++) {
        uint32_t tuple = a->visits[i].tuple;
        while (a->into[tuple] != tuple)
            tuple = a->into[tuple];
        note_pair(a, mask, tuple, a->visits[i].item);
        note_pair(a, mask, a->work_count + a->work[tuple].kind.before, a->visits[i].item);
    }
    for (uint32_t i = 0; i <= mask; i++) {
        const struct answer_pair *pair = &a->pairs[i];
        if (pair->tuple == 0)
            continue;
        a->seen[pair->tuple - 1]++;
        a->once[pair->tuple - 1] += pair->count == 1;
        a->twice[pair->tuple - 1] += pair->count == 2;
    }
}

static void tell_target(struct recall_answer *a, uint8_t number, struct recall_reply *reply)
{
    count_peers(a);
    for (uint32_t i = 0; i < a->work_count && reply->tuple_count < RECALL_TUPLES_MAX; i++) {
        if (a->into[i] != i)
            continue;
        a->work[i].peers = chao(a, i);
        a->tuples[reply->tuple_count++] = a->work[i];
    }
    for (uint8_t time = NOW; time < TIMES; time++)
        reply->totals[reply->total_count++] =
            (struct recall_total){.target = number,
                                  .before = time,
                                  .peers = chao(a, a->work_count + time),
                                  .one = a->one[time]};
}

/* --- shares --- */

static uint32_t least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

void recall_plan_add(struct recall_plan *plan, struct recall_answer *answer,
                     const struct recall_view *view, const struct recall_request *request,
                     uint64_t now_ms)
{
    answer_count(answer, view, request, now_ms);
    for (size_t i = 0; i < request->target_count; i++)
        for (int time = NOW; time < TIMES; time++)
            plan->records[i][time] += answer->records[i][time];
}

/* What each target may have where those that need less leave it to the others. */
static uint32_t fair_share(const struct recall_plan *plan, size_t targets)
{
    uint64_t left = ANSWER_RECORDS, fair = 0;
    size_t wanting = targets;
    for (size_t before = targets + 1; wanting > 0 && wanting < before;) {
        before = wanting;
        fair = left / wanting;
        uint64_t rest = ANSWER_RECORDS;
        wanting = targets;
        for (size_t i = 0; i < targets; i++) {
            uint64_t records = plan->records[i][NOW] + plan->records[i][BEFORE];
            if (records <= fair) {
                rest -= records;
                wanting--;
            }
        }
        left = rest;
    }
    return least(fair, ANSWER_TARGET_MAX - TIMES * ANSWER_RECORDS_LEAST);
}

/* Of a share, what this worker has of the target's records. */
static uint32_t part_of(uint64_t share, uint64_t mine, uint64_t all)
{
    if (all <= share)
        return (uint32_t)mine;
    uint64_t part = share * mine / all;
    return least(part > ANSWER_RECORDS_LEAST ? part : ANSWER_RECORDS_LEAST, mine);
}

static void share_out(struct recall_answer *a, const struct recall_plan *plan, size_t target,
                      uint32_t fair, uint32_t ret_shares[TIMES])
{
    const uint64_t *all = plan->records[target];
    const uint32_t *mine = a->records[target];
    uint32_t now = least(all[NOW], fair / 2), before = least(all[BEFORE], fair - now);
    now = least(all[NOW], fair - before);
    ret_shares[NOW] = part_of(now, mine[NOW], all[NOW]);
    ret_shares[BEFORE] = part_of(before, mine[BEFORE], all[BEFORE]);
}

/* --- all targets --- */

static void answer_target(struct recall_answer *a, struct looking *l,
                          const struct span spans[TIMES], const uint32_t shares[TIMES])
{
    a->visit_count = a->work_count = a->live = 0;
    a->slot_mask = 15;
    while (a->slot_mask + 1 < 2 * (shares[NOW] + shares[BEFORE]))
        a->slot_mask = 2 * a->slot_mask + 1;
    memset(a->slots, 0, sizeof(a->slots[0]) * (a->slot_mask + 1));
    for (l->time = NOW; l->time < TIMES; l->time++) {
        a->bytes[l->time] = a->packets[l->time] = 0;
        l->span = spans[l->time];
        l->share = shares[l->time];
        look(a, l);
    }
}

static uint32_t tuples_of(const struct recall_answer *a, const struct recall_plan *plan,
                          size_t target, const struct recall_request *request)
{
    uint32_t wanted = request->tuples > 0 ? request->tuples : RECALL_TUPLES_MAX;
    const uint64_t *all = plan->records[target];
    uint64_t mine = a->records[target][NOW] + a->records[target][BEFORE];
    uint64_t most = least(wanted, RECALL_TUPLES_MAX) / request->target_count;
    _Static_assert(RECALL_TUPLES_MAX / RECALL_TARGETS_MAX >= ANSWER_TUPLES_LEAST, "all fit");
    most = mine < all[NOW] + all[BEFORE] ? most * mine / (all[NOW] + all[BEFORE]) : most;
    return (uint32_t)(most > ANSWER_TUPLES_LEAST ? most : ANSWER_TUPLES_LEAST);
}

void recall_answer(struct recall_answer *answer, const struct recall_plan *plan,
                   const struct recall_view *view, const struct recall_request *request,
                   uint64_t now_ms, struct recall_reply *ret_reply)
{
    struct span spans[TIMES];
    size_t targets = request->target_count;
    answer_spans(request, spans);
    memset(ret_reply, 0, sizeof(*ret_reply));
    memcpy(ret_reply->id, request->id, sizeof(ret_reply->id));
    ret_reply->tuples = answer->tuples;
    ret_reply->covers_now_ms = answer_covered(view, now_ms, &spans[NOW]);
    ret_reply->covers_before_ms = answer_covered(view, now_ms, &spans[BEFORE]);
    ret_reply->open_missing = answer_lacks_open(view, now_ms);
    answer_count(answer, view, request, now_ms);
    uint32_t fair = fair_share(plan, targets);
    for (size_t i = 0; i < targets; i++) {
        struct looking l = {
            .view = view, .target = &request->targets[i], .number = (uint8_t)i, .now_ms = now_ms};
        uint32_t shares[TIMES];
        share_out(answer, plan, i, fair, shares);
        answer_target(answer, &l, spans, shares);
        fold(answer, tuples_of(answer, plan, i, request));
        tell_target(answer, (uint8_t)i, ret_reply);
    }
}
