#include "collector/recall_line.h"

#include "common/base/hash.h"

#include <stdlib.h>

static enum status line_init(struct recall_line *line, const struct recall_options *options)
{
    if (uv_mutex_init(&line->lock) != 0)
        return STATUS_IO;
    enum status status = recall_new(&line->recall, options);
    if (status != STATUS_OK)
        uv_mutex_destroy(&line->lock);
    return status;
}

enum status recall_lines_new(struct recall_line **ret_lines, uint32_t count,
                             const struct config *config)
{
    struct recall_options options = {
        .memory_bytes = (config->collector.recall.memory_bytes - RECALL_SHARED_BYTES) / count,
        .keep_ms = (uint32_t)config->collector.recall.keep_ms,
        .cap = config->collector.recall.cap_per_destination,
    };
    if (!config->collector.recall.enabled)
        return STATUS_OK;
    struct recall_line *lines = calloc(count, sizeof(*lines));
    if (lines == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        options.seed = hash_random_seed();
        enum status status = line_init(&lines[i], &options);
        if (status != STATUS_OK) {
            recall_lines_free(lines, i);
            return status;
        }
    }
    *ret_lines = lines;
    return STATUS_OK;
}

void recall_lines_free(struct recall_line *lines, uint32_t count)
{
    for (uint32_t i = 0; lines != NULL && i < count; i++) {
        uv_mutex_destroy(&lines[i].lock);
        recall_free(lines[i].recall);
    }
    free(lines);
}

void recall_line_join(struct recall_line *line, uv_async_t **end, uv_async_t *handle)
{
    uv_mutex_lock(&line->lock);
    *end = handle;
    uv_mutex_unlock(&line->lock);
}

void recall_line_leave(struct recall_line *line, uv_async_t **end)
{
    recall_line_join(line, end, NULL);
}

uint64_t recall_line_ask(struct recall_line *line, uint64_t now_ms)
{
    uint64_t of_ms = recall_ask(line->recall, now_ms);
    uv_mutex_lock(&line->lock);
    if (recall_is_asked(line->recall) && line->worker != NULL)
        uv_async_send(line->worker);
    uv_mutex_unlock(&line->lock);
    return of_ms;
}

void recall_line_copy(struct recall_line *line, uint64_t now_ms)
{
    if (!recall_copy(line->recall, now_ms))
        return;
    uv_mutex_lock(&line->lock);
    if (line->keeper != NULL)
        uv_async_send(line->keeper);
    uv_mutex_unlock(&line->lock);
}
