#include "flowspec/route.h"
#include "speaker/accepting.h"
#include "speaker/adapter.h"
#include "speaker/isolate.h"
#include "speaker/out_exabgp.h"
#include "speaker/out_results.h"
#include "speaker/parts.h"
#include "speaker/speaker.h"
#include "speaker/speaker_metrics.h"
#include "speaker/store.h"
#include "speaker/turns.h"

#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLATFORMS_MAX = 64 };

static const struct peer *peer_at(const struct speaker *speaker, size_t peer)
{
    return peer < DESIRED_PEERS_MAX ? speaker->peers[peer] : NULL;
}

/* --- dry run ------------------------------------------------------------------------------------
 */

/* Dry wins: policy has said so in the mitigation, or this process's own configuration says so. */
static const char *dry_reason(const struct config *config, const struct standing *s)
{
    if (s->dry_run)
        return "dry run of the mitigation";
    if (config->dry_run)
        return "dry run of this speaker's configuration";
    for (size_t i = 0; i < config->method_count; i++)
        if (config->methods[i].dry_run && strcmp(config->methods[i].name, s->method) == 0)
            return "dry run of the method";
    for (size_t i = 0; i < config->policy_count; i++)
        if (config->policies[i].dry_run && strcmp(config->policies[i].name, s->policy) == 0)
            return "dry run of the policy";
    return NULL;
}

static bool is_in(const struct config *config, const struct config_platform *platform,
                  const struct peer *peer)
{
    for (size_t i = 0; i < platform->peer_count; i++)
        if (strcmp(config->peers[platform->peers[i]].name, peer->settings.configured) == 0)
            return true;
    return false;
}

/* --- guard and profile --------------------------------------------------------------------------
 */

/* Why the guard refuses a route; of_session: a rule that accepts could change that. */
struct refusal {
    char *why; /* REASON_MAX */
    bool of_session;
};

static bool route_passes(const struct speaker *speaker, const struct guard_context *context,
                         const struct standing *s, uint32_t nlri_id, uint32_t attributes,
                         struct refusal *ret_refusal)
{
    struct guard_verdict verdict;
    struct rib_nlri nlri = rib_nlri(speaker->rib, nlri_id);
    struct communities communities = rib_attributes(speaker->rib, attributes);
    if (s->route == ROUTE_FLOWSPEC)
        guard_judge_bytes(context, (enum addr_family)s->family, nlri.bytes, nlri.len, &communities,
                          &verdict);
    else
        guard_judge_route(context, (enum route_kind)s->route, (enum addr_family)s->family,
                          nlri.bytes, nlri.len, &communities, &verdict);
    if (verdict.count == 0)
        return true;
    for (size_t i = 0; i < verdict.count; i++)
        ret_refusal->of_session |= verdict.refusals[i].invariant == GUARD_SESSION;
    (void)snprintf(ret_refusal->why, REASON_MAX, "guard: %s: %s%.170s",
                   guard_label(verdict.refusals[0].invariant),
                   nlri_id != s->whole.nlri ? "of a part: " : "", verdict.refusals[0].text);
    return false;
}

/* The rule as it is, and each part on its own octets. */
static bool all_pass(const struct speaker *speaker, const struct guard_context *context,
                     const struct standing *s, const struct desired_parts *parts,
                     struct refusal *ret_refusal)
{
    /* A blackhole that is another one at this peer goes out as that and nothing else. */
    bool passes =
        (s->route != ROUTE_FLOWSPEC && parts->count > 0) ||
        route_passes(speaker, context, s, s->whole.nlri, s->whole.attributes, ret_refusal);
    for (size_t i = 0; i < parts->count && passes; i++)
        passes = route_passes(speaker, context, s, parts->at[i].nlri, parts->at[i].attributes,
                              ret_refusal);
    return passes;
}

static bool guard_passes(const struct speaker *speaker, const struct config_platform *platform,
                         const struct standing *s, const struct peer *peer,
                         const struct desired_parts *parts, char why[REASON_MAX])
{
    struct guard_context context;
    model_guard_context(speaker->model, platform, &context);
    context.orders = 0;
    guard_take_profile(&context, peer->settings.profile);
    /* Shadowing and budgets are policy's to weigh; a route that policy wants is not dropped here
     * because of another one. */
    context.standing_count = 0;
    context.rules_max = 0;
    struct refusal refusal = {.why = why};
    bool passes = all_pass(speaker, &context, s, parts, &refusal);
    if (!passes && refusal.of_session && s->route == ROUTE_FLOWSPEC) {
        struct accepting *accepting = accepting_at(speaker, peer, s->family, &context);
        passes = all_pass(speaker, &context, s, parts, &refusal);
        free(accepting);
    }
    return passes;
}

/* A peer may be in several platforms: one that allows the rule and is not dry is enough. */
static enum result_kind judge_platforms(const struct speaker *speaker, const struct peer *peer,
                                        const struct standing *s, const struct desired_parts *parts,
                                        char why[REASON_MAX])
{
    const struct config *config = speaker->config;
    bool in_any = false, in_live = false;
    for (size_t i = 0; i < config->platform_count; i++) {
        const struct config_platform *platform = &config->platforms[i];
        if (!is_in(config, platform, peer))
            continue;
        in_any = true;
        if (platform->dry_run)
            continue;
        in_live = true;
        if (guard_passes(speaker, platform, s, peer, parts, why))
            return RESULT_SENT;
    }
    if (in_live)
        return RESULT_REFUSED;
    if (in_any) {
        (void)snprintf(why, REASON_MAX, "dry run of the peer's platform");
        return RESULT_DRY_RUN;
    }
    return guard_passes(speaker, NULL, s, peer, parts, why) ? RESULT_SENT : RESULT_REFUSED;
}

static bool route_fits(const struct speaker *speaker, const struct peer *peer,
                       const struct standing *s, uint32_t nlri_id, uint32_t attributes)
{
    struct rib_nlri nlri = rib_nlri(speaker->rib, nlri_id);
    struct communities communities = rib_attributes(speaker->rib, attributes);
    return update_fits(desired_family(s), &peer->path, &communities, nlri.bytes, nlri.len);
}

/* Asked before anything is sent: an accept rule that cannot be must not let another one out. */
static bool all_fit(const struct speaker *speaker, const struct peer *peer,
                    const struct standing *s, const struct desired_parts *parts)
{
    bool fit = parts->count > 0 || route_fits(speaker, peer, s, s->whole.nlri, s->whole.attributes);
    for (size_t i = 0; i < parts->count && fit; i++)
        fit = route_fits(speaker, peer, s, parts->at[i].nlri, parts->at[i].attributes);
    return fit;
}

static bool exabgp_takes_all(const struct speaker *speaker, const struct standing *s,
                             const struct desired_parts *parts, char why[REASON_MAX])
{
    bool takes =
        parts->count > 0 || out_exabgp_takes(speaker, s->whole.nlri, s->whole.attributes, why);
    for (size_t i = 0; i < parts->count && takes; i++)
        takes = out_exabgp_takes(speaker, parts->at[i].nlri, parts->at[i].attributes, why);
    return takes;
}

/* Its session fell over the route, or over one of the parts. */
static bool is_quarantined(const struct speaker *speaker, const struct peer *peer,
                           const struct standing *s, const struct desired_parts *parts,
                           char why[REASON_MAX])
{
    bool is = parts->count == 0 &&
              isolate_refuses(speaker, peer, s->id, s->whole.nlri, s->whole.attributes, why);
    for (size_t i = 0; i < parts->count && !is; i++)
        is = isolate_refuses(speaker, peer, s->id, parts->at[i].nlri, parts->at[i].attributes, why);
    return is;
}

/* How the peer gets it: a rule as its profile takes it, a route as the method says for this peer.
 */
static enum status make_form(const struct speaker *speaker, const struct peer *peer,
                             const struct standing *s, struct desired_parts *ret_parts,
                             char why[REASON_MAX])
{
    if (s->route == ROUTE_FLOWSPEC) {
        struct router_profile profile = *peer->settings.profile;
        if (peer->path.message_max <= BGP_MESSAGE_MAX)
            profile = profile_of_short_messages(&profile);
        return parts_make(speaker->parts_scratch, speaker->rib, &profile, s, ret_parts, why);
    }
    enum status status = parts_differ(
        speaker->rib, model_route_peer(speaker->config, s->method, peer->settings.configured), s,
        ret_parts);
    if (status != STATUS_OK)
        (void)snprintf(why, REASON_MAX, "budget: no room for its attributes: %s",
                       status_text(status));
    return status;
}

/* The guard's word comes before the profile's. */
static enum result_kind judge_route(const struct speaker *speaker, const struct peer *peer,
                                    const struct standing *s, struct desired_parts *ret_parts,
                                    char why[REASON_MAX])
{
    char profile_why[REASON_MAX] = "";
    enum status status = make_form(speaker, peer, s, ret_parts, profile_why);
    enum result_kind kind = judge_platforms(speaker, peer, s, ret_parts, why);
    if (kind == RESULT_SENT && status != STATUS_OK) {
        (void)snprintf(why, REASON_MAX, "%s", profile_why);
        kind = RESULT_REFUSED;
    }
    if (kind == RESULT_SENT && !all_fit(speaker, peer, s, ret_parts)) {
        (void)snprintf(why, REASON_MAX, "%s", DESIRED_UNFIT);
        kind = RESULT_REFUSED;
    }
    if (kind == RESULT_SENT && peer->settings.by_exabgp &&
        !exabgp_takes_all(speaker, s, ret_parts, why))
        kind = RESULT_REFUSED;
    if (kind == RESULT_SENT && is_quarantined(speaker, peer, s, ret_parts, why))
        kind = RESULT_REFUSED;
    if (kind != RESULT_SENT)
        parts_release(speaker->rib, ret_parts);
    return kind;
}

static enum result_kind judge(void *owner, const struct standing *s, size_t number,
                              struct desired_parts *ret_parts, char why[REASON_MAX])
{
    const struct speaker *speaker = owner;
    const struct peer *peer = peer_at(speaker, number);
    unsigned int family_bit = 1U << desired_family(s);
    if (peer == NULL || s->whole.nlri == 0) {
        (void)snprintf(why, REASON_MAX, "there is no such peer or rule");
        return RESULT_REFUSED;
    }
    const char *dry = dry_reason(speaker->config, s);
    if (dry != NULL) {
        (void)snprintf(why, REASON_MAX, "%s", dry);
        return RESULT_DRY_RUN;
    }
    bool agreed = !peer_is_up(peer) || (peer_families(peer) & family_bit) != 0;
    if ((peer->settings.families & family_bit) == 0 || !agreed) {
        (void)snprintf(why, REASON_MAX, "family: %s %s",
                       (peer->settings.families & family_bit) == 0 ? "not configured:"
                                                                   : "the peer did not agree to",
                       message_family_name(desired_family(s)));
        return RESULT_REFUSED;
    }
    return judge_route(speaker, peer, s, ret_parts, why);
}

/* --- the other callbacks ------------------------------------------------------------------------
 */

static const char *held(void *owner, const struct standing *s, size_t number)
{
    const struct speaker *speaker = owner;
    const struct peer *peer = peer_at(speaker, number);
    if (speaker->withdrawing)
        return "this speaker is shutting down";
    if (peer == NULL || speaker->holds.count == 0)
        return NULL;
    const char *platforms[PLATFORMS_MAX];
    struct hold_question question = {.peer = peer->settings.configured,
                                     .method = s->method,
                                     .alarm = s->alarm,
                                     .platforms = platforms,
                                     .family = s->family};
    question.platform_count = peers_platforms(speaker, peer, platforms, PLATFORMS_MAX);
    const struct hold *hold = holds_find(&speaker->holds, &question);
    return hold == NULL ? NULL : hold->why[0] != '\0' ? hold->why : "withdraw-all";
}

static const char *down(void *owner, size_t number)
{
    const struct peer *peer = peer_at(owner, number);
    if (peer == NULL || peer_is_up(peer))
        return NULL;
    return peer->last_error[0] != '\0' ? peer->last_error : fsm_state_name(peer_state(peer));
}

static size_t room(void *owner, size_t number)
{
    const struct peer *peer = peer_at(owner, number);
    return peer == NULL ? 0 : rib_out_room(&peer->rib_out);
}

static enum status want(void *owner, size_t number, uint32_t nlri, uint32_t attributes)
{
    struct speaker *speaker = owner;
    if (peer_at(speaker, number) == NULL)
        return STATUS_NOT_FOUND;
    struct rib_out *out = &speaker->peers[number]->rib_out;
    uint32_t before = rib_out_wanted(out, nlri);
    if (attributes != 0 && accepting_attributes(speaker, attributes))
        rib_set_guarding(speaker->rib, attributes);
    if (before != attributes && ((before != 0 && rib_is_guarding(speaker->rib, before)) ||
                                 (attributes != 0 && rib_is_guarding(speaker->rib, attributes))))
        accepting_note(speaker, number);
    if (before != attributes)
        turns_due(speaker, number);
    enum status status = rib_out_want(out, nlri, attributes);
    if (speaker->checking && before != attributes && status == STATUS_OK)
        speaker->repaired++;
    return status;
}

static uint32_t announced(void *owner, size_t number, uint32_t nlri)
{
    const struct peer *peer = peer_at(owner, number);
    /* What ExaBGP keeps for neighbours that are away is nowhere yet. */
    if (peer == NULL || (peer->settings.by_exabgp && !peer_is_up(peer)))
        return 0;
    return rib_out_announced(&peer->rib_out, nlri);
}

static bool report(void *owner, const struct standing *s, size_t number, enum result_kind kind,
                   const char *why)
{
    struct speaker *speaker = owner;
    if (peer_at(speaker, number) == NULL)
        return true;
    bool kept = out_results_report(speaker->out_results, s, speaker->peers[number]->settings.name,
                                   kind, why);
    if (!kept)
        return false; /* counted and logged when it is said */
    speaker_metrics_result(kind, why);
    if (kind == RESULT_SENT && !s->deployed) {
        uint64_t now_ms = speaker_time(speaker).redis_ms;
        bool known = s->crossed_ms != 0 && now_ms > s->crossed_ms;
        speaker_metrics_deployed(known ? (now_ms - s->crossed_ms) * 1000 : 0);
    }
    if (kind == RESULT_REFUSED) {
        char text[2 * REASON_MAX];
        log_warn("route refused", "mitigation=%s peer=%s reason=%s", s->id,
                 speaker->peers[number]->settings.name, log_value(text, sizeof(text), why));
    }
    return true;
}

static void ended(void *owner, const struct standing *s)
{
    static const char *const reasons[] = {
        [DESIRED_UNTIL] = "its time is over",
        [DESIRED_LEASE] = "policy did not renew it",
        [DESIRED_ORPHAN] = "orphan_max: no contact with policy or the state server"};
    adapter_ended(owner, s, reasons[s->end]);
    speaker_metrics_ended((enum desired_end)s->end);
    if (s->end == DESIRED_UNTIL)
        log_info("mitigation ended here", "mitigation=%s reason=\"%s\"", s->id, reasons[s->end]);
    else
        log_error("mitigation ended here, without a word of policy", "mitigation=%s reason=\"%s\"",
                  s->id, reasons[s->end]);
}

static void forgotten(void *owner, const char *id)
{
    struct speaker *speaker = owner;
    adapter_routes_forget(adapter_routes(speaker), id);
    store_drop_mitigation(speaker, id);
}

struct desired_ops judge_ops(struct speaker *speaker)
{
    return (struct desired_ops){.judge = judge,
                                .held = held,
                                .down = down,
                                .room = room,
                                .want = want,
                                .announced = announced,
                                .report = report,
                                .ended = ended,
                                .forgotten = forgotten,
                                .owner = speaker};
}
