#ifndef COLLECTOR_RECALL_LINE_H
#define COLLECTOR_RECALL_LINE_H

#include "collector/recall/recall.h"
#include "common/service/config.h"

#include <uv.h>

/*
 * Between one worker and the thread that keeps and reads what it remembers: each says by which
 * handle it is woken, and takes that back before the handle closes, so that neither has to outlive
 * the other.
 */
struct recall_line {
    uv_mutex_t lock;
    struct recall *recall;
    uv_async_t *worker, *keeper;
};

/* One a worker, which share the configuration's memory; *ret_lines stays NULL where recall is
 * switched off. RANGE: too little memory for so many. */
enum status recall_lines_new(struct recall_line **ret_lines, uint32_t count,
                             const struct config *config);
void recall_lines_free(struct recall_line *lines, uint32_t count); /* nobody is on them any more */

void recall_line_join(struct recall_line *line, uv_async_t **end, uv_async_t *handle);
void recall_line_leave(struct recall_line *line, uv_async_t **end);

/* The keeper; as recall_ask() says. */
uint64_t recall_line_ask(struct recall_line *line, uint64_t now_ms);
void recall_line_copy(struct recall_line *line,
                      uint64_t now_ms); /* the worker, when it was woken */

#endif
