#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What stands, under a configuration that may be another than the one it was started with: after a
 * reload, and after a restart. What the guard refuses now is withdrawn, and what may only be a dry
 * run now becomes one, whoever started it.
 */

/* Of the mitigation's peers all are the platform's; of one that has none, it may be any. */
static bool is_of_platform(const struct engine *e, const struct mitigation *m,
                           const struct config_platform *platform)
{
    const struct config *c = e->model->config;
    size_t inside = 0;
    for (size_t i = 0; i < m->peer_count; i++) {
        for (size_t j = 0; j < platform->peer_count; j++)
            inside += strcmp(c->peers[platform->peers[j]].name, m->peers[i]) == 0;
    }
    return inside == m->peer_count;
}

static bool passes(const struct engine *e, const struct mitigation *m,
                   const struct config_platform *platform, struct guard_verdict *ret_verdict)
{
    struct guard_context context;
    model_guard_context(e->model, platform, &context);
    context.rules_max = 0; /* budget.c sees to that */
    beside_orders(e, m, &context);
    start_judge_bytes(&context, m, ret_verdict);
    struct beside_accepting *accepting =
        m->route == ROUTE_FLOWSPEC ? beside_accepting(e, m, ret_verdict, &context) : NULL;
    if (accepting != NULL)
        start_judge_bytes(&context, m, ret_verdict);
    free(accepting);
    return ret_verdict->count == 0;
}

/* Which platform it was started on is not known: one that allows it is enough. */
static bool may_stand(const struct engine *e, const struct mitigation *m,
                      struct guard_verdict *ret_verdict)
{
    const struct config *c = e->model->config;
    bool has_platform = false;
    for (size_t i = 0; i < c->platform_count; i++) {
        if (!is_of_platform(e, m, &c->platforms[i]))
            continue;
        has_platform = true;
        if (passes(e, m, &c->platforms[i], ret_verdict))
            return true;
    }
    return !has_platform && passes(e, m, NULL, ret_verdict);
}

/* Its alarm's policy is asked when the alarm asks again. */
static bool must_be_dry(const struct engine *e, const struct mitigation *m)
{
    const struct config *c = e->model->config;
    bool is_dry = c->dry_run, has_platform = false, all_dry = true, any_dry = false;
    for (size_t i = 0; i < c->method_count; i++)
        is_dry = is_dry || (c->methods[i].dry_run && strcmp(c->methods[i].name, m->method) == 0);
    for (size_t i = 0; i < c->platform_count; i++) {
        const struct config_platform *platform = &c->platforms[i];
        if (is_of_platform(e, m, platform)) {
            has_platform = true;
            all_dry = all_dry && platform->dry_run;
        }
        any_dry = any_dry || (platform->dry_run && start_reaches(e, m, platform));
    }
    return is_dry || (has_platform ? all_dry : any_dry);
}

static void rejudge(struct engine *e, struct live_mitigation *live, struct engine_now now)
{
    struct guard_verdict verdict = {0};
    char why[REASON_MAX];
    struct mitigation *m = &live->m;
    if (!may_stand(e, m, &verdict)) {
        const struct guard_refusal *first = &verdict.refusals[0];
        (void)snprintf(why, sizeof(why), "the guard refuses it now: %s: %.180s",
                       guard_label(first->invariant), first->text);
        if (e->options.on_refusal != NULL)
            e->options.on_refusal(e->options.owner, first->invariant);
        mitigations_withdraw(e, live, "policy", why, now);
        if (first->invariant == GUARD_SESSION)
            mitigations_ask_again(e, m->id); /* its accept rule may come back */
    } else if (!m->dry_run && must_be_dry(e, m)) {
        m->dry_run = true;
        m->state = MITIGATION_ANNOUNCING;
        m->epoch = e->options.epoch;
        m->revision++;
        m->announced_ms = m->decided_ms = m->renewed_ms = now.state_ms;
        live->created_ms = live->renewed_ms = now.mono_ms;
        start_write(e, live, "replace (dry run)", "policy", "the configuration says dry run now",
                    now);
    }
}

void rejudge_all(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        if (mitigations_stands(*at))
            rejudge(e, *at, now);
    }
}
