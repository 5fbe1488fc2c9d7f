#include "speaker/in_jobs_internal.h"

#include "common/redis/reply.h"
#include "speaker/adapter.h"
#include "speaker/out_results.h"
#include "speaker/store.h"
#include "speaker/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MALFORMED also where it is another mitigation's. */
static enum status decode(struct in_jobs *in, const char *id, const struct redis_reply *pb)
{
    enum status status = mitigation_decode(in->scratch, (const uint8_t *)pb->bytes, pb->len);
    if (status != STATUS_OK)
        return status;
    if (strcmp(in->scratch->id, id) != 0) {
        mitigation_done(in->scratch);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

/* Only a hash that says so withdraws. One that is gone is data that was lost: the route stands on,
 * and since when it does so alone outlives a restart. */
static void lose(struct in_jobs *in, const char *id)
{
    struct speaker *speaker = in->speaker;
    if (!desired_missing(speaker->desired, id))
        return;
    const struct standing *s = desired_find(speaker->desired, id);
    struct desired_time now = speaker_time(speaker);
    store_put_missing(speaker, id, now.redis_ms - (uint64_t)(now.now_ms - s->confirmed_ms));
}

/* The journal may still say of it that it stands, and nobody will say otherwise any more. */
static void drop_withdrawn(struct speaker *speaker, const char *id)
{
    const struct standing *s = desired_find(speaker->desired, id);
    if (s != NULL && s->end == DESIRED_STATE)
        store_drop_mitigation(speaker, id);
}

enum status in_desired_apply(struct in_jobs *in, const char *id, const struct redis_reply *pb,
                             bool owed)
{
    struct speaker *speaker = in->speaker;
    if (pb == NULL) {
        lose(in, id);
        if (owed)
            drop_withdrawn(speaker, id);
        return STATUS_NOT_FOUND;
    }
    enum status status = decode(in, id, pb);
    if (status != STATUS_OK) {
        in_jobs_complain(in, "mitigation", id, status);
        lose(in, id);
        return status;
    }
    status = desired_apply(speaker->desired, in->scratch, speaker_time(speaker));
    if (status == STATUS_OK || status == STATUS_EXISTS) {
        store_drop_missing(speaker, id);
        adapter_routes_note(adapter_routes(speaker), in->scratch);
    }
    const struct standing *s = desired_find(speaker->desired, id);
    bool is_known = s != NULL && s->revision == in->scratch->revision;
    bool lacks = status == STATUS_EXISTS && is_known && !store_has_mitigation(speaker, id);
    in->walk.journal += lacks && !owed ? 1 : 0;
    if (status == STATUS_OK || lacks || (status == STATUS_EXISTS && owed && is_known))
        store_put_mitigation(speaker, id, pb->bytes, pb->len);
    else if (status != STATUS_EXISTS)
        in_jobs_complain(in, "mitigation", id, status);
    mitigation_done(in->scratch);
    return status;
}

struct asked {
    struct in_jobs *in;
    char id[ID_TEXT_MAX];
    bool owed, of_walk;
    uint64_t at_us; /* monotonic */
    uint64_t job_revision;
};

static void take(struct asked *asked, const struct redis_reply *pb)
{
    enum status status = in_desired_apply(asked->in, asked->id, pb, asked->owed);
    bool is_news = status == STATUS_OK;
    if (!is_news && status != STATUS_EXISTS && asked->job_revision != 0)
        out_results_set_aside(asked->in->speaker->out_results, asked->id, asked->job_revision,
                              status);
    if (is_news && asked->of_walk)
        asked->in->walk.changed++;
    else if (is_news)
        turns_job(asked->in->speaker, asked->at_us);
}

static void answered(struct asked *asked, enum status status)
{
    struct in_jobs *in = asked->in;
    in->asked--;
    if (status != STATUS_OK)
        in_walk_soon(in);
    if (asked->of_walk)
        in_walk_rest_answered(in, status);
    free(asked);
}

/* What is there, and nobody can read it: a hash without the field, or no hash. */
static void take_unreadable(struct asked *asked)
{
    static const struct redis_reply unreadable = {.type = REDIS_STRING, .bytes = ""};
    take(asked, &unreadable);
}

/* Anything but a number is the server's trouble and says nothing of the key. */
static void on_exists(void *owner, enum status status, const struct redis_reply *reply)
{
    struct asked *asked = owner;
    if (status == STATUS_OK && reply->type != REDIS_INTEGER)
        status = STATUS_MALFORMED;
    if (status == STATUS_OK && reply->integer == 0)
        take(asked, NULL);
    else if (status == STATUS_OK)
        take_unreadable(asked);
    answered(asked, status);
}

static enum status ask(struct asked *asked, const char *format, redis_on_reply on_reply)
{
    char name[KEY_NAME_MAX];
    struct in_jobs *in = asked->in;
    if (key_name(name, in_jobs_prefix(in), KEY_MITIGATION, asked->id) == NULL)
        return STATUS_LIMIT;
    return redis_commandf(in->redis, on_reply, asked, format, name);
}

/* A server that is busy, loading or without its master answers an error, too: the walk that follows
 * asks again. */
static void on_pb(void *owner, enum status status, const struct redis_reply *reply)
{
    struct asked *asked = owner;
    if (status == STATUS_OK && reply->type == REDIS_STRING) {
        take(asked, reply);
    } else if (status == STATUS_OK && reply->type == REDIS_NIL) {
        status = ask(asked, "EXISTS %s", on_exists);
        if (status == STATUS_OK)
            return;
    } else if (reply != NULL && reply_error_is(reply, "WRONGTYPE")) {
        take_unreadable(asked);
        status = STATUS_OK;
    }
    answered(asked, status);
}

bool in_desired_ask(struct in_jobs *in, const char *id, uint64_t job_revision, bool of_walk)
{
    struct asked *asked = calloc(1, sizeof(*asked));
    if (asked == NULL) {
        in_walk_soon(in);
        return false;
    }
    asked->in = in;
    asked->owed = in->speaker->journal_failed;
    asked->of_walk = of_walk;
    asked->job_revision = job_revision;
    asked->at_us = clock_mono_us(&in->speaker->clock);
    (void)snprintf(asked->id, sizeof(asked->id), "%s", id);
    if (ask(asked, "HGET %s pb", on_pb) != STATUS_OK) {
        /* Too much at once, or no connection: the whole reading that follows brings it. */
        in_walk_soon(in);
        free(asked);
        return false;
    }
    in->asked++;
    return true;
}
