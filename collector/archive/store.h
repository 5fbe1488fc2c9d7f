#ifndef COLLECTOR_ARCHIVE_STORE_H
#define COLLECTOR_ARCHIVE_STORE_H

#include "common/base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The folder of archive files, and the one file that is being written:
 *   weir-20260102T030405.678Z-<collector>.ipfix        whole
 *   weir-20260102T030405.678Z-<collector>.ipfix.part   being written, locked by its writer
 * Names sort by the time at which files begin. Nothing whose name does not match is ever touched,
 * and of what matches only regular files. A file gets its name when all of it is on the disk and
 * nothing but whole messages is in it. Each message is written at once, so one that was left
 * behind, by a crash or a disk that failed, is whole up to its last message, and is closed there by
 * the next start, or before the next file begins.
 *
 *   store_init() → store_set() → (store_begin() → store_write() … → store_end()) … → store_done()
 */
struct store_limits {
    char dir[PATH_MAX];
    uint64_t max_size_bytes, max_age_ms;
};

struct store {
    struct store_limits limits;
    char collector[256];
    int dir_fd, file_fd;     /* -1: none */
    char name[NAME_MAX + 1]; /* of the file, without .part */
    uint64_t file_bytes;     /* of it, whole messages */
    uint64_t begun_ms;       /* Unix time */
    bool is_torn;            /* part of a message stands behind file_bytes, and cannot be cut off */
    bool left_behind;        /* a file of before could not be made whole */
    uint64_t files, bytes;   /* of those that are whole, when they were last looked at */
    uint64_t deleted;        /* for age or size, since the start */
    uint64_t recovered;      /* files that were left behind */
    int error;               /* errno of the last failure */
};

void store_init(struct store *store, const char *collector);
/* Between files only. */
void store_set(struct store *store, const struct store_limits *limits);
void store_done(struct store *store);

/* Opens the folder, which is made where it is missing, closes what was left behind, and makes room.
 * IO: store->error says why. */
enum status store_open(struct store *store, uint64_t wall_ms);
/* A new file; opens the folder where that is not open, or is not there any more. */
enum status store_begin(struct store *store, uint64_t wall_ms);
/* One message. On failure the file is what it was before, or takes no more. */
enum status store_write(struct store *store, const uint8_t *bytes, size_t len, uint64_t wall_ms);
/* Gives the file its name; one without messages goes. What cannot be made whole, or is not known to
 * be on the disk, keeps its temporary name. The file is closed in any case. */
enum status store_end(struct store *store);
bool store_is_writing(const struct store *store);
/* The file still is where its name says. */
bool store_is_there(const struct store *store);
/* Deletes the oldest until the limits hold for what is there and `more_bytes`. */
enum status store_tidy(struct store *store, uint64_t wall_ms, uint64_t more_bytes);

/* Takes a name apart; false: not one of this collector's. */
bool store_name_parse(const char *name, const char *collector, uint64_t *ret_begun_ms,
                      bool *ret_is_part);

#endif
