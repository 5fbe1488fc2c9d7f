#include "policy/lease.h"

#include "common/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    STEP_MS = 50,
    RENEWALS = 3,   /* in a lease */
    QUESTIONS = 10, /* of a standby in a lease: it follows within a lease and a tenth */
    RESIGN_LIMIT_MS = 1000,
};

static uint64_t mono_ms(const struct lease *l)
{
    return clock_mono_ms(&l->options.clock);
}

bool lease_is_valid(const struct lease *l)
{
    return l->epoch != 0 && mono_ms(l) - l->renewed_ms < l->options.lease_ms * 2 / 3;
}

bool lease_is_held(const struct lease *l)
{
    return lease_is_valid(l) || (l->answered_ms != 0 && l->somebody_leads &&
                                 mono_ms(l) - l->answered_ms < 2 * l->options.lease_ms);
}

/* What was asked before is not waited for any more. */
static void lose(struct lease *l, const char *why)
{
    if (l->epoch == 0 && !l->is_emptied)
        return;
    l->epoch = 0;
    l->is_emptied = false;
    l->generation++;
    l->asked_ms = 0;
    l->options.on_lost(l->options.owner, why);
}

void lease_drop(struct lease *l, const char *why, uint64_t pause_ms)
{
    l->paused_until_ms = mono_ms(l) + pause_ms;
    lose(l, why);
}

/* Who led has all in memory and takes the lease at once; others let it go first. */
static void on_emptied(struct lease *l)
{
    l->seen_epoch = 0;
    l->generation++;
    l->asked_ms = 0;
    if (l->epoch == 0) {
        log_error("state Redis has lost what it had (was it emptied?): who led writes it back, and "
                  "where nobody can, speakers offer what stands there to who leads next",
                  "");
        l->paused_until_ms = mono_ms(l) + 2 * l->options.lease_ms;
        return;
    }
    l->epoch = 0;
    l->is_emptied = true;
    l->options.on_emptied(l->options.owner);
}

static void note_leader(struct lease *l, const struct lead_answer *answer)
{
    l->answered_ms = mono_ms(l);
    l->somebody_leads = answer->leader[0] != '\0';
    if (strcmp(l->leader, answer->leader) == 0)
        return;
    (void)snprintf(l->leader, sizeof(l->leader), "%s", answer->leader);
    if (!answer->leads) {
        char value[NAME_MAX_LEN * 2];
        log_info("standing by", "leader=%s epoch=%" PRIu64,
                 log_value(value, sizeof(value), l->leader), answer->epoch);
    }
}

static void on_answer(void *owner, enum status status, const struct redis_reply *reply)
{
    struct lease *l = owner;
    struct lead_answer answer;
    l->is_asking = false;
    if (l->is_closing || reply == NULL)
        return;
    if (status != STATUS_OK || !script_lead_answer(reply, &answer)) {
        char value[200];
        if (!l->is_refused)
            log_error("the lease cannot be asked for", "reason=%s",
                      log_value(value, sizeof(value),
                                reply->type == REDIS_ERROR ? reply->bytes : "odd answer"));
        l->is_refused = true;
        l->answered_ms = 0;
        return;
    }
    l->is_refused = false;
    note_leader(l, &answer);
    if (l->asked_generation != l->generation)
        return;
    if (!answer.leads && answer.epoch == 0 && l->seen_epoch != 0) {
        on_emptied(l);
        return;
    }
    l->seen_epoch = answer.epoch;
    if (!answer.leads) {
        lose(l, "another policy has the lease");
        return;
    }
    l->renewed_ms = l->asked_ms;
    if (l->epoch != 0 || mono_ms(l) - l->asked_ms >= l->options.lease_ms * 2 / 3)
        return;
    l->epoch = answer.epoch;
    l->is_emptied = false;
    l->options.on_lead(l->options.owner, answer.epoch);
}

static void ask(struct lease *l)
{
    l->asked_ms = mono_ms(l);
    l->asked_generation = l->generation;
    l->is_asking = script_lead(l->options.redis, l->prefix, l->name, l->run_id, l->options.lease_ms,
                               l->epoch, l->seen_epoch, on_answer, l) == STATUS_OK;
}

static void step(struct lease *l)
{
    uint64_t now_ms = mono_ms(l);
    if (l->epoch != 0 && !lease_is_valid(l))
        lose(l, "the lease was not renewed in time");
    if (l->is_asking || now_ms < l->paused_until_ms || !redis_is_up(l->options.redis) ||
        !redis_is_up(l->options.other))
        return;
    uint64_t every_ms = l->options.lease_ms / (l->epoch != 0 ? RENEWALS : QUESTIONS);
    if (l->asked_ms == 0 || now_ms - l->asked_ms >= every_ms)
        ask(l);
}

static void on_step(uv_timer_t *timer)
{
    step(timer->data);
}

void lease_check(struct lease *l)
{
    l->asked_ms = 0;
    step(l);
}

void lease_on_redis_up(struct lease *l)
{
    if (l->is_closing)
        return;
    l->asked_ms = 0;
    step(l);
}

void lease_on_redis_down(struct lease *l)
{
    lose(l, "state Redis is away");
}

enum status lease_start(struct lease *l, const struct lease_options *options)
{
    uint64_t random = 0;
    memset(l, 0, sizeof(*l));
    l->options = *options;
    if (snprintf(l->prefix, sizeof(l->prefix), "%s", options->prefix) >= (int)sizeof(l->prefix) ||
        snprintf(l->name, sizeof(l->name), "%s", options->name) >= (int)sizeof(l->name))
        return STATUS_RANGE;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return STATUS_IO;
    (void)snprintf(l->run_id, sizeof(l->run_id), "%016" PRIx64, random);
    (void)uv_timer_init(options->loop, &l->timer); /* cannot fail */
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_step, STEP_MS, STEP_MS);
    return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct lease *l = handle->data;
    l->on_closed(l->options.owner);
}

static void end(struct lease *l)
{
    if (l->is_resigning) {
        l->is_resigning = false;
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    }
}

static void on_resigned(void *owner, enum status status, const struct redis_reply *reply)
{
    (void)status;
    (void)reply;
    end(owner);
}

static void on_resign_limit(uv_timer_t *timer)
{
    end(timer->data);
}

void lease_close(struct lease *l, void (*on_closed)(void *owner))
{
    if (l->is_closing)
        return;
    l->is_closing = l->is_resigning = true;
    l->on_closed = on_closed;
    l->epoch = 0;
    (void)uv_timer_start(&l->timer, on_resign_limit, RESIGN_LIMIT_MS, 0);
    if (script_resign(l->options.redis, l->prefix, l->name, l->run_id, on_resigned, l) != STATUS_OK)
        end(l);
}
