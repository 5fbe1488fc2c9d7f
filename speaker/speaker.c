#include "speaker/speaker.h"

#include "common/base/log.h"
#include "common/redis/redis_metrics.h"
#include "speaker/adapter.h"
#include "speaker/adapter_metrics.h"
#include "speaker/control.h"
#include "speaker/dynamic.h"
#include "speaker/in_jobs.h"
#include "speaker/listeners.h"
#include "speaker/out_exabgp.h"
#include "speaker/out_offers.h"
#include "speaker/out_results.h"
#include "speaker/parts.h"
#include "speaker/presence.h"
#include "speaker/quarantine.h"
#include "speaker/speaker_metrics.h"
#include "speaker/store.h"
#include "speaker/turns.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 50, /* of timers, retries and the pace of UPDATEs */
    SECOND_MS = 1000,
    /* Of what stands: all of it, at the most that there can be, in little more than a second. */
    LOOKED_AT_A_TICK = DESIRED_MAX * TICK_MS / SECOND_MS,
    SAVE_EVERY_MS = 10000,
    /* A planned stop that withdraws waits this long for slow peers. */
    WITHDRAW_LIMIT_MS = 2500,
    /* The longest graceful_restart: who comes later keeps nothing of an earlier process. */
    RESTART_MS = 120000,
};

uint64_t speaker_now_ms(const struct speaker *speaker)
{
    return clock_mono_ms(&speaker->clock);
}

/* State Redis time: asked of it, else carried on from when it last was, else our own clock. */
struct desired_time speaker_time(const struct speaker *speaker)
{
    struct desired_time now = {.now_ms = (int64_t)speaker_now_ms(speaker)};
    const struct timebase *base = &speaker->timebase;
    now.redis_ms = in_jobs_now_ms(speaker->in_jobs);
    if (now.redis_ms == 0 && base->redis_ms != 0)
        now.redis_ms = base->redis_ms + (uint64_t)(now.now_ms - base->mono_ms);
    if (now.redis_ms == 0)
        now.redis_ms = clock_wall_ms(&speaker->clock);
    return now;
}

void speaker_flush(struct speaker *speaker)
{
    turns_flush(speaker);
}

void speaker_complete(struct speaker *speaker)
{
    speaker->complete = true;
    first_reading_end(&speaker->first_reading);
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL)
            rib_out_complete(&speaker->peers[i]->rib_out);
    turns_all_due(speaker);
}

void speaker_holds_changed(struct speaker *speaker)
{
    desired_holds_changed(speaker->desired);
}

void speaker_held(struct speaker *speaker, const struct scope *scope)
{
    /* Then nothing will be announced, whatever is still to be read; and End-of-RIB takes from the
     * routers what they keep of before a restart. */
    if (scope->kind == SCOPE_ALL && !speaker->complete)
        speaker_complete(speaker);
    speaker_holds_changed(speaker);
    speaker_flush(speaker);
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void stop_peers_now(struct speaker *speaker);

static bool all_withdrawn(const struct speaker *speaker)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer != NULL && peer->established != NULL &&
            (rib_out_announced_count(&peer->rib_out) > 0 || !session_can_write(peer->established)))
            return false;
        if (peer != NULL && peer->exabgp_open && rib_out_announced_count(&peer->rib_out) > 0)
            return false;
    }
    return out_exabgp_is_idle(speaker);
}

/* A route that stands with nobody behind it must be seen: said when it begins, grows and is over.
 */
static void look_for_lost(struct speaker *speaker)
{
    struct desired_counts counts = desired_counted(speaker->desired);
    size_t missing = counts.missing;
    if (missing > speaker->missing)
        log_error("the state server has lost mitigations that stand here: nobody withdrew them, so "
                  "their routes are kept until their lease or orphan_max ends",
                  "mitigations=%zu", missing);
    else if (missing == 0 && speaker->missing > 0)
        log_info("no mitigation stands without the state server knowing it", "mitigations=0");
    speaker->missing = missing;
    speaker_metrics_standing(counts.standing, missing);
}

/* All that stands is looked at once a second, in pieces that keep no job waiting. */
static void look_at_time(struct speaker *speaker)
{
    if (!speaker->looking ||
        !desired_tick_some(speaker->desired, speaker_time(speaker), LOOKED_AT_A_TICK))
        return;
    speaker->looking = false;
    look_for_lost(speaker);
}

static void every_second(struct speaker *speaker, uint64_t now_ms)
{
    speaker->looking = true;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer == NULL || !peer->told) /* who has come and had no session may be anybody */
            continue;
        speaker_metrics_peer(peer);
        speaker_metrics_peer_routes(peer, desired_refused_count(speaker->desired, i));
    }
    if (now_ms >= speaker->restart_over_at)
        speaker->restarted = false;
    (void)listeners_update(speaker);
    dynamic_tick(speaker, now_ms);
    store_tick(speaker);
    adapter_tick(speaker);
    if (now_ms >= speaker->saved_at + SAVE_EVERY_MS)
        store_put_state(speaker);
    presence_update(speaker);
}

static void on_tick(uv_timer_t *timer)
{
    struct speaker *speaker = timer->data;
    uint64_t now_ms = speaker_now_ms(speaker);
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL)
            peer_tick(speaker->peers[i], now_ms);
    out_exabgp_tick(speaker, now_ms);
    if (speaker->stopping) {
        speaker_flush(speaker);
        if (speaker->withdrawing && (all_withdrawn(speaker) || now_ms >= speaker->stop_at))
            stop_peers_now(speaker);
        return;
    }
    in_jobs_tick(speaker->in_jobs, now_ms);
    if (first_reading_tick(&speaker->first_reading, now_ms))
        log_warn("the desired state could not be read: routes are announced as the journal has "
                 "them, and what ended meanwhile ends when it is read",
                 "routes=%zu", desired_standing_count(speaker->desired));
    if (now_ms >= speaker->second_at) {
        speaker->second_at = now_ms + SECOND_MS;
        every_second(speaker, now_ms);
    }
    look_at_time(speaker);
    turns_all_due(speaker); /* for those whose pace says so */
    out_offers_tick(speaker);
    out_results_tick(speaker->out_results, now_ms);
}

/* --- start --------------------------------------------------------------------------------------
 */

static enum status use_config(struct speaker *speaker, const struct config *config)
{
    struct config_errors errors;
    config_errors_init(&errors, config->file);
    struct model *model = model_new(config, &errors);
    if (model == NULL) {
        log_error("configuration refused", "errors=\"%s\"", text_str(&errors.lines));
        config_errors_done(&errors);
        return STATUS_REFUSED;
    }
    config_errors_done(&errors);
    speaker->model = model;
    speaker->config = config;
    speaker_metrics_dry_run(config->dry_run);
    desired_set_orphan_max(speaker->desired, config->speaker.orphan_max_ms);
    return STATUS_OK;
}

static enum status make_parts(struct speaker *speaker)
{
    speaker->parts_scratch = calloc(1, sizeof(*speaker->parts_scratch));
    speaker->rib = rib_new(DESIRED_ROUTES_MAX);
    struct desired_options options = {.rib = speaker->rib, .ops = judge_ops(speaker)};
    if (speaker->rib != NULL)
        speaker->desired = desired_new(&options);
    speaker->quarantine = quarantine_new();
    if (speaker->parts_scratch == NULL || speaker->desired == NULL || speaker->quarantine == NULL)
        return STATUS_NO_MEMORY;
    enum status status = out_exabgp_new(speaker);
    if (status != STATUS_OK)
        return status;
    return out_results_new(&speaker->out_results, speaker);
}

static enum status open_doors(struct speaker *speaker)
{
    enum status status = listeners_open(speaker);
    if (status == STATUS_OK)
        status = control_open(speaker);
    if (status == STATUS_OK)
        status = adapter_open(speaker);
    if (status == STATUS_OK)
        status = in_jobs_new(&speaker->in_jobs, speaker);
    if (status == STATUS_OK)
        status = presence_open(speaker);
    return status;
}

static enum status start(void *self, struct process *process)
{
    struct speaker *speaker = self;
    speaker->process = process;
    speaker->loop = process_loop(process);
    speaker->clock = process_clock(process);
    speaker->restart_over_at = speaker_now_ms(speaker) + RESTART_MS;
    speaker->conns = (struct conns){.loop = speaker->loop};
    enum status status = make_parts(speaker);
    if (status == STATUS_OK)
        status = use_config(speaker, process_config(process));
    if (status == STATUS_OK)
        status = adapter_new(speaker);
    if (status == STATUS_OK)
        status = store_open(speaker);
    if (status == STATUS_OK)
        status = turns_open(speaker);
    if (status == STATUS_OK)
        status = open_doors(speaker);
    if (status != STATUS_OK)
        return status;
    out_results_use(speaker->out_results, in_jobs_redis(speaker->in_jobs));
    first_reading_begin(&speaker->first_reading, speaker_now_ms(speaker));
    peers_apply(speaker);
    if (holds_all(&speaker->holds))
        speaker_held(speaker, &(struct scope){.kind = SCOPE_ALL}); /* as the journal has it */
    status = out_exabgp_apply(speaker);
    if (status == STATUS_OK)
        status = listeners_update(speaker);
    if (status != STATUS_OK)
        return status;
    peers_start(speaker);
    (void)uv_timer_init(speaker->loop, &speaker->tick);
    speaker->tick.data = speaker;
    (void)uv_timer_start(&speaker->tick, on_tick, TICK_MS, TICK_MS);
    if (speaker->config->dry_run)
        log_warn("dry run: no route is sent", "because=dry_run");
    return STATUS_OK;
}

static void reload(void *self, const struct config *config)
{
    struct speaker *speaker = self;
    struct model *old = speaker->model; /* peers have their profiles from it */
    if (use_config(speaker, config) != STATUS_OK) {
        /* The check before a reload has made the same model; only memory can be missing here. */
        process_fail(speaker->process, "the new configuration cannot be used");
        return;
    }
    peers_apply(speaker);
    (void)out_exabgp_apply(speaker);
    (void)listeners_update(speaker);
    peers_start(speaker);
    model_free(old);
    presence_set_config(speaker);
    speaker_flush(speaker);
}

/* --- stop ---------------------------------------------------------------------------------------
 */

static void free_parts(struct speaker *speaker)
{
    store_close(speaker);
    adapter_free(speaker);
    peers_free(speaker);
    desired_free(speaker->desired);
    out_exabgp_free(speaker);
    rib_free(speaker->rib);
    out_results_free(speaker->out_results);
    model_free(speaker->model);
    free(speaker->parts_scratch);
    quarantine_free(speaker->quarantine);
}

void speaker_part_closed(void *owner)
{
    struct speaker *speaker = owner;
    if (--speaker->closing > 0)
        return;
    free_parts(speaker);
    process_stopped(speaker->process);
}

static void on_conns_closed(void *owner)
{
    struct speaker *speaker = owner;
    speaker->conns.on_none_left = NULL;
    speaker_part_closed(speaker);
}

static void on_tick_closed(uv_handle_t *handle)
{
    speaker_part_closed(handle->data);
}

static void stop_peers_now(struct speaker *speaker)
{
    peers_stop(speaker, !speaker->withdrawing);
    speaker->withdrawing = false;
    out_results_tick(speaker->out_results, speaker_now_ms(speaker));
    store_put_state(speaker);
    /* The timer, the sockets, the journal's thread if it is busy, and what is behind each name. */
    speaker->closing = 9 + (speaker->syncing ? 1 : 0);
    speaker->ended = true;
    (void)uv_timer_stop(&speaker->tick);
    uv_close((uv_handle_t *)&speaker->tick, on_tick_closed);
    turns_close(speaker, speaker_part_closed);
    out_exabgp_close(speaker);
    listeners_close(speaker, speaker_part_closed);
    control_close(speaker, speaker_part_closed);
    adapter_close(speaker, speaker_part_closed);
    presence_close(speaker, speaker_part_closed);
    out_results_use(speaker->out_results, NULL);
    struct in_jobs *in_jobs = speaker->in_jobs;
    speaker->in_jobs = NULL;
    in_jobs_close(in_jobs, speaker_part_closed, speaker);
    speaker->conns.on_none_left = on_conns_closed;
    speaker->conns.owner = speaker;
    if (speaker->conns.open == 0)
        on_conns_closed(speaker);
}

/*
 * keep: peers with graceful restart keep the routes until this speaker is back, or its time is
 * over; at others they are gone until then, and the Cease says "reset", so that they take us back
 * at once. withdraw: routes go first, and the Cease says "shutdown".
 */
static void stop(void *self)
{
    struct speaker *speaker = self;
    speaker->stopping = true;
    speaker->withdrawing = speaker->config->speaker.shutdown == SHUTDOWN_WITHDRAW;
    if (!speaker->withdrawing) {
        stop_peers_now(speaker);
        return;
    }
    log_info("withdrawing all routes before the end", "routes=%zu",
             desired_standing_count(speaker->desired));
    speaker->stop_at = speaker_now_ms(speaker) + WITHDRAW_LIMIT_MS;
    first_reading_end(&speaker->first_reading); /* nothing is announced any more */
    speaker_holds_changed(speaker);
    speaker_flush(speaker);
}

static bool healthy(void *self, struct text *why)
{
    const struct speaker *speaker = self;
    if (speaker->journal_failed)
        text_add(why, "the journal cannot be written, or lacks what changed while it could not");
    if (!in_jobs_is_up(speaker->in_jobs))
        text_add_itemf(why, "state server away; what stands is kept");
    if (speaker->missing > 0)
        text_add_itemf(why, "%zu mitigations stand that the state server has lost",
                       speaker->missing);
    return why->len == 0;
}

static void declare_metrics(void)
{
    speaker_metrics_declare();
    adapter_metrics_declare();
    redis_metrics_declare();
}

struct process_hooks speaker_hooks(struct speaker *speaker)
{
    return (struct process_hooks){.kind = "speaker",
                                  .check = model_check,
                                  .declare_metrics = declare_metrics,
                                  .start = start,
                                  .reload = reload,
                                  .stop = stop,
                                  .healthy = healthy,
                                  .self = speaker};
}
