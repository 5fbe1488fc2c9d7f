#ifndef COLLECTOR_RECALL_LINE_H
#define COLLECTOR_RECALL_LINE_H

#include "collector/in_recall.h"
#include "collector/out_recall.h"
#include "collector/recall/answer.h"
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

/* What the thread that answers has for itself, of the configuration's memory: the answer being
 * made, what waits to go out, what came in, and two messages being made. */
enum { RECALL_SHARED_BYTES = ANSWER_BYTES + OUT_RECALL_BYTES + IN_RECALL_REPLY_BYTES + (4 << 20) };
_Static_assert((uint64_t)RECALL_SHARED_BYTES < RECALL_MEMORY_MIN, "something is left for workers");

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
