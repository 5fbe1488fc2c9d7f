#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Requests that came while nobody acted: the last minute of the stream, read once when we begin to
 * act. What the last leader has done of them its audit says, whose lines are written together with
 * what they tell of; that is not done twice, and answered again as far as somebody may wait.
 */
enum {
    BACK_MS = 60000,
    REQUESTS_MAX = 256, /* more in a minute are not looked at: their askers ask again */
    AUDIT_MAX = 2000,   /* past that it is not known what was done */
};

struct missed {
    struct policy *p;
    uint64_t epoch; /* that we led with when we asked */
    struct request *requests;
    struct reply *done; /* of each: its answer where the last leader has done it */
    bool *is_done;
    size_t count;
};

static void free_missed(struct missed *missed)
{
    free(missed->requests);
    free(missed->done);
    free(missed->is_done);
    free(missed);
}

static const char *text_of(const struct redis_reply *fields, const char *name)
{
    const struct redis_reply *value = redis_field(fields, name);
    return value != NULL && value->type == REDIS_STRING ? value->bytes : "";
}

/* The fields of an entry of XRANGE; NULL where it is none. */
static const struct redis_reply *fields_of(const struct redis_reply *entry)
{
    return entry->type == REDIS_ARRAY && entry->count == 2 && entry->items[1].type == REDIS_ARRAY
               ? &entry->items[1]
               : NULL;
}

static void note_done(struct missed *missed, const struct redis_reply *line)
{
    static const char refused[] = " refused";
    const char *id = text_of(line, "request"), *what = text_of(line, "what"),
               *mitigation = text_of(line, "mitigation");
    for (size_t i = 0; i < missed->count && id[0] != '\0'; i++) {
        struct reply *reply = &missed->done[i];
        if (strcmp(missed->requests[i].id, id) != 0)
            continue;
        size_t len = strlen(what);
        missed->is_done[i] = true;
        reply->ok = len < strlen(refused) || strcmp(what + len - strlen(refused), refused) != 0;
        if (!reply->ok)
            (void)snprintf(reply->text, sizeof(reply->text), "%s", text_of(line, "why"));
        if (mitigation[0] != '\0' && strlen(mitigation) < ID_TEXT_MAX &&
            reply->id_count < sizeof(reply->ids) / sizeof(reply->ids[0]))
            (void)snprintf(reply->ids[reply->id_count++], ID_TEXT_MAX, "%s", mitigation);
    }
}

static void answer_done(struct policy *p, const struct request *request, struct reply *reply)
{
    if (redis_now_ms(p->state) > request->expires_at_ms)
        return; /* nobody waits any more */
    (void)snprintf(reply->id, sizeof(reply->id), "%s", request->id);
    if (reply->ok)
        (void)snprintf(reply->text, sizeof(reply->text), "%s: done by the leader before this one",
                       reply->id_count != 0 ? reply->ids[0] : request->verb);
    out_replies_say(p, reply);
}

static void refuse_unknown(struct policy *p, const struct request *request)
{
    struct reply reply = {.ok = false};
    (void)snprintf(reply.id, sizeof(reply.id), "%s", request->id);
    (void)snprintf(
        reply.text, sizeof(reply.text),
        "the leader changed, and it is not known whether this was done: weir mitigations "
        "tells; ask again if not");
    out_replies_say(p, &reply);
}

static void on_audit(void *owner, enum status status, const struct redis_reply *reply)
{
    struct missed *missed = owner;
    struct policy *p = missed->p;
    bool is_known = status == STATUS_OK && reply->type == REDIS_ARRAY && reply->count < AUDIT_MAX;
    for (size_t i = 0; is_known && i < reply->count; i++) {
        const struct redis_reply *line = fields_of(&reply->items[i]);
        if (line != NULL)
            note_done(missed, line);
    }
    for (size_t i = 0; i < missed->count && gate_is_open(p) && p->epoch == missed->epoch; i++) {
        if (missed->is_done[i])
            answer_done(p, &missed->requests[i], &missed->done[i]);
        else if (!is_known)
            refuse_unknown(p, &missed->requests[i]);
        else
            in_requests_take(p, &missed->requests[i]);
        gate_settle(p);
    }
    free_missed(missed);
}

/* Those that can be read and have an id; the id of the first gives the time from when on the audit
 * is asked for. */
static const char *take_requests(struct missed *missed, const struct redis_reply *reply)
{
    const char *first = NULL;
    for (size_t i = 0; i < reply->count && missed->count < REQUESTS_MAX; i++) {
        const struct redis_reply *fields = fields_of(&reply->items[i]), *pb = NULL;
        struct request *request = &missed->requests[missed->count];
        if (fields == NULL || reply->items[i].items[0].type != REDIS_STRING ||
            (pb = redis_field(fields, "pb")) == NULL || pb->type != REDIS_STRING ||
            request_decode(request, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK ||
            request->id[0] == '\0')
            continue;
        first = first != NULL ? first : reply->items[i].items[0].bytes;
        missed->count++;
    }
    return first;
}

static void on_requests(void *owner, enum status status, const struct redis_reply *reply)
{
    struct missed *missed = owner;
    struct policy *p = missed->p;
    char key[KEY_NAME_MAX];
    const char *first = NULL;
    if (status == STATUS_OK && reply->type == REDIS_ARRAY && p->epoch == missed->epoch)
        first = take_requests(missed, reply);
    if (first == NULL || key_name(key, p->config->redis.prefix, KEY_AUDIT) == NULL ||
        redis_commandf(p->state, on_audit, missed, "XRANGE %s %s + COUNT %d", (char *)key,
                       (char *)(uintptr_t)first, (int)AUDIT_MAX) != STATUS_OK)
        free_missed(missed);
}

enum status in_missed_read(struct policy *p)
{
    char key[KEY_NAME_MAX], from[STREAM_ID_MAX];
    struct missed *missed = calloc(1, sizeof(*missed));
    if (missed == NULL)
        return STATUS_NO_MEMORY;
    uint64_t now_ms = redis_now_ms(p->state);
    missed->p = p;
    missed->epoch = p->epoch;
    missed->requests = calloc(REQUESTS_MAX, sizeof(*missed->requests));
    missed->done = calloc(REQUESTS_MAX, sizeof(*missed->done));
    missed->is_done = calloc(REQUESTS_MAX, sizeof(*missed->is_done));
    (void)snprintf(from, sizeof(from), "%" PRIu64 "-0", now_ms > BACK_MS ? now_ms - BACK_MS : 0);
    enum status status = STATUS_NO_MEMORY;
    if (missed->requests != NULL && missed->done != NULL && missed->is_done != NULL)
        status = key_name(key, p->config->redis.prefix, KEY_REQUESTS) == NULL
                     ? STATUS_RANGE
                     : redis_commandf(p->state, on_requests, missed, "XRANGE %s %s + COUNT %d",
                                      (char *)key, (char *)from, (int)REQUESTS_MAX);
    if (status != STATUS_OK)
        free_missed(missed);
    return status;
}
