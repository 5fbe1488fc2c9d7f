#include "speaker/isolate.h"

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/wire.h"
#include "speaker/journal.h"
#include "speaker/speaker_metrics.h"
#include "speaker/store.h"
#include "speaker/turns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t octets_of(const struct speaker *speaker, uint32_t nlri, uint32_t attributes)
{
    struct rib_nlri value = rib_nlri(speaker->rib, nlri);
    struct communities communities = rib_attributes(speaker->rib, attributes);
    return quarantine_octets(&value, &communities);
}

/* --- in the journal -----------------------------------------------------------------------------
 */

static void key_of(const struct quarantined *entry, char ret_key[JOURNAL_KEY_MAX])
{
    (void)snprintf(ret_key, JOURNAL_KEY_MAX, "q:%016" PRIx64 ":%s", entry->octets, entry->peer);
}

static void put_text(struct wire_writer *w, const char *text)
{
    size_t len = strlen(text);
    wire_put_u8(w, (uint8_t)len);
    wire_put_bytes(w, text, len);
}

static void keep(struct speaker *speaker, const struct quarantined *entry)
{
    char key[JOURNAL_KEY_MAX];
    uint8_t bytes[8 + 2 + ID_TEXT_MAX + QUARANTINE_WHY_MAX];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    wire_put_u64(&w, entry->since_ms);
    put_text(&w, entry->mitigation);
    put_text(&w, entry->why);
    key_of(entry, key);
    store_put(speaker, key, bytes, w.len);
}

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

/* "q:", 16 digits, ":", and the peer. */
static bool read_key(const char *key, struct quarantined *ret_entry)
{
    char colon;
    return strlen(key) > 19 && strlen(key + 19) <= NAME_MAX_LEN &&
           sscanf(key, "q:%16" SCNx64 "%c", &ret_entry->octets, &colon) == 2 && colon == ':' &&
           snprintf(ret_entry->peer, sizeof(ret_entry->peer), "%s", key + 19) > 0;
}

bool isolate_load(struct speaker *speaker, const char *key, const uint8_t *bytes, size_t len)
{
    struct quarantined entry = {0}, gone;
    struct wire_reader r = wire_reader_of(bytes, len);
    entry.since_ms = wire_u64(&r);
    take_text(&r, entry.mitigation, sizeof(entry.mitigation));
    take_text(&r, entry.why, sizeof(entry.why));
    return !r.failed && read_key(key, &entry) &&
           quarantine_put(speaker->quarantine, &entry, &gone) == STATUS_OK;
}

bool isolate_has(const struct speaker *speaker, const char *key)
{
    struct quarantined entry = {0};
    return read_key(key, &entry) &&
           quarantine_find(speaker->quarantine, entry.peer, entry.octets) != NULL;
}

void isolate_put_all(struct speaker *speaker)
{
    const struct quarantined *entry;
    size_t cursor = 0;
    while ((entry = quarantine_next(speaker->quarantine, &cursor)) != NULL)
        keep(speaker, entry);
}

/* --- in and out ---------------------------------------------------------------------------------
 */

static void count_anew(struct speaker *speaker, const char *name)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        struct peer *peer = speaker->peers[i];
        if (peer != NULL && strcmp(peer->settings.name, name) == 0)
            peer->quarantined = quarantine_count(speaker->quarantine, name);
    }
}

static void drop(struct speaker *speaker, const struct quarantined *entry)
{
    struct quarantined gone = *entry;
    char key[JOURNAL_KEY_MAX];
    key_of(&gone, key);
    (void)quarantine_drop(speaker->quarantine, gone.peer, gone.octets);
    store_drop(speaker, key);
    count_anew(speaker, gone.peer);
}

static const char *winner_of(const struct speaker *speaker, const struct peer *peer, uint32_t nlri)
{
    const struct standing *s = desired_winner(speaker->desired, peer->options.number, nlri);
    return s != NULL ? s->id : "";
}

void isolate_take(struct speaker *speaker, struct peer *peer, const char *why)
{
    uint32_t nlri = peer->verdict.culprit;
    uint32_t attributes = nlri != 0 ? rib_out_wanted(&peer->rib_out, nlri) : 0;
    peer->verdict.culprit = 0;
    if (attributes == 0)
        return;
    char file[2 * QUARANTINE_WHY_MAX];
    struct quarantined entry = {.octets = octets_of(speaker, nlri, attributes),
                                .since_ms = speaker_time(speaker).redis_ms},
                       gone;
    text_copy(entry.peer, sizeof(entry.peer), peer->settings.name);
    text_copy(entry.mitigation, sizeof(entry.mitigation), winner_of(speaker, peer, nlri));
    text_copy(entry.why, sizeof(entry.why), why);
    if (quarantine_put(speaker->quarantine, &entry, &gone) != STATUS_OK)
        return;
    keep(speaker, &entry);
    log_error("quarantined: the session fell over it again and again; a person may have it tried "
              "again (weir speaker retry)",
              "mitigation=%s peer=%s reason=%s", entry.mitigation, entry.peer,
              log_value(file, sizeof(file), entry.why));
    speaker_metrics_quarantine(gone.peer[0] != '\0');
    if (gone.peer[0] != '\0') {
        char key[JOURNAL_KEY_MAX];
        key_of(&gone, key);
        store_drop(speaker, key);
        count_anew(speaker, gone.peer);
        log_error("the quarantine is full: the oldest is tried again", "mitigation=%s peer=%s",
                  gone.mitigation, gone.peer);
    }
    count_anew(speaker, entry.peer);
    desired_rejudge(speaker->desired, peer->options.number);
}

bool isolate_refuses(const struct speaker *speaker, const struct peer *peer, const char *mitigation,
                     uint32_t nlri, uint32_t attributes, char why[REASON_MAX])
{
    if (peer->quarantined == 0)
        return false;
    struct quarantined *entry = quarantine_find(speaker->quarantine, peer->settings.name,
                                                octets_of(speaker, nlri, attributes));
    if (entry == NULL)
        return false;
    text_copy(entry->lately, sizeof(entry->lately), mitigation);
    (void)snprintf(why, REASON_MAX, "quarantine: the session fell over it: %.120s%s%s", entry->why,
                   strcmp(entry->mitigation, mitigation) != 0 ? "; then of " : "",
                   strcmp(entry->mitigation, mitigation) != 0 ? entry->mitigation : "");
    return true;
}

static bool is_meant(const struct quarantined *entry, const char *peer, const char *mitigation)
{
    size_t len = strlen(peer);
    bool of_peer = strncmp(entry->peer, peer, len) == 0 &&
                   (entry->peer[len] == '\0' || entry->peer[len] == '@');
    return of_peer && (mitigation[0] == '\0' || strcmp(entry->mitigation, mitigation) == 0 ||
                       strcmp(entry->lately, mitigation) == 0);
}

size_t isolate_retry(struct speaker *speaker, const char *peer, const char *mitigation)
{
    const struct quarantined *entry;
    size_t cursor = 0, count = 0;
    while ((entry = quarantine_next(speaker->quarantine, &cursor)) != NULL) {
        if (!is_meant(entry, peer, mitigation))
            continue;
        log_warn("tried again", "mitigation=%s peer=%s", entry->mitigation, entry->peer);
        drop(speaker, entry);
        count++;
    }
    for (size_t i = 0; i < DESIRED_PEERS_MAX && count > 0; i++) {
        const struct peer *at = speaker->peers[i];
        size_t len = strlen(peer);
        if (at == NULL || strncmp(at->settings.name, peer, len) != 0 ||
            (at->settings.name[len] != '\0' && at->settings.name[len] != '@'))
            continue;
        desired_rejudge(speaker->desired, i);
        turns_due(speaker, i);
    }
    return count;
}

void isolate_format(const struct speaker *speaker, const struct peer *peer,
                    char ret_text[ISOLATE_TEXT_MAX])
{
    const struct quarantined *entry;
    size_t cursor = 0, len = 0;
    ret_text[0] = '\0';
    while (peer->quarantined > 0 &&
           (entry = quarantine_next(speaker->quarantine, &cursor)) != NULL) {
        if (strcmp(entry->peer, peer->settings.name) != 0)
            continue;
        const char *id = entry->lately[0] != '\0' ? entry->lately : entry->mitigation;
        if (len + strlen(id) + strlen(entry->why) + 8 > ISOLATE_TEXT_MAX) {
            (void)snprintf(ret_text + len, ISOLATE_TEXT_MAX - len, "; …");
            return;
        }
        len += (size_t)snprintf(ret_text + len, ISOLATE_TEXT_MAX - len, "%s%s: %s",
                                len > 0 ? "; " : "", id, entry->why);
    }
}
