#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    STREAM_REQUESTS,
    STREAM_STOPS,
    COUNT_MAX = 64,
    STOP_MAX_AGE_MS = 60000, /* one that a server brings back from the past must not act again */
};

/* A field as text; "" where it is missing or something else. */
static const char *text_of(const struct stream_entry *entry, const char *name)
{
    const struct redis_reply *value = stream_field(entry, name);
    return value != NULL && value->type == REDIS_STRING ? value->bytes : "";
}

static void warn_malformed(struct policy *p, const struct stream_entry *entry, const char *message)
{
    uint64_t suppressed = 0;
    char who[NAME_MAX_LEN * 2];
    if (log_limiter_allow(&p->log_limiter, 2 + entry->stream, clock_mono_ms(&p->clock),
                          &suppressed))
        log_warn(message, "entry=%s who=%s suppressed=%" PRIu64, entry->id,
                 log_value(who, sizeof(who), text_of(entry, "who")), suppressed);
}

/* Who can be told that nobody understood it is told. */
static void refuse_malformed(struct policy *p, const struct stream_entry *entry)
{
    const char *id = text_of(entry, "id");
    struct reply reply = {.ok = false};
    policy_metrics_request("other", "malformed");
    warn_malformed(p, entry, "a request cannot be read");
    if (id[0] == '\0' || strlen(id) >= sizeof(reply.id))
        return;
    (void)snprintf(reply.id, sizeof(reply.id), "%s", id);
    (void)snprintf(reply.text, sizeof(reply.text), "the request cannot be read");
    out_replies_say(p, &reply);
}

static void log_answer(const struct request *request, const struct reply *reply)
{
    char verb[2 * sizeof(request->verb)], who[2 * sizeof(request->who)], why[2 * REASON_MAX];
    log_line(reply->ok ? LOG_INFO : LOG_WARN, "request", " verb=%s who=%s ok=%s answer=%s",
             log_value(verb, sizeof(verb), request->verb),
             log_value(who, sizeof(who), request->who), reply->ok ? "yes" : "no",
             log_value(why, sizeof(why), reply->text));
}

static void answer(struct policy *p, const struct request *request)
{
    struct pending_reply *pending = out_replies_begin(p, request);
    if (pending == NULL)
        return;
    struct reply *reply = out_replies_reply(pending);
    p->answering = pending;
    engine_request(p->engine, request, reply, gate_now(p));
    /* Each request leaves a line, also one that changed nothing. */
    if (!reply->ok || !out_replies_has_writes(pending)) {
        char what[sizeof(request->verb) + 32];
        (void)snprintf(what, sizeof(what), "%s%s", request->verb, reply->ok ? "" : " refused");
        out_jobs_audit(p, what, request->who, reply->text);
    }
    p->answering = NULL;
    if (p->give_up != NULL) {
        reply->ok = false;
        (void)snprintf(reply->text, sizeof(reply->text), "it cannot be written: %s", p->give_up);
    }
    log_answer(request, reply);
    out_replies_end(pending);
}

void in_requests_take(struct policy *p, const struct request *request)
{
    for (size_t i = 0; i < HANDLED_MAX && request->id[0] != '\0'; i++) {
        if (strcmp(p->handled[i], request->id) == 0)
            return;
    }
    memcpy(p->handled[p->handled_next], request->id, ID_TEXT_MAX);
    p->handled_next = (p->handled_next + 1) % HANDLED_MAX;
    answer(p, request);
}

static void on_request(struct policy *p, const struct stream_entry *entry)
{
    struct request request;
    const struct redis_reply *pb = stream_field(entry, "pb");
    if (!gate_is_open(p))
        return; /* the leader answers it, or who leads next: in_missed.c */
    if (pb == NULL || pb->type != REDIS_STRING ||
        request_decode(&request, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        refuse_malformed(p, entry);
        return;
    }
    in_requests_take(p, &request);
    gate_settle(p);
}

static void on_stop(struct policy *p, const struct stream_entry *entry)
{
    struct scope scope;
    enum stop_verb verb;
    const char *who = text_of(entry, "who"), *why = text_of(entry, "why");
    if (!gate_is_open(p))
        return; /* the hold is read when we act */
    if (stop_verb_parse(&verb, text_of(entry, "verb")) != STATUS_OK ||
        scope_parse(&scope, text_of(entry, "scope")) != STATUS_OK) {
        policy_metrics_request("stop", "malformed");
        warn_malformed(p, entry, "a stop cannot be read");
        return;
    }
    char text[SCOPE_TEXT_MAX], shown_who[NAME_MAX_LEN * 2], shown_why[REASON_MAX];
    log_warn(stop_verb_name(verb), "scope=%s who=%s why=%s", scope_format(&scope, text),
             log_value(shown_who, sizeof(shown_who), who),
             log_value(shown_why, sizeof(shown_why), why));
    policy_metrics_request(stop_verb_name(verb), "ok");
    if (verb == STOP_WITHDRAW_ALL && redis_now_ms(p->state) <= entry->id_ms + STOP_MAX_AGE_MS)
        engine_stop(p->engine, &scope, who, why, gate_now(p));
    in_holds_read(p);
    gate_settle(p);
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    if (entry->stream == STREAM_REQUESTS)
        on_request(owner, entry);
    else
        on_stop(owner, entry);
}

enum status in_requests_start(struct policy *p)
{
    char requests[KEY_NAME_MAX], stops[KEY_NAME_MAX];
    const struct config *c = p->config;
    if (key_name(requests, c->redis.prefix, KEY_REQUESTS) == NULL ||
        key_name(stops, c->redis.prefix, KEY_STOPS) == NULL)
        return STATUS_RANGE;
    struct stream_reader_options options = {
        .connection = links_options(p, "state-requests", c->redis.state.address),
        .keys = {[STREAM_REQUESTS] = requests, [STREAM_STOPS] = stops},
        .from = {"$", "$"},
        .stream_count = 2,
        .count_max = COUNT_MAX,
        .on_entry = on_entry,
        .owner = p};
    enum status status = stream_reader_new(&p->requests, p->loop, &options);
    if (status == STATUS_OK)
        stream_reader_start(p->requests);
    return status;
}
