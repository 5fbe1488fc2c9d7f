#include "speaker/adapter_local.h"

#include "common/base/log.h"
#include "speaker/adapter.h"
#include "speaker/adapter_audit.h"
#include "speaker/adapter_guard.h"
#include "speaker/parts.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool adapter_is_local(const struct speaker *speaker, const struct standing *s)
{
    return s->epoch == 0 && adapter_routes_has(adapter_routes(speaker), s->id);
}

/* --- the mitigation -----------------------------------------------------------------------------
 */

static bool is_dry(const struct config *config)
{
    bool is_dry = config->dry_run;
    for (size_t i = 0; i < config->platform_count; i++)
        is_dry = is_dry || config->platforms[i].dry_run;
    return is_dry;
}

static enum status fill(struct mitigation *m, const struct speaker *speaker,
                        const struct adapter_line *line, struct rule_error *ret_error)
{
    struct action_communities all;
    uint64_t now_ms = speaker_time(speaker).redis_ms;
    enum status status = actions_encode_all(&line->actions, &all, ret_error);
    if (status != STATUS_OK)
        return status;
    id_make(m->id, 'm', now_ms);
    adapter_who(speaker, m->who);
    (void)snprintf(m->reason, sizeof(m->reason), "%s", line->reason);
    (void)snprintf(m->rule, sizeof(m->rule), "%s", line->text);
    m->origin = ORIGIN_API;
    m->state = MITIGATION_ANNOUNCING;
    m->family = line->rule.family;
    m->revision = 1;
    m->created_ms = m->announced_ms = m->renewed_ms = m->decided_ms = now_ms;
    m->until_ms = now_ms + line->ttl_ms;
    m->withdraw_manual = true;
    m->dry_run = is_dry(speaker->config);
    memcpy(m->nlri, line->nlri, line->nlri_len);
    m->nlri_len = line->nlri_len;
    memcpy(m->communities, all.at, all.count * COMMUNITY_LEN);
    memcpy(m->communities6, all.ipv6, all.ipv6_count * COMMUNITY6_LEN);
    m->community_count = all.count;
    m->community6_count = all.ipv6_count;
    return STATUS_OK;
}

/* As what the state server does not have, since now: orphan_max counts from here. */
static enum status apply(struct speaker *speaker, const struct mitigation *m)
{
    struct desired_time now = speaker_time(speaker);
    struct text bytes;
    text_init(&bytes, 0);
    enum status status = mitigation_encode(m, &bytes);
    if (status == STATUS_OK)
        status = desired_apply(speaker->desired, m, now);
    if (status == STATUS_OK) {
        adapter_routes_note(adapter_routes(speaker), m);
        store_put_mitigation(speaker, m->id, bytes.at, bytes.len);
        if (m->state == MITIGATION_ANNOUNCING) {
            desired_set_missing(speaker->desired, m->id, now.now_ms);
            store_put_missing(speaker, m->id, now.redis_ms);
        } else {
            store_drop_missing(speaker, m->id);
        }
    }
    text_done(&bytes);
    return status;
}

/* --- its peers ----------------------------------------------------------------------------------
 */

struct outcome {
    size_t takes, dry, held;
    char why[REASON_MAX], held_why[REASON_MAX]; /* the first */
};

static void ask_peer(struct speaker *speaker, const struct standing *s, size_t peer,
                     struct outcome *outcome)
{
    struct desired_ops ops = judge_ops(speaker);
    struct desired_parts *parts = calloc(1, sizeof(*parts));
    char why[REASON_MAX] = "out of memory";
    enum result_kind kind =
        parts != NULL ? ops.judge(ops.owner, s, peer, parts, why) : RESULT_REFUSED;
    const char *held = kind == RESULT_SENT ? ops.held(ops.owner, s, peer) : NULL;
    outcome->dry += kind == RESULT_DRY_RUN ? 1 : 0;
    outcome->takes += kind == RESULT_SENT ? 1 : 0;
    outcome->held += held != NULL ? 1 : 0;
    if (kind == RESULT_REFUSED && outcome->why[0] == '\0')
        (void)snprintf(outcome->why, sizeof(outcome->why), "%s", why);
    if (held != NULL && outcome->held_why[0] == '\0')
        (void)snprintf(outcome->held_why, sizeof(outcome->held_why), "%s", held);
    if (parts != NULL && kind == RESULT_SENT)
        parts_release(speaker->rib, parts);
    free(parts);
}

/* Some peer takes it, or would if this were no dry run. */
static bool has_peer(struct speaker *speaker, const struct mitigation *m, char ret_why[REASON_MAX])
{
    struct communities communities = mitigation_communities(m);
    struct outcome outcome = {0};
    struct standing s = {.id = m->id,
                         .alarm = "",
                         .method = "",
                         .policy = "",
                         .family = m->family,
                         .route = ROUTE_FLOWSPEC,
                         .state = m->state,
                         .dry_run = m->dry_run};
    enum bgp_family family = m->family == ADDR_IPV6 ? BGP_FLOW6 : BGP_FLOW4;
    (void)snprintf(ret_why, REASON_MAX, "budget: no room for the route");
    if (rib_hold_nlri(speaker->rib, family, m->nlri, m->nlri_len, &s.whole.nlri) != STATUS_OK)
        return false;
    if (rib_hold_attributes(speaker->rib, &communities, &s.whole.attributes) == STATUS_OK) {
        for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
            if (speaker->peers[i] != NULL)
                ask_peer(speaker, &s, i, &outcome);
        rib_release_attributes(speaker->rib, s.whole.attributes);
    }
    rib_release_nlri(speaker->rib, s.whole.nlri);
    if (outcome.takes > 0 && outcome.held == outcome.takes)
        (void)snprintf(ret_why, REASON_MAX, "on hold: %.200s", outcome.held_why);
    else if (outcome.takes + outcome.dry > 0)
        return true;
    else
        (void)snprintf(ret_why, REASON_MAX, "%s",
                       outcome.why[0] != '\0' ? outcome.why : "there is no peer");
    return false;
}

/* --- what stands already ------------------------------------------------------------------------
 */

/* Ours first: that is the one to be changed. */
static const struct standing *find_same(const struct speaker *speaker, const struct mitigation *m)
{
    const struct standing *s, *found = NULL;
    size_t cursor = 0;
    while ((s = desired_next(speaker->desired, &cursor)) != NULL) {
        if (!desired_stands(s) || s->route != ROUTE_FLOWSPEC || s->whole.nlri == 0 ||
            s->family != m->family || (s->dry_run && !m->dry_run))
            continue;
        struct rib_nlri nlri = rib_nlri(speaker->rib, s->whole.nlri);
        if (nlri.len != m->nlri_len || memcmp(nlri.bytes, m->nlri, nlri.len) != 0)
            continue;
        if (adapter_is_local(speaker, s))
            return s;
        found = s;
    }
    return found;
}

/* --- announce -----------------------------------------------------------------------------------
 */

static json_t *agreed(const struct mitigation *m, const struct adapter_line *line, bool in_bytes)
{
    char text[RULE_TEXT_MAX + 128];
    (void)snprintf(text, sizeof(text), "%s: %s%s, without policy", m->id, m->rule,
                   m->dry_run ? " (dry run: not announced)" : "");
    json_t *answer =
        json_pack("{s:b, s:s, s:s, s:[s], s:s, s:f}", "ok", 1, "by", "speaker", "id", m->id, "ids",
                  m->id, "text", text, "ttl", (double)line->ttl_ms / 1000);
    adapter_add_rule(answer, &line->rule, &line->actions, in_bytes);
    return answer;
}

/* False, and why. */
static bool may_announce(struct speaker *speaker, const struct adapter_line *line,
                         struct mitigation *m, char ret_why[REASON_MAX])
{
    struct rule_error error = {0};
    uint64_t most_ms = speaker->config->speaker.orphan_max_ms;
    char most[TEXT_QUANTITY_MAX];
    if (line->ttl_ms == 0) {
        (void)snprintf(ret_why, REASON_MAX,
                       "policy is away, and without it a rule has to name its time: ttl");
        return false;
    }
    if (line->ttl_ms > most_ms) {
        (void)snprintf(ret_why, REASON_MAX,
                       "ttl: policy is away, and without it a rule stays for %s at the most",
                       text_format_duration_ms(most_ms, most));
        return false;
    }
    if (fill(m, speaker, line, &error) != STATUS_OK) {
        (void)snprintf(ret_why, REASON_MAX, "%s", error.why);
        return false;
    }
    const struct standing *same = find_same(speaker, m);
    bool is_ours = same != NULL && adapter_is_local(speaker, same);
    if (same != NULL && !is_ours) {
        (void)snprintf(ret_why, REASON_MAX, "%s has this match, and is of policy, which is away",
                       same->id);
        return false;
    }
    if (is_ours) { /* takes no place more, and is no start */
        memcpy(m->id, same->id, strlen(same->id) + 1);
        m->revision = same->revision + 1;
        m->created_ms = same->created_ms;
    }
    return adapter_guard_passes(speaker, line, m, is_ours ? NULL : adapter_starts(speaker),
                                ret_why) &&
           has_peer(speaker, m, ret_why);
}

static json_t *announce(struct speaker *speaker, const struct adapter_line *line,
                        struct mitigation *m, bool in_bytes)
{
    char why[REASON_MAX] = "";
    if (!may_announce(speaker, line, m, why))
        return adapter_refusal("refused: %s", why);
    bool is_new = m->revision == 1;
    enum status status = apply(speaker, m);
    if (status != STATUS_OK)
        return adapter_refusal("refused: budget: no room: %s", status_text(status));
    if (is_new)
        adapter_starts_note(adapter_starts(speaker), speaker_now_ms(speaker));
    adapter_audit(speaker, is_new ? "announce" : "replace", m->id, line->reason, m->rule);
    return agreed(m, line, in_bytes);
}

json_t *adapter_local_announce(struct speaker *speaker, const struct adapter_line *line,
                               bool in_bytes)
{
    struct mitigation *m = calloc(1, sizeof(*m));
    json_t *answer =
        m != NULL ? announce(speaker, line, m, in_bytes) : adapter_refusal("out of memory");
    free(m);
    return answer;
}

/* --- withdraw -----------------------------------------------------------------------------------
 */

/* It says no route, so what it had goes. */
void adapter_local_withdraw(struct speaker *speaker, const struct standing *s, const char *why)
{
    struct mitigation *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return;
    memcpy(m->id, s->id, strlen(s->id) + 1);
    adapter_who(speaker, m->who);
    m->origin = ORIGIN_API;
    m->state = MITIGATION_WITHDRAWN;
    m->family = s->family;
    m->revision = s->revision + 1;
    m->created_ms = s->created_ms;
    m->ended_ms = speaker_time(speaker).redis_ms;
    (void)snprintf(m->why_ended, sizeof(m->why_ended), "%s", why);
    if (apply(speaker, m) == STATUS_OK)
        adapter_audit(speaker, "withdraw", m->id, why, "");
    free(m);
}

void adapter_local_give_up(struct speaker *speaker, const struct adapter_line *line)
{
    struct adapter_found *found = calloc(1, sizeof(*found));
    struct adapter_line *exact = malloc(sizeof(*exact));
    if (found != NULL && exact != NULL) {
        *exact = *line;
        exact->exact = true;
        adapter_routes_find(adapter_routes(speaker), speaker->desired, speaker->rib, exact, found);
        for (size_t i = 0; i < found->count; i++) {
            const struct standing *s = desired_find(speaker->desired, found->ids[i]);
            if (adapter_is_local(speaker, s))
                adapter_local_withdraw(speaker, s, "policy has this match now");
        }
    }
    free(exact);
    free(found);
}
