#include "speaker/desired_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bit(size_t peer)
{
    return UINT64_C(1) << peer;
}

static void set_bit(uint64_t *bits, size_t peer, bool on)
{
    *bits = on ? *bits | bit(peer) : *bits & ~bit(peer);
}

/* Once a revision, peer and kind. */
static void report(struct desired *d, struct standing *s, size_t peer, enum result_kind kind,
                   const char *why)
{
    if (s->over || s->reported[peer] == kind + 1)
        return;
    s->reported[peer] = (uint8_t)(kind + 1);
    d->options.ops.report(d->options.ops.owner, s, peer, kind, why);
    if (kind == RESULT_SENT)
        s->deployed = true;
}

enum status claims_add(struct desired *d, struct standing *s)
{
    if (s->nlri >= d->claim_room) {
        size_t room = d->claim_room == 0 ? 64 : d->claim_room;
        while (room <= s->nlri)
            room *= 2;
        struct standing **claims = realloc(d->claims, room * sizeof(*claims));
        if (claims == NULL)
            return STATUS_NO_MEMORY;
        memset(claims + d->claim_room, 0, (room - d->claim_room) * sizeof(*claims));
        d->claims = claims;
        d->claim_room = room;
    }
    s->next = d->claims[s->nlri];
    d->claims[s->nlri] = s;
    return STATUS_OK;
}

void claims_remove(struct desired *d, struct standing *s)
{
    struct standing **link = &d->claims[s->nlri];
    while (*link != s) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = s->next;
    s->next = NULL;
}

static bool is_target(const struct desired *d, const struct standing *s, size_t peer)
{
    if (d->names[peer][0] == '\0')
        return false;
    for (size_t i = 0; i < s->peer_count; i++)
        if (strcmp(s->peers[i], d->names[peer]) == 0)
            return true;
    return s->peer_count == 0;
}

void settle_judge(struct desired *d, struct standing *s, uint64_t peers)
{
    const struct desired_ops *ops = &d->options.ops;
    for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++) {
        if ((peers & bit(peer)) == 0)
            continue;
        char why[REASON_MAX] = "";
        bool target = is_target(d, s, peer);
        set_bit(&s->targets, peer, target);
        enum result_kind kind = RESULT_SENT;
        if (target && desired_stands(s))
            kind = ops->judge(ops->owner, s, peer, why);
        set_bit(&s->allowed, peer, target && kind == RESULT_SENT);
        set_bit(&s->held, peer, target && ops->held(ops->owner, s, peer) != NULL);
        if (target && kind != RESULT_SENT)
            report(d, s, peer, kind, why);
    }
}

static bool may_have(const struct standing *s, size_t peer)
{
    return desired_stands(s) && (s->allowed & ~s->held & bit(peer)) != 0;
}

/* Of two that want the same NLRI the one made later has it; the id settles a tie. */
static bool goes_before(const struct standing *a, const struct standing *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms > b->created_ms;
    return strcmp(a->id, b->id) > 0;
}

static struct standing *winner_at(const struct desired *d, uint32_t nlri, size_t peer)
{
    struct standing *winner = NULL;
    for (struct standing *s = d->claims[nlri]; s != NULL; s = s->next)
        if (may_have(s, peer) && (winner == NULL || goes_before(s, winner)))
            winner = s;
    return winner;
}

/* Its route is not, or no longer, at the peer. */
static void report_absent(struct desired *d, struct standing *s, size_t peer,
                          const struct standing *winner)
{
    const struct desired_ops *ops = &d->options.ops;
    char why[REASON_MAX] = "";
    if (!desired_stands(s)) {
        bool asked = s->state == MITIGATION_WITHDRAWING || s->state == MITIGATION_WITHDRAWN ||
                     s->state == MITIGATION_EXPIRED || s->end != DESIRED_STATE;
        if (asked || s->reported[peer] != 0)
            report(d, s, peer, RESULT_WITHDRAWN, "");
        return;
    }
    if ((s->allowed & bit(peer)) == 0)
        return; /* the judgement has been reported */
    if ((s->held & bit(peer)) != 0) {
        const char *held = ops->held(ops->owner, s, peer);
        report(d, s, peer, RESULT_HELD, held != NULL ? held : "");
    } else if ((s->over_budget & bit(peer)) != 0) {
        report(d, s, peer, RESULT_REFUSED, "budget: the peer's max_routes is reached");
    } else if (winner != NULL && winner != s) {
        snprintf(why, sizeof(why), "shadow: %s announces the same match", winner->id);
        report(d, s, peer, RESULT_REFUSED, why);
    }
}

static void settle_peer(struct desired *d, uint32_t nlri, size_t peer)
{
    const struct desired_ops *ops = &d->options.ops;
    struct standing *winner = winner_at(d, nlri, peer);
    enum status status = ops->want(ops->owner, peer, nlri, winner != NULL ? winner->attributes : 0);
    if (winner != NULL)
        set_bit(&winner->over_budget, peer, status != STATUS_OK);
    uint32_t announced = ops->announced(ops->owner, peer, nlri);
    for (struct standing *s = d->claims[nlri]; s != NULL; s = s->next) {
        if ((s->targets & bit(peer)) == 0)
            continue;
        bool wins = s == winner && status == STATUS_OK;
        set_bit(&s->winner, peer, wins);
        const char *down = wins ? ops->down(ops->owner, peer) : NULL;
        if (wins && announced == s->attributes)
            report(d, s, peer, RESULT_SENT, "");
        else if (down != NULL)
            report(d, s, peer, RESULT_PEER_DOWN, down);
        /* A withdrawal that has still to go is reported when it has gone. */
        if (!wins && (announced == 0 || winner != NULL))
            report_absent(d, s, peer, winner);
    }
}

void settle_claims(struct desired *d, uint32_t nlri, uint64_t peers)
{
    for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++)
        if ((peers & bit(peer)) != 0 && d->names[peer][0] != '\0')
            settle_peer(d, nlri, peer);
}

void settle_without_claim(struct desired *d, struct standing *s)
{
    for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++)
        if ((s->targets & bit(peer)) != 0)
            report_absent(d, s, peer, NULL);
}

void desired_sent(struct desired *d, size_t peer, uint32_t nlri)
{
    const struct desired_ops *ops = &d->options.ops;
    if (nlri >= d->claim_room)
        return;
    uint32_t announced = ops->announced(ops->owner, peer, nlri);
    for (struct standing *s = d->claims[nlri]; s != NULL; s = s->next) {
        if ((s->targets & bit(peer)) == 0)
            continue;
        bool wins = (s->winner & bit(peer)) != 0;
        if (wins && announced == s->attributes)
            report(d, s, peer, RESULT_SENT, "");
        else if (!wins && announced == 0)
            report_absent(d, s, peer, NULL);
    }
}

void desired_unfit(struct desired *d, size_t peer, uint32_t nlri)
{
    if (nlri >= d->claim_room)
        return;
    for (struct standing *s = d->claims[nlri]; s != NULL; s = s->next) {
        if ((s->winner & bit(peer)) == 0)
            continue;
        set_bit(&s->winner, peer, false);
        set_bit(&s->allowed, peer, false);
        report(d, s, peer, RESULT_REFUSED, "encoding: it does not fit into one UPDATE");
    }
}

void desired_peer_down(struct desired *d, size_t peer, const char *why)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        if ((s->targets & bit(peer)) == 0)
            continue;
        if ((s->winner & bit(peer)) != 0)
            report(d, s, peer, RESULT_PEER_DOWN, why);
        else
            report_absent(d, s, peer, NULL);
    }
}

void desired_rejudge(struct desired *d, size_t peer)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        settle_judge(d, s, bit(peer));
        if (s->nlri != 0)
            settle_claims(d, s->nlri, bit(peer));
    }
}

void desired_holds_changed(struct desired *d)
{
    const struct desired_ops *ops = &d->options.ops;
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        uint64_t held = 0;
        for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++)
            if ((s->targets & bit(peer)) != 0 && ops->held(ops->owner, s, peer) != NULL)
                held |= bit(peer);
        uint64_t changed = held ^ s->held;
        s->held = held;
        if (changed != 0 && s->nlri != 0)
            settle_claims(d, s->nlri, changed);
    }
}

void desired_report_again(struct desired *d)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        memset(s->reported, 0, sizeof(s->reported));
        settle_judge(d, s, ALL_PEERS);
        if (s->nlri != 0)
            settle_claims(d, s->nlri, ALL_PEERS);
        else
            settle_without_claim(d, s);
    }
}
