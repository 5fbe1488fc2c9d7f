#include "collector/archive/writer.h"
#include "tests/unit/collector/archive/folder.h"

#include <signal.h>
#include <sys/resource.h>

static struct folder folder;
static struct writer *writer;
static struct writer_settings settings;
static uint64_t now_ms;

static void set_up(void)
{
    folder_make(&folder);
    now_ms = UINT64_C(1767323040000); /* a multiple of a minute */
    settings = (struct writer_settings){
        .limits = {.max_size_bytes = 1 << 24, .max_age_ms = 3600000}, .file_ms = 60000};
    strcpy(settings.limits.dir, folder.path);
    cr_assert_eq(writer_new(&writer, "c1"), STATUS_OK);
    writer_set(writer, &settings, now_ms);
}

static void tear_down(void)
{
    writer_free(writer);
    folder_remove(&folder);
}

TestSuite(writer, .init = set_up, .fini = tear_down);

static void add(uint64_t records)
{
    for (uint64_t i = 0; i < records; i++) {
        struct archive_item item = some_item(1, now_ms);
        writer_add(writer, &item, now_ms);
    }
}

Test(writer, a_file_covers_its_time_and_the_next_begins_at_a_multiple_of_it)
{
    add(10);
    now_ms += 59999;
    add(10);
    now_ms += 1;
    add(10);
    writer_end(writer, now_ms);
    struct read_back back = read_back_all(&folder);
    cr_assert_eq(folder.count, 2u);
    cr_assert_eq(back.records, 30u);
    cr_assert_eq(writer_counters(writer)->records, 30u);
    cr_assert_eq(writer_counters(writer)->files, 2u);
    cr_assert_eq(writer_counters(writer)->bytes, folder.bytes);
}

Test(writer, a_file_ends_in_time_also_where_nothing_comes)
{
    add(1);
    now_ms += 60000;
    writer_tick(writer, now_ms);
    struct read_back back = read_back_all(&folder);
    cr_assert_eq(back.records, 1u);
}

Test(writer, what_waits_is_in_the_file_two_seconds_later)
{
    struct read_back back = {0};
    add(3);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms);
    folder_list(&folder);
    cr_assert_eq(read_back(&back, folder_file(&folder, folder.names[0])), STATUS_OK);
    cr_assert_eq(back.records, 3u);
}

Test(writer, files_end_by_size_and_all_together_keep_theirs)
{
    settings.limits.max_size_bytes = 1 << 20;
    writer_set(writer, &settings, now_ms);
    for (int i = 0; i < 60; i++) {
        add(1000);
        now_ms += 10;
        writer_tick(writer, now_ms);
        folder_list(&folder);
        cr_assert_leq(folder.bytes, 1u << 20);
    }
    writer_end(writer, now_ms);
    struct read_back back = read_back_all(&folder);
    const struct writer_counters *c = writer_counters(writer);
    cr_assert_geq(folder.count, 10u);
    cr_assert_leq(folder.bytes, 1u << 20);
    cr_assert_gt(c->deleted, 10u);
    cr_assert_eq(c->records, 60000u);
    cr_assert_eq(c->errors, 0u);
    cr_assert_gt(back.records, 5000u);
}

Test(writer, a_folder_that_goes_and_comes_back_costs_what_came_meanwhile)
{
    add(5);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms);
    folder_remove(&folder);
    folder_write(&(struct folder){.path = "/tmp"}, folder.path + 5, "",
                 0); /* a file in its place */
    add(5);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms);
    cr_assert_eq(writer_counters(writer)->errors, 1u);
    add(5); /* within the pause: not tried */
    cr_assert_eq(writer_counters(writer)->errors, 1u);
    now_ms += WRITER_RETRY_MS;
    add(5);
    cr_assert_eq(writer_counters(writer)->errors, 2u);
    cr_assert_str_eq(writer_error(writer), "Not a directory");
    unlink(folder.path);
    now_ms += WRITER_RETRY_MS;
    add(7);
    writer_end(writer, now_ms);
    struct read_back back = read_back_all(&folder);
    cr_assert_eq(back.records, 7u);
    cr_assert_eq(writer_counters(writer)->lost_disk, 10u);
}

Test(writer, a_disk_that_is_full_keeps_what_is_written_and_is_tried_again)
{
    struct rlimit limit = {.rlim_cur = 3000, .rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    add(10);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms);
    add(100);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms); /* does not fit */
    cr_assert_eq(writer_counters(writer)->errors, 1u);
    cr_assert_eq(writer_counters(writer)->lost_disk, 100u);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    now_ms += WRITER_RETRY_MS;
    add(20);
    writer_end(writer, now_ms);
    struct read_back back = read_back_all(&folder);
    cr_assert_eq(back.records, 30u);
    cr_assert_eq(folder.count, 2u);
}

Test(writer, a_writer_that_died_leaves_a_file_that_the_next_one_closes)
{
    add(1000);
    now_ms += WRITER_FLUSH_MS;
    writer_tick(writer, now_ms);
    folder_list(&folder);
    char name[300];
    (void)snprintf(name, sizeof(name), "%s", folder.names[0]);
    cr_assert_not_null(strstr(name, ".part"));
    /* A copy, as the one that lives has the lock, with half a message more. */
    struct stat info;
    cr_assert_eq(stat(folder_file(&folder, name), &info), 0);
    uint8_t *bytes = malloc((size_t)info.st_size + 20);
    int fd = open(folder_file(&folder, name), O_RDONLY);
    cr_assert_eq(read(fd, bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    memcpy(bytes + info.st_size, (uint8_t[20]){0, 10, 0, 200}, 20);
    writer_end(writer, now_ms);
    folder_list(&folder);
    cr_assert_eq(unlink(folder_file(&folder, folder.names[0])), 0);
    folder_write(&folder, name, bytes, (size_t)info.st_size + 20);
    free(bytes);

    struct writer *next;
    cr_assert_eq(writer_new(&next, "c1"), STATUS_OK);
    writer_set(next, &settings, now_ms);
    writer_tick(next, now_ms);
    struct read_back back = read_back_all(&folder);
    cr_assert_eq(back.records, 1000u);
    cr_assert_eq(writer_counters(next)->recovered, 1u);
    writer_free(next);
}

Test(writer, another_folder_and_other_limits_hold_from_the_next_file_on)
{
    struct folder other;
    folder_make(&other);
    add(3);
    strcpy(settings.limits.dir, other.path);
    writer_set(writer, &settings, now_ms);
    add(4);
    writer_end(writer, now_ms);
    cr_assert_eq(read_back_all(&folder).records, 3u);
    cr_assert_eq(read_back_all(&other).records, 4u);
    folder_remove(&other);
}

Test(writer, a_clock_that_goes_back_stops_nothing)
{
    add(3);
    now_ms -= 7200000;
    add(3);
    now_ms -= 1;
    writer_tick(writer, now_ms);
    add(3);
    writer_end(writer, now_ms);
    cr_assert_eq(read_back_all(&folder).records, 9u);
}
