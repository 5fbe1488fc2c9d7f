#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* The way out: withdraw-all of a scope, and the holds that keep what it took away from returning.
 */

static bool platform_has(const struct config *c, const char *platform, const char *peer)
{
    for (size_t i = 0; i < c->platform_count; i++) {
        const struct config_platform *p = &c->platforms[i];
        if (strcmp(p->name, platform) != 0)
            continue;
        for (size_t j = 0; j < p->peer_count; j++) {
            if (strcmp(c->peers[p->peers[j]].name, peer) == 0)
                return true;
        }
    }
    return false;
}

/* Whether the scope keeps the mitigation from this peer; "": from all. */
static bool covers_at(const struct engine *e, const struct scope *scope, const struct mitigation *m,
                      const char *peer)
{
    switch ((enum scope_kind)scope->kind) {
    case SCOPE_ALL:
        return true;
    case SCOPE_METHOD:
        return strcmp(scope->value, m->method) == 0;
    case SCOPE_ALARM:
        return strcmp(scope->value, m->alarm) == 0;
    case SCOPE_FAMILY:
        return strcmp(scope->value, m->family == ADDR_IPV4 ? "ipv4" : "ipv6") == 0;
    case SCOPE_PEER:
        return strcmp(scope->value, peer) == 0;
    case SCOPE_PLATFORM:
        return platform_has(e->model->config, scope->value, peer);
    case SCOPE_KIND_COUNT:
        break;
    }
    return false;
}

bool mitigations_covered(const struct engine *e, const struct scope *scope,
                         const struct mitigation *m)
{
    if (m->peer_count == 0)
        return covers_at(e, scope, m, "");
    for (size_t i = 0; i < m->peer_count; i++) {
        if (!covers_at(e, scope, m, m->peers[i]))
            return false;
    }
    return true;
}

static const struct scope *held_at(const struct engine *e, const struct mitigation *m,
                                   const char *peer)
{
    for (size_t i = 0; i < e->hold_count; i++) {
        if (covers_at(e, &e->holds[i], m, peer))
            return &e->holds[i];
    }
    return NULL;
}

const struct scope *mitigations_held(const struct engine *e, const struct mitigation *m)
{
    const struct scope *hold = NULL;
    if (m->peer_count == 0)
        return held_at(e, m, "");
    for (size_t i = 0; i < m->peer_count; i++) {
        if ((hold = held_at(e, m, m->peers[i])) == NULL)
            return NULL;
    }
    return hold;
}

void engine_stop(struct engine *e, const struct scope *scope, const char *who, const char *why,
                 struct engine_now now)
{
    char reason[REASON_MAX];
    (void)snprintf(reason, sizeof(reason), "withdraw-all%s%.200s", why[0] != '\0' ? ": " : "", why);
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        if (mitigations_covered(e, scope, &(*at)->m))
            mitigations_withdraw(e, *at, who, reason, now);
    }
}

/* Each takes away a part only, and together they leave nothing of it. */
static void withdraw_held(struct engine *e, struct engine_now now)
{
    char reason[REASON_MAX], text[SCOPE_TEXT_MAX];
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        const struct scope *hold = mitigations_held(e, &(*at)->m);
        if (hold == NULL)
            continue;
        (void)snprintf(reason, sizeof(reason), "every peer of it is on hold, the last by %s",
                       scope_format(hold, text));
        mitigations_withdraw(e, *at, "hold", reason, now);
    }
}

void engine_holds(struct engine *e, const struct scope *scopes, size_t count, struct engine_now now)
{
    count = count < HOLDS_MAX ? count : HOLDS_MAX; /* state Redis itself refuses what others hold */
    bool changed = count != e->hold_count;
    e->hold_count = count;
    for (size_t i = 0; i < e->hold_count; i++) {
        changed = changed || !scope_equal(&e->holds[i], &scopes[i]);
        e->holds[i] = scopes[i];
    }
    if (!changed)
        return;
    withdraw_held(e, now);
    /* What a hold kept down, or a stop took away, is asked for again when it is lifted. */
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL) {
            t->live->settled = false;
            t->live->retry_ms = 0;
        }
    }
}
