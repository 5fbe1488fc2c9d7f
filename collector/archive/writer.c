#include "collector/archive/writer.h"

#include "collector/archive/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 1 << 30,
    RETRY_NONE = 0,
    MESSAGES_A_RECORD = 4 /* of templates, of options, of its own template, of what was before */
};

struct writer {
    struct store store;
    struct encoder *encoder; /* of the file; NULL: no file */
    char collector[256];
    uint64_t file_ms, file_bytes_max;
    uint64_t retry_ms;   /* nothing is tried before; RETRY_NONE: all is well */
    uint64_t waiting_ms; /* when the message at hand began */
    uint64_t tidy_ms;    /* the next look at the folder */
    char error[128];
    struct writer_counters counters;
};

enum status writer_new(struct writer **ret_writer, const char *collector)
{
    struct writer *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return STATUS_NO_MEMORY;
    store_init(&w->store, collector);
    (void)snprintf(w->collector, sizeof(w->collector), "%s", collector);
    *ret_writer = w;
    return STATUS_OK;
}

void writer_free(struct writer *writer)
{
    if (writer == NULL)
        return;
    encoder_free(writer->encoder);
    store_done(&writer->store);
    free(writer);
}

static void note_failure(struct writer *w, enum status status, uint64_t wall_ms)
{
    w->counters.errors++;
    w->retry_ms = wall_ms + WRITER_RETRY_MS;
    (void)snprintf(w->error, sizeof(w->error), "%s",
                   status == STATUS_IO      ? strerror(w->store.error)
                   : status == STATUS_LIMIT ? "max_size leaves no room"
                                            : status_text(status));
}

/* The message at hand into the file. */
static enum status flush(struct writer *w, uint64_t wall_ms)
{
    const uint8_t *bytes;
    size_t len, records = encoder_records(w->encoder);
    enum status status = encoder_take(w->encoder, &bytes, &len);
    if (status == STATUS_OK && len > 0)
        status = store_write(&w->store, bytes, len, wall_ms);
    if (status != STATUS_OK) {
        w->counters.lost_disk += records;
        return status;
    }
    w->counters.records += records;
    w->counters.written_bytes += len;
    w->waiting_ms = wall_ms;
    return STATUS_OK;
}

/* Ends the file with what was written of it. */
static enum status end_file(struct writer *w)
{
    if (w->encoder == NULL)
        return STATUS_OK;
    w->counters.lost_disk += encoder_records(w->encoder);
    encoder_free(w->encoder);
    w->encoder = NULL;
    return store_end(&w->store);
}

/* What failed once must not go on in the same file: templates may have been in what is lost. */
static void fail_file(struct writer *w, enum status status, uint64_t wall_ms)
{
    note_failure(w, status, wall_ms);
    (void)end_file(w);
}

static void close_file(struct writer *w, uint64_t wall_ms)
{
    enum status status = STATUS_OK;
    if (w->encoder == NULL)
        return;
    if (encoder_records(w->encoder) > 0)
        status = flush(w, wall_ms);
    if (status == STATUS_OK)
        status = end_file(w);
    if (status != STATUS_OK)
        fail_file(w, status, wall_ms);
}

static bool open_file(struct writer *w, uint64_t wall_ms)
{
    enum status status = encoder_new(&w->encoder, w->collector, wall_ms);
    if (status == STATUS_OK)
        status = store_begin(&w->store, wall_ms);
    if (status != STATUS_OK) {
        encoder_free(w->encoder);
        w->encoder = NULL;
        note_failure(w, status, wall_ms);
        return false;
    }
    w->retry_ms = RETRY_NONE;
    w->waiting_ms = wall_ms;
    return true;
}

/* A clock that was set back must not make us wait for ever. */
static bool is_pausing(const struct writer *w, uint64_t wall_ms)
{
    return w->retry_ms != RETRY_NONE && wall_ms < w->retry_ms &&
           w->retry_ms - wall_ms <= WRITER_RETRY_MS;
}

static bool file_is_over(const struct writer *w, uint64_t wall_ms)
{
    return wall_ms / w->file_ms != w->store.begun_ms / w->file_ms ||
           w->store.file_bytes >= w->file_bytes_max;
}

void writer_add(struct writer *w, const struct archive_item *item, uint64_t wall_ms)
{
    if (w->encoder != NULL && file_is_over(w, wall_ms))
        close_file(w, wall_ms);
    if (w->encoder == NULL && (is_pausing(w, wall_ms) || !open_file(w, wall_ms))) {
        w->counters.lost_disk++;
        return;
    }
    enum encoder_added added = encoder_add(w->encoder, item, wall_ms);
    for (int turn = 0; added == ENCODER_FULL && turn < MESSAGES_A_RECORD; turn++) {
        enum status status = flush(w, wall_ms);
        if (status != STATUS_OK) {
            w->counters.lost_disk++;
            fail_file(w, status, wall_ms);
            return;
        }
        added = encoder_add(w->encoder, item, wall_ms);
    }
    switch (added) {
    case ENCODER_ADDED:
        return;
    case ENCODER_TEMPLATES:
        w->counters.lost_templates++;
        return;
    case ENCODER_FULL:
    case ENCODER_FAILED:
        w->counters.lost_disk++;
        fail_file(w, STATUS_NO_MEMORY, wall_ms);
        return;
    }
}

void writer_tick(struct writer *w, uint64_t wall_ms)
{
    enum status status = STATUS_OK;
    if (w->encoder != NULL && file_is_over(w, wall_ms))
        close_file(w, wall_ms);
    if (w->encoder != NULL &&
        (wall_ms >= w->waiting_ms + WRITER_FLUSH_MS || wall_ms < w->waiting_ms)) {
        if (encoder_records(w->encoder) > 0)
            status = flush(w, wall_ms);
        if (status == STATUS_OK && !store_is_there(&w->store)) {
            w->store.error = ENOENT;
            status = STATUS_IO;
        }
        w->waiting_ms = wall_ms;
        if (status != STATUS_OK)
            fail_file(w, status, wall_ms);
    }
    if (wall_ms < w->tidy_ms && w->tidy_ms - wall_ms <= WRITER_TIDY_MS)
        return;
    w->tidy_ms = wall_ms + WRITER_TIDY_MS;
    status =
        w->store.dir_fd >= 0 ? store_tidy(&w->store, wall_ms, 0) : store_open(&w->store, wall_ms);
    if (status != STATUS_OK)
        note_failure(w, status, wall_ms);
}

void writer_end(struct writer *w, uint64_t wall_ms)
{
    close_file(w, wall_ms);
}

void writer_set(struct writer *w, const struct writer_settings *settings, uint64_t wall_ms)
{
    close_file(w, wall_ms);
    store_set(&w->store, &settings->limits);
    uint64_t part = settings->limits.max_size_bytes / WRITER_FILES_MIN;
    w->file_bytes_max = part < FILE_BYTES_MAX ? part : FILE_BYTES_MAX;
    w->file_ms = settings->file_ms < settings->limits.max_age_ms ? settings->file_ms
                                                                 : settings->limits.max_age_ms;
    w->retry_ms = RETRY_NONE;
    w->tidy_ms = 0; /* the folder is opened, and what was left behind is closed, at the next tick */
}

const struct writer_counters *writer_counters(struct writer *writer)
{
    const struct store *store = &writer->store;
    struct writer_counters *c = &writer->counters;
    c->deleted = store->deleted;
    c->recovered = store->recovered;
    c->files = store->files + (store_is_writing(store) ? 1 : 0);
    c->bytes = store->bytes + store->file_bytes;
    return c;
}

const char *writer_error(const struct writer *writer)
{
    return writer->error;
}

const char *writer_dir(const struct writer *writer)
{
    return writer->store.limits.dir;
}
