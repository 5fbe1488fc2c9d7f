#include "policy/engine/engine_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* An alarm's rates are written again this often; all together 500 times a second at most. */
    SHOW_EVERY_MS = 1000,
    SHOW_EVERY_MS_AN_ALARM = 2,
    REACTIVATIONS_MAX = 3, /* each doubles the clear delay, up to eight times */
};

struct tracked_key {
    uint32_t policy;
    uint8_t bytes[KEY_BYTES_MAX];
};

static size_t make_key(struct tracked_key *ret_key, size_t policy, const struct flow_key *key)
{
    ret_key->policy = (uint32_t)policy;
    memcpy(ret_key->bytes, key->bytes, key->len);
    return sizeof(ret_key->policy) + key->len;
}

static struct flow_key key_of(const struct tracked *t)
{
    size_t len = 0;
    const uint8_t *bytes = table_key(t, &len);
    struct flow_key key = {.len = (uint8_t)(len - sizeof(uint32_t))};
    memcpy(key.bytes, bytes + sizeof(uint32_t), key.len);
    return key;
}

struct tracked *alarms_find(struct engine *e, size_t policy, const struct flow_key *key)
{
    struct tracked_key at;
    return table_find(e->tracked, &at, make_key(&at, policy, key));
}

struct tracked *alarms_track(struct engine *e, size_t policy, const struct flow_key *key)
{
    struct tracked_key at;
    bool is_new = false;
    struct tracked *t = table_insert(e->tracked, &at, make_key(&at, policy, key), &is_new);
    if (t == NULL) {
        e->tracked_refused++;
        return NULL;
    }
    if (is_new) {
        t->policy = policy;
        uint64_t id = e->model->counts[e->model->policy_count[policy]].id;
        t->shard = (uint8_t)engine_shard_of(e, id, key);
    }
    return t;
}

void alarms_forget(struct engine *e, struct tracked *t)
{
    if (t->live != NULL) {
        alarm_done(&t->live->alarm);
        free(t->live);
        e->alarm_count--;
    }
    table_remove_entry(e->tracked, t);
}

struct live_alarm *alarms_by_id(const struct engine *e, const char *id)
{
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && strcmp(t->live->alarm.id, id) == 0)
            return t->live;
    }
    return NULL;
}

bool alarms_is_live(const struct engine *e, const char *id)
{
    return alarms_by_id(e, id) != NULL;
}

static struct alarm_rates rates_of(const struct rollup_rates *r, double confidence)
{
    double spread = threshold_quantile(confidence) * __builtin_sqrt(r->var_bytes) * 8;
    double bps = r->bytes * 8;
    return (struct alarm_rates){.bps = bps,
                                .pps = r->packets,
                                .fps = r->flows,
                                .bps_low = bps > spread ? bps - spread : 0,
                                .bps_high = bps + spread};
}

/* Each rate's own peak: a flood of small packets is at its worst in other moments than one of large
 * ones. */
static void note_peak(struct alarm *alarm)
{
    const struct alarm_rates *now = &alarm->now;
    struct alarm_rates *peak = &alarm->peak;
    if (now->bps > peak->bps) {
        peak->bps = now->bps;
        peak->bps_low = now->bps_low;
        peak->bps_high = now->bps_high;
    }
    peak->pps = now->pps > peak->pps ? now->pps : peak->pps;
    peak->fps = now->fps > peak->fps ? now->fps : peak->fps;
}

static void note_contributors(struct engine *e, struct alarm *alarm, const struct rollup_tick *tick,
                              const struct rollup_row *row, struct engine_now now)
{
    alarm->contributor_count = 0;
    for (size_t i = 0; i < row->contributor_count && i < ALARM_CONTRIBUTORS_MAX; i++) {
        struct alarm_contributor *c = &alarm->contributors[alarm->contributor_count++];
        uint64_t silent_ms = 0, gap_ms = 0;
        c->exporter = tick->exporters[row->contributors[i].exporter].addr;
        c->share_permille = row->contributors[i].share_permille;
        (void)watch_exporter(&e->watch, &c->exporter, now.mono_ms, &silent_ms, &gap_ms);
        c->usual_gap_ms = gap_ms < UINT32_MAX ? (uint32_t)gap_ms : UINT32_MAX;
    }
}

/* The alarm's severity follows the highest threshold that is passed; a fall only after clear.after.
 */
static void follow_severity(struct engine *e, struct live_alarm *live, int over, size_t rate,
                            struct engine_now now)
{
    const struct config_policy *p = &e->model->config->policies[live->tracked->policy];
    struct alarm *alarm = &live->alarm;
    if (over < 0 || p->thresholds[over].severity == alarm->severity) {
        live->fallen_since_ms = 0;
        return;
    }
    bool rises = p->thresholds[over].severity > alarm->severity;
    if (!rises) {
        live->fallen_since_ms = live->fallen_since_ms != 0 ? live->fallen_since_ms : now.mono_ms;
        if (now.mono_ms - live->fallen_since_ms < p->thresholds[alarm->threshold].clear_after_ms)
            return;
    }
    live->fallen_since_ms = 0;
    alarm->threshold = (uint32_t)over;
    alarm->severity = (uint8_t)p->thresholds[over].severity;
    threshold_text(&p->thresholds[over], rate, alarm->threshold_text,
                   sizeof(alarm->threshold_text));
    engine_write_alarm(e, live, rises ? "alarm rises" : "alarm falls", "", now);
    if (rises) {
        live->settled = false;
        mitigations_start_for(e, live, false, now);
    }
}

static void activate(struct engine *e, struct tracked *t, int over, size_t rate,
                     struct engine_now now)
{
    const struct config_policy *p = &e->model->config->policies[t->policy];
    struct live_alarm *live = e->alarm_count < ENGINE_ALARMS_MAX ? calloc(1, sizeof(*live)) : NULL;
    if (live == NULL) {
        e->alarms_refused++;
        return;
    }
    e->alarm_count++;
    t->live = live;
    live->tracked = t;
    struct alarm *alarm = &live->alarm;
    id_make(alarm->id, 'a', now.state_ms);
    (void)snprintf(alarm->policy, sizeof(alarm->policy), "%s", p->name);
    alarm->count_id = e->model->counts[e->model->policy_count[t->policy]].id;
    alarm->key = key_of(t);
    (void)key_format(&alarm->key, alarm->key_text, sizeof(alarm->key_text));
    alarm->state = ALARM_ACTIVE;
    alarm->threshold = (uint32_t)over;
    alarm->severity = (uint8_t)p->thresholds[over].severity;
    threshold_text(&p->thresholds[over], rate, alarm->threshold_text,
                   sizeof(alarm->threshold_text));
    alarm->window_ms = (uint32_t)p->window_ms;
    alarm->times.crossed_ms = t->crossed_state_ms;
    alarm->times.active_ms = now.state_ms;
}

static void freeze(struct live_alarm *live, struct engine_now now)
{
    live->alarm.frozen_from = live->alarm.state;
    live->alarm.times.frozen_ms = now.state_ms;
    live->dark_since_ms = now.mono_ms;
}

static void thaw(struct live_alarm *live, struct engine_now now)
{
    live->alarm.times.frozen_ms = 0;
    live->dark_since_ms = 0;
    live->under_since_ms = now.mono_ms;
    if (live->alarm.frozen_from == ALARM_CLEARING)
        live->alarm.times.clearing_ms = now.state_ms;
}

/*
 * A return counts as flapping only after half of clear.after: between two exports of an exporter
 * the rate dips for a moment, and such a dip must not make every withdrawal late. A shorter one
 * begins the delay anew, which is enough.
 */
static bool is_flapping(const struct engine *e, const struct tracked *t, struct engine_now now)
{
    const struct config_policy *p = &e->model->config->policies[t->policy];
    uint64_t clear_ms = p->thresholds[t->live->alarm.threshold].clear_after_ms;
    return now.mono_ms - t->live->under_since_ms >= clear_ms / 2;
}

/* Carries out what the table says; the alarm may be gone afterwards. */
static void apply(struct engine *e, struct tracked *t, enum alarm_event event,
                  struct engine_now now)
{
    struct live_alarm *live = t->live;
    enum alarm_state from = live != NULL ? live->alarm.state : ALARM_ELEVATED;
    struct alarm_step step = alarm_fsm_next(from, event);
    if ((step.actions & ALARM_DO_FORGET) != 0) {
        alarms_forget(e, t);
        return;
    }
    if (live == NULL || (step.next == from && step.actions == 0))
        return;
    struct alarm *alarm = &live->alarm;
    const char *what = NULL;
    alarm->state = (uint8_t)step.next;
    if ((step.actions & ALARM_DO_START_CLEAR) != 0) {
        live->under_since_ms = now.mono_ms;
        alarm->times.clearing_ms = now.state_ms;
        what = "alarm clears";
    }
    if ((step.actions & ALARM_DO_REACTIVATE) != 0) {
        if (is_flapping(e, t, now) && alarm->reactivations < UINT32_MAX)
            alarm->reactivations++;
        what = "alarm is back";
    }
    if ((step.actions & ALARM_DO_FREEZE) != 0) {
        alarm->state = (uint8_t)from;
        freeze(live, now);
        alarm->state = ALARM_FROZEN;
        what = "alarm frozen";
    }
    if ((step.actions & ALARM_DO_THAW) != 0) {
        alarm->state = alarm->frozen_from;
        thaw(live, now);
        what = "alarm seen again";
    }
    if ((step.actions & ALARM_DO_ASK) != 0)
        what = "alarm stale: a person must look";
    if ((step.actions & ALARM_DO_END) != 0) {
        alarm->times.ended_ms = now.state_ms;
        mitigations_alarm_ended(e, live, now);
        what = "alarm ended";
    }
    engine_write_alarm(e, live, what, "", now);
    if ((step.actions & ALARM_DO_END) != 0)
        alarms_forget(e, t);
}

/* Which threshold is passed for long enough: the highest severity. *ret_over: any is passed now. */
static int passed_for(const struct config_policy *p, struct tracked *t, const enum level *levels,
                      struct engine_now now, bool *ret_over)
{
    int best = -1;
    *ret_over = false;
    for (size_t i = 0; i < p->threshold_count && i < THRESHOLDS_MAX; i++) {
        if (levels[i] != LEVEL_OVER) {
            t->over_since_ms[i] = 0;
            continue;
        }
        *ret_over = true;
        if (t->over_since_ms[i] == 0)
            t->over_since_ms[i] = now.mono_ms;
        if (now.mono_ms - t->over_since_ms[i] >= p->thresholds[i].for_ms &&
            (best < 0 || p->thresholds[i].severity > p->thresholds[best].severity))
            best = (int)i;
    }
    return best;
}

/* One policy's judgement of one key's rates. tick and row are NULL for a key that has no row. */
static void judge(struct engine *e, size_t policy, const struct flow_key *key,
                  const struct rollup_rates *rates, const struct rollup_tick *tick,
                  const struct rollup_row *row, struct engine_now now)
{
    const struct config_policy *p = &e->model->config->policies[policy];
    struct tracked *t = alarms_find(e, policy, key);
    enum level levels[THRESHOLDS_MAX];
    size_t decided[THRESHOLDS_MAX];
    bool half = false, all_under = true;
    for (size_t i = 0; i < p->threshold_count && i < THRESHOLDS_MAX; i++) {
        struct threshold_verdict v = threshold_judge(&p->thresholds[i], rates);
        levels[i] = v.level;
        decided[i] = v.rate;
        half = half || v.half || v.level == LEVEL_OVER;
        all_under = all_under && v.level == LEVEL_UNDER;
    }
    if (t == NULL && (!half || (t = alarms_track(e, policy, key)) == NULL))
        return;
    if (row != NULL && t->shard < WATCH_SHARDS_MAX)
        t->generation = e->shards[t->shard].generation;

    bool over = false;
    int best = passed_for(p, t, levels, now, &over);
    if (!over && t->live == NULL)
        t->crossed_state_ms = 0;
    else if (over && t->crossed_state_ms == 0)
        t->crossed_state_ms = now.state_ms;
    if (t->live == NULL && best >= 0) {
        if (e->turn_left == 0)
            return; /* the next tick names it again; the worst come first */
        e->turn_left--;
        activate(e, t, best, decided[best], now);
        if (t->live != NULL && row != NULL) {
            note_contributors(e, &t->live->alarm, tick, row, now);
            t->live->alarm.at_crossing = rates_of(rates, p->thresholds[best].confidence);
            t->live->alarm.now = t->live->alarm.peak = t->live->alarm.at_crossing;
            t->live->alarm.times.last_over_ms = now.state_ms;
            engine_write_alarm(e, t->live, "alarm", "", now);
            mitigations_start_for(e, t->live, false, now);
        }
        return;
    }
    struct live_alarm *live = t->live;
    if (live == NULL) {
        apply(e, t, half ? ALARM_EV_HALF : ALARM_EV_UNDER, now);
        return;
    }
    live->judged_ms = now.mono_ms;
    live->alarm.now = rates_of(rates, p->thresholds[live->alarm.threshold].confidence);
    note_peak(&live->alarm);
    if (over) {
        live->alarm.times.last_over_ms = now.state_ms;
        if (row != NULL)
            note_contributors(e, &live->alarm, tick, row, now);
    }
    if (live->alarm.state != ALARM_FROZEN && live->alarm.state != ALARM_STALE)
        follow_severity(e, live, best, best >= 0 ? decided[best] : 0, now);
    apply(e, t, over ? ALARM_EV_OVER : all_under ? ALARM_EV_UNDER : ALARM_EV_HALF, now);
}

void alarms_row(struct engine *e, const struct rollup_tick *tick, const struct rollup_row *row,
                const struct rollup_count *count, struct engine_now now)
{
    const struct config *c = e->model->config;
    for (size_t i = 0; i < c->policy_count; i++) {
        if (e->model->counts[e->model->policy_count[i]].id != count->id)
            continue;
        for (size_t w = 0; w < count->window_count; w++) {
            if (count->windows_ms[w] == c->policies[i].window_ms)
                judge(e, i, &row->key, &row->rates[w], tick, row, now);
        }
    }
}

/* A whole tick without flags came in: what it does not name is below the floor. */
void alarms_absent(struct engine *e, uint8_t shard, uint64_t generation, struct engine_now now)
{
    static const struct rollup_rates nothing;
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->shard != shard || t->generation == generation ||
            (t->live != NULL && t->live->orphan) || !engine_is_listed(e, shard, t->policy, 0, now))
            continue;
        struct flow_key key = key_of(t);
        judge(e, t->policy, &key, &nothing, NULL, NULL, now);
    }
}

static uint64_t active_timeout_ms(const void *owner, const struct ip_addr *exporter)
{
    const struct engine *e = owner;
    const struct model *model = e->model;
    int32_t at = model->exporters != NULL ? lpm_lookup(model->exporters, exporter) : LPM_NONE;
    return at >= 0 ? model->config->exporters[at].active_timeout_ms : 60000;
}

static void alarm_time(struct engine *e, struct tracked *t, struct engine_now now)
{
    struct live_alarm *live = t->live;
    struct alarm *alarm = &live->alarm;
    const char *shard = t->shard < e->watch.shard_count ? e->watch.shards[t->shard].name : "";
    if (live->orphan) {
        alarm->state = ALARM_ENDED;
        alarm->times.ended_ms = now.state_ms;
        mitigations_alarm_ended(e, live, now);
        engine_write_alarm(e, live, "alarm ended",
                           "its policy is not configured any more, or has other keys", now);
        alarms_forget(e, t);
        return;
    }
    enum watch_sight sight = watch_shard(&e->watch, shard, now.mono_ms);
    if (sight == WATCH_NOT_YET)
        return; /* restored a moment ago: it stays as it is until there is something to judge by */
    bool dark = sight == WATCH_BLIND ||
                !engine_is_listed(e, t->shard, t->policy, WATCH_TICK_MAX_AGE_MS, now) ||
                watch_contributors_silent(&e->watch, alarm, now.mono_ms, active_timeout_ms, e);
    const struct config_policy *p = &e->model->config->policies[t->policy];
    uint32_t doublings =
        alarm->reactivations < REACTIVATIONS_MAX ? alarm->reactivations : REACTIVATIONS_MAX;
    uint64_t clear_ms = p->thresholds[alarm->threshold].clear_after_ms << doublings;
    enum alarm_state state = alarm->state;
    bool is_dark = state == ALARM_FROZEN || state == ALARM_STALE;
    if (dark && !is_dark) {
        apply(e, t, ALARM_EV_DARK, now);
    } else if (!dark && is_dark) {
        apply(e, t, ALARM_EV_SEEN, now);
    } else if (state == ALARM_FROZEN &&
               now.mono_ms - live->dark_since_ms >= e->model->config->policy.freeze_max_ms) {
        apply(e, t, ALARM_EV_FREEZE_OVER, now);
    } else if (state == ALARM_CLEARING && now.mono_ms - live->under_since_ms >= clear_ms &&
               now.mono_ms - live->judged_ms <= WATCH_TICK_MAX_AGE_MS) {
        /* Truncated ticks that do not name it are no reason to clear. */
        apply(e, t, ALARM_EV_CLEAR_OVER, now);
        return;
    }
    if (alarm->state == ALARM_ACTIVE && !live->settled && now.mono_ms >= live->retry_ms &&
        e->retries < RETRIES_A_TURN_MAX) {
        e->retries++;
        mitigations_start_for(e, live, true, now);
    }
    uint64_t every_ms = e->alarm_count * SHOW_EVERY_MS_AN_ALARM;
    if (now.mono_ms - live->written_ms >= (every_ms > SHOW_EVERY_MS ? every_ms : SHOW_EVERY_MS))
        engine_write_alarm(e, live, NULL, "", now);
}

void alarms_time(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    e->retries = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL)
            alarm_time(e, t, now);
    }
}
