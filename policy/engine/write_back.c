#include "policy/engine/engine_internal.h"

#include <stdio.h>

/*
 * The truth is in state Redis, and when that has lost it the engine's memory is the next best: so
 * the routes at the speakers stay managed, and are withdrawn in the end. In turns: mitigations
 * first, as routes hang on them, then alarms, then what each peer was sent.
 */

static const char written_back[] = "written back";
static const char was_lost[] = "state Redis had lost it";

static void write_peer(struct engine *e, struct live_mitigation *live, const struct peer_result *r)
{
    char field[2 * NAME_MAX_LEN + 16];
    if (r->kind >= RESULT_KIND_COUNT)
        return;
    (void)snprintf(field, sizeof(field), "peer:%s/%s", r->speaker, r->peer);
    live->m.revision++;
    struct engine_write write = {.mitigation = &live->m,
                                 .standing = ENGINE_STANDS,
                                 .peer_field = field,
                                 .peer_value = result_kind_name((enum result_kind)r->kind)};
    e->options.on_write(e->options.owner, &write);
    e->owed_left--;
}

/* It is not an announcement that a hold could refuse: it stands already. */
void write_back_mitigation(struct engine *e, struct live_mitigation *live, const char *what,
                           const char *why, struct engine_now now)
{
    struct mitigation *m = &live->m;
    m->renewed_ms = now.state_ms;
    live->renewed_ms = now.mono_ms;
    m->revision++;
    struct job job = {.verb = m->state == MITIGATION_WITHDRAWING ? JOB_WITHDRAW : JOB_ANNOUNCE,
                      .epoch = m->epoch,
                      .revision = m->revision,
                      .decided_ms = now.state_ms,
                      .written_ms = now.state_ms};
    (void)snprintf(job.mitigation, sizeof(job.mitigation), "%s", m->id);
    struct engine_write write = {.mitigation = m,
                                 .standing = ENGINE_STANDS,
                                 .job = &job,
                                 .what = what,
                                 .who = "policy",
                                 .why = why};
    e->options.on_write(e->options.owner, &write);
}

static void write_mitigations(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor);
         at != NULL && e->owed_left > 0; at = table_next(e->mitigations, &cursor)) {
        if (!(*at)->is_owed)
            continue;
        (*at)->is_owed = false;
        write_back_mitigation(e, *at, written_back, was_lost, now);
        e->owed_left--;
    }
}

static void write_alarms(struct engine *e, struct engine_now now)
{
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL && e->owed_left > 0;
         t = table_next(e->tracked, &cursor)) {
        if (t->live == NULL || !t->live->is_owed)
            continue;
        t->live->is_owed = false;
        engine_write_alarm(e, t->live, written_back, was_lost, now);
        e->owed_left--;
    }
}

static void write_peers(struct engine *e)
{
    size_t cursor = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor);
         at != NULL && e->owed_left > 0; at = table_next(e->mitigations, &cursor)) {
        for (size_t i = 0; i < (*at)->result_count && e->owed_left > 0; i++) {
            struct peer_result *r = &(*at)->results[i];
            if (r->is_owed)
                write_peer(e, *at, r);
            r->is_owed = false;
        }
    }
}

void write_back_go_on(struct engine *e, struct engine_now now)
{
    if (!e->is_back_owed)
        return;
    write_mitigations(e, now);
    write_alarms(e, now);
    write_peers(e);
    e->is_back_owed = e->owed_left == 0; /* there may be more */
}

void engine_write_back(struct engine *e, uint64_t epoch, struct engine_now now)
{
    size_t cursor = 0;
    e->options.epoch = epoch;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        (*at)->m.epoch = epoch;
        (*at)->is_owed = true;
        for (size_t i = 0; i < (*at)->result_count; i++)
            (*at)->results[i].is_owed = true;
    }
    cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL)
            t->live->is_owed = true;
    }
    e->is_back_owed = true;
    write_back_go_on(e, now);
}
