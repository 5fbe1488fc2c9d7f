#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

enum { SECOND_MS = 1000 };

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
    links_close_reader(p, &p->results);
}

static void count_known(const struct policy *p, size_t *ret_alarms, size_t *ret_mitigations)
{
    struct engine_counts counts;
    *ret_alarms = *ret_mitigations = 0;
    engine_count(p->engine, gate_now(p), &counts);
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
                  "stand, and are adopted as they offer them",
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
    struct engine_now now = gate_now(p);
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
    gate_settle(p);
}

static void on_restored(struct policy *p, enum status status)
{
    p->restore = NULL;
    if (status == STATUS_OK && p->give_up == NULL)
        status = in_results_open(p);
    if (status != STATUS_OK) {
        gate_give_up(p, "what stands could not be read");
        return;
    }
    if (p->give_up != NULL) {
        gate_settle(p);
        return;
    }
    char text[160];
    size_t alarms = 0, mitigations = 0;
    count_known(p, &alarms, &mitigations);
    (void)snprintf(text, sizeof(text),
                   "takes up %zu alarms, %zu mitigations, %zu holds; epoch %" PRIu64, alarms,
                   mitigations, p->hold_count, p->epoch);
    out_jobs_audit(p, "leads", p->config->policy.name, text);
    if (in_missed_read(p) != STATUS_OK)
        log_warn("requests of before cannot be read", "epoch=%" PRIu64, p->epoch);
    log_info("acting", "epoch=%" PRIu64 " alarms=%zu mitigations=%zu holds=%zu", p->epoch, alarms,
             mitigations, p->hold_count);
    policy_metrics_show(p);
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
    p->restore = p->engine != NULL ? restore_start(p, on_restored) : NULL;
    if (p->restore == NULL)
        gate_give_up(p, "what stands cannot be asked for");
}

void acting_on_lost(void *owner, const char *why)
{
    struct policy *p = owner;
    if (!p->is_stopping)
        log_warn("not acting any more", "epoch=%" PRIu64 " reason=\"%s\"", p->epoch, why);
    stop_acting(p);
    policy_metrics_show(p);
}

void acting_on_time(struct policy *p)
{
    struct engine_now now = gate_now(p);
    if (gate_is_open(p)) {
        engine_time(p->engine, now);
        gate_measure(p, now.mono_ms * 1000);
        gate_settle(p);
    }
    if (now.mono_ms - p->second_ms < SECOND_MS)
        return;
    p->second_ms = now.mono_ms;
    if (gate_is_open(p))
        in_holds_read(p);
    policy_metrics_show(p);
}
