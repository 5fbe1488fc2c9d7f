#include "collector/decode/sequence.h"

/* A jump of more than this is an exporter that started again, not 16 million lost records. */
enum { GAP_MAX = 1 << 24, SWINGS_MIN = 4, SWINGS_WINDOW_MS = 60000 };

static bool within(uint32_t got, uint32_t from, uint32_t reach)
{
    return got - from <= reach;
}

static struct sequence_verdict swing(struct sequence *s, uint32_t got, uint32_t units,
                                     uint64_t now_ms)
{
    if (s->swings == 0 || now_ms - s->swings_since_ms > SWINGS_WINDOW_MS) {
        s->swings = 0;
        s->swings_since_ms = now_ms;
    }
    s->swings++;
    s->other = s->expected;
    s->expected = got + units;
    return (struct sequence_verdict){.kind = SEQUENCE_SWING,
                                     .two_senders = s->swings >= SWINGS_MIN};
}

struct sequence_verdict sequence_judge(struct sequence *s, uint32_t got, uint32_t units,
                                       uint32_t tolerance, uint64_t now_ms)
{
    struct sequence_verdict verdict = {.kind = SEQUENCE_NEXT};
    uint32_t ahead = got - s->expected;

    if (!s->known || ahead == 0) {
        s->known = true;
        s->expected = got + units;
        return verdict;
    }
    if (within(s->expected, got, tolerance)) {
        verdict.kind = SEQUENCE_LATE;
        return verdict;
    }
    /* A little ahead is a loss, also where the place before an earlier loss is still near. */
    if (within(got, s->expected, tolerance)) {
        s->expected = got + units;
        verdict.kind = SEQUENCE_GAP;
        verdict.lost = ahead;
        return verdict;
    }
    if (s->other_known && within(got, s->other, tolerance))
        return swing(s, got, units, now_ms);
    if (ahead <= GAP_MAX) {
        verdict.kind = SEQUENCE_GAP;
        verdict.lost = ahead;
    } else {
        verdict.kind = SEQUENCE_RESET;
    }
    s->other = s->expected;
    s->other_known = true;
    s->expected = got + units;
    return verdict;
}

bool sequence_is_reset(const struct sequence *s, uint32_t got, uint32_t tolerance)
{
    return s->known && got - s->expected > GAP_MAX && !within(s->expected, got, tolerance) &&
           !(s->other_known && within(got, s->other, tolerance));
}

void sequence_forget(struct sequence *s)
{
    s->known = false;
}
