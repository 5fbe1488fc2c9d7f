#ifndef COLLECTOR_OUT_RECALL_H
#define COLLECTOR_OUT_RECALL_H

#include "common/redis/redis.h"
#include "proto/recall.h"

/*
 * Answers into weir:recall:reply, one a worker and request. Fields: id, collector, worker, workers
 * and pb, the RecallReply. The stream keeps its last 1000 entries and its bytes within a cap.
 */
struct out_recall;

enum { OUT_RECALL_BYTES = 6 << 20 /* queued for Redis; what is more is lost, and counted */ };

void out_recall_declare(void); /* its metrics */
/* redis is lent; closed before out_recall_free(). */
enum status out_recall_new(struct out_recall **ret_out, struct redis *redis, const char *prefix);
void out_recall_free(struct out_recall *out);
/* since_ms: between the request's arrival and now. */
void out_recall_send(struct out_recall *out, const struct recall_reply *reply, uint64_t since_ms);
void out_recall_keep(struct out_recall *out); /* once a second */

#endif
