#include "speaker/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A larger file is not ours. */
#define FILE_MAX_BYTES (1UL << 30)

enum status journal_file_read(int fd, uint8_t **ret_bytes, size_t *ret_len)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || info.st_size < 0 || (uint64_t)info.st_size > FILE_MAX_BYTES)
        return STATUS_IO;
    size_t len = (size_t)info.st_size, got = 0;
    uint8_t *bytes = malloc(len > 0 ? len : 1);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    while (got < len) {
        ssize_t n = pread(fd, bytes + got, len - got, (off_t)got);
        if (n <= 0) {
            free(bytes);
            return STATUS_IO;
        }
        got += (size_t)n;
    }
    *ret_bytes = bytes;
    *ret_len = len;
    return STATUS_OK;
}

enum status journal_file_write(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return STATUS_IO;
        bytes += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return STATUS_OK;
}

void journal_file_sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}
