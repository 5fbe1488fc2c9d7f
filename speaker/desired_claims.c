#include "speaker/desired_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Which NLRI a mitigation wants at which peer: its own, or the parts that the peer's profile makes
 * of it. */

static enum status make_room(struct desired *d, uint32_t nlri)
{
    if (nlri < d->claim_room)
        return STATUS_OK;
    size_t room = d->claim_room == 0 ? 64 : d->claim_room;
    while (room <= nlri)
        room *= 2;
    struct claim **claims = realloc(d->claims, room * sizeof(struct claim *));
    if (claims == NULL)
        return STATUS_NO_MEMORY;
    memset(claims + d->claim_room, 0, (room - d->claim_room) * sizeof(struct claim *));
    d->claims = claims;
    d->claim_room = room;
    return STATUS_OK;
}

static void link_claim(struct desired *d, struct claim *c)
{
    c->next = d->claims[c->nlri];
    d->claims[c->nlri] = c;
}

static void unlink_claim(struct desired *d, struct claim *c)
{
    struct claim **link = &d->claims[c->nlri];
    while (*link != c) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = c->next;
    rib_release_nlri(d->options.rib, c->nlri);
    rib_release_attributes(d->options.rib, c->attributes);
}

enum status claims_add_whole(struct desired *d, struct standing *s, uint32_t nlri,
                             uint32_t attributes)
{
    enum status status = make_room(d, nlri);
    if (status != STATUS_OK)
        return status;
    s->whole =
        (struct claim){.owner = s, .nlri = nlri, .attributes = attributes, .peers = ALL_PEERS};
    link_claim(d, &s->whole);
    return STATUS_OK;
}

static void free_part(struct desired *d, struct claim *part)
{
    unlink_claim(d, part);
    free(part);
    d->parts--;
}

void claims_drop(struct desired *d, struct standing *s)
{
    struct claim *next;
    if (s->whole.nlri == 0)
        return;
    for (struct claim *part = s->whole.sibling; part != NULL; part = next) {
        next = part->sibling;
        free_part(d, part);
    }
    unlink_claim(d, &s->whole);
    s->whole = (struct claim){0};
}

static struct claim *find_part(const struct standing *s, uint32_t nlri, uint32_t attributes)
{
    struct claim *part = s->whole.sibling;
    while (part != NULL && (part->nlri != nlri || part->attributes != attributes))
        part = part->sibling;
    return part;
}

/* Uses up the holds where it returns OK. */
static enum status hold_part(struct desired *d, struct standing *s, uint32_t nlri,
                             uint32_t attributes)
{
    if (find_part(s, nlri, attributes) != NULL) {
        rib_release_nlri(d->options.rib, nlri);
        rib_release_attributes(d->options.rib, attributes);
        return STATUS_OK;
    }
    if (d->parts == DESIRED_ALL_PARTS_MAX)
        return STATUS_LIMIT;
    enum status status = make_room(d, nlri);
    struct claim *part = status == STATUS_OK ? calloc(1, sizeof(*part)) : NULL;
    if (part == NULL)
        return STATUS_NO_MEMORY;
    *part = (struct claim){
        .owner = s, .nlri = nlri, .attributes = attributes, .sibling = s->whole.sibling};
    s->whole.sibling = part;
    link_claim(d, part);
    d->parts++;
    return STATUS_OK;
}

/* True when that is a change. */
static bool give(struct claim *c, uint64_t bit, bool takes)
{
    bool took = (c->peers & bit) != 0;
    if (takes) {
        c->peers |= bit;
        c->left &= ~bit;
    } else if (took) {
        c->peers &= ~bit;
        c->left |= bit;
    }
    return takes != took;
}

static bool is_among(const struct claim *c, const struct desired_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (parts->at[i].nlri == c->nlri && parts->at[i].attributes == c->attributes)
            return true;
    return false;
}

enum status claims_take_form(struct desired *d, struct standing *s, size_t peer,
                             const struct desired_parts *parts)
{
    uint64_t bit = desired_bit(peer);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < parts->count; i++) {
        enum status one = hold_part(d, s, parts->at[i].nlri, parts->at[i].attributes);
        if (one == STATUS_OK)
            continue;
        rib_release_nlri(d->options.rib, parts->at[i].nlri);
        rib_release_attributes(d->options.rib, parts->at[i].attributes);
        status = one;
    }
    if (status != STATUS_OK)
        return status;
    bool is_other = give(&s->whole, bit, parts->count == 0);
    for (struct claim *part = s->whole.sibling; part != NULL; part = part->sibling)
        is_other = give(part, bit, is_among(part, parts)) || is_other;
    if (is_other)
        desired_set_reported(d, s, peer, 0); /* what was said was of the other form */
    return STATUS_OK;
}

void claims_forget_peer(struct standing *s, size_t peer)
{
    uint64_t bit = desired_bit(peer);
    for (struct claim *c = &s->whole; c != NULL; c = c->sibling) {
        c->winner &= ~bit;
        c->left &= ~bit;
        c->peers &= ~bit;
    }
    if (s->whole.nlri != 0)
        s->whole.peers |= bit;
}

/* Where it has gone from, or is another's now. */
static uint64_t still_there(const struct desired *d, const struct claim *c)
{
    const struct desired_ops *ops = &d->options.ops;
    uint64_t there = 0;
    for (uint64_t left = c->left; left != 0; left &= left - 1) {
        size_t peer = (size_t)__builtin_ctzll(left);
        if (ops->announced(ops->owner, peer, c->nlri) != 0 &&
            claims_winner(d, c->nlri, peer) == NULL)
            there |= desired_bit(peer);
    }
    return there;
}

void claims_prune(struct desired *d, struct standing *s)
{
    struct claim **link = &s->whole.sibling;
    s->whole.left = still_there(d, &s->whole);
    while (*link != NULL) {
        struct claim *part = *link;
        part->left = still_there(d, part);
        if (part->peers != 0 || part->left != 0) {
            link = &part->sibling;
            continue;
        }
        *link = part->sibling;
        free_part(d, part);
    }
}

static bool may_have(const struct claim *c, size_t peer)
{
    const struct standing *s = c->owner;
    return desired_stands(s) &&
           (c->peers & s->allowed & ~s->held & ~s->over_budget & desired_bit(peer)) != 0;
}

/* Of two that want the same NLRI the one made later has it; the id settles a tie. */
static bool goes_before(const struct standing *a, const struct standing *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms > b->created_ms;
    return strcmp(a->id, b->id) > 0;
}

struct claim *claims_winner(const struct desired *d, uint32_t nlri, size_t peer)
{
    struct claim *winner = NULL;
    for (struct claim *c = d->claims[nlri]; c != NULL; c = c->next)
        if (may_have(c, peer) && (winner == NULL || goes_before(c->owner, winner->owner)))
            winner = c;
    return winner;
}
