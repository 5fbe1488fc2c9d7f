#ifndef COLLECTOR_RECALL_RECALL_H
#define COLLECTOR_RECALL_RECALL_H

#include "proto/count.h"
#include "proto/flow.h"
#include "proto/recall.h"

/*
 * The last minutes of real flows to our networks, in memory that is bounded whatever the rate, so
 * that a rule can be tried on real traffic. One a worker. No I/O, no clock, no log, no lock.
 *
 *   worker        recall_add() … recall_tick()         and recall_copy() when a reader has asked
 *   keeper        recall_keep()                        one thread: makes chunks of what was sealed
 *   any thread    recall_view_take() → recall_answer() → recall_view_give()
 *
 * --- the estimator ---
 *
 * Time is cut into chunks, each a sample of its own. A record i of x octets in k packets, seen with
 * the exporter's rate N, gets the size
 *
 *   w = N (x + 256 k)
 *
 * so that bytes decide, and small packets are not so rare that packets and new connections could
 * not be told. With a u of its own, evenly from (0, 1], its priority is q = w / u. Of each
 * destination d the `cap` highest priorities stay; of all that stay, the k highest. With
 *
 *   T = max(tau, tau_d)     tau: the highest priority that the second step refused
 *                           tau_d: the highest that the first step refused at its destination
 *
 * record i is in the sample exactly if q > T, which has the chance p = min(1, w / T). Why T may
 * be taken for given although it is made of priorities: take i out of its chunk. What its
 * destination has as cap-th priority of the others, and what the others that pass the first step
 * have as k-th (of its own destination the cap - 1 highest others, since i is there), does not know
 * u. If i is in, then T is the larger of these two; and i is in exactly if q is larger than both.
 * So given everything but u, the value v / p where i is in and 0 where not has the mean v
 * (Duffield, Lund, Thorup 2007, who have one step), and sums of it are unbiased for any subset of
 * records, whatever v is: bytes N x become x N max(1, T / w). Estimates of different records are
 * uncorrelated, by the same argument for two.
 *
 * The argument asks nothing of how many steps there are. Each step only raises T of what stays:
 *
 *   - a chunk does not begin at T = 0 but at three quarters of what the one before suggests. This
 *     is given before any u of its own, and saves most of the work of finding tau anew;
 *   - ten chunks of a second become one of ten seconds: the highest priorities of their union, with
 *     cap and k once more;
 *   - an answer that would look at too much takes only the highest priorities of the target's
 *     records of all chunks. How many depends on how many there are, and so on who is in, but not
 *     otherwise on u.
 *
 * Variance. A record in the sample adds v^2 (1 - p) / p^2, which over all samples has the mean
 * v^2 (1 - p) / p, Horvitz's and Thompson's; for v = w this is the known w (w - tau) estimator. The
 * exporter's own sampling of packets adds, as tally.h has it, N (N - 1) x^2 / k for bytes and
 * N (N - 1) k for packets, divided by p. What has p = 1 and N = 1 is `sure`.
 * Bounds: proto/estimate.h. What one record can stand for is T, or the largest usual packet times
 * N.
 *
 * A record counts at the time it came, with all that it says, also where its flow lasted longer.
 *
 * --- what is kept ---
 *
 * A record that counts and whose destination is ours, under its destination; and where some policy
 * has src_addr in its key, one whose source is ours, under its source. Each costs a random number
 * and a comparison unless it stays.
 */
struct recall;

enum {
    RECALL_MEMORY_MIN = 32 << 20, /* of a process */
    RECALL_WORKER_MIN = 1 << 20,
    RECALL_CHUNK_MS = 1000,     /* dense ones, of the last minute and some more */
    RECALL_COPY_EVERY_MS = 100, /* however many ask, a worker copies no more often */
    RECALL_CAP_MAX = 1024       /* a record at a full destination looks at as many others */
};

struct recall_options {
    uint64_t memory_bytes; /* at most, with everything */
    uint32_t keep_ms;
    uint32_t cap; /* records a destination and chunk */
    uint64_t seed;
};

struct recall_counters {
    uint64_t records;     /* that were offered */
    uint64_t kept;        /* that went into the open chunk, some of them to leave it again */
    uint64_t late_seals;  /* chunks that went on because the one before was not taken yet */
    uint64_t lost_chunks; /* not kept, or not as long as they might be, since readers held others */
    uint64_t memory_bytes; /* asked from the system */
};

enum status recall_new(struct recall **ret_recall, const struct recall_options *options);
void recall_free(struct recall *recall); /* without readers */

/* --- the worker's --- */

/* direction: of this record. sources: it is kept under a source of ours too. */
void recall_add(struct recall *recall, const struct flow_record *flow, enum direction direction,
                bool sources, uint64_t at_ms);
/* Once a tick: seals the open chunk when its time is over. */
void recall_tick(struct recall *recall, uint64_t now_ms);
/* Copies the open chunk for readers where one has asked: as many records as a chunk may have, which
 * is 65,536 at most and takes some 2 ms then. True: it did. */
bool recall_copy(struct recall *recall, uint64_t now_ms);
void recall_counters(const struct recall *recall, struct recall_counters *ret_counters);

/* --- the keeper's --- */

/* Takes what was sealed and what was copied. False: there was nothing. */
bool recall_keep(struct recall *recall);
/* Asks the worker for a copy, unless one was asked for in the last RECALL_COPY_EVERY_MS; then
 * recall_copy() and recall_keep(). Returns the time of which the copy is, or will be: answers are
 * of that moment. */
uint64_t recall_ask(struct recall *recall, uint64_t now_ms);
bool recall_is_asked(const struct recall *recall); /* and the copy is not made yet */

/* --- readers' --- */

enum { RECALL_VIEW_MAX = 512 };
struct recall_chunk;
struct recall_view {
    struct recall_chunk *chunks[RECALL_VIEW_MAX]; /* no record twice, none changes */
    size_t count;
};
/* What is there now, held until it is given back. */
void recall_view_take(struct recall *recall, struct recall_view *ret_view);
void recall_view_give(struct recall_view *view);

#endif
