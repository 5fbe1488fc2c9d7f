#include "policy/policy_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * What stands, as the last leader wrote it: every active alarm and mitigation, a window of hashes
 * at a time, then the holds. Nobody else writes meanwhile, since the epoch is ours; a run that is
 * cancelled lives on until Redis has answered what it was asked.
 */
enum { WINDOW = 64, READ_MAX = ENGINE_ALARMS_MAX + ENGINE_MITIGATIONS_MAX };

struct restore_entry {
    struct restore_run *run;
    bool is_alarm;
    char id[ID_TEXT_MAX];
};

struct restore_run {
    struct policy *p; /* NULL once cancelled */
    struct restore_entry *entries;
    size_t count, asked, awaited;
    unsigned int lists_left; /* alarms, mitigations */
    bool holds_asked;        /* last, so that what they hold down is known */
    enum status status;
    restore_done on_restored;
};

static void free_run(struct restore_run *run)
{
    free(run->entries);
    free(run);
}

static void end_if_done(struct restore_run *run);

/* --- one hash --- */

static void restore_alarm(struct policy *p, const struct restore_entry *entry,
                          const struct redis_reply *pb)
{
    struct alarm alarm;
    enum status status = alarm_decode(&alarm, (const uint8_t *)pb->bytes, pb->len);
    if (status == STATUS_OK && strcmp(alarm.id, entry->id) != 0) {
        alarm_done(&alarm);
        status = STATUS_MALFORMED;
    }
    if (status != STATUS_OK) {
        log_error("an alarm cannot be read and is left as it is", "id=%s reason=\"%s\"", entry->id,
                  status_text(status));
        return;
    }
    struct engine_now now = gate_now(p);
    status = engine_restore_alarm(p->engine, &alarm, now);
    if (status == STATUS_NOT_FOUND || status == STATUS_EXISTS) {
        alarm.state = ALARM_ENDED;
        alarm.times.ended_ms = alarm.times.changed_ms = now.state_ms;
        alarm.revision++;
        out_jobs_write(p, &(struct engine_write){.alarm = &alarm,
                                                 .standing = ENGINE_ENDED,
                                                 .log = true,
                                                 .what = "alarm ended",
                                                 .who = "policy",
                                                 .why = "nothing is configured that watches it"});
    } else if (status != STATUS_OK) {
        log_error("an alarm cannot be taken up", "id=%s reason=\"%s\"", entry->id,
                  status_text(status));
    }
    alarm_done(&alarm);
}

static void restore_mitigation(struct policy *p, const struct restore_entry *entry,
                               const struct redis_reply *hash, const struct redis_reply *pb)
{
    struct mitigation m;
    enum status status = mitigation_decode(&m, (const uint8_t *)pb->bytes, pb->len);
    if (status == STATUS_OK) {
        status = strcmp(m.id, entry->id) == 0
                     ? engine_restore_mitigation(p->engine, &m, gate_now(p))
                     : STATUS_MALFORMED;
        mitigation_done(&m);
    }
    if (status != STATUS_OK) {
        log_error("a mitigation cannot be taken up and is left as it is", "id=%s reason=\"%s\"",
                  entry->id, status_text(status));
        return;
    }
    for (size_t i = 0; i + 1 < hash->count; i += 2) {
        const struct redis_reply *field = &hash->items[i], *value = &hash->items[i + 1];
        if (field->type == REDIS_STRING && value->type == REDIS_STRING &&
            strncmp(field->bytes, "peer:", 5) == 0)
            engine_restore_peer(p->engine, entry->id, field->bytes, value->bytes);
    }
}

static void on_hash(void *owner, enum status status, const struct redis_reply *reply)
{
    struct restore_entry *entry = owner;
    struct restore_run *run = entry->run;
    run->awaited--;
    if (status != STATUS_OK || reply->type != REDIS_ARRAY) {
        run->status = status != STATUS_OK ? status : STATUS_MALFORMED;
    } else if (run->p != NULL && reply->count == 0) {
        log_error("what stands has no record and is taken out", "id=%s", entry->id);
        out_jobs_forget(run->p, entry->is_alarm, entry->id);
    } else if (run->p != NULL) {
        const struct redis_reply *pb = redis_field(reply, "pb");
        if (pb == NULL || pb->type != REDIS_STRING)
            log_error("what stands has no pb and is left as it is", "id=%s", entry->id);
        else if (entry->is_alarm)
            restore_alarm(run->p, entry, pb);
        else
            restore_mitigation(run->p, entry, reply, pb);
    }
    end_if_done(run);
}

static void on_holds(void *owner, enum status status, const struct redis_reply *reply)
{
    struct restore_run *run = owner;
    run->awaited--;
    if (status != STATUS_OK || reply->type != REDIS_ARRAY)
        run->status = status != STATUS_OK ? status : STATUS_MALFORMED;
    else if (run->p != NULL)
        in_holds_take(run->p, reply);
    end_if_done(run);
}

static void ask(struct restore_run *run, enum key_id key_of, const char *id,
                redis_on_reply on_reply, void *owner)
{
    char key[KEY_NAME_MAX];
    run->status = key_name(key, run->p->config->redis.prefix, key_of, id) != NULL
                      ? redis_commandf(run->p->state, on_reply, owner, "HGETALL %s", (char *)key)
                      : STATUS_RANGE;
    if (run->status == STATUS_OK)
        run->awaited++;
}

static void ask_more(struct restore_run *run)
{
    while (run->status == STATUS_OK && run->asked < run->count && run->awaited < WINDOW) {
        struct restore_entry *entry = &run->entries[run->asked++];
        ask(run, entry->is_alarm ? KEY_ALARM : KEY_MITIGATION, entry->id, on_hash, entry);
    }
    if (run->status == STATUS_OK && run->awaited == 0 && !run->holds_asked) {
        run->holds_asked = true;
        ask(run, KEY_HOLD, "", on_holds, run);
    }
}

/* Goes on, ends, or goes away; at the end of every answer. */
static void end_if_done(struct restore_run *run)
{
    if (run->p != NULL && run->lists_left == 0)
        ask_more(run);
    if (run->awaited > 0)
        return;
    struct policy *p = run->p;
    enum status status = run->status;
    restore_done on_restored = run->on_restored;
    free_run(run);
    if (p != NULL)
        on_restored(p, status);
}

/* --- the lists --- */

static void take_ids(struct restore_run *run, const struct redis_reply *list, bool is_alarm,
                     size_t max)
{
    if (list->count > max)
        log_error("more stands than can be taken up", "kind=%s stands=%zu max=%zu",
                  is_alarm ? "alarms" : "mitigations", list->count, max);
    for (size_t i = 0; i < list->count && i < max; i++) {
        const struct redis_reply *id = &list->items[i];
        struct restore_entry *entry = &run->entries[run->count];
        if (id->type != REDIS_STRING || id->len == 0 || id->len >= sizeof(entry->id)) {
            log_error("what stands has an id that is none", "kind=%s",
                      is_alarm ? "alarms" : "mitigations");
            continue;
        }
        entry->run = run;
        entry->is_alarm = is_alarm;
        memcpy(entry->id, id->bytes, id->len + 1);
        run->count++;
    }
}

static void take_list(struct restore_run *run, enum status status, const struct redis_reply *reply,
                      bool is_alarm)
{
    run->awaited--;
    run->lists_left--;
    if (status != STATUS_OK || reply->type != REDIS_ARRAY)
        run->status = status != STATUS_OK ? status : STATUS_MALFORMED;
    else
        take_ids(run, reply, is_alarm, is_alarm ? ENGINE_ALARMS_MAX : ENGINE_MITIGATIONS_MAX);
    end_if_done(run);
}

static void on_alarms(void *owner, enum status status, const struct redis_reply *reply)
{
    take_list(owner, status, reply, true);
}

static void on_mitigations(void *owner, enum status status, const struct redis_reply *reply)
{
    take_list(owner, status, reply, false);
}

static bool ask_list(struct restore_run *run, enum key_id key_of, redis_on_reply on_reply)
{
    char key[KEY_NAME_MAX];
    if (key_name(key, run->p->config->redis.prefix, key_of) == NULL ||
        redis_commandf(run->p->state, on_reply, run, "ZRANGE %s 0 -1", (char *)key) != STATUS_OK)
        return false;
    run->awaited++;
    run->lists_left++;
    return true;
}

struct restore_run *restore_start(struct policy *p, restore_done on_restored)
{
    struct restore_run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    run->p = p;
    run->on_restored = on_restored;
    run->entries = calloc(READ_MAX, sizeof(*run->entries));
    if (run->entries != NULL && ask_list(run, KEY_ALARMS_ACTIVE, on_alarms) &&
        ask_list(run, KEY_MITIGATIONS_ACTIVE, on_mitigations))
        return run;
    run->p = NULL;
    if (run->awaited == 0)
        free_run(run);
    return NULL;
}

void restore_cancel(struct restore_run *run)
{
    if (run != NULL)
        run->p = NULL;
}
