#include "speaker/store.h"

#include "common/base/log.h"
#include "common/base/wire.h"
#include "speaker/adapter.h"
#include "speaker/adapter_audit.h"
#include "speaker/in_jobs.h"
#include "speaker/isolate.h"
#include "speaker/out_exabgp.h"
#include "speaker/speaker_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path in the log, with room for its quotes. */
enum { SHOWN_PATH_MAX = 1100 };

enum {
    STATE_VERSION = 1,
    STATE_MAX = 256,
    HOLD_MAX = 256,
    COMPACT_RETRY_MS = 10000, /* where the disk took no new file */
};

static const char state_key[] = "state";
static const char mitigation_prefix[] = "m:", missing_prefix[] = "a:";

/* --- the machine's boot ----------------------------------------------------------------------- */

/* Monotonic time goes on over a restart of this process, but not over one of the machine. */
static void read_boot_id(char ret_id[BOOT_ID_LEN + 1])
{
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");
    memset(ret_id, 0, BOOT_ID_LEN + 1);
    if (in == NULL)
        return;
    if (fgets(ret_id, BOOT_ID_LEN + 1, in) == NULL)
        ret_id[0] = '\0';
    (void)fclose(in);
}

/* How long ago that was, by the best clock there is. */
static uint64_t age_of(const struct speaker *speaker, const struct timebase *then)
{
    char boot[BOOT_ID_LEN + 1];
    read_boot_id(boot);
    int64_t now = (int64_t)speaker_now_ms(speaker);
    if (boot[0] != '\0' && strcmp(boot, then->boot) == 0 && now >= then->mono_ms)
        return (uint64_t)(now - then->mono_ms);
    uint64_t wall_ms = clock_wall_ms(&speaker->clock);
    return wall_ms > then->wall_ms ? wall_ms - then->wall_ms : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* From the first failure until everything has been written again (store_catch_up). */
static enum status judge(struct speaker *speaker, enum status status)
{
    if (status == STATUS_OK)
        return status;
    speaker_metrics_journal_failed();
    char file[SHOWN_PATH_MAX];
    if (!speaker->journal_failed)
        log_error("the journal cannot be written; a restart without the state server would lose "
                  "what changes now",
                  "file=%s error=%s",
                  log_value(file, sizeof file, speaker->config->speaker.journal),
                  status_name(status));
    speaker->journal_failed = true;
    speaker->journal_failures++;
    return status;
}

void store_caught_up(struct speaker *speaker)
{
    if (journal_is_suspect(speaker->journal))
        return;
    speaker->journal_failed = false;
    char file[SHOWN_PATH_MAX];
    log_info("the journal has everything again", "file=%s",
             log_value(file, sizeof file, speaker->config->speaker.journal));
}

void store_put(struct speaker *speaker, const char *key, const void *bytes, size_t len)
{
    (void)judge(speaker, journal_put(speaker->journal, key, bytes, len));
}

/* What is not there costs the disk nothing, and says nothing of it. */
void store_drop(struct speaker *speaker, const char *key)
{
    if (journal_has(speaker->journal, key))
        (void)judge(speaker, journal_drop(speaker->journal, key));
}

void store_put_mitigation(struct speaker *speaker, const char *id, const void *bytes, size_t len)
{
    char key[sizeof(mitigation_prefix) + ID_TEXT_MAX];
    (void)snprintf(key, sizeof(key), "%s%s", mitigation_prefix, id);
    (void)judge(speaker, journal_put_later(speaker->journal, key, bytes, len));
}

void store_write_out(struct speaker *speaker)
{
    (void)judge(speaker, journal_write_out(speaker->journal));
}

bool store_has_mitigation(const struct speaker *speaker, const char *id)
{
    char key[sizeof(mitigation_prefix) + ID_TEXT_MAX];
    (void)snprintf(key, sizeof(key), "%s%s", mitigation_prefix, id);
    return journal_has(speaker->journal, key);
}

void store_drop_mitigation(struct speaker *speaker, const char *id)
{
    char key[sizeof(mitigation_prefix) + ID_TEXT_MAX];
    (void)snprintf(key, sizeof(key), "%s%s", mitigation_prefix, id);
    store_drop(speaker, key);
    store_drop_missing(speaker, id);
}

void store_put_missing(struct speaker *speaker, const char *id, uint64_t confirmed_redis_ms)
{
    char key[sizeof(missing_prefix) + ID_TEXT_MAX];
    uint8_t bytes[8];
    (void)snprintf(key, sizeof(key), "%s%s", missing_prefix, id);
    wire_put_uint_at(bytes, sizeof(bytes), confirmed_redis_ms);
    store_put(speaker, key, bytes, sizeof(bytes));
}

void store_drop_missing(struct speaker *speaker, const char *id)
{
    char key[sizeof(missing_prefix) + ID_TEXT_MAX];
    (void)snprintf(key, sizeof(key), "%s%s", missing_prefix, id);
    store_drop(speaker, key);
}

static void hold_key(char ret_key[JOURNAL_KEY_MAX], uint8_t source, const struct scope *scope)
{
    char text[SCOPE_TEXT_MAX];
    (void)snprintf(ret_key, JOURNAL_KEY_MAX, "h:%u:%s", source, scope_format(scope, text));
}

enum status store_put_hold(struct speaker *speaker, const struct hold *hold)
{
    char key[JOURNAL_KEY_MAX];
    uint8_t bytes[HOLD_MAX];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    wire_put_u64(&w, hold->since_ms);
    wire_put_bytes(&w, hold->why, strlen(hold->why));
    hold_key(key, hold->source, &hold->scope);
    enum status status = journal_put(speaker->journal, key, bytes, w.len);
    if (status == STATUS_OK)
        status = journal_sync(speaker->journal);
    return judge(speaker, status);
}

enum status store_drop_holds(struct speaker *speaker, const struct scope *scope,
                             uint64_t not_after_ms)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < speaker->holds.count && status == STATUS_OK; i++) {
        const struct hold *hold = &speaker->holds.items[i];
        bool ends = hold->source != HOLD_REDIS && hold->since_ms <= not_after_ms &&
                    (scope->kind == SCOPE_ALL || scope_equal(&hold->scope, scope));
        char key[JOURNAL_KEY_MAX];
        hold_key(key, hold->source, &hold->scope);
        if (ends)
            status = journal_drop(speaker->journal, key);
    }
    if (status == STATUS_OK)
        status = journal_sync(speaker->journal);
    return judge(speaker, status);
}

static bool has_hold(const struct speaker *speaker, const char *key)
{
    for (size_t i = 0; i < speaker->holds.count; i++) {
        char its_key[JOURNAL_KEY_MAX];
        hold_key(its_key, speaker->holds.items[i].source, &speaker->holds.items[i].scope);
        if (strcmp(its_key, key) == 0)
            return true;
    }
    return false;
}

/* Whether what the journal has under the key is so still. */
static bool is_so_still(const void *owner, const char *key)
{
    const struct speaker *speaker = owner;
    if (strncmp(key, "h:", 2) == 0 || strncmp(key, "q:", 2) == 0)
        return has_hold(speaker, key) || isolate_has(speaker, key);
    bool is_mitigation = strncmp(key, mitigation_prefix, 2) == 0;
    if (!is_mitigation && strncmp(key, missing_prefix, 2) != 0)
        return true;
    const struct standing *s = desired_find(speaker->desired, key + 2);
    return s != NULL && (is_mitigation || s->missing);
}

void store_catch_up(struct speaker *speaker)
{
    (void)judge(speaker, journal_drop_others(speaker->journal, is_so_still, speaker));
    for (size_t i = 0; i < speaker->holds.count; i++)
        if (speaker->holds.items[i].source != HOLD_REDIS)
            (void)store_put_hold(speaker, &speaker->holds.items[i]);
    out_exabgp_store_again(speaker);
    isolate_put_all(speaker);
}

static void put_text(struct wire_writer *w, const char *text)
{
    size_t len = strlen(text);
    wire_put_u8(w, (uint8_t)len);
    wire_put_bytes(w, text, len);
}

void store_put_state(struct speaker *speaker)
{
    uint8_t bytes[STATE_MAX];
    char boot[BOOT_ID_LEN + 1];
    struct desired_time now = speaker_time(speaker);
    int64_t silence_ms = now.now_ms - desired_contact_ms(speaker->desired);
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    read_boot_id(boot);
    wire_put_u8(&w, STATE_VERSION);
    wire_put_u64(&w, speaker->epoch);
    wire_put_u64(&w, now.redis_ms);
    wire_put_u64(&w, clock_wall_ms(&speaker->clock));
    wire_put_u64(&w, (uint64_t)now.now_ms);
    wire_put_u64(&w, silence_ms > 0 ? (uint64_t)silence_ms : 0);
    put_text(&w, boot);
    put_text(&w, speaker->jobs_cursor);
    put_text(&w, speaker->stops_cursor);
    (void)judge(speaker, journal_put(speaker->journal, state_key, bytes, w.len));
    speaker->saved_at = (uint64_t)now.now_ms;
}

static void on_synced(uv_fs_t *sync)
{
    struct speaker *speaker = sync->data;
    speaker->syncing = false;
    if (sync->result != 0)
        journal_suspect(speaker->journal);
    (void)judge(speaker, sync->result == 0 ? STATUS_OK : STATUS_IO);
    uv_fs_req_cleanup(sync);
    if (speaker->ended)
        speaker_part_closed(speaker);
}

void store_tick(struct speaker *speaker)
{
    if (speaker->journal == NULL || speaker->syncing)
        return;
    uint64_t now_ms = speaker_now_ms(speaker);
    store_write_out(speaker);
    if (journal_wants_compaction(speaker->journal) && now_ms >= speaker->compact_at) {
        if (judge(speaker, journal_compact(speaker->journal)) != STATUS_OK)
            speaker->compact_at = now_ms + COMPACT_RETRY_MS;
        return;
    }
    if (!journal_is_dirty(speaker->journal))
        return;
    speaker->sync.data = speaker;
    speaker->syncing = uv_fs_fdatasync(speaker->loop, &speaker->sync,
                                       journal_take_dirty(speaker->journal), on_synced) == 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What is about a mitigation waits until all is read: what is left of its time depends on `state`.
 */
struct waiting {
    char key[JOURNAL_KEY_MAX + 1];
    uint8_t *bytes;
    size_t len;
};

struct loading {
    struct speaker *speaker;
    struct waiting *waiting;
    size_t count, room, mitigations, unreadable;
    uint64_t silence_ms;
    bool has_state;
};

static void take_text(struct wire_reader *r, char *ret_text, size_t room)
{
    size_t len = wire_u8(r);
    const uint8_t *bytes = wire_take(r, len);
    if (bytes == NULL || len >= room) {
        r->failed = true;
        return;
    }
    memcpy(ret_text, bytes, len);
    ret_text[len] = '\0';
}

static void load_state(struct loading *loading, const uint8_t *bytes, size_t len)
{
    struct speaker *speaker = loading->speaker;
    struct wire_reader r = wire_reader_of(bytes, len);
    struct timebase base = {0};
    char jobs[sizeof(speaker->jobs_cursor)] = "", stops[sizeof(speaker->stops_cursor)] = "";
    uint8_t version = wire_u8(&r);
    uint64_t epoch = wire_u64(&r);
    base.redis_ms = wire_u64(&r);
    base.wall_ms = wire_u64(&r);
    base.mono_ms = (int64_t)wire_u64(&r);
    uint64_t silence_ms = wire_u64(&r);
    take_text(&r, base.boot, sizeof(base.boot));
    take_text(&r, jobs, sizeof(jobs));
    take_text(&r, stops, sizeof(stops));
    if (r.failed || version != STATE_VERSION) {
        loading->unreadable++;
        return;
    }
    speaker->epoch = epoch;
    speaker->timebase = base;
    memcpy(speaker->jobs_cursor, jobs, sizeof(jobs));
    memcpy(speaker->stops_cursor, stops, sizeof(stops));
    loading->silence_ms = silence_ms;
    loading->has_state = true;
}

static void load_hold(struct loading *loading, const char *key, const uint8_t *bytes, size_t len)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    struct hold hold = {.since_ms = wire_u64(&r)};
    char *end;
    unsigned long source = strtoul(key, &end, 10);
    size_t why_len = r.left < sizeof(hold.why) ? r.left : sizeof(hold.why) - 1;
    if (r.failed || *end != ':' || (source != HOLD_STOPS && source != HOLD_SOCKET) ||
        scope_parse(&hold.scope, end + 1) != STATUS_OK) {
        loading->unreadable++;
        return;
    }
    hold.source = (uint8_t)source;
    memcpy(hold.why, r.pos, why_len);
    (void)holds_set(&loading->speaker->holds, &hold);
}

static void keep_waiting(struct loading *loading, const char *key, const uint8_t *bytes, size_t len)
{
    if (loading->count == loading->room) {
        size_t room = loading->room == 0 ? 64 : loading->room * 2;
        void *grown = realloc(loading->waiting, room * sizeof(loading->waiting[0]));
        if (grown == NULL) {
            loading->unreadable++;
            return;
        }
        loading->waiting = grown;
        loading->room = room;
    }
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        loading->unreadable++;
        return;
    }
    memcpy(copy, bytes, len);
    struct waiting *w = &loading->waiting[loading->count++];
    *w = (struct waiting){.bytes = copy, .len = len};
    (void)snprintf(w->key, sizeof(w->key), "%s", key);
}

static void on_value(void *owner, const char *key, const uint8_t *value, size_t len)
{
    struct loading *loading = owner;
    if (strcmp(key, state_key) == 0)
        load_state(loading, value, len);
    else if (strncmp(key, "h:", 2) == 0)
        load_hold(loading, key + 2, value, len);
    else if (strncmp(key, mitigation_prefix, 2) == 0 || strncmp(key, missing_prefix, 2) == 0)
        keep_waiting(loading, key, value, len);
    else if (!(strncmp(key, STORE_AUDIT_PREFIX, 2) == 0 &&
               adapter_audit_load(loading->speaker, key, value, len)) &&
             !(strncmp(key, "x:", 2) == 0 &&
               out_exabgp_load(loading->speaker, value, len) == STATUS_OK) &&
             !isolate_load(loading->speaker, key, value, len))
        loading->unreadable++;
}

static bool apply_mitigation(struct speaker *speaker, const struct waiting *w,
                             struct mitigation *scratch)
{
    if (mitigation_decode(scratch, w->bytes, w->len) != STATUS_OK)
        return false;
    enum status status = desired_apply(speaker->desired, scratch, speaker_time(speaker));
    if (status == STATUS_OK)
        adapter_routes_note(adapter_routes(speaker), scratch);
    mitigation_done(scratch);
    return status == STATUS_OK;
}

static bool apply_missing(struct speaker *speaker, const struct waiting *w)
{
    struct wire_reader r = wire_reader_of(w->bytes, w->len);
    uint64_t confirmed_ms = wire_u64(&r);
    struct desired_time now = speaker_time(speaker);
    if (r.failed)
        return false;
    uint64_t age_ms = now.redis_ms > confirmed_ms ? now.redis_ms - confirmed_ms : 0;
    desired_set_missing(speaker->desired, w->key + 2, now.now_ms - (int64_t)age_ms);
    return true;
}

static void apply_all(struct loading *loading)
{
    struct speaker *speaker = loading->speaker;
    struct mitigation *m = calloc(1, sizeof(*m));
    for (size_t i = 0; i < loading->count; i++)
        if (loading->waiting[i].key[0] == mitigation_prefix[0]) {
            loading->mitigations++;
            if (m == NULL || !apply_mitigation(speaker, &loading->waiting[i], m))
                loading->unreadable++;
        }
    desired_set_loaded(speaker->desired);
    for (size_t i = 0; i < loading->count; i++) {
        if (loading->waiting[i].key[0] == missing_prefix[0] &&
            !apply_missing(speaker, &loading->waiting[i]))
            loading->unreadable++;
        free(loading->waiting[i].bytes);
    }
    free(loading->waiting);
    free(m);
}

static void say_what_was_found(const struct loading *loading, enum journal_found found)
{
    const char *path = loading->speaker->config->speaker.journal;
    char file[SHOWN_PATH_MAX], aside[SHOWN_PATH_MAX], moved[SHOWN_PATH_MAX];
    (void)snprintf(moved, sizeof moved, "%s.damaged", path);
    (void)log_value(file, sizeof file, path);
    (void)log_value(aside, sizeof aside, moved);
    switch (found) {
    case JOURNAL_NEW:
        log_info("journal begun", "file=%s", file);
        break;
    case JOURNAL_TORN:
        log_warn("the journal's last record was cut off", "file=%s", file);
        break;
    case JOURNAL_DAMAGED:
        log_error("the journal is damaged: moved aside, what came before the damage is kept",
                  "file=%s aside=%s", file, aside);
        break;
    case JOURNAL_FOREIGN:
        log_error("the journal is of another version, or none: moved aside, this speaker begins "
                  "without what is in it",
                  "file=%s aside=%s", file, aside);
        break;
    case JOURNAL_WHOLE:
        break;
    }
    if (loading->unreadable > 0)
        log_error("journal entries that cannot be read were passed over", "count=%zu",
                  loading->unreadable);
    log_info("journal read", "mitigations=%zu standing=%zu holds=%zu epoch=%" PRIu64,
             loading->mitigations, desired_standing_count(loading->speaker->desired),
             loading->speaker->holds.count, loading->speaker->epoch);
}

enum status store_open(struct speaker *speaker)
{
    struct loading loading = {.speaker = speaker};
    enum journal_found found;
    struct text why;
    text_init(&why, 0);
    enum status status = journal_open(&speaker->journal, speaker->config->speaker.journal, on_value,
                                      &loading, &found, &why);
    if (status != STATUS_OK) {
        log_error("no journal, no speaker", "reason=\"%s\"", text_str(&why));
        text_done(&why);
        return status;
    }
    text_done(&why);
    int64_t now_ms = (int64_t)speaker_now_ms(speaker);
    uint64_t silence_ms =
        loading.has_state ? loading.silence_ms + age_of(speaker, &speaker->timebase) : 0;
    if (loading.has_state) {
        /* From here on both clocks of this boot are the base. */
        uint64_t age_ms = age_of(speaker, &speaker->timebase);
        speaker->timebase.redis_ms += speaker->timebase.redis_ms != 0 ? age_ms : 0;
        speaker->timebase.mono_ms = now_ms;
    }
    speaker->restarted = loading.has_state;
    desired_set_contact(speaker->desired, now_ms - (int64_t)silence_ms);
    apply_all(&loading);
    if (journal_is_suspect(speaker->journal))
        (void)judge(speaker, STATUS_IO);
    say_what_was_found(&loading, found);
    return STATUS_OK;
}

void store_close(struct speaker *speaker)
{
    journal_close(speaker->journal);
    speaker->journal = NULL;
}
