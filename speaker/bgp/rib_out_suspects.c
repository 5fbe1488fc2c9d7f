#include "speaker/bgp/rib_out_internal.h"

/* --- sets that take memory only while they have members -----------------------------------------
 */

static enum status put(const struct rib_out *out, struct bits *set, uint32_t nlri)
{
    enum status status = bits_grow(set, out->entry_room);
    if (status == STATUS_OK)
        bits_set(set, nlri);
    return status;
}

static void take_out(struct bits *set, uint32_t nlri)
{
    if (bits_has(set, nlri))
        bits_unset(set, nlri);
}

/* Calls it with each member, which it may take out. */
static void each(struct rib_out *out, const struct bits *set,
                 void (*call)(struct rib_out *out, uint32_t nlri))
{
    uint32_t at = 0;
    for (size_t todo = set->count; todo > 0; todo--) {
        at = bits_next(set, at);
        call(out, at++);
    }
}

static bool guards(const struct rib_out *out, uint32_t nlri)
{
    return rib_is_guarding(out->rib, rib_out_wanted(out, nlri));
}

/* --- what was sent ------------------------------------------------------------------------------
 */

void rib_out_suspects_sent(struct rib_out *out, uint32_t nlri)
{
    struct rib_out_suspects *s = &out->suspects;
    take_out(&s->older, nlri);
    if (out->entries[nlri].announced == 0)
        take_out(&s->fresh, nlri);
    else
        (void)put(out, &s->fresh, nlri); /* without memory it is not looked for */
}

void rib_out_suspects_age(struct rib_out *out)
{
    struct rib_out_suspects *s = &out->suspects;
    bits_done(&s->older);
    s->older = s->fresh;
    s->fresh = (struct bits){0};
    if (s->older.count == 0)
        bits_done(&s->older);
}

void rib_out_suspects_taken(struct rib_out *out)
{
    bits_done(&out->suspects.fresh);
    bits_done(&out->suspects.older);
}

static bool is_fresh(const struct rib_out *out, uint32_t nlri)
{
    return bits_has(&out->suspects.fresh, nlri) || bits_has(&out->suspects.older, nlri);
}

static void count_fallen(const struct rib_out *out, const struct bits *set,
                         struct rib_out_fallen *fallen)
{
    uint32_t at = 0;
    for (size_t todo = set->count; todo > 0; todo--, at++) {
        at = bits_next(set, at);
        const struct rib_out_entry *entry = &out->entries[at];
        /* What is to go, or to be otherwise, will not be sent again. */
        if (entry->announced == 0 || entry->announced != entry->wanted)
            continue;
        bool is_suspect = bits_has(&out->suspects.all, at);
        fallen->suspects += is_suspect ? 1 : 0;
        fallen->others += is_suspect ? 0 : 1;
        if (is_suspect)
            fallen->suspect = at;
    }
}

struct rib_out_fallen rib_out_suspects_fallen(const struct rib_out *out)
{
    struct rib_out_fallen fallen = {0};
    count_fallen(out, &out->suspects.fresh, &fallen);
    count_fallen(out, &out->suspects.older, &fallen);
    return fallen;
}

/* --- suspects -----------------------------------------------------------------------------------
 */

static void unhold(struct rib_out *out, uint32_t nlri)
{
    struct rib_out_suspects *s = &out->suspects;
    if (!bits_has(&s->held, nlri))
        return;
    bits_unset(&s->held, nlri);
    take_out(&s->guards, nlri);
}

void rib_out_suspects_forget(struct rib_out *out, uint32_t nlri)
{
    struct rib_out_suspects *s = &out->suspects;
    if (!bits_has(&s->all, nlri))
        return;
    bits_unset(&s->all, nlri);
    take_out(&s->narrow, nlri);
    take_out(&s->accused, nlri);
    unhold(out, nlri);
}

static void acquit(struct rib_out *out, uint32_t nlri)
{
    if (!bits_has(&out->suspects.held, nlri) && !is_fresh(out, nlri)) {
        bits_unset(&out->suspects.all, nlri);
        take_out(&out->suspects.narrow, nlri);
        take_out(&out->suspects.accused, nlri);
    }
}

void rib_out_suspects_acquit(struct rib_out *out)
{
    each(out, &out->suspects.all, acquit);
}

static enum status add_some(struct rib_out *out, const struct bits *set, bool narrow)
{
    struct rib_out_suspects *s = &out->suspects;
    enum status status = STATUS_OK;
    uint32_t at = 0;
    for (size_t todo = set->count; todo > 0 && status == STATUS_OK; todo--, at++) {
        at = bits_next(set, at);
        const struct rib_out_entry *entry = &out->entries[at];
        if (entry->announced == 0 || entry->announced != entry->wanted)
            continue;
        status = put(out, &s->all, at);
        if (status == STATUS_OK && narrow)
            status = put(out, &s->narrow, at);
    }
    return status;
}

enum status rib_out_suspects_add(struct rib_out *out, bool narrow)
{
    if (narrow)
        bits_done(&out->suspects.narrow);
    enum status status = add_some(out, &out->suspects.fresh, narrow);
    return status == STATUS_OK ? add_some(out, &out->suspects.older, narrow) : status;
}

static void keep_fresh(struct rib_out *out, uint32_t nlri)
{
    if (!is_fresh(out, nlri)) {
        bits_unset(&out->suspects.all, nlri);
        take_out(&out->suspects.narrow, nlri);
        take_out(&out->suspects.accused, nlri);
    }
}

void rib_out_suspects_keep(struct rib_out *out)
{
    each(out, &out->suspects.all, keep_fresh);
}

enum status rib_out_suspects_accuse(struct rib_out *out, uint32_t nlri)
{
    return put(out, &out->suspects.accused, nlri);
}

enum status rib_out_suspects_hold(struct rib_out *out)
{
    struct rib_out_suspects *s = &out->suspects;
    enum status status = STATUS_OK;
    uint32_t at = 0;
    for (size_t todo = s->all.count; todo > 0 && status == STATUS_OK; todo--, at++) {
        at = bits_next(&s->all, at);
        if (guards(out, at))
            status = put(out, &s->guards, at);
        if (status == STATUS_OK)
            status = put(out, &s->held, at);
    }
    return status;
}

/* Of which kind it is; a lower one goes first. */
enum rank { RANK_GUARD, RANK_NARROW, RANK_WIDE, RANK_ACCUSED, RANKS };

static enum rank rank_of(const struct rib_out *out, uint32_t nlri)
{
    if (bits_has(&out->suspects.accused, nlri))
        return RANK_ACCUSED;
    if (bits_has(&out->suspects.guards, nlri))
        return RANK_GUARD;
    return bits_has(&out->suspects.narrow, nlri) ? RANK_NARROW : RANK_WIDE;
}

static enum rank first_rank(const struct rib_out *out, size_t *ret_count)
{
    const struct bits *held = &out->suspects.held;
    size_t counts[RANKS] = {0};
    enum rank rank = RANK_GUARD;
    uint32_t at = 0;
    for (size_t todo = held->count; todo > 0; todo--, at++) {
        at = bits_next(held, at);
        counts[rank_of(out, at)]++;
    }
    while (rank < RANK_ACCUSED && counts[rank] == 0)
        rank++;
    *ret_count = rank == RANK_ACCUSED && counts[rank] > 1 ? 1 : counts[rank];
    return rank;
}

size_t rib_out_suspects_next(const struct rib_out *out)
{
    size_t count;
    (void)first_rank(out, &count);
    return count;
}

size_t rib_out_suspects_release(struct rib_out *out, size_t most)
{
    struct rib_out_suspects *s = &out->suspects;
    size_t count, released = 0;
    enum rank rank = first_rank(out, &count);
    uint32_t at = 0;
    for (size_t todo = s->held.count; todo > 0 && released < most && released < count;
         todo--, at++) {
        at = bits_next(&s->held, at);
        if (rank_of(out, at) != rank)
            continue;
        released++;
        unhold(out, at);
        if (out->end_begun)
            bits_set(&out->before_end, at);
        rib_out_enqueue(out, at);
    }
    return released;
}

void rib_out_suspects_clear(struct rib_out *out)
{
    struct rib_out_suspects *s = &out->suspects;
    uint32_t at = 0;
    for (size_t todo = s->held.count; todo > 0; todo--, at++) {
        at = bits_next(&s->held, at);
        bits_unset(&s->held, at);
        rib_out_enqueue(out, at);
    }
    bits_done(&s->all);
    bits_done(&s->held);
    bits_done(&s->guards);
    bits_done(&s->narrow);
    bits_done(&s->accused);
}

bool rib_out_is_suspect(const struct rib_out *out, uint32_t nlri)
{
    return bits_has(&out->suspects.all, nlri);
}

bool rib_out_has_due(const struct rib_out *out)
{
    return out->queues[RIB_OUT_GUARDING_ANNOUNCEMENTS].nlri.count > 0 ||
           (out->suspects.guards.count == 0 && out->queues[RIB_OUT_ANNOUNCEMENTS].nlri.count > 0);
}

/* --- beginning and end --------------------------------------------------------------------------
 */

void rib_out_suspects_down(struct rib_out *out)
{
    rib_out_suspects_taken(out);
}

void rib_out_suspects_done(struct rib_out *out)
{
    struct bits *const sets[] = {
        &out->suspects.fresh,  &out->suspects.older,  &out->suspects.all,    &out->suspects.held,
        &out->suspects.guards, &out->suspects.narrow, &out->suspects.accused};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        bits_done(sets[i]);
}

size_t rib_out_suspects_bytes(const struct rib_out *out)
{
    const struct rib_out_suspects *s = &out->suspects;
    return bits_bytes(&s->fresh) + bits_bytes(&s->older) + bits_bytes(&s->all) +
           bits_bytes(&s->held) + bits_bytes(&s->guards) + bits_bytes(&s->narrow) +
           bits_bytes(&s->accused);
}
