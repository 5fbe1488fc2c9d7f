#include "speaker/in_jobs_internal.h"

#include "speaker/store.h"

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

enum status in_desired_apply(struct in_jobs *in, const char *id, const struct redis_reply *pb,
                             bool owed)
{
    struct speaker *speaker = in->speaker;
    if (pb == NULL) {
        lose(in, id);
        return STATUS_NOT_FOUND;
    }
    enum status status = decode(in, id, pb);
    if (status != STATUS_OK) {
        in_jobs_complain(in, "mitigation", id, status);
        lose(in, id);
        return status;
    }
    status = desired_apply(speaker->desired, in->scratch, speaker_time(speaker));
    if (status == STATUS_OK || status == STATUS_EXISTS)
        store_drop_missing(speaker, id);
    const struct standing *s = desired_find(speaker->desired, id);
    bool is_known = s != NULL && s->revision == in->scratch->revision;
    if (status == STATUS_OK || (status == STATUS_EXISTS && owed && is_known))
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
};

static void on_hash(void *owner, enum status status, const struct redis_reply *reply)
{
    static const struct redis_reply unreadable = {.type = REDIS_STRING, .bytes = ""};
    struct asked *asked = owner;
    struct in_jobs *in = asked->in;
    if (reply == NULL) {
        in_walk_soon(in);
    } else {
        /* A key that is no hash, or a hash without the field, is there, and nobody can read it. */
        const struct redis_reply *pb = status == STATUS_OK ? redis_field(reply, "pb") : NULL;
        bool is_gone = status == STATUS_OK && reply->type == REDIS_ARRAY && reply->count == 0;
        if (pb == NULL && !is_gone)
            pb = &unreadable;
        (void)in_desired_apply(in, asked->id, pb, asked->owed);
        status = STATUS_OK;
    }
    if (asked->of_walk)
        in_walk_rest_answered(in, status);
    free(asked);
    speaker_flush(in->speaker);
}

bool in_desired_ask(struct in_jobs *in, const char *id, bool of_walk)
{
    char name[KEY_NAME_MAX];
    struct asked *asked = calloc(1, sizeof(*asked));
    if (asked == NULL) {
        in_walk_soon(in);
        return false;
    }
    asked->in = in;
    asked->owed = in->speaker->journal_failed;
    asked->of_walk = of_walk;
    (void)snprintf(asked->id, sizeof(asked->id), "%s", id);
    if (key_name(name, in_jobs_prefix(in), KEY_MITIGATION, id) == NULL ||
        redis_commandf(in->redis, on_hash, asked, "HGETALL %s", name) != STATUS_OK) {
        /* Too much at once, or no connection: the whole reading that follows brings it. */
        in_walk_soon(in);
        free(asked);
        return false;
    }
    return true;
}
