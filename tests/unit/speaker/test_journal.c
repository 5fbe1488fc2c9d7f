#include "speaker/journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a journal says, as "key=value;" in the order of keys. */
struct said {
    char keys[32][16], values[32][64];
    size_t count;
};

static void on_value(void *owner, const char *key, const uint8_t *value, size_t len)
{
    struct said *said = owner;
    cr_assert_lt(said->count, 32);
    cr_assert_lt(len, 64);
    snprintf(said->keys[said->count], 16, "%s", key);
    memcpy(said->values[said->count], value, len);
    said->values[said->count++][len] = '\0';
}

static const char *value_of(const struct said *said, const char *key)
{
    for (size_t i = 0; i < said->count; i++)
        if (strcmp(said->keys[i], key) == 0)
            return said->values[i];
    return NULL;
}

struct folder {
    char path[64], file[96];
};

static struct folder folder_new(void)
{
    struct folder folder = {.path = "/tmp/weir-journal-XXXXXX"};
    cr_assert_not_null(mkdtemp(folder.path));
    snprintf(folder.file, sizeof(folder.file), "%s/j", folder.path);
    return folder;
}

static void folder_done(const struct folder *folder)
{
    static const char *const names[] = {"", ".lock", ".new", ".damaged"};
    char path[128];
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s%s", folder->file, names[i]);
        (void)unlink(path);
    }
    cr_assert_eq(rmdir(folder->path), 0);
}

static struct journal *open_at(const char *path, struct said *ret_said,
                               enum journal_found want_found)
{
    struct journal *journal = NULL;
    enum journal_found found;
    struct text why;
    text_init(&why, 0);
    *ret_said = (struct said){0};
    cr_assert_eq(journal_open(&journal, path, on_value, ret_said, &found, &why), STATUS_OK, "%s",
                 text_str(&why));
    cr_assert_eq(found, want_found, "found %d, not %d", found, want_found);
    text_done(&why);
    return journal;
}

static void put(struct journal *journal, const char *key, const char *value)
{
    cr_assert_eq(journal_put(journal, key, value, strlen(value)), STATUS_OK);
}

Test(journal, says_again_what_was_put_last)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "a", "1");
    put(journal, "b", "2");
    put(journal, "a", "3");
    put(journal, "c", "");
    put(journal, "d", "4");
    cr_assert_eq(journal_drop(journal, "d"), STATUS_OK);
    cr_assert_eq(journal_drop(journal, "never"), STATUS_OK);
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 3);
    cr_assert_str_eq(value_of(&said, "a"), "3");
    cr_assert_str_eq(value_of(&said, "b"), "2");
    cr_assert_str_eq(value_of(&said, "c"), "");
    journal_close(journal);
    folder_done(&folder);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, room);
    cr_assert_geq(n, 0);
    close(fd);
    return (size_t)n;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

Test(journal, torn_at_every_octet_keeps_the_records_before)
{
    struct folder folder = folder_new();
    struct said said;
    uint8_t bytes[1024];
    size_t ends[4], len;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    ends[0] = read_file(folder.file, bytes, sizeof(bytes));
    put(journal, "one", "eins");
    ends[1] = read_file(folder.file, bytes, sizeof(bytes));
    put(journal, "two", "zwei");
    ends[2] = read_file(folder.file, bytes, sizeof(bytes));
    cr_assert_eq(journal_drop(journal, "one"), STATUS_OK);
    journal_close(journal);
    len = ends[3] = read_file(folder.file, bytes, sizeof(bytes));
    for (size_t cut = 1; cut <= len; cut++) {
        write_file(folder.file, bytes, cut);
        bool whole = cut == ends[0] || cut == ends[1] || cut == ends[2] || cut == ends[3];
        journal = open_at(folder.file, &said, whole ? JOURNAL_WHOLE : JOURNAL_TORN);
        cr_assert_eq(value_of(&said, "one") != NULL, cut >= ends[1] && cut < ends[3], "cut at %zu",
                     cut);
        cr_assert_eq(value_of(&said, "two") != NULL, cut >= ends[2]);
        put(journal, "more", "x");
        journal_close(journal);
        journal = open_at(folder.file, &said, JOURNAL_WHOLE);
        cr_assert_str_eq(value_of(&said, "more"), "x");
        cr_assert_eq(value_of(&said, "two") != NULL, cut >= ends[2]);
        journal_close(journal);
    }
    folder_done(&folder);
}

Test(journal, zeros_that_a_file_system_left_are_cut)
{
    struct folder folder = folder_new();
    struct said said;
    uint8_t bytes[1024] = {0};
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "one", "eins");
    journal_close(journal);
    size_t len = read_file(folder.file, bytes, sizeof(bytes));
    write_file(folder.file, bytes, len + 300);
    journal = open_at(folder.file, &said, JOURNAL_TORN);
    cr_assert_str_eq(value_of(&said, "one"), "eins");
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, damage_moves_the_file_aside_and_keeps_what_came_before)
{
    struct folder folder = folder_new();
    struct said said;
    uint8_t bytes[1024], aside[1024];
    char damaged[128];
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "one", "eins");
    size_t second = read_file(folder.file, bytes, sizeof(bytes));
    put(journal, "two", "zwei");
    size_t third = read_file(folder.file, bytes, sizeof(bytes));
    put(journal, "three", "drei");
    journal_close(journal);
    size_t len = read_file(folder.file, bytes, sizeof(bytes));
    snprintf(damaged, sizeof(damaged), "%s.damaged", folder.file);
    for (size_t at = second; at < third; at++) {
        bytes[at] ^= 0x20;
        write_file(folder.file, bytes, len);
        journal = open_at(folder.file, &said, JOURNAL_DAMAGED);
        cr_assert_eq(said.count, 1);
        cr_assert_str_eq(value_of(&said, "one"), "eins");
        put(journal, "four", "vier");
        journal_close(journal);
        cr_assert_eq(read_file(damaged, aside, sizeof(aside)), len);
        cr_assert_eq(memcmp(aside, bytes, len), 0);
        journal = open_at(folder.file, &said, JOURNAL_WHOLE);
        cr_assert_eq(said.count, 2);
        journal_close(journal);
        bytes[at] ^= 0x20;
    }
    folder_done(&folder);
}

Test(journal, a_foreign_file_is_moved_aside)
{
    struct folder folder = folder_new();
    struct said said;
    static const char *const foreign[] = {"something else entirely", "weir journal 2\n1234567890",
                                          "short"};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        char aside[128];
        struct stat info;
        (void)unlink(folder.file);
        write_file(folder.file, (const uint8_t *)foreign[i], strlen(foreign[i]));
        struct journal *journal = open_at(folder.file, &said, JOURNAL_FOREIGN);
        cr_assert_eq(said.count, 0);
        snprintf(aside, sizeof(aside), "%s.damaged", folder.file);
        cr_assert_eq(stat(aside, &info), 0);
        cr_assert_eq((size_t)info.st_size, strlen(foreign[i]), "kept whole");
        put(journal, "a", "1");
        journal_close(journal);
        journal = open_at(folder.file, &said, JOURNAL_WHOLE);
        cr_assert_eq(said.count, 1);
        journal_close(journal);
    }
    folder_done(&folder);
}

/* No file of this process may pass this size: its disk is full. */
static void fill_disk(size_t size)
{
    struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void free_disk(void)
{
    fill_disk(RLIM_INFINITY);
}

Test(journal, what_waits_is_there_when_it_is_written_and_before_what_comes_later)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "a", "1");
    cr_assert_eq(journal_put_later(journal, "a", "2", 1), STATUS_OK);
    cr_assert_eq(journal_put_later(journal, "b", "2", 1), STATUS_OK);
    cr_assert_not(journal_has(journal, "b"));
    cr_assert_eq(journal_write_out(journal), STATUS_OK);
    cr_assert(journal_has(journal, "b"));
    cr_assert_eq(journal_put_later(journal, "c", "3", 1), STATUS_OK);
    cr_assert_eq(journal_drop(journal, "c"), STATUS_OK);
    cr_assert_eq(journal_put_later(journal, "b", "4", 1), STATUS_OK);
    put(journal, "b", "5");
    cr_assert_eq(journal_put_later(journal, "d", "6", 1), STATUS_OK);
    cr_assert_eq(journal_compact(journal), STATUS_OK);
    cr_assert_eq(journal_put_later(journal, "e", "7", 1), STATUS_OK);
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 4);
    cr_assert_str_eq(value_of(&said, "a"), "2");
    cr_assert_str_eq(value_of(&said, "b"), "5");
    cr_assert_str_eq(value_of(&said, "d"), "6");
    cr_assert_str_eq(value_of(&said, "e"), "7");
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, so_much_that_waits_is_written_by_itself)
{
    struct folder folder = folder_new();
    struct said said;
    char value[1024] = "";
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(journal_put_later(journal, "a", value, sizeof(value)), STATUS_OK);
    cr_assert(journal_has(journal, "a"));
    cr_assert_eq(journal_drop(journal, "a"), STATUS_OK);
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, a_full_disk_takes_none_of_what_waited)
{
    struct folder folder = folder_new();
    struct said said;
    struct stat info;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "a", "1");
    cr_assert_eq(stat(folder.file, &info), 0);
    fill_disk((size_t)info.st_size + 20); /* room for the first of them */
    cr_assert_eq(journal_put_later(journal, "b", "2", 1), STATUS_OK);
    cr_assert_eq(journal_put_later(journal, "c", "3", 1), STATUS_OK);
    cr_assert_eq(journal_write_out(journal), STATUS_IO);
    cr_assert_eq(journal_write_out(journal), STATUS_OK, "nothing waits any more");
    free_disk();
    cr_assert_not(journal_has(journal, "b"));
    put(journal, "d", "4");
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 2);
    cr_assert_str_eq(value_of(&said, "a"), "1");
    cr_assert_str_eq(value_of(&said, "d"), "4");
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, a_full_disk_refuses_and_what_stood_stands)
{
    struct folder folder = folder_new();
    struct said said;
    struct stat info;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "a", "1");
    cr_assert_eq(stat(folder.file, &info), 0);
    for (size_t room = 0; room < 18; room++) {
        fill_disk((size_t)info.st_size + room);
        cr_assert_eq(journal_put(journal, "b", "2222", 4), STATUS_IO);
        cr_assert_eq(journal_drop(journal, "a"), room < 15 ? STATUS_IO : STATUS_OK, "%zu", room);
        free_disk();
        put(journal, "a", "1");
        cr_assert_eq(stat(folder.file, &info), 0);
    }
    put(journal, "c", "3");
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 2);
    cr_assert_str_eq(value_of(&said, "a"), "1");
    cr_assert_str_eq(value_of(&said, "c"), "3");
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, a_full_disk_at_the_start_is_no_hindrance)
{
    struct folder folder = folder_new();
    struct said said;
    for (size_t room = 0; room < 15; room++) {
        (void)unlink(folder.file);
        fill_disk(room);
        struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
        cr_assert_eq(journal_put(journal, "a", "1", 1), STATUS_IO);
        free_disk();
        put(journal, "b", "2");
        journal_close(journal);
        journal = open_at(folder.file, &said, JOURNAL_WHOLE);
        cr_assert_eq(said.count, 1);
        journal_close(journal);
    }
    folder_done(&folder);
}

Test(journal, damage_on_a_full_disk_gives_its_values_and_says_that_they_are_not_kept)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "a", "1");
    put(journal, "b", "2");
    put(journal, "c", "3");
    journal_close(journal);
    int fd = open(folder.file, O_RDWR);
    cr_assert_eq(pwrite(fd, "?", 1, 15 + 16 + 13), 1); /* in the second record */
    (void)close(fd);
    fill_disk(4);
    journal = open_at(folder.file, &said, JOURNAL_DAMAGED);
    cr_assert_eq(said.count, 1);
    cr_assert(journal_is_suspect(journal) && journal_wants_compaction(journal));
    cr_assert_eq(journal_compact(journal), STATUS_IO);
    free_disk();
    put(journal, "a", "1");
    cr_assert_eq(journal_compact(journal), STATUS_OK);
    cr_assert_not(journal_is_suspect(journal));
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 1);
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, two_speakers_do_not_share_one)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *first = open_at(folder.file, &said, JOURNAL_NEW), *second = NULL;
    enum journal_found found;
    struct text why;
    text_init(&why, 0);
    cr_assert_eq(journal_open(&second, folder.file, on_value, &said, &found, &why), STATUS_EXISTS);
    cr_assert_null(second);
    cr_assert_not_null(strstr(text_str(&why), "another speaker"));
    journal_close(first);
    second = open_at(folder.file, &said, JOURNAL_WHOLE);
    journal_close(second);
    text_done(&why);
    folder_done(&folder);
}

Test(journal, compaction_keeps_what_counts_and_only_that)
{
    struct folder folder = folder_new();
    struct said said;
    struct stat before, after;
    char value[60];
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    put(journal, "stays", "here");
    put(journal, "goes", "away");
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; !journal_wants_compaction(journal); i++) {
        cr_assert_lt(i, 100000);
        put(journal, "k", value);
    }
    cr_assert_eq(journal_drop(journal, "goes"), STATUS_OK);
    cr_assert_eq(stat(folder.file, &before), 0);
    cr_assert_eq(journal_compact(journal), STATUS_OK);
    cr_assert_eq(stat(folder.file, &after), 0);
    cr_assert_lt(after.st_size, 300);
    cr_assert_gt(before.st_size, 1 << 20);
    cr_assert_eq(after.st_mode & 0777, 0600);
    cr_assert_not(journal_wants_compaction(journal));
    put(journal, "new", "too");
    cr_assert_eq(journal_count(journal), 3);
    journal_close(journal);
    journal = open_at(folder.file, &said, JOURNAL_WHOLE);
    cr_assert_eq(said.count, 3);
    cr_assert_str_eq(value_of(&said, "stays"), "here");
    cr_assert_str_eq(value_of(&said, "k"), value);
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, dirty_is_told_until_it_is_synced)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    cr_assert_not(journal_is_dirty(journal));
    put(journal, "a", "1");
    cr_assert(journal_is_dirty(journal));
    cr_assert_eq(journal_sync(journal), STATUS_OK);
    cr_assert_not(journal_is_dirty(journal));
    put(journal, "a", "2");
    cr_assert_geq(journal_take_dirty(journal), 0);
    cr_assert_not(journal_is_dirty(journal));
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, a_value_over_the_limit_is_refused)
{
    struct folder folder = folder_new();
    struct said said;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    char *huge = calloc(1, JOURNAL_VALUE_MAX + 1);
    cr_assert_eq(journal_put(journal, "huge", huge, JOURNAL_VALUE_MAX + 1), STATUS_LIMIT);
    cr_assert_eq(journal_count(journal), 0);
    free(huge);
    journal_close(journal);
    folder_done(&folder);
}

Test(journal, a_folder_that_is_not_there_is_an_error_with_a_reason)
{
    struct journal *journal = NULL;
    struct said said = {0};
    enum journal_found found;
    struct text why;
    text_init(&why, 0);
    cr_assert_eq(journal_open(&journal, "/nonexistent/weir/j", on_value, &said, &found, &why),
                 STATUS_IO);
    cr_assert_not_null(strstr(text_str(&why), "/nonexistent/weir/j"));
    text_done(&why);
}

Test(journal, a_value_is_read_again_wherever_it_moved)
{
    struct folder folder = folder_new();
    struct said said;
    char value[8];
    size_t len = 0;
    struct journal *journal = open_at(folder.file, &said, JOURNAL_NEW);
    cr_assert_eq(journal_put(journal, "a", "old", 3), STATUS_OK);
    cr_assert_eq(journal_put(journal, "b", "more", 4), STATUS_OK);
    cr_assert_eq(journal_put(journal, "a", "new one", 7), STATUS_OK);
    for (int turn = 0; turn < 2; turn++) {
        cr_expect_eq(journal_get(journal, "a", value, sizeof(value), &len), STATUS_OK);
        cr_expect_eq(len, 7);
        cr_expect_eq(memcmp(value, "new one", 7), 0);
        cr_expect_eq(journal_get(journal, "b", value, 4, &len), STATUS_OK);
        cr_expect_eq(memcmp(value, "more", 4), 0);
        cr_expect_eq(journal_get(journal, "b", value, 3, &len), STATUS_LIMIT);
        cr_expect_eq(journal_get(journal, "c", value, sizeof(value), &len), STATUS_NOT_FOUND);
        cr_assert_eq(journal_compact(journal), STATUS_OK);
    }
    journal_close(journal);
    folder_done(&folder);
}
