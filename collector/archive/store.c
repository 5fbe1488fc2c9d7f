#include "collector/archive/store.h"

#include "common/base/clock.h"
#include "common/base/wire.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TIME_LEN = 20, /* "20260102T030405.678Z" */
    DIR_MODE = 0750,
    FILE_MODE = 0640,
    NAMES_TRIED = 100, /* files that begin in one millisecond */
    MESSAGE_HEADER = 16,
    IPFIX_VERSION = 10
};

/* --- names --- */

static void name_format(char name[NAME_MAX + 1], uint64_t begun_ms, const char *collector)
{
    time_t seconds = (time_t)(begun_ms / 1000);
    struct tm tm;
    char stamp[32];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
    (void)snprintf(name, NAME_MAX + 1, "weir-%s.%03uZ-%.200s.ipfix", stamp,
                   (unsigned int)(begun_ms % 1000), collector);
}

bool store_name_parse(const char *name, const char *collector, uint64_t *ret_begun_ms,
                      bool *ret_is_part)
{
    struct tm tm = {0};
    unsigned int ms;
    int end = 0;
    char expected[NAME_MAX + 1];
    if (sscanf(name, "weir-%4d%2d%2dT%2d%2d%2d.%3uZ-%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms, &end) != 7 ||
        end == 0)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = timegm(&tm);
    if (seconds < 0)
        return false;
    /* What writing it anew does not give is none of ours. */
    uint64_t begun_ms = (uint64_t)seconds * 1000 + ms;
    name_format(expected, begun_ms, collector);
    size_t len = strlen(expected);
    if (strncmp(name, expected, len) != 0)
        return false;
    *ret_is_part = strcmp(name + len, ".part") == 0;
    *ret_begun_ms = begun_ms;
    return name[len] == '\0' || *ret_is_part;
}

static void part_of(char part[NAME_MAX + 8], const char *name)
{
    (void)snprintf(part, NAME_MAX + 8, "%s.part", name);
}

/* --- the folder --- */

static enum status fail(struct store *store)
{
    store->error = errno;
    return STATUS_IO;
}

void store_init(struct store *store, const char *collector)
{
    memset(store, 0, sizeof(*store));
    store->dir_fd = store->file_fd = -1;
    (void)snprintf(store->collector, sizeof(store->collector), "%s", collector);
}

static void close_dir(struct store *store)
{
    if (store->dir_fd >= 0)
        close(store->dir_fd);
    store->dir_fd = -1;
}

void store_set(struct store *store, const struct store_limits *limits)
{
    assert(!store_is_writing(store));
    if (strcmp(store->limits.dir, limits->dir) != 0)
        close_dir(store);
    store->limits = *limits;
}

void store_done(struct store *store)
{
    if (store_is_writing(store))
        (void)store_end(store);
    close_dir(store);
}

bool store_is_writing(const struct store *store)
{
    return store->file_fd >= 0;
}

struct found {
    char name[NAME_MAX + 1];
    uint64_t begun_ms, bytes;
    bool is_part;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

/* Our regular files in the folder, by name; the caller frees them. */
static enum status list(struct store *store, struct found **ret_found, size_t *ret_count)
{
    struct found *found = NULL, one;
    size_t count = 0, room = 0;
    struct dirent *entry;
    struct stat info;
    int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        enum status status = fail(store);
        if (fd >= 0)
            close(fd);
        return status;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!store_name_parse(entry->d_name, store->collector, &one.begun_ms, &one.is_part) ||
            fstatat(store->dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        (void)snprintf(one.name, sizeof(one.name), "%s", entry->d_name);
        one.bytes = (uint64_t)info.st_size;
        if (count == room) {
            struct found *more = realloc(found, (room * 2 + 64) * sizeof(*found));
            if (more == NULL)
                break; /* the oldest may be missing, and go the next time */
            found = more;
            room = room * 2 + 64;
        }
        found[count++] = one;
    }
    (void)closedir(dir);
    if (count > 0)
        qsort(found, count, sizeof(*found), by_name);
    *ret_found = found;
    *ret_count = count;
    return STATUS_OK;
}

enum status store_tidy(struct store *store, uint64_t wall_ms, uint64_t more_bytes)
{
    struct found *found;
    size_t count;
    enum status status = list(store, &found, &count);
    if (status != STATUS_OK)
        return status;
    uint64_t max_age_ms = store->limits.max_age_ms, bytes = 0;
    store->files = store->bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += found[i].is_part ? 0 : found[i].bytes;
    for (size_t i = 0; i < count; i++) {
        const struct found *f = &found[i];
        if (f->is_part)
            continue;
        bool is_old = f->begun_ms < wall_ms && wall_ms - f->begun_ms > max_age_ms;
        bool is_much = bytes + store->file_bytes + more_bytes > store->limits.max_size_bytes;
        if (is_old || is_much) {
            if (unlinkat(store->dir_fd, f->name, 0) == 0 || errno == ENOENT) {
                store->deleted++;
                bytes -= f->bytes;
                continue;
            }
            status = fail(store);
        }
        store->files++;
        store->bytes += f->bytes;
    }
    free(found);
    return status;
}

/* --- what was left behind --- */

/* Octets up to the end of the last whole message. */
static uint64_t whole_len(int fd, uint64_t size)
{
    uint8_t header[MESSAGE_HEADER];
    uint64_t at = 0;
    while (size - at >= MESSAGE_HEADER &&
           pread(fd, header, MESSAGE_HEADER, (off_t)at) == MESSAGE_HEADER) {
        struct wire_reader r = wire_reader_of(header, sizeof(header));
        uint16_t version = wire_u16(&r), len = wire_u16(&r);
        if (version != IPFIX_VERSION || len < MESSAGE_HEADER || len > size - at)
            break;
        at += len;
    }
    return at;
}

static enum status recover_one(struct store *store, const struct found *f)
{
    char name[NAME_MAX + 1];
    int fd = openat(store->dir_fd, f->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail(store);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) { /* somebody writes it */
        close(fd);
        return STATUS_OK;
    }
    uint64_t len = whole_len(fd, f->bytes);
    (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(f->name) - strlen(".part")), f->name);
    bool done = len == 0
                    ? unlinkat(store->dir_fd, f->name, 0) == 0
                    : (len == f->bytes || ftruncate(fd, (off_t)len) == 0) && fdatasync(fd) == 0 &&
                          renameat(store->dir_fd, f->name, store->dir_fd, name) == 0;
    enum status status = done ? STATUS_OK : fail(store);
    store->recovered += done && len > 0;
    close(fd);
    return status;
}

static enum status recover(struct store *store)
{
    struct found *found;
    size_t count;
    enum status status = list(store, &found, &count);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (found[i].is_part && recover_one(store, &found[i]) != STATUS_OK)
            status = STATUS_IO;
    free(found);
    return status;
}

enum status store_open(struct store *store, uint64_t wall_ms)
{
    const char *dir = store->limits.dir;
    close_dir(store);
    store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0 && errno == ENOENT && mkdir(dir, DIR_MODE) == 0)
        store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0)
        return fail(store);
    enum status status = recover(store), tidied = store_tidy(store, wall_ms, 0);
    return status != STATUS_OK ? status : tidied;
}

/* --- the file --- */

static int create(struct store *store, uint64_t wall_ms)
{
    char part[NAME_MAX + 8];
    for (uint64_t i = 0; i < NAMES_TRIED; i++) {
        name_format(store->name, wall_ms + i, store->collector);
        if (faccessat(store->dir_fd, store->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        part_of(part, store->name);
        int fd = openat(store->dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                        FILE_MODE);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    errno = EEXIST;
    return -1;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The folder that is open is the one that its path leads to now. */
static bool dir_is_there(const struct store *store)
{
    struct stat open_one, named;
    return store->dir_fd >= 0 && fstat(store->dir_fd, &open_one) == 0 &&
           stat(store->limits.dir, &named) == 0 && same_file(&open_one, &named);
}

bool store_is_there(const struct store *store)
{
    struct stat open_one, named;
    char part[NAME_MAX + 8];
    part_of(part, store->name);
    return dir_is_there(store) && fstat(store->file_fd, &open_one) == 0 &&
           fstatat(store->dir_fd, part, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           same_file(&open_one, &named);
}

enum status store_begin(struct store *store, uint64_t wall_ms)
{
    assert(!store_is_writing(store));
    if (!dir_is_there(store)) {
        /* What cannot be tidied up must not keep new records out: the limits do, where they would
         * be passed. */
        (void)store_open(store, wall_ms);
        if (store->dir_fd < 0)
            return STATUS_IO;
    } else if (store->left_behind) {
        store->left_behind = recover(store) != STATUS_OK;
    }
    int fd = create(store, wall_ms);
    if (fd < 0) {
        enum status status = fail(store);
        close_dir(store);
        return status;
    }
    (void)flock(fd, LOCK_EX | LOCK_NB); /* nobody else has it: it is new */
    store->file_fd = fd;
    store->file_bytes = 0;
    store->is_torn = false;
    store->begun_ms = wall_ms;
    return STATUS_OK;
}

enum status store_write(struct store *store, const uint8_t *bytes, size_t len, uint64_t wall_ms)
{
    size_t done = 0;
    assert(store_is_writing(store));
    if (store->is_torn)
        return STATUS_IO;
    if (store->bytes + store->file_bytes + len > store->limits.max_size_bytes) {
        enum status status = store_tidy(store, wall_ms, len);
        if (store->bytes + store->file_bytes + len > store->limits.max_size_bytes)
            return status != STATUS_OK ? status : STATUS_LIMIT;
    }
    while (done < len) {
        ssize_t n = write(store->file_fd, bytes + done, len - done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        enum status status = fail(store);
        store->is_torn = ftruncate(store->file_fd, (off_t)store->file_bytes) != 0 ||
                         lseek(store->file_fd, (off_t)store->file_bytes, SEEK_SET) < 0;
        return status;
    }
    store->file_bytes += len;
    return STATUS_OK;
}

/* Whole messages and nothing else, on the disk. */
static bool make_whole(const struct store *store)
{
    struct stat info;
    if (fstat(store->file_fd, &info) != 0)
        return false;
    if ((uint64_t)info.st_size < store->file_bytes) { /* somebody cut it */
        errno = EIO;
        return false;
    }
    return ((uint64_t)info.st_size == store->file_bytes ||
            ftruncate(store->file_fd, (off_t)store->file_bytes) == 0) &&
           fdatasync(store->file_fd) == 0;
}

enum status store_end(struct store *store)
{
    char part[NAME_MAX + 8];
    enum status status = STATUS_OK;
    part_of(part, store->name);
    if (store->file_bytes == 0) {
        if (unlinkat(store->dir_fd, part, 0) != 0)
            status = fail(store);
    } else if (!make_whole(store) ||
               renameat(store->dir_fd, part, store->dir_fd, store->name) != 0) {
        status = fail(store);
    } else {
        store->files++;
        store->bytes += store->file_bytes;
    }
    store->left_behind = store->left_behind || status != STATUS_OK;
    close(store->file_fd); /* and with it the lock */
    store->file_fd = -1;
    store->file_bytes = 0;
    return status;
}
