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

/* One hash that was asked for, and why. */
struct wanted {
    char id[ID_TEXT_MAX];
    bool owed, of_walk;
    uint64_t at_us; /* monotonic */
    uint64_t job_revision;
};

struct asked {
    struct in_jobs *in;
    size_t count;
    struct wanted at[READ_HASHES_MAX];
};

static void take(struct in_jobs *in, const struct wanted *wanted, const struct redis_reply *pb)
{
    enum status status = in_desired_apply(in, wanted->id, pb, wanted->owed);
    bool is_news = status == STATUS_OK;
    if (!is_news && status != STATUS_EXISTS && wanted->job_revision != 0)
        out_results_set_aside(in->speaker->out_results, wanted->id, wanted->job_revision, status);
    if (is_news && wanted->of_walk)
        in->walk.changed++;
    else if (is_news)
        turns_job(in->speaker, wanted->at_us);
}

static void answered(struct in_jobs *in, const struct wanted *wanted, enum status status)
{
    in->asked--;
    if (status != STATUS_OK)
        in_walk_soon(in);
    if (wanted->of_walk)
        in_walk_rest_answered(in, status);
}

/* What was not told of was too much for one answer. */
static void ask_again(struct asked *asked, size_t told);

/* An empty pb is what is there and nobody can read. A server that is busy, loading or without its
 * master answers an error: the walk that follows asks again. */
static void on_hashes(void *owner, enum status status, const struct redis_reply *reply)
{
    struct asked *asked = owner;
    struct in_jobs *in = asked->in;
    size_t told = status == STATUS_OK ? script_read_count(reply, asked->count) : 0;
    if (status == STATUS_OK && told == 0)
        status = STATUS_MALFORMED;
    for (size_t i = 0; i < told; i++) {
        const struct redis_reply *pb = &reply->items[i];
        take(in, &asked->at[i], pb->type == REDIS_NIL ? NULL : pb);
    }
    store_write_out(in->speaker);
    for (size_t i = 0; i < told; i++)
        answered(in, &asked->at[i], STATUS_OK);
    if (status == STATUS_OK && told < asked->count) {
        ask_again(asked, told);
        return;
    }
    for (size_t i = told; i < asked->count; i++)
        answered(in, &asked->at[i], status);
    free(asked);
    out_results_tell(in->speaker->out_results);
}

static void ask(struct asked *asked)
{
    struct in_jobs *in = asked->in;
    const char *ids[READ_HASHES_MAX];
    for (size_t i = 0; i < asked->count; i++)
        ids[i] = asked->at[i].id;
    enum status status =
        script_read(in->redis, in_jobs_prefix(in), ids, asked->count, on_hashes, asked);
    if (status == STATUS_OK)
        return;
    /* Too much at once, or no connection: the whole reading that follows brings it. */
    for (size_t i = 0; i < asked->count; i++)
        answered(in, &asked->at[i], status);
    free(asked);
}

static void ask_again(struct asked *asked, size_t told)
{
    asked->count -= told;
    memmove(asked->at, asked->at + told, asked->count * sizeof(asked->at[0]));
    ask(asked);
}

void in_desired_send(struct in_jobs *in)
{
    struct asked *asked = in->collecting;
    in->collecting = NULL;
    if (asked != NULL)
        ask(asked);
}

bool in_desired_ask(struct in_jobs *in, const char *id, uint64_t job_revision, bool of_walk)
{
    if (in->collecting != NULL && in->collecting->count == READ_HASHES_MAX)
        in_desired_send(in);
    if (in->collecting == NULL)
        in->collecting = calloc(1, sizeof(*in->collecting));
    if (in->collecting == NULL) {
        in_walk_soon(in);
        return false;
    }
    struct asked *asked = in->collecting;
    asked->in = in;
    struct wanted *wanted = &asked->at[asked->count++];
    *wanted = (struct wanted){.owed = in->speaker->journal_failed,
                              .of_walk = of_walk,
                              .job_revision = job_revision,
                              .at_us = clock_mono_us(&in->speaker->clock)};
    (void)snprintf(wanted->id, sizeof(wanted->id), "%s", id);
    in->asked++;
    return true;
}
