#include "speaker/bgp/rib_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The lowest bits say in which of the queues it is. */
enum { FLAG_RESEND = 1 << RIB_OUT_QUEUES };

/* How far ahead an announcement looks for others of equal attributes to share its message. */
enum { WINDOW = 256 };

/* Messages may go this much ahead of an even pace, so that a tick of the owner is enough. */
enum { BURST_US = 100000 };

void rib_out_init(struct rib_out *out, struct rib *rib, size_t max_routes,
                  uint32_t updates_per_second)
{
    *out = (struct rib_out){.rib = rib};
    rib_out_set_limits(out, max_routes, updates_per_second);
}

void rib_out_set_limits(struct rib_out *out, size_t max_routes, uint32_t updates_per_second)
{
    out->max_routes = max_routes;
    out->updates_per_second = updates_per_second;
}

void rib_out_done(struct rib_out *out)
{
    rib_out_down(out);
    for (uint32_t id = 1; id < out->entry_room; id++)
        (void)rib_out_want(out, id, 0);
    free(out->entries);
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        free(out->queues[q].ids);
    *out = (struct rib_out){0};
}

static bool grow_ids(struct rib_out_queue *queue, size_t room)
{
    uint32_t *ids = realloc(queue->ids, room * sizeof(*ids));
    if (ids == NULL)
        return false;
    queue->ids = ids;
    queue->room = room;
    return true;
}

/* A number stands at most once in each queue, so queues as long as the entries never overflow. */
static enum status make_room(struct rib_out *out, uint32_t nlri)
{
    if (nlri < out->entry_room)
        return STATUS_OK;
    size_t room = out->entry_room == 0 ? 64 : out->entry_room;
    while (room <= nlri)
        room *= 2;
    struct rib_out_entry *entries = realloc(out->entries, room * sizeof(*entries));
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    out->entries = entries;
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        if (!grow_ids(&out->queues[q], room))
            return STATUS_NO_MEMORY;
    memset(entries + out->entry_room, 0, (room - out->entry_room) * sizeof(*entries));
    out->entry_room = room;
    return STATUS_OK;
}

static void push(struct rib_out *out, enum rib_out_order order, uint32_t nlri)
{
    struct rib_out_queue *queue = &out->queues[order];
    struct rib_out_entry *entry = &out->entries[nlri];
    uint8_t flag = (uint8_t)(1U << order);
    if ((entry->flags & flag) != 0)
        return;
    assert(queue->count < queue->room);
    entry->flags |= flag;
    queue->ids[queue->count++] = nlri;
}

static bool must_withdraw(const struct rib_out_entry *entry)
{
    return entry->wanted == 0 && entry->announced != 0;
}

static bool must_announce(const struct rib_out_entry *entry)
{
    return entry->wanted != 0 &&
           (entry->wanted != entry->announced || (entry->flags & FLAG_RESEND) != 0);
}

/* The queue that it belongs to now; RIB_OUT_QUEUES: nothing is due. One that stands in another
 * queue, too, leaves that one when its turn comes there. */
static enum rib_out_order order_of(const struct rib_out *out, const struct rib_out_entry *entry)
{
    if (must_withdraw(entry))
        return rib_is_guarding(out->rib, entry->announced) ? RIB_OUT_GUARDING_WITHDRAWALS
                                                           : RIB_OUT_WITHDRAWALS;
    if (must_announce(entry))
        return rib_is_guarding(out->rib, entry->wanted) ? RIB_OUT_GUARDING_ANNOUNCEMENTS
                                                        : RIB_OUT_ANNOUNCEMENTS;
    return RIB_OUT_QUEUES;
}

static bool withdraws(enum rib_out_order order)
{
    return order <= RIB_OUT_GUARDING_WITHDRAWALS;
}

static void enqueue(struct rib_out *out, uint32_t nlri)
{
    enum rib_out_order order = order_of(out, &out->entries[nlri]);
    if (order == RIB_OUT_QUEUES)
        return;
    enum bgp_family family = rib_nlri(out->rib, nlri).family;
    if (withdraws(order) || (out->up && (out->families >> family & 1) != 0))
        push(out, order, nlri);
}

static void set_announced(struct rib_out *out, uint32_t nlri, uint32_t attributes)
{
    struct rib_out_entry *entry = &out->entries[nlri];
    enum bgp_family family = rib_nlri(out->rib, nlri).family;
    uint32_t before = entry->announced;
    if (attributes != 0)
        rib_hold_attributes_again(out->rib, attributes);
    entry->announced = attributes;
    if (before == 0 && attributes != 0) {
        rib_hold_nlri_again(out->rib, nlri);
        out->announced[family]++;
    }
    if (before != 0)
        rib_release_attributes(out->rib, before);
    if (before != 0 && attributes == 0) {
        out->announced[family]--;
        rib_release_nlri(out->rib, nlri);
    }
}

static size_t sum(const size_t counts[BGP_FAMILIES])
{
    size_t all = 0;
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
        all += counts[f];
    return all;
}

size_t rib_out_wanted_count(const struct rib_out *out)
{
    return sum(out->wanted);
}

size_t rib_out_announced_count(const struct rib_out *out)
{
    return sum(out->announced);
}

size_t rib_out_room(const struct rib_out *out)
{
    size_t wanted = rib_out_wanted_count(out);
    return wanted < out->max_routes ? out->max_routes - wanted : 0;
}

enum status rib_out_want(struct rib_out *out, uint32_t nlri, uint32_t attributes)
{
    uint32_t before = rib_out_wanted(out, nlri);
    if (before == attributes)
        return STATUS_OK;
    enum status status = make_room(out, nlri);
    if (status != STATUS_OK)
        return status;
    enum bgp_family family = rib_nlri(out->rib, nlri).family;
    if (before == 0) {
        if (rib_out_room(out) == 0)
            return STATUS_LIMIT;
        rib_hold_nlri_again(out->rib, nlri);
        out->wanted[family]++;
    }
    if (attributes != 0)
        rib_hold_attributes_again(out->rib, attributes);
    out->entries[nlri].wanted = attributes;
    enqueue(out, nlri);
    if (before != 0)
        rib_release_attributes(out->rib, before);
    if (attributes == 0) {
        out->wanted[family]--;
        rib_release_nlri(out->rib, nlri);
    }
    return STATUS_OK;
}

uint32_t rib_out_wanted(const struct rib_out *out, uint32_t nlri)
{
    return nlri < out->entry_room ? out->entries[nlri].wanted : 0;
}

uint32_t rib_out_announced(const struct rib_out *out, uint32_t nlri)
{
    return nlri < out->entry_room ? out->entries[nlri].announced : 0;
}

size_t rib_out_pending(const struct rib_out *out)
{
    size_t count = 0;
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        count += out->queues[q].count;
    return count;
}

void rib_out_up(struct rib_out *out, unsigned int families, uint64_t now_us)
{
    rib_out_down(out);
    out->up = true;
    out->families = families;
    out->end_of_rib_owed = families;
    out->paced_until_us = now_us;
    for (uint32_t id = 1; id < out->entry_room; id++)
        enqueue(out, id);
}

void rib_out_down(struct rib_out *out)
{
    out->up = false;
    out->families = 0;
    out->end_of_rib_owed = 0;
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        out->queues[q].count = 0;
    for (uint32_t id = 1; id < out->entry_room; id++) {
        out->entries[id].flags = 0;
        if (out->entries[id].announced != 0)
            set_announced(out, id, 0);
    }
}

void rib_out_refresh(struct rib_out *out, enum bgp_family family)
{
    for (uint32_t id = 1; id < out->entry_room; id++) {
        struct rib_out_entry *entry = &out->entries[id];
        if (entry->announced == 0 || entry->wanted == 0 || rib_nlri(out->rib, id).family != family)
            continue;
        entry->flags |= FLAG_RESEND;
        enqueue(out, id);
    }
}

void rib_out_complete(struct rib_out *out)
{
    out->complete = true;
}

/*
 * Moves what shares the first due entry's family and, for announcements, its attributes into the
 * message; what does not fit or differs keeps its place in the queue.
 */
struct drain {
    struct rib_out *out;
    const struct update_path *path;
    uint8_t *bytes; /* of the message */
    size_t room;
    struct rib_out_batch *batch;
    struct update_builder builder;
    enum rib_out_order order;
    bool begun, stop, unfit;
    uint32_t attributes;
};

static bool due(const struct drain *d, uint32_t nlri)
{
    return order_of(d->out, &d->out->entries[nlri]) == d->order;
}

static void add(struct drain *d, uint32_t nlri)
{
    d->batch->nlri[d->batch->count++] = nlri;
    d->stop = d->batch->count == RIB_OUT_BATCH_MAX;
}

/* The first entry sets what the message is about. One that fits into no message leaves the queue.
 */
static void begin(struct drain *d, uint32_t nlri)
{
    struct rib_nlri value = rib_nlri(d->out->rib, nlri);
    enum status status = STATUS_OK;
    d->begun = true;
    d->batch->family = value.family;
    d->attributes = d->out->entries[nlri].wanted;
    if (withdraws(d->order)) {
        update_begin_unreach(&d->builder, d->bytes, d->room, value.family);
    } else {
        struct communities communities = rib_attributes(d->out->rib, d->attributes);
        status =
            update_begin_reach(&d->builder, d->bytes, d->room, value.family, d->path, &communities);
    }
    if (status == STATUS_OK)
        status = update_add(&d->builder, value.bytes, value.len);
    add(d, nlri);
    d->unfit = status != STATUS_OK;
    d->stop = d->stop || d->unfit;
}

/* True when the entry leaves the queue. */
static bool take(struct drain *d, uint32_t nlri)
{
    if (!due(d, nlri))
        return true;
    if (!d->begun) {
        begin(d, nlri);
        return true;
    }
    struct rib_nlri value = rib_nlri(d->out->rib, nlri);
    if (value.family != d->batch->family || d->out->entries[nlri].wanted != d->attributes)
        return false;
    if (update_add(&d->builder, value.bytes, value.len) != STATUS_OK) {
        d->stop = true;
        return false;
    }
    add(d, nlri);
    return true;
}

/* True when the queue is empty now. */
static bool take_from(struct drain *d, enum rib_out_order order)
{
    struct rib_out_queue *queue = &d->out->queues[order];
    d->order = order;
    size_t kept = 0, at = 0;
    for (; at < queue->count && !d->stop && kept < WINDOW; at++) {
        uint32_t nlri = queue->ids[at];
        if (take(d, nlri))
            d->out->entries[nlri].flags &= (uint8_t) ~(1U << order);
        else
            queue->ids[kept++] = nlri;
    }
    if (kept != at)
        memmove(queue->ids + kept, queue->ids + at, (queue->count - at) * sizeof(queue->ids[0]));
    queue->count -= at - kept;
    return queue->count == 0;
}

/* Two queues, the second when nothing is left in the first: what both hold may share a message.
 * False: neither held anything that is due. */
static bool drain(struct drain *d, enum rib_out_order first)
{
    struct rib_out *out = d->out;
    if (take_from(d, first) && !d->stop)
        (void)take_from(d, first + 1);
    if (!d->begun)
        return false;
    for (size_t i = 0; i < d->batch->count; i++)
        rib_hold_nlri_again(out->rib, d->batch->nlri[i]);
    if (d->unfit) {
        d->batch->kind = RIB_OUT_UNFIT;
        (void)rib_out_want(out, d->batch->nlri[0], 0);
        return true;
    }
    d->batch->kind = withdraws(first) ? RIB_OUT_WITHDRAW : RIB_OUT_ANNOUNCE;
    d->batch->len = update_end(&d->builder);
    for (size_t i = 0; i < d->batch->count; i++) {
        struct rib_out_entry *entry = &out->entries[d->batch->nlri[i]];
        entry->flags &= (uint8_t)~FLAG_RESEND;
        set_announced(out, d->batch->nlri[i], entry->wanted);
    }
    return true;
}

/* Announcements keep to the pace; withdrawals never wait for it. */
static bool may_go(struct rib_out *out, uint64_t now_us, uint64_t *ret_at_us)
{
    if (out->updates_per_second == 0 || out->paced_until_us <= now_us + BURST_US)
        return true;
    *ret_at_us = out->paced_until_us - BURST_US;
    return false;
}

static void spend(struct rib_out *out, uint64_t now_us)
{
    if (out->updates_per_second == 0)
        return;
    if (out->paced_until_us < now_us)
        out->paced_until_us = now_us;
    out->paced_until_us += 1000000 / out->updates_per_second;
}

static void end_of_rib(struct rib_out *out, uint8_t *bytes, size_t room,
                       struct rib_out_batch *batch)
{
    struct update_builder builder;
    batch->family = (enum bgp_family)__builtin_ctz(out->end_of_rib_owed);
    out->end_of_rib_owed &= ~(1U << batch->family);
    update_begin_unreach(&builder, bytes, room, batch->family);
    batch->kind = RIB_OUT_END;
    batch->len = update_end(&builder);
}

void rib_out_next(struct rib_out *out, const struct update_path *path, uint64_t now_us,
                  uint8_t *bytes, size_t room, struct rib_out_batch *ret_batch)
{
    struct drain d = {.out = out, .path = path, .bytes = bytes, .room = room, .batch = ret_batch};
    ret_batch->kind = RIB_OUT_NONE;
    ret_batch->count = 0;
    ret_batch->len = 0;
    if (!out->up || drain(&d, RIB_OUT_WITHDRAWALS))
        return;
    bool announces = out->queues[RIB_OUT_GUARDING_ANNOUNCEMENTS].count > 0 ||
                     out->queues[RIB_OUT_ANNOUNCEMENTS].count > 0;
    if (announces && !may_go(out, now_us, &ret_batch->at_us)) {
        ret_batch->kind = RIB_OUT_WAIT;
        return;
    }
    if (drain(&d, RIB_OUT_GUARDING_ANNOUNCEMENTS)) {
        if (ret_batch->kind == RIB_OUT_ANNOUNCE)
            spend(out, now_us);
        return;
    }
    if (out->complete && out->end_of_rib_owed != 0)
        end_of_rib(out, bytes, room, ret_batch);
}

void rib_out_batch_done(struct rib_out *out, struct rib_out_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        rib_release_nlri(out->rib, batch->nlri[i]);
    batch->count = 0;
}
