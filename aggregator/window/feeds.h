#ifndef AGGREGATOR_WINDOW_FEEDS_H
#define AGGREGATOR_WINDOW_FEEDS_H

#include "proto/delta.h"
#include "proto/rollup.h"

/*
 * Who feeds a shard: each worker of each collector. Judges whether a batch is new, knows until when
 * the input is complete, and who is blind.
 *
 * *Exactly once*: a feed's batches come in rising sequence under one epoch. What is not above the
 * highest sequence was merged already. A newer epoch of the collector replaces all its feeds; an
 * older one is refused, and when it still writes after the newer has begun, two live processes
 * share a name.
 *
 * *Blind*: a feed from which nothing came for 2 s (a worker writes at least once a second); one
 * that lost batches, until its longest window has passed since; and one whose batches from before
 * the first that was read are missing, until all that they could have said is over.
 *
 * *Leaving*: a process that ends takes itself out of the registry at once; one that dies stays in
 * it for 3 s at least. So a collector that is gone from it while its feeds were just heard has
 * left, and is blind no more. One that is gone and silent is forgotten after 3 minutes. One that is
 * registered and silent hangs, and stays blind without end; a newer epoch takes its place.
 */
enum {
    FEEDS_MAX = 1024, /* as many as a tick can call blind */
    FEED_BLIND_MS = 2000,
    FEED_LEFT_MS = 2500,
    FEED_FORGET_MS = 180000,
    /* How long a process that is being replaced may still write what it has. */
    FEED_HANDOVER_MS = 5000,
    /* A residual row waits about this long for its flush. */
    FEED_RESIDUAL_MS = 250,
    /* A rebuild after a restart is called blind for no longer than this, however long the flows
     * were that were lost: a single flow of an hour must not freeze every alarm. */
    FEED_REBUILD_MAX_MS = 300000,
};

enum feed_verdict {
    FEED_NEW,
    FEED_DUPLICATE,
    FEED_OLD_EPOCH, /* of a process that has been replaced */
    FEED_TWIN,      /* the same, and it still runs */
    FEED_TOO_MANY,
};

struct feed {
    char collector[NAME_MAX_LEN + 1];
    uint32_t worker;
    uint64_t epoch, began_ms; /* and the stream time of its first batch */
    uint64_t sequence;        /* highest merged; 0: none yet */
    uint64_t heard_ms;        /* stream time of its last batch */
    uint64_t complete_ms;     /* until when it has said everything */
    bool is_busy;             /* its last batch had rows */
    bool has_left;
    uint64_t begins_ms;  /* of its first batch; 0 where nothing is missing before it */
    uint64_t rebuilt_ms; /* blind until then: what was lost is over */
    uint64_t lost_ms;    /* since when rebuilt_ms counts */
    uint64_t gone_ms;    /* since when it is not in the registry; 0: it is */
};

struct feeds {
    struct feed items[FEEDS_MAX];
    size_t count;
    uint32_t longest_window_ms;
};

struct feed_batch {
    const struct delta_batch *batch;
    uint64_t id_ms, end_ms;
};

/* ret_missed: how many batches are missing between the last and this one. */
enum feed_verdict feeds_take(struct feeds *feeds, const struct feed_batch *batch,
                             uint64_t *ret_missed);
/* Rows of this duration came from the batch's feed: what it reported before may still last. */
void feeds_note_duration(struct feeds *feeds, const struct delta_batch *batch,
                         uint32_t duration_ms);
/* Entries of the stream were lost before they were read, from whichever feed. */
void feeds_lost(struct feeds *feeds, uint64_t now_ms);
/* What the registry says of a collector, asked every second or so. */
void feeds_set_registered(struct feeds *feeds, const char *collector, bool registered,
                          uint64_t now_ms);
/* Forgets whom it may; call now and then. */
void feeds_forget(struct feeds *feeds, uint64_t now_ms);

/* Until when all feeds that have something to say have said it; now_ms where none is waited for. */
uint64_t feeds_complete_ms(const struct feeds *feeds, uint64_t now_ms);
size_t feeds_blinds(const struct feeds *feeds, uint64_t now_ms, struct rollup_blind *ret_blinds,
                    size_t room);

#endif
