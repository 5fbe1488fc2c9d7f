#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

/* The same failure would come again at once: the others get their chance first. */
enum { GIVE_UP_PAUSE_MS = 2000, SECOND_MS = 1000 };

/* A call of the engine: renewals wait no longer than this, with room to spare for the lease. */
enum { TURN_LONG_US = 100000, TURN_SHORT_US = 25000 };

struct engine_now acting_now(const struct policy *p)
{
    return (struct engine_now){.mono_ms = clock_mono_ms(&p->clock),
                               .state_ms = redis_now_ms(p->state)};
}

bool acting_may_feed(const struct policy *p)
{
    return p->engine != NULL && p->restore == NULL && p->give_up == NULL &&
           lease_is_valid(&p->lease) && redis_is_up(p->state);
}

static void stop_acting(struct policy *p)
{
    restore_cancel(p->restore);
    p->restore = NULL;
    engine_free(p->engine);
    p->engine = NULL;
    p->give_up = NULL;
    p->epoch = 0;
    p->hold_count = 0;
    p->unreadable_hold[0] = '\0';
    policy_close_reader(p, &p->results);
}

static void count_known(const struct policy *p, size_t *ret_alarms, size_t *ret_mitigations)
{
    struct engine_counts counts;
    *ret_alarms = *ret_mitigations = 0;
    engine_count(p->engine, acting_now(p), &counts);
    for (int s = 0; s < SEVERITY_COUNT; s++)
        for (int state = 0; state < ALARM_STATE_COUNT; state++)
            *ret_alarms += counts.alarms[s][state];
    for (int state = 0; state < MITIGATION_STATE_COUNT; state++)
        *ret_mitigations += counts.mitigations[state];
}

/* The engine stays as it is: its memory is all that is left. One that was still learning what
 * stands knows too little, and what it asks now is empty. */
void acting_on_emptied(void *owner)
{
    struct policy *p = owner;
    policy_metrics_state_lost();
    if (p->restore != NULL || p->engine == NULL) {
        log_error("state Redis has lost what it had, before it was read: routes at the speakers "
                  "stand until orphan_max; withdraw them by weir withdraw-all",
                  "epoch=%" PRIu64, p->epoch);
        stop_acting(p);
        return;
    }
    log_error("state Redis has lost what it had (was it emptied?); alarms, mitigations and holds "
              "are written back from memory",
              "epoch=%" PRIu64, p->epoch);
    p->give_up = NULL;
}

static void write_back(struct policy *p, uint64_t epoch)
{
    char text[160], when[CLOCK_TEXT_MAX];
    size_t alarms = 0, mitigations = 0;
    struct engine_now now = acting_now(p);
    count_known(p, &alarms, &mitigations);
    p->epoch = epoch;
    out_jobs_write_back_holds(p);
    engine_write_back(p->engine, epoch, now);
    log_warn("written back", "epoch=%" PRIu64 " alarms=%zu mitigations=%zu holds=%zu", epoch,
             alarms, mitigations, p->hold_count);
    (void)snprintf(text, sizeof(text), "%s: %zu alarms, %zu mitigations, %zu holds",
                   clock_format_wall(now.state_ms, when), alarms, mitigations, p->hold_count);
    for (size_t i = 0; i < p->telemetry_count; i++)
        registry_set(p->telemetry[i].registry, "written_back", text);
    acting_settle(p);
}

void acting_on_lead(void *owner, uint64_t epoch)
{
    struct policy *p = owner;
    if (p->is_stopping)
        return;
    if (p->engine != NULL) { /* on_emptied has left it to us */
        write_back(p, epoch);
        return;
    }
    struct engine_options options = {
        .epoch = epoch, .on_write = out_jobs_write, .on_refusal = policy_metrics_guard, .owner = p};
    if (getrandom(&options.seed, sizeof(options.seed), GRND_NONBLOCK) !=
        (ssize_t)sizeof(options.seed))
        options.seed = clock_mono_us(&p->clock);
    log_info("leading", "epoch=%" PRIu64, epoch);
    p->epoch = epoch;
    p->engine = engine_new(p->model, &options);
    if (p->engine != NULL)
        engine_set_turn(p->engine, p->turn);
    p->restore = p->engine != NULL ? restore_start(p) : NULL;
    if (p->restore == NULL)
        acting_give_up(p, "what stands cannot be asked for");
}

void acting_on_lost(void *owner, const char *why)
{
    struct policy *p = owner;
    if (!p->is_stopping)
        log_warn("not acting any more", "epoch=%" PRIu64 " reason=\"%s\"", p->epoch, why);
    stop_acting(p);
    policy_metrics_show(p);
}

void acting_give_up(struct policy *p, const char *why)
{
    lease_drop(&p->lease, why, redis_is_up(p->state) ? GIVE_UP_PAUSE_MS : 0);
}

void acting_measure(struct policy *p, uint64_t began_us)
{
    uint64_t took_us = clock_mono_us(&p->clock) - began_us;
    if (took_us > TURN_LONG_US && p->turn > ENGINE_TURN_MIN)
        p->turn /= 2;
    else if (took_us < TURN_SHORT_US && p->turn < ENGINE_TURN_MAX)
        p->turn *= 2;
    else
        return;
    engine_set_turn(p->engine, p->turn);
}

void acting_settle(struct policy *p)
{
    if (p->give_up != NULL)
        acting_give_up(p, p->give_up);
}

void acting_restored(struct policy *p, enum status status)
{
    p->restore = NULL;
    if (status == STATUS_OK && p->give_up == NULL)
        status = in_results_open(p);
    if (status != STATUS_OK) {
        acting_give_up(p, "what stands could not be read");
        return;
    }
    if (p->give_up != NULL) {
        acting_settle(p);
        return;
    }
    size_t alarms = 0, mitigations = 0;
    count_known(p, &alarms, &mitigations);
    if (in_missed_read(p) != STATUS_OK)
        log_warn("requests of before cannot be read", "epoch=%" PRIu64, p->epoch);
    log_info("acting", "epoch=%" PRIu64 " alarms=%zu mitigations=%zu holds=%zu", p->epoch, alarms,
             mitigations, p->hold_count);
    policy_metrics_show(p);
}

void acting_on_time(struct policy *p)
{
    struct engine_now now = acting_now(p);
    if (acting_may_feed(p)) {
        engine_time(p->engine, now);
        acting_measure(p, now.mono_ms * 1000);
        acting_settle(p);
    }
    if (now.mono_ms - p->second_ms < SECOND_MS)
        return;
    p->second_ms = now.mono_ms;
    if (acting_may_feed(p))
        in_holds_read(p);
    policy_metrics_show(p);
}
