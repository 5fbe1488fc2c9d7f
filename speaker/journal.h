#ifndef SPEAKER_JOURNAL_H
#define SPEAKER_JOURNAL_H

#include "common/base/status.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The speaker's memory over restarts: values under keys, in one file that is appended to and, when
 * most of it is out of date, written anew beside itself and renamed. A record:
 *
 *     0        4             12     13        14
 *     | length | XXH64       | verb | key len | key … value … |
 *              (of what follows; length counts from the verb on)
 *
 * A record that the file's end cuts is cut off when the journal is opened. Damage before the end
 * moves the file aside under the name FILE.damaged; what stood before the damage is kept. A disk
 * that is full when the journal is opened is no hindrance: it takes what it can later.
 *
 *   journal_open() → on_value for each → journal_put(), journal_drop() … journal_close()
 *
 * put and drop survive the end of this process at once, and a loss of power after journal_sync().
 */
struct journal;

enum { JOURNAL_KEY_MAX = 100, JOURNAL_VALUE_MAX = 1 << 20 };

enum journal_found {
    JOURNAL_NEW,     /* there was none */
    JOURNAL_WHOLE,   /* read to its end */
    JOURNAL_TORN,    /* its last record was cut and is gone */
    JOURNAL_DAMAGED, /* moved aside; what came before the damage is kept */
    JOURNAL_FOREIGN, /* moved aside whole: of another version of weir, or no journal at all */
};

typedef void (*journal_on_value)(void *owner, const char *key, const uint8_t *value, size_t len);

/* EXISTS: another process has it; IO: why says what failed. */
enum status journal_open(struct journal **ret_journal, const char *path, journal_on_value on_value,
                         void *owner, enum journal_found *ret_found, struct text *why);
void journal_close(struct journal *journal); /* syncs; NULL is fine */

/* IO: the disk took nothing, and the journal says what it said before. */
enum status journal_put(struct journal *journal, const char *key, const void *value, size_t len);
enum status journal_drop(struct journal *journal, const char *key);
/* A put that waits for others, and is written with them by the next call here that writes, or by
 * journal_write_out(): until then it is not there. IO: none of those that waited is. */
enum status journal_put_later(struct journal *journal, const char *key, const void *value,
                              size_t len);
enum status journal_write_out(struct journal *journal);
/* Drops every key that is not kept; ends at the first failure. */
enum status journal_drop_others(struct journal *journal,
                                bool (*keeps)(const void *owner, const char *key),
                                const void *owner);
enum status journal_sync(struct journal *journal);
/* A sync failed, so nobody knows what the disk has: wants compaction until one succeeds. */
void journal_suspect(struct journal *journal);
bool journal_is_suspect(const struct journal *journal);

/* For a sync on another thread: the file as it is now; it stays open until the next compaction. */
bool journal_is_dirty(const struct journal *journal);
int journal_take_dirty(struct journal *journal);

bool journal_wants_compaction(const struct journal *journal);
enum status journal_compact(struct journal *journal);
/* NOT_FOUND; LIMIT: it is longer than that; IO: it cannot be read. */
enum status journal_get(const struct journal *journal, const char *key, void *ret_value,
                        size_t room, size_t *ret_len);
bool journal_has(const struct journal *journal, const char *key);
size_t journal_count(const struct journal *journal);

#endif
