#include "speaker/in_jobs_internal.h"

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/scripts.h"
#include "common/service/credentials.h"
#include "speaker/out_offers.h"
#include "speaker/out_results.h"
#include "speaker/speaker_metrics.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEADER_EVERY_MS = 1000,
    OWED_EVERY_MS = 5000,
    /* A standby leads 2 s after the last leader at the latest, and is seen with the next look. */
    LEADER_GONE_MS = 2000 + 2 * LEADER_EVERY_MS,
};

void in_jobs_complain(struct in_jobs *in, const char *what, const char *id, enum status status)
{
    uint64_t suppressed;
    if (log_limiter_allow(&in->unreadable, 0, speaker_now_ms(in->speaker), &suppressed)) {
        char text[2 * ID_TEXT_MAX];
        log_warn("not understood, set aside", "what=%s id=%s reason=\"%s\" suppressed=%" PRIu64,
                 what, log_value(text, sizeof(text), id), status_text(status), suppressed);
    }
}

/* --- the streams --------------------------------------------------------------------------------
 */

static void take_job(struct in_jobs *in, const struct stream_entry *entry)
{
    struct job job;
    const struct redis_reply *pb = stream_field(entry, "pb");
    enum status status = STATUS_MALFORMED;
    if (pb != NULL)
        status = job_decode(&job, (const uint8_t *)pb->bytes, pb->len);
    if (status != STATUS_OK) {
        speaker_metrics_job(JOB_UNREADABLE);
        in_jobs_complain(in, "job", entry->id, status);
        return;
    }
    const struct standing *s = desired_find(in->speaker->desired, job.mitigation);
    if (job.epoch < in->speaker->epoch ||
        (s != NULL && desired_is_older(s, job.epoch, job.revision))) {
        speaker_metrics_job(JOB_OLDER);
        return;
    }
    if (job.epoch > in->speaker->epoch)
        in->speaker->epoch = job.epoch;
    speaker_metrics_job(JOB_TAKEN);
    (void)in_desired_ask(in, job.mitigation, job.revision, false);
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct in_jobs *in = owner;
    struct speaker *speaker = in->speaker;
    char *cursor = entry->stream == STREAM_JOBS ? speaker->jobs_cursor : speaker->stops_cursor;
    if (entry->stream == STREAM_JOBS)
        take_job(in, entry);
    else
        in_stops_take(in, entry);
    (void)snprintf(cursor, sizeof(speaker->jobs_cursor), "%s", entry->id);
}

static void on_batch_end(void *owner, bool caught_up)
{
    struct in_jobs *in = owner;
    (void)caught_up;
    in_desired_send(in);
    in_stops_tell(in);
    store_put_state(in->speaker);
}

static void on_gap(void *owner, size_t stream)
{
    struct in_jobs *in = owner;
    log_warn("entries of a stream were missed, the whole state is read", "stream=%s",
             in->keys[stream]);
    speaker_metrics_job(JOB_GAP);
    in_walk_start(in);
}

static enum status connection_options(struct in_jobs *in, struct redis_options *ret_options,
                                      struct credentials *ret_credentials)
{
    const struct config *config = in->speaker->config;
    struct text why;
    text_init(&why, 0);
    enum status status = credentials_read(ret_credentials, config, "speaker", &why);
    if (status != STATUS_OK)
        log_error("no credentials for the state server", "reason=\"%s\"", text_str(&why));
    text_done(&why);
    *ret_options = (struct redis_options){.name = "state",
                                          .address = config->redis.state.address,
                                          .user = ret_credentials->user,
                                          .password = ret_credentials->password,
                                          .clock = in->speaker->clock,
                                          .owner = in};
    return status;
}

/* What was written before the reading of the desired state is in it, so jobs are read from there;
 * stops from where this speaker was, because they also end what only this speaker holds. */
void in_jobs_start_reader(struct in_jobs *in, const struct desired_answer *answer)
{
    struct speaker *speaker = in->speaker;
    struct credentials credentials = {0};
    struct stream_reader_options options = {.stream_count = 2,
                                            .keys = {in->keys[0], in->keys[1]},
                                            .on_entry = on_entry,
                                            .on_batch_end = on_batch_end,
                                            .on_gap = on_gap,
                                            .owner = in};
    (void)snprintf(speaker->jobs_cursor, sizeof(speaker->jobs_cursor), "%s", answer->jobs_last_id);
    if (speaker->stops_cursor[0] == '\0')
        (void)snprintf(speaker->stops_cursor, sizeof(speaker->stops_cursor), "%s",
                       answer->stops_last_id);
    options.from[STREAM_JOBS] = speaker->jobs_cursor;
    options.from[STREAM_STOPS] = speaker->stops_cursor;
    enum status status = connection_options(in, &options.connection, &credentials);
    if (status == STATUS_OK)
        status = stream_reader_new(&in->reader, speaker->loop, &options);
    credentials_done(&credentials);
    if (status == STATUS_OK)
        stream_reader_start(in->reader);
    else
        process_fail(speaker->process, "the job stream cannot be read");
}

/* --- contact ------------------------------------------------------------------------------------
 */

/* The lease, and the epoch: one that went back, or is gone, is how a server that was emptied while
 * we were connected shows. */
static void on_leader(void *owner, enum status status, const struct redis_reply *reply)
{
    struct in_jobs *in = owner;
    uint64_t epoch = 0;
    if (!in->was_read)
        in->leader_at = 0; /* asked again at once */
    if (status != STATUS_OK || reply->type != REDIS_ARRAY || reply->count != 2 || !in->was_read)
        return;
    if (reply->items[0].type == REDIS_STRING) {
        in->leader_seen_ms = speaker_now_ms(in->speaker);
        desired_contact(in->speaker->desired, (int64_t)in->leader_seen_ms);
    }
    (void)redis_to_u64(&reply->items[1], &epoch);
    in->leader_epoch = reply->items[0].type == REDIS_STRING ? epoch : 0;
    if (epoch < in->speaker->epoch && !in->is_older)
        in_walk_start(in);
    /* Who leads anew may have found an empty server, and is offered what it lacks. */
    if (in->leader_epoch > in->read_epoch && !in->walk.running)
        in_walk_start(in);
}

static void on_up(void *owner)
{
    struct in_jobs *in = owner;
    char address[128];
    log_info("state server reached", "address=%s",
             log_value(address, sizeof address, in->speaker->config->redis.state.address));
    in->was_read = false;
    in->looking_since_ms = speaker_now_ms(in->speaker);
    in->leader_at = in->leader_epoch = 0;
    out_offers_again(in->speaker);
    in_walk_start(in);
}

static void on_down(void *owner, enum status why)
{
    struct in_jobs *in = owner;
    in->was_read = false;
    in->looking_since_ms = 0;
    log_error("state server away: what stands is kept, and goes at orphan_max", "reason=\"%s\"",
              status_text(why));
    store_put_state(in->speaker);
}

void in_jobs_tick(struct in_jobs *in, uint64_t now_ms)
{
    if (!redis_is_up(in->redis))
        return;
    if (in->speaker->journal_failed && in->read_at > now_ms + OWED_EVERY_MS)
        in->read_at = now_ms + OWED_EVERY_MS; /* the reading also mends the journal */
    if (now_ms >= in->read_at)
        in_walk_start(in);
    if (now_ms >= in->leader_at) {
        char lease[KEY_NAME_MAX], epoch[KEY_NAME_MAX];
        in->leader_at = now_ms + LEADER_EVERY_MS;
        (void)redis_commandf(in->redis, on_leader, in, "MGET %s %s",
                             key_name(lease, in_jobs_prefix(in), KEY_LEASE_POLICY),
                             key_name(epoch, in_jobs_prefix(in), KEY_EPOCH_POLICY));
    }
}

enum status in_jobs_new(struct in_jobs **ret_in, struct speaker *speaker)
{
    struct in_jobs *in = calloc(1, sizeof(*in));
    struct credentials credentials = {0};
    struct redis_options options;
    if (in == NULL)
        return STATUS_NO_MEMORY;
    in->speaker = speaker;
    in->looking_since_ms = speaker_now_ms(speaker);
    in->scratch = calloc(1, sizeof(*in->scratch));
    log_limiter_init(&in->unreadable, 60000);
    (void)key_name(in->keys[STREAM_JOBS], in_jobs_prefix(in), KEY_JOBS);
    (void)key_name(in->keys[STREAM_STOPS], in_jobs_prefix(in), KEY_STOPS);
    enum status status = in->scratch != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = connection_options(in, &options, &credentials);
    if (status == STATUS_OK) {
        options.on_up = on_up;
        options.on_down = on_down;
        status = redis_new(&in->redis, speaker->loop, &options);
    }
    credentials_done(&credentials);
    if (status != STATUS_OK) {
        free(in->scratch);
        free(in);
        return status;
    }
    redis_start(in->redis);
    *ret_in = in;
    return STATUS_OK;
}

uint64_t in_jobs_now_ms(const struct in_jobs *in)
{
    return in != NULL && in->redis != NULL ? redis_now_ms(in->redis) : 0;
}

bool in_jobs_is_up(const struct in_jobs *in)
{
    return in != NULL && in->was_read && redis_is_up(in->redis);
}

enum in_jobs_policy in_jobs_policy(const struct in_jobs *in)
{
    if (in == NULL)
        return POLICY_AWAY;
    uint64_t now_ms = speaker_now_ms(in->speaker);
    if (in_jobs_is_up(in) && in->leader_seen_ms != 0 &&
        now_ms - in->leader_seen_ms < LEADER_GONE_MS)
        return POLICY_LIVES;
    return now_ms - in->looking_since_ms < LEADER_GONE_MS ? POLICY_UNKNOWN : POLICY_AWAY;
}

bool in_jobs_is_asking(const struct in_jobs *in)
{
    return in != NULL && in->asked > 0;
}

struct redis *in_jobs_redis(struct in_jobs *in)
{
    return in->redis;
}

static void on_part_closed(void *owner)
{
    struct in_jobs *in = owner;
    if (--in->closing > 0)
        return;
    void (*on_closed)(void *) = in->on_closed;
    void *whose = in->owner;
    free(in->collecting);
    free(in->scratch);
    free(in);
    on_closed(whose);
}

void in_jobs_close(struct in_jobs *in, void (*on_closed)(void *owner), void *owner)
{
    in->on_closed = on_closed;
    in->owner = owner;
    in->closing = in->reader != NULL ? 2 : 1;
    if (in->reader != NULL)
        stream_reader_close(in->reader, on_part_closed, in);
    redis_close(in->redis, on_part_closed, in);
}
