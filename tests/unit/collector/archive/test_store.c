#include "collector/archive/store.h"
#include "tests/unit/collector/archive/folder.h"

#include <criterion/parameterized.h>
#include <errno.h>
#include <sys/file.h>

static struct folder folder;
static struct store store;
static struct store_limits limits;
static const uint64_t start_ms = UINT64_C(1767323045678); /* 2026-01-02T03:04:05.678Z */
/* An IPFIX message of 16 octets, nothing in it. */
static const uint8_t message[16] = {0, 10, 0, 16};

/* A disk that fails, put between the store and the kernel by the linker. */
static struct {
    bool writing, cutting, syncing;
} fails;
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

/* Half of what is given, and then nothing. */
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (!fails.writing)
        return __real_write(fd, bytes, len);
    if (len == sizeof(message))
        return __real_write(fd, bytes, len / 2);
    errno = ENOSPC;
    return -1;
}

int __wrap_ftruncate(int fd, off_t len)
{
    errno = EIO;
    return fails.cutting ? -1 : __real_ftruncate(fd, len);
}

int __wrap_fdatasync(int fd)
{
    errno = EIO;
    return fails.syncing ? -1 : __real_fdatasync(fd);
}

static void set_up(void)
{
    memset(&fails, 0, sizeof(fails));
    folder_make(&folder);
    limits = (struct store_limits){.max_size_bytes = 1000, .max_age_ms = 1000000};
    strcpy(limits.dir, folder.path);
    store_init(&store, "c1");
    store_set(&store, &limits);
}

static void tear_down(void)
{
    store_done(&store);
    folder_remove(&folder);
}

TestSuite(store, .init = set_up, .fini = tear_down);

static void write_file(uint64_t at_ms, size_t messages)
{
    cr_assert_eq(store_begin(&store, at_ms), STATUS_OK);
    for (size_t i = 0; i < messages; i++)
        cr_assert_eq(store_write(&store, message, sizeof(message), at_ms), STATUS_OK);
    cr_assert_eq(store_end(&store), STATUS_OK);
}

Test(store, a_file_has_a_temporary_name_until_it_is_whole)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix.part");
    cr_assert_eq(store_end(&store), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix");
    cr_assert_eq(folder.bytes, 16u);
}

Test(store, names_are_unique_and_sort_by_time)
{
    write_file(start_ms, 1);
    write_file(start_ms, 1);
    write_file(start_ms + 60000, 1);
    write_file(start_ms + 86400000, 1);
    folder_list(&folder);
    cr_assert_eq(folder.count, 4u);
    uint64_t before_ms = 0;
    for (size_t i = 0; i < folder.count; i++) {
        uint64_t begun_ms;
        bool is_part;
        cr_assert(store_name_parse(folder.names[i], "c1", &begun_ms, &is_part));
        cr_assert_gt(begun_ms, before_ms);
        cr_assert_not(is_part);
        before_ms = begun_ms;
    }
}

Test(store, a_file_without_messages_goes)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_end(&store), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 0u);
}

struct name_case {
    char name[64];
    bool want;
};
ParameterizedTestParameters(store, only_names_of_this_collectors_are_ours)
{
    static struct name_case cases[] = {
        {"weir-20260102T030405.678Z-c1.ipfix", true},
        {"weir-20260102T030405.678Z-c1.ipfix.part", true},
        {"weir-20260102T030405.678Z-c2.ipfix", false},
        {"weir-20260102T030405.678Z-c11.ipfix", false},
        {"weir-20260102T030405.678Z-c1.ipfix.gz", false},
        {"weir-20260102T030405.678Z-c1.ipfix.part2", false},
        {"weir-20261302T030405.678Z-c1.ipfix", false},
        {"weir-20260102T030405.67Z-c1.ipfix", false},
        {"weir-+026010 T030405.678Z-c1.ipfix", false},
        {"weir-c1.ipfix", false},
        {"20260102.ipfix", false},
        {"", false},
    };
    return cr_make_param_array(struct name_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct name_case *c, store, only_names_of_this_collectors_are_ours)
{
    uint64_t begun_ms;
    bool is_part;
    cr_assert_eq(store_name_parse(c->name, "c1", &begun_ms, &is_part), c->want);
}

Test(store, the_oldest_goes_where_the_whole_grows_too_large)
{
    limits.max_size_bytes = 64;
    store_set(&store, &limits);
    for (uint64_t i = 0; i < 6; i++) {
        write_file(start_ms + i * 1000, 2);
        folder_list(&folder);
        cr_assert_leq(folder.bytes, 64u);
    }
    cr_assert_eq(folder.count, 2u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030409.678Z-c1.ipfix");
    cr_assert_eq(store.deleted, 4u);
}

Test(store, what_is_larger_than_the_whole_may_be_is_not_written)
{
    limits.max_size_bytes = 40;
    store_set(&store, &limits);
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, 16, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, 16, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, 16, start_ms), STATUS_LIMIT);
    cr_assert_eq(store_end(&store), STATUS_OK);
}

Test(store, what_is_too_old_goes)
{
    write_file(start_ms, 1);
    write_file(start_ms + 600000, 1);
    cr_assert_eq(store_tidy(&store, start_ms + 1000000, 0), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 2u);
    cr_assert_eq(store_tidy(&store, start_ms + 1000001, 0), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T031405.678Z-c1.ipfix");
}

Test(store, nothing_of_others_is_ever_deleted_or_renamed)
{
    static const char *const others[] = {"notes.txt", "weir-20200102T030405.678Z-c2.ipfix",
                                         "weir-20200102T030405.678Z-c2.ipfix.part",
                                         "weir-20200102T030405.678Z-c1.ipfix.gz", "old.ipfix"};
    for (size_t i = 0; i < 5; i++)
        folder_write(&folder, others[i], message, sizeof(message));
    cr_assert_eq(mkdir(folder_file(&folder, "weir-20200102T030405.678Z-c1.ipfix"), 0700), 0);
    cr_assert_eq(symlink("notes.txt", folder_file(&folder, "weir-20200102T030406.678Z-c1.ipfix")),
                 0);
    limits.max_size_bytes = 16;
    store_set(&store, &limits);
    write_file(start_ms, 1);
    cr_assert_eq(store_tidy(&store, start_ms + 100000000, 0), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 7u);
}

Test(store, a_file_that_was_left_behind_is_closed_at_its_last_whole_message)
{
    uint8_t bytes[60];
    for (size_t i = 0; i < 3; i++)
        memcpy(bytes + i * 16, message, 16);
    memcpy(bytes + 48, message, 12); /* cut off */
    folder_write(&folder, "weir-20260102T030405.678Z-c1.ipfix.part", bytes, sizeof(bytes));
    folder_write(&folder, "weir-20260102T030406.678Z-c1.ipfix.part", bytes, 10);
    folder_write(&folder, "weir-20260102T030407.678Z-c1.ipfix.part", "no messages at all", 18);
    cr_assert_eq(store_open(&store, start_ms), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix");
    cr_assert_eq(folder.bytes, 48u);
    cr_assert_eq(store.recovered, 1u);
}

Test(store, a_file_that_somebody_writes_is_left_alone)
{
    folder_write(&folder, "weir-20260102T030405.678Z-c1.ipfix.part", message, 16);
    int fd = open(folder_file(&folder, "weir-20260102T030405.678Z-c1.ipfix.part"), O_RDONLY);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    cr_assert_eq(store_open(&store, start_ms), STATUS_OK);
    folder_list(&folder);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix.part");
    close(fd);
}

/* The next file closes the one of before, at its last whole message. */
static void assert_recovered(uint64_t bytes)
{
    memset(&fails, 0, sizeof(fails));
    write_file(start_ms + 1000, 1);
    folder_list(&folder);
    cr_assert_eq(folder.count, 2u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix");
    cr_assert_str_eq(folder.names[1], "weir-20260102T030406.678Z-c1.ipfix");
    cr_assert_eq(folder.bytes, bytes + sizeof(message));
    cr_assert_eq(store.recovered, 1u);
}

Test(store, half_a_message_is_cut_off_before_a_file_gets_its_name)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_OK);
    fails.writing = fails.cutting = true;
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_IO);
    cr_assert_eq(store.error, ENOSPC);
    fails.writing = fails.cutting = false;
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_IO,
                 "what would stand behind half a message could not be read");
    cr_assert_eq(store_end(&store), STATUS_OK);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix");
    cr_assert_eq(folder.bytes, sizeof(message));
}

Test(store, half_a_message_that_cannot_be_cut_off_never_gets_a_final_name)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_OK);
    fails.writing = fails.cutting = true;
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_IO);
    cr_assert_eq(store_end(&store), STATUS_IO);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix.part");
    assert_recovered(sizeof(message));
}

Test(store, what_is_not_known_to_be_on_the_disk_keeps_its_temporary_name)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_OK);
    fails.syncing = true;
    cr_assert_eq(store_end(&store), STATUS_IO);
    folder_list(&folder);
    cr_assert_str_eq(folder.names[0], "weir-20260102T030405.678Z-c1.ipfix.part");
    assert_recovered(sizeof(message));
}

Test(store, a_file_that_somebody_cut_is_closed_at_its_last_whole_message)
{
    cr_assert_eq(store_begin(&store, start_ms), STATUS_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(store_write(&store, message, sizeof(message), start_ms), STATUS_OK);
    cr_assert_eq(truncate(folder_file(&folder, "weir-20260102T030405.678Z-c1.ipfix.part"), 40), 0);
    cr_assert_eq(store_end(&store), STATUS_IO);
    assert_recovered(2 * sizeof(message));
}

Test(store, a_folder_that_is_missing_is_made_and_one_that_went_is_noticed)
{
    folder_remove(&folder);
    write_file(start_ms, 1);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
    cr_assert_eq(store_begin(&store, start_ms + 1), STATUS_OK);
    cr_assert(store_is_there(&store));
    folder_remove(&folder);
    cr_assert_not(store_is_there(&store));
    cr_assert_eq(store_write(&store, message, 16, start_ms), STATUS_OK);
    cr_assert_eq(store_end(&store), STATUS_IO);
    cr_assert_eq(store.error, ENOENT);
    write_file(start_ms + 2, 1);
    folder_list(&folder);
    cr_assert_eq(folder.count, 1u);
}

Test(store, a_folder_that_is_none_is_an_error_with_its_reason)
{
    folder_write(&folder, "file", "", 0);
    strcpy(limits.dir, folder_file(&folder, "file"));
    store_set(&store, &limits);
    cr_assert_eq(store_begin(&store, start_ms), STATUS_IO);
    cr_assert_eq(store.error, ENOTDIR);
}
