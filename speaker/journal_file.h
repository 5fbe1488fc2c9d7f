#ifndef SPEAKER_JOURNAL_FILE_H
#define SPEAKER_JOURNAL_FILE_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* What the journal does with files: whole reads and whole writes, and the names in a folder. */

/* The bytes are the caller's to free. */
enum status journal_file_read(int fd, uint8_t **ret_bytes, size_t *ret_len);
enum status journal_file_write(int fd, const uint8_t *bytes, size_t len, uint64_t at);
/* A file that was made or renamed there survives a loss of power. */
void journal_file_sync_folder(const char *path);

#endif
