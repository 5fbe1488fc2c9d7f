#include "policy/engine/engine_internal.h"

#include <stdio.h>

/*
 * The truth is in state Redis, and when that has lost it the engine's memory is the next best: so
 * the routes at the speakers stay managed, and are withdrawn in the end.
 */

static const char what[] = "written back";
static const char why[] = "state Redis had lost it";

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
}

/* It is not an announcement that a hold could refuse: it stands already. */
static void write_mitigation(struct engine *e, struct live_mitigation *live, struct engine_now now)
{
    struct mitigation *m = &live->m;
    m->epoch = e->options.epoch;
    m->renewed_ms = now.state_ms;
    live->renewed_ms = now.mono_ms;
    for (size_t i = 0; i < live->result_count; i++)
        write_peer(e, live, &live->results[i]);
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

void engine_write_back(struct engine *e, uint64_t epoch, struct engine_now now)
{
    size_t cursor = 0;
    e->options.epoch = epoch;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor))
        write_mitigation(e, *at, now);
    cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live != NULL)
            engine_write_alarm(e, t->live, what, why, now);
    }
}
