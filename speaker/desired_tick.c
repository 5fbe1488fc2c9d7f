#include "speaker/desired_internal.h"

#include <stdlib.h>

/* Walks over all that stands, which may pause: for what time does to it, and to judge it anew. */

static void forget(struct desired *d, struct standing *s)
{
    d->options.ops.forgotten(d->options.ops.owner, s->id);
    settle_forget_unsaid(d, s, ALL_PEERS);
    desired_forget_reported(d, s);
    claims_drop(d, s);
    desired_free_words(s);
    table_remove_entry(d->by_id, s);
}

static void look_at(struct desired *d, struct standing *s, struct desired_time now)
{
    if (desired_look_at_time(d, s, now))
        desired_judge_and_settle(d, s);
    else if (s->over_budget != 0)
        settle(d, s, s->over_budget);
    else if (s->whole.sibling != NULL)
        claims_prune(d, s);
    d->walked.standing += desired_stands(s) && !s->dry_run ? 1 : 0;
    d->walked.missing += desired_stands(s) && !s->dry_run && s->missing ? 1 : 0;
    if (s->forget_ms != 0 && (uint64_t)now.now_ms >= s->forget_ms)
        forget(d, s);
}

bool desired_tick_some(struct desired *d, struct desired_time now, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct standing *s = table_next(d->by_id, &d->tick_cursor);
        if (s == NULL) {
            d->counted = d->walked;
            d->walked = (struct desired_counts){0};
            d->tick_cursor = 0;
            return true;
        }
        look_at(d, s, now);
    }
    return false;
}

void desired_tick(struct desired *d, struct desired_time now)
{
    d->walked = (struct desired_counts){0};
    d->tick_cursor = 0;
    (void)desired_tick_some(d, now, SIZE_MAX);
}

struct desired_counts desired_counted(const struct desired *d)
{
    return d->counted;
}

size_t desired_standing_count(const struct desired *d)
{
    size_t cursor = 0, count = 0;
    const struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL)
        count += desired_stands(s) && !s->dry_run ? 1 : 0;
    return count;
}

size_t desired_missing_count(const struct desired *d)
{
    size_t cursor = 0, count = 0;
    const struct standing *s;
    while ((s = table_next(d->by_id, &cursor)) != NULL)
        count += desired_stands(s) && !s->dry_run && s->missing ? 1 : 0;
    return count;
}

void desired_rejudge_later(struct desired *d, size_t peer)
{
    d->rejudge_owed |= desired_bit(peer);
}

bool desired_is_rejudging(const struct desired *d)
{
    return (d->rejudging | d->rejudge_owed) != 0;
}

/* Who is owed it while a walk is on has the next one. What is new or changes meanwhile is judged
 * when it does. */
void desired_rejudge_some(struct desired *d, size_t most)
{
    if (d->rejudging == 0) {
        d->rejudging = d->rejudge_owed;
        d->rejudge_owed = 0;
        d->rejudge_cursor = 0;
    }
    size_t of_one = (size_t)__builtin_popcountll(d->rejudging);
    for (size_t judged = 0; judged < most && d->rejudging != 0; judged += of_one) {
        struct standing *s = table_next(d->by_id, &d->rejudge_cursor);
        if (s == NULL)
            d->rejudging = 0;
        else
            desired_rejudge_one(d, s, d->rejudging);
    }
}
