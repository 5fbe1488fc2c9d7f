#ifndef TESTS_UNIT_COLLECTOR_ARCHIVE_FOLDER_H
#define TESTS_UNIT_COLLECTOR_ARCHIVE_FOLDER_H

#include "collector/archive/archive_queue.h"
#include "collector/decode/decode.h"
#include "ctl/archive_read.h"
#include "ctl/capture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of the test's own, what is in it, and what its archive files say. */
enum { FOLDER_NAMES_MAX = 256 };

struct folder {
    char path[64];
    char names[FOLDER_NAMES_MAX][256]; /* sorted */
    size_t count;
    uint64_t bytes;
};

static inline void folder_make(struct folder *f)
{
    strcpy(f->path, "/tmp/weir-archive-XXXXXX");
    cr_assert_not_null(mkdtemp(f->path));
}

static inline const char *folder_file(const struct folder *f, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
    return path;
}

static inline int folder_by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static inline void folder_list(struct folder *f)
{
    struct stat info;
    struct dirent *entry;
    DIR *dir = opendir(f->path);
    f->count = 0;
    f->bytes = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        cr_assert_lt(f->count, (size_t)FOLDER_NAMES_MAX);
        (void)snprintf(f->names[f->count++], 256, "%s", entry->d_name);
        if (lstat(folder_file(f, entry->d_name), &info) == 0)
            f->bytes += (uint64_t)info.st_size;
    }
    if (dir != NULL)
        (void)closedir(dir);
    qsort(f->names, f->count, sizeof(f->names[0]), folder_by_name);
}

static inline void folder_write(const struct folder *f, const char *name, const void *bytes,
                                size_t len)
{
    int fd = open(folder_file(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static inline void folder_remove(struct folder *f)
{
    folder_list(f);
    for (size_t i = 0; i < f->count; i++)
        if (unlink(folder_file(f, f->names[i])) != 0)
            (void)rmdir(folder_file(f, f->names[i]));
    (void)rmdir(f->path);
}

/* --- reading back --- */

struct read_back {
    struct decode *decode;
    struct archive_read archive;
    struct flow_record last;
    struct ip_addr exporter;
    uint64_t records, refused, bytes; /* bytes: the sum of the records' own */
};

static inline void read_back_fields(void *owner, const struct decode_fields *fields)
{
    struct read_back *back = owner;
    archive_read_fields(&back->archive, fields);
}

static inline void read_back_record(void *owner, const struct flow_record *flow)
{
    struct read_back *back = owner;
    back->last = *flow;
    archive_read_restore(&back->archive, &back->last, &back->exporter);
    back->records++;
    back->bytes += flow->bytes;
}

static inline bool read_back_message(void *owner, const struct capture_datagram *message)
{
    struct read_back *back = owner;
    struct decode_source source = {.addr = {0}};
    struct decode_sink sink = {
        .on_record = read_back_record, .on_fields = read_back_fields, .owner = back};
    back->refused +=
        decode_datagram(back->decode, &source, message->bytes, message->len, 1, &sink) != DECODE_OK;
    return true;
}

/* The status of the file's end; records are added to what was read before. */
static inline enum status read_back(struct read_back *back, const char *path)
{
    struct capture_counts counts;
    struct text why;
    text_init(&why, 0);
    back->archive = (struct archive_read){0};
    back->decode = decode_new(&(struct decode_limits){.templates_per_domain = 2000}, 1);
    cr_assert_not_null(back->decode);
    enum status status = capture_read(path, read_back_message, back, &counts, &why);
    decode_free(back->decode);
    text_done(&why);
    return status;
}

/* Of all files that are whole. */
static inline struct read_back read_back_all(struct folder *f)
{
    struct read_back back = {0};
    folder_list(f);
    for (size_t i = 0; i < f->count; i++)
        if (strstr(f->names[i], ".part") == NULL && strstr(f->names[i], ".ipfix") != NULL)
            cr_assert_eq(read_back(&back, folder_file(f, f->names[i])), STATUS_OK, "%s",
                         f->names[i]);
    cr_assert_eq(back.refused, 0u);
    return back;
}

static inline struct archive_item some_item(uint64_t bytes, uint64_t came_ms)
{
    struct archive_item item = {
        .flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_PROTOCOL | FLOW_BYTES | FLOW_PACKETS,
                 .format = FORMAT_NETFLOW9,
                 .sampling_source = SAMPLING_OPTIONS,
                 .sampling_rate = 1000,
                 .protocol = 17,
                 .src_addr = addr_from_ipv4(0x0a000001),
                 .dst_addr = addr_from_ipv4(0xc6336401),
                 .bytes = bytes,
                 .packets = 1},
        .exporter = addr_from_ipv4(0xc0000201),
        .came_ms = came_ms};
    return item;
}

#endif
