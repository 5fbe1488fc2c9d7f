#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A write that waits for its answer. */
struct write_call {
    struct policy *p;
    struct pending_reply *pending; /* whose answer waits for it; NULL: nobody's */
    uint64_t epoch, revision, sent_us;
    bool is_alarm, has_job;
    char id[ID_TEXT_MAX];
};

/* --- fields: values lie one after another in a text that may move while it grows --- */

struct fields {
    struct text values;
    struct write_field items[WRITE_FIELDS_MAX];
    size_t at[WRITE_FIELDS_MAX]; /* of its value in values */
    size_t count, first;         /* where the list that is being filled begins */
    bool failed;
    bool is_log; /* only what a line of the log needs is taken */
};

static void add_bytes(struct fields *f, const char *name, const void *bytes, size_t len)
{
    if (f->count == WRITE_FIELDS_MAX) {
        f->failed = true;
        return;
    }
    f->items[f->count] = (struct write_field){.name = name, .value = {.len = len}};
    f->at[f->count++] = f->values.len;
    text_add_bytes(&f->values, bytes, len);
}

static void add(struct fields *f, const char *name, const char *value)
{
    add_bytes(f, name, value, strlen(value));
}

/* Text of people: cut where it is longer than any of ours. */
static void add_cut(struct fields *f, const char *name, const char *value)
{
    add_bytes(f, name, value != NULL ? value : "", value != NULL ? strnlen(value, REASON_MAX) : 0);
}

static void on_plain(void *owner, const char *name, const char *value)
{
    static const char *const of_log[] = {"id",  "state", "severity",  "policy",       "key",
                                         "now", "peak",  "threshold", "not_mitigated"};
    struct fields *f = owner;
    for (size_t i = 0; f->is_log && i < sizeof(of_log) / sizeof(of_log[0]); i++) {
        if (strcmp(of_log[i], name) == 0)
            add(f, name, value);
    }
    if (!f->is_log)
        add(f, name, value);
}

/* The list is whole: its place among the items. */
static struct write_fields end_list(struct fields *f)
{
    struct write_fields list = {.fields = f->items + f->first, .count = f->count - f->first};
    f->first = f->count;
    return list;
}

static void point_at_values(struct fields *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->items[i].value.bytes = f->values.at != NULL ? f->values.at + f->at[i] : "";
}

/* --- scopes of a hold that keeps the whole mitigation down --- */

enum { SCOPES_MAX = 6 + 64 }; /* with a platform each; more platforms than that are not looked at */

struct scopes {
    char texts[SCOPES_MAX][SCOPE_TEXT_MAX];
    const char *items[SCOPES_MAX];
    size_t count;
};

static void add_scope(struct scopes *s, enum scope_kind kind, const char *value)
{
    struct scope scope;
    if (s->count == SCOPES_MAX - 1 || scope_make(&scope, kind, value) != STATUS_OK)
        return;
    s->items[s->count] = scope_format(&scope, s->texts[s->count]);
    s->count++;
}

static bool platform_has(const struct config *c, const struct config_platform *platform,
                         const char *peer)
{
    for (size_t i = 0; i < platform->peer_count; i++) {
        if (strcmp(c->peers[platform->peers[i]].name, peer) == 0)
            return true;
    }
    return false;
}

/* A hold of a peer or platform must not refuse what other peers may take: speakers keep it from
 * that peer themselves. */
static void add_scopes(struct scopes *s, const struct config *c, const struct mitigation *m)
{
    add_scope(s, SCOPE_ALL, NULL);
    add_scope(s, SCOPE_FAMILY, m->family == ADDR_IPV4 ? "ipv4" : "ipv6");
    if (m->method[0] != '\0')
        add_scope(s, SCOPE_METHOD, m->method);
    if (m->alarm[0] != '\0')
        add_scope(s, SCOPE_ALARM, m->alarm);
    if (m->peer_count == 1)
        add_scope(s, SCOPE_PEER, m->peers[0]);
    for (size_t i = 0; i < c->platform_count && m->peer_count > 0; i++) {
        size_t inside = 0;
        for (size_t j = 0; j < m->peer_count; j++)
            inside += platform_has(c, &c->platforms[i], m->peers[j]);
        if (inside == m->peer_count)
            add_scope(s, SCOPE_PLATFORM, c->platforms[i].name);
    }
}

/* --- answers --- */

static void on_failed(struct policy *p, const struct write_call *call, enum status status,
                      const char *why)
{
    char value[REASON_MAX * 2];
    if (p->engine == NULL || call->epoch != p->epoch)
        return; /* of an engine that is gone */
    if (status == STATUS_FENCED && strstr(why, "the epoch is gone") != NULL) {
        lease_check(&p->lease);
        return;
    }
    if (status == STATUS_FENCED)
        log_error("a write was fenced: another policy leads", "id=%s epoch=%" PRIu64, call->id,
                  call->epoch);
    else
        log_warn("a write was refused", "id=%s revision=%" PRIu64 " reason=%s", call->id,
                 call->revision, log_value(value, sizeof(value), why));
    /* EXISTS too: Redis has a revision that we did not write, so what we know is not the truth. */
    if (status != STATUS_HELD) {
        gate_give_up(p, status_text(status));
    } else if (!call->is_alarm && call->id[0] != '\0' && p->restore == NULL) {
        engine_write_refused(p->engine, call->id, call->revision, status, gate_now(p));
        gate_settle(p);
    }
}

static void on_written(void *owner, enum status status, const struct redis_reply *reply)
{
    struct write_call *call = owner;
    struct policy *p = call->p;
    const char *why = reply != NULL && reply->type == REDIS_ERROR ? reply->bytes : "";
    policy_metrics_write(status);
    if (call->pending != NULL)
        out_replies_written(call->pending, status, why);
    if (status == STATUS_OK && call->has_job)
        policy_metrics_stage("write", (double)(clock_mono_us(&p->clock) - call->sent_us) / 1000000);
    else if (status != STATUS_OK)
        on_failed(p, call, status, why[0] != '\0' ? why : status_text(status));
    free(call);
}

/* --- out --- */

/* It was not even queued; the engine, inside of which we may be, goes on until it returns. */
static void not_queued(struct policy *p, const char *id, enum status status)
{
    policy_metrics_write(status);
    if (p->give_up == NULL)
        log_error("a write cannot be queued", "id=%s reason=\"%s\"", id, status_text(status));
    p->give_up = status_text(status);
}

static void queue(struct policy *p, struct fields *f, struct write_set *set, bool has_job)
{
    struct write_call *call = calloc(1, sizeof(*call));
    enum status status = call != NULL && !f->values.failed ? STATUS_OK : STATUS_NO_MEMORY;
    if (f->failed)
        status = STATUS_RANGE;
    if (status == STATUS_OK) {
        point_at_values(f);
        *call = (struct write_call){.p = p,
                                    .epoch = p->epoch,
                                    .revision = set->revision,
                                    .sent_us = clock_mono_us(&p->clock),
                                    .is_alarm = set->kind == WRITE_ALARM,
                                    .has_job = has_job,
                                    .pending = p->answering};
        (void)snprintf(call->id, sizeof(call->id), "%s", set->id);
        set->epoch = p->epoch;
        set->audit_keep_ms = p->config->policy.audit_keep_ms;
        status = script_write(p->state, p->config->redis.prefix, set, on_written, call);
    }
    if (status != STATUS_OK) {
        free(call);
        not_queued(p, set->id, status);
    } else if (call->pending != NULL) {
        out_replies_add_write(call->pending);
    }
}

/* With the request that asked for it: a next leader sees by it what was done already. */
static void begin_audit(struct policy *p, struct fields *f, const char *what, const char *who,
                        const char *why)
{
    add_cut(f, "what", what);
    add_cut(f, "who", who);
    add_cut(f, "why", why);
    if (p->answering != NULL)
        add_cut(f, "request", out_replies_request(p->answering));
}

static void fill_audit(struct policy *p, struct fields *f, const struct engine_write *w)
{
    if (w->what == NULL)
        return;
    begin_audit(p, f, w->what, w->who, w->why);
    if (w->alarm != NULL) {
        add(f, "alarm", w->alarm->id);
        add(f, "policy", w->alarm->policy);
        add(f, "key", w->alarm->key_text);
    } else {
        add(f, "mitigation", w->mitigation->id);
        add(f, "alarm", w->mitigation->alarm);
        add(f, "method", w->mitigation->method);
        add(f, "rule", w->mitigation->rule);
    }
}

static void log_change(const struct engine_write *w)
{
    char what[REASON_MAX], why[2 * REASON_MAX], subject[2 * RULE_TEXT_MAX];
    if (w->what == NULL)
        return;
    log_value(what, sizeof(what), w->what);
    log_value(why, sizeof(why), w->why != NULL && w->why[0] != '\0' ? w->why : "-");
    if (w->alarm != NULL) {
        const struct alarm *a = w->alarm;
        bool is_warning = strcmp(w->what, "not mitigated") == 0;
        log_line(is_warning ? LOG_WARN : LOG_INFO, "alarm",
                 " what=%s id=%s state=%s severity=%s policy=%s key=%s why=%s", what, a->id,
                 alarm_state_name((enum alarm_state)a->state),
                 config_severity_name((enum config_severity)a->severity), a->policy,
                 log_value(subject, sizeof(subject), a->key_text), why);
    } else {
        const struct mitigation *m = w->mitigation;
        bool is_warning = m->state == MITIGATION_REFUSED || m->state == MITIGATION_FAILED ||
                          strncmp(w->what, "refused", strlen("refused")) == 0;
        log_line(is_warning ? LOG_WARN : LOG_INFO, "mitigation",
                 " what=%s id=%s state=%s revision=%" PRIu64 " alarm=%s rule=%s why=%s", what,
                 m->id, mitigation_state_name((enum mitigation_state)m->state), m->revision,
                 m->alarm[0] != '\0' ? m->alarm : "-", log_value(subject, sizeof(subject), m->rule),
                 why);
    }
}

/* The job with the time at which it leaves. */
static enum status fill_job(struct policy *p, struct fields *f, const struct job *from)
{
    struct job job = *from;
    struct text pb;
    job.written_ms = redis_now_ms(p->state);
    text_init(&pb, 0);
    enum status status = job_encode(&job, &pb);
    job_plain_fields(&job, on_plain, f);
    if (status == STATUS_OK)
        add_bytes(f, "pb", pb.at, pb.len);
    text_done(&pb);
    if (job.verb == JOB_ANNOUNCE && job.crossed_ms != 0 && job.decided_ms >= job.crossed_ms)
        policy_metrics_stage("decide", (double)(job.decided_ms - job.crossed_ms) / 1000);
    return status;
}

static enum status fill_hash(struct fields *f, const struct engine_write *w)
{
    struct text pb;
    text_init(&pb, 0);
    enum status status =
        w->alarm != NULL ? alarm_encode(w->alarm, &pb) : mitigation_encode(w->mitigation, &pb);
    if (w->alarm != NULL)
        alarm_plain_fields(w->alarm, on_plain, f);
    else
        mitigation_plain_fields(w->mitigation, on_plain, f);
    if (status == STATUS_OK)
        add_bytes(f, "pb", pb.at, pb.len);
    text_done(&pb);
    if (w->peer_field != NULL)
        add_cut(f, w->peer_field, w->peer_value);
    return status;
}

void out_jobs_write(void *owner, const struct engine_write *w)
{
    static const enum write_standing standings[] = {[ENGINE_AS_IT_IS] = WRITE_AS_IT_IS,
                                                    [ENGINE_STANDS] = WRITE_STANDS,
                                                    [ENGINE_ENDED] = WRITE_ENDED};
    struct policy *p = owner;
    struct fields f = {.count = 0};
    struct scopes scopes = {.count = 0};
    struct write_set set = {.kind = w->alarm != NULL ? WRITE_ALARM : WRITE_MITIGATION,
                            .standing = standings[w->standing],
                            .announces = w->announces};
    if (p->give_up != NULL)
        return; /* nothing may overtake what could not be written */
    log_change(w);
    text_init(&f.values, 0);
    enum status status = fill_hash(&f, w);
    set.hash = end_list(&f);
    if (w->job != NULL && status == STATUS_OK)
        status = fill_job(p, &f, w->job);
    set.job = end_list(&f);
    if (w->log && w->alarm != NULL) {
        add_cut(&f, "what", w->what);
        add_cut(&f, "why", w->why);
        f.is_log = true;
        alarm_plain_fields(w->alarm, on_plain, &f);
        f.is_log = false;
    }
    set.log = end_list(&f);
    fill_audit(p, &f, w);
    set.audit = end_list(&f);
    if (w->alarm != NULL) {
        set.id = w->alarm->id;
        set.revision = w->alarm->revision;
        set.score_ms = w->alarm->times.active_ms;
    } else {
        set.id = w->mitigation->id;
        set.revision = w->mitigation->revision;
        set.score_ms = w->mitigation->created_ms;
        add_scopes(&scopes, p->config, w->mitigation);
        if (p->unreadable_hold[0] != '\0') /* the script looks for it by its words */
            scopes.items[scopes.count++] = p->unreadable_hold;
        set.scopes = scopes.items;
        set.scope_count = scopes.count;
    }
    if (status == STATUS_OK)
        queue(p, &f, &set, w->job != NULL);
    else
        not_queued(p, set.id, status);
    text_done(&f.values);
}

void out_jobs_forget(struct policy *p, bool is_alarm, const char *id)
{
    struct fields f = {.count = 0};
    struct write_set set = {
        .kind = is_alarm ? WRITE_ALARM : WRITE_MITIGATION, .id = id, .standing = WRITE_ENDED};
    text_init(&f.values, 0);
    add(&f, "what", "taken out");
    add(&f, "who", "policy");
    add(&f, "why", "it has no record");
    add(&f, is_alarm ? "alarm" : "mitigation", id);
    set.audit = end_list(&f);
    queue(p, &f, &set, false);
    text_done(&f.values);
}

void out_jobs_audit(struct policy *p, const char *what, const char *who, const char *why)
{
    struct fields f = {.count = 0};
    struct write_set set = {.kind = WRITE_ALARM, .id = "request", .standing = WRITE_AS_IT_IS};
    text_init(&f.values, 0);
    begin_audit(p, &f, what, who, why);
    set.audit = end_list(&f);
    queue(p, &f, &set, false);
    text_done(&f.values);
}

void out_jobs_write_back_holds(struct policy *p)
{
    char key[KEY_NAME_MAX], text[SCOPE_TEXT_MAX], why[REASON_MAX];
    (void)snprintf(why, sizeof(why),
                   "{\"who\":\"policy\",\"why\":\"it stood when state Redis lost it\","
                   "\"at_ms\":%" PRIu64 "}",
                   gate_now(p).state_ms);
    if (key_name(key, p->config->redis.prefix, KEY_HOLD) == NULL)
        return;
    for (size_t i = 0; i < p->hold_count; i++) {
        enum status status =
            redis_commandf(p->state, NULL, NULL, "HSETNX %s %s %s", (char *)key,
                           (char *)(uintptr_t)scope_format(&p->holds[i], text), why);
        if (status != STATUS_OK)
            p->give_up = status_text(status);
    }
}
