#include "flowspec/sets.h"
#include "policy/engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * What stands beside a rule at its peers, for the guard: rules that would hide it or be hidden by
 * it, and rules that keep BGP sessions from it.
 * Blackholes and diversions are in another table of the routers, where none of this holds. What is
 * only a dry run stands for nobody but dry runs.
 */

/* People announce one a session and direction; more than this are not looked at. */
enum { ACCEPTING_MAX = 512 };

static bool is_beside(const struct live_mitigation *live, const struct mitigation *m)
{
    return mitigations_stands(live) && live->m.family == m->family &&
           live->m.route == ROUTE_FLOWSPEC && m->route == ROUTE_FLOWSPEC &&
           (m->dry_run || !live->m.dry_run) && strcmp(live->m.id, m->id) != 0;
}

/* The orders of the peers that both go to; b NULL: of those of a. */
static unsigned orders_of(const struct engine *e, const struct mitigation *a,
                          const struct mitigation *b)
{
    const struct config *c = e->model->config;
    struct guard_context context = {.orders = 0};
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct router_profile *profile = model_profile(e->model, c->peers[i].profile.value);
        if (profile != NULL && same_has_peer(a, c->peers[i].name) &&
            (b == NULL || same_has_peer(b, c->peers[i].name)))
            guard_take_profile(&context, profile);
    }
    return context.orders;
}

static bool decode(const struct mitigation *m, struct flow_rule *ret_rule,
                   struct flow_actions *ret_actions)
{
    struct rule_error error;
    size_t taken;
    struct communities said = mitigation_communities(m);
    return nlri_decode(ret_rule, (enum addr_family)m->family, m->nlri, m->nlri_len, &taken,
                       &error) == STATUS_OK &&
           actions_decode_all(ret_actions, said.at, said.count, said.ipv6, said.ipv6_count,
                              &error) == STATUS_OK;
}

/* --- sessions -----------------------------------------------------------------------------------
 */

struct beside_accepting {
    struct guard_standing at[ACCEPTING_MAX];
    struct {
        struct flow_rule rule;
        struct flow_actions actions;
    } said[ACCEPTING_MAX];
};

static bool accepts(const struct mitigation *m)
{
    struct flow_actions actions;
    struct rule_error error;
    struct communities said = mitigation_communities(m);
    return m->route == ROUTE_FLOWSPEC &&
           actions_decode_all(&actions, said.at, said.count, said.ipv6, said.ipv6_count, &error) ==
               STATUS_OK &&
           guard_accepts(&actions);
}

void beside_orders(const struct engine *e, const struct mitigation *m,
                   struct guard_context *context)
{
    context->orders = orders_of(e, m, NULL);
}

struct beside_accepting *beside_accepting(const struct engine *e, const struct mitigation *m,
                                          const struct guard_verdict *verdict,
                                          struct guard_context *context)
{
    size_t cursor = 0, count = 0, i = 0;
    while (i < verdict->count && verdict->refusals[i].invariant != GUARD_SESSION)
        i++;
    if (i == verdict->count)
        return NULL;
    struct beside_accepting *all = malloc(sizeof(*all)); /* pages that nobody writes cost nothing */
    for (struct live_mitigation **at = all != NULL ? table_next(e->mitigations, &cursor) : NULL;
         at != NULL && count < ACCEPTING_MAX; at = table_next(e->mitigations, &cursor)) {
        if (!is_beside(*at, m) || !accepts(&(*at)->m) || !same_has_peers_of(&(*at)->m, m) ||
            !decode(&(*at)->m, &all->said[count].rule, &all->said[count].actions))
            continue;
        all->at[count] = (struct guard_standing){.rule = &all->said[count].rule,
                                                 .actions = &all->said[count].actions};
        count++;
    }
    context->accepting = all != NULL ? all->at : NULL;
    context->accepting_count = count;
    return all;
}

void beside_changed(struct engine *e, const struct mitigation *m)
{
    if (e->model->config->session_count != 0 && accepts(m))
        e->is_model_new = true;
}

/* --- shadows ------------------------------------------------------------------------------------
 */

/* Rules of one alarm belong together: a step of its ladder is announced before the one that it
 * replaces is withdrawn. One that gives way is on its way out. */
static bool belongs_to(const struct engine *e, const struct live_mitigation *live,
                       const char *alarm_id)
{
    const struct live_alarm *alarm = alarm_id[0] != '\0' ? alarms_by_id(e, alarm_id) : NULL;
    return live->heir[0] != '\0' || (alarm_id[0] != '\0' && strcmp(live->m.alarm, alarm_id) == 0) ||
           (alarm != NULL && mitigations_is_for(live, alarm));
}

static bool is_automatic(const struct mitigation *m)
{
    return m->origin == ORIGIN_ALARM && !m->withdraw_manual;
}

/* Of two rules of which one covers the other the first octets of the destination agree; so few of
 * many are looked at closely. Before them come a length octet, the type, the prefix length and, in
 * IPv6, the offset. */
static bool may_cover(const struct mitigation *a, const struct mitigation *b)
{
    enum { TYPE_AT = 1, LEN_AT = 2, OFFSET_AT = 3 };
    bool is_ipv6 = a->family == ADDR_IPV6;
    size_t first_at = is_ipv6 ? OFFSET_AT + 1 : LEN_AT + 1;
    if (a->nlri_len <= first_at || b->nlri_len <= first_at || a->nlri[0] >= 0xf0 ||
        b->nlri[0] >= 0xf0 || a->nlri[TYPE_AT] != COMPONENT_DESTINATION ||
        b->nlri[TYPE_AT] != COMPONENT_DESTINATION ||
        (is_ipv6 && (a->nlri[OFFSET_AT] != 0 || b->nlri[OFFSET_AT] != 0)))
        return true;
    size_t shorter =
        a->nlri[LEN_AT] < b->nlri[LEN_AT] ? a->nlri[LEN_AT] / 8U : b->nlri[LEN_AT] / 8U;
    return first_at + shorter > a->nlri_len || first_at + shorter > b->nlri_len ||
           memcmp(a->nlri + first_at, b->nlri + first_at, shorter) == 0;
}

void beside_judge_shadows(const struct engine *e, const struct start *start,
                          const struct mitigation *m, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct guard_verdict *verdict)
{
    struct flow_rule other;
    struct flow_actions does;
    size_t cursor = 0;
    if (verdict->count != 0)
        return; /* it is refused anyway, and this is the dearest question */
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        const struct live_mitigation *live = *at;
        if (!is_beside(live, m) || !may_cover(&live->m, m) || !same_shares_a_peer(&live->m, m) ||
            belongs_to(e, live, start->alarm) || !decode(&live->m, &other, &does) ||
            (!rule_covers(rule, &other) && !rule_covers(&other, rule)))
            continue;
        const struct guard_context context = {.orders = orders_of(e, m, &live->m)};
        const struct guard_standing standing = {.rule = &other,
                                                .actions = &does,
                                                .name = live->m.id,
                                                .may_be_hidden =
                                                    is_automatic(m) && is_automatic(&live->m),
                                                .in_part_will_do = is_automatic(m),
                                                .not_at_all = !same_has_peers_of(&live->m, m)};
        guard_judge_standing(&context, rule, actions, &standing, verdict);
    }
}
