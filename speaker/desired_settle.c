#include "speaker/desired_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_bit(uint64_t *bits, size_t peer, bool on)
{
    *bits = on ? *bits | desired_bit(peer) : *bits & ~desired_bit(peer);
}

enum {
    /* Something was reported, and is to be said anew, whatever it is now. */
    REPORT_AGAIN = RESULT_KIND_COUNT + 1,
    /* Of desired_report_unsaid(): mitigations that a call looks at, and of which it says something.
     */
    UNSAID_LOOKED_AT_MAX = 4096,
    UNSAID_SAID_MAX = 256,
};

void settle_forget_unsaid(struct desired *d, struct standing *s, uint64_t peers)
{
    if (s->unsaid == 0)
        return;
    s->unsaid &= ~peers;
    d->unsaid -= s->unsaid == 0 ? 1 : 0;
}

/* Once a revision, peer and kind. */
static void report(struct desired *d, struct standing *s, size_t peer, enum result_kind kind,
                   const char *why)
{
    if (s->over || s->reported[peer] == kind + 1)
        return;
    desired_set_reported(d, s, peer, (uint8_t)(kind + 1));
    settle_forget_unsaid(d, s, desired_bit(peer));
    if (!d->options.ops.report(d->options.ops.owner, s, peer, kind, why)) {
        d->unsaid += s->unsaid == 0 ? 1 : 0;
        s->unsaid |= desired_bit(peer);
    }
    if (kind == RESULT_SENT)
        s->deployed = true;
}

static bool is_target(const struct desired *d, const struct standing *s, size_t peer)
{
    /* One that came from a prefix is called NAME@ADDRESS, and meant where NAME is. */
    size_t len = strcspn(d->names[peer], "@");
    if (len == 0)
        return false;
    for (size_t i = 0; i < s->peer_count; i++)
        if (strncmp(s->peers[i], d->names[peer], len) == 0 && s->peers[i][len] == '\0')
            return true;
    return s->peer_count == 0;
}

/* What it had in another form goes when the peers are settled; one that stands no more, or is
 * refused, keeps its form until then. */
static enum result_kind judge_form(struct desired *d, struct standing *s, size_t peer,
                                   char why[REASON_MAX])
{
    const struct desired_ops *ops = &d->options.ops;
    struct desired_parts parts; /* it is large */
    parts.count = 0;
    enum result_kind kind = ops->judge(ops->owner, s, peer, &parts, why);
    if (kind != RESULT_SENT)
        return kind;
    enum status status = claims_take_form(d, s, peer, &parts);
    if (status == STATUS_OK)
        return RESULT_SENT;
    (void)snprintf(why, REASON_MAX, "budget: no room for its %zu parts: %s", parts.count,
                   status_text(status));
    return RESULT_REFUSED;
}

/* A peer that is not meant any more keeps no parts from others until the mitigation ends. */
static void take_whole_form(struct desired *d, struct standing *s, size_t peer)
{
    static const struct desired_parts none;
    if (s->whole.nlri != 0 && (s->whole.peers & desired_bit(peer)) == 0)
        (void)claims_take_form(d, s, peer, &none); /* no parts, so there is always room */
}

void settle_judge(struct desired *d, struct standing *s, uint64_t peers)
{
    const struct desired_ops *ops = &d->options.ops;
    /* Of the other numbers there is nothing to be changed. */
    peers &= d->peers | s->targets | s->allowed | s->held | ~s->whole.peers;
    for (uint64_t todo = peers; todo != 0; todo &= todo - 1) {
        size_t peer = (size_t)__builtin_ctzll(todo);
        char why[REASON_MAX];
        why[0] = '\0';
        bool target = is_target(d, s, peer);
        set_bit(&s->targets, peer, target);
        if (!target)
            take_whole_form(d, s, peer);
        enum result_kind kind = RESULT_SENT;
        if (target && desired_stands(s))
            kind = judge_form(d, s, peer, why);
        set_bit(&s->allowed, peer, target && kind == RESULT_SENT);
        set_bit(&s->held, peer, target && ops->held(ops->owner, s, peer) != NULL);
        if (target && kind != RESULT_SENT)
            report(d, s, peer, kind, why);
    }
}

/* Its routes are not, or no longer, at the peer; winner: who has one of them there, or NULL. */
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
    if ((s->allowed & desired_bit(peer)) == 0)
        return; /* the judgement has been reported */
    if ((s->held & desired_bit(peer)) != 0) {
        const char *held = ops->held(ops->owner, s, peer);
        report(d, s, peer, RESULT_HELD, held != NULL ? held : "");
    } else if ((s->over_budget & desired_bit(peer)) != 0) {
        report(d, s, peer, RESULT_REFUSED, "budget: the peer's max_routes is reached");
    } else if (winner != NULL && winner != s) {
        (void)snprintf(why, sizeof(why), "shadow: %s announces the same match%s", winner->id,
                       (s->whole.peers & desired_bit(peer)) != 0 ? "" : " as a part of it");
        report(d, s, peer, RESULT_REFUSED, why);
    }
}

/* Where it stands at the peer, all of its routes there taken together. */
static void report_peer(struct desired *d, struct standing *s, size_t peer)
{
    const struct desired_ops *ops = &d->options.ops;
    const struct standing *other = NULL;
    uint64_t bit = desired_bit(peer);
    bool wins = true, sent = true, gone = true;
    char form[48] = "";
    size_t count = 0;
    if ((s->targets & bit) == 0)
        return;
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling) {
        if (((c->peers | c->left) & bit) == 0)
            continue;
        uint32_t announced = ops->announced(ops->owner, peer, c->nlri);
        bool won = (c->winner & bit) != 0;
        if ((c->peers & bit) != 0) {
            count++;
            wins = wins && won;
            sent = sent && won && announced == c->attributes;
        }
        if (won)
            continue;
        const struct claim *winner = claims_winner(d, c->nlri, peer);
        if (winner == NULL)
            gone = gone && announced == 0;
        else if ((c->peers & bit) != 0)
            other = winner->owner;
    }
    if (count == 0)
        return; /* it is leaving this rule for another one, and that is what it is answered by */
    const char *down = wins && !sent ? ops->down(ops->owner, peer) : NULL;
    if ((s->whole.peers & bit) == 0 && s->route == ROUTE_FLOWSPEC)
        (void)snprintf(form, sizeof(form), "as %zu rule%s", count, count == 1 ? "" : "s");
    if (wins && sent)
        report(d, s, peer, RESULT_SENT, form);
    else if (down != NULL)
        report(d, s, peer, RESULT_PEER_DOWN, down);
    /* A withdrawal that has still to go is reported when it has gone. */
    if (!wins && gone)
        report_absent(d, s, peer, other);
}

static void want_winner(struct desired *d, uint32_t nlri, size_t peer)
{
    const struct desired_ops *ops = &d->options.ops;
    struct claim *winner = claims_winner(d, nlri, peer);
    enum status status = ops->want(ops->owner, peer, nlri, winner != NULL ? winner->attributes : 0);
    if (winner != NULL && status != STATUS_OK)
        set_bit(&winner->owner->over_budget, peer, true);
    for (struct claim *c = d->claims[nlri]; c != NULL; c = c->next)
        set_bit(&c->winner, peer, c == winner && status == STATUS_OK);
}

static bool is_wanted(const struct desired *d, uint32_t nlri, size_t peer)
{
    const struct claim *c = d->claims[nlri];
    while (c != NULL && (c->winner & desired_bit(peer)) == 0)
        c = c->next;
    return c != NULL;
}

/* All of its routes or none. */
static bool fits(const struct desired *d, const struct standing *s, size_t peer)
{
    const struct desired_ops *ops = &d->options.ops;
    size_t more = 0;
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        more += (c->peers & desired_bit(peer)) != 0 && !is_wanted(d, c->nlri, peer) ? 1 : 0;
    return more == 0 || more <= ops->room(ops->owner, peer);
}

static void settle_peer(struct desired *d, struct standing *s, size_t peer)
{
    uint64_t bit = desired_bit(peer);
    s->over_budget &= ~bit;
    /* What it had in another form goes first, and makes room. */
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        if ((c->left & bit) != 0)
            want_winner(d, c->nlri, peer);
    bool stands = desired_stands(s) && (s->allowed & ~s->held & bit) != 0;
    set_bit(&s->over_budget, peer, stands && !fits(d, s, peer));
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        if (((c->peers | c->left) & bit) != 0)
            want_winner(d, c->nlri, peer);
    if ((s->over_budget & bit) == 0)
        return;
    /* Memory ran out between two parts, or a part is where another form was: none of them. */
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        if (((c->peers | c->left) & bit) != 0)
            want_winner(d, c->nlri, peer);
}

static void report_nlri(struct desired *d, uint32_t nlri, size_t peer)
{
    for (struct claim *c = d->claims[nlri]; c != NULL; c = c->next)
        report_peer(d, c->owner, peer);
}

static void settle_named(struct desired *d, struct standing *s, size_t peer)
{
    uint64_t bit = desired_bit(peer);
    settle_peer(d, s, peer);
    /* Not before all its parts are settled. */
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling)
        if (((c->peers | c->left) & bit) != 0)
            report_nlri(d, c->nlri, peer);
}

void settle(struct desired *d, struct standing *s, uint64_t peers)
{
    for (uint64_t todo = peers & (d->peers | s->targets); todo != 0; todo &= todo - 1) {
        size_t peer = (size_t)__builtin_ctzll(todo);
        if (s->whole.nlri == 0) {
            if ((s->targets & desired_bit(peer)) != 0)
                report_absent(d, s, peer, NULL);
        } else if (d->names[peer][0] != '\0') {
            settle_named(d, s, peer);
        }
    }
    claims_prune(d, s);
}

/* A dry run does not end but by a word of policy or of the configuration. */
void settle_refused(struct desired *d, struct standing *s)
{
    uint64_t refused = 0;
    for (uint64_t todo = s->targets & ~s->allowed; todo != 0; todo &= todo - 1) {
        size_t peer = (size_t)__builtin_ctzll(todo);
        set_bit(&refused, peer, s->reported[peer] != RESULT_DRY_RUN + 1);
    }
    settle_judge(d, s, refused);
    uint64_t again = refused | s->over_budget;
    if (again != 0)
        settle(d, s, again);
}

void settle_nlri(struct desired *d, uint32_t nlri)
{
    for (uint64_t todo = d->peers; todo != 0; todo &= todo - 1) {
        size_t peer = (size_t)__builtin_ctzll(todo);
        want_winner(d, nlri, peer);
        report_nlri(d, nlri, peer);
    }
}

void desired_sent(struct desired *d, size_t peer, uint32_t nlri)
{
    if (nlri < d->claim_room)
        report_nlri(d, nlri, peer);
}

void desired_unfit(struct desired *d, size_t peer, uint32_t nlri)
{
    desired_refused(d, peer, nlri, DESIRED_UNFIT);
}

void desired_refused(struct desired *d, size_t peer, uint32_t nlri, const char *why)
{
    struct claim *c = nlri < d->claim_room ? d->claims[nlri] : NULL;
    while (c != NULL && (c->winner & desired_bit(peer)) == 0)
        c = c->next;
    if (c == NULL)
        return;
    struct standing *s = c->owner;
    set_bit(&c->winner, peer, false);
    set_bit(&s->allowed, peer, false);
    report(d, s, peer, RESULT_REFUSED, why);
    settle(d, s, desired_bit(peer));
}

const struct standing *desired_winner(const struct desired *d, size_t peer, uint32_t nlri)
{
    const struct claim *c = nlri < d->claim_room ? d->claims[nlri] : NULL;
    while (c != NULL && (c->winner & desired_bit(peer)) == 0)
        c = c->next;
    return c != NULL ? c->owner : NULL;
}

static bool wins_all(const struct standing *s, size_t peer)
{
    uint64_t bit = desired_bit(peer);
    bool any = false;
    for (const struct claim *c = &s->whole; c != NULL; c = c->sibling) {
        if ((c->peers & bit & ~c->winner) != 0)
            return false;
        any = any || (c->peers & bit) != 0;
    }
    return any;
}

void desired_peer_down(struct desired *d, size_t peer, const char *why)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        if ((s->targets & desired_bit(peer)) == 0)
            continue;
        if (wins_all(s, peer))
            report(d, s, peer, RESULT_PEER_DOWN, why);
        else
            report_absent(d, s, peer, NULL);
        claims_prune(d, s);
    }
}

void desired_rejudge_one(struct desired *d, struct standing *s, uint64_t peers)
{
    settle_judge(d, s, peers);
    if (s->whole.nlri != 0)
        settle(d, s, peers);
}

void desired_rejudge(struct desired *d, size_t peer)
{
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL)
        desired_rejudge_one(d, s, desired_bit(peer));
}

void desired_holds_changed(struct desired *d)
{
    const struct desired_ops *ops = &d->options.ops;
    size_t cursor = 0;
    struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL) {
        uint64_t held = 0;
        for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++)
            if ((s->targets & desired_bit(peer)) != 0 && ops->held(ops->owner, s, peer) != NULL)
                held |= desired_bit(peer);
        uint64_t changed = held ^ s->held;
        s->held = held;
        if (changed != 0 && s->whole.nlri != 0)
            settle(d, s, changed);
    }
}

void desired_check(struct desired *d, const char *id)
{
    struct standing *s = desired_at(d, id);
    if (s != NULL && s->whole.nlri != 0)
        settle(d, s, ALL_PEERS);
}

void desired_report_unsaid(struct desired *d)
{
    size_t said = 0;
    for (size_t i = 0; i < UNSAID_LOOKED_AT_MAX && said < UNSAID_SAID_MAX && d->unsaid > 0; i++) {
        struct standing *s = table_next(d->by_id, &d->unsaid_cursor);
        if (s == NULL) {
            d->unsaid_cursor = 0;
            continue;
        }
        uint64_t peers = s->unsaid;
        if (peers == 0)
            continue;
        settle_forget_unsaid(d, s, peers);
        for (uint64_t todo = peers; todo != 0; todo &= todo - 1)
            desired_set_reported(d, s, (size_t)__builtin_ctzll(todo), REPORT_AGAIN);
        settle_judge(d, s, peers);
        settle(d, s, peers);
        said++;
    }
}

size_t desired_unsaid_count(const struct desired *d)
{
    return d->unsaid;
}

size_t desired_refused_count(const struct desired *d, size_t peer)
{
    return d->refused[peer];
}
