#include "speaker/in_jobs_internal.h"

#include "speaker/out_offers.h"
#include "speaker/speaker_metrics.h"
#include "speaker/store.h"

#include <inttypes.h>

/*
 * The whole desired state, in turns that are short for the server and for this loop: a page of the
 * active set is taken while the next is not yet asked for, so sessions, stops and jobs have their
 * turn between. What changes meanwhile comes by its job, and the higher revision counts.
 */
enum {
    RECONCILE_EVERY_MS = 60000,
    RECONCILE_LEAST_MS = 1000,
    WALKS_A_LEASE = 4, /* policy renews a lease three times, without a job: only a walk sees it */
    RETRY_MS = 1000,   /* after a reading that failed */
    PAGE_MIN = 8,
    PAGE_FIRST = 64,
    /* What a page may take of the loop. Above it the next is half as large, far below it twice. */
    TURN_US = 10000,
    REST_ASKED_MAX = 64, /* hashes asked for at once */
    REST_LOOKED_AT_MAX = 4096,
};

static void end(struct in_jobs *in, uint64_t after_ms)
{
    uint64_t at_ms = speaker_now_ms(in->speaker) + after_ms;
    in->walk.running = false;
    if (in->read_at > at_ms)
        in->read_at = at_ms;
    if (in->walk.again)
        in->read_at = 0;
}

/* All of it again, but not at once, or a key that is broken for good would keep us busy. */
void in_walk_soon(struct in_jobs *in)
{
    uint64_t at_ms = speaker_now_ms(in->speaker) + RETRY_MS;
    if (in->read_at > at_ms)
        in->read_at = at_ms;
}

static uint64_t every_ms(const struct config *config)
{
    uint64_t ms = RECONCILE_EVERY_MS;
    for (size_t i = 0; i < config->method_count; i++)
        if (config->methods[i].lease_ms / WALKS_A_LEASE < ms)
            ms = config->methods[i].lease_ms / WALKS_A_LEASE;
    return ms < RECONCILE_LEAST_MS ? RECONCILE_LEAST_MS : ms;
}

/* --- its end ------------------------------------------------------------------------------------
 */

/* What the state server wants, what the journal has, and what each peer is to have. */
static void say_what_differed(const struct walk *walk)
{
    if (!walk->is_check || walk->changed + walk->journal + walk->routes == 0)
        return;
    speaker_metrics_differences(walk->changed, walk->journal, walk->routes);
    log_warn("what stood differed from what must, and was repaired",
             "untold=%zu journal=%zu routes=%zu", walk->changed, walk->journal, walk->routes);
}

static void finish(struct in_jobs *in)
{
    struct speaker *speaker = in->speaker;
    const struct walk *walk = &in->walk;
    if (walk->changed > 0)
        log_info("desired state read", "mitigations=%zu changed=%zu standing=%zu", walk->read,
                 walk->changed, desired_standing_count(speaker->desired));
    say_what_differed(walk);
    in->was_read = true;
    speaker_complete(speaker);
    out_offers_begin(speaker, in->is_older ? 0 : in->leader_epoch);
    store_put_state(speaker);
    if (walk->owed)
        store_catch_up(speaker);
    if (walk->owed && speaker->journal_failures == walk->failures)
        store_caught_up(speaker);
    end(in, every_ms(speaker->config));
}

/* --- what was in no page ------------------------------------------------------------------------
 */

/* What stands here and is not in the active set: its own hash says whether it was withdrawn, or
 * whether the server has lost it. What does not stand here either is over. */
static bool look_at_one(struct in_jobs *in, const struct standing *s)
{
    bool wanted = s->state == MITIGATION_ANNOUNCING || s->state == MITIGATION_ACTIVE ||
                  in->speaker->journal_failed;
    if (s->confirmed_ms >= in->walk.began_ms)
        return true; /* by a page, or by a job that came meanwhile */
    if (wanted && !in_desired_ask(in, s->id, 0, true))
        return false;
    in->walk.rest_asked += wanted ? 1 : 0;
    if (!in->is_older)
        desired_set_over(in->speaker->desired, s->id);
    return true;
}

/* Gives the loop its turn in between, by a command that does nothing else. */
static void on_turn(void *owner, enum status status, const struct redis_reply *reply)
{
    (void)reply;
    in_walk_rest_answered(owner, status);
}

static void look_on(struct in_jobs *in)
{
    struct walk *walk = &in->walk;
    for (size_t looked_at = 0; walk->rest_asked < REST_ASKED_MAX; looked_at++) {
        if (looked_at == REST_LOOKED_AT_MAX) {
            if (walk->rest_asked == 0 &&
                redis_commandf(in->redis, on_turn, in, "PING") == STATUS_OK)
                walk->rest_asked++;
            if (walk->rest_asked == 0)
                end(in, RETRY_MS);
            return;
        }
        const struct standing *s = desired_next(in->speaker->desired, &walk->rest_cursor);
        if (s == NULL) {
            if (walk->rest_asked == 0)
                finish(in);
            return;
        }
        if (!look_at_one(in, s)) {
            if (walk->rest_asked == 0)
                end(in, RETRY_MS);
            return;
        }
    }
}

static void look_at_the_rest(struct in_jobs *in)
{
    look_on(in);
    in_desired_send(in);
}

void in_walk_rest_answered(struct in_jobs *in, enum status status)
{
    struct walk *walk = &in->walk;
    walk->rest_asked--;
    if (status != STATUS_OK)
        walk->running = false;
    if (walk->running && walk->rest_asked <= REST_ASKED_MAX / 2)
        look_at_the_rest(in);
    else if (!walk->running && walk->rest_asked == 0)
        end(in, RETRY_MS);
}

/* --- its pages ----------------------------------------------------------------------------------
 */

static void take_epoch(struct in_jobs *in, const struct desired_answer *answer)
{
    struct speaker *speaker = in->speaker;
    bool was_older = in->is_older;
    in->is_older = answer->epoch < speaker->epoch;
    in->read_epoch = answer->epoch;
    if (!in->is_older)
        speaker->epoch = answer->epoch;
    else if (!was_older)
        log_error("the state server is older than what this speaker has seen: its data was lost or "
                  "put back; what stands is kept until its lease or orphan_max",
                  "epoch=%" PRIu64 " seen=%" PRIu64, answer->epoch, speaker->epoch);
}

static void take_first(struct in_jobs *in, const struct desired_answer *answer)
{
    in->told_stop[0] = '\0'; /* said again, as the server may have lost it, or a person */
    take_epoch(in, answer);
    in_stops_take_holds(in, answer->hold, in->is_older);
    if (in->reader == NULL)
        in_jobs_start_reader(in, answer);
    if (in->walk.ends_resume)
        in->resumes = false;
}

static void check(struct speaker *speaker, const char *id)
{
    speaker->checking = true;
    desired_check(speaker->desired, id);
    speaker->checking = false;
}

static void take_page(struct in_jobs *in, const struct desired_answer *answer)
{
    struct walk *walk = &in->walk;
    size_t repaired = in->speaker->repaired;
    for (size_t i = 0; i < answer->mitigation_count; i++) {
        const char *id = "";
        const struct redis_reply *pb = desired_mitigation(answer, i, &id);
        enum status status = in_desired_apply(in, id, pb, walk->owed);
        if (status == STATUS_OK)
            walk->changed++;
        else if (status == STATUS_EXISTS)
            check(in->speaker, id);
    }
    store_write_out(in->speaker);
    walk->read += answer->mitigation_count;
    walk->routes += in->speaker->repaired - repaired;
}

static void fit_page(struct walk *walk, uint64_t took_us)
{
    if (took_us > TURN_US && walk->page > PAGE_MIN)
        walk->page /= 2;
    else if (took_us < TURN_US / 4 && walk->page <= DESIRED_PAGE_MAX / 2)
        walk->page *= 2;
}

static void ask_page(struct in_jobs *in);

static void on_page(void *owner, enum status status, const struct redis_reply *reply)
{
    struct in_jobs *in = owner;
    struct walk *walk = &in->walk;
    struct desired_answer answer;
    if (status != STATUS_OK || !script_desired_answer(reply, &answer)) {
        if (status != STATUS_AWAY)
            log_warn("the desired state was not read", "reason=\"%s\" error=\"%.100s\"",
                     status_text(status),
                     reply != NULL && reply->bytes != NULL ? reply->bytes : "");
        end(in, RETRY_MS);
        return;
    }
    uint64_t began_us = clock_mono_us(&in->speaker->clock);
    first_reading_goes_on(&in->speaker->first_reading, began_us / 1000);
    if (walk->after.id[0] == '\0')
        take_first(in, &answer);
    take_page(in, &answer);
    in_stops_tell(in);
    fit_page(walk, clock_mono_us(&in->speaker->clock) - began_us);
    walk->after = answer.next;
    if (answer.more) {
        ask_page(in);
        return;
    }
    look_at_the_rest(in);
}

static void ask_page(struct in_jobs *in)
{
    struct walk *walk = &in->walk;
    if (script_desired(in->redis, in_jobs_prefix(in), &walk->after, walk->page, on_page, in) !=
        STATUS_OK)
        end(in, RETRY_MS);
}

void in_walk_start(struct in_jobs *in)
{
    struct walk *walk = &in->walk;
    if (walk->running || walk->rest_asked > 0) {
        walk->again = true;
        return;
    }
    *walk = (struct walk){.running = true,
                          .page = walk->page > 0 ? walk->page : PAGE_FIRST,
                          .ends_resume = in->resumes,
                          .is_check = in->was_read,
                          .owed = in->speaker->journal_failed,
                          .failures = in->speaker->journal_failures,
                          .began_ms = (int64_t)speaker_now_ms(in->speaker)};
    in->read_at = UINT64_MAX;
    ask_page(in);
}
