#include "speaker/bgp/rib_out_internal.h"

#include "speaker/bgp/rib_out_marks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How many routes that are not due, or are of another family, a message passes over in search of
 * others that may share it: so many, and more for each that it found. */
enum { PASSED_MAX = 256, PASSED_A_ROUTE = 32 };

/* Messages may go this much ahead of an even pace, so that a tick of the owner is enough. */
enum { BURST_US = 100000 };

static void want_nothing(struct rib_out *out)
{
    for (uint32_t id = 1; id < out->entry_room; id++)
        (void)rib_out_want(out, id, 0);
}

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
    if (rib_out_wanted_count(out) <= max_routes)
        return;
    want_nothing(out);
    out->end_begun = false; /* what is wanted anew goes before End-of-RIB, as it would have */
}

void rib_out_done(struct rib_out *out)
{
    rib_out_down(out);
    want_nothing(out);
    free(out->entries);
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        bits_done(&out->queues[q].nlri);
    bits_done(&out->resend);
    bits_done(&out->before_end);
    rib_out_suspects_done(out);
    *out = (struct rib_out){0};
}

/* By an eighth more, in steps of what the sets of bits take. */
static enum status make_room(struct rib_out *out, uint32_t nlri)
{
    if (nlri < out->entry_room)
        return STATUS_OK;
    size_t room = (nlri + nlri / 8 + BITS_STEP) / BITS_STEP * BITS_STEP;
    struct rib_out_entry *entries = realloc(out->entries, room * sizeof(*entries));
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    out->entries = entries;
    enum status status = bits_grow(&out->resend, room);
    if (status == STATUS_OK)
        status = bits_grow(&out->before_end, room);
    for (size_t q = 0; q < RIB_OUT_QUEUES && status == STATUS_OK; q++)
        status = bits_grow(&out->queues[q].nlri, room);
    if (status != STATUS_OK)
        return status;
    memset(entries + out->entry_room, 0, (room - out->entry_room) * sizeof(*entries));
    out->entry_room = room;
    return STATUS_OK;
}

static uint32_t attributes_of(const struct rib_out *out, uint32_t nlri, uint8_t number)
{
    struct rib_route route = {.nlri = nlri, .number = number};
    return number != 0 ? rib_route_attributes(out->rib, route) : 0;
}

static bool must_announce(const struct rib_out *out, uint32_t nlri)
{
    const struct rib_out_entry *entry = &out->entries[nlri];
    return entry->wanted != 0 &&
           (entry->wanted != entry->announced || bits_has(&out->resend, nlri));
}

/* The queue that it belongs to now; RIB_OUT_QUEUES: nothing is due. */
static enum rib_out_order order_of(const struct rib_out *out, uint32_t nlri)
{
    const struct rib_out_entry *entry = &out->entries[nlri];
    if (entry->wanted == 0 && entry->announced != 0)
        return rib_is_guarding(out->rib, attributes_of(out, nlri, entry->announced))
                   ? RIB_OUT_GUARDING_WITHDRAWALS
                   : RIB_OUT_WITHDRAWALS;
    if (!must_announce(out, nlri) || !out->up || bits_has(&out->suspects.held, nlri) ||
        (out->families >> rib_nlri(out->rib, nlri).family & 1) == 0)
        return RIB_OUT_QUEUES;
    return rib_is_guarding(out->rib, attributes_of(out, nlri, entry->wanted))
               ? RIB_OUT_GUARDING_ANNOUNCEMENTS
               : RIB_OUT_ANNOUNCEMENTS;
}

static bool withdraws(enum rib_out_order order)
{
    return order <= RIB_OUT_GUARDING_WITHDRAWALS;
}

void rib_out_enqueue(struct rib_out *out, uint32_t nlri)
{
    enum rib_out_order order = order_of(out, nlri);
    for (enum rib_out_order q = 0; q < RIB_OUT_QUEUES; q++) {
        if (q == order)
            bits_set(&out->queues[q].nlri, nlri);
        else if (out->queues[q].nlri.count > 0)
            bits_unset(&out->queues[q].nlri, nlri);
    }
    if (out->before_end.count > 0 && (withdraws(order) || order == RIB_OUT_QUEUES))
        bits_unset(&out->before_end, nlri);
}

/* The NLRI may be nobody's afterwards. */
static void set_announced(struct rib_out *out, uint32_t nlri, uint8_t number)
{
    struct rib_out_entry *entry = &out->entries[nlri];
    struct rib_route before = {.nlri = nlri, .number = entry->announced};
    enum bgp_family family = rib_nlri(out->rib, nlri).family;
    if (number != 0)
        rib_hold_route_again(out->rib, (struct rib_route){.nlri = nlri, .number = number});
    entry->announced = number;
    out->announced[family] += number != 0 ? 1 : 0;
    out->announced[family] -= before.number != 0 ? 1 : 0;
    if (before.number != 0)
        rib_release_route(out->rib, before);
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

/* Makes the number wanted, whose hold becomes the entry's. The NLRI may be nobody's afterwards. */
static void set_wanted(struct rib_out *out, uint32_t nlri, uint8_t number)
{
    struct rib_out_entry *entry = &out->entries[nlri];
    struct rib_route before = {.nlri = nlri, .number = entry->wanted};
    enum bgp_family family = rib_nlri(out->rib, nlri).family;
    entry->wanted = number;
    out->wanted[family] += number != 0 ? 1 : 0;
    out->wanted[family] -= before.number != 0 ? 1 : 0;
    rib_out_suspects_forget(out, nlri); /* other octets are another try */
    rib_out_enqueue(out, nlri);
    if (before.number != 0)
        rib_release_route(out->rib, before);
}

enum status rib_out_want(struct rib_out *out, uint32_t nlri, uint32_t attributes)
{
    uint32_t before = rib_out_wanted(out, nlri);
    uint8_t number = 0;
    if (before == attributes)
        return STATUS_OK;
    enum status status = make_room(out, nlri);
    if (status == STATUS_OK && before == 0 && rib_out_room(out) == 0)
        status = STATUS_LIMIT;
    if (status == STATUS_OK && attributes != 0)
        status = rib_hold_route(out->rib, nlri, attributes, &number);
    if (status == STATUS_OK)
        set_wanted(out, nlri, number);
    return status;
}

enum status rib_out_adopt(struct rib_out *out, uint32_t nlri, uint32_t attributes)
{
    uint8_t number;
    enum status status = make_room(out, nlri);
    if (status == STATUS_OK)
        status = rib_hold_route(out->rib, nlri, attributes, &number);
    if (status != STATUS_OK)
        return status;
    set_announced(out, nlri, number);
    bits_set(&out->resend, nlri);
    rib_release_route(out->rib, (struct rib_route){.nlri = nlri, .number = number});
    rib_out_enqueue(out, nlri);
    return STATUS_OK;
}

uint32_t rib_out_wanted(const struct rib_out *out, uint32_t nlri)
{
    return nlri < out->entry_room ? attributes_of(out, nlri, out->entries[nlri].wanted) : 0;
}

uint32_t rib_out_announced(const struct rib_out *out, uint32_t nlri)
{
    return nlri < out->entry_room ? attributes_of(out, nlri, out->entries[nlri].announced) : 0;
}

size_t rib_out_pending(const struct rib_out *out)
{
    size_t count = out->suspects.held.count;
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        count += out->queues[q].nlri.count;
    return count;
}

size_t rib_out_bytes(const struct rib_out *out)
{
    size_t bytes = out->entry_room * sizeof(*out->entries) + bits_bytes(&out->resend) +
                   bits_bytes(&out->before_end) + rib_out_suspects_bytes(out);
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        bytes += bits_bytes(&out->queues[q].nlri);
    return bytes;
}

void rib_out_up(struct rib_out *out, unsigned int families, uint64_t now_us)
{
    rib_out_down(out);
    out->up = true;
    out->families = families;
    out->end_of_rib_owed = families;
    out->end_begun = out->end_now = false;
    out->paced_until_us = now_us;
    for (uint32_t id = 1; id < out->entry_room; id++)
        if (out->entries[id].wanted != 0)
            rib_out_enqueue(out, id);
}

void rib_out_down(struct rib_out *out)
{
    out->up = false;
    out->families = 0;
    out->end_of_rib_owed = out->refresh_owed = 0;
    out->begin_owed = out->finish_owed = 0;
    for (size_t q = 0; q < RIB_OUT_QUEUES; q++)
        bits_clear(&out->queues[q].nlri);
    bits_clear(&out->resend);
    bits_clear(&out->before_end);
    rib_out_suspects_down(out);
    for (uint32_t id = 1; id < out->entry_room; id++)
        if (out->entries[id].announced != 0)
            set_announced(out, id, 0);
}

/* What was asked for again since the last message. Before End-of-RIB it has no marks (RFC 7313, 4),
 * and one that has them is over before the next. */
static void resend(struct rib_out *out, bool marks)
{
    unsigned int families = out->refresh_owed & ~out->begin_owed & ~out->finish_owed;
    if (families == 0)
        return;
    for (uint32_t id = 1; id < out->entry_room; id++) {
        const struct rib_out_entry *entry = &out->entries[id];
        if (entry->announced == 0 || entry->wanted == 0 ||
            (families >> rib_nlri(out->rib, id).family & 1) == 0)
            continue;
        bits_set(&out->resend, id);
        rib_out_enqueue(out, id);
    }
    out->refresh_owed &= ~families;
    out->begin_owed |= marks ? families & out->families & ~out->end_of_rib_owed : 0;
}

void rib_out_refresh(struct rib_out *out, enum bgp_family family)
{
    if (out->up)
        out->refresh_owed |= 1U << family;
}

void rib_out_complete(struct rib_out *out)
{
    out->complete = true;
}

void rib_out_end_now(struct rib_out *out)
{
    out->complete = out->end_begun = out->end_now = true;
    bits_clear(&out->before_end);
}

static void wait_for(struct rib_out *out, enum rib_out_order order)
{
    const struct bits *nlri = &out->queues[order].nlri;
    uint32_t at = 0;
    for (size_t todo = nlri->count; todo > 0; todo--) {
        at = bits_next(nlri, at);
        bits_set(&out->before_end, at++);
    }
}

/* What waits when the whole state is first known goes before End-of-RIB, and nothing that comes to
 * be wanted later: however much changes all the time, End-of-RIB has its turn. */
static bool is_end_due(struct rib_out *out)
{
    if (!out->complete || out->end_of_rib_owed == 0)
        return false;
    if (!out->end_begun) {
        wait_for(out, RIB_OUT_GUARDING_ANNOUNCEMENTS);
        wait_for(out, RIB_OUT_ANNOUNCEMENTS);
    }
    out->end_begun = true;
    return out->before_end.count == 0 && (out->suspects.held.count == 0 || out->end_now);
}

/* One message: what shares the first due entry's family and, for announcements, its attributes.
 * What does not fit or differs keeps its place. */
struct drain {
    struct rib_out *out;
    const struct update_path *path;
    uint8_t *bytes; /* of the message */
    size_t room;
    struct rib_out_batch *batch;
    struct update_builder builder;
    bool full;
};

static bool goes_on(const struct drain *d, size_t passed)
{
    return !d->full && passed < PASSED_MAX + PASSED_A_ROUTE * d->batch->count;
}

static enum status begin(struct drain *d, enum rib_out_order order, uint32_t nlri)
{
    enum bgp_family family = rib_nlri(d->out->rib, nlri).family;
    d->batch->family = family;
    d->batch->kind = withdraws(order) ? RIB_OUT_WITHDRAW : RIB_OUT_ANNOUNCE;
    if (withdraws(order)) {
        update_begin_unreach(&d->builder, d->bytes, d->room, family);
        return STATUS_OK;
    }
    struct communities communities = rib_attributes(d->out->rib, rib_out_wanted(d->out, nlri));
    return update_begin_reach(&d->builder, d->bytes, d->room, family, d->path, &communities);
}

/* Into the message, out of its queue; it counts as sent. */
static enum status add(struct drain *d, uint32_t nlri)
{
    struct rib_nlri value = rib_nlri(d->out->rib, nlri);
    enum status status = update_add(&d->builder, value.bytes, value.len);
    if (status != STATUS_OK) {
        d->full = true;
        return status;
    }
    rib_hold_nlri_again(d->out->rib, nlri);
    d->batch->nlri[d->batch->count++] = nlri;
    d->full = d->batch->count == RIB_OUT_BATCH_MAX;
    bits_unset(&d->out->resend, nlri);
    set_announced(d->out, nlri, d->out->entries[nlri].wanted);
    rib_out_suspects_sent(d->out, nlri);
    rib_out_enqueue(d->out, nlri);
    return STATUS_OK;
}

/* It fits into no message: nobody wants it any more. */
static void hand_back(struct drain *d, uint32_t nlri)
{
    rib_hold_nlri_again(d->out->rib, nlri);
    d->batch->nlri[d->batch->count++] = nlri;
    d->batch->kind = RIB_OUT_UNFIT;
    (void)rib_out_want(d->out, nlri, 0);
}

static void take_withdrawals(struct drain *d, enum rib_out_order order)
{
    struct rib_out_queue *queue = &d->out->queues[order];
    uint32_t at = queue->at;
    for (size_t todo = queue->nlri.count, passed = 0; todo > 0 && goes_on(d, passed); todo--) {
        at = bits_next(&queue->nlri, at);
        if (d->batch->kind == RIB_OUT_NONE)
            (void)begin(d, order, at);
        if (rib_nlri(d->out->rib, at).family != d->batch->family)
            passed++;
        else if (add(d, at) == STATUS_OK)
            queue->at = at + 1;
        at++;
    }
}

/* The first that is due, and those after it in the ring of its attributes. */
static void take_announcements(struct drain *d, enum rib_out_order order)
{
    struct rib_out *out = d->out;
    struct rib_out_queue *queue = &out->queues[order];
    uint32_t nlri = bits_next(&queue->nlri, queue->at);
    struct rib_route first = {.nlri = nlri, .number = out->entries[nlri].wanted}, at = first;
    queue->at = nlri + 1;
    if (begin(d, order, nlri) != STATUS_OK || add(d, nlri) != STATUS_OK) {
        hand_back(d, nlri);
        return;
    }
    for (size_t passed = 0; goes_on(d, passed) && queue->nlri.count > 0;) {
        at = rib_route_after(out->rib, at);
        if (at.nlri == first.nlri)
            return;
        if (!bits_has(&queue->nlri, at.nlri) || out->entries[at.nlri].wanted != at.number ||
            rib_nlri(out->rib, at.nlri).family != d->batch->family)
            passed++;
        else
            (void)add(d, at.nlri);
    }
}

static bool is_waiting(const struct rib_out *out, enum rib_out_order order)
{
    return out->queues[order].nlri.count > 0;
}

/* Both queues of withdrawals, the second when nothing is left in the first: what both hold may
 * share a message. False: neither held anything. */
static bool withdraw(struct drain *d)
{
    if (is_waiting(d->out, RIB_OUT_WITHDRAWALS))
        take_withdrawals(d, RIB_OUT_WITHDRAWALS);
    if (!is_waiting(d->out, RIB_OUT_WITHDRAWALS) && !d->full &&
        is_waiting(d->out, RIB_OUT_GUARDING_WITHDRAWALS))
        take_withdrawals(d, RIB_OUT_GUARDING_WITHDRAWALS);
    /* Without a route it would be End-of-RIB; and what was announced in this session fits. */
    assert(d->batch->kind == RIB_OUT_NONE || d->batch->count > 0);
    return d->batch->kind != RIB_OUT_NONE;
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

void rib_out_next(struct rib_out *out, const struct update_path *path, uint64_t now_us,
                  uint8_t *bytes, size_t room, struct rib_out_batch *ret_batch)
{
    struct drain d = {.out = out, .path = path, .bytes = bytes, .room = room, .batch = ret_batch};
    ret_batch->kind = RIB_OUT_NONE;
    ret_batch->count = 0;
    ret_batch->len = 0;
    if (!out->up)
        return;
    if (out->refresh_owed != 0)
        resend(out, path->enhanced_refresh);
    if (rib_out_marks_refresh(out, bytes, room, ret_batch))
        return;
    bool ends = is_end_due(out);
    if (!withdraw(&d) && ends) {
        rib_out_marks_end(out, bytes, room, ret_batch);
    } else if (ret_batch->kind == RIB_OUT_NONE) {
        enum rib_out_order order = is_waiting(out, RIB_OUT_GUARDING_ANNOUNCEMENTS)
                                       ? RIB_OUT_GUARDING_ANNOUNCEMENTS
                                       : RIB_OUT_ANNOUNCEMENTS;
        if (!rib_out_has_due(out))
            ret_batch->kind = RIB_OUT_NONE;
        else if (!may_go(out, now_us, &ret_batch->at_us))
            ret_batch->kind = RIB_OUT_WAIT;
        else
            take_announcements(&d, order);
    }
    if (ret_batch->kind == RIB_OUT_ANNOUNCE)
        spend(out, now_us);
    if (ret_batch->kind == RIB_OUT_ANNOUNCE || ret_batch->kind == RIB_OUT_WITHDRAW)
        ret_batch->len = update_end(&d.builder);
}

void rib_out_batch_done(struct rib_out *out, struct rib_out_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        rib_release_nlri(out->rib, batch->nlri[i]);
    batch->count = 0;
}
