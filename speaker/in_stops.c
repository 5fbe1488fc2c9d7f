#include "speaker/in_jobs_internal.h"

#include "speaker/store.h"

#include <stdio.h>
#include <string.h>

/* A server whose data was put back tells of stops that ended long ago, and a speaker that was away
 * that long finds those that stand in weir:hold. Policy's limit is the same. */
enum { STOP_MAX_AGE_MS = 60000 };

static void set_hold(struct speaker *speaker, const struct hold *hold)
{
    char scope[SCOPE_TEXT_MAX];
    if (holds_set(&speaker->holds, hold) == STATUS_OK)
        return;
    /* More holds than can be told apart: then everything is held. */
    struct hold all = *hold;
    all.scope = (struct scope){.kind = SCOPE_ALL};
    log_error("too many holds, everything is held", "scope=%s", scope_format(&hold->scope, scope));
    (void)holds_set(&speaker->holds, &all);
}

/* weir:hold as it is now. */
void in_stops_take_holds(struct in_jobs *in, const struct redis_reply *hash, bool is_lost)
{
    struct speaker *speaker = in->speaker;
    struct scope all = {.kind = SCOPE_ALL};
    if (!is_lost)
        holds_end(&speaker->holds, HOLD_REDIS, &all, UINT64_MAX);
    for (size_t i = 0; hash != NULL && i + 1 < hash->count; i += 2) {
        struct hold hold = {.source = HOLD_REDIS};
        if (scope_parse(&hold.scope, hash->items[i].bytes) != STATUS_OK) {
            /* Somebody means to stop something: rather all of it than nothing. */
            in_jobs_complain(in, "hold", hash->items[i].bytes, STATUS_MALFORMED);
            hold.scope = all;
        }
        (void)snprintf(hold.why, sizeof(hold.why), "%s", hash->items[i + 1].bytes);
        set_hold(speaker, &hold);
    }
    speaker_holds_changed(speaker);
}

static const char *text_of(const struct stream_entry *entry, const char *name)
{
    const struct redis_reply *field = stream_field(entry, name);
    return field != NULL && field->bytes != NULL ? field->bytes : "";
}

static bool is_of_the_past(const struct speaker *speaker, const struct hold *hold)
{
    if (speaker_time(speaker).redis_ms <= hold->since_ms + STOP_MAX_AGE_MS)
        return false;
    for (size_t i = 0; i < speaker->holds.count; i++) {
        const struct hold *other = &speaker->holds.items[i];
        if (other->source == HOLD_REDIS && scope_equal(&other->scope, &hold->scope))
            return false;
    }
    return true;
}

void in_stops_take(struct in_jobs *in, const struct stream_entry *entry)
{
    struct speaker *speaker = in->speaker;
    struct hold hold = {.source = HOLD_STOPS, .since_ms = entry->id_ms};
    enum stop_verb verb;
    char scope[SCOPE_TEXT_MAX], who[128], why[128];
    if (stop_verb_parse(&verb, text_of(entry, "verb")) != STATUS_OK) {
        in_jobs_complain(in, "stop", entry->id, STATUS_MALFORMED);
        return;
    }
    if (scope_parse(&hold.scope, text_of(entry, "scope")) != STATUS_OK) {
        in_jobs_complain(in, "scope of a stop", entry->id, STATUS_MALFORMED);
        if (verb == STOP_RESUME)
            return;
        hold.scope = (struct scope){.kind = SCOPE_ALL}; /* as above: rather all than nothing */
    }
    log_warn(stop_verb_name(verb), "scope=%s who=%s why=%s", scope_format(&hold.scope, scope),
             log_value(who, sizeof(who), text_of(entry, "who")),
             log_value(why, sizeof(why), text_of(entry, "why")));
    (void)snprintf(hold.why, sizeof(hold.why), "%.60s: %.60s", text_of(entry, "who"),
                   text_of(entry, "why"));
    if (verb == STOP_WITHDRAW_ALL && is_of_the_past(speaker, &hold)) {
        log_warn("a withdraw-all of the past is passed over: weir:hold does not have it",
                 "scope=%s entry=%s", scope, entry->id);
        return;
    }
    if (verb == STOP_WITHDRAW_ALL) {
        set_hold(speaker, &hold);
        speaker_held(speaker, &hold.scope);
        (void)store_put_hold(speaker, &hold);
        return;
    }
    /* A resume ends what was said before it, here and at the local socket; the hash is read anew.
     */
    (void)store_drop_holds(speaker, &hold.scope, entry->id_ms);
    holds_end(&speaker->holds, HOLD_STOPS, &hold.scope, entry->id_ms);
    holds_end(&speaker->holds, HOLD_SOCKET, &hold.scope, entry->id_ms);
    speaker_holds_changed(speaker);
    in->resumes = true;
    in_walk_start(in);
}

void in_stops_tell(struct in_jobs *in)
{
    struct speaker *speaker = in->speaker;
    const char *id = speaker->stops_cursor[0] != '\0' ? speaker->stops_cursor : "0-0";
    char name[KEY_NAME_MAX];
    if (in->resumes || strcmp(in->told_stop, id) == 0)
        return;
    if (redis_commandf(in->redis, NULL, NULL, "HSET %s %s %s",
                       key_name(name, in_jobs_prefix(in), KEY_SPEAKERS),
                       speaker->config->speaker.name, id) == STATUS_OK)
        (void)snprintf(in->told_stop, sizeof(in->told_stop), "%s", id);
}
