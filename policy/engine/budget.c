#include "flowspec/guard_budget.h"
#include "flowspec/route.h"
#include "policy/engine/engine_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * How many rules may stand, and who gives way: a platform's places that alarms may use are taken by
 * the most severe ones. Make before break: the new rule is announced within the places kept for
 * people, and the one that gives way goes once a router has the new one.
 */
enum {
    MINUTE_MS = 60000,
    HEIR_LIMIT_MS = 5000, /* no speaker has said that it sent the new one: it stands as it can */
    NOBODY = -1,          /* the severity of a rule that no alarm wants any more */
};

/* --- ranks: severity, then how far its alarm is over its threshold --- */

static struct budget_rank rank_of(const struct engine *e, const struct live_alarm *live)
{
    const struct alarm *alarm = &live->alarm;
    const struct config_policy *p = &e->model->config->policies[live->tracked->policy];
    struct budget_rank rank = {.severity = alarm->severity};
    if (live->orphan || alarm->threshold >= p->threshold_count)
        return rank;
    const struct config_threshold *t = &p->thresholds[alarm->threshold];
    for (size_t i = 0; i < t->rate_count; i++) {
        double rate = t->rates[i].kind == RATE_BPS   ? alarm->now.bps
                      : t->rates[i].kind == RATE_PPS ? alarm->now.pps
                                                     : alarm->now.fps;
        double excess = t->rates[i].limit != 0 ? rate / (double)t->rates[i].limit : 0;
        rank.excess = excess > rank.excess ? excess : rank.excess;
    }
    return rank;
}

static bool is_below(struct budget_rank a, struct budget_rank b)
{
    return a.severity != b.severity ? a.severity < b.severity : a.excess < b.excess;
}

/* Each mitigation's rank is that of the first of the alarms that want it; worked out once a turn,
 * since many alarms may ask in one. */
static void rank_all(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    if (e->ranked_ms == now.mono_ms)
        return;
    e->ranked_ms = now.mono_ms;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor))
        (*at)->rank = (struct budget_rank){.severity = NOBODY};
    cursor = 0;
    for (const struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        for (size_t i = 0; t->live != NULL && i < t->live->alarm.mitigation_count; i++) {
            struct live_mitigation *m = mitigations_by_id(e, t->live->alarm.mitigations[i]);
            struct budget_rank rank = rank_of(e, t->live);
            if (m != NULL && is_below(m->rank, rank))
                m->rank = rank;
        }
    }
}

/* --- what stands --- */

static bool gives_way(const struct live_mitigation *live)
{
    return live->heir[0] != '\0';
}

/* Only what policy started and ends of its own accord; a person's rule stays. */
static bool is_automatic(const struct live_mitigation *live)
{
    return live->m.origin == ORIGIN_ALARM && !live->m.withdraw_manual;
}

struct standing_rules {
    uint32_t all, of_alarms; /* without those that give way already */
    struct live_mitigation *lowest;
};

typedef bool (*is_counted)(const struct engine *e, const struct live_mitigation *live,
                           const void *owner);

static void count_rules(const struct engine *e, is_counted counted, const void *owner,
                        struct standing_rules *ret_rules)
{
    size_t cursor = 0;
    *ret_rules = (struct standing_rules){.all = 0};
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        struct live_mitigation *live = *at;
        if (!mitigations_stands(live) || !counted(e, live, owner))
            continue;
        ret_rules->all++;
        if (live->m.origin != ORIGIN_ALARM || gives_way(live))
            continue;
        ret_rules->of_alarms++;
        if (is_automatic(live) &&
            (ret_rules->lowest == NULL || is_below(live->rank, ret_rules->lowest->rank)))
            ret_rules->lowest = live;
    }
}

/* A dry one counts: it shows what would be. */
static bool shares_a_peer(const struct engine *e, const struct live_mitigation *live,
                          const void *owner)
{
    (void)e;
    return same_shares_a_peer(&live->m, owner);
}

static bool is_of_alarm(const struct engine *e, const struct live_mitigation *live,
                        const void *owner)
{
    (void)e;
    return strcmp(live->m.alarm, owner) == 0;
}

static bool is_on_platform(const struct engine *e, const struct live_mitigation *live,
                           const void *owner)
{
    return start_reaches(e, &live->m, owner);
}

static uint32_t starts_in_last_minute(const struct engine *e, struct engine_now now)
{
    uint32_t count = 0;
    for (size_t i = 0; i < STARTS_A_MINUTE_MAX; i++)
        count += e->starts_ms[i] != 0 && now.mono_ms - e->starts_ms[i] < MINUTE_MS;
    return count;
}

static uint32_t reserve(const struct config *c, uint32_t rules_max)
{
    return guard_reserve(rules_max, c->policy.budgets.reserve_share,
                         c->policy.budgets.reserve_at_least);
}

/* --- admission --- */

/* How many may stand of all and of alarms on the platforms that the rule reaches; 0: no limit. */
static void limits_of(const struct engine *e, const struct start *start, const struct mitigation *m,
                      uint32_t *ret_all, uint32_t *ret_of_alarms)
{
    const struct config *c = e->model->config;
    *ret_all = *ret_of_alarms = 0;
    for (size_t i = 0; i < c->platform_count; i++) {
        const struct config_platform *platform = &c->platforms[i];
        uint32_t all = platform->max_rules, of_alarms = all - reserve(c, all);
        if (start->platform != NULL ? start->platform != platform : !start_reaches(e, m, platform))
            continue;
        *ret_all = *ret_all == 0 || all < *ret_all ? all : *ret_all;
        *ret_of_alarms =
            *ret_of_alarms == 0 || of_alarms < *ret_of_alarms ? of_alarms : *ret_of_alarms;
    }
}

static bool takes_hosts_away(const struct mitigation *m, struct ip_prefix *ret_destination)
{
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error;
    size_t taken;
    struct communities said = mitigation_communities(m);
    if (m->route != ROUTE_FLOWSPEC)
        return m->route == ROUTE_BLACKHOLE &&
               route_nlri_decode(ret_destination, (enum addr_family)m->family, m->nlri,
                                 m->nlri_len) == STATUS_OK;
    if (nlri_decode(&rule, (enum addr_family)m->family, m->nlri, m->nlri_len, &taken, &error) !=
            STATUS_OK ||
        actions_decode_all(&actions, said.at, said.count, said.ipv6, said.ipv6_count, &error) !=
            STATUS_OK ||
        !guard_is_blackhole(&rule, &actions, 0))
        return false;
    *ret_destination = rule.destination;
    return true;
}

/* Of one family, or of both. The prefixes do not overlap; two IPv6 hosts are not joined to one
 * prefix, which would count as one. */
static double hosts_of(const struct ip_prefix *prefixes, size_t count, int family)
{
    double hosts = 0;
    for (size_t i = 0; i < count; i++) {
        if (family == ADDR_NONE || prefixes[i].addr.family == family)
            hosts += guard_hosts(&prefixes[i]);
    }
    return hosts;
}

/* Destinations without a service as long as these stand. What is only a dry run takes nothing away
 * from a rule that is sent. */
static size_t blackholes_beside(const struct engine *e, const struct mitigation *m,
                                struct ip_prefix *ret_prefixes)
{
    size_t cursor = 0, count = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        if (mitigations_stands(*at) && (m->dry_run || !(*at)->m.dry_run) &&
            takes_hosts_away(&(*at)->m, &ret_prefixes[count]))
            count++;
    }
    return prefixes_outermost(ret_prefixes, count);
}

/* What stands is looked at only for a rule that is one itself. A host counts once, whatever number
 * of platforms and wider rules it is in; what is taken away already is not taken away again. */
static void count_blackholes(const struct engine *e, const struct mitigation *m,
                             struct guard_budget *budget)
{
    struct ip_prefix fresh;
    if (!takes_hosts_away(m, &fresh))
        return;
    budget->blackhole_max = e->model->config->policy.budgets.blackholed_hosts;
    budget->blackhole_share_max = e->model->config->policy.budgets.blackholed_share;
    budget->family_hosts =
        m->family == ADDR_IPV4 ? e->model->networks.hosts4 : e->model->networks.hosts6;
    struct ip_prefix *all = calloc(table_count(e->mitigations) + 1, sizeof(*all));
    if (all == NULL) { /* nothing is known of what stands, so nothing more is taken away */
        budget->blackhole_adds = guard_hosts(&fresh);
        budget->blackhole_now = budget->blackhole_family_now = INFINITY;
        return;
    }
    size_t count = blackholes_beside(e, m, all);
    budget->blackhole_now = hosts_of(all, count, ADDR_NONE);
    budget->blackhole_family_now = hosts_of(all, count, m->family);
    all[count] = fresh;
    count = prefixes_outermost(all, count + 1);
    budget->blackhole_adds = hosts_of(all, count, ADDR_NONE) - budget->blackhole_now;
    free(all);
}

/* The live mitigation that would give way, or NULL. */
static struct live_mitigation *count_places(struct engine *e, const struct start *start,
                                            const struct mitigation *m, struct guard_budget *budget,
                                            struct engine_now now)
{
    const struct config *c = e->model->config;
    struct standing_rules rules;
    if (budget->is_automatic) {
        budget->minute_now = starts_in_last_minute(e, now);
        budget->minute_max = c->policy.budgets.rules_per_minute;
        count_rules(e, is_of_alarm, start->alarm, &rules);
        budget->target_now = rules.all;
        budget->target_max = c->policy.budgets.rules_per_target;
    }
    limits_of(e, start, m, &budget->all_max, &budget->automatic_max);
    if (budget->all_max == 0)
        return NULL;
    if (budget->is_automatic)
        rank_all(e, now);
    count_rules(e, shares_a_peer, m, &rules);
    budget->all_now = rules.all;
    budget->automatic_now = rules.of_alarms;
    const struct live_alarm *alarm = alarms_by_id(e, start->alarm);
    budget->has_lower = budget->is_automatic && alarm != NULL && rules.lowest != NULL &&
                        rules.lowest->rank.severity < rank_of(e, alarm).severity;
    return budget->has_lower ? rules.lowest : NULL;
}

void budget_judge(struct engine *e, const struct start *start, const struct mitigation *m,
                  struct guard_verdict *verdict, struct budget_place *ret_place,
                  struct engine_now now)
{
    struct guard_budget budget = {.is_automatic = start->origin == ORIGIN_ALARM};
    struct live_mitigation *lower = NULL;
    count_blackholes(e, m, &budget);
    if (ret_place != NULL) {
        *ret_place = (struct budget_place){.gives_way = NULL};
        lower = count_places(e, start, m, &budget, now);
    }
    enum guard_place place = guard_budget_judge(&budget, verdict);
    if (ret_place == NULL || (place != GUARD_PLACE_EVICTS && place != GUARD_PLACE_EVICTS_FIRST))
        return;
    ret_place->gives_way = lower;
    ret_place->at_once = place == GUARD_PLACE_EVICTS_FIRST;
}

/* --- giving way --- */

static void evict(struct engine *e, struct live_mitigation *live, const char *why,
                  struct engine_now now)
{
    char reason[REASON_MAX];
    (void)snprintf(reason, sizeof(reason), "budget: %.200s", why);
    live->heir[0] = '\0';
    mitigations_withdraw(e, live, "policy", reason, now);
    mitigations_ask_again(e, live->m.id);
    mitigations_tell_alarms(e, live, reason, now);
}

static void evict_for(struct engine *e, struct live_mitigation *live,
                      const struct live_mitigation *heir, struct engine_now now)
{
    char why[REASON_MAX];
    (void)snprintf(why, sizeof(why), "it gave way to %s of a more severe alarm", heir->m.id);
    evict(e, live, why, now);
}

void budget_take(struct engine *e, const struct budget_place *place, struct live_mitigation *heir,
                 struct engine_now now)
{
    const struct live_alarm *alarm = alarms_by_id(e, heir->m.alarm);
    if (alarm != NULL)
        heir->rank = rank_of(e, alarm);
    if (place->gives_way == NULL)
        return;
    if (place->at_once) {
        evict_for(e, place->gives_way, heir, now);
        return;
    }
    (void)snprintf(place->gives_way->heir, sizeof(place->gives_way->heir), "%s", heir->m.id);
    place->gives_way->heir_since_ms = now.mono_ms;
}

/* Its heir stands, or has gone and nothing gives way any more. */
static void look_at_heir(struct engine *e, struct live_mitigation *live, struct engine_now now)
{
    const struct live_mitigation *heir = mitigations_by_id(e, live->heir);
    if (heir == NULL || !mitigations_stands(heir) || !mitigations_stands(live)) {
        live->heir[0] = '\0';
        return;
    }
    rank_all(e, now);
    if (live->rank.severity >= heir->rank.severity) {
        live->heir[0] = '\0';
        e->may_be_over = true;
    } else if (heir->m.state == MITIGATION_ACTIVE ||
               now.mono_ms - live->heir_since_ms > HEIR_LIMIT_MS) {
        evict_for(e, live, heir, now);
    }
}

/* More stands than alarms may have: after a restart in the middle of a change, or with a smaller
 * budget. One a platform and turn. */
static void trim(struct engine *e, struct engine_now now)
{
    const struct config *c = e->model->config;
    e->may_be_over = false;
    rank_all(e, now);
    for (size_t i = 0; i < c->platform_count; i++) {
        uint32_t max = c->platforms[i].max_rules - reserve(c, c->platforms[i].max_rules);
        struct standing_rules rules;
        char why[REASON_MAX];
        count_rules(e, is_on_platform, &c->platforms[i], &rules);
        if (rules.of_alarms <= max || rules.lowest == NULL)
            continue;
        (void)snprintf(why, sizeof(why), "%u rules of alarms stand, %u allowed", rules.of_alarms,
                       max);
        evict(e, rules.lowest, why, now);
        e->may_be_over = true;
    }
}

void budget_time(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        if (gives_way(*at))
            look_at_heir(e, *at, now);
    }
    if (e->may_be_over)
        trim(e, now);
}
