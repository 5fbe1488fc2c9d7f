#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_new(const struct model *model, const struct engine_options *options)
{
    struct engine *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->model = model;
    e->is_model_new = e->may_be_over = true; /* as far as what is restored goes */
    e->options = *options;
    e->turn = ENGINE_TURN_MAX;
    e->owed_left = e->turn;
    struct table_options tracked = {.entry_size = sizeof(struct tracked),
                                    .key_max = sizeof(uint32_t) + KEY_BYTES_MAX,
                                    .max = ENGINE_TRACKED_MAX,
                                    .seed = options->seed};
    struct table_options mitigations = {.entry_size = sizeof(struct live_mitigation *),
                                        .key_max = ID_TEXT_MAX,
                                        .max = ENGINE_MITIGATIONS_MAX,
                                        .seed = options->seed};
    e->tracked = table_new(&tracked);
    e->mitigations = table_new(&mitigations);
    if (e->tracked == NULL || e->mitigations == NULL ||
        watch_init(&e->watch, options->seed) != STATUS_OK) {
        engine_free(e);
        return NULL;
    }
    for (size_t i = 0; i < model->config->shard_count; i++)
        watch_add_shard(&e->watch, model->config->shards[i].name);
    return e;
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    size_t cursor = 0;
    for (struct tracked *t = e->tracked ? table_next(e->tracked, &cursor) : NULL; t != NULL;
         t = table_next(e->tracked, &cursor))
        alarms_forget(e, t);
    cursor = 0;
    for (struct live_mitigation **at = e->mitigations ? table_next(e->mitigations, &cursor) : NULL;
         at != NULL; at = table_next(e->mitigations, &cursor)) {
        mitigation_done(&(*at)->m);
        free(*at);
    }
    table_free(e->tracked);
    table_free(e->mitigations);
    free(e->listed_ms);
    watch_done(&e->watch);
    free(e);
}

int engine_shard_of(const struct engine *e, uint64_t count_id, const struct flow_key *key)
{
    const struct config *c = e->model->config;
    uint64_t bit = 1ull << key_slot(count_id, key);
    for (size_t i = 0; i < c->shard_count; i++) {
        if ((c->shards[i].slots & bit) == 0)
            continue;
        for (size_t j = 0; j < e->watch.shard_count; j++) {
            if (strcmp(e->watch.shards[j].name, c->shards[i].name) == 0)
                return (int)j;
        }
    }
    return WATCH_SHARDS_MAX; /* never seen, so always blind */
}

void engine_write_alarm(struct engine *e, struct live_alarm *live, const char *what,
                        const char *why, struct engine_now now)
{
    struct alarm *alarm = &live->alarm;
    alarm->revision++;
    alarm->times.changed_ms = now.state_ms;
    live->written_ms = now.mono_ms;
    struct engine_write write = {.alarm = alarm,
                                 .standing =
                                     alarm->state == ALARM_ENDED ? ENGINE_ENDED : ENGINE_STANDS,
                                 .log = what != NULL,
                                 .what = what,
                                 .who = "policy",
                                 .why = why};
    e->options.on_write(e->options.owner, &write);
}

/* Keys of this count have the dimensions of this one. */
static bool fits(const struct count_spec *spec, const struct flow_key *key)
{
    size_t at = 0, i = 0;
    for (; i < spec->key_count && at + 2 <= key->len; i++, at += 2u + key->bytes[at + 1]) {
        if (spec->key[i].dimension != key->bytes[at])
            return false;
    }
    return i == spec->key_count && at == key->len;
}

/*
 * The policy of this name, where its keys are such as the alarm's; -1 when it is gone. It may count
 * something else now (other networks change every count): whether that is still over its threshold
 * the next ticks say, and the rule stands meanwhile.
 */
static long find_policy(const struct model *model, const struct alarm *alarm)
{
    const struct config *c = model->config;
    for (size_t i = 0; i < c->policy_count; i++) {
        if (strcmp(c->policies[i].name, alarm->policy) == 0 &&
            fits(&model->counts[model->policy_count[i]].spec, &alarm->key) &&
            alarm->threshold < c->policies[i].threshold_count)
            return (long)i;
    }
    return -1;
}

static void carry_over(struct engine *e, struct live_alarm *live, struct engine_now now)
{
    uint64_t id = e->model->counts[e->model->policy_count[live->tracked->policy]].id;
    if (live->orphan || live->alarm.count_id == id)
        return;
    live->alarm.count_id = id;
    engine_write_alarm(e, live, "alarm carried over",
                       "its policy counts by another configuration now", now);
}

/* A restored time as a monotonic one: as long ago as it says, and not in the future. */
static uint64_t mono_of(uint64_t state_ms, struct engine_now now)
{
    uint64_t ago_ms = now.state_ms > state_ms ? now.state_ms - state_ms : 0;
    return now.mono_ms > ago_ms ? now.mono_ms - ago_ms : 1;
}

enum status engine_restore_alarm(struct engine *e, const struct alarm *alarm, struct engine_now now)
{
    if (alarm->state == ALARM_ENDED || alarm->state == ALARM_QUIET ||
        alarm->state == ALARM_ELEVATED)
        return STATUS_OK;
    if (e->alarm_count == ENGINE_ALARMS_MAX)
        return STATUS_LIMIT;
    long policy = find_policy(e->model, alarm);
    if (policy < 0 && e->model->config->policy_count == 0)
        return STATUS_NOT_FOUND;
    struct live_alarm *live = calloc(1, sizeof(*live));
    struct tracked *t = alarms_track(e, policy >= 0 ? (size_t)policy : 0, &alarm->key);
    if (live == NULL || t == NULL || t->live != NULL) {
        free(live);
        return t != NULL && t->live != NULL ? STATUS_EXISTS : STATUS_NO_MEMORY;
    }
    live->alarm = *alarm;
    /* What is frozen goes back to one of two states, whatever the stored record says. */
    if (live->alarm.frozen_from != ALARM_CLEARING)
        live->alarm.frozen_from = ALARM_ACTIVE;
    text_init(&live->alarm.unknown, 0);
    text_add_bytes(&live->alarm.unknown, alarm->unknown.at, alarm->unknown.len);
    live->tracked = t;
    live->orphan = policy < 0;
    live->under_since_ms = mono_of(alarm->times.clearing_ms, now);
    live->dark_since_ms = mono_of(alarm->times.frozen_ms, now);
    t->live = live;
    t->crossed_state_ms = alarm->times.crossed_ms;
    e->alarm_count++;
    for (size_t i = 0; i < alarm->mitigation_count; i++) {
        struct live_mitigation *m = mitigations_by_id(e, alarm->mitigations[i]);
        if (m != NULL)
            m->wanted_by++;
    }
    carry_over(e, live, now);
    return STATUS_OK;
}

enum status engine_restore_mitigation(struct engine *e, const struct mitigation *m,
                                      struct engine_now now)
{
    if (m->state != MITIGATION_ANNOUNCING && m->state != MITIGATION_ACTIVE &&
        m->state != MITIGATION_WITHDRAWING)
        return STATUS_OK;
    bool is_new = false;
    struct live_mitigation *live = calloc(1, sizeof(*live));
    struct live_mitigation **at =
        live != NULL ? table_insert(e->mitigations, m->id, strlen(m->id), &is_new) : NULL;
    if (at == NULL || !is_new) {
        free(live);
        return at != NULL ? STATUS_EXISTS : STATUS_LIMIT;
    }
    *at = live;
    e->restored_ms = now.state_ms;
    live->m = *m;
    text_init(&live->m.unknown, 0);
    text_add_bytes(&live->m.unknown, m->unknown.at, m->unknown.len);
    live->created_ms = mono_of(m->created_ms, now);
    live->withdrawing_since_ms = now.mono_ms; /* speakers get their time again */
    live->renewed_ms = mono_of(m->renewed_ms, now);
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        for (size_t i = 0; t->live != NULL && i < t->live->alarm.mitigation_count; i++)
            live->wanted_by += strcmp(t->live->alarm.mitigations[i], m->id) == 0;
    }
    return STATUS_OK;
}

/* An alarm's mitigation without an alarm: the end of the alarm was written, and then we were gone.
 */
static void plan_unwanted(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        struct mitigation *m = &(*at)->m;
        if (mitigations_stands(*at) && m->origin == ORIGIN_ALARM && (*at)->wanted_by == 0 &&
            m->until_ms == 0 && !m->withdraw_manual)
            m->until_ms = now.state_ms + m->withdraw_after_ms;
    }
}

/* What shards count of this model is not known yet; what is, lasts as long as a tick. */
static void forget_listed(struct engine *e, struct engine_now now)
{
    size_t count = e->model->config->policy_count * WATCH_SHARDS_MAX;
    free(e->listed_ms);
    e->listed_ms = calloc(count + 1, sizeof(*e->listed_ms));
    for (size_t i = 0; e->listed_ms != NULL && i < count; i++)
        e->listed_ms[i] = now.mono_ms;
}

/* Each tick names what its aggregator counts: of a count that it does not name it says nothing. */
static void note_listed(struct engine *e, size_t shard, const struct rollup_tick *tick,
                        struct engine_now now)
{
    const struct config *c = e->model->config;
    for (size_t i = 0; i < c->policy_count && e->listed_ms != NULL; i++) {
        uint64_t id = e->model->counts[e->model->policy_count[i]].id;
        for (size_t j = 0; j < tick->count_count; j++) {
            if (tick->counts[j].id == id)
                e->listed_ms[shard * c->policy_count + i] = now.mono_ms;
        }
    }
}

bool engine_is_listed(const struct engine *e, size_t shard, size_t policy, uint64_t within_ms,
                      struct engine_now now)
{
    if (e->listed_ms == NULL || shard >= WATCH_SHARDS_MAX)
        return true;
    uint64_t at_ms = e->listed_ms[shard * e->model->config->policy_count + policy];
    return now.mono_ms <= at_ms + within_ms;
}

void engine_set_model(struct engine *e, const struct model *model, struct engine_now now)
{
    /* Keys are tracked under the policy's place in the file, which may be another now. */
    size_t cursor = 0, count = 0;
    struct live_alarm **kept = calloc(e->alarm_count + 1, sizeof(*kept));
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && kept != NULL)
            kept[count++] = t->live;
        t->live = NULL;
    }
    table_clear(e->tracked);
    e->model = model;
    e->is_model_new = e->may_be_over = true;
    forget_listed(e, now);
    for (size_t i = 0; i < model->config->shard_count; i++)
        watch_add_shard(&e->watch, model->config->shards[i].name);
    for (size_t i = 0; i < count; i++) {
        struct live_alarm *live = kept[i];
        long policy = find_policy(model, &live->alarm);
        struct tracked *t =
            model->config->policy_count != 0
                ? alarms_track(e, policy >= 0 ? (size_t)policy : 0, &live->alarm.key)
                : NULL;
        live->orphan = policy < 0;
        if (t != NULL && t->live == NULL) {
            t->live = live;
            t->crossed_state_ms = live->alarm.times.crossed_ms;
            live->tracked = t;
            live->settled = false;
            live->retry_ms = 0;
            carry_over(e, live, now);
            continue;
        }
        /* No place for it: end it here. */
        live->alarm.state = ALARM_ENDED;
        live->alarm.times.ended_ms = now.state_ms;
        mitigations_alarm_ended(e, live, now);
        engine_write_alarm(e, live, "alarm ended",
                           "its policy is not configured any more, or has other keys", now);
        alarm_done(&live->alarm);
        free(live);
        e->alarm_count--;
    }
    free(kept);
}

/* Counts a part in; true when this one makes its tick whole. A part that comes again counts once.
 */
static bool whole(struct shard_parts *parts, const struct rollup_tick *tick)
{
    if (parts->epoch != tick->epoch || parts->sequence != tick->sequence) {
        parts->epoch = tick->epoch;
        parts->sequence = tick->sequence;
        parts->seen = 0;
        parts->truncated = parts->blind = false;
        parts->generation++;
    }
    parts->truncated = parts->truncated || tick->truncated;
    parts->blind = parts->blind || tick->blind;
    if (tick->parts > PARTS_MAX || tick->part >= tick->parts)
        return false;
    parts->seen |= 1ull << tick->part;
    return parts->seen == UINT64_MAX >> (PARTS_MAX - tick->parts);
}

void engine_set_turn(struct engine *e, unsigned int turn)
{
    e->turn = turn < ENGINE_TURN_MIN   ? ENGINE_TURN_MIN
              : turn > ENGINE_TURN_MAX ? ENGINE_TURN_MAX
                                       : turn;
}

void engine_tick(struct engine *e, const struct rollup_tick *tick, struct engine_now now)
{
    watch_tick(&e->watch, tick, now.mono_ms);
    size_t shard = 0;
    while (shard < e->watch.shard_count && strcmp(e->watch.shards[shard].name, tick->shard) != 0)
        shard++;
    if (shard == e->watch.shard_count)
        return; /* a shard of somebody else's configuration */
    bool is_whole = whole(&e->shards[shard], tick);
    note_listed(e, shard, tick, now);
    e->turn_left = e->turn;
    for (size_t i = 0; i < tick->row_count; i++)
        alarms_row(e, tick, &tick->rows[i], &tick->counts[tick->rows[i].count], now);
    if (is_whole && !e->shards[shard].blind && !e->shards[shard].truncated)
        alarms_absent(e, (uint8_t)shard, e->shards[shard].generation, now);
}

void engine_time(struct engine *e, struct engine_now now)
{
    watch_begin(&e->watch, now.mono_ms);
    plan_unwanted(e, now);
    if (e->listed_ms == NULL)
        forget_listed(e, now);
    adopt_time(e, now);
    if (e->is_model_new) {
        e->is_model_new = false; /* what is withdrawn here is a change again */
        rejudge_all(e, now);
    }
    e->owed_left = e->turn;
    write_back_go_on(e, now);
    forget_go_on(e);
    alarms_time(e, now);
    mitigations_time(e, now);
    budget_time(e, now);
}

void engine_count(const struct engine *e, struct engine_now now, struct engine_counts *ret_counts)
{
    memset(ret_counts, 0, sizeof(*ret_counts));
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL && t->live->alarm.severity < SEVERITY_COUNT)
            ret_counts->alarms[t->live->alarm.severity][t->live->alarm.state]++;
    }
    cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor))
        ret_counts->mitigations[(*at)->m.state]++;
    ret_counts->tracked = table_count(e->tracked);
    ret_counts->tracked_refused = e->tracked_refused;
    ret_counts->alarms_refused = e->alarms_refused;
    for (size_t i = 0; i < e->watch.shard_count; i++)
        ret_counts->blind_shards +=
            watch_shard(&e->watch, e->watch.shards[i].name, now.mono_ms) == WATCH_BLIND;
}

bool engine_shard_is_blind(const struct engine *e, const char *shard, struct engine_now now)
{
    return watch_shard(&e->watch, shard, now.mono_ms) == WATCH_BLIND;
}
