#include "speaker/suspects.h"

void suspects_up(struct suspects *s, uint64_t now_ms)
{
    s->up = true;
    s->begun = s->trying = false;
    s->up_at = s->tried_at = s->sent_at = s->idle_at = s->aged_at = now_ms;
}

void suspects_sent(struct suspects *s, uint64_t now_ms)
{
    s->sent_at = now_ms;
}

void suspects_clear(struct suspects *s, struct rib_out *out)
{
    rib_out_suspects_clear(out);
    s->phase = SUSPECTS_NONE;
    s->trying = false;
    s->accused = s->accusations = 0;
    s->moment_ms = 0;
}

/* --- a session that stands ----------------------------------------------------------------------
 */

static void let_age(struct suspects *s, struct rib_out *out, uint64_t now_ms)
{
    if (now_ms < s->aged_at + SUSPECTS_SHORTLY_MS)
        return;
    s->aged_at = now_ms;
    rib_out_suspects_age(out);
    if (s->phase != SUSPECTS_FELL)
        return;
    rib_out_suspects_acquit(out);
    if (out->suspects.all.count == 0)
        suspects_clear(s, out);
}

static uint64_t rest_ms(const struct suspects *s)
{
    if (s->culprits < SUSPECTS_QUICK_CULPRITS)
        return 0;
    uint64_t ms = SUSPECTS_REST_MS;
    for (uint32_t i = SUSPECTS_QUICK_CULPRITS; i < s->culprits && ms < SUSPECTS_REST_MAX_MS; i++)
        ms *= 2;
    return ms < SUSPECTS_REST_MAX_MS ? ms : SUSPECTS_REST_MAX_MS;
}

/* So many as make it through all of them in time, and no more than half, so that it gets narrower.
 */
static size_t group_of(const struct suspects *s, size_t count)
{
    size_t group = (size_t)((count * s->moment_ms + SUSPECTS_PASS_MS - 1) / SUSPECTS_PASS_MS);
    return group < (count + 1) / 2 ? group : (count + 1) / 2;
}

/* The others, or what was tried before, have had their moment. */
static bool is_silent(const struct suspects *s, const struct rib_out *out, uint64_t now_ms)
{
    /* Others that guards hold up do not rest. */
    uint64_t rest = out->suspects.guards.count > 0 ? 0 : rest_ms(s);
    uint64_t silence_ms = 0;
    if (out->suspects.held.count <= out->suspects.accused.count || out->suspects.held.count == 1)
        silence_ms = s->cause == SUSPECTS_UPDATE ? SUSPECTS_SILENCE_MS : SUSPECTS_LONG_SILENCE_MS;
    if (now_ms < s->up_at + rest || now_ms < s->tried_at + silence_ms)
        return false;
    uint64_t patience_ms =
        s->moment_ms > SUSPECTS_PATIENCE_MS ? s->moment_ms : SUSPECTS_PATIENCE_MS;
    return now_ms >= s->sent_at + s->moment_ms || now_ms >= s->idle_at + patience_ms;
}

static void give_more_time(struct suspects *s)
{
    s->least_ms = 2 * s->moment_ms;
    if (s->least_ms > SUSPECTS_MOMENT_MAX_MS)
        s->least_ms = SUSPECTS_MOMENT_MAX_MS;
}

static void try_next(struct suspects *s, struct rib_out *out, uint64_t now_ms)
{
    if (now_ms >= s->sent_at + s->moment_ms)
        rib_out_suspects_taken(out);
    else
        rib_out_suspects_age(out);
    if (out->suspects.held.count == 0) {
        give_more_time(s); /* none of them was it, or it takes longer */
        suspects_clear(s, out);
        return;
    }
    size_t count = rib_out_suspects_next(out);
    (void)rib_out_suspects_release(out, group_of(s, count));
    s->trying = true;
    s->silent_ms = now_ms - s->tried_at;
    s->tried_at = s->sent_at = now_ms;
}

static void probe(struct suspects *s, struct rib_out *out, bool written, uint64_t now_ms)
{
    if (!written || rib_out_has_due(out)) {
        s->idle_at = now_ms;
        return;
    }
    if (!s->begun)
        s->tried_at = now_ms;
    s->begun = true;
    if (s->trying && now_ms < s->sent_at + s->moment_ms)
        return;
    if (s->trying) {
        s->trying = false;
        s->idle_at = now_ms;
        rib_out_suspects_taken(out);
        rib_out_suspects_acquit(out);
        if (!rib_out_is_suspect(out, s->accused))
            s->accused = s->accusations = 0;
    }
    if (is_silent(s, out, now_ms))
        try_next(s, out, now_ms);
}

void suspects_tick(struct suspects *s, struct rib_out *out, bool written, uint64_t now_ms)
{
    if (!s->up)
        return;
    if (s->phase == SUSPECTS_NONE && now_ms >= s->up_at + SUSPECTS_CALM_MS) {
        s->falls = s->culprits = 0;
        s->least_ms = 0;
    }
    if (s->phase == SUSPECTS_PROBING) {
        probe(s, out, written, now_ms);
        return;
    }
    if (out->suspects.held.count > 0 && written && !rib_out_has_due(out))
        while (rib_out_suspects_release(out, SIZE_MAX) > 0)
            ; /* one kind after the other */
    let_age(s, out, now_ms);
}

/* --- a session that falls -----------------------------------------------------------------------
 */

static void learn_moment(struct suspects *s, uint64_t took_ms)
{
    uint64_t moment_ms = SUSPECTS_MOMENT_TIMES * took_ms;
    if (moment_ms < SUSPECTS_MOMENT_MIN_MS)
        moment_ms = SUSPECTS_MOMENT_MIN_MS;
    if (moment_ms < s->least_ms)
        moment_ms = s->least_ms;
    if (moment_ms > SUSPECTS_MOMENT_MAX_MS)
        moment_ms = SUSPECTS_MOMENT_MAX_MS;
    s->moment_ms = moment_ms;
}

/* Over others than before: then it is some of both, or chance, and that shows. */
static void fell_again(struct suspects *s, struct rib_out *out, const struct rib_out_fallen *fallen)
{
    if (fallen->suspects == 0) {
        (void)rib_out_suspects_add(out, false);
        return;
    }
    rib_out_suspects_keep(out);
    s->phase = SUSPECTS_PROBING;
}

static uint32_t accuse(struct suspects *s, struct rib_out *out, uint32_t nlri,
                       enum suspects_cause cause)
{
    uint64_t silence_ms = cause == SUSPECTS_UPDATE ? SUSPECTS_SILENCE_MS : SUSPECTS_LONG_SILENCE_MS;
    if (s->accused != nlri)
        s->accusations = 0;
    s->accused = nlri;
    s->accusations += s->silent_ms >= silence_ms ? 1 : 0;
    if (s->accusations < (cause == SUSPECTS_UPDATE ? 1 : SUSPECTS_LONG_SILENCE_FALLS)) {
        (void)rib_out_suspects_accuse(out, nlri);
        return 0;
    }
    s->accused = s->accusations = 0;
    return nlri;
}

static uint32_t fell_probing(struct suspects *s, struct rib_out *out,
                             const struct rib_out_fallen *fallen, enum suspects_cause cause)
{
    if (fallen->suspects == 1 && fallen->others == 0)
        return accuse(s, out, fallen->suspect, cause);
    if (fallen->suspects == 0 && cause == SUSPECTS_SILENT) {
        suspects_clear(s, out); /* it falls without them, too */
        return 0;
    }
    /* It took longer to fall over one of those before, which seemed to be taken. */
    if (fallen->suspects == 0)
        give_more_time(s);
    /* What was sent between two suspects may be it as well, and is tried with them. */
    (void)rib_out_suspects_add(out, fallen->suspects > 0);
    return 0;
}

static void find(struct suspects *s, struct rib_out *out, struct suspects_verdict *verdict,
                 enum suspects_cause cause)
{
    struct rib_out_fallen fallen = rib_out_suspects_fallen(out);
    switch (s->phase) {
    case SUSPECTS_NONE:
        (void)rib_out_suspects_add(out, false);
        s->phase = SUSPECTS_FELL;
        break;
    case SUSPECTS_FELL:
        fell_again(s, out, &fallen);
        break;
    case SUSPECTS_PROBING:
        verdict->culprit = fell_probing(s, out, &fallen, cause);
        break;
    }
}

struct suspects_verdict suspects_down(struct suspects *s, struct rib_out *out,
                                      enum suspects_cause cause, uint64_t now_ms)
{
    struct suspects_verdict verdict = {0};
    uint64_t took_ms = now_ms - s->sent_at;
    struct rib_out_fallen fallen = rib_out_suspects_fallen(out);
    bool shortly =
        took_ms <= (cause == SUSPECTS_SILENT ? SUSPECTS_AT_ONCE_MS : SUSPECTS_SHORTLY_MS) &&
        fallen.suspects + fallen.others > 0;
    s->up = false;
    s->cause = cause;
    if (cause != SUSPECTS_OTHER && shortly) {
        /* A connection that breaks may do so for another reason. */
        if (cause == SUSPECTS_UPDATE || s->phase != SUSPECTS_PROBING || fallen.suspects > 0)
            learn_moment(s, took_ms);
        find(s, out, &verdict, cause);
        /* A connection that breaks again and again waits longer each time, unless it is clear why.
         */
        verdict.searching = s->phase != SUSPECTS_NONE &&
                            (cause == SUSPECTS_UPDATE || s->accused != 0 || verdict.culprit != 0);
    } else if (cause == SUSPECTS_UPDATE && s->phase == SUSPECTS_PROBING) {
        give_more_time(s); /* it takes longer to fall than it seemed */
        learn_moment(s, took_ms);
        verdict.searching = true;
    } else if (cause == SUSPECTS_SILENT) {
        suspects_clear(s, out);
    }
    s->falls++;
    if (verdict.culprit != 0) {
        s->culprits++;
        s->falls = 0;
    } else if (s->falls > SUSPECTS_FALLS_MAX) {
        verdict.searching = false; /* it goes on, and waits as ever between two falls */
    }
    s->trying = false;
    if (rib_out_suspects_hold(out) != STATUS_OK)
        suspects_clear(s, out);
    return verdict;
}
