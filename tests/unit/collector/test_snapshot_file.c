#include "collector/snapshot_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls that bring a file onto the disk are taken note of here, on their way to the kernel:
 * "f" a file synced, "r" renamed, "d" a folder synced. */
static char calls[16];
static char fails; /* of these, the one that does not succeed */

static void note(char call)
{
    size_t len = strlen(calls);
    if (len + 1 < sizeof(calls))
        calls[len] = call;
}

int fsync(int fd)
{
    struct stat info;
    cr_assert_eq(fstat(fd, &info), 0);
    char call = S_ISDIR(info.st_mode) ? 'd' : 'f';
    note(call);
    if (fails == call) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    note('r');
    if (fails == 'r') {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_renameat2, -100 /* AT_FDCWD */, from, -100, to, 0);
}

static char folder[] = "/tmp/weir-snapshot-XXXXXX";
static char collector[] = "c1";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/templates-c1-0.bin", folder);
    unlink(path);
    rmdir(folder);
}

static void on_record(void *owner, const struct flow_record *flow)
{
    (void)owner;
    (void)flow;
}

/* NetFlow 9: template 256 with octetDeltaCount, and with `data` a record of it. */
static enum decode_reason tell(struct decode *decode, bool data)
{
    static const uint8_t template[] = {0, 9, 0, 1, 0, 0, 0, 9,  0, 0, 0, 9, 0, 0, 0, 1,
                                       0, 0, 0, 7, 0, 0, 0, 12, 1, 0, 0, 1, 0, 1, 0, 4};
    static const uint8_t record[] = {0, 9, 0, 1, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0,
                                     0, 2, 0, 0, 0, 7, 1, 0, 0, 8, 0, 0, 0, 5};
    struct decode_source source = {.addr = addr_from_ipv4(0xc0000201)};
    struct decode_sink sink = {.on_record = on_record};
    return data ? decode_datagram(decode, &source, record, sizeof(record), 1, &sink)
                : decode_datagram(decode, &source, template, sizeof(template), 1, &sink);
}

static void write_one(uv_loop_t *loop, const struct worker_options *options)
{
    struct snapshot_file *file;
    struct decode *decode = decode_new(&(struct decode_limits){0}, 7);
    memset(calls, 0, sizeof(calls));
    cr_assert_eq(snapshot_file_new(&file, decode, loop, options), STATUS_OK);
    cr_assert_eq(tell(decode, false), DECODE_OK);
    snapshot_file_tick(file, decode);
    uv_run(loop, UV_RUN_DEFAULT);
    snapshot_file_free(file);
    decode_free(decode);
}

static bool is_there(void)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/templates-c1-0.bin", folder);
    return access(path, F_OK) == 0;
}

static bool is_read(uv_loop_t *loop, const struct worker_options *options)
{
    struct snapshot_file *file;
    struct decode *decode = decode_new(&(struct decode_limits){0}, 7);
    cr_assert_eq(snapshot_file_new(&file, decode, loop, options), STATUS_OK);
    bool good = tell(decode, true) == DECODE_OK;
    snapshot_file_free(file);
    decode_free(decode);
    return good;
}

Test(snapshot_file, file_and_folder_are_on_the_disk_before_it_counts_as_written,
     .init = make_folder, .fini = remove_folder)
{
    struct clock_fake time = {.mono_us = 100000000, .wall_ms = 1700000000000};
    struct config config = {0};
    const struct model nobody_listed = {0};
    struct worker_options options = {
        .model = &nobody_listed, .config = &config, .workers = 1, .clock = clock_of_fake(&time)};
    uv_loop_t loop;
    config.state_dir = folder;
    config.collector.name = collector;
    config.collector.template_timeout_ms = 3600000;
    cr_assert_eq(uv_loop_init(&loop), 0);

    fails = 'f';
    write_one(&loop, &options);
    cr_assert_str_eq(calls, "f", "what is not on the disk replaces nothing");
    cr_assert_not(is_there());
    fails = 'r';
    write_one(&loop, &options);
    cr_assert_str_eq(calls, "fr");
    cr_assert_not(is_there());
    fails = 0;
    write_one(&loop, &options);
    cr_assert_str_eq(calls, "frd", "the file, its new name, the folder that holds the name");
    cr_assert(is_read(&loop, &options));
    fails = 'd';
    write_one(&loop, &options);
    cr_assert_str_eq(calls, "frd");
    cr_assert(is_read(&loop, &options), "a folder that cannot be synced costs nothing else");
    cr_assert_eq(uv_loop_close(&loop), 0);
}
