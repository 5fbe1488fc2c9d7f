#ifndef COLLECTOR_WORKER_H
#define COLLECTOR_WORKER_H

#include "collector/archive/archive.h"
#include "collector/recall_line.h"
#include "common/base/clock.h"
#include "common/model/model.h"
#include "common/service/credentials.h"

/*
 * One thread with a loop of its own: sockets, decoder, tally, and the way out to the telemetry
 * servers. Nothing of it is shared with other workers.
 *
 *   worker_start() → worker_reload() … → worker_stop() → on_done → worker_join()
 */
struct strangers;
struct worker;

struct worker_options {
    const struct config *config; /* lent until worker_reload or on_done, with the model */
    const struct model *model;
    const struct credentials *credentials; /* lent for the call */
    struct archive *archive;               /* lent until on_done */
    uint32_t index, workers;
    uint64_t epoch;
    struct clock clock;
    const int *fds; /* its sockets, lent until on_done; the array for the call */
    size_t fd_count;
    struct strangers *strangers; /* lent until on_done: told once a second, and then on_told */
    void (*on_told)(void *owner);
    struct recall_line *recall;   /* lent until worker_join(); NULL: nothing is remembered */
    void (*on_done)(void *owner); /* the thread's last act */
    void *owner;
};

enum status worker_start(struct worker **ret_worker, const struct worker_options *options);
/* Returns when the worker uses nothing of the old configuration any more. */
enum status worker_reload(struct worker *worker, const struct config *config,
                          const struct model *model);
/* Asks it to read what waits in its sockets, send what it has counted, and end. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker); /* after on_done; frees it */

#endif
