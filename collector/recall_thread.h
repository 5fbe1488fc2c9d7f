#ifndef COLLECTOR_RECALL_THREAD_H
#define COLLECTOR_RECALL_THREAD_H

#include "collector/recall_line.h"
#include "common/base/clock.h"
#include "common/service/config.h"
#include "common/service/credentials.h"

/*
 * The thread that makes chunks of what the workers have sealed and answers requests from them, with
 * a loop and connections of its own, so that no answer takes a worker's time but for the copy of
 * its open chunk, ten times a second at most. A worker that does not copy in time is answered for
 * without, which the answer says.
 */
struct recall_thread;

struct recall_thread_options {
    const struct config *config;           /* lent for the call */
    const struct credentials *credentials; /* likewise */
    struct recall_line *lines;             /* one a worker; lent until the stop */
    uint32_t workers;
    struct clock clock;
};

void recall_thread_declare(void); /* its metrics */
enum status recall_thread_start(struct recall_thread **ret_thread,
                                const struct recall_thread_options *options);
/* Waits for its end: at most as long as one answer takes. Accepts NULL. */
void recall_thread_stop(struct recall_thread *thread);

#endif
