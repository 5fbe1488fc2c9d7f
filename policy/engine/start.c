#include "flowspec/route.h"
#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool peer_takes(const struct config_peer *peer, const struct config_platform *platform,
                       enum addr_family family, enum route_kind kind)
{
    unsigned int flow = family == ADDR_IPV4 ? FAMILY_FLOW4 : FAMILY_FLOW6;
    unsigned int unicast = family == ADDR_IPV4 ? FAMILY_UNICAST4 : FAMILY_UNICAST6;
    return (peer->families & (kind == ROUTE_FLOWSPEC ? flow : unicast)) != 0 &&
           (platform == NULL || (platform->families & flow) != 0);
}

uint32_t start_peers(const struct engine *e, const struct config_platform *platform,
                     enum addr_family family, enum route_kind kind,
                     char (*ret_peers)[NAME_MAX_LEN + 1])
{
    const struct config *c = e->model->config;
    size_t candidates = platform != NULL ? platform->peer_count : c->peer_count;
    uint32_t count = 0;
    for (size_t i = 0; i < candidates && count < MITIGATION_PEERS_MAX; i++) {
        const struct config_peer *peer = &c->peers[platform != NULL ? platform->peers[i] : i];
        if (peer_takes(peer, platform, family, kind))
            (void)snprintf(ret_peers[count++], NAME_MAX_LEN + 1, "%s", peer->name);
    }
    return count;
}

size_t start_rounds(const struct engine *e, const struct config_method *method)
{
    if (method->platform_count != 0)
        return method->platform_count;
    bool all_at_once =
        method->route.kind != ROUTE_FLOWSPEC || e->model->config->platform_count == 0;
    return all_at_once ? 1 : e->model->config->platform_count;
}

const struct config_platform *start_round(const struct engine *e,
                                          const struct config_method *method, size_t round)
{
    const struct config *c = e->model->config;
    if (method->platform_count != 0)
        return &c->platforms[method->platforms[round]];
    return method->route.kind != ROUTE_FLOWSPEC || c->platform_count == 0 ? NULL
                                                                          : &c->platforms[round];
}

void start_judge_bytes(const struct guard_context *context, const struct mitigation *m,
                       struct guard_verdict *ret_verdict)
{
    struct communities communities = mitigation_communities(m);
    enum addr_family family = m->family == ADDR_IPV4 ? ADDR_IPV4 : ADDR_IPV6;
    if (m->route == ROUTE_FLOWSPEC)
        guard_judge_bytes(context, family, m->nlri, m->nlri_len, &communities, ret_verdict);
    else
        guard_judge_route(context, (enum route_kind)m->route, family, m->nlri, m->nlri_len,
                          &communities, ret_verdict);
}

bool start_reaches(const struct engine *e, const struct mitigation *m,
                   const struct config_platform *platform)
{
    for (size_t i = 0; i < platform->peer_count; i++) {
        const char *name = e->model->config->peers[platform->peers[i]].name;
        for (size_t j = 0; j < m->peer_count; j++) {
            if (strcmp(m->peers[j], name) == 0)
                return true;
        }
    }
    return false;
}

/* The rule's own platform; of a free rule each that has one of its peers. */
static bool reaches(const struct engine *e, const struct start *start, const struct mitigation *m,
                    const struct config_platform *platform)
{
    return start->platform != NULL ? start->platform == platform : start_reaches(e, m, platform);
}

static void judge_rule(struct engine *e, const struct start *start, const struct mitigation *m,
                       const struct flow_rule *rule, const struct flow_actions *actions,
                       struct guard_context *context, struct guard_verdict *ret_verdict)
{
    guard_judge(context, rule, actions, ret_verdict);
    struct beside_accepting *accepting = beside_accepting(e, m, ret_verdict, context);
    if (accepting != NULL)
        guard_judge(context, rule, actions, ret_verdict);
    free(accepting);
    beside_judge_shadows(e, start, m, rule, actions, ret_verdict);
}

static void judge(struct engine *e, const struct start *start, const struct mitigation *m,
                  const struct flow_rule *rule, const struct flow_actions *actions,
                  struct guard_verdict *ret_verdict, struct budget_place *ret_place,
                  struct engine_now now)
{
    struct guard_context context;
    model_guard_context(e->model, start->platform, &context);
    context.rules_max = 0;
    context.source_inferred = start->source_inferred;
    context.allows_spoofable_source = start->allows_spoofable_source;
    beside_orders(e, m, &context);
    if (m->route != ROUTE_FLOWSPEC)
        start_judge_bytes(&context, m, ret_verdict);
    else
        judge_rule(e, start, m, rule, actions, &context, ret_verdict);
    budget_judge(e, start, m, ret_verdict, ret_place, now);
    if (e->options.on_refusal != NULL) {
        for (size_t i = 0; i < ret_verdict->count; i++)
            e->options.on_refusal(e->options.owner, ret_verdict->refusals[i].invariant);
    }
}

static enum status write_actions(struct mitigation *m, const struct flow_actions *actions,
                                 struct rule_error *ret_error)
{
    struct action_communities all;
    enum status s = actions_encode_all(actions, &all, ret_error);
    if (s != STATUS_OK)
        return s;
    memcpy(m->communities, all.at, all.count * COMMUNITY_LEN);
    memcpy(m->communities6, all.ipv6, all.ipv6_count * COMMUNITY6_LEN);
    m->community_count = all.count;
    m->community6_count = all.ipv6_count;
    return STATUS_OK;
}

/* How it is said, to people and to routers. */
static enum status write_rule(struct mitigation *m, const struct flow_rule *rule,
                              const struct flow_actions *actions, struct rule_error *ret_error)
{
    struct text text;
    text_init(&text, RULE_TEXT_MAX - 1);
    enum status s = rule_format_text(rule, actions, &text);
    if (s == STATUS_OK)
        (void)snprintf(m->rule, sizeof(m->rule), "%s", text_str(&text));
    text_done(&text);
    if (s == STATUS_OK)
        s = nlri_encode(rule, m->nlri, sizeof(m->nlri), &m->nlri_len);
    if (s != STATUS_OK) {
        (void)snprintf(ret_error->why, sizeof(ret_error->why), "the rule cannot be written: %s",
                       status_text(s));
        return s;
    }
    return write_actions(m, actions, ret_error);
}

static enum status write_route(struct mitigation *m, const struct ip_prefix *prefix,
                               const struct model_route *route)
{
    const struct communities *c = &route->communities;
    struct text text;
    _Static_assert((int)MITIGATION_LARGE_MAX >= (int)MODEL_COMMUNITIES_MAX &&
                       (int)MITIGATION_STANDARD_MAX >= (int)MODEL_COMMUNITIES_MAX,
                   "what a method names has room");
    m->route = route->kind;
    m->nlri_len = route_nlri_encode(prefix, m->nlri);
    m->next_hop_len = c->next_hop_len;
    memcpy(m->next_hop, route->next_hop, sizeof(m->next_hop));
    m->standard_count = c->standard_count;
    m->community_count = c->count;
    m->large_count = c->large_count;
    memcpy(m->standard, route->standard, sizeof(route->standard));
    memcpy(m->communities, route->extended, sizeof(route->extended));
    memcpy(m->large, route->large, sizeof(route->large));
    text_init(&text, RULE_TEXT_MAX - 1);
    route_format_text((enum route_kind)route->kind, prefix, c, &text);
    (void)snprintf(m->rule, sizeof(m->rule), "%s", text.failed ? "" : text_str(&text));
    text_done(&text);
    return STATUS_OK;
}

static enum status fill(struct mitigation *m, const struct engine *e, const struct start *start,
                        const struct flow_rule *rule, const struct flow_actions *actions,
                        struct rule_error *ret_error, struct engine_now now)
{
    id_make(m->id, 'm', now.state_ms);
    (void)snprintf(m->alarm, sizeof(m->alarm), "%s", start->alarm);
    (void)snprintf(m->policy, sizeof(m->policy), "%s", start->policy);
    (void)snprintf(m->method, sizeof(m->method), "%s", start->method);
    (void)snprintf(m->who, sizeof(m->who), "%s", start->who);
    (void)snprintf(m->reason, sizeof(m->reason), "%s", start->reason);
    m->origin = (uint8_t)start->origin;
    m->state = MITIGATION_ANNOUNCING;
    m->family = rule->family;
    m->epoch = e->options.epoch;
    m->revision = 1;
    m->created_ms = m->announced_ms = m->renewed_ms = m->decided_ms = now.state_ms;
    m->until_ms = start->until_ms;
    m->lease_ms = start->lease_ms;
    m->withdraw_after_ms = start->withdraw_after_ms;
    m->withdraw_manual = start->withdraw_manual;
    m->crossed_ms = start->crossed_ms;
    m->peer_count = start->peer_count;
    if (start->peers != NULL)
        memcpy(m->peers, start->peers, start->peer_count * sizeof(m->peers[0]));
    else
        m->peer_count = start_peers(
            e, start->platform, rule->family,
            start->route != NULL ? (enum route_kind)start->route->kind : ROUTE_FLOWSPEC, m->peers);
    m->dry_run = start->dry_run || e->model->config->dry_run;
    for (size_t i = 0; i < e->model->config->platform_count; i++) {
        const struct config_platform *platform = &e->model->config->platforms[i];
        m->dry_run = m->dry_run || (platform->dry_run && reaches(e, start, m, platform));
    }
    return start->route != NULL ? write_route(m, &rule->destination, start->route)
                                : write_rule(m, rule, actions, ret_error);
}

void start_write(struct engine *e, struct live_mitigation *live, const char *what, const char *who,
                 const char *why, struct engine_now now)
{
    struct mitigation *m = &live->m;
    struct job job = {.verb = JOB_ANNOUNCE,
                      .epoch = m->epoch,
                      .revision = m->revision,
                      .crossed_ms = m->crossed_ms,
                      .tick_ms = m->crossed_ms,
                      .decided_ms = m->decided_ms,
                      .written_ms = m->decided_ms};
    if (m->dry_run && e->model->config->peer_count == 0) {
        m->state = MITIGATION_ACTIVE; /* no peer is there that a speaker could answer for */
        m->active_ms = now.state_ms;
    }
    (void)snprintf(job.mitigation, sizeof(job.mitigation), "%s", m->id);
    struct engine_write write = {.mitigation = m,
                                 .standing = ENGINE_STANDS,
                                 .announces = true,
                                 .job = &job,
                                 .what = what,
                                 .who = who,
                                 .why = why};
    e->options.on_write(e->options.owner, &write);
}

static void write_new(struct engine *e, struct live_mitigation *live, const struct start *start,
                      struct engine_now now)
{
    start_write(e, live, live->m.dry_run ? "announce (dry run)" : "announce", start->who,
                start->reason, now);
}

/* A refusal is kept: the record says what was wanted and which invariant forbade it. */
static void write_refused(struct engine *e, struct mitigation *m, const char *why,
                          struct engine_now now)
{
    m->state = MITIGATION_REFUSED;
    m->ended_ms = now.state_ms;
    (void)snprintf(m->why_ended, sizeof(m->why_ended), "%s", why);
    struct engine_write write = {.mitigation = m,
                                 .standing = ENGINE_ENDED,
                                 .what = "refused",
                                 .who = m->who,
                                 .why = m->why_ended};
    e->options.on_write(e->options.owner, &write);
}

/* Wanted again while its delay before the withdrawal runs: it stays, and the speakers are told so.
 */
static void keep_standing(struct engine *e, struct live_mitigation *live, const struct start *start,
                          struct engine_now now)
{
    /* What a person gave a time keeps it; alarms that still want the rule then start it anew. */
    if (live->m.until_ms == 0 || start->until_ms != 0 || live->m.withdraw_manual)
        return;
    live->m.until_ms = 0;
    live->m.revision++;
    live->m.renewed_ms = now.state_ms;
    write_new(e, live, start, now);
}

/* What keeps a rule from starting now, and not for good. */
static bool not_now(struct engine *e, const struct start *start, const struct mitigation *m,
                    const struct live_mitigation *in_the_way, char ret_why[REASON_MAX])
{
    char scope[SCOPE_TEXT_MAX];
    const struct scope *hold = start->origin == ORIGIN_ALARM ? mitigations_held(e, m) : NULL;
    if (hold != NULL) {
        (void)snprintf(ret_why, REASON_MAX, "on hold (%.60s): weir resume",
                       scope_format(hold, scope));
        return true;
    }
    if (in_the_way != NULL) {
        (void)snprintf(ret_why, REASON_MAX,
                       "%s has this match with another action, peers or dry run", in_the_way->m.id);
        return true;
    }
    return false;
}

/* The same rule may pass when other rules have come or gone. */
static bool depends_on_others(enum guard_invariant invariant)
{
    return invariant == GUARD_BUDGET || invariant == GUARD_SHADOW || invariant == GUARD_SESSION;
}

/* Guards a rule. It needs a place where ret_place is not NULL. */
static bool may_start(struct engine *e, const struct start *start, const struct mitigation *m,
                      const struct flow_rule *rule, const struct flow_actions *actions,
                      struct start_refusal *ret_refusal, struct budget_place *ret_place,
                      struct engine_now now)
{
    struct guard_verdict verdict = {0};
    if (m->peer_count == 0 && e->model->config->peer_count != 0) {
        (void)snprintf(ret_refusal->why, REASON_MAX, "no peer takes this family");
        return false;
    }
    judge(e, start, m, rule, actions, &verdict, ret_place, now);
    if (verdict.count == 0)
        return true;
    const struct guard_refusal *first = &verdict.refusals[0];
    (void)snprintf(ret_refusal->why, REASON_MAX, "%s: %s", guard_label(first->invariant),
                   first->text);
    ret_refusal->for_now = true;
    for (size_t i = 0; i < verdict.count; i++)
        ret_refusal->for_now =
            ret_refusal->for_now && depends_on_others(verdict.refusals[i].invariant);
    return false;
}

static struct live_mitigation *add(struct engine *e, struct live_mitigation *live,
                                   const struct start *start, const struct budget_place *place,
                                   struct engine_now now)
{
    bool is_new = false;
    struct live_mitigation **at =
        table_insert(e->mitigations, live->m.id, strlen(live->m.id), &is_new);
    if (at == NULL || !is_new)
        return NULL;
    *at = live;
    live->created_ms = live->renewed_ms = now.mono_ms;
    budget_take(e, place, live, now);
    e->starts_ms[e->start_next] = now.mono_ms;
    e->start_next = (e->start_next + 1) % STARTS_A_MINUTE_MAX;
    write_new(e, live, start, now);
    return live;
}

/* The fresh one where it is new, the standing one that it shares or has replaced, or NULL. */
static struct live_mitigation *try(struct engine *e, struct live_mitigation *fresh,
                                   const struct start *start, const struct flow_rule *rule,
                                   const struct flow_actions *actions,
                                   struct start_refusal *ret_refusal, struct engine_now now)
{
    struct rule_error error = {0};
    struct budget_place place;
    struct live_mitigation *standing = NULL;
    if (fill(&fresh->m, e, start, rule, actions, &error, now) != STATUS_OK) {
        (void)snprintf(ret_refusal->why, REASON_MAX, "%s", error.why);
        return NULL;
    }
    enum same_match match = same_find(e, start, &fresh->m, &standing);
    if (match == SAME_STANDS) {
        keep_standing(e, standing, start, now);
        return standing;
    }
    if (not_now(e, start, &fresh->m, match == SAME_IN_THE_WAY ? standing : NULL,
                ret_refusal->why)) {
        ret_refusal->for_now = true;
        return NULL;
    }
    if (!may_start(e, start, &fresh->m, rule, actions, ret_refusal,
                   match == SAME_REPLACE ? NULL : &place, now))
        return NULL;
    if (match == SAME_REPLACE) {
        same_replace(e, standing, &fresh->m, start, now);
        return standing;
    }
    return add(e, fresh, start, &place, now);
}

struct live_mitigation *start_rule(struct engine *e, const struct start *start,
                                   const struct flow_rule *rule, const struct flow_actions *actions,
                                   struct start_refusal *ret_refusal, struct engine_now now)
{
    *ret_refusal = (struct start_refusal){.for_now = true};
    if (table_count(e->mitigations) == ENGINE_MITIGATIONS_MAX) {
        (void)snprintf(ret_refusal->why, REASON_MAX, "budget: %d mitigations are known already",
                       ENGINE_MITIGATIONS_MAX);
        return NULL;
    }
    (void)snprintf(ret_refusal->why, REASON_MAX, "out of memory");
    struct live_mitigation *live = calloc(1, sizeof(*live));
    if (live == NULL)
        return NULL;
    ret_refusal->for_now = false;
    struct live_mitigation *standing = try(e, live, start, rule, actions, ret_refusal, now);
    if (standing == live)
        return live;
    if (standing == NULL && !start->is_retry) {
        (void)snprintf(ret_refusal->id, sizeof(ret_refusal->id), "%s", live->m.id);
        write_refused(e, &live->m, ret_refusal->why, now);
    }
    free(live);
    return standing;
}
