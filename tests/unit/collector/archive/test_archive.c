#include "collector/archive/archive.h"
#include "common/base/metrics.h"
#include "tests/unit/collector/archive/folder.h"

static struct folder folder;
static struct archive *archive;
static struct config config;

static void set_up(void)
{
    struct clock clock = clock_system();
    folder_make(&folder);
    config.collector.name = "c1";
    config.collector.archive.enabled = true;
    config.collector.archive.dir = folder.path;
    config.collector.archive.max_size_bytes = 1 << 30;
    config.collector.archive.max_age_ms = 86400000;
    config.collector.archive.file_ms = 3600000;
    cr_assert_eq(archive_new(&archive, &clock, 2), STATUS_OK);
}

static void tear_down(void)
{
    archive_free(archive);
    folder_remove(&folder);
}

TestSuite(archive, .init = set_up, .fini = tear_down);

static void put(uint32_t worker, uint64_t records)
{
    struct clock clock = clock_system();
    struct archive_queue *queue = archive_queue_of(archive, worker);
    cr_assert_not_null(queue);
    for (uint64_t i = 0; i < records; i++) {
        struct archive_item item = some_item(1, 0);
        archive_queue_put(queue, &item.flow, &item.exporter, clock_mono_ms(&clock));
    }
}

Test(archive, what_all_workers_put_is_in_the_files_at_the_end)
{
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    put(0, 1000);
    put(1, 500);
    archive_free(archive);
    archive = NULL;
    cr_assert_eq(read_back_all(&folder).records, 1500u);
}

Test(archive, switched_off_there_is_no_queue_and_no_file)
{
    config.collector.archive.enabled = false;
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    cr_assert_null(archive_queue_of(archive, 0));
    archive_settle(archive);
    folder_list(&folder);
    cr_assert_eq(folder.count, 0u);
}

Test(archive, can_be_switched_off_and_on_while_it_runs)
{
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    archive_settle(archive);
    put(0, 10);
    config.collector.archive.enabled = false;
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    cr_assert_null(archive_queue_of(archive, 0));
    archive_settle(archive);
    cr_assert_eq(read_back_all(&folder).records, 10u);
    config.collector.archive.enabled = true;
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    archive_settle(archive);
    put(1, 20);
    archive_free(archive);
    archive = NULL;
    cr_assert_eq(read_back_all(&folder).records, 30u);
}

Test(archive, a_folder_that_cannot_be_written_costs_records_and_nothing_else)
{
    struct text text;
    text_init(&text, 0);
    archive_declare();
    config.collector.archive.dir = "/proc/nowhere";
    cr_assert_eq(archive_set(archive, &config), STATUS_OK);
    put(0, 100);
    archive_free(archive);
    archive = NULL;
    metrics_expose(&text);
    cr_assert_not_null(
        strstr(text_str(&text), "weir_collector_archive_dropped_total{reason=\"disk\"} 100"));
    cr_assert_null(strstr(text_str(&text), "weir_collector_archive_errors_total 0\n"));
    text_done(&text);
}
