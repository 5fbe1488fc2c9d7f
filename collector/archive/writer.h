#ifndef COLLECTOR_ARCHIVE_WRITER_H
#define COLLECTOR_ARCHIVE_WRITER_H

#include "collector/archive/archive_queue.h"
#include "collector/archive/store.h"

/*
 * Flow records to files that follow each other: a file begins with its first record and ends when
 * its time is over, when it is large enough, or when writing fails. What fails is counted and tried
 * again after a pause, in a new file. No thread and no clock of its own.
 *
 *   writer_new() → writer_set() → writer_add() …, writer_tick() … → writer_end() → writer_free()
 */
struct writer;

struct writer_settings {
    struct store_limits limits;
    uint64_t file_ms; /* files begin anew at multiples of it */
};

enum {
    WRITER_FLUSH_MS = 2000, /* so long a record waits for its message to be written */
    WRITER_RETRY_MS = 1000, /* after a failure */
    WRITER_TIDY_MS = 10000, /* between two looks at the folder */
    WRITER_FILES_MIN = 16   /* at full size; a file is at most that part of the whole */
};

struct writer_counters {
    uint64_t records; /* in messages that were written */
    uint64_t lost_disk, lost_templates;
    uint64_t written_bytes, errors, deleted, recovered;
    uint64_t files, bytes; /* now, with the one that is being written */
};

enum status writer_new(struct writer **ret_writer, const char *collector);
void writer_free(struct writer *writer); /* after writer_end; what is not written is lost */
/* Ends the file; the new settings hold for the next. */
void writer_set(struct writer *writer, const struct writer_settings *settings, uint64_t wall_ms);
/* item->came_ms is Unix time. */
void writer_add(struct writer *writer, const struct archive_item *item, uint64_t wall_ms);
/* Some times a second: flushes, ends files, keeps the limits. */
void writer_tick(struct writer *writer, uint64_t wall_ms);
void writer_end(struct writer *writer, uint64_t wall_ms);

const struct writer_counters *writer_counters(struct writer *writer);
/* Why it failed the last time; "" if it never did. */
const char *writer_error(const struct writer *writer);
const char *writer_dir(const struct writer *writer);

#endif
