#include "speaker/in_jobs_internal.h"

#include "speaker/out_results.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECONCILE_EVERY_MS = 60000,
    RETRY_MS = 1000, /* after a reading that failed */
};

/* --- one mitigation -----------------------------------------------------------------------------
 */

/* The message in the hash; MALFORMED also where it is another mitigation's. */
static enum status decode(struct in_jobs *in, const char *id, const struct redis_reply *hash,
                          const struct redis_reply **ret_pb)
{
    const struct redis_reply *pb = redis_field(hash, "pb");
    if (pb == NULL)
        return STATUS_MALFORMED;
    enum status status = mitigation_decode(in->scratch, (const uint8_t *)pb->bytes, pb->len);
    if (status != STATUS_OK)
        return status;
    if (strcmp(in->scratch->id, id) != 0) {
        mitigation_done(in->scratch);
        return STATUS_MALFORMED;
    }
    *ret_pb = pb;
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

/* owed: the journal may not have what is known already. */
static enum status apply_hash(struct in_jobs *in, const char *id, const struct redis_reply *hash,
                              bool owed)
{
    struct speaker *speaker = in->speaker;
    const struct redis_reply *pb;
    enum status status = decode(in, id, hash, &pb);
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
    bool owed;
};

/* Something was not read: all of it again, but not at once, or a key that is broken for good would
 * keep us busy. */
static void read_soon(struct in_jobs *in)
{
    uint64_t at_ms = speaker_now_ms(in->speaker) + RETRY_MS;
    if (in->read_at > at_ms)
        in->read_at = at_ms;
}

static void on_hash(void *owner, enum status status, const struct redis_reply *reply)
{
    struct asked *asked = owner;
    struct in_jobs *in = asked->in;
    if (status != STATUS_OK)
        read_soon(in);
    else if (reply->type == REDIS_ARRAY && reply->count == 0)
        lose(in, asked->id);
    else
        (void)apply_hash(in, asked->id, reply, asked->owed);
    free(asked);
    speaker_flush(in->speaker);
}

void in_desired_ask(struct in_jobs *in, const char *id)
{
    char name[KEY_NAME_MAX];
    struct asked *asked = calloc(1, sizeof(*asked));
    if (asked == NULL) {
        read_soon(in);
        return;
    }
    asked->in = in;
    asked->owed = in->speaker->journal_failed;
    (void)snprintf(asked->id, sizeof(asked->id), "%s", id);
    if (key_name(name, in_jobs_prefix(in), KEY_MITIGATION, id) == NULL ||
        redis_commandf(in->redis, on_hash, asked, "HGETALL %s", name) != STATUS_OK) {
        /* Too much at once, or no connection: the whole reading that follows brings it. */
        read_soon(in);
        free(asked);
    }
}

/* --- the whole state ----------------------------------------------------------------------------
 */

static int compare_ids(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

/* What stands here and is not in the active set: its own hash says whether it was withdrawn, or
 * whether the server has lost it. What does not stand here either is over. */
static void ask_for_the_rest(struct in_jobs *in, const struct desired_answer *answer)
{
    size_t cursor = 0, count = answer->mitigation_count;
    const struct standing *s;
    const char **ids = calloc(count > 0 ? count : 1, sizeof(*ids));
    if (ids == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        (void)desired_mitigation(answer, i, &ids[i]);
    qsort(ids, count, sizeof(*ids), compare_ids);
    while ((s = desired_next(in->speaker->desired, &cursor)) != NULL) {
        const char *id = s->id;
        bool wanted = s->state == MITIGATION_ANNOUNCING || s->state == MITIGATION_ACTIVE ||
                      in->speaker->journal_failed;
        if (bsearch(&id, ids, count, sizeof(*ids), compare_ids) != NULL)
            continue;
        if (wanted)
            in_desired_ask(in, id);
        if (!in->is_older)
            desired_set_over(in->speaker->desired, id);
    }
    free(ids);
}

static void take_epoch(struct in_jobs *in, const struct desired_answer *answer)
{
    struct speaker *speaker = in->speaker;
    bool was_older = in->is_older;
    in->is_older = answer->epoch < speaker->epoch;
    if (!in->is_older)
        speaker->epoch = answer->epoch;
    else if (!was_older)
        log_error("the state server is older than what this speaker has seen: its data was lost or "
                  "put back; what stands is kept until its lease or orphan_max",
                  "epoch=%" PRIu64 " seen=%" PRIu64, answer->epoch, speaker->epoch);
}

static void take_desired(struct in_jobs *in, const struct desired_answer *answer)
{
    struct speaker *speaker = in->speaker;
    size_t changed = 0;
    uint64_t failures = speaker->journal_failures;
    bool owed = speaker->journal_failed;
    take_epoch(in, answer);
    in_stops_take_holds(in, answer->hold, in->is_older);
    for (size_t i = 0; i < answer->mitigation_count; i++) {
        const char *id = "";
        const struct redis_reply *hash = desired_mitigation(answer, i, &id);
        if (hash == NULL || hash->count == 0)
            lose(in, id);
        else if (apply_hash(in, id, hash, owed) == STATUS_OK)
            changed++;
    }
    ask_for_the_rest(in, answer);
    if (changed > 0)
        log_info("desired state read", "mitigations=%zu changed=%zu standing=%zu",
                 answer->mitigation_count, changed, desired_standing_count(speaker->desired));
    if (out_results_lost(speaker->out_results)) {
        out_results_clear_lost(speaker->out_results);
        desired_report_again(speaker->desired);
    }
    if (in->reader == NULL)
        in_jobs_start_reader(in, answer);
    speaker_complete(speaker);
    store_put_state(speaker);
    if (owed)
        store_catch_up(speaker);
    if (owed && speaker->journal_failures == failures)
        store_caught_up(speaker);
}

static void on_desired(void *owner, enum status status, const struct redis_reply *reply)
{
    struct in_jobs *in = owner;
    struct desired_answer answer;
    uint64_t now_ms = speaker_now_ms(in->speaker);
    in->reading = false;
    in->read_at = now_ms + RECONCILE_EVERY_MS;
    if (status != STATUS_OK || !script_desired_answer(reply, &answer)) {
        in->read_at = now_ms + RETRY_MS;
        if (status != STATUS_AWAY)
            log_warn("the desired state was not read", "reason=\"%s\" error=\"%.100s\"",
                     status_text(status),
                     reply != NULL && reply->bytes != NULL ? reply->bytes : "");
        return;
    }
    in->was_read = true;
    take_desired(in, &answer);
    speaker_flush(in->speaker);
}

void in_desired_read(struct in_jobs *in)
{
    if (in->reading) {
        in->read_again = true;
        return;
    }
    in->read_again = false;
    in->reading = script_desired(in->redis, in_jobs_prefix(in), on_desired, in) == STATUS_OK;
}
