#include "collector/recall/answer_internal.h"

#include "collector/recall/chunk.h"
#include "common/base/hash.h"
#include "proto/flow.h"
#include "proto/recall_merge.h"

#include <stdlib.h>
#include <string.h>

enum {
    NOW,
    BEFORE,
    TIMES,
    TUPLES_LEAST = 8,
    PACKET_OCTETS_USUAL = 1500 /* of what one sampled packet may be */
};

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

uint32_t answer_find(struct recall_answer *a, const struct recall_kind *kind)
{
    uint32_t at = (uint32_t)hash_seeded(kind, sizeof(*kind), a->seed) & a->slot_mask;
    for (; a->slots[at] != 0; at = (at + 1) & a->slot_mask)
        if (memcmp(&a->work[a->slots[at] - 1].kind, kind, sizeof(*kind)) == 0)
            return a->slots[at] - 1;
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
    uint32_t at = answer_find(a, &kind);
    if (at == a->work_count) {
        a->work[at] = (struct recall_tuple){.kind = kind};
        a->into[at] = at;
        a->work_count++;
    }
    a->visits[a->visit_count++] = (struct answer_visit){item, at};
    add_item(a, &a->work[at], item, threshold);
}

/* --- one target --- */

/* A time that is asked for, as ages: [from, to). */
struct span {
    uint64_t from_ms, to_ms;
};

static uint64_t age_of(uint64_t now_ms, uint64_t at_ms)
{
    return now_ms > at_ms ? now_ms - at_ms : 0;
}

/* By the low bits, which is all that an item has. What came after now_ms is in no span. */
static bool is_in(const struct recall_item *item, uint64_t now_ms, const struct span *span)
{
    int32_t age_ms = (int32_t)((uint32_t)now_ms - item->at_ms);
    return age_ms >= 0 && (uint64_t)age_ms >= span->from_ms && (uint64_t)age_ms < span->to_ms;
}

static bool overlaps(const struct recall_chunk *chunk, uint64_t now_ms, const struct span *span)
{
    return age_of(now_ms, chunk->last_ms) < span->to_ms &&
           age_of(now_ms, chunk->first_ms) >= span->from_ms;
}

static bool matches(const struct recall_item *item, const struct recall_target *target)
{
    struct ip_addr host = {.family = item->ip_version};
    memcpy(host.octets, item->host, sizeof(host.octets));
    return item->side == target->side && prefix_contains(&target->prefix, &host);
}

struct looking {
    const struct recall_view *view;
    const struct recall_target *target;
    uint8_t number, time;
    uint64_t now_ms;
    struct span span;
    uint32_t share; /* records that may be looked at */
};

/* How many of a chunk, its highest priorities, are looked at. */
static uint32_t top_of(const struct recall_chunk *chunk, double fraction)
{
    return fraction >= 1 ? chunk->count : (uint32_t)(chunk->count * fraction);
}

static uint64_t count_top(const struct looking *l, double fraction)
{
    uint64_t count = 0;
    for (size_t i = 0; i < l->view->count; i++) {
        const struct recall_chunk *chunk = l->view->chunks[i];
        uint32_t begin, end, top = top_of(chunk, fraction);
        if (!overlaps(chunk, l->now_ms, &l->span))
            continue;
        chunk_range(chunk, l->target->side, &l->target->prefix, &begin, &end);
        if (top == chunk->count)
            count += end - begin;
        else
            for (uint32_t k = begin; k < end; k++)
                count += chunk->order[k] < top;
    }
    return count;
}

/* All of each chunk, or less where that would be too many of the target's. */
static double fraction_of(const struct looking *l)
{
    double fraction = 1;
    for (;;) {
        uint64_t count = count_top(l, fraction);
        if (count <= l->share)
            return fraction;
        fraction *= 0.97 * (double)l->share / (double)count;
    }
}

static void look(struct recall_answer *a, const struct looking *l)
{
    double fraction = fraction_of(l);
    a->one[l->time] = 0;
    for (size_t i = 0; i < l->view->count; i++) {
        const struct recall_chunk *chunk = l->view->chunks[i];
        uint32_t begin, end, top = top_of(chunk, fraction);
        if (!overlaps(chunk, l->now_ms, &l->span))
            continue;
        float refused = top < chunk->count ? chunk->items[top].priority : 0;
        double least = (double)(refused > chunk->threshold ? refused : chunk->threshold);
        a->one[l->time] = least > a->one[l->time] ? least : a->one[l->time];
        chunk_range(chunk, l->target->side, &l->target->prefix, &begin, &end);
        for (uint32_t k = begin; k < end; k++) {
            if (chunk->order[k] >= top)
                continue;
            const struct recall_item *item = &chunk->items[chunk->order[k]];
            if (!matches(item, l->target) || !is_in(item, l->now_ms, &l->span))
                continue;
            float threshold = refused > item->threshold ? refused : item->threshold;
            visit(a, item, l->number, l->time, (double)threshold);
        }
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

static void answer_target(struct recall_answer *a, struct looking *l,
                          const struct span spans[TIMES], uint32_t share, uint32_t most,
                          struct recall_reply *reply)
{
    a->visit_count = a->work_count = a->live = 0;
    a->slot_mask = 15;
    while (a->slot_mask < 2 * share - 1)
        a->slot_mask = 2 * a->slot_mask + 1;
    memset(a->slots, 0, sizeof(a->slots[0]) * (a->slot_mask + 1));
    for (uint8_t time = NOW; time < TIMES; time++) {
        a->bytes[time] = a->packets[time] = 0;
        l->time = time;
        l->span = spans[time];
        l->share = time == NOW ? share / 2 : share - a->visit_count;
        look(a, l);
    }
    fold(a, most);
    count_peers(a);
    for (uint32_t i = 0; i < a->work_count && reply->tuple_count < RECALL_TUPLES_MAX; i++) {
        if (a->into[i] != i)
            continue;
        a->work[i].peers = chao(a, i);
        a->tuples[reply->tuple_count++] = a->work[i];
    }
    for (uint8_t time = NOW; time < TIMES; time++)
        reply->totals[reply->total_count++] =
            (struct recall_total){.target = l->number,
                                  .before = time,
                                  .peers = chao(a, a->work_count + time),
                                  .one = a->one[time]};
}

/* --- all targets --- */

/* How much of a span the chunks hold; no two hold the same time. Where a thin one lacks one of its
 * seconds, that is taken to be spread over it. */
static uint32_t covered(const struct recall_view *view, uint64_t now_ms, const struct span *span)
{
    double sum_ms = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct recall_chunk *chunk = view->chunks[i];
        uint64_t from_ms = age_of(now_ms, chunk->to_ms), to_ms = age_of(now_ms, chunk->from_ms);
        from_ms = from_ms > span->from_ms ? from_ms : span->from_ms;
        to_ms = to_ms < span->to_ms ? to_ms : span->to_ms;
        if (to_ms > from_ms)
            sum_ms += (double)(to_ms - from_ms) * chunk->covers_ms /
                      (double)(chunk->to_ms - chunk->from_ms);
    }
    return (uint32_t)(sum_ms + 0.5);
}

/* What was being filled is not there, or not up to now. */
static bool lacks_open(const struct recall_view *view, uint64_t now_ms)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->chunks[i]->to_ms >= now_ms)
            return false;
    return true;
}

static uint32_t share_of(size_t targets)
{
    uint32_t share = (uint32_t)(ANSWER_RECORDS / (targets > 0 ? targets : 1));
    return share < ANSWER_TARGET_MAX ? share : ANSWER_TARGET_MAX;
}

void recall_answer(struct recall_answer *answer, const struct recall_view *view,
                   const struct recall_request *request, uint64_t now_ms,
                   struct recall_reply *ret_reply)
{
    uint64_t before_from_ms = (uint64_t)request->now_ms + request->gap_ms;
    const struct span spans[TIMES] = {
        {0, request->now_ms},
        {before_from_ms, before_from_ms + request->before_ms},
    };
    size_t targets = request->target_count;
    uint32_t most = (uint32_t)(RECALL_TUPLES_MAX / (targets > 0 ? targets : 1));
    _Static_assert(RECALL_TUPLES_MAX / RECALL_TARGETS_MAX >= TUPLES_LEAST, "some for each");
    memset(ret_reply, 0, sizeof(*ret_reply));
    memcpy(ret_reply->id, request->id, sizeof(ret_reply->id));
    ret_reply->tuples = answer->tuples;
    ret_reply->covers_now_ms = covered(view, now_ms, &spans[NOW]);
    ret_reply->covers_before_ms = covered(view, now_ms, &spans[BEFORE]);
    ret_reply->open_missing = lacks_open(view, now_ms);
    for (size_t i = 0; i < targets; i++) {
        struct looking l = {
            .view = view, .target = &request->targets[i], .number = (uint8_t)i, .now_ms = now_ms};
        answer_target(answer, &l, spans, share_of(targets), most, ret_reply);
    }
}
