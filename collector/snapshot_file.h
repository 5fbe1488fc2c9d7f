#ifndef COLLECTOR_SNAPSHOT_FILE_H
#define COLLECTOR_SNAPSHOT_FILE_H

#include "collector/decode/snapshot.h"
#include "collector/worker.h"

#include <uv.h>

/*
 * A worker's snapshot in the state folder, templates-<collector>-<worker>.bin. All workers' files
 * are read at the start, whatever their number was, and each worker takes the exporters that are
 * steered to it now. Files are written by libuv's threads: beside, synced, then renamed, and the
 * folder synced, so that a loss of power leaves the one or the other whole.
 *
 *   new → tick … → end → (the loop ends) → free
 */
struct snapshot_file;

void snapshot_file_declare(void); /* its metrics */
/* Reads what there is into the decoder, which has seen nothing yet. What cannot be read is logged,
 * and is as good as not there. */
enum status snapshot_file_new(struct snapshot_file **ret_file, struct decode *decode,
                              uv_loop_t *loop, const struct worker_options *options);
void snapshot_file_free(struct snapshot_file *file);
void snapshot_file_reload(struct snapshot_file *file, const struct config *config);
/* Once a second: writes when something changed, at most every few seconds. */
void snapshot_file_tick(struct snapshot_file *file, const struct decode *decode);
/* Writes once more; the loop does not end before that is done. */
void snapshot_file_end(struct snapshot_file *file, const struct decode *decode);

#endif
