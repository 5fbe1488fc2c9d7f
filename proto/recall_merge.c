#include "proto/recall_merge.h"

#include "proto/flow.h"

#include <stdlib.h>
#include <string.h>

void recall_tuple_add(struct recall_tuple *to, const struct recall_tuple *more)
{
    estimate_add(&to->bytes, &more->bytes);
    estimate_add(&to->packets, &more->packets);
    estimate_add(&to->connections, &more->connections);
    to->flows += more->flows;
    to->peers += more->peers;
    to->samples += more->samples;
}

struct recall_kind recall_kind_rest(uint8_t target, uint8_t before)
{
    return (struct recall_kind){
        .folded = FLOW_SRC_ADDR | FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_PROTOCOL | FLOW_TCP_FLAGS |
                  FLOW_TOS | FLOW_ICMP | FLOW_FRAGMENT | FLOW_IP_LENGTH | FLOW_INPUT_IF,
        .target = target,
        .before = before,
    };
}

void recall_tuple_bounds(const struct recall_tuple *tuple, double one, double ret_bytes[2],
                         double ret_packets[2], double ret_connections[2])
{
    double few = one / RECALL_ONE_OCTETS;
    estimate_bounds(&tuple->bytes, one, &ret_bytes[0], &ret_bytes[1]);
    estimate_bounds(&tuple->packets, few, &ret_packets[0], &ret_packets[1]);
    estimate_bounds(&tuple->connections, few, &ret_connections[0], &ret_connections[1]);
}

void recall_merge_init(struct recall_merge *merge)
{
    memset(merge, 0, sizeof(*merge));
}

void recall_merge_done(struct recall_merge *merge)
{
    free(merge->tuples);
    free(merge->answerers);
    memset(merge, 0, sizeof(*merge));
}

static enum status make_room(struct recall_merge *merge, size_t more)
{
    size_t wanted = merge->tuple_count + more, room = merge->room == 0 ? 512 : merge->room;
    if (wanted <= merge->room)
        return STATUS_OK;
    while (room < wanted)
        room *= 2;
    struct recall_tuple *tuples = realloc(merge->tuples, room * sizeof(*tuples));
    if (tuples == NULL)
        return STATUS_NO_MEMORY;
    merge->tuples = tuples;
    merge->room = room;
    return STATUS_OK;
}

enum status recall_merge_add_tuple(struct recall_merge *merge, const struct recall_tuple *tuple)
{
    enum status status = make_room(merge, 1);
    if (status == STATUS_OK)
        merge->tuples[merge->tuple_count++] = *tuple;
    return status;
}

/* Room for one answer more, whose worker's is not there. */
static enum status check_answerer(struct recall_merge *merge, const struct recall_reply *reply)
{
    for (size_t i = 0; i < merge->replies; i++)
        if (merge->answerers[i].worker == reply->worker &&
            strcmp(merge->answerers[i].collector, reply->collector) == 0)
            return STATUS_EXISTS;
    if (merge->replies == RECALL_REPLIES_MAX)
        return STATUS_LIMIT;
    if (merge->replies < merge->answerer_room)
        return STATUS_OK;
    size_t room = merge->answerer_room == 0 ? 16 : merge->answerer_room * 2;
    struct recall_answerer *more = realloc(merge->answerers, room * sizeof(*more));
    if (more == NULL)
        return STATUS_NO_MEMORY;
    merge->answerers = more;
    merge->answerer_room = room;
    return STATUS_OK;
}

enum status recall_merge_add(struct recall_merge *merge, const struct recall_reply *reply)
{
    enum status status = check_answerer(merge, reply);
    if (status == STATUS_OK)
        status = make_room(merge, reply->tuple_count);
    if (status != STATUS_OK)
        return status;
    struct recall_answerer *answer = &merge->answerers[merge->replies++];
    *answer = (struct recall_answerer){.worker = reply->worker,
                                       .covers_ms = {reply->covers_now_ms, reply->covers_before_ms},
                                       .first = merge->tuple_count,
                                       .count = reply->tuple_count,
                                       .total_count = reply->total_count};
    memcpy(answer->collector, reply->collector, sizeof(answer->collector));
    memcpy(answer->totals, reply->totals, sizeof(answer->totals));
    if (reply->tuple_count > 0)
        memcpy(merge->tuples + merge->tuple_count, reply->tuples,
               reply->tuple_count * sizeof(*reply->tuples));
    merge->tuple_count += reply->tuple_count;
    merge->open_missing += reply->open_missing;
    return STATUS_OK;
}

/* --- times of different length --- */

static void stretch(struct estimate *estimate, double factor)
{
    double more = (factor - 1) * estimate->value;
    estimate->value += more;
    estimate->variance = factor * factor * estimate->variance + more * more;
}

static void stretch_tuple(struct recall_tuple *tuple, double factor)
{
    if (factor <= 1)
        return;
    stretch(&tuple->bytes, factor);
    stretch(&tuple->packets, factor);
    stretch(&tuple->connections, factor);
    tuple->flows *= factor;
}

static bool is_too_short(const struct recall_merge *merge, uint8_t before, uint32_t ms)
{
    enum { STRETCH_MAX = 10 };
    return ms == 0 || merge->covers_ms[before] > (uint64_t)ms * STRETCH_MAX;
}

static void judge_times(struct recall_merge *merge, uint8_t before)
{
    uint32_t longest_ms = 0, least_ms = UINT32_MAX, stretched_ms = UINT32_MAX;
    for (size_t i = 0; i < merge->replies; i++) {
        uint32_t ms = merge->answerers[i].covers_ms[before];
        longest_ms = ms > longest_ms ? ms : longest_ms;
        least_ms = ms < least_ms ? ms : least_ms;
    }
    merge->covers_ms[before] = longest_ms;
    for (size_t i = 0; i < merge->replies; i++) {
        uint32_t ms = merge->answerers[i].covers_ms[before];
        if (is_too_short(merge, before, ms))
            merge->too_short[before]++;
        else if (ms < stretched_ms)
            stretched_ms = ms;
    }
    merge->least_covers_ms[before] = merge->replies > 0 ? least_ms : 0;
    merge->least_stretched_ms[before] = longest_ms > 0 ? stretched_ms : 0;
}

/* By what an answer's sums grow. */
static double factor_of(const struct recall_merge *merge, const struct recall_answerer *answer,
                        uint8_t before)
{
    uint32_t ms = answer->covers_ms[before];
    return is_too_short(merge, before, ms) ? 1 : (double)merge->covers_ms[before] / ms;
}

/* --- putting together --- */

/* The other ends of one worker's records may be those of another's too: exporters are spread over
 * workers, and one address comes in at several. The largest is a lower bound, as each is. */
static void add_total(struct recall_merge *merge, const struct recall_total *total, double factor)
{
    double one = factor * total->one;
    for (size_t i = 0; i < merge->total_count; i++) {
        struct recall_total *to = &merge->totals[i];
        if (to->target != total->target || to->before != total->before)
            continue;
        to->peers = total->peers > to->peers ? total->peers : to->peers;
        to->one = one > to->one ? one : to->one;
        return;
    }
    if (merge->total_count == RECALL_TOTALS_MAX)
        return;
    merge->totals[merge->total_count] = *total;
    merge->totals[merge->total_count++].one = one;
}

static void take_answer(struct recall_merge *merge, const struct recall_answerer *answer)
{
    const double factors[2] = {factor_of(merge, answer, 0), factor_of(merge, answer, 1)};
    for (size_t i = answer->first; i < answer->first + answer->count; i++)
        stretch_tuple(&merge->tuples[i], factors[merge->tuples[i].kind.before != 0]);
    for (size_t i = 0; i < answer->total_count; i++)
        add_total(merge, &answer->totals[i], factors[answer->totals[i].before != 0]);
}

static int by_kind(const void *left, const void *right)
{
    const struct recall_tuple *a = left, *b = right;
    return memcmp(&a->kind, &b->kind, sizeof(a->kind));
}

/* Of sorted tuples, those of one kind as one. */
static void add_up(struct recall_merge *merge)
{
    size_t count = 0;
    for (size_t i = 0; i < merge->tuple_count; i++) {
        const struct recall_tuple *more = &merge->tuples[i];
        struct recall_tuple *to = count > 0 ? &merge->tuples[count - 1] : NULL;
        if (to == NULL || by_kind(to, more) != 0) {
            merge->tuples[count++] = *more;
            continue;
        }
        double peers = to->peers > more->peers ? to->peers : more->peers;
        recall_tuple_add(to, more);
        to->peers = peers;
    }
    merge->tuple_count = count;
}

static int in_order(const void *left, const void *right)
{
    const struct recall_tuple *a = left, *b = right;
    if (a->kind.target != b->kind.target)
        return a->kind.target < b->kind.target ? -1 : 1;
    if (a->kind.before != b->kind.before)
        return a->kind.before < b->kind.before ? -1 : 1;
    if (a->bytes.value != b->bytes.value)
        return a->bytes.value > b->bytes.value ? -1 : 1;
    return memcmp(&a->kind, &b->kind, sizeof(a->kind));
}

void recall_merge_end(struct recall_merge *merge)
{
    judge_times(merge, 0);
    judge_times(merge, 1);
    for (size_t i = 0; i < merge->replies; i++)
        take_answer(merge, &merge->answerers[i]);
    if (merge->tuple_count == 0)
        return; /* there is no array to sort */
    qsort(merge->tuples, merge->tuple_count, sizeof(*merge->tuples), by_kind);
    add_up(merge);
    qsort(merge->tuples, merge->tuple_count, sizeof(*merge->tuples), in_order);
}

double recall_merge_one(const struct recall_merge *merge, uint8_t target, uint8_t before)
{
    for (size_t i = 0; i < merge->total_count; i++)
        if (merge->totals[i].target == target && merge->totals[i].before == before)
            return merge->totals[i].one;
    return 0;
}
