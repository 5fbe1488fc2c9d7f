#include "speaker/adapter_guard.h"

#include "flowspec/guard_budget.h"
#include "flowspec/route.h"
#include "proto/count.h"
#include "speaker/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60000 };

void adapter_starts_note(struct adapter_starts *starts, uint64_t now_ms)
{
    starts->at_ms[starts->next] = now_ms + 1;
    starts->next = (starts->next + 1) % ADAPTER_STARTS_MAX;
}

/* --- what stands --------------------------------------------------------------------------------
 */

/* What is only a dry run stands for nobody but dry runs. */
static const struct standing *next_beside(const struct speaker *speaker, const struct mitigation *m,
                                          size_t *cursor)
{
    const struct standing *s;
    while ((s = desired_next(speaker->desired, cursor)) != NULL)
        if (desired_stands(s) && s->whole.nlri != 0 && (m->dry_run || !s->dry_run))
            return s;
    return NULL;
}

/* Looked at without decoding all of it: a rule's destination is its first component (RFC 8955,
 * 4.2). A rule that names none may match anything. */
static bool may_share_packets(const struct speaker *speaker, const struct standing *s,
                              const struct flow_rule *rule)
{
    struct rib_nlri nlri = rib_nlri(speaker->rib, s->whole.nlri);
    size_t at = nlri.len > 0 && nlri.bytes[0] >= 0xf0 ? 2 : 1;
    if (s->family != ADDR_IPV4 || !rule_has(rule, COMPONENT_DESTINATION) || nlri.len < at + 2 ||
        nlri.bytes[at] != COMPONENT_DESTINATION)
        return true;
    struct ip_prefix prefix;
    size_t len = 1U + (nlri.bytes[at + 1] + 7U) / 8U;
    return nlri.len < at + 1 + len ||
           route_nlri_decode(&prefix, ADDR_IPV4, nlri.bytes + at + 1, len) != STATUS_OK ||
           prefix_overlaps(&prefix, &rule->destination);
}

static void judge_shadows(const struct speaker *speaker, const struct guard_context *context,
                          const struct adapter_line *line, const struct mitigation *m,
                          struct guard_verdict *verdict)
{
    struct flow_rule rule;
    struct flow_actions actions;
    size_t cursor = 0;
    const struct standing *s;
    while ((s = next_beside(speaker, m, &cursor)) != NULL) {
        struct guard_standing standing = {.rule = &rule,
                                          .actions = &actions,
                                          .name = s->id,
                                          .may_be_hidden = s->alarm[0] != '\0'};
        if (s->family == m->family && s->route == ROUTE_FLOWSPEC &&
            may_share_packets(speaker, s, &line->rule) &&
            adapter_rule_of(speaker->rib, s, &rule, &actions))
            guard_judge_standing(context, &line->rule, &line->actions, &standing, verdict);
        if (verdict->count > 0)
            return;
    }
}

/* --- budget -------------------------------------------------------------------------------------
 */

static bool takes_hosts_away(const struct speaker *speaker, const struct standing *s,
                             struct flow_rule *rule, struct ip_prefix *ret_destination)
{
    struct flow_actions actions;
    struct rib_nlri nlri = rib_nlri(speaker->rib, s->whole.nlri);
    if (s->route != ROUTE_FLOWSPEC)
        return s->route == ROUTE_BLACKHOLE &&
               route_nlri_decode(ret_destination, (enum addr_family)s->family, nlri.bytes,
                                 nlri.len) == STATUS_OK;
    if (!adapter_rule_of(speaker->rib, s, rule, &actions) || !guard_is_blackhole(rule, &actions, 0))
        return false;
    *ret_destination = rule->destination;
    return true;
}

static double hosts_of(const struct ip_prefix *prefixes, size_t count, int family)
{
    double hosts = 0;
    for (size_t i = 0; i < count; i++)
        if (family == ADDR_NONE || prefixes[i].addr.family == family)
            hosts += guard_hosts(&prefixes[i]);
    return hosts;
}

static void count_blackholes(const struct speaker *speaker, const struct adapter_line *line,
                             const struct mitigation *m, struct guard_budget *budget)
{
    const struct model_networks *networks = &speaker->model->networks;
    struct flow_rule rule;
    size_t cursor = 0, count = 0;
    const struct standing *s;
    if (!guard_is_blackhole(&line->rule, &line->actions, 0))
        return;
    budget->blackhole_max = speaker->config->policy.budgets.blackholed_hosts;
    budget->blackhole_share_max = speaker->config->policy.budgets.blackholed_share;
    budget->family_hosts = m->family == ADDR_IPV4 ? networks->hosts4 : networks->hosts6;
    struct ip_prefix *all = calloc(desired_count(speaker->desired) + 1, sizeof(*all));
    if (all == NULL) { /* nothing is known of what stands, so nothing more is taken away */
        budget->blackhole_adds = guard_hosts(&line->rule.destination);
        budget->blackhole_now = budget->blackhole_family_now = INFINITY;
        return;
    }
    while ((s = next_beside(speaker, m, &cursor)) != NULL)
        count += takes_hosts_away(speaker, s, &rule, &all[count]) ? 1 : 0;
    count = prefixes_outermost(all, count);
    budget->blackhole_now = hosts_of(all, count, ADDR_NONE);
    budget->blackhole_family_now = hosts_of(all, count, m->family);
    all[count] = line->rule.destination;
    count = prefixes_outermost(all, count + 1);
    budget->blackhole_adds = hosts_of(all, count, ADDR_NONE) - budget->blackhole_now;
    free(all);
}

static bool has_target_of(const struct speaker *speaker, const struct standing *s,
                          const struct flow_rule *rule)
{
    struct flow_rule other;
    struct flow_actions actions;
    return s->family == rule->family && rule_has(rule, COMPONENT_DESTINATION) &&
           adapter_rule_of(speaker->rib, s, &other, &actions) &&
           rule_has(&other, COMPONENT_DESTINATION) &&
           other.destination.len == rule->destination.len &&
           addr_equal(&other.destination.addr, &rule->destination.addr);
}

/* Of all, of alarms and tools, and of tools for this target. */
static void count_rules(const struct speaker *speaker, const struct adapter_line *line,
                        const struct mitigation *m, struct guard_budget *budget)
{
    size_t cursor = 0;
    const struct standing *s;
    while ((s = next_beside(speaker, m, &cursor)) != NULL) {
        bool is_ours = adapter_routes_has(adapter_routes(speaker), s->id);
        budget->all_now++;
        budget->automatic_now += is_ours || s->alarm[0] != '\0' ? 1 : 0;
        budget->target_now += is_ours && has_target_of(speaker, s, &line->rule) ? 1 : 0;
    }
}

/* The smallest platform says how many: the rule goes to every peer. */
static void take_limits(const struct speaker *speaker, struct guard_budget *budget)
{
    const struct config *c = speaker->config;
    for (size_t i = 0; i < c->platform_count; i++) {
        uint32_t all = c->platforms[i].max_rules;
        uint32_t ours = all - guard_reserve(all, c->policy.budgets.reserve_share,
                                            c->policy.budgets.reserve_at_least);
        if (c->platforms[i].peer_count == 0)
            continue;
        if (budget->all_max == 0 || all < budget->all_max)
            budget->all_max = all;
        if (budget->automatic_max == 0 || ours < budget->automatic_max)
            budget->automatic_max = ours;
    }
    budget->minute_max = c->policy.budgets.rules_per_minute;
    if (budget->minute_max == 0 || budget->minute_max > ADAPTER_STARTS_MAX)
        budget->minute_max = ADAPTER_STARTS_MAX; /* as many as are remembered */
    budget->target_max = c->policy.budgets.rules_per_target;
}

static void judge_budget(const struct speaker *speaker, const struct adapter_line *line,
                         const struct mitigation *m, const struct adapter_starts *starts,
                         struct guard_verdict *verdict)
{
    struct guard_budget budget = {.is_automatic = starts != NULL};
    uint64_t now_ms = speaker_now_ms(speaker);
    for (size_t i = 0; i < ADAPTER_STARTS_MAX && starts != NULL; i++)
        budget.minute_now +=
            starts->at_ms[i] != 0 && now_ms + 1 - starts->at_ms[i] < MINUTE_MS ? 1 : 0;
    if (starts != NULL) {
        take_limits(speaker, &budget);
        count_rules(speaker, line, m, &budget);
    }
    count_blackholes(speaker, line, m, &budget);
    (void)guard_budget_judge(&budget, verdict);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

bool adapter_guard_passes(const struct speaker *speaker, const struct adapter_line *line,
                          const struct mitigation *m, const struct adapter_starts *starts,
                          char ret_why[REASON_MAX])
{
    struct guard_context context;
    struct guard_verdict verdict = {0};
    model_guard_context(speaker->model, NULL, &context);
    context.rules_max = 0;
    context.accepts_sessions = true; /* each peer is asked for itself */
    context.orders = 0;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL)
            guard_take_profile(&context, speaker->peers[i]->settings.profile);
    guard_judge(&context, &line->rule, &line->actions, &verdict);
    if (verdict.count == 0)
        judge_shadows(speaker, &context, line, m, &verdict);
    if (verdict.count == 0)
        judge_budget(speaker, line, m, starts, &verdict);
    if (verdict.count > 0)
        (void)snprintf(ret_why, REASON_MAX, "%s: %s", guard_label(verdict.refusals[0].invariant),
                       verdict.refusals[0].text);
    return verdict.count == 0;
}
