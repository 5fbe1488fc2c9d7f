#include "collector/recall/answer_internal.h"

#include <math.h>
#include <string.h>

/*
 * Which records an answer looks at. Of a target and time these are the highest priorities of all
 * chunks together, so that a sum is estimated as well as so many records can; and how many they are
 * is known before, so that nothing is looked at in vain.
 */

/* --- times --- */

void answer_spans(const struct recall_request *request, struct span ret_spans[TIMES])
{
    uint64_t before_from_ms = (uint64_t)request->now_ms + request->gap_ms;
    ret_spans[NOW] = (struct span){0, request->now_ms};
    ret_spans[BEFORE] = (struct span){before_from_ms, before_from_ms + request->before_ms};
}

static uint64_t age_of(uint64_t now_ms, uint64_t at_ms)
{
    return now_ms > at_ms ? now_ms - at_ms : 0;
}

bool answer_overlaps(const struct recall_chunk *chunk, uint64_t now_ms, const struct span *span)
{
    return age_of(now_ms, chunk->last_ms) < span->to_ms &&
           age_of(now_ms, chunk->first_ms) >= span->from_ms;
}

/* No two chunks hold the same time. Where a thin one lacks one of its seconds, that is taken to be
 * spread over it. */
uint32_t answer_covered(const struct recall_view *view, uint64_t now_ms, const struct span *span)
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

bool answer_lacks_open(const struct recall_view *view, uint64_t now_ms)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->chunks[i]->to_ms >= now_ms)
            return false;
    return true;
}

/* By the low bits, which is all that an item has. What came after now_ms is in no span. */
static bool is_in(const struct recall_item *item, uint64_t now_ms, const struct span *span)
{
    int32_t age_ms = (int32_t)((uint32_t)now_ms - item->at_ms);
    return age_ms >= 0 && (uint64_t)age_ms >= span->from_ms && (uint64_t)age_ms < span->to_ms;
}

static bool matches(const struct recall_item *item, const struct recall_target *target)
{
    struct ip_addr host = {.family = item->ip_version};
    memcpy(host.octets, item->host, sizeof(host.octets));
    return item->side == target->side && prefix_contains(&target->prefix, &host);
}

/* --- how many --- */

static void add_levels(struct recall_answer *a, enum answer_time time,
                       const struct recall_chunk *chunk)
{
    for (int level = 0; level < CHUNK_LEVELS; level++)
        a->above[time][level] += chunk->above[level];
}

/* One chunk after the other, so that its index stays at hand for all targets. */
void answer_count(struct recall_answer *a, const struct recall_view *view,
                  const struct recall_request *request, uint64_t now_ms)
{
    struct span spans[TIMES];
    answer_spans(request, spans);
    memset(a->records, 0, sizeof(a->records));
    memset(a->above, 0, sizeof(a->above));
    for (size_t i = 0; i < view->count; i++) {
        const struct recall_chunk *chunk = view->chunks[i];
        bool is_now = answer_overlaps(chunk, now_ms, &spans[NOW]);
        bool is_before = answer_overlaps(chunk, now_ms, &spans[BEFORE]);
        if (is_now)
            add_levels(a, NOW, chunk);
        if (is_before)
            add_levels(a, BEFORE, chunk);
        for (size_t t = 0; t < request->target_count; t++) {
            const struct recall_target *target = &request->targets[t];
            struct answer_range *range = &a->ranges[t][i];
            *range = (struct answer_range){0, 0};
            if (is_now || is_before)
                chunk_range(chunk, target->side, &target->prefix, &range->begin, &range->end);
            a->records[t][NOW] += is_now ? range->end - range->begin : 0;
            a->records[t][BEFORE] += is_before ? range->end - range->begin : 0;
        }
    }
}

/* --- which --- */

/* So that picks[nth] is the one that falling order would have there, and none before it is lower:
 * Wirth's selection. */
static void select_nth(struct answer_pick *picks, ptrdiff_t count, ptrdiff_t nth)
{
    ptrdiff_t low = 0, high = count - 1;
    while (low < high) {
        float pivot = picks[nth].priority;
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (picks[i].priority > pivot)
                i++;
            while (picks[j].priority < pivot)
                j--;
            if (i > j)
                break;
            struct answer_pick was = picks[i];
            picks[i++] = picks[j];
            picks[j--] = was;
        }
        if (j < nth)
            low = i;
        if (nth < i)
            high = j;
    }
}

struct picking {
    struct answer_pick *picks;
    const struct looking *l;
    uint32_t count;
    float floor;  /* the highest that was refused, or what is not looked at */
    bool is_full; /* more than the share were above it */
};

/* The share's highest stay. */
static void refuse_rest(struct picking *p)
{
    uint32_t share = p->l->share;
    if (p->count <= share)
        return;
    select_nth(p->picks, p->count, share);
    p->floor = p->picks[share].priority;
    p->count = share;
    p->is_full = true;
}

static void offer(struct picking *p, const struct recall_item *item)
{
    if (!matches(item, p->l->target) || !is_in(item, p->l->now_ms, &p->l->span))
        return;
    if (p->count >= 2 * p->l->share)
        refuse_rest(p);
    if (item->priority > p->floor)
        p->picks[p->count++] = (struct answer_pick){item, item->priority};
}

/* Most of a chunk is the target's: from its highest on, until they are too low. */
static void pick_from_top(struct picking *p, const struct recall_chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->count && chunk->items[i].priority > p->floor; i++)
        offer(p, &chunk->items[i]);
}

static void pick_by_index(struct picking *p, const struct recall_chunk *chunk,
                          const struct answer_range *range)
{
    for (uint32_t k = range->begin; k < range->end; k++)
        if (chunk->order[k].priority > p->floor)
            offer(p, &chunk->items[chunk->order[k].item]);
}

static void pick_all(struct picking *p, const struct recall_answer *a)
{
    enum { MOST_OF = 3 }; /* an item takes so many times as long as an entry of the index */
    const struct looking *l = p->l;
    for (size_t i = 0; i < l->view->count; i++) {
        const struct recall_chunk *chunk = l->view->chunks[i];
        const struct answer_range *range = &a->ranges[l->number][i];
        if (range->begin == range->end || !answer_overlaps(chunk, l->now_ms, &l->span))
            continue;
        if ((range->end - range->begin) * (uint64_t)MOST_OF > chunk->count)
            pick_from_top(p, chunk);
        else
            pick_by_index(p, chunk, range);
    }
    refuse_rest(p);
}

/* The highest level above which there are enough, if the target's records are like the others;
 * -1: all are to be looked at. */
static int first_level(const struct recall_answer *a, const struct looking *l)
{
    const uint64_t *above = a->above[l->time];
    if (a->records[l->number][l->time] <= l->share)
        return -1;
    double part = (double)a->records[l->number][l->time] / (double)above[0];
    int level = CHUNK_LEVELS - 1;
    while (level >= 0 && part * (double)above[level] < 1.5 * l->share + 8)
        level--;
    return level;
}

uint32_t answer_pick(struct recall_answer *a, const struct looking *l, float *ret_refused)
{
    enum { LOWER = 4 }; /* where they were not like the others, a sixteenth is tried, then all */
    struct picking p = {.picks = a->picks, .l = l};
    *ret_refused = 0;
    if (l->share == 0)
        return 0;
    int level = first_level(a, l);
    for (int tries = 0; tries < 3 && !p.is_full; tries++) {
        bool is_last = level < 0 || tries == 2;
        p.count = 0;
        p.floor = is_last ? 0 : ldexpf(1, level);
        pick_all(&p, a);
        if (is_last)
            break;
        level -= LOWER;
    }
    *ret_refused = p.floor;
    return p.count;
}
