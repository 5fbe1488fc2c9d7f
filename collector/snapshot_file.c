#include "collector/snapshot_file.h"

#include "collector/steering.h"
#include "collector/worker_input.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BYTES_MAX = 16 << 20, /* a hundred thousand templates */
    FILES_MAX = 256,      /* as many as there are workers at most */
    PAUSE_MS = 5000,      /* at least between two writings */
    /* Ages and sequences move on without a change of what is remembered. */
    REFRESH_SHARE = 8,
    REFRESH_MIN_MS = 60000,
    OTHERS_HAVE_WRITTEN_MS = 60000
};

static struct metric_family written = {.name = "weir_collector_snapshots_total",
                                       .help = "Snapshots of templates and sampling written",
                                       .type = METRIC_COUNTER};
static struct metric_family failed = {
    .name = "weir_collector_snapshot_errors_total",
    .help = "Snapshots of templates and sampling that could not be written or read",
    .type = METRIC_COUNTER};
static struct metric_family left_out = {.name = "weir_collector_snapshot_left_out_total",
                                        .help =
                                            "Observation domains that had no room in a snapshot",
                                        .type = METRIC_COUNTER};

struct writing {
    uint8_t *bytes; /* NULL: nothing to write */
    size_t len;
};

struct snapshot_file {
    uv_loop_t *loop;
    uint32_t worker, workers;
    struct clock clock;
    char path[PATH_MAX], tmp[PATH_MAX], dir[PATH_MAX];
    char collector[256];
    uv_work_t work;
    struct writing now, next; /* what a thread writes; what comes after */
    int error;                /* errno of the writing thread; 0: written */
    bool busy, failing, others_removed;
    uint64_t changes;    /* of the decoder, as last written */
    uint64_t written_ms; /* 0: never */
    uint64_t started_ms, max_age_ms;
};

void snapshot_file_declare(void)
{
    metrics_declare(&written);
    metrics_declare(&failed);
    metrics_declare(&left_out);
}

static bool path_of(char path[PATH_MAX], const struct snapshot_file *file, uint32_t worker,
                    const char *end)
{
    int len = snprintf(path, PATH_MAX, "%s/templates-%s-%u.bin%s", file->dir, file->collector,
                       worker, end);
    return len > 0 && len < PATH_MAX;
}

void snapshot_file_free(struct snapshot_file *file)
{
    if (file == NULL)
        return;
    assert(!file->busy);
    free(file->now.bytes);
    free(file->next.bytes);
    free(file);
}

void snapshot_file_reload(struct snapshot_file *file, const struct config *config)
{
    file->max_age_ms = config->collector.template_timeout_ms;
}

static struct snapshot_times times_of(const struct snapshot_file *file)
{
    return (struct snapshot_times){.mono_ms = clock_mono_ms(&file->clock),
                                   .wall_ms = clock_wall_ms(&file->clock),
                                   .max_age_ms = file->max_age_ms};
}

/* --- reading --- */

/* NULL with errno: cannot be read. */
static uint8_t *read_whole(const char *path, size_t *ret_len)
{
    struct stat info;
    uint8_t *bytes = NULL;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > BYTES_MAX) {
        errno = EFBIG;
    } else if ((bytes = malloc((size_t)info.st_size + 1)) != NULL) {
        ssize_t n = 1;
        while (got < (size_t)info.st_size && n > 0) {
            n = read(fd, bytes + got, (size_t)info.st_size - got);
            got += n > 0 ? (size_t)n : 0;
        }
    }
    close(fd);
    *ret_len = got;
    return bytes;
}

struct wanting {
    const struct snapshot_file *file;
    const struct model *model;
};

/* A sender that is not listed any more gets no memory. */
static bool is_ours(void *owner, const struct ip_addr *exporter, enum decode_trust *ret_trust)
{
    const struct wanting *wanting = owner;
    const struct model *model = wanting->model;
    *ret_trust = worker_trust(model_exporter(model, exporter));
    return steering_worker(exporter, wanting->file->workers) == wanting->file->worker &&
           (model->exporters == NULL || *ret_trust != DECODE_UNLISTED);
}

static const char *why_not(enum status status)
{
    switch ((int)status) {
    case STATUS_TRUNCATED:
        return "damaged or cut off";
    case STATUS_MALFORMED:
        return "not a snapshot of ours";
    case STATUS_UNSUPPORTED:
        return "written by another version";
    case STATUS_RANGE:
        return "written in the future: was the clock set back?";
    default:
        return status_text(status);
    }
}

static void refuse(const struct snapshot_file *file, const char *path, const char *reason)
{
    if (file->worker != 0)
        return; /* each worker reads each file; one tells */
    metric_add(metric_of(&failed), 1);
    log_warn("templates of before are lost: each exporter's data waits for its next template",
             "file=%s reason=\"%s\"", path, reason);
}

static void load_one(struct snapshot_file *file, struct decode *decode, const struct model *model,
                     const char *path)
{
    struct wanting wanting = {.file = file, .model = model};
    size_t len;
    struct snapshot_times times = times_of(file);
    uint8_t *bytes = read_whole(path, &len);
    if (bytes == NULL) {
        if (errno != ENOENT)
            refuse(file, path, strerror(errno));
        return;
    }
    enum status status = snapshot_read(
        decode, &times, &(struct snapshot_filter){.wants = is_ours, .owner = &wanting}, bytes, len);
    if (status != STATUS_OK)
        refuse(file, path, why_not(status));
    free(bytes);
}

static void load(struct snapshot_file *file, struct decode *decode, const struct model *model)
{
    char path[PATH_MAX];
    for (uint32_t i = 0; i < FILES_MAX; i++)
        if (path_of(path, file, i, ""))
            load_one(file, decode, model, path);
    uint64_t restored = decode_counters(decode)->restored;
    if (restored > 0)
        log_info("templates and samplers of before the start are on trial", "worker=%u count=%llu",
                 file->worker, (unsigned long long)restored);
}

enum status snapshot_file_new(struct snapshot_file **ret_file, struct decode *decode,
                              uv_loop_t *loop, const struct worker_options *options)
{
    struct snapshot_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return STATUS_NO_MEMORY;
    file->loop = loop;
    file->worker = options->index;
    file->workers = options->workers;
    file->clock = options->clock;
    snapshot_file_reload(file, options->config);
    bool fits =
        snprintf(file->dir, sizeof(file->dir), "%s", options->config->state_dir) < PATH_MAX &&
        (size_t)snprintf(file->collector, sizeof(file->collector), "%s",
                         options->config->collector.name) < sizeof(file->collector) &&
        path_of(file->path, file, options->index, "") &&
        path_of(file->tmp, file, options->index, ".tmp");
    if (!fits) {
        free(file);
        return STATUS_RANGE;
    }
    file->work.data = file;
    file->started_ms = clock_mono_ms(&options->clock);
    load(file, decode, options->model);
    *ret_file = file;
    return STATUS_OK;
}

/* --- writing --- */

/* The rename itself is on the disk only with the folder that it changed. */
static int sync_dir(const char *dir)
{
    int error = 0, fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fsync(fd) != 0 && errno != EINVAL) /* a file system that has nothing to sync */
        error = errno;
    close(fd);
    return error;
}

static int write_whole(const struct snapshot_file *file)
{
    size_t done = 0;
    int error = 0,
        fd = open(file->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return errno;
    while (error == 0 && done < file->now.len) {
        ssize_t n = write(fd, file->now.bytes + done, file->now.len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? EIO : errno;
    }
    if (error == 0 && fsync(fd) != 0)
        error = errno;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0 && rename(file->tmp, file->path) != 0)
        error = errno;
    if (error != 0) {
        (void)unlink(file->tmp);
        return error;
    }
    return sync_dir(file->dir);
}

static void on_work(uv_work_t *work)
{
    struct snapshot_file *file = work->data;
    file->error = write_whole(file);
}

static void write_next(struct snapshot_file *file);

static void on_written(uv_work_t *work, int status)
{
    struct snapshot_file *file = work->data;
    file->busy = false;
    free(file->now.bytes);
    file->now = (struct writing){0};
    int error = status != 0 ? ECANCELED : file->error;
    metric_add(metric_of(error == 0 ? &written : &failed), 1);
    if (error != 0 && !file->failing)
        log_warn("templates cannot be saved: after a restart data waits for the next ones",
                 "file=%s reason=\"%s\"", file->path, strerror(error));
    file->failing = error != 0;
    write_next(file);
}

static void write_next(struct snapshot_file *file)
{
    if (file->busy || file->next.bytes == NULL)
        return;
    file->now = file->next;
    file->next = (struct writing){0};
    int error = uv_queue_work(file->loop, &file->work, on_work, on_written);
    assert(error == 0); /* it judges its arguments only */
    file->busy = true;
}

static void save(struct snapshot_file *file, const struct decode *decode)
{
    struct snapshot_times times = times_of(file);
    size_t room = snapshot_room(decode), len, domains;
    if (room > BYTES_MAX)
        room = BYTES_MAX;
    uint8_t *bytes = malloc(room);
    file->written_ms = times.mono_ms;
    if (bytes == NULL || !snapshot_write(decode, &times, bytes, room, &len, &domains)) {
        metric_add(metric_of(&failed), 1);
        free(bytes);
        return;
    }
    metric_add(metric_of(&left_out), domains);
    file->changes = decode_changes(decode);
    free(file->next.bytes);
    file->next = (struct writing){.bytes = bytes, .len = len};
    write_next(file);
}

/* Of a start with more workers. By then each worker of now has written what it took of them. */
static void remove_others(struct snapshot_file *file)
{
    char path[PATH_MAX];
    file->others_removed = true;
    for (uint32_t i = file->workers; i < FILES_MAX; i++)
        if (path_of(path, file, i, ""))
            (void)unlink(path);
}

void snapshot_file_tick(struct snapshot_file *file, const struct decode *decode)
{
    uint64_t now_ms = clock_mono_ms(&file->clock);
    uint64_t refresh_ms = file->max_age_ms / REFRESH_SHARE;
    if (refresh_ms < REFRESH_MIN_MS)
        refresh_ms = REFRESH_MIN_MS;
    bool changed = decode_changes(decode) != file->changes;
    uint64_t since_ms = file->written_ms == 0 ? UINT64_MAX : now_ms - file->written_ms;
    if (!file->busy && ((changed && since_ms >= PAUSE_MS) ||
                        (decode_memory(decode) > 0 && since_ms >= refresh_ms)))
        save(file, decode);
    if (file->worker == 0 && !file->others_removed &&
        now_ms - file->started_ms >= OTHERS_HAVE_WRITTEN_MS)
        remove_others(file);
}

void snapshot_file_end(struct snapshot_file *file, const struct decode *decode)
{
    if (decode_changes(decode) > 0)
        save(file, decode);
}
