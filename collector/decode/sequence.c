#include "collector/decode/sequence.h"

#include <string.h>

enum {
    /* A jump of more than this is an exporter that started again, not 16 million lost records. */
    GAP_MAX = 1 << 24,
    REACH_MAX = GAP_MAX / 2,
    NONE = SEQUENCE_STREAMS,
    /* A stream is one when it has gone on so often and for so long. */
    NEXTS_MIN = 3,
    LIVED_MIN_MS = 1000,
    /* So many returns or resets within a minute are no accident; returns over so long, either. */
    EVENTS_MIN = 4,
    EVENTS_WINDOW_MS = 60000,
    SWINGS_LAST_MS = 1000,
    /* Datagrams and records of the second sender, of all, within up to two windows. */
    PART_OF_ALL = 20,
    PART_MIN = 4,
    WINDOW_MS = 10000,
    /* So many times its usual gap, and within these, and the exporter began anew: its old stream
     * will not come back. */
    SILENT_GAPS = 4,
    SILENT_MIN_MS = 10000,
    SILENT_MAX_MS = 600000,
    GAP_TIME_MS = 60000, /* over which gaps are averaged */
    FORGET_MS = 60000
};

/* --- time ---------------------------------------------------------------------------------------
 */

static void turn(uint32_t pair[2], bool is_next)
{
    pair[1] = is_next ? pair[0] : 0;
    pair[0] = 0;
}

static void pass(struct sequence *s, uint64_t now_ms)
{
    if (now_ms - s->second_ms >= 1000) {
        turn(s->units, now_ms - s->second_ms < 2000);
        s->second_ms = now_ms;
    }
    if (now_ms - s->window_ms < WINDOW_MS)
        return;
    bool is_next = now_ms - s->window_ms < UINT64_C(2) * WINDOW_MS;
    for (size_t i = 0; i < SEQUENCE_STREAMS; i++) {
        turn(s->streams[i].datagrams, is_next);
        turn(s->streams[i].records, is_next);
    }
    turn(s->datagrams, is_next);
    turn(s->records, is_next);
    s->window_ms = now_ms;
}

static void note_event(struct sequence_events *events, uint64_t now_ms)
{
    if (events->count == 0 || now_ms - events->since_ms > EVENTS_WINDOW_MS)
        *events = (struct sequence_events){.since_ms = now_ms};
    events->count++;
}

static uint32_t sum(const uint32_t pair[2])
{
    return pair[0] + pair[1];
}

static bool take_turns(const struct sequence *s, uint64_t now_ms)
{
    return s->swung_ms != 0 && now_ms - s->swung_ms <= EVENTS_WINDOW_MS;
}

/* --- streams ------------------------------------------------------------------------------------
 */

/* Paths of different length let datagrams overtake each other by what is sent within that time,
 * which is less than a second. Where one path of two is slow, only half of that has come. */
static uint32_t reach_of(const struct sequence *s, uint32_t tolerance)
{
    uint64_t reach = UINT64_C(2) * s->units[0] + UINT64_C(2) * s->units[1];
    reach = reach > tolerance ? reach : tolerance;
    return reach < REACH_MAX ? (uint32_t)reach : REACH_MAX;
}

static bool is_near(const struct sequence_stream *stream, uint32_t number, uint32_t reach)
{
    return stream->is_known &&
           (number - stream->expected <= reach || stream->expected - number <= reach);
}

/* Whose number it is; NONE: nobody's so far. */
static uint8_t stream_of(const struct sequence *s, uint32_t number, uint32_t reach)
{
    if (!s->known)
        return NONE;
    if (is_near(&s->streams[s->current], number, reach))
        return s->current;
    if (s->main != NONE && is_near(&s->streams[s->main], number, reach))
        return s->main;
    uint8_t i = 0;
    while (i < SEQUENCE_STREAMS && !is_near(&s->streams[i], number, reach))
        i++;
    return i;
}

static bool is_established(const struct sequence_stream *stream)
{
    return stream->nexts >= NEXTS_MIN && stream->last_ms - stream->since_ms >= LIVED_MIN_MS;
}

static uint32_t silence_of(const struct sequence_stream *stream)
{
    uint64_t silence = (uint64_t)SILENT_GAPS * stream->gap_ms;
    return silence < SILENT_MIN_MS   ? SILENT_MIN_MS
           : silence < SILENT_MAX_MS ? (uint32_t)silence
                                     : SILENT_MAX_MS;
}

static bool is_main_live(const struct sequence *s, uint64_t now_ms)
{
    return s->main != NONE &&
           now_ms - s->streams[s->main].last_ms < silence_of(&s->streams[s->main]);
}

/* A gap counts by its length, else a burst a minute would seem to be one gap of milliseconds. */
static void note_gap(struct sequence_stream *stream, uint64_t now_ms)
{
    uint64_t gap = now_ms - stream->last_ms;
    if (gap > SILENT_MAX_MS)
        gap = SILENT_MAX_MS;
    int64_t more = (int64_t)gap - stream->gap_ms;
    stream->gap_ms =
        (uint32_t)(stream->gap_ms + more * (int64_t)gap / (int64_t)(gap + GAP_TIME_MS));
}

static uint32_t worth(const struct sequence_stream *stream, uint64_t now_ms)
{
    return stream->is_known && now_ms - stream->last_ms < FORGET_MS ? stream->nexts : 0;
}

static uint8_t place_for_new(const struct sequence *s, uint64_t now_ms)
{
    uint8_t best = NONE;
    for (uint8_t i = 0; i < SEQUENCE_STREAMS; i++) {
        const struct sequence_stream *stream = &s->streams[i];
        if (!stream->is_known)
            return i;
        if (i == s->current || i == s->main || i == s->former)
            continue;
        uint32_t mine = worth(stream, now_ms);
        uint32_t least = best == NONE ? UINT32_MAX : worth(&s->streams[best], now_ms);
        if (mine < least || (mine == least && stream->last_ms < s->streams[best].last_ms))
            best = i;
    }
    return best;
}

/* The nearest one that datagrams may have been lost of: heard just now, unless it is the main one.
 */
static uint32_t after_of(const struct sequence *s, uint32_t number, uint64_t now_ms)
{
    uint32_t least = GAP_MAX, serial = 0;
    for (uint8_t i = 0; s->known && i < SEQUENCE_STREAMS; i++) {
        const struct sequence_stream *stream = &s->streams[i];
        uint32_t ahead = number - stream->expected;
        if (!stream->is_known || ahead > least ||
            (i != s->main && now_ms - stream->last_ms >= FORGET_MS))
            continue;
        least = ahead;
        serial = stream->serial;
    }
    return serial;
}

/* It goes on itself, so whoever began ahead of it is somebody else. */
static void part_from(struct sequence *s, uint32_t serial)
{
    for (uint8_t i = 0; i < SEQUENCE_STREAMS; i++)
        if (s->streams[i].after == serial)
            s->streams[i].after = 0;
}

/* What jumps is measured from the main stream: from another sender's it says nothing. */
static const struct sequence_stream *base_of(const struct sequence *s)
{
    return &s->streams[s->main != NONE ? s->main : s->current];
}

/* --- gaps ---------------------------------------------------------------------------------------
 */

static void add_gap(struct sequence *s, uint32_t from, uint32_t len)
{
    s->gaps[s->next_gap] = (struct sequence_gap){.from = from, .len = len};
    s->next_gap = (uint8_t)((s->next_gap + 1) % SEQUENCE_GAPS);
}

/* Takes units out of a gap, and gives how many of them it had. */
static uint32_t fill_gap(struct sequence *s, struct sequence_gap *gap, uint32_t number,
                         uint32_t units)
{
    uint32_t skip = number - gap->from, before = gap->from - number;
    if (skip >= gap->len) { /* it begins before the gap, or is not near it */
        if (before >= units)
            return 0;
        units -= before;
        skip = 0;
    }
    uint32_t room = gap->len - skip;
    uint32_t filled = units < room ? units : room, rest = room - filled;
    if (skip == 0) {
        gap->from += filled;
        gap->len = rest;
        return filled;
    }
    uint32_t rest_from = gap->from + skip + filled;
    gap->len = skip;
    if (rest > 0 &&
        gap == &s->gaps[s->next_gap]) /* its first part stays, another's place is taken */
        s->next_gap = (uint8_t)((s->next_gap + 1) % SEQUENCE_GAPS);
    if (rest > 0)
        add_gap(s, rest_from, rest);
    return filled;
}

static uint32_t fill_gaps(struct sequence *s, uint32_t number, uint32_t units)
{
    uint32_t filled = 0;
    for (size_t i = 0; i < SEQUENCE_GAPS && filled < units; i++)
        if (s->gaps[i].len > 0)
            filled += fill_gap(s, &s->gaps[i], number, units);
    return filled;
}

/* --- a datagram ---------------------------------------------------------------------------------
 */

static uint8_t begin_stream(struct sequence *s, const struct sequence_step *step, uint64_t now_ms,
                            struct sequence_verdict *verdict)
{
    if (!s->known) {
        memset(s, 0, sizeof(*s));
        s->known = true;
        s->main = s->former = NONE;
        s->second_ms = s->window_ms = now_ms;
    } else {
        uint32_t ahead = step->number - base_of(s)->expected;
        if (ahead <= GAP_MAX) {
            verdict->kind = SEQUENCE_GAP;
            verdict->lost = take_turns(s, now_ms) ? 0 : ahead;
        } else {
            verdict->kind = SEQUENCE_RESET;
            note_event(&s->resets, now_ms);
        }
    }
    uint32_t after = after_of(s, step->number, now_ms);
    uint8_t place = place_for_new(s, now_ms);
    s->streams[place] = (struct sequence_stream){.is_known = true,
                                                 .serial = ++s->serials,
                                                 .after = after,
                                                 .born_lost = verdict->lost,
                                                 .began_anew = verdict->kind == SEQUENCE_RESET,
                                                 .expected = step->number,
                                                 .since_ms = now_ms,
                                                 .last_ms = now_ms};
    return place;
}

static void go_on(struct sequence *s, struct sequence_stream *stream,
                  const struct sequence_step *step, struct sequence_verdict *verdict)
{
    uint32_t ahead = step->number - stream->expected, back = stream->expected - step->number;
    if (ahead != 0 && back <= reach_of(s, step->tolerance)) {
        verdict->kind = SEQUENCE_LATE;
        verdict->regained += fill_gaps(s, step->number, step->units);
        return;
    }
    stream->nexts += ahead == 0 || stream->is_least;
    if (ahead != 0 && !stream->is_least) {
        verdict->kind = SEQUENCE_GAP;
        verdict->lost = ahead;
        add_gap(s, stream->expected, ahead);
    }
    stream->expected = step->number + step->units;
    stream->is_least = step->is_least;
}

/* Back in a stream that has gone on for long: what came between was of somebody else, and no loss.
 */
static void note_return(struct sequence *s, uint8_t to, uint64_t now_ms,
                        struct sequence_verdict *verdict)
{
    struct sequence_stream *between = &s->streams[s->current];
    if (!is_established(&s->streams[to]))
        return;
    note_event(&s->swings, now_ms);
    if (s->swings.count >= EVENTS_MIN && now_ms - s->swings.since_ms >= SWINGS_LAST_MS)
        s->swung_ms = now_ms;
    verdict->regained += between->born_lost;
    between->born_lost = 0;
}

static void count(struct sequence *s, struct sequence_stream *stream,
                  const struct sequence_step *step)
{
    s->units[0] += step->units;
    s->datagrams[0]++;
    s->records[0] += step->records;
    stream->datagrams[0]++;
    stream->records[0] += step->records;
}

/* The first that is one; another once that one is silent; the first again when it is heard again:
 * an exporter that began anew does not come back, so then it was not the exporter who came after.
 */
static void choose_main(struct sequence *s, uint8_t heard, uint64_t now_ms)
{
    if (heard == s->main)
        return;
    if (heard == s->former) {
        s->main = heard;
        s->former = NONE;
        s->disputed_ms = now_ms != 0 ? now_ms : 1;
        return;
    }
    if (!is_established(&s->streams[heard]) || is_main_live(s, now_ms))
        return;
    if (s->former == NONE ||
        (s->main != NONE && s->streams[s->main].nexts > s->streams[s->former].nexts))
        s->former = s->main;
    s->main = heard;
}

static bool is_disputed(const struct sequence *s, uint64_t now_ms)
{
    return s->disputed_ms != 0 && now_ms - s->disputed_ms <= EVENTS_WINDOW_MS;
}

static bool is_contested(const struct sequence *s, uint64_t now_ms)
{
    if (is_disputed(s, now_ms))
        return true;
    if (s->main == NONE || !take_turns(s, now_ms))
        return false;
    const struct sequence_stream *main = &s->streams[s->main];
    uint32_t datagrams = sum(s->datagrams), records = sum(s->records);
    uint32_t others = datagrams - sum(main->datagrams), brought = records - sum(main->records);
    return others >= PART_MIN && others >= datagrams / PART_OF_ALL && brought > 0 &&
           brought >= records / PART_OF_ALL;
}

struct sequence_verdict sequence_judge(struct sequence *s, const struct sequence_step *step,
                                       uint64_t now_ms)
{
    struct sequence_verdict verdict = {.kind = SEQUENCE_NEXT};
    pass(s, now_ms);
    bool goes_on = s->known && s->streams[s->current].expected == step->number; /* nearly always */
    uint8_t at = goes_on ? s->current : stream_of(s, step->number, reach_of(s, step->tolerance));
    if (at == NONE) {
        at = begin_stream(s, step, now_ms, &verdict);
        s->is_returned = false;
        s->streams[at].expected += step->units;
        s->streams[at].is_least = step->is_least;
    } else {
        if (at != s->current)
            note_return(s, at, now_ms, &verdict);
        s->is_returned = s->is_returned || at != s->current;
        go_on(s, &s->streams[at], step, &verdict);
        if (s->is_returned && verdict.kind != SEQUENCE_LATE) {
            part_from(s, s->streams[at].serial);
            s->is_returned = false;
        }
    }
    s->current = at;
    if (at != s->former)
        note_gap(&s->streams[at], now_ms);
    s->streams[at].last_ms = now_ms;
    s->streams[at].was_outside = at != s->main && is_main_live(s, now_ms);
    count(s, &s->streams[at], step);
    choose_main(s, at, now_ms);
    s->is_contested = is_contested(s, now_ms);
    verdict.is_contested = s->is_contested;
    verdict.two_senders = take_turns(s, now_ms) || is_disputed(s, now_ms) ||
                          (verdict.kind == SEQUENCE_RESET && s->resets.count >= EVENTS_MIN);
    return verdict;
}

bool sequence_is_reset(const struct sequence *s, uint32_t number, uint32_t tolerance)
{
    return s->known && stream_of(s, number, reach_of(s, tolerance)) == NONE &&
           number - base_of(s)->expected > GAP_MAX;
}

bool sequence_is_foreign(const struct sequence *s, uint32_t number, uint32_t tolerance,
                         uint64_t now_ms)
{
    if (!s->known || s->main == NONE || s->is_contested || !take_turns(s, now_ms))
        return false;
    uint8_t at = stream_of(s, number, reach_of(s, tolerance));
    return at != s->main && (at == NONE || at != s->former);
}

static const struct sequence_stream *stream_named(const struct sequence *s, uint32_t serial)
{
    for (size_t i = 0; i < SEQUENCE_STREAMS; i++)
        if (s->streams[i].is_known && s->streams[i].serial == serial)
            return &s->streams[i];
    return NULL;
}

/* It may have begun just now because of a loss: what the one before it waited for is its own. */
static struct sequence_origin origin_of_new(const struct sequence *s, uint32_t number,
                                            uint64_t now_ms)
{
    struct sequence_origin origin = {.serial = s->serials + 1,
                                     .after = after_of(s, number, now_ms),
                                     .is_outside = s->known && is_main_live(s, now_ms)};
    const struct sequence_stream *after = stream_named(s, origin.after);
    if (origin.after == 0 || after == NULL || origin.is_outside)
        return origin;
    origin.is_freed = after->was_outside;
    origin.is_back = origin.after == sequence_main(s) || origin.after == sequence_former(s);
    origin.began_anew = origin.is_freed && after->began_anew;
    return origin;
}

struct sequence_origin sequence_origin(const struct sequence *s, uint32_t number,
                                       uint32_t tolerance, uint64_t now_ms)
{
    bool goes_on = s->known && s->streams[s->current].expected == number; /* nearly always */
    uint8_t at = goes_on ? s->current : stream_of(s, number, reach_of(s, tolerance));
    if (at == NONE)
        return origin_of_new(s, number, now_ms);
    bool is_outside = at != s->main && is_main_live(s, now_ms);
    const struct sequence_stream *stream = &s->streams[at];
    bool is_freed = stream->was_outside && !is_outside;
    return (struct sequence_origin){.serial = stream->serial,
                                    .after = stream->after,
                                    .is_outside = is_outside,
                                    .is_freed = is_freed,
                                    .is_back = at != s->current && !is_outside &&
                                               (at == s->main || at == s->former),
                                    .began_anew = is_freed && stream->began_anew};
}

uint32_t sequence_after(const struct sequence *s, uint32_t serial)
{
    const struct sequence_stream *stream = stream_named(s, serial);
    return stream != NULL ? stream->after : 0;
}

unsigned int sequence_follows(const struct sequence *s, uint32_t serial)
{
    if (stream_named(s, serial) != NULL)
        return 2;
    for (size_t i = 0; i < SEQUENCE_STREAMS; i++)
        if (s->streams[i].is_known && s->streams[i].after == serial)
            return 1;
    return 0;
}

bool sequence_may_return(const struct sequence *s, uint32_t serial)
{
    const struct sequence_stream *stream = serial != 0 ? stream_named(s, serial) : NULL;
    return stream != NULL && (serial == sequence_main(s) || serial == sequence_former(s) ||
                              stream->nexts >= NEXTS_MIN);
}

uint32_t sequence_main(const struct sequence *s)
{
    return s->known && s->main != NONE ? s->streams[s->main].serial : 0;
}

uint64_t sequence_main_heard_ms(const struct sequence *s)
{
    return base_of(s)->last_ms;
}

uint32_t sequence_former(const struct sequence *s)
{
    return s->known && s->former != NONE ? s->streams[s->former].serial : 0;
}

uint32_t sequence_expected(const struct sequence *s)
{
    return s->streams[s->current].expected;
}

uint32_t sequence_main_expected(const struct sequence *s)
{
    return base_of(s)->expected;
}
