#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* A speaker that is gone for good: what it had said of its peers counts no more. What is to go is
 * noted at once, and goes in turns; where this policy ends meanwhile, a person asks the next one
 * again. */

static const char forgotten_word[] = "forgotten";

/* FORGOTTEN_MAX: none. */
static size_t find(const struct engine *e, const char *speaker)
{
    size_t i = 0;
    while (i < FORGOTTEN_MAX && strcmp(e->forgotten[i].speaker, speaker) != 0)
        i++;
    return i;
}

static void note(struct engine *e, const char *speaker, uint64_t at_ms)
{
    size_t i = find(e, speaker);
    if (i == FORGOTTEN_MAX) {
        i = e->forgotten_next;
        e->forgotten_next = (i + 1) % FORGOTTEN_MAX;
        (void)snprintf(e->forgotten[i].speaker, sizeof(e->forgotten[i].speaker), "%s", speaker);
    }
    e->forgotten[i].at_ms = at_ms;
}

void forget_restore(struct engine *e, const char *speaker, const char *value)
{
    if (strcmp(value, forgotten_word) == 0)
        note(e, speaker, e->restored_ms);
}

bool forget_is_stale(const struct engine *e, const struct job_result *result)
{
    size_t i = find(e, result->speaker);
    return i < FORGOTTEN_MAX && result->at_ms <= e->forgotten[i].at_ms;
}

static void write_forgotten(struct engine *e, struct live_mitigation *live,
                            const struct peer_result *r, const char *who)
{
    char field[2 * NAME_MAX_LEN + 16];
    (void)snprintf(field, sizeof(field), "peer:%s/%s", r->speaker, r->peer);
    live->m.revision++;
    struct engine_write write = {.mitigation = &live->m,
                                 .standing = ENGINE_STANDS,
                                 .what = "speaker forgotten",
                                 .who = who,
                                 .why = r->speaker,
                                 .peer_field = field,
                                 .peer_value = forgotten_word};
    e->options.on_write(e->options.owner, &write);
    e->owed_left--;
}

/* As much of it as there is room for; false: some is left. */
static bool forget_in(struct engine *e, struct live_mitigation *live, const struct forgetting *f)
{
    size_t kept = 0;
    bool had = false, is_whole = true;
    for (size_t i = 0; i < live->result_count; i++) {
        const struct peer_result *r = &live->results[i];
        bool goes = r->is_to_go && strcmp(r->speaker, f->speaker) == 0;
        if (goes && e->owed_left > 0) {
            had = true;
            write_forgotten(e, live, r, f->who);
            continue;
        }
        is_whole = is_whole && !goes;
        live->results[kept++] = *r;
    }
    live->result_count = kept;
    live->is_forgotten = live->is_forgotten || (had && kept == 0);
    return is_whole;
}

void forget_go_on(struct engine *e)
{
    while (e->forgetting_count > 0 && e->owed_left > 0) {
        const struct forgetting *f = &e->forgetting[0];
        size_t cursor = 0;
        bool is_whole = true;
        for (struct live_mitigation **at = table_next(e->mitigations, &cursor);
             at != NULL && is_whole; at = table_next(e->mitigations, &cursor))
            is_whole = forget_in(e, *at, f);
        if (!is_whole)
            return;
        e->forgetting_count--;
        memmove(&e->forgetting[0], &e->forgetting[1],
                e->forgetting_count * sizeof(e->forgetting[0]));
    }
}

static size_t note_what_goes(struct engine *e, const char *speaker)
{
    size_t cursor = 0, count = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        bool has = false;
        for (size_t i = 0; i < (*at)->result_count; i++) {
            struct peer_result *r = &(*at)->results[i];
            if (strcmp(r->speaker, speaker) == 0)
                has = r->is_to_go = true;
        }
        count += has ? 1 : 0;
    }
    return count;
}

enum status forget_speaker(struct engine *e, const char *speaker, const char *who,
                           size_t *ret_mitigations, struct engine_now now)
{
    if (e->forgetting_count == FORGETTING_MAX)
        return STATUS_LIMIT;
    note(e, speaker, now.state_ms);
    *ret_mitigations = note_what_goes(e, speaker);
    if (*ret_mitigations == 0)
        return STATUS_OK;
    struct forgetting *f = &e->forgetting[e->forgetting_count++];
    (void)snprintf(f->speaker, sizeof(f->speaker), "%s", speaker);
    (void)snprintf(f->who, sizeof(f->who), "%s", who);
    forget_go_on(e);
    return STATUS_OK;
}
