#ifndef COLLECTOR_ARCHIVE_ARCHIVE_H
#define COLLECTOR_ARCHIVE_ARCHIVE_H

#include "collector/archive/archive_queue.h"
#include "common/base/clock.h"
#include "common/service/config.h"

/*
 * Flow records kept as IPFIX files. Workers put records into a queue each, one thread empties them
 * all and writes; nothing of it waits for a disk but that thread.
 *
 *   archive_new() → archive_set() → workers take archive_queue_of() → archive_settle() → …
 *   → workers have ended → archive_free()
 *
 * All calls are the main thread's, but archive_queue_of().
 */
struct archive;

void archive_declare(void); /* its metrics */
enum status archive_new(struct archive **ret_archive, const struct clock *clock, uint32_t workers);
/* Takes what the configuration says. Queues that it switches off stay until archive_settle(). */
enum status archive_set(struct archive *archive, const struct config *config);
/* NULL: nothing is archived. Good until the archive_settle() after it is switched off. */
struct archive_queue *archive_queue_of(struct archive *archive, uint32_t worker);
/* Every worker has asked archive_queue_of() anew. */
void archive_settle(struct archive *archive);
/* Writes what waits, and ends the file. */
void archive_free(struct archive *archive);

#endif
