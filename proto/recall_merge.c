#include "proto/recall_merge.h"

#include "common/base/hash.h"
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
    free(merge->slots);
    free(merge->answerers);
    memset(merge, 0, sizeof(*merge));
}

/* Slots hold one more than a tuple's number. */
static size_t slot_of(const struct recall_merge *merge, const struct recall_kind *kind)
{
    size_t at = (size_t)hash_wire(kind, sizeof(*kind)) & (merge->slot_count - 1);
    while (merge->slots[at] != 0 &&
           memcmp(&merge->tuples[merge->slots[at] - 1].kind, kind, sizeof(*kind)) != 0)
        at = (at + 1) & (merge->slot_count - 1);
    return at;
}

static enum status make_room(struct recall_merge *merge, size_t more)
{
    size_t wanted = merge->tuple_count + more, slots = 1024;
    if (wanted <= merge->room)
        return STATUS_OK;
    while (slots < 2 * wanted)
        slots *= 2;
    struct recall_tuple *tuples = realloc(merge->tuples, slots / 2 * sizeof(*tuples));
    if (tuples == NULL)
        return STATUS_NO_MEMORY;
    merge->tuples = tuples;
    uint32_t *fresh = calloc(slots, sizeof(*fresh));
    if (fresh == NULL)
        return STATUS_NO_MEMORY;
    free(merge->slots);
    merge->slots = fresh;
    merge->slot_count = slots;
    merge->room = slots / 2;
    for (size_t i = 0; i < merge->tuple_count; i++)
        merge->slots[slot_of(merge, &tuples[i].kind)] = (uint32_t)i + 1;
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

/* What there is so far, to a longer time. */
static void stretch_all(struct recall_merge *merge, uint8_t before, double factor)
{
    for (size_t i = 0; i < merge->tuple_count; i++)
        if (merge->tuples[i].kind.before == before)
            stretch_tuple(&merge->tuples[i], factor);
    for (size_t i = 0; i < merge->total_count; i++)
        if (merge->totals[i].before == before)
            merge->totals[i].one *= factor;
}

/* By what the reply's sums grow. Nothing is stretched more than tenfold, whichever reply is first.
 */
static double fit_time(struct recall_merge *merge, uint8_t before, uint32_t reply_ms)
{
    enum { STRETCH_MAX = 10 };
    uint32_t *covers_ms = &merge->covers_ms[before], *least_ms = &merge->least_covers_ms[before];
    uint32_t *stretched_ms = &merge->least_stretched_ms[before];
    *least_ms = merge->replies == 0 || reply_ms < *least_ms ? reply_ms : *least_ms;
    if (reply_ms > *covers_ms) {
        if (reply_ms > (uint64_t)*stretched_ms * STRETCH_MAX) {
            merge->too_short[before] = merge->replies;
            *stretched_ms = reply_ms;
        } else {
            stretch_all(merge, before, (double)reply_ms / *covers_ms);
        }
        *covers_ms = reply_ms;
        return 1;
    }
    if (reply_ms == 0 || *covers_ms > (uint64_t)reply_ms * STRETCH_MAX) {
        merge->too_short[before]++;
        return 1;
    }
    *stretched_ms = reply_ms < *stretched_ms ? reply_ms : *stretched_ms;
    return (double)*covers_ms / reply_ms;
}

/* --- replies --- */

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

static void add_tuple(struct recall_merge *merge, const struct recall_tuple *tuple, double factor)
{
    struct recall_tuple more = *tuple;
    uint32_t *slot = &merge->slots[slot_of(merge, &tuple->kind)];
    stretch_tuple(&more, factor);
    if (*slot == 0) {
        merge->tuples[merge->tuple_count++] = more;
        *slot = (uint32_t)merge->tuple_count;
        return;
    }
    struct recall_tuple *to = &merge->tuples[*slot - 1];
    double peers = to->peers > more.peers ? to->peers : more.peers;
    recall_tuple_add(to, &more);
    to->peers = peers;
}

enum status recall_merge_add_tuple(struct recall_merge *merge, const struct recall_tuple *tuple)
{
    enum status status = make_room(merge, 1);
    if (status == STATUS_OK)
        add_tuple(merge, tuple, 1);
    return status;
}

/* Room for one answerer more, who is not among those there. */
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
    const double factors[2] = {fit_time(merge, 0, reply->covers_now_ms),
                               fit_time(merge, 1, reply->covers_before_ms)};
    for (size_t i = 0; i < reply->tuple_count; i++)
        add_tuple(merge, &reply->tuples[i], factors[reply->tuples[i].kind.before != 0]);
    for (size_t i = 0; i < reply->total_count; i++)
        add_total(merge, &reply->totals[i], factors[reply->totals[i].before != 0]);
    struct recall_answerer *answerer = &merge->answerers[merge->replies++];
    answerer->worker = reply->worker;
    memcpy(answerer->collector, reply->collector, sizeof(answerer->collector));
    merge->open_missing += reply->open_missing;
    return STATUS_OK;
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
    if (merge->tuple_count > 0) /* else there is no array to sort */
        qsort(merge->tuples, merge->tuple_count, sizeof(*merge->tuples), in_order);
    free(merge->slots);
    merge->slots = NULL;
    merge->slot_count = merge->room = 0;
}

double recall_merge_one(const struct recall_merge *merge, uint8_t target, uint8_t before)
{
    for (size_t i = 0; i < merge->total_count; i++)
        if (merge->totals[i].target == target && merge->totals[i].before == before)
            return merge->totals[i].one;
    return 0;
}
