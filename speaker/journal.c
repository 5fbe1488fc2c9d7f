#include "speaker/journal.h"

#include "common/base/hash.h"
#include "common/base/table.h"
#include "common/base/wire.h"
#include "speaker/journal_file.h"
#include "speaker/journal_places.h"
#include "speaker/journal_record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char magic[] = "weir journal 1\n";

enum {
    MAGIC_LEN = sizeof(magic) - 1,
    KEYS_MAX = 1 << 20,
    /* Below this size a file is never written anew, however little of it is alive. */
    COMPACT_FROM_BYTES = 1 << 20,
    /* Records that wait for others are written at the latest when they take this much. */
    WAITING_BYTES = 64 << 10,
    WAITING_MAX_BYTES = WAITING_BYTES + 2 * JOURNAL_VALUE_MAX,
};

struct journal {
    char *path;
    int fd, lock_fd;
    uint64_t end, live_bytes; /* of the file; of records that count */
    struct places *places;
    bool dirty, suspect;
    struct text waiting; /* whole records, which belong at the end of the file */
};

static enum status fail_errno(struct text *why, const char *what, const char *path)
{
    text_addf(why, "%s %s: %s", what, path, strerror(errno));
    return STATUS_IO;
}

static void copy_key(char ret_key[JOURNAL_KEY_MAX + 1], const struct place *place)
{
    size_t len;
    const void *raw = table_key(place, &len);
    memcpy(ret_key, raw, len);
    ret_key[len] = '\0';
}

/* --- reading ---------------------------------------------------------------------------------- */

static void forget(struct journal *journal, const char *key, size_t key_len)
{
    const struct place *place = places_find(journal->places, key, key_len);
    if (place == NULL)
        return;
    journal->live_bytes -= record_bytes(key_len, place->len);
    places_remove(journal->places, key, key_len);
}

static enum status remember(struct journal *journal, const char *key, size_t key_len, uint64_t at,
                            size_t len)
{
    forget(journal, key, key_len);
    struct place *place = places_insert(journal->places, key, key_len);
    if (place == NULL)
        return STATUS_LIMIT;
    *place = (struct place){.at = at, .len = (uint32_t)len};
    journal->live_bytes += record_bytes(key_len, len);
    return STATUS_OK;
}

static enum status index_record(struct journal *journal, const struct record *record, uint64_t at)
{
    uint64_t value_at = at + RECORD_FRAME_LEN + RECORD_HEAD_LEN + record->key_len;
    if (record->verb == RECORD_PUT)
        return remember(journal, record->key, record->key_len, value_at, record->value_len);
    forget(journal, record->key, record->key_len);
    return STATUS_OK;
}

static enum journal_found index_records(struct journal *journal, const uint8_t *bytes, size_t len)
{
    size_t at = MAGIC_LEN;
    enum status status = STATUS_OK;
    if (len < MAGIC_LEN) {
        journal->end = 0;
        return memcmp(bytes, magic, len) == 0 || record_all_zero(bytes, len) ? JOURNAL_TORN
                                                                             : JOURNAL_FOREIGN;
    }
    if (memcmp(bytes, magic, MAGIC_LEN) != 0) {
        journal->end = 0;
        return JOURNAL_FOREIGN;
    }
    while (at < len) {
        struct record record;
        status = record_read(bytes + at, len - at, &record);
        if (status != STATUS_OK)
            break;
        (void)index_record(journal, &record, at);
        at += record.len;
    }
    journal->end = at;
    if (status == STATUS_OK)
        return JOURNAL_WHOLE;
    /* A write that was cut off is the last one; what looks so and has whole records behind it has
     * a damaged length. */
    bool torn = record_all_zero(bytes + at, len - at) ||
                (status == STATUS_TRUNCATED && !record_follows(bytes + at, len - at));
    return torn ? JOURNAL_TORN : JOURNAL_DAMAGED;
}

static void give_values(struct journal *journal, const uint8_t *bytes, journal_on_value on_value,
                        void *owner)
{
    struct places_cursor cursor = {0};
    const struct place *place;
    while ((place = places_next(journal->places, &cursor)) != NULL) {
        char key[JOURNAL_KEY_MAX + 1];
        copy_key(key, place);
        on_value(owner, key, bytes + place->at, place->len);
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum status begin(struct journal *journal)
{
    enum status status = journal_file_write(journal->fd, (const uint8_t *)magic, MAGIC_LEN, 0);
    if (status == STATUS_OK)
        journal->end = MAGIC_LEN;
    return status;
}

static enum status index_written(struct journal *journal, const uint8_t *bytes, size_t len)
{
    struct record record = {0};
    enum status status = STATUS_OK;
    for (size_t at = 0; at < len; at += record.len) {
        if (record_read(bytes + at, len - at, &record) != STATUS_OK)
            abort(); /* we have just made it */
        enum status indexed = index_record(journal, &record, journal->end + at);
        status = status == STATUS_OK ? indexed : status;
    }
    return status;
}

enum status journal_write_out(struct journal *journal)
{
    struct text *waiting = &journal->waiting;
    if (waiting->len == 0 && !waiting->failed)
        return STATUS_OK;
    enum status status = waiting->failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && journal->end == 0)
        status = begin(journal);
    const uint8_t *bytes = (const uint8_t *)text_str(waiting);
    size_t len = waiting->len;
    if (status == STATUS_OK)
        status = journal_file_write(journal->fd, bytes, len, journal->end);
    /* What was written of it lies past the end we know, and the next record goes over it. */
    if (status != STATUS_OK && journal->fd >= 0)
        (void)!ftruncate(journal->fd, (off_t)journal->end);
    if (status == STATUS_OK) {
        status = index_written(journal, bytes, len);
        journal->end += len;
        journal->dirty = true;
    }
    text_clear(waiting);
    return status;
}

static enum status add_record(struct journal *journal, uint8_t verb, const char *key,
                              const void *value, size_t value_len)
{
    uint8_t head[RECORD_FRAME_LEN + RECORD_HEAD_LEN];
    size_t key_len = strlen(key), at = journal->waiting.len;
    assert(key_len > 0 && key_len <= JOURNAL_KEY_MAX);
    if (value_len > JOURNAL_VALUE_MAX)
        return STATUS_LIMIT;
    size_t len = record_bytes(key_len, value_len);
    struct wire_writer w = wire_writer_of(head, sizeof(head));
    wire_put_u32(&w, (uint32_t)(len - RECORD_FRAME_LEN));
    wire_put_u64(&w, 0);
    wire_put_u8(&w, verb);
    wire_put_u8(&w, (uint8_t)key_len);
    text_add_bytes(&journal->waiting, head, sizeof(head));
    text_add_bytes(&journal->waiting, key, key_len);
    text_add_bytes(&journal->waiting, value, value_len);
    if (journal->waiting.failed)
        return STATUS_OK; /* said when they are written */
    uint8_t *bytes = (uint8_t *)journal->waiting.at + at;
    wire_put_uint_at(bytes + 4, 8, hash_wire(bytes + RECORD_FRAME_LEN, len - RECORD_FRAME_LEN));
    return STATUS_OK;
}

enum status journal_put_later(struct journal *journal, const char *key, const void *value,
                              size_t len)
{
    enum status status = add_record(journal, RECORD_PUT, key, value, len);
    bool is_enough = journal->waiting.failed || journal->waiting.len >= WAITING_BYTES;
    return status == STATUS_OK && is_enough ? journal_write_out(journal) : status;
}

enum status journal_put(struct journal *journal, const char *key, const void *value, size_t len)
{
    enum status status = add_record(journal, RECORD_PUT, key, value, len);
    return status == STATUS_OK ? journal_write_out(journal) : status;
}

enum status journal_drop(struct journal *journal, const char *key)
{
    enum status status = journal_write_out(journal);
    if (status != STATUS_OK || places_find(journal->places, key, strlen(key)) == NULL)
        return status;
    status = add_record(journal, RECORD_DROP, key, NULL, 0);
    return status == STATUS_OK ? journal_write_out(journal) : status;
}

enum status journal_drop_others(struct journal *journal,
                                bool (*keeps)(const void *owner, const char *key),
                                const void *owner)
{
    struct places_cursor cursor = {0};
    const struct place *place;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (place = places_next(journal->places, &cursor)) != NULL) {
        char key[JOURNAL_KEY_MAX + 1];
        copy_key(key, place);
        if (!keeps(owner, key))
            status = journal_drop(journal, key);
    }
    return status;
}

enum status journal_sync(struct journal *journal)
{
    enum status status = journal_write_out(journal);
    journal->dirty = false;
    if (fdatasync(journal->fd) == 0)
        return status;
    journal_suspect(journal);
    return STATUS_IO;
}

void journal_suspect(struct journal *journal)
{
    journal->suspect = true;
}

bool journal_is_suspect(const struct journal *journal)
{
    return journal->suspect;
}

bool journal_is_dirty(const struct journal *journal)
{
    return journal->dirty;
}

int journal_take_dirty(struct journal *journal)
{
    journal->dirty = false;
    return journal->fd;
}

bool journal_wants_compaction(const struct journal *journal)
{
    return journal->suspect ||
           (journal->end > COMPACT_FROM_BYTES && journal->end > 4 * journal->live_bytes);
}

bool journal_has(const struct journal *journal, const char *key)
{
    return places_find(journal->places, key, strlen(key)) != NULL;
}

enum status journal_get(const struct journal *journal, const char *key, void *ret_value,
                        size_t room, size_t *ret_len)
{
    const struct place *place = places_find(journal->places, key, strlen(key));
    if (place == NULL)
        return STATUS_NOT_FOUND;
    if (place->len > room)
        return STATUS_LIMIT;
    if (pread(journal->fd, ret_value, place->len, (off_t)place->at) != (ssize_t)place->len)
        return STATUS_IO;
    *ret_len = place->len;
    return STATUS_OK;
}

size_t journal_count(const struct journal *journal)
{
    return places_count(journal->places);
}

/* Copies every value that counts; bytes: the old file, whole. */
static enum status copy_live(struct journal *journal, struct journal *next, const uint8_t *bytes)
{
    struct places_cursor cursor = {0};
    const struct place *place;
    enum status status = begin(next);
    while (status == STATUS_OK && (place = places_next(journal->places, &cursor)) != NULL) {
        char key[JOURNAL_KEY_MAX + 1];
        copy_key(key, place);
        status = journal_put_later(next, key, bytes + place->at, place->len);
    }
    return status == STATUS_OK ? journal_write_out(next) : status;
}

enum status journal_compact(struct journal *journal)
{
    char path[PATH_MAX];
    uint8_t *bytes = NULL;
    size_t len;
    struct journal next = {.fd = -1, .places = places_new(KEYS_MAX)};
    text_init(&next.waiting, WAITING_MAX_BYTES);
    snprintf(path, sizeof(path), "%s.new", journal->path);
    enum status status = next.places != NULL ? journal_write_out(journal) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = journal_file_read(journal->fd, &bytes, &len);
    if (status == STATUS_OK) {
        next.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        status = next.fd >= 0 ? copy_live(journal, &next, bytes) : STATUS_IO;
    }
    if (status == STATUS_OK && (fsync(next.fd) != 0 || rename(path, journal->path) != 0))
        status = STATUS_IO;
    free(bytes);
    text_done(&next.waiting);
    if (status != STATUS_OK) {
        if (next.fd >= 0) {
            (void)close(next.fd);
            (void)unlink(path); /* half of it helps nobody, least of all a full disk */
        }
        places_free(next.places);
        return status;
    }
    journal_file_sync_folder(journal->path);
    (void)close(journal->fd);
    places_free(journal->places);
    journal->fd = next.fd;
    journal->places = next.places;
    journal->end = next.end;
    journal->live_bytes = next.live_bytes;
    journal->dirty = journal->suspect = false;
    return STATUS_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The lock is a file of its own, because the journal's own is replaced. */
static enum status take_lock(struct journal *journal, struct text *why)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s.lock", journal->path);
    journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->lock_fd < 0)
        return fail_errno(why, "cannot open", path);
    if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return fail_errno(why, "cannot lock", path);
    text_addf(why, "another speaker uses %s", journal->path);
    return STATUS_EXISTS;
}

/* The disk takes no copy of what was good in a damaged file: an empty one, then. The owner has the
 * values, and learns from its being suspect that they are to be put again. */
static enum status start_empty(struct journal *journal, struct text *why)
{
    (void)close(journal->fd);
    places_free(journal->places);
    journal->end = journal->live_bytes = 0;
    journal->suspect = true;
    journal->places = places_new(KEYS_MAX);
    journal->fd = open(journal->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (journal->places == NULL)
        return STATUS_NO_MEMORY;
    return journal->fd >= 0 ? STATUS_OK : fail_errno(why, "cannot open", journal->path);
}

static enum status repair(struct journal *journal, enum journal_found found, struct text *why)
{
    if (found == JOURNAL_DAMAGED || found == JOURNAL_FOREIGN) {
        char aside[PATH_MAX];
        snprintf(aside, sizeof(aside), "%s.damaged", journal->path);
        if (rename(journal->path, aside) != 0)
            return fail_errno(why, "cannot move aside", journal->path);
        return journal_compact(journal) == STATUS_OK ? STATUS_OK : start_empty(journal, why);
    }
    if (ftruncate(journal->fd, (off_t)journal->end) != 0)
        return fail_errno(why, "cannot cut", journal->path);
    if (journal->end == 0)
        (void)begin(journal);
    if (fsync(journal->fd) != 0)
        return fail_errno(why, "cannot sync", journal->path);
    journal_file_sync_folder(journal->path);
    return STATUS_OK;
}

static enum status open_file(struct journal *journal, journal_on_value on_value, void *owner,
                             enum journal_found *ret_found, struct text *why)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    journal->fd = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->fd < 0)
        return fail_errno(why, "cannot open", journal->path);
    if (journal_file_read(journal->fd, &bytes, &len) != STATUS_OK)
        return fail_errno(why, "cannot read", journal->path);
    enum journal_found found = len == 0 ? JOURNAL_NEW : index_records(journal, bytes, len);
    give_values(journal, bytes, on_value, owner);
    free(bytes);
    enum status status = repair(journal, found, why);
    if (status == STATUS_OK)
        *ret_found = found;
    return status;
}

enum status journal_open(struct journal **ret_journal, const char *path, journal_on_value on_value,
                         void *owner, enum journal_found *ret_found, struct text *why)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL)
        return STATUS_NO_MEMORY;
    journal->fd = journal->lock_fd = -1;
    text_init(&journal->waiting, WAITING_MAX_BYTES);
    journal->path = strdup(path);
    journal->places = places_new(KEYS_MAX);
    enum status status =
        journal->path != NULL && journal->places != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = take_lock(journal, why);
    if (status == STATUS_OK)
        status = open_file(journal, on_value, owner, ret_found, why);
    if (status != STATUS_OK) {
        journal_close(journal);
        return status;
    }
    *ret_journal = journal;
    return STATUS_OK;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->fd >= 0) {
        (void)journal_write_out(journal);
        (void)fdatasync(journal->fd);
        (void)close(journal->fd);
    }
    if (journal->lock_fd >= 0)
        (void)close(journal->lock_fd);
    places_free(journal->places);
    text_done(&journal->waiting);
    free(journal->path);
    free(journal);
}
