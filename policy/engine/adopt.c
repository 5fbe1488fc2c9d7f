#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

/*
 * What a speaker has and state Redis lost before this policy could read it. It stands at the
 * routers, so it is taken up as it is, and the guard has its word once the others are here too: a
 * rule may need another one that is offered behind it.
 */

enum {
    /* The alarm that a rule was for is lost too: it has so long to be seen again. */
    ALARM_AGAIN_MS = 120000,
    /* The guard judges when no offer came for so long, and at the latest after the other. */
    JUDGED_AFTER_MS = 2000,
    JUDGED_AT_MOST_MS = 10000
};

void adopt_note_ended(struct engine *e, const char *id)
{
    (void)snprintf(e->ended[e->ended_next], sizeof(e->ended[0]), "%s", id);
    e->ended_next = (e->ended_next + 1) % ENDED_MAX;
}

static bool has_ended(const struct engine *e, const char *id)
{
    for (size_t i = 0; i < ENDED_MAX; i++) {
        if (strcmp(e->ended[i], id) == 0)
            return true;
    }
    return false;
}

/* Why it ends instead. */
static bool is_unwanted(const struct engine *e, const struct mitigation *m,
                        char ret_why[REASON_MAX], struct engine_now now)
{
    char scope[SCOPE_TEXT_MAX];
    const struct scope *hold = mitigations_held(e, m);
    const struct live_mitigation *other = same_covers(e, m);
    if (has_ended(e, m->id))
        (void)snprintf(ret_why, REASON_MAX, "it had ended when state Redis lost it");
    else if (m->until_ms != 0 && now.state_ms >= m->until_ms)
        (void)snprintf(ret_why, REASON_MAX, "its time is over");
    else if (hold != NULL)
        (void)snprintf(ret_why, REASON_MAX, "on hold (%.60s)", scope_format(hold, scope));
    else if (other != NULL)
        (void)snprintf(ret_why, REASON_MAX, "%s has its match", other->m.id);
    else
        return false;
    return true;
}

static void take_up(struct engine *e, struct live_mitigation *live, struct engine_now now)
{
    struct mitigation *m = &live->m;
    m->state = MITIGATION_ANNOUNCING; /* the speakers answer anew */
    m->epoch = e->options.epoch;
    live->created_ms = live->renewed_ms = now.mono_ms;
    if (m->origin == ORIGIN_ALARM && live->wanted_by == 0 && m->until_ms == 0 &&
        !m->withdraw_manual)
        m->until_ms = now.state_ms + (m->withdraw_after_ms > ALARM_AGAIN_MS ? m->withdraw_after_ms
                                                                            : ALARM_AGAIN_MS);
    e->adopted_ms = now.mono_ms;
    if (e->adopting_since_ms == 0)
        e->adopting_since_ms = now.mono_ms;
}

enum engine_adoption engine_adopt(struct engine *e, const struct mitigation *m, const char *speaker,
                                  struct engine_now now)
{
    char why[REASON_MAX];
    if (mitigations_by_id(e, m->id) != NULL ||
        (m->state != MITIGATION_ANNOUNCING && m->state != MITIGATION_ACTIVE))
        return ENGINE_KNOWN;
    bool is_over = is_unwanted(e, m, why, now);
    if (table_count(e->mitigations) >= ENGINE_MITIGATIONS_MAX ||
        engine_restore_mitigation(e, m, now) != STATUS_OK)
        return ENGINE_NO_ROOM;
    struct live_mitigation *live = mitigations_by_id(e, m->id);
    take_up(e, live, now);
    if (is_over) {
        mitigations_withdraw(e, live, "policy", why, now);
        return ENGINE_NOT_ADOPTED;
    }
    (void)snprintf(why, sizeof(why), "speaker %.64s had it, state Redis had lost it", speaker);
    write_back_mitigation(e, live, "adopted", why, now);
    return ENGINE_ADOPTED;
}

void adopt_time(struct engine *e, struct engine_now now)
{
    if (e->adopting_since_ms == 0 || (now.mono_ms < e->adopted_ms + JUDGED_AFTER_MS &&
                                      now.mono_ms < e->adopting_since_ms + JUDGED_AT_MOST_MS))
        return;
    e->adopting_since_ms = 0;
    e->is_model_new = e->may_be_over = true;
}
