#include "collector/archive/archive.h"

#include "collector/archive/writer.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TURN_MS = 15,  /* the thread sleeps so long, unless a queue wakes it */
    TELL_MS = 200, /* between two looks at what is due */
    BATCH = 1024,  /* read from a queue before its worker gets the room back */
    LOG_MS = 60000
};

static struct metric_family records = {.name = "weir_collector_archive_records_total",
                                       .help = "Flow records written to archive files",
                                       .type = METRIC_COUNTER};
static struct metric_family dropped = {
    .name = "weir_collector_archive_dropped_total",
    .help = "Flow records that are not in the archive: the queue was full, they could not be "
            "written, or the file has too many templates",
    .type = METRIC_COUNTER,
    .labels = {"reason"},
    .series_max = 3};
static struct metric_family errors = {.name = "weir_collector_archive_errors_total",
                                      .help = "Times that writing or deleting files failed",
                                      .type = METRIC_COUNTER};
static struct metric_family deleted = {.name = "weir_collector_archive_deleted_total",
                                       .help = "Files deleted for their age or for room",
                                       .type = METRIC_COUNTER};
static struct metric_family files = {.name = "weir_collector_archive_files",
                                     .help = "Archive files there are",
                                     .type = METRIC_GAUGE};
static struct metric_family bytes = {.name = "weir_collector_archive_bytes",
                                     .help = "Octets of archive files there are",
                                     .type = METRIC_GAUGE};

struct archive {
    struct clock clock;
    uint32_t workers;
    struct archive_queue *queues; /* one a worker; NULL: switched off */
    bool enabled;
    sem_t wake;
    pthread_t thread;
    bool running;
    struct writer *writer; /* the thread's while it runs */
    /* The mailbox. */
    pthread_mutex_t lock;
    struct writer_settings settings;
    bool settings_new, stop;
    /* What was told of before. */
    struct writer_counters told;
    uint64_t told_full, told_ms;
    struct log_limiter limiter;
};

static const char *const reasons[] = {"queue", "disk", "templates"};

void archive_declare(void)
{
    struct metric_family *const all[] = {&records, &dropped, &errors, &deleted, &files, &bytes};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        (void)metric_at(&dropped, &reasons[i]);
}

/* --- the thread --- */

static void tell(struct archive *a, uint64_t mono_ms)
{
    const struct writer_counters *now = writer_counters(a->writer);
    uint64_t full = 0, suppressed;
    for (uint32_t i = 0; i < a->workers; i++)
        full += atomic_load_explicit(&a->queues[i].dropped, memory_order_relaxed);
    metric_add(metric_of(&records), now->records - a->told.records);
    metric_add(metric_at(&dropped, &reasons[0]), full - a->told_full);
    metric_add(metric_at(&dropped, &reasons[1]), now->lost_disk - a->told.lost_disk);
    metric_add(metric_at(&dropped, &reasons[2]), now->lost_templates - a->told.lost_templates);
    metric_add(metric_of(&errors), now->errors - a->told.errors);
    metric_add(metric_of(&deleted), now->deleted - a->told.deleted);
    metric_set(metric_of(&files), (double)now->files);
    metric_set(metric_of(&bytes), (double)now->bytes);
    if (now->recovered > a->told.recovered)
        log_info("archive files that were left behind are closed", "dir=%s files=%llu",
                 writer_dir(a->writer), (unsigned long long)(now->recovered - a->told.recovered));
    if (now->errors > a->told.errors && log_limiter_allow(&a->limiter, 1, mono_ms, &suppressed))
        log_warn("the archive cannot be written: records are counted, but not kept",
                 "dir=%s reason=\"%s\" errors=%llu lost=%llu", writer_dir(a->writer),
                 writer_error(a->writer), (unsigned long long)now->errors,
                 (unsigned long long)now->lost_disk);
    if (full > a->told_full && log_limiter_allow(&a->limiter, 2, mono_ms, &suppressed))
        log_warn("the archive does not keep up: records are counted, but not kept", "lost=%llu",
                 (unsigned long long)full);
    a->told = *now;
    a->told_full = full;
}

/* What waits in a queue now, and not what comes meanwhile: the others have their turn too. */
static size_t empty_queue(struct archive *a, struct archive_queue *queue)
{
    uint64_t mono_ms = clock_mono_ms(&a->clock), wall_ms = clock_wall_ms(&a->clock);
    size_t count = archive_queue_waiting(queue), done = 0;
    while (done < count) {
        size_t batch = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < batch; i++) {
            struct archive_item item = *archive_queue_at(queue, i);
            uint64_t ago_ms = mono_ms > item.came_ms ? mono_ms - item.came_ms : 0;
            item.came_ms = wall_ms > ago_ms ? wall_ms - ago_ms : 0;
            writer_add(a->writer, &item, wall_ms);
        }
        archive_queue_pop(queue, batch);
        done += batch;
    }
    return done;
}

/* Takes what the mailbox holds; false: the thread is to end. */
static bool read_mailbox(struct archive *a)
{
    struct writer_settings settings;
    pthread_mutex_lock(&a->lock);
    bool stop = a->stop, is_new = a->settings_new;
    settings = a->settings;
    a->settings_new = false;
    pthread_mutex_unlock(&a->lock);
    if (is_new)
        writer_set(a->writer, &settings, clock_wall_ms(&a->clock));
    return !stop;
}

static void sleep_a_turn(struct archive *a)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += TURN_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)sem_timedwait(&a->wake, &until); /* an early return does no harm */
}

static void *run(void *arg)
{
    struct archive *a = arg;
    bool going = true;
    (void)pthread_setname_np(pthread_self(), "archive");
    while (going) {
        going = read_mailbox(a); /* before the queues: what came before a stop is written */
        size_t done = 0;
        for (uint32_t i = 0; i < a->workers; i++)
            done += empty_queue(a, &a->queues[i]);
        uint64_t mono_ms = clock_mono_ms(&a->clock);
        if (mono_ms - a->told_ms >= TELL_MS) {
            a->told_ms = mono_ms;
            writer_tick(a->writer, clock_wall_ms(&a->clock));
            tell(a, mono_ms);
        }
        if (going && done < ARCHIVE_QUEUE_ROOM / 2)
            sleep_a_turn(a);
    }
    writer_end(a->writer, clock_wall_ms(&a->clock));
    tell(a, clock_mono_ms(&a->clock));
    return NULL;
}

/* --- life --- */

enum status archive_new(struct archive **ret_archive, const struct clock *clock, uint32_t workers)
{
    struct archive *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return STATUS_NO_MEMORY;
    a->clock = *clock;
    a->workers = workers;
    log_limiter_init(&a->limiter, LOG_MS);
    if (pthread_mutex_init(&a->lock, NULL) != 0 || sem_init(&a->wake, 0, 0) != 0) {
        free(a);
        return STATUS_NO_MEMORY;
    }
    *ret_archive = a;
    return STATUS_OK;
}

/* Only where the thread does not run. */
static void free_queues(struct archive *a)
{
    for (uint32_t i = 0; a->queues != NULL && i < a->workers; i++)
        archive_queue_done(&a->queues[i]);
    free(a->queues);
    a->queues = NULL;
    writer_free(a->writer);
    a->writer = NULL;
    a->told = (struct writer_counters){0};
    a->told_full = 0;
}

static enum status start(struct archive *a, const char *collector)
{
    a->queues = aligned_alloc(64, a->workers * sizeof(*a->queues));
    if (a->queues == NULL)
        return STATUS_NO_MEMORY;
    memset(a->queues, 0, a->workers * sizeof(*a->queues));
    enum status status = writer_new(&a->writer, collector);
    for (uint32_t i = 0; status == STATUS_OK && i < a->workers; i++)
        if (!archive_queue_init(&a->queues[i], &a->wake))
            status = STATUS_NO_MEMORY;
    a->stop = false;
    if (status == STATUS_OK && pthread_create(&a->thread, NULL, run, a) != 0)
        status = STATUS_NO_MEMORY;
    a->running = status == STATUS_OK;
    if (status != STATUS_OK)
        free_queues(a);
    return status;
}

static void stop(struct archive *a)
{
    if (!a->running)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_mutex_unlock(&a->lock);
    (void)sem_post(&a->wake);
    (void)pthread_join(a->thread, NULL);
    a->running = false;
    free_queues(a);
    metric_set(metric_of(&files), 0);
    metric_set(metric_of(&bytes), 0);
}

enum status archive_set(struct archive *archive, const struct config *config)
{
    const struct config_collector *c = &config->collector;
    archive->enabled = false;
    if (!c->archive.enabled)
        return STATUS_OK;
    pthread_mutex_lock(&archive->lock);
    archive->settings =
        (struct writer_settings){.limits = {.max_size_bytes = c->archive.max_size_bytes,
                                            .max_age_ms = c->archive.max_age_ms},
                                 .file_ms = c->archive.file_ms};
    (void)snprintf(archive->settings.limits.dir, sizeof(archive->settings.limits.dir), "%s",
                   c->archive.dir);
    archive->settings_new = true;
    pthread_mutex_unlock(&archive->lock);
    enum status status = archive->running ? STATUS_OK : start(archive, c->name);
    archive->enabled = status == STATUS_OK;
    return status;
}

struct archive_queue *archive_queue_of(struct archive *archive, uint32_t worker)
{
    return archive != NULL && archive->enabled ? &archive->queues[worker] : NULL;
}

void archive_settle(struct archive *archive)
{
    if (archive != NULL && !archive->enabled)
        stop(archive);
}

void archive_free(struct archive *archive)
{
    if (archive == NULL)
        return;
    stop(archive);
    (void)pthread_mutex_destroy(&archive->lock);
    (void)sem_destroy(&archive->wake);
    free(archive);
}
