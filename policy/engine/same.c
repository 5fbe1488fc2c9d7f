#include "policy/engine/engine_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * A router has one action a match, so what wants a match that stands already shares it, replaces it
 * in place (the same mitigation with the next revision: speakers send the difference, and there is
 * no moment without a route), or finds it in its way.
 */

bool same_has_peer(const struct mitigation *m, const char *peer)
{
    for (size_t i = 0; i < m->peer_count; i++) {
        if (strcmp(m->peers[i], peer) == 0)
            return true;
    }
    return m->peer_count == 0; /* to all */
}

bool same_has_peers_of(const struct mitigation *a, const struct mitigation *b)
{
    if (b->peer_count == 0)
        return a->peer_count == 0;
    for (size_t i = 0; i < b->peer_count; i++) {
        if (!same_has_peer(a, b->peers[i]))
            return false;
    }
    return true;
}

bool same_shares_a_peer(const struct mitigation *a, const struct mitigation *b)
{
    for (size_t i = 0; i < a->peer_count; i++) {
        if (same_has_peer(b, a->peers[i]))
            return true;
    }
    return a->peer_count == 0 || b->peer_count == 0;
}

static bool has_match_of(const struct mitigation *a, const struct mitigation *b)
{
    return a->family == b->family && a->nlri_len == b->nlri_len &&
           (a->route == ROUTE_FLOWSPEC) == (b->route == ROUTE_FLOWSPEC) &&
           memcmp(a->nlri, b->nlri, a->nlri_len) == 0;
}

static bool does_what(const struct mitigation *a, const struct mitigation *b)
{
    return a->dry_run == b->dry_run && a->community_count == b->community_count &&
           a->community6_count == b->community6_count &&
           memcmp(a->communities, b->communities, a->community_count * COMMUNITY_LEN) == 0 &&
           memcmp(a->communities6, b->communities6, a->community6_count * COMMUNITY6_LEN) == 0 &&
           a->route == b->route && a->next_hop_len == b->next_hop_len &&
           memcmp(a->next_hop, b->next_hop, a->next_hop_len) == 0 &&
           a->standard_count == b->standard_count && a->large_count == b->large_count &&
           memcmp(a->standard, b->standard, a->standard_count * COMMUNITY_STANDARD_LEN) == 0 &&
           memcmp(a->large, b->large, a->large_count * COMMUNITY_LARGE_LEN) == 0;
}

/* What it lets through: none for a discard, all for what does not limit and for a dry run. */
static double lets_through(const struct mitigation *m)
{
    enum { PACKET_BYTES = 1500 };
    struct flow_actions actions;
    struct rule_error error;
    if (m->route != ROUTE_FLOWSPEC)
        return m->route == ROUTE_BLACKHOLE && !m->dry_run ? 0 : INFINITY;
    if (m->dry_run || actions_decode_all(&actions, m->communities, m->community_count,
                                         m->communities6, m->community6_count, &error) != STATUS_OK)
        return INFINITY;
    return actions.discard            ? 0
           : actions.has_rate         ? actions.rate_bytes
           : actions.has_rate_packets ? actions.rate_packets * PACKET_BYTES
                                      : INFINITY;
}

static bool wanted_by_another(const struct engine *e, const struct live_mitigation *live,
                              const char *alarm)
{
    size_t cursor = 0;
    for (const struct tracked *t = live->wanted_by != 0 ? table_next(e->tracked, &cursor) : NULL;
         t != NULL; t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && strcmp(t->live->alarm.id, alarm) != 0 &&
            mitigations_is_for(live, t->live))
            return true;
    }
    return false;
}

static bool is_of_people(const struct live_mitigation *live)
{
    return live->m.origin != ORIGIN_ALARM || live->m.withdraw_manual;
}

static enum same_match judge_other(const struct engine *e, const struct start *start,
                                   const struct mitigation *m, const struct live_mitigation *other)
{
    bool is_alarm = start->origin == ORIGIN_ALARM;
    bool is_shared = is_of_people(other) || wanted_by_another(e, other, start->alarm);
    bool is_stronger = lets_through(m) < lets_through(&other->m);
    /* One method gives one action, so that of a shared rule was configured anew. */
    bool is_outdated = strcmp(other->m.method, start->method) == 0 && !m->dry_run;
    if (is_alarm && is_shared && !is_stronger && same_has_peers_of(&other->m, m) &&
        (!is_outdated || is_of_people(other)))
        return SAME_STANDS; /* it does more than what is asked */
    if (is_alarm && is_of_people(other))
        return SAME_IN_THE_WAY;
    /* Nobody loses a router by a replacement; equal actions get the routers of both. A dry run has
     * none to lose. */
    if (!other->m.dry_run && !same_has_peers_of(m, &other->m) &&
        (!is_alarm || !does_what(&other->m, m)))
        return SAME_IN_THE_WAY;
    if (is_alarm && is_shared && !is_stronger && !is_outdated && !does_what(&other->m, m))
        return SAME_IN_THE_WAY;
    return SAME_REPLACE;
}

enum same_match same_find(const struct engine *e, const struct start *start,
                          const struct mitigation *m, struct live_mitigation **ret_live)
{
    size_t cursor = 0, others = 0;
    *ret_live = NULL;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        struct live_mitigation *live = *at;
        if (!mitigations_stands(live) || !has_match_of(&live->m, m) ||
            !same_shares_a_peer(&live->m, m))
            continue;
        *ret_live = live;
        others++;
        if (does_what(&live->m, m) && same_has_peers_of(&live->m, m))
            return SAME_STANDS;
    }
    return others == 0   ? SAME_NONE
           : others == 1 ? judge_other(e, start, m, *ret_live)
                         : SAME_IN_THE_WAY;
}

const struct live_mitigation *same_covers(const struct engine *e, const struct mitigation *m)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        const struct live_mitigation *live = *at;
        if (mitigations_stands(live) && strcmp(live->m.id, m->id) != 0 &&
            has_match_of(&live->m, m) && !live->m.dry_run && same_has_peers_of(&live->m, m))
            return live;
    }
    return NULL;
}

static void add_peers(struct mitigation *m, const struct mitigation *of)
{
    for (size_t i = 0; i < of->peer_count && m->peer_count < MITIGATION_PEERS_MAX; i++) {
        if (!same_has_peer(m, of->peers[i]))
            memcpy(m->peers[m->peer_count++], of->peers[i], sizeof(m->peers[0]));
    }
}

/* "then rate-limit …", for people. */
static const char *action_of(const char *rule)
{
    const char *then = strstr(rule, " then ");
    return then != NULL ? then + 1 : rule;
}

void same_replace(struct engine *e, struct live_mitigation *live, const struct mitigation *fresh,
                  const struct start *start, struct engine_now now)
{
    struct mitigation *m = &live->m, old = *m;
    char why[REASON_MAX];
    (void)snprintf(why, sizeof(why), "it was \"%.80s\"%s%s%.120s", action_of(old.rule),
                   old.dry_run && !fresh->dry_run ? " and a dry run" : "",
                   start->reason[0] != '\0' ? ": " : "", start->reason);
    *m = *fresh;
    memcpy(m->id, old.id, sizeof(m->id));
    m->unknown = old.unknown;
    m->created_ms = old.created_ms;
    m->revision = old.revision + 1;
    if (does_what(&old, fresh))
        add_peers(m, &old);
    live->created_ms = live->renewed_ms = now.mono_ms;
    beside_changed(e, &old);
    start_write(e, live, m->dry_run ? "replace (dry run)" : "replace", start->who, why, now);
}
