#include "policy/engine/engine_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALL_REFUSED_AFTER_MS = 2000, /* other speakers may still take it */
    NO_SPEAKER_AFTER_MS = 5000,  /* withdrawn, and no speaker ever said that it sent it */
    NO_ANSWER_AFTER_MS = 30000   /* a speaker that is gone: it obeys the hash when it returns */
};

struct live_mitigation *mitigations_by_id(const struct engine *e, const char *id)
{
    struct live_mitigation **at = table_find(e->mitigations, id, strlen(id));
    return at != NULL ? *at : NULL;
}

bool mitigations_stands(const struct live_mitigation *live)
{
    return live->m.state == MITIGATION_ANNOUNCING || live->m.state == MITIGATION_ACTIVE;
}

static void write_change(struct engine *e, struct live_mitigation *live,
                         enum engine_standing standing, const struct job *job, const char *what,
                         const char *who, const char *why)
{
    live->m.revision++;
    struct job with_revision = {0};
    if (job != NULL) {
        with_revision = *job;
        with_revision.revision = live->m.revision;
    }
    struct engine_write write = {.mitigation = &live->m,
                                 .standing = standing,
                                 .job = job != NULL ? &with_revision : NULL,
                                 .what = what,
                                 .who = who,
                                 .why = why};
    e->options.on_write(e->options.owner, &write);
}

/* It is over: written, and forgotten here. */
static void finish(struct engine *e, struct live_mitigation *live, enum mitigation_state state,
                   const char *why, struct engine_now now)
{
    live->m.state = (uint8_t)state;
    live->m.ended_ms = now.state_ms;
    beside_changed(e, &live->m);
    if (why != NULL)
        (void)snprintf(live->m.why_ended, sizeof(live->m.why_ended), "%s", why);
    write_change(e, live, ENGINE_ENDED, NULL, mitigation_state_name(state), "policy",
                 live->m.why_ended);
    adopt_note_ended(e, live->m.id);
    (void)table_remove(e->mitigations, live->m.id, strlen(live->m.id));
    mitigation_done(&live->m);
    free(live);
}

void mitigations_withdraw(struct engine *e, struct live_mitigation *live, const char *who,
                          const char *why, struct engine_now now)
{
    if (!mitigations_stands(live))
        return;
    struct mitigation *m = &live->m;
    m->state = MITIGATION_WITHDRAWING;
    m->withdraw_asked_ms = now.state_ms;
    live->withdrawing_since_ms = now.mono_ms;
    (void)snprintf(m->why_ended, sizeof(m->why_ended), "%s", why);
    struct job job = {.verb = JOB_WITHDRAW,
                      .epoch = e->options.epoch,
                      .decided_ms = now.state_ms,
                      .written_ms = now.state_ms};
    (void)snprintf(job.mitigation, sizeof(job.mitigation), "%s", m->id);
    m->epoch = e->options.epoch;
    beside_changed(e, &live->m);
    write_change(e, live, ENGINE_STANDS, &job, "withdraw", who, why);
}

static bool is_of(const struct live_alarm *live, const char *id)
{
    for (size_t i = 0; i < live->alarm.mitigation_count; i++) {
        if (strcmp(live->alarm.mitigations[i], id) == 0)
            return true;
    }
    return false;
}

bool mitigations_is_for(const struct live_mitigation *live, const struct live_alarm *alarm)
{
    return is_of(alarm, live->m.id);
}

static bool attach(struct live_alarm *live, struct live_mitigation *mitigation)
{
    struct alarm *alarm = &live->alarm;
    if (is_of(live, mitigation->m.id))
        return false;
    assert(alarm->mitigation_count < ALARM_MITIGATIONS_MAX); /* has_place() saw to it */
    (void)snprintf(alarm->mitigations[alarm->mitigation_count++], ID_TEXT_MAX, "%s",
                   mitigation->m.id);
    mitigation->wanted_by++;
    return true;
}

/* Entries of what ended give their places; false: as many stand as an alarm can hold. */
static bool has_place(const struct engine *e, struct alarm *alarm)
{
    size_t kept = 0;
    if (alarm->mitigation_count < ALARM_MITIGATIONS_MAX)
        return true;
    for (size_t i = 0; i < alarm->mitigation_count; i++) {
        if (mitigations_by_id(e, alarm->mitigations[i]) == NULL)
            continue;
        if (kept != i)
            memcpy(alarm->mitigations[kept], alarm->mitigations[i], ID_TEXT_MAX);
        kept++;
    }
    alarm->mitigation_count = kept;
    return kept < ALARM_MITIGATIONS_MAX;
}

/* A blackhole finishes what the attacker began, so an alarm alone starts none, unless the method
 * says that it may, and the space is ours alone. */
static bool needs_approval(const struct engine *e, const struct config_method *method,
                           const struct ip_prefix *destination, char ret_why[REASON_MAX])
{
    char text[PREFIX_TEXT_MAX];
    int32_t network = lpm_lookup(e->model->networks.ours, &destination->addr);
    bool shared = network != LPM_NONE && !e->model->config->networks[network].ours;
    if (method->route.kind != ROUTE_BLACKHOLE || (method->automatic && !shared))
        return false;
    (void)snprintf(ret_why, REASON_MAX, "needs approval: weir mitigate %s --blackhole",
                   prefix_format(destination, text));
    return true;
}

/* One method on one platform. */
static struct live_mitigation *start_on(struct engine *e, struct live_alarm *live,
                                        const struct model_method *method,
                                        const struct config_platform *platform, bool is_retry,
                                        struct start_refusal *ret_refusal, struct engine_now now)
{
    const struct config_policy *p = &e->model->config->policies[live->tracked->policy];
    const struct model_count *count =
        &e->model->counts[e->model->policy_count[live->tracked->policy]];
    struct alarm *alarm = &live->alarm;
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error = {0};
    struct ip_addr target;
    char peers[MITIGATION_PEERS_MAX][NAME_MAX_LEN + 1];
    enum addr_family family =
        key_addr(&alarm->key, DIM_DST_ADDR, &target) == STATUS_OK ? target.family : ADDR_IPV4;
    enum route_kind kind = (enum route_kind)method->config->route.kind;
    uint32_t routers = start_peers(e, platform, family, kind, peers);
    struct model_route route;
    *ret_refusal = (struct start_refusal){.for_now = false};
    if (model_method_rule(method, &count->spec, &alarm->key, NULL, routers != 0 ? routers : 1,
                          &rule, &actions, &error) != STATUS_OK) {
        (void)snprintf(ret_refusal->why, REASON_MAX, "%s", error.why);
        return NULL;
    }
    if (needs_approval(e, method->config, &rule.destination, ret_refusal->why))
        return NULL;
    if (!has_place(e, alarm)) {
        ret_refusal->for_now = true;
        (void)snprintf(ret_refusal->why, REASON_MAX, "%d rules stand for it already",
                       ALARM_MITIGATIONS_MAX);
        return NULL;
    }
    model_route_make(&method->config->route, (enum addr_family)rule.family, NULL, &route);
    struct start start = {.alarm = alarm->id,
                          .policy = p->name,
                          .method = method->config->name,
                          .who = "policy",
                          .reason = alarm->threshold_text,
                          .origin = ORIGIN_ALARM,
                          .platform = platform,
                          .dry_run = p->dry_run || method->config->dry_run,
                          .source_inferred = method->infer_source,
                          .allows_spoofable_source = method->config->allows_spoofable_source,
                          .lease_ms = method->config->lease_ms,
                          .withdraw_after_ms = method->config->withdraw_after_ms,
                          .withdraw_manual = method->config->withdraw_manual,
                          .crossed_ms = alarm->times.crossed_ms,
                          .is_retry = is_retry,
                          .route = kind != ROUTE_FLOWSPEC ? &route : NULL};
    return start_rule(e, &start, &rule, &actions, ret_refusal, now);
}

/* Rates that somebody may have forged start nothing by themselves; what stands already stands. */
static bool needs_a_person(const struct engine *e, struct live_alarm *live, char *ret_why,
                           size_t room, struct engine_now now)
{
    struct ip_addr exporter;
    char text[ADDR_TEXT_MAX];
    if (!watch_contributors_doubtful(&e->watch, &live->alarm, now.mono_ms, &exporter))
        return false;
    (void)snprintf(ret_why, room, "two senders as %s: weir mitigate, if it is real",
                   addr_format(&exporter, text));
    live->settled = false; /* it starts by itself once there is one sender again */
    return true;
}

void mitigations_start_for(struct engine *e, struct live_alarm *live, bool is_retry,
                           struct engine_now now)
{
    const struct config *c = e->model->config;
    const struct config_threshold *threshold =
        &c->policies[live->tracked->policy].thresholds[live->alarm.threshold];
    live->settled = true;
    if (live->alarm.stopped_by_person || live->alarm.suppressed)
        return;
    bool changed = false;
    char why[sizeof(live->alarm.not_mitigated)] = ""; /* the first refusal */
    size_t methods = threshold->mitigate_count;
    if (methods > 0 && needs_a_person(e, live, why, sizeof(why), now))
        methods = 0;
    for (size_t i = 0; i < methods; i++) {
        const struct model_method *method = &e->model->methods[threshold->mitigate[i].method];
        for (size_t n = 0; n < start_rounds(e, method->config); n++) {
            struct start_refusal refusal;
            struct live_mitigation *mitigation = start_on(
                e, live, method, start_round(e, method->config, n), is_retry, &refusal, now);
            if (mitigation != NULL) {
                changed = attach(live, mitigation) || changed;
                continue;
            }
            live->settled = live->settled && !refusal.for_now;
            if (why[0] == '\0')
                (void)snprintf(why, sizeof(why), "%.90s", refusal.why);
        }
    }
    uint64_t every_ms = e->alarm_count * RETRY_EVERY_MS_AN_ALARM;
    live->retry_ms = now.mono_ms + (every_ms > RETRY_EVERY_MS ? every_ms : RETRY_EVERY_MS);
    /* A retry that is refused for another reason shows it, and is no event. */
    bool is_event = why[0] != '\0' && (!is_retry || live->alarm.not_mitigated[0] == '\0');
    changed = changed || strcmp(live->alarm.not_mitigated, why) != 0;
    memcpy(live->alarm.not_mitigated, why, sizeof(why));
    if (changed)
        engine_write_alarm(e, live, is_event ? "not mitigated" : NULL, why, now);
}

void mitigations_ask_again(struct engine *e, const char *id)
{
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && is_of(t->live, id))
            t->live->settled = false;
    }
}

void mitigations_tell_alarms(struct engine *e, const struct live_mitigation *live, const char *why,
                             struct engine_now now)
{
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live == NULL || !is_of(t->live, live->m.id))
            continue;
        struct alarm *alarm = &t->live->alarm;
        (void)snprintf(alarm->not_mitigated, sizeof(alarm->not_mitigated), "%.90s", why);
        engine_write_alarm(e, t->live, "not mitigated", alarm->not_mitigated, now);
    }
}

void mitigations_alarm_ended(struct engine *e, const struct live_alarm *live, struct engine_now now)
{
    for (size_t i = 0; i < live->alarm.mitigation_count; i++) {
        struct live_mitigation *mitigation = mitigations_by_id(e, live->alarm.mitigations[i]);
        if (mitigation == NULL || mitigation->wanted_by == 0 || !mitigations_stands(mitigation))
            continue;
        if (--mitigation->wanted_by != 0) {
            /* It was this alarm's, and does more than what the others may ask for. */
            if (strcmp(mitigation->m.alarm, live->alarm.id) == 0)
                mitigations_ask_again(e, mitigation->m.id);
            continue;
        }
        if (mitigation->m.withdraw_manual)
            continue; /* stands until a person stops it */
        mitigation->m.until_ms = now.state_ms + mitigation->m.withdraw_after_ms;
        write_change(e, mitigation, ENGINE_STANDS, NULL, "withdrawal planned", "policy",
                     "alarm ended");
    }
}

static bool all_gone(const struct live_mitigation *live)
{
    for (size_t i = 0; i < live->result_count; i++) {
        if (live->results[i].kind == RESULT_SENT)
            return false;
    }
    return live->result_count != 0;
}

static bool all_refused(const struct live_mitigation *live)
{
    for (size_t i = 0; i < live->result_count; i++) {
        if (live->results[i].kind != RESULT_REFUSED)
            return false;
    }
    return live->result_count != 0;
}

/* Of the peers that answered, each refused it or is on hold: it is nowhere. */
static bool is_nowhere(const struct live_mitigation *live)
{
    for (size_t i = 0; i < live->result_count; i++) {
        if (live->results[i].kind != RESULT_REFUSED && live->results[i].kind != RESULT_HELD)
            return false;
    }
    return live->result_count != 0;
}

/* A dry run where no peer is configured: speakers have nobody to answer for. */
static bool nobody_answers(const struct engine *e, const struct mitigation *m)
{
    return m->dry_run && e->model->config->peer_count == 0;
}

static bool wanted_by_running_alarm(const struct engine *e, const struct live_mitigation *live)
{
    size_t cursor = 0;
    for (struct tracked *t = live->wanted_by != 0 ? table_next(e->tracked, &cursor) : NULL;
         t != NULL; t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && is_of(t->live, live->m.id) &&
            (t->live->alarm.state == ALARM_ACTIVE || t->live->alarm.state == ALARM_CLEARING))
            return true;
    }
    return false;
}

/* Its method's max_duration binds what no running alarm wants: ended, frozen and manual ones. */
static bool is_overdue(const struct engine *e, const struct live_mitigation *live,
                       struct engine_now now)
{
    for (size_t i = 0; i < e->model->method_count; i++) {
        const struct config_method *method = e->model->methods[i].config;
        if (strcmp(method->name, live->m.method) == 0)
            return method->max_duration_ms != 0 &&
                   now.state_ms >= live->m.created_ms + method->max_duration_ms &&
                   !wanted_by_running_alarm(e, live);
    }
    return false;
}

static void mitigation_time(struct engine *e, struct live_mitigation *live, struct engine_now now)
{
    struct mitigation *m = &live->m;
    if (m->state == MITIGATION_WITHDRAWING) {
        uint64_t waited_ms = now.mono_ms - live->withdrawing_since_ms;
        if (all_gone(live) ||
            (live->result_count == 0 &&
             (live->is_forgotten || nobody_answers(e, m) || waited_ms > NO_SPEAKER_AFTER_MS)))
            finish(e, live, MITIGATION_WITHDRAWN, NULL, now);
        else if (waited_ms > NO_ANSWER_AFTER_MS)
            finish(e, live, MITIGATION_WITHDRAWN,
                   "a speaker did not answer; it obeys when it returns", now);
        return;
    }
    if (m->until_ms != 0 && now.state_ms >= m->until_ms) {
        mitigations_withdraw(e, live, "policy",
                             m->origin == ORIGIN_ALARM ? "the alarm has ended" : "its time is over",
                             now);
        if (live->wanted_by != 0)
            mitigations_ask_again(e, m->id);
        return;
    }
    if (is_overdue(e, live, now)) {
        mitigations_withdraw(e, live, "policy", "max_duration of its method", now);
        if (live->wanted_by != 0)
            mitigations_ask_again(e, m->id);
        return;
    }
    if (m->state == MITIGATION_ANNOUNCING && all_refused(live) &&
        now.mono_ms - live->created_ms > ALL_REFUSED_AFTER_MS) {
        mitigations_tell_alarms(e, live, "every peer refused its rule", now);
        finish(e, live, MITIGATION_FAILED, "every peer refused it", now);
        return;
    }
    if (m->lease_ms != 0 && now.mono_ms - live->renewed_ms >= m->lease_ms / 3) {
        live->renewed_ms = now.mono_ms;
        m->renewed_ms = now.state_ms;
        m->epoch = e->options.epoch;
        write_change(e, live, ENGINE_STANDS, NULL, NULL, NULL, NULL);
    }
}

void mitigations_time(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor))
        mitigation_time(e, *at, now);
}

static struct peer_result *result_of(struct live_mitigation *live, const char *speaker,
                                     const char *peer)
{
    for (size_t i = 0; i < live->result_count; i++) {
        if (strcmp(live->results[i].speaker, speaker) == 0 &&
            strcmp(live->results[i].peer, peer) == 0)
            return &live->results[i];
    }
    if (live->result_count == ENGINE_RESULTS_MAX)
        return NULL;
    struct peer_result *r = &live->results[live->result_count++];
    live->is_forgotten = false;
    (void)snprintf(r->speaker, sizeof(r->speaker), "%s", speaker);
    (void)snprintf(r->peer, sizeof(r->peer), "%s", peer);
    r->kind = RESULT_KIND_COUNT; /* nothing yet */
    return r;
}

void engine_result(struct engine *e, const struct job_result *result, struct engine_now now)
{
    struct live_mitigation *live = mitigations_by_id(e, result->mitigation);
    if (live == NULL || forget_is_stale(e, result))
        return;
    struct mitigation *m = &live->m;
    bool withdrawing = m->state == MITIGATION_WITHDRAWING;
    if (withdrawing != (result->verb == JOB_WITHDRAW) && result->kind != RESULT_PEER_DOWN)
        return; /* an answer to what was wanted before */
    struct peer_result *r = result_of(live, result->speaker, result->peer);
    if (r == NULL || (r->kind == result->kind && m->state != MITIGATION_ANNOUNCING && !withdrawing))
        return;
    r->kind = result->kind;
    r->is_to_go = r->is_owed = false; /* it lives, and is written here */

    char field[2 * NAME_MAX_LEN + 16], value[REASON_MAX + 64];
    (void)snprintf(field, sizeof(field), "peer:%s/%s", r->speaker, r->peer);
    (void)snprintf(value, sizeof(value), "%s%s%s", result_kind_name((enum result_kind)result->kind),
                   result->reason[0] != '\0' ? ": " : "", result->reason);
    const char *what = NULL;
    if (m->state == MITIGATION_ANNOUNCING &&
        (result->kind == RESULT_SENT || result->kind == RESULT_DRY_RUN)) {
        m->state = MITIGATION_ACTIVE;
        if (m->active_ms == 0)
            m->active_ms = result->at_ms != 0 ? result->at_ms : now.state_ms;
        /* Two processes' ideas of the server's time may differ by a part of a round trip. */
        if (m->active_ms < m->decided_ms)
            m->active_ms = m->decided_ms;
        what = m->dry_run ? "active (dry run)" : "active";
    } else if (result->kind == RESULT_REFUSED) {
        what = "refused by a peer";
    }
    if (m->state == MITIGATION_ACTIVE && is_nowhere(live)) {
        m->state = MITIGATION_ANNOUNCING;
        live->created_ms = now.mono_ms;
        what = result->kind == RESULT_HELD ? "held at every peer" : "refused by every peer";
    }
    m->revision++;
    struct engine_write write = {.mitigation = m,
                                 .standing = ENGINE_STANDS,
                                 .what = what,
                                 .who = r->speaker,
                                 .why = value,
                                 .peer_field = field,
                                 .peer_value = value};
    e->options.on_write(e->options.owner, &write);
    if (withdrawing && all_gone(live))
        finish(e, live, MITIGATION_WITHDRAWN, NULL, now);
}

void engine_restore_peer(struct engine *e, const char *mitigation_id, const char *field,
                         const char *value)
{
    struct live_mitigation *live = mitigations_by_id(e, mitigation_id);
    const char *slash = strchr(field, '/');
    char speaker[NAME_MAX_LEN + 1];
    if (live == NULL || strncmp(field, "peer:", 5) != 0 || slash == NULL ||
        (size_t)(slash - field) - 5 > NAME_MAX_LEN || strlen(slash + 1) > NAME_MAX_LEN)
        return;
    (void)snprintf(speaker, sizeof(speaker), "%.*s", (int)(slash - field - 5), field + 5);
    forget_restore(e, speaker, value);
    size_t word = strcspn(value, ":");
    for (int k = 0; k < RESULT_KIND_COUNT; k++) {
        const char *name = result_kind_name((enum result_kind)k);
        struct peer_result *r = NULL;
        if (strlen(name) == word && strncmp(name, value, word) == 0 &&
            (r = result_of(live, speaker, slash + 1)) != NULL)
            r->kind = (uint8_t)k;
    }
}

void engine_write_refused(struct engine *e, const char *mitigation_id, uint64_t revision,
                          enum status why, struct engine_now now)
{
    struct live_mitigation *live = mitigations_by_id(e, mitigation_id);
    if (live == NULL || live->m.revision < revision || !mitigations_stands(live))
        return;
    mitigations_ask_again(e, mitigation_id);
    if (revision == 1)
        finish(e, live, MITIGATION_REFUSED, status_text(why), now);
    else /* an earlier revision stands at the speakers: it goes by their hands */
        mitigations_withdraw(e, live, "policy", status_text(why), now);
}
