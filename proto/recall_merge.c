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

/* The other ends of one worker's records may be those of another's too: exporters are spread over
 * workers, and one address comes in at several. The largest is a lower bound, as each is. */
static void add_total(struct recall_merge *merge, const struct recall_total *total)
{
    for (size_t i = 0; i < merge->total_count; i++) {
        struct recall_total *to = &merge->totals[i];
        if (to->target != total->target || to->before != total->before)
            continue;
        to->peers = total->peers > to->peers ? total->peers : to->peers;
        to->one = total->one > to->one ? total->one : to->one;
        return;
    }
    if (merge->total_count < RECALL_TOTALS_MAX)
        merge->totals[merge->total_count++] = *total;
}

enum status recall_merge_add(struct recall_merge *merge, const struct recall_reply *reply)
{
    enum status status = make_room(merge, reply->tuple_count);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < reply->tuple_count; i++) {
        const struct recall_tuple *tuple = &reply->tuples[i];
        uint32_t *slot = &merge->slots[slot_of(merge, &tuple->kind)];
        if (*slot == 0) {
            merge->tuples[merge->tuple_count++] = *tuple;
            *slot = (uint32_t)merge->tuple_count;
            continue;
        }
        struct recall_tuple *to = &merge->tuples[*slot - 1];
        double peers = to->peers > tuple->peers ? to->peers : tuple->peers;
        recall_tuple_add(to, tuple);
        to->peers = peers;
    }
    for (size_t i = 0; i < reply->total_count; i++)
        add_total(merge, &reply->totals[i]);
    if (merge->replies == 0 || reply->covers_now_ms < merge->covers_now_ms)
        merge->covers_now_ms = reply->covers_now_ms;
    if (merge->replies == 0 || reply->covers_before_ms < merge->covers_before_ms)
        merge->covers_before_ms = reply->covers_before_ms;
    merge->replies++;
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
